import { createCipheriv, createDecipheriv } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { gcm } from './gcm.ts'
import type { GcmSeal } from './gcm.ts'
import { TAG_BYTES } from '../keys.ts'
import { zstd } from './zstd.ts'

/** docs/vault-format.md, section 5. */
export const MAX_SEGMENT_BYTES: number = 8 * 1024 * 1024
export const FLAG_ZSTD = 1

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

/** `bytes`, ciphertext and tag, are good until this thread seals the next one. */
export interface SealedSegment {
  readonly bytes: Buffer
  readonly flags: number
}

const READ_BACK_DIFFERS =
  'Cannot store a segment: reading it back gave other bytes. Check this machine’s memory'

/** Memory of this thread for what is compressed, sealed, and read back. */
const memory = {
  packed: Buffer.alloc(0),
  sealed: Buffer.alloc(0),
  opened: Buffer.alloc(0),
  raw: Buffer.alloc(0),
}

function memoryOf(what: keyof typeof memory, bytes: number): Buffer {
  if (memory[what].length < bytes) memory[what] = Buffer.allocUnsafeSlow(bytes)
  return memory[what]
}

/**
 * Compresses and seals one segment, then opens and decompresses it again and compares: a fault of memory, compressor or cipher
 * must not be found at restore.
 */
export function sealSegment(key: KeyObject, at: SegmentPlace, raw: Uint8Array): SealedSegment {
  const packing = memoryOf('packed', raw.length)
  const packedLength = zstd().compress(raw, packing.subarray(0, raw.length - 1))
  const flags = packedLength > 0 ? FLAG_ZSTD : 0
  const packed = packedLength > 0 ? packing.subarray(0, packedLength) : raw
  const how = howOf(key, at, raw.length, flags)
  const bytes = gcm().seal(how, packed, memoryOf('sealed', packed.length + TAG_BYTES))
  const back = memoryOf('raw', raw.length).subarray(0, raw.length)
  openWith(how, bytes, flags, back)
  if (Buffer.compare(back, raw) !== 0) throw new Error(READ_BACK_DIFFERS)
  return { bytes, flags }
}

/**
 * Fills `into` with the raw bytes of a segment; its length is what they must have.
 * @param sealed Ciphertext and tag.
 * @throws When anything about it is not as it was written.
 */
export function openSegment(
  key: KeyObject,
  at: SegmentPlace,
  sealed: Buffer,
  flags: number,
  into: Buffer,
): void {
  openWith(howOf(key, at, into.length, flags), sealed, flags, into)
}

/**
 * What a seal holds, as it was compressed: authentic, and known to be compressed well only by who sealed it.
 * @param sealed Ciphertext and tag. @param into Has room for it. @throws When anything about it is not as it was written.
 */
export function unsealSegment(
  key: KeyObject,
  at: SegmentPlace,
  sealed: Buffer,
  { rawLength, flags }: Coding,
  into: Buffer,
): Buffer {
  return gcm().open(howOf(key, at, rawLength, flags), sealed, into)
}

/** Seals for another place what `unsealSegment` gave, then opens that again and compares. */
export function resealSegment(
  key: KeyObject,
  at: SegmentPlace,
  packed: Buffer,
  { rawLength, flags }: Coding,
): SealedSegment {
  const how = howOf(key, at, rawLength, flags)
  const bytes = gcm().seal(how, packed, memoryOf('sealed', packed.length + TAG_BYTES))
  if (!gcm().open(how, bytes, memoryOf('opened', packed.length)).equals(packed))
    throw new Error(READ_BACK_DIFFERS)
  return { bytes, flags }
}

interface Coding {
  readonly rawLength: number
  readonly flags: number
}

function howOf(key: KeyObject, at: SegmentPlace, rawLength: number, flags: number): GcmSeal {
  return { key, nonce: nonceOf(at.number), aad: aadOf(at, rawLength, flags) }
}

function openWith(how: GcmSeal, sealed: Buffer, flags: number, into: Buffer): void {
  const length = sealed.length - TAG_BYTES
  if (flags === FLAG_ZSTD) return zstd().decompress(gcm().open(how, sealed, memoryOf('opened', length)), into)
  if (length !== into.length) throw new RangeError('the segment has another length than its directory says')
  gcm().open(how, sealed, into)
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
