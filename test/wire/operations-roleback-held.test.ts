import assert from 'node:assert/strict'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, test } from 'node:test'
import { awsError } from '../fixtures/aws-error.ts'
import { roleback } from '../fixtures/command-line.ts'
import { letDaysPass } from '../fixtures/expiry.ts'
import {
  allow,
  backUpWell,
  makeRole,
  makeUser,
  makeVault,
  openWorld,
  registerDirectory,
  until,
} from '../fixtures/world.ts'

/** Deletions that wait for somebody to approve. What is held, and when, is in src/jobs/plans/held-deletions.test.ts. */

const world = await openWorld()
after(() => world[Symbol.asyncDispose]())

await makeVault(world, 'vault')
const tree = await registerDirectory(world, 'tree', (path) => writeFileSync(join(path, 'a'), 'a'))
const role = await makeRole(world, 'keeper', { statements: [allow('*')] })
const input = {
  BackupVaultName: 'vault',
  IamRoleArn: role,
  ResourceArn: tree.arn,
  Lifecycle: { DeleteAfterDays: 1 },
}
const older = await backUpWell(world, input)
const last = await backUpWell(world, input)

const env = {
  AWS_ENDPOINT_URL: world.url,
  AWS_ACCESS_KEY_ID: world.rootKey.accessKeyId,
  AWS_SECRET_ACCESS_KEY: world.rootKey.secretAccessKey,
  AWS_REGION: world.region,
}

test('R5 the last recovery point of a resource is held when its retention is over, visibly, and goes once somebody approves', async () => {
  const list = await world.call('roleback', 'ListHeldDeletions', {})
  assert.deepEqual(list.HeldDeletions, [])
  await letDaysPass(world, 2)
  const { HeldDeletions } = await until('the last point to be held, the other to go', async () => {
    const held = await world.call('roleback', 'ListHeldDeletions', { BackupVaultName: 'vault' })
    const { NumberOfRecoveryPoints } = await world.call('backup', 'DescribeBackupVault', {
      BackupVaultName: 'vault',
    })
    return held.HeldDeletions.length === 1 && NumberOfRecoveryPoints === 1 ? held : undefined
  })
  const [held] = HeldDeletions
  assert.deepEqual([held?.RecoveryPointArn, held?.Cause, held?.ApprovedAt], [last, 'LAST_POINT', undefined])
  const point = await world.call('backup', 'DescribeRecoveryPoint', {
    BackupVaultName: 'vault',
    RecoveryPointArn: last,
  })
  assert.equal(point.Status, 'EXPIRED')
  assert.equal(point.StatusMessage, held?.Reason)
  assert.match(point.StatusMessage ?? '', /^Held, not deleted: it is the last recovery point of /)
  const shown = await roleback(['vault', 'held'], { env })
  assert.match(shown.stdout, new RegExp(`^vault +\\S+ +${last} +Held, not deleted`, 'm'))

  const approval = { BackupVaultName: 'vault', RecoveryPointArns: [last] }
  const nobody = await makeUser(world, 'operator', [], ['arn:aws:iam::aws:policy/AWSBackupFullAccess'])
  await assert.rejects(
    nobody.call('roleback', 'ApproveHeldDeletions', approval),
    awsError('AccessDeniedException', 'ApproveHeldDeletions'),
  )
  const half = await makeUser(world, 'half', [allow('roleback:*')])
  await assert.rejects(
    half.call('roleback', 'ApproveHeldDeletions', approval),
    awsError('AccessDeniedException', 'backup:DeleteRecoveryPoint'),
  )
  await assert.rejects(
    world.call('roleback', 'ApproveHeldDeletions', { ...approval, RecoveryPointArns: [last, older] }),
    awsError('ResourceNotFoundException', 'is not held in backup vault "vault"'),
  )
  const unsaid = await roleback(['vault', 'approve', 'vault'], { env })
  assert.deepEqual([unsaid.code, /say which recovery points may go/.test(unsaid.stderr)], [2, true])
  const { stdout } = await roleback(['vault', 'approve', 'vault', '--all'], { env })
  assert.equal(
    stdout,
    'approved: 1 recovery points of vault go as their roles, locks and legal holds let them\n',
  )
  await assert.rejects(
    world.call('roleback', 'ApproveHeldDeletions', approval),
    awsError('InvalidRequestException', 'approved already'),
  )
  // A restart looks at once.
  await letDaysPass(world, 0)
  await until('the approved point to go', async () => {
    const { NumberOfRecoveryPoints } = await world.call('backup', 'DescribeBackupVault', {
      BackupVaultName: 'vault',
    })
    return NumberOfRecoveryPoints === 0 ? true : undefined
  })
  assert.deepEqual((await world.call('roleback', 'ListHeldDeletions', {})).HeldDeletions, [])
})

