import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, describe, test } from 'node:test'
import {
  CreateRestoreTestingPlanCommand,
  CreateRestoreTestingSelectionCommand,
  DescribeRestoreJobCommand,
  GetRestoreJobMetadataCommand,
  ListRestoreJobsByProtectedResourceCommand,
  ListRestoreJobsCommand,
  PutRestoreValidationResultCommand,
} from '@aws-sdk/client-backup'
import type {
  DescribeRestoreJobCommandOutput,
  RestoreTestingSelectionForCreate,
} from '@aws-sdk/client-backup'
import type { InputOf } from '../../src/aws/client.ts'
import { awsError } from '../fixtures/aws-error.ts'
import { contentOf, fillBucket, registerBucket, s3ClientOf } from '../fixtures/bucket.ts'
import { registerOrders, startOrders } from '../fixtures/orders.ts'
import {
  allow,
  backUp,
  backUpWell,
  decisionsOf,
  makeRole,
  makeUser,
  makeVault,
  registerDirectory,
  setRights,
  until,
} from '../fixtures/world.ts'
import { rgwMissing, startRgw } from '../servers/ceph-rgw.ts'
import { sdkError, startTestServer } from '../server.ts'

/** Restore tests as they run: real restores of a plan that is due, verdicts, and what is deleted behind them. */

const server = await startTestServer({ isGuarded: true })
after(() => server[Symbol.asyncDispose]())
const { world } = server
const { backup } = server.clients
await makeVault(world, 'tested')
const docs = await registerDirectory(world, 'docs', (path) => writeFileSync(join(path, 'a.txt'), 'alpha'))
const role = await makeRole(world, 'tester', { statements: [allow('*')] })
const docsPoint = await backUpWell(world, {
  BackupVaultName: 'tested',
  ResourceArn: docs.arn,
  IamRoleArn: role,
})

/** Makes a plan with one selection and has it due now. @returns The plan's ARN. */
async function runPlan(name: string, selection: Partial<RestoreTestingSelectionForCreate>): Promise<string> {
  const arn = await makePlan(name, selection)
  makeDue(name)
  return arn
}

async function makePlan(name: string, selection: Partial<RestoreTestingSelectionForCreate>): Promise<string> {
  const made = await backup.send(
    new CreateRestoreTestingPlanCommand({
      RestoreTestingPlan: {
        RestoreTestingPlanName: name,
        ScheduleExpression: 'cron(0 3 ? * SUN *)',
        RecoveryPointSelection: {
          Algorithm: 'LATEST_WITHIN_WINDOW',
          IncludeVaults: ['*'],
          RecoveryPointTypes: ['SNAPSHOT'],
        },
      },
    }),
  )
  await backup.send(
    new CreateRestoreTestingSelectionCommand({
      RestoreTestingPlanName: name,
      RestoreTestingSelection: {
        RestoreTestingSelectionName: 'all',
        ProtectedResourceType: 'EFS',
        IamRoleArn: role,
        ProtectedResourceArns: [docs.arn],
        ...selection,
      },
    }),
  )
  return made.RestoreTestingPlanArn as string
}

/** As if the plan's time had come a second ago. */
function makeDue(name: string): void {
  write('update restore_testing_plan set next_run_at = ? where name = ?', Date.now() - 1000, name)
}

/** Changes rows beside the server. */
function write(sql: string, ...values: (string | number)[]): void {
  const db = new DatabaseSync(join(world.dataDir, 'roleback.db'), { timeout: 60_000 })
  try {
    db.prepare(sql).run(...values)
  } finally {
    db.close()
  }
}

/** Ids of all jobs of a kind, the oldest first. */
const jobsOf = (kind: string): string[] =>
  world
    .rows<{ job_id: string }>('select job_id from job where kind = ? order by created_at', kind)
    .map(({ job_id }) => job_id)

type Job = DescribeRestoreJobCommandOutput

/** Waits until the plan's one job is so far. */
async function jobOf(planArn: string, isThere: (job: Job) => boolean): Promise<Job> {
  return await until('the restore test to come so far', async () => {
    const { RestoreJobs = [] } = await backup.send(
      new ListRestoreJobsCommand({ ByRestoreTestingPlanArn: planArn }),
    )
    assert.ok(RestoreJobs.length <= 1)
    const RestoreJobId = RestoreJobs[0]?.RestoreJobId
    if (RestoreJobId === undefined) return undefined
    const job = await backup.send(new DescribeRestoreJobCommand({ RestoreJobId }))
    return isThere(job) ? job : undefined
  })
}

