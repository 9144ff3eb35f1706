import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, before, test } from 'node:test'
import { awsError } from '../fixtures/aws-error.ts'
import { roleback } from '../fixtures/command-line.ts'
import { approveHeld } from '../fixtures/expiry.ts'
import {
  allow,
  makeRole,
  makeUser,
  makeVault,
  openWorld,
  registerDirectory,
  setRights,
  until,
} from '../fixtures/world.ts'

/** Retention by counts, on a plan's rule: AWS has no member for it. */

const DAY = 86_400_000

const world = await openWorld()
after(() => world[Symbol.asyncDispose]())

await makeVault(world, 'vault')
const tree = await registerDirectory(world, 'tree', (path) => writeFileSync(join(path, 'a'), 'a'))
const role = await makeRole(world, 'counted', { statements: [allow('*')] })
const rules = [
  { RuleName: 'daily', TargetBackupVaultName: 'vault', ScheduleExpressionTimezone: 'Europe/Berlin' },
]
const { BackupPlanId = '' } = await world.call('backup', 'CreateBackupPlan', {
  BackupPlan: { BackupPlanName: 'p', Rules: rules },
})
const planArn = `arn:aws:backup:${world.region}:${world.accountId}:backup-plan:${BackupPlanId}`
await world.call('backup', 'CreateBackupSelection', {
  BackupPlanId,
  BackupSelection: { SelectionName: 'all', IamRoleArn: role, Resources: [tree.arn] },
})
const env = {
  AWS_ENDPOINT_URL: world.url,
  AWS_ACCESS_KEY_ID: world.rootKey.accessKeyId,
  AWS_SECRET_ACCESS_KEY: world.rootKey.secretAccessKey,
  AWS_REGION: world.region,
}

/** ARNs, the oldest first: four of four days. */
let points: readonly string[] = []
before(async () => {
  for (let made = 1; made <= 4; made++) {
    await offline((db) => {
      db.prepare('update recovery_point set created_at = created_at - ?').run(DAY)
      db.prepare('update backup_rule set next_run_at = ?').run(Date.now() - 1000)
    })
    await until('the run’s recovery point', async () =>
      (await completed()).length === made ? true : undefined,
    )
  }
  points = await completed()
})

test('PreviewRetention tells what counts that are not set yet would keep and let go', async () => {
  const input = { BackupPlanId, RuleName: 'daily', KeepLast: 1, KeepDaily: 2 }
  assert.deepEqual(await outcomes(input), [
    [points[0], 'GOES', 'no count keeps it'],
    [points[1], 'GOES', 'no count keeps it'],
    [points[2], 'KEPT', 'daily 2'],
    [points[3], 'KEPT', 'last 1, daily 1'],
  ])
  const first = await world.call('roleback', 'PreviewRetention', { ...input, MaxResults: 3 })
  const rest = await world.call('roleback', 'PreviewRetention', { ...input, NextToken: first.NextToken })
  assert.deepEqual([first.RecoveryPoints.length, rest.RecoveryPoints.length], [3, 1])
  assert.deepEqual(await outcomes({ BackupPlanId }), [], 'no counts are set')
  assert.equal((await completed()).length, 4)
})

