import { addressSubject, countGuess, forgive, nameSubject, takeBack } from '../access/back-off.ts'
import type { BackOffSubject } from '../access/back-off.ts'
import { userArn } from '../access/identity-arns.ts'
import {
  PasswordRefusedError,
  isUnchanged,
  isUsersPassword,
  preparePassword,
} from '../access/login-profile.ts'
import type { PreparedPassword } from '../access/login-profile.ts'
import { matchCode, useCode } from '../access/mfa.ts'
import type { CodeMatch } from '../access/mfa.ts'
import { passwordExpiry, passwordPolicyOf } from '../access/password-policy.ts'
import type { PasswordPolicy } from '../access/password-policy.ts'
import {
  InvalidParameterValueException,
  PasswordChangeRequiredException,
  PasswordPolicyViolationException,
  SignInFailedException,
} from '../aws/generated/roleback.ts'
import type { PasswordCredentials } from '../aws/generated/roleback.ts'
import type { UnsignedContext } from '../context.ts'
import { findAccount, findAccountByAlias } from '../store/identity/accounts.ts'
import { appendAudit } from '../store/audit/audit.ts'
import { findUserByName } from '../store/identity/identities.ts'
import { findLoginProfile } from '../store/identity/login-profiles.ts'
import { listMfaDevices } from '../store/identity/mfa-devices.ts'
import type { LoginProfileTable, MfaDeviceTable } from '../store/identity/schema-credentials.ts'
import type { AccountTable, UserTable } from '../store/schema.ts'

/**
 * Signing in with a password. Whoever fails learns nothing but that: account, name, password and code are wrong alike, in one
 * sentence and after the same work (the same queries, one password hash), and who is held back is not looked at at all. Each
 * attempt that is looked at is in the audit record before it has an effect; those held back are only in the log, for strangers must
 * not fill a record that nobody can shorten.
 */

/** A user whose password, and code where he has a device, were right. */
export interface ProvenUser {
  readonly user: UserTable
  readonly policy: PasswordPolicy | undefined
  readonly passwordChangedAt: number
  readonly isMfaGiven: boolean
  /** To be written together with the session. */
  readonly newPassword: PreparedPassword | undefined
}

/** More than a user can have. */
const ALL_DEVICES = { limit: 100 }
/** An id that nobody has: what is asked about nobody is asked all the same. */
const NOBODY = '-'

/** What is known of the person who is named; undefined where nobody is. */
interface Named {
  readonly account: AccountTable | undefined
  readonly user: UserTable | undefined
  readonly profile: LoginProfileTable | undefined
  readonly devices: readonly MfaDeviceTable[]
}

/**
 * Checks a password sign-in and uses up its code.
 *
 * @throws {SignInFailedException} For whatever is wrong with it.
 * @throws {PasswordChangeRequiredException} Everything is right, but the password must be changed first; the code is not used up.
 */
export async function passwordSignIn(ctx: UnsignedContext, given: PasswordCredentials): Promise<ProvenUser> {
  const named = await find(ctx, given)
  const guess = await heldBackOrCounted(ctx, named, given)
  const match = await check(ctx, named, given, guess)
  const { account, user, profile } = named
  if (match === undefined || user === undefined || profile === undefined) throw refused()
  const policy = passwordPolicyOf(account)
  const newPassword = await newPasswordOf(ctx, user, profile, policy, given)
  const { code } = match
  if (code !== undefined && !(await useCode(ctx.store.db, code))) {
    throw await failure(ctx, named, 'the MFA code was used before')
  }
  await forgiveGuess(ctx, guess)
  await record(ctx, named, 'Allow', code === undefined ? 'password' : 'password and MFA code')
  return { user, policy, passwordChangedAt: profile.changed_at, isMfaGiven: code !== undefined, newPassword }
}

async function find(ctx: UnsignedContext, given: PasswordCredentials): Promise<Named> {
  const { db } = ctx.store
  const { Account, UserName } = given
  const account = /^\d{12}$/.test(Account)
    ? await findAccount(db, Account)
    : await findAccountByAlias(db, Account.toLowerCase())
  const accountId = account?.account_id ?? NOBODY
  const user = await findUserByName(db, accountId, UserName)
  const userId = user?.user_id ?? NOBODY
  const profile = await findLoginProfile(db, userId)
  const { rows: devices } = await listMfaDevices(db, { accountId, userId }, ALL_DEVICES)
  return { account, user, profile, devices }
}

interface Guess {
  readonly name: BackOffSubject
  readonly address: BackOffSubject | undefined
}

/** @throws {SignInFailedException} Where the address or the name is held back. */
async function heldBackOrCounted(
  ctx: UnsignedContext,
  { account }: Named,
  { Account, UserName }: PasswordCredentials,
): Promise<Guess> {
  const { db } = ctx.store
  const address = addressSubject(ctx.sourceIp)
  const name = nameSubject(ctx.serverKey, account?.account_id ?? Account, UserName)
  const isLookedAt =
    (address === undefined || (await countGuess(db, address, ctx.now))) &&
    (await countGuess(db, name, ctx.now))
  if (isLookedAt) return { name, address }
  ctx.log.warn('sign-in held back: too many failures', { requestId: ctx.requestId, sourceIp: ctx.sourceIp })
  throw refused()
}

