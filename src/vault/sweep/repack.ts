import type { BlobReader, BlobStore } from '../../blobs/blob-store.ts'
import { crashpoint } from '../../lib/crashpoint.ts'
import type { ChunkIndex } from '../chunks/chunk-index.ts'
import { ChunkReader } from '../read/chunk-reader.ts'
import { VaultDamageError } from '../errors.ts'
import { ID_BYTES, SEED_BYTES } from '../keys.ts'
import type { ChunkType, VaultKeys } from '../keys.ts'
import { isUsedFrom } from './mark.ts'
import type { PackUse } from './mark.ts'
import { PackWriter } from '../write/pack-writer.ts'
import { packKey, parseDirectory, parsePackName, readDirectory } from '../format/pack.ts'
import type { FinishedPack, SegmentEntry } from '../format/pack.ts'
import { SegmentBuffer } from '../write/segment-buffer.ts'
import { unsealSegment } from '../format/segment.ts'
import type { Vault } from '../vault.ts'

const SEGMENT_BYTES = 1024 * 1024
/** Each is unpacked once, for all that is chosen of it; a chunk that its pack holds twice may lie in another one. */
const CACHED_SEGMENTS = 2
/** Smaller segments are put together: they are many, and compress better so. */
export const MIN_KEPT_BYTES: number = 256 * 1024

/** What of a vault's chunks is stored again, as it crosses to threads. */
export interface ChosenChunks {
  readonly index: ChunkIndex
  /** One bit for each chunk of the index: see `isUsedFrom` in mark.ts. */
  readonly chosen: Uint8Array<SharedArrayBuffer>
  /** Segments (numbers in the index) that go over whole, also the chunks there that are not chosen: taking those out costs more. */
  readonly whole: ReadonlySet<number>
}

export interface RepackOptions {
  readonly tag: string
  /** Where the new packs lie; the vault's own store where absent. */
  readonly into?: BlobStore
  readonly signal?: AbortSignal | undefined
  /** Bytes in use (`PackUse`) of what was gone through since the last call. */
  readonly onProgress?: ((usedBytes: number) => void) | undefined
}

/** Stores the chosen chunks of some packs again, in packs of their own. @returns Those, durable but in no index yet. */
export type Repack = (
  vault: Vault,
  chunks: ChosenChunks,
  packs: readonly PackUse[],
  options: RepackOptions,
) => Promise<FinishedPack[]>

/** In this thread. */
export const repackHere: Repack = async (
  { store, keys },
  chunks,
  packs,
  { tag, into = store, signal, onProgress },
) => {
  using repacker = new Repacker({ store, keys, chunks, into, tag })
  for (const pack of packs) {
    signal?.throwIfAborted()
    await repacker.add(pack)
    onProgress?.(pack.usedBytes)
  }
  return await repacker.end()
}

export interface RepackerOptions {
  readonly store: BlobStore
  readonly keys: VaultKeys
  readonly chunks: ChosenChunks
  readonly into: BlobStore
  /** Marks its unfinished packs. */
  readonly tag: string
  /** Told of the bytes that each segment took in passing. */
  readonly onSegment?: (bytes: number) => void
}

interface Output {
  readonly writer: PackWriter
  readonly segments: SegmentBuffer
}

/** Segments of a pack: those of the `number`-th of `of` parts, from 0. */
export interface PackPart {
  readonly number: number
  readonly of: number
}

const WHOLE: PackPart = { number: 0, of: 1 }

/** Stores the chosen chunks of one pack after another again. One serves one thread. What was not ended is given up by `using`. */
export class Repacker {
  readonly #options: RepackerOptions
  readonly #reader: ChunkReader
  readonly #outputs = new Map<ChunkType, Output>()
  readonly #memory: UnsealMemory = { sealed: Buffer.alloc(0), packed: Buffer.alloc(0) }

