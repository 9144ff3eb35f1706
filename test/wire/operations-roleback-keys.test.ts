import assert from 'node:assert/strict'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, test } from 'node:test'
import { IAMClient, ListAccessKeysCommand, ListUsersCommand } from '@aws-sdk/client-iam'
import {
  AssumeRoleCommand,
  GetCallerIdentityCommand,
  GetSessionTokenCommand,
  STSClient,
} from '@aws-sdk/client-sts'
import { callerOf } from '../../src/aws/client.ts'
import type { Call, Credentials, InputOf } from '../../src/aws/client.ts'
import { AwsError } from '../../src/aws/error.ts'
import { parseProfiles } from '../../src/cli/aws-profile.ts'
import { roleback } from '../fixtures/command-line.ts'
import { EXPLAINED } from '../fixtures/denials.ts'
import {
  ALL_RIGHTS,
  allow,
  makeRole,
  makeUser,
  makeVault,
  openWorld,
  policy,
  registerDirectory,
} from '../fixtures/world.ts'
import type { User } from '../fixtures/world.ts'

/** Access keys with an end and a policy of their own, and everything that must not get round them. */

const world = await openWorld()
after(() => world[Symbol.asyncDispose]())

const DAY_MS = 86_400_000
const inDays = (days: number): Date => new Date(Math.floor((Date.now() + days * DAY_MS) / 1000) * 1000)

async function call<O extends 'CreateLimitedAccessKey' | 'ListLimitedAccessKeys'>(
  operation: O,
  input: InputOf<'roleback', O>,
  as: Call = world.call,
): ReturnType<typeof as<'roleback', O>> {
  return await as('roleback', operation, input)
}

/** A new user with every right, and a limited key of his. */
async function limitedUser(
  name: string,
  limits: Omit<InputOf<'roleback', 'CreateLimitedAccessKey'>, 'UserName'>,
): Promise<User> {
  const { arn } = await makeUser(world, name, [ALL_RIGHTS])
  const { AccessKey, SecretAccessKey } = await call('CreateLimitedAccessKey', { UserName: name, ...limits })
  const key = { accessKeyId: AccessKey.AccessKeyId, secretAccessKey: SecretAccessKey }
  return { arn, key, call: callerOf(world.url, key, world.region) }
}

const sdk = (key: Credentials): { sts: STSClient; iam: IAMClient } => {
  const { sessionToken, ...pair } = key
  const credentials = sessionToken === undefined ? pair : { ...pair, sessionToken }
  const config = { endpoint: world.url, region: world.region, credentials }
  return { sts: new STSClient(config), iam: new IAMClient(config) }
}

async function sessionOf(key: Credentials): Promise<{ credentials: Credentials; ends: Date | undefined }> {
  const { Credentials: made } = await sdk(key).sts.send(new GetSessionTokenCommand({}))
  const { AccessKeyId = '', SecretAccessKey = '', SessionToken = '' } = made ?? {}
  const credentials = {
    accessKeyId: AccessKeyId,
    secretAccessKey: SecretAccessKey,
    sessionToken: SessionToken,
  }
  return { credentials, ends: made?.Expiration }
}

/** The whole refusal, from AWS's sentence for a session policy to the id that it is explained by. */
async function refusedByKey(attempt: Promise<unknown>, action: string): Promise<string> {
  const message = await attempt.then(
    () => assert.fail(`${action} was allowed`),
    (error: unknown) => (error as Error).message,
  )
  assert.ok(message.includes(`because no session policy allows the ${action} action`), message)
  return EXPLAINED.exec(message)?.[1] ?? assert.fail(message)
}

/** Lets time pass until the key has ended. */
async function letKeyEnd(accessKeyId: string): Promise<void> {
  await world.offline(async () => {
    const db = new DatabaseSync(join(world.dataDir, 'roleback.db'))
    db.prepare('update iam_access_key set expires_at = ? where access_key_id = ?').run(
      Date.now() - 1,
      accessKeyId,
    )
    db.close()
  })
}

