import { ID_BYTES } from './keys.ts'
import type { ChunkType } from './keys.ts'
import { ChunkTable } from './chunk-table.ts'
import type { TableMemory } from './chunk-table.ts'
import type { SegmentEntry } from './pack.ts'

/**
 * Where every chunk of a vault lies: packed arrays in shared memory, so that pour threads use them as they are. About 35 bytes a
 * chunk, 16 a segment, 34 a pack. It only grows; a changed set of dead packs makes a new one.
 */
export interface IndexMemory {
  readonly table: TableMemory
  /** By entry: segment, offset in its raw bytes, length. */
  readonly places: SharedArrayBuffer
  /** By segment: pack, offset, sealed length, raw length with the flags in the top bits, number in its pack. */
  readonly segments: SharedArrayBuffer
  /** By pack: its id. */
  readonly packIds: SharedArrayBuffer
  /** By pack: bit 0, it is of type meta; bit 1, it must not be relied on by new recovery points. */
  readonly packFlags: SharedArrayBuffer
  readonly counts: SharedArrayBuffer
}

export interface ChunkPlace {
  readonly segment: number
  readonly offset: number
  readonly length: number
}

export interface SegmentInfo {
  readonly pack: number
  readonly number: number
  readonly offset: number
  readonly sealedLength: number
  readonly rawLength: number
  readonly flags: number
}

export interface IndexSize {
  readonly chunks: number
  readonly segments: number
  readonly packs: number
}

const PLACE_WORDS = 3
const SEGMENT_WORDS = 5
const RAW_MASK = 0x0fffffff
const IS_META = 1
const IS_DEAD = 2

export class ChunkIndex {
  readonly memory: IndexMemory
  readonly table: ChunkTable
  readonly #places: Uint32Array
  readonly #segments: Uint32Array
  readonly #packIds: Buffer
  readonly #packFlags: Uint8Array
  /** Packs and segments in use; written by one thread only. */
  readonly #counts: Int32Array

  constructor(memory: IndexMemory) {
    this.memory = memory
    this.table = new ChunkTable(memory.table)
    this.#places = new Uint32Array(memory.places)
    this.#segments = new Uint32Array(memory.segments)
    this.#packIds = Buffer.from(memory.packIds)
    this.#packFlags = new Uint8Array(memory.packFlags)
    this.#counts = new Int32Array(memory.counts)
  }

  static make(size: IndexSize): ChunkIndex {
    const table = ChunkTable.make(size.chunks)
    return new ChunkIndex({
      table: table.memory,
      places: new SharedArrayBuffer(table.capacity * PLACE_WORDS * 4),
      segments: new SharedArrayBuffer(size.segments * SEGMENT_WORDS * 4),
      packIds: new SharedArrayBuffer(size.packs * ID_BYTES),
      packFlags: new SharedArrayBuffer(size.packs),
      counts: new SharedArrayBuffer(8),
    })
  }

  get size(): IndexSize {
    return {
      chunks: this.table.size,
      packs: Atomics.load(this.#counts, 0),
      segments: Atomics.load(this.#counts, 1),
    }
  }

  hasRoomFor(more: IndexSize): boolean {
    const { chunks, packs, segments } = this.size
    return (
      chunks + more.chunks <= this.table.capacity &&
      packs + more.packs <= this.#packFlags.length &&
      (segments + more.segments) * SEGMENT_WORDS <= this.#segments.length
    )
  }

  /** Adds a pack. A chunk that is known already keeps its place: add packs that may be relied on before dead ones. */
  addPack(type: ChunkType, id: Uint8Array, isDead: boolean, segments: readonly SegmentEntry[]): void {
    const pack = Atomics.load(this.#counts, 0)
    this.#packIds.set(id, pack * ID_BYTES)
    this.#packFlags[pack] = (type === 'meta' ? IS_META : 0) | (isDead ? IS_DEAD : 0)
    Atomics.store(this.#counts, 0, pack + 1)
    for (const [number, segment] of segments.entries()) this.#addSegment(pack, number, segment)
  }

  #addSegment(pack: number, number: number, segment: SegmentEntry): void {
    const index = Atomics.load(this.#counts, 1)
    const word = index * SEGMENT_WORDS
    this.#segments[word] = pack
    this.#segments[word + 1] = segment.offset
    this.#segments[word + 2] = segment.sealedLength
    this.#segments[word + 3] = segment.rawLength | (segment.flags << 28)
    this.#segments[word + 4] = number
    Atomics.store(this.#counts, 1, index + 1)
    let offset = 0
    for (let i = 0; i < segment.lengths.length; i++) {
      const length = segment.lengths[i] as number
      const entry = ~this.table.claim(segment.ids, i * ID_BYTES)
      if (entry >= 0) {
        this.#places[entry * PLACE_WORDS] = index
        this.#places[entry * PLACE_WORDS + 1] = offset
        this.#places[entry * PLACE_WORDS + 2] = length
      }
      offset += length
    }
  }

  /** Where the chunk whose id is at `ids[at]` lies; undefined where it is unknown. */
  find(ids: Buffer, at: number): ChunkPlace | undefined {
    const entry = this.table.find(ids, at)
    if (entry < 0) return undefined
    const word = entry * PLACE_WORDS
    return {
      segment: this.#places[word] as number,
      offset: this.#places[word + 1] as number,
      length: this.#places[word + 2] as number,
    }
  }

  /** Whether a new recovery point may rely on the chunk being there. */
  isLive(ids: Buffer, at: number): boolean {
    const entry = this.table.find(ids, at)
    if (entry < 0) return false
    const segment = this.#places[entry * PLACE_WORDS] as number
    const pack = this.#segments[segment * SEGMENT_WORDS] as number
    return ((this.#packFlags[pack] as number) & IS_DEAD) === 0
  }

  segment(index: number): SegmentInfo {
    const word = index * SEGMENT_WORDS
    const raw = this.#segments[word + 3] as number
    return {
      pack: this.#segments[word] as number,
      offset: this.#segments[word + 1] as number,
      sealedLength: this.#segments[word + 2] as number,
      rawLength: raw & RAW_MASK,
      flags: raw >>> 28,
      number: this.#segments[word + 4] as number,
    }
  }

  pack(index: number): { readonly type: ChunkType; readonly id: Buffer; readonly isDead: boolean } {
    const flags = this.#packFlags[index] as number
    return {
      type: (flags & IS_META) === 0 ? 'data' : 'meta',
      id: this.#packIds.subarray(index * ID_BYTES, (index + 1) * ID_BYTES),
      isDead: (flags & IS_DEAD) !== 0,
    }
  }
}
