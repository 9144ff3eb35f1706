import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, test } from 'node:test'
import {
  CreateBackupPlanCommand,
  CreateBackupSelectionCommand,
  DeleteBackupPlanCommand,
  DeleteBackupVaultCommand,
  DescribeCopyJobCommand,
  DescribeRecoveryPointCommand,
  GetBackupPlanCommand,
  ListCopyJobSummariesCommand,
  ListBackupJobsCommand,
  ListCopyJobsCommand,
  ListRecoveryPointsByBackupVaultCommand,
  ListTagsCommand,
  StartCopyJobCommand,
  paginateListCopyJobs,
} from '@aws-sdk/client-backup'
import type { BackupPlanInput, CopyAction, CopyJob, StartCopyJobCommandInput } from '@aws-sdk/client-backup'
import { assertForeseen, missingOf, preflightOf } from '../fixtures/preflight.ts'
import { letDaysPass } from '../fixtures/expiry.ts'
import {
  allow,
  backUpWell,
  decisionsOf,
  jobEnd,
  makeRole,
  makeUser,
  makeVault,
  policy,
  registerDirectory,
  removeRole,
  restore,
  until,
} from '../fixtures/world.ts'
import { sdkError, startTestServer } from '../server.ts'

/** Copies of recovery points through the SDK: real bytes go from vault to vault, and come back. */

const server = await startTestServer()
after(() => server[Symbol.asyncDispose]())
const { world } = server
const { backup } = server.clients
const DAY = 86_400_000
const near = await makeVault(world, 'near')
const far = await makeVault(world, 'far')
const role = await makeRole(world, 'AWSBackup-copies', {
  managed: ['AWSBackupServiceRolePolicyForBackup', 'AWSBackupServiceRolePolicyForRestores'],
})
const tree = await registerDirectory(world, 'orders', (path) => {
  for (let i = 0; i < 20; i++) writeFileSync(join(path, `file ${i}`), `content ${i}\n`.repeat(i * 1000))
})
await world.call('tagging', 'TagResources', { ResourceARNList: [tree.arn], Tags: { team: 'db' } })

async function backedUp(more: object = {}): Promise<string> {
  return await backUpWell(world, {
    BackupVaultName: 'near',
    ResourceArn: tree.arn,
    IamRoleArn: role,
    ...more,
  })
}

const copyOf = (
  RecoveryPointArn: string,
  more: Partial<StartCopyJobCommandInput> = {},
): StartCopyJobCommandInput => ({
  RecoveryPointArn,
  SourceBackupVaultName: 'near',
  DestinationBackupVaultArn: far,
  IamRoleArn: role,
  ...more,
})

async function ended(CopyJobId: string | undefined): Promise<CopyJob> {
  return await until(`copy job ${CopyJobId} to end`, async () => {
    const { CopyJob } = await backup.send(new DescribeCopyJobCommand({ CopyJobId: CopyJobId ?? '' }))
    return ['CREATED', 'RUNNING'].includes(CopyJob?.State ?? '') ? undefined : CopyJob
  })
}

async function copied(input: StartCopyJobCommandInput): Promise<CopyJob> {
  const job = await ended((await backup.send(new StartCopyJobCommand(input))).CopyJobId)
  assert.equal(job.State, 'COMPLETED', job.StatusMessage ?? '')
  return job
}

async function describe(BackupVaultName: string, RecoveryPointArn: string | undefined) {
  return await backup.send(
    new DescribeRecoveryPointCommand({ BackupVaultName, RecoveryPointArn: RecoveryPointArn ?? '' }),
  )
}

const point = await backedUp({ Lifecycle: { DeleteAfterDays: 90 }, RecoveryPointTags: { kind: 'nightly' } })

