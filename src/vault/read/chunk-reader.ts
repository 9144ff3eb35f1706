import type { BlobReader, BlobStore } from '../../blobs/blob-store.ts'
import { BlobNotFoundError } from '../../blobs/blob-store.ts'
import type { KeyObject } from 'node:crypto'
import { ChunkMissingError, VaultDamageError } from '../errors.ts'
import { ID_BYTES, SEED_BYTES } from '../keys.ts'
import type { ChunkType, VaultKeys } from '../keys.ts'
import type { ChunkIndex, SegmentInfo } from '../chunks/chunk-index.ts'
import { FOOTER_BYTES, keyNumberOf, packName, parseDirectory, readDirectory } from '../format/pack.ts'
import { openSegment } from '../format/segment.ts'

interface OpenPack {
  readonly name: string
  readonly type: ChunkType
  readonly blob: BlobReader
  readonly seed: Buffer
  readonly key: KeyObject
  /** Its own sealed directory says of it what the index says. */
  readonly isAsIndexed: boolean
}

export interface ChunkReaderOptions {
  readonly store: BlobStore
  readonly keys: VaultKeys
  readonly index: ChunkIndex
  /** Segments kept for the next chunk; default 12, of up to two MiB each. */
  readonly cachedSegments?: number
  /**
   * Hashes no chunk of a pack whose own sealed directory says what the index says. Chunks of other packs, and those whose directory
   * is damaged, are hashed all the same: what restores and what moves chunks reads so, what checks does not.
   */
  readonly trustsDirectories?: boolean
  /** Told of the bytes that each segment took in passing. */
  readonly onSegment?: ((rawLength: number) => void) | undefined
}

const CACHED_SEGMENTS = 12
const SLOT_BYTES = 2048 * 1024
const MAX_OPEN_PACKS = 64
/** Vaults of so few segments are asked for the longest. */
const FEW_SEGMENTS = 1_000

/** Memory for one opened segment. It is used again: buffers of zlib that live long cost a collection of all memory now and then. */
interface Slot {
  memory: Buffer
  isAsIndexed: boolean
}

/** Gives chunks by id, authenticated, synchronously. One serves one thread; `close` gives back its descriptors. */
export class ChunkReader {
  readonly #options: ChunkReaderOptions
  readonly #packs = new Map<number, OpenPack>()
  /** By segment, in the order of use. */
  readonly #slots = new Map<number, Slot>()
  #free: Slot[] | undefined
  #slotBytes = 0
  #sealed = Buffer.alloc(0)

  constructor(options: ChunkReaderOptions) {
    this.#options = options
  }

  /**
   * The chunk whose id is at `ids[at]`: a view that is good until the next call.
   * @throws {ChunkMissingError} {VaultDamageError}
   */
  read(type: ChunkType, ids: Buffer, at: number): Buffer {
    const { index, keys } = this.#options
    const place = index.find(ids, at)
    if (place === undefined) {
      const id = ids.toString('hex', at, at + ID_BYTES)
      throw new ChunkMissingError(`Cannot read chunk ${id}: no pack of vault "${keys.vaultId}" has it`)
    }
    const slot = this.#segment(type, place.segment)
    const bytes = slot.memory.subarray(place.offset, place.offset + place.length)
    if (slot.isAsIndexed) return bytes
    if (ids.compare(keys.chunkId(type, bytes), 0, ID_BYTES, at, at + ID_BYTES) !== 0) {
      throw new VaultDamageError(
        this.#nameOf(place.segment),
        `chunk ${ids.toString('hex', at, at + ID_BYTES)} differs`,
      )
    }
    return bytes
  }

  /** Length of a chunk without reading it; undefined where it is unknown. */
  lengthOf(ids: Buffer, at: number): number | undefined {
    return this.#options.index.lengthOf(ids, at)
  }

  close(): void {
    for (const pack of this.#packs.values()) pack.blob.close()
    this.#packs.clear()
    this.#slots.clear()
    this.#free = undefined
  }

  [Symbol.dispose](): void {
    this.close()
  }

  #segment(type: ChunkType, index: number): Slot {
    const cached = this.#slots.get(index)
    if (cached !== undefined) {
      this.#slots.delete(index)
      this.#slots.set(index, cached)
      return cached
    }
    const info = this.#options.index.segment(index)
    const { rawLength } = info
    const slot = this.#freeSlot()
    if (slot.memory.length < rawLength) slot.memory = Buffer.allocUnsafeSlow(rawLength)
    try {
      slot.isAsIndexed = this.#openSegment(type, info, slot.memory.subarray(0, rawLength))
    } catch (error) {
      this.#free?.push(slot)
      throw error
    }
    this.#slots.set(index, slot)
    this.#options.onSegment?.(info.sealedLength)
    return slot
  }

