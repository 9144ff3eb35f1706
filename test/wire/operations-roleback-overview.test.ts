import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, test } from 'node:test'
import type { OutputOf } from '../../src/aws/client.ts'
import { awsError } from '../fixtures/aws-error.ts'
import {
  allow,
  backUpWell,
  jobEnd,
  makeRole,
  makeVault,
  openWorld,
  registerDirectory,
} from '../fixtures/world.ts'

/** How an account stands, and what is done to its vaults: counted and listed by the server. */

const DAY_MS = 86_400_000
const world = await openWorld()
after(() => world[Symbol.asyncDispose]())
const { call } = world

await makeVault(world, 'vault')
const IamRoleArn = await makeRole(world, 'all', { statements: [allow('*')] })
const names = new Map<string, string>()
for (const name of ['daily', 'weekly', 'unplanned', 'fresh', 'never']) {
  const { arn } = await registerDirectory(world, name, (path) => writeFileSync(join(path, 'a'), name))
  names.set(arn, name)
  if (name === 'never') continue
  await backUpWell(world, { BackupVaultName: 'vault', ResourceArn: arn, IamRoleArn })
}
for (const [name, ScheduleExpression] of [
  ['daily', 'cron(0 5 ? * * *)'],
  ['weekly', 'cron(0 5 ? * SUN *)'],
] as const) {
  const { BackupPlanId = '' } = await call('backup', 'CreateBackupPlan', {
    BackupPlan: {
      BackupPlanName: name,
      Rules: [
        { RuleName: 'rule', TargetBackupVaultName: 'vault', ScheduleExpression, StartWindowMinutes: 60 },
      ],
    },
  })
  await call('backup', 'CreateBackupSelection', {
    BackupPlanId,
    BackupSelection: {
      SelectionName: 'one',
      IamRoleArn,
      ListOfTags: [{ ConditionType: 'STRINGEQUALS', ConditionKey: 'Name', ConditionValue: name }],
    },
  })
}

type Listed = OutputOf<'roleback', 'ListResourceProtection'>['Resources']

async function listed(
  Protection: 'OVERDUE' | 'PROTECTED' | 'UNPROTECTED' | undefined,
  MaxResults: number = 100,
): Promise<Listed> {
  const found: Listed[number][] = []
  let NextToken: string | undefined
  do {
    const page = await call('roleback', 'ListResourceProtection', { Protection, MaxResults, NextToken })
    assert.ok(page.Resources.length <= MaxResults)
    found.push(...page.Resources)
    NextToken = page.NextToken
  } while (NextToken !== undefined)
  return found
}

const namesOf = (rows: Listed): string => rows.map(({ ResourceArn }) => names.get(ResourceArn)).join(' ')

/** Makes backups look as if they had been made earlier. */
async function age(name: string, ms: number): Promise<void> {
  const arn = [...names].find(([, one]) => one === name)?.[0] ?? ''
  await world.offline(async () => {
    const db = new DatabaseSync(join(world.dataDir, 'roleback.db'))
    db.prepare('update recovery_point set created_at = created_at - ? where resource_arn = ?').run(ms, arn)
    db.prepare('update job set created_at = created_at - ? where resource_arn = ?').run(ms, arn)
    db.close()
    await Promise.resolve()
  })
}

test('ListResourceProtection lists the worst off first and calls overdue what is older than its plan, or 36 hours, allow', async () => {
  await age('daily', 26 * 3_600_000)
  await age('weekly', 5 * DAY_MS)
  await age('unplanned', 2 * DAY_MS)
  const all = await listed(undefined)
  assert.equal(namesOf(all), 'never weekly unplanned daily fresh')
  assert.deepEqual(
    all.map(({ Name, Protection, AllowedAgeSeconds }) => [Name, Protection, AllowedAgeSeconds / 3600]),
    [
      ['never', 'UNPROTECTED', 36],
      ['weekly', 'PROTECTED', 169],
      ['unplanned', 'OVERDUE', 36],
      ['daily', 'OVERDUE', 25],
      ['fresh', 'PROTECTED', 36],
    ],
  )
  assert.equal(all[0]?.LastBackupTime, undefined)
  assert.equal(namesOf(await listed('OVERDUE')), 'unplanned daily')
  assert.equal(namesOf(await listed('OVERDUE', 1)), 'unplanned daily', 'page by page')
  assert.equal(namesOf(await listed('PROTECTED', 2)), 'weekly unplanned daily fresh')
  assert.equal(namesOf(await listed('UNPROTECTED')), 'never')
  const { Resources } = await call('roleback', 'ListResourceProtection', { ResourceType: 'RDS' })
  assert.deepEqual(Resources, [])
  const called = async (NameContains: string, Protection?: 'OVERDUE') => {
    const found = await call('roleback', 'ListResourceProtection', { NameContains, Protection })
    return namesOf(found.Resources)
  }
  assert.equal(await called('LY'), 'weekly daily', 'whatever the case')
  assert.equal(await called('ly', 'OVERDUE'), 'daily')
  assert.equal(await called('fs-'), 'never weekly unplanned daily fresh', 'by id')
  assert.equal(await called('%'), '')
  const { NextToken } = await call('roleback', 'ListResourceProtection', { MaxResults: 1 })
  await assert.rejects(
    call('roleback', 'ListResourceProtection', { MaxResults: 1, NextToken, Protection: 'OVERDUE' }),
    awsError('InvalidParameterValueException', 'NextToken'),
  )
})

