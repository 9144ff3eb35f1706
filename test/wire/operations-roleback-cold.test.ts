import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, before, describe, test } from 'node:test'
import {
  BackupClient,
  CreateBackupPlanCommand,
  CreateTieringConfigurationCommand,
  DeleteRecoveryPointCommand,
  DeleteTieringConfigurationCommand,
  DescribeRecoveryPointCommand,
  GetTieringConfigurationCommand,
  ListTieringConfigurationsCommand,
  StartBackupJobCommand,
  StartCopyJobCommand,
  UpdateRecoveryPointLifecycleCommand,
  UpdateTieringConfigurationCommand,
} from '@aws-sdk/client-backup'
import type { BackupRuleInput, Lifecycle, TieringConfigurationInputForUpdate } from '@aws-sdk/client-backup'
import { awsError } from '../fixtures/aws-error.ts'
import { letDaysPass } from '../fixtures/expiry.ts'
import { listTree } from '../fixtures/small-tree.ts'
import {
  allow,
  backUpWell,
  jobEnd,
  letVaultGo,
  makeRole,
  makeVault,
  openWorld,
  registerDirectory,
  REGION,
  restore,
  setRights,
  until,
} from '../fixtures/world.ts'
import type { World } from '../fixtures/world.ts'
import { sdkError } from '../server.ts'

/** Lifecycles that move recovery points to cold storage: AWS's rules for them, and what becomes of the bytes. */

type Tiering = TieringConfigurationInputForUpdate

const VAULT = 'tiered'
const RIGHTS = ['AWSBackupServiceRolePolicyForBackup', 'AWSBackupServiceRolePolicyForRestores']
const RECOVER = join(import.meta.dirname, '..', '..', 'tools', 'recover.mjs')

