import { hash } from 'node:crypto'
import type { Decision } from '../policy/evaluate.ts'
import { countDenial, insertDenials } from '../store/audit/denials.ts'
import type { DenialRecord } from '../store/audit/denials.ts'
import type { Queryable } from '../store/store.ts'
import { fingerprintOf } from './compiled.ts'
import { denialMessage } from './denial.ts'
import { denialOf, FOREIGN_REASON, ownersDenialOf } from './denial-record.ts'
import type { Ruling } from './denial-record.ts'
import type { Evaluation } from './explain.ts'
import type { Caller } from './principal.ts'
import { isForeign, NO_ROLE } from './proposal.ts'
import type { Question } from './proposal.ts'

/** What is known of a refusal beside who asked what. */
export interface RefusalFacts {
  /** Milliseconds since 1970. */
  readonly at: number
  readonly requestId?: string | undefined
  readonly jobId?: string | undefined
  readonly notes?: readonly string[] | undefined
  /** Within so long it is the same refusal, in milliseconds; an hour unless it is asked for by itself again and again. */
  readonly windowMs?: number | undefined
  readonly ruling?: Ruling | undefined
  /** What the same request was allowed before. */
  readonly earlier?: readonly Evaluation[] | undefined
}

/** Within so long the same refusal is one: a client that tries in a loop makes a row an hour, not one a call. Milliseconds. */
const WINDOW_MS = 3_600_000

/** Condition keys that differ from call to call and explain nothing. */
const VOLATILE = new Set([
  'aws:currenttime',
  'aws:epochtime',
  'aws:tokenissuetime',
  'aws:multifactorauthage',
  'sts:rolesessionname',
])

/**
 * The id of a refusal: the same for the same principal, action, resource, circumstances, policies and reason within the same hour,
 * on every server. Another account's policies have no part in it, so that an id tells nothing about them.
 */
export function authorizationId(
  principal: Caller,
  { request, layers, resourcePattern }: Question,
  decision: Decision,
  facts: RefusalFacts,
): string {
  const isTold = !isForeign(request)
  const asked = [layers.identity, layers.boundary, layers.session].map((layer) => layer?.map(fingerprintOf))
  const ofResource = isTold
    ? [layers.resource, layers.trust].map((policy) => policy && fingerprintOf(policy))
    : []
  const context = [...request.context].filter(([key]) => !VOLATILE.has(key)).toSorted(byKey)
  const same = [
    [principal.accountId, principal.uniqueId, principal.arn],
    [
      request.action,
      resourcePattern ?? request.resource,
      facts.jobId,
      Math.floor(facts.at / (facts.windowMs ?? WINDOW_MS)),
    ],
    isGeneric({ request }, decision) ? [] : [decision.effect, decision.layer, decision.reason],
    [context, asked, ofResource],
    facts.earlier?.map(({ action, resource }) => [action, resource]),
  ]
  return hash('sha256', JSON.stringify(same), 'hex').slice(0, 20)
}

const byKey = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number => (a < b ? -1 : 1)

/** True where another account's policies refused: outside of that account nothing is told of them (R15). */
export function isGeneric({ request }: Pick<Question, 'request'>, decision: Decision): boolean {
  return isForeign(request) && decision.layer === 'resource'
}

/**
 * Everything that explains a refusal, ready to be kept: for the caller's account, and where another account's policies refused, for
 * that account under the same id. Neither has anything of the other's policies.
 */
export function refusalOf(
  principal: Caller,
  question: Question,
  decision: Decision,
  facts: RefusalFacts,
): { readonly id: string; readonly records: readonly DenialRecord[] } {
  const id = authorizationId(principal, question, decision, facts)
  const own = denialOf(principal, question, { ...facts, id })
  const { resource, trust } = question.layers
  const isTheirs = isGeneric(question, decision) && trust !== NO_ROLE && (resource ?? trust) !== undefined
  return { id, records: isTheirs ? [own, ownersDenialOf(principal, question, { ...facts, id })] : [own] }
}

/**
 * Keeps what explains a refusal, or counts it where it is kept already. In the transaction of its audit record.
 * @returns The id that it is explained by.
 */
export async function keepRefusal(
  db: Queryable,
  principal: Caller,
  question: Question,
  decision: Decision,
  facts: RefusalFacts,
): Promise<string> {
  if (!isGeneric(question, decision)) {
    const id = authorizationId(principal, question, decision, facts)
    if (await countDenial(db, principal.accountId, id, facts.at)) return id
  }
  const { id, records } = refusalOf(principal, question, decision, facts)
  await insertDenials(db, records)
  return id
}

/** AWS's sentence for a refusal with its id; without a reason where another account's policies refused. */
export function refusalMessage(
  principal: Caller,
  question: Question,
  decision: Decision,
  id: string | undefined,
): string {
  const { action, resource } = question.request
  const told = isGeneric(question, decision) ? { reason: '' } : decision
  return denialMessage(principal.arn, action, resource, told, id)
}

/** A decision as the caller's account may know it: of another account's policies, that they refused or did not. */
export function ownSideOf(question: Pick<Question, 'request'>, decision: Decision): Decision {
  if (!isForeign(question.request)) return decision
  const statements = decision.statements.filter(({ policy }) => policy.type !== 'resource')
  if (!isGeneric(question, decision)) return { ...decision, statements }
  return decision.allowed
    ? { ...decision, statements, reason: 'allowed by both accounts' }
    : { ...decision, effect: 'ImplicitDeny', statements: [], reason: FOREIGN_REASON }
}
