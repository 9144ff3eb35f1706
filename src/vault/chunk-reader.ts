import type { BlobReader, BlobStore } from '../blobs/blob-store.ts'
import { BlobNotFoundError } from '../blobs/blob-store.ts'
import type { KeyObject } from 'node:crypto'
import { ChunkMissingError, VaultDamageError } from './errors.ts'
import { ID_BYTES, SEED_BYTES } from './keys.ts'
import type { ChunkType, VaultKeys } from './keys.ts'
import type { ChunkIndex, SegmentInfo } from './chunk-index.ts'
import { packName } from './pack.ts'
import { openSegment } from './segment.ts'

interface OpenPack {
  readonly name: string
  readonly type: ChunkType
  readonly blob: BlobReader
  readonly seed: Buffer
  readonly key: KeyObject
}

export interface ChunkReaderOptions {
  readonly store: BlobStore
  readonly keys: VaultKeys
  readonly index: ChunkIndex
  /** Raw bytes of segments kept for the next chunk; default 12 MiB. */
  readonly cacheBytes?: number
  /** Told of each segment's raw bytes. */
  readonly onSegment?: ((rawLength: number) => void) | undefined
}

const DEFAULT_CACHE_BYTES = 12 * 1024 * 1024
const MAX_OPEN_PACKS = 64

/** Gives chunks by id, authenticated, synchronously. One serves one thread; `close` gives back its descriptors. */
export class ChunkReader {
  readonly #options: ChunkReaderOptions
  readonly #packs = new Map<number, OpenPack>()
  readonly #segments = new Map<number, Buffer>()
  #cachedBytes = 0
  #sealed = Buffer.allocUnsafeSlow(1024 * 1024)

  constructor(options: ChunkReaderOptions) {
    this.#options = options
  }

  /**
   * The chunk whose id is at `ids[at]`: a view that stays as it is, over memory shared with its neighbours.
   * @throws {ChunkMissingError} {VaultDamageError}
   */
  read(type: ChunkType, ids: Buffer, at: number): Buffer {
    const { index, keys } = this.#options
    const place = index.find(ids, at)
    if (place === undefined) {
      const id = ids.toString('hex', at, at + ID_BYTES)
      throw new ChunkMissingError(`Cannot read chunk ${id}: no pack of vault "${keys.vaultId}" has it`)
    }
    const raw = this.#segment(type, place.segment)
    const bytes = raw.subarray(place.offset, place.offset + place.length)
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
    return this.#options.index.find(ids, at)?.length
  }

  close(): void {
    for (const pack of this.#packs.values()) pack.blob.close()
    this.#packs.clear()
    this.#segments.clear()
    this.#cachedBytes = 0
  }

  [Symbol.dispose](): void {
    this.close()
  }

  #segment(type: ChunkType, index: number): Buffer {
    const cached = this.#segments.get(index)
    if (cached !== undefined) {
      // Moved to the end: the map's order is the order of use.
      this.#segments.delete(index)
      this.#segments.set(index, cached)
      return cached
    }
    const info = this.#options.index.segment(index)
    const raw = this.#openSegment(type, info)
    this.#segments.set(index, raw)
    this.#cachedBytes += raw.length
    this.#options.onSegment?.(raw.length)
    const limit = this.#options.cacheBytes ?? DEFAULT_CACHE_BYTES
    for (const [oldest, bytes] of this.#segments) {
      if (this.#cachedBytes <= limit || oldest === index) break
      this.#segments.delete(oldest)
      this.#cachedBytes -= bytes.length
    }
    return raw
  }

  #openSegment(type: ChunkType, info: SegmentInfo): Buffer {
    const pack = this.#pack(info.pack)
    if (pack.type !== type) throw new VaultDamageError(pack.name, `a ${type} chunk is said to lie in it`)
    if (info.sealedLength > this.#sealed.length) this.#sealed = Buffer.allocUnsafeSlow(info.sealedLength)
    const place = this.#options.keys.place(type)
    const at = { place, seed: pack.seed, number: info.number, offset: info.offset }
    try {
      pack.blob.readInto(this.#sealed, 0, info.sealedLength, info.offset)
      return openSegment(
        pack.key,
        at,
        this.#sealed.subarray(0, info.sealedLength),
        info.rawLength,
        info.flags,
      )
    } catch (cause) {
      throw new VaultDamageError(pack.name, `segment ${info.number} at byte ${info.offset} does not open`, {
        cause,
      })
    }
  }

  #pack(index: number): OpenPack {
    const known = this.#packs.get(index)
    if (known !== undefined) return known
    const { keys, store } = this.#options
    const { type, id } = this.#options.index.pack(index)
    const name = packName(type, id)
    const blob = openBlob(store, name)
    const seed = Buffer.allocUnsafe(SEED_BYTES)
    try {
      blob.readInto(seed, 0, SEED_BYTES, 0)
    } catch (cause) {
      blob.close()
      throw new VaultDamageError(name, 'it is too short for a pack', { cause })
    }
    for (const [oldest, pack] of this.#packs) {
      if (this.#packs.size < MAX_OPEN_PACKS) break
      pack.blob.close()
      this.#packs.delete(oldest)
    }
    const opened = { name, type, blob, seed, key: keys.sealKey(type, seed, 'pack') }
    this.#packs.set(index, opened)
    return opened
  }

  #nameOf(segment: number): string {
    const { type, id } = this.#options.index.pack(this.#options.index.segment(segment).pack)
    return packName(type, id)
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
