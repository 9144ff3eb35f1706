import assert from 'node:assert/strict'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import {
  DeactivateMFADeviceCommand,
  DeleteAccessKeyCommand,
  DeleteUserCommand,
  DeleteUserPolicyCommand,
  IAMClient,
  ListUserPoliciesCommand,
  ListUsersCommand,
  UpdateAccessKeyCommand,
} from '@aws-sdk/client-iam'
import {
  AssumeRoleCommand,
  GetCallerIdentityCommand,
  GetSessionTokenCommand,
  STSClient,
} from '@aws-sdk/client-sts'
import { callService, callerOf } from '../../src/aws/client.ts'
import type { Call, Credentials, InputOf, OperationOf, OutputOf } from '../../src/aws/client.ts'
import { AwsError } from '../../src/aws/error.ts'
import { parseProfiles } from '../../src/cli/aws-profile.ts'
import { fromBase32, totpCode, totpStep } from '../../src/lib/totp.ts'
import { roleback } from '../fixtures/command-line.ts'
import { allow, makeRole, makeUser, openWorld, removeRole, until } from '../fixtures/world.ts'
import type { User } from '../fixtures/world.ts'

/** Signing in and out through the wire, what a session may, and what ends it. */

const world = await openWorld()
after(() => world[Symbol.asyncDispose]())

const PASSWORD = 'Sign-in-password-1'
const NEW = 'Sign-in-password-2'

async function call<O extends OperationOf<'roleback'>>(
  operation: O,
  input: InputOf<'roleback', O>,
  as: Call = world.call,
): Promise<OutputOf<'roleback', O>> {
  return await as('roleback', operation, input)
}

/** Without any signature. */
const unsigned: Call = async (service, operation, input) =>
  await callService(world.url, undefined, world.region, service, operation, input)

async function signIn(given: {
  readonly UserName: string
  readonly Password?: string
  readonly MfaCode?: string
  readonly NewPassword?: string
}): Promise<{ readonly key: Credentials; readonly call: Call; readonly expiration: Date }> {
  const PasswordCredentials = { Account: world.accountId, Password: PASSWORD, ...given }
  const { Credentials: made } = await call('SignIn', { PasswordCredentials, DurationSeconds: 900 }, unsigned)
  const key = {
    accessKeyId: made.AccessKeyId,
    secretAccessKey: made.SecretAccessKey,
    sessionToken: made.SessionToken,
  }
  return { key, call: callerOf(world.url, key, world.region), expiration: made.Expiration }
}

async function person(name: string, ...statements: object[]): Promise<User> {
  const user = await makeUser(world, name, statements)
  await world.call('iam', 'CreateLoginProfile', { UserName: name, Password: PASSWORD })
  return user
}

const fails =
  (code: string, status: number, text = '') =>
  (error: unknown): boolean => {
    assert.ok(error instanceof AwsError, String(error))
    assert.deepEqual([error.code, error.status], [code, status], error.message)
    assert.ok(error.message.includes(text), error.message)
    return true
  }

const ended = fails('ExpiredToken', 403)
const whoAmI = async (as: Call): Promise<string | undefined> => (await as('sts', 'GetCallerIdentity', {})).Arn

function sdk(key: Credentials): { sts: STSClient; iam: IAMClient } {
  const { accessKeyId, secretAccessKey, sessionToken } = key
  const pair = { accessKeyId, secretAccessKey }
  const credentials = sessionToken === undefined ? pair : { ...pair, sessionToken }
  const config = { endpoint: world.url, region: world.region, credentials, maxAttempts: 1 }
  return { sts: new STSClient(config), iam: new IAMClient(config) }
}

