import type { BlobStore } from '../blobs/blob-store.ts'
import { BlobExistsError, BlobNotFoundError } from '../blobs/blob-store.ts'
import { crashpoint } from '../lib/crashpoint.ts'
import { openJson, sealJson } from './document.ts'
import { PointNotFoundError, VaultDamageError } from './errors.ts'
import { checkPointId } from './keys.ts'
import type { VaultKeys } from './keys.ts'
import type { ManifestRoot } from './manifest-writer.ts'

/** A JSON object that the engine keeps and does not look into: all that DescribeRecoveryPoint says. Data, never a grant. */
export type PointRecord = Readonly<Record<string, unknown>>

/** docs/vault-format.md, section 9. */
export interface PointHead {
  readonly pointId: string
  readonly jobId: string
  readonly fence: number
  readonly manifest: ManifestRoot
  /** With the amendments applied. */
  readonly record: PointRecord
}

export const headName = (pointId: string): string => `points/${pointId}/head`
/** A tombstone's reason where the recovery point lies in the vault's cold store now: it is not deleted. */
export const MOVED = 'moved to cold storage'
export const deletedName = (pointId: string): string => `points/${pointId}/deleted`
const amendmentName = (pointId: string, number: number): string =>
  `points/${pointId}/amendment-${String(number).padStart(8, '0')}`

/** @throws {BlobExistsError} When another head has the id. */
export async function writeHead(store: BlobStore, keys: VaultKeys, head: PointHead): Promise<number> {
  const { pointId, jobId, fence, manifest, record } = head
  const document = sealJson(keys, 'head', headName(pointId), {
    format: 1,
    vaultId: keys.vaultId,
    pointId,
    jobId,
    fence,
    root: manifest.root?.toString('hex') ?? null,
    height: manifest.height,
    items: manifest.items,
    contentBytes: manifest.contentBytes,
    record,
  })
  await store.put(document.name, document.bytes)
  return document.bytes.length
}

/**
 * One recovery point's head with its amendments.
 * @throws {PointNotFoundError} When there is none, or it was deleted. @throws {VaultDamageError}
 */
export async function readHead(store: BlobStore, keys: VaultKeys, pointId: string): Promise<PointHead> {
  checkPointId(pointId)
  if ((await store.stat(deletedName(pointId))) !== undefined) throw new PointNotFoundError(pointId)
  const name = headName(pointId)
  let sealed: Uint8Array
  try {
    sealed = await store.get(name)
  } catch (error) {
    if (error instanceof BlobNotFoundError) throw new PointNotFoundError(pointId)
    throw error
  }
  const head = parseHead(keys, pointId, openJson(keys, 'head', name, sealed))
  let record = head.record
  for (let number = 1; ; number++) {
    const amendment = await readAmendment(store, keys, pointId, number)
    if (amendment === undefined) return { ...head, record }
    record = amendRecord(record, amendment)
  }
}

/** The same where it is known that there is a head, and how many amendments. @throws {VaultDamageError} */
export async function openHead(
  store: BlobStore,
  keys: VaultKeys,
  pointId: string,
  amendments: number,
): Promise<PointHead> {
  const name = headName(pointId)
  const head = parseHead(keys, pointId, openJson(keys, 'head', name, await store.get(name)))
  let { record } = head
  for (let number = 1; number <= amendments; number++) {
    const amendment = await readAmendment(store, keys, pointId, number)
    if (amendment === undefined) throw new VaultDamageError(amendmentName(pointId, number), 'it is gone')
    record = amendRecord(record, amendment)
  }
  return { ...head, record }
}

function parseHead(keys: VaultKeys, pointId: string, json: Readonly<Record<string, unknown>>): PointHead {
  const { format, vaultId, jobId, fence, root, height, items, contentBytes, record } = json
  const isId = root === null || (typeof root === 'string' && /^[0-9a-f]{64}$/.test(root))
  const isGood =
    format === 1 &&
    vaultId === keys.vaultId &&
    json['pointId'] === pointId &&
    typeof jobId === 'string' &&
    [fence, height, items, contentBytes].every((n) => Number.isSafeInteger(n) && (n as number) >= 0) &&
    isId &&
    typeof record === 'object' &&
    record !== null
  if (!isGood)
    throw new VaultDamageError(headName(pointId), 'its members are not those of a head of version 1')
  const manifest = {
    root: root === null ? undefined : Buffer.from(root as string, 'hex'),
    height: height as number,
    items: items as number,
    contentBytes: contentBytes as number,
  }
  return { pointId, jobId, fence: fence as number, manifest, record: record as PointRecord }
}

