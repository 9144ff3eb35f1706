import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { after, test } from 'node:test'
import { AwsError } from '../../src/aws/error.ts'
import { roleback } from '../fixtures/command-line.ts'
import {
  allow,
  backUpWell,
  makeRole,
  makeUser,
  makeVault,
  openWorld,
  registerDirectory,
} from '../fixtures/world.ts'

/** What was granted and never used, by the records of jobs and of API calls. */

const world = await openWorld()
after(() => world[Symbol.asyncDispose]())
await makeVault(world, 'safe')
const tree = await registerDirectory(world, 'tree', (path) => writeFileSync(`${path}/file`, 'x'))

test('ListUnusedPermissions of a role counts what its jobs used and names what they never did', async () => {
  const role = await makeRole(world, 'worker', {
    statements: [
      allow(['backup:DescribeBackupVault', 'backup:TagResource', 'backup:CopyIntoBackupVault']),
      { Sid: 'Files', ...allow(['elasticfilesystem:*', 's3:*']) },
      { Effect: 'Deny', Action: 'rds:*', Resource: '*' },
    ],
  })
  const startedAt = Date.now()
  await backUpWell(world, { BackupVaultName: 'safe', ResourceArn: tree.arn, IamRoleArn: role })
  const found = await world.call('roleback', 'ListUnusedPermissions', { PrincipalArn: role })
  assert.deepEqual([found.PermissionCount, found.UnusedCount], [5, 2])
  assert.deepEqual(
    found.Permissions.map((one) => [one.Action, one.StatementId, one.PolicyName, one.Count, one.LastUsedAt]),
    [
      ['backup:CopyIntoBackupVault', '#0', 'own', 0, undefined],
      ['s3:*', 'Files', 'own', 0, undefined],
    ],
  )
  assert.ok(found.From.getTime() >= startedAt - 60_000 && found.To >= found.From)
  const all = await world.call('roleback', 'ListUnusedPermissions', { PrincipalArn: role, Include: 'all' })
  const files = all.Permissions.find(({ Action }) => Action === 'elasticfilesystem:*')
  assert.deepEqual(files?.UsedActions, ['elasticfilesystem:Backup', 'elasticfilesystem:DescribeTags'])
  assert.ok((files?.LastUsedAt?.getTime() ?? 0) >= startedAt - 1000)
  const later = await world.call('roleback', 'ListUnusedPermissions', {
    PrincipalArn: role,
    Since: new Date(Date.now() + 60_000),
  })
  assert.equal(later.UnusedCount, 5)
})

test('a user’s refused attempts are no use, and what is no identity is refused', async () => {
  const user = await makeUser(world, 'ada', [
    allow(['backup:ListBackupVaults', 'backup:DescribeBackupVault'], '*'),
    { Effect: 'Deny', Action: 'backup:DescribeBackupVault', Resource: '*' },
  ])
  await user.call('backup', 'ListBackupVaults', {})
  await assert.rejects(user.call('backup', 'DescribeBackupVault', { BackupVaultName: 'safe' }))
  const { Permissions } = await world.call('roleback', 'ListUnusedPermissions', { PrincipalArn: user.arn })
  assert.deepEqual(
    Permissions.map(({ Action }) => Action),
    ['backup:DescribeBackupVault'],
  )
  const fails = (code: string) => (error: unknown) => error instanceof AwsError && error.code === code
  await assert.rejects(
    world.call('roleback', 'ListUnusedPermissions', { PrincipalArn: `${user.arn}x` }),
    fails('ResourceNotFoundException'),
  )
  await assert.rejects(
    world.call('roleback', 'ListUnusedPermissions', { PrincipalArn: tree.arn }),
    fails('InvalidParameterValueException'),
  )
})

test('`roleback role unused` prints the period and what was never used', async () => {
  const env = {
    AWS_ENDPOINT_URL: world.url,
    AWS_ACCESS_KEY_ID: world.rootKey.accessKeyId,
    AWS_SECRET_ACCESS_KEY: world.rootKey.secretAccessKey,
  }
  const told = await roleback(['role', 'unused', 'worker'], { env })
  assert.equal(told.code, 0, told.stderr)
  assert.match(told.stdout, /^2 of 5 rights were never used since \S+ \(1 day\)$/m)
  assert.match(told.stdout, /^never +0 +s3:\* +Files +own$/m)
})
