// Made by tools/generate.ts from models/roleback.json. Do not edit.

import { AwsError } from '../error.ts'

export interface Tag {
  readonly Key: string
  readonly Value: string
}

export interface Connection {
  readonly Host?: string | undefined
  readonly Port?: number | undefined
  readonly Database?: string | undefined
  readonly User?: string | undefined
  readonly TlsMode?: "verify-full" | "require" | "disable" | undefined
  readonly TlsCaPem?: string | undefined
  readonly AllowSuperuser?: boolean | undefined
  readonly RestoreUser?: string | undefined
  readonly Path?: string | undefined
  readonly RestoreRoot?: string | undefined
  readonly Endpoint?: string | undefined
  readonly Bucket?: string | undefined
  readonly AccessKeyId?: string | undefined
  readonly Region?: string | undefined
  readonly ForcePathStyle?: boolean | undefined
}

export interface Resource {
  readonly ResourceArn: string
  readonly ResourceId: string
  readonly ResourceType: "EFS" | "RDS" | "S3"
  readonly Name: string
  readonly DisplayName: string
  readonly Connection?: Connection | undefined
  readonly Tags?: readonly Tag[] | undefined
  readonly CreationDate?: Date | undefined
  readonly CreatedBy?: string | undefined
  readonly RestoredFrom?: string | undefined
  readonly RestoredFromResource?: string | undefined
}

export interface Job {
  readonly JobId: string
  readonly JobType: string
  readonly State: string
  readonly StatusMessage?: string | undefined
  readonly PercentDone?: number | undefined
  readonly BytesDone?: number | undefined
  readonly BytesTotal?: number | undefined
  readonly ItemsDone?: number | undefined
  readonly ItemsFailed?: number | undefined
  readonly CreationDate?: Date | undefined
  readonly CompletionDate?: Date | undefined
  readonly IamRoleArn?: string | undefined
  readonly CallerArn?: string | undefined
  readonly ResourceArn?: string | undefined
  readonly RecoveryPointArn?: string | undefined
  readonly BackupVaultName?: string | undefined
  readonly Result?: Readonly<Record<string, string>> | undefined
  readonly Warnings?: readonly string[] | undefined
  readonly StopRequestedBy?: string | undefined
  readonly StopRequestedAt?: Date | undefined
}

export interface JobDecision {
  readonly Step: string
  readonly IsOptional: boolean
  readonly Action: string
  readonly Effect: string
  readonly ResourceArn: string
  readonly LastResourceArn?: string | undefined
  readonly Count: number
  readonly Reason?: string | undefined
  readonly PolicyArn?: string | undefined
  readonly StatementId?: string | undefined
  readonly FirstAt?: Date | undefined
  readonly LastAt?: Date | undefined
}

export interface RegisterResourceInput {
  readonly ResourceType: "EFS" | "RDS" | "S3"
  readonly Name: string
  readonly Connection: Connection
  readonly Secret?: string | undefined
  readonly RestoreSecret?: string | undefined
  readonly Tags?: readonly Tag[] | undefined
}

export interface RegisterResourceOutput {
  readonly ResourceArn: string
  readonly ResourceId: string
  readonly Warnings?: readonly string[] | undefined
}

export interface UpdateResourceInput {
  readonly ResourceArn: string
  readonly Connection?: Connection | undefined
  readonly Secret?: string | undefined
  readonly RestoreSecret?: string | undefined
}

export interface UpdateResourceOutput {
  readonly ResourceArn: string
  readonly Warnings?: readonly string[] | undefined
}

export interface TestResourceInput {
  readonly ResourceArn: string
}

export interface TestResourceOutput {
  readonly ResourceArn: string
  readonly Warnings?: readonly string[] | undefined
}

export interface DescribeResourceInput {
  readonly ResourceArn: string
}

export interface DescribeResourceOutput {
  readonly Resource: Resource
}

export interface ListResourcesInput {
  readonly ResourceType?: "EFS" | "RDS" | "S3" | undefined
  readonly NameContains?: string | undefined
  readonly MaxResults?: number | undefined
  readonly NextToken?: string | undefined
}

export interface ListResourcesOutput {
  readonly Resources: readonly Resource[]
  readonly NextToken?: string | undefined
}

export interface DeregisterResourceInput {
  readonly ResourceArn: string
}

export type DeregisterResourceOutput = Readonly<Record<never, never>>

export type CreateDefaultServiceRoleInput = Readonly<Record<never, never>>

export interface CreateDefaultServiceRoleOutput {
  readonly RoleArn: string
  readonly Created: boolean
}

export interface StartVerifyJobInput {
  readonly BackupVaultName: string
  readonly ReadData?: boolean | undefined
}

export interface StartVerifyJobOutput {
  readonly JobId: string
}

export interface StartRepairJobInput {
  readonly BackupVaultName: string
  readonly IamRoleArn: string
}

export interface StartRepairJobOutput {
  readonly JobId: string
}

export interface StartSweepJobInput {
  readonly BackupVaultName: string
}

export interface StartSweepJobOutput {
  readonly JobId: string
}

export interface StartImportJobInput {
  readonly BackupVaultName: string
  readonly ResourceArn: string
  readonly Format: "restic"
  readonly SourcePath: string
  readonly Password: string
  readonly IamRoleArn: string
  readonly SnapshotIds?: readonly string[] | undefined
  readonly Hostname?: string | undefined
  readonly SnapshotPath?: string | undefined
  readonly DeleteAfterDays?: number | undefined
}

export interface StartImportJobOutput {
  readonly JobId: string
}

export interface StartExportJobInput {
  readonly BackupVaultName: string
  readonly RecoveryPointArns?: readonly string[] | undefined
  readonly Format: "restic"
  readonly TargetPath: string
  readonly Password: string
  readonly IamRoleArn: string
}

export interface StartExportJobOutput {
  readonly JobId: string
  readonly Warnings?: readonly string[] | undefined
}

export interface DescribeJobInput {
  readonly JobId: string
}

export interface DescribeJobOutput {
  readonly Job: Job
}

export interface ListJobDecisionsInput {
  readonly JobId: string
  readonly MaxResults?: number | undefined
  readonly NextToken?: string | undefined
}

export interface ListJobDecisionsOutput {
  readonly Decisions: readonly JobDecision[]
  readonly NextToken?: string | undefined
}

export type DescribeServerInput = Readonly<Record<never, never>>

export interface DescribeServerOutput {
  readonly ServerId: string
  readonly Version: string
  readonly Region: string
  readonly AccountId: string
  readonly ManagementAccountId?: string | undefined
  readonly IsRecoveryKitHere?: boolean | undefined
  readonly RecoveryKitPath?: string | undefined
}

export interface IssueRecoveryKitInput {
  readonly PublicKey: string
}

export interface IssueRecoveryKitOutput {
  readonly KitId: string
  readonly PreviousKitId: string
  readonly JobIds: readonly string[]
  readonly IdentitySigners: readonly string[]
}

export interface GetAuthorizationDetailsInput {
  readonly AuthorizationId: string
}

export interface GetAuthorizationDetailsOutput {
  readonly Authorization: AuthorizationDetails
}

export interface AuthorizationDetails {
  readonly AuthorizationId: string
  readonly At: Date
  readonly LastAt: Date
  readonly Count: number
  readonly RequestId?: string | undefined
  readonly JobId?: string | undefined
  readonly PrincipalArn: string
  readonly PrincipalId: string
  readonly Action: string
  readonly ResourceArn: string
  readonly Effect: string
  readonly Layer: string
  readonly Reason: string
  readonly Side: string
  readonly Evaluations: readonly Evaluation[]
  readonly Layers: readonly LayerVerdict[]
  readonly NearMisses: readonly NearMiss[]
  readonly Policies: readonly InvolvedPolicy[]
  readonly Context: readonly ContextEntry[]
  readonly Proposals: readonly ProposedChange[]
  readonly Notes: readonly string[]
}

