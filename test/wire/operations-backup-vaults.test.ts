import assert from 'node:assert/strict'
import { existsSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, test } from 'node:test'
import {
  AssociateBackupVaultMpaApprovalTeamCommand,
  CreateBackupVaultCommand,
  DeleteBackupVaultCommand,
  DescribeBackupVaultCommand,
  DescribeRegionSettingsCommand,
  GetSupportedResourceTypesCommand,
  ListBackupVaultsCommand,
  ListTagsCommand,
  StartBackupJobCommand,
  TagResourceCommand,
  UntagResourceCommand,
  UpdateRegionSettingsCommand,
  paginateListBackupVaults,
  paginateListTags,
} from '@aws-sdk/client-backup'
import { sealedIn } from '../fixtures/locks.ts'
import { makeRole, makeUser, makeVault, registerDirectory, until } from '../fixtures/world.ts'
import { sdkError, startTestServer } from '../server.ts'

/** Backup's operations on vaults, tags and settings through the SDK: each changes something that is read back. */

const server = await startTestServer()
after(() => server[Symbol.asyncDispose]())
const { world, clients } = server
const { backup } = clients
const vaultArn = (name: string): string =>
  `arn:aws:backup:${world.region}:${world.accountId}:backup-vault:${name}`

test('vaults are made, described, listed in pages and deleted', async () => {
  const names = Array.from({ length: 5 }, (_, i) => `paged-${i}`)
  for (const BackupVaultName of names) await backup.send(new CreateBackupVaultCommand({ BackupVaultName }))
  await until('the vault to be there', async () => {
    const described = await backup.send(new DescribeBackupVaultCommand({ BackupVaultName: 'paged-0' }))
    return described.VaultState === 'AVAILABLE' ? true : undefined
  })
  const vault = await backup.send(new DescribeBackupVaultCommand({ BackupVaultName: 'paged-0' }))
  assert.deepEqual(
    [
      vault.BackupVaultArn,
      vault.VaultType,
      vault.NumberOfRecoveryPoints,
      vault.Locked,
      vault.EncryptionKeyArn,
    ],
    [
      vaultArn('paged-0'),
      'BACKUP_VAULT',
      0,
      false,
      `arn:aws:kms:${world.region}:${world.accountId}:alias/aws/backup`,
    ],
  )
  assert.ok(
    Math.abs((vault.CreationDate?.getTime() ?? 0) - Date.now()) < 60_000,
    'times are seconds on the wire',
  )
  const found: (string | undefined)[] = []
  for await (const page of paginateListBackupVaults({ client: backup, pageSize: 2 }, {})) {
    assert.ok((page.BackupVaultList ?? []).length <= 2)
    found.push(...(page.BackupVaultList ?? []).map((each) => each.BackupVaultName))
  }
  assert.deepEqual(found, names)
  for (const BackupVaultName of names) {
    await until('its jobs to end', async () => {
      try {
        await backup.send(new DeleteBackupVaultCommand({ BackupVaultName }))
        return true
      } catch (error) {
        sdkError('InvalidRequestException', 400, 'while jobs use it')(error)
        return undefined
      }
    })
  }
  assert.deepEqual((await backup.send(new ListBackupVaultsCommand({}))).BackupVaultList, [])
})

test('a repeated request is one vault; a second vault of the same name is refused', async () => {
  const input = { BackupVaultName: 'twice', CreatorRequestId: 'request-1' }
  const first = await backup.send(new CreateBackupVaultCommand(input))
  const again = await backup.send(new CreateBackupVaultCommand(input))
  assert.deepEqual(again.CreationDate, first.CreationDate)
  await assert.rejects(backup.send(new CreateBackupVaultCommand({ BackupVaultName: 'twice' })), (error) => {
    sdkError('AlreadyExistsException', 400, 'A Backup vault with the name twice already exists')(error)
    const { Arn, CreatorRequestId } = error as { Arn?: string; CreatorRequestId?: string }
    assert.deepEqual([Arn, CreatorRequestId], [vaultArn('twice'), 'request-1'])
    return true
  })
})

