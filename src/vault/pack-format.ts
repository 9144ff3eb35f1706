import type { KeyObject } from 'node:crypto'
import { VaultCorruptError } from './errors.ts'
import { ID_BYTES, OBJECT_TYPES, SEED_BYTES, TAG_BYTES } from './keys.ts'
import type { PackType, VaultKeys } from './keys.ts'
import { compress, decompress, open, seal } from './seal.ts'
import type { Sealed } from './seal.ts'

/** Packs, their segments and directories: docs/vault-format.md, section 5. */

export const PACK_HEADER_BYTES: number = SEED_BYTES
export const PACK_END: Buffer = Buffer.from('RLBKPACK0001')
export const MAX_SEGMENT_BYTES: number = 8 * 1024 * 1024
/** A directory entry of a segment, and of a chunk in it. */
const SEGMENT_ENTRY = 13
const CHUNK_ENTRY = ID_BYTES + 4
const DIRECTORY_NONCE = Buffer.alloc(12, 0xff)

const ZSTD = 1
const RAW = 0

/** Where a segment lies and how it opens. */
export interface Segment {
  readonly number: number
  readonly offset: number
  readonly sealedLength: number
  readonly rawLength: number
  readonly flags: number
}

/** A segment of a directory, with its chunks as `entries[from, to)` of 36 bytes: id, u32 length. */
export interface DirectorySegment extends Segment {
  readonly chunkCount: number
  readonly chunks: Buffer
}

/** Seals and opens what lies in one pack; it knows the pack's seed. */
export class PackCipher {
  readonly #key: KeyObject
  readonly #segmentAdditional: Buffer
  readonly #directoryAdditional: Buffer
  readonly #nonce = Buffer.alloc(12)

  constructor(keys: VaultKeys, type: PackType, seed: Uint8Array) {
    this.#key = keys.packKey(type, seed)
    const place = keys.place(type)
    this.#segmentAdditional = Buffer.concat([place, Buffer.from('S'), seed, Buffer.alloc(13)])
    this.#directoryAdditional = Buffer.concat([place, Buffer.from('T'), seed, Buffer.alloc(12)])
  }

  /**
   * Compresses and seals a segment, opens it again and compares.
   * @throws {VaultCorruptError} When that gives other bytes: the machine is at fault, nothing was written.
   */
  sealSegment(
    raw: Uint8Array,
    number: number,
    offset: number,
  ): { readonly flags: number; readonly sealed: Sealed } {
    const packed = compress(raw)
    return this.sealPacked(packed ?? raw, packed === undefined ? RAW : ZSTD, raw, number, offset)
  }

