import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { UpdateAccountPasswordPolicyRequest } from '../aws/generated/iam.ts'
import { hashPassword, TooManyPasswordsError } from '../keyring/passwords.ts'
import { findLoginProfile } from '../store/identity/login-profiles.ts'
import { ACCOUNT, allow, asUser, awsError, callIam, openWorld } from './iam.fixture.ts'
import type { World } from './iam.fixture.ts'

const FIRST = 'First-password-1'
const SECOND = 'Second-password-2'
const THIRD = 'Third-password-3'

const self = `arn:aws:iam::${ACCOUNT}:user/\${aws:username}`

async function withUser(
  world: World,
  UserName: string,
  policy = allow('iam:ChangePassword', self),
): Promise<void> {
  await callIam(world, world.root, 'CreateUser', { UserName })
  await callIam(world, world.root, 'PutUserPolicy', { UserName, PolicyName: 'p', PolicyDocument: policy })
}

const setPolicy = async (world: World, policy: UpdateAccountPasswordPolicyRequest): Promise<unknown> =>
  await callIam(world, world.root, 'UpdateAccountPasswordPolicy', policy)

test('a password lies hashed and sealed, is of its user only, and goes with the profile', async () => {
  const world = await openWorld()
  await withUser(world, 'anna')
  const made = await callIam(world, world.root, 'CreateLoginProfile', {
    UserName: 'anna',
    Password: FIRST,
    PasswordResetRequired: true,
  })
  assert.deepEqual(made.LoginProfile, {
    UserName: 'anna',
    CreateDate: new Date(world.now),
    PasswordResetRequired: true,
  })
  const { identityId = '' } = await asUser(world, 'anna')
  const row = await findLoginProfile(world.store.db, identityId)
  const opened = world.serverKey.open('password', identityId, row?.password ?? '').toString()
  assert.match(opened, /^\$argon2id\$/)
  assert.throws(() => world.serverKey.open('password', 'AIDAOTHER', row?.password ?? ''))
  for (const table of ['iam_login_profile', 'iam_password_history'] as const) {
    const text = JSON.stringify(await world.store.db.selectFrom(table).selectAll().execute())
    assert.ok(!text.includes(FIRST) && !text.includes('argon2id'), table)
  }
  await assert.rejects(
    callIam(world, world.root, 'CreateLoginProfile', { UserName: 'anna', Password: SECOND }),
    awsError('EntityAlreadyExists', 'Login Profile for user anna already exists.'),
  )
  await callIam(world, world.root, 'DeleteLoginProfile', { UserName: 'anna' })
  for (const name of ['GetLoginProfile', 'DeleteLoginProfile', 'UpdateLoginProfile'] as const)
    await assert.rejects(callIam(world, world.root, name, { UserName: 'anna' }), awsError('NoSuchEntity'))
  assert.deepEqual(await world.store.db.selectFrom('iam_password_history').selectAll().execute(), [])
  await world.store.close()
})

test('a user with a password or an MFA device cannot be deleted', async () => {
  const world = await openWorld()
  await callIam(world, world.root, 'CreateUser', { UserName: 'anna' })
  await callIam(world, world.root, 'CreateLoginProfile', { UserName: 'anna', Password: FIRST })
  const remove = async (): Promise<unknown> =>
    await callIam(world, world.root, 'DeleteUser', { UserName: 'anna' })
  await assert.rejects(remove(), awsError('DeleteConflict', 'must delete login profile first.'))
  await callIam(world, world.root, 'DeleteLoginProfile', { UserName: 'anna' })
  await remove()
  await world.store.close()
})

test('without a policy a password has eight characters of three classes and is nobody’s name', async () => {
  const world = await openWorld()
  await withUser(world, 'Anna-Berg1')
  const setTo = async (Password: string): Promise<unknown> =>
    await callIam(world, world.root, 'CreateLoginProfile', { UserName: 'Anna-Berg1', Password })
  await assert.rejects(setTo('Short-1'), awsError('PasswordPolicyViolation', 'minimum length of 8'))
  await assert.rejects(setTo('only-letters'), awsError('PasswordPolicyViolation', 'at least 3 of'))
  await assert.rejects(setTo('anna-berg1'), awsError('PasswordPolicyViolation', 'name'))
  await setTo('three-classes1')
  await world.store.close()
})

