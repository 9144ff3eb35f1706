import { CreateBucketCommand, HeadObjectCommand } from '@aws-sdk/client-s3'
import { PutObjectTaggingCommand } from '@aws-sdk/client-s3'
import type { StepTarget } from '../../kinds/kind.ts'
import { s3 } from '../../kinds/s3.ts'
import { factsOf, ItemError } from '../driver.ts'
import type { RestoreRequest, RestoreSummary, StoredItem } from '../driver.ts'
import { KIND_OBJECT } from './s3-bucket-backup.ts'
import { S3Clients, isObjectError, request } from './s3-bucket-client.ts'
import { decodeMeta, keyText, listPage, printable, shownKey } from './s3-bucket-objects.ts'
import type { ListedPage } from './s3-bucket-objects.ts'
import {
  bucketOf,
  decideBeforehand,
  firstItem,
  itemsOf,
  lookAtTarget,
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
  const run: Run = { restore, clients, bucketTarget, wanted, counts: { restored: 0, skipped: 0, bytes: 0 } }
  const first = await firstItem(point, wanted)
  await lookAtTarget(run)
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
  const isAgain = restore.attempt > 1
  let created: RestoreSummary['created']
  try {
    await restore.begin()
    if (target.isNew) created = await createBucket(run)
    await writeAll(run)
    return created
  } catch (error) {
    const objects = `${counts.restored} ${counts.restored === 1 ? 'object' : 'objects'} written by then`
    if (created !== undefined) restore.left(`The new bucket ${target.arn} stays, with ${objects}`)
    else if (counts.restored > 0 || isAgain)
      restore.left(`In ${target.arn} stay ${objects}${isAgain ? ', and those of its earlier runs' : ''}`)
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
