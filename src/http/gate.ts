import { denialMessage } from '../access/denial.ts'
import { questionOf } from '../access/authorize.ts'
import type { Authorization } from '../access/authorize.ts'
import { denialOf, newAuthorizationId } from '../access/explain.ts'
import type { Principal } from '../access/principal.ts'
import { AwsError } from '../aws/error.ts'
import type { CallContext } from '../context.ts'
import type { Decision } from '../policy/evaluate.ts'
import { evaluate } from '../policy/evaluate.ts'
import { appendAudit, appendAuditGrouped } from '../store/audit.ts'
import type { AuditRecord } from '../store/audit.ts'
import { insertDenials } from '../store/denials.ts'
import type { Store } from '../store/store.ts'

/** One request as the gate sees it. */
export interface GateRequest {
  readonly store: Store
  readonly principal: Principal
  readonly requestId: string
  readonly service: string
  readonly now: number
  readonly region: string
  readonly sourceIp: string | undefined
  readonly userAgent: string | undefined
  readonly isSecure: boolean
  /** What an AccessDenied is called in the protocol of the request's service. */
  readonly accessDeniedCode: string
  /** Reads commit their records in groups; everything else writes its record before its effect, by itself. */
  readonly isRead: boolean
}

/**
 * The one gate. Each decision is in the audit log, durably, before it has an effect. A request's handler asks the same gate for
 * every further right it needs.
 *
 * @throws {AwsError} 403 with AWS's sentence: who, which action, on what, and why not; behind it the id that it is explained by.
 */
export async function authorize(
  request: GateRequest,
  action: string,
  resources: readonly string[],
  context: CallContext | undefined,
): Promise<void> {
  for (const resource of resources) {
    const { decision, denialId } = await decideAndRecord(request, action, resource, context)
    if (!decision.allowed) {
      throw new AwsError(
        request.accessDeniedCode,
        403,
        denialMessage(request.principal.arn, action, resource, decision, denialId),
      )
    }
  }
}

export async function isAllowed(
  request: GateRequest,
  action: string,
  resource: string,
  context: CallContext | undefined,
): Promise<boolean> {
  return (await decideAndRecord(request, action, resource, context)).decision.allowed
}

async function decideAndRecord(
  request: GateRequest,
  action: string,
  resource: string,
  context: CallContext | undefined,
): Promise<{ readonly decision: Decision; readonly denialId?: string }> {
  const authorization: Authorization = {
    principal: request.principal,
    action,
    resource,
    region: request.region,
    now: request.now,
    sourceIp: request.sourceIp,
    userAgent: request.userAgent,
    isSecure: request.isSecure,
    context,
  }
  const question = await questionOf(request.store.db, authorization)
  const decision = evaluate(question.request, question.layers)
  const record = auditRecord(request, action, resource, decision)
  if (!decision.allowed) {
    const { principal, now: at, requestId } = request
    const denial = denialOf(principal, question, { id: newAuthorizationId(), at, requestId })
    await request.store.transaction(async (tx) => {
      await appendAudit(tx, record)
      await insertDenials(tx, [denial])
    })
    return { decision, denialId: denial.id }
  }
  if (request.isRead) await appendAuditGrouped(request.store, record)
  else await appendAudit(request.store.db, record)
  return { decision }
}

function auditRecord(
  request: GateRequest,
  action: string,
  resource: string,
  decision: Decision,
): AuditRecord {
  const deciding = decision.statements[0]
  return {
    at: request.now,
    account_id: request.principal.accountId,
    request_id: request.requestId,
    principal_arn: request.principal.arn,
    principal_id: request.principal.uniqueId,
    source_ip: request.sourceIp ?? null,
    service: request.service,
    action,
    resource,
    effect: decision.allowed ? 'Allow' : 'Deny',
    layer: decision.layer,
    reason: decision.reason,
    policy: deciding === undefined ? null : (deciding.policy.arn ?? deciding.policy.name),
    statement: deciding === undefined ? null : (deciding.sid ?? `#${deciding.index}`),
  }
}
