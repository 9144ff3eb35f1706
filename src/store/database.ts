import type {
  AccessKeyTable,
  AccountTable,
  AttachmentTable,
  GroupMemberTable,
  GroupTable,
  InlinePolicyTable,
  InstanceProfileTable,
  JobTable,
  OidcProviderTable,
  PolicyTable,
  PolicyVersionTable,
  RecoveryPointTable,
  RegionSettingsTable,
  ResourceTable,
  RoleTable,
  RunningTimeTable,
  ServerTable,
  TagTable,
  UserTable,
  VaultTable,
} from './schema.ts'
import type {
  AccessReportTable,
  BackOffTable,
  CredentialReportTable,
  LoginProfileTable,
  MfaDeviceTable,
  PasswordHistoryTable,
  SignInFinishedTable,
  SignInProviderTable,
  SignInSessionTable,
} from './identity/schema-credentials.ts'
import type { AuditTable } from './audit/schema-audit.ts'
import type { JobDecisionTable } from './audit/schema-decisions.ts'
import type { DenialPolicyTable, DenialTable } from './audit/schema-denials.ts'
import type {
  DiscoveredTable,
  DiscoveryRoundTable,
  DiscoveryRuleTable,
} from './resources/schema-discovery.ts'
import type { FrameworkTable } from './compliance/schema-frameworks.ts'
import type { PointIndexTable } from './points/schema-point-index.ts'
import type { TieringConfigurationTable } from './points/schema-tiering.ts'
import type { ProtectionTable } from './points/schema-protection.ts'
import type { ReportPlanTable } from './compliance/schema-reports.ts'
import type {
  EventDeliveryTable,
  EventTable,
  EventTargetTable,
  SignOfLifeTable,
  SnsSignerTable,
} from './events/schema-events.ts'
import type {
  GlobalSettingsTable,
  JobLimitsTable,
  LegalHoldTable,
  LegalHoldTargetTable,
  QuotaTable,
} from './points/schema-holds.ts'
import type { IdentityChangeTable, IdentityExportTable } from './identity/schema-identity.ts'
import type {
  RestoreTestingPlanTable,
  RestoreTestingSelectionTable,
  RestoreTestTable,
} from './plans/schema-restore-testing.ts'
import type {
  CountsSeenTable,
  ExpiryRoundTable,
  HeldDeletionTable,
  SurprisedExpiryTable,
} from './points/schema-retention.ts'
import type { VaultScrubTable } from './vaults/schema-scrub.ts'
import type { VaultUsageTable } from './vaults/schema-usage.ts'
import type { EncryptionKeyTable } from './vaults/schema-encryption-keys.ts'
import type { StorageTable } from './vaults/schema-storages.ts'
import type {
  BackupPauseTable,
  BackupPlanRunTable,
  BackupPlanTable,
  BackupPlanVersionTable,
  BackupRuleTable,
  BackupSelectionTable,
  RetentionCountsTable,
} from './plans/schema-plans.ts'

/** Every table by its name, for the query builder. */
export interface Database {
  server: ServerTable
  identity_change: IdentityChangeTable
  identity_export: IdentityExportTable
  account: AccountTable
  storage: StorageTable
  encryption_key: EncryptionKeyTable
  held_deletion: HeldDeletionTable
  expiry_round: ExpiryRoundTable
  surprised_expiry: SurprisedExpiryTable
  counts_seen: CountsSeenTable
  running_time: RunningTimeTable
  sign_of_life: SignOfLifeTable
  region_settings: RegionSettingsTable
  iam_user: UserTable
  iam_group: GroupTable
  iam_group_member: GroupMemberTable
  iam_role: RoleTable
  iam_policy: PolicyTable
  iam_policy_version: PolicyVersionTable
  iam_attachment: AttachmentTable
  iam_inline_policy: InlinePolicyTable
  iam_access_key: AccessKeyTable
  iam_instance_profile: InstanceProfileTable
  iam_oidc_provider: OidcProviderTable
  iam_login_profile: LoginProfileTable
  iam_password_history: PasswordHistoryTable
  iam_mfa_device: MfaDeviceTable
  sign_in_session: SignInSessionTable
  sign_in_provider: SignInProviderTable
  sign_in_finished: SignInFinishedTable
  back_off: BackOffTable
  credential_report: CredentialReportTable
  access_report: AccessReportTable
  tag: TagTable
  resource: ResourceTable
  protection: ProtectionTable
  vault: VaultTable
  recovery_point: RecoveryPointTable
  job: JobTable
  backup_plan: BackupPlanTable
  backup_plan_version: BackupPlanVersionTable
  backup_selection: BackupSelectionTable
  backup_rule: BackupRuleTable
  retention_counts: RetentionCountsTable
  legal_hold: LegalHoldTable
  legal_hold_target: LegalHoldTargetTable
  global_settings: GlobalSettingsTable
  quota: QuotaTable
  job_limits: JobLimitsTable
  framework: FrameworkTable
  discovery_rule: DiscoveryRuleTable
  discovery_round: DiscoveryRoundTable
  discovered: DiscoveredTable
  point_index: PointIndexTable
  report_plan: ReportPlanTable
  backup_pause: BackupPauseTable
  backup_plan_run: BackupPlanRunTable
  restore_testing_plan: RestoreTestingPlanTable
  restore_testing_selection: RestoreTestingSelectionTable
  tiering_configuration: TieringConfigurationTable
  restore_test: RestoreTestTable
  job_decision: JobDecisionTable
  audit: AuditTable
  event: EventTable
  event_target: EventTargetTable
  event_delivery: EventDeliveryTable
  sns_signer: SnsSignerTable
  denial: DenialTable
  denial_policy: DenialPolicyTable
  vault_scrub: VaultScrubTable
  vault_usage: VaultUsageTable
}
