import { ItemError } from '../../drivers/driver.ts'
import type { ItemWindow, PendingItem } from './pour-window.ts'
import type { Lane, PourPool } from './pour-pool.ts'
import type { ItemResult } from './pour-wire.ts'

type Open = (signal: AbortSignal) => AsyncIterable<Uint8Array>
/** Resolves when so many bytes may be taken from where they come. */
export type TakeBytes = (bytes: number, signal: AbortSignal) => Promise<void>

/** Streams open at once: objects come over the network one round trip each. */
const MAX_STREAMS = 8
/** A stream that ends within this goes to a thread with others like it. */
const INLINE_BYTES = 512 * 1024
const BATCH_BYTES = 4 * 1024 * 1024
const BATCH_ITEMS = 512
/** Memory between streams and threads; streams wait when all are under way. */
const SLAB_BYTES = 1024 * 1024
const MAX_SLABS = 24
/** A large stream is cut into runs, each for one thread: small enough that the slabs keep more than one thread busy. */
const RUN_SLABS = 16

/** Copies streams into memory that is handed to pour threads, with as much under way as the slabs allow. */
export class StreamPour {
  readonly #pool: () => PourPool
  readonly #window: ItemWindow
  readonly #onFailure: (error: Error) => void
  readonly #take: TakeBytes | undefined
  readonly #controller = new AbortController()
  readonly #free: Uint8Array[] = []
  #slabs = 0
  #waiting: ((slab: Uint8Array | undefined) => void)[] = []
  readonly #open = new Set<Promise<void>>()
  #batch: { readonly pending: PendingItem; readonly bytes: Buffer }[] = []
  #batchBytes = 0

  constructor(
    pool: () => PourPool,
    window: ItemWindow,
    { take, onFailure }: { readonly take: TakeBytes | undefined; readonly onFailure: (error: Error) => void },
  ) {
    this.#pool = pool
    this.#take = take
    this.#window = window
    this.#onFailure = onFailure
  }

  get isFull(): boolean {
    return this.#open.size >= MAX_STREAMS
  }

  /** Resolves when the stream was read to its end, or given up. */
  async add(pending: PendingItem, open: Open): Promise<void> {
    const done = this.#pump(pending, open)
      .catch((error: unknown) => {
        if (error instanceof ItemError) this.#window.leaveOut(pending, error.message)
        else this.#onFailure(error as Error)
      })
      .finally(() => {
        this.#open.delete(done)
        this.#window.wake()
      })
    this.#open.add(done)
    await done
  }

  /** Waits until all streams have been read and handed over. */
  async end(): Promise<void> {
    await this.settled()
    this.sendBatch()
  }

  async settled(): Promise<void> {
    while (this.#open.size > 0) await Promise.all(this.#open)
  }

  giveBack(slab: Uint8Array): void {
    const next = this.#waiting.shift()
    if (next === undefined) this.#free.push(slab)
    else next(slab)
  }

  fail(error: Error): void {
    this.#controller.abort(error)
    for (const next of this.#waiting.splice(0)) next(undefined)
  }

  async #pump(pending: PendingItem, open: Open): Promise<void> {
    const { signal } = this.#controller
    signal.throwIfAborted()
    const first: Uint8Array[] = []
    let held = 0
    let large: LargeStream | undefined
    try {
      for await (const bytes of open(signal)) {
        signal.throwIfAborted()
        await this.#take?.(bytes.length, signal)
        if (large === undefined && held + bytes.length <= INLINE_BYTES) {
          first.push(Uint8Array.from(bytes))
          held += bytes.length
          continue
        }
        if (large === undefined) {
          large = new LargeStream(this.#pool(), {
            take: () => this.#takeSlab(),
            giveBack: (slab) => this.giveBack(slab),
          })
          for (const part of first.splice(0)) await large.write(part)
        }
        await large.write(bytes)
      }
    } catch (error) {
      await large?.giveUp()
      throw error
    }
    if (large !== undefined) this.#window.finish(pending, await large.end())
    else this.#addToBatch(pending, Buffer.concat(first))
  }

  #addToBatch(pending: PendingItem, bytes: Buffer): void {
    this.#batch.push({ pending, bytes })
    this.#batchBytes += bytes.length
    if (this.#batchBytes >= BATCH_BYTES || this.#batch.length >= BATCH_ITEMS) this.sendBatch()
  }

  /** Hands on the small ones that wait for company. */
  sendBatch(): void {
    const batch = this.#batch
    if (batch.length === 0 || this.#controller.signal.aborted) return
    this.#batch = []
    this.#batchBytes = 0
    const data = new Uint8Array(batch.reduce((sum, { bytes }) => sum + bytes.length, 0))
    let at = 0
    for (const { bytes } of batch) {
      data.set(bytes, at)
      at += bytes.length
    }
    const sizes = batch.map(({ bytes }) => bytes.length)
    void this.#pool()
      .submit({ kind: 'inline', data, sizes }, [data])
      .then((results) => {
        for (const [i, { pending }] of batch.entries())
          this.#window.finish(pending, [results[i] as ItemResult])
      })
  }

  async #takeSlab(): Promise<Uint8Array> {
    const free = this.#free.pop()
    if (free !== undefined) return free
    if (this.#slabs < MAX_SLABS) {
      this.#slabs++
      return new Uint8Array(SLAB_BYTES)
    }
    const slab = await new Promise<Uint8Array | undefined>((resolve) => void this.#waiting.push(resolve))
    if (slab === undefined) throw this.#controller.signal.reason
    return slab
  }
}

interface Slabs {
  take(): Promise<Uint8Array>
  giveBack(slab: Uint8Array): void
}

/** One stream that goes to threads in runs of slabs. */
class LargeStream {
  readonly #pool: PourPool
  readonly #slabs: Slabs
  #slab: Uint8Array | undefined
  #filled = 0
  #lane: Lane | undefined
  #sent = 0
  readonly #runs: Promise<ItemResult>[] = []

  constructor(pool: PourPool, slabs: Slabs) {
    this.#pool = pool
    this.#slabs = slabs
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      this.#slab ??= await this.#slabs.take()
      const part = bytes.subarray(at, at + this.#slab.length - this.#filled)
      this.#slab.set(part, this.#filled)
      this.#filled += part.length
      at += part.length
      if (this.#filled === this.#slab.length) await this.#send()
    }
  }

  async end(): Promise<ItemResult[]> {
    if (this.#lane !== undefined || this.#filled > 0) {
      this.#slab ??= await this.#slabs.take()
      this.#lane ??= await this.#pool.lane()
      this.#finishRun()
    }
    return await Promise.all(this.#runs)
  }

  /** Leaves its thread free for others. What it stored is nobody's. */
  async giveUp(): Promise<void> {
    if (this.#lane === undefined) {
      if (this.#slab !== undefined) this.#slabs.giveBack(this.#slab)
      return
    }
    this.#slab ??= await this.#slabs.take()
    this.#finishRun()
  }

  async #send(): Promise<void> {
    this.#lane ??= await this.#pool.lane()
    if (++this.#sent === RUN_SLABS) return this.#finishRun()
    this.#lane.send(this.#slab as Uint8Array, this.#filled)
    this.#slab = undefined
    this.#filled = 0
  }

  #finishRun(): void {
    const lane = this.#lane as Lane
    this.#runs.push(lane.finish(this.#slab as Uint8Array, this.#filled))
    this.#lane = undefined
    this.#slab = undefined
    this.#filled = 0
    this.#sent = 0
  }
}
