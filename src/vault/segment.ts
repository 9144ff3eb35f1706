import { createCipheriv, createDecipheriv } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { TAG_BYTES } from './keys.ts'
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

export interface SealedSegment {
  readonly ciphertext: Buffer
  readonly tag: Buffer
  readonly flags: number
}

const READ_BACK_DIFFERS =
  'Cannot store a segment: reading it back gave other bytes. Check this machine’s memory'

/** Memory for what is compressed and for what is read back; this thread's. */
let packedMemory = Buffer.alloc(0)
let backMemory = Buffer.alloc(0)

/**
 * Compresses and seals one segment, then opens and decompresses it again and compares: a fault of memory, compressor or cipher
 * must not be found at restore.
 */
export function sealSegment(key: KeyObject, at: SegmentPlace, raw: Uint8Array): SealedSegment {
  if (packedMemory.length < raw.length) packedMemory = Buffer.allocUnsafeSlow(raw.length)
  if (backMemory.length < raw.length) backMemory = Buffer.allocUnsafeSlow(raw.length)
  const packedLength = zstd().compress(raw, packedMemory.subarray(0, raw.length - 1))
  const flags = packedLength > 0 ? FLAG_ZSTD : 0
  const nonce = nonceOf(at.number)
  const aad = aadOf(at, raw.length, flags)
  const packed = packedLength > 0 ? packedMemory.subarray(0, packedLength) : raw
  const sealed = { ...seal(key, nonce, aad, packed), flags }
  const back = backMemory.subarray(0, raw.length)
  openWith(key, nonce, aad, sealed, back)
  if (Buffer.compare(back, raw) !== 0) throw new Error(READ_BACK_DIFFERS)
  return sealed
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
  const split = sealed.length - TAG_BYTES
  const parts = { ciphertext: sealed.subarray(0, split), tag: sealed.subarray(split), flags }
  openWith(key, nonceOf(at.number), aadOf(at, into.length, flags), parts, into)
}

/**
 * What a seal holds, as it was compressed: authentic, and known to be compressed well only by who sealed it.
 * @param sealed Ciphertext and tag. @throws When anything about it is not as it was written.
 */
export function unsealSegment(
  key: KeyObject,
  at: SegmentPlace,
  sealed: Buffer,
  { rawLength, flags }: { readonly rawLength: number; readonly flags: number },
): Buffer {
  const split = sealed.length - TAG_BYTES
  const parts = { ciphertext: sealed.subarray(0, split), tag: sealed.subarray(split), flags }
  return unseal(key, nonceOf(at.number), aadOf(at, rawLength, flags), parts)
}

/** Seals for another place what `unsealSegment` gave, then opens that again and compares. */
export function resealSegment(
  key: KeyObject,
  at: SegmentPlace,
  packed: Buffer,
  { rawLength, flags }: { readonly rawLength: number; readonly flags: number },
): SealedSegment {
  const nonce = nonceOf(at.number)
  const aad = aadOf(at, rawLength, flags)
  const sealed = { ...seal(key, nonce, aad, packed), flags }
  if (!unseal(key, nonce, aad, sealed).equals(packed)) throw new Error(READ_BACK_DIFFERS)
  return sealed
}

function seal(key: KeyObject, nonce: Buffer, aad: Buffer, plain: Uint8Array): Omit<SealedSegment, 'flags'> {
  const cipher = createCipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES })
  cipher.setAAD(aad)
  const ciphertext = cipher.update(plain)
  cipher.final()
  return { ciphertext, tag: cipher.getAuthTag() }
}

function unseal(key: KeyObject, nonce: Buffer, aad: Buffer, sealed: SealedSegment): Buffer {
  const decipher = createDecipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES })
  decipher.setAAD(aad)
  decipher.setAuthTag(sealed.tag)
  const packed = decipher.update(sealed.ciphertext)
  decipher.final()
  return packed
}

function openWith(key: KeyObject, nonce: Buffer, aad: Buffer, sealed: SealedSegment, into: Buffer): void {
  const packed = unseal(key, nonce, aad, sealed)
  if (sealed.flags === FLAG_ZSTD) return zstd().decompress(packed, into)
  if (packed.length !== into.length)
    throw new RangeError('the segment has another length than its directory says')
  packed.copy(into)
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
