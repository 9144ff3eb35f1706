import { BlobTooShortError } from './blob-store.ts'
import type { BlobReader } from './blob-store.ts'
import type { ObjectBytes } from './object-store.ts'

/** What opening a blob reads of it: its size comes with bytes, and a pack is read from its start first. */
export const FIRST_READ_BYTES: number = 64 * 1024
/** Asking the storage thread costs little beside asking the storage, which reads ahead by itself (block-reads.ts). */
const AHEAD_BYTES = 1024 * 1024
/** A read that begins so little behind the last one goes on with it. */
const GAP_BYTES = 1024 * 1024
/** Blobs of one thread that keep what was read ahead. */
const MAX_READERS = 4

/** How bytes of one blob are had: at once, holding the thread, or later. */
interface Fetch {
  readonly now: (from: number, length: number) => ObjectBytes
  readonly later: (from: number, length: number) => Promise<ObjectBytes>
}

interface Window {
  readonly from: number
  readonly bytes: Uint8Array
}

/** Whose memory of read bytes is kept: that of the blobs read last. */
export class Readahead {
  readonly #readers = new Set<ThreadReader>()

  used(reader: ThreadReader): void {
    this.#readers.delete(reader)
    this.#readers.add(reader)
    for (const oldest of this.#readers) {
      if (this.#readers.size <= MAX_READERS) break
      this.forget(oldest)
      oldest.forget()
    }
  }

  forget(reader: ThreadReader): void {
    this.#readers.delete(reader)
  }
}

/** Parts of one blob over a network: of what is read in order, some more is asked for. */
export class ThreadReader implements BlobReader {
  readonly sizeBytes: number
  readonly #name: string
  readonly #fetch: Fetch
  readonly #readahead: Readahead
  #windows: Window[]
  #end: number

  constructor(name: string, first: ObjectBytes, readahead: Readahead, fetch: Fetch) {
    this.#name = name
    this.sizeBytes = first.sizeBytes
    this.#fetch = fetch
    this.#readahead = readahead
    this.#windows = [{ from: 0, bytes: first.bytes }]
    this.#end = first.bytes.length
    readahead.used(this)
  }

  readInto(buffer: Uint8Array, offset: number, length: number, position: number): void {
    this.#check(length, position)
    for (let done = 0; done < length;) {
      const at = position + done
      const window = this.#windowAt(at) ?? this.#read(at, length - done)
      const start = at - window.from
      const part = window.bytes.subarray(start, start + length - done)
      buffer.set(part, offset + done)
      done += part.length
    }
  }

  async ready(position: number, length: number): Promise<void> {
    this.#check(length, position)
    for (let at = position; at < position + length;) {
      const window = this.#windowAt(at) ?? (await this.#readLater(at, position + length - at))
      at = window.from + window.bytes.length
    }
  }

  /** Lets go of what was read. */
  forget(): void {
    this.#windows = []
  }

  close(): void {
    this.forget()
    this.#readahead.forget(this)
  }

  #check(length: number, position: number): void {
    if (position + length <= this.sizeBytes) return
    throw new BlobTooShortError(
      `Cannot read ${length} bytes at ${position} of blob "${this.#name}": it has ${this.sizeBytes}`,
    )
  }

  #windowAt(position: number): Window | undefined {
    return this.#windows.find(({ from, bytes }) => position >= from && position < from + bytes.length)
  }

  #read(from: number, length: number): Window {
    return this.#keep(from, this.#fetch.now(from, this.#lengthAt(from, length)))
  }

  async #readLater(from: number, length: number): Promise<Window> {
    return this.#keep(from, await this.#fetch.later(from, this.#lengthAt(from, length)))
  }

  #lengthAt(from: number, length: number): number {
    const isInOrder = from >= this.#end && from <= this.#end + GAP_BYTES
    const wanted = isInOrder ? Math.max(length, AHEAD_BYTES) : length
    return Math.min(wanted, this.sizeBytes - from)
  }

  #keep(from: number, { bytes, sizeBytes }: ObjectBytes): Window {
    // INVARIANT: blobs never change. A store whose blob did is not read on from.
    if (sizeBytes !== this.sizeBytes || bytes.length === 0)
      throw new BlobTooShortError(`Blob "${this.#name}" has ${sizeBytes} bytes now, not ${this.sizeBytes}`)
    const window = { from, bytes }
    const last = this.#windows.at(-1)
    this.#windows = last === undefined ? [window] : [last, window]
    this.#end = from + bytes.length
    this.#readahead.used(this)
    return window
  }
}
