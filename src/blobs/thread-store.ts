import { MessageChannel, isMainThread, receiveMessageOnPort } from 'node:worker_threads'
import type { MessagePort } from 'node:worker_threads'
import { GET_BYTES, checkBlobName } from './blob-store.ts'
import type {
  BlobAppender,
  BlobFeatures,
  BlobInfo,
  BlobReader,
  BlobStore,
  OpenOptions,
  Retention,
  ThreadLocation,
} from './blob-store.ts'
import { PART_BYTES } from './object-blobs.ts'
import { StorageError } from './storage-error.ts'
import { FIRST_READ_BYTES, Readahead, ThreadReader } from './thread-reader.ts'
import { fromWire } from './thread-wire.ts'
import type { Answer, Questions } from './thread-wire.ts'

type Kind = keyof Questions
type About<K extends Kind> = Questions[K][0]
type Value<K extends Kind> = Questions[K][1]

interface Waiting {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: Error) => void
}

/** What the pour threads together may have on its way into the store before they wait, in KiB: two packs. */
const MAX_LOAD_KIB = 64 * 1024
/** The main thread answers clients and keeps leases: it gives up a read that others may wait for. */
const MAIN_PATIENCE_MS = 10_000
const THREAD_PATIENCE_MS = 900_000
const LOOK_AGAIN_MS = 1_000

/** A store whose requests the storage thread sends. Synchronous calls hold this thread until the answer is there. */
export class ThreadBlobStore implements BlobStore {
  readonly #port: MessagePort
  readonly #answers: Int32Array
  readonly #load: Int32Array
  readonly #waiting = new Map<number, Waiting>()
  readonly #readahead = new Readahead()
  #number = 0
  #isClosed = false

