import { GEAR_WASM } from './gear-wasm.ts'

/** Sizes of chunks in bytes; even numbers, `average` a power of two. A parameter of the vault. */
export interface ChunkSizes {
  readonly min: number
  readonly average: number
  readonly max: number
}

export const DEFAULT_CHUNK_SIZES: ChunkSizes = { min: 32 * 1024, average: 128 * 1024, max: 512 * 1024 }

/** Cuts content by what it holds: docs/vault-format.md, section 12. One serves one thread. */
export interface Chunker {
  /** The kernel's memory: content that is read straight into it is cut without copying. */
  readonly memory: Buffer
  /**
   * Length of the chunk that begins at `memory[from]`, of `available` bytes there. It is final when `available` is at least
   * the largest chunk, or nothing follows.
   */
  cut(from: number, available: number): number
}

/** Where `memory` may be used from. */
export const CHUNKER_FREE: number = 64 * 1024

const TABLE_AT = 8192
const TABLE_BYTES = 2048
const PAGE_BYTES = 64 * 1024

/** @param memoryBytes Rounded up to pages of 64 KiB, the first of which is the kernel's. */
export function createChunker(gearTable: Buffer, sizes: ChunkSizes, memoryBytes: number): Chunker {
  const pages = Math.ceil(memoryBytes / PAGE_BYTES)
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages })
  const module = new WebAssembly.Module(Buffer.from(GEAR_WASM, 'base64'))
  const { cut } = new WebAssembly.Instance(module, { env: { memory } }).exports as {
    cut: (
      p: number,
      n: number,
      table: number,
      min: number,
      normal: number,
      max: number,
      below: bigint,
      above: bigint,
    ) => number
  }
  const view = Buffer.from(memory.buffer)
  for (let i = 0; i < 256; i++) {
    const value = gearTable.readBigUInt64LE(i * 8)
    view.writeBigUInt64LE(value, TABLE_AT + i * 8)
    view.writeBigUInt64LE(BigInt.asUintN(64, value << 1n), TABLE_AT + TABLE_BYTES + i * 8)
  }
  const bits = Math.log2(sizes.average)
  const below = maskOf(bits + 2)
  const above = maskOf(bits - 2)
  return {
    memory: view,
    cut: (from, available) =>
      cut(from, available, TABLE_AT, sizes.min, sizes.average, sizes.max, below, above),
  }
}

/** `count` bits spread over the upper 48 but bit 63, which the kernel's two-byte step cannot test. */
export function maskOf(count: number): bigint {
  let mask = 0n
  for (let i = 0; i < count; i++) mask |= 1n << BigInt(62 - Math.floor((i * 48) / count))
  return mask
}

/** @throws {RangeError} */
export function checkChunkSizes(sizes: ChunkSizes): void {
  const { min, average, max } = sizes
  const isGood =
    [min, average, max].every((size) => Number.isInteger(size) && size % 2 === 0) &&
    min >= 256 &&
    min <= average &&
    average <= max &&
    max <= 2 * 1024 * 1024 &&
    Number.isInteger(Math.log2(average))
  if (!isGood) throw new RangeError(`Cannot cut content into chunks of ${min}, ${average} and ${max} bytes`)
}