test('SignIn opens a session that may what its user may, IAM too, until SignOut', async () => {
  const user = await person('anna', allow('iam:ListUsers'))
  const { key, call: as, expiration } = await signIn({ UserName: 'anna' })
  assert.match(key.accessKeyId, /^ASIA/)
  const seconds = (expiration.getTime() - Date.now()) / 1000
  assert.ok(seconds > 800 && seconds <= 900, `${seconds}`)
  assert.equal(await whoAmI(as), user.arn)
  assert.ok((await sdk(key).iam.send(new ListUsersCommand({}))).Users, 'through the SDK')
  await assert.rejects(as('iam', 'ListRoles', {}), fails('AccessDenied', 403))
  await assert.rejects(
    sdk(key).sts.send(new GetSessionTokenCommand({})),
    /Cannot call GetSessionToken with session credentials/,
  )
  const { User: shown } = await world.call('iam', 'GetUser', { UserName: 'anna' })
  assert.ok(shown.PasswordLastUsed !== undefined)
  const other = await signIn({ UserName: 'anna' })
  await call('SignOut', {}, as)
  await assert.rejects(whoAmI(as), ended)
  assert.equal(await whoAmI(other.call), user.arn, 'another session goes on')
  await assert.rejects(
    call('SignOut', {}, user.call),
    fails('InvalidRequestException', 400, 'Only a session of SignIn'),
  )
})

test('ListSessions shows who is signed in, and from where', async () => {
  await person('lister')
  const one = await signIn({ UserName: 'lister' })
  const two = await signIn({ UserName: 'lister' })
  const { Sessions } = await call('ListSessions', { UserName: 'lister' })
  assert.deepEqual(
    Sessions.map((session) => session.AccessKeyId).toSorted(),
    [one.key.accessKeyId, two.key.accessKeyId].toSorted(),
  )
  const [first] = Sessions
  assert.deepEqual(
    [first?.UserName, first?.SourceIp, first?.MfaAuthenticated],
    ['lister', '127.0.0.1', false],
  )
  const page = await call('ListSessions', { UserName: 'lister', MaxResults: 1 })
  const next = await call('ListSessions', { UserName: 'lister', MaxResults: 1, NextToken: page.NextToken })
  assert.equal(next.NextToken, undefined)
  assert.deepEqual([...page.Sessions, ...next.Sessions], Sessions)
  await call('SignOut', {}, one.call)
  assert.equal((await call('ListSessions', { UserName: 'lister' })).Sessions.length, 1)
  assert.ok((await call('ListSessions', {})).Sessions.length >= 1)
  await assert.rejects(call('ListSessions', { UserName: 'none' }), fails('ResourceNotFoundException', 400))
})

test('a session signed in with a code has the MFA keys, and one without has none to show', async () => {
  const withMfa = { ...allow('iam:ListUsers'), Condition: { Bool: { 'aws:MultiFactorAuthPresent': 'true' } } }
  const fresh = {
    ...allow('iam:ListRoles'),
    Condition: { NumericLessThan: { 'aws:MultiFactorAuthAge': '60' } },
  }
  await person('dora', withMfa, fresh)
  const plain = await signIn({ UserName: 'dora' })
  await assert.rejects(plain.call('iam', 'ListUsers', {}), fails('AccessDenied', 403))
  const { VirtualMFADevice } = await world.call('iam', 'CreateVirtualMFADevice', {
    VirtualMFADeviceName: 'dora',
  })
  const { SerialNumber, Base32StringSeed = new Uint8Array() } = VirtualMFADevice
  const seed = fromBase32(Buffer.from(Base32StringSeed).toString())
  const step = totpStep(Date.now())
  await world.call('iam', 'EnableMFADevice', {
    UserName: 'dora',
    SerialNumber,
    AuthenticationCode1: totpCode(seed, step - 1),
    AuthenticationCode2: totpCode(seed, step),
  })
  const failed = fails('SignInFailedException', 403)
  await assert.rejects(signIn({ UserName: 'dora' }), failed)
  await assert.rejects(
    signIn({ UserName: 'dora', MfaCode: totpCode(seed, step) }),
    failed,
    'used up on enabling',
  )
  const MfaCode = totpCode(seed, step + 1)
  const strong = await signIn({ UserName: 'dora', MfaCode })
  assert.ok((await strong.call('iam', 'ListUsers', {})).Users)
  assert.ok((await strong.call('iam', 'ListRoles', {})).Roles)
  await assert.rejects(signIn({ UserName: 'dora', MfaCode }), failed)
  await sdk(world.rootKey).iam.send(new DeactivateMFADeviceCommand({ UserName: 'dora', SerialNumber }))
  await signIn({ UserName: 'dora' })
})