test('DescribeOverview counts resources, backups of each day and of the last 24 hours', async () => {
  const failing = await makeRole(world, 'nothing', { statements: [allow('s3:ListBucket')] })
  await assert.rejects(
    backUpWell(world, {
      BackupVaultName: 'vault',
      ResourceArn: [...names.keys()].at(-1) ?? '',
      IamRoleArn: failing,
    }),
  )
  const now = Date.now()
  const DayStarts = [6, 3, 1.5, 0.5].map((days) => new Date(now - days * DAY_MS))
  const { CountedAt, Days, ...counted } = await call('roleback', 'DescribeOverview', { DayStarts })
  assert.deepEqual(counted, {
    Resources: 5,
    UnprotectedResources: 1,
    OverdueResources: 2,
    RestoredResources: 0,
    RunningBackupJobs: 0,
    FailedBackupJobs: 1,
    RestoreTests: 0,
    GoodRestoreTests: 0,
    IsCurrent: true,
    FirstSteps: 'OPEN',
  })
  assert.ok(CountedAt.getTime() >= now - 1_000)
  assert.deepEqual(
    Days.map((day) => [day.BackupJobs, day.FailedBackupJobs, day.WarnedBackupJobs, day.RunningBackupJobs]),
    [
      [1, 0, 0, 0],
      [1, 0, 0, 0],
      [1, 0, 0, 0],
      [2, 1, 0, 0],
    ],
  )
  const month = Array.from({ length: 31 }, (_, index) => new Date(now - (31 - index) * DAY_MS))
  const together = await Promise.all(
    month.map(async () => await call('roleback', 'DescribeOverview', { DayStarts: month })),
  )
  const own = together.filter(({ IsCurrent }) => IsCurrent)
  assert.ok(own.length > 0 && own.length < together.length, 'who asks meanwhile gets what is being counted')
  await assert.rejects(
    call('roleback', 'DescribeOverview', { DayStarts: DayStarts.toReversed() }),
    awsError('InvalidParameterValueException', 'ascending'),
  )
})

test('DismissFirstSteps ends the first steps for everybody of the account', async () => {
  assert.deepEqual(await call('roleback', 'DismissFirstSteps', {}), {})
  assert.equal((await call('roleback', 'DescribeOverview', {})).FirstSteps, 'ENDED')
})

test('ListJobs lists what is done to vaults, newest first, by kind, state, vault and time, without what it found', async () => {
  await makeVault(world, 'second')
  const started: string[] = []
  for (const [operation, BackupVaultName] of [
    ['StartVerifyJob', 'vault'],
    ['StartSweepJob', 'vault'],
    ['StartVerifyJob', 'second'],
  ] as const) {
    const { JobId } = await call('roleback', operation, { BackupVaultName })
    await jobEnd(world, JobId)
    started.push(JobId)
  }
  const ids = async (
    input: Parameters<typeof call<'roleback', 'ListJobs'>>[2],
  ): Promise<readonly number[]> => {
    const { Jobs } = await call('roleback', 'ListJobs', input)
    for (const { Result } of Jobs) assert.deepEqual(Object.keys(Result ?? {}), [])
    return Jobs.map(({ JobId }) => started.indexOf(JobId))
  }
  assert.deepEqual(await ids({}), [2, 1, 0])
  assert.deepEqual(await ids({ JobType: 'verify' }), [2, 0])
  assert.deepEqual(await ids({ BackupVaultName: 'vault', State: 'COMPLETED' }), [1, 0])
  assert.deepEqual(await ids({ State: 'FAILED' }), [])
  assert.deepEqual(await ids({ CreatedAfter: new Date(Date.now() + DAY_MS) }), [])
  const { Jobs, NextToken } = await call('roleback', 'ListJobs', { MaxResults: 2 })
  assert.equal(Jobs.length, 2)
  assert.deepEqual(await ids({ MaxResults: 2, NextToken }), [0])
})
