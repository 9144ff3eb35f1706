import { arnOf, parseArn } from '../../lib/arn.ts'
import { kindOfType } from '../../kinds/kinds.ts'
import type { LegalHoldTable } from '../../store/points/schema-holds.ts'
import type { RecoveryPointTable, VaultTable } from '../../store/schema.ts'
import type { PointHead, PointRecord } from '../../vault/points/heads.ts'
import type { HoldTargets } from '../../store/points/legal-holds.ts'
import { TIERED_AT } from '../../vault/sweep/cold.ts'
import { MOVED_AT } from '../../vault/points/heads.ts'
import type { Tier } from '../vaults/vault-storages.ts'

/**
 * Rows from what a vault says. Names, owners and roles in it are data, never grants: nothing here makes a user, role or policy, a
 * point is taken for the vault's own account and region only, and whatever is not of the form that this server writes is refused.
 */

const DAY_MS = 86_400_000
/** A point whose retention ended while no server ran is kept so long still: somebody may have rebuilt to restore it. */
export const GRACE_MS: number = 7 * DAY_MS
const MAX_TEXT = 2_048
const MAX_TAGS = 100

export type VaultPlace = Pick<VaultTable, 'account_id' | 'region' | 'name'>

export interface RebuiltPoint {
  readonly row: RecoveryPointTable
  readonly tags: Readonly<Record<string, string>>
  readonly holds: readonly RebuiltHold[]
}

export interface RebuiltHold {
  readonly row: LegalHoldTable
  readonly targets: HoldTargets
}

/** A head's record says something that no point of this vault can be. */
export class ForeignPointError extends Error {
  override name = 'ForeignPointError'
}

/** What a head says of the vault it lies in; undefined where it does not. */
export function placeIn(record: PointRecord): VaultPlace | undefined {
  const { accountId, region, backupVaultName } = record
  if (typeof accountId !== 'string' || !/^\d{12}$/.test(accountId)) return undefined
  if (typeof region !== 'string' || !/^[a-z]{2}(-[a-z]+)+-\d$/.test(region)) return undefined
  const name = typeof backupVaultName === 'string' && VAULT_NAME.test(backupVaultName) ? backupVaultName : ''
  return { account_id: accountId, region, name }
}

const VAULT_NAME = /^[a-zA-Z0-9\-_]{2,50}$/

/** @throws {ForeignPointError} */
export function pointOf(head: PointHead, vault: VaultPlace, now: number, tier: Tier): RebuiltPoint {
  const { record } = head
  const text = (member: string): string => textOf(record[member], member)
  const arn = text('recoveryPointArn')
  const parsed = parseArn(arn)
  const isOwn =
    record['accountId'] === vault.account_id &&
    record['region'] === vault.region &&
    parsed?.accountId === vault.account_id &&
    parsed.region === vault.region
  if (!isOwn)
    throw new ForeignPointError(`it says that it is ${arn}, which is not of the vault's account and region`)
  const resourceType = text('resourceType')
  if (kindOfType(resourceType) === undefined)
    throw new ForeignPointError(`its resource type "${resourceType}" is not known to this version`)
  const createdAt = timeOf(record['createdAt'], 'createdAt')
  const days = record['deleteAfterDays']
  const cold = record['coldAfterDays']
  const tieredAt = tier === 'cold' ? optionalTime(record[TIERED_AT]) : null
  const row: RecoveryPointTable = {
    account_id: vault.account_id,
    region: vault.region,
    arn,
    vault_name: vault.name,
    point_id: head.pointId,
    job_id: head.jobId,
    resource_arn: text('resourceArn'),
    resource_unique_id: text('resourceUniqueId'),
    resource_type: resourceType,
    resource_name: text('resourceName'),
    role_arn: text('roleArn'),
    role_id: text('roleId'),
    status: record['status'] === 'PARTIAL' ? 'PARTIAL' : 'COMPLETED',
    status_message: optionalText(record['statusMessage']),
    created_at: createdAt,
    completed_at: optionalTime(record['completedAt']) ?? createdAt,
    size_bytes: head.manifest.contentBytes,
    item_count: head.manifest.items,
    delete_after_days: isDays(days) ? days : null,
    cold_after_days: isDays(cold) ? cold : null,
    moved_to_cold_at: tier === 'cold' && tieredAt === null ? optionalTime(record[MOVED_AT]) : null,
    tiered_at: tieredAt,
    delete_at: isDays(days) ? endOf(record, createdAt, days, now) : null,
    restore_metadata: JSON.stringify(textsOf(record['restoreMetadata'])),
    created_by: isObject(record['createdBy']) ? JSON.stringify(record['createdBy']) : null,
    plan_id: planOf(record),
    last_restore_at: null,
    copied_at: optionalTime(record['copiedAt']),
    source_vault_arn: optionalText(record['sourceBackupVaultArn']),
    source_point_arn: optionalText(record['sourceRecoveryPointArn']),
  }
  const tags = Object.fromEntries(Object.entries(textsOf(record['tags'])).slice(0, MAX_TAGS))
  return { row, tags, holds: holdsOf(record['legalHolds'], vault) }
}

