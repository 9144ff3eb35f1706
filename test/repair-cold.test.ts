import assert from 'node:assert/strict'
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, before, describe, test } from 'node:test'
import { letDaysPass } from './fixtures/expiry.ts'
import { listTree } from './fixtures/small-tree.ts'
import {
  backUpWell,
  jobEnd,
  makeRole,
  makeVault,
  openWorld,
  registerDirectory,
  REGION,
  restore,
  until,
} from './fixtures/world.ts'
import type { World } from './fixtures/world.ts'
import { runTool } from './servers/run-tool.ts'

/** Rot in the cold store of a vault, and in the first one: each is told, and mended from the other and from copies. */

const BackupVaultName = 'two-stores'
const RIGHTS = ['AWSBackupServiceRolePolicyForBackup', 'AWSBackupServiceRolePolicyForRestores']
const RECOVER = join(import.meta.dirname, '..', 'tools', 'recover.mjs')

describe('a damaged cold store', () => {
  const coldRoot = mkdtempSync(join(tmpdir(), 'roleback-repair-cold-'))
  let world: World
  let role: string
  let cold: string
  let then: ReturnType<typeof listTree>

  const coldDir = (): string => join(coldRoot, readdirSync(coldRoot)[0] ?? '')
  const warmDir = (): string => {
    const [row] = world.rows<{ id: string }>(
      `select vault_id as "id" from vault where name = '${BackupVaultName}'`,
    )
    return join(world.dataDir, 'vaults', row?.id ?? '')
  }
  /** Files below a folder of a vault, by name in the vault. */
  const filesIn = (vault: string, folder: string): string[] =>
    readdirSync(join(vault, folder), { recursive: true, encoding: 'utf8' })
      .map((name) => `${folder}/${name}`)
      .filter((name) => statSync(join(vault, name)).isFile())

  function rot(file: string, at: number): void {
    const bytes = readFileSync(file)
    bytes[at] = (bytes[at] ?? 0) ^ 1
    chmodSync(file, 0o600)
    writeFileSync(file, bytes)
  }

  const settled = async (): Promise<void> => {
    await until('all jobs to end', () =>
      world.rows<{ left: number }>(
        `select count(*) as "left" from job where state in ('CREATED', 'PENDING', 'RUNNING')`,
      )[0]?.left === 0
        ? true
        : undefined,
    )
  }

  before(async () => {
    world = await openWorld({ serve: { coldRoot: [`${REGION}=${coldRoot}`] } })
    role = await makeRole(world, 'keeper', { managed: RIGHTS })
    const BackupVaultArn = await makeVault(world, BackupVaultName)
    const copies = await makeVault(world, 'copies')
    await world.call('roleback', 'PutVaultColdStorage', { BackupVaultArn })
    const tree = await registerDirectory(world, 'archive', (path) => {
      for (const name of ['kept', 'changed'])
        for (let i = 0; i < 4; i++) writeFileSync(join(path, `${name}-${i}`), `${name} ${i} `.repeat(2000))
    })
    const point = { BackupVaultName, ResourceArn: tree.arn, IamRoleArn: role }
    cold = await backUpWell(world, {
      ...point,
      Lifecycle: { MoveToColdStorageAfterDays: 7, DeleteAfterDays: 400 },
    })
    then = listTree(tree.path)
    await world.call('backup', 'StartCopyJob', {
      RecoveryPointArn: cold,
      SourceBackupVaultName: BackupVaultName,
      DestinationBackupVaultArn: copies,
      IamRoleArn: role,
    })
    await settled()
    for (let i = 0; i < 4; i++) writeFileSync(join(tree.path, `changed-${i}`), `newer ${i} `.repeat(2000))
    await backUpWell(world, point)
    await letDaysPass(world, 8)
    await until('the point to be cold', () =>
      world.rows('select 1 from recovery_point where moved_to_cold_at is not null').length === 1
        ? true
        : undefined,
    )
    await settled()
  })
  after(async () => {
    await world[Symbol.asyncDispose]()
    rmSync(coldRoot, { recursive: true, force: true })
  })

  const verified = async (): Promise<{ state: string; message: string; repairId: string }> => {
    const { JobId } = await world.call('roleback', 'StartVerifyJob', { BackupVaultName, ReadData: true })
    const { State, StatusMessage = '', Result } = await jobEnd(world, JobId)
    return { state: State, message: StatusMessage, repairId: Result?.['repairJobId'] ?? '' }
  }

  const assertWhole = async (): Promise<void> => {
    await settled()
    const { state, message } = await verified()
    assert.equal(state, 'COMPLETED', message)
    const { RestoreMetadata } = await world.call('backup', 'GetRecoveryPointRestoreMetadata', {
      BackupVaultName,
      RecoveryPointArn: cold,
    })
    const CreationToken = `whole-${Math.random()}`
    const Metadata = { ...RestoreMetadata, newFileSystem: 'true', CreationToken }
    const job = await restore(world, { RecoveryPointArn: cold, IamRoleArn: role, Metadata })
    assert.equal(job.Status, 'COMPLETED', job.StatusMessage ?? '')
    const { Resource } = await world.call('roleback', 'DescribeResource', {
      ResourceArn: job.CreatedResourceArn ?? '',
    })
    assert.deepEqual(listTree(Resource.Connection?.Path ?? '').slice(1), then.slice(1))
  }

  test('is named by blob and point, and repaired by the server from the first store and from a copy', async () => {
    const [data = ''] = filesIn(coldDir(), 'data')
    rot(join(coldDir(), data), 40)
    const found = await verified()
    assert.equal(found.state, 'FAILED')
    assert.ok(found.message.includes(`cold storage: ${data}: `), found.message)
    assert.ok(found.message.includes(`Recovery points hit: ${cold} `), found.message)
    assert.match(found.message, /\(8 items\)/)
    const repair = await jobEnd(world, found.repairId)
    assert.equal(repair.State, 'COMPLETED', repair.StatusMessage ?? '')
    assert.match(repair.StatusMessage ?? '', /\d+ chunks came from the vault’s other store/)
    const told = world
      .rows<{ body: string }>(`select body from event where kind = 'notice' order by seq`)
      .map(({ body }) => JSON.parse(body) as { detailType: string; detail: Record<string, unknown> })
      .filter(({ detailType }) => detailType === 'Vault Damage Repaired')
    assert.deepEqual(
      [told.length, told[0]?.detail['state'], told[0]?.detail['repairedRecoveryPoints']],
      [1, 'REPAIRED', [cold]],
    )
    await assertWhole()
    assert.ok(!filesIn(coldDir(), 'data').includes(data), 'the sweep behind it took the rotten pack')
  })

  test('that is away hurts no recovery point: a verify and a repair say what was not looked at, and a sweep frees nothing', async () => {
    // Damage that is known there is told until it can be looked at again.
    const damage = JSON.stringify({
      blobs: [{ blob: 'cold storage: data/00', reason: 'it rotted' }],
      points: [{ recoveryPointArn: cold, itemCount: 1, items: ['/kept-1'], isListHurt: false }],
    })
    const db = new DatabaseSync(join(world.dataDir, 'roleback.db'), { timeout: 60_000 })
    db.prepare('update vault_scrub set damage = ?, damaged_blobs = 1, damaged_points = 1').run(damage)
    db.close()
    const away = `${coldRoot}-away`
    renameSync(coldRoot, away)
    const notThere =
      /its cold storage could not be read: .* is not there: \S+\/cold-\w+ has no vault\.json\. Mount it, or put it back in place\. Nothing is known of the 1 recovery point there, /
    const { state, message, repairId } = await verified()
    assert.deepEqual([state, repairId], ['FAILED', ''])
    assert.match(message, /^Verify could not look through all of backup vault two-stores: /)
    assert.match(message, notThere)
    assert.match(
      message,
      /In its first store 1 recovery points with \d+ items, \d+ blobs read: no damage found$/,
    )
    const health = async (): Promise<unknown> => {
      const { Vaults } = await world.call('roleback', 'ListVaultHealth', {})
      const one = Vaults.find(({ BackupVaultName: name }) => name === BackupVaultName)
      return [one?.DamagedObjectCount, one?.DamagedRecoveryPointCount]
    }
    assert.deepEqual(await health(), [1, 1], 'it stays as it was told')
    const { JobId: repair } = await world.call('roleback', 'StartRepairJob', {
      BackupVaultName,
      IamRoleArn: role,
    })
    assert.match((await jobEnd(world, repair)).StatusMessage ?? '', notThere)
    const { JobId: sweep } = await world.call('roleback', 'StartSweepJob', { BackupVaultName })
    const swept = await jobEnd(world, sweep)
    assert.equal(swept.State, 'FAILED')
    assert.match(swept.StatusMessage ?? '', /The cold storage of backup vault two-stores is not there/)
    assert.equal(existsSync(coldRoot), false, 'nothing is made where it was')
    renameSync(away, coldRoot)
    await assertWhole()
    assert.deepEqual(await health(), [0, 0])
  })

  test('whose header rots is no other vault: it is told as damage, and has it back from the first store', async () => {
    const header = join(coldDir(), 'vault.json')
    await world.offline(async () => {
      rot(header, 40)
      await Promise.resolve()
    })
    const { state, message, repairId } = await verified()
    assert.equal(state, 'FAILED')
    assert.match(message, /cold storage: vault\.json: .*its bytes are not those of the vault’s first store/)
    const repair = await jobEnd(world, repairId)
    assert.equal(repair.State, 'COMPLETED', repair.StatusMessage ?? '')
    assert.deepEqual(readFileSync(header), readFileSync(join(warmDir(), 'vault.json')))
    rot(header, 40)
    assert.match((await verified()).message, /cold storage: vault\.json: /)
    await assertWhole()
  })

  test('has its lists of items and its index back from the copy, the first store and its own packs', async () => {
    const [meta = ''] = filesIn(coldDir(), 'meta')
    const deltas = filesIn(coldDir(), 'index')
    for (const name of [meta, ...deltas]) rot(join(coldDir(), name), 40)
    const found = await verified()
    for (const name of [meta, ...deltas])
      assert.ok(found.message.includes(`cold storage: ${name}: `), found.message)
    const repair = await jobEnd(world, found.repairId)
    assert.equal(repair.State, 'COMPLETED', repair.StatusMessage ?? '')
    assert.match(
      repair.StatusMessage ?? '',
      /1 lists of items were written again, \d parts of the index were replaced/,
    )
    await assertWhole()
  })

  test('has its wrapped keys and records held against the first store’s, and brought back from there', async () => {
    const [kit = ''] = filesIn(coldDir(), 'keys').filter((name) => name.includes('kit-'))
    const [record = ''] = filesIn(coldDir(), 'records')
    const sealed = readFileSync(join(coldDir(), kit)).indexOf('"sealed":"')
    assert.ok(sealed > 0)
    rot(join(coldDir(), kit), sealed + 30)
    rot(join(coldDir(), record), 20)
    const found = await verified()
    assert.equal(found.state, 'FAILED', found.message)
    for (const name of [kit, record])
      assert.ok(found.message.includes(`cold storage: ${name}: `), found.message)
    assert.match(found.message, /No recovery point is hit/)
    const repair = await jobEnd(world, found.repairId)
    assert.equal(repair.State, 'COMPLETED', repair.StatusMessage ?? '')
    assert.match(repair.StatusMessage ?? '', /1 wrappings of the vault’s keys were made again/)
    for (const name of [kit, record])
      assert.deepEqual(readFileSync(join(coldDir(), name)), readFileSync(join(warmDir(), name)))
    const opened = ['--kit', join(`${world.dataDir}-recovery`, 'recovery-kit.txt')]
    opened.push('--passphrase-file', join(`${world.dataDir}-recovery`, 'recovery-passphrase.txt'))
    await runTool(process.execPath, [RECOVER, 'verify', coldDir(), ...opened])
    await assertWhole()
  })

  test('mends the first store with what it has of it', async () => {
    // The copy is not to be what helps.
    await world.call('backup', 'PutBackupVaultAccessPolicy', {
      BackupVaultName: 'copies',
      Policy: JSON.stringify({
        Version: '2012-10-17',
        Statement: [{ Effect: 'Deny', Principal: '*', Action: 'backup:CopyFromBackupVault', Resource: '*' }],
      }),
    })
    const packs = filesIn(warmDir(), 'data')
    for (const pack of packs) rot(join(warmDir(), pack), 40)
    const found = await verified()
    for (const pack of packs) assert.ok(found.message.includes(`${pack}: `), found.message)
    const repair = await jobEnd(world, found.repairId)
    assert.match(repair.StatusMessage ?? '', /\d+ chunks came from the vault’s other store/)
  })
})
