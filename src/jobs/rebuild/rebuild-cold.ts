import { basename } from 'node:path'
import type { BlobStore } from '../../blobs/blob-store.ts'
import { LEFT } from '../../vault/sweep/cold.ts'
import { readAllHeads } from '../../vault/points/all-heads.ts'
import { VaultDamageError } from '../../vault/errors.ts'
import { findPoints } from '../../vault/points/found-points.ts'
import { checkTombstone, deletedName, headName, MOVED, MOVED_AT } from '../../vault/points/heads.ts'
import type { PointHead } from '../../vault/points/heads.ts'
import { isEitherThere } from '../../vault/points/twins.ts'
import { readHeader } from '../../vault/vault.ts'
import type { Vault } from '../../vault/vault.ts'
import { HEADER, RebuildError } from './rebuild-vault.ts'
import type { FoundVault } from './rebuild-vault.ts'

/** The cold stores of vaults that a rebuild found, and what of them counts. */

export interface FoundStores {
  readonly own: readonly FoundVault[]
  /** By vault id: cold stores that lie beside. */
  readonly cold: ReadonlyMap<string, FoundVault>
}

/** Tells vaults' own stores from the cold ones that lie in the same place: those are named `cold-` and the vault's id. */
export async function splitStores(found: readonly FoundVault[]): Promise<FoundStores> {
  const own: FoundVault[] = []
  const cold = new Map<string, FoundVault>()
  for (const one of found) {
    const { vaultId } = await readHeader(one.store)
    if (basename(one.place) === `cold-${vaultId}`) cold.set(vaultId, one)
    else own.push(one)
  }
  return { own, cold }
}

/** What was found by vault id, whatever it is named. */
export async function byVaultId(found: readonly FoundVault[]): Promise<ReadonlyMap<string, FoundVault>> {
  const stores = new Map<string, FoundVault>()
  for (const one of found) stores.set((await readHeader(one.store)).vaultId, one)
  return stores
}

/** @throws {RebuildError} Where another vault lies there. */
export async function isStoreOf(store: BlobStore, vaultId: string, place: string): Promise<boolean> {
  if ((await store.stat(HEADER)) === undefined) return false
  const header = await readHeader(store)
  if (header.vaultId === vaultId) return true
  throw new RebuildError(
    `Cannot rebuild with cold storage in "${place}": it is of vault ${header.vaultId}, not of ${vaultId}. Put the right one in its place, or say with --cold where that is`,
  )
}

/**
 * The recovery points that lie in the cold store, and what is wrong with others. One that the first store still has was being moved: it
 * is whole there, and moved again; but where it had left, whatever lies there was put back. One that was deleted there was deleted.
 */
export async function* readColdHeads(
  warm: Vault,
  cold: BlobStore,
): AsyncGenerator<readonly (PointHead | VaultDamageError)[]> {
  for await (const page of readAllHeads(cold, warm.keys)) {
    const counted = await Promise.all(page.map((head) => countedHead(warm, head)))
    yield counted.filter((head) => head !== undefined)
  }
}

async function countedHead(
  warm: Vault,
  head: PointHead | VaultDamageError,
): Promise<PointHead | VaultDamageError | undefined> {
  if (head instanceof VaultDamageError) return head
  const name = headName(head.pointId)
  try {
    if (await isEitherThere(warm.store, deletedName(head.pointId))) {
      const reason = await checkTombstone(warm.store, warm.keys, head.pointId)
      if (reason !== MOVED) return undefined
    } else if (head.record[LEFT] !== true && (await isEitherThere(warm.store, name))) return undefined
    if (typeof head.record[MOVED_AT] === 'number') return head
    return new VaultDamageError(
      name,
      'it lies in cold storage, and nothing in it says that it was moved there',
    )
  } catch (error) {
    if (error instanceof VaultDamageError) return error
    throw error
  }
}

/** Tombstones read at once. */
const AT_ONCE = 128

/** Ids of recovery points that were moved to the cold store, and of which nothing lies there: no head, and no tombstone. */
export async function lostFromCold(warm: Vault, cold: BlobStore): Promise<readonly string[]> {
  const there = await findPoints(cold)
  const gone = [...(await findPoints(warm.store))].filter(
    ([pointId, { isDeleted }]) => isDeleted && !there.has(pointId),
  )
  const lost: string[] = []
  for (let at = 0; at < gone.length; at += AT_ONCE) {
    const page = gone.slice(at, at + AT_ONCE).map(([pointId]) => pointId)
    const isLost = await Promise.all(page.map((pointId) => wasMoved(warm, pointId)))
    lost.push(...page.filter((_, index) => isLost[index]))
  }
  return lost
}

async function wasMoved({ store, keys }: Vault, pointId: string): Promise<boolean> {
  try {
    return (await checkTombstone(store, keys, pointId)) === MOVED
  } catch (error) {
    if (error instanceof VaultDamageError) return false
    throw error
  }
}