function endOf(record: PointRecord, createdAt: number, days: number, now: number): number {
  const from = optionalTime(record['retainedFrom']) ?? optionalTime(record['copiedAt']) ?? createdAt
  const end = from + days * DAY_MS
  return end <= now ? now + GRACE_MS : end
}

/** As a backup writes it: a copy says whose backup it is of, and is counted with none. */
function planOf(record: PointRecord): string | null {
  const by = record['createdBy']
  return isObject(by) && optionalTime(record['copiedAt']) === null ? optionalText(by['BackupPlanId']) : null
}

function holdsOf(value: unknown, vault: VaultPlace): RebuiltHold[] {
  if (!Array.isArray(value)) return []
  return value.filter(isObject).map((hold) => {
    const vaultNames = listOf(hold['vaultNames'])
    const resourceArns = listOf(hold['resourceArns'])
    const row: LegalHoldTable = {
      account_id: vault.account_id,
      region: vault.region,
      hold_id: textOf(hold['holdId'], 'holdId'),
      title: textOf(hold['title'], 'title'),
      description: textOf(hold['description'], 'description'),
      status: 'ACTIVE',
      idempotency_token: null,
      created_at: timeOf(hold['createdAt'], 'createdAt'),
      from_at: optionalTime(hold['fromAt']),
      to_at: optionalTime(hold['toAt']),
      names_vaults: vaultNames.length > 0 ? 1 : 0,
      names_resources: resourceArns.length > 0 ? 1 : 0,
      cancelled_at: null,
      cancel_description: null,
      retain_until: null,
    }
    return { row, targets: { vaultNames, resourceArns } }
  })
}

/** The row of a vault that was taken over; its lock, policy and tags are not points' to say. */
export function vaultRow(
  place: VaultPlace,
  rest: Pick<
    VaultTable,
    | 'vault_id'
    | 'created_at'
    | 'storage'
    | 'cold_storage'
    | 'cold_begun_at'
    | 'wrapped_key'
    | 'encryption_key_arn'
    | 'generation'
    | 'lock_configuration'
    | 'sealed_records'
    | 'vault_type'
  >,
): VaultTable {
  return {
    ...place,
    ...rest,
    arn: arnOf('backup', place.region, place.account_id, `backup-vault:${place.name}`),
    state: 'AVAILABLE',
    creator_request_id: null,
    access_policy: null,
    lock_problem: null,
    notifications: null,
    stored_bytes: 0,
  }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isDays = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value <= 36_500

function textOf(value: unknown, member: string): string {
  if (typeof value === 'string' && value.length <= MAX_TEXT) return value
  throw new ForeignPointError(`its ${member} is not a text of up to ${MAX_TEXT} characters`)
}

const optionalText = (value: unknown): string | null =>
  typeof value === 'string' ? value.slice(0, MAX_TEXT) : null

function timeOf(value: unknown, member: string): number {
  const at = optionalTime(value)
  if (at === null) throw new ForeignPointError(`its ${member} is not a time`)
  return at
}

const optionalTime = (value: unknown): number | null =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : null

const listOf = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((one): one is string => typeof one === 'string') : []

function textsOf(value: unknown): Record<string, string> {
  if (!isObject(value)) return {}
  return Object.fromEntries(
    Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  )
}
