import { ItemError, SMALL_ITEM_BYTES } from '../../drivers/driver.ts'
import type { Connection, ThreadHalf, ThreadReader } from '../../drivers/driver.ts'
import type { BlobStore } from '../../blobs/blob-store.ts'
import { ByteReader, ByteWriter } from '../../vault/format/binary.ts'
import { createChunker, CHUNKER_FREE } from '../../vault/write/chunker.ts'
import type { Chunker, ChunkSizes } from '../../vault/write/chunker.ts'
import type { Claims } from '../../vault/write/claims.ts'
import type { VaultKeys } from '../../vault/keys.ts'
import type { FinishedPack } from '../../vault/format/pack.ts'
import { PackWriter } from '../../vault/write/pack-writer.ts'
import { SegmentBuffer } from '../../vault/write/segment-buffer.ts'
import { decodeTask, encodeResult, leftOut } from './pour-wire.ts'
import type { ItemResult, ReadTask } from './pour-wire.ts'

export interface ContentPourOptions {
  readonly store: BlobStore
  readonly keys: VaultKeys
  readonly chunkSizes: ChunkSizes
  readonly claims: Claims
  readonly tag: string
  readonly half: ThreadHalf
  readonly onSegment?: ((sealedLength: number) => void) | undefined
}

/** What gives bytes: a driver's reader with something open, or bytes at hand. */
type Source = Pick<ThreadReader, 'readInto'>

const MIB = 1024 * 1024
/** Content of up to SMALL_ITEM_BYTES is one chunk and lies with its neighbours in segments of half a MiB. */
const SMALL_SEGMENT_BYTES = MIB / 2
const LARGE_SEGMENT_BYTES = 2 * MIB
/** A segment ends at three quarters of its memory, since the next chunk may be a quarter of it. */
const LARGE_TARGET_BYTES = (LARGE_SEGMENT_BYTES * 3) / 4
const WINDOW_BYTES = 3 * MIB

/**
 * The work of one thread on a backup, synchronous but for finishing packs: read, cut, hash, and, where nobody has stored a chunk
 * yet, compress, seal, read back and append to packs of its own.
 *
 * Content is read straight into the chunker's memory, which holds in this order: the kernel's page, a segment of small items, the
 * window over the item being read, a segment of larger chunks, the window over a stream.
 */
export class ContentPour {
  readonly #keys: VaultKeys
  readonly #claims: Claims
  readonly #half: ThreadHalf
  readonly #chunker: Chunker
  readonly #maxChunk: number
  readonly #packs: PackWriter
  readonly #small: SegmentBuffer
  readonly #large: SegmentBuffer
  readonly #smallAt = CHUNKER_FREE
  readonly #windowAt: number
  readonly #windowBytes: number
  readonly #streamAt: number
  /** Of the item being read. */
  readonly #ids = new ByteWriter()
  readonly #out = new ByteWriter()
  #reader: ThreadReader | undefined
  /** Of the open run of a stream. */
  readonly #runIds = new ByteWriter()
  #runBytes = 0
  #runHeld = 0

  constructor(options: ContentPourOptions) {
    const { store, keys, chunkSizes, claims, tag, half, onSegment } = options
    this.#keys = keys
    this.#claims = claims
    this.#half = half
    this.#maxChunk = chunkSizes.max
    this.#windowBytes = Math.max(WINDOW_BYTES, chunkSizes.max * 3)
    this.#windowAt = this.#smallAt + MIB
    const largeAt = this.#windowAt + this.#windowBytes
    this.#streamAt = largeAt + LARGE_SEGMENT_BYTES
    this.#chunker = createChunker(keys.gearTable(), chunkSizes, this.#streamAt + this.#windowBytes)
    const { memory } = this.#chunker
    this.#packs = new PackWriter({ store, keys, type: 'data', tag, onSegment })
    this.#small = new SegmentBuffer(
      memory.subarray(this.#smallAt, this.#windowAt),
      SMALL_SEGMENT_BYTES,
      this.#packs,
    )
    this.#large = new SegmentBuffer(memory.subarray(largeAt, this.#streamAt), LARGE_TARGET_BYTES, this.#packs)
  }

  readWith(settings: Connection['settings']): void {
    this.#reader = this.#half.reader(settings)
  }

