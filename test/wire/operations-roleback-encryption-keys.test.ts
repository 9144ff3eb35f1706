import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, before, test } from 'node:test'
import type { Call, OutputOf } from '../../src/aws/client.ts'
import { assertForeseen, missingOf, preflightOf } from '../fixtures/preflight.ts'
import { makeTenant } from '../fixtures/tenant.ts'
import type { Tenant } from '../fixtures/tenant.ts'
import {
  allow,
  backUp,
  backUpWell,
  decisionsOf,
  jobEnd,
  letVaultGo,
  makeRole,
  makeUser,
  makeVault,
  openWorld,
  registerDirectory,
  restore,
  setRights,
  until,
} from '../fixtures/world.ts'
import type { World } from '../fixtures/world.ts'

/** Vaults under keys that are not the server's: chosen, taken away and brought back (docs/adr/0036). */

const keys = mkdtempSync(join(tmpdir(), 'roleback-keys-'))
const stick = join(keys, 'finance.key')
const away = `${stick}.away`

let world: World
let tenant: Tenant
let role: string
let tree: Awaited<ReturnType<typeof registerDirectory>>
let key: OutputOf<'roleback', 'CreateEncryptionKey'>['EncryptionKey']

before(async () => {
  for (const [file, byte] of [
    [stick, 1],
    [join(keys, 'tenant.key'), 2],
    [join(keys, 'brief.key'), 3],
  ] as const)
    writeFileSync(file, `${Buffer.alloc(32, byte).toString('base64')}\n`, { mode: 0o400 })
  writeFileSync(
    join(keys, 'slow.sh'),
    `#!/bin/sh\n: > ${keys}/asked\nuntil [ -e ${keys}/go ]; do sleep 0.02; done\ncat ${keys}/brief.key\n`,
    { mode: 0o700 },
  )
  world = await openWorld({
    serve: {
      encryptionKey: [
        `finance=file:${stick}`,
        `again=file:${stick}`,
        `tenant=file:${join(keys, 'tenant.key')}`,
        `brief=file:${join(keys, 'brief.key')}`,
        'lost=file:/nowhere/lost.key',
        `slow=command:${join(keys, 'slow.sh')}`,
      ],
    },
  })
  tenant = await makeTenant(world, 'a department')
  role = await makeRole(world, 'AWSBackup-keys', { statements: [allow('*')] })
  tree = await registerDirectory(world, 'docs', (path) =>
    writeFileSync(join(path, 'a'), 'content\n'.repeat(999)),
  )
  key = (await world.call('roleback', 'CreateEncryptionKey', { Name: 'finance' })).EncryptionKey
  await makeVault(world, 'plain')
  await underKey('secret')
})
after(async () => {
  await world[Symbol.asyncDispose]()
  rmSync(keys, { recursive: true })
})

async function underKey(
  BackupVaultName: string,
  call: Call = world.call,
  EncryptionKeyArn: string = key.KeyArn,
): Promise<void> {
  await call('backup', 'CreateBackupVault', { BackupVaultName, EncryptionKeyArn })
  await until('the vault to be there', async () => {
    const { VaultState } = await world.call('backup', 'DescribeBackupVault', { BackupVaultName })
    return VaultState === 'AVAILABLE' ? true : undefined
  })
}

const vaultArn = (name: string): string =>
  `arn:aws:backup:${world.region}:${world.accountId}:backup-vault:${name}`

const intoVault = (BackupVaultName: string) => ({ BackupVaultName, ResourceArn: tree.arn, IamRoleArn: role })

async function copyEnd(input: {
  readonly point: string
  readonly from: string
  readonly to: string
  readonly IamRoleArn?: string
}) {
  const { CopyJobId = '' } = await world.call('backup', 'StartCopyJob', {
    RecoveryPointArn: input.point,
    SourceBackupVaultName: input.from,
    DestinationBackupVaultArn: vaultArn(input.to),
    IamRoleArn: input.IamRoleArn ?? role,
  })
  return await until('the copy to end', async () => {
    const { CopyJob } = await world.call('backup', 'DescribeCopyJob', { CopyJobId })
    return ['CREATED', 'RUNNING'].includes(CopyJob?.State ?? '') ? undefined : CopyJob
  })
}

function onDatabase(sql: string, parameter: string): void {
  const db = new DatabaseSync(join(world.dataDir, 'roleback.db'), { timeout: 60_000 })
  db.prepare(sql).run(parameter)
  db.close()
}

