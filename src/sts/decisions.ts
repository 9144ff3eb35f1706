import { denialMessage } from '../access/denial.ts'
import { AwsError } from '../aws/error.ts'
import type { Context } from '../context.ts'
import { appendAudit } from '../store/audit.ts'
import type { AuditRecord } from '../store/audit.ts'
import { insertDenials } from '../store/denials.ts'
import type { DenialTable } from '../store/schema.ts'

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
  denial?: DenialTable,
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
  if (denial === undefined) return await appendAudit(ctx.store.db, record)
  await ctx.store.transaction(async (tx) => {
    await appendAudit(tx, record)
    await insertDenials(tx, [denial])
  })
}

/** AWS's sentence for a refusal. An empty reason leaves it without one; an id is where it is explained. */
export function accessDenied(
  ctx: Context,
  action: string,
  resource: string,
  reason: string,
  authorizationId?: string,
): AwsError {
  const sentence = denialMessage(ctx.principal.arn, action, resource, { reason }, authorizationId)
  return new AwsError('AccessDenied', 403, sentence.trimEnd())
}

export function validationError(message: string): AwsError {
  return new AwsError('ValidationError', 400, message)
}