  /** Whole items; one result for each. */
  files(tasks: Uint8Array): Buffer {
    const reader = new ByteReader(tasks)
    const all: ReadTask[] = []
    while (reader.left > 0) all.push(decodeTask(reader))
    this.#reader?.expect?.(all.map(({ task }) => task))
    for (const task of all) encodeResult(this.#out, this.#item(task, 0, task.size))
    return this.#out.take()
  }

  /** A part of one item. */
  range(task: Uint8Array, from: number, to: number): Buffer {
    encodeResult(this.#out, this.#item({ task, size: to - from }, from, to))
    return this.#out.take()
  }

  /** Items whose bytes are at hand, back to back. */
  inline(data: Buffer, sizes: readonly number[]): Buffer {
    let start = 0
    for (const size of sizes) {
      const bytes = data.subarray(start, start + size)
      this.#ids.clear()
      const source = sourceOf(bytes)
      const isSmall = size <= SMALL_ITEM_BYTES
      const read = isSmall ? this.#readSmall(source, size) : this.#pourLarge(source, 0, size)
      if (isSmall) this.#keepSmall(read)
      encodeResult(this.#out, {
        isKept: true,
        problem: undefined,
        size: read,
        ids: this.#ids.view(),
        meta: undefined,
      })
      start += size
    }
    return this.#out.take()
  }

  /** The next bytes of a run; with the last ones comes its result. */
  slab(bytes: Buffer, isLast: boolean): Buffer | undefined {
    const { memory } = this.#chunker
    bytes.copy(memory, this.#streamAt + this.#runHeld)
    this.#runHeld += bytes.length
    this.#runBytes += bytes.length
    let at = 0
    while (this.#runHeld - at >= this.#maxChunk || (isLast && at < this.#runHeld)) {
      const length = this.#chunker.cut(this.#streamAt + at, this.#runHeld - at)
      this.#chunk(memory.subarray(this.#streamAt + at, this.#streamAt + at + length), this.#runIds)
      at += length
    }
    memory.copyWithin(this.#streamAt, this.#streamAt + at, this.#streamAt + this.#runHeld)
    this.#runHeld -= at
    if (!isLast) return undefined
    const result = {
      isKept: true,
      problem: undefined,
      size: this.#runBytes,
      ids: this.#runIds.take(),
      meta: undefined,
    }
    this.#runBytes = 0
    encodeResult(this.#out, result)
    return this.#out.take()
  }

  /** Largest slab that fits behind what a run may hold over. */
  get slabBytes(): number {
    return this.#windowBytes - this.#maxChunk
  }

  /** Finishes segments and packs. */
  async end(): Promise<FinishedPack[]> {
    this.#reader?.end()
    this.#reader = undefined
    this.#small.flush()
    this.#large.flush()
    return await this.#packs.end()
  }

  abort(): void {
    this.#reader?.end()
    this.#reader = undefined
    this.#packs.abort()
  }

  /** Its ids lie in memory that the next item gets: it is encoded before. */
  #item({ task, size }: ReadTask, from: number, to: number): ItemResult {
    const reader = this.#reader
    if (reader === undefined)
      throw new Error('Cannot read an item: the driver gave no settings for its reader')
    this.#ids.clear()
    try {
      reader.open(task)
      const isSmall = from === 0 && to <= SMALL_ITEM_BYTES
      const read = isSmall ? this.#readSmall(reader, to) : this.#pourLarge(reader, from, to)
      const { problem, meta } = reader.close()
      if (isSmall) this.#keepSmall(read)
      const short = read < size ? 'It was shorter than when it was listed' : undefined
      return { isKept: true, problem: problem ?? short, size: read, ids: this.#ids.view(), meta }
    } catch (error) {
      if (!(error instanceof ItemError)) throw error
      return leftOut(error.message)
    }
  }

  /** Reads up to `size` bytes to where the next small chunk is gathered. @returns How many. */
  #readSmall(source: Source, size: number): number {
    const at = this.#smallAt + this.#small.room(size)
    let read = 0
    while (read < size) {
      const more = source.readInto(this.#chunker.memory, at + read, size - read, read)
      if (more === 0) break
      read += more
    }
    return read
  }

  /** Stores the bytes that `#readSmall` has just read; their id goes to `#ids`. */
  #keepSmall(size: number): void {
    if (size === 0) return
    const at = this.#smallAt + this.#small.room(size)
    const id = this.#keys.chunkId('data', this.#chunker.memory.subarray(at, at + size))
    if (this.#claims.isNew(id, 0)) this.#small.keep(id, 0, size)
    this.#ids.bytes(id)
  }

  /** Stores content from `from` to `to` or its end; its chunks' ids go to `#ids`. @returns Bytes read. */
  #pourLarge(source: Source, from: number, to: number): number {
    const { memory } = this.#chunker
    const window = this.#windowAt
    let position = from
    let start = 0
    let held = 0
    let isAtEnd = false
    for (;;) {
      if (!isAtEnd && held < this.#maxChunk) {
        memory.copyWithin(window, window + start, window + start + held)
        start = 0
        while (held < this.#windowBytes && !isAtEnd) {
          const wanted = Math.min(this.#windowBytes - held, to - position)
          const read = wanted === 0 ? 0 : source.readInto(memory, window + held, wanted, position)
          isAtEnd = read === 0
          held += read
          position += read
        }
      }
      if (held === 0) return position - from
      const length = this.#chunker.cut(window + start, held)
      this.#chunk(memory.subarray(window + start, window + start + length), this.#ids)
      start += length
      held -= length
    }
  }

  #chunk(bytes: Buffer, ids: ByteWriter): void {
    const id = this.#keys.chunkId('data', bytes)
    if (this.#claims.isNew(id, 0)) this.#large.add(id, 0, bytes)
    ids.bytes(id)
  }
}

const sourceOf = (bytes: Buffer): Source => ({
  readInto: (buffer, offset, length, position) => {
    const part = bytes.subarray(position, position + length)
    buffer.set(part, offset)
    return part.length
  },
})
