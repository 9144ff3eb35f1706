import { CreateBucketCommand, GetBucketVersioningCommand, HeadObjectCommand } from '@aws-sdk/client-s3'
import { PutObjectTaggingCommand } from '@aws-sdk/client-s3'
import type { Step, StepTarget } from '../kinds/kind.ts'
import { S3_MAX_ITEMS_TO_RESTORE, s3, s3ItemsToRestore, s3ObjectArn } from '../kinds/s3.ts'
import { factsOf, ItemError } from './driver.ts'
import type { PointReader, RestoreRequest, RestoreSummary, StoredItem } from './driver.ts'
import { KIND_OBJECT } from './s3-bucket-backup.ts'
import { S3Clients, S3RequestError, isObjectError, request, requireBucketName } from './s3-bucket-client.ts'
import type { BucketSettings } from './s3-bucket-client.ts'
import { decodeMeta, keyText, listPage, printable, shownKey } from './s3-bucket-objects.ts'
import type { ListedPage, ObjectMeta } from './s3-bucket-objects.ts'
import { PART_BYTES, headersOf, putObject } from './s3-bucket-upload.ts'
import type { ObjectEncryption } from './s3-bucket-upload.ts'

/** Writers at once, and the bytes that all of them hold at most. */
const WRITERS = 16
const HELD_BYTES = 32 * 1024 * 1024

/** The metadata of a restore asks for what cannot be done; nothing was written. */
export class RestoreRequestError extends Error {
  override name = 'RestoreRequestError'
}

interface Run {
  readonly restore: RestoreRequest
  readonly clients: S3Clients
  readonly bucketTarget: StepTarget
  readonly wanted: Wanted
  readonly counts: { restored: number; skipped: number; bytes: number }
}

interface Wanted {
  readonly prefixes: readonly Uint8Array[] | undefined
  readonly encryption: ObjectEncryption
}

/**
 * Writes objects into a new or an existing bucket. What is there already is never touched: its key is skipped and counted.
 * An object counts as restored when the server, asked again, has it in full length.
 */
export async function restoreBucket(restore: RestoreRequest): Promise<RestoreSummary> {
  const { session, point, target } = restore
  using clients = new S3Clients()
  const bucketTarget = s3.restoreTarget({ ...factsOf(session), targetArn: target.arn })
  const wanted = parseMetadata(restore)
  const run: Run = { restore, clients, bucketTarget, wanted, counts: { restored: 0, skipped: 0, bytes: 0 } }
  const first = await firstItem(point, wanted)
  await lookAtTarget(run)
  await decideBeforehand(run, first)
  const settings = target.isNew ? await createBucket(run) : undefined
  await writeAll(run)
  return {
    createdResourceArn: target.arn,
    created: settings,
    itemsRestored: run.counts.restored,
    itemsSkipped: run.counts.skipped,
    bytes: run.counts.bytes,
  }
}

function step(name: string): Step {
  return s3.restore[name] as Step
}

