import { CreateBucketCommand, HeadObjectCommand } from '@aws-sdk/client-s3'
import { PutObjectTaggingCommand } from '@aws-sdk/client-s3'
import type { StepTarget } from '../../kinds/kind.ts'
import { s3 } from '../../kinds/s3.ts'
import { factsOf, ItemError } from '../driver.ts'
import type { RestoreRequest, RestoreSummary, StoredItem } from '../driver.ts'
import { KIND_OBJECT } from './s3-bucket-backup.ts'
import { S3Clients, S3RequestError, isObjectError, request } from './s3-bucket-client.ts'
import { announced, hasFirstObject, isOfEarlierRun, knownBy } from './s3-bucket-earlier.ts'
import type { WrittenObject } from './s3-bucket-earlier.ts'
import { decodeMeta, keyText, listPage, printable, shownKey } from './s3-bucket-objects.ts'
import type { ListedObject, ListedPage } from './s3-bucket-objects.ts'
import {
  bucketOf,
  decideBeforehand,
  firstItem,
  itemsOf,
  lookAtTarget,
  newBucket,
  objectTarget,
  parseMetadata,
  step,
} from './s3-bucket-restore-look.ts'
import type { Look, Wanted } from './s3-bucket-restore-look.ts'
import { PART_BYTES, headersOf, putObject } from './s3-bucket-upload.ts'

/** Writers at once, and the bytes that all of them hold at most. */
const WRITERS = 16
const HELD_BYTES = 32 * 1024 * 1024

interface Run extends Look {
  readonly restore: RestoreRequest
  readonly wanted: Wanted
  /** The bucket is new, and an earlier run of the job made it. */
  readonly isGoingOn: boolean
  readonly counts: { restored: number; skipped: number; bytes: number }
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
  const look = { restore, clients, bucketTarget }
  const first = await firstItem(point, wanted)
  const isThere = await lookAtTarget(look, (bucket) => isOfEarlierRun(look, bucket, first))
  const isGoingOn = isThere && target.isNew
  const counts = { restored: 0, skipped: 0, bytes: 0 }
  const run: Run = { ...look, wanted, isGoingOn, counts }
  await decideBeforehand(run, first)
  const settings = await write(run)
  return {
    createdResourceArn: target.arn,
    created: settings,
    itemsRestored: run.counts.restored,
    itemsSkipped: run.counts.skipped,
    bytes: run.counts.bytes,
  }
}

/** No role is asked whether it may delete objects: what is there when a restore ends early stays, and is told. */
async function write(run: Run): Promise<RestoreSummary['created']> {
  const { restore, counts } = run
  const { target } = restore
  const ofEarlier = restore.attempt > 1 ? ', and those of its earlier runs' : ''
  let created: RestoreSummary['created']
  try {
    await restore.begin()
    if (target.isNew) created = await createBucket(run)
    await writeAll(run)
    return created
  } catch (error) {
    const objects = `${counts.restored} ${counts.restored === 1 ? 'object' : 'objects'} written by then`
    if (created !== undefined) restore.left(`The new bucket ${target.arn} stays, with ${objects}${ofEarlier}`)
    else if (counts.restored > 0 || ofEarlier !== '')
      restore.left(`In ${target.arn} stay ${objects}${ofEarlier}`)
    throw error
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
    if (!run.isGoingOn) await restore.placing(announced(bucket))
    try {
      await request(`Making bucket "${bucket}"`, session.signal, () =>
        client.send(command, { abortSignal: session.signal }),
      )
    } catch (error) {
      // Servers differ in whether they say so; all of them refuse for another account's.
      const isOurs = error instanceof S3RequestError && error.code === 'BucketAlreadyOwnedByYou'
      if (!(run.isGoingOn && isOurs)) throw error
    }
    return { name: target.name, settings: { ...connection.settings, bucket } }
  })
}

/** Several writers take from one queue; the first error of the whole job ends them all. */
async function writeAll(run: Run): Promise<void> {
  const { restore, wanted } = run
  const { session, point } = restore
  const isThere = alreadyThere(run)
  let isKnown = !restore.target.isNew || (run.isGoingOn && hasFirstObject(restore))
  const gate = new ByteGate(HELD_BYTES)
  const underWay = new Set<Promise<void>>()
  let failure: { error: unknown } | undefined
  try {
    for await (const page of itemsOf(point, wanted)) {
      for (const item of page) {
        if (failure) throw failure.error
        session.signal.throwIfAborted()
        if (!isKnown) {
          const written = await writeItem(run, item)
          if (written === undefined) continue
          await restore.placing(knownBy(newBucket(restore), written))
          isKnown = true
          continue
        }
        if (await isThere(item)) continue
        const held = Math.min(item.size, PART_BYTES)
        await gate.take(held)
        const write = writeItem(run, item)
          .then(() => undefined)
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

/** Whether an item needs not be written, which is counted then. */
function alreadyThere(run: Run): (item: StoredItem) => Promise<boolean> {
  const { restore, counts, isGoingOn } = run
  if (restore.target.isNew && !isGoingOn) return () => Promise.resolve(false)
  const find = existing(run)
  return async (item) => {
    const found = await find(item.key)
    if (found === undefined) return false
    if (!isGoingOn || found.size !== item.size) {
      counts.skipped++
      return true
    }
    // The earlier run's. It may have been cut off before the tags, which come last.
    if (item.size > PART_BYTES && decodeMeta(item.meta).tags !== undefined) return false
    counts.restored++
    counts.bytes += item.size
    restore.progress(item.size, 1)
    return true
  }
}

/** Walks the listing of the target beside the items: both are in key order. */
function existing(run: Run): (key: Uint8Array) => Promise<ListedObject | undefined> {
  const objects = listTarget(run)
  let current: ListedObject | undefined
  let isOver = false
  return async (key) => {
    while (!isOver && (current === undefined || Buffer.compare(current.keyBytes, key) < 0)) {
      const next = await objects.next()
      isOver = next.done === true
      current = next.done ? undefined : next.value
    }
    return current !== undefined && Buffer.compare(current.keyBytes, key) === 0 ? current : undefined
  }
}

async function* listTarget(run: Run): AsyncGenerator<ListedObject, void, void> {
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
    yield* page.objects
    if (page.next === undefined) return
    position = { token: page.next, after: page.objects.at(-1)?.keyBytes }
  }
}

/**
 * Writes one object and asks for it again. What concerns this object only is a problem; the rest is thrown.
 * @returns What the server has then; undefined where that is a problem.
 */
async function writeItem(run: Run, item: StoredItem): Promise<WrittenObject | undefined> {
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
    const head = await session.call(step('CheckObject'), target, async (connection) => {
      const { client, settings } = clients.of(connection)
      const command = new HeadObjectCommand({ Bucket: bucketOf(run, settings), Key: key })
      return await request(`Checking ${name}`, session.signal, () =>
        client.send(command, { abortSignal: session.signal }),
      )
    })
    if (head.ContentLength !== item.size)
      throw new ItemError(`it has ${head.ContentLength} bytes after the restore instead of ${item.size}`)
    counts.restored++
    counts.bytes += item.size
    restore.progress(item.size, 1)
    return { key, etag: head.ETag ?? '', modifiedAt: head.LastModified?.getTime() ?? 0 }
  } catch (error) {
    session.signal.throwIfAborted()
    if (!(error instanceof ItemError) && !isObjectError(error)) throw error
    restore.problem({ item: shownKey(item.key), reason: error.message })
    return undefined
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
