import assert from 'node:assert/strict'
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Call, InputOf, OutputOf } from '../src/aws/client.ts'
import { AwsError } from '../src/aws/error.ts'
import { letDaysPass } from './fixtures/expiry.ts'
import { assertForeseen, checksOf, missingOf, preflightOf } from './fixtures/preflight.ts'
import { makeTenant } from './fixtures/tenant.ts'
import type { Tenant } from './fixtures/tenant.ts'
import {
  allow,
  backUpWell,
  decisionsOf,
  makeRole,
  makeUser,
  makeVault,
  openWorld,
  policy,
  registerDirectory,
  restoreEnd,
  until,
} from './fixtures/world.ts'
import type { World } from './fixtures/world.ts'

/** Copies into another account: both must want it, and neither learns more of the other than that. */

type CopyJob = NonNullable<OutputOf<'backup', 'DescribeCopyJob'>['CopyJob']>

let world: World
let tenant: Tenant
let role: string
let point: string
let tree: Awaited<ReturnType<typeof registerDirectory>>
/** Of the other account. */
let safe: string

before(async () => {
  world = await openWorld({ isGuarded: true, allowedFolder: 'tenants' })
  tenant = await makeTenant(world, 'safe-keeping')
  role = await makeRole(world, 'AWSBackup-copies', { managed: ['AWSBackupServiceRolePolicyForBackup'] })
  await makeVault(world, 'vault')
  safe = await makeVault(tenant.world, 'safe')
  tree = await registerDirectory(world, 'docs', (path) =>
    writeFileSync(join(path, 'a'), 'content\n'.repeat(999)),
  )
  point = await backUpWell(world, { BackupVaultName: 'vault', ResourceArn: tree.arn, IamRoleArn: role })
})
after(async () => await world[Symbol.asyncDispose]())

const copyInput = (
  more: Partial<InputOf<'backup', 'StartCopyJob'>> = {},
): InputOf<'backup', 'StartCopyJob'> => ({
  RecoveryPointArn: point,
  SourceBackupVaultName: 'vault',
  DestinationBackupVaultArn: safe,
  IamRoleArn: role,
  ...more,
})

async function copied(
  more: Partial<InputOf<'backup', 'StartCopyJob'>> = {},
  call: Call = world.call,
): Promise<CopyJob> {
  const { CopyJobId = '' } = await call('backup', 'StartCopyJob', copyInput(more))
  return await until('the copy to end', async () => {
    const { CopyJob } = await world.call('backup', 'DescribeCopyJob', { CopyJobId })
    return ['CREATED', 'RUNNING'].includes(CopyJob?.State ?? '') ? undefined : CopyJob
  })
}

const refused =
  (code: string, text: string) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof AwsError, String(error))
    assert.equal(error.code, code, error.message)
    assert.ok(error.message.includes(text), error.message)
    return true
  }

async function turn(isCrossAccountBackupEnabled: 'true' | 'false'): Promise<void> {
  await world.call('backup', 'UpdateGlobalSettings', { GlobalSettings: { isCrossAccountBackupEnabled } })
}

/** What the other account's vault says of copies from this one. */
async function letIn(...statements: readonly object[]): Promise<void> {
  const BackupVaultName = 'safe'
  if (statements.length === 0)
    await tenant.call('backup', 'DeleteBackupVaultAccessPolicy', { BackupVaultName })
  else
    await tenant.call('backup', 'PutBackupVaultAccessPolicy', {
      BackupVaultName,
      Policy: policy(...statements),
    })
}
const welcome = (Principal: unknown = { AWS: `arn:aws:iam::${world.accountId}:root` }): object => ({
  Sid: 'secret-of-the-safe',
  Effect: 'Allow',
  Principal,
  Action: 'backup:CopyIntoBackupVault',
  Resource: '*',
})

test('nothing is copied to another account until cross-account backup is turned on', async () => {
  await assert.rejects(copied(), refused('InvalidRequestException', 'isCrossAccountBackupEnabled'))
  await turn('true')
})

