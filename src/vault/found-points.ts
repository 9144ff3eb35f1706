import type { BlobStore } from '../blobs/blob-store.ts'
import { listEither } from './twins.ts'

/** What lies in a vault of one recovery point, by the blobs' names and those of their twins. */
export interface FoundPoint {
  readonly hasHead: boolean
  readonly isDeleted: boolean
  /** Number of the last amendment; 0 where there is none. */
  readonly amendments: number
}

const NAME = /^points\/([^/]+)\/(head|deleted|amendment-(\d{8}))$/

/** All of them, or `pointId` alone. */
export async function findPoints(
  store: BlobStore,
  pointId?: string,
): Promise<ReadonlyMap<string, FoundPoint>> {
  const points = new Map<string, { -readonly [Member in keyof FoundPoint]: FoundPoint[Member] }>()
  const folder = pointId === undefined ? 'points/' : `points/${pointId}/`
  for await (const name of listEither(store, folder)) {
    const [, id, what, number] = NAME.exec(name) ?? []
    if (id === undefined) continue
    let found = points.get(id)
    if (found === undefined) points.set(id, (found = { hasHead: false, isDeleted: false, amendments: 0 }))
    if (what === 'head') found.hasHead = true
    else if (what === 'deleted') found.isDeleted = true
    else found.amendments = Math.max(found.amendments, Number(number))
  }
  return points
}

/** Ids of recovery points that have a head and no tombstone, in byte order; and those that were deleted with something left. */
export async function listPointIds(
  store: BlobStore,
): Promise<{ readonly live: readonly string[]; readonly deleted: readonly string[] }> {
  const live: string[] = []
  const deleted: string[] = []
  for (const [id, { hasHead, isDeleted, amendments }] of await findPoints(store)) {
    if (!isDeleted && hasHead) live.push(id)
    if (isDeleted && (hasHead || amendments > 0)) deleted.push(id)
  }
  return { live: live.sort(), deleted }
}