/** Spends the seconds between two tries of what waits. */
const beginNow = (jobId: string): void => onDatabase('update job set run_at = 0 where job_id = ?', jobId)

test('a key is made known by the management account, once, where it is and for whom there is', async () => {
  assert.match(key.KeyArn, new RegExp(`^arn:aws:kms:${world.region}:${world.accountId}:key/[0-9a-f-]{36}$`))
  const create = (input: { readonly Name: string; readonly AccountId?: string; readonly Region?: string }) =>
    world.call('roleback', 'CreateEncryptionKey', input)
  await assert.rejects(create({ Name: 'finance' }), /is there already/)
  await assert.rejects(create({ Name: 'again' }), /it is the same key as finance/)
  await assert.rejects(create({ Name: 'lost' }), /encryption key lost "\/nowhere\/lost.key": it is not there/)
  await assert.rejects(create({ Name: 'unknown' }), /Start it with --encryption-key unknown=SOURCE/)
  await assert.rejects(create({ Name: 'tenant', AccountId: '999999999999' }), /no account 999999999999/)
  await assert.rejects(create({ Name: 'tenant', Region: 'eu-west-1' }), /does not serve region eu-west-1/)
  await assert.rejects(
    tenant.call('roleback', 'CreateEncryptionKey', { Name: 'tenant' }),
    /management account/,
  )
})

test('a tenant sees its own keys, and where they come from is nobody’s but the operator’s', async () => {
  const { accountId: AccountId } = tenant
  const made = await world.call('roleback', 'CreateEncryptionKey', { Name: 'tenant', AccountId })
  const seen = (await tenant.call('roleback', 'ListEncryptionKeys', {})).EncryptionKeys
  assert.deepEqual(
    seen.map(({ Name, KeyArn, IsAvailable, CreatedBy }) => [Name, KeyArn, IsAvailable, CreatedBy]),
    [['tenant', made.EncryptionKey.KeyArn, true, undefined]],
  )
  const file = join(keys, 'tenant.key')
  renameSync(file, `${file}.away`)
  const [hidden] = (await tenant.call('roleback', 'ListEncryptionKeys', {})).EncryptionKeys
  assert.deepEqual([hidden?.IsAvailable, hidden?.Problem], [false, undefined])
  const all = (await world.call('roleback', 'ListEncryptionKeys', {})).EncryptionKeys
  assert.deepEqual(
    all.map(({ Name }) => Name),
    ['finance', 'tenant'],
  )
  assert.match(all[1]?.Problem ?? '', /it is not there/)
  const create = tenant.call('backup', 'CreateBackupVault', {
    BackupVaultName: 'of-tenant',
    EncryptionKeyArn: made.EncryptionKey.KeyArn,
  })
  await assert.rejects(create, (error: Error) => {
    assert.match(error.message, /is not available on the server now/)
    assert.ok(!error.message.includes(keys), 'no place of the server is told')
    return true
  })
  renameSync(`${file}.away`, file)
  const EncryptionKeyArn = made.EncryptionKey.KeyArn
  await tenant.call('backup', 'CreateBackupVault', { BackupVaultName: 'told', EncryptionKeyArn })
  await until('the tenant’s vault to be there', async () => {
    const { VaultState } = await tenant.call('backup', 'DescribeBackupVault', { BackupVaultName: 'told' })
    return VaultState === 'AVAILABLE' ? true : undefined
  })
  renameSync(file, `${file}.away`)
  const { JobId } = await tenant.call('roleback', 'StartVerifyJob', { BackupVaultName: 'told' })
  const message = await until('the verification to say that the key is away', async () => {
    const { Job } = await tenant.call('roleback', 'DescribeJob', { JobId })
    return Job?.StatusMessage
  })
  renameSync(`${file}.away`, file)
  assert.match(message, /Encryption key tenant/)
  assert.ok(!message.includes(keys), `no place of the server is told: ${message}`)
  // Another account's key is none.
  const foreign = { BackupVaultName: 'of-tenant', EncryptionKeyArn: key.KeyArn }
  await assert.rejects(
    tenant.call('backup', 'CreateBackupVault', foreign),
    /not authorized to perform: kms:DescribeKey/,
  )
  const stranger = await makeUser(tenant.world, 'stranger', [allow('backup:*')])
  await assert.rejects(
    stranger.call('backup', 'CreateBackupVault', foreign),
    /is not authorized to perform: kms:DescribeKey on resource: arn:aws:kms:/,
  )
})