export interface LayerVerdict {
  readonly Layer: string
  readonly Verdict: string
  readonly PolicyCount: number
  readonly Statements: readonly string[]
}

export interface NearMiss {
  readonly Layer: string
  readonly Policy: string
  readonly PolicyType: string
  readonly AttachedTo?: string | undefined
  readonly StatementId: string
  readonly Effect: string
  readonly Failed: string
  readonly Detail: string
  readonly MissingKeys: readonly string[]
}

export interface InvolvedPolicy {
  readonly Layer: string
  readonly PolicyType: string
  readonly PolicyArn?: string | undefined
  readonly PolicyName: string
  readonly AttachedTo?: string | undefined
  readonly StatementCount?: number | undefined
  readonly OtherActionCount?: number | undefined
}

export interface MatchedStatement {
  readonly Policy: string
  readonly StatementId: string
  readonly Effect: string
}

export interface Evaluation {
  readonly Action: string
  readonly ResourceArn: string
  readonly Effect: string
  readonly MatchedStatements: readonly MatchedStatement[]
}

export interface ContextEntry {
  readonly Key: string
  readonly Values: readonly string[]
}

export interface ProposedChange {
  readonly Change: string
  readonly Where: string
  readonly PolicyType?: string | undefined
  readonly TargetArn?: string | undefined
  readonly Statement?: string | undefined
  readonly StatementId?: string | undefined
}

export interface ValidatePolicyInput {
  readonly PolicyDocument: string
  readonly PolicyType: "IDENTITY" | "TRUST" | "SESSION" | "BACKUP_VAULT" | "RESOURCE"
  readonly ResourceArn?: string | undefined
}

export interface ValidatePolicyOutput {
  readonly Findings: readonly PolicyFinding[]
}

export interface PolicyFinding {
  readonly Severity: string
  readonly Code: string
  readonly Message: string
  readonly Line: number
  readonly Column: number
  readonly Path: string
}

export interface CreateLimitedAccessKeyInput {
  readonly UserName: string
  readonly ExpirationDate?: Date | undefined
  readonly PolicyDocument?: string | undefined
}

export interface CreateLimitedAccessKeyOutput {
  readonly AccessKey: LimitedAccessKey
  readonly SecretAccessKey: string
}

export interface LimitedAccessKey {
  readonly AccessKeyId: string
  readonly UserName: string
  readonly Status: "Active" | "Inactive" | "Expired"
  readonly CreateDate: Date
  readonly ExpirationDate?: Date | undefined
  readonly PolicyDocument?: string | undefined
  readonly LastUsedDate?: Date | undefined
}

export interface ListLimitedAccessKeysInput {
  readonly UserName?: string | undefined
  readonly MaxResults?: number | undefined
  readonly NextToken?: string | undefined
}

export interface ListLimitedAccessKeysOutput {
  readonly AccessKeys: readonly LimitedAccessKey[]
  readonly NextToken?: string | undefined
}

export interface SelectionTag {
  readonly ConditionType: string
  readonly ConditionKey: string
  readonly ConditionValue: string
}

export interface SelectionCondition {
  readonly ConditionKey: string
  readonly ConditionValue: string
}

export interface SelectionConditions {
  readonly StringEquals?: readonly SelectionCondition[] | undefined
  readonly StringNotEquals?: readonly SelectionCondition[] | undefined
  readonly StringLike?: readonly SelectionCondition[] | undefined
  readonly StringNotLike?: readonly SelectionCondition[] | undefined
}

export interface SelectionToPreview {
  readonly Resources?: readonly string[] | undefined
  readonly NotResources?: readonly string[] | undefined
  readonly ListOfTags?: readonly SelectionTag[] | undefined
  readonly Conditions?: SelectionConditions | undefined
}

export interface PreviewScheduleInput {
  readonly ScheduleExpression: string
  readonly ScheduleExpressionTimezone?: string | undefined
  readonly MaxRuns?: number | undefined
}

export interface PreviewScheduleOutput {
  readonly Runs: readonly Date[]
}

export interface PreviewBackupSelectionInput {
  readonly BackupPlanId?: string | undefined
  readonly ResourceArn?: string | undefined
  readonly BackupSelection?: SelectionToPreview | undefined
  readonly Selected?: boolean | undefined
  readonly Count?: boolean | undefined
  readonly MaxResults?: number | undefined
  readonly NextToken?: string | undefined
}

export interface SelectionMatch {
  readonly ResourceArn: string
  readonly ResourceType: string
  readonly Name: string
  readonly Selected: boolean
  readonly Reason: string
  readonly SelectionName?: string | undefined
}

export interface PreviewBackupSelectionOutput {
  readonly Matches: readonly SelectionMatch[]
  readonly Warnings: readonly string[]
  readonly SelectedCount?: number | undefined
  readonly ResourceCount?: number | undefined
  readonly NextToken?: string | undefined
}

export interface ListBackupPlanRunsInput {
  readonly BackupPlanId: string
  readonly MaxResults?: number | undefined
  readonly NextToken?: string | undefined
}

export interface BackupPlanRun {
  readonly RuleId: string
  readonly RuleName?: string | undefined
  readonly DueAt: Date
  readonly Outcome: string
  readonly JobCount: number
  readonly Message?: string | undefined
  readonly VersionId?: string | undefined
}

export interface ListBackupPlanRunsOutput {
  readonly Runs: readonly BackupPlanRun[]
  readonly NextToken?: string | undefined
}

export interface PauseBackupsInput {
  readonly TargetArn?: string | undefined
  readonly Until: Date
  readonly Reason?: string | undefined
}

export interface PauseBackupsOutput {
  readonly Pause: Pause
}

export interface Pause {
  readonly TargetArn: string
  readonly Until: Date
  readonly Reason?: string | undefined
  readonly PausedBy: string
  readonly PausedAt: Date
}

export interface ResumeBackupsInput {
  readonly TargetArn?: string | undefined
}

export interface ResumeBackupsOutput {
  readonly TargetArn: string
  readonly Resumed: boolean
}

export type ListPausesInput = Readonly<Record<never, never>>

export interface ListPausesOutput {
  readonly Pauses: readonly Pause[]
}

export interface LookupAuditEventsInput {
  readonly StartTime?: Date | undefined
  readonly EndTime?: Date | undefined
  readonly PrincipalArn?: string | undefined
  readonly Principal?: string | undefined
  readonly Action?: string | undefined
  readonly Resource?: string | undefined
  readonly RequestId?: string | undefined
  readonly Effect?: "Allow" | "Deny" | undefined
  readonly MaxResults?: number | undefined
  readonly NextToken?: string | undefined
}

export interface LookupAuditEventsOutput {
  readonly Events: readonly AuditEvent[]
  readonly NextToken?: string | undefined
}

export interface AuditEvent {
  readonly EventId: string
  readonly EventTime: Date
  readonly EventSource: string
  readonly EventName: string
  readonly PrincipalArn: string
  readonly Resource: string
  readonly Effect: "Allow" | "Deny"
  readonly CloudTrailEvent: string
  readonly AuthorizationId?: string | undefined
}

export interface VerifyAuditInput {
  readonly Anchors?: readonly AuditAnchor[] | undefined
  readonly NextToken?: string | undefined
}

