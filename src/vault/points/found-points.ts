import type { BlobStore } from '../../blobs/blob-store.ts'
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
  const folder = pointId === undefined ? 'points/' : `points/${pointId}/`
  return (await pointsAmong(listEither(store, folder))).points
}

async function pointsAmong(names: AsyncIterable<string>): Promise<{
  readonly points: ReadonlyMap<string, FoundPoint>
  readonly alone: ReadonlySet<string>
}> {
  const points = new Map<string, { -readonly [Member in keyof FoundPoint]: FoundPoint[Member] }>()
  const alone = new Set<string>()
  for await (const name of names) {
    if (!alone.delete(name)) alone.add(name)
    const [, id, what, number] = NAME.exec(name) ?? []
    if (id === undefined) continue
    let found = points.get(id)
    if (found === undefined) points.set(id, (found = { hasHead: false, isDeleted: false, amendments: 0 }))
    if (what === 'head') found.hasHead = true
    else if (what === 'deleted') found.isDeleted = true
    else found.amendments = Math.max(found.amendments, Number(number))
  }
  return { points, alone }
}

/** What one listing of all of a vault's recovery points shows. */
export interface FoundPoints {
  /** Those that have a head and no tombstone, by their ids in byte order. */
  readonly live: readonly (readonly [pointId: string, found: FoundPoint])[]
  /** Ids of those that were deleted with something left. */
  readonly deleted: readonly string[]
  /** Ids of those of which nothing but the tombstone is left. */
  readonly gone: ReadonlySet<string>
  /** Names of documents of which only one of the two twins is there. */
  readonly alone: ReadonlySet<string>
}

/** @param without Ids of those that need not be looked at: where {@link FoundPoints.gone} had them, they stay deleted. */
export async function listPoints(store: BlobStore, without?: ReadonlySet<string>): Promise<FoundPoints> {
  const { points, alone } = await pointsAmong(listEither(store, 'points/', without))
  const all = [...points]
  const hasRest = ({ hasHead, amendments }: FoundPoint): boolean => hasHead || amendments > 0
  const ids = (isOne: (found: FoundPoint) => boolean): string[] =>
    all.filter(([, found]) => isOne(found)).map(([pointId]) => pointId)
  return {
    live: all
      .filter(([, { hasHead, isDeleted }]) => hasHead && !isDeleted)
      .sort(([one], [other]) => (one < other ? -1 : 1)),
    deleted: ids((found) => found.isDeleted && hasRest(found)),
    gone: new Set(ids((found) => found.isDeleted && !hasRest(found))),
    alone,
  }
}

/** Ids of recovery points that have a head and no tombstone, in byte order. */
export async function livePointIds(store: BlobStore): Promise<readonly string[]> {
  return (await listPoints(store)).live.map(([pointId]) => pointId)
}
