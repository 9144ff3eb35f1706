import assert from 'node:assert/strict'
import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, test } from 'node:test'
import {
  CancelLegalHoldCommand,
  CreateLegalHoldCommand,
  DeleteRecoveryPointCommand,
  DescribeGlobalSettingsCommand,
  GetLegalHoldCommand,
  ListBackupJobSummariesCommand,
  ListLegalHoldsCommand,
  ListRecoveryPointsByLegalHoldCommand,
  ListRestoreJobSummariesCommand,
  ListTagsCommand,
  UpdateGlobalSettingsCommand,
} from '@aws-sdk/client-backup'
import { directoryOf } from '../fixtures/delete-ways.ts'
import { editRows } from '../fixtures/locks.ts'
import {
  ALL_RIGHTS,
  backUp,
  backUpWell,
  makeRole,
  makeVault,
  registerDirectory,
  restore,
  until,
} from '../fixtures/world.ts'
import { sdkError, startTestServer } from '../server.ts'

/** Legal holds, job summaries and global settings through the SDK. */

const server = await startTestServer()
after(() => server[Symbol.asyncDispose]())
const { world } = server
const { backup } = server.clients
const BackupVaultName = 'kept'
await makeVault(world, BackupVaultName)
await makeVault(world, 'free')
const tree = await registerDirectory(world, 'tree', (path) => writeFileSync(join(path, 'a'), 'a'))
const role = await makeRole(world, 'worker', { statements: [ALL_RIGHTS] })
const backUpInto = (vault: string): Promise<string> =>
  backUpWell(world, { BackupVaultName: vault, ResourceArn: tree.arn, IamRoleArn: role })

test('a hold keeps what it names from being deleted by hand until it is cancelled', async () => {
  const [held, free] = [await backUpInto(BackupVaultName), await backUpInto('free')]
  // A newer one that is not due: the last of a resource would wait for somebody's approval.
  await backUpInto('free')
  const input = {
    Title: 'case 4711',
    Description: 'Keep the ledger',
    IdempotencyToken: 'token-1',
    RecoveryPointSelection: { VaultNames: [BackupVaultName], ResourceIdentifiers: [tree.arn] },
    Tags: { case: '4711' },
  }
  const made = await backup.send(new CreateLegalHoldCommand(input))
  const LegalHoldId = made.LegalHoldId as string
  assert.equal((await backup.send(new CreateLegalHoldCommand(input))).LegalHoldId, LegalHoldId)
  await assert.rejects(
    backup.send(new CreateLegalHoldCommand({ ...input, RecoveryPointSelection: { VaultNames: ['free'] } })),
    sdkError('InvalidParameterValueException', 400, 'was used already for legal hold'),
  )
  const got = await backup.send(new GetLegalHoldCommand({ LegalHoldId }))
  assert.deepEqual(
    [got.Title, got.Status, got.Description, got.RecoveryPointSelection],
    [input.Title, 'ACTIVE', input.Description, input.RecoveryPointSelection],
  )
  assert.deepEqual(
    (await backup.send(new ListTagsCommand({ ResourceArn: made.LegalHoldArn }))).Tags,
    input.Tags,
  )
  const { RecoveryPoints } = await backup.send(new ListRecoveryPointsByLegalHoldCommand({ LegalHoldId }))
  assert.deepEqual(
    RecoveryPoints?.map((point) => point.RecoveryPointArn),
    [held],
  )
  const remove = (vault: string, RecoveryPointArn: string) =>
    backup.send(new DeleteRecoveryPointCommand({ BackupVaultName: vault, RecoveryPointArn }))
  await remove('free', free)
  await assert.rejects(
    remove(BackupVaultName, held),
    sdkError('InvalidRequestException', 400, `under legal hold "case 4711" (${LegalHoldId})`),
  )
  await backup.send(
    new CancelLegalHoldCommand({ LegalHoldId, CancelDescription: 'case closed', RetainRecordInDays: 30 }),
  )
  const { LegalHolds } = await backup.send(new ListLegalHoldsCommand({}))
  assert.deepEqual(
    LegalHolds?.map((hold) => [hold.LegalHoldId, hold.Status]),
    [[LegalHoldId, 'CANCELED']],
  )
  const { CancelDescription, CancellationDate, RetainRecordUntil } = await backup.send(
    new GetLegalHoldCommand({ LegalHoldId }),
  )
  assert.deepEqual(
    [CancelDescription, (RetainRecordUntil?.getTime() ?? 0) - (CancellationDate?.getTime() ?? 0)],
    ['case closed', 30 * 86_400_000],
  )
  await assert.rejects(
    backup.send(new CancelLegalHoldCommand({ LegalHoldId, CancelDescription: 'again' })),
    sdkError('InvalidResourceStateException', 400, 'is cancelled already'),
  )
  await remove(BackupVaultName, held)
})

