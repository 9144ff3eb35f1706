import { defaultRoleArn } from '../access/default-role.ts'
import { resourceTagKeys } from '../access/request-context.ts'
import type { RolebackApi } from '../aws/generated/roleback.ts'
import type { OperationContext, Service } from '../aws/operation.ts'
import type { Context, UnsignedContext } from '../context.ts'
import { kindOfArn } from '../kinds/kinds.ts'
import { arnOf } from '../lib/arn.ts'
import { findTestingPlan } from '../store/plans/restore-testing.ts'
import { tagsOf } from '../store/identity/tags.ts'
import { createLimitedAccessKey, listLimitedAccessKeys, userContext, userTarget } from './access-keys.ts'
import { createAccount, listAccounts } from './accounts.ts'
import { lookupAuditEvents, verifyAudit } from './audit.ts'
import { connectionContext, registrationContext } from './connection-keys.ts'
import { createDefaultServiceRole } from './default-role.ts'
import { listDiscoveredResources, registerDiscoveredResource } from './discovered.ts'
import {
  deleteDiscoveryRule,
  listDiscoveryRules,
  putDiscoveryRule,
  ruleArn,
  ruleContext,
  startDiscovery,
} from './discovery-rules.ts'
import { getAuthorizationDetails } from './explain.ts'
import { dismissFirstSteps } from './first-steps.ts'
import { frameworkOf, listFrameworkFindings } from './framework-findings.ts'
import { validatePolicy } from './policy-lint.ts'
import {
  deleteEventTarget,
  listEventTargets,
  putEventTarget,
  retryEventDeliveries,
  testEventTarget,
} from './event-targets.ts'
import { listItemSearchResults, startItemSearchJob } from './item-search.ts'
import { approveHeldDeletions, listHeldDeletions } from './held-deletions.ts'
import { describeJobLimits, putJobLimits } from './job-limits.ts'
import { startImportJob } from './import.ts'
import {
  describeJob,
  listJobDecisions,
  startExportJob,
  startRepairJob,
  startSweepJob,
  startVerifyJob,
} from './jobs.ts'
import { listJobs } from './job-list.ts'
import { describeOverview } from './overview.ts'
import { listPassableRoles } from './passable-roles.ts'
import { EVERYTHING, listPauses, pauseBackups, resumeBackups } from './pauses.ts'
import { listBackupPlanRuns, previewSchedule } from './plans.ts'
import { preflightJobs } from './preflight.ts'
import { listResourceProtection } from './protection.ts'
import { listQuotas, putQuota } from './quotas.ts'
import { listRetentionCounts, previewRetention, putRetentionCounts } from './retention-counts.ts'
import { generateRolePolicy } from './role-policy.ts'
import { listUnusedPermissions } from './unused-permissions.ts'
import {
  arnToRegister,
  deregisterResource,
  describeResource,
  listResources,
  registerResource,
  testResource,
  updateResource,
} from './resources.ts'
import { previewBackupSelection } from './selection-preview.ts'
import { issueRecoveryKit } from './recovery-kit.ts'
import { getRestoreGuard, putRestoreGuard } from './restore-guard.ts'
import { getRestoreTestValidators, putRestoreTestValidators } from './restore-test-validators.ts'
import { listRestoreTests } from './restore-tests.ts'
import { describeServer } from './server.ts'
import { listVaultColdStorages, putVaultColdStorage } from './cold-storage.ts'
import { createEncryptionKey, deleteEncryptionKey, listEncryptionKeys } from './encryption-keys.ts'
import { deleteStorage, listStorages, putStorage } from './storages.ts'
import { listSessions, principalContext, revokeSessions, signOut } from './sessions.ts'
import { beginSignIn } from './oidc-sign-in.ts'
import { deleteSignInProvider, listSignInProviders, putSignInProvider } from './sign-in-providers.ts'
import { signIn } from './sign-in.ts'
import { stoppedArn, stoppedContext, stopJob } from './stop-job.ts'
import { startSession } from './start-session.ts'
import { listVaultHealth } from './vault-health.ts'
import { listVaultUsage } from './vault-usage.ts'
import { listPrincipalsWhoCan } from './who-can.ts'