test('a copy is a recovery point of its own, with the source’s creation and tags, and restores to the same files', async () => {
  const input = copyOf(point, { Lifecycle: { DeleteAfterDays: 7 }, IdempotencyToken: 'once' })
  const started = await backup.send(new StartCopyJobCommand(input))
  const again = await backup.send(new StartCopyJobCommand(input))
  assert.equal(again.CopyJobId, started.CopyJobId)
  for (const other of [
    { Lifecycle: { DeleteAfterDays: 8 } },
    { DestinationBackupVaultArn: far.replace(':far', ':other') },
  ] as const) {
    if (other.DestinationBackupVaultArn !== undefined) await makeVault(world, 'other')
    await assert.rejects(
      backup.send(new StartCopyJobCommand({ ...input, ...other })),
      sdkError('InvalidParameterValueException', 400, 'IdempotencyToken "once" was used already'),
    )
  }
  const job = await ended(started.CopyJobId)
  const source = await describe('near', point)
  const copy = await describe('far', job.DestinationRecoveryPointArn)
  assert.deepEqual(
    [
      job.State,
      job.AccountId,
      job.SourceBackupVaultArn,
      job.SourceRecoveryPointArn,
      job.DestinationBackupVaultArn,
      job.DestinationRecoveryPointLifecycle?.DeleteAfterDays,
      job.ResourceArn,
      job.ResourceType,
      job.ResourceName,
      job.IamRoleArn,
      job.BackupSizeInBytes,
      job.MessageCategory,
      job.IsParent,
    ],
    ['COMPLETED', world.accountId, near, point, far, 7, tree.arn, 'EFS', 'orders', role].concat([
      source.BackupSizeInBytes as never,
      'SUCCESS',
      false as never,
    ]),
    job.StatusMessage ?? '',
  )
  assert.notEqual(copy.RecoveryPointArn, point)
  assert.deepEqual(
    [copy.Status, copy.SourceBackupVaultArn, copy.BackupVaultArn, copy.ResourceArn, copy.IamRoleArn],
    ['COMPLETED', near, far, tree.arn, role],
  )
  assert.equal(copy.BackupSizeInBytes, source.BackupSizeInBytes)
  assert.deepEqual(copy.CreationDate, source.CreationDate)
  // Its own retention is counted from its own making.
  const made = copy.InitiationDate?.getTime() ?? 0
  assert.ok(made > (source.CreationDate?.getTime() ?? Infinity))
  assert.equal(copy.CalculatedLifecycle?.DeleteAt?.getTime(), made + 7 * DAY)
  const tagsOf = async (ResourceArn: string | undefined) =>
    (await backup.send(new ListTagsCommand({ ResourceArn: ResourceArn ?? '' }))).Tags
  assert.equal((await tagsOf(copy.RecoveryPointArn))?.['kind'], 'nightly')
  assert.deepEqual(await tagsOf(copy.RecoveryPointArn), await tagsOf(point))

  const restored = await restore(world, {
    RecoveryPointArn: copy.RecoveryPointArn ?? '',
    IamRoleArn: role,
    Metadata: { 'file-system-id': 'orders', newFileSystem: 'true' },
  })
  assert.equal(restored.Status, 'COMPLETED', restored.StatusMessage ?? '')
  const { Resource } = await world.call('roleback', 'DescribeResource', {
    ResourceArn: restored.CreatedResourceArn ?? '',
  })
  const at = Resource.Connection?.Path ?? ''
  assert.notEqual(at, tree.path)
  for (let i = 0; i < 20; i++) {
    const name = `file ${i}`
    assert.deepEqual(readFileSync(join(at, name)), readFileSync(join(tree.path, name)), name)
  }
})

test('copies are listed by every filter, in pages, and counted', async () => {
  const { CopyJobId } = await copied(copyOf(point))
  const hour = 3_600_000
  const ByCreatedAfter = new Date(Date.now() - hour)
  const ByCreatedBefore = new Date(Date.now() + hour)
  for (const filter of [
    {},
    { ByState: 'COMPLETED' as const },
    { ByResourceArn: tree.arn },
    { ByResourceType: 'EFS' },
    { ByDestinationVaultArn: far },
    { BySourceRecoveryPointArn: point },
    { ByAccountId: world.accountId },
    { ByMessageCategory: 'SUCCESS' },
    { ByCreatedAfter, ByCreatedBefore },
    { ByCompleteAfter: ByCreatedAfter, ByCompleteBefore: ByCreatedBefore },
  ]) {
    const { CopyJobs = [] } = await backup.send(new ListCopyJobsCommand(filter))
    assert.ok(
      CopyJobs.some((job) => job.CopyJobId === CopyJobId),
      JSON.stringify(filter),
    )
  }
  for (const filter of [
    { ByState: 'FAILED' as const },
    { ByResourceType: 'RDS' },
    { ByDestinationVaultArn: near },
    { BySourceRecoveryPointArn: `${point}0` },
    { ByAccountId: '999999999999' },
    { ByParentJobId: CopyJobId ?? '' },
    { ByCreatedBefore: ByCreatedAfter },
  ]) {
    const { CopyJobs } = await backup.send(new ListCopyJobsCommand(filter))
    assert.deepEqual(CopyJobs, [], JSON.stringify(filter))
  }
  const ids: string[] = []
  for await (const page of paginateListCopyJobs({ client: backup, pageSize: 1 }, {})) {
    assert.ok((page.CopyJobs ?? []).length <= 1)
    ids.push(...(page.CopyJobs ?? []).map((job) => job.CopyJobId ?? ''))
  }
  assert.ok(ids.includes(CopyJobId ?? '') && ids.length >= 2 && new Set(ids).size === ids.length)
  const { CopyJobSummaries = [] } = await backup.send(
    new ListCopyJobSummariesCommand({ State: 'COMPLETED', AggregationPeriod: 'FOURTEEN_DAYS' }),
  )
  assert.deepEqual(
    CopyJobSummaries.map((one) => [one.State, one.ResourceType, one.MessageCategory, one.Count]),
    [['COMPLETED', 'EFS', 'SUCCESS', ids.length]],
  )
})