test('a hold keeps a point past its retention, and the point goes when the hold does', async () => {
  const [held, free] = [await backUpInto(BackupVaultName), await backUpInto('free')]
  // A newer one that is not due: the last of a resource would wait for somebody's approval.
  await backUpInto('free')
  const now = Date.now()
  const { LegalHoldId } = await backup.send(
    new CreateLegalHoldCommand({
      Title: 'range',
      Description: 'by date',
      RecoveryPointSelection: {
        VaultNames: [BackupVaultName],
        DateRange: { FromDate: new Date(now - 3_600_000), ToDate: new Date(now + 3_600_000) },
      },
    }),
  )
  await world.offline(async () => {
    const db = new DatabaseSync(join(world.dataDir, 'roleback.db'))
    db.prepare('update recovery_point set delete_at = 1 where arn in (?, ?)').run(held, free)
    db.close()
    return await Promise.resolve()
  })
  await gone('free', free)
  const point = { BackupVaultName, RecoveryPointArn: held }
  assert.equal((await world.call('backup', 'DescribeRecoveryPoint', point)).Status, 'COMPLETED')
  const cancel = { LegalHoldId: LegalHoldId ?? '', CancelDescription: 'over', RetainRecordInDays: 0 }
  await assert.rejects(
    world.call('backup', 'CancelLegalHold', { ...cancel, RetainRecordInDays: 36_501 }),
    /RetainRecordInDays must be 0 to 36500; it is 36501/,
  )
  await world.call('backup', 'CancelLegalHold', cancel)
  await world.offline(() => Promise.resolve())
  await gone(BackupVaultName, held)
  // Its record was to be kept no longer; those of others stay.
  const { LegalHolds = [] } = await backup.send(new ListLegalHoldsCommand({}))
  assert.ok(LegalHolds.length > 0 && LegalHolds.every((hold) => hold.LegalHoldId !== LegalHoldId))
})

async function gone(vault: string, RecoveryPointArn: string): Promise<void> {
  await until(`${RecoveryPointArn} to be gone`, async () => {
    const { RecoveryPoints } = await world.call('backup', 'ListRecoveryPointsByBackupVault', {
      BackupVaultName: vault,
    })
    return RecoveryPoints?.some((point) => point.RecoveryPointArn === RecoveryPointArn) === true
      ? undefined
      : true
  })
}