async function forgiveGuess(ctx: UnsignedContext, { name, address }: Guess): Promise<void> {
  await forgive(ctx.store.db, name)
  if (address !== undefined) await takeBack(ctx.store.db, address)
}

/**
 * Looks at password and code, both in any case.
 * @returns The code that was matched, if there is a device. @throws Recorded.
 */
async function check(
  ctx: UnsignedContext,
  named: Named,
  given: PasswordCredentials,
  guess: Guess,
): Promise<{ readonly code: CodeMatch | undefined } | undefined> {
  const { user, profile, devices } = named
  let isRight: boolean
  try {
    isRight = await isUsersPassword(ctx.serverKey, profile, given.Password)
  } catch (error) {
    // Nothing was looked at: strangers who keep the server busy must not make failures for others.
    await takeBack(ctx.store.db, guess.name)
    if (guess.address !== undefined) await takeBack(ctx.store.db, guess.address)
    throw error
  }
  const code = matchCode(ctx.serverKey, devices, given.MfaCode ?? '', ctx.now)
  if (user === undefined) throw await failure(ctx, named, 'there is no such user')
  if (profile === undefined) throw await failure(ctx, named, 'the user has no password')
  if (!isRight) throw await failure(ctx, named, 'the password is wrong')
  if (devices.length > 0 && code === undefined) {
    throw await failure(
      ctx,
      named,
      given.MfaCode === undefined ? 'no MFA code was given' : 'the MFA code is wrong',
    )
  }
  return { code }
}

/** The password that takes the place of one that must be changed; undefined where none must. */
async function newPasswordOf(
  ctx: UnsignedContext,
  user: UserTable,
  profile: LoginProfileTable,
  policy: PasswordPolicy | undefined,
  { NewPassword }: PasswordCredentials,
): Promise<PreparedPassword | undefined> {
  const named = { user }
  const expiry = passwordExpiry(policy, profile)
  const isExpired = expiry !== undefined && expiry <= ctx.now
  if (isExpired && policy?.HardExpiry === true) {
    throw await failure(ctx, named, 'the password expired, and only an administrator may set another')
  }
  if (!isExpired && profile.reset_required === 0) {
    if (NewPassword === undefined) return undefined
    // Whoever tries says nothing of it otherwise, and learns that everything is right.
    await record(ctx, named, 'Deny', 'a new password was given for one that need not be changed')
    throw new InvalidParameterValueException(
      'NewPassword is for a password that must be changed. Leave it away, and change yours with iam:ChangePassword once you are signed in',
      { Context: 'NewPassword' },
    )
  }
  if (NewPassword === undefined) {
    const reason = isExpired ? 'the password expired' : 'an administrator asks for another password'
    await record(ctx, named, 'Deny', `${reason}, and none was given`)
    throw new PasswordChangeRequiredException(
      `Cannot sign in with this password: ${reason}. Sign in again with a NewPassword beside it`,
    )
  }
  return await prepared(ctx, user, profile, NewPassword)
}

async function prepared(
  ctx: UnsignedContext,
  user: UserTable,
  profile: LoginProfileTable,
  password: string,
): Promise<PreparedPassword> {
  try {
    const prepared = await preparePassword(ctx, user, profile, password)
    if (!isUnchanged(ctx.serverKey, prepared)) return prepared
    throw new PasswordRefusedError('Password should not be the present one')
  } catch (error) {
    if (!(error instanceof PasswordRefusedError)) throw error
    await record(ctx, { user }, 'Deny', `the new password was refused: ${error.message}`)
    throw new PasswordPolicyViolationException(error.message)
  }
}

/** The one answer to whoever fails. */
export function refused(): SignInFailedException {
  return new SignInFailedException(
    'Signing in failed: account, user name, password or MFA code are not right, or there were too many attempts. Wait a moment and try again',
  )
}

async function failure(
  ctx: UnsignedContext,
  named: Partial<Named>,
  reason: string,
): Promise<SignInFailedException> {
  await record(ctx, named, 'Deny', reason)
  return refused()
}

/** A name that nobody has is not written down: it may be somebody's password, typed into the wrong field. */
async function record(
  ctx: UnsignedContext,
  { account, user }: Partial<Named>,
  effect: 'Allow' | 'Deny',
  reason: string,
): Promise<void> {
  const arn = user === undefined ? 'unknown' : userArn(user)
  await appendAudit(ctx.store, {
    at: ctx.now,
    // What names no account is for those who run the server to see.
    account_id: user?.account_id ?? account?.account_id ?? ctx.server.managementAccountId,
    request_id: ctx.requestId,
    principal_arn: arn,
    principal_id: user?.user_id ?? 'unknown',
    source_ip: ctx.sourceIp ?? null,
    service: 'roleback',
    action: 'roleback:SignIn',
    resource: arn,
    effect,
    layer: 'sign-in',
    reason,
    policy: null,
    statement: null,
  })
}
