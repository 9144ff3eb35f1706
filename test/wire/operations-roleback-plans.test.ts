import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, test } from 'node:test'
import { awsError } from '../fixtures/aws-error.ts'
import { roleback } from '../fixtures/command-line.ts'
import {
  allow,
  makeRole,
  makeUser,
  makeVault,
  openWorld,
  registerDirectory,
  until,
} from '../fixtures/world.ts'

/** What AWS has no call for around plans: previews of selections, runs, pauses. */

const world = await openWorld()
after(() => world[Symbol.asyncDispose]())

await makeVault(world, 'vault')
const daily = await registerDirectory(world, 'daily', (path) => writeFileSync(join(path, 'a'), 'a'))
const other = await registerDirectory(world, 'other', (path) => writeFileSync(join(path, 'a'), 'a'))
await world.call('tagging', 'TagResources', { ResourceARNList: [daily.arn], Tags: { backup: 'daily' } })
const role = await makeRole(world, 'planned', { statements: [allow('*')] })
const { BackupPlanId = '' } = await world.call('backup', 'CreateBackupPlan', {
  BackupPlan: { BackupPlanName: 'p', Rules: [{ RuleName: 'daily', TargetBackupVaultName: 'vault' }] },
})
const planArn = `arn:aws:backup:${world.region}:${world.accountId}:backup-plan:${BackupPlanId}`
await world.call('backup', 'CreateBackupSelection', {
  BackupPlanId,
  BackupSelection: {
    SelectionName: 'tagged',
    IamRoleArn: role,
    ListOfTags: [{ ConditionType: 'STRINGEQUALS', ConditionKey: 'backup', ConditionValue: 'daily' }],
  },
})

test('PreviewBackupSelection tells what a plan, or a selection not made yet, would back up and why', async () => {
  const ofPlan = await world.call('roleback', 'PreviewBackupSelection', { BackupPlanId })
  assert.deepEqual(
    new Map(
      ofPlan.Matches.map((match) => [match.ResourceArn, [match.Selected, match.SelectionName, match.Reason]]),
    ),
    new Map([
      [daily.arn, [true, 'tagged', 'its tag backup=daily is assigned']],
      [other.arn, [false, undefined, 'neither it nor a tag of it is assigned']],
    ]),
  )
  const only = async (Selected: boolean) => {
    const { Matches, SelectedCount, ResourceCount } = await world.call('roleback', 'PreviewBackupSelection', {
      BackupPlanId,
      Selected,
      Count: Selected,
      MaxResults: 1,
    })
    return [Matches.map(({ Name }) => Name), SelectedCount, ResourceCount]
  }
  assert.deepEqual(await only(true), [['daily'], 1, 2])
  assert.deepEqual(await only(false), [['other'], undefined, undefined])
  const ofOne = await world.call('roleback', 'PreviewBackupSelection', {
    BackupPlanId,
    ResourceArn: other.arn,
  })
  assert.deepEqual(
    ofOne.Matches.map(({ ResourceArn, Selected }) => [ResourceArn, Selected]),
    [[other.arn, false]],
  )
  await assert.rejects(
    world.call('roleback', 'PreviewBackupSelection', { BackupPlanId, ResourceArn: `${other.arn}-gone` }),
    awsError('ResourceNotFoundException', 'Cannot find resource'),
  )
  const ofSelection = await world.call('roleback', 'PreviewBackupSelection', {
    BackupSelection: {
      Resources: ['*'],
      ListOfTags: [{ ConditionType: 'STRINGEQUALS', ConditionKey: 'backup', ConditionValue: 'daily' }],
    },
  })
  assert.ok(ofSelection.Matches.every(({ Selected }) => Selected))
  assert.match(ofSelection.Warnings[0] ?? '', /ListOfTags adds to it and narrows nothing/)
  await assert.rejects(
    world.call('roleback', 'PreviewBackupSelection', {}),
    awsError('InvalidParameterValueException', 'either'),
  )
  await assert.rejects(
    world.call('roleback', 'PreviewBackupSelection', { BackupSelection: {} }),
    awsError('InvalidParameterValueException', 'must be non-empty'),
  )
})

test('PreviewSchedule tells when a schedule will be due in its time zone, or what is wrong with it', async () => {
  const { Runs } = await world.call('roleback', 'PreviewSchedule', {
    ScheduleExpression: 'cron(30 0 1 1 ? *)',
    ScheduleExpressionTimezone: 'Asia/Tokyo',
    MaxRuns: 3,
  })
  const year = Runs[0]?.getUTCFullYear() ?? 0
  assert.deepEqual(
    Runs.map((run) => run.toISOString()),
    [0, 1, 2].map((more) => `${year + more}-12-31T15:30:00.000Z`),
  )
  assert.ok((Runs[0] as Date).getTime() > Date.now())
  const daily = await world.call('roleback', 'PreviewSchedule', { ScheduleExpression: 'rate(1 day)' })
  assert.equal(daily.Runs.length, 10)
  await assert.rejects(
    world.call('roleback', 'PreviewSchedule', { ScheduleExpression: 'each day' }),
    awsError('InvalidParameterValueException', 'is no schedule'),
  )
})

