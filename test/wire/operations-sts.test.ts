import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { GetUserCommand, ListRolesCommand } from '@aws-sdk/client-iam'
import type { Credentials as SdkCredentials } from '@aws-sdk/client-sts'
import {
  AssumeRoleCommand,
  GetAccessKeyInfoCommand,
  GetCallerIdentityCommand,
  GetSessionTokenCommand,
  GetWebIdentityTokenCommand,
} from '@aws-sdk/client-sts'
import type { Credentials } from '../../src/aws/client.ts'
import { allow, makeRole, makeUser, policy } from '../fixtures/world.ts'
import { sdkError, startTestServer } from '../server.ts'

/** Every built operation of STS through the SDK; what it hands out is used. */

const server = await startTestServer()
after(() => server[Symbol.asyncDispose]())
const { world, clients } = server
const { sts } = clients
const trusting = (user: string, condition?: object): object => ({
  Effect: 'Allow',
  Principal: { AWS: user },
  Action: ['sts:AssumeRole', 'sts:TagSession'],
  ...(condition !== undefined && { Condition: condition }),
})

function keyOf(credentials: SdkCredentials | undefined): Credentials {
  return {
    accessKeyId: credentials?.AccessKeyId ?? '',
    secretAccessKey: credentials?.SecretAccessKey ?? '',
    sessionToken: credentials?.SessionToken,
  }
}

test('GetCallerIdentity and GetAccessKeyInfo say who signs', async () => {
  const { accountId } = world
  const root = await sts.send(new GetCallerIdentityCommand({}))
  assert.deepEqual(
    [root.Account, root.UserId, root.Arn],
    [accountId, accountId, `arn:aws:iam::${accountId}:root`],
  )
  const user = await makeUser(world, 'who')
  const asUser = await server.clientsOf(user.key).sts.send(new GetCallerIdentityCommand({}))
  assert.equal(asUser.Arn, user.arn, 'it needs no permission')
  const info = await sts.send(new GetAccessKeyInfoCommand({ AccessKeyId: user.key.accessKeyId }))
  assert.equal(info.Account, accountId)
  await assert.rejects(
    sts.send(new GetAccessKeyInfoCommand({ AccessKeyId: 'AKIAXXXXXXXXXXXXXXXX' })),
    sdkError('ValidationError', 400),
  )
})

test('AssumeRole hands out a session with the role’s rights, narrowed by the session policy', async () => {
  const user = await makeUser(world, 'assumer', [allow('sts:AssumeRole')])
  const RoleArn = await makeRole(world, 'reader', {
    statements: [allow('iam:ListRoles'), allow('iam:GetUser')],
    trust: trusting(user.arn),
  })
  const caller = server.clientsOf(user.key).sts
  const session = await caller.send(new AssumeRoleCommand({ RoleArn, RoleSessionName: 's1' }))
  assert.equal(session.AssumedRoleUser?.Arn, `arn:aws:sts::${world.accountId}:assumed-role/reader/s1`)
  assert.match(session.AssumedRoleUser?.AssumedRoleId ?? '', /^AROA[A-Z2-7]{17}:s1$/)
  const seconds = ((session.Credentials?.Expiration?.getTime() ?? 0) - Date.now()) / 1000
  assert.ok(seconds > 3500 && seconds <= 3600, `${seconds}`)
  const whole = server.clientsOf(keyOf(session.Credentials))
  assert.equal((await whole.sts.send(new GetCallerIdentityCommand({}))).Arn, session.AssumedRoleUser?.Arn)
  assert.ok((await whole.iam.send(new ListRolesCommand({}))).Roles?.some((role) => role.Arn === RoleArn))
  const Policy = policy(allow('iam:ListRoles'))
  const narrow = await caller.send(new AssumeRoleCommand({ RoleArn, RoleSessionName: 's2', Policy }))
  const narrowed = server.clientsOf(keyOf(narrow.Credentials))
  await narrowed.iam.send(new ListRolesCommand({}))
  await whole.iam.send(new GetUserCommand({ UserName: 'assumer' }))
  await assert.rejects(
    narrowed.iam.send(new GetUserCommand({ UserName: 'assumer' })),
    sdkError('AccessDenied', 403, 'because no session policy allows the iam:GetUser action'),
  )
})

test('AssumeRole obeys the trust policy: external id, session tags, and who is named', async () => {
  const user = await makeUser(world, 'partner', [allow(['sts:AssumeRole', 'sts:TagSession'])])
  const stranger = await makeUser(world, 'stranger', [allow('sts:AssumeRole')])
  const RoleArn = await makeRole(world, 'external', {
    trust: trusting(user.arn, { StringEquals: { 'sts:ExternalId': 'x-1', 'aws:RequestTag/team': 'db' } }),
  })
  const input = { RoleArn, RoleSessionName: 'ss' }
  const caller = server.clientsOf(user.key).sts
  const denied = sdkError(
    'AccessDenied',
    403,
    `is not authorized to perform: sts:AssumeRole on resource: ${RoleArn}`,
  )
  await assert.rejects(caller.send(new AssumeRoleCommand(input)), denied)
  const Tags = [{ Key: 'team', Value: 'db' }]
  await assert.rejects(caller.send(new AssumeRoleCommand({ ...input, ExternalId: 'x-2', Tags })), denied)
  const right = { ...input, ExternalId: 'x-1', Tags }
  const session = await caller.send(new AssumeRoleCommand(right))
  assert.ok(session.Credentials?.SessionToken)
  await assert.rejects(server.clientsOf(stranger.key).sts.send(new AssumeRoleCommand(right)), denied)
  await assert.rejects(
    caller.send(new AssumeRoleCommand({ ...right, DurationSeconds: 7200 })),
    sdkError('ValidationError', 400, 'MaxSessionDuration'),
  )
})

test('GetSessionToken hands out a user’s own rights, but for IAM and for further sessions', async () => {
  const user = await makeUser(world, 'tokens', [allow('*')])
  const { Credentials: given } = await server
    .clientsOf(user.key)
    .sts.send(new GetSessionTokenCommand({ DurationSeconds: 900 }))
  assert.match(given?.AccessKeyId ?? '', /^ASIA/)
  const session = server.clientsOf(keyOf(given))
  assert.equal((await session.sts.send(new GetCallerIdentityCommand({}))).Arn, user.arn)
  await assert.rejects(session.iam.send(new ListRolesCommand({})), sdkError('InvalidClientTokenId', 403))
  await assert.rejects(
    session.sts.send(new GetSessionTokenCommand({})),
    sdkError('AccessDenied', 403, 'Cannot call GetSessionToken with session credentials'),
  )
  const forged = { ...keyOf(given), sessionToken: `${given?.SessionToken?.slice(0, -4)}AAAA` }
  await assert.rejects(
    server.clientsOf(forged).sts.send(new GetCallerIdentityCommand({})),
    sdkError('InvalidClientTokenId', 403),
  )
})

test('an operation that is not built answers a 400 that no client repeats', async () => {
  await assert.rejects(
    sts.send(new GetWebIdentityTokenCommand({ Audience: ['x'], SigningAlgorithm: 'RS256' })),
    sdkError('InvalidAction', 400, 'GetWebIdentityToken'),
  )
})
