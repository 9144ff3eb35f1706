import { lastIdentityExport } from '../../store/identity/identity-export.ts'
import type { RecoveryPointTable } from '../../store/schema.ts'
import { RUNNING_TIME } from '../plans/protection.ts'
import type { JobTools } from '../tools.ts'

/** Member of a head's record: number of the last identity export when it was written. */
const IDENTITY_EXPORT = 'identityExport'

const DAY_MS = 86_400_000

/** A greater one nobody has counted to: exports are named by eight digits, and the next one's follows. */
const MAX_NUMBER = 90_000_000

/** Number of the last identity export when a head was written; 0 where it names none. */
export function identityExportIn(record: Readonly<Record<string, unknown>>): number {
  const said = record[IDENTITY_EXPORT]
  return Number.isSafeInteger(said) && (said as number) >= 0 && (said as number) < MAX_NUMBER
    ? (said as number)
    : 0
}

/** What the manifest's head says of a recovery point, so that the catalogue can be made again from the vault alone. */
export async function pointRecord(
  tools: Pick<JobTools, 'runningTime' | 'store'>,
  point: RecoveryPointTable,
  restoreMetadata: Readonly<Record<string, string>>,
): Promise<Record<string, unknown>> {
  return {
    // An export that was put back, or newer ones taken away, shows by it.
    [IDENTITY_EXPORT]: await lastIdentityExport(tools.store.db),
    accountId: point.account_id,
    region: point.region,
    recoveryPointArn: point.arn,
    resourceArn: point.resource_arn,
    resourceUniqueId: point.resource_unique_id,
    resourceType: point.resource_type,
    resourceName: point.resource_name,
    roleArn: point.role_arn,
    roleId: point.role_id,
    createdAt: point.created_at,
    deleteAfterDays: point.delete_after_days,
    ...(point.cold_after_days !== null && { coldAfterDays: point.cold_after_days }),
    restoreMetadata,
    // A copy without a retention of its own is kept as long as its source.
    ...(point.delete_at !== null &&
      point.delete_after_days !== null && {
        retainedFrom: point.delete_at - point.delete_after_days * DAY_MS,
      }),
    [RUNNING_TIME]: tools.runningTime.reading(),
    ...(point.copied_at !== null && {
      copiedAt: point.copied_at,
      sourceBackupVaultArn: point.source_vault_arn,
      sourceRecoveryPointArn: point.source_point_arn,
    }),
  }
}
