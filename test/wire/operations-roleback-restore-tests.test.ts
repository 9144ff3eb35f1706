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
  const db = new DatabaseSync(join(world.dataDir, 'roleback.db'), { timeout: 5000 })
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
  const metrics = await (await fetch(world.metricsUrl)).text()
  const labels = `account_id="${world.accountId}",resource_arn="${docs.arn}"`
  assert.match(
    metrics,
    new RegExp(`roleback_resource_last_restore_test_timestamp_seconds\\{${labels}\\} \\d{10}`),
  )
  assert.match(metrics, new RegExp(`roleback_resource_recovery_seconds\\{${labels}\\} [\\d.]+`))
})
