/** AWS's controls in words, each as what is so where it complies. */
export const CONTROLS: Readonly<Record<string, string>> = {
  BACKUP_RESOURCES_PROTECTED_BY_BACKUP_PLAN: 'Each resource is in a backup plan',
  BACKUP_LAST_RECOVERY_POINT_CREATED: 'Each resource has a recovery point of the last day',
  BACKUP_PLAN_MIN_FREQUENCY_AND_MIN_RETENTION_CHECK: 'Plans run daily and keep for 35 days',
  BACKUP_RECOVERY_POINT_MINIMUM_RETENTION_CHECK: 'Recovery points are kept for 35 days',
  BACKUP_RECOVERY_POINT_MANUAL_DELETION_DISABLED: 'Nobody deletes recovery points by hand',
  BACKUP_RECOVERY_POINT_ENCRYPTED: 'Recovery points are encrypted',
  BACKUP_RESOURCES_PROTECTED_BY_BACKUP_VAULT_LOCK: 'Each resource is in a locked vault',
  BACKUP_RESOURCES_PROTECTED_BY_CROSS_REGION: 'Each resource is copied to another region',
  BACKUP_RESOURCES_PROTECTED_BY_CROSS_ACCOUNT: 'Each resource is copied to another account',
  RESTORE_TIME_FOR_RESOURCES_MEET_TARGET: 'Restores take no longer than they may',
  RESOURCES_IN_LOGICALLY_AIR_GAPPED_VAULT: 'Each resource is in an air-gapped vault',
}
