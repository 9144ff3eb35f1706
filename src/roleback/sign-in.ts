import { userArn } from '../access/identity-arns.ts'
import { passwordExpiry } from '../access/password-policy.ts'
import { replacePassword } from '../access/login-profile.ts'
import { sealSession, answeredCredentials } from '../access/session.ts'
import { InvalidParameterValueException } from '../aws/generated/roleback.ts'
import type { SignInInput, SignInOutput } from '../aws/generated/roleback.ts'
import type { UnsignedContext } from '../context.ts'
import { updateUser } from '../store/identity/identities.ts'
import { insertSignInSession } from '../store/identity/sign-in.ts'
import { oidcSignIn } from './oidc-sign-in.ts'
import { passwordSignIn, refused } from './password-sign-in.ts'
import type { ProvenUser } from './password-sign-in.ts'

const DEFAULT_SECONDS = 3_600

/**
 * Exchanges what proves a person (a password, and a code where he has a device; or an identity provider's word) for credentials of an hour at most. Nobody is
 * known yet: each kind of proof decides and records by itself, and what they all lead to is below. Exactly one kind is given.
 */
export async function signIn(ctx: UnsignedContext, input: SignInInput): Promise<SignInOutput> {
  const { PasswordCredentials, OidcCredentials, DurationSeconds = DEFAULT_SECONDS } = input
  if (PasswordCredentials !== undefined && OidcCredentials === undefined) {
    return await openUserSession(ctx, await passwordSignIn(ctx, PasswordCredentials), DurationSeconds)
  }
  if (OidcCredentials !== undefined && PasswordCredentials === undefined) {
    return await oidcSignIn(ctx, OidcCredentials, DurationSeconds)
  }
  throw new InvalidParameterValueException(
    'Sign in with one of PasswordCredentials and OidcCredentials, and not with both',
    { Context: 'PasswordCredentials' },
  )
}

/** Credentials of a user who proved himself, and the row by which they can be listed and ended. */
async function openUserSession(
  ctx: UnsignedContext,
  proven: ProvenUser,
  durationSeconds: number,
): Promise<SignInOutput> {
  const { user, isMfaGiven, newPassword, policy } = proven
  const expiresAt = ctx.now + durationSeconds * 1000
  const sealed = sealSession(ctx.serverKey, {
    kind: 'user',
    accountId: user.account_id,
    identityId: user.user_id,
    tags: {},
    session: {
      name: '',
      issuedAt: ctx.now,
      expiresAt,
      mfaAuthenticated: isMfaGiven,
      mfaAt: isMfaGiven ? ctx.now : undefined,
      isSignedIn: true,
    },
  })
  const isOpen = await ctx.store.transaction(async (tx) => {
    const change = { at: ctx.now, isResetRequired: false }
    if (newPassword !== undefined && !(await replacePassword(tx, user, newPassword, change))) return false
    await updateUser(tx, user.user_id, { password_last_used_at: ctx.now })
    await insertSignInSession(tx, {
      access_key_id: sealed.accessKeyId,
      account_id: user.account_id,
      user_id: user.user_id,
      created_at: ctx.now,
      expires_at: expiresAt,
      source_ip: ctx.sourceIp ?? null,
      mfa: isMfaGiven ? 1 : 0,
      ended_at: null,
      session_name: null,
    })
    return true
  })
  // The password changed under us: it is no proof any more.
  if (!isOpen) throw refused()
  const changedAt = newPassword === undefined ? proven.passwordChangedAt : ctx.now
  const passwordEnd = passwordExpiry(policy, { changed_at: changedAt })
  return {
    Credentials: answeredCredentials(sealed, expiresAt),
    AccountId: user.account_id,
    PrincipalArn: userArn(user),
    PasswordExpirationDate: passwordEnd === undefined ? undefined : new Date(passwordEnd),
  }
}
