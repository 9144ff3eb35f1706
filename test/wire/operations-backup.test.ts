import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { StartRestoreJobCommandInput } from '@aws-sdk/client-backup'
import {
  DeleteBackupVaultCommand,
  DeleteRecoveryPointCommand,
  DescribeBackupJobCommand,
  DescribeBackupVaultCommand,
  DescribeProtectedResourceCommand,
  DescribeRecoveryPointCommand,
  DescribeRestoreJobCommand,
  GetRecoveryPointRestoreMetadataCommand,
  GetRestoreJobMetadataCommand,
  GetRestoreTestingInferredMetadataCommand,
  ListBackupJobsCommand,
  ListProtectedResourcesByBackupVaultCommand,
  ListProtectedResourcesCommand,
  ListRecoveryPointsByBackupVaultCommand,
  ListRecoveryPointsByResourceCommand,
  ListRestoreJobsByProtectedResourceCommand,
  ListRestoreJobsCommand,
  ListTagsCommand,
  StartBackupJobCommand,
  StartRestoreJobCommand,
  StopBackupJobCommand,
  UpdateRecoveryPointLifecycleCommand,
  paginateListBackupJobs,
  paginateListRecoveryPointsByBackupVault,
} from '@aws-sdk/client-backup'
import { allow, makeRole, makeUser, makeVault, registerDirectory, until } from '../fixtures/world.ts'
import { sdkError, startTestServer } from '../server.ts'

/** Backup's jobs and recovery points through the SDK: real files go into a vault and come back. */

const server = await startTestServer()
after(() => server[Symbol.asyncDispose]())
const { world, clients } = server
const { backup } = clients
const VAULT = 'flow'
const DAY = 86_400_000
await makeVault(world, VAULT)
const role = await makeRole(world, 'AWSBackup-all', {
  managed: ['AWSBackupServiceRolePolicyForBackup', 'AWSBackupServiceRolePolicyForRestores'],
})
const tree = await registerDirectory(world, 'orders', (path) => {
  for (let i = 0; i < 5; i++) writeFileSync(join(path, `file ${i}`), `content ${i}\n`.repeat(i * 1000))
})
await world.call('tagging', 'TagResources', { ResourceARNList: [tree.arn], Tags: { team: 'db' } })

const backupInput = { BackupVaultName: VAULT, ResourceArn: tree.arn, IamRoleArn: role }

async function ended(BackupJobId: string | undefined) {
  return await until(`backup job ${BackupJobId} to end`, async () => {
    const job = await backup.send(new DescribeBackupJobCommand({ BackupJobId: BackupJobId ?? '' }))
    return ['CREATED', 'PENDING', 'RUNNING', 'ABORTING'].includes(job.State ?? '') ? undefined : job
  })
}

async function backedUp(): Promise<string> {
  const { BackupJobId } = await backup.send(new StartBackupJobCommand(backupInput))
  const job = await ended(BackupJobId)
  assert.equal(job.State, 'COMPLETED', job.StatusMessage ?? '')
  return job.RecoveryPointArn ?? ''
}

async function gone(RecoveryPointArn: string): Promise<void> {
  await until('the recovery point to be gone', async () => {
    try {
      await backup.send(new DescribeRecoveryPointCommand({ BackupVaultName: VAULT, RecoveryPointArn }))
      return undefined
    } catch (error) {
      return sdkError('ResourceNotFoundException', 400)(error)
    }
  })
}