test('PauseBackups holds a plan’s runs, ListBackupPlanRuns says so, ResumeBackups ends it', async () => {
  const Until = new Date(Date.now() + 3_600_000)
  await world.call('roleback', 'PauseBackups', { TargetArn: planArn, Until, Reason: 'moving house' })
  const { Pauses } = await world.call('roleback', 'ListPauses', {})
  assert.deepEqual(
    Pauses.map(({ TargetArn, Reason, PausedBy }) => [TargetArn, Reason, PausedBy]),
    [[planArn, 'moving house', `arn:aws:iam::${world.accountId}:root`]],
  )
  await makeDue()
  const [run] = await until('the run to be recorded', async () => {
    const { Runs } = await world.call('roleback', 'ListBackupPlanRuns', { BackupPlanId })
    return Runs.length === 0 ? undefined : Runs
  })
  assert.deepEqual([run?.Outcome, run?.RuleName, run?.JobCount], ['PAUSED', 'daily', 0])
  assert.match(run?.Message ?? '', /moving house/)
  assert.deepEqual(await world.call('roleback', 'ResumeBackups', { TargetArn: planArn }), {
    TargetArn: planArn,
    Resumed: true,
  })
  assert.deepEqual(await world.call('roleback', 'ResumeBackups', { TargetArn: planArn }), {
    TargetArn: planArn,
    Resumed: false,
  })
  await makeDue()
  await until('the next run to make its job', async () => {
    const { Runs } = await world.call('roleback', 'ListBackupPlanRuns', { BackupPlanId })
    return Runs[0]?.Outcome === 'STARTED' && Runs[0].JobCount === 1 ? true : undefined
  })
})

test('a pause that nobody would remember, or of nothing, is refused; so is one by somebody who may not', async () => {
  const soon = new Date(Date.now() + 60_000)
  for (const Until of [new Date(Date.now() - 1), new Date(Date.now() + 400 * 86_400_000)])
    await assert.rejects(
      world.call('roleback', 'PauseBackups', { Until }),
      awsError('InvalidParameterValueException', 'Until must lie'),
    )
  const absent = `${planArn.slice(0, -1)}x`
  await assert.rejects(
    world.call('roleback', 'PauseBackups', { TargetArn: absent, Until: soon }),
    awsError('ResourceNotFoundException', 'no backup plan and no registered resource'),
  )
  const user = await makeUser(world, 'pauser', [allow('roleback:PauseBackups', daily.arn)])
  await user.call('roleback', 'PauseBackups', { TargetArn: daily.arn, Until: soon })
  await assert.rejects(
    user.call('roleback', 'PauseBackups', { Until: soon }),
    awsError('AccessDeniedException', 'roleback:PauseBackups on resource: *'),
  )
})

test('the command line previews a plan, lists its runs, pauses and goes on', async () => {
  const env = {
    AWS_ENDPOINT_URL: world.url,
    AWS_ACCESS_KEY_ID: world.rootKey.accessKeyId,
    AWS_SECRET_ACCESS_KEY: world.rootKey.secretAccessKey,
    AWS_REGION: world.region,
  }
  const says = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await roleback(args, { env })
    assert.equal(code, 0, stderr)
    return stdout
  }
  const preview = await says('plan', 'preview', BackupPlanId)
  assert.match(preview, new RegExp(`^yes +${daily.arn} +tagged +its tag backup=daily is assigned$`, 'm'))
  assert.match(preview, new RegExp(`^no +${other.arn} `, 'm'))
  assert.match(await says('plan', 'runs', BackupPlanId), /daily +STARTED +1/)
  assert.match(
    await says('plan', 'schedule', 'cron(30 1 * * ? *)'),
    /^(\d{4}-\d\d-\d\dT01:30:00.000Z\n){10}$/,
  )
  await says('resume', daily.arn)
  assert.equal(await says('pauses'), 'Nothing is paused.\n')
  await says('pause', planArn, '--until', new Date(Date.now() + 60_000).toISOString(), '--reason', 'a test')
  assert.match(await says('pauses'), new RegExp(`${planArn} .* a test$`, 'm'))
  assert.equal(await says('resume', planArn), 'resumed\n')
  const { code, stderr } = await roleback(['pause', '--until', 'tomorrow'], { env })
  assert.deepEqual([code, stderr], [1, 'roleback pause: "tomorrow" is no time\n'])
})

/** Makes the plan's rule due now, as if its time had come. */
async function makeDue(): Promise<void> {
  await world.offline(async () => {
    const db = new DatabaseSync(join(world.dataDir, 'roleback.db'))
    db.prepare('update backup_rule set next_run_at = ?').run(Date.now() - 1000)
    db.close()
    return await Promise.resolve()
  })
}