  /** As sealSegment, with bytes that were compressed before. `packed` must be `raw` where flags are 0. */
  sealPacked(
    packed: Uint8Array,
    flags: number,
    raw: Uint8Array,
    number: number,
    offset: number,
  ): { readonly flags: number; readonly sealed: Sealed } {
    const segment = { number, offset, sealedLength: packed.length + TAG_BYTES, rawLength: raw.length, flags }
    const sealed = seal(this.#key, this.#nonceOf(number), this.#additionalOf(segment), packed)
    // Not through a copy of both parts joined: the tag is checked as well, by sealing being a function of its input.
    const again = this.openSegment(Buffer.concat(sealed.parts), segment)
    if (Buffer.compare(again, raw) !== 0) {
      throw new VaultCorruptError('Cannot seal a segment: what was sealed does not open to the same bytes')
    }
    return { flags, sealed }
  }

  /** @throws {Error} When anything is not as it was sealed; callers name the pack. */
  openSegment(sealed: Uint8Array, segment: Segment): Buffer {
    const plain = this.openPacked(sealed, segment)
    if (segment.flags === ZSTD) return decompress(plain, segment.rawLength)
    if (plain.length !== segment.rawLength) throw new Error(`a raw segment has ${plain.length} bytes`)
    return plain
  }

  /** The segment as it was compressed. */
  openPacked(sealed: Uint8Array, segment: Segment): Buffer {
    return open(this.#key, this.#nonceOf(segment.number), this.#additionalOf(segment), sealed)
  }

  sealDirectory(directory: Buffer, offset: number): Sealed {
    return seal(this.#key, DIRECTORY_NONCE, this.#directoryPlace(offset, directory.length), directory)
  }

  openDirectory(sealed: Buffer, offset: number): Buffer {
    return open(this.#key, DIRECTORY_NONCE, this.#directoryPlace(offset, sealed.length - TAG_BYTES), sealed)
  }

  #nonceOf(number: number): Buffer {
    this.#nonce.writeUInt32LE(number, 0)
    return this.#nonce
  }

  #additionalOf(segment: Segment): Buffer {
    const additional = this.#segmentAdditional
    const at = additional.length - 13
    additional.writeUInt32LE(segment.offset, at)
    additional.writeUInt32LE(segment.rawLength, at + 8)
    additional[at + 12] = segment.flags
    return additional
  }

  #directoryPlace(offset: number, length: number): Buffer {
    const additional = this.#directoryAdditional
    additional.writeUInt32LE(offset, additional.length - 12)
    additional.writeUInt32LE(length, additional.length - 4)
    return additional
  }
}

/** One segment's part of a directory. `chunks` holds 36 bytes a chunk. */
export function encodeDirectorySegment(
  segment: { readonly sealedLength: number; readonly rawLength: number; readonly flags: number },
  chunks: Uint8Array,
): Buffer {
  const bytes = Buffer.allocUnsafe(SEGMENT_ENTRY + chunks.length)
  bytes.writeUInt32LE(segment.sealedLength, 0)
  bytes.writeUInt32LE(segment.rawLength, 4)
  bytes[8] = segment.flags
  bytes.writeUInt32LE(chunks.length / CHUNK_ENTRY, 9)
  bytes.set(chunks, SEGMENT_ENTRY)
  return bytes
}

export function encodeDirectory(segments: readonly Buffer[]): Buffer {
  const count = Buffer.alloc(4)
  count.writeUInt32LE(segments.length)
  return Buffer.concat([count, ...segments])
}

/**
 * Reads a directory whole. `end` is where the segments must end, the directory's offset in the pack.
 * @throws {VaultCorruptError} When it does not add up; `pack` is its name for the message.
 */
export function decodeDirectory(directory: Buffer, end: number, pack: string): DirectorySegment[] {
  const fail = (what: string): VaultCorruptError =>
    new VaultCorruptError(`Cannot read the directory of pack "${pack}": ${what}`, { blob: pack })
  if (directory.length < 4) throw fail('it is too short')
  const count = directory.readUInt32LE(0)
  const segments: DirectorySegment[] = []
  let at = 4
  let offset = PACK_HEADER_BYTES
  for (let number = 0; number < count; number++) {
    if (at + SEGMENT_ENTRY > directory.length) throw fail('it ends inside a segment')
    const sealedLength = directory.readUInt32LE(at)
    const rawLength = directory.readUInt32LE(at + 4)
    const flags = directory[at + 8] as number
    const chunkCount = directory.readUInt32LE(at + 9)
    at += SEGMENT_ENTRY
    if (sealedLength <= TAG_BYTES || rawLength < 1 || rawLength > MAX_SEGMENT_BYTES || flags > ZSTD) {
      throw fail(`segment ${number} has impossible lengths`)
    }
    if (chunkCount < 1 || at + chunkCount * CHUNK_ENTRY > directory.length)
      throw fail('it ends inside a chunk')
    const chunks = directory.subarray(at, at + chunkCount * CHUNK_ENTRY)
    if (lengthOf(chunks) !== rawLength) throw fail(`the chunks of segment ${number} do not add up`)
    segments.push({ number, offset, sealedLength, rawLength, flags, chunkCount, chunks })
    at += chunks.length
    offset += sealedLength
  }
  if (count < 1 || at !== directory.length || offset !== end) throw fail('its segments do not fill the pack')
  return segments
}

/** Sum of chunk lengths; NaN where one is 0. */
function lengthOf(chunks: Buffer): number {
  let sum = 0
  for (let at = ID_BYTES; at < chunks.length; at += CHUNK_ENTRY) {
    const length = chunks.readUInt32LE(at)
    sum += length > 0 ? length : Number.NaN
  }
  return sum
}

export const CHUNK_ENTRY_BYTES: number = CHUNK_ENTRY

/** The blob of the pack with this id (hex). */
export function packName(type: PackType, id: string): string {
  return `${type}/${id.slice(0, 2)}/${id}`
}

export function packTypeOf(code: number): PackType | undefined {
  return code === OBJECT_TYPES.data ? 'data' : code === OBJECT_TYPES.meta ? 'meta' : undefined
}
