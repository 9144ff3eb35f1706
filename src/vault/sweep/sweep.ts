import { crashpoint } from '../../lib/crashpoint.ts'
import { removeDamage } from '../verify/damage-records.ts'
import { readDeadLists, writeDeadList } from '../chunks/dead-list.ts'
import type { DeadList } from '../chunks/dead-list.ts'
import { listPoints } from '../points/found-points.ts'
import type { FoundPoints } from '../points/found-points.ts'
import { deleteHead } from '../points/heads.ts'
import { DELTA_BYTES, openIndex, sealIndex } from '../chunks/index-delta.ts'
import type { Lease } from '../lease.ts'
import { markUsed, packUse } from './mark.ts'
import type { Marks } from './mark.ts'
import { completeTwins } from '../repair/mend.ts'
import { packName } from '../format/pack.ts'
import type { FinishedPack } from '../format/pack.ts'
import { repackHere } from './repack.ts'
import type { Repack } from './repack.ts'
import { planRepack } from './repack-plan.ts'
import type { RepackPlan } from './repack-plan.ts'
import { withReserve } from '../reserve.ts'
import { deletable } from '../points/retain.ts'
import type { Vault } from '../vault.ts'
import { leaseTag, tagGeneration } from '../write/writer.ts'

/**
 * Frees what no recovery point uses, while any number of jobs write and read: docs/vault-format.md, section 11.
 *
 * | step | | a crash behind it leaves |
 * |---|---|---|
 * | finish | lists that no live job may be unaware of: heads are read again, an index without the unused packs is written, they are deleted, then the list | the list, to be finished |
 * | repack | packs in use in small part: what is used is stored again | copies |
 * | list | packs not in use go on a dead list, between two generations | a list |
 * | finish | the same list, where no job is under way | |
 */
export interface SweepOptions {
  /** The sweep's own; one sweep of a vault at a time. */
  readonly lease: Lease
  /** Counts the vault's generation up in the store. @returns The new one. */
  takeGeneration(): Promise<number>
  /** The least generation of all other jobs' leases on the vault, readers' too; undefined where there is none. */
  oldestLive(): Promise<number | undefined>
  /** Milliseconds since 1970. */
  readonly now: number
  /** How long a pack lies on a dead list at least. Packs of a vault whose store was lost are safe for that long. */
  readonly graceMs: number
  /** Recovery points as somebody listed them before; absent, they are listed now. What came since is found before anything is freed. */
  readonly listed?: FoundPoints
  readonly repack?: Repack
  readonly signal?: AbortSignal
}

export interface SweepResult {
  /** Freed now. */
  readonly deletedBlobs: number
  readonly deletedBytes: number
  /** Packs written anew from the used parts of others. */
  readonly repackedPacks: number
  /** Blobs on dead lists, to be freed by a later sweep. */
  readonly waitingBlobs: number
  /** Bytes of all packs as they are now, and what recovery points use of them. */
  readonly storedBytes: number
  readonly usedBytes: number
}

/** An unfinished small blob older than this is nobody's any more. */
const STALE_PUT_MS = 86_400_000
/** Deltas beyond those that its size asks for, from which on the index is written anew. */
const MAX_DELTAS = 64
/** What a chunk takes of a delta. */
const CHUNK_BYTES = 36
const DELETES_AT_ONCE = 16
const NOTHING_TO_REPACK: RepackPlan = { packs: [], whole: new Set() }

/** @throws {VaultDamageError} {ChunkMissingError} Before anything was deleted, when not all of the vault can be read. */
export async function sweepVault(vault: Vault, options: SweepOptions): Promise<SweepResult> {
  const { store } = vault
  const result = await withReserve(store, (isTight) => sweepOnce(vault, { ...options, isTight }))
  await store.keepReserve()
  return result
}

interface OnceOptions extends SweepOptions {
  /** The store is full: nothing is stored again, and the index is written anew in parts. */
  readonly isTight: boolean
}

