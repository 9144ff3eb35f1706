import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { StartBackupJobCommandInput } from '@aws-sdk/client-backup'
import { StartBackupJobCommand, StopBackupJobCommand } from '@aws-sdk/client-backup'
import { allow, backupEnd, makeRole, makeUser, makeVault, registerDirectory } from '../fixtures/world.ts'
import { sdkError, startTestServer } from '../server.ts'

/** What the SDK hears when the role of a job cannot be passed, cannot be assumed or may not do what the job needs. */

const server = await startTestServer()
after(() => server[Symbol.asyncDispose]())
const { world, clients } = server
const { backup } = clients
await makeVault(world, 'roles')
const tree = await registerDirectory(world, 'orders', (path) => writeFileSync(join(path, 'file'), 'content'))
const backupInput = { BackupVaultName: 'roles', ResourceArn: tree.arn }

test('a role must be passed, exist and trust AWS Backup, in this order', async () => {
  const start = async (IamRoleArn: string, client = backup) =>
    await client.send(new StartBackupJobCommand({ ...backupInput, IamRoleArn }))
  const trust = { Effect: 'Allow', Principal: { Service: 'ec2.amazonaws.com' }, Action: 'sts:AssumeRole' }
  const untrusting = await makeRole(world, 'untrusting', { trust })
  const conditioned = await makeRole(world, 'conditioned', {
    trust: {
      ...trust,
      Principal: { Service: 'backup.amazonaws.com' },
      Condition: { StringEquals: { 'aws:SourceAccount': '000000000000' } },
    },
  })
  const starter = await makeUser(world, 'starter', [allow('backup:*')])
  await assert.rejects(
    start(untrusting, server.clientsOf(starter.key).backup),
    sdkError(
      'AccessDeniedException',
      403,
      `User: ${starter.arn} is not authorized to perform: iam:PassRole on resource: ${untrusting} because no identity-based policy allows the iam:PassRole action`,
    ),
  )
  const notAssumable = (arn: string, why: RegExp) => (error: unknown) => {
    sdkError('InvalidParameterValueException', 400, `IAM Role ${arn} cannot be assumed by AWS Backup`)(error)
    assert.match((error as Error).message, why)
    return true
  }
  const absent = `arn:aws:iam::${world.accountId}:role/absent`
  await assert.rejects(start(absent), notAssumable(absent, /no such role/))
  await assert.rejects(start(untrusting), notAssumable(untrusting, /does not name the service principal/))
  await assert.rejects(start(conditioned), notAssumable(conditioned, /aws:SourceAccount=123456789012/))
  const foreign = 'arn:aws:iam::999999999999:role/x'
  await assert.rejects(start(foreign), sdkError('AccessDeniedException', 403, `on resource: ${foreign}`))
})

test('a role without a right ends the job FAILED with principal, action and resource', async () => {
  const powerless = await makeRole(world, 'powerless', { statements: [allow('backup:DescribeBackupVault')] })
  const { BackupJobId } = await backup.send(
    new StartBackupJobCommand({ ...backupInput, IamRoleArn: powerless }),
  )
  const job = await backupEnd(world, BackupJobId ?? '')
  assert.deepEqual([job.State, job.MessageCategory], ['FAILED', 'AccessDenied'])
  const session = `arn:aws:sts::${world.accountId}:assumed-role/powerless/AWSBackup-powerless`
  assert.match(
    job.StatusMessage ?? '',
    new RegExp(
      `User: ${session} is not authorized to perform: elasticfilesystem:\\w+ on resource: .* because no identity-based policy allows`,
    ),
  )
  await assert.rejects(
    backup.send(new StopBackupJobCommand({ BackupJobId: BackupJobId ?? '' })),
    sdkError('InvalidRequestException', 400, 'it is FAILED already'),
  )
})

