import type { AssumptionDecision, AssumptionTarget } from '../access/assume-role.ts'
import { questionOf } from '../access/authorize.ts'
import { withAuthorizationId } from '../access/denial.ts'
import type { Ruling } from '../access/denial-record.ts'
import { recordAssumption, recordDecision } from '../access/own-decisions.ts'
import type { Asked } from '../access/own-decisions.ts'
import { keepRefusal, refusalMessage } from '../access/refusal.ts'
import { AwsError } from '../aws/error.ts'
import type { Context } from '../context.ts'
import type { Decision } from '../policy/evaluate.ts'
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
  const message =
    sentence === undefined
      ? refusalMessage(principal, question, decision, id)
      : withAuthorizationId(sentence, id)
  return new AwsError('AccessDenied', 403, message)
}

export function validationError(message: string): AwsError {
  return new AwsError('ValidationError', 400, message)
}
