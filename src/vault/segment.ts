import { createCipheriv, createDecipheriv } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { TAG_BYTES } from './keys.ts'

/** docs/vault-format.md, section 5. */
export const MAX_SEGMENT_BYTES: number = 8 * 1024 * 1024
export const FLAG_ZSTD = 1

const LEVEL = { [constants.ZSTD_c_compressionLevel]: 3 }
const LEAST_OUTPUT_BYTES = 64 * 1024
const CIPHER = 'aes-256-gcm'

/** Where in a pack a segment stands: bound into its seal. */
export interface SegmentPlace {
  /** `PLACE(T)`. */
  readonly place: Buffer
  readonly seed: Uint8Array
  /** Counts from 0. */
  readonly number: number
  readonly offset: number
}

export interface SealedSegment {
  readonly ciphertext: Buffer
  readonly tag: Buffer
  readonly flags: number
}

/**
 * Compresses and seals one segment, then opens and decompresses it again and compares: a fault of memory, compressor or cipher
 * must not be found at restore.
 *
 * `pledgedSrcSize` and `chunkSize` save zlib its growing output (5 to 18 % of compression, half of decompression).
 */
export function sealSegment(key: KeyObject, at: SegmentPlace, raw: Uint8Array): SealedSegment {
  const packed = zstdCompressSync(raw, {
    params: LEVEL,
    pledgedSrcSize: raw.length,
    chunkSize: Math.max(LEAST_OUTPUT_BYTES, raw.length >> 1),
  })
  const flags = packed.length < raw.length ? FLAG_ZSTD : 0
  const nonce = nonceOf(at.number)
  const aad = aadOf(at, raw.length, flags)
  const cipher = createCipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES })
  cipher.setAAD(aad)
  const ciphertext = cipher.update(flags === FLAG_ZSTD ? packed : raw)
  cipher.final()
  const sealed = { ciphertext, tag: cipher.getAuthTag(), flags }
  const back = openWith(key, nonce, aad, sealed, raw.length)
  if (Buffer.compare(back, raw) !== 0) {
    throw new Error('Cannot store a segment: reading it back gave other bytes. Check this machine’s memory')
  }
  return sealed
}

/**
 * The raw bytes of a segment.
 * @param sealed Ciphertext and tag.
 * @throws When anything about it is not as it was written.
 */
export function openSegment(
  key: KeyObject,
  at: SegmentPlace,
  sealed: Buffer,
  rawLength: number,
  flags: number,
): Buffer {
  const split = sealed.length - TAG_BYTES
  const parts = { ciphertext: sealed.subarray(0, split), tag: sealed.subarray(split), flags }
  return openWith(key, nonceOf(at.number), aadOf(at, rawLength, flags), parts, rawLength)
}

function openWith(
  key: KeyObject,
  nonce: Buffer,
  aad: Buffer,
  sealed: SealedSegment,
  rawLength: number,
): Buffer {
  const decipher = createDecipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES })
  decipher.setAAD(aad)
  decipher.setAuthTag(sealed.tag)
  const packed = decipher.update(sealed.ciphertext)
  decipher.final()
  const raw = sealed.flags === FLAG_ZSTD ? unpack(packed, rawLength) : packed
  if (raw.length !== rawLength) throw new Error('the segment has another length than its directory says')
  return raw
}

/** Stops at the length that was promised: a frame that inflates further is an error. */
export function unpack(packed: Uint8Array, rawLength: number): Buffer {
  return zstdDecompressSync(packed, { chunkSize: rawLength + 64, maxOutputLength: Math.max(64, rawLength) })
}

function nonceOf(number: number): Buffer {
  const nonce = Buffer.alloc(12)
  nonce.writeUInt32LE(number, 0)
  return nonce
}

function aadOf(at: SegmentPlace, rawLength: number, flags: number): Buffer {
  const aad = Buffer.allocUnsafe(at.place.length + 1 + at.seed.length + 13)
  let end = at.place.copy(aad)
  aad[end++] = 0x53 // S
  aad.set(at.seed, end)
  end += at.seed.length
  aad.writeUInt32LE(at.offset, end)
  aad.writeUInt32LE(0, end + 4)
  aad.writeUInt32LE(rawLength, end + 8)
  aad[end + 12] = flags
  return aad
}

const TRAILER_NONCE = Buffer.alloc(12, 0xff)

/** Seals a pack's directory, which stands at `at.offset`. */
export function sealDirectory(key: KeyObject, at: Omit<SegmentPlace, 'number'>, directory: Buffer): Buffer {
  const cipher = createCipheriv(CIPHER, key, TRAILER_NONCE, { authTagLength: TAG_BYTES })
  cipher.setAAD(directoryAad(at, directory.length))
  return Buffer.concat([cipher.update(directory), cipher.final(), cipher.getAuthTag()])
}

export function openDirectory(key: KeyObject, at: Omit<SegmentPlace, 'number'>, sealed: Buffer): Buffer {
  const split = sealed.length - TAG_BYTES
  const decipher = createDecipheriv(CIPHER, key, TRAILER_NONCE, { authTagLength: TAG_BYTES })
  decipher.setAAD(directoryAad(at, split))
  decipher.setAuthTag(sealed.subarray(split))
  return Buffer.concat([decipher.update(sealed.subarray(0, split)), decipher.final()])
}

function directoryAad(at: Omit<SegmentPlace, 'number'>, length: number): Buffer {
  const numbers = Buffer.alloc(12)
  numbers.writeUInt32LE(at.offset, 0)
  numbers.writeUInt32LE(length, 8)
  return Buffer.concat([at.place, Buffer.from('T'), at.seed, numbers])
}
