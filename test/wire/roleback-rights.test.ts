import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { managedPolicies } from '../../src/access/managed-policies.ts'
import { callService } from '../../src/aws/client.ts'
import type { Credentials, OperationOf } from '../../src/aws/client.ts'
import { AwsError } from '../../src/aws/error.ts'
import { modelOf } from '../../src/aws/model.ts'
import type { OperationModel } from '../../src/aws/model.ts'
import { REGION, startApiServer } from '../servers/api.ts'
import { exampleInput } from './example-input.ts'

/**
 * R11: which built-in policies let by to which of our own operations, and which rights of IAM each asks for beside its own. A new
 * operation fails here until somebody has placed it.
 */

/** What an operation changes or shows. */
type Touches = 'backups' | 'connections' | 'identity' | 'keys' | 'accounts' | 'storage' | 'guard' | 'oneself'

interface Rights {
  readonly touches: Touches
  /** Built-in policies that suffice by themselves, beside AdministratorAccess. */
  readonly policies: readonly string[]
  /** Rights that `roleback:*` does not bring, in the order in which they are asked for. */
  readonly also: readonly string[]
}

const NOBODY: readonly string[] = []
const READERS = ['AWSBackupFullAccess', 'AWSBackupOperatorAccess']

const OPERATIONS: Readonly<Record<OperationOf<'roleback'>, Rights>> = {
  BeginSignIn: { touches: 'oneself', policies: NOBODY, also: [] },
  CreateAccount: { touches: 'accounts', policies: NOBODY, also: ['iam:CreateAccessKey'] },
  CreateDefaultServiceRole: {
    touches: 'identity',
    policies: NOBODY,
    also: ['iam:CreateRole', 'iam:AttachRolePolicy', 'iam:PassRole'],
  },
  CreateEncryptionKey: { touches: 'keys', policies: NOBODY, also: ['iam:UpdateAccountPasswordPolicy'] },
  DeleteEncryptionKey: { touches: 'keys', policies: NOBODY, also: ['iam:UpdateAccountPasswordPolicy'] },
  ListEncryptionKeys: { touches: 'backups', policies: ['AWSBackupFullAccess'], also: ['kms:ListKeys'] },
  CreateLimitedAccessKey: { touches: 'keys', policies: NOBODY, also: ['iam:CreateAccessKey'] },
  DeleteSignInProvider: {
    touches: 'identity',
    policies: NOBODY,
    also: ['iam:RemoveClientIDFromOpenIDConnectProvider'],
  },
  DeleteStorage: { touches: 'storage', policies: NOBODY, also: ['iam:UpdateAccountPasswordPolicy'] },
  DeregisterResource: { touches: 'connections', policies: NOBODY, also: [] },
  DescribeJob: { touches: 'backups', policies: READERS, also: [] },
  DescribeJobLimits: { touches: 'accounts', policies: NOBODY, also: ['iam:GetAccountPasswordPolicy'] },
  PutJobLimits: { touches: 'accounts', policies: NOBODY, also: ['iam:UpdateAccountPasswordPolicy'] },
  DescribeResource: { touches: 'connections', policies: READERS, also: [] },
  DescribeServer: { touches: 'backups', policies: READERS, also: [] },
  GetAuthorizationDetails: { touches: 'backups', policies: READERS, also: [] },
  GetRestoreGuard: { touches: 'guard', policies: NOBODY, also: ['iam:GetAccountPasswordPolicy'] },
  IssueRecoveryKit: { touches: 'keys', policies: NOBODY, also: ['iam:CreateAccessKey'] },
  ListAccounts: { touches: 'accounts', policies: NOBODY, also: ['iam:ListAccountAliases'] },
  ListQuotas: { touches: 'accounts', policies: NOBODY, also: ['iam:GetAccountPasswordPolicy'] },
  PutQuota: { touches: 'accounts', policies: NOBODY, also: ['iam:UpdateAccountPasswordPolicy'] },
  LookupAuditEvents: { touches: 'backups', policies: NOBODY, also: [] },
  VerifyAudit: { touches: 'backups', policies: NOBODY, also: [] },
  PutRestoreTestValidators: { touches: 'backups', policies: NOBODY, also: [] },
  GetRestoreTestValidators: { touches: 'backups', policies: READERS, also: [] },
  ListRestoreTests: { touches: 'backups', policies: READERS, also: [] },
  ListBackupPlanRuns: { touches: 'backups', policies: READERS, also: [] },
  ListFrameworkFindings: { touches: 'backups', policies: READERS, also: [] },
  ListItemSearchResults: { touches: 'backups', policies: READERS, also: [] },
  ApproveHeldDeletions: { touches: 'backups', policies: NOBODY, also: [] },
  ListVaultHealth: { touches: 'backups', policies: READERS, also: [] },
  ListVaultUsage: { touches: 'backups', policies: READERS, also: [] },
  ListHeldDeletions: { touches: 'backups', policies: READERS, also: [] },
  ListJobDecisions: { touches: 'backups', policies: READERS, also: [] },
  ListLimitedAccessKeys: { touches: 'keys', policies: NOBODY, also: ['iam:ListAccessKeys'] },
  ListPauses: { touches: 'backups', policies: READERS, also: [] },
  ListSessions: { touches: 'identity', policies: NOBODY, also: ['iam:GetLoginProfile'] },
  ListSignInProviders: { touches: 'identity', policies: NOBODY, also: ['iam:ListOpenIDConnectProviders'] },
  ListVaultColdStorages: { touches: 'storage', policies: NOBODY, also: ['iam:GetAccountPasswordPolicy'] },
  ListStorages: { touches: 'storage', policies: NOBODY, also: ['iam:GetAccountPasswordPolicy'] },
  ListResources: { touches: 'connections', policies: READERS, also: [] },
  ListResourceProtection: { touches: 'backups', policies: READERS, also: [] },
  DescribeOverview: { touches: 'backups', policies: READERS, also: [] },
  DismissFirstSteps: { touches: 'backups', policies: NOBODY, also: [] },
  ListJobs: { touches: 'backups', policies: READERS, also: [] },
  PauseBackups: { touches: 'backups', policies: NOBODY, also: [] },
  GenerateRolePolicy: { touches: 'backups', policies: NOBODY, also: [] },
  ListPrincipalsWhoCan: { touches: 'identity', policies: NOBODY, also: ['iam:SimulatePrincipalPolicy'] },
  ListUnusedPermissions: {
    touches: 'identity',
    policies: NOBODY,
    also: ['iam:GenerateServiceLastAccessedDetails', 'iam:SimulatePrincipalPolicy'],
  },
  ListPassableRoles: { touches: 'backups', policies: READERS, also: [] },
  PreflightJobs: { touches: 'backups', policies: READERS, also: [] },
  PreviewBackupSelection: { touches: 'backups', policies: READERS, also: [] },
  PreviewSchedule: { touches: 'backups', policies: READERS, also: [] },
  ListRetentionCounts: { touches: 'backups', policies: READERS, also: [] },
  PreviewRetention: { touches: 'backups', policies: READERS, also: [] },
  PutRetentionCounts: { touches: 'backups', policies: NOBODY, also: ['backup:DeleteRecoveryPoint'] },
  PutSignInProvider: {
    touches: 'identity',
    policies: NOBODY,
    also: ['iam:AddClientIDToOpenIDConnectProvider'],
  },
  PutVaultColdStorage: {
    touches: 'storage',
    policies: NOBODY,
    also: ['iam:UpdateAccountPasswordPolicy'],
  },
  PutStorage: { touches: 'storage', policies: NOBODY, also: ['iam:UpdateAccountPasswordPolicy'] },
  PutRestoreGuard: { touches: 'guard', policies: NOBODY, also: ['iam:UpdateAccountPasswordPolicy'] },
  RegisterResource: { touches: 'connections', policies: NOBODY, also: [] },
  ResumeBackups: { touches: 'backups', policies: NOBODY, also: [] },
  RevokeSessions: { touches: 'identity', policies: NOBODY, also: ['iam:PutUserPolicy'] },
  SignIn: { touches: 'oneself', policies: NOBODY, also: [] },
  StartSession: { touches: 'oneself', policies: NOBODY, also: [] },
  SignOut: { touches: 'oneself', policies: NOBODY, also: [] },
  StartExportJob: { touches: 'backups', policies: NOBODY, also: ['iam:PassRole'] },
  StartImportJob: {
    touches: 'backups',
    policies: NOBODY,
    also: ['backup:StartBackupJob', 'iam:PassRole'],
  },
  StartRepairJob: { touches: 'backups', policies: NOBODY, also: ['iam:PassRole'] },
  StartSweepJob: { touches: 'backups', policies: NOBODY, also: [] },
  StartItemSearchJob: { touches: 'backups', policies: NOBODY, also: [] },
  PutEventTarget: { touches: 'connections', policies: NOBODY, also: [] },
  DeleteEventTarget: { touches: 'connections', policies: NOBODY, also: [] },
  TestEventTarget: { touches: 'connections', policies: NOBODY, also: [] },
  RetryEventDeliveries: { touches: 'connections', policies: NOBODY, also: [] },
  PutDiscoveryRule: { touches: 'connections', policies: NOBODY, also: ['iam:PassRole'] },
  DeleteDiscoveryRule: { touches: 'connections', policies: NOBODY, also: [] },
  StartDiscovery: { touches: 'connections', policies: NOBODY, also: [] },
  RegisterDiscoveredResource: { touches: 'connections', policies: NOBODY, also: [] },
  ListDiscoveryRules: { touches: 'connections', policies: READERS, also: [] },
  ListDiscoveredResources: { touches: 'connections', policies: READERS, also: [] },
  ListEventTargets: { touches: 'connections', policies: READERS, also: [] },
  StartVerifyJob: { touches: 'backups', policies: ['AWSBackupFullAccess'], also: [] },
  StopJob: { touches: 'backups', policies: ['AWSBackupFullAccess'], also: [] },
  TestResource: { touches: 'connections', policies: NOBODY, also: [] },
  UpdateResource: { touches: 'connections', policies: NOBODY, also: [] },
  ValidatePolicy: { touches: 'backups', policies: READERS, also: [] },
}

