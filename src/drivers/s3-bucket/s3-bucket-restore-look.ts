import { GetBucketVersioningCommand } from '@aws-sdk/client-s3'
import type { Step, StepTarget } from '../../kinds/kind.ts'
import { S3_MAX_ITEMS_TO_RESTORE, s3, s3ItemsToRestore, s3ObjectArn } from '../../kinds/s3.ts'
import { factsOf } from '../driver.ts'
import type { PointReader, RestoreWish, StoredItem } from '../driver.ts'
import type { RestoreChecks } from '../restore-checks.ts'
import { S3Clients, S3RequestError, request, requireBucketName } from './s3-bucket-client.ts'
import type { BucketSettings } from './s3-bucket-client.ts'
import { decodeMeta, keyText } from './s3-bucket-objects.ts'
import type { ObjectMeta } from './s3-bucket-objects.ts'
import type { ObjectEncryption } from './s3-bucket-upload.ts'

/** What a restore into a bucket finds out, and has decided, before it writes anything. */

/** The metadata of a restore asks for what cannot be done; nothing was written. */
export class RestoreRequestError extends Error {
  override name = 'RestoreRequestError'
}

export interface Look {
  readonly restore: RestoreWish
  readonly clients: S3Clients
  readonly bucketTarget: StepTarget
}

export interface Wanted {
  readonly prefixes: readonly Uint8Array[] | undefined
  readonly encryption: ObjectEncryption
}

/** What `restoreBucket` looks at before it writes. */
export async function checkBucketRestore(restore: RestoreWish, checks: RestoreChecks): Promise<void> {
  const { session, point, target } = restore
  using clients = new S3Clients()
  const bucketTarget = s3.restoreTarget({ ...factsOf(session), targetArn: target.arn })
  const look = { restore, clients, bucketTarget }
  const wanted = await checks.need(
    'Restore metadata',
    () => parseMetadata(restore),
    () => 'It is understood',
  )
  const first = await checks.need(
    'Objects',
    async () => await firstItem(point, wanted),
    (found) =>
      found === undefined ? 'The recovery point is empty' : 'What is to be restored is in the recovery point',
  )
  await checks.need(
    'Target',
    async () => await lookAtTarget(look),
    () => (target.isNew ? `${target.arn} is not there yet` : `${target.arn} is there`),
  )
  await checks.need(
    'Rights at the target',
    async () => await decideBeforehand(look, first),
    () => 'The role has what writing objects takes',
  )
  checks.note('Space', 'unknown', 'A server for buckets does not tell how much room it has')
}

export function step(name: string): Step {
  return s3.restore[name] as Step
}

/** @throws {RestoreRequestError} Naming the key that cannot be served. */
export function parseMetadata({ metadata, session }: RestoreWish): Wanted {
  const {
    ItemsToRestore: items,
    RestoreACLs: acls = 'false',
    EncryptionType: encryption = 'original',
    KMSKey: kmsKey,
    RestoreLatestVersionsUpTo: versions = '1',
  } = metadata
  if (acls.toLowerCase() !== 'false') {
    throw new RestoreRequestError(
      `RestoreACLs is "${acls}": access control lists of objects are not part of recovery points; leave it out`,
    )
  }
  if (!/^(?:all|[1-9]\d*)$/i.test(versions)) {
    throw new RestoreRequestError(
      `RestoreLatestVersionsUpTo is "${versions}", which is neither a number nor all`,
    )
  }
  return {
    prefixes: items === undefined || items === '' ? undefined : parseItems(items, session.resource.name),
    encryption: parseEncryption(encryption, kmsKey),
  }
}

