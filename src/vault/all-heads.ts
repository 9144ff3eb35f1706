import type { BlobStore } from '../blobs/blob-store.ts'
import { VaultDamageError } from './errors.ts'
import { headName, openHead } from './heads.ts'
import type { PointHead } from './heads.ts'
import type { VaultKeys } from './keys.ts'

/** Heads read at once: storage answers many about as fast as one. */
const AT_ONCE = 128

interface Found {
  hasHead: boolean
  isDeleted: boolean
  amendments: number
  lastAmendment: number
}

/**
 * Every recovery point of a vault with its amendments, in pages, from one listing and one read for each blob. What cannot be read
 * is given as what is wrong with it.
 */
export async function* readAllHeads(
  store: BlobStore,
  keys: VaultKeys,
): AsyncGenerator<readonly (PointHead | VaultDamageError)[]> {
  let page: Promise<PointHead | VaultDamageError>[] = []
  for (const [pointId, found] of await findPoints(store)) {
    if (found.isDeleted) continue
    page.push(headOf(store, keys, pointId, found))
    if (page.length < AT_ONCE) continue
    yield await Promise.all(page)
    page = []
  }
  yield await Promise.all(page)
}

async function findPoints(store: BlobStore): Promise<ReadonlyMap<string, Found>> {
  const points = new Map<string, Found>()
  for await (const page of store.list('points/')) {
    for (const { name } of page) {
      const [, pointId, what, number] = /^points\/([^/]+)\/(head|deleted|amendment-(\d{8}))$/.exec(name) ?? []
      if (pointId === undefined) continue
      let found = points.get(pointId)
      if (found === undefined) {
        found = { hasHead: false, isDeleted: false, amendments: 0, lastAmendment: 0 }
        points.set(pointId, found)
      }
      if (what === 'head') found.hasHead = true
      else if (what === 'deleted') found.isDeleted = true
      else {
        found.amendments++
        found.lastAmendment = Math.max(found.lastAmendment, Number(number))
      }
    }
  }
  return points
}

async function headOf(
  store: BlobStore,
  keys: VaultKeys,
  pointId: string,
  { hasHead, amendments, lastAmendment }: Found,
): Promise<PointHead | VaultDamageError> {
  const name = headName(pointId)
  try {
    if (!hasHead)
      throw new VaultDamageError(name, 'it is missing: there are amendments of it, and no tombstone')
    if (amendments !== lastAmendment) throw new VaultDamageError(name, 'one of its amendments is missing')
    return await openHead(store, keys, pointId, amendments)
  } catch (error) {
    if (error instanceof VaultDamageError) return error
    throw error
  }
}
