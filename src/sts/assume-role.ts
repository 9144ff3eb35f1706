import { decideAssumption, roleSession } from '../access/assume-role.ts'
import type { AssumptionDecision, RoleAssumption } from '../access/assume-role.ts'
import { questionOf } from '../access/authorize.ts'
import { denialOf, newAuthorizationId } from '../access/explain.ts'
import { parseRoleArn, roleArn } from '../access/identity-arns.ts'
import { sealSession } from '../access/session.ts'
import { AwsError } from '../aws/error.ts'
import type { AssumeRoleRequest, AssumeRoleResponse } from '../aws/generated/sts.ts'
import type { Context } from '../context.ts'
import { implicitReason, ROOT_CANNOT_ASSUME } from '../policy/reasons.ts'
import { findRoleByName, updateRole } from '../store/identities.ts'
import type { DenialTable, RoleTable } from '../store/schema.ts'
import { accessDenied, recordDecision, validationError } from './decisions.ts'
import { checkSessionPolicies, packedPolicySize } from './session-policies.ts'
import { sessionTags } from './session-tags.ts'

const DEFAULT_SECONDS = 3_600
/** Longest life of a session that a role session asks for (role chaining). */
const CHAINED_MAX_SECONDS = 3_600

/**
 * Decides by the role's trust policy and the caller's own policies, and hands out a session. A role that is not there is refused
 * like one that does not admit the caller, so that its absence is not told to strangers.
 */
export async function assumeRole(ctx: Context, input: AssumeRoleRequest): Promise<AssumeRoleResponse> {
  if (input.SerialNumber !== undefined || input.TokenCode !== undefined) {
    throw new AwsError(
      'AccessDenied',
      403,
      'MultiFactorAuthentication failed with invalid MFA one time pass code. ',
    )
  }
  const { tags, transitiveTagKeys } = sessionTags(ctx.principal, input)
  const role = await roleOf(ctx, input.RoleArn)
  const assumption: RoleAssumption = {
    principal: ctx.principal,
    role,
    sessionName: input.RoleSessionName,
    region: ctx.region,
    now: ctx.now,
    sourceIp: ctx.sourceIp,
    externalId: input.ExternalId,
    sourceIdentity: sourceIdentityOf(ctx, role, input),
    tags,
    transitiveTagKeys,
  }
  await enforce(ctx, role, await decideAssumption(ctx.store.db, assumption))
  const policies = await checkSessionPolicies(ctx, role, input)
  const durationSeconds = durationOf(ctx, role, input.DurationSeconds)
  const content = roleSession(assumption, { ...policies, durationSeconds })
  const sealed = sealSession(ctx.serverKey, content)
  await updateRole(ctx.store.db, role.role_id, { last_used_at: ctx.now, last_used_region: ctx.region })
  return {
    Credentials: {
      AccessKeyId: sealed.accessKeyId,
      SecretAccessKey: sealed.secretAccessKey,
      SessionToken: sealed.sessionToken,
      Expiration: new Date(content.session.expiresAt),
    },
    AssumedRoleUser: {
      AssumedRoleId: `${role.role_id}:${input.RoleSessionName}`,
      Arn: `arn:aws:sts::${role.account_id}:assumed-role/${role.name}/${input.RoleSessionName}`,
    },
    PackedPolicySize: packedPolicySize(input, tags),
    SourceIdentity: assumption.sourceIdentity,
  }
}

async function roleOf(ctx: Context, arn: string): Promise<RoleTable> {
  const parsed = parseRoleArn(arn)
  if (parsed === undefined) throw validationError(`${arn} is invalid`)
  const role = await findRoleByName(ctx.store.db, parsed.accountId, parsed.name)
  if (role !== undefined && roleArn(role) === arn) return role
  const isOwn = parsed.accountId === ctx.accountId
  const reason = isOwn ? implicitReason('resource', 'sts:AssumeRole', true) : ''
  const denial = isOwn ? await absentRole(ctx, arn, reason) : undefined
  const record = { action: 'sts:AssumeRole', resource: arn, effect: 'Deny', layer: 'resource' } as const
  await recordDecision(ctx, { ...record, reason: 'no such role' }, denial)
  throw accessDenied(ctx, 'sts:AssumeRole', arn, reason, denial?.id)
}

/** The refusal looks like any other; only its explanation says that there is no such role. */
async function absentRole(ctx: Context, arn: string, reason: string): Promise<DenialTable> {
  const { principal, region, now, sourceIp, requestId } = ctx
  const asked = { principal, action: 'sts:AssumeRole', resource: arn, region, now, sourceIp }
  const facts = { id: newAuthorizationId(), at: now, requestId, notes: [`There is no role ${arn}`] }
  const denial = denialOf(principal, await questionOf(ctx.store.db, asked), facts)
  return { ...denial, layer: 'resource', reason, proposals: '[]' }
}

/** A chained session keeps its source identity and can set no other. */
function sourceIdentityOf(ctx: Context, role: RoleTable, input: AssumeRoleRequest): string | undefined {
  const inherited = ctx.principal.session?.sourceIdentity
  if (inherited === undefined || input.SourceIdentity === undefined || input.SourceIdentity === inherited) {
    return input.SourceIdentity ?? inherited
  }
  const reason = 'because the session has another source identity, which cannot be changed'
  throw accessDenied(ctx, 'sts:SetSourceIdentity', roleArn(role), reason)
}

async function enforce(
  ctx: Context,
  role: RoleTable,
  decisions: readonly AssumptionDecision[],
): Promise<void> {
  const resource = roleArn(role)
  for (const { action, decision, question } of decisions) {
    const deciding = decision.statements[0]
    // Another account's policies are not told about.
    const isTold = !decision.allowed && role.account_id === ctx.accountId
    const facts = { id: newAuthorizationId(), at: ctx.now, requestId: ctx.requestId }
    const denial = isTold ? denialOf(ctx.principal, question, facts) : undefined
    await recordDecision(
      ctx,
      {
        action,
        resource,
        effect: decision.allowed ? 'Allow' : 'Deny',
        layer: decision.layer,
        reason: decision.reason,
        policy: deciding?.policy.arn ?? deciding?.policy.name,
        statement: deciding === undefined ? undefined : (deciding.sid ?? `#${deciding.index}`),
      },
      denial,
    )
    if (decision.reason === ROOT_CANNOT_ASSUME) throw new AwsError('AccessDenied', 403, ROOT_CANNOT_ASSUME)
    const reason = isTold ? decision.reason : ''
    if (!decision.allowed) throw accessDenied(ctx, action, resource, reason, denial?.id)
  }
}

function durationOf(ctx: Context, role: RoleTable, asked: number | undefined): number {
  const seconds = asked ?? DEFAULT_SECONDS
  if (ctx.principal.kind === 'assumed-role' && seconds > CHAINED_MAX_SECONDS) {
    throw validationError(
      'The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.',
    )
  }
  if (seconds > role.max_session_seconds) {
    throw validationError('The requested DurationSeconds exceeds the MaxSessionDuration set for this role.')
  }
  return seconds
}
