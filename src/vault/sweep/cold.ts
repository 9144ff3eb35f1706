import { isDeepStrictEqual } from 'node:util'
import { BlobExistsError, BlobNotFoundError } from '../../blobs/blob-store.ts'
import type { BlobStore } from '../../blobs/blob-store.ts'
import { crashpoint } from '../../lib/crashpoint.ts'
import { openJson } from '../format/document.ts'
import { PointNotFoundError, VaultClaimError, VaultDamageError } from '../errors.ts'
import { headName, MOVED, MOVED_AT, writeHead } from '../points/heads.ts'
import type { PointHead, PointRecord } from '../points/heads.ts'
import { sealIndex } from '../chunks/index-delta.ts'
import type { Lease } from '../lease.ts'
import type { LoadedIndex } from '../chunks/load-index.ts'
import { ManifestWalk, packUse } from './mark.ts'
import type { FinishedPack } from '../format/pack.ts'
import { IN_HEAD, withVaultLock } from '../points/records.ts'
import { repackHere } from './repack.ts'
import type { Repack } from './repack.ts'
import { forgetRetention, retainHeads, retainPoints } from '../points/retain.ts'
import { twinName } from '../points/twins.ts'
import { putOnce } from '../vault.ts'
import type { Vault } from '../vault.ts'
import { leaseTag } from '../write/writer.ts'

/**
 * A vault's second, colder blob store (docs/vault-format.md, section 19): a whole vault of the same id and keys, with packs, index and
 * heads of its own. A recovery point lies in one of the two.
 *
 * | step | a crash behind it leaves |
 * |---|---|
 * | `mirrorVault`: header, wrappings and records, as they are | an empty vault |
 * | `copyToCold`: packs that the cold store lacks, index, head | the point in both, or unused packs |
 * | the server's row says that it is cold | the point in both |
 * | `leaveWarm`: what was amended meanwhile, then the tombstone | the point in the cold store only |
 */
export interface MoveOptions {
  readonly pointId: string
  readonly jobId: string
  readonly fence: number
  /** On the vault, and so on both stores: their generations are one. */
  readonly lease: Lease
  /** Milliseconds since 1970. */
  readonly movedAt: number
  /** Whether it counts as warm there. */
  readonly isTiered?: boolean
  /** As of PointWriter.commit. */
  readonly retainUntil?: number | undefined
  readonly signal?: AbortSignal
  /** Stored bytes copied since the last call. */
  readonly onProgress?: (bytes: number) => void
  readonly repack?: Repack
}

/** Member of a head's record in a cold store: since when a point that a tiering configuration moved there lies there, warm as it was. */
export const TIERED_AT = 'tieredAt'
/**
 * Member of a record in a cold store, true once the first store's head says nothing more of the point: whoever can write there can put
 * an old one back.
 */
export const LEFT = 'leftFirstStore'

/** What a cold store has alike, beside the header. */
const HEADER = 'vault.json'
const MIRRORED = ['keys/', 'records/', twinName('records/')] as const

/** What of a head's record is of the store it lies in. */
const OWN_MEMBERS: readonly string[] = [MOVED_AT, TIERED_AT, LEFT, IN_HEAD]

/**
 * Makes, or completes, what the cold store has alike: header, wrappings of the keys and vault records, byte for byte.
 * @throws {VaultClaimError} When another vault lies there. @throws {BlobNotFoundError} When none lies in the first one.
 * @returns False where this vault lies there under a header that rotted: `mirrorHeader` brings it back.
 */
export async function mirrorVault(warm: BlobStore, cold: BlobStore): Promise<boolean> {
  let isOwn = true
  if (!(await putOnce(cold, HEADER, await warm.get(HEADER)))) {
    if (!(await hasWrappingOf(warm, cold)))
      throw new VaultClaimError(
        'Cannot use this place as cold storage: another vault lies there. Give each vault a cold store of its own',
      )
    isOwn = false
  }
  crashpoint('cold.claimed')
  for (const prefix of MIRRORED) {
    const there = new Set(await namesIn(cold, prefix))
    // The server's own wrapping says whose the vault is: it comes before those of kits, as in the first store.
    const missing = (await namesIn(warm, prefix)).filter((name) => !there.has(name)).toSorted(serverFirst)
    for (const name of missing) await putOnce(cold, name, await warm.get(name))
  }
  crashpoint('cold.mirrored')
  return isOwn
}

