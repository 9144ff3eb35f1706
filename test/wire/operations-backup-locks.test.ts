import assert from 'node:assert/strict'
import { copyFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import {
  CreateBackupVaultCommand,
  CreateLogicallyAirGappedBackupVaultCommand,
  DeleteBackupVaultCommand,
  DeleteBackupVaultLockConfigurationCommand,
  DeleteBackupVaultNotificationsCommand,
  DeleteRecoveryPointCommand,
  DescribeBackupVaultCommand,
  DescribeCopyJobCommand,
  DescribeRecoveryPointCommand,
  GetBackupVaultNotificationsCommand,
  ListBackupJobsCommand,
  ListBackupVaultsCommand,
  ListRecoveryPointsByResourceCommand,
  PutBackupVaultLockConfigurationCommand,
  PutBackupVaultNotificationsCommand,
  StartBackupJobCommand,
  StartCopyJobCommand,
  UpdateRecoveryPointLifecycleCommand,
} from '@aws-sdk/client-backup'
import type { BackupVaultEvent } from '@aws-sdk/client-backup'
import { callerOf } from '../../src/aws/client.ts'
import { DAY_MS, letServerRun, sealedIn, sealingDone, shiftWallClock } from '../fixtures/locks.ts'
import {
  ALL_RIGHTS,
  allow,
  backUp,
  backUpWell,
  jobEnd,
  makeRole,
  makeUser,
  makeVault,
  registerDirectory,
  restore,
  until,
} from '../fixtures/world.ts'
import { sdkError, startTestServer } from '../server.ts'

/** Vault locks through the SDK. */

const server = await startTestServer()
after(() => server[Symbol.asyncDispose]())
const { world } = server
const { backup } = server.clients
const tree = await registerDirectory(world, 'tree', (path) => writeFileSync(join(path, 'a'), 'a'))
const IamRoleArn = await makeRole(world, 'worker', { statements: [ALL_RIGHTS] })
const backUpFor = (BackupVaultName: string, DeleteAfterDays: number): Promise<string> =>
  backUpWell(world, { BackupVaultName, ResourceArn: tree.arn, IamRoleArn, Lifecycle: { DeleteAfterDays } })
const lock = (BackupVaultName: string, more: object = {}) =>
  backup.send(new PutBackupVaultLockConfigurationCommand({ BackupVaultName, ...more }))
const unlock = (BackupVaultName: string) =>
  backup.send(new DeleteBackupVaultLockConfigurationCommand({ BackupVaultName }))
const describe = (BackupVaultName: string) => backup.send(new DescribeBackupVaultCommand({ BackupVaultName }))

test('a governance lock is set, described, sealed in the vault, keeps points, and is removed by whoever may', async () => {
  const BackupVaultName = 'governance'
  await makeVault(world, BackupVaultName)
  const RecoveryPointArn = await backUpFor(BackupVaultName, 20)
  await lock(BackupVaultName, { MinRetentionDays: 7, MaxRetentionDays: 30 })
  const vault = await describe(BackupVaultName)
  assert.deepEqual(
    [vault.Locked, vault.MinRetentionDays, vault.MaxRetentionDays, vault.LockDate],
    [true, 7, 30, undefined],
  )
  const { BackupVaultList } = await backup.send(new ListBackupVaultsCommand({}))
  assert.equal(BackupVaultList?.find((one) => one.BackupVaultName === BackupVaultName)?.Locked, true)
  const { record } = await sealedIn(world, BackupVaultName, ({ record: r }) => r['lock'] !== undefined)
  const { mode, minRetentionDays, maxRetentionDays } = record['lock'] as Record<string, unknown>
  assert.deepEqual([mode, minRetentionDays, maxRetentionDays], ['governance', 7, 30])

  const remove = () => backup.send(new DeleteRecoveryPointCommand({ BackupVaultName, RecoveryPointArn }))
  await assert.rejects(
    remove(),
    sdkError('InvalidRequestException', 400, 'backup vault governance is locked in governance mode'),
  )
  await assert.rejects(
    backup.send(new DeleteBackupVaultCommand({ BackupVaultName })),
    sdkError('InvalidRequestException', 400, 'Backup vault cannot be deleted because it contains'),
  )
  const keep = (DeleteAfterDays: number) =>
    backup.send(
      new UpdateRecoveryPointLifecycleCommand({
        BackupVaultName,
        RecoveryPointArn,
        Lifecycle: { DeleteAfterDays },
      }),
    )
  await assert.rejects(keep(19), sdkError('InvalidRequestException', 400, 'can only be made longer'))
  await assert.rejects(keep(31), sdkError('InvalidRequestException', 400, 'maximum retention period of 30'))
  await assert.rejects(keep(-1), sdkError('InvalidRequestException', 400, 'has no end'))
  await keep(25)
  assert.equal(
    (await backup.send(new DescribeRecoveryPointCommand({ BackupVaultName, RecoveryPointArn }))).Lifecycle
      ?.DeleteAfterDays,
    25,
  )

  const jobs = async () =>
    (await backup.send(new ListBackupJobsCommand({ ByBackupVaultName: BackupVaultName }))).BackupJobs?.map(
      (job) => [job.VaultType, job.VaultLockState, job.RecoveryPointLifecycle],
    )
  assert.deepEqual(await jobs(), [['BACKUP_VAULT', 'LOCKED', { DeleteAfterDays: 20 }]])

  await unlock(BackupVaultName)
  assert.equal((await describe(BackupVaultName)).Locked, false)
  assert.equal((await jobs())?.[0]?.[1], 'UNLOCKED')
  await remove()
  await until('the recovery point to go', async () =>
    (await describe(BackupVaultName)).NumberOfRecoveryPoints === 0 ? true : undefined,
  )
  assert.equal((await sealedIn(world, BackupVaultName, ({ record: r }) => r['lock'] === undefined)).number, 3)
})

test('retention outside a lock’s limits is refused at the call, and fails the job that a plan or no lifecycle makes', async () => {
  const BackupVaultName = 'limits'
  await makeVault(world, BackupVaultName)
  await lock(BackupVaultName, { MinRetentionDays: 7, MaxRetentionDays: 30 })
  const start = (Lifecycle?: object) =>
    backup.send(new StartBackupJobCommand({ BackupVaultName, ResourceArn: tree.arn, IamRoleArn, Lifecycle }))
  await assert.rejects(
    start({ DeleteAfterDays: 6 }),
    sdkError(
      'InvalidParameterValueException',
      400,
      'the retention period of 6 days is shorter than the minimum',
    ),
  )
  await assert.rejects(
    start({ DeleteAfterDays: 31 }),
    sdkError(
      'InvalidParameterValueException',
      400,
      'the retention period of 31 days is longer than the maximum',
    ),
  )
  const job = await backUp(world, { BackupVaultName, ResourceArn: tree.arn, IamRoleArn })
  assert.deepEqual(
    [job.State, job.StatusMessage],
    [
      'FAILED',
      'Backup job failed. The retention specified in the job is not within the range specified for the target Backup Vault. ' +
        "The retention period has no end, which is longer than the maximum retention period of 30 days of the backup vault's lock.",
    ],
  )
  await backUpFor(BackupVaultName, 7)
  // A plan may say what it likes: its jobs are held against the lock that the vault has when they run. Whoever makes it is told.
  const warnings: string[] = []
  const call = callerOf(world.url, world.rootKey, world.region, { onWarning: (text) => warnings.push(text) })
  const { BackupVaultArn = '' } = await describe(BackupVaultName)
  const { BackupPlanId = '' } = await call('backup', 'CreateBackupPlan', {
    BackupPlan: {
      BackupPlanName: 'short',
      Rules: [{ RuleName: 'r', TargetBackupVaultName: BackupVaultName, Lifecycle: { DeleteAfterDays: 1 } }],
    },
  })
  const warning = `Rule r: its backups into ${BackupVaultArn} would fail: the retention period of 1 days is shorter than the minimum retention period of 7 days of the backup vault's lock`
  assert.deepEqual(warnings, [warning])
  const preview = await call('roleback', 'PreviewBackupSelection', { BackupPlanId })
  assert.deepEqual(preview.Warnings, [warning])
})

test('who sets a lock is warned of the plans that he may read and whose backups or copies it would refuse', async () => {
  for (const name of ['copied-into', 'unlocked']) await makeVault(world, name)
  const { BackupVaultArn = '' } = await describe('copied-into')
  const plan = async (BackupPlanName: string, rule: object): Promise<string> => {
    const Rules = [{ RuleName: 'r', TargetBackupVaultName: 'unlocked', ...rule }]
    const made = await world.call('backup', 'CreateBackupPlan', { BackupPlan: { BackupPlanName, Rules } })
    return made.BackupPlanArn ?? ''
  }
  const copiesFor = (DeleteAfterDays: number) => ({
    CopyActions: [{ DestinationBackupVaultArn: BackupVaultArn, Lifecycle: { DeleteAfterDays } }],
  })
  const own = await plan('copies', copiesFor(8))
  await plan('fits', copiesFor(30))
  await plan('elsewhere', { Lifecycle: { DeleteAfterDays: 1 } })
  await plan('backs-up', { TargetBackupVaultName: 'copied-into', Lifecycle: { DeleteAfterDays: 9 } })
  const locker = await makeUser(world, 'lock-reader', [
    allow('backup:PutBackupVaultLockConfiguration'),
    { ...allow('backup:GetBackupPlan'), Resource: own },
  ])
  const warningsOf = async (key: typeof world.rootKey, MinRetentionDays: number): Promise<string[]> => {
    const warnings: string[] = []
    const call = callerOf(world.url, key, world.region, { onWarning: (text) => warnings.push(text) })
    await call('backup', 'PutBackupVaultLockConfiguration', {
      BackupVaultName: 'copied-into',
      MinRetentionDays,
    })
    return warnings
  }
  const problem = (days: number): string =>
    `into ${BackupVaultArn} would fail: the retention period of ${days} days is shorter than the minimum retention period of 20 days of the backup vault's lock`
  const copies = `Backup plan copies: Rule r: its copies ${problem(8)}`
  assert.deepEqual(await warningsOf(world.rootKey, 20), [
    `Backup plan backs-up: Rule r: its backups ${problem(9)} | ${copies}`,
  ])
  const denials = () => world.rows('select 1 from denial').length
  const before = denials()
  assert.deepEqual(await warningsOf(locker.key, 20), [copies])
  assert.equal(denials(), before, 'a plan that the caller may not read is no refusal')
  // A lock that is made looser is judged as it will be, whatever is sealed in the vault still.
  await sealingDone(world)
  assert.deepEqual(await warningsOf(world.rootKey, 8), [])
})

test('what AWS does not take for a lock is refused with the member’s name', async () => {
  const BackupVaultName = 'refused'
  await makeVault(world, BackupVaultName)
  const cases: readonly (readonly [object, string])[] = [
    [{ ChangeableForDays: 2 }, 'ChangeableForDays must be 3 to 36500'],
    [{ ChangeableForDays: 36_501 }, 'ChangeableForDays must be 3 to 36500'],
    [{ MinRetentionDays: 0 }, 'MinRetentionDays must be 1 to 36500'],
    [{ MaxRetentionDays: 36_501 }, 'MaxRetentionDays must be 1 to 36500'],
    [
      { MinRetentionDays: 8, MaxRetentionDays: 7 },
      'MinRetentionDays (8) is greater than MaxRetentionDays (7)',
    ],
  ]
  for (const [input, text] of cases)
    await assert.rejects(lock(BackupVaultName, input), sdkError('InvalidParameterValueException', 400, text))
  await assert.rejects(lock('absent'), sdkError('ResourceNotFoundException', 400, 'absent'))
  await assert.rejects(unlock('absent'), sdkError('ResourceNotFoundException', 400, 'absent'))
  assert.equal((await describe(BackupVaultName)).Locked, false)
})

test('R21 a compliance lock may be changed in its grace time and by nobody after it, whatever the wall clock says', async () => {
  const BackupVaultName = 'compliance'
  await makeVault(world, BackupVaultName)
  await backup.send(new CreateBackupVaultCommand({ BackupVaultName: 'compliance-empty' }))
  await lock(BackupVaultName, { ChangeableForDays: 30, MinRetentionDays: 1 })
  await lock(BackupVaultName, { ChangeableForDays: 3, MinRetentionDays: 7 })
  const { LockDate, MinRetentionDays } = await describe(BackupVaultName)
  assert.equal(MinRetentionDays, 7)
  assert.ok(Math.abs((LockDate?.getTime() ?? 0) - Date.now() - 3 * DAY_MS) < 60_000)
  await unlock(BackupVaultName)
  await lock(BackupVaultName, { ChangeableForDays: 3, MinRetentionDays: 7 })
  await lock('compliance-empty', { ChangeableForDays: 3 })
  await sealingDone(world)
  const RecoveryPointArn = await backUpFor(BackupVaultName, 8)

  // The wall clock alone closes nothing for good: an hour of a wrong one would be for ever.
  {
    using _ahead = shiftWallClock(4)
    const { call } = world
    await assert.rejects(
      call('backup', 'DeleteBackupVaultLockConfiguration', { BackupVaultName }),
      /its grace time ended at/,
    )
  }
  await lock(BackupVaultName, { ChangeableForDays: 3, MinRetentionDays: 7 })
  await sealingDone(world)

  await letServerRun(world, 4)
  await sealedIn(
    world,
    BackupVaultName,
    ({ record }) => (record['lock'] as { isFinal?: true }).isFinal === true,
  )
  await until('the row to know it', async () => {
    const [row] = world.rows<{ sealed_records: string }>(
      'select sealed_records from vault where name = ?',
      BackupVaultName,
    )
    return row?.sealed_records.includes('isFinal') === true ? true : undefined
  })
  // The wall clock still shows the grace time, and a year ago more so.
  for (const days of [0, -365]) {
    using _back = shiftWallClock(days)
    for (const operation of [
      'PutBackupVaultLockConfiguration',
      'DeleteBackupVaultLockConfiguration',
    ] as const)
      await assert.rejects(
        world.call('backup', operation, { BackupVaultName }),
        /Nobody can change or remove it/,
        `${operation} with the clock ${days} days off`,
      )
  }
  await assert.rejects(
    backup.send(new DeleteRecoveryPointCommand({ BackupVaultName, RecoveryPointArn })),
    sdkError('InvalidRequestException', 400, 'is locked in compliance mode'),
  )
  // An empty vault may go, however it is locked.
  await until('its jobs to end', async () => {
    try {
      await backup.send(new DeleteBackupVaultCommand({ BackupVaultName: 'compliance-empty' }))
      return true
    } catch (error) {
      sdkError('InvalidRequestException', 400, 'while jobs use it')(error)
      return undefined
    }
  })
})

test('R21 a locked vault whose key record is another is not filled and not swept, says so, and is good again after a repair', async () => {
  for (const name of ['pinned', 'strange']) await makeVault(world, name)
  const BackupVaultName = 'pinned'
  await lock(BackupVaultName, { MinRetentionDays: 7 })
  const { record } = await sealedIn(world, BackupVaultName, ({ record: r }) => r['lock'] !== undefined)
  const { number, id } = record['lockKey'] as { readonly number: number; readonly id: string }
  assert.deepEqual([number, /^[0-9a-f]{32}$/.test(id)], [1, true])
  const RecoveryPointArn = await backUpFor(BackupVaultName, 20)

  const keyRecord = (name: string): string => {
    const [row] = world.rows<{ vault_id: string }>('select vault_id from vault where name = ?', name)
    return join(world.dataDir, 'vaults', row?.vault_id ?? '', 'keys', 'server.json')
  }
  const own = keyRecord(BackupVaultName)
  const input = { BackupVaultName, ResourceArn: tree.arn, IamRoleArn, Lifecycle: { DeleteAfterDays: 20 } }
  for (const [spoil, said] of [
    [
      () => copyFileSync(keyRecord('strange'), own),
      /"keys\/server.json" is not the one that this server put/,
    ],
    [
      () => undefined,
      /locked, and its key record "keys\/server.json" is gone\. No recovery point goes into it/,
    ],
  ] as const) {
    rmSync(own)
    spoil()
    const job = await backUp(world, input)
    assert.deepEqual(
      [job.State, said.test(job.StatusMessage ?? '')],
      ['FAILED', true],
      job.StatusMessage ?? '',
    )
  }
  const sweep = await world.call('roleback', 'StartSweepJob', { BackupVaultName })
  const swept = await jobEnd(world, sweep.JobId ?? '')
  assert.deepEqual(
    [swept.State, /^Sweep failed: .* is gone/.test(swept.StatusMessage ?? '')],
    ['FAILED', true],
  )
  const [told] = world.rows<{ lock_problem: string }>(
    'select lock_problem from vault where name = ?',
    BackupVaultName,
  )
  assert.match(told?.lock_problem ?? '', /key record/)
  const Metadata = { 'file-system-id': tree.arn.split('/').at(-1) ?? '', newFileSystem: 'false' }
  const restored = await restore(world, { RecoveryPointArn, IamRoleArn, Metadata })
  assert.equal(restored.Status, 'COMPLETED', restored.StatusMessage ?? '')

  const repair = await world.call('roleback', 'StartRepairJob', { BackupVaultName, IamRoleArn })
  assert.equal((await jobEnd(world, repair.JobId ?? '')).State, 'COMPLETED')
  await backUpFor(BackupVaultName, 20)
})

test('setting a lock can be granted by how long it may be changed and by its limits', async () => {
  const BackupVaultName = 'granted'
  await makeVault(world, BackupVaultName)
  const locker = await makeUser(world, 'locker', [
    {
      ...allow('backup:PutBackupVaultLockConfiguration'),
      Condition: {
        NumericGreaterThanEquals: { 'backup:ChangeableForDays': '7', 'backup:MinRetentionDays': '30' },
        NumericLessThanEquals: { 'backup:MaxRetentionDays': '365' },
      },
    },
  ])
  const put = (input: object) =>
    server
      .clientsOf(locker.key)
      .backup.send(new PutBackupVaultLockConfigurationCommand({ BackupVaultName, ...input }))
  const good = { ChangeableForDays: 7, MinRetentionDays: 30, MaxRetentionDays: 365 }
  for (const bad of [
    { ...good, ChangeableForDays: 3 },
    { ...good, MinRetentionDays: 1 },
    { ...good, MaxRetentionDays: 366 },
    { MinRetentionDays: 30, MaxRetentionDays: 365 },
  ]) {
    await assert.rejects(put(bad), sdkError('AccessDeniedException', 403))
  }
  await put(good)
  await assert.rejects(
    server
      .clientsOf(locker.key)
      .backup.send(new DeleteBackupVaultLockConfigurationCommand({ BackupVaultName })),
    sdkError('AccessDeniedException', 403),
  )
  assert.equal((await describe(BackupVaultName)).Locked, true)
})

test('notifications of a vault are kept, read back, replaced and taken away; what is no topic or event is refused', async () => {
  const BackupVaultName = 'told'
  await makeVault(world, BackupVaultName)
  const SNSTopicArn = `arn:aws:sns:${world.region}:${world.accountId}:backups`
  const put = (BackupVaultEvents: readonly string[], topic = SNSTopicArn) =>
    backup.send(
      new PutBackupVaultNotificationsCommand({
        BackupVaultName,
        SNSTopicArn: topic,
        BackupVaultEvents: BackupVaultEvents as BackupVaultEvent[],
      }),
    )
  const get = () => backup.send(new GetBackupVaultNotificationsCommand({ BackupVaultName }))
  await assert.rejects(get(), sdkError('ResourceNotFoundException', 400, 'told has no notifications'))
  await put(['BACKUP_JOB_FAILED'])
  await put(['BACKUP_JOB_COMPLETED', 'RESTORE_JOB_COMPLETED', 'BACKUP_JOB_COMPLETED'])
  const got = await get()
  assert.deepEqual(
    [got.BackupVaultName, got.SNSTopicArn, got.BackupVaultEvents],
    [BackupVaultName, SNSTopicArn, ['BACKUP_JOB_COMPLETED', 'RESTORE_JOB_COMPLETED']],
  )
  await assert.rejects(put(['NO_SUCH_EVENT']), sdkError('InvalidParameterValueException', 400))
  await assert.rejects(put([]), sdkError('InvalidParameterValueException', 400, 'at least one event'))
  await assert.rejects(
    put(['BACKUP_JOB_FAILED'], 'arn:aws:sqs:us-east-1:123456789012:queue'),
    sdkError('InvalidParameterValueException', 400, 'is not the ARN of a topic'),
  )
  await backup.send(new DeleteBackupVaultNotificationsCommand({ BackupVaultName }))
  await assert.rejects(get(), sdkError('ResourceNotFoundException', 400))
})

test('a logically air-gapped vault is locked for good at once, takes copies only, and goes when it is empty', async () => {
  const BackupVaultName = 'air-gapped'
  const create = (MinRetentionDays: number, MaxRetentionDays: number, more: object = {}) =>
    backup.send(
      new CreateLogicallyAirGappedBackupVaultCommand({
        BackupVaultName,
        MinRetentionDays,
        MaxRetentionDays,
        ...more,
      }),
    )
  await assert.rejects(
    create(6, 30),
    sdkError('InvalidParameterValueException', 400, 'MinRetentionDays must be 7'),
  )
  await assert.rejects(create(31, 30), sdkError('InvalidParameterValueException', 400, 'is greater than'))
  await assert.rejects(
    create(7, 30, { EncryptionKeyArn: 'arn:aws:kms:us-east-1:123456789012:key/1' }),
    sdkError('InvalidParameterValueException', 400, 'has no such key'),
  )
  const made = await create(7, 30, { CreatorRequestId: 'once' })
  assert.equal(made.VaultState, 'CREATING')
  assert.equal((await create(7, 30, { CreatorRequestId: 'once' })).BackupVaultArn, made.BackupVaultArn)
  for (const [least, most] of [
    [8, 30],
    [7, 31],
  ] as const)
    await assert.rejects(
      create(least, most, { CreatorRequestId: 'once' }),
      sdkError('AlreadyExistsException', 400),
    )
  // What locks nothing is not the same request as what locks for good.
  await assert.rejects(
    world.call('backup', 'CreateBackupVault', { BackupVaultName, CreatorRequestId: 'once' }),
    /already exists/,
  )
  await until('the vault to be there', async () =>
    (await describe(BackupVaultName)).VaultState === 'AVAILABLE' ? true : undefined,
  )
  const vault = await describe(BackupVaultName)
  assert.deepEqual(
    [vault.VaultType, vault.Locked, vault.MinRetentionDays, vault.MaxRetentionDays],
    ['LOGICALLY_AIR_GAPPED_BACKUP_VAULT', true, 7, 30],
  )
  const { BackupVaultList } = await backup.send(
    new ListBackupVaultsCommand({ ByVaultType: 'LOGICALLY_AIR_GAPPED_BACKUP_VAULT' }),
  )
  assert.deepEqual(
    BackupVaultList?.map((one) => one.BackupVaultName),
    [BackupVaultName],
  )
  await assert.rejects(unlock(BackupVaultName), sdkError('InvalidRequestException', 400, 'Nobody can change'))
  await assert.rejects(lock(BackupVaultName), sdkError('InvalidRequestException', 400, 'Nobody can change'))
  await assert.rejects(backUpFor(BackupVaultName, 7), /it is a logically air-gapped vault/)

  await makeVault(world, 'first')
  const RecoveryPointArn = await backUpFor('first', 5)
  const copy = async (DeleteAfterDays?: number, of = RecoveryPointArn) => {
    const { CopyJobId } = await backup.send(
      new StartCopyJobCommand({
        SourceBackupVaultName: 'first',
        DestinationBackupVaultArn: made.BackupVaultArn,
        RecoveryPointArn: of,
        IamRoleArn,
        ...(DeleteAfterDays !== undefined && { Lifecycle: { DeleteAfterDays } }),
      }),
    )
    return await until('the copy to end', async () => {
      const { CopyJob } = await backup.send(new DescribeCopyJobCommand({ CopyJobId }))
      return ['COMPLETED', 'FAILED'].includes(CopyJob?.State ?? '') ? CopyJob : undefined
    })
  }
  await assert.rejects(
    copy(5),
    sdkError(
      'InvalidParameterValueException',
      400,
      'the retention period of 5 days is shorter than the minimum',
    ),
  )
  // What it has of its source: five days, too.
  assert.match(
    (await copy()).StatusMessage ?? '',
    /^Copy job failed\. The retention specified in the job is not within the range specified for the target Backup Vault\. The retention period of 5 days is shorter than the minimum/,
  )
  const copied = await copy(8)
  assert.equal(copied.State, 'COMPLETED', copied.StatusMessage ?? '')
  const point = { BackupVaultName, RecoveryPointArn: copied.DestinationRecoveryPointArn ?? '' }
  const described = await backup.send(new DescribeRecoveryPointCommand(point))
  const shown = await backup.send(new ListRecoveryPointsByResourceCommand({ ResourceArn: tree.arn }))
  const listed = shown.RecoveryPoints?.find((one) => one.RecoveryPointArn === point.RecoveryPointArn)
  assert.deepEqual(
    [described.VaultType, listed?.VaultType, copied.DestinationVaultType, copied.DestinationVaultLockState],
    [vault.VaultType, vault.VaultType, vault.VaultType, 'LOCKED'],
  )
  await assert.rejects(
    backup.send(new DeleteRecoveryPointCommand(point)),
    sdkError('InvalidRequestException', 400, 'is locked in compliance mode'),
  )
  // What is over of the source's retention does not count against the least that the vault keeps.
  const older = { BackupVaultName: 'first', RecoveryPointArn: await backUpFor('first', 7) }
  const { DestinationRecoveryPointArn, ...inherited } = await copy(undefined, older.RecoveryPointArn)
  assert.equal(inherited.State, 'COMPLETED', inherited.StatusMessage ?? '')
  const kept = await backup.send(
    new DescribeRecoveryPointCommand({
      BackupVaultName,
      RecoveryPointArn: DestinationRecoveryPointArn ?? '',
    }),
  )
  const end = Number(kept.CalculatedLifecycle?.DeleteAt)
  assert.ok(
    end >= Number(inherited.CreationDate) + 7 * 86_400_000,
    String(kept.CalculatedLifecycle?.DeleteAt),
  )
})