test('R15 a vault that is not there, one that lets nobody in and one that refuses sound alike', async () => {
  const told: string[] = []
  const hear = async (destination: string, statements: readonly object[]): Promise<void> => {
    if (statements.length > 0) await letIn(...statements)
    const asked = {
      Operation: 'StartCopyJob',
      IamRoleArn: role,
      RecoveryPointArns: [point],
      DestinationBackupVaultArn: destination,
    } as const
    const foreseen = await preflightOf(world, asked)
    assert.deepEqual(missingOf(foreseen), [`backup:CopyIntoBackupVault ${destination}`])
    assert.deepEqual(foreseen.Findings, [])
    const job = await copied({ DestinationBackupVaultArn: destination })
    assert.deepEqual([job.State, job.MessageCategory], ['FAILED', 'AccessDenied'])
    const { DestinationEncryptionKeyArn, DestinationVaultType, DestinationVaultLockState } = job
    assert.deepEqual(
      [DestinationEncryptionKeyArn, DestinationVaultType, DestinationVaultLockState],
      [undefined, undefined, undefined],
    )
    await assertForeseen(world, foreseen, job.CopyJobId ?? '')
    const decisions = await decisionsOf(world, job.CopyJobId ?? '')
    const all = JSON.stringify([job.StatusMessage, decisions, checksOf(foreseen)])
    assert.doesNotMatch(all, /secret-of-the-safe/)
    told.push(
      JSON.stringify([
        job.StatusMessage?.replaceAll(destination, 'VAULT').replaceAll(/[0-9a-f]{20}/g, 'ID'),
        decisions.map(({ Action, Effect, Reason, PolicyArn, StatementId }) => [
          Action,
          Effect,
          Reason,
          Effect === 'Deny' ? [PolicyArn, StatementId] : [],
        ]),
        checksOf(foreseen).map(({ Action, Verdict, Reason }) => [Action, Verdict, Reason]),
      ]),
    )
  }
  await hear(`${safe}-not`, [])
  await hear(safe, [])
  await hear(safe, [{ ...welcome(), Effect: 'Deny' }])
  await hear(safe, [welcome({ AWS: `arn:aws:iam::${tenant.accountId}:root` })])
  assert.equal(new Set(told).size, 1, [...new Set(told)].join('\n'))
  await letIn()
})

test('R15 a report tells nothing of another account’s vault that was aimed at', async () => {
  const reports = await registerDirectory(world, 'reports', () => undefined)
  const ReportPlanName = 'copies'
  await world.call('backup', 'CreateReportPlan', {
    ReportPlanName,
    ReportDeliveryChannel: { S3BucketName: reports.arn.split('/').at(-1) ?? '', Formats: ['JSON'] },
    ReportSetting: { ReportTemplate: 'COPY_JOB_REPORT' },
  })
  const { ReportJobId = '' } = await world.call('backup', 'StartReportJob', { ReportPlanName })
  const keys = await until('the report', async () => {
    const { ReportJob } = await world.call('backup', 'DescribeReportJob', { ReportJobId })
    return ReportJob?.ReportDestination?.S3Keys
  })
  const text = readFileSync(join(reports.path, keys[0] ?? ''), 'utf8')
  const { reportItems } = JSON.parse(text) as { reportItems: Readonly<Record<string, unknown>>[] }
  assert.ok(reportItems.length >= 3)
  for (const item of reportItems)
    assert.deepEqual(
      [item['vaultType'], item['vaultLockStatus'], item['isEncrypted'], item['encryptionKeyArn']],
      [null, null, null, null],
      String(item['destinationBackupVaultArn']),
    )
})

test('R15 the tags of another account’s vault are in no refusal, and no policy learns them', async () => {
  await letIn()
  await tenant.world.call('backup', 'TagResource', { ResourceArn: safe, Tags: { project: 'told-to-nobody' } })
  const job = await copied()
  assert.equal(job.State, 'FAILED')
  const kept = world.rows<object>('select * from denial')
  assert.ok(kept.length > 0)
  assert.doesNotMatch(JSON.stringify(kept), /told-to-nobody/)
  await tenant.world.call('backup', 'UntagResource', { ResourceArn: safe, TagKeyList: ['project'] })
})