export interface AuditAnchor {
  readonly Chain: string
  readonly Sequence: number
  readonly Mac: string
}

export interface VerifyAuditOutput {
  readonly Checked: number
  readonly Findings: readonly AuditFinding[]
  readonly NextToken?: string | undefined
}

export interface AuditFinding {
  readonly Kind: string
  readonly Chain?: string | undefined
  readonly Sequence?: number | undefined
  readonly Message: string
}

export type GetRestoreGuardInput = Readonly<Record<never, never>>

export interface GetRestoreGuardOutput {
  readonly RestoreGuard: "off" | "warn" | "enforce"
}

export interface PutRestoreGuardInput {
  readonly RestoreGuard: "off" | "warn" | "enforce"
}

export interface PutRestoreGuardOutput {
  readonly RestoreGuard: "off" | "warn" | "enforce"
  readonly Before: "off" | "warn" | "enforce"
}

export interface SignInInput {
  readonly PasswordCredentials?: PasswordCredentials | undefined
  readonly OidcCredentials?: OidcCredentials | undefined
  readonly DurationSeconds?: number | undefined
}

export interface StartSessionInput {
  readonly MfaCode?: string | undefined
  readonly DurationSeconds?: number | undefined
}

export interface PasswordCredentials {
  readonly Account: string
  readonly UserName: string
  readonly Password: string
  readonly MfaCode?: string | undefined
  readonly NewPassword?: string | undefined
}

export interface SignInOutput {
  readonly Credentials: SessionCredentials
  readonly AccountId: string
  readonly PrincipalArn: string
  readonly PasswordExpirationDate?: Date | undefined
}

export interface SessionCredentials {
  readonly AccessKeyId: string
  readonly SecretAccessKey: string
  readonly SessionToken: string
  readonly Expiration: Date
}

export type SignOutInput = Readonly<Record<never, never>>

export type SignOutOutput = Readonly<Record<never, never>>

export interface ListSessionsInput {
  readonly UserName?: string | undefined
  readonly MaxResults?: number | undefined
  readonly NextToken?: string | undefined
}

export interface ListSessionsOutput {
  readonly Sessions: readonly SignInSession[]
  readonly NextToken?: string | undefined
}

export interface SignInSession {
  readonly AccessKeyId: string
  readonly UserName?: string | undefined
  readonly SignedInDate: Date
  readonly ExpirationDate: Date
  readonly SourceIp?: string | undefined
  readonly MfaAuthenticated: boolean
  readonly PrincipalArn: string
}

export interface RevokeSessionsInput {
  readonly PrincipalArn: string
}

export interface RevokeSessionsOutput {
  readonly RevokedBefore: Date
}

export interface PreflightJobsInput {
  readonly Operation: "StartBackupJob" | "StartCopyJob" | "StartRestoreJob" | "CreateBackupSelection"
  readonly IamRoleArn: string
  readonly BackupVaultName?: string | undefined
  readonly BackupPlanId?: string | undefined
  readonly ResourceArns?: readonly string[] | undefined
  readonly BackupSelection?: SelectionToPreview | undefined
  readonly RecoveryPointArns?: readonly string[] | undefined
  readonly DestinationBackupVaultArn?: string | undefined
  readonly Metadata?: Readonly<Record<string, string>> | undefined
  readonly CopySourceTagsToRestoredResource?: boolean | undefined
  readonly RecoveryPointTags?: Readonly<Record<string, string>> | undefined
  readonly DeleteAfterDays?: number | undefined
  readonly Include?: "missing" | "all" | undefined
  readonly CheckTarget?: boolean | undefined
  readonly WithDefaultRole?: boolean | undefined
  readonly MaxResults?: number | undefined
  readonly NextToken?: string | undefined
}

export interface PreflightFinding {
  readonly Code: string
  readonly Message: string
}

export interface PreflightCheck {
  readonly Layer: string
  readonly Step?: string | undefined
  readonly Action: string
  readonly ResourceArn: string
  readonly Verdict: "allowed" | "denied" | "depends"
  readonly Optional: boolean
  readonly Reason: string
  readonly Keys: readonly string[]
  readonly Statements: readonly DecidingStatement[]
  readonly Proposals: readonly ProposedChange[]
}

export interface PreflightResource {
  readonly ResourceArn: string
  readonly ResourceType?: string | undefined
  readonly Verdict: "allowed" | "denied" | "depends"
  readonly CheckCount: number
  readonly Findings: readonly PreflightFinding[]
  readonly Checks: readonly PreflightCheck[]
  readonly TargetChecks?: readonly TargetCheck[] | undefined
}

export interface TargetCheck {
  readonly Name: string
  readonly Answer: "yes" | "no" | "unknown"
  readonly Message: string
}

export interface PolicyChange {
  readonly Change: string
  readonly Where: string
  readonly PolicyType?: string | undefined
  readonly TargetArn?: string | undefined
  readonly PolicyDocuments: readonly string[]
  readonly StatementId?: string | undefined
}

export interface PreflightJobsOutput {
  readonly Verdict: "allowed" | "denied" | "depends"
  readonly CheckCount: number
  readonly MissingCount: number
  readonly ResourceCount: number
  readonly Findings: readonly PreflightFinding[]
  readonly Checks: readonly PreflightCheck[]
  readonly Resources: readonly PreflightResource[]
  readonly Changes: readonly PolicyChange[]
  readonly LeftOut: number
  readonly NextToken?: string | undefined
}

export interface GenerateRolePolicyInput {
  readonly ResourceArns?: readonly string[] | undefined
  readonly BackupSelection?: SelectionToPreview | undefined
  readonly BackupVaultNames: readonly string[]
  readonly Backup?: boolean | undefined
  readonly Expire?: boolean | undefined
  readonly Restore?: boolean | undefined
  readonly RestoreTargetArns?: readonly string[] | undefined
  readonly RestoreToNew?: boolean | undefined
  readonly CopySourceTagsToRestoredResource?: boolean | undefined
  readonly ForPlan?: boolean | undefined
  readonly IncludeOptional?: boolean | undefined
}

export interface GeneratedPolicy {
  readonly PolicyDocument: string
  readonly Characters: number
}

export interface GenerateRolePolicyOutput {
  readonly PolicyDocument: string
  readonly Characters: number
  readonly FitsInline: boolean
  readonly ManagedPolicies: readonly GeneratedPolicy[]
  readonly StatementCount: number
  readonly ResourceCount: number
  readonly Notes: readonly string[]
}

export interface PutSignInProviderInput {
  readonly OpenIDConnectProviderArn: string
  readonly ClientId: string
  readonly ClientSecret?: string | undefined
  readonly RoleArn: string
  readonly RedirectUris: readonly string[]
}

export type PutSignInProviderOutput = Readonly<Record<never, never>>

export type ListSignInProvidersInput = Readonly<Record<never, never>>

export interface ListSignInProvidersOutput {
  readonly SignInProviders: readonly SignInProvider[]
}

export interface SignInProvider {
  readonly OpenIDConnectProviderArn: string
  readonly ClientId: string
  readonly HasClientSecret: boolean
  readonly RoleArn?: string | undefined
  readonly RedirectUris: readonly string[]
  readonly CreationDate: Date
}

export interface DeleteSignInProviderInput {
  readonly OpenIDConnectProviderArn: string
}

export type DeleteSignInProviderOutput = Readonly<Record<never, never>>

export interface BeginSignInInput {
  readonly OpenIDConnectProviderArn: string
  readonly RedirectUri: string
  readonly CodeChallenge: string
}

