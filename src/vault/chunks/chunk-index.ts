import { ID_BYTES } from '../keys.ts'
import type { ChunkType } from '../keys.ts'
import type { SegmentEntry } from '../format/pack.ts'

/**
 * Where every chunk of a vault lies: packed arrays in shared memory, so that pour threads use them as they are. It only grows; a
 * changed set of dead packs makes a new one.
 *
 * Chunks are numbered as they lie in the vault, segment after segment, so that a chunk's segment and its place in there follow from
 * its number and cost nothing: 15 bytes a chunk, 5.2 for its slots, 20 a segment, 37 a pack; 23 bytes a chunk in all where segments
 * hold eight.
 *
 * Of an id words 1 to 3 are kept, and word 0 says where the search for it begins. So two ids are taken for one only where 96 bits are
 * the same and the first 32 nearly are: for 2^33 chunks that happens with probability 2^-62. Ids are SHA-256 under a secret prefix,
 * so nobody can aim at it; whoever reads a chunk checks its whole id all the same.
 */
export interface IndexMemory {
  /** Open addressing: number of a chunk + 1, or 0. */
  readonly slots: SharedArrayBuffer
  /** By chunk: words 1 to 3 of its id. */
  readonly prints: SharedArrayBuffer
  /** By chunk: its length, three bytes, lowest first. */
  readonly lengths: SharedArrayBuffer
  /** By segment: pack, offset, sealed length, raw length with the flags in the top bits, number of its first chunk. */
  readonly segments: SharedArrayBuffer
  /** By pack: its id. */
  readonly packIds: SharedArrayBuffer
  /** By pack: number of its first segment. */
  readonly packStarts: SharedArrayBuffer
  /** By pack: bit 0, it is of type meta; bit 1, it must not be relied on by new recovery points. */
  readonly packFlags: SharedArrayBuffer
  /** Packs, segments, chunks, dead packs; written by one thread only. */
  readonly counts: SharedArrayBuffer
}

export interface ChunkPlace {
  readonly segment: number
  readonly offset: number
  readonly length: number
}

export interface SegmentInfo {
  readonly pack: number
  /** In its pack, from 0. */
  readonly number: number
  readonly offset: number
  readonly sealedLength: number
  readonly rawLength: number
  readonly flags: number
}

export interface IndexSize {
  /** Every copy counts. */
  readonly chunks: number
  readonly segments: number
  readonly packs: number
}

const SLOTS_PER_CHUNK = 1.3
const PRINT_WORDS = 3
const LENGTH_BYTES = 3
const SEGMENT_WORDS = 5
const FIRST_CHUNK = 4
const RAW_MASK = 0x0fffffff
const IS_META = 1
const IS_DEAD = 2
const PACKS = 0
const SEGMENTS = 1
const CHUNKS = 2
const DEAD_PACKS = 3

export class ChunkIndex {
  readonly memory: IndexMemory
  readonly #slots: Int32Array
  readonly #prints: Uint32Array
  readonly #lengths: Uint8Array
  readonly #segments: Uint32Array
  readonly #packIds: Buffer
  readonly #packStarts: Uint32Array
  readonly #packFlags: Uint8Array
  readonly #counts: Int32Array
  /** Slots over 2^32: word 0 of an id times this is where it belongs. */
  readonly #scale: number
  /** Where the last chunk that was asked for lies: those asked for next mostly follow it. */
  #last = { segment: -1, chunk: 0, offset: 0 }

  constructor(memory: IndexMemory) {
    this.memory = memory
    this.#slots = new Int32Array(memory.slots)
    this.#prints = new Uint32Array(memory.prints)
    this.#lengths = new Uint8Array(memory.lengths)
    this.#segments = new Uint32Array(memory.segments)
    this.#packIds = Buffer.from(memory.packIds)
    this.#packStarts = new Uint32Array(memory.packStarts)
    this.#packFlags = new Uint8Array(memory.packFlags)
    this.#counts = new Int32Array(memory.counts)
    this.#scale = this.#slots.length / 2 ** 32
  }

