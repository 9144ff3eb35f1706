import { HeadObjectCommand } from '@aws-sdk/client-s3'
import { s3ObjectArn } from '../../kinds/s3.ts'
import type { PlacedThing, RestoreRequest, StoredItem } from '../driver.ts'
import { isObjectError, request } from './s3-bucket-client.ts'
import { listPage } from './s3-bucket-objects.ts'
import { bucketOf, step } from './s3-bucket-restore-look.ts'
import type { Look } from './s3-bucket-restore-look.ts'

/**
 * How a restore that was cut off knows the bucket that its earlier run made. A bucket has nothing of its own that a restore's rights
 * reach, so it is known by the first object written into it: its tag and the server's own time. Before that one is told of, by its
 * being announced and holding nothing else. That it belongs to the account of the credentials is proved by making it again, which
 * the server refuses for another's.
 */

/** Told right before the bucket is made. */
const ANNOUNCED = 'announced'

/** What tells one object of a bucket from any other that had its key. */
export interface WrittenObject {
  readonly key: string
  readonly etag: string
  readonly modifiedAt: number
}

export function announced(bucket: string): PlacedThing {
  return { name: bucket, identity: ANNOUNCED }
}

export function knownBy(bucket: string, { key, etag, modifiedAt }: WrittenObject): PlacedThing {
  return { name: bucket, identity: `${modifiedAt} ${etag} ${key}` }
}

/** Whether it is known by an object already. */
export function hasFirstObject({ placed }: RestoreRequest): boolean {
  return placed !== undefined && placed.identity !== ANNOUNCED
}

/** Whether `bucket`, which is there, is what an earlier run of the job made. `first` is what it would have written first. */
export async function isOfEarlierRun(
  look: Look & { readonly restore: RestoreRequest },
  bucket: string,
  first: StoredItem | undefined,
): Promise<boolean> {
  const { attempt, placed } = look.restore
  if (attempt === 1 || placed?.name !== bucket) return false
  if (placed.identity === ANNOUNCED) return await holdsAtMost(look, first)
  const [, , key] = /^(\d+) (\S+) (.*)$/s.exec(placed.identity)?.slice(1) ?? []
  const found = key === undefined ? undefined : await lookUp(look, key)
  return found !== undefined && knownBy(bucket, found).identity === placed.identity
}

async function holdsAtMost(look: Look, first: StoredItem | undefined): Promise<boolean> {
  const { session } = look.restore
  const start = { token: undefined, after: undefined }
  const { objects, next } = await session.call(step('ListTarget'), look.bucketTarget, (connection) => {
    const { client, settings } = look.clients.of(connection)
    return listPage(client, bucketOf(look, settings), start, session.signal)
  })
  if (next !== undefined || objects.length > 1) return false
  return objects.every(
    ({ keyBytes, size }) =>
      first !== undefined && Buffer.compare(keyBytes, first.key) === 0 && size === first.size,
  )
}

async function lookUp(look: Look, key: string): Promise<WrittenObject | undefined> {
  const { session, target } = look.restore
  const objectTarget = { ...look.bucketTarget, objectArn: s3ObjectArn(target.arn, key) }
  try {
    return await session.call(step('CheckObject'), objectTarget, async (connection) => {
      const { client, settings } = look.clients.of(connection)
      const command = new HeadObjectCommand({ Bucket: bucketOf(look, settings), Key: key })
      const { ETag, LastModified } = await request(`Looking for ${JSON.stringify(key)}`, session.signal, () =>
        client.send(command, { abortSignal: session.signal }),
      )
      if (ETag === undefined || LastModified === undefined) return undefined
      return { key, etag: ETag, modifiedAt: LastModified.getTime() }
    })
  } catch (error) {
    if (isObjectError(error)) return undefined
    throw error
  }
}