export interface BeginSignInOutput {
  readonly AuthorizationUrl: string
  readonly State: string
  readonly ExpirationDate: Date
}

export interface OidcCredentials {
  readonly State: string
  readonly Code: string
  readonly CodeVerifier: string
}

export interface ListPassableRolesInput {
  readonly AssociatedResourceArn?: string | undefined
  readonly MaxResults?: number | undefined
  readonly NextToken?: string | undefined
}

export interface PassableRole {
  readonly RoleArn: string
  readonly RoleName: string
}

export interface ListPassableRolesOutput {
  readonly Roles: readonly PassableRole[]
  readonly DefaultRoleArn: string
  readonly DefaultRole: "passable" | "creatable" | "refused"
  readonly NextToken?: string | undefined
}

export interface ListUnusedPermissionsInput {
  readonly PrincipalArn: string
  readonly Since?: Date | undefined
  readonly Include?: "unused" | "all" | undefined
}

export interface PermissionUse {
  readonly PolicyArn?: string | undefined
  readonly PolicyName: string
  readonly AttachedTo?: string | undefined
  readonly StatementId: string
  readonly Action: string
  readonly Count: number
  readonly LastUsedAt?: Date | undefined
  readonly UsedActions: readonly string[]
}

export interface ListUnusedPermissionsOutput {
  readonly PrincipalArn: string
  readonly From: Date
  readonly To: Date
  readonly PermissionCount: number
  readonly UnusedCount: number
  readonly Permissions: readonly PermissionUse[]
}

export interface ListPrincipalsWhoCanInput {
  readonly ResourceArn: string
  readonly Action: string
  readonly MaxResults?: number | undefined
  readonly NextToken?: string | undefined
}

export interface DecidingStatement {
  readonly Policy: string
  readonly PolicyType: string
  readonly AttachedTo?: string | undefined
  readonly StatementId: string
  readonly Effect: string
  readonly Conditions: readonly string[]
}

export interface DecidedRight {
  readonly Action: string
  readonly ResourceArn: string
  readonly Verdict: "allowed" | "denied" | "depends"
  readonly Optional: boolean
  readonly Reason: string
  readonly SessionName?: string | undefined
  readonly Statements: readonly DecidingStatement[]
}

export interface AssumptionStep {
  readonly RoleArn: string
  readonly Verdict: "allowed" | "depends"
  readonly SessionName?: string | undefined
  readonly Statements: readonly DecidingStatement[]
}

export interface AssumptionPath {
  readonly From: string
  readonly FromType: string
  readonly Verdict: "allowed" | "depends"
  readonly Steps: readonly AssumptionStep[]
}

export interface PrincipalWhoCan {
  readonly PrincipalArn: string
  readonly PrincipalType: string
  readonly Verdict: "allowed" | "depends"
  readonly Rights: readonly DecidedRight[]
  readonly Passing: readonly DecidedRight[]
  readonly PassingCount: number
  readonly Paths: readonly AssumptionPath[]
  readonly MorePaths: boolean
}

export interface ListPrincipalsWhoCanOutput {
  readonly ResourceArn: string
  readonly Action: string
  readonly Barred?: string | undefined
  readonly Principals: readonly PrincipalWhoCan[]
  readonly Notes: readonly string[]
  readonly NextToken?: string | undefined
}

export interface Account {
  readonly AccountId: string
  readonly Name: string
  readonly Alias?: string | undefined
  readonly Management: boolean
  readonly CreateDate: Date
}

export interface CreateAccountInput {
  readonly Name: string
  readonly Alias?: string | undefined
  readonly AccountId?: string | undefined
}

export interface CreateAccountOutput {
  readonly Account: Account
  readonly AccessKeyId: string
  readonly SecretAccessKey: string
}

export interface ListAccountsInput {
  readonly MaxResults?: number | undefined
  readonly NextToken?: string | undefined
}

export interface ListAccountsOutput {
  readonly Accounts: readonly Account[]
  readonly NextToken?: string | undefined
}

export interface NewVaults {
  readonly AccountId?: string | undefined
  readonly Region?: string | undefined
}

export interface BandwidthWindow {
  readonly FromHour: number
  readonly ToHour: number
  readonly BytesPerSecond: number
}

export interface Bandwidth {
  readonly TimeZone: string
  readonly Windows: readonly BandwidthWindow[]
}

export interface PutStorageInput {
  readonly Name: string
  readonly Location: string
  readonly Endpoint: string
  readonly Region?: string | undefined
  readonly AccessKeyId: string
  readonly ForcePathStyle?: boolean | undefined
  readonly NewVaults?: NewVaults | undefined
  readonly Bandwidth?: Bandwidth | undefined
  readonly Secret?: string | undefined
}

export interface PutStorageOutput {
  readonly Storage: Storage
}

export interface Storage {
  readonly Name: string
  readonly Location: string
  readonly Endpoint: string
  readonly Region: string
  readonly AccessKeyId: string
  readonly ForcePathStyle: boolean
  readonly NewVaults?: NewVaults | undefined
  readonly Bandwidth?: Bandwidth | undefined
  readonly Vaults: number
  readonly CreationDate: Date
  readonly CreatedBy: string
}

export type ListStoragesInput = Readonly<Record<never, never>>

export interface ListStoragesOutput {
  readonly Storages: readonly Storage[]
}

export interface DeleteStorageInput {
  readonly Name: string
}

export type DeleteStorageOutput = Readonly<Record<never, never>>

export interface PutVaultColdStorageInput {
  readonly BackupVaultArn: string
  readonly Storage?: string | undefined
}

export interface PutVaultColdStorageOutput {
  readonly ColdStorage: VaultColdStorage
}

export interface VaultColdStorage {
  readonly BackupVaultArn: string
  readonly Storage?: string | undefined
  readonly Location: string
  readonly RecoveryPoints: number
}

export type ListVaultColdStoragesInput = Readonly<Record<never, never>>

export interface ListVaultColdStoragesOutput {
  readonly ColdStorages: readonly VaultColdStorage[]
}

export interface EncryptionKey {
  readonly Name: string
  readonly KeyArn: string
  readonly AccountId: string
  readonly Region: string
  readonly IsAvailable: boolean
  readonly Problem?: string | undefined
  readonly BackupVaultArns: readonly string[]
  readonly CreationDate: Date
  readonly CreatedBy?: string | undefined
}

export interface CreateEncryptionKeyInput {
  readonly Name: string
  readonly AccountId?: string | undefined
  readonly Region?: string | undefined
}

export interface CreateEncryptionKeyOutput {
  readonly EncryptionKey: EncryptionKey
}

export type ListEncryptionKeysInput = Readonly<Record<never, never>>

export interface ListEncryptionKeysOutput {
  readonly EncryptionKeys: readonly EncryptionKey[]
}

export interface DeleteEncryptionKeyInput {
  readonly Name: string
}

export type DeleteEncryptionKeyOutput = Readonly<Record<never, never>>

export interface Quota {
  readonly Resource: string
  readonly MaxBytes?: number | undefined
  readonly MaxJobsPerDay?: number | undefined
}

export interface PutQuotaInput {
  readonly Resource: string
  readonly MaxBytes?: number | undefined
  readonly MaxJobsPerDay?: number | undefined
}

export interface PutQuotaOutput {
  readonly Quota: Quota
}

export type ListQuotasInput = Readonly<Record<never, never>>

export interface ListQuotasOutput {
  readonly Quotas: readonly Quota[]
}