function parseItems(json: string, sourceBucket: string): readonly Uint8Array[] {
  const items = s3ItemsToRestore(json, sourceBucket)
  if (items === undefined) {
    throw new RestoreRequestError('ItemsToRestore is no JSON array of keys or prefixes')
  }
  if (items.length === 0 || items.length > S3_MAX_ITEMS_TO_RESTORE) {
    throw new RestoreRequestError(
      `ItemsToRestore names ${items.length} keys or prefixes: 1 to ${S3_MAX_ITEMS_TO_RESTORE} are served`,
    )
  }
  return items.map((item) => Buffer.from(item))
}

function parseEncryption(type: string, kmsKey: string | undefined): Wanted['encryption'] {
  if (type === 'original') return {}
  if (type === 'SSE-S3') return { ServerSideEncryption: 'AES256' }
  if (type === 'SSE-KMS') {
    return {
      ServerSideEncryption: 'aws:kms',
      ...(kmsKey === undefined || kmsKey === '' ? {} : { SSEKMSKeyId: kmsKey }),
    }
  }
  throw new RestoreRequestError(`EncryptionType is "${type}", which is none of original, SSE-S3 and SSE-KMS`)
}

export async function firstItem(point: PointReader, wanted: Wanted): Promise<StoredItem | undefined> {
  for await (const page of itemsOf(point, wanted)) {
    if (page[0] !== undefined) return page[0]
  }
  if (wanted.prefixes === undefined) return undefined
  throw new RestoreRequestError('ItemsToRestore names no object of the recovery point')
}

export function itemsOf(point: PointReader, { prefixes }: Wanted): AsyncIterable<readonly StoredItem[]> {
  return point.items(prefixes === undefined ? {} : { prefixes })
}

/** The bucket to write to: a new one's name from the metadata, an existing one's from its own registration. */
export function bucketOf({ restore }: Look, settings: BucketSettings): string {
  return restore.target.isNew ? newBucket(restore) : settings.bucket
}

export function newBucket({ metadata, target }: RestoreWish): string {
  return requireBucketName(metadata['DestinationBucketName'] ?? target.name)
}

/**
 * A bucket to be made must not be there, unless it is this job's own already; one to be filled must.
 * @returns Whether it is there.
 */
export async function lookAtTarget(
  run: Look,
  isOurs: (bucket: string) => Promise<boolean> = () => Promise.resolve(false),
): Promise<boolean> {
  const { restore, clients, bucketTarget } = run
  const { session, target } = restore
  const found = await session.call(step('GetTargetVersioning'), bucketTarget, async (connection) => {
    const { client, settings } = clients.of(connection)
    const Bucket = bucketOf(run, settings)
    try {
      await request(`Looking for bucket "${Bucket}"`, session.signal, () =>
        client.send(new GetBucketVersioningCommand({ Bucket }), { abortSignal: session.signal }),
      )
      return Bucket
    } catch (error) {
      if (error instanceof S3RequestError && error.status === 404 && target.isNew) return undefined
      throw error
    }
  })
  if (target.isNew && found !== undefined && !(await isOurs(found))) {
    throw new RestoreRequestError(
      `Bucket "${found}" exists: restore into it with NewBucket false (keys that are there are skipped), or choose another name`,
    )
  }
  return found !== undefined
}

/** Every step is decided once before anything is made, so that a role that lacks one leaves nothing behind. */
export async function decideBeforehand(run: Look, first: StoredItem | undefined): Promise<void> {
  const { session } = run.restore
  await session.call(step('ListTarget'), run.bucketTarget, () => undefined)
  const key = first && keyText(first.key)
  if (first === undefined || key === undefined) return
  const target = objectTarget(run, key, decodeMeta(first.meta))
  for (const name of ['WriteObject', 'TagObject', 'CheckObject']) {
    await session.call(step(name), target, () => undefined)
  }
}

export function objectTarget(run: Look, key: string, meta: ObjectMeta): StepTarget {
  const { target } = run.restore
  return {
    ...run.bucketTarget,
    objectArn: s3ObjectArn(target.arn, key),
    ...(meta.tags === undefined ? {} : { requestTags: meta.tags }),
  }
}
