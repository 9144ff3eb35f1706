import { parentPort, workerData } from 'node:worker_threads'
import type { MessagePort } from 'node:worker_threads'
import { BandwidthLimit, throttled } from './bandwidth.ts'
import { BlockMemory, BlockReads } from './block-reads.ts'
import { ObjectBlobs } from './object-blobs.ts'
import { ReadCache } from './read-cache.ts'
import type { ReadCacheSettings } from './read-cache.ts'
import { retrying } from './retrying.ts'
import { S3Objects } from './s3-objects.ts'
import { toWire } from './thread-wire.ts'
import type { ObjectBytes } from './object-store.ts'
import type { Answer, AttachMessage, Question, S3StoreSettings } from './thread-wire.ts'

/**
 * The one thread of a process that talks to storage services, for all others: they read and write synchronously, and could not
 * answer a socket meanwhile. It has the connections, the secrets, and the limits that hold for all of them together.
 */

/** One for each storage, whatever vaults lie in it. */
const limits = new Map<string, BandwidthLimit>()

const memory = new BlockMemory()

const cacheSettings = workerData as ReadCacheSettings | undefined
const cache = cacheSettings === undefined ? undefined : new ReadCache(cacheSettings)

/** A store, and how parts of its blobs are read. */
interface Served {
  readonly blobs: ObjectBlobs
  readonly reads: BlockReads
  /** What tells it from all others. */
  readonly store: string
}

function servedBy(settings: S3StoreSettings): Served {
  const blobs = blobsOf(settings)
  const read = async (name: string, from: number, length: number): Promise<ObjectBytes> =>
    await blobs.read(name, from, length)
  const { endpoint, bucket, prefix } = settings
  const store = JSON.stringify([endpoint, bucket, prefix])
  const reads = new BlockReads(memory, async (name, from, length, isAfresh) =>
    cache === undefined || isAfresh
      ? await read(name, from, length)
      : await cache.read(store, name, from, length, read),
  )
  return { blobs, reads, store }
}

function blobsOf(settings: S3StoreSettings): ObjectBlobs {
  const { endpoint, bucket, prefix, bandwidth, retry } = settings
  const objects = new S3Objects(settings)
  if (bandwidth === undefined) return new ObjectBlobs(retrying(objects, retry), prefix)
  const key = JSON.stringify([endpoint, bucket, bandwidth])
  const limit = limits.get(key) ?? new BandwidthLimit(bandwidth)
  limits.set(key, limit)
  return new ObjectBlobs(retrying(throttled(objects, limit), retry), prefix)
}

function serve(served: Served, port: MessagePort, answers: SharedArrayBuffer): void {
  const counter = new Int32Array(answers)
  const answer = (message: Answer, transfer: ArrayBuffer[]): void => {
    port.postMessage(message, transfer)
    Atomics.add(counter, 0, 1)
    Atomics.notify(counter, 0)
  }
  port.on('message', (question: Question) => {
    reply(served, question).then(
      (value) => answer({ number: question.number, value }, buffersOf(value)),
      (error: unknown) => answer({ number: question.number, error: toWire(error) }, []),
    )
  })
}

async function reply(served: Served, { kind, about }: Question): Promise<unknown> {
  const { blobs, reads } = served
  switch (kind) {
    case 'list':
      return await blobs.list(about.prefix, about.next)
    case 'stat':
      return await blobs.stat(about.name)
    case 'get':
      return await blobs.get(about.name, about.maxBytes)
    case 'open':
      if (about.isAfresh) await cache?.forget(served.store, about.name)
      return await reads.open(about.name, about.length, about.isAfresh)
    case 'read':
      return await reads.read(about.name, about.from, about.length, about.isAfresh)
    case 'put':
      return await blobs.put(about.name, about.bytes, about.retention)
    case 'putParts':
      return await blobs.putParts(about.name, about.parts, about.retention)
    case 'delete':
      return await blobs.delete(about.name)
    case 'listUnfinished':
      return await blobs.listUnfinished()
    case 'giveUp':
      return await blobs.giveUp(about.unfinished)
    case 'removeAll':
      return await blobs.removeAll()
    case 'features':
      return await blobs.features()
    case 'extendRetention':
      return await blobs.extendRetention(about.name, about.retainUntil)
    case 'retainedUntil':
      return await blobs.retainedUntil(about.name)
    case 'share':
      return serve(served, about.port, about.answers)
  }
}

/** Memory of its own that an answer carries, to be handed over. */
function buffersOf(value: unknown): ArrayBuffer[] {
  const bytes = value instanceof Uint8Array ? value : (value as { bytes?: unknown } | undefined)?.bytes
  return bytes instanceof Uint8Array && bytes.byteLength === bytes.buffer.byteLength
    ? [bytes.buffer as ArrayBuffer]
    : []
}

parentPort?.on('message', ({ settings, port, answers }: AttachMessage) =>
  serve(servedBy(settings), port, answers),
)
