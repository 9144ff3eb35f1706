import { denialMessage } from '../access/denial.ts'
import type { Question } from '../access/proposal.ts'
import { keepRefusal, refusalMessage } from '../access/refusal.ts'
import { AwsError } from '../aws/error.ts'
import type { Context } from '../context.ts'
import type { Decision } from '../policy/evaluate.ts'
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
  return new AwsError('AccessDenied', 403, refusalMessage(principal, question, decision, id))
}

/** AWS's sentence for a refusal that no policy decided. */
export function accessDenied(ctx: Context, action: string, resource: string, reason: string): AwsError {
  return new AwsError('AccessDenied', 403, denialMessage(ctx.principal.arn, action, resource, { reason }))
}

export function validationError(message: string): AwsError {
  return new AwsError('ValidationError', 400, message)
}