test('a backup job makes a recovery point with tags and lifecycle; its list finds it by every filter', async () => {
  const started = await backup.send(
    new StartBackupJobCommand({
      ...backupInput,
      Lifecycle: { DeleteAfterDays: 7 },
      RecoveryPointTags: { kind: 'nightly' },
      StartWindowMinutes: 60,
      CompleteWindowMinutes: 120,
    }),
  )
  const job = await ended(started.BackupJobId)
  assert.deepEqual(
    [job.State, job.PercentDone, job.ResourceType, job.IamRoleArn, job.BackupVaultArn?.split(':').at(-1)],
    ['COMPLETED', '100.0', 'EFS', role, VAULT],
    job.StatusMessage ?? '',
  )
  // What it is called, not the id that its ARN ends in.
  assert.equal(job.ResourceName, 'orders', job.StatusMessage ?? '')
  const BackupVaultName = VAULT
  const RecoveryPointArn = job.RecoveryPointArn ?? ''
  assert.equal(RecoveryPointArn, started.RecoveryPointArn)
  const point = await backup.send(new DescribeRecoveryPointCommand({ BackupVaultName, RecoveryPointArn }))
  assert.deepEqual(
    [
      point.Status,
      point.ResourceArn,
      point.Lifecycle?.DeleteAfterDays,
      point.IsEncrypted,
      point.BackupSizeInBytes,
    ],
    ['COMPLETED', tree.arn, 7, true, job.BackupSizeInBytes],
  )
  assert.equal(point.CalculatedLifecycle?.DeleteAt?.getTime(), (point.CreationDate?.getTime() ?? 0) + 7 * DAY)
  const { Tags } = await backup.send(new ListTagsCommand({ ResourceArn: RecoveryPointArn }))
  assert.deepEqual(
    [Tags?.['team'], Tags?.['kind'], Tags?.['aws:backup:source-resource']],
    ['db', 'nightly', tree.arn],
  )
  const hour = 3_600_000
  const ByCreatedAfter = new Date(Date.now() - hour)
  const ByCreatedBefore = new Date(Date.now() + hour)
  for (const filter of [
    { ByState: 'COMPLETED' as const },
    { ByResourceArn: tree.arn },
    { ByResourceType: 'EFS' },
    { ByBackupVaultName: VAULT },
    { ByCreatedAfter, ByCreatedBefore },
    { ByCompleteAfter: ByCreatedAfter, ByCompleteBefore: ByCreatedBefore },
    { ByMessageCategory: 'SUCCESS' },
    { ByAccountId: world.accountId },
  ]) {
    const { BackupJobs = [] } = await backup.send(new ListBackupJobsCommand(filter))
    assert.ok(
      BackupJobs.some((each) => each.BackupJobId === started.BackupJobId),
      JSON.stringify(filter),
    )
  }
  for (const filter of [
    { ByState: 'FAILED' as const },
    { ByResourceType: 'RDS' },
    { ByCreatedBefore: ByCreatedAfter },
  ]) {
    const { BackupJobs } = await backup.send(new ListBackupJobsCommand(filter))
    assert.deepEqual(BackupJobs, [], JSON.stringify(filter))
  }
  const byVault = await backup.send(
    new ListRecoveryPointsByBackupVaultCommand({ BackupVaultName, ByResourceType: 'EFS' }),
  )
  const byResource = await backup.send(new ListRecoveryPointsByResourceCommand({ ResourceArn: tree.arn }))
  for (const points of [byVault.RecoveryPoints, byResource.RecoveryPoints]) {
    assert.deepEqual(
      points?.map((each) => [each.RecoveryPointArn, each.ResourceName]),
      [[RecoveryPointArn, 'orders']],
    )
  }
  const described = await backup.send(new DescribeBackupVaultCommand({ BackupVaultName }))
  assert.equal(described.NumberOfRecoveryPoints, 1)
  await assert.rejects(
    backup.send(new DeleteBackupVaultCommand({ BackupVaultName })),
    sdkError(
      'InvalidRequestException',
      400,
      'Backup vault cannot be deleted because it contains recovery points.',
    ),
  )
})

test('the same idempotency token is one job, and another request under it a mistake', async () => {
  const IdempotencyToken = 'nightly-1'
  const first = await backup.send(new StartBackupJobCommand({ ...backupInput, IdempotencyToken }))
  const again = await backup.send(new StartBackupJobCommand({ ...backupInput, IdempotencyToken }))
  assert.equal(again.BackupJobId, first.BackupJobId)
  await ended(first.BackupJobId)
  await makeVault(world, 'other')
  await assert.rejects(
    backup.send(new StartBackupJobCommand({ ...backupInput, BackupVaultName: 'other', IdempotencyToken })),
    sdkError('InvalidParameterValueException', 400, 'was used already'),
  )
})