test('counts need a rule of the plan, and the rights to delete recovery points and to pass the plan’s roles', async () => {
  await assert.rejects(
    world.call('roleback', 'PutRetentionCounts', { BackupPlanId, RuleName: 'dialy', KeepLast: 1 }),
    awsError('InvalidParameterValueException', 'no rule "dialy". Its rules are "daily"'),
  )
  await assert.rejects(
    world.call('roleback', 'PreviewRetention', { BackupPlanId, KeepLast: 1 }),
    awsError('InvalidParameterValueException', 'need RuleName'),
  )
  await assert.rejects(
    world.call('roleback', 'PutRetentionCounts', { BackupPlanId, RuleName: 'daily', KeepLast: 0 }),
    awsError('InvalidParameterValueException', 'keepLast'),
  )
  await assert.rejects(
    world.call('roleback', 'ListRetentionCounts', { BackupPlanId: 'none' }),
    awsError('ResourceNotFoundException', 'none'),
  )
  const put = { BackupPlanId, RuleName: 'daily', KeepLast: 1 }
  const lacking = await makeUser(world, 'counter', [allow('roleback:PutRetentionCounts', planArn)])
  await assert.rejects(
    lacking.call('roleback', 'PutRetentionCounts', put),
    awsError('AccessDeniedException', 'backup:DeleteRecoveryPoint'),
  )
  const deleter = await makeUser(world, 'deleter', [
    allow(['roleback:PutRetentionCounts', 'backup:DeleteRecoveryPoint']),
  ])
  await assert.rejects(
    deleter.call('roleback', 'PutRetentionCounts', put),
    awsError('AccessDeniedException', 'iam:PassRole'),
  )
})

test('counts outlive a plan’s versions; a legal hold and a role that may not delete hold what they do not keep', async () => {
  const counts = { KeepLast: undefined, KeepDaily: 2, KeepWeekly: undefined, KeepMonthly: undefined }
  const { RetentionCounts: made } = await world.call('roleback', 'PutRetentionCounts', {
    BackupPlanId,
    RuleName: 'daily',
    KeepDaily: 2,
  })
  assert.deepEqual([made.RuleName, made.KeepDaily, made.KeepLast], ['daily', 2, counts.KeepLast])
  await world.call('backup', 'UpdateBackupPlan', {
    BackupPlanId,
    BackupPlan: { BackupPlanName: 'p', Rules: [{ RuleName: 'other', TargetBackupVaultName: 'vault' }] },
  })
  assert.deepEqual(await outcomes({ BackupPlanId }), [], 'the rule is gone, its points are not')
  await world.call('backup', 'UpdateBackupPlan', {
    BackupPlanId,
    BackupPlan: { BackupPlanName: 'p', Rules: rules },
  })
  const { RetentionCounts: kept } = await world.call('roleback', 'ListRetentionCounts', { BackupPlanId })
  assert.deepEqual(
    kept.map((one) => [one.RuleName, one.KeepDaily, one.UpdatedBy]),
    [['daily', 2, `arn:aws:iam::${world.accountId}:root`]],
  )
  const { LegalHoldId = '' } = await world.call('backup', 'CreateLegalHold', {
    Title: 'case 1',
    Description: 'd',
    RecoveryPointSelection: {
      VaultNames: ['vault'],
      DateRange: { FromDate: new Date(Date.now() - 10 * DAY), ToDate: new Date(Date.now() + DAY) },
    },
  })
  const held = await outcomes({ BackupPlanId })
  assert.deepEqual(
    held.map(([, outcome]) => outcome),
    ['HELD', 'HELD', 'KEPT', 'KEPT'],
  )
  assert.match(held[0]?.[2] ?? '', /"case 1"/)
  await offline(() => undefined)
  await messageOf(
    points[0] as string,
    /^Kept, though no retention count of its rule keeps it: it is under legal hold/,
  )
  await world.call('backup', 'CancelLegalHold', { LegalHoldId, CancelDescription: 'over' })
  // Until its end is sealed with the points, a hold still keeps them.
  await until('the end of the hold to be sealed', () =>
    world.rows("select 1 from job where state in ('CREATED', 'PENDING', 'RUNNING')").length === 0
      ? true
      : undefined,
  )
  await setRights(world, 'counted', allow('*'), {
    Effect: 'Deny',
    Action: 'backup:DeleteRecoveryPoint',
    Resource: points[0],
  })
  // Two of four at once, by counts that are new: somebody must approve.
  await approveHeld(world)
  await messageOf(points[0] as string, /is not authorized to perform: backup:DeleteRecoveryPoint/)
  await until('the other to go', async () => ((await completed()).length === 3 ? true : undefined))
  assert.deepEqual(await completed(), [points[0], points[2], points[3]])
})

