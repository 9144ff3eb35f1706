import { countGuess, forgive, nameSubject } from '../access/back-off.ts'
import { matchCode, useCode } from '../access/mfa.ts'
import { recordDecision, recordRuling } from '../access/own-decisions.ts'
import type { Principal } from '../access/principal.ts'
import { answeredCredentials, sealSession, sessionEnd } from '../access/session.ts'
import { AwsError } from '../aws/error.ts'
import type { SignInOutput, StartSessionInput } from '../aws/generated/roleback.ts'
import type { Context } from '../context.ts'
import { listMfaDevices } from '../store/identity/mfa-devices.ts'
import { insertSignInSession } from '../store/identity/sign-in.ts'

const ACTION = 'roleback:StartSession'
const DEFAULT_SECONDS = 3_600
/** More than a user can have. */
const ALL_DEVICES = { limit: 100 }

/** A user or the root user who called with the access key that the session shall be of. */
type KeyHolder = Principal & { readonly kind: 'user' | 'root'; readonly accessKeyId: string }

/**
 * Exchanges a long-term access key for the session of a person who works with it: like a session of SignIn it may what its user may,
 * can be listed, ended and revoked, and lasts an hour at most; and it ends with its key and is held to the key's limits. Holding the
 * key is the right to it, as with sts:GetSessionToken, since it gives nothing that the key does not.
 *
 * @throws {AwsError} AccessDeniedException (403) for session credentials and for a wrong code.
 */
export async function startSession(ctx: Context, input: StartSessionInput): Promise<SignInOutput> {
  const { principal } = ctx
  if (!isKeyHolder(principal)) {
    throw await refusal(
      ctx,
      'because session credentials cannot start further sessions',
      'use the long-term access key of a user or of the root user',
    )
  }
  const isMfaGiven = await isCodeTaken(ctx, principal, input.MfaCode)
  await recordDecision(ctx, {
    action: ACTION,
    resource: principal.arn,
    effect: 'Allow',
    layer: 'sign-in',
    reason: isMfaGiven ? 'access key and MFA code' : 'access key',
  })
  const expiresAt = sessionEnd(principal, ctx.now, input.DurationSeconds ?? DEFAULT_SECONDS)
  const sealed = sealSession(ctx.serverKey, {
    kind: principal.kind,
    accountId: principal.accountId,
    identityId: principal.identityId,
    tags: {},
    session: {
      name: '',
      issuedAt: ctx.now,
      expiresAt,
      mfaAuthenticated: isMfaGiven,
      mfaAt: isMfaGiven ? ctx.now : undefined,
      isSignedIn: true,
    },
    madeWithKeyId: principal.accessKeyId,
  })
  await insertSignInSession(ctx.store.db, {
    access_key_id: sealed.accessKeyId,
    account_id: principal.accountId,
    // The root user has no id of his own: his account's stands for him.
    user_id: principal.identityId ?? principal.accountId,
    created_at: ctx.now,
    expires_at: expiresAt,
    source_ip: ctx.sourceIp ?? null,
    mfa: isMfaGiven ? 1 : 0,
    ended_at: null,
    session_name: null,
  })
  return {
    Credentials: answeredCredentials(sealed, expiresAt),
    AccountId: principal.accountId,
    PrincipalArn: principal.arn,
  }
}

function isKeyHolder(principal: Principal): principal is KeyHolder {
  const { kind, session, accessKeyId } = principal
  return session === undefined && accessKeyId !== undefined && (kind === 'user' || kind === 'root')
}

/** Takes the code of one of the caller's devices, where he gives one; guessing is held back. */
async function isCodeTaken(ctx: Context, principal: KeyHolder, code: string | undefined): Promise<boolean> {
  if (code === undefined) return false
  const { db } = ctx.store
  const subject = nameSubject(ctx.serverKey, principal.accountId, `key ${principal.uniqueId}`)
  if (await countGuess(db, subject, ctx.now)) {
    const match = matchCode(ctx.serverKey, await devicesOf(ctx, principal), code, ctx.now)
    if (match !== undefined && (await useCode(db, match))) {
      await forgive(db, subject)
      return true
    }
  }
  throw await refusal(
    ctx,
    'because the MFA code is wrong, or was used before',
    'give the present code of a device of the user whose access key it is, or none where he has no device',
  )
}

async function devicesOf(
  ctx: Context,
  { accountId, identityId: userId }: KeyHolder,
): Promise<Parameters<typeof matchCode>[1]> {
  if (userId === undefined) return []
  return (await listMfaDevices(ctx.store.db, { accountId, userId }, ALL_DEVICES)).rows
}

async function refusal(ctx: Context, reason: string, remedy: string): Promise<AwsError> {
  const resource = ctx.principal.arn
  const message = await recordRuling(ctx, { action: ACTION, resource }, { layer: 'session', reason, remedy })
  return new AwsError('AccessDeniedException', 403, message)
}
