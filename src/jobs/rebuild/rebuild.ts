import type { Transaction } from 'kysely'
import { rootArn } from '../../access/identity-arns.ts'
import { arnOf } from '../../lib/arn.ts'
import type { Database } from '../../store/database.ts'
import { parseVaultLock } from '../../plans/vault-lock.ts'
import { insertLegalHold } from '../../store/points/legal-holds.ts'
import { insertRecoveryPoints } from '../../store/points/recovery-points.ts'
import { putTagsOfAll } from '../../store/identity/tags.ts'
import {
  encryptionKeyArn,
  encryptionKeyIdOf,
  findEncryptionKeyById,
  insertEncryptionKey,
} from '../../store/vaults/encryption-keys.ts'
import { insertVault } from '../../store/vaults/vaults.ts'
import { readAllHeads } from '../../vault/points/all-heads.ts'
import { VaultDamageError } from '../../vault/errors.ts'
import type { PointHead } from '../../vault/points/heads.ts'
import { coldPlaceIn, placeText } from '../points/cold-place.ts'
import { identityExportIn } from '../points/point-record.ts'
import { ForeignPointError, placeIn, pointOf, vaultRow } from './rebuild-points.ts'
import type { RebuiltPoint, VaultPlace } from './rebuild-points.ts'
import { lostFromCold, readColdHeads } from './rebuild-cold.ts'
import type { TakenVault } from './rebuild-vault.ts'
import type { Tier } from '../vaults/vault-storages.ts'

/** What a rebuild brought back. */
export interface Rebuilt {
  vaults: number
  points: number
  holds: number
  /** Recovery points that were not brought back, and why: the first ones. */
  readonly problems: string[]
  problemCount: number
  /** Vaults that were under an encryption key, and which: now they are under the server's own key alone. */
  readonly ownKeyOnly: { readonly vault: string; readonly keyArn: string }[]
  /** Vaults that are under their encryption key again, by the name that it was given. */
  readonly underKeys: { readonly vault: string; readonly keyArn: string; readonly name: string }[]
  /** The newest identity export that a recovery point names; 0 where none does. */
  identityNumber: number
}

const MAX_PROBLEMS = 100
/** Rows of one statement: 30 columns each must stay below what SQLite and PostgreSQL bind at most. */
const BATCH = 500

/** Who the vault belongs to and what it is called, as its records or else its newest head say. */
export async function placeOf({ vault }: TakenVault): Promise<VaultPlace | undefined> {
  const { record } = await vault.records()
  const own = record['vault']
  const said = typeof own === 'object' && own !== null ? placeIn(own as PointHead['record']) : undefined
  if (said !== undefined && said.name !== '') return said
  let found: { readonly place: VaultPlace; readonly at: number } | undefined
  for await (const page of readAllHeads(vault.store, vault.keys)) {
    for (const head of page) {
      if (head instanceof VaultDamageError) continue
      const place = placeIn(head.record)
      const at = Number(head.record['createdAt'])
      if (place !== undefined && !(found !== undefined && found.at > at)) found = { place, at }
    }
  }
  return found?.place
}

/**
 * Makes the rows of a vault and of everything in it. Give it a transaction; it may be run again.
 *
 * @param place Its account is there.
 */
export async function rebuildVault(
  tx: Transaction<Database>,
  taken: TakenVault,
  place: VaultPlace,
  { now, rebuilt }: { readonly now: number; readonly rebuilt: Rebuilt },
): Promise<void> {
  const { vault, found } = taken
  const { record, number, damage } = await vault.records()
  if (damage !== undefined) note(rebuilt, `the records of vault ${place.name}: ${damage.message}`)
  const lock = parseVaultLock(record['lock'])
  const keyArn = await keyOf(tx, taken, place, now)
  await insertVault(
    tx,
    vaultRow(place, {
      vault_id: vault.id,
      created_at: createdAtOf(record['vault']) ?? now,
      storage: found.storage,
      cold_storage: found.cold?.storage ?? null,
      cold_begun_at: found.cold === undefined ? null : now,
      wrapped_key: taken.sealed,
      encryption_key_arn: keyArn,
      generation: taken.generation,
      lock_configuration: lock === undefined ? null : JSON.stringify(lock),
      sealed_records: JSON.stringify({ number, record }),
      vault_type: isAirGapped(record['vault']) ? 'LOGICALLY_AIR_GAPPED_BACKUP_VAULT' : 'BACKUP_VAULT',
    }),
  )
  rebuilt.vaults++
  const before = encryptionKeyIn(record['vault'])
  if (taken.encryptionKey !== undefined)
    rebuilt.underKeys.push({ vault: place.name, keyArn, name: taken.encryptionKey.name })
  else if (before !== undefined) rebuilt.ownKeyOnly.push({ vault: place.name, keyArn: before })
  const moved = coldPlaceIn(record)
  if (moved !== undefined && found.cold === undefined)
    note(
      rebuilt,
      `vault ${place.name}: recovery points of it that were moved to cold storage in ${placeText(moved)} were left out`,
    )
  if (found.cold !== undefined)
    for (const pointId of await lostFromCold(vault, found.cold.store))
      note(
        rebuilt,
        `recovery point ${pointId} in vault ${place.name}: it was moved to cold storage, and nothing of it is in ${found.cold.place}`,
      )
  const holds = new Set<string>()
  let batch: RebuiltPoint[] = []
  const flush = async (): Promise<void> => {
    const kept = await insertRecoveryPoints(
      tx,
      batch.map(({ row }) => row),
    )
    rebuilt.points += kept.size
    for (const { row } of batch.filter((point) => !kept.has(point.row.arn)))
      note(rebuilt, `${row.arn} in vault ${place.name}: another recovery point has that ARN`)
    await putTagsOfAll(
      tx,
      place.account_id,
      batch.filter(({ row }) => kept.has(row.arn)).map(({ row, tags }) => ({ arn: row.arn, tags })),
    )
    for (const hold of batch.flatMap((point) => point.holds)) {
      if (holds.has(hold.row.hold_id)) continue
      holds.add(hold.row.hold_id)
      if (await insertLegalHold(tx, hold.row, hold.targets)) rebuilt.holds++
    }
    batch = []
  }
  for await (const { tier, heads } of headsOf(taken)) {
    for (const head of heads) {
      const point = rebuiltPoint(head, { place, tier, now, rebuilt })
      if (point !== undefined) batch.push(point)
    }
    if (batch.length >= BATCH) await flush()
  }
  await flush()
}