export interface PutRetentionCountsInput {
  readonly BackupPlanId: string
  readonly RuleName: string
  readonly KeepLast?: number | undefined
  readonly KeepDaily?: number | undefined
  readonly KeepWeekly?: number | undefined
  readonly KeepMonthly?: number | undefined
  readonly KeepYearly?: number | undefined
}

export interface RetentionCounts {
  readonly RuleName: string
  readonly KeepLast?: number | undefined
  readonly KeepDaily?: number | undefined
  readonly KeepWeekly?: number | undefined
  readonly KeepMonthly?: number | undefined
  readonly KeepYearly?: number | undefined
  readonly UpdatedAt?: Date | undefined
  readonly UpdatedBy?: string | undefined
}

export interface PutRetentionCountsOutput {
  readonly RetentionCounts: RetentionCounts
}

export interface ListRetentionCountsInput {
  readonly BackupPlanId: string
}

export interface ListRetentionCountsOutput {
  readonly RetentionCounts: readonly RetentionCounts[]
}

export interface PreviewRetentionInput {
  readonly BackupPlanId: string
  readonly RuleName?: string | undefined
  readonly KeepLast?: number | undefined
  readonly KeepDaily?: number | undefined
  readonly KeepWeekly?: number | undefined
  readonly KeepMonthly?: number | undefined
  readonly KeepYearly?: number | undefined
  readonly MaxResults?: number | undefined
  readonly NextToken?: string | undefined
}

export interface RetentionPreview {
  readonly RecoveryPointArn: string
  readonly ResourceArn: string
  readonly BackupVaultName: string
  readonly RuleName: string
  readonly CreationDate: Date
  readonly DeleteAt?: Date | undefined
  readonly Outcome: string
  readonly Reason: string
}

export interface PreviewRetentionOutput {
  readonly RecoveryPoints: readonly RetentionPreview[]
  readonly NextToken?: string | undefined
}

export interface PutJobLimitsInput {
  readonly PerConnection?: number | undefined
  readonly PerHost?: number | undefined
  readonly PerServer?: number | undefined
  readonly Bandwidth?: Bandwidth | undefined
}

export interface PutJobLimitsOutput {
  readonly PerConnection: number
  readonly PerHost: number
  readonly PerServer?: number | undefined
  readonly Bandwidth?: Bandwidth | undefined
}

export type DescribeJobLimitsInput = Readonly<Record<never, never>>

export interface DescribeJobLimitsOutput {
  readonly PerConnection: number
  readonly PerHost: number
  readonly PerServer?: number | undefined
  readonly Bandwidth?: Bandwidth | undefined
}

export interface ListFrameworkFindingsInput {
  readonly FrameworkName: string
  readonly ControlName?: string | undefined
  readonly Status?: "COMPLIANT" | "NON_COMPLIANT" | "NOT_APPLICABLE" | undefined
  readonly MaxResults?: number | undefined
  readonly NextToken?: string | undefined
}

export interface ListFrameworkFindingsOutput {
  readonly Findings: readonly FrameworkFinding[]
  readonly NextToken?: string | undefined
}

export interface FrameworkFinding {
  readonly ControlName: string
  readonly ResourceType: string
  readonly ResourceId: string
  readonly ResourceArn: string
  readonly Status: "COMPLIANT" | "NON_COMPLIANT" | "NOT_APPLICABLE"
  readonly Reason: string
}

export interface StartItemSearchJobInput {
  readonly BackupVaultName: string
  readonly RecoveryPointArns?: readonly string[] | undefined
  readonly ResourceArn?: string | undefined
  readonly CreatedAfter?: Date | undefined
  readonly CreatedBefore?: Date | undefined
  readonly Prefix?: string | undefined
  readonly NamePattern?: string | undefined
  readonly MinSize?: number | undefined
  readonly MaxSize?: number | undefined
  readonly ModifiedAfter?: Date | undefined
  readonly ModifiedBefore?: Date | undefined
  readonly Delimiter?: string | undefined
  readonly Skip?: number | undefined
}

export interface StartItemSearchJobOutput {
  readonly JobId: string
  readonly RecoveryPointCount?: number | undefined
  readonly Warnings?: readonly string[] | undefined
}

export interface ListItemSearchResultsInput {
  readonly JobId: string
  readonly MaxResults?: number | undefined
  readonly NextToken?: string | undefined
}

export interface ListItemSearchResultsOutput {
  readonly State: string
  readonly StatusMessage?: string | undefined
  readonly IsTruncated?: boolean | undefined
  readonly Items: readonly FoundItem[]
  readonly NextToken?: string | undefined
}

export interface FoundItem {
  readonly RecoveryPointArn: string
  readonly ResourceArn?: string | undefined
  readonly ResourceType?: string | undefined
  readonly CreationDate?: Date | undefined
  readonly Name: string
  readonly ItemType?: string | undefined
  readonly Size?: number | undefined
  readonly ModifiedAt?: Date | undefined
}

export interface PutEventTargetInput {
  readonly Name: string
  readonly Type: string
  readonly Url?: string | undefined
  readonly SigningSecret?: string | undefined
  readonly EventPattern?: string | undefined
  readonly TopicArn?: string | undefined
  readonly BackupPlanId?: string | undefined
  readonly MailFrom?: string | undefined
  readonly MailTo?: readonly string[] | undefined
  readonly SmtpUserName?: string | undefined
  readonly SmtpPassword?: string | undefined
  readonly CertificateAuthority?: string | undefined
}

export interface PutEventTargetOutput {
  readonly Name: string
  readonly SigningSecret?: string | undefined
}

export type ListEventTargetsInput = Readonly<Record<never, never>>

export interface ListEventTargetsOutput {
  readonly EventTargets: readonly EventTarget[]
}

export interface DeleteEventTargetInput {
  readonly Name: string
}

export type DeleteEventTargetOutput = Readonly<Record<never, never>>

export interface TestEventTargetInput {
  readonly Name: string
}

export interface TestEventTargetOutput {
  readonly IsDelivered: boolean
  readonly Message?: string | undefined
}

export interface RetryEventDeliveriesInput {
  readonly Name: string
}

export interface RetryEventDeliveriesOutput {
  readonly MessagesRetried?: number | undefined
}

export interface EventTarget {
  readonly Name: string
  readonly Type: string
  readonly Host?: string | undefined
  readonly EventPattern?: string | undefined
  readonly IsConfirmed?: boolean | undefined
  readonly TopicArn?: string | undefined
  readonly BackupPlanId?: string | undefined
  readonly MailFrom?: string | undefined
  readonly MailTo?: readonly string[] | undefined
  readonly HasCertificateAuthority?: boolean | undefined
  readonly CreationDate?: Date | undefined
  readonly LastDeliveredAt?: Date | undefined
  readonly LastError?: string | undefined
  readonly LastErrorAt?: Date | undefined
  readonly Failures?: number | undefined
  readonly RetryAt?: Date | undefined
  readonly MessagesOwed?: number | undefined
  readonly MessagesGivenUp?: number | undefined
}

export interface ListHeldDeletionsInput {
  readonly BackupVaultName?: string | undefined
  readonly MaxResults?: number | undefined
  readonly NextToken?: string | undefined
}

export interface ListHeldDeletionsOutput {
  readonly HeldDeletions: readonly HeldDeletion[]
  readonly NextToken?: string | undefined
}

export interface HeldDeletion {
  readonly RecoveryPointArn: string
  readonly BackupVaultName: string
  readonly ResourceArn: string
  readonly Cause: "LAST_POINT" | "VAULT_SHARE"
  readonly Reason: string
  readonly HeldAt: Date
  readonly CreationDate: Date
  readonly DeleteAt?: Date | undefined
  readonly ApprovedAt?: Date | undefined
  readonly ApprovedBy?: string | undefined
}

