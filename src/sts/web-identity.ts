import { oidcProviderArn, parseRoleArn, roleArn } from '../access/identity-arns.ts'
import type { AssumptionTarget } from '../access/assume-role.ts'
import { sealSession, answeredCredentials } from '../access/session.ts'
import { decideWebAssumption, webCaller, webSession } from '../access/web-identity.ts'
import type { WebAssumption, WebIdentity } from '../access/web-identity.ts'
import {
  ExpiredTokenException,
  IDPCommunicationErrorException,
  InvalidIdentityTokenException,
} from '../aws/generated/sts.ts'
import type {
  AssumeRoleWithWebIdentityRequest,
  AssumeRoleWithWebIdentityResponse,
} from '../aws/generated/sts.ts'
import type { UnsignedContext } from '../context.ts'
import { claimedIssuer, IdTokenError, verifyIdToken } from '../oidc/id-token.ts'
import { findRoleByName, updateRole } from '../store/identity/identities.ts'
import { findOidcProvider } from '../store/identity/oidc-providers.ts'
import type { OidcProviderTable, RoleTable } from '../store/schema.ts'
import { enforceAssumption, validationError } from './decisions.ts'
import { checkSessionPolicies, packedPolicySize } from './session-policies.ts'
import { sessionTags } from './session-tags.ts'
import { sessionClaims } from './token-claims.ts'

const DEFAULT_SECONDS = 3_600

/**
 * Hands out a session of a role for a token of an identity provider that the role's account has registered. Nobody signs this call:
 * the token is the proof. It is verified first; what is asked and recorded afterwards is asked of the role's trust policy alone.
 */
export async function assumeRoleWithWebIdentity(
  ctx: UnsignedContext,
  input: AssumeRoleWithWebIdentityRequest,
): Promise<AssumeRoleWithWebIdentityResponse> {
  if (input.ProviderId !== undefined) {
    throw new InvalidIdentityTokenException(
      'ProviderId is for OAuth 2.0 access tokens of Amazon and Facebook; only OpenID Connect ID tokens are taken',
    )
  }
  const target = await targetOf(ctx, input.RoleArn)
  const identity = await identityOf(ctx, target.accountId, input.WebIdentityToken)
  const { sourceIdentity, ...claimed } = sessionClaims(identity.claims)
  const assumption: WebAssumption = {
    identity,
    sessionName: input.RoleSessionName,
    region: ctx.region,
    now: ctx.now,
    sourceIp: ctx.sourceIp,
    sourceIdentity,
    ...sessionTags({ tags: {} }, claimed),
  }
  const asked = { ...ctx, accountId: target.accountId, principal: webCaller(identity) }
  const role = await enforceAssumption(
    asked,
    target,
    await decideWebAssumption(ctx.store.db, assumption, target),
  )
  const policies = await checkSessionPolicies(ctx.store.db, role.account_id, input)
  const durationSeconds = durationOf(role, input.DurationSeconds)
  const content = webSession(assumption, role, { ...policies, durationSeconds })
  const sealed = sealSession(ctx.serverKey, content)
  await updateRole(ctx.store.db, role.role_id, { last_used_at: ctx.now, last_used_region: ctx.region })
  return {
    Credentials: answeredCredentials(sealed, content.session.expiresAt),
    SubjectFromWebIdentityToken: identity.subject,
    AssumedRoleUser: {
      AssumedRoleId: `${role.role_id}:${input.RoleSessionName}`,
      Arn: `arn:aws:sts::${role.account_id}:assumed-role/${role.name}/${input.RoleSessionName}`,
    },
    PackedPolicySize: packedPolicySize(input, assumption.tags),
    Provider: identity.providerArn,
    Audience: identity.audience,
    SourceIdentity: sourceIdentity,
  }
}

async function targetOf(ctx: UnsignedContext, arn: string): Promise<AssumptionTarget> {
  const parsed = parseRoleArn(arn)
  if (parsed === undefined) throw validationError(`${arn} is invalid`)
  const role = await findRoleByName(ctx.store.db, parsed.accountId, parsed.name)
  const isNamed = role !== undefined && roleArn(role) === arn
  return { arn, accountId: parsed.accountId, role: isNamed ? role : undefined }
}

/** Who the token speaks of, by the providers of the role's account. @throws {AwsError} In AWS's words. */
async function identityOf(ctx: UnsignedContext, accountId: string, token: string): Promise<WebIdentity> {
  try {
    const issuer = claimedIssuer(token)
    const provider = await findOidcProvider(ctx.store.db, accountId, issuer.replace(/^https?:\/\//, ''))
    if (provider === undefined || !isIssuer(provider, issuer)) {
      throw new InvalidIdentityTokenException(
        `No OpenIDConnect provider found in your account for ${issuer.slice(0, 255)}`,
      )
    }
    return await verifiedBy(ctx, provider, token)
  } catch (error) {
    if (error instanceof IdTokenError) throw asStsError(ctx, error)
    throw error
  }
}

/** Google leaves the scheme out. */
function isIssuer({ issuer, url }: OidcProviderTable, claimed: string): boolean {
  return claimed === issuer || (claimed === url && issuer === `https://${url}`)
}

async function verifiedBy(
  ctx: UnsignedContext,
  provider: OidcProviderTable,
  token: string,
): Promise<WebIdentity> {
  const issuer = {
    url: provider.issuer,
    thumbprints: JSON.parse(provider.thumbprints) as string[],
    isListedOnly: provider.account_id !== ctx.server.managementAccountId,
  }
  const clientIds = JSON.parse(provider.client_ids) as string[]
  const verified = await verifyIdToken(ctx.issuers, issuer, token, { clientIds, now: ctx.now })
  return {
    ...verified,
    accountId: provider.account_id,
    providerArn: oidcProviderArn(provider),
    providerUrl: provider.url,
  }
}

/** Why a provider was not reached is for the operator: strangers must not learn from it what is where. */
function asStsError(ctx: UnsignedContext, error: IdTokenError): Error {
  switch (error.kind) {
    case 'expired':
      return new ExpiredTokenException(error.message)
    case 'invalid':
      return new InvalidIdentityTokenException(error.message)
    case 'unreachable':
      ctx.log.info('identity provider cannot be used', { requestId: ctx.requestId, reason: error.message })
      return new IDPCommunicationErrorException(
        "Couldn't retrieve verification key from your identity provider; the server's log says why",
      )
  }
}

function durationOf(role: RoleTable, asked: number | undefined): number {
  const seconds = asked ?? DEFAULT_SECONDS
  if (seconds > role.max_session_seconds)
    throw validationError('The requested DurationSeconds exceeds the MaxSessionDuration set for this role.')
  return seconds
}