test('counts that are set let no more than a share of a vault go at once', async () => {
  const { BackupPlanId = '' } = await world.call('backup', 'CreateBackupPlan', {
    BackupPlan: { BackupPlanName: 'p', Rules: [{ RuleName: 'daily', TargetBackupVaultName: 'vault' }] },
  })
  await world.call('backup', 'CreateBackupSelection', {
    BackupPlanId,
    BackupSelection: { SelectionName: 'all', IamRoleArn: role, Resources: [tree.arn] },
  })
  const made: string[] = []
  for (let i = 0; i < 4; i++) made.push(await backUpWell(world, { ...input, Lifecycle: undefined }))
  await world.offline(async () => {
    const db = new DatabaseSync(join(world.dataDir, 'roleback.db'))
    const by = JSON.stringify({ BackupPlanId, BackupRuleName: 'daily' })
    db.prepare('update recovery_point set plan_id = ?, created_by = ?').run(BackupPlanId, by)
    db.close()
    return await Promise.resolve()
  })
  await world.call('roleback', 'PutRetentionCounts', { BackupPlanId, RuleName: 'daily', KeepLast: 1 })
  await letDaysPass(world, 0)
  const held = await until('what counts let go to be held', async () => {
    const { HeldDeletions } = await world.call('roleback', 'ListHeldDeletions', {})
    return HeldDeletions.length === 3 ? HeldDeletions : undefined
  })
  assert.deepEqual(
    held.map(({ RecoveryPointArn }) => RecoveryPointArn).toSorted(),
    made.slice(0, 3).toSorted(),
  )
  assert.ok(
    held.every(
      ({ Cause, Reason }) =>
        Cause === 'VAULT_SHARE' && /3 of the 4 .* retention counts of backup plan/.test(Reason),
    ),
  )
  const announced = await until('it to be announced', () => {
    const rows = world.rows<{ detail: string }>(
      "select detail from audit where action = 'roleback:DeletionsHeld' and detail like '%VAULT_SHARE%'",
    )
    return rows.map(({ detail }) => JSON.parse(detail) as Record<string, unknown>)[0]
  })
  assert.deepEqual(
    [
      announced['state'],
      announced['backupVaultName'],
      announced['recoveryPointCount'],
      announced['statusMessage'],
    ],
    ['HELD', 'vault', 3, held[0]?.Reason],
  )
  const first = { BackupVaultName: 'vault', RecoveryPointArn: made[0] as string }
  const point = await until('the point to say so', async () => {
    const described = await world.call('backup', 'DescribeRecoveryPoint', first)
    return described.StatusMessage === undefined ? undefined : described
  })
  assert.equal(point.Status, 'COMPLETED')
  assert.match(
    point.StatusMessage ?? '',
    /^Kept, though no retention count of its rule keeps it: Held, not deleted: 3 of the 4/,
  )
  await world.call('roleback', 'ApproveHeldDeletions', {
    BackupVaultName: 'vault',
    RecoveryPointArns: made.slice(0, 2),
  })
  await letDaysPass(world, 0)
  await until('the approved points to go', async () => {
    const { NumberOfRecoveryPoints } = await world.call('backup', 'DescribeBackupVault', {
      BackupVaultName: 'vault',
    })
    return NumberOfRecoveryPoints === 2 ? true : undefined
  })
  const left = await world.call('roleback', 'ListHeldDeletions', {})
  assert.deepEqual(
    left.HeldDeletions.map(({ RecoveryPointArn }) => RecoveryPointArn),
    [made[2]],
  )
})