test('a copy that both accounts allow is the other account’s recovery point, and restores there', async () => {
  await letIn(welcome())
  const asked = {
    Operation: 'StartCopyJob',
    IamRoleArn: role,
    RecoveryPointArns: [point],
    DestinationBackupVaultArn: safe,
  } as const
  assert.equal((await preflightOf(world, asked)).Verdict, 'allowed')
  const job = await copied({ Lifecycle: { DeleteAfterDays: 1 } })
  assert.equal(job.State, 'COMPLETED', job.StatusMessage ?? '')
  assert.equal(job.AccountId, world.accountId)
  const arn = job.DestinationRecoveryPointArn ?? ''
  assert.match(arn, new RegExp(`^arn:aws:backup:us-east-1:${tenant.accountId}:`))
  const here = { BackupVaultName: 'safe', RecoveryPointArn: arn }
  await assert.rejects(
    world.call('backup', 'DescribeRecoveryPoint', here),
    (error: unknown) => error instanceof AwsError,
  )
  const copy = await tenant.call('backup', 'DescribeRecoveryPoint', here)
  assert.deepEqual(
    [copy.Status, copy.ResourceArn, copy.IamRoleArn, copy.CreatedBy],
    [
      'COMPLETED',
      tree.arn,
      `arn:aws:iam::${tenant.accountId}:role/aws-service-role/backup.amazonaws.com/AWSServiceRoleForBackup`,
      undefined,
    ],
  )
  await assertNothingElse(here)
  const { CopyJobs } = await tenant.call('backup', 'ListCopyJobs', {})
  assert.deepEqual(CopyJobs, [])
  // There is no way from here to the source: it goes into a file system of one's own.
  const own = await registerDirectory(
    { ...tenant.world, scratch: join(world.scratch, 'tenants') },
    'own',
    (path) => writeFileSync(join(path, 'b'), 'own'),
  )
  const restorer = await makeRole(tenant.world, 'restorer', { statements: [allow('*')] })
  const { RestoreJobId = '' } = await tenant.call('backup', 'StartRestoreJob', {
    RecoveryPointArn: arn,
    IamRoleArn: restorer,
    Metadata: { 'file-system-id': own.arn.split('/').at(-1) ?? '', newFileSystem: 'false' },
  })
  const restored = await restoreEnd(tenant.world, RestoreJobId)
  assert.equal(restored.Status, 'COMPLETED', restored.StatusMessage ?? '')
  const [folder] = readdirSync(own.path).filter((name) => name.startsWith('aws-backup-restore'))
  assert.deepEqual(readFileSync(join(own.path, folder ?? '', 'a')), readFileSync(join(tree.path, 'a')))
})

/** Whatever an access policy allows to another account, copying into the vault is all it can. */
async function assertNothingElse(safe: { BackupVaultName: string; RecoveryPointArn: string }): Promise<void> {
  const { RecoveryPointArn } = safe
  const AWS = `arn:aws:iam::${world.accountId}:root`
  const asked = {
    DescribeBackupVault: { BackupVaultName: safe.BackupVaultName, BackupVaultAccountId: tenant.accountId },
    ListRecoveryPointsByBackupVault: {
      BackupVaultName: safe.BackupVaultName,
      BackupVaultAccountId: tenant.accountId,
    },
    DescribeRecoveryPoint: { ...safe, BackupVaultAccountId: tenant.accountId },
    GetRecoveryPointRestoreMetadata: { ...safe, BackupVaultAccountId: tenant.accountId },
    ListTags: { ResourceArn: RecoveryPointArn },
    DeleteRecoveryPoint: safe,
    UpdateRecoveryPointLifecycle: { ...safe, Lifecycle: { DeleteAfterDays: 2 } },
    StartRestoreJob: { RecoveryPointArn, IamRoleArn: role, Metadata: { 'file-system-id': 'x' } },
    StartCopyJob: copyInput({ ...safe, DestinationBackupVaultArn: safe.BackupVaultName }),
  } as const
  const actions = Object.keys(asked).map((operation) => `backup:${operation}`)
  await letIn(welcome(), { Effect: 'Allow', Principal: { AWS }, Action: actions, Resource: '*' })
  for (const [operation, input] of Object.entries(asked))
    await assert.rejects(
      world.call('backup', operation as 'DeleteRecoveryPoint', input as never),
      (error: unknown) =>
        error instanceof AwsError &&
        ['AccessDeniedException', 'ResourceNotFoundException'].includes(error.code),
      operation,
    )
  await letIn(welcome())
}