export interface ApproveHeldDeletionsInput {
  readonly BackupVaultName: string
  readonly RecoveryPointArns: readonly string[]
}

export interface ApproveHeldDeletionsOutput {
  readonly RecoveryPointArns: readonly string[]
}

export interface ListRestoreTestsInput {
  readonly RestoreTestingPlanName?: string | undefined
  readonly ResourceArn?: string | undefined
  readonly MaxResults?: number | undefined
  readonly NextToken?: string | undefined
}

export interface RestoreTest {
  readonly RestoreJobId: string
  readonly RestoreTestingPlanName: string
  readonly RestoreTestingSelectionName: string
  readonly ResourceArn: string
  readonly RecoveryPointCreationDate?: Date | undefined
  readonly BackupVaultName?: string | undefined
  readonly CreatedResourceArn?: string | undefined
  readonly RecoveryPointArn?: string | undefined
  readonly DueAt: Date
  readonly Phase: string
  readonly RestoreStatus: string
  readonly RestoreStatusMessage?: string | undefined
  readonly RecoverySeconds?: number | undefined
  readonly ValidationStatus?: string | undefined
  readonly ValidationStatusMessage?: string | undefined
  readonly DeletionStatus?: string | undefined
  readonly DeletionStatusMessage?: string | undefined
  readonly ValidatorResults?: readonly ValidatorResult[] | undefined
}

export interface ListRestoreTestsOutput {
  readonly Tests: readonly RestoreTest[]
  readonly LastRunAt?: Date | undefined
  readonly LastRunMessage?: string | undefined
  readonly NextRunAt?: Date | undefined
  readonly NextToken?: string | undefined
}

export interface ListVaultUsageInput {
  readonly BackupVaultName?: string | undefined
  readonly Days?: number | undefined
  readonly IncludeStoredBytes?: boolean | undefined
}

export interface ListVaultUsageOutput {
  readonly Usage: readonly VaultUsage[]
  readonly Forecast?: UsageForecast | undefined
}

export interface ListVaultHealthInput {
  readonly BackupVaultName?: string | undefined
}

export interface ListVaultHealthOutput {
  readonly Vaults: readonly VaultHealth[]
  readonly SystemVault?: SystemVaultHealth | undefined
}

export interface VaultHealth {
  readonly BackupVaultName: string
  readonly BackupVaultArn: string
  readonly LastScrubStarted?: Date | undefined
  readonly LastScrubEnded?: Date | undefined
  readonly LastScrubBytes?: number | undefined
  readonly ScrubStarted?: Date | undefined
  readonly ScrubPercentDone?: number | undefined
  readonly NextScrub?: Date | undefined
  readonly DamagedObjectCount: number
  readonly DamagedObjects: readonly DamagedObject[]
  readonly DamagedRecoveryPointCount: number
  readonly DamagedRecoveryPoints: readonly DamagedRecoveryPoint[]
  readonly LatestRepairJobId?: string | undefined
  readonly LatestRepairState?: string | undefined
}

export interface SystemVaultHealth {
  readonly VaultId: string
  readonly Region: string
  readonly LastScrubEnded?: Date | undefined
  readonly LastScrubBytes?: number | undefined
  readonly LastExport?: Date | undefined
  readonly Problem?: string | undefined
  readonly ProblemSince?: Date | undefined
  readonly DamagedObjectCount: number
  readonly DamagedObjects: readonly DamagedObject[]
}

export interface DamagedObject {
  readonly Name: string
  readonly Reason: string
}

export interface DamagedRecoveryPoint {
  readonly RecoveryPointArn: string
  readonly ResourceArn?: string | undefined
  readonly ItemCount: number
  readonly IsItemListDamaged: boolean
}

export interface VaultUsage {
  readonly Date: Date
  readonly ContentBytes: number
  readonly StoredBytes?: number | undefined
  readonly NumberOfRecoveryPoints: number
}

export interface UsageForecast {
  readonly BasedOnDays: number
  readonly ContentBytesPerDay: number
  readonly ContentBytesIn30Days: number
  readonly StoredBytesPerDay?: number | undefined
  readonly StoredBytesIn30Days?: number | undefined
}

export interface PutDiscoveryRuleInput {
  readonly Name: string
  readonly ResourceType: "EFS" | "RDS" | "S3"
  readonly Connection: Connection
  readonly IamRoleArn: string
  readonly Mode?: "OFFER" | "REGISTER" | undefined
  readonly Include?: readonly string[] | undefined
  readonly Exclude?: readonly string[] | undefined
  readonly NameTemplate?: string | undefined
  readonly Tags?: readonly Tag[] | undefined
  readonly IntervalMinutes?: number | undefined
  readonly Secret?: string | undefined
  readonly RestoreSecret?: string | undefined
}

export interface DiscoveryRule {
  readonly Name: string
  readonly ResourceType: "EFS" | "RDS" | "S3"
  readonly Connection: Connection
  readonly IamRoleArn: string
  readonly Mode: "OFFER" | "REGISTER"
  readonly Include: readonly string[]
  readonly Exclude: readonly string[]
  readonly NameTemplate: string
  readonly Tags?: readonly Tag[] | undefined
  readonly IntervalMinutes: number
  readonly DiscoveryRuleArn: string
  readonly CreationDate: Date
  readonly CreatedBy: string
  readonly LastRunAt?: Date | undefined
  readonly LastRunFailed?: boolean | undefined
  readonly LastRunMessage?: string | undefined
  readonly NextRunAt?: Date | undefined
}

export interface PutDiscoveryRuleOutput {
  readonly DiscoveryRule: DiscoveryRule
}

export type ListDiscoveryRulesInput = Readonly<Record<never, never>>

export interface ListDiscoveryRulesOutput {
  readonly DiscoveryRules: readonly DiscoveryRule[]
}

export interface DeleteDiscoveryRuleInput {
  readonly Name: string
}

export type DeleteDiscoveryRuleOutput = Readonly<Record<never, never>>

export interface StartDiscoveryInput {
  readonly Name: string
}

export type StartDiscoveryOutput = Readonly<Record<never, never>>

export interface DiscoveredResource {
  readonly RuleName: string
  readonly ResourceType: "EFS" | "RDS" | "S3"
  readonly Name: string
  readonly Status: "DISCOVERED" | "REGISTERED" | "REFUSED" | "DEREGISTERED"
  readonly ResourceArn?: string | undefined
  readonly Message?: string | undefined
  readonly FirstSeenAt: Date
  readonly LastSeenAt: Date
  readonly VanishedAt?: Date | undefined
}

export interface ListDiscoveredResourcesInput {
  readonly RuleName?: string | undefined
  readonly MaxResults?: number | undefined
  readonly NextToken?: string | undefined
}

export interface ListDiscoveredResourcesOutput {
  readonly DiscoveredResources: readonly DiscoveredResource[]
  readonly NextToken?: string | undefined
}

export interface RegisterDiscoveredResourceInput {
  readonly RuleName: string
  readonly Name: string
  readonly ResourceName?: string | undefined
  readonly Tags?: readonly Tag[] | undefined
}

export interface RegisterDiscoveredResourceOutput {
  readonly ResourceArn: string
  readonly ResourceId: string
  readonly Warnings?: readonly string[] | undefined
}

export interface ValidatorFirstValue {
  readonly Operator: "Equals" | "NotEquals" | "LessThan" | "LessThanOrEquals" | "GreaterThan" | "GreaterThanOrEquals"
  readonly Value: string
}

