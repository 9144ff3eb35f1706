import type { BlobReader, BlobStore } from '../blobs/blob-store.ts'
import { crashpoint } from '../lib/crashpoint.ts'
import type { ChunkIndex } from './chunk-index.ts'
import { ChunkReader } from './chunk-reader.ts'
import { VaultDamageError } from './errors.ts'
import { ID_BYTES, SEED_BYTES } from './keys.ts'
import type { ChunkType, VaultKeys } from './keys.ts'
import { isUsedFrom } from './mark.ts'
import type { PackUse } from './mark.ts'
import { PackWriter } from './pack-writer.ts'
import { packKey, parseDirectory, parsePackName, readDirectory } from './pack.ts'
import type { FinishedPack, SegmentEntry } from './pack.ts'
import { SegmentBuffer } from './segment-buffer.ts'
import { unsealSegment } from './segment.ts'
import type { Vault } from './vault.ts'

const SEGMENT_BYTES = 1024 * 1024
/** Smaller segments are put together: they are many, and compress better so. */
export const MIN_KEPT_BYTES: number = 256 * 1024

/** Which chunks are to be stored again, of those that an index has. */
export interface WantedChunks {
  readonly index: ChunkIndex
  /** Whether the copy of this chunk that lies in this pack (its number in the index) is. */
  isWanted(ids: Buffer, at: number, pack: number): boolean
  /** Segments (numbers in the index) that go over whole, also the chunks there that nobody wants: taking those out costs more. */
  readonly whole?: ReadonlySet<number>
}

export interface RepackOptions {
  readonly tag: string
  /** Where the new packs lie; the vault's own store where absent. */
  readonly into?: BlobStore
  readonly signal?: AbortSignal | undefined
  /** Told of each pack that is done. */
  readonly onPack?: (pack: PackUse) => void
}

/** Stores the wanted chunks of some packs again, in packs of their own. @returns Those, durable but in no index yet. */
export async function repack(
  vault: Vault,
  wanted: WantedChunks,
  packs: readonly PackUse[],
  { tag, into = vault.store, signal, onPack }: RepackOptions,
): Promise<FinishedPack[]> {
  using repacker = new Repacker({ store: vault.store, keys: vault.keys, wanted, into, tag })
  for (const pack of packs) {
    signal?.throwIfAborted()
    await repacker.add(pack)
    onPack?.(pack)
  }
  return await repacker.end()
}

/** What of a vault's chunks a sweep moves, as it crosses to threads: see `isUsedFrom` in mark.ts. */
export interface UsedChunks {
  readonly index: ChunkIndex
  readonly used: Uint8Array<SharedArrayBuffer>
  readonly whole: ReadonlySet<number>
}

/** Does what `repack` does for a sweep. `repackHere` does it in this thread. */
export type RepackUsed = (
  vault: Vault,
  chunks: UsedChunks,
  packs: readonly PackUse[],
  options: Pick<RepackOptions, 'tag' | 'signal'>,
) => Promise<FinishedPack[]>

export const repackHere: RepackUsed = async (vault, chunks, packs, options) =>
  await repack(vault, wantedOf(chunks), packs, options)

export function wantedOf({ index, used, whole }: UsedChunks): WantedChunks {
  return { index, whole, isWanted: (ids, at, pack) => isUsedFrom(index, used, { ids, at, pack }) }
}

export interface RepackerOptions {
  readonly store: BlobStore
  readonly keys: VaultKeys
  readonly wanted: WantedChunks
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

/** Stores the wanted chunks of one pack after another again. One serves one thread. What was not ended is given up by `using`. */
export class Repacker {
  readonly #options: RepackerOptions
  readonly #chunks: ChunkReader
  readonly #outputs = new Map<ChunkType, Output>()

  constructor(options: RepackerOptions) {
    const { store, keys, wanted, onSegment } = options
    this.#options = options
    this.#chunks = new ChunkReader({ store, keys, index: wanted.index, trustsDirectories: true, onSegment })
  }

  /** @param part Which of its segments, where several share it. */
  async add(pack: PackUse, part: PackPart = WHOLE): Promise<void> {
    const { store, keys, wanted } = this.#options
    const type = parsePackName(pack.name)?.type
    if (type === undefined) throw new Error(`Cannot write "${pack.name}" anew: it is no pack`)
    await copyWanted({ store, keys, wanted, type, chunks: this.#chunks, ...this.#outputOf(type) }, pack, part)
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
    this.#chunks.close()
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

interface Copy extends Output {
  readonly store: BlobStore
  readonly keys: VaultKeys
  readonly wanted: WantedChunks
  readonly type: ChunkType
  readonly chunks: ChunkReader
}

async function copyWanted(copy: Copy, pack: PackUse, part: PackPart): Promise<void> {
  const { wanted, type, chunks, segments, store, keys } = copy
  const blob = store.open(pack.name)
  try {
    const directory = parseDirectory(readDirectory(keys, pack.name, type, blob), pack.storedBytes)
    const unseal = unsealer(copy, pack, blob, directory)
    const [first] = wanted.index.segmentsOf(pack.number)
    const end = Math.floor((directory.length * (part.number + 1)) / part.of)
    for (let number = Math.floor((directory.length * part.number) / part.of); number < end; number++) {
      const segment = directory[number] as SegmentEntry
      const places = placesOf(wanted, pack, segment)
      if (places.length > 0) await blob.ready(segment.offset, segment.sealedLength)
      const isWhole = places.length === segment.lengths.length || wanted.whole?.has(first + number) === true
      if (isWhole && segment.rawLength >= MIN_KEPT_BYTES && unseal)
        copy.writer.putPacked(unseal(number, segment), segment)
      else for (const at of places) segments.add(segment.ids, at, chunks.read(type, segment.ids, at))
      await new Promise((resolve) => setImmediate(resolve))
    }
  } finally {
    blob.close()
  }
}

/** Where in `ids` the chunks lie that are wanted from this pack. */
function placesOf(wanted: WantedChunks, pack: PackUse, { ids }: SegmentEntry): number[] {
  const places: number[] = []
  for (let at = 0; at < ids.length; at += ID_BYTES) if (wanted.isWanted(ids, at, pack.number)) places.push(at)
  return places
}

/**
 * Opens the seals of a pack that is the one that the index describes: what opens there holds the chunks that the index names, so
 * it is neither decompressed nor hashed. Undefined for any other pack.
 */
function unsealer(
  { keys, wanted, type }: Copy,
  pack: PackUse,
  blob: BlobReader,
  directory: readonly SegmentEntry[],
): ((number: number, segment: SegmentEntry) => Buffer) | undefined {
  if (!wanted.index.describes(pack.number, directory)) return undefined
  const seed = Buffer.alloc(SEED_BYTES)
  blob.readInto(seed, 0, SEED_BYTES, 0)
  const key = packKey(keys, type, blob, seed)
  const place = keys.place(type)
  let [memory, packed] = [Buffer.alloc(0), Buffer.alloc(0)]
  return (number, segment) => {
    const { sealedLength, offset } = segment
    if (memory.length < sealedLength) {
      memory = Buffer.allocUnsafeSlow(Math.max(sealedLength, SEGMENT_BYTES))
      packed = Buffer.allocUnsafeSlow(memory.length)
    }
    const sealed = memory.subarray(0, sealedLength)
    try {
      blob.readInto(sealed, 0, sealedLength, offset)
      return unsealSegment(key, { place, seed, number, offset }, sealed, segment, packed)
    } catch (cause) {
      throw new VaultDamageError(pack.name, `segment ${number} at byte ${offset} does not open`, { cause })
    }
  }
}