test('a limited key is made, works within its policy, and is listed with its end and policy', async () => {
  const ExpirationDate = inDays(90)
  const PolicyDocument = policy(allow('backup:ListBackupVaults'))
  const robot = await limitedUser('robot', { ExpirationDate, PolicyDocument })
  assert.deepEqual((await robot.call('backup', 'ListBackupVaults', {})).BackupVaultList, [])
  await refusedByKey(robot.call('iam', 'ListUsers', {}), 'iam:ListUsers')
  const { AccessKeys } = await call('ListLimitedAccessKeys', { UserName: 'robot' })
  const [listed] = AccessKeys
  assert.ok(listed?.LastUsedDate !== undefined && listed.CreateDate <= new Date())
  assert.deepEqual(AccessKeys, [
    {
      AccessKeyId: robot.key.accessKeyId,
      UserName: 'robot',
      Status: 'Active',
      CreateDate: listed.CreateDate,
      ExpirationDate,
      PolicyDocument,
      LastUsedDate: listed.LastUsedDate,
    },
  ])
  assert.deepEqual((await call('ListLimitedAccessKeys', {})).AccessKeys, AccessKeys)
  const { AccessKeyMetadata = [] } = await sdk(world.rootKey).iam.send(
    new ListAccessKeysCommand({ UserName: 'robot' }),
  )
  assert.deepEqual(
    AccessKeyMetadata.map(({ Status }) => Status),
    ['Active', 'Active'],
  )
})

test('the refusal of a key’s policy says that it is the key’s, and with what another key would do', async () => {
  const robot = await limitedUser('explained', { PolicyDocument: policy(allow('backup:*')) })
  const AuthorizationId = await refusedByKey(robot.call('iam', 'ListRoles', {}), 'iam:ListRoles')
  const { Authorization } = await world.call('roleback', 'GetAuthorizationDetails', { AuthorizationId })
  assert.equal(Authorization.Layer, 'session')
  const [proposal] = Authorization.Proposals
  assert.equal(
    proposal?.Where,
    `the policy of access key ${robot.key.accessKeyId}, which cannot be changed: make another key whose policy has`,
  )
  assert.deepEqual(JSON.parse(proposal?.Statement ?? ''), allow('iam:ListRoles'))
})

test('the policy of a key can give nothing that the user has not', async () => {
  await makeUser(world, 'poor', [allow('backup:ListBackupVaults')])
  const { AccessKey, SecretAccessKey } = await call('CreateLimitedAccessKey', {
    UserName: 'poor',
    PolicyDocument: policy(ALL_RIGHTS),
  })
  const poor = callerOf(
    world.url,
    { accessKeyId: AccessKey.AccessKeyId, secretAccessKey: SecretAccessKey },
    world.region,
  )
  await poor('backup', 'ListBackupVaults', {})
  await assert.rejects(poor('iam', 'ListUsers', {}), /no identity-based policy allows/)
})

test('a role is passed only where the key’s policy allows it, too', async () => {
  await makeVault(world, 'keys')
  const { arn: ResourceArn } = await registerDirectory(world, 'keys', () => undefined)
  const IamRoleArn = await makeRole(world, 'passed', { managed: ['AWSBackupServiceRolePolicyForBackup'] })
  const input = { BackupVaultName: 'keys', ResourceArn, IamRoleArn }
  const starter = await limitedUser('starter', { PolicyDocument: policy(allow('backup:StartBackupJob')) })
  await refusedByKey(starter.call('backup', 'StartBackupJob', input), 'iam:PassRole')
  const passer = await limitedUser('passer', {
    PolicyDocument: policy(allow('backup:StartBackupJob'), allow('iam:PassRole', IamRoleArn)),
  })
  const { BackupJobId } = await passer.call('backup', 'StartBackupJob', input)
  assert.ok(BackupJobId)
})

test('a session made with a limited key is held to the same policy, and ends with the key at the latest', async () => {
  const ExpirationDate = new Date(Math.floor(Date.now() / 1000) * 1000 + 3_600_000)
  const PolicyDocument = policy(allow(['backup:ListBackupVaults', 'sts:*']))
  const robot = await limitedUser('session', { ExpirationDate, PolicyDocument })
  const session = await sessionOf(robot.key)
  assert.deepEqual(session.ends, ExpirationDate)
  const asSession = callerOf(world.url, session.credentials, world.region)
  await asSession('backup', 'ListBackupVaults', {})
  await refusedByKey(asSession('backup', 'ListBackupJobs', {}), 'backup:ListBackupJobs')
})