async function sweepOnce(vault: Vault, options: OnceOptions): Promise<SweepResult> {
  const { lease, now } = options
  await lease.check()
  const generation = await options.takeGeneration()
  crashpoint('sweep.begun')
  const oldest = await options.oldestLive()
  await vault.store.removeUnfinished((tag, changedAt) => {
    const of = tagGeneration(tag)
    return of === undefined ? changedAt < now - STALE_PUT_MS : of < Math.min(oldest ?? generation, generation)
  })
  crashpoint('sweep.leavings-removed')
  const listed = options.listed ?? (await listPoints(vault.store))
  await finishDeletions(vault, listed)
  crashpoint('sweep.deletions-finished')
  await completeTwins(vault, lease, listed.alone)
  await dropUnreadableLists(vault, lease)
  const before = await finishLists(vault, options, listed.gone)
  crashpoint('sweep.old-lists-finished')
  const { marks, written } = await listUnused(vault, options, { generation, listed })
  await options.takeGeneration()
  crashpoint('sweep.generation-closed')
  const after = await finishLists(vault, options, listed.gone)
  crashpoint('sweep.lists-finished')
  const { stored, damaged } = after?.marks.loaded ?? marks.loaded
  const left = new Map([...stored].filter(([name]) => after?.deleted.has(name) !== true))
  if (after === undefined)
    for (const { type, id, sizeBytes } of written) left.set(packName(type, id), sizeBytes)
  for (const pack of damaged) if (!left.has(pack)) await removeDamage(vault.store, pack)
  return {
    deletedBlobs: (before?.deleted.size ?? 0) + (after?.deleted.size ?? 0),
    deletedBytes: (before?.bytes ?? 0) + (after?.bytes ?? 0),
    repackedPacks: written.length,
    waitingBlobs: (await readDeadLists(vault.store, vault.keys)).lists.reduce(
      (sum, { blobs }) => sum + blobs.length,
      0,
    ),
    storedBytes: [...left.values()].reduce((sum, bytes) => sum + bytes, 0),
    usedBytes: Math.round(packUse(after?.marks ?? marks).reduce((sum, use) => sum + use.usedBytes, 0)),
  }
}

/** Deletions of recovery points that were interrupted behind the tombstone. */
async function finishDeletions({ store, keys }: Vault, { deleted }: FoundPoints): Promise<void> {
  for (const pointId of deleted) await deleteHead(store, keys, pointId, 'deletion finished by a sweep')
}

/**
 * Dead lists that do not open go: nothing can be deleted by them, and what they named is found unused again. Until then no new
 * recovery point begins, since a sweep that could still read the list may be deleting by it; it has ended by now.
 */
export async function dropUnreadableLists({ store, keys }: Vault, lease: Lease): Promise<readonly string[]> {
  const gone: string[] = []
  for (const { blob } of (await readDeadLists(store, keys)).damage) {
    await lease.check()
    await store.delete(blob)
    gone.push(blob)
    crashpoint('sweep.unreadable-list-deleted')
  }
  return gone
}

/**
 * Repacks, and puts what is not used on a dead list of `generation`. What `listed` does not have yet is put there too: whoever ends
 * the list reads the heads again.
 *
 * @returns What was found in use, and the packs that were written anew.
 */
async function listUnused(
  vault: Vault,
  options: OnceOptions,
  { generation, listed }: { readonly generation: number; readonly listed: FoundPoints },
): Promise<{ readonly marks: Marks; readonly written: readonly FinishedPack[] }> {
  const quietBefore = (await options.oldestLive()) === undefined
  const marks = await markUsed(vault, options, listed)
  const { loaded } = marks
  const waiting = new Set(loaded.deadLists.flatMap(({ blobs }) => blobs))
  crashpoint('sweep.marked')
  const uses = packUse(marks).filter(({ name }) => !waiting.has(name))
  const orphans = quietBefore ? await orphansOf(vault, options, marks) : []
  const going = {
    unused: uses.filter(({ usedShare }) => usedShare === 0).map(({ name }) => name),
    // Of a damaged pack only what was stored again is unused; the rest is a repair's to move.
    sparse: options.isTight
      ? NOTHING_TO_REPACK
      : planRepack(
          marks,
          uses.filter(({ name, usedShare }) => usedShare > 0 && !loaded.damaged.has(name)),
          vault.store.isLocal,
        ),
    orphans: orphans.filter((name) => !waiting.has(name)),
  }
  const free = await deletable(
    vault.store,
    [...going.unused, ...going.sparse.packs.map(({ name }) => name), ...going.orphans],
    options.now,
  )
  const sparse = going.sparse.packs.filter(({ name }) => free.has(name))
  let written: readonly FinishedPack[] = []
  if (sparse.length > 0) {
    const chunks = { index: loaded.index, chosen: marks.used, whole: going.sparse.whole }
    written = await (options.repack ?? repackHere)(vault, chunks, sparse, {
      tag: leaseTag(options.lease.generation),
      signal: options.signal,
    })
    crashpoint('sweep.repacked')
    await options.lease.check()
    for (const { name, bytes } of sealIndex(vault.keys, written)) {
      await vault.store.put(name, bytes)
      crashpoint('sweep.repacked-delta')
    }
    crashpoint('sweep.repacked-index')
  }
  const blobs = [
    ...going.unused.filter((name) => free.has(name)),
    ...sparse.map(({ name }) => name),
    ...going.orphans.filter((name) => free.has(name)),
  ]
  if (blobs.length > 0) {
    await options.lease.check()
    await writeDeadList(vault.store, vault.keys, { generation, createdAtMs: options.now, blobs })
    crashpoint('sweep.listed')
  }
  return { marks, written }
}

/**
 * Packs that no index delta names and no running job may yet name: of jobs that ended badly. Only told apart while no other job is
 * under way, before as well as after, and none came and went in between.
 */
