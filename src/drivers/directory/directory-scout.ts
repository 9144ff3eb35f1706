import { Worker } from 'node:worker_threads'
import { closeLeft, descriptorMemory } from '../../lib/descriptors.ts'
import type { DescriptorMemory } from '../../lib/descriptors.ts'
import type { Seen } from './directory-look.ts'
import { FIXED_BYTES } from './directory-meta.ts'

/** A thread that looks at a tree, ahead of whoever takes what it saw (directory-scout-thread.ts). */
export interface ScoutSetup {
  /** Descriptor of the root: descriptors belong to the process. */
  readonly root: number
  readonly isWithoutXattrs: boolean
  /** How much the caller's clock is ahead of the system's. */
  readonly aheadMs: number
  /** Batches that the thread may send yet; it waits at 0. */
  readonly credits: Int32Array<SharedArrayBuffer>
  /** What it holds open. */
  readonly descriptors: DescriptorMemory
}

/** What the thread sends: a batch, that folders come slowly (see LookOptions), or undefined at the end. */
export type ScoutMessage = Uint8Array<ArrayBuffer> | 'slow' | undefined

/** Batches of BATCH_BYTES ahead: at some 100 bytes each, some thousand entries. */
const BATCHES_AHEAD = 8
export const BATCH_BYTES: number = 64 * 1024
const THREAD_LIMITS = { maxYoungGenerationSizeMb: 4, maxOldGenerationSizeMb: 128 }

/** @throws What the thread met that is no single thing's problem, or why it was stopped. */
export async function* lookAhead(
  setup: Omit<ScoutSetup, 'credits' | 'descriptors'>,
  { signal, slow }: { readonly signal: AbortSignal; readonly slow: () => void },
): AsyncGenerator<Iterable<Seen>, void, void> {
  const credits = new Int32Array(new SharedArrayBuffer(4)).fill(BATCHES_AHEAD)
  const descriptors = descriptorMemory()
  const thread = new Worker(new URL('./directory-scout-thread.ts', import.meta.url), {
    workerData: { ...setup, credits, descriptors } satisfies ScoutSetup,
    resourceLimits: THREAD_LIMITS,
  })
  const inbox = new Inbox(thread, signal)
  try {
    for (let batch = await inbox.next(); batch !== undefined; batch = await inbox.next()) {
      if (batch === 'slow') {
        slow()
        continue
      }
      yield decodeSeen(batch)
      Atomics.add(credits, 0, 1)
      Atomics.notify(credits, 0)
    }
  } finally {
    inbox.close()
    await thread.terminate()
    closeLeft(descriptors)
  }
}

class Inbox {
  readonly #messages: ScoutMessage[] = []
  readonly #signal: AbortSignal
  #failure: Error | undefined
  #wake: (() => void) | undefined

  constructor(thread: Worker, signal: AbortSignal) {
    this.#signal = signal
    thread.on('message', (message: ScoutMessage) => {
      this.#messages.push(message)
      this.#wake?.()
    })
    thread.on('error', (error) => this.#fail(error as Error))
    thread.on('exit', (code) => {
      if (code !== 0) this.#fail(new Error(`The thread that looks at the directory ended with code ${code}`))
    })
    signal.addEventListener('abort', this.#onAbort)
  }

  async next(): Promise<ScoutMessage> {
    while (this.#messages.length === 0) {
      if (this.#failure !== undefined) throw this.#failure
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
    return this.#messages.shift()
  }

  close(): void {
    this.#signal.removeEventListener('abort', this.#onAbort)
  }

  readonly #onAbort = (): void => this.#fail(this.#signal.reason as Error)

  #fail(error: Error): void {
    this.#failure ??= error
    this.#messages.length = 0
    this.#wake?.()
  }
}

const WHATS = ['folder', 'item', 'end', 'problem'] as const
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
