import { ChunkReader } from '../read/chunk-reader.ts'
import { ChunkMissingError, VaultDamageError } from '../errors.ts'
import { ItemCursor } from '../read/item-cursor.ts'
import { ID_BYTES } from '../keys.ts'
import type { Point, PointItem } from '../read/point.ts'
import type { RepairBatch } from './repair-batch.ts'

/** What says that a vault lacks something, or holds something else. */
export function isDamage(error: unknown): error is VaultDamageError | ChunkMissingError {
  return error instanceof VaultDamageError || error instanceof ChunkMissingError
}

/** Reads single ranges of the items of a recovery point, each chunk held against its id. */
export class ContentSource {
  readonly point: Point
  readonly #chunks: ChunkReader

  constructor(point: Point) {
    const { store, keys } = point.vault
    this.point = point
    this.#chunks = new ChunkReader({ store, keys, index: point.index })
  }

  /** One chunk of an item. @throws {VaultDamageError} {ChunkMissingError} */
  chunk(ids: Buffer, at: number): Buffer {
    return this.#chunks.read('data', ids, at)
  }

  /**
   * The bytes of an item from `from` on, in its chunks `ids`, of which `lengths` are the lengths.
   * @throws {VaultDamageError} {ChunkMissingError}
   */
  read(ids: Buffer, lengths: readonly number[], from: number, length: number): Buffer {
    const parts: Buffer[] = []
    let start = 0
    for (const [i, chunkLength] of lengths.entries()) {
      const end = start + chunkLength
      if (end > from && start < from + length) {
        const chunk = this.#chunks.read('data', ids, i * ID_BYTES)
        parts.push(
          Buffer.from(
            chunk.subarray(Math.max(0, from - start), Math.min(chunkLength, from + length - start)),
          ),
        )
      }
      start = end
    }
    return Buffer.concat(parts)
  }

  close(): void {
    this.#chunks.close()
  }
}

/** A chunk of an item that is to be fetched, and where in the item it lies. */
interface LostPlace {
  readonly at: number
  readonly from: number
  readonly length: number
}

/**
 * Looks for the lost chunks of a recovery point in another one, of whatever vault: the item of the same key, the same range of it.
 * What is found there is accepted only where its id under this vault's keys is the lost one.
 */
export async function fetchContent(
  point: Point,
  source: ContentSource,
  batch: RepairBatch,
  { isLost, onBytes, signal }: FetchOptions,
): Promise<void> {
  const { keys } = point.vault
  const isWanted = (ids: Buffer, at: number): boolean => isLost(ids, at) && !batch.has(ids, at)
  const theirs = new ItemCursor(source.point.pages(undefined, () => undefined))
  for (const page of point.pages(undefined, () => undefined)) {
    for (const item of page) {
      const ids = idsOf(point, item)
      if (ids === undefined || !hasLost(ids, isWanted)) continue
      const found = theirs.find(item.key)
      const other = found && idsOf(source.point, found)
      if (other === undefined) continue
      const lengths = lengthsOf(source.point, other)
      if (lengths.includes(undefined)) continue
      const known = lengths as readonly number[]
      for (const { at, from, length } of lostPlaces(point, item, ids, known, (i) => isWanted(ids, i))) {
        const bytes = readOrNothing(() => source.read(other, known, from, length))
        if (bytes === undefined || bytes.length !== length) continue
        onBytes(length)
        // INVARIANT: nothing is accepted but under the id that its own bytes have in this vault.
        if (keys.chunkId('data', bytes).compare(ids, at, at + ID_BYTES) === 0)
          batch.put('data', ids, at, bytes)
        await pause(signal)
        await batch.commitWhereMuch()
      }
    }
    await pause(signal)
  }
}

export interface FetchOptions {
  /** In the vault that is repaired. */
  readonly isLost: (ids: Buffer, at: number) => boolean
  /** Told of bytes read. */
  readonly onBytes: (bytes: number) => void
  readonly signal: AbortSignal | undefined
}

/** The chunks of an item, whether or not the vault has them; undefined where even their list is lost. */
export function idsOf(point: Point, item: PointItem): Buffer | undefined {
  return readOrNothing(() => point.namedChunks(item))
}

/** Whether any of the chunks `ids` is lost. */
export function hasLost(ids: Buffer, isLost: FetchOptions['isLost']): boolean {
  for (let at = 0; at < ids.length; at += ID_BYTES) if (isLost(ids, at)) return true
  return false
}

function lengthsOf({ index }: Point, ids: Buffer): (number | undefined)[] {
  return Array.from({ length: ids.length / ID_BYTES }, (_, i) => index.lengthOf(ids, i * ID_BYTES))
}

/** Where the lost chunks of an item lie in it, as far as that can be told. */
function lostPlaces(
  point: Point,
  item: PointItem,
  ids: Buffer,
  theirs: readonly number[],
  isWanted: (at: number) => boolean,
): readonly LostPlace[] {
  const lengths = filled(lengthsOf(point, ids), item.size, theirs)
  const places: LostPlace[] = []
  let from = 0
  for (const [i, length] of lengths.entries()) {
    if (isWanted(i * ID_BYTES)) places.push({ at: i * ID_BYTES, from, length })
    from += length
  }
  return places
}

/**
 * Lengths of all chunks. The index may not know some any more: then they are those of the other item, where that is cut alike, as
 * that of a copy is; or what is left of the item's size, where there is but one.
 */
function filled(
  lengths: readonly (number | undefined)[],
  size: number,
  theirs: readonly number[],
): readonly number[] {
  const unknown = lengths.flatMap((length, i) => (length === undefined ? [i] : []))
  if (unknown.length === 0) return lengths as readonly number[]
  const isAlike =
    lengths.length === theirs.length &&
    lengths.every((length, i) => length === undefined || length === theirs[i])
  if (isAlike) return theirs
  if (unknown.length > 1) return []
  const rest = size - lengths.reduce<number>((sum, length) => sum + (length ?? 0), 0)
  return rest <= 0 ? [] : lengths.map((length) => length ?? rest)
}

function readOrNothing<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    if (!isDamage(error)) throw error
    return undefined
  }
}

/** Reading is synchronous: lets others have their turn. */
export async function pause(signal: AbortSignal | undefined): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve))
  signal?.throwIfAborted()
}
