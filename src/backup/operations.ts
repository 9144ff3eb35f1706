import { resourceTagKeys } from '../access/request-context.ts'
import type { BackupApi } from '../aws/generated/backup.ts'
import type { OperationContext, Service } from '../aws/operation.ts'
import type { Context } from '../context.ts'
import { findRecoveryPoint } from '../store/points/recovery-points.ts'
import { tagsOf } from '../store/identity/tags.ts'
import { legalHoldArn, vaultArn } from './arns.ts'
import { auditOperations } from './audit-operations.ts'
import { describeBackupJob, listBackupJobs, startBackupJob, stopBackupJob } from './backup-jobs.ts'
import { describeCopyJob, listCopyJobs, startCopyJob } from './copy-jobs.ts'
import {
  describeProtectedResource,
  listProtectedResources,
  listProtectedResourcesByBackupVault,
} from './protected-resources.ts'
import {
  getRecoveryPointIndexDetails,
  listIndexedRecoveryPoints,
  updateRecoveryPointIndexSettings,
} from './point-index.ts'
import {
  deleteRecoveryPoint,
  describeRecoveryPoint,
  getRecoveryPointRestoreMetadata,
  getRestoreTestingInferredMetadata,
  listRecoveryPointsByBackupVault,
  listRecoveryPointsByResource,
  updateRecoveryPointLifecycle,
} from './recovery-points.ts'
import {
  describeRestoreJob,
  getRestoreJobMetadata,
  listRestoreJobs,
  listRestoreJobsByProtectedResource,
  startRestoreJob,
} from './restore-jobs.ts'
import { listBackupJobSummaries, listCopyJobSummaries, listRestoreJobSummaries } from './job-summaries.ts'
import {
  cancelLegalHold,
  createLegalHold,
  getLegalHold,
  listLegalHolds,
  listRecoveryPointsByLegalHold,
} from './legal-holds.ts'
import { planOperations } from './plan-operations.ts'
import { requestTagKeys, requestTags } from './request-tags.ts'
import { restoreTestingOperations } from './restore-testing-operations.ts'
import {
  describeGlobalSettings,
  describeRegionSettings,
  getSupportedResourceTypes,
  updateGlobalSettings,
  updateRegionSettings,
} from './settings.ts'
import { listTags, tagResource, untagResource } from './tags.ts'
import { tieringOperations } from './tiering.ts'
import { notHere } from './not-here.ts'
import { unbuilt } from './unbuilt.ts'
import {
  deleteBackupVaultNotifications,
  getBackupVaultNotifications,
  putBackupVaultNotifications,
} from './vault-notifications.ts'
import {
  deleteBackupVaultAccessPolicy,
  getBackupVaultAccessPolicy,
  putBackupVaultAccessPolicy,
} from './vault-policies.ts'
import {
  deleteBackupVaultLockConfiguration,
  lockKeys,
  putBackupVaultLockConfiguration,
} from './vault-locks.ts'
import {
  createBackupVault,
  createLogicallyAirGappedBackupVault,
  deleteBackupVault,
  describeBackupVault,
  listBackupVaults,
} from './vaults.ts'

type VaultInput = { readonly BackupVaultName: string }
type PointInput = { readonly RecoveryPointArn: string }
type HoldInput = { readonly LegalHoldId: string }
type TaggedInput = { readonly ResourceArn: string }

const vault = (ctx: Context, input: VaultInput): string => vaultArn(ctx, input.BackupVaultName)
const point = (_: Context, input: PointInput): string => input.RecoveryPointArn
const tagged = (_: Context, input: TaggedInput): string => input.ResourceArn
const hold = (ctx: Context, input: HoldInput): string => legalHoldArn(ctx, input.LegalHoldId)
const all = (): string => '*'

async function vaultContext(ctx: Context, input: VaultInput): Promise<OperationContext> {
  return resourceTagKeys(await tagsOf(ctx.store.db, ctx.accountId, vaultArn(ctx, input.BackupVaultName)))
}

async function pointContext(ctx: Context, input: PointInput): Promise<OperationContext> {
  const { accountId, store } = ctx
  const [row, tags] = await Promise.all([
    findRecoveryPoint(store.db, accountId, input.RecoveryPointArn),
    tagsOf(store.db, accountId, input.RecoveryPointArn),
  ])
  return row === undefined ? {} : resourceTagKeys(tags)
}

async function holdContext(ctx: Context, input: HoldInput): Promise<OperationContext> {
  return resourceTagKeys(await tagsOf(ctx.store.db, ctx.accountId, hold(ctx, input)))
}

async function taggedContext(ctx: Context, input: TaggedInput): Promise<OperationContext> {
  return resourceTagKeys(await tagsOf(ctx.store.db, ctx.accountId, input.ResourceArn))
}