  constructor({ port, answers, load }: ThreadLocation) {
    this.#port = port
    this.#answers = new Int32Array(answers)
    this.#load = new Int32Array(load)
    port.on('message', (answer: Answer) => this.#settle(answer))
    port.on('close', () => this.#end())
    port.unref()
  }

  readonly isLocal = false
  readonly locate = (): ThreadLocation => {
    const { port1, port2 } = new MessageChannel()
    const answers = new SharedArrayBuffer(4)
    this.#post('share', { port: port1, answers }, [port1])
    return { kind: 'thread', port: port2, answers, load: this.#load.buffer as SharedArrayBuffer }
  }

  async *list(prefix: string): AsyncIterable<readonly BlobInfo[]> {
    let next: string | undefined
    do {
      const page = await this.#ask('list', { prefix, next })
      if (page.blobs.length > 0) yield page.blobs
      next = page.next
    } while (next !== undefined)
  }

  async *names(prefix: string): AsyncIterable<readonly string[]> {
    for await (const page of this.list(prefix)) yield page.map(({ name }) => name)
  }

  async stat(name: string): Promise<BlobInfo | undefined> {
    return await this.#ask('stat', { name })
  }

  async get(name: string, maxBytes: number = GET_BYTES): Promise<Buffer> {
    return bufferOf(await this.#ask('get', { name, maxBytes }))
  }

  async put(name: string, bytes: Uint8Array, retention?: Retention): Promise<void> {
    await this.#ask('put', { name, bytes, retention })
  }

  open(name: string, { isAfresh = false }: OpenOptions = {}): BlobReader {
    checkBlobName(name)
    const first = this.#askNow('open', { name, length: FIRST_READ_BYTES, isAfresh })
    return new ThreadReader(name, first, this.#readahead, {
      now: (from, length) => this.#askNow('read', { name, from, length, isAfresh }),
      later: (from, length) => this.#ask('read', { name, from, length, isAfresh }),
    })
  }

  append(tag: string): BlobAppender {
    if (!/^[A-Za-z0-9-]+$/.test(tag)) throw new Error(`Cannot tag an unfinished blob "${tag}"`)
    const parts = new PartBuffer()
    return {
      append: (bytes) => {
        if (parts.append(bytes)) this.#waitForRoom()
      },
      finish: async (name, retention) => {
        checkBlobName(name)
        await this.#putParts(name, parts.take(), retention)
      },
      abort: () => void parts.take(),
    }
  }

  async delete(name: string): Promise<boolean> {
    return await this.#ask('delete', { name })
  }

  /** What is on its way into a bucket has no tag but `put`: writers that end badly leave it, and a day later it is nobody's. */
  async removeUnfinished(isStale: (tag: string, changedAt: number) => boolean): Promise<number> {
    const unfinished = await this.#ask('listUnfinished', {})
    const stale = unfinished.filter(({ begunAt }) => isStale('put', begunAt))
    if (stale.length > 0) await this.#ask('giveUp', { unfinished: stale })
    return stale.length
  }

  /** A bucket has no end that can be seen. */
  async keepReserve(): Promise<void> {}

  async releaseReserve(): Promise<void> {}

  async removeAll(): Promise<void> {
    await this.#ask('removeAll', {})
  }

  async features(): Promise<BlobFeatures> {
    return await this.#ask('features', {})
  }

  async extendRetention(name: string, retainUntil: number): Promise<void> {
    await this.#ask('extendRetention', { name, retainUntil })
  }

  async retainedUntil(name: string): Promise<number | undefined> {
    return await this.#ask('retainedUntil', { name })
  }

  close(): void {
    this.#port.close()
  }

  async #putParts(name: string, parts: readonly Uint8Array[], retention?: Retention): Promise<void> {
    const kib = parts.reduce((sum, part) => sum + Math.ceil(part.buffer.byteLength / 1024), 0)
    Atomics.add(this.#load, 0, kib)
    try {
      const transfer = parts.map((part) => part.buffer as ArrayBuffer)
      await this.#ask('putParts', { name, parts, retention }, transfer)
    } finally {
      Atomics.sub(this.#load, 0, kib)
      Atomics.notify(this.#load, 0)
    }
  }

  /** Holds a pour thread while the network is slower than it. Answers to its own uploads come in meanwhile. */
  #waitForRoom(): void {
    if (isMainThread) return
    while (Atomics.load(this.#load, 0) > MAX_LOAD_KIB && !this.#isClosed) {
      const seen = Atomics.load(this.#answers, 0)
      if (!this.#receive()) Atomics.wait(this.#answers, 0, seen, LOOK_AGAIN_MS)
    }
  }

  #post<K extends Kind>(kind: K, about: About<K>, transfer: (ArrayBuffer | MessagePort)[]): number {
    if (this.#isClosed) throw closed()
    const number = ++this.#number
    this.#port.postMessage({ kind, number, about }, transfer)
    return number
  }

  async #ask<K extends Kind>(kind: K, about: About<K>, transfer: ArrayBuffer[] = []): Promise<Value<K>> {
    const number = this.#post(kind, about, transfer)
    this.#port.ref()
    const { promise, resolve, reject } = Promise.withResolvers<unknown>()
    this.#waiting.set(number, { resolve, reject })
    return (await promise) as Value<K>
  }

  #askNow<K extends Kind>(kind: K, about: About<K>): Value<K> {
    const number = this.#post(kind, about, [])
    const outcome: { value?: { readonly is: unknown }; error?: Error } = {}
    this.#waiting.set(number, {
      resolve: (is) => void (outcome.value = { is }),
      reject: (error) => void (outcome.error = error),
    })
    const patienceMs = isMainThread ? MAIN_PATIENCE_MS : THREAD_PATIENCE_MS
    const begunAt = performance.now()
    for (;;) {
      const seen = Atomics.load(this.#answers, 0)
      while (outcome.value === undefined && outcome.error === undefined && this.#receive());
      if (outcome.error !== undefined) throw outcome.error
      if (outcome.value !== undefined) return outcome.value.is as Value<K>
      if (performance.now() - begunAt > patienceMs) {
        this.#waiting.delete(number)
        throw new StorageError(`The storage gave no answer within ${patienceMs / 1000} s`, {
          code: 'TimeoutError',
          status: undefined,
        })
      }
      Atomics.wait(this.#answers, 0, seen, LOOK_AGAIN_MS)
    }
  }

  /** Takes one answer that is there, whoever waits for it. */
  #receive(): boolean {
    const received = receiveMessageOnPort(this.#port) as { readonly message: Answer } | undefined
    if (received === undefined) return false
    this.#settle(received.message)
    return true
  }

  #settle({ number, value, error }: Answer): void {
    const waiting = this.#waiting.get(number)
    if (waiting === undefined) return
    this.#waiting.delete(number)
    if (this.#waiting.size === 0) this.#port.unref()
    if (error === undefined) waiting.resolve(value)
    else waiting.reject(fromWire(error))
  }

  #end(): void {
    this.#isClosed = true
    for (const { reject } of this.#waiting.values()) reject(closed())
    this.#waiting.clear()
  }
}

const bufferOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)

function closed(): StorageError {
  return new StorageError('The connection to the storage is closed', {
    code: 'Closed',
    status: undefined,
    isTransient: true,
  })
}

const LEAST_BYTES = 64 * 1024

/** Gathers a blob in memory until its name is known: objects can be neither renamed nor begun without a name. */
class PartBuffer {
  #full: Uint8Array[] = []
  #part = Buffer.allocUnsafeSlow(0)
  #filled = 0

  /** True where a part was begun. */
  append(bytes: Uint8Array): boolean {
    let hasBegun = false
    for (let at = 0; at < bytes.length;) {
      if (this.#filled === PART_BYTES) {
        this.#full.push(this.#part)
        this.#part = Buffer.allocUnsafeSlow(PART_BYTES)
        this.#filled = 0
        hasBegun = true
      }
      const taken = Math.min(bytes.length - at, PART_BYTES - this.#filled)
      this.#makeRoom(this.#filled + taken)
      this.#part.set(bytes.subarray(at, at + taken), this.#filled)
      this.#filled += taken
      at += taken
    }
    return hasBegun
  }

  /** The first part grows as it must: most blobs that are no packs are small. */
  #makeRoom(bytes: number): void {
    if (bytes <= this.#part.length) return
    const wanted = Math.min(PART_BYTES, Math.max(LEAST_BYTES, bytes, this.#part.length * 2))
    const larger = Buffer.allocUnsafeSlow(wanted)
    this.#part.copy(larger, 0, 0, this.#filled)
    this.#part = larger
  }

  take(): Uint8Array[] {
    const parts = [...this.#full, this.#part.subarray(0, this.#filled)]
    this.#full = []
    this.#part = Buffer.allocUnsafeSlow(0)
    this.#filled = 0
    return parts
  }
}
