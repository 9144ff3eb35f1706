import { federatedUserArn } from '../access/identity-arns.ts'
import { sealSession, sessionEnd, answeredCredentials } from '../access/session.ts'
import type { GetFederationTokenRequest, GetFederationTokenResponse } from '../aws/generated/sts.ts'
import type { OperationContext } from '../aws/operation.ts'
import type { Context } from '../context.ts'
import { refuse } from './decisions.ts'
import { checkSessionPolicies, packedPolicySize } from './session-policies.ts'
import { sessionTags } from './session-tags.ts'

const DEFAULT_SECONDS = 43_200
/** Whoever is federated by the root user stays for an hour at most. */
const ROOT_MAX_SECONDS = 3_600

export function federatedUser(ctx: Context, input: GetFederationTokenRequest): string {
  return federatedUserArn(ctx.accountId, input.Name)
}

export function federationContext(_: Context, { Tags }: GetFederationTokenRequest): OperationContext {
  if (Tags === undefined || Tags.length === 0) return {}
  const values = Tags.map(({ Key, Value }) => [`aws:RequestTag/${Key}`, Value] as const)
  return { 'aws:TagKeys': Tags.map(({ Key }) => Key), ...Object.fromEntries(values) }
}

/**
 * Hands a part of the caller's own rights to somebody else, by name: what both the user's policies and those passed now allow.
 * Without any he has nothing but what a resource's own policy gives to his ARN (STS API Reference, GetFederationToken).
 */
export async function getFederationToken(
  ctx: Context,
  input: GetFederationTokenRequest,
): Promise<GetFederationTokenResponse> {
  const { principal } = ctx
  const madeWithKeyId = await longTermKey(ctx, input)
  const { tags } = sessionTags({ tags: {} }, { Tags: input.Tags })
  if (Object.keys(tags).length > 0) {
    await ctx.authorize('sts:TagSession', federatedUser(ctx, input), federationContext(ctx, input))
  }
  const policies = await checkSessionPolicies(ctx.store.db, ctx.accountId, input)
  const asked = input.DurationSeconds ?? DEFAULT_SECONDS
  const seconds = principal.kind === 'root' ? Math.min(asked, ROOT_MAX_SECONDS) : asked
  const expiresAt = sessionEnd(principal, ctx.now, seconds)
  const sealed = sealSession(ctx.serverKey, {
    kind: 'federated-user',
    accountId: ctx.accountId,
    identityId: principal.identityId,
    tags,
    session: { name: input.Name, issuedAt: ctx.now, expiresAt, ...policies, mfaAuthenticated: false },
    madeWithKeyId,
  })
  return {
    Credentials: answeredCredentials(sealed, expiresAt),
    FederatedUser: {
      FederatedUserId: `${ctx.accountId}:${input.Name}`,
      Arn: federatedUser(ctx, input),
    },
    PackedPolicySize: packedPolicySize(input, tags) ?? 0,
  }
}

/** Only a user's or the root user's own key may federate, and one that is held to a policy must not be. */
async function longTermKey(ctx: Context, input: GetFederationTokenRequest): Promise<string> {
  const { kind, session, accessKeyId, keyLimits } = ctx.principal
  const isOwn = session === undefined && (kind === 'user' || kind === 'root')
  if (!isOwn || accessKeyId === undefined) {
    throw await refuse(ctx, 'sts:GetFederationToken', federatedUser(ctx, input), {
      reason: 'because session credentials cannot call GetFederationToken',
      remedy: 'only the long-term key of a user or of the root user may call it: with a role use AssumeRole',
    })
  }
  // A resource's policy that names the federated user lifts his session policies, and would lift the key's with them.
  if (keyLimits?.policy !== undefined) {
    throw await refuse(ctx, 'sts:GetFederationToken', federatedUser(ctx, input), {
      reason: 'because an access key with a policy of its own cannot call GetFederationToken',
      remedy: `use a key of the user without a policy, not ${keyLimits.accessKeyId}`,
    })
  }
  return accessKeyId
}
