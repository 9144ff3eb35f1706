import { hashPassword, isPassword } from '../keyring/passwords.ts'
import type { ServerKey } from '../keyring/server-key.ts'
import { findAccount } from '../store/identity/accounts.ts'
import {
  findLoginProfile,
  insertLoginProfile,
  passwordHistory,
  rememberPassword,
  updateLoginProfile,
} from '../store/identity/login-profiles.ts'
import type { LoginProfileTable } from '../store/identity/schema-credentials.ts'
import type { UserTable } from '../store/schema.ts'
import { endSignInSessionsOf } from '../store/identity/sign-in.ts'
import type { Queryable, Store } from '../store/store.ts'
import { PASSWORDS_REMEMBERED, passwordFault, passwordPolicyOf } from './password-policy.ts'

/** Setting and checking the passwords of users. */

export interface PasswordTools {
  readonly store: Store
  readonly serverKey: ServerKey
}

/** Why a password cannot be set. */
export class PasswordRefusedError extends Error {
  override name = 'PasswordRefusedError'
}

/**
 * Whether `password` is the user's. Takes the time of one hash in any case: also for nobody, and for a user without a password.
 *
 * @throws {TooManyPasswordsError}
 */
export async function isUsersPassword(
  serverKey: ServerKey,
  profile: LoginProfileTable | undefined,
  password: string,
): Promise<boolean> {
  return await isPassword(profile && opened(serverKey, profile.user_id, profile.password), password)
}

/** A password that was allowed and hashed, and is not yet written. */
export interface PreparedPassword {
  readonly sealed: string
  readonly profile: LoginProfileTable | undefined
}

/**
 * Checks a new password by the account's policy and the user's last passwords, and hashes it: outside of any transaction, for it
 * takes its time. `profile` is the one it shall replace: that whose password was checked, where one was.
 *
 * @throws {PasswordRefusedError} Which rule it breaks.
 * @throws {TooManyPasswordsError}
 */
export async function preparePassword(
  { store, serverKey }: PasswordTools,
  user: UserTable,
  profile: LoginProfileTable | undefined,
  password: string,
): Promise<PreparedPassword> {
  const account = await findAccount(store.db, user.account_id)
  const policy = passwordPolicyOf(account)
  const names = [user.name, account?.name ?? '', account?.alias ?? '', user.account_id]
  const fault = passwordFault(policy, password, names)
  if (fault !== undefined) throw new PasswordRefusedError(fault)
  const open = (sealed: string): string => opened(serverKey, user.user_id, sealed)
  const hashed = await hashPassword(password, profile && open(profile.password))
  const last = await passwordHistory(store.db, user.user_id, policy?.PasswordReusePrevention ?? 0)
  if (last.some((sealed) => open(sealed) === hashed)) {
    throw new PasswordRefusedError(
      `Password should not be one of the last ${policy?.PasswordReusePrevention} passwords`,
    )
  }
  return { sealed: serverKey.seal('password', user.user_id, Buffer.from(hashed)), profile }
}

/** Whether the prepared password is the one that the user has. */
export function isUnchanged(serverKey: ServerKey, { sealed, profile }: PreparedPassword): boolean {
  if (profile === undefined) return false
  const open = (text: string): string => opened(serverKey, profile.user_id, text)
  return open(profile.password) === open(sealed)
}

/**
 * Writes a prepared password over the one that it was prepared beside, and ends the user's signed-in sessions but `except`: whoever
 * knew the old password shall not stay. False where the password changed or went meanwhile. Give it a transaction.
 */
export async function replacePassword(
  tx: Queryable,
  user: UserTable,
  { sealed, profile }: PreparedPassword,
  change: { readonly at: number; readonly isResetRequired: boolean; readonly except?: string | undefined },
): Promise<boolean> {
  const present = await findLoginProfile(tx, user.user_id)
  if (profile === undefined || present?.password !== profile.password) return false
  await updateLoginProfile(tx, user.user_id, {
    password: sealed,
    changed_at: change.at,
    reset_required: change.isResetRequired ? 1 : 0,
  })
  await rememberPassword(tx, user.user_id, sealed, PASSWORDS_REMEMBERED)
  await endSignInSessionsOf(tx, user.user_id, change.at, change.except)
  return true
}

/** Writes a user's first password. False where he has one. Give it a transaction. */
export async function addPassword(
  tx: Queryable,
  user: UserTable,
  { sealed }: PreparedPassword,
  at: number,
  isResetRequired: boolean,
): Promise<boolean> {
  const isNew = await insertLoginProfile(tx, {
    user_id: user.user_id,
    account_id: user.account_id,
    password: sealed,
    created_at: at,
    changed_at: at,
    reset_required: isResetRequired ? 1 : 0,
  })
  if (isNew) await rememberPassword(tx, user.user_id, sealed, PASSWORDS_REMEMBERED)
  return isNew
}

function opened(serverKey: ServerKey, userId: string, sealed: string): string {
  return serverKey.open('password', userId, sealed).toString()
}
