import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import * as Backup from '@aws-sdk/client-backup'
import * as Iam from '@aws-sdk/client-iam'
import * as Tagging from '@aws-sdk/client-resource-groups-tagging-api'
import * as Sts from '@aws-sdk/client-sts'
import { fillSmallTree, listTree } from './fixtures/small-tree.ts'
import { BACKUP_TRUST, policy, registerDirectory, SERVICE_POLICIES, until } from './fixtures/world.ts'
import type { World } from './fixtures/world.ts'
import { startTestServer } from './server.ts'
import type { TestServer } from './server.ts'

describe('AWS SDK for JavaScript', () => {
  let server: TestServer
  let world: World
  let resource: { arn: string; path: string; restoreRoot: string }
  let backup: Backup.BackupClient
  let iam: Iam.IAMClient
  let sts: Sts.STSClient
  let tagging: Tagging.ResourceGroupsTaggingAPIClient
  let role: string
  let point: string

  before(async () => {
    server = await startTestServer()
    world = server.world
    resource = await registerDirectory(world, 'files', fillSmallTree)
    ;({ backup, iam, sts, tagging } = server.clients)
  })
  after(() => server[Symbol.asyncDispose]())

  test('a role and a vault are made, and read back', async () => {
    const { Account } = await sts.send(new Sts.GetCallerIdentityCommand({}))
    assert.equal(Account, world.accountId)
    const AssumeRolePolicyDocument = policy(BACKUP_TRUST)
    const made = await iam.send(new Iam.CreateRoleCommand({ RoleName: 'sdk', AssumeRolePolicyDocument }))
    role = made.Role?.Arn ?? ''
    for (const name of [
      'AWSBackupServiceRolePolicyForEFSBackup',
      'AWSBackupServiceRolePolicyForEFSRestore',
    ]) {
      const PolicyArn = SERVICE_POLICIES + name
      await iam.send(new Iam.AttachRolePolicyCommand({ RoleName: 'sdk', PolicyArn }))
    }
    const attached = await iam.send(new Iam.ListAttachedRolePoliciesCommand({ RoleName: 'sdk' }))
    assert.equal(attached.AttachedPolicies?.length, 2)

    const input = { BackupVaultName: 'sdk', BackupVaultTags: { team: 'files' } }
    const { BackupVaultArn = '' } = await backup.send(new Backup.CreateBackupVaultCommand(input))
    assert.equal(BackupVaultArn, `arn:aws:backup:us-east-1:${world.accountId}:backup-vault:sdk`)
    await until('the vault', async () => {
      const { VaultState } = await backup.send(
        new Backup.DescribeBackupVaultCommand({ BackupVaultName: 'sdk' }),
      )
      return VaultState === 'AVAILABLE' ? true : undefined
    })
    const { Tags } = await backup.send(new Backup.ListTagsCommand({ ResourceArn: BackupVaultArn }))
    assert.deepEqual(Tags, { team: 'files' })
    await assert.rejects(
      backup.send(new Backup.CreateBackupVaultCommand(input)),
      Backup.AlreadyExistsException,
    )
  })

  test('a directory is backed up; the recovery point is listed, described and tagged', async () => {
    const started = await backup.send(
      new Backup.StartBackupJobCommand({
        BackupVaultName: 'sdk',
        ResourceArn: resource.arn,
        IamRoleArn: role,
        RecoveryPointTags: { run: 'first' },
      }),
    )
    const { BackupJobId = '' } = started
    const job = await until('the backup', async () => {
      const answer = await backup.send(new Backup.DescribeBackupJobCommand({ BackupJobId }))
      return ['CREATED', 'PENDING', 'RUNNING'].includes(answer.State ?? '') ? undefined : answer
    })
    assert.equal(job.State, 'COMPLETED', `${job.StatusMessage}`)
    assert.ok(job.CompletionDate instanceof Date)
    point = job.RecoveryPointArn ?? ''
    assert.equal(point, started.RecoveryPointArn)

    const listed = await backup.send(
      new Backup.ListRecoveryPointsByBackupVaultCommand({ BackupVaultName: 'sdk' }),
    )
    assert.deepEqual(
      listed.RecoveryPoints?.map(({ RecoveryPointArn }) => RecoveryPointArn),
      [point],
    )
    const named = { BackupVaultName: 'sdk', RecoveryPointArn: point }
    const described = await backup.send(new Backup.DescribeRecoveryPointCommand(named))
    assert.deepEqual([described.Status, described.ResourceArn], ['COMPLETED', resource.arn])
    assert.equal(described.BackupSizeInBytes, 315_000)

    await backup.send(
      new Backup.TagResourceCommand({ ResourceArn: point, Tags: { keep: 'yes', more: 'a/b c' } }),
    )
    await backup.send(new Backup.UntagResourceCommand({ ResourceArn: point, TagKeyList: ['keep'] }))
    const { Tags } = await backup.send(new Backup.ListTagsCommand({ ResourceArn: point }))
    assert.equal(Tags?.['more'], 'a/b c')
    assert.equal(Tags?.['keep'], undefined)
    const TagFilters = [{ Key: 'team', Values: ['files'] }]
    const vault = `arn:aws:backup:us-east-1:${world.accountId}:backup-vault:sdk`
    const found = await tagging.send(new Tagging.GetResourcesCommand({ TagFilters }))
    assert.deepEqual(
      found.ResourceTagMappingList?.map(({ ResourceARN }) => ResourceARN),
      [vault],
    )
    const changed = await backup.send(
      new Backup.UpdateRecoveryPointLifecycleCommand({ ...named, Lifecycle: { DeleteAfterDays: 7 } }),
    )
    assert.equal(
      changed.CalculatedLifecycle?.DeleteAt?.getTime(),
      (described.CreationDate?.getTime() ?? 0) + 7 * 86_400_000,
    )
  })

  test('the restore metadata, fed back, restores the directory to a new place, byte for byte', async () => {
    const named = { BackupVaultName: 'sdk', RecoveryPointArn: point }
    const { RestoreMetadata } = await backup.send(new Backup.GetRecoveryPointRestoreMetadataCommand(named))
    const { RestoreJobId = '' } = await backup.send(
      new Backup.StartRestoreJobCommand({
        RecoveryPointArn: point,
        IamRoleArn: role,
        Metadata: { ...RestoreMetadata, newFileSystem: 'true', CreationToken: 'by-sdk' },
      }),
    )
    const job = await until('the restore', async () => {
      const answer = await backup.send(new Backup.DescribeRestoreJobCommand({ RestoreJobId }))
      return ['PENDING', 'RUNNING'].includes(answer.Status ?? '') ? undefined : answer
    })
    assert.equal(job.Status, 'COMPLETED', `${job.StatusMessage}`)
    assert.deepEqual(listTree(join(resource.restoreRoot, 'by-sdk')), listTree(resource.path))
    const again = await backup.send(new Backup.GetRestoreJobMetadataCommand({ RestoreJobId }))
    assert.equal(again.Metadata?.['CreationToken'], 'by-sdk')
    const { Results } = await backup.send(new Backup.ListProtectedResourcesCommand({}))
    assert.deepEqual(
      Results?.map(({ ResourceArn }) => ResourceArn),
      [resource.arn],
    )
  })

  test('the recovery point and then the vault are deleted', async () => {
    const vault = { BackupVaultName: 'sdk' }
    await assert.rejects(
      backup.send(new Backup.DeleteBackupVaultCommand(vault)),
      (error: unknown) =>
        error instanceof Backup.InvalidRequestException && /contains recovery points/.test(error.message),
    )
    const named = { BackupVaultName: 'sdk', RecoveryPointArn: point }
    await backup.send(new Backup.DeleteRecoveryPointCommand(named))
    await until('the recovery point to go', async () => {
      const { RecoveryPoints } = await backup.send(new Backup.ListRecoveryPointsByBackupVaultCommand(vault))
      return RecoveryPoints?.length === 0 ? true : undefined
    })
    await assert.rejects(
      backup.send(new Backup.DescribeRecoveryPointCommand(named)),
      Backup.ResourceNotFoundException,
    )
    // The sweep behind the deleted point uses the vault for a moment still.
    await until('the vault to be free', async () => {
      try {
        await backup.send(new Backup.DeleteBackupVaultCommand(vault))
        return true
      } catch (error) {
        if (error instanceof Backup.InvalidRequestException && /while jobs use it/.test(error.message))
          return undefined
        throw error
      }
    })
    const { BackupVaultList } = await backup.send(new Backup.ListBackupVaultsCommand({}))
    assert.deepEqual(BackupVaultList, [])
  })
})