test('vault, points, jobs and copies show the key, and the vault’s own key opens with both', async () => {
  const BackupVaultName = 'secret'
  const vault = await world.call('backup', 'DescribeBackupVault', { BackupVaultName })
  assert.deepEqual(
    [vault.EncryptionKeyArn, vault.EncryptionKeyType],
    [key.KeyArn, 'CUSTOMER_MANAGED_KMS_KEY'],
  )
  const keyId = key.KeyArn.split('/')[1] as string
  const [row = assert.fail('no row')] = world.rows<{ wrapped_key: string; storage: string }>(
    'select wrapped_key, storage from vault where name = ?',
    BackupVaultName,
  )
  assert.ok(row.wrapped_key.startsWith(`${keyId}:`))
  const { path } = JSON.parse(row.storage) as { path: string }
  const wrapping = readFileSync(join(world.dataDir, 'vaults', path, 'keys', 'server.json'), 'utf8')
  assert.equal((JSON.parse(wrapping) as { sealed: string }).sealed, row.wrapped_key)
  const job = await backUp(world, intoVault(BackupVaultName))
  assert.deepEqual([job.State, job.EncryptionKeyArn], ['COMPLETED', key.KeyArn])
  const plain = await backUpWell(world, intoVault('plain'))
  const copy = await copyEnd({ point: plain, from: 'plain', to: BackupVaultName })
  assert.deepEqual([copy?.State, copy?.DestinationEncryptionKeyArn], ['COMPLETED', key.KeyArn])
  const { RecoveryPoints } = await world.call('backup', 'ListRecoveryPointsByBackupVault', {
    BackupVaultName,
  })
  assert.deepEqual(
    RecoveryPoints?.map((point) => [point.EncryptionKeyArn, point.EncryptionKeyType, point.VaultType]),
    Array(2).fill([key.KeyArn, 'CUSTOMER_MANAGED_KMS_KEY', 'BACKUP_VAULT']),
  )
  const ofResource = await world.call('backup', 'ListRecoveryPointsByResource', { ResourceArn: tree.arn })
  const shown = ofResource.RecoveryPoints?.map((point) => [
    point.BackupVaultName,
    point.EncryptionKeyType,
    point.EncryptionKeyArn,
  ])
  const own = `arn:aws:kms:${world.region}:${world.accountId}:alias/aws/backup`
  assert.deepEqual(shown?.toSorted(), [
    ['plain', 'AWS_OWNED_KMS_KEY', own],
    ['secret', 'CUSTOMER_MANAGED_KMS_KEY', key.KeyArn],
    ['secret', 'CUSTOMER_MANAGED_KMS_KEY', key.KeyArn],
  ])
  const { JobId } = await world.call('roleback', 'StartVerifyJob', { BackupVaultName })
  assert.equal((await jobEnd(world, JobId)).State, 'COMPLETED')
})

test('an air-gapped vault is made under a key, which its lock pins; the same request with another key is another one', async () => {
  const input = {
    BackupVaultName: 'gapped',
    MinRetentionDays: 7,
    MaxRetentionDays: 30,
    CreatorRequestId: 'once',
  }
  const create = (EncryptionKeyArn?: string) =>
    world.call('backup', 'CreateLogicallyAirGappedBackupVault', { ...input, EncryptionKeyArn })
  await create(key.KeyArn)
  await create(key.KeyArn)
  await assert.rejects(create(), /already exists/)
  const [row] = world.rows<{ lock_configuration: string }>(
    'select lock_configuration from vault where name = ?',
    input.BackupVaultName,
  )
  assert.equal(
    (JSON.parse(row?.lock_configuration ?? '{}') as { encryptionKeyArn: string }).encryptionKeyArn,
    key.KeyArn,
  )
})

