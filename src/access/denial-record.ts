import { explain } from '../policy/evaluate.ts'
import type { DecisionLayer } from '../policy/decision.ts'
import type { Explanation, PolicyLayers } from '../policy/evaluate.ts'
import type { DenialRecord } from '../store/audit/denials.ts'
import type { DenialTable } from '../store/audit/schema-denials.ts'
import { textOf } from './compiled.ts'
import {
  isOfResource,
  matchedOf,
  nearOf,
  notesOf,
  policiesOf,
  resourceLayers,
  shownContext,
  shownLayers,
  verdictOf,
} from './explain.ts'
import type { DenialDetails, Evaluation, ShownLayers } from './explain.ts'
import type { Caller } from './principal.ts'
import { EVERYTHING, isForeign, propose, proposeToOwner } from './proposal.ts'
import type { Question } from './proposal.ts'

/** What refuses in the place of the policies: a kind of credentials that never may, whatever is allowed. */
export interface Ruling {
  readonly layer: DecisionLayer
  readonly reason: string
  /** What to do instead, since no statement would help. */
  readonly remedy: string
}

/** What is known of a refusal beside who asked what; `at` in milliseconds since 1970. */
interface DenialFacts {
  readonly id: string
  readonly at: number
  readonly requestId?: string | undefined
  readonly jobId?: string | undefined
  readonly notes?: readonly string[] | undefined
  readonly ruling?: Ruling | undefined
  readonly earlier?: readonly Evaluation[] | undefined
}

/** Condition keys whose values prove something: that they were sent is told, what was sent is not. */
const SECRET_KEYS: readonly string[] = ['sts:externalid']
/** Keys of the caller that are his own account's business: the owner of a resource learns that a condition on them failed. */
const CALLERS_KEYS: readonly string[] = ['aws:principaltag/', 'aws:username', 'aws:userid', 'aws:useragent']

/** What the caller's account is told where another account's policies refused. */
export const FOREIGN_REASON = 'because the account that owns the resource does not allow it'

/** Everything that explains a refusal to the caller's own account, as it is kept. */
export function denialOf(principal: Caller, question: Question, facts: DenialFacts): DenialRecord {
  const { request } = question
  const explained = ruledBy(explain(request, question.layers), facts.ruling)
  const shown = shownLayers(question)
  const isTheirs = isForeign(request) && explained.layer === 'resource'
  const own = isTheirs
    ? explained.statements.filter((ref) => !isOfResource(question.layers, ref))
    : explained.statements
  const effect = explained.effect === 'ExplicitDeny' && !isTheirs ? 'ExplicitDeny' : 'ImplicitDeny'
  const evaluation: Evaluation = {
    action: request.action,
    resource: request.resource,
    effect,
    matched: own.map(matchedOf(shown)),
  }
  return recordOf(
    {
      ...factsOf(principal, question, facts),
      account_id: principal.accountId,
      side: 'caller',
      layer: explained.layer,
      effect,
      reason: isTheirs ? FOREIGN_REASON : explained.reason,
    },
    shown,
    {
      context: shownContext(question, SECRET_KEYS),
      near: nearOf(question, explained, (layer) => layer !== 'resource' || !isForeign(request), SECRET_KEYS),
      policies: policiesOf(question, shown),
      layers: shown.map(([layer, policies]) => verdictOf(question, layer, policies)),
      evaluations: [...(facts.earlier ?? []), evaluation],
      proposals:
        facts.ruling === undefined ? propose(question) : [{ change: 'ask', where: facts.ruling.remedy }],
      notes: [...notesOf(question, explained), ...(facts.notes ?? [])],
    },
  )
}

function ruledBy(explained: Explanation, ruling: Ruling | undefined): Explanation {
  if (ruling === undefined) return explained
  const { layer, reason } = ruling
  return { ...explained, allowed: false, effect: 'ImplicitDeny', layer, reason, statements: [] }
}

/**
 * The same refusal for the account that owns the resource: what its own policy said about the stranger, and nothing of the
 * stranger's policies.
 */
export function ownersDenialOf(principal: Caller, question: Question, facts: DenialFacts): DenialRecord {
  const { request, layers } = question
  const shown = resourceLayers(layers)
  const explained = explain(request, withoutCallers(layers))
  const effect = explained.effect === 'ExplicitDeny' ? 'ExplicitDeny' : 'ImplicitDeny'
  const hidden = [...SECRET_KEYS, ...CALLERS_KEYS]
  const evaluation = {
    action: request.action,
    resource: request.resource,
    effect,
    matched: explained.statements.map(matchedOf(shown)),
  } as const
  return recordOf(
    {
      ...factsOf(principal, question, facts),
      request_id: null,
      job_id: null,
      account_id: request.resourceAccountId as string,
      side: 'resource',
      layer: 'resource',
      effect,
      reason: explained.reason,
    },
    shown,
    {
      context: shownContext(question, hidden, true),
      near: nearOf(question, explained, (layer) => layer === 'resource', hidden),
      policies: policiesOf(question, shown),
      layers: shown.map(([layer, policies]) => verdictOf(question, layer, policies)),
      evaluations: [evaluation],
      proposals: proposeToOwner(question),
      notes: [`${principal.arn} is of another account; what its own policies say is for that account alone`],
    },
  )
}

function factsOf(
  principal: Caller,
  { request }: Question,
  facts: DenialFacts,
): Pick<
  DenialTable,
  | 'id'
  | 'at'
  | 'last_at'
  | 'count'
  | 'request_id'
  | 'job_id'
  | 'principal_arn'
  | 'principal_id'
  | 'action'
  | 'resource'
> {
  return {
    id: facts.id,
    at: facts.at,
    last_at: facts.at,
    count: 1,
    request_id: facts.requestId ?? null,
    job_id: facts.jobId ?? null,
    principal_arn: principal.arn,
    principal_id: principal.uniqueId,
    action: request.action,
    resource: request.resource,
  }
}

function recordOf(
  row: Omit<DenialTable, keyof DenialDetails>,
  shown: ShownLayers,
  details: DenialDetails,
): DenialRecord {
  const texts = new Map<string, string>()
  for (const [, policies] of shown) {
    for (const policy of policies) {
      const text = textOf(policy)
      if (text !== undefined) texts.set(text.digest, text.document)
    }
  }
  return {
    row: {
      ...row,
      context: JSON.stringify(details.context),
      near: JSON.stringify(details.near),
      policies: JSON.stringify(details.policies),
      layers: JSON.stringify(details.layers),
      evaluations: JSON.stringify(details.evaluations),
      proposals: JSON.stringify(details.proposals),
      notes: JSON.stringify(details.notes),
    },
    policies: [...texts].map(([digest, document]) => ({ digest, document })),
  }
}

/** The resource's side alone; that the caller has a boundary bears on it, what is in it does not. */
function withoutCallers({ resource, trust, boundary }: PolicyLayers): PolicyLayers {
  return {
    identity: EVERYTHING,
    ...(boundary !== undefined && { boundary: EVERYTHING }),
    ...(resource !== undefined && { resource }),
    ...(trust !== undefined && { trust }),
  }
}
