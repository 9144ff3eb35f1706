/** Reads numbers and byte strings in order. Whatever reaches beyond the end, or is no canonical number, is an error. */
export class ByteReader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  get left(): number {
    return this.#bytes.length - this.#at
  }

  get position(): number {
    return this.#at
  }

  u8(): number {
    return this.#bytes[this.#take(1)] as number
  }

  u32(): number {
    return this.#bytes.readUInt32LE(this.#take(4))
  }

  u64(): number {
    const value = Number(this.#bytes.readBigUInt64LE(this.#take(8)))
    if (value > Number.MAX_SAFE_INTEGER) throw new RangeError('a number is too large')
    return value
  }

  varint(): number {
    let value = 0
    let scale = 1
    for (let i = 0; i < 8; i++) {
      const byte = this.u8()
      value += (byte & 127) * scale
      if (byte < 128) {
        if (value > Number.MAX_SAFE_INTEGER) break
        return value
      }
      scale *= 128
    }
    throw new RangeError('a number is too large')
  }

  /** Copies `length` bytes to `into[at]` and reads the u32 behind them: for long tables, where a view for each costs the most. */
  copyThenU32(length: number, into: Buffer, at: number): number {
    const from = this.#take(length + 4)
    this.#bytes.copy(into, at, from, from + length)
    return this.#bytes.readUInt32LE(from + length)
  }

  /** A view, not a copy. */
  bytes(length: number): Buffer {
    const from = this.#take(length)
    return this.#bytes.subarray(from, from + length)
  }

  /** Leaves `length` bytes out. @returns Where they begin. */
  skip(length: number): number {
    return this.#take(length)
  }

  #take(length: number): number {
    const from = this.#at
    if (length > this.#bytes.length - from) throw new RangeError('it ends too early')
    this.#at = from + length
    return from
  }
}

/** Bytes that grow; `take` gives them and starts anew. */
export class ByteWriter {
  #bytes: Buffer
  #length = 0

  constructor(sizeBytes: number = 4096) {
    this.#bytes = Buffer.allocUnsafeSlow(sizeBytes)
  }

  get length(): number {
    return this.#length
  }

  u8(value: number): void {
    this.#room(1)
    this.#bytes[this.#length++] = value
  }

  u32(value: number): void {
    this.#room(4)
    this.#length = this.#bytes.writeUInt32LE(value, this.#length)
  }

  u64(value: number): void {
    this.#room(8)
    this.#length = this.#bytes.writeBigUInt64LE(BigInt(value), this.#length)
  }

  varint(value: number): void {
    this.#room(8)
    let rest = value
    while (rest >= 128) {
      this.#bytes[this.#length++] = (rest % 128) | 128
      rest = Math.floor(rest / 128)
    }
    this.#bytes[this.#length++] = rest
  }

  bytes(value: Uint8Array): void {
    this.#room(value.length)
    this.#bytes.set(value, this.#length)
    this.#length += value.length
  }

  /** `from[start]` to before `from[end]`. */
  copy(from: Buffer, start: number, end: number): void {
    this.#room(end - start)
    this.#length += from.copy(this.#bytes, this.#length, start, end)
  }

  /** What was written, as a copy of its own; the writer is empty afterwards. */
  take(): Buffer {
    const taken = Buffer.allocUnsafeSlow(this.#length)
    this.#bytes.copy(taken, 0, 0, this.#length)
    this.#length = 0
    return taken
  }

  /** What was written, in the writer's own memory: good until it is written to again. */
  view(): Buffer {
    return this.#bytes.subarray(0, this.#length)
  }

  /** Forgets what was written. */
  clear(): void {
    this.#length = 0
  }

  #room(length: number): void {
    if (this.#length + length <= this.#bytes.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#bytes.length * 2, this.#length + length))
    this.#bytes.copy(larger, 0, 0, this.#length)
    this.#bytes = larger
  }
}

/** The bytes of any view as a Buffer over the same memory. */
export const bufferOf = (bytes: Uint8Array): Buffer =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
