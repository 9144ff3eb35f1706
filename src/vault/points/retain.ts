import type { BlobStore } from '../../blobs/blob-store.ts'
import { crashpoint } from '../../lib/crashpoint.ts'
import type { PointHead } from './heads.ts'
import { ManifestWalk } from '../sweep/mark.ts'
import { packName } from '../format/pack.ts'
import { twinName } from './twins.ts'
import type { Vault } from '../vault.ts'

/**
 * Keeps what recovery points need from deletion in the store itself, against whoever has its keys: S3 Object Lock in compliance
 * mode (docs/adr/0023-object-lock.md). Stores that cannot keep anything are left as they are.
 */
export interface KeptPoint {
  readonly head: Pick<PointHead, 'pointId' | 'manifest'>
  /** Milliseconds since 1970. */
  readonly retainUntil: number
}

/** Requests under way at once. */
const AT_ONCE = 16
/** What a store is known to keep until when, so that it is not asked for each pack at each recovery point. */
const known = new WeakMap<BlobStore, Map<string, number>>()

/**
 * Keeps every pack that these points use at least as long as the point that needs it longest, and what opens the vault as long as
 * the last of them. Nothing is ever kept shorter than before.
 *
 * @returns How many blobs are kept; 0 where the store keeps none.
 * @throws {VaultDamageError} {ChunkMissingError} Before anything was kept, when not all of a point can be read. @throws {StorageError}
 */
export async function retainPoints(
  vault: Vault,
  points: readonly KeptPoint[],
  options: { readonly now: number; readonly signal?: AbortSignal },
): Promise<number> {
  const wanted = points.filter(({ retainUntil }) => retainUntil > options.now)
  if (wanted.length === 0 || !(await vault.store.features()).objectLock) return 0
  const longestFirst = wanted.toSorted((one, other) => other.retainUntil - one.retainUntil)
  const until = await packsOf(vault, longestFirst, options.signal)
  const { retainUntil: last } = longestFirst[0] as KeptPoint
  for (const prefix of ['keys/', 'records/', twinName('records/')]) {
    for await (const page of vault.store.list(prefix)) for (const { name } of page) until.set(name, last)
  }
  until.set('vault.json', last)
  await extendAll(vault.store, until, options.signal)
  crashpoint('retain.packs-kept')
  return until.size
}

/** Keeps the heads of points that are there, and what was added to them. */
export async function retainHeads(vault: Vault, points: readonly KeptPoint[]): Promise<void> {
  const until = new Map<string, number>()
  for (const { head, retainUntil } of points) {
    const folder = `points/${head.pointId}/`
    for (const part of [folder, twinName(folder)])
      for await (const page of vault.store.list(part))
        for (const { name } of page) until.set(name, retainUntil)
  }
  await extendAll(vault.store, until, undefined)
}

/** By pack, until when the first of the points, which is kept longest, that uses something of it is kept. */
async function packsOf(
  vault: Vault,
  longestFirst: readonly KeptPoint[],
  signal: AbortSignal | undefined,
): Promise<Map<string, number>> {
  const until = new Map<string, number>()
  const { index } = await vault.refresh()
  const walk = new ManifestWalk(vault, index)
  try {
    for (const { head, retainUntil } of longestFirst) {
      await walk.point(head, signal)
      for (const segment of walk.takeNewSegments()) {
        const { type, id } = index.pack(index.segment(segment).pack)
        const name = packName(type, id)
        if (!until.has(name)) until.set(name, retainUntil)
      }
    }
  } finally {
    walk.close()
  }
  return until
}

async function extendAll(
  store: BlobStore,
  until: ReadonlyMap<string, number>,
  signal: AbortSignal | undefined,
): Promise<void> {
  const kept = known.get(store) ?? new Map<string, number>()
  known.set(store, kept)
  const left = until.entries()
  const work = async (): Promise<void> => {
    for (const [name, retainUntil] of left) {
      signal?.throwIfAborted()
      if ((kept.get(name) ?? 0) >= retainUntil) continue
      await store.extendRetention(name, retainUntil)
      kept.set(name, retainUntil)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
}

/** What was put again under its old name is kept by nobody yet. */
export function forgetRetention(store: BlobStore, name: string): void {
  known.get(store)?.delete(name)
}

/** Of these blobs, those that the store lets go: deleting the others would hide them and free nothing. */
export async function deletable(
  store: BlobStore,
  names: readonly string[],
  now: number,
): Promise<Set<string>> {
  if (names.length === 0 || !(await store.features()).objectLock) return new Set(names)
  const free = new Set<string>()
  const left = names.values()
  const work = async (): Promise<void> => {
    for (const name of left) if (((await store.retainedUntil(name)) ?? 0) <= now) free.add(name)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  return free
}