test('a vault that is not there is ResourceNotFoundException to those who may look, 403 to others', async () => {
  const absent = new DescribeBackupVaultCommand({ BackupVaultName: 'absent' })
  await assert.rejects(backup.send(absent), sdkError('ResourceNotFoundException', 400, 'absent'))
  const nobody = await makeUser(world, 'nobody')
  await assert.rejects(
    server.clientsOf(nobody.key).backup.send(absent),
    sdkError(
      'AccessDeniedException',
      403,
      `User: ${nobody.arn} is not authorized to perform: backup:DescribeBackupVault on resource: ${vaultArn('absent')} because no identity-based policy allows the backup:DescribeBackupVault action`,
    ),
  )
})

test('names and numbers outside their constraints are refused with Backup’s error', async () => {
  await assert.rejects(
    backup.send(new CreateBackupVaultCommand({ BackupVaultName: 'has space' })),
    sdkError('InvalidParameterValueException', 400),
  )
  await assert.rejects(
    backup.send(new ListBackupVaultsCommand({ MaxResults: 0 })),
    sdkError('InvalidParameterValueException', 400),
  )
  await assert.rejects(
    backup.send(new ListBackupVaultsCommand({ NextToken: 'bm9uc2Vuc2U=' })),
    sdkError('InvalidParameterValueException', 400, 'Invalid NextToken'),
  )
  // Where a loop over pages begins with an empty token.
  assert.deepEqual(
    (await backup.send(new ListBackupVaultsCommand({ NextToken: '' }))).BackupVaultList,
    (await backup.send(new ListBackupVaultsCommand({}))).BackupVaultList,
  )
  await assert.rejects(
    backup.send(
      new CreateBackupVaultCommand({
        BackupVaultName: 'own-key',
        EncryptionKeyArn: 'arn:aws:kms:us-east-1:123456789012:key/1',
      }),
    ),
    sdkError('InvalidParameterValueException', 400, 'has no such key'),
  )
})

test('R13 vault tags are set, listed and removed, but never those of aws:', async () => {
  const BackupVaultTags = { 'team a': 'dé +/=@', empty: '' }
  await backup.send(new CreateBackupVaultCommand({ BackupVaultName: 'tagged', BackupVaultTags }))
  const ResourceArn = vaultArn('tagged')
  await backup.send(new TagResourceCommand({ ResourceArn, Tags: { stage: 'prod' } }))
  await backup.send(new UntagResourceCommand({ ResourceArn, TagKeyList: ['empty'] }))
  const { Tags } = await backup.send(new ListTagsCommand({ ResourceArn }))
  assert.deepEqual({ ...Tags }, { 'team a': 'dé +/=@', stage: 'prod' })
  const pages = []
  for await (const page of paginateListTags({ client: backup, pageSize: 1 }, { ResourceArn }))
    pages.push(Object.entries(page.Tags ?? {}))
  assert.deepEqual(pages, [[['stage', 'prod']], [['team a', 'dé +/=@']]])
  const reserved = sdkError('InvalidParameterValueException', 400, 'reserved')
  await assert.rejects(backup.send(new TagResourceCommand({ ResourceArn, Tags: { 'aws:x': 'y' } })), reserved)
  await assert.rejects(
    backup.send(new UntagResourceCommand({ ResourceArn, TagKeyList: ['AWS:x'] })),
    reserved,
  )
  await assert.rejects(
    backup.send(
      new CreateBackupVaultCommand({ BackupVaultName: 'reserved', BackupVaultTags: { 'aws:x': 'y' } }),
    ),
    reserved,
  )
  const many = Object.fromEntries(Array.from({ length: 49 }, (_, i) => [`k${i}`, 'v']))
  await assert.rejects(
    backup.send(new TagResourceCommand({ ResourceArn, Tags: many })),
    sdkError('LimitExceededException', 400, 'the limit is 50'),
  )
  await assert.rejects(
    backup.send(new ListTagsCommand({ ResourceArn: vaultArn('none') })),
    sdkError('ResourceNotFoundException', 400),
  )
})

