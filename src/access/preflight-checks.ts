import type { JobCall } from '../kinds/job-calls.ts'
import type { Decision } from '../policy/evaluate.ts'
import { globOf, outlook } from '../policy/outlook.ts'
import type { OpenStatement, Outlook } from '../policy/outlook.ts'
import type { TrustAnswer } from './assume.ts'
import { ofSource } from './grants.ts'
import { jobRequests } from './job-request.ts'
import type { JobFacts } from './job-request.ts'
import type { JobLayers } from './job-scope.ts'
import { ownSideOf } from './refusal.ts'
import { describePolicy, literal, propose } from './proposal.ts'
import type { Proposal, Question } from './proposal.ts'
import type { DecidingStatement } from './who-can.ts'

/** Whose policies a check is about: the caller's, for the call, for passing the role or by the restore guard; the role's trust policy; its own. */
export type CheckLayer = 'caller' | 'passrole' | 'guard' | 'trust' | 'job' | 'expiry'

/** One right that will be asked for, and what the answer would be now. */
export interface Check {
  readonly layer: CheckLayer
  /** The job's step, as its record names it. */
  readonly step?: string | undefined
  readonly action: string
  /** An ARN; a pattern where the job makes or finds ARNs that nobody knows yet. */
  readonly resource: string
  readonly verdict: 'allowed' | 'denied' | 'depends'
  /** True where a refusal takes a power away and fails nothing. */
  readonly isOptional: boolean
  readonly reason: string
  /** What decided, or what it depends on; none where nothing allows it, or where another account's policy does. */
  readonly statements: readonly DecidingStatement[]
  /** Of a right on recovery points that are yet to be made: the resource that they will be of. */
  readonly source?: string | undefined
  /** Condition keys that the answer depends on. */
  readonly keys: readonly string[]
  /** The changes that together would allow it; empty where it is allowed. */
  readonly proposals: readonly Proposal[]
}

/** Makes checks of questions. Proposals are made once for each kind of refusal: thousands of resources are refused alike. */
export class Checker {
  readonly #proposals = new Map<string, readonly Proposal[]>()

  /** A right of the caller, all of whose facts are known. */
  ofCaller(layer: CheckLayer, question: Question): Check {
    const { request, layers } = question
    return this.#check(layer, question, {
      ...outlook(request, layers, KNOWN),
      isOptional: false,
    })
  }

  ofTrust({ question, decision, refusal }: TrustAnswer): Check {
    const { action, resource } = question.request
    return {
      layer: 'trust',
      action,
      resource,
      verdict: refusal === undefined ? 'allowed' : 'denied',
      isOptional: false,
      reason: refusal ?? decision.reason,
      statements: decision.statements.map((ref) => ({ ref, conditions: [] })),
      keys: [],
      proposals: decision.allowed ? [] : this.#proposalsFor('trust', question, decision),
    }
  }

  /** What a step asks under the role, on each of its ARNs. */
  ofCall(
    layer: CheckLayer,
    facts: JobFacts,
    jobLayers: JobLayers,
    { step, target }: JobCall,
  ): readonly Check[] {
    const own = (step.perItem?.ownKeys ?? []).map((key) => key.toLowerCase())
    const isUnknownKey = (key: string): boolean =>
      own.some((name) => (name.endsWith('/') ? key.startsWith(name) : key === name))
    return jobRequests(facts, step, target).map((request) => {
      const layers = jobLayers.on(request.resource)
      const pattern = globOf(request.resource)
      const resource = pattern === request.resource ? undefined : pattern
      const seen = outlook(request, layers, {
        resource,
        isUnknownKey: own.length === 0 ? NONE : isUnknownKey,
      })
      const isOptional = step.optional === true
      const question: Question = { request, layers, resourcePattern: resource }
      const isNewPoint = resource !== undefined && request.resource === facts.recoveryPointArn
      const source = isNewPoint ? facts.resource.arn : undefined
      return this.#check(layer, question, { ...seen, isOptional, step: step.name, source })
    })
  }

  #check(
    layer: CheckLayer,
    question: Question,
    seen: Outlook & {
      readonly isOptional: boolean
      readonly step?: string
      readonly source?: string | undefined
    },
  ): Check {
    const { request, resourcePattern } = question
    const { verdict, decision, open, isOptional, step, source } = seen
    const own = ownSideOf(question, decision)
    return {
      layer,
      step,
      action: request.action,
      resource: resourcePattern ?? request.resource,
      verdict,
      isOptional,
      source,
      reason: verdict === 'depends' ? dependsReason(open) : own.reason,
      statements:
        verdict === 'depends'
          ? open.map(({ statement, keys }) => ({ ref: statement, conditions: keys }))
          : own.statements.map((ref) => ({ ref, conditions: [] })),
      keys: [...new Set(open.flatMap(({ keys }) => keys))],
      proposals: verdict === 'allowed' ? [] : this.#proposalsFor(layer, question, decision, source),
    }
  }

  #proposalsFor(
    layer: CheckLayer,
    question: Question,
    decision: Decision,
    source?: string,
  ): readonly Proposal[] {
    const { request, resourcePattern } = question
    const resource = resourcePattern ?? literal(request.resource)
    const by = decision.statements.map(({ policy, index }) => `${policy.arn ?? policy.name} ${index}`).join()
    const kind = `${layer}\0${request.action}\0${decision.effect}\0${decision.layer}\0${by}`
    let proposals = this.#proposals.get(kind)
    if (proposals === undefined) {
      proposals = propose(question)
      this.#proposals.set(kind, proposals)
    }
    return proposals.map((one) => about(one, resource, source))
  }
}

const NONE = (): boolean => false
const KNOWN = { isUnknownKey: NONE }

/** The same proposal for another resource. */
function about(proposal: Proposal, resource: string, source: string | undefined): Proposal {
  const { statement } = proposal
  if (statement === undefined || !('Resource' in statement)) return proposal
  if (source === undefined) return { ...proposal, statement: { ...statement, Resource: resource } }
  return { ...proposal, statement: { ...statement, Resource: resource, Condition: ofSource(source) } }
}

function dependsReason(open: readonly OpenStatement[]): string {
  const parts = open.map(({ statement, keys, isPartial }) => {
    const name = `${statement.effect} ${statement.sid ?? `#${statement.index}`} of ${describePolicy(statement.policy)}`
    const on = isPartial ? ' is about some of these resources only' : ''
    const under = keys.length === 0 ? '' : ` asks for ${keys.join(', ')}`
    return name + [on, under].filter((text) => text !== '').join(' and')
  })
  return `depends on what is found: ${parts.join('; ')}`
}