test('a signed-in session takes on roles, and its second factor counts in their trust policies', async () => {
  const user = await person('switch', allow('sts:AssumeRole'))
  const RoleArn = await makeRole(world, 'switched', {
    trust: {
      Effect: 'Allow',
      Principal: { AWS: user.arn },
      Action: 'sts:AssumeRole',
      Condition: { Bool: { 'aws:MultiFactorAuthPresent': 'false' } },
    },
  })
  const { key } = await signIn({ UserName: 'switch' })
  const assume = new AssumeRoleCommand({ RoleArn, RoleSessionName: 'session', DurationSeconds: 3600 })
  assert.ok((await sdk(key).sts.send(assume)).Credentials)
  // A long-term key's request does not have the key at all.
  await assert.rejects(sdk(user.key).sts.send(assume), { name: 'AccessDenied' })
})

test('a new password ends the sessions that the old one opened, but the one that set it', async () => {
  await person('renew', allow('iam:ChangePassword'))
  const [one, two] = [await signIn({ UserName: 'renew' }), await signIn({ UserName: 'renew' })]
  await one.call('iam', 'ChangePassword', { OldPassword: PASSWORD, NewPassword: NEW })
  await whoAmI(one.call)
  await assert.rejects(whoAmI(two.call), ended)
  await world.call('iam', 'UpdateLoginProfile', { UserName: 'renew', Password: PASSWORD })
  await assert.rejects(whoAmI(one.call), ended)
  const three = await signIn({ UserName: 'renew' })
  await world.call('iam', 'DeleteLoginProfile', { UserName: 'renew' })
  await assert.rejects(whoAmI(three.call), ended)
  await assert.rejects(signIn({ UserName: 'renew' }), fails('SignInFailedException', 403))
})

test('SignIn changes a password that must be changed, and refuses what it cannot read without showing it', async () => {
  await person('first')
  await world.call('iam', 'UpdateLoginProfile', { UserName: 'first', PasswordResetRequired: true })
  await assert.rejects(
    signIn({ UserName: 'first' }),
    fails('PasswordChangeRequiredException', 403, 'NewPassword'),
  )
  await signIn({ UserName: 'first', NewPassword: NEW })
  await signIn({ UserName: 'first', Password: NEW })
  const { LoginProfile } = await world.call('iam', 'GetLoginProfile', { UserName: 'first' })
  assert.equal(LoginProfile.PasswordResetRequired, false)
  const secret = 'secret-\u{1f512}-secret'
  await assert.rejects(signIn({ UserName: 'first', Password: secret }), (error: unknown) => {
    assert.ok(error instanceof AwsError)
    assert.equal(error.code, 'InvalidParameterValueException')
    assert.ok(!error.message.includes('secret-'), error.message)
    return true
  })
  await assert.rejects(
    call('SignIn', {}, unsigned),
    fails('InvalidParameterValueException', 400, 'PasswordCredentials'),
  )
  await assert.rejects(call('ListSessions', {}, unsigned), fails('MissingAuthenticationTokenException', 403))
})

/** Past the millisecond in which something was revoked. */
async function afterwards(revokedBefore: Date): Promise<void> {
  await until('the clock to move on', () => (Date.now() > revokedBefore.getTime() ? true : undefined))
}