async function orphansOf(vault: Vault, options: OnceOptions, { loaded }: Marks): Promise<string[]> {
  if ((await options.oldestLive()) !== undefined) return []
  for await (const page of vault.store.names('index/')) {
    if (page.some((name) => !loaded.deltas.has(name))) return []
  }
  return [...loaded.stored.keys()].filter((name) => !loaded.packs.has(name))
}

interface Finished {
  /** Before anything was deleted. */
  readonly marks: Marks
  /** Names of the packs, and their bytes together. */
  readonly deleted: ReadonlySet<string>
  readonly bytes: number
}

/**
 * Ends the dead lists that every live job knows of, and that are old enough.
 * @param gone Ids of recovery points that were deleted to the end before: they need not be looked at again.
 * @returns Undefined where there is none.
 */
async function finishLists(
  vault: Vault,
  options: OnceOptions,
  gone: ReadonlySet<string>,
): Promise<Finished | undefined> {
  // INVARIANT: asked before the heads are listed. Who may rely on a listed pack has ended by then, and its head is there or never will be.
  const oldest = await options.oldestLive()
  const isRipe = (list: DeadList): boolean =>
    (oldest === undefined || list.generation < oldest) && options.now - list.createdAtMs >= options.graceMs
  const lists = (await readDeadLists(vault.store, vault.keys)).lists.filter(isRipe)
  if (lists.length === 0) return undefined
  const marks = await markUsed(vault, options, await listPoints(vault.store, gone))
  const inUse = new Set(packUse(marks).flatMap(({ name, usedShare }) => (usedShare > 0 ? [name] : [])))
  const doomed = new Set(lists.flatMap(({ blobs }) => blobs).filter((name) => !inUse.has(name)))
  crashpoint('sweep.marked-again')
  await options.lease.check()
  await rewriteIndex(vault, marks, doomed, options.isTight)
  crashpoint('sweep.index-rewritten')
  const deleted = await deleteAll(vault, options, [...doomed])
  crashpoint('sweep.packs-deleted')
  for (const { name } of lists) {
    await vault.store.delete(name)
    crashpoint('sweep.list-deleted')
  }
  const bytes = [...deleted].reduce((sum, name) => sum + (marks.loaded.stored.get(name) ?? 0), 0)
  return { marks, deleted, bytes }
}

/** Some at once: a disk makes deletions durable together, and a bucket answers many as fast as one. @returns Those that were there. */
async function deleteAll(
  { store }: Vault,
  { lease }: OnceOptions,
  names: readonly string[],
): Promise<Set<string>> {
  const gone = new Set<string>()
  for (let at = 0; at < names.length; at += DELETES_AT_ONCE) {
    await lease.check()
    const some = names.slice(at, at + DELETES_AT_ONCE)
    const ended = await Promise.allSettled(
      some.map(async (name) => {
        if (!(await store.delete(name))) return
        crashpoint('sweep.pack-deleted')
        gone.add(name)
      }),
    )
    // Only once all have ended: who is told of it must find nothing still going on.
    for (const one of ended) if (one.status === 'rejected') throw one.reason
  }
  return gone
}

/**
 * Replaces all index deltas read by ones without `doomed` packs, where these name any or are too many. All at once, which readers
 * notice least; where the store is full, a few at a time, which takes no more room than they had.
 */
async function rewriteIndex(
  vault: Vault,
  { loaded }: Marks,
  doomed: ReadonlySet<string>,
  isTight: boolean,
): Promise<void> {
  const { store, keys } = vault
  const wanted = Math.ceil((loaded.index.size.chunks * CHUNK_BYTES) / DELTA_BYTES)
  const isNeeded =
    loaded.deltas.size > MAX_DELTAS + 2 * wanted || [...doomed].some((name) => loaded.packs.has(name))
  if (!isNeeded) return
  const kept = new Set<string>()
  let batch: FinishedPack[] = []
  let bytes = 0
  let read: string[] = []
  const flush = async (replaces: readonly string[]): Promise<void> => {
    for (const delta of sealIndex(keys, batch, replaces)) {
      await store.put(delta.name, delta.bytes)
      crashpoint('sweep.delta-stored')
    }
    batch = []
    bytes = 0
  }
  const remove = async (): Promise<void> => {
    for (const name of read) {
      await store.delete(name)
      crashpoint('sweep.delta-deleted')
    }
    read = []
  }
  for (const name of loaded.deltas) {
    read.push(name)
    for (const pack of openIndex(keys, name, await store.get(name)).packs) {
      const blob = packName(pack.type, pack.id)
      // A replaced delta may still lie there and name packs that were deleted since.
      if (kept.has(blob) || doomed.has(blob) || !loaded.packs.has(blob)) continue
      kept.add(blob)
      batch.push(pack)
      bytes += pack.directory.length
    }
    if (bytes <= DELTA_BYTES) continue
    await flush(isTight ? read : [])
    if (isTight) await remove()
  }
  // The last one replaces the old ones: by then all others are there.
  await flush(read)
  crashpoint('sweep.index-stored')
  await remove()
}