test('jobs and recovery points come in pages, newest first', async () => {
  await backedUp()
  const jobs: (string | undefined)[] = []
  for await (const page of paginateListBackupJobs({ client: backup, pageSize: 1 }, {})) {
    assert.equal(page.BackupJobs?.length, 1)
    jobs.push(page.BackupJobs?.[0]?.BackupJobId)
  }
  const points: (string | undefined)[] = []
  for await (const page of paginateListRecoveryPointsByBackupVault(
    { client: backup, pageSize: 2 },
    { BackupVaultName: VAULT },
  )) {
    points.push(...(page.RecoveryPoints ?? []).map((each) => each.RecoveryPointArn))
  }
  const whole = await backup.send(new ListBackupJobsCommand({}))
  assert.deepEqual(
    jobs,
    whole.BackupJobs?.map((each) => each.BackupJobId),
  )
  assert.ok(jobs.length >= 3 && new Set(points).size === jobs.length)
})

test('a lifecycle can be changed within AWS’s rules', async () => {
  const RecoveryPointArn = await backedUp()
  const id = { BackupVaultName: VAULT, RecoveryPointArn }
  const change = async (Lifecycle: { DeleteAfterDays?: number; MoveToColdStorageAfterDays?: number }) =>
    await backup.send(new UpdateRecoveryPointLifecycleCommand({ ...id, Lifecycle }))
  const before = await backup.send(new DescribeRecoveryPointCommand(id))
  assert.deepEqual(
    [before.Lifecycle?.DeleteAfterDays, before.CalculatedLifecycle?.DeleteAt],
    [undefined, undefined],
  )
  const changed = await change({ DeleteAfterDays: 30 })
  assert.equal(
    changed.CalculatedLifecycle?.DeleteAt?.getTime(),
    (before.CreationDate?.getTime() ?? 0) + 30 * DAY,
  )
  assert.equal((await backup.send(new DescribeRecoveryPointCommand(id))).Lifecycle?.DeleteAfterDays, 30)
  await change({ DeleteAfterDays: -1 })
  assert.equal(
    (await backup.send(new DescribeRecoveryPointCommand(id))).Lifecycle?.DeleteAfterDays,
    undefined,
  )
  const invalid = (text: string) => sdkError('InvalidParameterValueException', 400, text)
  for (const DeleteAfterDays of [0, -2, 36_501]) {
    await assert.rejects(
      change({ DeleteAfterDays }),
      invalid('cannot be less than 1 or more than 36500 days'),
    )
  }
  await assert.rejects(
    change({ MoveToColdStorageAfterDays: 30, DeleteAfterDays: 120 }),
    invalid('MoveToColdStorageAfterDays is unavailable'),
  )
  await assert.rejects(
    backup.send(new StartBackupJobCommand({ ...backupInput, Lifecycle: { DeleteAfterDays: 0 } })),
    invalid('DeleteAfterDays'),
  )
})

