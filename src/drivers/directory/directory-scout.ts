import { availableParallelism } from 'node:os'
import { getHeapStatistics } from 'node:v8'
import { Worker } from 'node:worker_threads'
import { closeLeft, descriptorMemory } from '../../lib/descriptors.ts'
import type { DescriptorMemory } from '../../lib/descriptors.ts'
import type { Seen } from './directory-look.ts'
import { FIXED_BYTES } from './directory-meta.ts'

/**
 * Threads that look at a tree, ahead of whoever takes what they saw (directory-scout-thread.ts). Each takes the next range of keys that
 * none has taken; what they saw comes in the order of its keys all the same.
 */
export interface ScoutSetup {
  /** Descriptor of the root: descriptors belong to the process. */
  readonly root: number
  readonly isWithoutXattrs: boolean
  /** How much the caller's clock is ahead of the system's. */
  readonly aheadMs: number
  /** Where one range ends and the next begins: keys, latin1. */
  readonly marks: readonly string[]
  /** The first range that no thread has taken. */
  readonly next: Int32Array<SharedArrayBuffer>
  /** Batches that the thread may send yet; it waits at 0. */
  readonly credits: Int32Array<SharedArrayBuffer>
  /** What it holds open. */
  readonly descriptors: DescriptorMemory
}

/** What a thread sends: a batch of a range, or that folders come slowly (see LookOptions). */
export type ScoutMessage = Batch | 'slow'

export interface Batch {
  readonly range: number
  readonly bytes: Uint8Array<ArrayBuffer>
  /** The next one is of another range. */
  readonly isLast: boolean
}

/** Of BATCH_BYTES, for each thread: at some 100 bytes each, some thousand entries. */
const BATCHES_AHEAD = 8
export const BATCH_BYTES: number = 64 * 1024
const MIB = 1024 * 1024
/** All names of a folder lie in its memory, as they do in this thread's when the first backup looks: it may use as much. */
const THREAD_LIMITS = {
  maxYoungGenerationSizeMb: 4,
  maxOldGenerationSizeMb: Math.floor(getHeapStatistics().heap_size_limit / MIB),
}
/** One would wait for a disk half of its time; more than a few bring nothing. */
const LEAST_THREADS = 2
const MOST_THREADS = 4

/** @throws What a thread met that is no single thing's problem, or why they were stopped. */
export async function* lookAhead(
  tree: Pick<ScoutSetup, 'root' | 'isWithoutXattrs' | 'aheadMs' | 'marks'>,
  { signal, slow }: { readonly signal: AbortSignal; readonly slow: () => void },
): AsyncGenerator<Iterable<Seen>, void, void> {
  const ranges = tree.marks.length + 1
  const next = new Int32Array(new SharedArrayBuffer(4))
  const inbox = new Inbox(signal, slow)
  const count = Math.min(Math.max(availableParallelism(), LEAST_THREADS), MOST_THREADS, ranges)
  const scouts: Scout[] = []
  try {
    while (scouts.length < count) scouts.push(new Scout({ ...tree, next }, inbox))
    for (let range = 0; range < ranges;) {
      const { batch, scout } = await inbox.next(range)
      yield decodeSeen(batch.bytes)
      scout.giveCredit()
      if (batch.isLast) range++
    }
  } finally {
    inbox.close()
    for (const scout of scouts) await scout.stop()
  }
}

class Scout {
  readonly #thread: Worker
  readonly #credits = new Int32Array(new SharedArrayBuffer(4)).fill(BATCHES_AHEAD)
  readonly #descriptors = descriptorMemory()