test('R14 RevokeSessions ends every session that a user has by now, and none that he opens later', async () => {
  const user = await person('revoked')
  const signedIn = await signIn({ UserName: 'revoked' })
  const { Credentials: token } = await sdk(user.key).sts.send(new GetSessionTokenCommand({}))
  const tokenCall = callerOf(
    world.url,
    {
      accessKeyId: token?.AccessKeyId ?? '',
      secretAccessKey: token?.SecretAccessKey ?? '',
      sessionToken: token?.SessionToken,
    },
    world.region,
  )
  assert.equal(await whoAmI(tokenCall), user.arn)
  const { RevokedBefore } = await call('RevokeSessions', { PrincipalArn: user.arn })
  await assert.rejects(whoAmI(tokenCall), ended)
  await assert.rejects(whoAmI(signedIn.call), ended)
  assert.deepEqual((await call('ListSessions', { UserName: 'revoked' })).Sessions, [])
  assert.equal(await whoAmI(user.call), user.arn, 'his keys are not sessions')
  await afterwards(RevokedBefore)
  assert.equal(await whoAmI((await signIn({ UserName: 'revoked' })).call), user.arn)
})

test('R14 RevokeSessions ends every session of a role, and a role made again has none of them', async () => {
  const user = await makeUser(world, 'worker', [allow('sts:AssumeRole')])
  const trust = { Effect: 'Allow', Principal: { AWS: user.arn }, Action: 'sts:AssumeRole' }
  const RoleArn = await makeRole(world, 'revocable', { trust })
  const assume = async (): Promise<Call> => {
    const input = new AssumeRoleCommand({ RoleArn, RoleSessionName: 'session' })
    const { Credentials: made } = await sdk(user.key).sts.send(input)
    const { AccessKeyId = '', SecretAccessKey = '', SessionToken } = made ?? {}
    return callerOf(
      world.url,
      { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: SessionToken },
      world.region,
    )
  }
  const before = await assume()
  await whoAmI(before)
  const { RevokedBefore } = await call('RevokeSessions', { PrincipalArn: RoleArn })
  await assert.rejects(whoAmI(before), ended)
  await afterwards(RevokedBefore)
  const later = await assume()
  await whoAmI(later)
  await removeRole(world, 'revocable')
  await assert.rejects(whoAmI(later), fails('InvalidClientTokenId', 403), 'the role is gone')
  await makeRole(world, 'revocable', { trust })
  await assert.rejects(whoAmI(later), fails('InvalidClientTokenId', 403), 'its namesake is another')
})

test('R14 sessions end with the key that made them, and with the user', async () => {
  const user = await person('leaver')
  const signedIn = await signIn({ UserName: 'leaver' })
  const { Credentials: token } = await sdk(user.key).sts.send(new GetSessionTokenCommand({}))
  const key = {
    accessKeyId: token?.AccessKeyId ?? '',
    secretAccessKey: token?.SecretAccessKey ?? '',
    sessionToken: token?.SessionToken,
  }
  const AccessKeyId = user.key.accessKeyId
  const iam = sdk(world.rootKey).iam
  const identity = new GetCallerIdentityCommand({})
  await iam.send(new UpdateAccessKeyCommand({ UserName: 'leaver', AccessKeyId, Status: 'Inactive' }))
  for (const each of [user.key, key])
    await assert.rejects(sdk(each).sts.send(identity), { name: 'InvalidClientTokenId' })
  assert.equal(await whoAmI(signedIn.call), user.arn, 'it was made with a password')
  await iam.send(new UpdateAccessKeyCommand({ UserName: 'leaver', AccessKeyId, Status: 'Active' }))
  assert.ok((await sdk(key).sts.send(identity)).Arn)
  await iam.send(new DeleteAccessKeyCommand({ UserName: 'leaver', AccessKeyId }))
  await assert.rejects(sdk(key).sts.send(identity), { name: 'InvalidClientTokenId' })
  await world.call('iam', 'DeleteLoginProfile', { UserName: 'leaver' })
  const { PolicyNames = [] } = await iam.send(new ListUserPoliciesCommand({ UserName: 'leaver' }))
  for (const PolicyName of PolicyNames)
    await iam.send(new DeleteUserPolicyCommand({ UserName: 'leaver', PolicyName }))
  await iam.send(new DeleteUserCommand({ UserName: 'leaver' }))
  await person('leaver')
  await assert.rejects(whoAmI(signedIn.call), ended, 'the namesake has none of it')
})