test('the usage of a vault is told day by day with a forecast', async () => {
  await makeVault(world, 'grown')
  const whole = await backUpWell(world, { ...input, BackupVaultName: 'grown' })
  const today = Math.floor(Date.now() / 86_400_000)
  const usage = async (more: object = {}) =>
    await world.call('roleback', 'ListVaultUsage', { BackupVaultName: 'grown', ...more })
  const { Usage: first, Forecast } = await usage()
  assert.deepEqual(
    first.map((day) => [day.Date.getTime(), day.ContentBytes, day.NumberOfRecoveryPoints, day.StoredBytes]),
    [[today * 86_400_000, 1, 1, undefined]],
    'before the first hour what is there now is told',
  )
  assert.equal(Forecast, undefined, 'a forecast takes a week')
  await world.offline(async () => {
    const db = new DatabaseSync(join(world.dataDir, 'roleback.db'))
    const { vault_id: id = '' } = db.prepare("select vault_id from vault where name = 'grown'").get() ?? {}
    const row = db.prepare('insert into vault_usage values (?, ?, ?, ?, ?)')
    // One first backup, then 1,000 bytes a day; the oldest is older than what a forecast looks at.
    for (const [ago, bytes] of [
      [40, 0],
      ...Array.from({ length: 10 }, (_, day) => [10 - day, 5_000 + day * 1_000]),
    ])
      row.run(id, today - (ago ?? 0), bytes ?? 0, (bytes ?? 0) / 2, 3)
    db.close()
    return await Promise.resolve()
  })
  const { Usage: days, Forecast: forecast } = await until('the day to be written down', async () => {
    const told = await usage({ Days: 11 })
    return told.Usage.length === 11 ? told : undefined
  })
  assert.deepEqual([days[0]?.ContentBytes, days[9]?.ContentBytes], [5_000, 14_000])
  assert.equal(forecast?.ContentBytesPerDay, 1_000)
  assert.equal(forecast?.ContentBytesIn30Days, 30_001)
  assert.equal(forecast?.StoredBytesPerDay, undefined)
  await backUpWell(world, { ...input, BackupVaultName: 'grown' })
  const { Usage: now } = await usage({ Days: 1 })
  assert.equal(now[0]?.NumberOfRecoveryPoints, 2, 'what came since it was written down is told, too')
  const { Usage: stored } = await usage({ IncludeStoredBytes: true, Days: 1 })
  assert.ok((stored[0]?.StoredBytes ?? 0) > 0, 'a backup adds what it stored, before any sweep')
  const { stdout } = await roleback(['vault', 'usage', 'grown', '--days', '2', '--stored'], { env })
  assert.match(
    stdout,
    /DAY +RECOVERY POINTS +CONTENT +STORED\n.*14 KiB.*\n.*2 B.*\nIn 30 days at the pace of the last 11: 29 KiB, \d+ KiB stored/,
  )
  assert.ok(whole)
})

test('an empty vault goes while a sweep waits or runs there, and its storage once that has stopped', async () => {
  await makeVault(world, 'upkept')
  const change = async (statements: (db: DatabaseSync) => void): Promise<void> =>
    await world.offline(async () => {
      const db = new DatabaseSync(join(world.dataDir, 'roleback.db'))
      statements(db)
      db.close()
      return await Promise.resolve()
    })
  const [vault] = world.rows<{ vault_id: string }>('select vault_id from vault where name = ?', 'upkept')
  const id = vault?.vault_id ?? ''
  const folder = join(world.dataDir, 'vaults', id)
  await change((db) => {
    const sweep = db.prepare("select * from job where kind = 'sweep' limit 1").get() ?? {}
    const far = Date.now() + 3_600_000
    const of = { ...sweep, vault_name: 'upkept', lock_key: `sweep ${id}`, completed_at: null, run_at: far }
    const another = { lease_owner: 'another', lease_until: far, state: 'RUNNING', job_id: 'running' }
    for (const row of [
      { ...of, state: 'CREATED', job_id: 'waiting' },
      { ...of, ...another },
    ])
      db.prepare(
        `insert into job (${Object.keys(row).join(', ')}) values (${Object.keys(row)
          .map(() => '?')
          .join(', ')})`,
      ).run(...(Object.values(row) as string[]))
  })
  await world.call('backup', 'DeleteBackupVault', { BackupVaultName: 'upkept' })
  const told = world.rows<{ state: string; cancel_requested: number }>(
    "select state, cancel_requested from job where job_id in ('running', 'waiting') order by job_id",
  )
  assert.deepEqual(
    told.map((row) => ({ ...row })),
    [
      { state: 'ABORTING', cancel_requested: 1 },
      { state: 'ABORTED', cancel_requested: 1 },
    ],
  )
  await until('the deletion to wait for the sweep', () =>
    Promise.resolve(
      world.rows(
        "select 1 from job where kind = 'delete-vault' and status_message like '%once the sweep%'",
      )[0],
    ),
  )
  assert.ok(existsSync(folder))
  await change((db) => db.exec("update job set state = 'ABORTED' where job_id = 'running'"))
  await until('the storage to be deleted', () => Promise.resolve(existsSync(folder) ? undefined : true))
})
