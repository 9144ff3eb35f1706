import assert from 'node:assert/strict'
import { existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { AwsError } from '../src/aws/error.ts'
import { editRows } from './fixtures/locks.ts'
import {
  allow,
  backUpWell,
  decisionsOf,
  jobEnd,
  makeRole,
  makeUser,
  makeVault,
  openWorld,
  policy,
  registerDirectory,
  restoreEnd,
  until,
} from './fixtures/world.ts'
import type { World } from './fixtures/world.ts'
import { runTool } from './servers/run-tool.ts'

/** Damage in the storage of a vault, as people hear of it. */

const BackupVaultName = 'rotting'
const RIGHTS = ['AWSBackupServiceRolePolicyForBackup', 'AWSBackupServiceRolePolicyForRestores']

let world: World
let role: string

before(async () => {
  world = await openWorld({ isGuarded: true })
  role = await makeRole(world, 'backer', { managed: RIGHTS })
  await makeVault(world, BackupVaultName)
})
after(async () => await world[Symbol.asyncDispose]())

const nameOf = (arn: string): string => arn.split('/').at(-1) ?? ''

/** Packs of content in the vault, by path. */
const packs = (): string[] => files(/\/data\/..\/[0-9a-f]{64}$/)
const heads = (): string[] => files(/(?<!\/twins)\/points\/[^/]+\/head$/)

function files(pattern: RegExp): string[] {
  const root = join(world.dataDir, 'vaults')
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((file) => pattern.test(file))
    .map((file) => join(root, file))
}

async function backedUp(name: string, file: string): Promise<{ arn: string; point: string; pack: string }> {
  const known = new Set(packs())
  const { arn } = await registerDirectory(world, name, (path) =>
    writeFileSync(join(path, file), `the content of ${name} `.repeat(200)),
  )
  const point = await backUpWell(world, { BackupVaultName, ResourceArn: arn, IamRoleArn: role })
  return { arn, point, pack: packs().find((pack) => !known.has(pack)) ?? assert.fail('no pack came') }
}

test('a verify names the recovery points, resources and files that damage hits, and no others', async () => {
  const hit = await backedUp('letters', 'love.txt')
  const whole = await backedUp('ledgers', 'debts.txt')
  const bytes = readFileSync(hit.pack)
  // Behind the seed: in its one segment.
  bytes[40] = (bytes[40] ?? 0) ^ 1
  writeFileSync(hit.pack, bytes)

  const { JobId } = await world.call('roleback', 'StartVerifyJob', { BackupVaultName, ReadData: true })
  const job = await jobEnd(world, JobId)
  assert.equal(job.State, 'FAILED')
  const message = job.StatusMessage ?? ''
  assert.match(message, /^Verify found damage in backup vault rotting: /)
  assert.ok(message.includes(`${hit.point} of ${nameOf(hit.arn)} (1 item)`), message)
  assert.ok(!message.includes('love.txt'), message)
  assert.ok(message.includes('All others are whole'))
  assert.ok(!message.includes(whole.point))
  const damage = JSON.parse(job.Result?.['damage'] ?? '[]') as unknown
  assert.deepEqual(damage, [
    {
      recoveryPointArn: hit.point,
      resourceArn: hit.arn,
      resourceName: nameOf(hit.arn),
      itemCount: 1,
      items: ['/love.txt'],
      isListHurt: false,
    },
  ])

  // What things are named is content: R16.
  const mayLook = allow('roleback:DescribeJob')
  const blind = await makeUser(world, 'blind', [mayLook])
  const reader = await makeUser(world, 'reader', [mayLook, allow('elasticfilesystem:ClientMount')])
  for (const [user, items] of [
    [blind, []],
    [reader, ['/love.txt']],
  ] as const) {
    const { Job } = await user.call('roleback', 'DescribeJob', { JobId })
    assert.ok(user === reader || !JSON.stringify(Job).includes('love.txt'))
    const [point] = JSON.parse(Job.Result?.['damage'] ?? '[]') as { itemCount: number; items: string[] }[]
    assert.deepEqual([point?.itemCount, point?.items], [1, items])
  }
})

test('the backup after a verify stores again what had rotted, and heals the recovery point before it', async () => {
  const hit = await backedUp('diaries', 'secrets.txt')
  const bytes = readFileSync(hit.pack)
  bytes[40] = (bytes[40] ?? 0) ^ 1
  writeFileSync(hit.pack, bytes)
  const { JobId } = await world.call('roleback', 'StartVerifyJob', { BackupVaultName, ReadData: true })
  assert.ok((await jobEnd(world, JobId)).StatusMessage?.includes(hit.point))

  await backUpWell(world, { BackupVaultName, ResourceArn: hit.arn, IamRoleArn: role })
  const again = await world.call('roleback', 'StartVerifyJob', { BackupVaultName, ReadData: false })
  const { StatusMessage = '' } = await jobEnd(world, again.JobId)
  assert.ok(!StatusMessage.includes(hit.point), StatusMessage)
  const sweep = await world.call('roleback', 'StartSweepJob', { BackupVaultName })
  assert.equal((await jobEnd(world, sweep.JobId)).State, 'COMPLETED')
  assert.ok(!packs().includes(hit.pack), 'the rotten pack is gone')
})

test('rot in wrapped keys, the server’s and the kit’s, is told by a verify and repaired by the server, and the kit opens the vault', async () => {
  const { arn } = await registerDirectory(world, 'locksmith', (path) =>
    writeFileSync(join(path, 'spare.txt'), 'the spare key'),
  )
  await makeVault(world, 'wrapped')
  const point = await backUpWell(world, { BackupVaultName: 'wrapped', ResourceArn: arn, IamRoleArn: role })
  const [row] = world.rows<{ vault_id: string }>(`select vault_id from vault where name = 'wrapped'`)
  const directory = join(world.dataDir, 'vaults', row?.vault_id ?? 'none')
  const names = readdirSync(join(directory, 'keys')).map((name) => `keys/${name}`)
  assert.equal(names.length, 2)
  const [kit = '', server = ''] = names.toSorted()
  const whole = readFileSync(join(directory, kit))
  // In the middle of the sealed key, where it stays JSON: only who has the kit's private half could open it.
  const rotten = Buffer.from(
    whole.toString().replace(/(?<="sealed":".{20})./, (one) => (one === 'A' ? 'B' : 'A')),
  )
  assert.equal(rotten.length, whole.length)
  assert.ok(!rotten.equals(whole))
  writeFileSync(join(directory, kit), rotten)
  rmSync(join(directory, server))
  const { JobId } = await world.call('roleback', 'StartVerifyJob', {
    BackupVaultName: 'wrapped',
    ReadData: false,
  })
  const verify = await jobEnd(world, JobId)
  assert.equal(verify.State, 'FAILED')
  for (const name of names) assert.ok(verify.StatusMessage?.includes(name), verify.StatusMessage ?? '')
  assert.match(verify.StatusMessage ?? '', /No recovery point is hit/)
  const repair = await lastJob('repair', 'wrapped')
  assert.deepEqual(
    [repair.state, repair.message.split('. ')[0]],
    ['COMPLETED', 'Stored again: 2 wrappings of the vault’s keys were made again'],
  )
  const [told] = notices('Vault Damage Repaired', 'wrapped')
  assert.deepEqual(new Set(told?.detail['repairedBlobs'] as string[]), new Set(names))
  assert.deepEqual(readFileSync(join(directory, kit)), whole)
  const opened = ['--kit', join(`${world.dataDir}-recovery`, 'recovery-kit.txt')]
  opened.push('--passphrase-file', join(`${world.dataDir}-recovery`, 'recovery-passphrase.txt'))
  const recover = join(import.meta.dirname, '..', 'tools', 'recover.mjs')
  await runTool(process.execPath, [
    recover,
    'restore',
    directory,
    point,
    join(world.scratch, 'by-kit'),
    ...opened,
  ])
  const again = await world.call('roleback', 'StartVerifyJob', {
    BackupVaultName: 'wrapped',
    ReadData: false,
  })
  assert.equal((await jobEnd(world, again.JobId)).State, 'COMPLETED')
})

test('a head that is gone is put back from its twin; where both are gone a verify tells, and no sweep frees what it held', async () => {
  const knownHeads = new Set(heads())
  const hit = await backedUp('maps', 'treasure.txt')
  const head = heads().find((file) => !knownHeads.has(file)) ?? assert.fail('no head came')
  const bytes = readFileSync(head)
  const twin = head.replace('/points/', '/twins/points/')
  rmSync(head)
  const first = await world.call('roleback', 'StartVerifyJob', { BackupVaultName, ReadData: false })
  const named = await jobEnd(world, first.JobId)
  assert.match(named.StatusMessage ?? '', /points\/[^/]+\/head: .* it is gone/)
  assert.doesNotMatch(named.StatusMessage ?? '', new RegExp(hit.point), 'its twin stands for it')
  await until('its bytes to be put back', () => Promise.resolve(existsSync(head) || undefined))
  assert.ok(readFileSync(head).equals(bytes))

  rmSync(head)
  rmSync(twin)
  const verify = await world.call('roleback', 'StartVerifyJob', { BackupVaultName, ReadData: false })
  const found = await jobEnd(world, verify.JobId)
  assert.equal(found.State, 'FAILED')
  assert.match(found.StatusMessage ?? '', new RegExp(hit.point))
  const sweep = await world.call('roleback', 'StartSweepJob', { BackupVaultName })
  const swept = await jobEnd(world, sweep.JobId)
  assert.equal(swept.State, 'FAILED')
  assert.match(swept.StatusMessage ?? '', new RegExp(hit.point))
  assert.ok(packs().includes(hit.pack))

  writeFileSync(head, bytes)
  const again = await world.call('roleback', 'StartSweepJob', { BackupVaultName })
  assert.equal((await jobEnd(world, again.JobId)).State, 'COMPLETED')
  assert.ok(packs().includes(hit.pack))
})

const COPIES = 'elsewhere'
const SAFE = 'repaired'

async function copied(point: string): Promise<string> {
  const { CopyJobId = '' } = await world.call('backup', 'StartCopyJob', {
    RecoveryPointArn: point,
    SourceBackupVaultName: SAFE,
    DestinationBackupVaultArn: `arn:aws:backup:us-east-1:${world.accountId}:backup-vault:${COPIES}`,
    IamRoleArn: role,
  })
  return await until('the copy', async () => {
    const { CopyJob } = await world.call('backup', 'DescribeCopyJob', { CopyJobId })
    if (CopyJob?.State === 'FAILED') assert.fail(CopyJob.StatusMessage)
    return CopyJob?.State === 'COMPLETED' ? CopyJob.DestinationRecoveryPointArn : undefined
  })
}

interface Notice {
  readonly detailType: string
  readonly resources: readonly string[]
  readonly detail: Readonly<Record<string, unknown>>
}

/** Events of a kind about damage in a vault, oldest first. */
function notices(detailType: string, vault: string): readonly Notice[] {
  return world
    .rows<{ body: string }>(`select body from event where kind = 'notice' order by seq`)
    .map(({ body }) => JSON.parse(body) as Notice)
    .filter((one) => one.detailType === detailType && one.detail['backupVaultName'] === vault)
}

async function statusOf(point: string): Promise<string | undefined> {
  const { StatusMessage } = await world.call('backup', 'DescribeRecoveryPoint', {
    BackupVaultName: SAFE,
    RecoveryPointArn: point,
  })
  const { RecoveryPoints } = await world.call('backup', 'ListRecoveryPointsByBackupVault', {
    BackupVaultName: SAFE,
  })
  const listed = RecoveryPoints?.find(({ RecoveryPointArn }) => RecoveryPointArn === point)
  assert.equal(listed?.StatusMessage, StatusMessage, 'both say the same')
  return StatusMessage
}

async function restored(point: string, arn: string): Promise<{ state: string; message: string }> {
  const { RestoreJobId = '' } = await world.call('backup', 'StartRestoreJob', {
    RecoveryPointArn: point,
    IamRoleArn: role,
    Metadata: { 'file-system-id': nameOf(arn), newFileSystem: 'false' },
  })
  const { Status = '', StatusMessage = '' } = await restoreEnd(world, RestoreJobId)
  return { state: Status, message: StatusMessage }
}

/** Waits until the vault's jobs of a kind have ended, and gives the last of them. */
async function lastJob(kind: string, vault: string): Promise<{ state: string; message: string; id: string }> {
  return await until(`the ${kind} of ${vault}`, () => {
    const jobs = world.rows<{ state: string; message: string; id: string }>(
      'select state, coalesce(status_message, ?) as message, job_id as id from job where kind = ? and vault_name = ? order by created_at, job_id',
      '',
      kind,
      vault,
    )
    const last = jobs.at(-1)
    if (last === undefined || jobs.some(({ state }) => ['CREATED', 'RUNNING'].includes(state)))
      return undefined
    return last
  })
}

const deny = async (BackupVaultName: string): Promise<void> => {
  const Policy = policy({
    Effect: 'Deny',
    Principal: '*',
    Action: 'backup:CopyFromBackupVault',
    Resource: '*',
  })
  await world.call('backup', 'PutBackupVaultAccessPolicy', { BackupVaultName, Policy })
}

test('what the scrub finds is named, shown by the recovery point, and repaired from a copy once its vault lets it be read', async () => {
  await makeVault(world, SAFE)
  await makeVault(world, COPIES)
  const known = new Set(packs())
  const { arn, path } = await registerDirectory(world, 'archive', (folder) => {
    for (const name of ['deeds.txt', 'wills.txt'])
      writeFileSync(join(folder, name), `the content of ${name} `.repeat(300))
  })
  const point = await backUpWell(world, { BackupVaultName: SAFE, ResourceArn: arn, IamRoleArn: role })
  const pack = packs().find((one) => !known.has(one)) ?? assert.fail('no pack came')
  await copied(point)
  await deny(COPIES)
  assert.equal(await statusOf(point), undefined)

  const bytes = readFileSync(pack)
  bytes[40] = (bytes[40] ?? 0) ^ 1
  writeFileSync(pack, bytes)
  // Old enough to be scrubbed, which the server begins with.
  await editRows(world, `update vault set created_at = created_at - 172800000 where name = '${SAFE}'`)
  await until('the damage to be told', () =>
    notices('Vault Damage Detected', SAFE).some(({ resources }) => resources.includes(point))
      ? true
      : undefined,
  )
  assert.match(
    (await statusOf(point)) ?? '',
    /^Damaged in its vault: 2 items of it cannot be restored as backed up$/,
  )

  const health = async () =>
    (await world.call('roleback', 'ListVaultHealth', { BackupVaultName: SAFE })).Vaults[0] ??
    assert.fail('no vault')
  const hurt = await health()
  assert.deepEqual(hurt.DamagedRecoveryPoints, [
    { RecoveryPointArn: point, ResourceArn: arn, ItemCount: 2, IsItemListDamaged: false },
  ])
  assert.ok(pack.endsWith(hurt.DamagedObjects[0]?.Name ?? 'none'))

  // By itself the server goes by the policies of the vaults, too.
  const refused = await lastJob('repair', SAFE)
  assert.equal(refused.state, 'FAILED')
  assert.match(refused.message, /^Repair could not make all of backup vault repaired whole\. .*explicit deny/)
  assert.match(refused.message, /Left are damaged recovery points: .* \(2 items\)/)
  const [asked] = await decisionsOf(world, refused.id)
  assert.deepEqual([asked?.Action, asked?.Effect], ['backup:CopyFromBackupVault', 'Deny'])
  assert.ok(notices('Vault Damage Repaired', SAFE).length === 0)
  const { state, message } = await restored(point, arn)
  assert.equal(state, 'FAILED', message)

  await world.call('backup', 'DeleteBackupVaultAccessPolicy', { BackupVaultName: COPIES })
  await world.call('roleback', 'StartVerifyJob', { BackupVaultName: SAFE, ReadData: false })
  const [notice] = await until('the repair to be told', () => {
    const told = notices('Vault Damage Repaired', SAFE)
    return told.length > 0 ? told : undefined
  })
  assert.deepEqual(notice?.detail['state'], 'REPAIRED')
  assert.deepEqual(notice?.detail['repairedRecoveryPoints'], [point])
  const repair = await lastJob('repair', SAFE)
  assert.equal(repair.state, 'COMPLETED', repair.message)
  assert.match(repair.message, /fetched from 1 recovery points in other vaults/)
  const rules = await decisionsOf(world, repair.id)
  assert.deepEqual(
    rules.map(({ Action, Effect, Reason }) => [Action, Effect, Reason?.includes('RolebackVaultMaintenance')]),
    [
      ['backup:CopyFromBackupVault', 'Allow', true],
      ['backup:CopyIntoBackupVault', 'Allow', true],
    ],
  )
  assert.equal(await statusOf(point), undefined)

  const { DamagedObjectCount, DamagedRecoveryPointCount, LatestRepairJobId, LastScrubEnded, NextScrub } =
    await health()
  assert.deepEqual([DamagedObjectCount, DamagedRecoveryPointCount, LatestRepairJobId], [0, 0, repair.id])
  assert.ok(LastScrubEnded !== undefined && NextScrub !== undefined && NextScrub > LastScrubEnded)

  // Before anybody reads the vault: a sweep takes nothing that a running job may look into.
  await lastJob('sweep', SAFE)
  assert.ok(!existsSync(pack), 'the sweep behind the repair took what nothing needs any more')
  // With what the restore that failed left there.
  for (const name of readdirSync(path)) rmSync(join(path, name), { recursive: true })
  const again = await restored(point, arn)
  assert.equal(again.state, 'COMPLETED', again.message)
  const found = readdirSync(path, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.txt'),
  )
  for (const name of found)
    assert.equal(
      readFileSync(join(path, name), 'utf8'),
      `the content of ${name.split('/').at(-1)} `.repeat(300),
    )
  assert.equal(found.length, 2)

  const verify = await world.call('roleback', 'StartVerifyJob', { BackupVaultName: SAFE })
  assert.match((await jobEnd(world, verify.JobId)).StatusMessage ?? '', /: no damage found$/)
})

test('who starts a repair needs the right to, may pass the role, and the role is asked as for a copy', async () => {
  const known = new Set(packs())
  const { arn } = await registerDirectory(world, 'charters', (folder) =>
    writeFileSync(join(folder, 'charter.txt'), 'we the people '.repeat(300)),
  )
  const point = await backUpWell(world, { BackupVaultName: SAFE, ResourceArn: arn, IamRoleArn: role })
  const pack = packs().find((one) => !known.has(one)) ?? assert.fail('no pack came')
  await copied(point)
  rmSync(pack)
  const started = allow('roleback:StartRepairJob')
  const poor = await makeRole(world, 'poor', { statements: [allow('backup:CopyIntoBackupVault')] })
  const clerk = await makeUser(world, 'clerk', [started])
  const nobody = await makeUser(world, 'nobody', [allow('iam:PassRole')])
  const doctor = await makeUser(world, 'doctor', [started, allow('iam:PassRole', [poor, role])])
  const input = { BackupVaultName: SAFE, IamRoleArn: role }
  await assert.rejects(
    clerk.call('roleback', 'StartRepairJob', input),
    (error) => error instanceof AwsError && /iam:PassRole/.test(error.message),
  )
  await assert.rejects(
    nobody.call('roleback', 'StartRepairJob', input),
    (error) => error instanceof AwsError && /roleback:StartRepairJob/.test(error.message),
  )
  await assert.rejects(
    doctor.call('roleback', 'StartRepairJob', { ...input, BackupVaultName: 'none' }),
    (error) => error instanceof AwsError && error.code === 'ResourceNotFoundException',
  )
  const { JobId: first } = await doctor.call('roleback', 'StartRepairJob', {
    ...input,
    IamRoleArn: poor,
  })
  const failed = await jobEnd(world, first)
  assert.equal(failed.State, 'FAILED')
  assert.match(
    failed.StatusMessage ?? '',
    /assumed-role\/poor\/.* is not authorized to perform: backup:CopyFromBackupVault/,
  )
  const { JobId: second } = await doctor.call('roleback', 'StartRepairJob', input)
  const done = await jobEnd(world, second)
  assert.equal(done.State, 'COMPLETED', done.StatusMessage ?? '')
  assert.deepEqual(
    (await decisionsOf(world, second)).map(({ Action, Effect }) => [Action, Effect]),
    [
      ['backup:CopyFromBackupVault', 'Allow'],
      ['backup:CopyIntoBackupVault', 'Allow'],
    ],
  )
  assert.equal((await restored(point, arn)).state, 'COMPLETED')
})

test('a restore, a copy and an export that meet damage tell it as a scrub does', async () => {
  const name = 'met'
  await makeVault(world, name)
  const hit = async (tree: string): Promise<{ arn: string; point: string; pack: string }> => {
    const known = new Set(packs())
    const { arn } = await registerDirectory(world, tree, (folder) =>
      writeFileSync(join(folder, 'file'), `${tree} `.repeat(900)),
    )
    const point = await backUpWell(world, { BackupVaultName: name, ResourceArn: arn, IamRoleArn: role })
    const pack = packs().find((one) => !known.has(one)) ?? assert.fail('no pack came')
    const bytes = readFileSync(pack)
    bytes[40] = (bytes[40] ?? 0) ^ 1
    writeFileSync(pack, bytes)
    return { arn, point, pack: `data/${pack.split('/data/').at(-1)}` }
  }
  const known = async (): Promise<readonly (string | undefined)[]> => {
    const { Vaults } = await world.call('roleback', 'ListVaultHealth', { BackupVaultName: name })
    return Vaults[0]?.DamagedObjects.map((one) => one.Name) ?? []
  }
  const toRestore = await hit('met-restoring')
  assert.deepEqual(await known(), [])
  assert.equal((await restored(toRestore.point, toRestore.arn)).state, 'FAILED')
  assert.deepEqual(await known(), [toRestore.pack])
  await lastJob('verify', name)
  const told = notices('Vault Damage Detected', name).map(({ detail }) => detail['foundBy'])
  assert.match(String(told[0]), /^restore /)

  const toCopy = await hit('met-copying')
  await makeVault(world, 'met-copies')
  const { CopyJobId = '' } = await world.call('backup', 'StartCopyJob', {
    RecoveryPointArn: toCopy.point,
    SourceBackupVaultName: name,
    DestinationBackupVaultArn: `arn:aws:backup:us-east-1:${world.accountId}:backup-vault:met-copies`,
    IamRoleArn: role,
  })
  assert.equal((await jobEnd(world, CopyJobId)).State, 'FAILED')
  assert.ok((await known()).includes(toCopy.pack))

  const toExport = await hit('met-exporting')
  const { JobId } = await world.call('roleback', 'StartExportJob', {
    BackupVaultName: name,
    Format: 'restic',
    TargetPath: join(world.scratch, 'met-export'),
    Password: 'correct horse',
    IamRoleArn: role,
    RecoveryPointArns: [toExport.point],
  })
  assert.equal((await jobEnd(world, JobId)).State, 'FAILED')
  assert.ok((await known()).includes(toExport.pack))
  await lastJob('verify', name)
  await lastJob('repair', name)
})
