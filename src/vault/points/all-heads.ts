import type { BlobStore } from '../../blobs/blob-store.ts'
import { PointNotFoundError, VaultDamageError } from '../errors.ts'
import { findPoints } from './found-points.ts'
import type { FoundPoint } from './found-points.ts'
import { checkTombstone, headName, openHead } from './heads.ts'
import type { PointHead } from './heads.ts'
import type { VaultKeys } from '../keys.ts'

/** Heads read at once: storage answers many about as fast as one. */
const AT_ONCE = 128

type Found = readonly (readonly [pointId: string, found: FoundPoint])[]

/**
 * Every recovery point of a vault with its amendments, in pages, from one listing and one read for each document. What cannot be read
 * is given as what is wrong with it: also where only amendments are left.
 */
export async function* readAllHeads(
  store: BlobStore,
  keys: VaultKeys,
): AsyncGenerator<readonly (PointHead | VaultDamageError)[]> {
  const listed = [...(await findPoints(store))]
  const hidden = listed.filter(([, { hasHead, isDeleted }]) => hasHead && isDeleted)
  const deleted = new Set<string>()
  for (const [pointId] of hidden) if (await isDeleted(store, keys, pointId)) deleted.add(pointId)
  yield* readHeads(
    store,
    keys,
    listed.filter(([pointId, found]) => !found.isDeleted || (found.hasHead && !deleted.has(pointId))),
  )
}

/** A tombstone that does not open deletes nothing: whoever can write to the storage can put one. */
async function isDeleted(store: BlobStore, keys: VaultKeys, pointId: string): Promise<boolean> {
  try {
    await checkTombstone(store, keys, pointId)
    return true
  } catch (error) {
    if (error instanceof VaultDamageError) return false
    throw error
  }
}

/** The same of those that were listed; one that was deleted since is left out. */
export async function* readHeads(
  store: BlobStore,
  keys: VaultKeys,
  listed: Found,
): AsyncGenerator<readonly (PointHead | VaultDamageError)[]> {
  let page: Promise<PointHead | VaultDamageError | undefined>[] = []
  for (const [pointId, found] of listed) {
    page.push(headOf(store, keys, pointId, found))
    if (page.length < AT_ONCE) continue
    yield (await Promise.all(page)).filter(isThere)
    page = []
  }
  yield (await Promise.all(page)).filter(isThere)
}

/** Undefined where it was deleted since it was listed. */
async function headOf(
  store: BlobStore,
  keys: VaultKeys,
  pointId: string,
  found: FoundPoint,
): Promise<PointHead | VaultDamageError | undefined> {
  try {
    if (found.hasHead) return await openHead(store, keys, pointId, found.amendments)
    const reason = 'it is missing: there are amendments of it, and no tombstone'
    return new VaultDamageError(headName(pointId), reason)
  } catch (error) {
    if (error instanceof PointNotFoundError) return undefined
    if (error instanceof VaultDamageError) return error
    throw error
  }
}

const isThere = <T>(value: T | undefined): value is T => value !== undefined
