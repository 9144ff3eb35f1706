import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { sealSession } from '../src/access/session.ts'
import { callerOf } from '../src/aws/client.ts'
import type { Credentials } from '../src/aws/client.ts'
import { serverKeyFile } from '../src/cli/server/first-start.ts'
import { loadServerKey } from '../src/keyring/server-key.ts'
import { EXPLAINED } from './fixtures/denials.ts'
import {
  ALL_RIGHTS,
  allow,
  backUpWell,
  makeRole,
  makeUser,
  makeVault,
  openWorld,
  policy,
  registerDirectory,
} from './fixtures/world.ts'

/** Ways round what limits a caller that were open once. */

const world = await openWorld()
after(() => world[Symbol.asyncDispose]())
const callAs = (key: Credentials) => callerOf(world.url, key, world.region)

interface Given {
  readonly AccessKeyId: string
  readonly SecretAccessKey: string
  readonly SessionToken: string
}
const keyOf = (given: Given | undefined): Credentials => ({
  accessKeyId: given?.AccessKeyId ?? '',
  secretAccessKey: given?.SecretAccessKey ?? '',
  sessionToken: given?.SessionToken ?? '',
})

test('a Deny by a recovery point’s tag holds for its export as for its restore', async () => {
  await makeVault(world, 'vault')
  const tree = await registerDirectory(world, 'tree', (path) => writeFileSync(join(path, 'a'), 'a'))
  const IamRoleArn = await makeRole(world, 'worker', { statements: [ALL_RIGHTS] })
  const point = await backUpWell(world, {
    BackupVaultName: 'vault',
    ResourceArn: tree.arn,
    IamRoleArn,
    RecoveryPointTags: { class: 'secret' },
  })
  const user = await makeUser(world, 'exporter', [
    ALL_RIGHTS,
    {
      Effect: 'Deny',
      Action: 'backup:StartRestoreJob',
      Resource: '*',
      Condition: { StringEquals: { 'aws:ResourceTag/class': 'secret' } },
    },
  ])
  const TargetPath = join(world.scratch, 'out')
  mkdirSync(TargetPath)
  const input = {
    BackupVaultName: 'vault',
    RecoveryPointArns: [point],
    IamRoleArn,
    TargetPath,
    Password: 'p',
  }
  await assert.rejects(
    user.call('roleback', 'StartExportJob', { ...input, Format: 'restic' }),
    /backup:StartRestoreJob .* with an explicit deny/,
  )
})

test('a session that may not call IAM gets no IAM right through our own operations', async () => {
  const user = await makeUser(world, 'sessions', [ALL_RIGHTS])
  const { Credentials: plain } = await user.call('sts', 'GetSessionToken', {})
  const { Credentials: federated } = await user.call('sts', 'GetFederationToken', {
    Name: 'federated',
    Policy: policy(ALL_RIGHTS),
  })
  for (const given of [plain, federated]) {
    const call = callAs(keyOf(given as Given))
    const refusals = [
      () => call('roleback', 'PutRestoreGuard', { RestoreGuard: 'off' }),
      () => call('roleback', 'ListLimitedAccessKeys', {}),
      () => call('roleback', 'RevokeSessions', { PrincipalArn: user.arn }),
    ]
    for (const refused of refusals) {
      await assert.rejects(refused(), ({ message }: Error) => {
        assert.match(
          message,
          /not authorized to perform: iam:\w+ on resource: \S+ because .* cannot call IAM/,
        )
        assert.match(message, EXPLAINED)
        return true
      })
    }
  }
})

test('a session that came of a key with an end does not outlive it, however many roles lie between', async () => {
  await makeUser(world, 'short', [allow('sts:AssumeRole')])
  const ExpirationDate = new Date(Date.now() + 3_000)
  const { AccessKey, SecretAccessKey } = await world.call('roleback', 'CreateLimitedAccessKey', {
    UserName: 'short',
    ExpirationDate,
  })
  const RoleArn = await makeRole(world, 'chained', {
    statements: [ALL_RIGHTS],
    trust: { Effect: 'Allow', Principal: { AWS: world.accountId }, Action: 'sts:AssumeRole' },
  })
  const key = { accessKeyId: AccessKey.AccessKeyId, secretAccessKey: SecretAccessKey }
  const assume = async (as: Credentials): Promise<Credentials> => {
    const input = { RoleArn, RoleSessionName: 'session' }
    const { Credentials: given } = await callAs(as)('sts', 'AssumeRole', input)
    assert.ok((given?.Expiration.getTime() ?? Infinity) <= ExpirationDate.getTime())
    return keyOf(given)
  }
  const chained = await assume(await assume(key))
  await pause(Math.max(0, ExpirationDate.getTime() - Date.now()) + 50)
  await assert.rejects(callAs(chained)('iam', 'ListUsers', {}), { code: 'ExpiredToken' })
})

test('a session that was made while the clock was ahead opens nothing once it is right again', async () => {
  const RoleArn = await makeRole(world, 'ahead', { statements: [ALL_RIGHTS] })
  const { Role } = await world.call('iam', 'GetRole', { RoleName: 'ahead' })
  const serverKey = loadServerKey(serverKeyFile(world.dataDir))
  const madeAt = (issuedAt: number): Credentials =>
    sealSession(serverKey, {
      kind: 'assumed-role',
      accountId: world.accountId,
      identityId: Role.RoleId,
      tags: {},
      session: { name: 'session', issuedAt, expiresAt: issuedAt + 3_600_000 },
    })
  const who = async (key: Credentials): Promise<string | undefined> =>
    (await callAs(key)('sts', 'GetCallerIdentity', {})).Arn
  assert.match((await who(madeAt(Date.now()))) ?? '', /assumed-role\/ahead\/session$/)
  // Another server's clock may be a little ahead.
  assert.ok(await who(madeAt(Date.now() + 30_000)))
  const ahead = madeAt(Date.now() + 400 * 86_400_000)
  await assert.rejects(who(ahead), { code: 'ExpiredToken' })
  await world.call('roleback', 'RevokeSessions', { PrincipalArn: RoleArn })
  await assert.rejects(who(ahead), { code: 'ExpiredToken' })
})
