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

/** Recovery points that have a head and no tombstone, by their ids in byte order; and ids of those that were deleted with something left. */
export async function listPoints(store: BlobStore): Promise<{
  readonly live: readonly (readonly [pointId: string, found: FoundPoint])[]
  readonly deleted: readonly string[]
}> {
  const all = [...(await findPoints(store))]
  return {
    live: all
      .filter(([, { hasHead, isDeleted }]) => hasHead && !isDeleted)
      .sort(([one], [other]) => (one < other ? -1 : 1)),
    deleted: all
      .filter(([, { hasHead, isDeleted, amendments }]) => isDeleted && (hasHead || amendments > 0))
      .map(([pointId]) => pointId),
  }
}

/** Ids of recovery points that have a head and no tombstone, in byte order. */
export async function livePointIds(store: BlobStore): Promise<readonly string[]> {
  return (await listPoints(store)).live.map(([pointId]) => pointId)
}