test('a role is assumed where the key’s policy allows it; the session is the role’s, and ends with the key at the latest', async () => {
  const ExpirationDate = new Date(Math.floor(Date.now() / 1000) * 1000 + 1_800_000)
  const unable = await limitedUser('unable', { PolicyDocument: policy(allow('backup:*')) })
  const able = await limitedUser('able', { ExpirationDate, PolicyDocument: policy(allow('sts:AssumeRole')) })
  const RoleArn = await makeRole(world, 'reader', {
    trust: { Effect: 'Allow', Principal: { AWS: [unable.arn, able.arn] }, Action: 'sts:AssumeRole' },
    statements: [allow('iam:ListUsers')],
  })
  const assume = new AssumeRoleCommand({ RoleArn, RoleSessionName: 'work' })
  await refusedByKey(sdk(unable.key).sts.send(assume), 'sts:AssumeRole')
  const { Credentials: made } = await sdk(able.key).sts.send(assume)
  assert.deepEqual(made?.Expiration, ExpirationDate)
  const { AccessKeyId = '', SecretAccessKey = '', SessionToken = '' } = made ?? {}
  const role = sdk({ accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: SessionToken })
  assert.ok((await role.iam.send(new ListUsersCommand({}))).Users)
})

test('a limited key makes its user another key only where its policy says so', async () => {
  const robot = await limitedUser('maker', { PolicyDocument: policy(allow('backup:*')) })
  await refusedByKey(robot.call('iam', 'CreateAccessKey', {}), 'iam:CreateAccessKey')
  const again = { UserName: 'maker', ExpirationDate: inDays(1) }
  await refusedByKey(call('CreateLimitedAccessKey', again, robot.call), 'roleback:CreateLimitedAccessKey')
  await refusedByKey(
    robot.call('iam', 'UpdateAccessKey', { AccessKeyId: robot.key.accessKeyId, Status: 'Active' }),
    'iam:UpdateAccessKey',
  )
})

test('an expired key and the sessions made with it open nothing, and the key is listed as expired', async () => {
  const robot = await limitedUser('ending', { ExpirationDate: inDays(1) })
  const session = await sessionOf(robot.key)
  const whoAmI = async (key: Credentials): Promise<unknown> =>
    await sdk(key).sts.send(new GetCallerIdentityCommand({}))
  await whoAmI(robot.key)
  await whoAmI(session.credentials)
  await letKeyEnd(robot.key.accessKeyId)
  for (const key of [robot.key, session.credentials]) {
    await assert.rejects(whoAmI(key), {
      name: 'ExpiredToken',
      message: 'The security token included in the request is expired',
    })
  }
  await assert.rejects(
    callerOf(world.url, robot.key, world.region)('backup', 'ListBackupVaults', {}),
    (error: unknown) =>
      error instanceof AwsError && error.code === 'ExpiredTokenException' && error.status === 403,
  )
  // Whoever does not hold the secret is not told that the key has ended.
  const forged = { ...robot.key, secretAccessKey: 'not the secret of this key at all 123456' }
  await assert.rejects(whoAmI(forged), { name: 'SignatureDoesNotMatch' })
  const { AccessKeys } = await call('ListLimitedAccessKeys', { UserName: 'ending' })
  assert.equal(AccessKeys[0]?.Status, 'Expired')
  const { AccessKeyMetadata = [] } = await sdk(world.rootKey).iam.send(
    new ListAccessKeysCommand({ UserName: 'ending' }),
  )
  assert.deepEqual(AccessKeyMetadata.map(({ Status = '' }) => Status).toSorted(), ['Active', 'Expired'])
  await world.call('iam', 'GenerateCredentialReport', {})
  const { Content } = await world.call('iam', 'GetCredentialReport', {})
  const [columns = [], ...rows] = Buffer.from(Content ?? [])
    .toString()
    .split('\n')
    .map((line) => line.split(','))
  const row = rows.find(([name]) => name === 'ending') ?? assert.fail('the report has no such user')
  const active = [1, 2].map((number) => row[columns.indexOf(`access_key_${number}_active`)] ?? '')
  assert.deepEqual(active.toSorted(), ['false', 'true'])
})

