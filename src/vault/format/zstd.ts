import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { nativeFunctions } from '../../lib/native.ts'
import { bufferOf } from './binary.ts'

/**
 * zstd into memory that the caller has. node:zlib makes a context and fresh output for each call: a quarter of the time of opening
 * a segment, and garbage of a megabyte that the collector cannot see the weight of. Node's own zstd is therefore called through
 * node:ffi, with contexts that live in buffers of ours; where that is missing, node:zlib does the same, slower.
 */
export interface Zstd {
  /** One frame of `raw` at the start of `into`; its length, or 0 where `into` is too small for it. */
  compress(raw: Uint8Array, into: Buffer): number
  /** @throws {RangeError} Unless `packed` unpacks to exactly the length of `into`. */
  decompress(packed: Uint8Array, into: Buffer): void
}

const LEVEL = 3
/**
 * Up to this length, the tables in which level 3 looks for what it has seen have 2^15 entries each, 256 KiB in all: that leaves room for
 * the bytes themselves in a processor's own cache. The level's own are three times as large: docs/adr/0011 has both figures. They are
 * worth it where more bytes come at once.
 */
const SHORT_BYTES = 1.25 * 1024 * 1024
const SHORT_TABLE_LOG = 15
/** The level's own. */
const OWN_TABLE_LOG = 0
const LEAST_OUTPUT_BYTES = 64 * 1024
const SIGNATURES = {
  ZSTD_estimateCCtxSize: { arguments: ['i32'], return: 'u64' },
  ZSTD_estimateDCtxSize: { arguments: [], return: 'u64' },
  ZSTD_initStaticCCtx: { arguments: ['buffer', 'u64'], return: 'pointer' },
  ZSTD_initStaticDCtx: { arguments: ['buffer', 'u64'], return: 'pointer' },
  ZSTD_CCtx_setParameter: { arguments: ['buffer', 'i32', 'i32'], return: 'u64' },
  ZSTD_compress2: { arguments: ['buffer', 'buffer', 'u64', 'buffer', 'u64'], return: 'u64' },
  ZSTD_decompressDCtx: { arguments: ['buffer', 'buffer', 'u64', 'buffer', 'u64'], return: 'u64' },
} as const

/** Above it an answer is an error. */
const MAX_ANSWER = 2n ** 63n

const tableLogFor = (raw: Uint8Array): number => (raw.length > SHORT_BYTES ? OWN_TABLE_LOG : SHORT_TABLE_LOG)
const parametersWith = (tableLog: number): readonly (readonly [parameter: number, value: number])[] => [
  [constants.ZSTD_c_compressionLevel, LEVEL],
  [constants.ZSTD_c_hashLog, tableLog],
  [constants.ZSTD_c_chainLog, tableLog],
]

let made: Zstd | undefined

/** This thread's. */
export function zstd(): Zstd {
  return (made ??= nativeZstd() ?? zlibZstd)
}

/** Undefined where Node's zstd cannot be called. */
export function nativeZstd(): Zstd | undefined {
  const calls = nativeFunctions(SIGNATURES)
  if (calls === undefined) return undefined
  let packer: Buffer | undefined
  let tableLog: number | undefined
  let unpacker: Buffer | undefined
  // An error is a number near 2^64, so no length of ours is one.
  return {
    compress(raw, into) {
      if (raw.length === 0 || into.length === 0) return 0
      packer ??= contextOf(calls.ZSTD_estimateCCtxSize(LEVEL), calls.ZSTD_initStaticCCtx)
      if (tableLog !== tableLogFor(raw)) {
        for (const [parameter, value] of parametersWith(tableLogFor(raw)))
          if (calls.ZSTD_CCtx_setParameter(packer, parameter, value) > MAX_ANSWER)
            throw new Error(`zstd does not take ${value} for its parameter ${parameter}`)
        tableLog = tableLogFor(raw)
      }
      const length = Number(calls.ZSTD_compress2(packer, into, BigInt(into.length), raw, BigInt(raw.length)))
      return length > into.length ? 0 : length
    },
    decompress(packed, into) {
      if (packed.length === 0 || into.length === 0) throw wrongLength(0, into.length)
      unpacker ??= contextOf(calls.ZSTD_estimateDCtxSize(), calls.ZSTD_initStaticDCtx)
      const length = Number(
        calls.ZSTD_decompressDCtx(unpacker, into, BigInt(into.length), packed, BigInt(packed.length)),
      )
      if (length !== into.length) throw wrongLength(length, into.length)
    },
  }
}

/** A context inside memory of ours: nothing is left behind when a thread is ended in the middle of its work. */
function contextOf(sizeBytes: bigint, init: (memory: Buffer, size: bigint) => bigint): Buffer {
  const memory = Buffer.allocUnsafeSlow(Number(sizeBytes))
  const context = init(memory, sizeBytes)
  if (context === 0n) throw new Error('Cannot make a context for zstd')
  return memory
}

export const zlibZstd: Zstd = {
  // `pledgedSrcSize` and `chunkSize` save zlib its growing output: 5 to 18 % of compression, half of decompression.
  compress(raw, into) {
    const packed = zstdCompressSync(raw, {
      params: Object.fromEntries(parametersWith(tableLogFor(raw))),
      pledgedSrcSize: raw.length,
      chunkSize: Math.max(LEAST_OUTPUT_BYTES, raw.length >> 1),
    })
    if (packed.length > into.length) return 0
    packed.copy(into)
    return packed.length
  },
  decompress(packed, into) {
    const raw = unpack(packed, into.length)
    if (raw.length !== into.length) throw wrongLength(raw.length, into.length)
    bufferOf(raw).copy(into)
  },
}

/** Stops at the length that was promised: a frame that inflates further is an error. */
function unpack(packed: Uint8Array, rawLength: number): Buffer {
  try {
    return zstdDecompressSync(packed, {
      chunkSize: rawLength + 64,
      maxOutputLength: Math.max(64, rawLength),
    })
  } catch (cause) {
    throw new RangeError('it is no zstd frame of the length that was promised', { cause })
  }
}

function wrongLength(found: number, expected: number): RangeError {
  const what = found > Number.MAX_SAFE_INTEGER ? 'nothing' : `${found} bytes`
  return new RangeError(`a zstd frame unpacks to ${what} instead of ${expected}`)
}
