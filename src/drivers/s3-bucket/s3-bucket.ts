import { GetBucketAclCommand, GetBucketTaggingCommand, GetBucketVersioningCommand } from '@aws-sdk/client-s3'
import { GetObjectTaggingCommand, HeadObjectCommand } from '@aws-sdk/client-s3'
import { s3 } from '../../kinds/s3.ts'
import type { Connection, Driver } from '../driver.ts'
import { backUpBucket } from './s3-bucket-backup.ts'
import { discoverBuckets } from './s3-bucket-discovery.ts'
import { S3Clients, S3RequestError, isObjectError, request } from './s3-bucket-client.ts'
import { listPage } from './s3-bucket-objects.ts'
import { removeRestoredBucket } from './s3-bucket-removal.ts'
import { restoreBucket } from './s3-bucket-restore.ts'
import { checkBucketRestore } from './s3-bucket-restore-look.ts'
import { bucketValidation } from './s3-bucket-validation.ts'

/**
 * S3: one bucket on an S3-compatible server. A recovery point holds one item (kind 1) for each object, whose key is the object's
 * key, byte for byte, and whose metadata is one byte of version and the JSON of ObjectMeta.
 */
export const s3BucketDriver: Driver = {
  kind: s3,
  test: testBucket,
  discover: discoverBuckets,
  backup: backUpBucket,
  restore: restoreBucket,
  checkRestore: checkBucketRestore,
  removeRestored: removeRestoredBucket,
  validation: bucketValidation,
}

/** Tries what a backup does on the bucket and its first object; what the server refuses is named. */
async function testBucket(
  connection: Connection,
  signal: AbortSignal,
): Promise<{ warnings: readonly string[] }> {
  using clients = new S3Clients()
  const { client, settings } = clients.of(connection)
  const { bucket: Bucket } = settings
  const options = { abortSignal: signal }
  const warnings: string[] = []
  const tried = async <T>(right: string, send: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await request(`${right} on bucket "${Bucket}" at ${settings.endpoint}`, signal, send)
    } catch (error) {
      if (!(error instanceof S3RequestError)) throw error
      // What the server does not know, or what the bucket does not have, is no missing right.
      if (error.code === 'NoSuchTagSet' || error.status === 501 || error.status === 405) return undefined
      if (!isObjectError(error) || error.status !== 403) throw error
      warnings.push(
        `The source does not allow ${right} to access key ${settings.accessKeyId}: ${error.message}`,
      )
      return undefined
    }
  }
  const page = await tried('s3:ListBucket', () =>
    listPage(client, Bucket, { token: undefined, after: undefined }, signal),
  )
  await tried('s3:GetBucketTagging', () => client.send(new GetBucketTaggingCommand({ Bucket }), options))
  await tried('s3:GetBucketVersioning', () =>
    client.send(new GetBucketVersioningCommand({ Bucket }), options),
  )
  await tried('s3:GetBucketAcl', () => client.send(new GetBucketAclCommand({ Bucket }), options))
  const Key = page?.objects.find(({ key }) => key !== undefined)?.key
  if (Key !== undefined) {
    await tried('s3:GetObject', () => client.send(new HeadObjectCommand({ Bucket, Key }), options))
    await tried('s3:GetObjectTagging', () =>
      client.send(new GetObjectTaggingCommand({ Bucket, Key }), options),
    )
  }
  return { warnings }
}
