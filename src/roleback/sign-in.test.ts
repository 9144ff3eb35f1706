import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { AwsError } from '../aws/error.ts'
import type { PasswordCredentials, SignInOutput } from '../aws/generated/roleback.ts'
import type { UnsignedContext } from '../context.ts'
import { hashPassword } from '../keyring/passwords.ts'
import { ServerKey } from '../keyring/server-key.ts'
import { iamId } from '../lib/ids.ts'
import { createLog } from '../lib/log.ts'
import { fromBase32, toBase32, totpCode, totpStep } from '../lib/totp.ts'
import { insertAccount, updateAccount } from '../store/identity/accounts.ts'
import { insertUser } from '../store/identity/identities.ts'
import { insertLoginProfile, rememberPassword, updateLoginProfile } from '../store/identity/login-profiles.ts'
import { insertMfaDevice } from '../store/identity/mfa-devices.ts'
import { listAudit } from '../store/audit/audit.ts'
import { openTestChain } from '../store/audit/audit.fixture.ts'
import { openStore } from '../store/store.ts'
import { signIn } from './sign-in.ts'

const ACCOUNT = '111122223333'
const MANAGEMENT = '999900001111'
const PASSWORD = 'Right-password-1'
const NEW = 'Another-password-2'
const SEED = toBase32(Buffer.alloc(40, 5))

const FAILED =
  'Signing in failed: account, user name, password or MFA code are not right, or there were too many attempts. Wait a moment and try again'

/** A user `anna` with a password, `dora` with a device beside it, and `otto` with neither; the clock and the address are the test's. */
async function openWorld(file = ':memory:') {
  const store = await openStore({ kind: 'sqlite', file })
  openTestChain(store)
  const serverKey = new ServerKey(Buffer.alloc(32, 7))
  const lines: string[] = []
  const world = { now: Date.UTC(2026, 5, 1), sourceIp: '192.0.2.1' }
  await insertAccount(store.db, { account_id: ACCOUNT, name: 'a', created_at: 0, root_last_used_at: null })
  await updateAccount(store.db, ACCOUNT, { alias: 'acme' })
  const ids: Record<string, string> = {}
  const hashed = await hashPassword(PASSWORD)
  for (const name of ['anna', 'dora', 'otto']) {
    const user_id = iamId('AIDA')
    ids[name] = user_id
    const none = { boundary_arn: null, password_last_used_at: null, revoked_before: null }
    await insertUser(store.db, {
      account_id: ACCOUNT,
      user_id,
      name,
      name_lower: name,
      path: '/',
      created_at: 0,
      ...none,
    })
    if (name === 'otto') continue
    const password = serverKey.seal('password', user_id, Buffer.from(hashed))
    const times = { created_at: world.now, changed_at: world.now, reset_required: 0 }
    await insertLoginProfile(store.db, { user_id, account_id: ACCOUNT, password, ...times })
    await rememberPassword(store.db, user_id, password, 24)
  }
  const serial_number = `arn:aws:iam::${ACCOUNT}:mfa/dora`
  await insertMfaDevice(store.db, {
    serial_number,
    account_id: ACCOUNT,
    user_id: ids['dora'] as string,
    seed: serverKey.seal('mfa-seed', serial_number, Buffer.from(SEED)),
    created_at: 0,
    enabled_at: 0,
    drift: 0,
    last_step: 0,
  })
  const enter = async (given: Partial<PasswordCredentials>, over = store): Promise<SignInOutput> => {
    const ctx: UnsignedContext = {
      requestId: 'r',
      region: 'us-east-1',
      now: world.now,
      clock: { now: () => world.now, monotonic: () => world.now },
      store: over,
      serverKey,
      issuers: undefined as never,
      log: createLog('json', (line) => lines.push(line)),
      sourceIp: world.sourceIp,
      server: { managementAccountId: MANAGEMENT } as UnsignedContext['server'],
    }
    const credentials = { Account: ACCOUNT, UserName: 'anna', Password: PASSWORD, ...given }
    return await signIn(ctx, { PasswordCredentials: credentials })
  }
  const audit = async () =>
    await store.db.selectFrom('audit').selectAll().where('layer', '<>', 'audit').orderBy('seq').execute()
  const code = (ahead = 0): string => totpCode(fromBase32(SEED), totpStep(world.now) + ahead)
  return Object.assign(world, { store, serverKey, enter, audit, code, lines, ids })
}