test('R11 ending and listing others’ sessions takes the matching right of IAM', async () => {
  const target = await person('target')
  const RoleArn = await makeRole(world, 'target-role', {})
  const half = await makeUser(world, 'half-revoker', [allow('roleback:*')])
  const whole = await makeUser(world, 'whole-revoker', [
    allow([
      'roleback:RevokeSessions',
      'roleback:ListSessions',
      'iam:PutUserPolicy',
      'iam:PutRolePolicy',
      'iam:GetLoginProfile',
    ]),
  ])
  const other = await makeUser(world, 'other-half', [allow('iam:*')])
  const denied = (action: string) =>
    fails('AccessDeniedException', 403, `not authorized to perform: ${action}`)
  const user = { PrincipalArn: target.arn }
  const role = { PrincipalArn: RoleArn }
  await assert.rejects(call('RevokeSessions', user, half.call), denied('iam:PutUserPolicy'))
  await assert.rejects(call('RevokeSessions', role, half.call), denied('iam:PutRolePolicy'))
  await assert.rejects(call('ListSessions', { UserName: 'target' }, half.call), denied('iam:GetLoginProfile'))
  for (const input of [user, role])
    await assert.rejects(call('RevokeSessions', input, other.call), denied('roleback:RevokeSessions'))
  await call('RevokeSessions', user, whole.call)
  await call('RevokeSessions', role, whole.call)
  await call('ListSessions', { UserName: 'target' }, whole.call)
  for (const PrincipalArn of [
    `${target.arn}x`,
    RoleArn.replace('role/', 'role/x/'),
    'arn:aws:iam::aws:policy/x',
    'x',
  ])
    await assert.rejects(call('RevokeSessions', { PrincipalArn }), (error: unknown) => {
      assert.ok(error instanceof AwsError && error.status < 500, String(error))
      return true
    })
})

test('roleback session starts one into a file for its owner alone, lists it, ends it and revokes', async () => {
  const user = await person('shell', allow('iam:ListUsers'))
  const out = join(world.scratch, 'shell-credentials')
  const start = ['session', 'start', '--account', world.accountId, '--user', 'shell', '--password-file', '-']
  const anybody = { AWS_ENDPOINT_URL: world.url }
  const wrong = await roleback([...start, '--out', out], { env: anybody, input: 'Wrong-password-1\n' })
  assert.deepEqual([wrong.code, wrong.stdout], [1, ''])
  assert.match(wrong.stderr, /Signing in failed/)
  assert.throws(() => statSync(out), { code: 'ENOENT' })
  const made = await roleback([...start, '--out', out], { env: anybody, input: `${PASSWORD}\n` })
  assert.deepEqual([made.code, made.stdout], [0, ''], made.stderr)
  assert.match(made.stderr, /^signed in as arn:aws:iam::\d{12}:user\/shell until .*Z; written to .*\n$/)
  assert.equal(statSync(out).mode & 0o777, 0o600)
  const profile = parseProfiles(readFileSync(out, 'utf8')).get('default') ?? {}
  const own = callerOf(
    world.url,
    {
      accessKeyId: profile['aws_access_key_id'] ?? '',
      secretAccessKey: profile['aws_secret_access_key'] ?? '',
      sessionToken: profile['aws_session_token'],
    },
    world.region,
  )
  assert.equal(await whoAmI(own), user.arn)
  const root = {
    ...anybody,
    AWS_ACCESS_KEY_ID: world.rootKey.accessKeyId,
    AWS_SECRET_ACCESS_KEY: world.rootKey.secretAccessKey,
  }
  const listed = await roleback(['session', 'list', '--user', 'shell'], { env: root })
  assert.match(listed.stdout, /^USER .*\nshell  .*Z  .*Z  127\.0\.0\.1  no   ASIA\w{16}\n$/)
  const ended = await roleback(['session', 'end'], {
    env: { ...anybody, AWS_SHARED_CREDENTIALS_FILE: out, AWS_PROFILE: 'default' },
  })
  assert.deepEqual([ended.code, ended.stderr], [0, 'signed out\n'])
  await assert.rejects(whoAmI(own), fails('ExpiredToken', 403))
  const nobody = await roleback(['session', 'list', '--user', 'shell'], { env: root })
  assert.equal(nobody.stdout, 'Nobody is signed in.\n')
  const json = await roleback([...start, '--json'], { env: anybody, input: PASSWORD })
  const { Version, Expiration, ...rest } = JSON.parse(json.stdout) as Record<string, string>
  assert.deepEqual([Version, Object.keys(rest)], [1, ['AccessKeyId', 'SecretAccessKey', 'SessionToken']])
  assert.ok(Date.parse(Expiration ?? '') > Date.now())
  const revoked = await roleback(['session', 'revoke', user.arn], { env: root })
  assert.match(revoked.stderr, /^every session of .* is ended\n$/)
  const twice = await roleback([...start, '--new-password-file', '-'], { env: anybody, input: PASSWORD })
  assert.deepEqual([twice.code, twice.stdout], [2, ''])
})

