import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import {
  DeleteBackupVaultAccessPolicyCommand,
  DeleteRecoveryPointCommand,
  DescribeBackupVaultCommand,
  GetBackupVaultAccessPolicyCommand,
  PutBackupVaultAccessPolicyCommand,
} from '@aws-sdk/client-backup'
import { modelOf } from '../../src/aws/model.ts'
import { awsError } from '../fixtures/aws-error.ts'
import {
  ALL_RIGHTS,
  backUp,
  backUpWell,
  makeRole,
  makeUser,
  makeVault,
  policy,
  registerDirectory,
} from '../fixtures/world.ts'
import { sdkError, startTestServer } from '../server.ts'
import { exampleInput } from './example-input.ts'

/** Vault access policies through the SDK, and that each of the Backup API's calls asks them. */

const server = await startTestServer()
after(() => server[Symbol.asyncDispose]())
const { world } = server
const { backup } = server.clients
const MODEL = modelOf('backup')
const BackupVaultName = 'guarded'
const vaultArn = await makeVault(world, BackupVaultName)
const tree = await registerDirectory(world, 'tree', (path) => writeFileSync(join(path, 'a'), 'a'))
const role = await makeRole(world, 'worker', { statements: [ALL_RIGHTS] })
const admin = await makeUser(world, 'admin', [ALL_RIGHTS])
const asAdmin = server.clientsOf(admin.key).backup

const put = (Policy: string) =>
  backup.send(new PutBackupVaultAccessPolicyCommand({ BackupVaultName, Policy }))
const deny = (Action: string | string[], Principal: unknown = '*', Resource = '*'): object => ({
  Effect: 'Deny',
  Principal,
  Action,
  Resource,
})

test('an access policy is put, read and taken away', async () => {
  const absent = new GetBackupVaultAccessPolicyCommand({ BackupVaultName })
  await assert.rejects(
    backup.send(absent),
    sdkError('ResourceNotFoundException', 400, 'has no access policy'),
  )
  const document = policy(deny('backup:DeleteRecoveryPoint', { AWS: admin.arn }))
  await put(document)
  const got = await backup.send(new GetBackupVaultAccessPolicyCommand({ BackupVaultName }))
  assert.deepEqual(
    [got.BackupVaultArn, got.BackupVaultName, JSON.parse(got.Policy ?? '')],
    [vaultArn, BackupVaultName, JSON.parse(document)],
  )
  await backup.send(new DeleteBackupVaultAccessPolicyCommand({ BackupVaultName }))
  await assert.rejects(
    backup.send(absent),
    sdkError('ResourceNotFoundException', 400, 'has no access policy'),
  )
})

test('what AWS would not take is refused in its words', async () => {
  const many = (count: number) => Array.from({ length: count }, () => 'backup:DeleteRecoveryPoint')
  await put(policy(deny(many(700))))
  await backup.send(new DeleteBackupVaultAccessPolicyCommand({ BackupVaultName }))
  const refusals: readonly (readonly [string, string])[] = [
    [policy(deny('backup:*')), 'Wildcards are not allowed in the Action'],
    [
      policy({ Effect: 'Deny', Action: 'backup:DeleteRecoveryPoint', Resource: '*' }),
      'Invalid vault access policy',
    ],
    ['{', 'Invalid vault access policy'],
    [policy(deny(many(710))), 'it has more than 20480 characters'],
    [policy(deny('backup:DeleteRecoveryPoint', { AWS: `${admin.arn}x` })), 'Provided principal is not valid'],
  ]
  for (const [document, message] of refusals)
    await assert.rejects(put(document), sdkError('InvalidParameterValueException', 400, message), message)
})

test('it binds callers with every right, on the vault and on the points in it, by every operation that names either, and the job that works in it', async () => {
  const input = { BackupVaultName, ResourceArn: tree.arn, IamRoleArn: role }
  const RecoveryPointArn = await backUpWell(world, input)
  const point = { BackupVaultName, RecoveryPointArn }
  const names: Readonly<Record<string, string>> = { ...point, SourceBackupVaultName: BackupVaultName }
  const governed = Object.values(MODEL.operations).flatMap(({ name, input: shape }) => {
    const example = shape === undefined ? {} : (exampleInput(MODEL, shape) as object)
    if (['TagResource', 'UntagResource', 'ListTags'].includes(name))
      return [vaultArn, RecoveryPointArn].map((ResourceArn) => ({ name, asked: { ...example, ResourceArn } }))
    const named = Object.keys(example).filter((member) => member in names)
    const asked = { ...example, ...Object.fromEntries(named.map((member) => [member, names[member]])) }
    return named.length === 0 ? [] : [{ name, asked }]
  })
  assert.ok(governed.length >= 38, governed.map(({ name }) => name).join())
  const theirs = governed.filter(({ name }) => name !== 'DescribeBackupVault')
  const actions = [...new Set(theirs.map(({ name }) => `backup:${name}`))]
  await put(policy(deny(actions, { AWS: admin.arn })))
  for (const { name, asked } of theirs) {
    await assert.rejects(
      admin.call('backup', name as 'ListTags', asked as never),
      awsError('AccessDeniedException', 'with an explicit deny in a resource-based policy'),
      name,
    )
  }
  assert.ok(await asAdmin.send(new DescribeBackupVaultCommand({ BackupVaultName })))

  await put(policy(deny('backup:DescribeBackupVault', { AWS: role })))
  const asked = {
    Operation: 'StartBackupJob',
    BackupVaultName,
    IamRoleArn: role,
    ResourceArns: [tree.arn],
  } as const
  const preflight = await world.call('roleback', 'PreflightJobs', asked)
  const missing = [...preflight.Checks, ...preflight.Resources.flatMap(({ Checks }) => Checks)]
  assert.deepEqual(
    missing.map(({ Layer, Action, Verdict }) => [Layer, Action, Verdict]),
    [['job', 'backup:DescribeBackupVault', 'denied']],
  )
  const job = await backUp(world, input)
  assert.equal(job.State, 'FAILED')
  assert.match(
    job.StatusMessage ?? '',
    /backup:DescribeBackupVault .* with an explicit deny in a resource-based policy/,
  )
  await backup.send(new DeleteBackupVaultAccessPolicyCommand({ BackupVaultName }))
  await asAdmin.send(new DeleteRecoveryPointCommand(point))
})

test('R14 the policy of a vault means the user that it named, not the next of that name', async () => {
  const statement = deny('backup:DescribeBackupVault', {
    AWS: (await makeUser(world, 'named', [ALL_RIGHTS])).arn,
  })
  await put(policy(statement))
  const { AccessKeyMetadata } = await world.call('iam', 'ListAccessKeys', { UserName: 'named' })
  for (const { AccessKeyId } of AccessKeyMetadata)
    await world.call('iam', 'DeleteAccessKey', { UserName: 'named', AccessKeyId: AccessKeyId ?? '' })
  await world.call('iam', 'DeleteUserPolicy', { UserName: 'named', PolicyName: 'own' })
  await world.call('iam', 'DeleteUser', { UserName: 'named' })
  const namesake = await makeUser(world, 'named', [ALL_RIGHTS])
  await server.clientsOf(namesake.key).backup.send(new DescribeBackupVaultCommand({ BackupVaultName }))
  const { Policy } = await backup.send(new GetBackupVaultAccessPolicyCommand({ BackupVaultName }))
  assert.match(Policy ?? '', /"AWS":"AIDA/)
})