/** Whether keys of the vault are wrapped there: no other vault has these bytes. */
async function hasWrappingOf(warm: BlobStore, cold: BlobStore): Promise<boolean> {
  const there = new Set(await namesIn(cold, 'keys/'))
  for (const name of await namesIn(warm, 'keys/'))
    if (there.has(name) && Buffer.from(await cold.get(name)).equals(await warm.get(name))) return true
  return false
}

/**
 * Brings back the header of a cold store that is this vault's, from the first one, whose header opened.
 * @throws {VaultClaimError} When another vault lies there.
 */
export async function mirrorHeader(warm: BlobStore, cold: BlobStore): Promise<void> {
  if (!(await mirrorVault(warm, cold))) await mirrorAgain(warm, cold, [HEADER])
}

/** Names of the header, wrappings and vault records that the cold store has otherwise than the first one, where that one's are as they must be. */
export async function unlikeWarm(
  warm: Vault,
  cold: BlobStore,
  isHurt: (name: string) => boolean,
): Promise<readonly string[]> {
  const names: string[] = [HEADER]
  for (const prefix of MIRRORED) names.push(...(await namesIn(cold, prefix)))
  const unlike: string[] = []
  for (const name of names) {
    // What was read wrong once may lie right on the disk.
    const isUnlike = async (): Promise<boolean> => !isHurt(name) && (await isOtherwise(warm, cold, name))
    if ((await isUnlike()) && (await isUnlike())) unlike.push(name)
  }
  return unlike
}

async function isOtherwise({ store, keys }: Vault, cold: BlobStore, name: string): Promise<boolean> {
  try {
    const bytes = await store.get(name)
    if (Buffer.from(await cold.get(name)).equals(bytes)) return false
    // The first one's header opened, and of wrappings the caller knows whether they are whole; a record shows it.
    if (name !== HEADER && !name.startsWith('keys/'))
      openJson(keys, 'record', name.replace(twinName(''), ''), bytes)
    return true
  } catch (error) {
    if (error instanceof BlobNotFoundError || error instanceof VaultDamageError) return false
    throw error
  }
}

/** Brings back what the cold store has otherwise than the first one. @param unlike As `unlikeWarm` gives it. */
export async function mirrorAgain(
  warm: BlobStore,
  cold: BlobStore,
  unlike: readonly string[],
): Promise<void> {
  for (const name of unlike) {
    const bytes = await warm.get(name)
    await cold.delete(name)
    crashpoint('cold.unlike-deleted')
    await cold.put(name, bytes)
    forgetRetention(cold, name)
  }
}

async function namesIn(store: BlobStore, prefix: string): Promise<string[]> {
  const names: string[] = []
  for await (const page of store.names(prefix)) names.push(...page)
  return names
}

function serverFirst(one: string, other: string): number {
  const rank = (name: string): number => (name.startsWith('keys/server') ? 0 : 1)
  return rank(one) - rank(other) || (one < other ? -1 : 1)
}

/**
 * Copies a recovery point into the cold store: chunks that it lacks, still compressed, then index and head. One that is there already
 * is left as it is.
 *
 * @returns What the cold store grew by. @throws {PointNotFoundError} {VaultDamageError} {ChunkMissingError} {LeaseLostError}
 */
export async function copyToCold(warm: Vault, cold: Vault, options: MoveOptions): Promise<number> {
  const { pointId, jobId, fence, lease, movedAt, isTiered = false, retainUntil } = options
  const head = await warm.head(pointId)
  if (await isThere(cold, head)) return 0
  const packs = await copyChunks(warm, cold, head, options)
  crashpoint('move.packs-stored')
  let storedBytes = packs.reduce((sum, pack) => sum + pack.sizeBytes, 0)
  if (packs.length > 0) {
    await lease.check()
    for (const { name, bytes } of sealIndex(cold.keys, packs)) {
      await cold.store.put(name, bytes)
      storedBytes += bytes.length
    }
  }
  crashpoint('move.index-stored')
  const kept = retainUntil === undefined ? [] : [{ head, retainUntil }]
  const isKept = (await retainPoints(cold, kept, { now: Date.now() })) > 0
  await lease.check()
  const marks = { [MOVED_AT]: movedAt, ...(isTiered && { [TIERED_AT]: movedAt }) }
  const record = withVaultLock({ ...head.record, ...marks }, await cold.records())
  try {
    storedBytes += await writeHead(cold.store, cold.keys, { ...head, jobId, fence, record })
  } catch (error) {
    if (!(error instanceof BlobExistsError) || !(await isThere(cold, head))) throw error
  }
  if (isKept) await retainHeads(cold, kept)
  crashpoint('move.head-stored')
  return storedBytes
}