test('the next copy of the resource reads and stores only what is new', async () => {
  writeFileSync(join(tree.path, 'added'), 'one more\n')
  const next = await backedUp()
  const { CopyJobId = '' } = await copied(copyOf(next))
  const { Job } = await world.call('roleback', 'DescribeJob', { JobId: CopyJobId })
  assert.equal(Job.Result?.['readBytes'], '9')
  assert.equal(Job.ItemsDone, 22)
})

test('R18 how much of a backup or copy its vault had already is told to nobody', async () => {
  const point = await backedUp()
  const { CopyJobId = '' } = await copied(copyOf(point))
  const { BackupJobs = [] } = await backup.send(new ListBackupJobsCommand({ ByBackupVaultName: 'near' }))
  const made = BackupJobs.find(({ RecoveryPointArn }) => RecoveryPointArn === point)
  for (const JobId of [made?.BackupJobId ?? '', CopyJobId]) {
    const { Job } = await world.call('roleback', 'DescribeJob', { JobId })
    assert.ok(Object.keys(Job.Result ?? {}).length > 0)
    assert.equal(Job.Result?.['storedBytes'], undefined, Job.JobType)
  }
})

test('without a lifecycle of its own a copy is kept as long as its source', async () => {
  for (const Lifecycle of [undefined, { DeleteAfterDays: -1 }]) {
    const job = await copied(copyOf(point, Lifecycle === undefined ? {} : { Lifecycle }))
    const source = await describe('near', point)
    const copy = await describe('far', job.DestinationRecoveryPointArn)
    assert.deepEqual(
      [copy.Lifecycle, copy.CalculatedLifecycle],
      [source.Lifecycle, source.CalculatedLifecycle],
    )
  }
})

test('what cannot be copied, or not to there, is refused in so many words', async () => {
  for (const [more, name, text] of [
    [{ RecoveryPointArn: `${point}0` }, 'ResourceNotFoundException', 'Cannot find recovery point'],
    [{ SourceBackupVaultName: 'far' }, 'ResourceNotFoundException', 'in backup vault "far"'],
    [{ DestinationBackupVaultArn: near }, 'InvalidRequestException', 'the vault that is copied from'],
    [{ DestinationBackupVaultArn: point }, 'InvalidParameterValueException', 'not the ARN of a backup vault'],
    [{ DestinationBackupVaultArn: `${far}x` }, 'ResourceNotFoundException', 'farx does not exist'],
    [{ Lifecycle: { DeleteAfterDays: 0 } }, 'InvalidParameterValueException', 'Invalid lifecycle'],
    [{ IamRoleArn: `${role}x` }, 'InvalidParameterValueException', 'cannot be assumed by AWS Backup'],
  ] as const) {
    await assert.rejects(
      backup.send(new StartCopyJobCommand(copyOf(point, more))),
      sdkError(name, 400, text),
      JSON.stringify(more),
    )
  }
  await assert.rejects(
    backup.send(new DescribeCopyJobCommand({ CopyJobId: 'none' })),
    sdkError('ResourceNotFoundException', 400, 'Cannot find copy job none'),
  )
})