const failed = (error: unknown): boolean => {
  assert.ok(error instanceof AwsError, String(error))
  assert.deepEqual([error.code, error.status, error.message], ['SignInFailedException', 403, FAILED])
  return true
}

test('R25 whatever is wrong, the answer is one, and the audit record has the reason but no name that nobody has', async () => {
  const world = await openWorld()
  const wrong: readonly (readonly [Partial<PasswordCredentials>, string, string, string])[] = [
    [{ Account: '444455556666' }, 'there is no such user', 'unknown', MANAGEMENT],
    [{ Account: 'nobody' }, 'there is no such user', 'unknown', MANAGEMENT],
    [{ UserName: 'My-secret-typed-here' }, 'there is no such user', 'unknown', ACCOUNT],
    [{ UserName: 'otto' }, 'the user has no password', `arn:aws:iam::${ACCOUNT}:user/otto`, ACCOUNT],
    [{ Password: 'wrong' }, 'the password is wrong', `arn:aws:iam::${ACCOUNT}:user/anna`, ACCOUNT],
    [{ UserName: 'dora' }, 'no MFA code was given', `arn:aws:iam::${ACCOUNT}:user/dora`, ACCOUNT],
    [
      { UserName: 'dora', MfaCode: '000000' },
      'the MFA code is wrong',
      `arn:aws:iam::${ACCOUNT}:user/dora`,
      ACCOUNT,
    ],
    [
      { UserName: 'dora', Password: 'wrong', MfaCode: world.code() },
      'the password is wrong',
      `arn:aws:iam::${ACCOUNT}:user/dora`,
      ACCOUNT,
    ],
  ]
  for (const [given] of wrong) await assert.rejects(world.enter(given), failed)
  const records = await world.audit()
  assert.deepEqual(
    records.map((row) => [row.reason, row.principal_arn, row.account_id]),
    wrong.map(([, ...expected]) => expected),
  )
  assert.ok(records.every((row) => row.effect === 'Deny' && row.source_ip === '192.0.2.1'))
  const everything = JSON.stringify([
    records,
    world.lines,
    await world.store.db.selectFrom('back_off').selectAll().execute(),
  ])
  for (const secret of ['My-secret-typed-here', PASSWORD, SEED, world.code()])
    assert.ok(!everything.toLowerCase().includes(secret.toLowerCase()), secret)
  await world.store.close()
})

test('a right password opens a session of an hour by account id, by alias, and in any case of the name', async () => {
  const world = await openWorld()
  for (const given of [{}, { Account: 'acme' }, { Account: 'ACME' }, { UserName: 'ANNA' }]) {
    const { AccountId, PrincipalArn, Credentials } = await world.enter(given)
    assert.deepEqual([AccountId, PrincipalArn], [ACCOUNT, `arn:aws:iam::${ACCOUNT}:user/anna`])
    assert.equal(Credentials.Expiration.getTime(), world.now + 3_600_000)
  }
  const [first] = await world.audit()
  assert.deepEqual([first?.effect, first?.reason], ['Allow', 'password'])
  await world.store.close()
})

test('R25 a code opens one session, and of five sign-ins with it at once one', async () => {
  const world = await openWorld()
  const enter = async (MfaCode: string): Promise<unknown> => await world.enter({ UserName: 'dora', MfaCode })
  await enter(world.code())
  await assert.rejects(enter(world.code()), failed)
  await assert.rejects(enter(world.code(-1)), failed, 'nor any that came before')
  world.now += 60_000
  const results = await Promise.allSettled(Array.from({ length: 5 }, () => enter(world.code())))
  assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1)
  const sessions = await world.store.db.selectFrom('sign_in_session').selectAll().execute()
  assert.deepEqual(
    sessions.map((session) => session.mfa),
    [1, 1],
  )
  await world.store.close()
})

