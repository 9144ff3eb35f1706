import { questionOf } from '../access/authorize.ts'
import type { Ruling } from '../access/denial-record.ts'
import { withAuthorizationId } from '../access/denial.ts'
import type { Question } from '../access/proposal.ts'
import { keepRefusal, refusalMessage } from '../access/refusal.ts'
import { AwsError } from '../aws/error.ts'
import type { Context } from '../context.ts'
import type { Decision } from '../policy/evaluate.ts'
import { ROOT_CANNOT_ASSUME } from '../policy/reasons.ts'
import { appendAudit } from '../store/audit.ts'
import type { AuditRecord } from '../store/audit.ts'
import type { Queryable } from '../store/store.ts'

/** A decision that STS makes itself, as the audit log keeps it. */
export interface OwnDecision {
  readonly action: string
  readonly resource: string
  readonly effect: 'Allow' | 'Deny'
  readonly layer: string
  readonly reason: string
  readonly policy?: string | undefined
  readonly statement?: string | undefined
}

/** Writes a decision durably, before it has an effect. */
export async function recordDecision(
  ctx: Context,
  decision: OwnDecision,
  db: Queryable = ctx.store.db,
): Promise<void> {
  const record: AuditRecord = {
    at: ctx.now,
    account_id: ctx.accountId,
    request_id: ctx.requestId,
    principal_arn: ctx.principal.arn,
    principal_id: ctx.principal.uniqueId,
    source_ip: ctx.sourceIp ?? null,
    service: 'sts',
    action: decision.action,
    resource: decision.resource,
    effect: decision.effect,
    layer: decision.layer,
    reason: decision.reason,
    policy: decision.policy ?? null,
    statement: decision.statement ?? null,
  }
  await appendAudit(db, record)
}

/** Writes a refusal with what explains it; the error has AWS's sentence and the id. */
export async function recordRefusal(
  ctx: Context,
  record: OwnDecision,
  question: Question,
  decision: Decision,
  notes: readonly string[] = [],
): Promise<AwsError> {
  const { principal, now: at, requestId } = ctx
  const id = await ctx.store.transaction(async (tx) => {
    await recordDecision(ctx, record, tx)
    return await keepRefusal(tx, principal, question, decision, { at, requestId, notes })
  })
  const message =
    decision.reason === ROOT_CANNOT_ASSUME
      ? withAuthorizationId(ROOT_CANNOT_ASSUME, id)
      : refusalMessage(principal, question, decision, id)
  return new AwsError('AccessDenied', 403, message)
}

/** Refuses what no policy could allow, since these credentials never may: recorded and explained like any other refusal. */
export async function refuse(
  ctx: Context,
  action: string,
  resource: string,
  ruling: Omit<Ruling, 'layer'>,
): Promise<AwsError> {
  const { principal, region, now: at, sourceIp, requestId } = ctx
  const layer = 'session'
  const asked = { principal, action, resource, region, now: at, sourceIp }
  const question = await questionOf(ctx.store.db, asked)
  const { reason } = ruling
  const decision: Decision = { allowed: false, effect: 'ImplicitDeny', layer, statements: [], reason }
  const id = await ctx.store.transaction(async (tx) => {
    await recordDecision(ctx, { action, resource, effect: 'Deny', layer, reason }, tx)
    const facts = { at, requestId, ruling: { ...ruling, layer } } as const
    return await keepRefusal(tx, principal, question, decision, facts)
  })
  return new AwsError('AccessDenied', 403, refusalMessage(principal, question, decision, id))
}

export function validationError(message: string): AwsError {
  return new AwsError('ValidationError', 400, message)
}
