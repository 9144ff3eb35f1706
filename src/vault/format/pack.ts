import type { KeyObject } from 'node:crypto'
import type { BlobReader } from '../../blobs/blob-store.ts'
import { ByteReader, ByteWriter } from './binary.ts'
import { VaultDamageError } from '../errors.ts'
import { ID_BYTES, MAX_VAULT_KEYS, SEED_BYTES, TAG_BYTES } from '../keys.ts'
import type { ChunkType, VaultKeys } from '../keys.ts'
import { FLAG_ZSTD, MAX_SEGMENT_BYTES, openDirectory } from './segment.ts'

/** docs/vault-format.md, section 5: what a pack consists of, read from either of the two places that say it. */
export const FOOTER_BYTES = 16

/** What a pack ends with: `RLBKPACK` and the number of the vault key it is sealed under, in four digits. */
export function footerOf(keyNumber: number): Buffer {
  return Buffer.from(`RLBKPACK${String(keyNumber).padStart(4, '0')}`)
}

/**
 * Number of the vault key that a pack is sealed under.
 * @param footer Its last 16 bytes. @throws {RangeError} When it does not end as packs do.
 */
export function keyNumberOf(footer: Buffer): number {
  const number = Number(/^RLBKPACK(\d{4})$/.exec(footer.toString('latin1', 4))?.[1] ?? 0)
  if (number < 1 || number > MAX_VAULT_KEYS) throw new RangeError('it does not end as a pack does')
  return number
}

/** The key that a whole pack's segments are sealed under. @throws {RangeError} When it does not end as packs do. */
export function packKey(keys: VaultKeys, type: ChunkType, blob: BlobReader, seed: Buffer): KeyObject {
  const footer = Buffer.alloc(FOOTER_BYTES)
  blob.readInto(footer, 0, FOOTER_BYTES, blob.sizeBytes - FOOTER_BYTES)
  return keys.sealKey(type, seed, 'pack', keyNumberOf(footer))
}

export interface SegmentEntry {
  readonly offset: number
  readonly sealedLength: number
  readonly rawLength: number
  readonly flags: number
  /** Chunk ids one after another, 32 bytes each; a view. */
  readonly ids: Buffer
  readonly lengths: Uint32Array
}

/** A pack that is complete and has its name. `directory` is the plain text of its trailer. */
export interface FinishedPack {
  readonly type: ChunkType
  readonly id: Uint8Array
  readonly sizeBytes: number
  readonly directory: Uint8Array
}

export function packName(type: ChunkType, id: Uint8Array): string {
  const hex = Buffer.from(id.buffer, id.byteOffset, id.byteLength).toString('hex')
  return `${type}/${hex.slice(0, 2)}/${hex}`
}

/** Type and id of a pack by its blob's name; undefined for other names. */
export function parsePackName(name: string): { readonly type: ChunkType; readonly id: Buffer } | undefined {
  const match = /^(data|meta)\/([0-9a-f]{2})\/([0-9a-f]{64})$/.exec(name)
  if (match === null || !(match[3] as string).startsWith(match[2] as string)) return undefined
  return { type: match[1] as ChunkType, id: Buffer.from(match[3] as string, 'hex') }
}

/** Collects a directory while its pack is written. */
export class DirectoryWriter {
  readonly #segments = new ByteWriter()
  #count = 0

  add(
    sealedLength: number,
    rawLength: number,
    flags: number,
    ids: Uint8Array,
    lengths: ArrayLike<number>,
  ): void {
    this.#count++
    const out = this.#segments
    out.u32(sealedLength)
    out.u32(rawLength)
    out.u8(flags)
    out.u32(lengths.length)
    for (let i = 0; i < lengths.length; i++) {
      out.bytes(ids.subarray(i * ID_BYTES, (i + 1) * ID_BYTES))
      out.u32(lengths[i] as number)
    }
  }

  take(): Buffer {
    const count = Buffer.alloc(4)
    count.writeUInt32LE(this.#count)
    this.#count = 0
    return Buffer.concat([count, this.#segments.take()])
  }
}

/** @throws {RangeError} When the directory contradicts itself; `packBytes` is the whole pack's size. */
export function parseDirectory(directory: Uint8Array, packBytes: number): SegmentEntry[] {
  const reader = new ByteReader(directory)
  const count = reader.u32()
  const segments: SegmentEntry[] = []
  let offset = SEED_BYTES
  for (let n = 0; n < count; n++) {
    const segment = parseSegment(reader, offset)
    segments.push(segment)
    offset += segment.sealedLength
  }
  if (count === 0 || reader.left !== 0) throw new RangeError('its directory has the wrong length')
  if (offset + directory.length + TAG_BYTES + FOOTER_BYTES !== packBytes)
    throw new RangeError('its directory does not cover it')
  return segments
}

function parseSegment(reader: ByteReader, offset: number): SegmentEntry {
  const sealedLength = reader.u32()
  const rawLength = reader.u32()
  const flags = reader.u8()
  const chunks = reader.u32()
  if (rawLength === 0 || rawLength > MAX_SEGMENT_BYTES || sealedLength <= TAG_BYTES || flags > FLAG_ZSTD)
    throw new RangeError('its directory names an impossible segment')
  if (chunks === 0 || chunks * (ID_BYTES + 4) > reader.left)
    throw new RangeError('its directory ends too early')
  const ids = Buffer.allocUnsafe(chunks * ID_BYTES)
  const lengths = new Uint32Array(chunks)
  let sum = 0
  for (let i = 0; i < chunks; i++) {
    const length = reader.copyThenU32(ID_BYTES, ids, i * ID_BYTES)
    if (length === 0) throw new RangeError('its directory names an empty chunk')
    lengths[i] = length
    sum += length
  }
  if (sum !== rawLength) throw new RangeError('its directory has chunks that do not fill their segment')
  return { offset, sealedLength, rawLength, flags, ids, lengths }
}

/**
 * The directory at a pack's end.
 * @param knownSeed Seed that it must be sealed under; without one, that at the pack's beginning. @throws {VaultDamageError}
 */
export function readDirectory(
  keys: VaultKeys,
  name: string,
  type: ChunkType,
  blob: BlobReader,
  knownSeed?: Buffer,
): Buffer {
  try {
    const footer = Buffer.alloc(FOOTER_BYTES)
    const seed = knownSeed ?? Buffer.alloc(SEED_BYTES)
    const end = blob.sizeBytes - FOOTER_BYTES
    if (end < SEED_BYTES) throw new RangeError('it is too short for a pack')
    blob.readInto(footer, 0, FOOTER_BYTES, end)
    if (knownSeed === undefined) blob.readInto(seed, 0, SEED_BYTES, 0)
    const length = footer.readUInt32LE(0)
    const keyNumber = keyNumberOf(footer)
    if (length <= TAG_BYTES || length > end - SEED_BYTES)
      throw new RangeError('its directory has an impossible length')
    const sealed = Buffer.allocUnsafe(length)
    blob.readInto(sealed, 0, length, end - length)
    const at = { place: keys.place(type), seed, offset: end - length }
    return openDirectory(keys.sealKey(type, seed, 'pack', keyNumber), at, sealed)
  } catch (cause) {
    throw new VaultDamageError(name, `its directory cannot be read (${(cause as Error).message})`, { cause })
  }
}