test('a backup is refused for what nobody registered, a short window and options nobody knows', async () => {
  const IamRoleArn = await makeRole(world, 'options', {})
  const refused = async (more: Partial<StartBackupJobCommandInput>, name: string, text: string) =>
    await assert.rejects(
      backup.send(new StartBackupJobCommand({ ...backupInput, IamRoleArn, ...more })),
      sdkError(name, 400, text),
    )
  await refused(
    { ResourceArn: `${tree.arn}0` },
    'ResourceNotFoundException',
    'no such resource is registered',
  )
  await refused({ BackupVaultName: 'none' }, 'ResourceNotFoundException', '"none"')
  for (const [window, said] of [
    [{ StartWindowMinutes: 59 }, 'StartWindowMinutes must be 60 to 52560000; it is 59'],
    [{ StartWindowMinutes: 1e12 }, 'StartWindowMinutes must be 60 to 52560000'],
    [{ CompleteWindowMinutes: 0 }, 'CompleteWindowMinutes must be 1 to 52560000; it is 0'],
    [{ CompleteWindowMinutes: 1e14 }, 'CompleteWindowMinutes must be 1 to 52560000'],
  ] as const)
    await refused(window, 'InvalidParameterValueException', said)
  await refused({ BackupOptions: { WindowsVSS: 'enabled' } }, 'InvalidParameterValueException', 'WindowsVSS')
  await refused({ RecoveryPointTags: { 'aws:x': 'y' } }, 'InvalidParameterValueException', 'reserved')
  await refused({ IamRoleArn: 'role/x' }, 'InvalidParameterValueException', 'not the ARN of a role')
})

test('policies reach the tags of vault and request, the role’s purpose and the service’s source', async () => {
  const vaultArn = `arn:aws:backup:${world.region}:${world.accountId}:backup-vault:roles`
  await world.call('backup', 'TagResource', { ResourceArn: vaultArn, Tags: { stage: 'prod' } })
  const IamRoleArn = await makeRole(world, 'for-vault', {
    managed: ['AWSBackupServiceRolePolicyForBackup'],
    trust: {
      Effect: 'Allow',
      Principal: { Service: 'backup.amazonaws.com' },
      Action: 'sts:AssumeRole',
      Condition: {
        ArnEquals: { 'aws:SourceArn': vaultArn },
        StringEquals: { 'aws:SourceAccount': world.accountId },
      },
    },
  })
  const limited = await makeUser(world, 'conditions', [
    {
      ...allow('backup:StartBackupJob'),
      Condition: {
        StringEquals: { 'aws:ResourceTag/stage': 'prod', 'aws:RequestTag/owner': '${aws:username}' },
      },
    },
    {
      ...allow('iam:PassRole', IamRoleArn),
      Condition: {
        StringEquals: { 'iam:PassedToService': 'backup.amazonaws.com' },
        ArnEquals: { 'iam:AssociatedResourceArn': vaultArn },
      },
    },
  ])
  const own = server.clientsOf(limited.key).backup
  const start = async (owner: string) =>
    await own.send(new StartBackupJobCommand({ ...backupInput, IamRoleArn, RecoveryPointTags: { owner } }))
  await assert.rejects(start('somebody'), sdkError('AccessDeniedException', 403, 'backup:StartBackupJob'))
  const { BackupJobId } = await start('conditions')
  assert.equal((await backupEnd(world, BackupJobId ?? '')).State, 'COMPLETED')
  await makeVault(world, 'untagged')
  await assert.rejects(
    own.send(
      new StartBackupJobCommand({
        ...backupInput,
        BackupVaultName: 'untagged',
        IamRoleArn,
        RecoveryPointTags: { owner: 'conditions' },
      }),
    ),
    sdkError('AccessDeniedException', 403, 'backup:StartBackupJob'),
  )
  await assert.rejects(
    backup.send(new StartBackupJobCommand({ ...backupInput, BackupVaultName: 'untagged', IamRoleArn })),
    sdkError('InvalidParameterValueException', 400, 'cannot be assumed by AWS Backup'),
  )
})