test('each rule of an account’s policy is enforced by itself, and what an update leaves out falls back', async () => {
  const world = await openWorld()
  await withUser(world, 'anna')
  await assert.rejects(
    callIam(world, world.root, 'GetAccountPasswordPolicy', {}),
    awsError('NoSuchEntity', `The Password Policy with domain name ${ACCOUNT} cannot be found.`),
  )
  const rules: readonly (readonly [UpdateAccountPasswordPolicyRequest, string, RegExp])[] = [
    [{ MinimumPasswordLength: 9 }, '12345678', /minimum length of 9/],
    [{ RequireSymbols: true }, 'abcDEF123', /one symbol/],
    [{ RequireNumbers: true }, 'abcDEF!', /one number/],
    [{ RequireUppercaseCharacters: true }, 'abc123!', /one uppercase letter/],
    [{ RequireLowercaseCharacters: true }, 'ABC123!', /one lowercase letter/],
  ]
  for (const [policy, Password, reason] of rules) {
    await setPolicy(world, policy)
    await assert.rejects(
      callIam(world, world.root, 'CreateLoginProfile', { UserName: 'anna', Password }),
      awsError('PasswordPolicyViolation', reason),
    )
  }
  await setPolicy(world, {})
  const { PasswordPolicy } = await callIam(world, world.root, 'GetAccountPasswordPolicy', {})
  assert.deepEqual(JSON.parse(JSON.stringify(PasswordPolicy)), {
    MinimumPasswordLength: 6,
    RequireSymbols: false,
    RequireNumbers: false,
    RequireUppercaseCharacters: false,
    RequireLowercaseCharacters: false,
    AllowUsersToChangePassword: false,
    HardExpiry: false,
    ExpirePasswords: false,
  })
  await callIam(world, world.root, 'CreateLoginProfile', { UserName: 'anna', Password: 'simple' })
  await callIam(world, world.root, 'DeleteAccountPasswordPolicy', {})
  await assert.rejects(
    callIam(world, world.root, 'DeleteAccountPasswordPolicy', {}),
    awsError('NoSuchEntity'),
  )
  await world.store.close()
})

test('the last passwords are not used again, the present one among them, and older ones are', async () => {
  const world = await openWorld()
  await withUser(world, 'anna')
  await setPolicy(world, { PasswordReusePrevention: 2 })
  await callIam(world, world.root, 'CreateLoginProfile', { UserName: 'anna', Password: FIRST })
  const change = async (Password: string): Promise<unknown> =>
    await callIam(world, world.root, 'UpdateLoginProfile', { UserName: 'anna', Password })
  const refused = awsError('PasswordPolicyViolation', 'last 2 passwords')
  await assert.rejects(change(FIRST), refused)
  await change(SECOND)
  await assert.rejects(change(FIRST), refused)
  await assert.rejects(change(SECOND), refused)
  await change(THIRD)
  await change(FIRST)
  await world.store.close()
})

test('ChangePassword takes the old password, and no user but the caller has it changed', async () => {
  const world = await openWorld()
  await withUser(world, 'anna')
  await withUser(world, 'bert', allow('iam:GetUser'))
  for (const UserName of ['anna', 'bert'])
    await callIam(world, world.root, 'CreateLoginProfile', { UserName, Password: FIRST })
  const anna = await asUser(world, 'anna')
  const change = async (OldPassword: string, NewPassword: string): Promise<unknown> =>
    await callIam(world, anna, 'ChangePassword', { OldPassword, NewPassword })
  await assert.rejects(change(SECOND, THIRD), awsError('AccessDenied', 'old password was incorrect'))
  await assert.rejects(change(FIRST, FIRST), awsError('PasswordPolicyViolation', 'present one'))
  await assert.rejects(change(FIRST, 'short'), awsError('PasswordPolicyViolation'))
  await change(FIRST, SECOND)
  await assert.rejects(change(FIRST, THIRD), awsError('AccessDenied'))
  await change(SECOND, THIRD)
  const bert = await asUser(world, 'bert')
  const input = { OldPassword: FIRST, NewPassword: SECOND }
  await assert.rejects(
    callIam(world, bert, 'ChangePassword', input),
    awsError('AccessDenied', 'iam:ChangePassword'),
  )
  await assert.rejects(callIam(world, world.root, 'ChangePassword', input), awsError('InvalidUserType'))
  await world.store.close()
})