test('the end of a hold reaches the vaults that are there, and the one that was away once it is back', async () => {
  const [away, there] = [await backUpInto(BackupVaultName), await backUpInto('free')]
  const hold = {
    Title: 'case 4712',
    Description: 'Two vaults',
    RecoveryPointSelection: { VaultNames: [BackupVaultName, 'free'] },
  }
  const { LegalHoldId = '' } = await world.call('backup', 'CreateLegalHold', hold)
  const amending = (state: string): number =>
    world.rows(`select 1 from job where kind = 'amend-point' and ${state}`).length
  await until('the hold to be sealed', () =>
    amending(`state in ('CREATED', 'RUNNING')`) === 0 ? true : undefined,
  )
  const directory = directoryOf(world, BackupVaultName)
  renameSync(directory, `${directory}-away`)
  await world.call('backup', 'CancelLegalHold', { LegalHoldId, CancelDescription: 'over' })
  await until('its end to be put off', () =>
    amending(`state = 'CREATED' and attempts > 0`) === 1 ? true : undefined,
  )
  const gone = async (vault: string, RecoveryPointArn: string): Promise<void> => {
    await world.call('backup', 'DeleteRecoveryPoint', { BackupVaultName: vault, RecoveryPointArn })
    await until(`${RecoveryPointArn} to go`, () =>
      world.rows('select 1 from recovery_point where arn = ?', RecoveryPointArn).length === 0
        ? true
        : undefined,
    )
  }
  await gone('free', there)
  renameSync(`${directory}-away`, directory)
  await editRows(world, `update job set run_at = 0 where state = 'CREATED'`)
  await gone(BackupVaultName, away)
})

test('a hold that names nothing, a vault or resource that is not there, or a time that never was, is refused', async () => {
  const hold = (RecoveryPointSelection: object) =>
    world.call('backup', 'CreateLegalHold', { Title: 't', Description: 'd', RecoveryPointSelection })
  await assert.rejects(hold({}), /at least one vault or one resource/)
  const DateRange = { FromDate: new Date(2), ToDate: new Date(1) }
  await assert.rejects(hold({ VaultNames: ['x'], DateRange }), /ends before it begins/)
  await assert.rejects(
    hold({ VaultNames: [BackupVaultName, 'kpet'] }),
    /backup vault "kpet": it does not exist/,
  )
  await assert.rejects(
    hold({ ResourceIdentifiers: [tree.arn, `${tree.arn}0`] }),
    /resource "arn:aws:elasticfilesystem:[^"]+0": it is not registered in this account and has no recovery point/,
  )
})

test('a hold on a resource that was removed keeps the recovery points it left', async () => {
  const removed = await registerDirectory(world, 'removed', (path) => writeFileSync(join(path, 'a'), 'a'))
  const hold = () =>
    world.call('backup', 'CreateLegalHold', {
      Title: 'removed',
      Description: 'Its recovery points are what is left',
      RecoveryPointSelection: { ResourceIdentifiers: [removed.arn] },
    })
  const early = await hold()
  await world.call('backup', 'CancelLegalHold', {
    LegalHoldId: early.LegalHoldId ?? '',
    CancelDescription: 'nothing to hold',
  })
  const RecoveryPointArn = await backUpWell(world, {
    BackupVaultName: 'free',
    ResourceArn: removed.arn,
    IamRoleArn: role,
  })
  await world.call('roleback', 'DeregisterResource', { ResourceArn: removed.arn })
  const { LegalHoldId = '' } = await hold()
  const { RecoveryPoints } = await world.call('backup', 'ListRecoveryPointsByLegalHold', { LegalHoldId })
  assert.deepEqual(
    RecoveryPoints?.map((point) => point.RecoveryPointArn),
    [RecoveryPointArn],
  )
  await world.call('backup', 'CancelLegalHold', { LegalHoldId, CancelDescription: 'done' })
})

test('a hold takes as many names as a request does', async () => {
  const ResourceIdentifiers = Array.from({ length: 12_000 }, (_, i) => `arn:aws:s3:::bucket-${i}`)
  await editRows(
    world,
    `insert into resource
     select account_id, region, value, 'unique-' || key, 'S3', value, '{}', null, version, created_at, created_by, null, removed_at, host
     from resource, json_each('${JSON.stringify(ResourceIdentifiers)}') where resource.arn = '${tree.arn}'`,
  )
  const { LegalHoldId } = await backup.send(
    new CreateLegalHoldCommand({
      Title: 'many',
      Description: 'More than one statement takes',
      RecoveryPointSelection: { ResourceIdentifiers },
    }),
  )
  const kept = await backup.send(new GetLegalHoldCommand({ LegalHoldId }))
  assert.deepEqual(
    kept.RecoveryPointSelection?.ResourceIdentifiers?.toSorted(),
    ResourceIdentifiers.toSorted(),
  )
  await backup.send(new CancelLegalHoldCommand({ LegalHoldId, CancelDescription: 'done' }))
})

