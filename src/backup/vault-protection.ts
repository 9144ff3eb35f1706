import { InvalidParameterValueException, InvalidRequestException } from '../aws/generated/backup.ts'
import type { Lifecycle } from '../aws/generated/backup.ts'
import { keptDays } from '../plans/lifecycle.ts'
import { lockOf, parseLockText, reasonToKeep, retentionProblem } from '../plans/vault-lock.ts'
import { holdsOnPoint } from '../store/points/legal-holds.ts'
import type { RecoveryPointTable, VaultTable } from '../store/schema.ts'
import type { Queryable } from '../store/store.ts'
import { isSealing } from '../store/vaults/vaults.ts'

/** What a vault's lock and legal holds forbid, by the rows; what only the vault itself knows, the jobs ask (jobs/protection.ts). */

/** The lock as DescribeBackupVault and ListBackupVaults show it. */
export function toLockMembers(vault: VaultTable): {
  readonly Locked: boolean
  readonly MinRetentionDays?: number | undefined
  readonly MaxRetentionDays?: number | undefined
  readonly LockDate?: Date | undefined
} {
  const lock =
    parseLockText(vault.lock_configuration) ?? (vault.lock_problem === null ? undefined : lockOf(vault))
  return {
    Locked: lock !== undefined,
    MinRetentionDays: lock?.minRetentionDays,
    MaxRetentionDays: lock?.maxRetentionDays,
    LockDate: lock?.lockDate === undefined ? undefined : new Date(lock.lockDate),
  }
}

/** @throws {InvalidParameterValueException} Where the vault's lock takes no point with this lifecycle: for backups and copies. */
export function refuseRetention(vault: VaultTable, lifecycle: Lifecycle | undefined): void {
  const problem = retentionProblem(lockOf(vault), keptDays(lifecycle))
  if (problem === undefined) return
  throw new InvalidParameterValueException(`Invalid lifecycle for backup vault ${vault.name}: ${problem}`, {
    Context: 'Lifecycle',
  })
}

/**
 * @throws {InvalidRequestException} Where a legal hold or the vault's lock keeps the point from whoever calls. To be asked in the
 * transaction that deletes it; what only the vault itself knows, the job that deletes it asks.
 */
export async function refuseProtected(
  tx: Queryable,
  vault: VaultTable,
  point: RecoveryPointTable,
  verb: string,
): Promise<void> {
  const holds = await holdsOnPoint(tx, point)
  const isChanging = await isSealing(tx, vault)
  const reason = reasonToKeep({
    vaultName: vault.name,
    // A removal that was allowed and is on its way into the vault counts already.
    lock: isChanging ? parseLockText(vault.lock_configuration) : lockOf(vault),
    holds: holds.map(({ hold_id, title }) => `"${title}" (${hold_id})`),
    by: 'caller',
    endsAt: point.delete_at,
    now: 0,
  })
  if (reason === undefined) return
  throw new InvalidRequestException(`Cannot ${verb} ${point.arn}: ${reason}`, { Context: point.arn })
}