test('the caller needs StartCopyJob on the recovery point, and PassRole on the role', async () => {
  const statements = [allow('backup:StartCopyJob', point), allow('iam:PassRole', role)]
  const copying = await makeUser(world, 'copying', statements)
  const { CopyJobId } = await copying.call('backup', 'StartCopyJob', copyOf(point) as never)
  assert.equal((await ended(CopyJobId)).State, 'COMPLETED')
  for (const [left, action] of [
    [statements[0], 'iam:PassRole'],
    [statements[1], 'backup:StartCopyJob'],
  ] as const) {
    await world.call('iam', 'PutUserPolicy', {
      UserName: 'copying',
      PolicyName: 'own',
      PolicyDocument: policy(left as object),
    })
    await assert.rejects(copying.call('backup', 'StartCopyJob', copyOf(point) as never), (error: Error) =>
      error.message.includes(`is not authorized to perform: ${action}`),
    )
  }
})

test('both sides decide: the role on each, each vault’s policy, and where the copy goes; preflight says so beforehand', async () => {
  const both = allow(['backup:CopyFromBackupVault', 'backup:CopyIntoBackupVault'])
  const lasting = await backedUp()
  const deny = (Action: string): string => policy({ Effect: 'Deny', Principal: '*', Action, Resource: '*' })
  const elsewhere = {
    ...allow('backup:CopyFromBackupVault'),
    Condition: { 'ForAllValues:ArnEquals': { 'backup:CopyTargets': `${far}2` } },
  }
  const cases: readonly {
    readonly statements: readonly object[]
    readonly policies?: Readonly<Record<string, string>>
    readonly refused?: string
  }[] = [
    { statements: [both] },
    { statements: [allow('backup:CopyFromBackupVault')], refused: 'backup:CopyIntoBackupVault' },
    { statements: [allow('backup:CopyIntoBackupVault')], refused: 'backup:CopyFromBackupVault' },
    { statements: [allow('backup:CopyIntoBackupVault'), elsewhere], refused: 'backup:CopyFromBackupVault' },
    {
      statements: [both],
      policies: { near: deny('backup:CopyFromBackupVault') },
      refused: 'backup:CopyFromBackupVault',
    },
    {
      statements: [both],
      policies: { far: deny('backup:CopyIntoBackupVault') },
      refused: 'backup:CopyIntoBackupVault',
    },
    // Each vault's policy is about that vault.
    {
      statements: [both],
      policies: { near: deny('backup:CopyIntoBackupVault'), far: deny('backup:CopyFromBackupVault') },
    },
  ]
  for (const { statements, policies = {}, refused } of cases) {
    const IamRoleArn = await makeRole(world, 'copier', { statements })
    for (const [BackupVaultName, Policy] of Object.entries(policies))
      await world.call('backup', 'PutBackupVaultAccessPolicy', { BackupVaultName, Policy })
    const foreseen = await preflightOf(world, {
      Operation: 'StartCopyJob',
      IamRoleArn,
      RecoveryPointArns: [lasting],
      DestinationBackupVaultArn: far,
    })
    const { CopyJobId = '' } = await backup.send(new StartCopyJobCommand(copyOf(lasting, { IamRoleArn })))
    const job = await ended(CopyJobId)
    await assertForeseen(world, foreseen, CopyJobId)
    const what = JSON.stringify({ statements, policies })
    if (refused === undefined) {
      assert.equal(job.State, 'COMPLETED', `${what}: ${job.StatusMessage}`)
      assert.deepEqual(
        (await decisionsOf(world, CopyJobId)).map((one) => [one.Action, one.Effect, one.ResourceArn]),
        [
          ['backup:CopyFromBackupVault', 'Allow', lasting],
          ['backup:CopyIntoBackupVault', 'Allow', far],
        ],
      )
    } else {
      assert.deepEqual([job.State, job.MessageCategory], ['FAILED', 'AccessDenied'], what)
      assert.ok(
        job.StatusMessage?.includes(`is not authorized to perform: ${refused}`),
        job.StatusMessage ?? '',
      )
      assert.deepEqual(
        missingOf(foreseen).map((one) => one.split(' ')[0]),
        [refused],
      )
    }
    for (const BackupVaultName of Object.keys(policies))
      await world.call('backup', 'DeleteBackupVaultAccessPolicy', { BackupVaultName })
    await removeRole(world, 'copier')
  }
})