/**
 * The key that a vault is under, which the new server knows from now on as that of the account of the first vault under it. A key has one
 * ARN, by which DeleteEncryptionKey finds its vaults, also where those of two servers that had the same key come together.
 */
async function keyOf(
  tx: Transaction<Database>,
  { encryptionKey }: TakenVault,
  { account_id, region }: VaultPlace,
  now: number,
): Promise<string> {
  if (encryptionKey === undefined) return arnOf('kms', region, account_id, 'alias/aws/backup')
  const { keyId, name } = encryptionKey
  const arn = encryptionKeyArn(account_id, region, keyId)
  const created_by = rootArn(account_id)
  await insertEncryptionKey(tx, { key_id: keyId, name, arn, account_id, region, created_at: now, created_by })
  return (await findEncryptionKeyById(tx, keyId))?.arn ?? arn
}

/** Those that were moved to the vault's cold store, then the others of its own one. */
async function* headsOf({ vault, found }: TakenVault): AsyncGenerator<{
  readonly tier: Tier
  readonly heads: readonly (PointHead | VaultDamageError)[]
}> {
  const moved = new Set<string>()
  if (found.cold !== undefined)
    for await (const heads of readColdHeads(vault, found.cold.store)) {
      for (const head of heads) if (!(head instanceof VaultDamageError)) moved.add(head.pointId)
      yield { tier: 'cold', heads }
    }
  for await (const heads of readAllHeads(vault.store, vault.keys))
    yield {
      tier: 'warm',
      heads: heads.filter((head) => head instanceof VaultDamageError || !moved.has(head.pointId)),
    }
}

function rebuiltPoint(
  head: PointHead | VaultDamageError,
  {
    place,
    tier,
    now,
    rebuilt,
  }: {
    readonly place: VaultPlace
    readonly tier: Tier
    readonly now: number
    readonly rebuilt: Rebuilt
  },
): RebuiltPoint | undefined {
  if (head instanceof VaultDamageError) {
    note(rebuilt, `a recovery point in vault ${place.name}: ${head.message}`)
    return undefined
  }
  try {
    rebuilt.identityNumber = Math.max(rebuilt.identityNumber, identityExportIn(head.record))
    return pointOf(head, place, now, tier)
  } catch (error) {
    if (!(error instanceof ForeignPointError)) throw error
    note(rebuilt, `recovery point ${head.pointId} in vault ${place.name}: ${error.message}`)
    return undefined
  }
}

const isAirGapped = (said: unknown): boolean =>
  typeof said === 'object' &&
  said !== null &&
  (said as { vaultType?: unknown }).vaultType === 'LOGICALLY_AIR_GAPPED_BACKUP_VAULT'

/** ARN of the key that the vault was made under; undefined where it was the server's own. */
function encryptionKeyIn(said: unknown): string | undefined {
  const arn =
    typeof said === 'object' && said !== null
      ? (said as { encryptionKeyArn?: unknown }).encryptionKeyArn
      : undefined
  return typeof arn === 'string' && encryptionKeyIdOf(arn) !== undefined ? arn.slice(0, 200) : undefined
}

function createdAtOf(said: unknown): number | undefined {
  const at =
    typeof said === 'object' && said !== null ? (said as { createdAt?: unknown }).createdAt : undefined
  return typeof at === 'number' && Number.isSafeInteger(at) ? at : undefined
}

function note(rebuilt: Rebuilt, problem: string): void {
  rebuilt.problemCount++
  if (rebuilt.problems.length < MAX_PROBLEMS) rebuilt.problems.push(problem)
}