test('a key that is taken away: its vaults fail with its name, others work, promised work waits; back, all goes on', async () => {
  const point = await backUpWell(world, intoVault('secret'))
  const restoring = {
    RecoveryPointArn: point,
    IamRoleArn: role,
    Metadata: { 'file-system-id': tree.arn.split('/')[1] as string, newFileSystem: 'false' },
  }
  renameSync(stick, away)
  const failed = await restore(world, restoring)
  assert.equal(failed.Status, 'FAILED')
  assert.match(
    failed.StatusMessage ?? '',
    /^Encryption key finance cannot be had: it is not available on the server now\. Those who run it see why in roleback:ListEncryptionKeys$/,
  )
  // Backups wait inside their start window, as for a source that is down.
  const { BackupJobId = '' } = await world.call('backup', 'StartBackupJob', intoVault('secret'))
  const waiting = await until('the backup to wait', async () => {
    const job = await world.call('backup', 'DescribeBackupJob', { BackupJobId })
    return job.StatusMessage === undefined ? undefined : job
  })
  assert.match(waiting.StatusMessage ?? '', /Encryption key finance cannot be had: .* It is tried again at /)
  await world.call('backup', 'StopBackupJob', { BackupJobId })
  await backUpWell(world, intoVault('plain'))
  await world.call('backup', 'DeleteRecoveryPoint', { BackupVaultName: 'secret', RecoveryPointArn: point })
  const [deletion] = await until('the deletion to wait', () => {
    const rows = world.rows<{ job_id: string; status_message: string }>(
      `select job_id, status_message from job where kind = 'delete-point' and state = 'CREATED' and status_message is not null`,
    )
    return rows.length > 0 ? rows : undefined
  })
  assert.match(deletion?.status_message ?? '', /Encryption key finance cannot be had/)
  renameSync(away, stick)
  beginNow(deletion?.job_id ?? '')
  const left = await world.call('backup', 'ListRecoveryPointsByBackupVault', { BackupVaultName: 'secret' })
  const other = left.RecoveryPoints?.find(({ Status }) => Status === 'COMPLETED')
  const well = await restore(world, { ...restoring, RecoveryPointArn: other?.RecoveryPointArn ?? '' })
  assert.equal(well.Status, 'COMPLETED', String(well.StatusMessage))
  await until('the deletion to be done', () => {
    const [row] = world.rows<{ state: string }>(
      'select state from job where job_id = ?',
      deletion?.job_id ?? '',
    )
    return row?.state === 'COMPLETED' ? true : undefined
  })
})

test('jobs ask for the key under their role: the grant made with the vault allows it, a role that denies it is heeded', async () => {
  const service = ['AWSBackupServiceRolePolicyForBackup', 'AWSBackupServiceRolePolicyForRestores']
  const IamRoleArn = await makeRole(world, 'AWSBackup-managed', { managed: service })
  const PermissionsBoundary = 'arn:aws:iam::aws:policy/service-role/AWSBackupServiceRolePolicyForBackup'
  await world.call('iam', 'PutRolePermissionsBoundary', {
    RoleName: 'AWSBackup-managed',
    PermissionsBoundary,
  })
  const input = { ...intoVault('secret'), IamRoleArn }
  const foreseen = await preflightOf(world, {
    Operation: 'StartBackupJob',
    BackupVaultName: 'secret',
    ResourceArns: [tree.arn],
    IamRoleArn,
  })
  const done = await backUp(world, input)
  assert.equal(done.State, 'COMPLETED', String(done.StatusMessage))
  await assertForeseen(world, foreseen, done.BackupJobId ?? '')
  const [asked] = await decisionsOf(world, done.BackupJobId ?? '')
  assert.deepEqual(
    [asked?.Action, asked?.ResourceArn, asked?.Effect, asked?.PolicyArn, asked?.StatementId],
    ['kms:GenerateDataKey', key.KeyArn, 'Allow', key.KeyArn, 'GrantOfsecret'],
  )
  await world.call('iam', 'DeleteRolePermissionsBoundary', { RoleName: 'AWSBackup-managed' })
  await setRights(world, 'AWSBackup-managed', {
    Sid: 'NotThisKey',
    Effect: 'Deny',
    Action: 'kms:Decrypt',
    Resource: key.KeyArn,
  })
  assert.equal((await backUp(world, input)).State, 'COMPLETED', 'writing was not taken away')
  const refused = await restore(world, {
    RecoveryPointArn: done.RecoveryPointArn ?? '',
    IamRoleArn,
    Metadata: { 'file-system-id': tree.arn.split('/')[1] as string, newFileSystem: 'false' },
  })
  const words = new RegExp(
    `AWSBackup-managed is not authorized to perform: kms:Decrypt on resource: ${key.KeyArn} with an explicit deny in an identity-based policy`,
  )
  assert.deepEqual([refused.Status, words.test(refused.StatusMessage ?? '')], ['FAILED', true])
  const denial = (await decisionsOf(world, refused.RestoreJobId ?? '')).find(
    ({ Effect }) => Effect === 'Deny',
  )
  assert.deepEqual([denial?.Action, denial?.StatementId], ['kms:Decrypt', 'NotThisKey'])
  const ahead = await preflightOf(world, {
    Operation: 'StartCopyJob',
    IamRoleArn,
    RecoveryPointArns: [done.RecoveryPointArn ?? ''],
    DestinationBackupVaultArn: vaultArn('plain'),
  })
  assert.ok(missingOf(ahead).includes(`kms:Decrypt ${key.KeyArn}`))
  const copied = await copyEnd({
    point: done.RecoveryPointArn ?? '',
    from: 'secret',
    to: 'plain',
    IamRoleArn,
  })
  assert.match(copied?.StatusMessage ?? '', words)
})