test('what no count keeps goes under its role, and its job says why', async () => {
  await setRights(world, 'counted', allow('*'))
  await offline(() => undefined)
  await until('it to go', async () => ((await completed()).length === 2 ? true : undefined))
  assert.deepEqual(await completed(), points.slice(2))
  const jobs = await until('both jobs to end', () => {
    const ended = world.rows<{ status_message: string }>(
      "select status_message from job where kind = 'delete-point' and state = 'COMPLETED'",
    )
    return ended.length < 2 ? undefined : ended
  })
  const why = `No retention count of the rule daily of backup plan ${BackupPlanId} keeps it`
  assert.deepEqual(
    jobs.map(({ status_message }) => status_message),
    [why, why],
  )
  const audit = world.rows<{ action: string; effect: string }>(
    "select action, effect from audit where request_id like 'expiry %' and resource = ?",
    points[1] as string,
  )
  assert.deepEqual(
    audit.map(({ action, effect }) => [action, effect]),
    [['backup:DeleteRecoveryPoint', 'Allow']],
  )
})

test('the command line sets, shows, previews and takes away counts', async () => {
  const says = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await roleback(['plan', 'retention', BackupPlanId, ...args], { env })
    assert.equal(code, 0, stderr)
    return stdout
  }
  assert.equal(
    await says('--rule', 'daily', '--keep-last', '7', '--keep-yearly', '3'),
    'rule daily keeps last 7, yearly 3\n',
  )
  assert.match(await says(), /^daily +last 7, yearly 3 +arn:aws:iam::\d+:root$/m)
  const preview = await says('--preview', '--rule', 'daily', '--keep-last', '1')
  assert.match(preview, new RegExp(`^GOES +\\S+ +daily +${points[2]} +no count keeps it$`, 'm'))
  assert.match(preview, /^1 of 2 recovery points go\.$/m)
  assert.equal(await says('--rule', 'daily', '--none'), 'rule daily keeps what its lifecycle keeps\n')
  assert.match(await says(), /No rule of this plan has counts/)
  const { code, stderr } = await roleback(
    ['plan', 'retention', BackupPlanId, '--rule', 'daily', '--keep-last', 'all'],
    { env },
  )
  assert.deepEqual([code, /--keep-last takes a number from 1 on, not "all"/.test(stderr)], [1, true])
})

async function outcomes(
  input: Parameters<typeof preview>[0],
): Promise<readonly (readonly [string, string, string])[]> {
  const { RecoveryPoints } = await preview(input)
  return RecoveryPoints.map((one) => [one.RecoveryPointArn, one.Outcome, one.Reason])
}

function preview(input: { BackupPlanId: string; RuleName?: string; KeepLast?: number; KeepDaily?: number }) {
  return world.call('roleback', 'PreviewRetention', input)
}

async function completed(): Promise<readonly string[]> {
  const { RecoveryPoints = [] } = await world.call('backup', 'ListRecoveryPointsByBackupVault', {
    BackupVaultName: 'vault',
  })
  return RecoveryPoints.filter(({ Status }) => Status === 'COMPLETED')
    .map(({ RecoveryPointArn }) => RecoveryPointArn ?? '')
    .toReversed()
}

async function messageOf(RecoveryPointArn: string, expected: RegExp): Promise<void> {
  await until(`${RecoveryPointArn} to say why it stays`, async () => {
    const point = await world.call('backup', 'DescribeRecoveryPoint', {
      BackupVaultName: 'vault',
      RecoveryPointArn,
    })
    assert.equal(point.Status, 'COMPLETED')
    return expected.test(point.StatusMessage ?? '') ? true : undefined
  })
}

/** The first round of housekeeping after a start looks at counts, too. */
async function offline(work: (db: DatabaseSync) => void): Promise<void> {
  await world.offline(async () => {
    const db = new DatabaseSync(join(world.dataDir, 'roleback.db'))
    work(db)
    db.close()
    return await Promise.resolve()
  })
}