async function readAmendment(
  store: BlobStore,
  keys: VaultKeys,
  pointId: string,
  number: number,
): Promise<PointRecord | undefined> {
  const name = amendmentName(pointId, number)
  let sealed: Uint8Array
  try {
    sealed = await store.get(name)
  } catch (error) {
    if (error instanceof BlobNotFoundError) return undefined
    throw error
  }
  const json = openJson(keys, 'amendment', name, sealed)
  const { record } = json
  if (
    json['pointId'] !== pointId ||
    json['number'] !== number ||
    typeof record !== 'object' ||
    record === null
  )
    throw new VaultDamageError(name, 'its members are not those of an amendment')
  return record as PointRecord
}

/** Members of `amendment` replace those of `record`; null takes one away. */
export function amendRecord(record: PointRecord, amendment: PointRecord): PointRecord {
  const merged = new Map([...Object.entries(record), ...Object.entries(amendment)])
  return Object.fromEntries([...merged].filter(([, value]) => value !== null))
}

/** Adds an amendment behind those that are there. @throws {PointNotFoundError} */
export async function writeAmendment(
  store: BlobStore,
  keys: VaultKeys,
  pointId: string,
  record: PointRecord,
): Promise<number> {
  await readHead(store, keys, pointId)
  for (let number = 1; ; number++) {
    const name = amendmentName(pointId, number)
    if ((await store.stat(name)) !== undefined) continue
    try {
      await store.put(name, sealJson(keys, 'amendment', name, { pointId, number, record }).bytes)
      crashpoint('amendment.stored')
      return number
    } catch (error) {
      // Another writer took the number between the two calls: the next one is ours.
      if (!(error instanceof BlobExistsError)) throw error
    }
  }
}

/** Ids of recovery points that have a head and no tombstone, in byte order; and those that were deleted with something left. */
export async function listPointIds(
  store: BlobStore,
): Promise<{ readonly live: readonly string[]; readonly deleted: readonly string[] }> {
  const heads = new Set<string>()
  const tombstones = new Set<string>()
  const leftOver = new Set<string>()
  for await (const page of store.list('points/')) {
    for (const { name } of page) {
      const match = /^points\/([^/]+)\/(head|deleted|amendment-\d{8})$/.exec(name)
      if (match === null) continue
      const id = match[1] as string
      if (match[2] === 'deleted') tombstones.add(id)
      else leftOver.add(id)
      if (match[2] === 'head') heads.add(id)
    }
  }
  return {
    live: [...heads].filter((id) => !tombstones.has(id)).sort(),
    deleted: [...tombstones].filter((id) => leftOver.has(id)),
  }
}

/** The head of a point that was listed; undefined where it was deleted since. One that is gone without a tombstone is lost. */
export async function readHeadUnlessDeleted(
  store: BlobStore,
  keys: VaultKeys,
  pointId: string,
): Promise<PointHead | undefined> {
  try {
    return await readHead(store, keys, pointId)
  } catch (error) {
    if (!(error instanceof PointNotFoundError) || (await store.stat(deletedName(pointId))) === undefined)
      throw error
    await checkTombstone(store, keys, pointId)
    return undefined
  }
}

/**
 * Tombstone first, then the head: whatever is interrupted, the point is either whole or deleted. Repeating it finishes it.
 * @throws {VaultDamageError} Before anything is deleted, when a tombstone lies there that this vault's keys did not seal.
 */
export async function deleteHead(
  store: BlobStore,
  keys: VaultKeys,
  pointId: string,
  reason: string,
): Promise<void> {
  checkPointId(pointId)
  const name = deletedName(pointId)
  if ((await store.stat(name)) === undefined) {
    crashpoint('point.to-be-tombstoned')
    try {
      await store.put(name, sealJson(keys, 'deleted', name, { pointId, reason }).bytes)
    } catch (error) {
      // Another attempt, or a sweep that finished this one, was between the two calls.
      if (!(error instanceof BlobExistsError)) throw error
    }
    crashpoint('point.tombstoned')
  }
  // Whoever can write to the storage can put a blob of that name: only the seal says that the vault's owner wanted it.
  await checkTombstone(store, keys, pointId)
  await store.delete(headName(pointId))
  crashpoint('point.head-deleted')
  for await (const page of store.list(`points/${pointId}/`)) {
    for (const blob of page) {
      if (blob.name === name) continue
      await store.delete(blob.name)
      crashpoint('point.amendment-deleted')
    }
  }
  crashpoint('point.deleted')
}

/** @returns The tombstone's reason. @throws {VaultDamageError} */
export async function checkTombstone(store: BlobStore, keys: VaultKeys, pointId: string): Promise<string> {
  const name = deletedName(pointId)
  const json = openJson(keys, 'deleted', name, await store.get(name))
  if (json['pointId'] !== pointId) throw new VaultDamageError(name, 'it is of another recovery point')
  return String(json['reason'])
}
