import { isDeepStrictEqual } from 'node:util'
import { BlobExistsError, BlobNotFoundError } from '../../blobs/blob-store.ts'
import type { BlobStore } from '../../blobs/blob-store.ts'
import { crashpoint } from '../../lib/crashpoint.ts'
import { sealJson } from '../format/document.ts'
import { VaultDamageError } from '../errors.ts'
import { amendRecord, headName } from './heads.ts'
import type { PointHead, PointRecord } from './heads.ts'
import type { VaultKeys } from '../keys.ts'
import { listEither, openEither, putBoth } from './twins.ts'

/**
 * What a vault says of itself (docs/vault-format.md, section 16): its lock, legal holds. Numbered without gaps and never deleted,
 * so that neither this server's rows nor a clock is needed to know it.
 */
export interface VaultRecords {
  /** Number of the last record; 0 where there is none. */
  readonly number: number
  /** All records so far, one upon the other. */
  readonly record: PointRecord
  /** The same after each record; the first is that before any. */
  readonly states: readonly PointRecord[]
  /** A record that is missing or not readable: behind it nothing is known, and the lock may be another. */
  readonly damage: VaultDamageError | undefined
}

const recordName = (number: number): string => `records/${String(number).padStart(8, '0')}`

/** Member of a head's record: the lock that was set when it was written, and the number of the vault record then. */
export const IN_HEAD = 'vaultLock'

/** Damage is returned, not thrown: backups and restores go on, and who would delete must know of it. */
export async function readVaultRecords(store: BlobStore, keys: VaultKeys): Promise<VaultRecords> {
  const numbers = new Set<number>()
  for await (const name of listEither(store, 'records/')) {
    const match = /^records\/(\d{8})$/.exec(name)
    if (match !== null) numbers.add(Number(match[1]))
  }
  const states: PointRecord[] = [{}]
  let damage: VaultDamageError | undefined
  try {
    for (const number of [...numbers].sort((one, other) => one - other)) {
      if (number !== states.length) {
        const reason = `it is missing: ${recordName(number)} is there`
        throw new VaultDamageError(recordName(states.length), reason)
      }
      states.push(amendRecord(states.at(-1) as PointRecord, await readRecord(store, keys, number)))
    }
  } catch (error) {
    if (error instanceof BlobNotFoundError) damage = new VaultDamageError(error.blob, 'it is gone')
    else if (error instanceof VaultDamageError) damage = error
    else throw error
  }
  return { number: states.length - 1, record: states.at(-1) as PointRecord, states, damage }
}

async function readRecord(store: BlobStore, keys: VaultKeys, number: number): Promise<PointRecord> {
  const name = recordName(number)
  const json = await openEither(store, keys, 'record', name)
  const { record } = json
  if (json['number'] !== number || typeof record !== 'object' || record === null || Array.isArray(record))
    throw new VaultDamageError(name, 'its members are not those of a vault record')
  return record as PointRecord
}

/**
 * Adds a record behind those that are there. `decide` gets what is there and returns the members to replace (null takes one
 * away), or undefined for nothing; it is asked again where another writer came in between.
 *
 * @throws {VaultDamageError} Where what is there cannot be read whole.
 */
export async function writeVaultRecord(
  store: BlobStore,
  keys: VaultKeys,
  decide: (records: VaultRecords) => PointRecord | undefined,
): Promise<VaultRecords> {
  for (;;) {
    const records = await readVaultRecords(store, keys)
    if (records.damage !== undefined) throw records.damage
    const change = decide(records)
    if (change === undefined) return records
    const number = records.number + 1
    const name = recordName(number)
    try {
      await putBoth(store, sealJson(keys, 'record', name, { number, record: change }))
      crashpoint('record.stored')
      const record = amendRecord(records.record, change)
      return { number, record, states: [...records.states, record], damage: undefined }
    } catch (error) {
      if (!(error instanceof BlobExistsError)) throw error
    }
  }
}

/** The head's record with what it says of the vault's lock, where one is set; nothing of another vault's, which it was copied from. */
export function withVaultLock(record: PointRecord, { number, record: { lock } }: VaultRecords): PointRecord {
  const { [IN_HEAD]: _, ...own } = record
  return lock === undefined ? own : { ...own, [IN_HEAD]: { number, lock } }
}

/** The lock that was set when the head was written. */
export function lockInHead({ record }: Pick<PointHead, 'record'>): unknown {
  const said = record[IN_HEAD]
  return typeof said === 'object' && said !== null ? (said as { readonly lock?: unknown }).lock : undefined
}

/**
 * Holds a head against the vault's records: what it saw must still be there.
 * @returns What is wrong. A record that the head's writer saw and that is gone was deleted, or the vault was put back.
 */
export function headProblem(
  { pointId, record }: Pick<PointHead, 'pointId' | 'record'>,
  records: VaultRecords,
): VaultDamageError | undefined {
  const said = record[IN_HEAD]
  if (said === undefined) return undefined
  const { number, lock } = (said ?? {}) as { readonly number?: unknown; readonly lock?: unknown }
  if (typeof number !== 'number' || !Number.isSafeInteger(number) || number < 1)
    return new VaultDamageError(headName(pointId), `its ${IN_HEAD} names no vault record`)
  if (number > records.number) {
    const reason = `it is missing: ${headName(pointId)} was written when it was there`
    return new VaultDamageError(recordName(number), reason)
  }
  if (isDeepStrictEqual(records.states[number]?.['lock'], lock)) return undefined
  return new VaultDamageError(headName(pointId), `its lock is not that of ${recordName(number)}`)
}