const isValidating = (job: Job): boolean => job.ValidationStatus === 'VALIDATING'
const isDeleted = (job: Job): boolean => job.DeletionStatus === 'SUCCESSFUL'

test('a directory is restored to a new place, waits for its verdict, and is gone after it', async () => {
  const planArn = await runPlan('verdict', { ValidationWindowHours: 1 })
  const job = await jobOf(planArn, isValidating)
  assert.equal(job.Status, 'COMPLETED')
  assert.deepEqual(job.CreatedBy, { RestoreTestingPlanArn: planArn })
  assert.equal(job.IamRoleArn, role)
  assert.equal(job.RecoveryPointArn, docsPoint)
  const RestoreJobId = job.RestoreJobId as string
  const { Metadata = {} } = await backup.send(new GetRestoreJobMetadataCommand({ RestoreJobId }))
  const name = Metadata['CreationToken'] as string
  assert.deepEqual(readdirSync(docs.restoreRoot), [name])
  assert.equal(readFileSync(join(docs.restoreRoot, name, 'a.txt'), 'utf8'), 'alpha')
  const listed = await backup.send(new ListRestoreJobsByProtectedResourceCommand({ ResourceArn: docs.arn }))
  assert.deepEqual(
    listed.RestoreJobs?.map((one) => [one.RestoreJobId, one.ValidationStatus]),
    [[RestoreJobId, 'VALIDATING']],
  )
  const { Tags } = await world
    .call('tagging', 'GetResources', {
      ResourceARNList: [job.CreatedResourceArn as string],
    })
    .then(({ ResourceTagMappingList = [] }) => ({ Tags: ResourceTagMappingList[0]?.Tags }))
  assert.deepEqual(Tags, [{ Key: 'awsbackup-restore-test', Value: RestoreJobId }])

  const put = (ValidationStatus: 'SUCCESSFUL' | 'VALIDATING', ValidationStatusMessage: string) =>
    backup.send(
      new PutRestoreValidationResultCommand({ RestoreJobId, ValidationStatus, ValidationStatusMessage }),
    )
  await put('VALIDATING', 'counting')
  const counting = await backup.send(new DescribeRestoreJobCommand({ RestoreJobId }))
  assert.deepEqual([counting.ValidationStatus, counting.ValidationStatusMessage], ['VALIDATING', 'counting'])
  await assert.rejects(
    world.call('roleback', 'StopJob', { JobId: RestoreJobId }),
    /its test waits for a verdict only\. Give it one with PutRestoreValidationResult/,
  )
  await put('SUCCESSFUL', 'one file, as it was')
  const ended = await jobOf(planArn, isDeleted)
  assert.deepEqual(
    [ended.ValidationStatus, ended.ValidationStatusMessage],
    ['SUCCESSFUL', 'one file, as it was'],
  )
  assert.deepEqual(readdirSync(docs.restoreRoot), [])
  assert.deepEqual(readdirSync(docs.path), ['a.txt'])
  const registered = world.rows<{ arn: string }>('select arn from resource where removed_at is null')
  assert.deepEqual(
    registered.map(({ arn }) => arn),
    [docs.arn],
  )
  await assert.rejects(
    put('SUCCESSFUL', 'too late'),
    sdkError('InvalidRequestException', 400, 'takes no validation result now: its validation is SUCCESSFUL'),
  )
})

test('a validation result is refused for a restore that is no test, and for one without a window', async () => {
  const { RestoreJobId } = await world.call('backup', 'StartRestoreJob', {
    RecoveryPointArn: docsPoint,
    IamRoleArn: role,
    Metadata: { 'file-system-id': 'x', newFileSystem: 'true', CreationToken: 'no-test' },
  })
  const put = (id: string | undefined) =>
    backup.send(new PutRestoreValidationResultCommand({ RestoreJobId: id, ValidationStatus: 'FAILED' }))
  await assert.rejects(
    put(RestoreJobId),
    sdkError('InvalidRequestException', 400, 'no restore testing plan began it'),
  )
  await assert.rejects(
    put('absent'),
    sdkError('ResourceNotFoundException', 400, 'Cannot find restore job absent'),
  )
  const planArn = await runPlan('windowless', {})
  const job = await jobOf(planArn, isDeleted)
  assert.equal(job.ValidationStatus, undefined)
  await assert.rejects(
    put(job.RestoreJobId),
    sdkError('InvalidRequestException', 400, 'its restore testing selection has no validation window'),
  )
})