  static make({ chunks, segments, packs }: IndexSize): ChunkIndex {
    return new ChunkIndex({
      slots: new SharedArrayBuffer(Math.ceil(chunks * SLOTS_PER_CHUNK + 1) * 4),
      prints: new SharedArrayBuffer(chunks * PRINT_WORDS * 4),
      lengths: new SharedArrayBuffer(chunks * LENGTH_BYTES),
      segments: new SharedArrayBuffer(segments * SEGMENT_WORDS * 4),
      packIds: new SharedArrayBuffer(packs * ID_BYTES),
      packStarts: new SharedArrayBuffer(packs * 4),
      packFlags: new SharedArrayBuffer(packs),
      counts: new SharedArrayBuffer(16),
    })
  }

  get size(): IndexSize {
    return {
      chunks: Atomics.load(this.#counts, CHUNKS),
      packs: Atomics.load(this.#counts, PACKS),
      segments: Atomics.load(this.#counts, SEGMENTS),
    }
  }

  /** What there is room for; as `make` takes it. */
  get room(): IndexSize {
    const segments = this.#segments.length / SEGMENT_WORDS
    return { chunks: this.capacity, segments, packs: this.#packFlags.length }
  }

  /** Its arrays, in one order, as far as an index of `size` fills them; slots are strewn over all of theirs. */
  filled({ chunks, segments, packs }: IndexSize = this.size): Uint8Array[] {
    const { slots, prints, lengths, counts } = this.memory
    return [
      new Uint8Array(slots),
      new Uint8Array(prints, 0, chunks * PRINT_WORDS * 4),
      new Uint8Array(lengths, 0, chunks * LENGTH_BYTES),
      new Uint8Array(this.memory.segments, 0, segments * SEGMENT_WORDS * 4),
      new Uint8Array(this.memory.packIds, 0, packs * ID_BYTES),
      new Uint8Array(this.memory.packStarts, 0, packs * 4),
      new Uint8Array(this.memory.packFlags, 0, packs),
      new Uint8Array(counts),
    ]
  }

  /** Chunks that there is room for; their numbers are less. */
  get capacity(): number {
    return this.#prints.length / PRINT_WORDS
  }

  hasRoomFor(more: IndexSize): boolean {
    const { chunks, packs, segments } = this.size
    return (
      chunks + more.chunks <= this.capacity &&
      packs + more.packs <= this.#packFlags.length &&
      (segments + more.segments) * SEGMENT_WORDS <= this.#segments.length
    )
  }

  /** Adds a pack. A chunk that is known already keeps its place: add packs that may be relied on before dead ones. */
  addPack(type: ChunkType, id: Uint8Array, isDead: boolean, segments: readonly SegmentEntry[]): void {
    const pack = Atomics.load(this.#counts, PACKS)
    this.#packIds.set(id, pack * ID_BYTES)
    this.#packStarts[pack] = Atomics.load(this.#counts, SEGMENTS)
    this.#packFlags[pack] = (type === 'meta' ? IS_META : 0) | (isDead ? IS_DEAD : 0)
    if (isDead) Atomics.add(this.#counts, DEAD_PACKS, 1)
    Atomics.store(this.#counts, PACKS, pack + 1)
    for (const segment of segments) this.#addSegment(pack, segment)
  }

  #addSegment(pack: number, segment: SegmentEntry): void {
    const index = Atomics.load(this.#counts, SEGMENTS)
    const first = Atomics.load(this.#counts, CHUNKS)
    const word = index * SEGMENT_WORDS
    this.#segments[word] = pack
    this.#segments[word + 1] = segment.offset
    this.#segments[word + 2] = segment.sealedLength
    this.#segments[word + 3] = segment.rawLength | (segment.flags << 28)
    this.#segments[word + FIRST_CHUNK] = first
    Atomics.store(this.#counts, SEGMENTS, index + 1)
    const { ids, lengths } = segment
    if (first + lengths.length > this.capacity)
      throw new RangeError(`Cannot note another chunk: the index of ${this.capacity} is full`)
    for (let i = 0; i < lengths.length; i++)
      this.#addChunk(first + i, ids, i * ID_BYTES, lengths[i] as number)
    Atomics.store(this.#counts, CHUNKS, first + lengths.length)
  }

  /** A further copy of a chunk has a number and no slot. */
  #addChunk(chunk: number, ids: Buffer, at: number, length: number): void {
    const byte = chunk * LENGTH_BYTES
    this.#lengths[byte] = length
    this.#lengths[byte + 1] = length >>> 8
    this.#lengths[byte + 2] = length >>> 16
    const word = chunk * PRINT_WORDS
    this.#prints[word] = ids.readUInt32LE(at + 4)
    this.#prints[word + 1] = ids.readUInt32LE(at + 8)
    this.#prints[word + 2] = ids.readUInt32LE(at + 12)
    const slot = this.#slotOf(ids, at)
    if (this.#slots[slot] === 0) Atomics.store(this.#slots, slot, chunk + 1)
  }

  /** Number of the chunk whose id is at `ids[at]`; -1 where it is unknown. */
  chunkOf(ids: Buffer, at: number): number {
    return (this.#slots[this.#slotOf(ids, at)] as number) - 1
  }

  /**
   * The slot that holds the id, or the free one where it belongs. Read without Atomics, which cost four times as much: who looks for a
   * chunk while another thread adds it may miss it and stores it once more, which harms nothing.
   */
  #slotOf(ids: Buffer, at: number): number {
    const slots = this.#slots
    const prints = this.#prints
    const p1 = ids.readUInt32LE(at + 4)
    const p2 = ids.readUInt32LE(at + 8)
    const p3 = ids.readUInt32LE(at + 12)
    for (let slot = Math.floor(ids.readUInt32LE(at) * this.#scale); ;) {
      const word = ((slots[slot] as number) - 1) * PRINT_WORDS
      if (word < 0) return slot
      if (prints[word] === p1 && prints[word + 1] === p2 && prints[word + 2] === p3) return slot
      if (++slot === slots.length) slot = 0
    }
  }

  /** Length of the chunk whose id is at `ids[at]`; undefined where it is unknown. */
  lengthOf(ids: Buffer, at: number): number | undefined {
    const chunk = this.chunkOf(ids, at)
    return chunk < 0 ? undefined : this.#length(chunk)
  }

  /** Segment of the chunk whose id is at `ids[at]`; undefined where it is unknown. */
  segmentOf(ids: Buffer, at: number): number | undefined {
    const chunk = this.chunkOf(ids, at)
    return chunk < 0 ? undefined : this.#segmentOf(chunk)
  }

  /** Where the chunk whose id is at `ids[at]` lies; undefined where it is unknown. */
  find(ids: Buffer, at: number): ChunkPlace | undefined {
    const chunk = this.chunkOf(ids, at)
    if (chunk < 0) return undefined
    const segment = this.#segmentOf(chunk)
    return { segment, offset: this.#offsetOf(chunk, segment), length: this.#length(chunk) }
  }

  /** Whether a new recovery point may rely on the chunk being there. */
  isLive(ids: Buffer, at: number): boolean {
    const chunk = this.chunkOf(ids, at)
    if (chunk < 0) return false
    if (Atomics.load(this.#counts, DEAD_PACKS) === 0) return true
    const pack = this.#segments[this.#segmentOf(chunk) * SEGMENT_WORDS] as number
    return ((this.#packFlags[pack] as number) & IS_DEAD) === 0
  }

  /** From now on no new recovery point relies on the pack, those under way neither. Only by the thread that adds packs. */
  markDead(pack: number): void {
    const flags = this.#packFlags[pack] as number
    if ((flags & IS_DEAD) !== 0) return
    this.#packFlags[pack] = flags | IS_DEAD
    Atomics.add(this.#counts, DEAD_PACKS, 1)
  }

  #length(chunk: number): number {
    const byte = chunk * LENGTH_BYTES
    return (
      (this.#lengths[byte] as number) |
      ((this.#lengths[byte + 1] as number) << 8) |
      ((this.#lengths[byte + 2] as number) << 16)
    )
  }

  /** The last segment that does not begin behind the chunk. */
  #segmentOf(chunk: number): number {
    const { segment } = this.#last
    if (segment >= 0 && this.#firstChunk(segment) <= chunk && chunk < this.#endChunk(segment)) return segment
    let low = 0
    let high = Atomics.load(this.#counts, SEGMENTS) - 1
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      if (this.#firstChunk(middle) <= chunk) low = middle
      else high = middle - 1
    }
    return low
  }

  #firstChunk(segment: number): number {
    return this.#segments[segment * SEGMENT_WORDS + FIRST_CHUNK] as number
  }

  #endChunk(segment: number): number {
    return segment + 1 < Atomics.load(this.#counts, SEGMENTS) ? this.#firstChunk(segment + 1) : Infinity
  }

  #offsetOf(chunk: number, segment: number): number {
    const last = this.#last
    if (last.segment !== segment || last.chunk > chunk) {
      last.segment = segment
      last.chunk = this.#firstChunk(segment)
      last.offset = 0
    }
    for (; last.chunk < chunk; last.chunk++) last.offset += this.#length(last.chunk)
    return last.offset
  }

  /** Whether `segments` are those of a pack, chunk by chunk: ids (by the 96 bits that are kept), lengths and places. */
  describes(pack: number, segments: readonly SegmentEntry[]): boolean {
    const [first, end] = this.segmentsOf(pack)
    return (
      segments.length === end - first && segments.every((segment, i) => this.#isSegment(first + i, segment))
    )
  }

  #isSegment(index: number, { offset, sealedLength, rawLength, flags, ids, lengths }: SegmentEntry): boolean {
    const known = this.segment(index)
    const first = this.#firstChunk(index)
    const end = Math.min(this.#endChunk(index), this.size.chunks)
    if (known.offset !== offset || known.sealedLength !== sealedLength || known.rawLength !== rawLength)
      return false
    if (known.flags !== flags || lengths.length !== end - first) return false
    return lengths.every(
      (length, i) => length === this.#length(first + i) && this.#isPrint(first + i, ids, i * ID_BYTES),
    )
  }

  #isPrint(chunk: number, ids: Buffer, at: number): boolean {
    const word = chunk * PRINT_WORDS
    for (let i = 0; i < PRINT_WORDS; i++)
      if (this.#prints[word + i] !== ids.readUInt32LE(at + 4 + i * 4)) return false
    return true
  }

  segment(index: number): SegmentInfo {
    const word = index * SEGMENT_WORDS
    const pack = this.#segments[word] as number
    const raw = this.#segments[word + 3] as number
    return {
      pack,
      number: index - (this.#packStarts[pack] as number),
      offset: this.#segments[word + 1] as number,
      sealedLength: this.#segments[word + 2] as number,
      rawLength: raw & RAW_MASK,
      flags: raw >>> 28,
    }
  }

  /** Numbers of a pack's segments: from the first to before the end. */
  segmentsOf(pack: number): readonly [first: number, end: number] {
    const { packs, segments } = this.size
    const end = pack + 1 < packs ? (this.#packStarts[pack + 1] as number) : segments
    return [this.#packStarts[pack] as number, end]
  }

  /** Lengths of the chunks of a segment, in their order. */
  lengthsIn(segment: number): number[] {
    const first = this.#firstChunk(segment)
    const end = Math.min(this.#endChunk(segment), this.size.chunks)
    return Array.from({ length: end - first }, (_, i) => this.#length(first + i))
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