test('a vault that is copied into is not deleted under the copy, and is no vault of the copy’s source', async () => {
  const target = await makeVault(world, 'busy')
  const { CopyJobId } = await backup.send(
    new StartCopyJobCommand(copyOf(point, { DestinationBackupVaultArn: target })),
  )
  await assert.rejects(
    backup.send(new DeleteBackupVaultCommand({ BackupVaultName: 'busy' })),
    sdkError('InvalidRequestException', 400),
  )
  await ended(CopyJobId)
  const { RecoveryPoints } = await backup.send(
    new ListRecoveryPointsByBackupVaultCommand({ BackupVaultName: 'busy' }),
  )
  assert.equal(RecoveryPoints?.length, 1)
  const verify = await world.call('roleback', 'StartVerifyJob', { BackupVaultName: 'busy', ReadData: true })
  const verified = await jobEnd(world, verify.JobId)
  assert.equal(verified.State, 'COMPLETED', verified.StatusMessage ?? '')
})

test('a copy that is to expire needs a role that may let it: preflight says so', async () => {
  const asked = {
    Operation: 'StartCopyJob' as const,
    IamRoleArn: await makeRole(world, 'lasting', {
      statements: [allow(['backup:CopyFromBackupVault', 'backup:CopyIntoBackupVault'])],
    }),
    DestinationBackupVaultArn: far,
  }
  const forever = await backedUp()
  const expiry = [`backup:DeleteRecoveryPoint ${point.replace(/[^:]*$/, '*')}`]
  const missing = async (more: object) => missingOf(await preflightOf(world, { ...asked, ...more }))
  assert.deepEqual(await missing({ RecoveryPointArns: [forever] }), [])
  assert.deepEqual(await missing({ RecoveryPointArns: [forever], DeleteAfterDays: 3 }), expiry)
  assert.deepEqual(await missing({ RecoveryPointArns: [point] }), expiry)
  const same = await preflightOf(world, {
    ...asked,
    DestinationBackupVaultArn: near,
    RecoveryPointArns: [forever],
  })
  assert.deepEqual(
    same.Resources[0]?.Findings.map(({ Code }) => Code),
    ['SameVault'],
  )
})

const planWith = (...CopyActions: CopyAction[]): BackupPlanInput => ({
  BackupPlanName: 'copying',
  Rules: [
    { RuleName: 'nightly', TargetBackupVaultName: 'near', Lifecycle: { DeleteAfterDays: 35 }, CopyActions },
  ],
})

test('copy actions of a rule are checked with the plan, shown by it, and asked for by preflight', async () => {
  const to = (DestinationBackupVaultArn: string, more: object = {}): CopyAction => ({
    DestinationBackupVaultArn,
    ...more,
  })
  const names = ['c1', 'c2', 'c3', 'c4', 'c5', 'c6'].map((name) => far.replace(/far$/, name))
  for (const [actions, text] of [
    [[to(`${far}x`)], 'farx does not exist'],
    [[to(near)], 'the vault that is copied from'],
    [[to(point)], 'not the ARN of a backup vault'],
    [[to(far), to(far)], 'two copy actions go to'],
    [[to(far, { Lifecycle: { DeleteAfterDays: 0 } })], 'Invalid lifecycle. DeleteAfterDays'],
    [names.map((name) => to(name)), 'the limit is 5'],
  ] as const) {
    await assert.rejects(
      backup.send(new CreateBackupPlanCommand({ BackupPlan: planWith(...actions) })),
      sdkError('InvalidParameterValueException', 400, /Error in rule nightly : /),
    )
    await assert.rejects(
      backup.send(new CreateBackupPlanCommand({ BackupPlan: planWith(...actions) })),
      sdkError('InvalidParameterValueException', 400, text),
    )
  }
  const { BackupPlanId = '' } = await backup.send(
    new CreateBackupPlanCommand({ BackupPlan: planWith(to(far, { Lifecycle: { DeleteAfterDays: 7 } })) }),
  )
  const { BackupPlan } = await backup.send(new GetBackupPlanCommand({ BackupPlanId }))
  assert.deepEqual(BackupPlan?.Rules?.[0]?.CopyActions, [
    { DestinationBackupVaultArn: far, Lifecycle: { DeleteAfterDays: 7 } },
  ])
  const IamRoleArn = await makeRole(world, 'only-backups', {
    statements: [
      allow(['elasticfilesystem:*', 'backup:DescribeBackupVault', 'backup:TagResource', 'tag:GetResources']),
    ],
  })
  const found = await preflightOf(world, {
    Operation: 'CreateBackupSelection',
    BackupPlanId,
    IamRoleArn,
    ResourceArns: [tree.arn],
  })
  const points = point.replace(/[^:]*$/, '*')
  assert.deepEqual(missingOf(found).toSorted(), [
    `backup:CopyFromBackupVault ${points}`,
    `backup:CopyIntoBackupVault ${far}`,
    `backup:DeleteRecoveryPoint ${points}`,
  ])
  await backup.send(new DeleteBackupPlanCommand({ BackupPlanId }))
})

