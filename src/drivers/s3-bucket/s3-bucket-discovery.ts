import { ListBucketsCommand } from '@aws-sdk/client-s3'
import { MAX_DISCOVERED } from '../driver.ts'
import type { Connection, Discovered } from '../driver.ts'
import { S3Clients, request } from './s3-bucket-client.ts'

/** Buckets that the access key owns. */
export async function discoverBuckets(connection: Connection, signal: AbortSignal): Promise<Discovered> {
  using clients = new S3Clients()
  // Any name will do: what is asked for is about no bucket.
  const { client, settings } = clients.of({
    ...connection,
    settings: { ...connection.settings, bucket: 'none' },
  })
  const names: string[] = []
  let ContinuationToken: string | undefined
  do {
    const page = await request(`s3:ListAllMyBuckets at ${settings.endpoint}`, signal, () =>
      // Without MaxBuckets: servers that do not know it would take it for a key.
      client.send(new ListBucketsCommand({ ContinuationToken }), { abortSignal: signal }),
    )
    names.push(...(page.Buckets ?? []).flatMap(({ Name }) => (Name === undefined ? [] : [Name])))
    // A server that gives the same token again would never end.
    ContinuationToken = page.ContinuationToken === ContinuationToken ? undefined : page.ContinuationToken
  } while (ContinuationToken !== undefined && names.length <= MAX_DISCOVERED)
  return { names: names.slice(0, MAX_DISCOVERED), isCut: names.length > MAX_DISCOVERED }
}