/** @throws {RestoreRequestError} Naming the key that cannot be served. */
function parseMetadata({ metadata, session }: RestoreRequest): Wanted {
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

async function firstItem(point: PointReader, wanted: Wanted): Promise<StoredItem | undefined> {
  for await (const page of itemsOf(point, wanted)) {
    if (page[0] !== undefined) return page[0]
  }
  if (wanted.prefixes === undefined) return undefined
  throw new RestoreRequestError('ItemsToRestore names no object of the recovery point')
}

function itemsOf(point: PointReader, { prefixes }: Wanted): AsyncIterable<readonly StoredItem[]> {
  return point.items(prefixes === undefined ? {} : { prefixes })
}

/** The bucket to write to: a new one's name from the metadata, an existing one's from its own registration. */
function bucketOf({ restore }: Run, settings: BucketSettings): string {
  const { metadata, target } = restore
  if (!target.isNew) return settings.bucket
  return requireBucketName(metadata['DestinationBucketName'] ?? target.name)
}

/** A bucket to be made must not be there, one to be filled must. */
async function lookAtTarget(run: Run): Promise<void> {
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
  if (target.isNew && found !== undefined) {
    throw new RestoreRequestError(
      `Bucket "${found}" exists: restore into it with NewBucket false (keys that are there are skipped), or choose another name`,
    )
  }
}

/** Every step is decided once before anything is made, so that a role that lacks one leaves nothing behind. */
async function decideBeforehand(run: Run, first: StoredItem | undefined): Promise<void> {
  const { session } = run.restore
  await session.call(step('ListTarget'), run.bucketTarget, () => undefined)
  const key = first && keyText(first.key)
  if (first === undefined || key === undefined) return
  const target = objectTarget(run, key, decodeMeta(first.meta))
  for (const name of ['WriteObject', 'TagObject', 'CheckObject']) {
    await session.call(step(name), target, () => undefined)
  }
}

function objectTarget(run: Run, key: string, meta: ObjectMeta): StepTarget {
  const { target } = run.restore
  return {
    ...run.bucketTarget,
    objectArn: s3ObjectArn(target.arn, key),
    ...(meta.tags === undefined ? {} : { requestTags: meta.tags }),
  }
}

async function createBucket(run: Run): Promise<NonNullable<RestoreSummary['created']>> {
  const { restore, clients, bucketTarget } = run
  const { session, target } = restore
  return await session.call(step('CreateBucket'), bucketTarget, async (connection) => {
    const { client, settings } = clients.of(connection)
    const bucket = bucketOf(run, settings)
    // Only AWS knows its regions by name; other servers refuse a constraint that they have no zone for.
    const isAws = new URL(settings.endpoint).hostname.endsWith('.amazonaws.com')
    const command = new CreateBucketCommand({
      Bucket: bucket,
      ...(isAws && settings.region !== 'us-east-1'
        ? { CreateBucketConfiguration: { LocationConstraint: settings.region as 'eu-west-1' } }
        : {}),
    })
    await request(`Making bucket "${bucket}"`, session.signal, () =>
      client.send(command, { abortSignal: session.signal }),
    )
    return { name: target.name, settings: { ...connection.settings, bucket } }
  })
}

/** Several writers take from one queue; the first error of the whole job ends them all. */
async function writeAll(run: Run): Promise<void> {
  const { restore, wanted } = run
  const { session, point } = restore
  const isThere = restore.target.isNew ? async () => false : existingKeys(run)
  const gate = new ByteGate(HELD_BYTES)
  const underWay = new Set<Promise<void>>()
  let failure: { error: unknown } | undefined
  try {
    for await (const page of itemsOf(point, wanted)) {
      for (const item of page) {
        if (failure) throw failure.error
        session.signal.throwIfAborted()
        if (await isThere(item.key)) {
          run.counts.skipped++
          continue
        }
        const held = Math.min(item.size, PART_BYTES)
        await gate.take(held)
        const write = writeItem(run, item)
          .catch((error: unknown) => {
            failure ??= { error }
          })
          .finally(() => {
            gate.give(held)
            underWay.delete(write)
          })
        underWay.add(write)
        if (underWay.size >= WRITERS) await Promise.race(underWay)
      }
    }
  } finally {
    await Promise.all(underWay)
  }
  if (failure) throw (failure as { error: unknown }).error
}

/** Walks the listing of the target beside the items: both are in key order. */
function existingKeys(run: Run): (key: Uint8Array) => Promise<boolean> {
  const keys = listTarget(run)
  let current: Uint8Array | undefined
  let isOver = false
  return async (key) => {
    while (!isOver && (current === undefined || Buffer.compare(current, key) < 0)) {
      const next = await keys.next()
      isOver = next.done === true
      current = next.done ? undefined : next.value
    }
    return current !== undefined && Buffer.compare(current, key) === 0
  }
}

async function* listTarget(run: Run): AsyncGenerator<Uint8Array, void, void> {
  const { restore, clients, bucketTarget } = run
  const { session } = restore
  let position: { token: string | undefined; after: Uint8Array | undefined } = {
    token: undefined,
    after: undefined,
  }
  for (;;) {
    const here = position
    const page: ListedPage = await session.call(step('ListTarget'), bucketTarget, (connection) => {
      const { client, settings } = clients.of(connection)
      return listPage(client, bucketOf(run, settings), here, session.signal)
    })
    for (const { keyBytes } of page.objects) yield keyBytes
    if (page.next === undefined) return
    position = { token: page.next, after: page.objects.at(-1)?.keyBytes }
  }
}

/** Writes one object and asks for it again. What concerns this object only is a problem; the rest is thrown. */
async function writeItem(run: Run, item: StoredItem): Promise<void> {
  const { restore, clients, counts } = run
  const { session } = restore
  const name = printable(item.key)
  try {
    const key = keyText(item.key)
    if (key === undefined || item.kind !== KIND_OBJECT) throw new ItemError('it is no object of a bucket')
    const meta = decodeMeta(item.meta)
    const target = objectTarget(run, key, meta)
    // The tags go up with the object: the right to set them is asked first.
    if (meta.tags !== undefined) await session.call(step('TagObject'), target, () => undefined)
    await session.call(step('WriteObject'), target, async (connection) => {
      const { client, settings } = clients.of(connection)
      const input = {
        Bucket: bucketOf(run, settings),
        Key: key,
        ...headersOf(meta),
        ...run.wanted.encryption,
      }
      await putObject({ client, input, item, point: restore.point, signal: session.signal })
    })
    if (meta.tags !== undefined && item.size > PART_BYTES) await tagParts(run, key, meta.tags, target)
    const size = await session.call(step('CheckObject'), target, async (connection) => {
      const { client, settings } = clients.of(connection)
      const command = new HeadObjectCommand({ Bucket: bucketOf(run, settings), Key: key })
      const head = await request(`Checking ${name}`, session.signal, () =>
        client.send(command, { abortSignal: session.signal }),
      )
      return head.ContentLength
    })
    if (size !== item.size)
      throw new ItemError(`it has ${size} bytes after the restore instead of ${item.size}`)
    counts.restored++
    counts.bytes += item.size
    restore.progress(item.size, 1)
  } catch (error) {
    session.signal.throwIfAborted()
    if (!(error instanceof ItemError) && !isObjectError(error)) throw error
    restore.problem({ item: shownKey(item.key), reason: error.message })
  }
}

/** Ceph drops the tags that an upload in parts begins with (16.2): they are set once it is done. */
async function tagParts(
  run: Run,
  Key: string,
  tags: Readonly<Record<string, string>>,
  target: StepTarget,
): Promise<void> {
  const { session } = run.restore
  await session.call(step('TagObject'), target, async (connection) => {
    const { client, settings } = run.clients.of(connection)
    const TagSet = Object.entries(tags).map(([name, value]) => ({ Key: name, Value: value }))
    const command = new PutObjectTaggingCommand({ Bucket: bucketOf(run, settings), Key, Tagging: { TagSet } })
    await request(`Tagging ${JSON.stringify(Key)}`, session.signal, () =>
      client.send(command, { abortSignal: session.signal }),
    )
  })
}

/** Lets callers through while the bytes that they hold together stay below the limit. */
class ByteGate {
  #free: number
  readonly #waiting: (() => void)[] = []

  constructor(limit: number) {
    this.#free = limit
  }

  async take(bytes: number): Promise<void> {
    while (this.#free < bytes) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    this.#free -= bytes
  }

  give(bytes: number): void {
    this.#free += bytes
    for (const resolve of this.#waiting.splice(0)) resolve()
  }
}
