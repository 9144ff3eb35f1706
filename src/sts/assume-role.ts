import { decideAssumption, roleSession } from '../access/assume-role.ts'
import type { AssumptionTarget } from '../access/assume-role.ts'
import { parseRoleArn, roleArn } from '../access/identity-arns.ts'
import { sealSession, answeredCredentials } from '../access/session.ts'
import type { AssumeRoleRequest, AssumeRoleResponse } from '../aws/generated/sts.ts'
import type { Context } from '../context.ts'
import { findRoleByName, updateRole } from '../store/identity/identities.ts'
import type { RoleTable } from '../store/schema.ts'
import { enforceAssumption, refuse, refuseFederated, validationError } from './decisions.ts'
import { checkMfa } from './mfa.ts'
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
  const { tags, transitiveTagKeys } = sessionTags(ctx.principal, input)
  await refuseFederated(ctx, 'sts:AssumeRole', input.RoleArn)
  const target = await targetOf(ctx, input.RoleArn)
  const isMfaGiven = await checkMfa(ctx, { action: 'sts:AssumeRole', resource: input.RoleArn }, input)
  const assumption = {
    principal: ctx.principal,
    sessionName: input.RoleSessionName,
    region: ctx.region,
    now: ctx.now,
    sourceIp: ctx.sourceIp,
    externalId: input.ExternalId,
    isMfaGiven,
    sourceIdentity: await sourceIdentityOf(ctx, input),
    tags,
    transitiveTagKeys,
  }
  const role = await enforceAssumption(ctx, target, await decideAssumption(ctx.store.db, assumption, target))
  const policies = await checkSessionPolicies(ctx.store.db, role.account_id, input)
  const durationSeconds = durationOf(ctx, role, input.DurationSeconds)
  const content = roleSession({ ...assumption, role }, { ...policies, durationSeconds })
  const sealed = sealSession(ctx.serverKey, content)
  await updateRole(ctx.store.db, role.role_id, { last_used_at: ctx.now, last_used_region: ctx.region })
  return {
    Credentials: answeredCredentials(sealed, content.session.expiresAt),
    AssumedRoleUser: {
      AssumedRoleId: `${role.role_id}:${input.RoleSessionName}`,
      Arn: `arn:aws:sts::${role.account_id}:assumed-role/${role.name}/${input.RoleSessionName}`,
    },
    PackedPolicySize: packedPolicySize(input, tags),
    SourceIdentity: assumption.sourceIdentity,
  }
}

async function targetOf(ctx: Context, arn: string): Promise<AssumptionTarget> {
  const parsed = parseRoleArn(arn)
  if (parsed === undefined) throw validationError(`${arn} is invalid`)
  const { accountId, name } = parsed
  const role = await findRoleByName(ctx.store.db, accountId, name)
  return { arn, accountId, role: role !== undefined && roleArn(role) === arn ? role : undefined }
}

/** A chained session keeps its source identity and can set no other. */
async function sourceIdentityOf(ctx: Context, input: AssumeRoleRequest): Promise<string | undefined> {
  const inherited = ctx.principal.session?.sourceIdentity
  if (inherited === undefined || input.SourceIdentity === undefined || input.SourceIdentity === inherited) {
    return input.SourceIdentity ?? inherited
  }
  throw await refuse(ctx, 'sts:SetSourceIdentity', input.RoleArn, {
    reason: 'because the session has another source identity, which cannot be changed',
    remedy: `the calling session's source identity is ${inherited}: leave SourceIdentity out, or give the same`,
  })
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
