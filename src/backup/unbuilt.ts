import type { UnbuiltOperation } from '../aws/operation.ts'
import type { Context } from '../context.ts'
import {
  frameworkArn,
  legalHoldArn,
  planArn,
  reportPlanArn,
  restoreTestingPlanArn,
  tieringConfigurationArn,
  vaultArn,
} from './arns.ts'

/**
 * Operations that AWS models and this server does not have: each is authorised on its resource and then answered with a
 * modelled 400. The resource is named by the input's members, as AWS's service authorization reference has it.
 */

interface Named {
  readonly BackupVaultName?: string | undefined
  readonly RecoveryPointArn?: string | undefined
  readonly BackupPlanId?: string | undefined
  readonly FrameworkName?: string | undefined
  readonly ReportPlanName?: string | undefined
  readonly LegalHoldId?: string | undefined
  readonly RestoreTestingPlanName?: string | undefined
  readonly TieringConfigurationName?: string | undefined
}

type Unbuilt = UnbuiltOperation<Context, Named>

const on = (resource: (ctx: Context, input: Named) => string): Unbuilt => ({ unbuilt: true, resource })

const onVault = on((ctx, input) => vaultArn(ctx, input.BackupVaultName ?? '*'))
const onPoint = on((_, input) => input.RecoveryPointArn ?? '*')
const onPlan = on((ctx, input) => planArn(ctx, input.BackupPlanId ?? '*'))
const onFramework = on((ctx, input) => frameworkArn(ctx, input.FrameworkName ?? '*'))
const onReportPlan = on((ctx, input) => reportPlanArn(ctx, input.ReportPlanName ?? '*'))
const onLegalHold = on((ctx, input) => legalHoldArn(ctx, input.LegalHoldId ?? '*'))
const onTestingPlan = on((ctx, input) => restoreTestingPlanArn(ctx, input.RestoreTestingPlanName ?? '*'))
const onTiering = on((ctx, input) => tieringConfigurationArn(ctx, input.TieringConfigurationName ?? '*'))
const onAll = on(() => '*')

export const unbuilt = {
  AssociateBackupVaultMpaApprovalTeam: onVault,
  CreateLogicallyAirGappedBackupVault: onVault,
  CreateRestoreAccessBackupVault: onVault,
  DeleteBackupVaultAccessPolicy: onVault,
  DeleteBackupVaultLockConfiguration: onVault,
  DeleteBackupVaultNotifications: onVault,
  DisassociateBackupVaultMpaApprovalTeam: onVault,
  GetBackupVaultAccessPolicy: onVault,
  GetBackupVaultNotifications: onVault,
  ListRestoreAccessBackupVaults: onVault,
  PutBackupVaultAccessPolicy: onVault,
  PutBackupVaultLockConfiguration: onVault,
  PutBackupVaultNotifications: onVault,
  RevokeRestoreAccessBackupVault: onVault,
  StartScanJob: onVault,

  DisassociateRecoveryPoint: onPoint,
  DisassociateRecoveryPointFromParent: onPoint,
  GetPITRMalwareScanResults: onPoint,
  GetRecoveryPointIndexDetails: onPoint,
  GetRestoreTestingInferredMetadata: onPoint,
  StartCopyJob: onPoint,
  UpdateRecoveryPointIndexSettings: onPoint,

  CreateBackupPlan: onPlan,
  CreateBackupSelection: onPlan,
  DeleteBackupPlan: onPlan,
  DeleteBackupSelection: onPlan,
  ExportBackupPlanTemplate: onPlan,
  GetBackupPlan: onPlan,
  GetBackupSelection: onPlan,
  ListBackupPlanVersions: onPlan,
  ListBackupSelections: onPlan,
  UpdateBackupPlan: onPlan,

  CreateFramework: onFramework,
  DeleteFramework: onFramework,
  DescribeFramework: onFramework,
  UpdateFramework: onFramework,

  CreateReportPlan: onReportPlan,
  DeleteReportPlan: onReportPlan,
  DescribeReportPlan: onReportPlan,
  StartReportJob: onReportPlan,
  UpdateReportPlan: onReportPlan,

  CancelLegalHold: onLegalHold,
  CreateLegalHold: onLegalHold,
  GetLegalHold: onLegalHold,
  ListRecoveryPointsByLegalHold: onLegalHold,

  CreateRestoreTestingPlan: onTestingPlan,
  CreateRestoreTestingSelection: onTestingPlan,
  DeleteRestoreTestingPlan: onTestingPlan,
  DeleteRestoreTestingSelection: onTestingPlan,
  GetRestoreTestingPlan: onTestingPlan,
  GetRestoreTestingSelection: onTestingPlan,
  ListRestoreTestingSelections: onTestingPlan,
  UpdateRestoreTestingPlan: onTestingPlan,
  UpdateRestoreTestingSelection: onTestingPlan,

  CreateTieringConfiguration: onTiering,
  DeleteTieringConfiguration: onTiering,
  GetTieringConfiguration: onTiering,
  UpdateTieringConfiguration: onTiering,

  DescribeCopyJob: onAll,
  DescribeGlobalSettings: onAll,
  DescribeReportJob: onAll,
  DescribeScanJob: onAll,
  GetBackupPlanFromJSON: onAll,
  GetBackupPlanFromTemplate: onAll,
  ListBackupJobSummaries: onAll,
  ListBackupPlanTemplates: onAll,
  ListBackupPlans: onAll,
  ListCopyJobSummaries: onAll,
  ListCopyJobs: onAll,
  ListFrameworks: onAll,
  ListIndexedRecoveryPoints: onAll,
  ListLegalHolds: onAll,
  ListReportJobs: onAll,
  ListReportPlans: onAll,
  ListRestoreJobSummaries: onAll,
  ListRestoreTestingPlans: onAll,
  ListScanJobSummaries: onAll,
  ListScanJobs: onAll,
  ListTieringConfigurations: onAll,
  PutRestoreValidationResult: onAll,
  UpdateGlobalSettings: onAll,
} as const