test('a validation window that nobody uses ends as TIMED_OUT, and the place is deleted', async () => {
  const planArn = await runPlan('unheard', { ValidationWindowHours: 1 })
  const { RestoreJobId = '' } = await jobOf(planArn, isValidating)
  write('update restore_test set next_at = ? where job_id = ?', Date.now() - 1000, RestoreJobId)
  const ended = await jobOf(planArn, isDeleted)
  assert.equal(ended.ValidationStatus, 'TIMED_OUT')
  assert.deepEqual(readdirSync(docs.restoreRoot), ['no-test'])
})

test('a PostgreSQL database is restored beside the others under its own name, and dropped again', async () => {
  await using orders = await startOrders(world)
  const arn = await registerOrders(orders, world.call)
  await backUpWell(world, { BackupVaultName: 'tested', ResourceArn: arn, IamRoleArn: role })
  const planArn = await runPlan('databases', {
    ProtectedResourceType: 'RDS',
    ProtectedResourceArns: [arn],
    ValidationWindowHours: 1,
  })
  const job = await jobOf(planArn, isValidating)
  const { Metadata = {} } = await backup.send(
    new GetRestoreJobMetadataCommand({ RestoreJobId: job.RestoreJobId }),
  )
  const name = Metadata['DBInstanceIdentifier'] as string
  assert.match(name, /^awsbackup-restore-test-[0-9a-f]{32}$/)
  assert.deepEqual(await orders.databases(), [name, 'orders'])
  assert.equal(await orders.content(name), await orders.content('orders'))
  await backup.send(
    new PutRestoreValidationResultCommand({ RestoreJobId: job.RestoreJobId, ValidationStatus: 'FAILED' }),
  )
  const ended = await jobOf(planArn, isDeleted)
  assert.equal(ended.ValidationStatus, 'FAILED')
  assert.deepEqual(await orders.databases(), ['orders'])
  await validateOrders(arn)
  assert.deepEqual(await orders.databases(), ['orders'])
  await assertTold('untold', { ProtectedResourceType: 'RDS', ProtectedResourceArns: [arn] }, [])
  const statements = [allow('backup:*')]
  const unread = await makeRole(world, 'unread', { statements })
  const { User } = orders.connection
  const selection = { ProtectedResourceType: 'RDS', ProtectedResourceArns: [arn], IamRoleArn: unread }
  await assertTold('told', selection, [
    new RegExp(`lacks rds-db:connect \\(on .*:dbuser:db-example/${User}, `),
  ])
})