export interface SqlQueryValidator {
  readonly Query: string
  readonly Rows?: readonly (readonly string[])[] | undefined
  readonly MinRows?: number | undefined
  readonly MaxRows?: number | undefined
  readonly FirstValue?: ValidatorFirstValue | undefined
}

export interface ValidatorFile {
  readonly Path: string
  readonly Sha256: string
}

export interface FileChecksumSampleValidator {
  readonly SampleSize?: number | undefined
  readonly Files?: readonly ValidatorFile[] | undefined
}

export interface ObjectCountValidator {
  readonly Min?: number | undefined
  readonly Max?: number | undefined
  readonly TolerancePercent?: number | undefined
}

export interface Validator {
  readonly Name: string
  readonly SqlQuery?: SqlQueryValidator | undefined
  readonly FileChecksumSample?: FileChecksumSampleValidator | undefined
  readonly ObjectCount?: ObjectCountValidator | undefined
}

export interface PutRestoreTestValidatorsInput {
  readonly RestoreTestingPlanName: string
  readonly RestoreTestingSelectionName: string
  readonly Validators: readonly Validator[]
}

export interface PutRestoreTestValidatorsOutput {
  readonly RestoreTestingPlanName: string
  readonly RestoreTestingSelectionName: string
  readonly Validators: readonly Validator[]
  readonly Warnings?: readonly string[] | undefined
}

export interface GetRestoreTestValidatorsInput {
  readonly RestoreTestingPlanName: string
  readonly RestoreTestingSelectionName: string
}

export interface GetRestoreTestValidatorsOutput {
  readonly RestoreTestingPlanName: string
  readonly RestoreTestingSelectionName: string
  readonly Validators: readonly Validator[]
}

export interface ValidatorResult {
  readonly Name: string
  readonly Kind: string
  readonly Status: string
  readonly Message: string
}

export interface ListResourceProtectionInput {
  readonly Protection?: "UNPROTECTED" | "PROTECTED" | "OVERDUE" | "RESTORED" | undefined
  readonly ResourceType?: "EFS" | "RDS" | "S3" | undefined
  readonly NameContains?: string | undefined
  readonly MaxResults?: number | undefined
  readonly NextToken?: string | undefined
}

export interface ResourceProtection {
  readonly ResourceArn: string
  readonly ResourceType: "EFS" | "RDS" | "S3"
  readonly Name: string
  readonly Protection: "UNPROTECTED" | "PROTECTED" | "OVERDUE" | "RESTORED"
  readonly LastBackupTime?: Date | undefined
  readonly RestoredFrom?: string | undefined
  readonly RestoredFromResource?: string | undefined
  readonly CreationDate: Date
  readonly AllowedAgeSeconds: number
}

export interface ListResourceProtectionOutput {
  readonly Resources: readonly ResourceProtection[]
  readonly NextToken?: string | undefined
}

export interface DescribeOverviewInput {
  readonly DayStarts?: readonly Date[] | undefined
}

export interface OverviewDay {
  readonly Start: Date
  readonly BackupJobs: number
  readonly FailedBackupJobs: number
  readonly RunningBackupJobs: number
  readonly WarnedBackupJobs: number
}

export interface DescribeOverviewOutput {
  readonly Resources: number
  readonly UnprotectedResources: number
  readonly OverdueResources: number
  readonly RestoredResources: number
  readonly RunningBackupJobs: number
  readonly FailedBackupJobs: number
  readonly RestoreTests: number
  readonly GoodRestoreTests: number
  readonly Days: readonly OverviewDay[]
  readonly CountedAt: Date
  readonly IsCurrent: boolean
  readonly FirstSteps: "OPEN" | "ENDED"
}

export type DismissFirstStepsInput = Readonly<Record<never, never>>

export type DismissFirstStepsOutput = Readonly<Record<never, never>>

export interface ListJobsInput {
  readonly JobType?: "verify" | "repair" | "sweep" | "import" | "export" | "rotate-key" | "move-point" | "delete-point" | "search" | undefined
  readonly State?: "CREATED" | "PENDING" | "RUNNING" | "ABORTING" | "ABORTED" | "COMPLETED" | "FAILED" | "EXPIRED" | "PARTIAL" | undefined
  readonly BackupVaultName?: string | undefined
  readonly CreatedAfter?: Date | undefined
  readonly MaxResults?: number | undefined
  readonly NextToken?: string | undefined
}

export interface ListJobsOutput {
  readonly Jobs: readonly Job[]
  readonly NextToken?: string | undefined
}

export interface StopJobInput {
  readonly JobId: string
}

export interface StopJobOutput {
  readonly JobId: string
  readonly JobType: string
  readonly State: string
}