test('region settings switch resource types on and off', async () => {
  const { ResourceTypes } = await backup.send(new GetSupportedResourceTypesCommand({}))
  assert.deepEqual(ResourceTypes, ['EFS', 'RDS', 'S3'])
  const before = await backup.send(new DescribeRegionSettingsCommand({}))
  assert.deepEqual({ ...before.ResourceTypeOptInPreference }, { EFS: true, RDS: true, S3: true })
  await backup.send(new UpdateRegionSettingsCommand({ ResourceTypeOptInPreference: { EFS: false } }))
  const changed = await backup.send(new DescribeRegionSettingsCommand({}))
  assert.deepEqual({ ...changed.ResourceTypeOptInPreference }, { EFS: false, RDS: true, S3: true })
  const IamRoleArn = await makeRole(world, 'region', { managed: [] })
  await makeVault(world, 'region')
  const { arn: ResourceArn } = await registerDirectory(world, 'region', () => undefined)
  const start = new StartBackupJobCommand({ BackupVaultName: 'region', ResourceArn, IamRoleArn })
  await assert.rejects(backup.send(start), sdkError('InvalidRequestException', 400, 'not opted in'))
  await backup.send(new UpdateRegionSettingsCommand({ ResourceTypeOptInPreference: { EFS: true } }))
  assert.ok((await backup.send(start)).BackupJobId)
  await assert.rejects(
    backup.send(new UpdateRegionSettingsCommand({ ResourceTypeOptInPreference: { DynamoDB: true } })),
    sdkError('InvalidParameterValueException', 400, 'DynamoDB'),
  )
})

test('an operation that is not built answers a 400 that no client repeats', async () => {
  const MpaApprovalTeamArn = 'arn:aws:mpa:us-east-1:123456789012:approval-team/x'
  await assert.rejects(
    backup.send(
      new AssociateBackupVaultMpaApprovalTeamCommand({ BackupVaultName: 'v1', MpaApprovalTeamArn }),
    ),
    sdkError('InvalidRequestException', 400, 'AssociateBackupVaultMpaApprovalTeam'),
  )
})

test('a vault whose storage is away: its lock waits and is sealed once it is back, and its deletion says that nothing was found', async () => {
  await makeVault(world, 'away')
  const [row = assert.fail('no row')] = world.rows<{ storage: string }>(
    `select storage from vault where name = 'away'`,
  )
  const there = join(world.dataDir, 'vaults', (JSON.parse(row.storage) as { path: string }).path)
  const off = `${there}-not-mounted`
  renameSync(there, off)
  await world.call('backup', 'PutBackupVaultLockConfiguration', {
    BackupVaultName: 'away',
    MinRetentionDays: 1,
  })
  const sealing = await until('the lock to wait', () => {
    const [job] = world.rows<{ job_id: string; state: string; status_message: string }>(
      `select job_id, state, status_message from job where kind = 'seal-vault' and status_message is not null`,
    )
    return job
  })
  assert.match(
    `${sealing.state} ${sealing.status_message}`,
    /^CREATED The lock of away could not be sealed: /,
  )
  renameSync(off, there)
  const db = new DatabaseSync(join(world.dataDir, 'roleback.db'), { timeout: 60_000 })
  db.prepare('update job set run_at = 0 where job_id = ?').run(sealing.job_id)
  db.close()
  await sealedIn(world, 'away', ({ record }) => record['lock'] !== undefined)
  await until('the sealing to end', () => {
    const left = world.rows(`select 1 from job where kind = 'seal-vault' and state <> 'COMPLETED'`)
    return left.length === 0 ? true : undefined
  })
  renameSync(there, off)
  await backup.send(new DeleteBackupVaultCommand({ BackupVaultName: 'away' }))
  const message = await until('the deletion to end', () => {
    const [job] = world.rows<{ status_message: string | null }>(
      `select status_message from job where kind = 'delete-vault' and state = 'COMPLETED' and input like '%"away"%'`,
    )
    return job && String(job.status_message)
  })
  assert.match(message, /^Nothing of backup vault away \([0-9a-f]+\) was found in its storage\./)
  assert.ok(!message.includes(world.dataDir), 'no place of the server is told')
  assert.ok(existsSync(join(off, 'vault.json')))
})