describe('cold storage', () => {
  const coldRoot = mkdtempSync(join(tmpdir(), 'roleback-cold-'))
  let world: World
  let backup: BackupClient
  let role: string
  let tree: Awaited<ReturnType<typeof registerDirectory>>
  let vaultArn: string

  before(async () => {
    world = await openWorld({ serve: { coldRoot: [`${REGION}=${coldRoot}`] } })
    const { accessKeyId, secretAccessKey } = world.rootKey
    backup = new BackupClient({
      endpoint: world.url,
      region: world.region,
      credentials: { accessKeyId, secretAccessKey },
    })
    role = await makeRole(world, 'keeper', { managed: RIGHTS })
    vaultArn = await makeVault(world, VAULT)
    await makeVault(world, 'plain')
    tree = await registerDirectory(world, 'tree', (path) => {
      for (let i = 0; i < 8; i++) writeFileSync(join(path, `f${i}`), content(i, 100_000))
    })
  })
  after(async () => {
    backup.destroy()
    await world[Symbol.asyncDispose]()
    rmSync(coldRoot, { recursive: true, force: true })
  })

  /** Bytes that do not compress, each file its own. */
  function content(seed: number, length: number): Buffer {
    let state = seed + 1
    return Buffer.from(Array.from({ length }, () => (state = (state * 48_271) % 2_147_483_647) & 0xff))
  }

  const backUp = (lifecycle?: Lifecycle, BackupVaultName: string = VAULT, IamRoleArn: string = role) =>
    backUpWell(world, {
      BackupVaultName,
      ResourceArn: tree.arn,
      IamRoleArn,
      ...(lifecycle !== undefined && { Lifecycle: lifecycle }),
    })
  const describePoint = async (RecoveryPointArn: string) =>
    await backup.send(new DescribeRecoveryPointCommand({ BackupVaultName: VAULT, RecoveryPointArn }))
  const isColdNow = async (RecoveryPointArn: string): Promise<void> => {
    await until(`${RecoveryPointArn} to be cold`, async () => {
      const { StorageClass } = await describePoint(RecoveryPointArn)
      return StorageClass === 'COLD' ? true : undefined
    })
    await until('what is behind the move to end', () => (unfinished() === 0 ? true : undefined))
  }
  const unfinished = (): number =>
    world.rows<{ left: number }>(
      `select count(*) as "left" from job where kind in ('move-point', 'sweep', 'amend-point', 'delete-point') and state in ('CREATED', 'RUNNING') and run_at <= ?`,
      Date.now(),
    )[0]?.left ?? 0
  const change = async (RecoveryPointArn: string, wanted: Lifecycle, BackupVaultName: string = VAULT) =>
    await backup.send(
      new UpdateRecoveryPointLifecycleCommand({ BackupVaultName, RecoveryPointArn, Lifecycle: wanted }),
    )
  const rule = (more: Partial<BackupRuleInput>): BackupRuleInput => ({
    RuleName: 'daily',
    TargetBackupVaultName: VAULT,
    ...more,
  })
  const plan = async (BackupPlanName: string, more: Partial<BackupRuleInput>) =>
    await backup.send(new CreateBackupPlanCommand({ BackupPlan: { BackupPlanName, Rules: [rule(more)] } }))
  const bytesBelow = (path: string): number =>
    readdirSync(path, { recursive: true, encoding: 'utf8', withFileTypes: true }).filter((entry) =>
      entry.isFile(),
    ).length
  const coldDir = (): string => join(coldRoot, readdirSync(coldRoot)[0] ?? '')
  const coldLifecycle = { MoveToColdStorageAfterDays: 7, DeleteAfterDays: 97 }
  const invalid = (text: string) => sdkError('InvalidParameterValueException', 400, text)
  const unavailable = invalid(
    'MoveToColdStorageAfterDays is unavailable: backup vault plain has no cold storage',
  )

  test('without cold storage a lifecycle that moves is refused wherever it is given', async () => {
    const RecoveryPointArn = await backUp(undefined, 'plain')
    const point = { BackupVaultName: 'plain', ResourceArn: tree.arn, IamRoleArn: role }
    await assert.rejects(
      backup.send(new StartBackupJobCommand({ ...point, Lifecycle: coldLifecycle })),
      unavailable,
    )
    await assert.rejects(change(RecoveryPointArn, coldLifecycle, 'plain'), unavailable)
    await assert.rejects(
      plan('refused', { TargetBackupVaultName: 'plain', Lifecycle: coldLifecycle }),
      invalid('Error in rule daily : Invalid lifecycle. MoveToColdStorageAfterDays is unavailable'),
    )
    await assert.rejects(
      backup.send(
        new StartCopyJobCommand({
          RecoveryPointArn: await backUp(),
          SourceBackupVaultName: VAULT,
          DestinationBackupVaultArn: vaultArn.replace(VAULT, 'plain'),
          IamRoleArn: role,
          Lifecycle: coldLifecycle,
        }),
      ),
      unavailable,
    )
  })

  test('PutVaultColdStorage and ListVaultColdStorages: a vault is given cold storage, and what cannot be is refused', async () => {
    const { ColdStorage } = await world.call('roleback', 'PutVaultColdStorage', { BackupVaultArn: vaultArn })
    assert.ok(ColdStorage.Location.startsWith(`${coldRoot}/cold-`), ColdStorage.Location)
    assert.deepEqual((await world.call('roleback', 'ListVaultColdStorages', {})).ColdStorages, [ColdStorage])
    assert.equal(ColdStorage.RecoveryPoints, 0)
    const put = async (BackupVaultArn: string, Storage?: string) =>
      await world.call('roleback', 'PutVaultColdStorage', { BackupVaultArn, Storage })
    await assert.rejects(
      put(vaultArn, 'nowhere'),
      awsError('ResourceNotFoundException', 'There is no storage nowhere'),
    )
    await assert.rejects(
      put(`${vaultArn}x`),
      awsError('ResourceNotFoundException', 'There is no backup vault'),
    )
    await world.call('backup', 'CreateLogicallyAirGappedBackupVault', {
      BackupVaultName: 'gapped',
      MinRetentionDays: 7,
      MaxRetentionDays: 30,
    })
    await assert.rejects(
      put(vaultArn.replace(VAULT, 'gapped')),
      awsError('InvalidRequestException', 'of a logically air-gapped vault are not moved'),
    )
  })

  test('tiering configurations: one for a vault and one for all, of buckets alone, where there is a second store', async () => {
    const bucket = 'arn:aws:s3:::photos'
    const make = async (TieringConfigurationName: string, more: Partial<Tiering> = {}, token?: string) =>
      await backup.send(
        new CreateTieringConfigurationCommand({
          TieringConfiguration: { TieringConfigurationName, ...tiering(more) },
          TieringConfigurationTags: { team: 'storage' },
          CreatorRequestId: token,
        }),
      )
    const tiering = (more: Partial<Tiering>): Tiering => ({
      BackupVaultName: VAULT,
      ResourceSelection: [select([bucket], 60), select(['*'], 90)],
      ...more,
    })
    const select = (Resources: string[], TieringDownSettingsInDays: number, ResourceType = 'S3') => ({
      Resources,
      ResourceType,
      TieringDownSettingsInDays,
    })
    const refused: [Partial<Tiering>, string][] = [
      [{ BackupVaultName: 'plain' }, 'Tiering is unavailable: backup vault plain has no cold storage'],
      [{ BackupVaultName: 'nowhere' }, 'Backup vault "nowhere" does not exist'],
      [{ ResourceSelection: [] }, 'must have 1 to 5 selections; it has 0'],
      [{ ResourceSelection: [select(['*'], 60, 'EFS')] }, 'ResourceType EFS cannot be tiered'],
      [{ ResourceSelection: [select([tree.arn], 60)] }, 'is not the ARN of a bucket'],
      [{ ResourceSelection: [select(['*', bucket], 60)] }, '"*" alone, or ARNs'],
      [{ ResourceSelection: [select([bucket], 60), select([bucket], 70)] }, `${bucket} twice`],
      [{ ResourceSelection: [select([], 60)] }, 'it is empty'],
    ]
    for (const [more, text] of refused) await assert.rejects(make('wrong', more), invalid(text))
    for (const days of [59, 36_501])
      await assert.rejects(
        make('wrong', { ResourceSelection: [select(['*'], days)] }),
        /ValidationException|60|36500/,
      )

    const made = await make('warm', {}, 'once')
    assert.match(made.TieringConfigurationArn ?? '', /:tiering-configuration:warm-[0-9a-f-]{36}$/)
    assert.deepEqual((await make('warm', {}, 'once')).TieringConfigurationArn, made.TieringConfigurationArn)
    await assert.rejects(
      make('warm'),
      sdkError('AlreadyExistsException', 400, 'with name warm already exists'),
    )
    await assert.rejects(
      make('second'),
      sdkError('ConflictException', 400, `Backup vault ${VAULT} has one already: warm`),
    )
    await make('all', { BackupVaultName: '*' })
    const listed = []
    let NextToken: string | undefined
    do {
      const page = await backup.send(new ListTieringConfigurationsCommand({ MaxResults: 1, NextToken }))
      NextToken = page.NextToken
      for (const one of page.TieringConfigurations ?? [])
        listed.push([one.TieringConfigurationName, one.BackupVaultName])
    } while (NextToken !== undefined)
    assert.deepEqual(listed, [
      ['all', '*'],
      ['warm', VAULT],
    ])

    const TieringConfigurationName = 'warm'
    const changed = tiering({ ResourceSelection: [select(['*'], 365)] })
    const update = async (TieringConfiguration: Tiering) =>
      await backup.send(
        new UpdateTieringConfigurationCommand({ TieringConfigurationName, TieringConfiguration }),
      )
    await assert.rejects(
      update({ ...changed, BackupVaultName: '*' }),
      sdkError('ConflictException', 400, 'for all vaults already: all'),
    )
    const { LastUpdatedTime } = await update(changed)
    const { TieringConfiguration: now } = await backup.send(
      new GetTieringConfigurationCommand({ TieringConfigurationName }),
    )
    assert.deepEqual(
      [now?.ResourceSelection, now?.CreatorRequestId, now?.LastUpdatedTime, now?.CreationTime],
      [changed.ResourceSelection, 'once', LastUpdatedTime, made.CreationTime],
    )
    const ResourceArn = made.TieringConfigurationArn ?? ''
    assert.equal((await world.call('backup', 'ListTags', { ResourceArn })).Tags?.['team'], 'storage')
    for (const name of ['warm', 'all'])
      await backup.send(new DeleteTieringConfigurationCommand({ TieringConfigurationName: name }))
    await assert.rejects(
      update(changed),
      sdkError('ResourceNotFoundException', 400, 'Cannot find tiering configuration warm'),
    )
  })

  test('a lifecycle that moves keeps AWS’s rules', async () => {
    const RecoveryPointArn = await backUp()
    const apart = 'DeleteAfterDays cannot be less than 90 days apart from MoveToColdStorageAfterDays'
    await assert.rejects(
      change(RecoveryPointArn, { MoveToColdStorageAfterDays: 30, DeleteAfterDays: 119 }),
      invalid(apart),
    )
    for (const MoveToColdStorageAfterDays of [0, 36_501])
      await assert.rejects(
        change(RecoveryPointArn, { MoveToColdStorageAfterDays }),
        invalid('MoveToColdStorageAfterDays cannot be less than 1 or more than 36500 days'),
      )
    await assert.rejects(
      plan('apart', { Lifecycle: { MoveToColdStorageAfterDays: 1, DeleteAfterDays: 90 } }),
      invalid(`Error in rule daily : Invalid lifecycle. ${apart}`),
    )
    const made = await plan('fits', {
      Lifecycle: {
        MoveToColdStorageAfterDays: 1,
        DeleteAfterDays: 91,
        OptInToArchiveForSupportedResources: true,
      },
    })
    const { BackupPlan } = await world.call('backup', 'GetBackupPlan', {
      BackupPlanId: made.BackupPlanId ?? '',
    })
    assert.deepEqual(BackupPlan?.Rules?.[0]?.Lifecycle, {
      MoveToColdStorageAfterDays: 1,
      DeleteAfterDays: 91,
      OptInToArchiveForSupportedResources: true,
    })
    const changed = await change(RecoveryPointArn, { MoveToColdStorageAfterDays: 30, DeleteAfterDays: 120 })
    const {
      Lifecycle: lifecycle,
      CalculatedLifecycle,
      CreationDate,
      StorageClass,
    } = await describePoint(RecoveryPointArn)
    assert.deepEqual(lifecycle, { MoveToColdStorageAfterDays: 30, DeleteAfterDays: 120 })
    assert.deepEqual(changed.CalculatedLifecycle, CalculatedLifecycle)
    const day = 86_400_000
    assert.deepEqual(
      [CalculatedLifecycle?.MoveToColdStorageAt, CalculatedLifecycle?.DeleteAt, StorageClass],
      [30, 120].map((days): unknown => new Date((CreationDate?.getTime() ?? 0) + days * day)).concat('WARM'),
    )
    await change(RecoveryPointArn, { MoveToColdStorageAfterDays: -1 })
    assert.deepEqual((await describePoint(RecoveryPointArn)).Lifecycle, {})
    await letDaysPass(world, 10)
    await assert.rejects(
      change(RecoveryPointArn, { MoveToColdStorageAfterDays: 10 }),
      invalid('must be at least one day more than the age of the recovery point: 11 or more; it is 10'),
    )
    await change(RecoveryPointArn, { MoveToColdStorageAfterDays: 11 })
    await change(RecoveryPointArn, {})
  })

  test('R5 a due point is moved under the role recorded on it, restored from the cold store, and deleted in both', async () => {
    const minimal = await makeRole(world, 'minimal', { managed: RIGHTS })
    const first = await backUp(coldLifecycle, VAULT, minimal)
    const then = listTree(tree.path)
    for (let i = 0; i < 4; i++) writeFileSync(join(tree.path, `f${i}`), content(100 + i, 100_001))
    const second = await backUp()
    await setRights(world, 'minimal', { Effect: 'Deny', Action: 'backup:CopyIntoBackupVault', Resource: '*' })
    await letDaysPass(world, 8)
    const held = await until('the refusal to be told', async () => (await describePoint(first)).StatusMessage)
    assert.match(held, /^Stays in warm storage: .*not authorized to perform: backup:CopyIntoBackupVault/)
    assert.equal((await describePoint(first)).StorageClass, 'WARM')
    await setRights(world, 'minimal', allow('backup:CopyIntoBackupVault'))
    await world.offline(async () => await Promise.resolve())
    await isColdNow(first)
    const { Status, StatusMessage, Lifecycle: lifecycle } = await describePoint(first)
    assert.deepEqual([Status, StatusMessage, lifecycle], ['COMPLETED', undefined, coldLifecycle])
    assert.equal((await describePoint(second)).StorageClass, 'WARM')
    assert.equal(
      (await world.call('roleback', 'ListVaultColdStorages', {})).ColdStorages[0]?.RecoveryPoints,
      1,
    )

    await assert.rejects(
      backup.send(
        new StartCopyJobCommand({
          RecoveryPointArn: first,
          SourceBackupVaultName: VAULT,
          DestinationBackupVaultArn: vaultArn.replace(VAULT, 'plain'),
          IamRoleArn: role,
        }),
      ),
      sdkError('InvalidRequestException', 400, 'is in cold storage and cannot be copied'),
    )
    await assert.rejects(
      change(first, { MoveToColdStorageAfterDays: 20 }),
      invalid(
        'MoveToColdStorageAfterDays cannot be changed: the recovery point was moved to cold storage on',
      ),
    )
    await assert.rejects(change(first, { DeleteAfterDays: 96 }), invalid('90 days apart'))
    await change(first, { DeleteAfterDays: 400 })
    await world.call('backup', 'TagResource', { ResourceArn: first, Tags: { kept: 'cold' } })
    await until('tags to be in the vault', () => (unfinished() === 0 ? true : undefined))

    const kit = ['--kit', join(`${world.dataDir}-recovery`, 'recovery-kit.txt')]
    const passphrase = ['--passphrase-file', join(`${world.dataDir}-recovery`, 'recovery-passphrase.txt')]
    const answer = execFileSync(process.execPath, [
      RECOVER,
      'verify',
      coldDir(),
      '--json',
      ...kit,
      ...passphrase,
    ])
    const { isWhole, points } = JSON.parse(answer.toString()) as { isWhole: boolean; points: number }
    assert.deepEqual([isWhole, points], [true, 1])

    const back = await restored(first)
    assert.deepEqual(listTree(back).slice(1), then.slice(1))
    assert.notEqual((await describePoint(first)).LastRestoreTime, undefined)
    const third = await backUp()
    assert.deepEqual(listTree(await restored(third)).slice(1), listTree(tree.path).slice(1))

    const { JobId } = await world.call('roleback', 'StartVerifyJob', {
      BackupVaultName: VAULT,
      ReadData: true,
    })
    assert.match((await jobEnd(world, JobId)).StatusMessage ?? '', /no damage found/)
    await damageOfCold(first)
    await backup.send(new DeleteRecoveryPointCommand({ BackupVaultName: VAULT, RecoveryPointArn: first }))
    await assertGone(first)
    assert.equal(bytesBelow(join(coldDir(), 'data')), 0)
  })

  /** A search reads there; damage there is named as such by a check, and repaired from the first store. */
  async function damageOfCold(RecoveryPointArn: string): Promise<void> {
    const vault = { BackupVaultName: VAULT }
    const { JobId: searchId } = await world.call('roleback', 'StartItemSearchJob', {
      ...vault,
      RecoveryPointArns: [RecoveryPointArn],
      NamePattern: 'f3',
    })
    assert.equal((await jobEnd(world, searchId)).State, 'COMPLETED')
    const { Items } = await world.call('roleback', 'ListItemSearchResults', { JobId: searchId })
    assert.deepEqual(
      Items.map((item) => [item.Name, item.RecoveryPointArn]),
      [['/f3', RecoveryPointArn]],
    )
    const data = join(coldDir(), 'data')
    const [name = ''] = readdirSync(data, { recursive: true, encoding: 'utf8' }).filter((one) =>
      statSync(join(data, one)).isFile(),
    )
    const pack = join(data, name)
    const bytes = readFileSync(pack)
    const hurt = Buffer.from(bytes)
    hurt[1000] = (hurt[1000] ?? 0) ^ 1
    chmodSync(pack, 0o600)
    writeFileSync(pack, hurt)
    const { JobId: checkId } = await world.call('roleback', 'StartVerifyJob', { ...vault, ReadData: true })
    const found = await jobEnd(world, checkId)
    assert.equal(found.State, 'FAILED')
    assert.match(
      found.StatusMessage ?? '',
      new RegExp(`cold storage: data/.*Recovery points hit: ${RecoveryPointArn} `),
    )
    const { JobId: repairId } = await world.call('roleback', 'StartRepairJob', { ...vault, IamRoleArn: role })
    const repaired = await jobEnd(world, repairId)
    assert.equal(repaired.State, 'COMPLETED', repaired.StatusMessage ?? '')
    const { JobId: againId } = await world.call('roleback', 'StartVerifyJob', { ...vault, ReadData: true })
    assert.match((await jobEnd(world, againId)).StatusMessage ?? '', /no damage found/)
  }

  async function restored(RecoveryPointArn: string): Promise<string> {
    const { RestoreMetadata } = await world.call('backup', 'GetRecoveryPointRestoreMetadata', {
      BackupVaultName: VAULT,
      RecoveryPointArn,
    })
    const Metadata = { ...RestoreMetadata, newFileSystem: 'true', CreationToken: RecoveryPointArn.slice(-8) }
    const job = await restore(world, { RecoveryPointArn, IamRoleArn: role, Metadata })
    assert.equal(job.Status, 'COMPLETED', String(job.StatusMessage))
    const { Resource } = await world.call('roleback', 'DescribeResource', {
      ResourceArn: job.CreatedResourceArn ?? '',
    })
    return Resource.Connection?.Path ?? ''
  }

  async function assertGone(RecoveryPointArn: string): Promise<void> {
    await until(`${RecoveryPointArn} to be gone`, async () => {
      try {
        await describePoint(RecoveryPointArn)
        return undefined
      } catch {
        return unfinished() === 0 ? true : undefined
      }
    })
  }

  test('R2 a move that was decided and waits is decided again when it begins: without the right the point stays', async () => {
    await makeRole(world, 'waiting', { managed: RIGHTS })
    const point = await backUp(coldLifecycle, VAULT, `arn:aws:iam::${world.accountId}:role/waiting`)
    await setRights(world, 'waiting', { Effect: 'Deny', Action: 'backup:CopyFromBackupVault', Resource: '*' })
    // A move as it was queued before: like one that there was, of this point.
    await world.offline(() => {
      const db = new DatabaseSync(join(world.dataDir, 'roleback.db'))
      db.exec(`create temp table queued as select * from job where kind = 'move-point' limit 1`)
      db.prepare(
        `update queued set job_id = 'queued', recovery_point_arn = @arn, state = 'CREATED', completed_at = null, attempts = 0,
           lock_key = null, run_at = 0, role_arn = point.role_arn, role_id = point.role_id
         from recovery_point as point where point.arn = @arn`,
      ).run({ arn: point })
      db.exec('insert into job select * from queued')
      db.close()
      return Promise.resolve()
    })
    const job = await jobEnd(world, 'queued')
    assert.equal(job.State, 'FAILED')
    assert.match(job.StatusMessage ?? '', /not authorized to perform: backup:CopyFromBackupVault/)
    const { StorageClass, StatusMessage = '' } = await describePoint(point)
    assert.match(
      `${StorageClass} ${StatusMessage}`,
      /^WARM Stays in warm storage: User: .*CopyFromBackupVault/,
    )
  })

  test('deleting a vault removes its cold storage, too', async () => {
    const { RecoveryPoints = [] } = await world.call('backup', 'ListRecoveryPointsByBackupVault', {
      BackupVaultName: VAULT,
    })
    for (const { RecoveryPointArn = '' } of RecoveryPoints) {
      await backup.send(new DeleteRecoveryPointCommand({ BackupVaultName: VAULT, RecoveryPointArn }))
      await assertGone(RecoveryPointArn)
    }
    const there = coldDir()
    assert.ok(existsSync(join(there, 'vault.json')))
    await letVaultGo(world, VAULT)
    await until('the cold store to be empty', () =>
      existsSync(join(there, 'vault.json')) ? undefined : true,
    )
  })
})
