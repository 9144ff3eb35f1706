import { recordDecision } from '../access/own-decisions.ts'
import { openAuthorizationMessage } from '../access/authorization-message.ts'
import { sealSession, sessionEnd, answeredCredentials } from '../access/session.ts'
import { InvalidAuthorizationMessageException } from '../aws/generated/sts.ts'
import type {
  DecodeAuthorizationMessageRequest,
  DecodeAuthorizationMessageResponse,
  GetAccessKeyInfoRequest,
  GetAccessKeyInfoResponse,
  GetCallerIdentityResponse,
  GetSessionTokenRequest,
  GetSessionTokenResponse,
  StsApi,
} from '../aws/generated/sts.ts'
import type { Service } from '../aws/operation.ts'
import type { Context, UnsignedContext } from '../context.ts'
import { findAccessKey } from '../store/identity/identities.ts'
import { assumeRole } from './assume-role.ts'
import { refuse, refuseFederated, validationError } from './decisions.ts'
import { assumeRoleWithWebIdentity } from './web-identity.ts'
import { federatedUser, federationContext, getFederationToken } from './federation-token.ts'
import { checkMfa } from './mfa.ts'

/** For actions without a resource. */
const any = (): string => '*'

/** The same, but credentials of GetFederationToken call nothing of STS but GetCallerIdentity (STS API Reference). */
function notFederated(operation: string): (ctx: Context) => Promise<string> {
  return async (ctx) => {
    await refuseFederated(ctx, `sts:${operation}`, '*')
    return '*'
  }
}

export const sts: Service<
  StsApi,
  Context,
  UnsignedContext,
  'AssumeRoleWithSAML' | 'AssumeRoleWithWebIdentity'
> = {
  AssumeRole: { resource: (_, input) => input.RoleArn, decidedByHandler: true, handler: assumeRole },
  GetCallerIdentity: { resource: any, handler: getCallerIdentity },
  GetSessionToken: { resource: any, decidedByHandler: true, handler: getSessionToken },
  GetAccessKeyInfo: { resource: notFederated('GetAccessKeyInfo'), handler: getAccessKeyInfo },
  AssumeRoleWithSAML: { unsigned: true, unbuilt: true },
  AssumeRoleWithWebIdentity: { unsigned: true, handler: assumeRoleWithWebIdentity },
  AssumeRoot: { resource: notFederated('AssumeRoot'), unbuilt: true },
  DecodeAuthorizationMessage: {
    resource: notFederated('DecodeAuthorizationMessage'),
    handler: decodeAuthorizationMessage,
  },
  GetDelegatedAccessToken: { resource: notFederated('GetDelegatedAccessToken'), unbuilt: true },
  GetFederationToken: { resource: federatedUser, context: federationContext, handler: getFederationToken },
  GetWebIdentityToken: { resource: notFederated('GetWebIdentityToken'), unbuilt: true },
}

async function getCallerIdentity(ctx: Context): Promise<GetCallerIdentityResponse> {
  return { UserId: ctx.principal.uniqueId, Account: ctx.principal.accountId, Arn: ctx.principal.arn }
}

const USER_DEFAULT_SECONDS = 43_200
const ROOT_MAX_SECONDS = 3_600

/** No policy grants or denies it (IAM User Guide, "Permissions for GetSessionToken"); only long-term keys may ask. */
async function getSessionToken(
  ctx: Context,
  input: GetSessionTokenRequest,
): Promise<GetSessionTokenResponse> {
  const { principal } = ctx
  const isLongTerm =
    principal.session === undefined && (principal.kind === 'user' || principal.kind === 'root')
  const call = { action: 'sts:GetSessionToken', resource: '*' } as const
  if (!isLongTerm || principal.accessKeyId === undefined) {
    throw await refuse(
      ctx,
      call.action,
      call.resource,
      {
        reason: 'because session credentials cannot make further ones',
        remedy: 'use the long-term access key of a user or of the root user, or assume a role',
      },
      'Cannot call GetSessionToken with session credentials',
    )
  }
  const mfaAuthenticated = await checkMfa(ctx, call, input)
  await recordDecision(ctx, { ...call, effect: 'Allow', layer: 'identity', reason: 'it needs no permission' })
  const asked = input.DurationSeconds ?? USER_DEFAULT_SECONDS
  const seconds = principal.kind === 'root' ? Math.min(asked, ROOT_MAX_SECONDS) : asked
  const expiresAt = sessionEnd(principal, ctx.now, seconds)
  const sealed = sealSession(ctx.serverKey, {
    kind: principal.kind === 'root' ? 'root' : 'user',
    accountId: principal.accountId,
    identityId: principal.identityId,
    tags: {},
    session: {
      name: '',
      issuedAt: ctx.now,
      expiresAt,
      mfaAuthenticated,
      mfaAt: mfaAuthenticated ? ctx.now : undefined,
    },
    madeWithKeyId: principal.accessKeyId,
  })
  return {
    Credentials: answeredCredentials(sealed, expiresAt),
  }
}

/** Those of the account that was refused; another account's message is as unreadable as a damaged one. */
async function decodeAuthorizationMessage(
  ctx: Context,
  { EncodedMessage }: DecodeAuthorizationMessageRequest,
): Promise<DecodeAuthorizationMessageResponse> {
  const DecodedMessage = openAuthorizationMessage(ctx.serverKey, ctx.accountId, EncodedMessage)
  if (DecodedMessage === undefined) {
    throw new InvalidAuthorizationMessageException(
      "The message is not one that this server encoded for this account, or not all of it: it is what stands behind 'Encoded authorization failure message: '",
    )
  }
  return { DecodedMessage }
}

async function getAccessKeyInfo(
  ctx: Context,
  input: GetAccessKeyInfoRequest,
): Promise<GetAccessKeyInfoResponse> {
  if (input.AccessKeyId === ctx.principal.accessKeyId) return { Account: ctx.accountId }
  const key = await findAccessKey(ctx.store.db, input.AccessKeyId)
  if (key === undefined)
    throw validationError(`The access key id ${input.AccessKeyId} is not one of this server`)
  return { Account: key.account_id }
}