/** Validators on a database, in whole tests: one that is as it should be, and one that is not. */
async function validateOrders(arn: string): Promise<void> {
  const selection = { ProtectedResourceType: 'RDS', ProtectedResourceArns: [arn] }
  const query = {
    Query: 'SELECT count(*), sum(paid) FROM orders',
    Rows: [['500', '126502.50']],
    FirstValue: { Operator: 'GreaterThanOrEquals', Value: '500' } as const,
  }
  const good = await validated('queried', selection, [
    { Name: 'orders', SqlQuery: query },
    { Name: 'tables', ObjectCount: { Min: 1, Max: 1 } },
  ])
  const well = await jobOf(good, isDeleted)
  assert.deepEqual(
    [well.ValidationStatus, well.ValidationStatusMessage],
    [
      'SUCCESSFUL',
      'SqlQuery "orders" SUCCESSFUL: found the 1 rows that were expected; expected a first value that is at least "500", found "500". ' +
        'ObjectCount "tables" SUCCESSFUL: expected at least 1 and at most 1, found 1',
    ],
  )
  const steps = await decisionsOf(world, jobsOf('validate-restore-test').at(-1) as string)
  assert.deepEqual([...new Set(steps.map(({ Action }) => Action))], ['rds-db:connect'])
  const bad = await validated('misqueried', selection, [
    { Name: 'tables', ObjectCount: { Min: 1 } },
    { Name: 'orders', SqlQuery: { ...query, Rows: [['501', '126502.50']] } },
    { Name: 'customers', SqlQuery: { Query: 'SELECT * FROM customers', MinRows: 1 } },
  ])
  const ill = await jobOf(bad, isDeleted)
  assert.equal(ill.ValidationStatus, 'FAILED')
  const said = String(ill.ValidationStatusMessage)
  assert.match(said, /^SqlQuery "orders" FAILED: expected row 1 to be \["501",.*, found \["500",/)
  assert.match(said, /SqlQuery "customers" FAILED: .*relation "customers" does not exist/)
}

/** What whoever sets a validator of a selection is warned of. */
async function assertTold(
  RestoreTestingPlanName: string,
  selection: Partial<RestoreTestingSelectionForCreate>,
  expected: readonly RegExp[],
): Promise<void> {
  await makePlan(RestoreTestingPlanName, selection)
  const { Warnings = [] } = await world.call('roleback', 'PutRestoreTestValidators', {
    RestoreTestingPlanName,
    RestoreTestingSelectionName: 'all',
    Validators: [{ Name: 'some', ObjectCount: { Min: 1 } }],
  })
  assert.equal(Warnings.length, expected.length, Warnings.join())
  for (const [at, one] of expected.entries()) assert.match(Warnings[at] ?? '', one)
}

describe('a bucket', { skip: rgwMissing() ?? false }, () => {
  test('its restored objects are counted and read back, and it is removed again', async () => {
    const rgw = await startRgw({ dir: join(world.scratch, 'rgw') })
    const client = s3ClientOf(rgw)
    try {
      await fillBucket(client, 'letters', { 'a.txt': 'alpha', 'b/c.txt': 'gamma', 'b/d.txt': 'delta' })
      const arn = await registerBucket(rgw, 'letters', world.call)
      await backUpWell(world, { BackupVaultName: 'tested', ResourceArn: arn, IamRoleArn: role })
      const selection = { ProtectedResourceType: 'S3', ProtectedResourceArns: [arn] }
      const good = await validated('counted', selection, [
        { Name: 'all', ObjectCount: { TolerancePercent: 0, Max: 3 } },
        {
          Name: 'read',
          FileChecksumSample: { SampleSize: 3, Files: [{ Path: 'a.txt', Sha256: ALPHA }] },
        },
      ])
      const well = await jobOf(good, isDeleted)
      assert.deepEqual(
        [well.ValidationStatus, well.ValidationStatusMessage],
        [
          'SUCCESSFUL',
          'ObjectCount "all" SUCCESSFUL: expected at most 3 and 3 as in the recovery point, give or take 0 %, found 3. ' +
            'FileChecksumSample "read" SUCCESSFUL: expected 3 of 3 files drawn at random and 1 named files to be as backed up, found all so',
        ],
      )
      const steps = await decisionsOf(world, jobsOf('validate-restore-test').at(-1) as string)
      assert.deepEqual([...new Set(steps.map(({ Action }) => Action))].sort(), [
        's3:GetObject',
        's3:ListBucket',
      ])
      const bad = await validated('miscounted', selection, [{ Name: 'all', ObjectCount: { Min: 4 } }])
      const ill = await jobOf(bad, isDeleted)
      assert.deepEqual(
        [ill.ValidationStatus, ill.ValidationStatusMessage],
        ['FAILED', 'ObjectCount "all" FAILED: expected at least 4, found 3'],
      )
      const name = String(well.CreatedResourceArn).replace('arn:aws:s3:::', '')
      assert.equal(await contentOf(client, name), undefined)
    } finally {
      client.destroy()
      await rgw.stop()
    }
  })
})

test('R16 a restore test does all it does under the role of its selection, also the deleting', async () => {
  const rights = allow(['backup:*', 'elasticfilesystem:*'])
  const narrow = await makeRole(world, 'narrow', { statements: [rights] })
  const planArn = await runPlan('narrowed', { IamRoleArn: narrow, ValidationWindowHours: 1 })
  const job = await jobOf(planArn, isValidating)
  await setRights(world, 'narrow', rights, {
    Effect: 'Deny',
    Action: 'elasticfilesystem:DeleteFileSystem',
    Resource: '*',
  })
  const RestoreJobId = job.RestoreJobId as string
  await backup.send(new PutRestoreValidationResultCommand({ RestoreJobId, ValidationStatus: 'SUCCESSFUL' }))
  const held = await jobOf(planArn, (one) => one.DeletionStatus === 'FAILED')
  assert.match(
    held.DeletionStatusMessage ?? '',
    /assumed-role\/narrow\/AWSBackup-narrow is not authorized to perform: elasticfilesystem:DeleteFileSystem on resource: /,
  )
  assert.match(held.DeletionStatusMessage ?? '', /It is tried again at /)
  const left = readdirSync(docs.restoreRoot).filter((name) => name.startsWith('awsbackup-restore-test-'))
  assert.equal(left.length, 1)

  await setRights(world, 'narrow', rights)
  write('update restore_test set next_at = ? where job_id = ?', Date.now() - 1000, RestoreJobId)
  await jobOf(planArn, isDeleted)
  assert.deepEqual(
    world
      .rows<{ kind: string; role_arn: string }>(
        `select distinct kind, role_arn from job where created_by like '%narrowed%' order by kind`,
      )
      .map(({ kind, role_arn }) => [kind, role_arn]),
    [
      ['delete-restore-test', narrow],
      ['restore', narrow],
    ],
  )
  const decisions = await decisionsOf(world, RestoreJobId)
  assert.ok(decisions.some(({ Action }) => Action === 'elasticfilesystem:CreateFileSystem'))
  // A role that may not restore makes nothing, and nothing is deleted.
  await setRights(world, 'narrow', allow('backup:*'))
  const refused = await runPlan('refused', { IamRoleArn: narrow, ValidationWindowHours: 1 })
  const failed = await jobOf(refused, (one) => one.Status === 'FAILED')
  assert.match(failed.StatusMessage ?? '', /is not authorized to perform: elasticfilesystem:/)
  await until('the test to end', () =>
    world.rows<{ phase: string }>(
      `select phase from restore_test where job_id = ?`,
      failed.RestoreJobId ?? '',
    )[0]?.phase === 'ENDED'
      ? true
      : undefined,
  )
  assert.equal(failed.DeletionStatus, undefined)
})

test('backup plans pass over what restore tests restored', async () => {
  const { BackupPlanId = '' } = await world.call('backup', 'CreateBackupPlan', {
    BackupPlan: {
      BackupPlanName: 'everything',
      Rules: [
        { RuleName: 'daily', TargetBackupVaultName: 'tested', ScheduleExpression: 'cron(0 5 ? * * *)' },
      ],
    },
  })
  await world.call('backup', 'CreateBackupSelection', {
    BackupPlanId,
    BackupSelection: {
      SelectionName: 'all',
      IamRoleArn: role,
      Resources: ['arn:aws:elasticfilesystem:*:*:file-system/*'],
    },
  })
  const planArn = await runPlan('passed_over', { ValidationWindowHours: 1 })
  const job = await jobOf(planArn, isValidating)
  write('update backup_rule set next_run_at = ? where plan_id = ?', Date.now() - 1000, BackupPlanId)
  const made = await until('the plan to make its jobs', () => {
    const rows = world.rows<{ resource_arn: string }>(
      'select resource_arn from job where plan_id = ?',
      BackupPlanId,
    )
    return rows.length > 0 ? rows.map(({ resource_arn }) => resource_arn) : undefined
  })
  assert.ok(made.includes(docs.arn))
  assert.equal(made.includes(job.CreatedResourceArn as string), false)
  // Nor by hand: it is another resource, which may be backed up; that it is a test's is its tag.
  const byHand = await backUp(world, {
    BackupVaultName: 'tested',
    ResourceArn: job.CreatedResourceArn as string,
    IamRoleArn: role,
  })
  assert.equal(byHand.State, 'COMPLETED')
  await backup.send(
    new PutRestoreValidationResultCommand({ RestoreJobId: job.RestoreJobId, ValidationStatus: 'SUCCESSFUL' }),
  )
  await jobOf(planArn, isDeleted)
})

/** As runPlan, with validators of its selection. */
async function validated(
  name: string,
  selection: Partial<RestoreTestingSelectionForCreate>,
  Validators: InputOf<'roleback', 'PutRestoreTestValidators'>['Validators'],
): Promise<string> {
  const arn = await makePlan(name, selection)
  await world.call('roleback', 'PutRestoreTestValidators', {
    RestoreTestingPlanName: name,
    RestoreTestingSelectionName: 'all',
    Validators,
  })
  makeDue(name)
  return arn
}

const ALPHA = createHash('sha256').update('alpha').digest('hex')

test('validators read back what a test restored, and say what they expected and found', async () => {
  const planArn = await validated('validated', {}, [
    { Name: 'files', FileChecksumSample: { SampleSize: 5, Files: [{ Path: 'a.txt', Sha256: ALPHA }] } },
    { Name: 'count', ObjectCount: { Min: 1, TolerancePercent: 0 } },
  ])
  const job = await jobOf(planArn, isDeleted)
  assert.equal(job.ValidationStatus, 'SUCCESSFUL', job.ValidationStatusMessage ?? '')
  assert.equal(
    job.ValidationStatusMessage,
    `FileChecksumSample "files" SUCCESSFUL: expected 1 of 1 files drawn at random and 1 named files to be as backed up, found all so. ` +
      'ObjectCount "count" SUCCESSFUL: expected at least 1 and 2 as in the recovery point, give or take 0 %, found 2',
  )
  const steps = await decisionsOf(world, jobsOf('validate-restore-test').at(-1) as string)
  assert.deepEqual(
    steps.map(({ Step, Action }) => [Step, Action]),
    [['ReadFileSystem', 'elasticfilesystem:ClientMount']],
  )
  const wrong = await validated('invalid', { ValidationWindowHours: 1 }, [
    { Name: 'count', ObjectCount: { Min: 1 } },
    {
      Name: 'files',
      FileChecksumSample: {
        Files: [
          { Path: '/a.txt', Sha256: '0'.repeat(64) },
          { Path: 'b', Sha256: ALPHA },
        ],
      },
    },
  ])
  const failed = await jobOf(wrong, isDeleted)
  assert.equal(failed.ValidationStatus, 'FAILED')
  assert.match(
    failed.ValidationStatusMessage ?? '',
    new RegExp(
      `^FileChecksumSample "files" FAILED: expected 2 named files .* "/a.txt" with SHA-256 ${ALPHA} instead of 0{64}; that the recovery point holds no file "b"`,
    ),
  )
})

test('a file that was restored wrong is found by its sample', async () => {
  const planArn = await makePlan('harmed', { ValidationWindowHours: 1 })
  makeDue('harmed')
  const { RestoreJobId = '', Status } = await jobOf(planArn, isValidating)
  assert.equal(Status, 'COMPLETED')
  const [name = ''] = readdirSync(docs.restoreRoot).filter((one) => one.startsWith('awsbackup-restore-test-'))
  writeFileSync(join(docs.restoreRoot, name, 'a.txt'), 'alpho')
  // As if it had been so before the validators began.
  const validators = JSON.stringify([{ Name: 'files', FileChecksumSample: { SampleSize: 1 } }])
  write(
    `update restore_test set validators = ?, phase = 'RESTORING', next_at = null, step_job_id = job_id where job_id = ?`,
    validators,
    RestoreJobId,
  )
  const ended = await jobOf(planArn, isDeleted)
  assert.equal(ended.ValidationStatus, 'FAILED')
  assert.match(
    ended.ValidationStatusMessage ?? '',
    /found "\/a\.txt" with SHA-256 [0-9a-f]{64} instead of [0-9a-f]{64}$/,
  )
})

test('R16 validators are set by whom may read the resources and pass the role, and run under that role', async () => {
  const names = { RestoreTestingPlanName: 'sworn', RestoreTestingSelectionName: 'all' }
  const Validators = [{ Name: 'count', ObjectCount: { Min: 1 } }]
  const narrow = await makeRole(world, 'blind', { statements: [allow(['backup:*', 'elasticfilesystem:*'])] })
  await setRights(world, 'blind', allow(['backup:*', 'elasticfilesystem:*']), {
    Effect: 'Deny',
    Action: 'elasticfilesystem:ClientMount',
    Resource: '*',
  })
  const planArn = await makePlan('sworn', { IamRoleArn: narrow })
  const put = (call: typeof world.call) =>
    call('roleback', 'PutRestoreTestValidators', { ...names, Validators })
  const user = async (name: string, ...statements: Parameters<typeof setRights>[2][]) =>
    (await makeUser(world, name, statements)).call
  const rights = ['backup:*', 'roleback:GetRestoreTestValidators']
  await assert.rejects(
    put(await user('without', allow([...rights, 'iam:PassRole', 'elasticfilesystem:*']))),
    awsError('AccessDeniedException', 'roleback:PutRestoreTestValidators'),
  )
  const own = [...rights, 'roleback:PutRestoreTestValidators']
  await assert.rejects(
    put(await user('passless', allow([...own, 'elasticfilesystem:*']))),
    awsError('AccessDeniedException', 'iam:PassRole'),
  )
  const blindUser = await user('unreading', allow([...own, 'iam:PassRole']))
  await assert.rejects(put(blindUser), awsError('AccessDeniedException', 'roleback:RestoreUnreadable'))
  const reader = await user(
    'reading',
    allow([...own, 'iam:PassRole']),
    allow('elasticfilesystem:ClientMount', docs.arn),
  )
  const { Warnings = [] } = await put(reader)
  assert.equal(Warnings.length, 1)
  assert.match(
    Warnings[0] ?? '',
    /^The validators will fail: .*role\/blind may not .* lacks elasticfilesystem:ClientMount \(on .*explicit deny/,
  )
  assert.deepEqual((await reader('roleback', 'GetRestoreTestValidators', names)).Validators, Validators)
  // The role may restore and not read: it is the role that is asked, not the server, nor who set the validators.
  makeDue('sworn')
  const job = await jobOf(planArn, isDeleted)
  assert.equal(job.ValidationStatus, 'FAILED')
  assert.match(
    job.ValidationStatusMessage ?? '',
    /assumed-role\/blind\/AWSBackup-blind is not authorized to perform: elasticfilesystem:ClientMount on resource: /,
  )
  // What takes them away tells nobody anything.
  await blindUser('roleback', 'PutRestoreTestValidators', { ...names, Validators: [] })
  assert.deepEqual((await blindUser('roleback', 'GetRestoreTestValidators', names)).Validators, [])
})

test('validators that cannot work are refused, and say which and why', async () => {
  await makePlan('refusing', {})
  const cases = [
    [
      [{ Name: 'q', SqlQuery: { Query: 'SELECT 1', MinRows: 1 } }],
      '"q" is a SqlQuery; what is restored of type EFS takes',
    ],
    [[{ Name: 'n' }], '"n" must have exactly one of SqlQuery, FileChecksumSample, ObjectCount; it has none'],
    [[{ Name: 'c', ObjectCount: {} }], '"c" expects nothing: give Min, Max or TolerancePercent'],
    [[{ Name: 'c', ObjectCount: { Min: 3, Max: 2 } }], '"c" has a Min above its Max'],
    [[{ Name: 'f', FileChecksumSample: { SampleSize: 0 } }], '"f" SampleSize must be 1 to 1000; it is 0'],
    [
      [{ Name: 'f', FileChecksumSample: { Files: [{ Path: 'x', Sha256: 'y' }] } }],
      'no SHA-256 of 64 hexadecimal digits',
    ],
  ] as const
  for (const [Validators, message] of cases) {
    await assert.rejects(
      world.call('roleback', 'PutRestoreTestValidators', {
        RestoreTestingPlanName: 'refusing',
        RestoreTestingSelectionName: 'all',
        Validators,
      }),
      awsError('InvalidParameterValueException', message),
    )
  }
  await assert.rejects(
    world.call('roleback', 'PutRestoreTestValidators', {
      RestoreTestingPlanName: 'refusing',
      RestoreTestingSelectionName: 'absent',
      Validators: [],
    }),
    awsError(
      'ResourceNotFoundException',
      'Cannot find restore testing selection absent of restore testing plan refusing',
    ),
  )
})