test('R4 who changes where a plan’s backups are copied to must be allowed to pass its roles', async () => {
  const { BackupPlanId = '' } = await backup.send(new CreateBackupPlanCommand({ BackupPlan: planWith() }))
  const BackupSelection = { SelectionName: 'tree', IamRoleArn: role, Resources: [tree.arn] }
  await backup.send(new CreateBackupSelectionCommand({ BackupPlanId, BackupSelection }))
  const planner = await makeUser(world, 'planner', [allow('backup:UpdateBackupPlan')])
  const BackupPlan = planWith({ DestinationBackupVaultArn: far })
  await assert.rejects(
    planner.call('backup', 'UpdateBackupPlan', { BackupPlanId, BackupPlan } as never),
    (error: Error) => error.message.includes('is not authorized to perform: iam:PassRole'),
  )
})

test('a rule’s copies start when its backup has completed, once each, with their own lifecycle', async () => {
  const farther = await makeVault(world, 'farther')
  const docs = await registerDirectory(world, 'docs', (path) => writeFileSync(join(path, 'a.txt'), 'a'))
  const { BackupPlanId = '' } = await backup.send(
    new CreateBackupPlanCommand({
      BackupPlan: planWith(
        { DestinationBackupVaultArn: far, Lifecycle: { DeleteAfterDays: 7 } },
        { DestinationBackupVaultArn: farther },
      ),
    }),
  )
  const BackupSelection = { SelectionName: 'docs', IamRoleArn: role, Resources: [docs.arn] }
  await backup.send(new CreateBackupSelectionCommand({ BackupPlanId, BackupSelection }))
  await world.offline(async () => {
    const db = new DatabaseSync(join(world.dataDir, 'roleback.db'))
    db.prepare('update backup_rule set next_run_at = ? where plan_id = ?').run(
      Date.now() - 1000,
      BackupPlanId,
    )
    db.close()
    return await Promise.resolve()
  })
  // Not the SDK: it keeps connections to the server that was stopped meanwhile.
  const copies = await until('both copies to end', async () => {
    const { CopyJobs = [] } = await world.call('backup', 'ListCopyJobs', { ByResourceArn: docs.arn })
    return CopyJobs.filter(({ State }) => State === 'COMPLETED').length === 2 ? CopyJobs : undefined
  })
  assert.equal(copies.length, 2)
  const { BackupJobs = [] } = await world.call('backup', 'ListBackupJobs', { ByResourceArn: docs.arn })
  const [made] = BackupJobs
  assert.equal(BackupJobs.length, 1)
  for (const job of copies) {
    assert.equal(job.CreatedBy?.BackupPlanId, BackupPlanId)
    assert.equal(job.CreatedBy?.BackupRuleName, 'nightly')
    assert.equal(job.CreatedByBackupJobId, made?.BackupJobId)
    assert.equal(job.SourceRecoveryPointArn, made?.RecoveryPointArn)
    const copy = await world.call('backup', 'DescribeRecoveryPoint', {
      BackupVaultName: job.DestinationBackupVaultArn === far ? 'far' : 'farther',
      RecoveryPointArn: job.DestinationRecoveryPointArn ?? '',
    })
    assert.equal(copy.Lifecycle?.DeleteAfterDays, job.DestinationBackupVaultArn === far ? 7 : 35)
    assert.equal(copy.CreatedBy?.BackupPlanId, BackupPlanId)
  }
})

test('R5 a copy expires under the role that made it, and the source stays', async () => {
  const target = await makeVault(world, 'short')
  const job = await copied(
    copyOf(point, { DestinationBackupVaultArn: target, Lifecycle: { DeleteAfterDays: 1 } }),
  )
  await letDaysPass(world, 2)
  await until('the copy to be gone', async () => {
    const found = await world.call('backup', 'ListRecoveryPointsByBackupVault', { BackupVaultName: 'short' })
    return found.RecoveryPoints?.length === 0 ? true : undefined
  })
  const source = await world.call('backup', 'DescribeRecoveryPoint', {
    BackupVaultName: 'near',
    RecoveryPointArn: point,
  })
  assert.deepEqual([source.Status, job.State], ['COMPLETED', 'COMPLETED'])
})