type ResourceInput = { readonly ResourceArn: string }
type RoleInput = { readonly IamRoleArn: string }
type VaultInput = { readonly BackupVaultName: string }

const resource = (_: Context, input: ResourceInput): string => input.ResourceArn
const vault = (ctx: Context, input: VaultInput): string =>
  arnOf('backup', ctx.region, ctx.accountId, `backup-vault:${input.BackupVaultName}`)
const all = (): string => '*'
const pausable = (_: Context, input: { readonly TargetArn?: string | undefined }): string =>
  input.TargetArn ?? EVERYTHING
const planOrAll = (ctx: Context, { BackupPlanId }: { readonly BackupPlanId?: string | undefined }): string =>
  BackupPlanId === undefined ? '*' : arnOf('backup', ctx.region, ctx.accountId, `backup-plan:${BackupPlanId}`)

async function contextOfArn(ctx: Context, arn: string): Promise<OperationContext> {
  return arn === '*' ? {} : resourceTagKeys(await tagsOf(ctx.store.db, ctx.accountId, arn))
}

const resourceContext = (ctx: Context, input: ResourceInput): Promise<OperationContext> =>
  contextOfArn(ctx, input.ResourceArn)
const vaultContext = (ctx: Context, input: VaultInput): Promise<OperationContext> =>
  contextOfArn(ctx, vault(ctx, input))
const vaultOrAll = (
  ctx: Context,
  { BackupVaultName }: { readonly BackupVaultName?: string | undefined },
): string => (BackupVaultName === undefined ? '*' : vault(ctx, { BackupVaultName }))
const vaultOrAllContext = (
  ctx: Context,
  input: Parameters<typeof vaultOrAll>[1],
): Promise<OperationContext> => contextOfArn(ctx, vaultOrAll(ctx, input))
const planContext = (ctx: Context, input: Parameters<typeof planOrAll>[1]): Promise<OperationContext> =>
  contextOfArn(ctx, planOrAll(ctx, input))
const pausableContext = (ctx: Context, input: Parameters<typeof pausable>[1]): Promise<OperationContext> =>
  contextOfArn(ctx, pausable(ctx, input))

type ProviderInput = { readonly OpenIDConnectProviderArn: string }

const onProvider = {
  resource: (_: Context, input: ProviderInput): string => input.OpenIDConnectProviderArn,
  context: (ctx: Context, input: ProviderInput): Promise<OperationContext> =>
    contextOfArn(ctx, input.OpenIDConnectProviderArn),
}

const role = (_: Context, input: RoleInput): string => input.IamRoleArn

async function roleContext(ctx: Context, input: RoleInput): Promise<OperationContext> {
  return await contextOfArn(ctx, input.IamRoleArn)
}

type TestingPlanInput = { readonly RestoreTestingPlanName: string }

/** A plan's ARN ends in an id behind its name; for one that is not there the id is open. */
async function testingPlan(
  ctx: Context,
  { RestoreTestingPlanName: name }: TestingPlanInput,
): Promise<string> {
  const found = await findTestingPlan(ctx.store.db, ctx, name)
  return found?.arn ?? arnOf('backup', ctx.region, ctx.accountId, `restore-testing-plan:${name}-*`)
}

async function testingPlanContext(ctx: Context, input: TestingPlanInput): Promise<OperationContext> {
  return await contextOfArn(ctx, await testingPlan(ctx, input))
}