  constructor(options: RepackerOptions) {
    const { store, keys, chunks, onSegment } = options
    this.#options = options
    this.#reader = new ChunkReader({
      store,
      keys,
      index: chunks.index,
      cachedSegments: CACHED_SEGMENTS,
      trustsDirectories: true,
      onSegment,
    })
  }

  /** @param part Which of its segments, where several share it. */
  async add(pack: PackUse, part: PackPart = WHOLE): Promise<void> {
    const { store, keys, chunks } = this.#options
    const type = parsePackName(pack.name)?.type
    if (type === undefined) throw new Error(`Cannot write "${pack.name}" anew: it is no pack`)
    const [reader, memory] = [this.#reader, this.#memory]
    await copyChosen({ store, keys, chunks, type, reader, memory, ...this.#outputOf(type) }, pack, part)
  }

  /** @returns All packs written, durable but in no index yet. */
  async end(): Promise<FinishedPack[]> {
    const written: FinishedPack[] = []
    for (const { segments, writer } of this.#outputs.values()) {
      segments.flush()
      crashpoint('sweep.repack-written')
      written.push(...(await writer.end()))
    }
    return written
  }

  [Symbol.dispose](): void {
    for (const { writer } of this.#outputs.values()) writer.abort()
    this.#reader.close()
  }

  #outputOf(type: ChunkType): Output {
    const known = this.#outputs.get(type)
    if (known !== undefined) return known
    const { into, keys, tag, onSegment } = this.#options
    const writer = new PackWriter({ store: into, keys, type, tag, onSegment })
    const segments = new SegmentBuffer(Buffer.allocUnsafeSlow(SEGMENT_BYTES * 2), SEGMENT_BYTES, writer)
    this.#outputs.set(type, { writer, segments })
    return { writer, segments }
  }
}

/** Kept from pack to pack: fresh memory costs the kernel more than opening a seal into it does. */
interface UnsealMemory {
  sealed: Buffer
  packed: Buffer
}

interface Copy extends Output {
  readonly store: BlobStore
  readonly keys: VaultKeys
  readonly chunks: ChosenChunks
  readonly type: ChunkType
  readonly reader: ChunkReader
  readonly memory: UnsealMemory
}

async function copyChosen(copy: Copy, pack: PackUse, part: PackPart): Promise<void> {
  const { chunks, type, reader, segments, store, keys } = copy
  const blob = store.open(pack.name)
  try {
    const directory = parseDirectory(readDirectory(keys, pack.name, type, blob), pack.storedBytes)
    const unseal = unsealer(copy, pack, blob, directory)
    const [first] = chunks.index.segmentsOf(pack.number)
    const end = Math.floor((directory.length * (part.number + 1)) / part.of)
    for (let number = Math.floor((directory.length * part.number) / part.of); number < end; number++) {
      const segment = directory[number] as SegmentEntry
      const places = placesOf(chunks, pack, segment)
      if (places.length > 0) await blob.ready(segment.offset, segment.sealedLength)
      const isWhole = places.length === segment.lengths.length || chunks.whole.has(first + number)
      if (isWhole && segment.rawLength >= MIN_KEPT_BYTES && unseal)
        copy.writer.putPacked(unseal(number, segment), segment)
      else for (const at of places) segments.add(segment.ids, at, reader.read(type, segment.ids, at))
      await new Promise((resolve) => setImmediate(resolve))
    }
  } finally {
    blob.close()
  }
}

/** Where in `ids` the chunks lie that are chosen, and to be had from this pack. */
function placesOf(
  { index, chosen }: ChosenChunks,
  { number: pack }: PackUse,
  { ids }: SegmentEntry,
): number[] {
  const places: number[] = []
  for (let at = 0; at < ids.length; at += ID_BYTES)
    if (isUsedFrom(index, chosen, { ids, at, pack })) places.push(at)
  return places
}

/**
 * Opens the seals of a pack that is the one that the index describes: what opens there holds the chunks that the index names, so
 * it is neither decompressed nor hashed. Undefined for any other pack.
 */
function unsealer(
  { keys, chunks, type, memory }: Copy,
  pack: PackUse,
  blob: BlobReader,
  directory: readonly SegmentEntry[],
): ((number: number, segment: SegmentEntry) => Buffer) | undefined {
  if (!chunks.index.describes(pack.number, directory)) return undefined
  const seed = Buffer.alloc(SEED_BYTES)
  blob.readInto(seed, 0, SEED_BYTES, 0)
  const key = packKey(keys, type, blob, seed)
  const place = keys.place(type)
  return (number, segment) => {
    const { sealedLength, offset } = segment
    if (memory.sealed.length < sealedLength) {
      memory.sealed = Buffer.allocUnsafeSlow(Math.max(sealedLength, SEGMENT_BYTES))
      memory.packed = Buffer.allocUnsafeSlow(memory.sealed.length)
    }
    const sealed = memory.sealed.subarray(0, sealedLength)
    try {
      blob.readInto(sealed, 0, sealedLength, offset)
      return unsealSegment(key, { place, seed, number, offset }, sealed, segment, memory.packed)
    } catch (cause) {
      throw new VaultDamageError(pack.name, `segment ${number} at byte ${offset} does not open`, { cause })
    }
  }
}
