import type { AssumptionDecision, AssumptionTarget } from '../access/assume-role.ts'
import type { Ruling } from '../access/denial-record.ts'
import { recordAssumption, recordRuling } from '../access/own-decisions.ts'
import type { Asked } from '../access/own-decisions.ts'
import { AwsError } from '../aws/error.ts'
import type { Context } from '../context.ts'
import type { RoleTable } from '../store/schema.ts'

/** The role, once every decision of the assumption allows it; all are recorded. @throws {AwsError} AccessDenied (403). */
export async function enforceAssumption(
  asked: Asked,
  target: AssumptionTarget,
  decisions: readonly AssumptionDecision[],
): Promise<RoleTable> {
  const outcome = await recordAssumption(asked, target, decisions)
  if (outcome.allowed) return outcome.role
  throw new AwsError('AccessDenied', 403, outcome.message)
}

/**
 * Refuses what no policy could allow, since these credentials never may: recorded and explained like any other refusal.
 *
 * @param sentence AWS's own words, where it has some for the case; the reason is told in the explanation then.
 */
export async function refuse(
  ctx: Context,
  action: string,
  resource: string,
  ruling: Omit<Ruling, 'layer'>,
  sentence?: string,
): Promise<AwsError> {
  const message = await recordRuling(ctx, { action, resource }, { ...ruling, layer: 'session' }, sentence)
  return new AwsError('AccessDenied', 403, message)
}

/**
 * Credentials of GetFederationToken take on no role, whoever trusts them, and call nothing else of STS but GetCallerIdentity (STS API
 * Reference, GetFederationToken).
 *
 * @throws {AwsError} AccessDenied (403), explained.
 */
export async function refuseFederated(ctx: Context, action: string, resource: string): Promise<void> {
  if (ctx.principal.kind !== 'federated-user') return
  throw await refuse(ctx, action, resource, {
    reason: `because credentials of GetFederationToken cannot call ${action}`,
    remedy: 'use the long-term key of the user, or a session of GetSessionToken',
  })
}

export function validationError(message: string): AwsError {
  return new AwsError('ValidationError', 400, message)
}