/** The few operations that AWS has no name for. */
export const roleback: Service<RolebackApi, Context, UnsignedContext, 'SignIn' | 'BeginSignIn'> = {
  RegisterResource: {
    resource: arnToRegister,
    context: (_, input) => registrationContext(input),
    handler: registerResource,
  },
  UpdateResource: {
    resource,
    context: async (ctx, input) => ({
      ...(await resourceContext(ctx, input)),
      ...connectionContext(kindOfArn(input.ResourceArn)?.kind.type, input.Connection),
    }),
    handler: updateResource,
  },
  TestResource: { resource, context: resourceContext, handler: testResource },
  DescribeResource: { resource, context: resourceContext, handler: describeResource },
  ListResources: { resource: all, handler: listResources },
  ListResourceProtection: { resource: all, handler: listResourceProtection },
  DescribeOverview: { resource: all, handler: describeOverview },
  DismissFirstSteps: { resource: all, handler: dismissFirstSteps },
  DeregisterResource: { resource, context: resourceContext, handler: deregisterResource },
  IssueRecoveryKit: { resource: all, handler: issueRecoveryKit },
  CreateAccount: { resource: all, handler: createAccount },
  ListAccounts: { resource: all, handler: listAccounts },
  PutQuota: { resource: (_, input) => input.Resource, handler: putQuota },
  ListQuotas: { resource: all, handler: listQuotas },
  PutJobLimits: { resource: all, handler: putJobLimits },
  DescribeJobLimits: { resource: all, handler: describeJobLimits },
  CreateDefaultServiceRole: {
    resource: (ctx) => defaultRoleArn(ctx.accountId),
    handler: createDefaultServiceRole,
  },
  CreateLimitedAccessKey: { resource: userTarget, context: userContext, handler: createLimitedAccessKey },
  ListLimitedAccessKeys: { resource: userTarget, context: userContext, handler: listLimitedAccessKeys },
  PutSignInProvider: { ...onProvider, handler: putSignInProvider },
  ListSignInProviders: { resource: all, handler: listSignInProviders },
  DeleteSignInProvider: { ...onProvider, handler: deleteSignInProvider },
  BeginSignIn: { unsigned: true, handler: beginSignIn },
  SignIn: { unsigned: true, handler: signIn },
  StartSession: { resource: (ctx) => ctx.principal.arn, decidedByHandler: true, handler: startSession },
  SignOut: { resource: (ctx) => ctx.principal.arn, decidedByHandler: true, handler: signOut },
  ListSessions: { resource: userTarget, context: userContext, handler: listSessions },
  RevokeSessions: {
    resource: (_, input) => input.PrincipalArn,
    context: principalContext,
    handler: revokeSessions,
  },
  StartVerifyJob: { resource: vault, context: vaultContext, handler: startVerifyJob },
  StartRepairJob: { resource: vault, context: vaultContext, handler: startRepairJob },
  StartSweepJob: { resource: vault, context: vaultContext, handler: startSweepJob },
  StartImportJob: { resource: vault, context: vaultContext, handler: startImportJob },
  StartExportJob: { resource: vault, context: vaultContext, handler: startExportJob },
  StartItemSearchJob: { resource: vault, context: vaultContext, handler: startItemSearchJob },
  ListItemSearchResults: { resource: all, handler: listItemSearchResults },
  DescribeJob: { resource: all, handler: describeJob },
  StopJob: { resource: stoppedArn, context: stoppedContext, handler: stopJob },
  ListJobs: { resource: all, handler: listJobs },
  ListJobDecisions: { resource: all, handler: listJobDecisions },
  GetAuthorizationDetails: { resource: all, handler: getAuthorizationDetails },
  ValidatePolicy: { resource: all, isCostly: true, handler: validatePolicy },
  PreviewBackupSelection: {
    resource: planOrAll,
    context: planContext,
    isCostly: true,
    handler: previewBackupSelection,
  },
  PutRestoreTestValidators: {
    resource: testingPlan,
    context: testingPlanContext,
    handler: putRestoreTestValidators,
  },
  GetRestoreTestValidators: {
    resource: testingPlan,
    context: testingPlanContext,
    handler: getRestoreTestValidators,
  },
  ListRestoreTests: { resource: all, handler: listRestoreTests },
  ListBackupPlanRuns: { resource: planOrAll, context: planContext, handler: listBackupPlanRuns },
  PutRetentionCounts: { resource: planOrAll, context: planContext, handler: putRetentionCounts },
  ListRetentionCounts: { resource: planOrAll, context: planContext, handler: listRetentionCounts },
  PreviewSchedule: { resource: all, isCostly: true, handler: previewSchedule },
  PreviewRetention: { resource: planOrAll, context: planContext, isCostly: true, handler: previewRetention },
  ListFrameworkFindings: {
    resource: frameworkOf,
    context: async (ctx, input) => await contextOfArn(ctx, await frameworkOf(ctx, input)),
    handler: listFrameworkFindings,
  },
  ListVaultHealth: { resource: vaultOrAll, context: vaultOrAllContext, handler: listVaultHealth },
  ListVaultUsage: { resource: vaultOrAll, context: vaultOrAllContext, handler: listVaultUsage },
  ListHeldDeletions: { resource: vaultOrAll, context: vaultOrAllContext, handler: listHeldDeletions },
  ApproveHeldDeletions: { resource: vault, context: vaultContext, handler: approveHeldDeletions },
  PauseBackups: { resource: pausable, context: pausableContext, handler: pauseBackups },
  ResumeBackups: { resource: pausable, context: pausableContext, handler: resumeBackups },
  ListPauses: { resource: all, handler: listPauses },
  GetRestoreGuard: { resource: all, handler: getRestoreGuard },
  PutRestoreGuard: {
    resource: all,
    context: (_, input) => ({ 'roleback:RestoreGuard': input.RestoreGuard }),
    handler: putRestoreGuard,
  },
  PutStorage: {
    resource: all,
    context: (_, { Endpoint, Location }) =>
      connectionContext('S3', { Endpoint, Bucket: Location.split('/')[2] }),
    handler: putStorage,
  },
  PutDiscoveryRule: {
    resource: (ctx, { Name }) => ruleArn(ctx, Name),
    context: ruleContext,
    handler: putDiscoveryRule,
  },
  ListDiscoveryRules: { resource: all, handler: listDiscoveryRules },
  DeleteDiscoveryRule: { resource: (ctx, { Name }) => ruleArn(ctx, Name), handler: deleteDiscoveryRule },
  StartDiscovery: { resource: (ctx, { Name }) => ruleArn(ctx, Name), handler: startDiscovery },
  ListDiscoveredResources: { resource: all, handler: listDiscoveredResources },
  RegisterDiscoveredResource: {
    resource: (ctx, { RuleName }) => ruleArn(ctx, RuleName),
    handler: registerDiscoveredResource,
  },
  PutEventTarget: { resource: all, handler: putEventTarget },
  ListEventTargets: { resource: all, handler: listEventTargets },
  DeleteEventTarget: { resource: all, handler: deleteEventTarget },
  TestEventTarget: { resource: all, handler: testEventTarget },
  RetryEventDeliveries: { resource: all, handler: retryEventDeliveries },
  ListStorages: { resource: all, handler: listStorages },
  DeleteStorage: { resource: all, handler: deleteStorage },
  PutVaultColdStorage: { resource: all, handler: putVaultColdStorage },
  ListVaultColdStorages: { resource: all, handler: listVaultColdStorages },
  CreateEncryptionKey: { resource: all, handler: createEncryptionKey },
  ListEncryptionKeys: { resource: all, handler: listEncryptionKeys },
  DeleteEncryptionKey: { resource: all, handler: deleteEncryptionKey },
  GenerateRolePolicy: { resource: all, isCostly: true, handler: generateRolePolicy },
  ListUnusedPermissions: { resource: (_, input) => input.PrincipalArn, handler: listUnusedPermissions },
  ListPrincipalsWhoCan: { resource, context: resourceContext, isCostly: true, handler: listPrincipalsWhoCan },
  ListPassableRoles: { resource: all, handler: listPassableRoles },
  PreflightJobs: { resource: role, context: roleContext, isCostly: true, handler: preflightJobs },
  LookupAuditEvents: { resource: all, handler: lookupAuditEvents },
  VerifyAudit: { resource: all, handler: verifyAudit },
  DescribeServer: { resource: all, handler: describeServer },
}