test('R11 a limited key takes iam:CreateAccessKey, and the list iam:ListAccessKeys', async () => {
  const UserName = 'nobody-special'
  await makeUser(world, UserName)
  const half = await makeUser(world, 'half', [allow('roleback:*')])
  const whole = await makeUser(world, 'whole', [
    allow(['roleback:*LimitedAccessKey*', 'iam:CreateAccessKey', 'iam:ListAccessKeys']),
  ])
  const input = { UserName, ExpirationDate: inDays(1) }
  await assert.rejects(
    call('CreateLimitedAccessKey', input, half.call),
    /not authorized to perform: iam:CreateAccessKey/,
  )
  await assert.rejects(
    call('ListLimitedAccessKeys', { UserName }, half.call),
    /not authorized to perform: iam:ListAccessKeys/,
  )
  await call('CreateLimitedAccessKey', input, whole.call)
  assert.equal((await call('ListLimitedAccessKeys', { UserName }, whole.call)).AccessKeys.length, 1)
})

test('limits that are none, past, too long or no policy are refused, and so is a third key', async () => {
  const UserName = 'strict'
  await makeUser(world, UserName)
  const refused = async (limits: object, code: string, text: RegExp): Promise<void> =>
    await assert.rejects(call('CreateLimitedAccessKey', { UserName, ...limits }), (error: unknown) => {
      assert.ok(error instanceof AwsError, String(error))
      assert.deepEqual([error.code, error.status], [code, 400], error.message)
      assert.match(error.message, text)
      return true
    })
  const invalid = 'InvalidParameterValueException'
  await refused({}, invalid, /an ExpirationDate, a PolicyDocument or both/)
  await refused({ ExpirationDate: inDays(-1) }, invalid, /is not in the future/)
  await refused({ PolicyDocument: '{"Statement":' }, invalid, /^PolicyDocument: /)
  await refused(
    { PolicyDocument: policy({ Effect: 'Allow', Action: 'x', Resource: '*' }) },
    invalid,
    /^PolicyDocument: /,
  )
  const long = policy(
    ...Array.from({ length: 40 }, (_, at) => allow(`s3:Get${at}`, `arn:aws:s3:::bucket/${at}/*`)),
  )
  await refused({ PolicyDocument: long }, invalid, /2048 are the most/)
  await refused(
    { UserName: 'none', ExpirationDate: inDays(1) },
    'ResourceNotFoundException',
    /with name none/,
  )
  await call('CreateLimitedAccessKey', { UserName, ExpirationDate: inDays(1) })
  await refused({ ExpirationDate: inDays(1) }, 'LimitExceededException', /has 2 access keys/)
})

test('roleback key create writes the key to a file for its owner alone, and key list shows it', async () => {
  await makeUser(world, 'machine', [ALL_RIGHTS])
  const env = {
    AWS_ENDPOINT_URL: world.url,
    AWS_ACCESS_KEY_ID: world.rootKey.accessKeyId,
    AWS_SECRET_ACCESS_KEY: world.rootKey.secretAccessKey,
  }
  const policyFile = join(world.scratch, 'machine.json')
  writeFileSync(policyFile, policy(allow('sts:GetCallerIdentity')))
  const out = join(world.scratch, 'machine-credentials')
  const create = ['key', 'create', '--user', 'machine', '--expires', '90d', '--policy-file', policyFile]
  const made = await roleback([...create, '--out', out], { env })
  assert.deepEqual([made.code, made.stdout], [0, ''], made.stderr)
  assert.match(made.stderr, /^key AKIA\w{16} of machine, ends \d{4}-.*Z; written to .*\n$/)
  assert.equal(statSync(out).mode & 0o777, 0o600)
  const profile = parseProfiles(readFileSync(out, 'utf8')).get('default') ?? {}
  const key = {
    accessKeyId: profile['aws_access_key_id'] ?? '',
    secretAccessKey: profile['aws_secret_access_key'] ?? '',
  }
  assert.equal(
    (await sdk(key).sts.send(new GetCallerIdentityCommand({}))).Arn?.endsWith('user/machine'),
    true,
  )
  const listed = await roleback(['key', 'list', '--user', 'machine'], { env })
  assert.match(
    listed.stdout,
    new RegExp(`^KEY .*\\n${key.accessKeyId}  machine  Active  \\d{4}-.*Z  of its own`),
  )
  // A file that is there already is left alone, and no key made for nothing.
  const again = await roleback([...create, '--out', out], { env })
  assert.deepEqual([again.code, again.stdout], [1, ''])
  assert.match(again.stderr, /EEXIST|already there|exists/)
  const third = await roleback([...create, '--out', `${out}-2`], { env })
  assert.equal(third.code, 1)
  assert.throws(() => statSync(`${out}-2`), { code: 'ENOENT' })
})
