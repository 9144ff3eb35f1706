import { ID_BYTES } from '../keys.ts'
import type { PackWriter } from './pack-writer.ts'

/**
 * Gathers chunks back to back until they are a segment. Content may be read straight into its memory (`room`, then `keep`): then
 * nothing is copied before it is compressed.
 */
export class SegmentBuffer {
  readonly #memory: Buffer
  readonly #targetBytes: number
  readonly #packs: PackWriter
  #ids = Buffer.allocUnsafeSlow(1024 * ID_BYTES)
  #lengths: number[] = []
  #length = 0

  /** @param memory Holds one segment and may be a part of some other memory. */
  constructor(memory: Buffer, targetBytes: number, packs: PackWriter) {
    this.#memory = memory
    this.#targetBytes = targetBytes
    this.#packs = packs
  }

  /** Where the next chunk begins in its memory, with room for `bytes`. */
  room(bytes: number): number {
    if (this.#length + bytes > this.#memory.length) this.flush()
    return this.#length
  }

  /** Keeps the `length` bytes that were put where `room` said. @param ids The chunk's id lies at `ids[at]`. */
  keep(ids: Buffer, at: number, length: number): void {
    const count = this.#lengths.length
    if ((count + 1) * ID_BYTES > this.#ids.length) {
      const larger = Buffer.allocUnsafeSlow(this.#ids.length * 2)
      this.#ids.copy(larger)
      this.#ids = larger
    }
    ids.copy(this.#ids, count * ID_BYTES, at, at + ID_BYTES)
    this.#lengths.push(length)
    this.#length += length
    if (this.#length >= this.#targetBytes) this.flush()
  }

  /** Copies a chunk in; a large one becomes a segment of its own, uncopied. */
  add(ids: Buffer, at: number, bytes: Buffer): void {
    if (bytes.length > this.#targetBytes / 2) {
      this.#packs.put(bytes, ids.subarray(at, at + ID_BYTES), [bytes.length])
      return
    }
    bytes.copy(this.#memory, this.room(bytes.length))
    this.keep(ids, at, bytes.length)
  }

  flush(): void {
    if (this.#length === 0) return
    this.#packs.put(this.#memory.subarray(0, this.#length), this.#ids, this.#lengths)
    this.#length = 0
    this.#lengths = []
  }
}