test('StartSession turns an access key into a session that may what the key may, is listed, and ends with the key', async () => {
  const user = await person('keyed', allow('iam:ListUsers'))
  const made = await callerOf(world.url, user.key, world.region)('roleback', 'StartSession', {
    DurationSeconds: 900,
  })
  const { AccessKeyId, SecretAccessKey, SessionToken, Expiration } = made.Credentials
  const key = { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: SessionToken }
  const as = callerOf(world.url, key, world.region)
  assert.ok(Expiration.getTime() - Date.now() <= 900_000)
  assert.equal(made.PrincipalArn, user.arn)
  assert.equal(await whoAmI(as), user.arn)
  await as('iam', 'ListUsers', {})
  await assert.rejects(as('iam', 'ListRoles', {}), fails('AccessDenied', 403))
  await assert.rejects(
    as('roleback', 'StartSession', {}),
    fails('AccessDeniedException', 403, 'session credentials cannot start further sessions'),
  )
  const { Sessions } = await call('ListSessions', { UserName: 'keyed' })
  assert.deepEqual(
    Sessions.map((session) => session.AccessKeyId),
    [AccessKeyId],
  )
  await world.call('iam', 'UpdateAccessKey', {
    UserName: 'keyed',
    AccessKeyId: user.key.accessKeyId,
    Status: 'Inactive',
  })
  await assert.rejects(whoAmI(as), fails('InvalidClientTokenId', 403))
})

test('StartSession of the root user is his own, listed, and ended by SignOut; a wrong MFA code starts none', async () => {
  const { Credentials, PrincipalArn } = await call('StartSession', {})
  const key = {
    accessKeyId: Credentials.AccessKeyId,
    secretAccessKey: Credentials.SecretAccessKey,
    sessionToken: Credentials.SessionToken,
  }
  const as = callerOf(world.url, key, world.region)
  assert.match(PrincipalArn, /:root$/)
  assert.equal(await whoAmI(as), PrincipalArn)
  const { Sessions } = await call('ListSessions', {})
  assert.ok(Sessions.some((one) => one.AccessKeyId === key.accessKeyId && one.PrincipalArn === PrincipalArn))
  await as('roleback', 'SignOut', {})
  await assert.rejects(whoAmI(as), ended)
  await assert.rejects(
    call('StartSession', { MfaCode: '123456' }),
    fails('AccessDeniedException', 403, 'the MFA code is wrong'),
  )
})