/** What asks for a right: not who proves himself, or ends his own session. */
const DECIDED = Object.entries(OPERATIONS).filter(([, { touches }]) => touches !== 'oneself')

/** Of these R11 asks for the matching right of IAM, too. */
const ADMINISTRATION: readonly Touches[] = ['identity', 'keys', 'accounts', 'storage', 'guard']

const server = await startApiServer()
after(() => server[Symbol.asyncDispose]())

const model = modelOf('roleback')
const VAULT = 'abcdefgh'

before(async () => {
  await server.call('backup', 'CreateBackupVault', { BackupVaultName: VAULT })
})

async function userWith(name: string, policyArn?: string): Promise<Credentials> {
  await server.call('iam', 'CreateUser', { UserName: name })
  if (policyArn !== undefined)
    await server.call('iam', 'AttachUserPolicy', { UserName: name, PolicyArn: policyArn })
  const { AccessKey } = await server.call('iam', 'CreateAccessKey', { UserName: name })
  return { accessKeyId: AccessKey.AccessKeyId, secretAccessKey: AccessKey.SecretAccessKey }
}

/** The example's ARNs in the server's own account. */
function own(value: unknown): unknown {
  if (typeof value === 'string') return value.replaceAll('123456789012', server.accountId)
  if (Array.isArray(value)) return value.map(own)
  if (typeof value !== 'object' || value === null || value instanceof Date) return value
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, own(member)]))
}