test('choosing a key takes what AWSBackupFullAccess grants on keys: each of the three rights is asked of the caller', async () => {
  const backup = await makeUser(world, 'backup-admin', [], ['arn:aws:iam::aws:policy/AWSBackupFullAccess'])
  await underKey('by-admin', backup.call)
  const rights = ['kms:DescribeKey', 'kms:GenerateDataKey', 'kms:CreateGrant']
  for (const missing of rights) {
    const others = rights.filter((right) => right !== missing)
    const user = await makeUser(world, `lacks-${missing.slice(4)}`, [
      allow('backup:*'),
      allow(others, key.KeyArn),
    ])
    await assert.rejects(
      underKey('by-nobody', user.call),
      new RegExp(`not authorized to perform: ${missing} on resource: ${key.KeyArn}`),
    )
    // Without one there is nothing to ask.
    await user.call('backup', 'CreateBackupVault', { BackupVaultName: `of-${missing.slice(4)}` })
  }
  const { Events } = await world.call('roleback', 'LookupAuditEvents', { PrincipalArn: backup.arn })
  const asked = Events.filter(({ EventSource }) => EventSource === 'kms.amazonaws.com')
  assert.deepEqual(
    asked.map(({ EventName, Resource, Effect }) => [`kms:${EventName}`, Resource, Effect]),
    rights.toReversed().map((right) => [right, key.KeyArn, 'Allow']),
  )
})

test('a key is not deleted while a vault is under it, and is the same one when it is made known again', async () => {
  const create = async () =>
    (await world.call('roleback', 'CreateEncryptionKey', { Name: 'brief' })).EncryptionKey
  const remove = () => world.call('roleback', 'DeleteEncryptionKey', { Name: 'brief' })
  const made = await create()
  await underKey('brief', world.call, made.KeyArn)
  await assert.rejects(
    remove,
    new RegExp(`these vaults are under it.*: ${vaultArn('brief')}\\. Delete them first`),
  )
  await letVaultGo(world, 'brief')
  await until('the storage to go', async () => {
    const { EncryptionKeys } = await world.call('roleback', 'ListEncryptionKeys', {})
    return EncryptionKeys.find(({ Name }) => Name === 'brief')?.BackupVaultArns.length === 0
      ? true
      : undefined
  })
  await remove()
  await assert.rejects(remove, /There is no encryption key brief/)
  assert.equal((await create()).KeyArn, made.KeyArn)
})

test('a key that is deleted while a vault is being made under it is none: there is no vault that nothing opens', async () => {
  const found = (await world.call('roleback', 'ListEncryptionKeys', {})).EncryptionKeys
  const EncryptionKeyArn = found.find(({ Name }) => Name === 'brief')?.KeyArn
  // The same key from a command, which takes until somebody lets it go on: the request has seen the key by then.
  onDatabase(`update encryption_key set name = 'slow' where name = ?`, 'brief')
  const making = world.call('backup', 'CreateBackupVault', { BackupVaultName: 'late', EncryptionKeyArn })
  await until('the key to be asked for', () => (existsSync(join(keys, 'asked')) ? true : undefined))
  await world.call('roleback', 'DeleteEncryptionKey', { Name: 'slow' })
  writeFileSync(join(keys, 'go'), '')
  await assert.rejects(making, /Cannot encrypt with ".*": account \d+ has no such key/)
})