test('a restore job brings the files back and registers what it made', async () => {
  const RecoveryPointArn = await backedUp()
  const id = { BackupVaultName: VAULT, RecoveryPointArn }
  const { RestoreMetadata } = await backup.send(new GetRecoveryPointRestoreMetadataCommand(id))
  const Metadata = { ...RestoreMetadata, newFileSystem: 'true', CreationToken: 'again' }
  const start = { RecoveryPointArn, Metadata, IamRoleArn: role, CopySourceTagsToRestoredResource: true }
  const { RestoreJobId = '' } = await backup.send(
    new StartRestoreJobCommand({ ...start, IdempotencyToken: 'r1' }),
  )
  const repeated = await backup.send(new StartRestoreJobCommand({ ...start, IdempotencyToken: 'r1' }))
  assert.equal(repeated.RestoreJobId, RestoreJobId)
  const job = await until('the restore to end', async () => {
    const found = await backup.send(new DescribeRestoreJobCommand({ RestoreJobId }))
    return found.Status === 'PENDING' || found.Status === 'RUNNING' ? undefined : found
  })
  assert.deepEqual([job.Status, job.PercentDone], ['COMPLETED', '100.0%'], job.StatusMessage ?? '')
  const made = job.CreatedResourceArn ?? ''
  assert.ok(made !== tree.arn && /file-system\/fs-/.test(made))
  const { Resource } = await world.call('roleback', 'DescribeResource', { ResourceArn: made })
  const path = Resource.Connection?.Path ?? ''
  assert.ok(path.startsWith(tree.restoreRoot))
  const names = readdirSync(tree.path).toSorted()
  assert.deepEqual(readdirSync(path).toSorted(), names)
  for (const name of names)
    assert.deepEqual(readFileSync(join(path, name)), readFileSync(join(tree.path, name)))
  assert.ok(Resource.Tags?.some((tag) => tag.Key === 'team' && tag.Value === 'db'))
  const metadata = await backup.send(new GetRestoreJobMetadataCommand({ RestoreJobId }))
  assert.equal(metadata.Metadata?.['CreationToken'], 'again')
  const all = await backup.send(new ListRestoreJobsCommand({ ByStatus: 'COMPLETED' }))
  const ofResource = await backup.send(
    new ListRestoreJobsByProtectedResourceCommand({ ResourceArn: tree.arn }),
  )
  const point = await backup.send(new DescribeRecoveryPointCommand(id))
  assert.ok(point.LastRestoreTime)
  for (const jobs of [all.RestoreJobs, ofResource.RestoreJobs]) {
    assert.deepEqual(
      jobs?.map((each) => [each.RestoreJobId, each.RecoveryPointCreationDate]),
      [[RestoreJobId, point.CreationDate]],
    )
  }
  const { RestoreJobs } = await backup.send(new ListRestoreJobsCommand({ ByParentJobId: RestoreJobId }))
  assert.deepEqual(RestoreJobs, [])
  const around = { before: new Date(Number(point.CreationDate) - 1000), after: new Date() }
  for (const [ByRecoveryPointCreationDateAfter, ByRecoveryPointCreationDateBefore, found] of [
    [around.before, around.after, 1],
    [around.after, undefined, 0],
    [undefined, around.before, 0],
  ] as const) {
    const jobs = await backup.send(
      new ListRestoreJobsByProtectedResourceCommand({
        ResourceArn: tree.arn,
        ByRecoveryPointCreationDateAfter,
        ByRecoveryPointCreationDateBefore,
      }),
    )
    assert.equal(jobs.RestoreJobs?.length, found)
  }
  const restored = await backup.send(new DescribeProtectedResourceCommand({ ResourceArn: tree.arn }))
  assert.deepEqual(
    [
      restored.LatestRestoreExecutionTimeMinutes,
      restored.LatestRestoreJobCreationDate,
      restored.LatestRestoreRecoveryPointCreationDate,
    ],
    [1, all.RestoreJobs?.[0]?.CreationDate, point.CreationDate],
  )
  const elsewhere = { ...id, BackupVaultAccountId: '999999999999' }
  for (const command of [
    new DescribeRecoveryPointCommand(elsewhere),
    new GetRecoveryPointRestoreMetadataCommand(elsewhere),
    new GetRestoreTestingInferredMetadataCommand(elsewhere),
    new DescribeBackupVaultCommand(elsewhere),
    new ListRecoveryPointsByBackupVaultCommand(elsewhere),
    new ListProtectedResourcesByBackupVaultCommand(elsewhere),
  ])
    await assert.rejects(
      backup.send(command as DescribeBackupVaultCommand),
      sdkError('ResourceNotFoundException', 400, 'accounts see only their own'),
    )
})

test('a recovery point has fifty tags at most, those of its resource among them', async () => {
  const tags = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`t${i}`, 'x']))
  const start = (count: number) =>
    backup.send(new StartBackupJobCommand({ ...backupInput, RecoveryPointTags: tags(count) }))
  await assert.rejects(start(51), sdkError('LimitExceededException', 400, 'is 50'))
  const { BackupJobId } = await start(50)
  const job = await ended(BackupJobId)
  assert.equal(job.State, 'FAILED')
  assert.match(
    job.StatusMessage ?? '',
    /would have 52 tags, those of the resource and 50 of its own; the limit is 50/,
  )
  const whole = await ended((await start(48)).BackupJobId)
  assert.equal(whole.State, 'COMPLETED', whole.StatusMessage ?? '')
})

test('a restore is refused without a role, with metadata nobody knows, and of another type', async () => {
  const RecoveryPointArn = await backedUp()
  const Metadata = { 'file-system-id': 'fs-1', newFileSystem: 'true' }
  const start = { RecoveryPointArn, Metadata, IamRoleArn: role }
  const refused = async (input: Partial<StartRestoreJobCommandInput>, name: string, text: string) =>
    await assert.rejects(
      backup.send(new StartRestoreJobCommand({ ...start, ...input })),
      sdkError(name, 400, text),
    )
  await refused({ IamRoleArn: undefined }, 'MissingParameterValueException', 'IamRoleArn is required')
  await refused(
    { Metadata: { ...Metadata, newFileSytem: 'x' } },
    'InvalidParameterValueException',
    'newFileSytem',
  )
  await refused({ Metadata: { newFileSystem: 'true' } }, 'MissingParameterValueException', 'file-system-id')
  await refused({ ResourceType: 'S3' }, 'InvalidParameterValueException', 'does not fit')
  await refused(
    { RecoveryPointArn: `${RecoveryPointArn}x` },
    'ResourceNotFoundException',
    'Cannot find recovery point',
  )
})