/** The action that the caller lacks for the smallest input; undefined where he is let by, whatever becomes of it then. */
async function lacks(operation: OperationModel, credentials: Credentials): Promise<string | undefined> {
  const input = operation.input === undefined ? {} : exampleInput(model, operation.input)
  try {
    const name = operation.name as OperationOf<'roleback'>
    await callService(server.endpoint, credentials, REGION, 'roleback', name, own(input) as never)
    return undefined
  } catch (error) {
    assert.ok(error instanceof AwsError, String(error))
    assert.ok(error.status < 500, `${operation.name}: ${error.message}`)
    if (error.status !== 403) return undefined
    return /not authorized to perform: (\S+) on resource/.exec(error.message)?.[1] ?? error.message
  }
}

test('R11 every operation of our own is placed', () => {
  assert.deepEqual(Object.keys(OPERATIONS).toSorted(), Object.keys(model.operations).toSorted())
})

test('R11 what touches identity, keys, accounts, storage or guard takes a right of IAM, and no built-in policy but AdministratorAccess', () => {
  for (const [name, { touches, policies, also }] of Object.entries(OPERATIONS)) {
    if (!ADMINISTRATION.includes(touches)) continue
    assert.ok(also.length > 0 && also.every((action) => action.startsWith('iam:')), name)
    assert.deepEqual(policies, [], name)
  }
})

test('R11 each built-in policy lets by to what is written here, and to nothing else', async () => {
  const found: Record<string, string[]> = {}
  const wanted: Record<string, string[]> = {}
  // Those of service-linked roles can be attached to nobody; managed-policies.test.ts looks at their documents.
  const attachable = [...managedPolicies.values()].filter(({ path }) => path !== '/aws-service-role/')
  assert.ok(attachable.length > 30)
  for (const { arn, name } of attachable) {
    const credentials = await userWith(`has-${name}`.slice(0, 64), arn)
    for (const [operation, { policies }] of DECIDED) {
      const isExpected = name === 'AdministratorAccess' || policies.includes(name)
      if (isExpected) (wanted[operation] ??= []).push(name)
      const missing = await lacks(model.operations[operation] as OperationModel, credentials)
      if (missing === undefined) (found[operation] ??= []).push(name)
    }
  }
  assert.deepEqual(found, wanted)
})

test('R11 what an operation asks for beside its own right is written here', async () => {
  const UserName = 'roleback-only'
  const credentials = await userWith(UserName)
  for (const [operation, { also }] of DECIDED) {
    const granted: string[] = []
    for (;;) {
      const PolicyDocument = JSON.stringify({
        Version: '2012-10-17',
        Statement: [{ Effect: 'Allow', Action: ['roleback:*', ...granted], Resource: '*' }],
      })
      await server.call('iam', 'PutUserPolicy', { UserName, PolicyName: 'own', PolicyDocument })
      const missing = await lacks(model.operations[operation] as OperationModel, credentials)
      if (missing === undefined) break
      assert.ok(!granted.includes(missing), `${operation} is refused ${missing} that was granted`)
      granted.push(missing)
    }
    assert.deepEqual(granted, also, operation)
  }
})

test('R11 the rights of IAM alone open none of our own operations', async () => {
  const credentials = await userWith('iam-only', 'arn:aws:iam::aws:policy/IAMFullAccess')
  for (const [name] of DECIDED) {
    const operation = model.operations[name] as OperationModel
    assert.equal(await lacks(operation, credentials), `roleback:${name}`)
  }
})
