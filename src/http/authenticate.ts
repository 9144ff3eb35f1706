import { limitsOf, statusOf } from '../access/access-keys.ts'
import { federatedUserArn, rootArn, roleArn, userArn } from '../access/identity-arns.ts'
import type { KeyLimits, Principal } from '../access/principal.ts'
import { openSession } from '../access/session.ts'
import type { SessionContent } from '../access/session.ts'
import { badSignature, expiredToken, invalidToken } from '../aws/faults.ts'
import type { ServiceModel } from '../aws/model.ts'
import { readClaim, verifySignature } from '../aws/sigv4.ts'
import type { SignatureClaim } from '../aws/sigv4.ts'
import type { WireRequest } from '../aws/wire.ts'
import type { ServerKey } from '../keyring/server-key.ts'
import { findAccessKey, findRoleById, findUserById, touchAccessKey } from '../store/identity/identities.ts'
import { findSignInSession } from '../store/identity/sign-in.ts'
import type { Queryable } from '../store/store.ts'
import { tagsOf } from '../store/identity/tags.ts'

/** Services of the whole partition: their requests may be signed for us-east-1 wherever the server is. */
const GLOBAL_SERVICES = new Set(['iam', 'sts'])

const LAST_USED_EVERY_MS = 60_000
/** So much the clocks of several servers may differ, in milliseconds: a session that another one made is not of the future yet. */
const MAX_AHEAD_MS = 60_000

export interface AuthenticationContext {
  readonly db: Queryable
  readonly serverKey: ServerKey
  /** That the request is for: one of `regions`. */
  readonly region: string
  /** That this server serves. */
  readonly regions: readonly string[]
  /** Milliseconds since 1970. */
  readonly now: number
}

/**
 * Who signed the request. The key must exist and be active, and so must the user or role behind it: a deleted identity's
 * credentials end with it, also those of sessions that were given out before.
 *
 * @throws {AwsError} 403, or 400 for a signature that cannot be read.
 */
export async function authenticate(
  ctx: AuthenticationContext,
  model: ServiceModel,
  request: WireRequest,
): Promise<Principal> {
  const claim = readClaim(model, request)
  checkScope(ctx, model, claim)
  const { secret, principal } = claim.accessKeyId.startsWith('ASIA')
    ? await sessionKey(ctx, model, claim)
    : await longTermKey(ctx, model, claim)
  const refusal = verifySignature(model, request, claim, secret, ctx.now)
  if (refusal !== undefined) throw refusal
  // Only now: what a request says before its signature is verified must not steer anything.
  return await principal()
}

interface KeyOwner {
  readonly secret: string
  /** @throws {AwsError} When the identity is gone or its credentials were revoked. */
  readonly principal: () => Promise<Principal>
}

function checkScope(ctx: AuthenticationContext, model: ServiceModel, claim: SignatureClaim): void {
  const { signingName } = model.metadata
  if (claim.service !== signingName)
    throw badSignature(model, `Credential should be scoped to correct service: '${signingName}'.`)
  const isRegionRight =
    claim.region === ctx.region || (GLOBAL_SERVICES.has(signingName) && claim.region === 'us-east-1')
  if (!isRegionRight) {
    throw badSignature(
      model,
      `Credential should be scoped to a valid region: this server serves '${ctx.regions.join("', '")}', the request is signed for '${claim.region}'.`,
    )
  }
}

async function longTermKey(
  ctx: AuthenticationContext,
  model: ServiceModel,
  claim: SignatureClaim,
): Promise<KeyOwner> {
  const key = await findAccessKey(ctx.db, claim.accessKeyId)
  // A session token belongs to a temporary key; beside a long-term one it is a mistake or a forgery.
  if (key === undefined || key.status !== 'Active' || claim.sessionToken !== undefined)
    throw invalidToken(model)
  const secret = ctx.serverKey.open('access-key', key.access_key_id, key.secret).toString()
  const principal = async (): Promise<Principal> => {
    if (statusOf(key, ctx.now) === 'Expired') throw expiredToken(model)
    await noteUse(ctx, model, key.access_key_id, key.last_used_at)
    if (key.user_id === null) return rootPrincipal(key.account_id, key.access_key_id)
    return await userPrincipal(ctx, model, key.account_id, key.user_id, {
      accessKeyId: key.access_key_id,
      keyLimits: limitsOf(key),
    })
  }
  return { secret, principal }
}

/** GetAccessKeyLastUsed is true to the minute: a write for each request would cost more than the request. */
async function noteUse(
  ctx: AuthenticationContext,
  model: ServiceModel,
  accessKeyId: string,
  lastUsedAt: number | null,
): Promise<void> {
  if (lastUsedAt !== null && ctx.now - lastUsedAt < LAST_USED_EVERY_MS) return
  await touchAccessKey(ctx.db, accessKeyId, {
    at: ctx.now,
    service: model.metadata.signingName,
    region: ctx.region,
  })
}

function rootPrincipal(accountId: string, accessKeyId: string): Principal {
  return { kind: 'root', accountId, arn: rootArn(accountId), uniqueId: accountId, tags: {}, accessKeyId }
}

