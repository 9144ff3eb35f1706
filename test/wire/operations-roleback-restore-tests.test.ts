import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, test } from 'node:test'
import type { InputOf } from '../../src/aws/client.ts'
import { awsError } from '../fixtures/aws-error.ts'
import { roleback } from '../fixtures/command-line.ts'
import {
  allow,
  backUpWell,
  makeRole,
  makeVault,
  openWorld,
  registerDirectory,
  until,
} from '../fixtures/world.ts'

/** What is told of restore tests beside AWS's operations. */

const world = await openWorld({ metricsListen: '127.0.0.1:0' })
after(() => world[Symbol.asyncDispose]())
await makeVault(world, 'tested')
const docs = await registerDirectory(world, 'docs', (path) => writeFileSync(join(path, 'a.txt'), 'alpha'))
const role = await makeRole(world, 'tester', { statements: [allow('*')] })
const RecoveryPointArn = await backUpWell(world, {
  BackupVaultName: 'tested',
  ResourceArn: docs.arn,
  IamRoleArn: role,
})

/** Has a plan test the directory now. @returns The id of its restore job once the test has ended. */
async function testOf(RestoreTestingPlanName: string): Promise<string> {
  await makePlan(RestoreTestingPlanName)
  return await runPlan(RestoreTestingPlanName)
}

async function makePlan(RestoreTestingPlanName: string): Promise<void> {
  await world.call('backup', 'CreateRestoreTestingPlan', {
    RestoreTestingPlan: {
      RestoreTestingPlanName,
      ScheduleExpression: 'cron(0 3 ? * SUN *)',
      RecoveryPointSelection: {
        Algorithm: 'LATEST_WITHIN_WINDOW',
        IncludeVaults: ['*'],
        RecoveryPointTypes: ['SNAPSHOT'],
      },
    },
  })
  await world.call('backup', 'CreateRestoreTestingSelection', {
    RestoreTestingPlanName,
    RestoreTestingSelection: {
      RestoreTestingSelectionName: 'all',
      ProtectedResourceType: 'EFS',
      IamRoleArn: role,
      ProtectedResourceArns: [docs.arn],
    },
  })
}

async function runPlan(RestoreTestingPlanName: string): Promise<string> {
  const db = new DatabaseSync(join(world.dataDir, 'roleback.db'), { timeout: 60_000 })
  db.prepare('update restore_testing_plan set next_run_at = ? where name = ?').run(
    Date.now() - 1000,
    RestoreTestingPlanName,
  )
  db.close()
  return await until('the restore test to end', async () => {
    const { Tests } = await world.call('roleback', 'ListRestoreTests', { RestoreTestingPlanName })
    return Tests[0]?.Phase === 'ENDED' ? Tests[0].RestoreJobId : undefined
  })
}

test('ListRestoreTests, the command line and the metrics tell how tests went and how long restores took', async () => {
  const first = await testOf('early')
  const told = await testOf('told')
  const list = (input: InputOf<'roleback', 'ListRestoreTests'>) =>
    world.call('roleback', 'ListRestoreTests', input)
  const { Tests, LastRunMessage, LastRunAt, NextRunAt } = await list({ RestoreTestingPlanName: 'told' })
  const [only] = Tests
  assert.equal(Tests.length, 1)
  assert.deepEqual(
    [only?.RestoreJobId, only?.ResourceArn, only?.RecoveryPointArn, only?.Phase, only?.DeletionStatus],
    [told, docs.arn, RecoveryPointArn, 'ENDED', 'SUCCESSFUL'],
  )
  const { CreatedResourceArn } = await world.call('backup', 'DescribeRestoreJob', { RestoreJobId: told })
  const point = await world.call('backup', 'DescribeRecoveryPoint', {
    BackupVaultName: only?.BackupVaultName ?? '',
    RecoveryPointArn,
  })
  assert.ok(CreatedResourceArn !== undefined && CreatedResourceArn !== docs.arn)
  assert.deepEqual(
    [only?.CreatedResourceArn, only?.RecoveryPointCreationDate],
    [CreatedResourceArn, point.CreationDate],
  )
  assert.ok((only?.RecoverySeconds ?? -1) >= 0)
  assert.equal(LastRunMessage, 'STARTED: 1 tests')
  assert.ok(LastRunAt !== undefined && NextRunAt !== undefined && LastRunAt < NextRunAt)
  const all: string[] = []
  let NextToken: string | undefined
  do {
    const page = await list({ ResourceArn: docs.arn, MaxResults: 1, NextToken })
    all.push(...page.Tests.map((one) => one.RestoreJobId))
    NextToken = page.NextToken
  } while (NextToken !== undefined)
  assert.deepEqual(all, [told, first])
  await assert.rejects(
    list({ RestoreTestingPlanName: 'absent' }),
    awsError('ResourceNotFoundException', 'Cannot find restore testing plan absent'),
  )
  const env = {
    AWS_ENDPOINT_URL: world.url,
    AWS_ACCESS_KEY_ID: world.rootKey.accessKeyId,
    AWS_SECRET_ACCESS_KEY: world.rootKey.secretAccessKey,
    AWS_REGION: world.region,
  }
  const { code, stdout, stderr } = await roleback(['restore', 'test', 'list', '--plan', 'told'], { env })
  assert.equal(code, 0, stderr)
  assert.match(stdout, /^Last run .*: STARTED: 1 tests$/m)
  assert.match(stdout, new RegExp(`${docs.arn} +COMPLETED +\\d+\\.\\d +- +SUCCESSFUL +told`))
})