test('job summaries count jobs by day, state and type', async () => {
  const before = await world.call('backup', 'ListBackupJobSummaries', { State: 'AGGREGATE_ALL' })
  const countOf = (answer: typeof before): number =>
    (answer.BackupJobSummaries ?? []).reduce((sum, { Count }) => sum + (Count ?? 0), 0)
  const blind = await makeRole(world, 'blind', {})
  await backUp(world, { BackupVaultName, ResourceArn: tree.arn, IamRoleArn: blind })
  const fresh = server.clientsOf(world.rootKey).backup
  const { BackupJobSummaries, AggregationPeriod } = await fresh.send(
    new ListBackupJobSummariesCommand({ State: 'FAILED', AggregationPeriod: 'FOURTEEN_DAYS' }),
  )
  assert.equal(AggregationPeriod, 'FOURTEEN_DAYS')
  assert.deepEqual(
    BackupJobSummaries?.map((each) => [each.State, each.ResourceType, each.MessageCategory, each.Count]),
    [['FAILED', 'EFS', 'AccessDenied', 1]],
  )
  const [one] = BackupJobSummaries ?? []
  assert.equal((one?.EndTime?.getTime() ?? 0) - (one?.StartTime?.getTime() ?? 0), 14 * 86_400_000)
  assert.equal(countOf(await world.call('backup', 'ListBackupJobSummaries', {})), countOf(before) + 1)
  assert.deepEqual((await fresh.send(new ListRestoreJobSummariesCommand({}))).RestoreJobSummaries, [])
  const RecoveryPointArn = await backUpInto('free')
  const Metadata = { 'file-system-id': 'tree', newFileSystem: 'true' }
  await restore(world, { RecoveryPointArn, IamRoleArn: role, Metadata })
  const { RestoreJobSummaries } = await fresh.send(new ListRestoreJobSummariesCommand({}))
  assert.deepEqual(
    RestoreJobSummaries?.map((each) => [
      each.AccountId,
      each.Region,
      each.State,
      each.ResourceType,
      each.Count,
    ]),
    [[world.accountId, world.region, 'COMPLETED', 'EFS', 1]],
  )
  const failed = await fresh.send(new ListRestoreJobSummariesCommand({ State: 'FAILED' }))
  assert.deepEqual(failed.RestoreJobSummaries, [])
})

test('global settings are set, kept and read; what cannot be is refused', async () => {
  const client = server.clientsOf(world.rootKey).backup
  const read = async () => (await client.send(new DescribeGlobalSettingsCommand({}))).GlobalSettings
  assert.equal((await read())?.['isCrossAccountBackupEnabled'], 'false')
  const GlobalSettings = { isCrossAccountBackupEnabled: 'true' }
  await client.send(new UpdateGlobalSettingsCommand({ GlobalSettings }))
  assert.equal((await read())?.['isCrossAccountBackupEnabled'], 'true')
  for (const [settings, code] of [
    [{ isMpaEnabled: 'true' }, 'InvalidRequestException'],
    [{ isX: 'true' }, 'InvalidParameterValueException'],
    [{ isCrossAccountBackupEnabled: 'yes' }, 'InvalidParameterValueException'],
  ] as const)
    await assert.rejects(
      client.send(new UpdateGlobalSettingsCommand({ GlobalSettings: settings as Record<string, string> })),
      sdkError(code, 400, 'Global setting'),
    )
})
