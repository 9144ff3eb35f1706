import { randomHex } from '../lib/ids.ts'
import type { CompiledPolicy, PolicySource, StatementRef } from '../policy/compile.ts'
import { compilePolicy } from '../policy/compile.ts'
import { evaluate, explain } from '../policy/evaluate.ts'
import type { Decision, Explanation, PolicyLayers } from '../policy/evaluate.ts'
import { parsePolicy } from '../policy/parse.ts'
import type { DenialTable } from '../store/schema.ts'
import type { Principal } from './principal.ts'
import { isForeign, propose } from './proposal.ts'
import type { Proposal, Question } from './proposal.ts'

/** A policy as an explanation names it. */
export interface ExplainedPolicy {
  readonly layer: LayerName
  readonly type: PolicySource['type']
  readonly arn?: string | undefined
  readonly name: string
  readonly attachedTo?: string | undefined
}

export type LayerName = 'identity' | 'boundary' | 'session' | 'resource' | 'trust'

/** What one layer says when it is asked alone. */
export interface LayerVerdict {
  readonly layer: LayerName
  /** `delegates`: it names the account only, and leaves the answer to the account's own policies. */
  readonly verdict: 'allows' | 'denies' | 'does not allow' | 'delegates'
  /** How many policies it has. */
  readonly policies: number
  /** The statements that said so: `POLICY STATEMENT`. */
  readonly statements: readonly string[]
}

/** A statement that was about the action and did not apply. */
export interface ExplainedMiss {
  readonly layer: string
  readonly policy: string
  readonly policyType: PolicySource['type']
  readonly attachedTo?: string | undefined
  readonly statement: string
  readonly effect: 'Allow' | 'Deny'
  readonly failed: 'principal' | 'resource' | 'condition'
  readonly detail: string
  /** Condition keys that the statement asks for and the request did not have. */
  readonly missingKeys: readonly string[]
}

/** The JSON columns of a denial. */
export interface DenialDetails {
  readonly context: Readonly<Record<string, string | readonly string[]>>
  readonly near: readonly ExplainedMiss[]
  readonly policies: readonly ExplainedPolicy[]
  readonly layers: readonly LayerVerdict[]
  readonly proposals: readonly Proposal[]
  readonly notes: readonly string[]
}

/** More policies than this are not listed one by one. */
const MAX_POLICIES = 60

/** Condition keys whose values prove something: that they were sent is told, what was sent is not. */
const SECRET_KEYS = new Set(['sts:externalid'])

export function newAuthorizationId(): string {
  return randomHex(10)
}

/** Everything that explains a refusal, as it is kept. `at` in milliseconds since 1970. */
export function denialOf(
  principal: Principal,
  question: Question,
  facts: {
    readonly id: string
    readonly at: number
    readonly requestId?: string | undefined
    readonly jobId?: string | undefined
    readonly notes?: readonly string[] | undefined
  },
): DenialTable {
  const { request } = question
  const explained = explain(request, question.layers)
  const details = detailsOf(question, explained)
  return {
    id: facts.id,
    account_id: principal.accountId,
    at: facts.at,
    request_id: facts.requestId ?? null,
    job_id: facts.jobId ?? null,
    principal_arn: principal.arn,
    principal_id: principal.uniqueId,
    action: request.action,
    resource: request.resource,
    layer: explained.layer,
    effect: explained.effect === 'ExplicitDeny' ? 'ExplicitDeny' : 'ImplicitDeny',
    reason: explained.reason,
    context: JSON.stringify(details.context),
    near: JSON.stringify(details.near),
    policies: JSON.stringify(details.policies),
    layers: JSON.stringify(details.layers),
    proposals: JSON.stringify(details.proposals),
    notes: JSON.stringify([...details.notes, ...(facts.notes ?? [])]),
  }
}

function detailsOf(question: Question, explained: Explanation): DenialDetails {
  const shown = shownLayers(question)
  return {
    context: shownContext(question),
    near: nearOf(question, explained),
    policies: shown
      .flatMap(([layer, policies]) => policies.map(({ source }) => policyOf(layer, source)))
      .slice(0, MAX_POLICIES),
    layers: shown.map(([layer, policies]) => verdictOf(question, layer, policies)),
    proposals: propose(question),
    notes: notesOf(question, explained),
  }
}

/** The layers that bear on the request and that its own account may look at, in the order of asking. */
function shownLayers({
  request,
  layers,
}: Question): readonly (readonly [LayerName, readonly CompiledPolicy[]])[] {
  const found: (readonly [LayerName, readonly CompiledPolicy[]])[] = []
  const { kind } = request.principal
  if (kind !== 'root' && kind !== 'service') {
    found.push(['identity', layers.identity])
    if (layers.boundary !== undefined) found.push(['boundary', layers.boundary])
    if (layers.session !== undefined) found.push(['session', layers.session])
  }
  if (isForeign(request)) return found
  if (layers.resource !== undefined) found.push(['resource', [layers.resource]])
  if (layers.trust !== undefined) found.push(['trust', [layers.trust]])
  return found
}