test('R25 a name is held back after five failures, whether somebody has it or not, and the right password with it', async () => {
  for (const UserName of ['anna', 'nobody']) {
    const world = await openWorld()
    // Each from an address of its own.
    let address = 0
    const guess = async (Password: string): Promise<unknown> => {
      world.sourceIp = `198.51.100.${address++}`
      return await world.enter({ UserName, Password })
    }
    for (let i = 0; i < 5; i++) await assert.rejects(guess(`wrong ${i}`), failed)
    assert.equal((await world.audit()).length, 5)
    await assert.rejects(guess(PASSWORD), failed)
    assert.equal((await world.audit()).length, 5, 'what is held back is not looked at')
    assert.ok(world.lines.at(-1)?.includes('held back'))
    world.now += 1_001
    await assert.rejects(guess('wrong again'), failed)
    world.now += 1_001
    await assert.rejects(guess(PASSWORD), failed)
    assert.equal((await world.audit()).length, 6, 'each failure doubles the wait')
    world.now += 1_000
    if (UserName === 'anna') await guess(PASSWORD)
    else await assert.rejects(guess(PASSWORD), failed)
    assert.equal((await world.audit()).length, 7)
    await world.store.close()
  }
})

test('R25 a restart forgives nobody', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'roleback-sign-in-'))
  try {
    const world = await openWorld(join(folder, 'roleback.db'))
    for (let i = 0; i < 5; i++) await assert.rejects(world.enter({ Password: `wrong ${i}` }), failed)
    await world.store.close()
    const store = await openStore({ kind: 'sqlite', file: join(folder, 'roleback.db') })
    openTestChain(store)
    await assert.rejects(world.enter({}, store), failed)
    world.now += 1_001
    await world.enter({}, store)
    await store.close()
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('R25 a hundred guesses at once are looked at no more than five are', async () => {
  const world = await openWorld()
  const guesses = Array.from({ length: 100 }, (_, i) => world.enter({ Password: `wrong ${i}` }))
  for (const { status } of await Promise.allSettled(guesses)) assert.equal(status, 'rejected')
  assert.equal((await world.audit()).length, 5)
  await world.store.close()
})

test('R25 an address that tries one name after another is held back, a right one does not wash it clean', async () => {
  const world = await openWorld()
  for (let i = 0; i < 19; i++) {
    await assert.rejects(world.enter({ UserName: `name-${i}` }), failed)
    if (i % 5 === 0) await world.enter({})
  }
  await assert.rejects(world.enter({ UserName: 'name-19' }), failed)
  const looked = (await world.audit()).length
  await assert.rejects(world.enter({}), failed)
  world.sourceIp = '192.0.2.2'
  await world.enter({})
  assert.equal((await world.audit()).length, looked + 1)
  await world.store.close()
})

test('addresses of one IPv6 network are one, and the loopback is nobody’s', async () => {
  const world = await openWorld()
  world.sourceIp = '2001:db8:0:1::5'
  for (let i = 0; i < 20; i++) await assert.rejects(world.enter({ UserName: `name-${i}` }), failed)
  world.sourceIp = '2001:0db8:0000:0001:ffff::'
  await assert.rejects(world.enter({}), failed)
  world.sourceIp = '2001:db8:0:2::5'
  await world.enter({})
  world.sourceIp = '127.0.0.1'
  for (let i = 0; i < 25; i++) await assert.rejects(world.enter({ UserName: `other-${i}` }), failed)
  await world.enter({})
  await world.store.close()
})

test('R25 a user who does not exist takes as long as a wrong password', async () => {
  const world = await openWorld()
  const kinds: readonly Partial<PasswordCredentials>[] = [
    { Password: 'wrong' },
    { UserName: 'nobody' },
    { Account: 'nowhere' },
    { UserName: 'otto' },
    { UserName: 'dora', Password: 'wrong', MfaCode: '000000' },
  ]
  const best = kinds.map(() => Infinity)
  for (let round = 0; round < 4; round++) {
    for (const [i, given] of kinds.entries()) {
      world.now += 600_000
      const before = process.cpuUsage()
      await assert.rejects(world.enter(given), failed)
      const { user, system } = process.cpuUsage(before)
      best[i] = Math.min(best[i] as number, (user + system) / 1000)
    }
  }
  // Time of the processor, which other work on the machine does not lengthen. One hash takes more than ten times as much as
  // everything else: a kind without it would show.
  const [least, most] = [Math.min(...best), Math.max(...best)]
  assert.ok(most < 3 * least, `took ${best.map((ms) => ms.toFixed(1)).join(', ')} ms`)
  await world.store.close()
})

test('a password that must be changed opens nothing until another is given, which then is the password', async () => {
  const world = await openWorld()
  const dora = world.ids['dora'] as string
  await updateLoginProfile(world.store.db, dora, { reset_required: 1 })
  const enter = async (more: object): Promise<unknown> =>
    await world.enter({ UserName: 'dora', MfaCode: world.code(), ...more })
  const code = (wanted: string) => (error: unknown) => {
    assert.ok(error instanceof AwsError)
    assert.equal(error.code, wanted, error.message)
    return true
  }
  await assert.rejects(
    enter({ Password: 'wrong' }),
    failed,
    'only who knows it hears that it must be changed',
  )
  await assert.rejects(enter({}), code('PasswordChangeRequiredException'))
  await assert.rejects(enter({ NewPassword: 'short' }), code('PasswordPolicyViolationException'))
  await assert.rejects(enter({ NewPassword: PASSWORD }), code('PasswordPolicyViolationException'))
  // The code was not used up by asking.
  await enter({ NewPassword: NEW })
  world.now += 60_000
  await assert.rejects(enter({}), failed)
  await enter({ Password: NEW })
  world.now += 60_000
  await assert.rejects(
    enter({ Password: NEW, NewPassword: PASSWORD }),
    code('InvalidParameterValueException'),
  )
  // Whoever asks that way has learnt that password and code are right.
  const { rows } = await listAudit(world.store.db, { accountId: ACCOUNT }, { limit: 1 })
  assert.deepEqual(
    rows.map(({ effect, reason }) => [effect, reason]),
    [['Deny', 'a new password was given for one that need not be changed']],
  )
  await world.store.close()
})

test('an expired password is changed at sign-in, or only by an administrator where the policy says so', async () => {
  const world = await openWorld()
  const policy = { MinimumPasswordLength: 8, MaxPasswordAge: 30, PasswordReusePrevention: 5 }
  await updateAccount(world.store.db, ACCOUNT, { password_policy: JSON.stringify(policy) })
  const { PasswordExpirationDate } = await world.enter({})
  assert.equal(PasswordExpirationDate?.getTime(), world.now + 30 * 86_400_000)
  world.now += 30 * 86_400_000
  const code = (wanted: string) => (error: unknown) => error instanceof AwsError && error.code === wanted
  await assert.rejects(world.enter({}), code('PasswordChangeRequiredException'))
  const hard = JSON.stringify({ ...policy, HardExpiry: true })
  await updateAccount(world.store.db, ACCOUNT, { password_policy: hard })
  await assert.rejects(world.enter({}), failed)
  await assert.rejects(world.enter({ NewPassword: NEW }), failed)
  await updateAccount(world.store.db, ACCOUNT, { password_policy: JSON.stringify(policy) })
  await assert.rejects(world.enter({ NewPassword: PASSWORD }), code('PasswordPolicyViolationException'))
  const changed = await world.enter({ NewPassword: NEW })
  assert.equal(changed.PasswordExpirationDate?.getTime(), world.now + 30 * 86_400_000)
  await world.enter({ Password: NEW })
  await world.store.close()
})