  #freeSlot(): Slot {
    this.#free ??= this.#makeSlots()
    const free = this.#free.pop()
    if (free !== undefined) return free
    const [oldest, slot] = this.#slots.entries().next().value as [number, Slot]
    this.#slots.delete(oldest)
    return slot
  }

  /** Of one allocation, of which only what is used takes memory. */
  #makeSlots(): Slot[] {
    const count = this.#options.cachedSegments ?? CACHED_SEGMENTS
    const bytes = (this.#slotBytes = slotBytesOf(this.#options.index))
    const memory = Buffer.allocUnsafeSlow(count * bytes)
    const slots = Array.from({ length: count }, (_, i) => ({
      memory: memory.subarray(i * bytes, (i + 1) * bytes),
      isAsIndexed: false,
    }))
    return slots.reverse()
  }

  /** @returns Whether its chunks need no hash. */
  #openSegment(type: ChunkType, info: SegmentInfo, into: Buffer): boolean {
    const pack = this.#pack(info.pack)
    if (pack.type !== type) throw new VaultDamageError(pack.name, `a ${type} chunk is said to lie in it`)
    const { sealedLength, number, offset, flags } = info
    if (sealedLength > this.#sealed.length)
      this.#sealed = Buffer.allocUnsafeSlow(Math.max(sealedLength, this.#slotBytes))
    const at = { place: this.#options.keys.place(type), seed: pack.seed, number, offset }
    try {
      pack.blob.readInto(this.#sealed, 0, sealedLength, offset)
      openSegment(pack.key, at, this.#sealed.subarray(0, sealedLength), flags, into)
    } catch (cause) {
      throw new VaultDamageError(pack.name, `segment ${number} at byte ${offset} does not open`, { cause })
    }
    return pack.isAsIndexed
  }

  #pack(index: number): OpenPack {
    const known = this.#packs.get(index)
    if (known !== undefined) return known
    const { keys, store } = this.#options
    const { type, id } = this.#options.index.pack(index)
    const name = packName(type, id)
    const blob = openBlob(store, name)
    const seed = Buffer.allocUnsafe(SEED_BYTES)
    let key: KeyObject
    try {
      blob.readInto(seed, 0, SEED_BYTES, 0)
      key = keys.sealKey(type, seed, 'pack', sealingKeyOf(keys, blob))
    } catch (cause) {
      blob.close()
      const reason = cause instanceof RangeError ? cause.message : 'it is too short for a pack'
      throw new VaultDamageError(name, reason, { cause })
    }
    for (const [oldest, pack] of this.#packs) {
      if (this.#packs.size < MAX_OPEN_PACKS) break
      pack.blob.close()
      this.#packs.delete(oldest)
    }
    const isAsIndexed = this.#isAsIndexed(index, { name, type, blob, seed })
    const opened = { name, type, blob, seed, key, isAsIndexed }
    this.#packs.set(index, opened)
    return opened
  }

  /**
   * Whether a pack is the one that the index describes. A seal binds a segment to its pack's seed, number, place and length, but not
   * to the pack's name: two packs may have changed places. The directory is sealed under the same seed, so where it is the index's,
   * each segment that opens holds the very chunks that the index names there.
   */
  #isAsIndexed(pack: number, { name, type, blob, seed }: Omit<OpenPack, 'key' | 'isAsIndexed'>): boolean {
    const { index, keys, trustsDirectories = false } = this.#options
    if (!trustsDirectories) return false
    try {
      const directory = readDirectory(keys, name, type, blob, seed)
      return index.describes(pack, parseDirectory(directory, blob.sizeBytes))
    } catch {
      return false
    }
  }

  #nameOf(segment: number): string {
    const { type, id } = this.#options.index.pack(this.#options.index.segment(segment).pack)
    return packName(type, id)
  }
}

/** What a slot must hold: little, where a small vault has only small segments. */
function slotBytesOf(index: ChunkIndex): number {
  const { segments } = index.size
  if (segments > FEW_SEGMENTS) return SLOT_BYTES
  return Math.max(...Array.from({ length: segments }, (_, number) => index.segment(number).rawLength))
}

/** Number of the vault key that the pack is sealed under; it need not be asked where there is only one. */
function sealingKeyOf(keys: VaultKeys, blob: BlobReader): number {
  if (keys.newest === 1) return 1
  const footer = Buffer.allocUnsafe(FOOTER_BYTES)
  try {
    blob.readInto(footer, 0, FOOTER_BYTES, Math.max(0, blob.sizeBytes - FOOTER_BYTES))
    return keyNumberOf(footer)
  } catch {
    // A damaged end must not cost what lies before it: most packs are of the newest key, and the seals tell.
    return keys.newest
  }
}

function openBlob(store: BlobStore, name: string): BlobReader {
  try {
    return store.open(name)
  } catch (cause) {
    if (cause instanceof BlobNotFoundError) throw new VaultDamageError(name, 'it is gone', { cause })
    throw cause
  }
}
