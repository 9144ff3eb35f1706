import type { RecoveryPointTable } from '../store/schema.ts'

/** What the manifest's head says of a recovery point, so that the catalogue can be made again from the vault alone. */
export function pointRecord(
  point: RecoveryPointTable,
  restoreMetadata: Readonly<Record<string, string>>,
): Record<string, unknown> {
  return {
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
    restoreMetadata,
    ...(point.copied_at !== null && {
      copiedAt: point.copied_at,
      sourceBackupVaultArn: point.source_vault_arn,
      sourceRecoveryPointArn: point.source_point_arn,
    }),
  }
}
