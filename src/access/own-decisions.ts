import type { Decision } from '../policy/evaluate.ts'
import { ROOT_CANNOT_ASSUME } from '../policy/reasons.ts'
import { appendAudit } from '../store/audit/audit.ts'
import type { AuditRecord } from '../store/audit/audit.ts'
import type { RoleTable } from '../store/schema.ts'
import type { Store } from '../store/store.ts'
import type { AssumptionDecision, AssumptionTarget } from './assume-role.ts'
import { questionOf } from './authorize.ts'
import { withAuthorizationId } from './denial.ts'
import type { Ruling } from './denial-record.ts'
import type { Caller, Principal } from './principal.ts'
import type { Question } from './proposal.ts'
import { keepRefusal, ownSideOf, refusalMessage } from './refusal.ts'

/** Decisions that operations take themselves, since more than the caller's policies bear on them; recorded as the gate's are. */

/** Who asked, and by which request. */
export interface Asked {
  readonly store: Store
  readonly requestId: string
  readonly now: number
  readonly sourceIp: string | undefined
  /** The account whose record it is. */
  readonly accountId: string
  readonly principal: Caller
}

/** A decision as the audit log keeps it. */
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
export async function recordDecision(asked: Asked, decision: OwnDecision): Promise<void> {
  const record: AuditRecord = {
    at: asked.now,
    account_id: asked.accountId,
    request_id: asked.requestId,
    principal_arn: asked.principal.arn,
    principal_id: asked.principal.uniqueId,
    source_ip: asked.sourceIp ?? null,
    service: decision.action.slice(0, decision.action.indexOf(':')),
    action: decision.action,
    resource: decision.resource,
    effect: decision.effect,
    layer: decision.layer,
    reason: decision.reason,
    policy: decision.policy ?? null,
    statement: decision.statement ?? null,
  }
  await appendAudit(asked.store, record)
}

/** `message` is AWS's sentence for the AccessDenied to throw, with the id that it is explained by. */
export type AssumptionOutcome =
  | { readonly allowed: true; readonly role: RoleTable }
  | { readonly allowed: false; readonly message: string }

/** Records the decisions of an assumption up to the first refusal. A role that is not there is allowed to nobody. */
export async function recordAssumption(
  asked: Asked,
  { role, arn: resource, accountId }: AssumptionTarget,
  decisions: readonly AssumptionDecision[],
): Promise<AssumptionOutcome> {
  const isAbsent = role === undefined
  const isOwn = accountId === asked.accountId
  for (const { action, decision, question } of decisions) {
    // The trail is the caller's account's: it has no more of another one than he is told (R15).
    const told = ownSideOf(question, decision)
    const deciding = told.statements[0]
    const record = {
      action,
      resource,
      effect: told.allowed ? 'Allow' : 'Deny',
      layer: told.layer,
      reason: isAbsent && isOwn && !told.allowed ? `${told.reason} (no such role)` : told.reason,
      policy: deciding?.policy.arn ?? deciding?.policy.name,
      statement: deciding === undefined ? undefined : (deciding.sid ?? `#${deciding.index}`),
    } as const
    if (decision.allowed) {
      await recordDecision(asked, record)
      continue
    }
    // That a role is absent is for the explanation, and for the account that would have it.
    const notes = isAbsent && isOwn ? [`There is no role ${resource}`] : []
    return { allowed: false, message: await recordRefusal(asked, record, question, decision, notes) }
  }
  if (isAbsent) throw new Error(`The role ${resource} does not exist, and yet it may be assumed`)
  return { allowed: true, role }
}

/** Who asked, with everything that his request says of him. */
export interface AskedByCaller extends Asked {
  readonly principal: Principal
  readonly region: string
}

/**
 * Records and explains the refusal of what no policy could allow, such as credentials that never may, or a wrong second factor.
 *
 * @param sentence AWS's own words, where it has some for the case; the reason is told in the explanation then.
 * @returns The message of the AccessDenied to throw.
 */
export async function recordRuling(
  asked: AskedByCaller,
  call: { readonly action: string; readonly resource: string },
  ruling: Ruling,
  sentence?: string,
): Promise<string> {
  const { store, principal, region, now, sourceIp, requestId } = asked
  const question = await questionOf(store.db, { principal, region, now, sourceIp, ...call })
  const { layer, reason } = ruling
  const decision: Decision = { allowed: false, effect: 'ImplicitDeny', layer, statements: [], reason }
  await recordDecision(asked, { ...call, effect: 'Deny', layer, reason })
  const id = await store.transaction(
    async (tx) => await keepRefusal(tx, principal, question, decision, { at: now, requestId, ruling }),
  )
  return sentence === undefined
    ? refusalMessage(principal, question, decision, id)
    : withAuthorizationId(sentence, id)
}

async function recordRefusal(
  asked: Asked,
  record: OwnDecision,
  question: Question,
  decision: Decision,
  notes: readonly string[],
): Promise<string> {
  const { principal, now: at, requestId } = asked
  await recordDecision(asked, record)
  const id = await asked.store.transaction(
    async (tx) => await keepRefusal(tx, principal, question, decision, { at, requestId, notes }),
  )
  if (decision.reason === ROOT_CANNOT_ASSUME) return withAuthorizationId(ROOT_CANNOT_ASSUME, id)
  const isWeb = question.request.principal.kind === 'web-identity'
  // AWS names nobody here: there is no principal yet.
  if (isWeb) return withAuthorizationId(`Not authorized to perform ${record.action}`, id)
  return refusalMessage(principal, question, decision, id)
}
