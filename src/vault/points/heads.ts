import type { BlobStore } from '../../blobs/blob-store.ts'
import { BlobExistsError, BlobNotFoundError } from '../../blobs/blob-store.ts'
import { crashpoint } from '../../lib/crashpoint.ts'
import { sealJson } from '../format/document.ts'
import { PointNotFoundError, VaultDamageError } from '../errors.ts'
import { findPoints } from './found-points.ts'
import type { FoundPoint } from './found-points.ts'
import { checkPointId } from '../keys.ts'
import type { VaultKeys } from '../keys.ts'
import type { ManifestRoot } from '../write/manifest-writer.ts'
import { deleteBoth, isEitherThere, listEither, openEither, putBoth } from './twins.ts'

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
/** Member of a head's record in a cold store: when the point came there, in milliseconds since 1970. */
export const MOVED_AT = 'movedToColdAt'
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
  await putBoth(store, document)
  return 2 * document.bytes.length
}

/**
 * One recovery point's head with its amendments.
 * @throws {PointNotFoundError} When there is none, or it was deleted. @throws {VaultDamageError}
 */
export async function readHead(store: BlobStore, keys: VaultKeys, pointId: string): Promise<PointHead> {
  const { amendments } = await findHead(store, keys, pointId)
  return await openHead(store, keys, pointId, amendments)
}

/** @throws {PointNotFoundError} @throws {VaultDamageError} When a tombstone lies there that deletes nothing. */
async function findHead(store: BlobStore, keys: VaultKeys, pointId: string): Promise<FoundPoint> {
  checkPointId(pointId)
  const found = (await findPoints(store, pointId)).get(pointId)
  if (found?.hasHead !== true) throw new PointNotFoundError(pointId)
  if (!found.isDeleted) return found
  // Whoever can write to the storage can put a blob of that name: it hides no recovery point without saying so.
  await checkTombstone(store, keys, pointId)
  throw new PointNotFoundError(pointId)
}

/**
 * The same where it was found that there is a head, and how many amendments.
 * @throws {PointNotFoundError} Where it was deleted since. @throws {VaultDamageError}
 */
export async function openHead(
  store: BlobStore,
  keys: VaultKeys,
  pointId: string,
  amendments: number,
): Promise<PointHead> {
  try {
    const head = parseHead(keys, pointId, await openEither(store, keys, 'head', headName(pointId)))
    let { record } = head
    for (let number = 1; number <= amendments; number++)
      record = amendRecord(record, await readAmendment(store, keys, pointId, number))
    return { ...head, record }
  } catch (error) {
    if (!(error instanceof BlobNotFoundError)) throw error
    if (await isEitherThere(store, deletedName(pointId))) throw new PointNotFoundError(pointId)
    throw new VaultDamageError(error.blob, 'it is gone', { cause: error })
  }
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
): Promise<PointRecord> {
  const name = amendmentName(pointId, number)
  const json = await openEither(store, keys, 'amendment', name)
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
  const { amendments } = await findHead(store, keys, pointId)
  await openHead(store, keys, pointId, amendments)
  for (let number = amendments + 1; ; number++) {
    const name = amendmentName(pointId, number)
    try {
      await putBoth(store, sealJson(keys, 'amendment', name, { pointId, number, record }))
      crashpoint('amendment.stored')
      return number
    } catch (error) {
      // Another writer took the number between the two calls: the next one is ours.
      if (!(error instanceof BlobExistsError)) throw error
    }
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
  if (!(await isEitherThere(store, name))) {
    crashpoint('point.to-be-tombstoned')
    try {
      await putBoth(store, sealJson(keys, 'deleted', name, { pointId, reason }))
    } catch (error) {
      // Another attempt, or a sweep that finished this one, was between the two calls.
      if (!(error instanceof BlobExistsError)) throw error
    }
    crashpoint('point.tombstoned')
  }
  // Whoever can write to the storage can put a blob of that name: only the seal says that the vault's owner wanted it.
  await checkTombstone(store, keys, pointId)
  await deleteBoth(store, headName(pointId))
  crashpoint('point.head-deleted')
  const left = new Set<string>()
  for await (const blob of listEither(store, `points/${pointId}/`)) if (blob !== name) left.add(blob)
  for (const blob of left) {
    await deleteBoth(store, blob)
    crashpoint('point.amendment-deleted')
  }
  crashpoint('point.deleted')
}

/**
 * @returns The tombstone's reason.
 * @throws {VaultDamageError} Where it does not open, or is the first store's that was put into the cold one, where it deletes nothing.
 */
export async function checkTombstone(store: BlobStore, keys: VaultKeys, pointId: string): Promise<string> {
  const name = deletedName(pointId)
  const json = await openEither(store, keys, 'deleted', name)
  if (json['pointId'] !== pointId) throw new VaultDamageError(name, 'it is of another recovery point')
  const reason = String(json['reason'])
  // Both stores have the same keys, and seals name no store.
  if (reason === MOVED && (await cameHere(store, keys, pointId)))
    throw new VaultDamageError(
      name,
      'it is that of the vault’s first store: the recovery point was moved here',
    )
  return reason
}

/** Whether a head lies here that was moved here. */
async function cameHere(store: BlobStore, keys: VaultKeys, pointId: string): Promise<boolean> {
  try {
    const { record } = parseHead(keys, pointId, await openEither(store, keys, 'head', headName(pointId)))
    return typeof record[MOVED_AT] === 'number'
  } catch (error) {
    if (error instanceof BlobNotFoundError || error instanceof VaultDamageError) return false
    throw error
  }
}
