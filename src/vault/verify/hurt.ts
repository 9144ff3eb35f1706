import type { KeyObject } from 'node:crypto'
import type { BlobReader } from '../../blobs/blob-store.ts'
import { BlobNotFoundError, BlobTooShortError } from '../../blobs/blob-store.ts'
import type { SegmentInfo } from '../chunks/chunk-index.ts'
import { ChunkMissingError, VaultDamageError } from '../errors.ts'
import type { PointHead } from '../points/heads.ts'
import { SEED_BYTES } from '../keys.ts'
import type { ChunkType } from '../keys.ts'
import type { LoadedIndex } from '../chunks/load-index.ts'
import { ManifestWalk } from '../sweep/mark.ts'
import { FOOTER_BYTES, keyNumberOf, packName, parseDirectory, readDirectory } from '../format/pack.ts'
import { openSegment } from '../format/segment.ts'
import type { Vault } from '../vault.ts'

/** A recovery point that cannot be restored whole. */
export interface HurtPoint {
  readonly pointId: string
  /** Items whose content is hurt, of those that could be listed. */
  readonly itemCount: number
  /** Keys of the first of them, as raw bytes; at most MAX_KEYS. */
  readonly keys: readonly Uint8Array[]
  /** Its head or its list of items is hurt, too: there may be more. */
  readonly isUnlisted: boolean
}

/** Hurt items of a recovery point that are named. */
export const MAX_KEYS = 20

/** Segments that no restore can open, by number; `packs` are those that are gone or have lost bytes. */
export interface HurtSegments {
  readonly packs: ReadonlySet<number>
  readonly segments: ReadonlySet<number>
}

/**
 * What the damage of packs takes away, segment by segment: the rest of such a pack is still good.
 * @param damaged Blob names of packs that were found damaged.
 */
export function hurtSegments(
  vault: Vault,
  { index }: LoadedIndex,
  packs: ReadonlySet<number>,
  damaged: ReadonlySet<string>,
): HurtSegments {
  const segments = new Set<number>()
  if (damaged.size === 0) return { packs, segments }
  const numbers = new Map<number, string>()
  for (let number = 0; number < index.size.packs; number++) {
    const { type, id } = index.pack(number)
    if (damaged.has(packName(type, id))) numbers.set(number, packName(type, id))
  }
  const open = new Map<number, OpenPack | undefined>()
  try {
    for (let number = 0; number < index.size.segments; number++) {
      const info = index.segment(number)
      const name = numbers.get(info.pack)
      if (name === undefined) continue
      if (!open.has(info.pack)) open.set(info.pack, openPack(vault, index, info.pack, name))
      const pack = open.get(info.pack)
      if (pack === undefined || !opens(vault, pack, info)) segments.add(number)
    }
  } finally {
    for (const pack of open.values()) pack?.blob.close()
  }
  return { packs, segments }
}

/** Numbers of packs in the index that are gone from the store or have another size. */
export function missingPacks({
  index,
  unusable,
  deadLists,
  damaged,
  stored,
}: LoadedIndex): ReadonlySet<number> {
  const listed = new Set([...deadLists.flatMap(({ blobs }) => blobs), ...damaged])
  const missing = new Set<number>()
  for (let number = 0; number < index.size.packs; number++) {
    const { type, id } = index.pack(number)
    const name = packName(type, id)
    if (!stored.has(name) || (unusable.has(name) && !listed.has(name))) missing.add(number)
  }
  return missing
}

/**
 * Of damaged packs, those that recovery points still need: no other pack has all that they use of them. The rest is for a sweep to take.
 * Where not all lists can be read, none is taken for unneeded.
 */
export async function neededPacks(
  vault: Vault,
  { index }: LoadedIndex,
  heads: readonly PointHead[],
  { damaged, signal }: { readonly damaged: ReadonlySet<string>; readonly signal: AbortSignal | undefined },
): Promise<ReadonlySet<string>> {
  if (damaged.size === 0) return damaged
  const walk = new ManifestWalk(vault, index)
  try {
    for (const head of heads) await walk.point(head, signal)
  } catch (error) {
    if (!(error instanceof VaultDamageError) && !(error instanceof ChunkMissingError)) throw error
    return damaged
  } finally {
    walk.close()
  }
  const needed = new Set<string>()
  for (const [number, usedBytes] of walk.usedBytes.entries()) {
    if (usedBytes === 0) continue
    const { type, id } = index.pack(index.segment(number).pack)
    const name = packName(type, id)
    if (damaged.has(name)) needed.add(name)
  }
  return needed
}

interface OpenPack {
  readonly type: ChunkType
  readonly blob: BlobReader
  readonly seed: Buffer
  readonly key: KeyObject
}

/** Undefined where it is gone, too short, or another pack than the index describes. */
function openPack(
  { store, keys }: Vault,
  index: LoadedIndex['index'],
  number: number,
  name: string,
): OpenPack | undefined {
  const { type } = index.pack(number)
  let blob: BlobReader | undefined
  try {
    blob = store.open(name, { isAfresh: true })
    const seed = Buffer.alloc(SEED_BYTES)
    blob.readInto(seed, 0, SEED_BYTES, 0)
    const footer = Buffer.alloc(FOOTER_BYTES)
    blob.readInto(footer, 0, FOOTER_BYTES, Math.max(0, blob.sizeBytes - FOOTER_BYTES))
    const isOther = describesAnother(() =>
      index.describes(
        number,
        parseDirectory(readDirectory(keys, name, type, blob as BlobReader, seed), blob?.sizeBytes ?? 0),
      ),
    )
    if (isOther) {
      blob.close()
      return undefined
    }
    return { type, blob, seed, key: keys.sealKey(type, seed, 'pack', numberOf(footer, keys.newest)) }
  } catch (error) {
    blob?.close()
    if (error instanceof BlobNotFoundError || error instanceof BlobTooShortError) return undefined
    throw error
  }
}

/** A directory that does not open says nothing of the segments before it. */
function describesAnother(describes: () => boolean): boolean {
  try {
    return !describes()
  } catch {
    return false
  }
}

/** Most packs are of the newest key, where the end that says so is damaged. */
function numberOf(footer: Buffer, newest: number): number {
  try {
    return Math.min(keyNumberOf(footer), newest)
  } catch {
    return newest
  }
}

function opens({ keys }: Vault, { type, blob, seed, key }: OpenPack, info: SegmentInfo): boolean {
  const { sealedLength, rawLength, number, offset, flags } = info
  const sealed = Buffer.alloc(sealedLength)
  try {
    blob.readInto(sealed, 0, sealedLength, offset)
    openSegment(
      key,
      { place: keys.place(type), seed, number, offset },
      sealed,
      flags,
      Buffer.alloc(rawLength),
    )
    return true
  } catch {
    return false
  }
}