const policyOf = (layer: LayerName, { type, arn, name, attachedTo }: PolicySource): ExplainedPolicy => ({
  layer,
  type,
  arn,
  name,
  attachedTo,
})

const EVERYTHING: readonly CompiledPolicy[] = [
  compilePolicy(
    parsePolicy(
      '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}',
      'session',
    ),
    { type: 'session', name: 'everything' },
  ),
]

/** Asks one layer alone, with the others out of its way. */
function verdictOf(
  { request, layers }: Question,
  layer: LayerName,
  policies: readonly CompiledPolicy[],
): LayerVerdict {
  const isOwn = layer === 'identity' || layer === 'boundary' || layer === 'session'
  const unlimited = {
    ...(layers.boundary !== undefined && { boundary: EVERYTHING }),
    ...(request.principal.kind === 'federated-user' && { session: EVERYTHING }),
  }
  const alone: PolicyLayers = isOwn
    ? { identity: policies, ...unlimited }
    : { identity: [], [layer]: policies[0], ...unlimited }
  const asked = isOwn ? { ...request, resourceAccountId: request.principal.accountId } : request
  const decision = evaluate(asked, alone)
  return {
    layer,
    verdict: isOwn ? verdict(decision) : verdictOfResource(request, decision, alone),
    policies: policies.length,
    statements: decision.statements.map(statementName),
  }
}

function verdict(decision: Decision): LayerVerdict['verdict'] {
  if (decision.allowed) return 'allows'
  return decision.effect === 'ExplicitDeny' ? 'denies' : 'does not allow'
}

/** Naming the account alone grants nothing: with an Allow of the account's own the answer is yes, and not without. */
function verdictOfResource(
  request: Question['request'],
  decision: Decision,
  alone: PolicyLayers,
): LayerVerdict['verdict'] {
  const own = verdict(decision)
  if (own !== 'does not allow' || alone.trust === undefined) return own
  return evaluate(request, { ...alone, identity: EVERYTHING }).allowed ? 'delegates' : own
}

function nearOf({ request, layers }: Question, { near }: Explanation): readonly ExplainedMiss[] {
  const unmet = missingKeys({ request, layers })
  return near
    .filter(({ layer }) => layer !== 'resource' || !isForeign(request))
    .map(({ statement, layer, failed, detail }) => ({
      layer,
      policy: nameOf(statement.policy),
      policyType: statement.policy.type,
      attachedTo: statement.policy.attachedTo,
      statement: statement.sid ?? `#${statement.index}`,
      effect: statement.effect,
      failed,
      detail: withoutSecrets(detail),
      missingKeys: failed === 'condition' ? (unmet.get(statement) ?? []) : [],
    }))
}

/** For each statement the keys of its unmet conditions that the request does not have. */
function missingKeys({ request, layers }: Question): ReadonlyMap<StatementRef, readonly string[]> {
  const found = new Map<StatementRef, readonly string[]>()
  const { identity, boundary = [], session = [], resource, trust } = layers
  for (const policy of [...identity, ...boundary, ...session, resource, trust]) {
    for (const { ref, conditions } of policy?.statements ?? []) {
      const keys = conditions
        .filter(({ condition, isMet }) => !isMet(request.context) && !has(request, condition.key))
        .map(({ condition }) => condition.key)
      if (keys.length > 0) found.set(ref, [...new Set(keys)])
    }
  }
  return found
}

const has = (request: Question['request'], key: string): boolean => request.context.has(key.toLowerCase())

function withoutSecrets(detail: string): string {
  const lower = detail.toLowerCase()
  for (const key of SECRET_KEYS) if (lower.includes(key)) return `a condition on ${key} is not met`
  return detail
}

function shownContext({ request }: Question): DenialDetails['context'] {
  const shown: Record<string, string | readonly string[]> = {}
  for (const [key, value] of request.context) shown[key] = SECRET_KEYS.has(key) ? '(not kept)' : value
  return shown
}

const nameOf = (policy: PolicySource): string => policy.arn ?? policy.name
const statementName = (ref: StatementRef): string => `${nameOf(ref.policy)} ${ref.sid ?? `#${ref.index}`}`

const PASS_BY_NAME = /^arn:aws:iam::aws:policy\/(AWSBackupFullAccess|AWSBackupOperatorAccess)$/

/** What is known to trip people up. */
function notesOf({ request }: Question, { near }: Explanation): readonly string[] {
  if (request.action !== 'iam:PassRole') return []
  const missed = near.find(
    ({ statement, failed }) => failed === 'resource' && PASS_BY_NAME.test(statement.policy.arn ?? ''),
  )
  const name = PASS_BY_NAME.exec(missed?.statement.policy.arn ?? '')?.[1]
  if (name === undefined) return []
  return [
    `${name} passes only roles whose names contain AWSBackup or AwsBackup (role/*AWSBackup*, role/*AwsBackup*), and ` +
      `${request.resource} is not one of them: choose such a name for the role, or add the statement`,
  ]
}