  constructor(setup: Omit<ScoutSetup, 'credits' | 'descriptors'>, inbox: Inbox) {
    this.#thread = new Worker(new URL('./directory-scout-thread.ts', import.meta.url), {
      workerData: {
        ...setup,
        credits: this.#credits,
        descriptors: this.#descriptors,
      } satisfies ScoutSetup,
      resourceLimits: THREAD_LIMITS,
    })
    this.#thread.on('message', (message: ScoutMessage) => inbox.take(message, this))
    this.#thread.on('error', (error) => inbox.fail(error as Error))
    this.#thread.on('exit', (code) => {
      if (code !== 0) inbox.fail(new Error(`A thread that looks at the directory ended with code ${code}`))
    })
  }

  giveCredit(): void {
    Atomics.add(this.#credits, 0, 1)
    Atomics.notify(this.#credits, 0)
  }

  async stop(): Promise<void> {
    await this.#thread.terminate()
    closeLeft(this.#descriptors)
  }
}

interface Sent {
  readonly batch: Batch
  readonly scout: Scout
}

class Inbox {
  /** By range, in the order in which they came. */
  readonly #sent = new Map<number, Sent[]>()
  readonly #signal: AbortSignal
  readonly #slow: () => void
  #failure: Error | undefined
  #wake: (() => void) | undefined

  constructor(signal: AbortSignal, slow: () => void) {
    this.#signal = signal
    this.#slow = slow
    signal.addEventListener('abort', this.#onAbort)
  }

  take(message: ScoutMessage, scout: Scout): void {
    if (message === 'slow') return this.#slow()
    const sent = this.#sent.get(message.range)
    if (sent === undefined) this.#sent.set(message.range, [{ batch: message, scout }])
    else sent.push({ batch: message, scout })
    this.#wake?.()
  }

  /** The next batch of a range. */
  async next(range: number): Promise<Sent> {
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure
      const sent = this.#sent.get(range)?.shift()
      if (sent !== undefined) {
        if (sent.batch.isLast) this.#sent.delete(range)
        return sent
      }
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
  }

  fail(error: Error): void {
    this.#failure ??= error
    this.#sent.clear()
    this.#wake?.()
  }

  close(): void {
    this.#signal.removeEventListener('abort', this.#onAbort)
  }

  readonly #onAbort = (): void => this.fail(this.#signal.reason as Error)
}

const WHATS = ['folder', 'item', 'end', 'problem', 'again'] as const
const HEADER_BYTES = 1 + 1 + 2 + 2 + 8

/** Bytes that `encodeSeen` needs at most. */
export const lengthOfSeen = (seen: Seen): number =>
  HEADER_BYTES + seen.name.length + FIXED_BYTES + 2 * seen.reason.length

/** what (1), kind (1), lengths of name and reason (2 each), size (8), name, then the fixed metadata or the reason. @returns Its end. */
export function encodeSeen(seen: Seen, into: Buffer, start: number): number {
  const { what, name, kind, size, fixed } = seen
  const reason = what === 'problem' ? Buffer.from(seen.reason) : undefined
  let at = into.writeUInt8(WHATS.indexOf(what), start)
  at = into.writeUInt8(what === 'problem' ? 0 : kind, at)
  at = into.writeUInt16LE(name.length, at)
  at = into.writeUInt16LE(reason?.length ?? 0, at)
  at = into.writeDoubleLE(size, at)
  at += into.write(name, at, 'latin1')
  if (reason !== undefined) return at + reason.copy(into, at)
  return what === 'end' ? at : at + fixed.copy(into, at)
}

/** Each thing is overwritten by the next. */
function* decodeSeen(batch: Uint8Array): Generator<Seen, void, void> {
  const from = Buffer.from(batch.buffer, batch.byteOffset, batch.byteLength)
  const seen: Seen = { what: 'end', name: '', kind: 0, fixed: from, size: 0, reason: '', fd: -1 }
  for (let at = 0; at < from.length;) {
    seen.what = WHATS[from[at] as number] as Seen['what']
    seen.kind = from[at + 1] as number
    const nameEnd = at + HEADER_BYTES + from.readUInt16LE(at + 2)
    const reasonLength = from.readUInt16LE(at + 4)
    seen.size = from.readDoubleLE(at + 6)
    seen.name = from.toString('latin1', at + HEADER_BYTES, nameEnd)
    at = nameEnd
    if (seen.what === 'problem') seen.reason = from.toString('utf8', at, (at += reasonLength))
    else if (seen.what !== 'end') seen.fixed = from.subarray(at, (at += FIXED_BYTES))
    yield seen
  }
}