test('R16 who may not read the source copies it to no other account, and makes no plan that does', async () => {
  const rights = [
    allow([
      'backup:StartCopyJob',
      'backup:CreateBackupPlan',
      'backup:UpdateBackupPlan',
      'backup:CreateBackupSelection',
    ]),
    allow(['iam:PassRole', 'roleback:PreflightJobs']),
  ]
  const mover = await makeUser(world, 'mover', rights)
  const rule = (...CopyActions: { DestinationBackupVaultArn: string }[]) => ({
    BackupPlanName: 'moving',
    Rules: [{ RuleName: 'r', TargetBackupVaultName: 'vault', CopyActions }],
  })
  const out = { DestinationBackupVaultArn: safe }
  const { BackupPlanId = '' } = await mover.call('backup', 'CreateBackupPlan', { BackupPlan: rule() })
  const { BackupPlanId: leaving = '' } = await world.call('backup', 'CreateBackupPlan', {
    BackupPlan: rule(out),
  })
  const BackupSelection = { SelectionName: 's', IamRoleArn: role, Resources: [tree.arn] }
  const asked = {
    Operation: 'StartCopyJob',
    IamRoleArn: role,
    RecoveryPointArns: [point],
    ...out,
  } as const
  const guardOf = async (input: InputOf<'roleback', 'PreflightJobs'>): Promise<readonly string[]> =>
    checksOf(await mover.call('roleback', 'PreflightJobs', { ...input, Include: 'all' }))
      .filter(({ Layer }) => Layer === 'guard')
      .map(({ Action, ResourceArn, Verdict }) => `${Action} ${ResourceArn} ${Verdict}`)
  const selecting = {
    Operation: 'CreateBackupSelection',
    BackupPlanId: leaving,
    IamRoleArn: role,
    ResourceArns: [tree.arn],
  } as const
  const denied = refused('AccessDeniedException', 'The restore guard asks for it')
  await assert.rejects(copied({}, mover.call), denied)
  await assert.rejects(mover.call('backup', 'CreateBackupPlan', { BackupPlan: rule(out) }), denied)
  await assert.rejects(
    mover.call('backup', 'UpdateBackupPlan', { BackupPlanId, BackupPlan: rule(out) }),
    denied,
  )
  await assert.rejects(
    mover.call('backup', 'CreateBackupSelection', { BackupPlanId: leaving, BackupSelection }),
    denied,
  )
  assert.deepEqual(await guardOf(asked), [`elasticfilesystem:ClientMount ${tree.arn} denied`])
  assert.deepEqual(await guardOf(selecting), ['roleback:RestoreUnreadable * denied'])
  await world.call('iam', 'PutUserPolicy', {
    UserName: 'mover',
    PolicyName: 'own',
    PolicyDocument: policy(...rights, allow('elasticfilesystem:ClientMount', tree.arn)),
  })
  assert.equal((await copied({}, mover.call)).State, 'COMPLETED')
  await assert.rejects(
    mover.call('backup', 'UpdateBackupPlan', { BackupPlanId, BackupPlan: rule(out) }),
    denied,
  )
  await world.call('iam', 'PutUserPolicy', {
    UserName: 'mover',
    PolicyName: 'own',
    PolicyDocument: policy(...rights, allow('roleback:RestoreUnreadable')),
  })
  await mover.call('backup', 'UpdateBackupPlan', { BackupPlanId, BackupPlan: rule(out) })
  await mover.call('backup', 'CreateBackupSelection', { BackupPlanId, BackupSelection })
})

test('a setting turned off, and a welcome taken back, end what comes after', async () => {
  await letIn()
  assert.equal((await copied()).State, 'FAILED')
  await letIn(welcome())
  await turn('false')
  await assert.rejects(copied(), refused('InvalidRequestException', 'cross-account backup is off'))
  await turn('true')
})

test('R5 a copy expires in the other account, where no role of the first has a say', async () => {
  await letDaysPass(world, 2)
  const { RecoveryPoints: left = [] } = await until('the copy of one day to be gone', async () => {
    const found = await tenant.call('backup', 'ListRecoveryPointsByBackupVault', { BackupVaultName: 'safe' })
    const isGone = (found.RecoveryPoints ?? []).every(({ Lifecycle }) => Lifecycle?.DeleteAfterDays !== 1)
    return isGone ? found : undefined
  })
  assert.ok(left.length > 0, 'copies that are kept as long as their source stay')
  const [told] = world.rows<{ principal_arn: string; reason: string }>(
    `select principal_arn, reason from audit where account_id = ? and request_id like 'expiry %'`,
    tenant.accountId,
  )
  assert.match(told?.principal_arn ?? '', /AWSServiceRoleForBackup/)
  assert.match(told?.reason ?? '', /copied from another account/)
})