test('validators are set and shown at the command line, and what they said is in lists, metrics and events', async () => {
  const env = {
    AWS_ENDPOINT_URL: world.url,
    AWS_ACCESS_KEY_ID: world.rootKey.accessKeyId,
    AWS_SECRET_ACCESS_KEY: world.rootKey.secretAccessKey,
    AWS_REGION: world.region,
  }
  const command = async (...args: string[]) => await roleback(['restore', 'test', ...args], { env })
  const file = join(world.scratch, 'validators.json')
  const validators = [{ Name: 'enough', ObjectCount: { Min: 3 } }]
  writeFileSync(file, JSON.stringify(validators))
  await makePlan('proven')
  const names = { RestoreTestingPlanName: 'proven', RestoreTestingSelectionName: 'all' }
  const set = await command('validators', 'proven', 'all', '--set', file)
  assert.equal(set.code, 0, set.stderr)
  assert.match(set.stdout, /^enough +ObjectCount +\{"Min":3\}$/m)
  const shown = await command('validators', 'proven', 'all', '--json')
  assert.deepEqual(JSON.parse(shown.stdout), validators)
  const RestoreJobId = await runPlan('proven')
  const { Tests } = await world.call('roleback', 'ListRestoreTests', { RestoreTestingPlanName: 'proven' })
  assert.deepEqual(
    [Tests[0]?.ValidationStatus, Tests[0]?.ValidatorResults],
    [
      'FAILED',
      [{ Name: 'enough', Kind: 'ObjectCount', Status: 'FAILED', Message: 'expected at least 3, found 2' }],
    ],
  )
  const listed = await command('list', '--plan', 'proven')
  assert.match(
    listed.stdout,
    /FAILED +SUCCESSFUL +proven +ObjectCount "enough" FAILED: expected at least 3, found 2/,
  )
  const [event] = world.rows<{ body: string }>(
    `select body from event where cause = ?`,
    `verdict ${RestoreJobId}`,
  )
  assert.match(
    event?.body ?? '',
    /"detailType":"Restore Test Validation Completed".*"validationStatus":"FAILED"/,
  )
  await world.call('roleback', 'PutRestoreTestValidators', { ...names, Validators: [] })
  assert.deepEqual((await world.call('roleback', 'GetRestoreTestValidators', names)).Validators, [])
  const removed = await command('validators', 'proven', 'all', '--remove')
  assert.match(removed.stdout, /^Its tests have no validators\.$/m)
  const bad = await command('validators', 'proven', 'all', '--set', '/nowhere.json')
  assert.deepEqual([bad.code, /Cannot read validators from \/nowhere\.json/.test(bad.stderr)], [2, true])
})

// Behind all others: what is answered is kept for seconds.
test('the metrics tell of the last good test of a resource, and that its newest was none', async () => {
  const metrics = await (await fetch(world.metricsUrl)).text()
  const labels = `account_id="${world.accountId}",resource_arn="${docs.arn}"`
  assert.match(
    metrics,
    new RegExp(`roleback_resource_last_restore_test_timestamp_seconds\\{${labels}\\} \\d{10}`),
  )
  assert.match(metrics, new RegExp(`roleback_resource_recovery_seconds\\{${labels}\\} [\\d.]+`))
  assert.ok(metrics.includes(`roleback_resource_restore_test_failed{${labels}} 1`), metrics)
})