async function userPrincipal(
  ctx: AuthenticationContext,
  model: ServiceModel,
  accountId: string,
  userId: string,
  more: Pick<Principal, 'accessKeyId' | 'session' | 'keyLimits'>,
): Promise<Principal> {
  const user = await findUserById(ctx.db, userId)
  if (user === undefined || user.account_id !== accountId) throw invalidToken(model)
  checkRevoked(model, user.revoked_before, more.session?.issuedAt)
  const arn = userArn(user)
  return {
    kind: 'user',
    accountId,
    arn,
    uniqueId: user.user_id,
    identityId: user.user_id,
    userName: user.name,
    tags: await tagsOf(ctx.db, accountId, arn),
    ...more,
  }
}

async function sessionKey(
  ctx: AuthenticationContext,
  model: ServiceModel,
  claim: SignatureClaim,
): Promise<KeyOwner> {
  if (claim.sessionToken === undefined) throw invalidToken(model)
  const content = openSession(ctx.serverKey, claim.accessKeyId, claim.sessionToken)
  if (content === undefined) throw invalidToken(model)
  const principal = async (): Promise<Principal> => {
    const { issuedAt, expiresAt } = content.session
    // Made while the clock was ahead, it would live until that time comes, and no revocation of now would meet it.
    if (expiresAt <= ctx.now || issuedAt > ctx.now + MAX_AHEAD_MS) throw expiredToken(model)
    return await sessionPrincipal(ctx, model, claim.accessKeyId, content)
  }
  return { secret: content.secretAccessKey, principal }
}

async function sessionPrincipal(
  ctx: AuthenticationContext,
  model: ServiceModel,
  accessKeyId: string,
  content: SessionContent,
): Promise<Principal> {
  const { accountId, identityId, session } = content
  if (session.isSignedIn === true) await checkSignedIn(ctx, model, accessKeyId)
  const keyLimits = await parentLimits(ctx, model, content)
  if (content.kind === 'root') return { ...rootPrincipal(accountId, accessKeyId), session }
  if (content.kind === 'user') {
    return await userPrincipal(ctx, model, accountId, identityId as string, {
      accessKeyId,
      session,
      keyLimits,
    })
  }
  if (content.kind === 'federated-user') {
    const behind =
      identityId === undefined
        ? undefined
        : await userPrincipal(ctx, model, accountId, identityId, { session, keyLimits })
    return federatedPrincipal(content, behind, accessKeyId)
  }
  const role = await findRoleById(ctx.db, identityId as string)
  if (role === undefined || role.account_id !== accountId) throw invalidToken(model)
  checkRevoked(model, role.revoked_before, session.issuedAt)
  const arn = roleArn(role)
  return {
    kind: 'assumed-role',
    accountId,
    arn: `arn:aws:sts::${accountId}:assumed-role/${role.name}/${session.name}`,
    uniqueId: `${role.role_id}:${session.name}`,
    identityId: role.role_id,
    roleArn: arn,
    tags: { ...(await tagsOf(ctx.db, accountId, arn)), ...content.tags },
    session,
    accessKeyId,
  }
}

/** His tags are the user's with the session's over them, whatever the case of their keys (STS API, GetFederationToken). */
function federatedPrincipal(
  { accountId, session, tags }: SessionContent,
  behind: Principal | undefined,
  accessKeyId: string,
): Principal {
  const own = new Set(Object.keys(tags).map((key) => key.toLowerCase()))
  const inherited = Object.entries(behind?.tags ?? {}).filter(([key]) => !own.has(key.toLowerCase()))
  return {
    kind: 'federated-user',
    accountId,
    arn: federatedUserArn(accountId, session.name),
    uniqueId: `${accountId}:${session.name}`,
    identityId: behind?.identityId,
    userArn: behind?.arn,
    tags: { ...Object.fromEntries(inherited), ...tags },
    session,
    accessKeyId,
    keyLimits: behind?.keyLimits,
  }
}

/**
 * A session made with a long-term key ends with that key, and is held to what the key is: whoever deactivates a stolen key must not
 * leave its sessions behind.
 */
async function parentLimits(
  ctx: AuthenticationContext,
  model: ServiceModel,
  content: SessionContent,
): Promise<KeyLimits | undefined> {
  const { madeWithKeyId } = content
  if (madeWithKeyId === undefined || madeWithKeyId.startsWith('ASIA')) return undefined
  const key = await findAccessKey(ctx.db, madeWithKeyId)
  if (key === undefined || key.status !== 'Active') throw invalidToken(model)
  if (statusOf(key, ctx.now) === 'Expired') throw expiredToken(model)
  return limitsOf(key)
}

/** A session of a person who signed in lives as long as its row says: signing out ends it. */
async function checkSignedIn(
  ctx: AuthenticationContext,
  model: ServiceModel,
  accessKeyId: string,
): Promise<void> {
  const row = await findSignInSession(ctx.db, accessKeyId)
  if (row === undefined || row.ended_at !== null) throw expiredToken(model)
}

function checkRevoked(model: ServiceModel, revokedBefore: number | null, issuedAt: number | undefined): void {
  if (revokedBefore !== null && issuedAt !== undefined && issuedAt < revokedBefore) throw expiredToken(model)
}