/** AWS Backup, all operations of the model. */
export const backup: Service<BackupApi, Context> = {
  ...unbuilt,
  ...notHere,
  ...planOperations,
  ...restoreTestingOperations,
  ...auditOperations,
  ...tieringOperations,

  CreateBackupVault: {
    resource: vault,
    context: (_, input) => requestTags(input.BackupVaultTags),
    handler: createBackupVault,
  },
  CreateLogicallyAirGappedBackupVault: {
    resource: vault,
    context: (_, input) => ({ ...requestTags(input.BackupVaultTags), ...lockKeys(input) }),
    handler: createLogicallyAirGappedBackupVault,
  },
  DescribeBackupVault: { resource: vault, context: vaultContext, handler: describeBackupVault },
  ListBackupVaults: { resource: all, handler: listBackupVaults },
  DeleteBackupVault: { resource: vault, context: vaultContext, handler: deleteBackupVault },

  PutBackupVaultAccessPolicy: { resource: vault, context: vaultContext, handler: putBackupVaultAccessPolicy },
  GetBackupVaultAccessPolicy: { resource: vault, context: vaultContext, handler: getBackupVaultAccessPolicy },
  DeleteBackupVaultAccessPolicy: {
    resource: vault,
    context: vaultContext,
    handler: deleteBackupVaultAccessPolicy,
  },

  PutBackupVaultLockConfiguration: {
    resource: vault,
    context: async (ctx, input) => ({ ...(await vaultContext(ctx, input)), ...lockKeys(input) }),
    handler: putBackupVaultLockConfiguration,
  },
  DeleteBackupVaultLockConfiguration: {
    resource: vault,
    context: vaultContext,
    handler: deleteBackupVaultLockConfiguration,
  },

  PutBackupVaultNotifications: {
    resource: vault,
    context: vaultContext,
    handler: putBackupVaultNotifications,
  },
  GetBackupVaultNotifications: {
    resource: vault,
    context: vaultContext,
    handler: getBackupVaultNotifications,
  },
  DeleteBackupVaultNotifications: {
    resource: vault,
    context: vaultContext,
    handler: deleteBackupVaultNotifications,
  },

  StartBackupJob: {
    resource: vault,
    context: async (ctx, input) => ({
      ...(await vaultContext(ctx, input)),
      ...requestTags(input.RecoveryPointTags),
    }),
    handler: startBackupJob,
  },
  DescribeBackupJob: { resource: all, handler: describeBackupJob },
  ListBackupJobs: { resource: all, handler: listBackupJobs },
  StopBackupJob: { resource: all, handler: stopBackupJob },

  ListRecoveryPointsByBackupVault: {
    resource: vault,
    context: vaultContext,
    handler: listRecoveryPointsByBackupVault,
  },
  ListRecoveryPointsByResource: { resource: all, handler: listRecoveryPointsByResource },
  DescribeRecoveryPoint: { resource: point, context: pointContext, handler: describeRecoveryPoint },
  GetRecoveryPointRestoreMetadata: {
    resource: point,
    context: pointContext,
    handler: getRecoveryPointRestoreMetadata,
  },
  GetRestoreTestingInferredMetadata: {
    resource: point,
    context: pointContext,
    handler: getRestoreTestingInferredMetadata,
  },
  UpdateRecoveryPointLifecycle: {
    resource: point,
    context: pointContext,
    handler: updateRecoveryPointLifecycle,
  },
  UpdateRecoveryPointIndexSettings: {
    resource: point,
    context: pointContext,
    handler: updateRecoveryPointIndexSettings,
  },
  GetRecoveryPointIndexDetails: {
    resource: point,
    context: pointContext,
    handler: getRecoveryPointIndexDetails,
  },
  ListIndexedRecoveryPoints: { resource: all, handler: listIndexedRecoveryPoints },
  DeleteRecoveryPoint: { resource: point, context: pointContext, handler: deleteRecoveryPoint },

  StartCopyJob: { resource: point, context: pointContext, handler: startCopyJob },
  DescribeCopyJob: { resource: all, handler: describeCopyJob },
  ListCopyJobs: { resource: all, handler: listCopyJobs },

  StartRestoreJob: { resource: point, context: pointContext, handler: startRestoreJob },
  DescribeRestoreJob: { resource: all, handler: describeRestoreJob },
  ListRestoreJobs: { resource: all, handler: listRestoreJobs },
  ListRestoreJobsByProtectedResource: { resource: all, handler: listRestoreJobsByProtectedResource },
  GetRestoreJobMetadata: { resource: all, handler: getRestoreJobMetadata },

  ListProtectedResources: { resource: all, handler: listProtectedResources },
  ListProtectedResourcesByBackupVault: {
    resource: vault,
    context: vaultContext,
    handler: listProtectedResourcesByBackupVault,
  },
  DescribeProtectedResource: { resource: all, handler: describeProtectedResource },

  TagResource: {
    resource: tagged,
    context: async (ctx, input) => ({ ...(await taggedContext(ctx, input)), ...requestTags(input.Tags) }),
    handler: tagResource,
  },
  UntagResource: {
    resource: tagged,
    context: async (ctx, input) => ({
      ...(await taggedContext(ctx, input)),
      ...requestTagKeys(input.TagKeyList),
    }),
    handler: untagResource,
  },
  ListTags: { resource: tagged, context: taggedContext, handler: listTags },

  CreateLegalHold: {
    resource: (ctx) => legalHoldArn(ctx, '*'),
    context: (_, input) => requestTags(input.Tags),
    handler: createLegalHold,
  },
  GetLegalHold: { resource: hold, context: holdContext, handler: getLegalHold },
  CancelLegalHold: { resource: hold, context: holdContext, handler: cancelLegalHold },
  ListLegalHolds: { resource: all, handler: listLegalHolds },
  ListRecoveryPointsByLegalHold: {
    resource: hold,
    context: holdContext,
    handler: listRecoveryPointsByLegalHold,
  },

  ListBackupJobSummaries: { resource: all, handler: listBackupJobSummaries },
  ListCopyJobSummaries: { resource: all, handler: listCopyJobSummaries },
  ListRestoreJobSummaries: { resource: all, handler: listRestoreJobSummaries },
  DescribeGlobalSettings: { resource: all, handler: describeGlobalSettings },
  UpdateGlobalSettings: { resource: all, handler: updateGlobalSettings },
  GetSupportedResourceTypes: { resource: all, handler: getSupportedResourceTypes },
  DescribeRegionSettings: { resource: all, handler: describeRegionSettings },
  UpdateRegionSettings: { resource: all, handler: updateRegionSettings },
}