test('a resource with a recovery point is protected, one without is not', async () => {
  const { Results } = await backup.send(new ListProtectedResourcesCommand({}))
  assert.deepEqual(
    Results?.map((each) => [each.ResourceArn, each.ResourceType, each.ResourceName]),
    [[tree.arn, 'EFS', 'orders']],
  )
  const ofVault = await backup.send(
    new ListProtectedResourcesByBackupVaultCommand({ BackupVaultName: VAULT }),
  )
  assert.deepEqual(
    ofVault.Results?.map((each) => each.ResourceArn),
    [tree.arn],
  )
  const empty = await backup.send(
    new ListProtectedResourcesByBackupVaultCommand({ BackupVaultName: 'other' }),
  )
  assert.deepEqual(empty.Results, [])
  const one = await backup.send(new DescribeProtectedResourceCommand({ ResourceArn: tree.arn }))
  assert.ok(one.LastBackupTime)
  await assert.rejects(
    backup.send(new DescribeProtectedResourceCommand({ ResourceArn: `${tree.arn}0` })),
    sdkError('ResourceNotFoundException', 400, 'is not protected'),
  )
})

test('a job that waits and a job that runs are stopped by their caller, and leave no recovery point', async () => {
  const { arn: ResourceArn } = await registerDirectory(world, 'big', (path) => {
    writeFileSync(join(path, 'random'), randomBytes(128 * 1024 * 1024))
  })
  const input = { BackupVaultName: 'other', ResourceArn, IamRoleArn: role }
  // One job a resource at a time: the second waits for the first, which takes long enough to be met running.
  const { BackupJobId: running = '' } = await backup.send(new StartBackupJobCommand(input))
  const { BackupJobId: waiting = '' } = await backup.send(new StartBackupJobCommand(input))
  await until('the first job to run', async () => {
    const { State } = await backup.send(new DescribeBackupJobCommand({ BackupJobId: running }))
    return State === 'CREATED' ? undefined : State
  })
  for (const BackupJobId of [waiting, running]) {
    await backup.send(new StopBackupJobCommand({ BackupJobId }))
    const job = await ended(BackupJobId)
    assert.deepEqual([job.State, job.StatusMessage], ['ABORTED', 'Backup job was stopped by user.'])
  }
  const left = await backup.send(new ListRecoveryPointsByResourceCommand({ ResourceArn }))
  assert.deepEqual(left.RecoveryPoints, [])
})

test('recovery points are deleted, and then the empty vault', async () => {
  const { RecoveryPoints = [] } = await backup.send(
    new ListRecoveryPointsByBackupVaultCommand({ BackupVaultName: VAULT }),
  )
  assert.ok(RecoveryPoints.length > 0)
  const viewer = await makeUser(world, 'viewer', [allow('backup:Describe*')])
  const first = { BackupVaultName: VAULT, RecoveryPointArn: RecoveryPoints[0]?.RecoveryPointArn ?? '' }
  await assert.rejects(
    server.clientsOf(viewer.key).backup.send(new DeleteRecoveryPointCommand(first)),
    sdkError('AccessDeniedException', 403, 'backup:DeleteRecoveryPoint'),
  )
  for (const { RecoveryPointArn = '' } of RecoveryPoints) {
    await backup.send(new DeleteRecoveryPointCommand({ BackupVaultName: VAULT, RecoveryPointArn }))
  }
  for (const { RecoveryPointArn = '' } of RecoveryPoints) await gone(RecoveryPointArn)
  await until('the vault to be deleted', async () => {
    try {
      return await backup.send(new DeleteBackupVaultCommand({ BackupVaultName: VAULT }))
    } catch (error) {
      sdkError('InvalidRequestException', 400, 'while jobs use it')(error)
      return undefined
    }
  })
  await assert.rejects(
    backup.send(new DescribeBackupVaultCommand({ BackupVaultName: VAULT })),
    sdkError('ResourceNotFoundException', 400),
  )
})