export interface RolebackApi {
  RegisterResource: { input: RegisterResourceInput; output: RegisterResourceOutput }
  UpdateResource: { input: UpdateResourceInput; output: UpdateResourceOutput }
  TestResource: { input: TestResourceInput; output: TestResourceOutput }
  DescribeResource: { input: DescribeResourceInput; output: DescribeResourceOutput }
  ListResources: { input: ListResourcesInput; output: ListResourcesOutput }
  DeregisterResource: { input: DeregisterResourceInput; output: DeregisterResourceOutput }
  CreateDefaultServiceRole: { input: CreateDefaultServiceRoleInput; output: CreateDefaultServiceRoleOutput }
  StartVerifyJob: { input: StartVerifyJobInput; output: StartVerifyJobOutput }
  StartRepairJob: { input: StartRepairJobInput; output: StartRepairJobOutput }
  StartSweepJob: { input: StartSweepJobInput; output: StartSweepJobOutput }
  StartImportJob: { input: StartImportJobInput; output: StartImportJobOutput }
  StartExportJob: { input: StartExportJobInput; output: StartExportJobOutput }
  DescribeJob: { input: DescribeJobInput; output: DescribeJobOutput }
  StopJob: { input: StopJobInput; output: StopJobOutput }
  ListJobDecisions: { input: ListJobDecisionsInput; output: ListJobDecisionsOutput }
  GetAuthorizationDetails: { input: GetAuthorizationDetailsInput; output: GetAuthorizationDetailsOutput }
  ValidatePolicy: { input: ValidatePolicyInput; output: ValidatePolicyOutput }
  DescribeServer: { input: DescribeServerInput; output: DescribeServerOutput }
  LookupAuditEvents: { input: LookupAuditEventsInput; output: LookupAuditEventsOutput }
  VerifyAudit: { input: VerifyAuditInput; output: VerifyAuditOutput }
  IssueRecoveryKit: { input: IssueRecoveryKitInput; output: IssueRecoveryKitOutput }
  CreateLimitedAccessKey: { input: CreateLimitedAccessKeyInput; output: CreateLimitedAccessKeyOutput }
  ListLimitedAccessKeys: { input: ListLimitedAccessKeysInput; output: ListLimitedAccessKeysOutput }
  PreviewBackupSelection: { input: PreviewBackupSelectionInput; output: PreviewBackupSelectionOutput }
  ListBackupPlanRuns: { input: ListBackupPlanRunsInput; output: ListBackupPlanRunsOutput }
  PauseBackups: { input: PauseBackupsInput; output: PauseBackupsOutput }
  ResumeBackups: { input: ResumeBackupsInput; output: ResumeBackupsOutput }
  ListPauses: { input: ListPausesInput; output: ListPausesOutput }
  GetRestoreGuard: { input: GetRestoreGuardInput; output: GetRestoreGuardOutput }
  PutRestoreGuard: { input: PutRestoreGuardInput; output: PutRestoreGuardOutput }
  SignIn: { input: SignInInput; output: SignInOutput }
  StartSession: { input: StartSessionInput; output: SignInOutput }
  SignOut: { input: SignOutInput; output: SignOutOutput }
  ListSessions: { input: ListSessionsInput; output: ListSessionsOutput }
  RevokeSessions: { input: RevokeSessionsInput; output: RevokeSessionsOutput }
  ListPassableRoles: { input: ListPassableRolesInput; output: ListPassableRolesOutput }
  PreflightJobs: { input: PreflightJobsInput; output: PreflightJobsOutput }
  GenerateRolePolicy: { input: GenerateRolePolicyInput; output: GenerateRolePolicyOutput }
  PutSignInProvider: { input: PutSignInProviderInput; output: PutSignInProviderOutput }
  ListSignInProviders: { input: ListSignInProvidersInput; output: ListSignInProvidersOutput }
  DeleteSignInProvider: { input: DeleteSignInProviderInput; output: DeleteSignInProviderOutput }
  BeginSignIn: { input: BeginSignInInput; output: BeginSignInOutput }
  ListUnusedPermissions: { input: ListUnusedPermissionsInput; output: ListUnusedPermissionsOutput }
  ListPrincipalsWhoCan: { input: ListPrincipalsWhoCanInput; output: ListPrincipalsWhoCanOutput }
  CreateAccount: { input: CreateAccountInput; output: CreateAccountOutput }
  ListAccounts: { input: ListAccountsInput; output: ListAccountsOutput }
  PutStorage: { input: PutStorageInput; output: PutStorageOutput }
  ListStorages: { input: ListStoragesInput; output: ListStoragesOutput }
  DeleteStorage: { input: DeleteStorageInput; output: DeleteStorageOutput }
  PutVaultColdStorage: { input: PutVaultColdStorageInput; output: PutVaultColdStorageOutput }
  ListVaultColdStorages: { input: ListVaultColdStoragesInput; output: ListVaultColdStoragesOutput }
  CreateEncryptionKey: { input: CreateEncryptionKeyInput; output: CreateEncryptionKeyOutput }
  ListEncryptionKeys: { input: ListEncryptionKeysInput; output: ListEncryptionKeysOutput }
  DeleteEncryptionKey: { input: DeleteEncryptionKeyInput; output: DeleteEncryptionKeyOutput }
  PutQuota: { input: PutQuotaInput; output: PutQuotaOutput }
  ListQuotas: { input: ListQuotasInput; output: ListQuotasOutput }
  PutRetentionCounts: { input: PutRetentionCountsInput; output: PutRetentionCountsOutput }
  ListRetentionCounts: { input: ListRetentionCountsInput; output: ListRetentionCountsOutput }
  PreviewRetention: { input: PreviewRetentionInput; output: PreviewRetentionOutput }
  PreviewSchedule: { input: PreviewScheduleInput; output: PreviewScheduleOutput }
  PutJobLimits: { input: PutJobLimitsInput; output: PutJobLimitsOutput }
  DescribeJobLimits: { input: DescribeJobLimitsInput; output: DescribeJobLimitsOutput }
  ListFrameworkFindings: { input: ListFrameworkFindingsInput; output: ListFrameworkFindingsOutput }
  StartItemSearchJob: { input: StartItemSearchJobInput; output: StartItemSearchJobOutput }
  ListItemSearchResults: { input: ListItemSearchResultsInput; output: ListItemSearchResultsOutput }
  PutEventTarget: { input: PutEventTargetInput; output: PutEventTargetOutput }
  ListEventTargets: { input: ListEventTargetsInput; output: ListEventTargetsOutput }
  DeleteEventTarget: { input: DeleteEventTargetInput; output: DeleteEventTargetOutput }
  TestEventTarget: { input: TestEventTargetInput; output: TestEventTargetOutput }
  RetryEventDeliveries: { input: RetryEventDeliveriesInput; output: RetryEventDeliveriesOutput }
  ListHeldDeletions: { input: ListHeldDeletionsInput; output: ListHeldDeletionsOutput }
  ApproveHeldDeletions: { input: ApproveHeldDeletionsInput; output: ApproveHeldDeletionsOutput }
  ListRestoreTests: { input: ListRestoreTestsInput; output: ListRestoreTestsOutput }
  ListVaultUsage: { input: ListVaultUsageInput; output: ListVaultUsageOutput }
  ListVaultHealth: { input: ListVaultHealthInput; output: ListVaultHealthOutput }
  PutDiscoveryRule: { input: PutDiscoveryRuleInput; output: PutDiscoveryRuleOutput }
  ListDiscoveryRules: { input: ListDiscoveryRulesInput; output: ListDiscoveryRulesOutput }
  DeleteDiscoveryRule: { input: DeleteDiscoveryRuleInput; output: DeleteDiscoveryRuleOutput }
  StartDiscovery: { input: StartDiscoveryInput; output: StartDiscoveryOutput }
  ListDiscoveredResources: { input: ListDiscoveredResourcesInput; output: ListDiscoveredResourcesOutput }
  RegisterDiscoveredResource: { input: RegisterDiscoveredResourceInput; output: RegisterDiscoveredResourceOutput }
  PutRestoreTestValidators: { input: PutRestoreTestValidatorsInput; output: PutRestoreTestValidatorsOutput }
  GetRestoreTestValidators: { input: GetRestoreTestValidatorsInput; output: GetRestoreTestValidatorsOutput }
  ListResourceProtection: { input: ListResourceProtectionInput; output: ListResourceProtectionOutput }
  DescribeOverview: { input: DescribeOverviewInput; output: DescribeOverviewOutput }
  DismissFirstSteps: { input: DismissFirstStepsInput; output: DismissFirstStepsOutput }
  ListJobs: { input: ListJobsInput; output: ListJobsOutput }
}

export class ResourceNotFoundException extends AwsError {
  constructor(message: string, data: { readonly Context?: string | undefined } = {}) {
    super("ResourceNotFoundException", 400, message, data)
  }
}

export class InvalidParameterValueException extends AwsError {
  constructor(message: string, data: { readonly Context?: string | undefined } = {}) {
    super("InvalidParameterValueException", 400, message, data)
  }
}

export class AlreadyExistsException extends AwsError {
  constructor(message: string, data: { readonly Context?: string | undefined } = {}) {
    super("AlreadyExistsException", 400, message, data)
  }
}

export class AccessDeniedException extends AwsError {
  constructor(message: string, data: { readonly Context?: string | undefined } = {}) {
    super("AccessDeniedException", 403, message, data)
  }
}

export class InvalidRequestException extends AwsError {
  constructor(message: string, data: { readonly Context?: string | undefined } = {}) {
    super("InvalidRequestException", 400, message, data)
  }
}

export class LimitExceededException extends AwsError {
  constructor(message: string, data: { readonly Context?: string | undefined } = {}) {
    super("LimitExceededException", 400, message, data)
  }
}

export class SignInFailedException extends AwsError {
  constructor(message: string, data: { readonly Context?: string | undefined } = {}) {
    super("SignInFailedException", 403, message, data)
  }
}

export class PasswordChangeRequiredException extends AwsError {
  constructor(message: string, data: { readonly Context?: string | undefined } = {}) {
    super("PasswordChangeRequiredException", 403, message, data)
  }
}

export class PasswordPolicyViolationException extends AwsError {
  constructor(message: string, data: { readonly Context?: string | undefined } = {}) {
    super("PasswordPolicyViolationException", 400, message, data)
  }
}