test('an account may let all its users change their own passwords, and a deny still holds', async () => {
  const world = await openWorld()
  await withUser(world, 'anna', allow('s3:GetObject'))
  await callIam(world, world.root, 'CreateLoginProfile', { UserName: 'anna', Password: FIRST })
  const anna = await asUser(world, 'anna')
  const change = async (OldPassword: string, NewPassword: string): Promise<unknown> =>
    await callIam(world, anna, 'ChangePassword', { OldPassword, NewPassword })
  await setPolicy(world, { MinimumPasswordLength: 8 })
  await assert.rejects(change(FIRST, SECOND), awsError('AccessDenied', 'no identity-based policy'))
  await setPolicy(world, { AllowUsersToChangePassword: true })
  await change(FIRST, SECOND)
  await callIam(world, anna, 'GetAccountPasswordPolicy', {})
  // Nothing else, and nobody else's.
  await assert.rejects(callIam(world, anna, 'GetLoginProfile', {}), awsError('AccessDenied'))
  const deny = { Effect: 'Deny', Action: 'iam:ChangePassword', Resource: '*' }
  const PolicyDocument = JSON.stringify({ Version: '2012-10-17', Statement: [deny] })
  await callIam(world, world.root, 'PutUserPolicy', { UserName: 'anna', PolicyName: 'p', PolicyDocument })
  await assert.rejects(change(SECOND, THIRD), awsError('AccessDenied', 'explicit deny'))
  await world.store.close()
})

test('who guesses at the old password is held back, and let go by time and by a new password', async () => {
  const world = await openWorld()
  await withUser(world, 'anna')
  await callIam(world, world.root, 'CreateLoginProfile', { UserName: 'anna', Password: FIRST })
  const anna = await asUser(world, 'anna')
  const change = async (OldPassword: string, NewPassword: string): Promise<unknown> =>
    await callIam(world, anna, 'ChangePassword', { OldPassword, NewPassword })
  for (let guess = 0; guess < 5; guess++)
    await assert.rejects(change(`Guess-${guess}`, SECOND), awsError('AccessDenied'))
  const held = awsError('EntityTemporarilyUnmodifiable', 'too often')
  await assert.rejects(change(FIRST, SECOND), held)
  world.now += 1_001
  await assert.rejects(change('Guess-6', SECOND), awsError('AccessDenied'))
  world.now += 1_001
  await assert.rejects(change(FIRST, SECOND), held, 'each failure doubles the wait')
  await callIam(world, world.root, 'UpdateLoginProfile', { UserName: 'anna', Password: THIRD })
  await change(THIRD, SECOND)
  await world.store.close()
})

test('an old password that the server is too busy to look at counts as no guess', async () => {
  const world = await openWorld()
  await withUser(world, 'anna')
  await callIam(world, world.root, 'CreateLoginProfile', { UserName: 'anna', Password: FIRST })
  const anna = await asUser(world, 'anna')
  const change = async (): Promise<unknown> =>
    await callIam(world, anna, 'ChangePassword', { OldPassword: FIRST, NewPassword: SECOND })
  const strangers = Array.from({ length: 18 }, () => hashPassword('guess'))
  for (let i = 0; i < 7; i++) await assert.rejects(change(), TooManyPasswordsError)
  await Promise.all(strangers)
  await change()
  await world.store.close()
})

test('of two changes at once one wins, and the other says so', async () => {
  const world = await openWorld()
  await withUser(world, 'anna')
  await callIam(world, world.root, 'CreateLoginProfile', { UserName: 'anna', Password: FIRST })
  const anna = await asUser(world, 'anna')
  const results = await Promise.allSettled(
    [SECOND, THIRD].map(
      async (NewPassword) =>
        await callIam(world, anna, 'ChangePassword', { OldPassword: FIRST, NewPassword }),
    ),
  )
  assert.deepEqual(results.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected'])
  await world.store.close()
})

test('an account has one alias, AWS’s names only, and no other account’s', async () => {
  const world = await openWorld()
  const aliases = async (): Promise<readonly string[]> =>
    (await callIam(world, world.root, 'ListAccountAliases', {})).AccountAliases
  const create = async (AccountAlias: string): Promise<unknown> =>
    await callIam(world, world.root, 'CreateAccountAlias', { AccountAlias })
  assert.deepEqual(await aliases(), [])
  await create('first-name')
  assert.deepEqual(await aliases(), ['first-name'])
  await assert.rejects(create('first-name'), awsError('EntityAlreadyExists', 'already exists'))
  await create('second-name')
  assert.deepEqual(await aliases(), ['second-name'], 'a new one takes the place of the old one')
  await assert.rejects(create('123456789012'), awsError('ValidationError', 'twelve digits'))
  const remove = async (AccountAlias: string): Promise<unknown> =>
    await callIam(world, world.root, 'DeleteAccountAlias', { AccountAlias })
  await assert.rejects(remove('first-name'), awsError('NoSuchEntity'))
  await remove('second-name')
  assert.deepEqual(await aliases(), [])
  await world.store.close()
})
