import type { KeyObject } from 'node:crypto'
import type { BlobReader } from '../../blobs/blob-store.ts'
import { BlobNotFoundError, BlobTooShortError } from '../../blobs/blob-store.ts'
import { missingPacks } from '../verify/hurt.ts'
import { SEED_BYTES } from '../keys.ts'
import type { ChunkType } from '../keys.ts'
import type { LoadedIndex } from '../chunks/load-index.ts'
import {
  FOOTER_BYTES,
  keyNumberOf,
  packName,
  parseDirectory,
  parsePackName,
  readDirectory,
} from '../format/pack.ts'
import type { RepairBatch } from './repair-batch.ts'
import { hasLost, pause } from './repair-content.ts'
import { openSegment } from '../format/segment.ts'
import type { Vault } from '../vault.ts'

/** Numbers of the packs that the index names and nobody may rely on: found damaged, gone, or of another size. */
export function badPacks(loaded: LoadedIndex): ReadonlySet<number> {
  const bad = new Set(missingPacks(loaded))
  for (let number = 0; number < loaded.index.size.packs; number++) {
    const { type, id } = loaded.index.pack(number)
    if (loaded.damaged.has(packName(type, id))) bad.add(number)
  }
  return bad
}

/** Whether a chunk is known in no pack, or in packs only that nobody may rely on. */
export function lossOf(
  { index }: LoadedIndex,
  bad: ReadonlySet<number>,
): (ids: Buffer, at: number) => boolean {
  return (ids, at) => {
    const segment = index.segmentOf(ids, at)
    return segment === undefined || bad.has(index.segment(segment).pack)
  }
}

/** Where a segment lies, by the pack's own directory or by the index. */
interface Layout {
  readonly number: number
  readonly offset: number
  readonly sealedLength: number
  readonly rawLength: number
  readonly flags: number
  readonly lengths: ArrayLike<number>
  /** Undefined where only the index says where the segment lies: the ids are computed. */
  readonly ids: Buffer | undefined
}

/**
 * Stores again what still opens of packs that nobody may rely on, and what of lost chunks lies in packs that a sweep was about to
 * free. Each id is computed from the bytes.
 */
export async function salvage(
  vault: Vault,
  loaded: LoadedIndex,
  batch: RepairBatch,
  signal: AbortSignal | undefined,
): Promise<void> {
  const bad = badPacks(loaded)
  const isLost = lossOf(loaded, bad)
  const numbers = new Map<string, number>()
  for (let number = 0; number < loaded.index.size.packs; number++) {
    const { type, id } = loaded.index.pack(number)
    numbers.set(packName(type, id), number)
  }
  const names = new Set([...loaded.damaged, ...loaded.deadLists.flatMap(({ blobs }) => blobs)])
  for (const [name, number] of numbers) if (bad.has(number)) names.add(name)
  for (const name of names) {
    const type = parsePackName(name)?.type
    if (type === undefined || !loaded.stored.has(name)) continue
    for (const { ids, bytes } of chunksOf(vault, loaded, { name, type, number: numbers.get(name) }, isLost)) {
      batch.put(type, ids, 0, bytes)
    }
    await pause(signal)
    await batch.commitWhereMuch()
  }
}

interface SalvagedPack {
  readonly name: string
  readonly type: ChunkType
  /** In the index; undefined where that does not name it. */
  readonly number: number | undefined
}

function* chunksOf(
  { store, keys }: Vault,
  { index }: LoadedIndex,
  { name, type, number }: SalvagedPack,
  isLost: (ids: Buffer, at: number) => boolean,
): Generator<{ readonly ids: Buffer; readonly bytes: Buffer }> {
  let blob: BlobReader | undefined
  try {
    blob = store.open(name, { isAfresh: true })
    const seed = Buffer.alloc(SEED_BYTES)
    blob.readInto(seed, 0, SEED_BYTES, 0)
    const layouts =
      ownLayouts({ keys }, name, type, blob) ?? (number === undefined ? [] : indexed(index, number))
    const open = opener({ keys }, type, blob, seed)
    for (const layout of layouts) {
      if (layout.ids !== undefined && !hasLost(layout.ids, isLost)) continue
      const raw = open(layout)
      if (raw === undefined) continue
      let from = 0
      for (let i = 0; i < layout.lengths.length; i++) {
        const bytes = raw.subarray(from, from + (layout.lengths[i] as number))
        from += bytes.length
        const ids = keys.chunkId(type, bytes)
        if (isLost(ids, 0)) yield { ids, bytes }
      }
    }
  } catch (error) {
    // Deleted meanwhile, or too short to begin with.
    if (!(error instanceof BlobNotFoundError) && !(error instanceof BlobTooShortError)) throw error
  } finally {
    blob?.close()
  }
}

/** As the pack itself says, also where it is another one than its name tells; undefined where its directory does not open. */
function ownLayouts(
  { keys }: Pick<Vault, 'keys'>,
  name: string,
  type: ChunkType,
  blob: BlobReader,
): readonly Layout[] | undefined {
  try {
    const segments = parseDirectory(readDirectory(keys, name, type, blob), blob.sizeBytes)
    return segments.map((segment, number) => ({ ...segment, number }))
  } catch {
    return undefined
  }
}

function indexed(index: LoadedIndex['index'], pack: number): readonly Layout[] {
  const [first, end] = index.segmentsOf(pack)
  return Array.from({ length: end - first }, (_, i) => ({
    ...index.segment(first + i),
    lengths: index.lengthsIn(first + i),
    ids: undefined,
  }))
}

/** Opens segments of one pack; where its end no longer says which key it is of, each key is tried. */
function opener(
  { keys }: Pick<Vault, 'keys'>,
  type: ChunkType,
  blob: BlobReader,
  seed: Buffer,
): (layout: Layout) => Buffer | undefined {
  const place = keys.place(type)
  let candidates: readonly KeyObject[] = keyNumbers(blob, keys.newest).map((number) =>
    keys.sealKey(type, seed, 'pack', number),
  )
  return ({ number, offset, sealedLength, rawLength, flags }) => {
    const sealed = Buffer.alloc(sealedLength)
    const raw = Buffer.alloc(rawLength)
    for (const key of candidates) {
      try {
        blob.readInto(sealed, 0, sealedLength, offset)
        openSegment(key, { place, seed, number, offset }, sealed, flags, raw)
        candidates = [key]
        return raw
      } catch {
        // Of another key, rotten, cut off, or unreadable on its disk: there is no more to be had of it.
      }
    }
    return undefined
  }
}

function keyNumbers(blob: BlobReader, newest: number): readonly number[] {
  const footer = Buffer.alloc(FOOTER_BYTES)
  try {
    blob.readInto(footer, 0, FOOTER_BYTES, Math.max(0, blob.sizeBytes - FOOTER_BYTES))
    const number = keyNumberOf(footer)
    if (number <= newest) return [number]
  } catch {
    // Its end is gone.
  }
  return Array.from({ length: newest }, (_, i) => newest - i)
}