/** @throws {VaultDamageError} Where a head of other content lies there. */
async function isThere(cold: Vault, { pointId, manifest }: PointHead): Promise<boolean> {
  const there = await headIn(cold, pointId)
  if (there === undefined) return false
  if (isDeepStrictEqual(there.manifest, manifest)) return true
  throw new VaultDamageError(headName(pointId), 'the cold store has a head of that id with other content')
}

/** Undefined where there is none, or it was deleted. */
async function headIn(vault: Vault, pointId: string): Promise<PointHead | undefined> {
  try {
    return await vault.head(pointId)
  } catch (error) {
    if (error instanceof PointNotFoundError) return undefined
    throw error
  }
}

async function copyChunks(
  warm: Vault,
  cold: Vault,
  head: PointHead,
  { lease, signal, onProgress, repack = repackHere }: MoveOptions,
): Promise<readonly FinishedPack[]> {
  const loaded = await indexWith(warm, head)
  const { index: have } = await cold.refresh()
  const walk = new ManifestWalk(warm, loaded.index, (ids, at) => have.isLive(ids, at))
  try {
    await walk.point(head, signal)
  } finally {
    walk.close()
  }
  const { used, usedBytes } = walk
  const packs = packUse({ loaded, usedBytes }).filter(({ usedShare }) => usedShare > 0)
  const chunks = { index: loaded.index, chosen: used, whole: new Set<number>() }
  return await repack(warm, chunks, packs, {
    tag: leaseTag(lease.generation),
    into: cold.store,
    signal,
    onProgress,
  })
}

/** The index, read from the packs themselves where a delta that the point needs was lost. */
async function indexWith(vault: Vault, { manifest: { root } }: PointHead): Promise<LoadedIndex> {
  const loaded = await vault.refresh()
  if (root === undefined || loaded.index.find(root, 0) !== undefined) return loaded
  return await vault.refresh(true)
}

/**
 * Has the head of a point in the cold store say what it is there, where it says otherwise: it was tiered before it became cold, or came
 * there by a move that was given up.
 *
 * @param at Since when it is so, in milliseconds since 1970.
 */
export async function markTier(
  cold: Vault,
  pointId: string,
  tier: 'cold' | 'tiered',
  at: number,
): Promise<void> {
  const { record } = await cold.head(pointId)
  const isTiered = tier === 'tiered'
  if ((typeof record[TIERED_AT] === 'number') === isTiered) return
  await cold.amend(pointId, isTiered ? { [TIERED_AT]: at } : { [TIERED_AT]: null, [MOVED_AT]: at })
}

/**
 * Takes a point that the cold store has out of the first one, once the server's row says that it is cold: what was amended there
 * since the copy goes along. Doing it again finishes it.
 *
 * @throws {PointNotFoundError} Before anything was changed, where the cold store has it not.
 */
export async function leaveWarm(warm: Vault, cold: Vault, pointId: string): Promise<void> {
  const { record } = await cold.head(pointId)
  if (record[LEFT] !== true) {
    const before = await headIn(warm, pointId)
    const change = before === undefined ? {} : changesOf(record, before.record)
    await cold.amend(pointId, { ...change, [LEFT]: true })
  }
  crashpoint('move.amended')
  await warm.deletePoint(pointId, MOVED)
  crashpoint('move.finished')
}

/** The amendment that makes `record` say what `wanted` does; null takes a member away. */
function changesOf(record: PointRecord, wanted: PointRecord): PointRecord {
  const members = new Set([...Object.keys(record), ...Object.keys(wanted)])
  return Object.fromEntries(
    [...members]
      .filter((name) => !OWN_MEMBERS.includes(name) && !isDeepStrictEqual(record[name], wanted[name]))
      .map((name) => [name, wanted[name] ?? null]),
  )
}
