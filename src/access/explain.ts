import { candidatesFor, refOf } from '../policy/compile.ts'
import type { CompiledPolicy, PolicySource, StatementRef } from '../policy/compile.ts'
import { evaluate } from '../policy/evaluate.ts'
import type { Decision, Explanation, PolicyLayers } from '../policy/evaluate.ts'
import { textOf } from './compiled.ts'
import { EVERYTHING, isForeign, NO_ROLE } from './proposal.ts'
import type { Proposal, Question } from './proposal.ts'

/** A policy as an explanation names it. */
export interface ExplainedPolicy {
  /** What evaluations name it by: its ARN, or where it has none of its own what is unique among those of one explanation. */
  readonly uri: string
  readonly layer: LayerName
  readonly type: PolicySource['type']
  readonly kind: CompiledPolicy['kind']
  readonly arn?: string | undefined
  readonly name: string
  readonly attachedTo?: string | undefined
  /** Digest of its text, which is kept with the explanation; undefined where the text is not a stored policy's. */
  readonly digest?: string | undefined
  readonly statements: number
  /** Of the statements those that are not about the action at all. */
  readonly otherActions: number
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

/** One decision of a request, with the statements that made it. */
export interface Evaluation {
  readonly action: string
  readonly resource: string
  readonly effect: Decision['effect']
  readonly matched: readonly MatchedStatement[]
}

export interface MatchedStatement {
  readonly uri: string
  /** Its Sid, or its number as `#0`. */
  readonly statement: string
  readonly effect: 'Allow' | 'Deny'
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
  /** The decisions of the request up to the refusal, which is the last. */
  readonly evaluations: readonly Evaluation[]
  readonly proposals: readonly Proposal[]
  readonly notes: readonly string[]
}

/** More policies than this are not listed one by one; AWS's quotas allow a user in ten groups fewer. */
const MAX_POLICIES = 250

export type ShownLayers = readonly (readonly [LayerName, readonly CompiledPolicy[]])[]

/** The layers that bear on the request and that its own account may look at, in the order of asking. */
export function shownLayers({ request, layers }: Question): ShownLayers {
  const found: (readonly [LayerName, readonly CompiledPolicy[]])[] = []
  const { kind } = request.principal
  // The root user has no policies and needs none in its own account.
  if (kind === 'root') found.push(['identity', []])
  else if (kind !== 'service' && kind !== 'web-identity') {
    found.push(['identity', layers.identity])
    if (layers.boundary !== undefined) found.push(['boundary', layers.boundary])
    if (layers.session !== undefined) found.push(['session', layers.session])
  }
  // Whoever comes with a token has no policies: only the role could admit him, and there may be none.
  if (kind === 'web-identity' && layers.trust === NO_ROLE) found.push(['trust', []])
  return isForeign(request) ? found : [...found, ...resourceLayers(layers)]
}

export function resourceLayers({ resource, trust }: PolicyLayers): ShownLayers {
  const found: (readonly [LayerName, readonly CompiledPolicy[]])[] = []
  if (resource !== undefined) found.push(['resource', [resource]])
  if (trust !== undefined && trust !== NO_ROLE) found.push(['trust', [trust]])
  return found
}

export function policiesOf({ request }: Question, shown: ShownLayers): readonly ExplainedPolicy[] {
  const action = request.action.toLowerCase()
  return shown
    .flatMap(([layer, policies]) => policies.map((policy) => policyOf(layer, policy, action)))
    .slice(0, MAX_POLICIES)
}

function policyOf(layer: LayerName, policy: CompiledPolicy, action: string): ExplainedPolicy {
  const { type, arn, name, attachedTo } = policy.source
  const about = candidatesFor(policy, action).filter(({ matchesAction }) => matchesAction?.(action) ?? true)
  return {
    uri: uriOf(layer, policy.source),
    layer,
    type,
    kind: policy.kind,
    arn,
    name,
    attachedTo,
    digest: textOf(policy)?.digest,
    statements: policy.statements.length,
    otherActions: policy.statements.length - about.length,
  }
}

/** Managed policies have ARNs; what a resource's or a role's own policy has in its place is the ARN of that. */
function uriOf(layer: LayerName, { arn, name, attachedTo }: PolicySource): string {
  if (arn !== undefined && layer !== 'resource' && layer !== 'trust') return arn
  return `inline:${layer}:${attachedTo ?? arn ?? ''}:${name}`
}

export function matchedOf(shown: ShownLayers): (ref: StatementRef) => MatchedStatement {
  return (ref) => {
    const [layer] = shown.find(([, policies]) => policies.some(({ source }) => source === ref.policy)) ?? [
      'identity' as const,
    ]
    return { uri: uriOf(layer, ref.policy), statement: ref.sid ?? `#${ref.index}`, effect: ref.effect }
  }
}

/** An allowed decision as the explanation of a later refusal of the same request keeps it. */
export function evaluationOf({ request, layers }: Question, decision: Decision): Evaluation {
  const shown = shownLayers({ request, layers })
  const own = decision.statements.filter((ref) =>
    shown.some(([, policies]) => policies.some(({ source }) => source === ref.policy)),
  )
  return {
    action: request.action,
    resource: request.resource,
    effect: decision.effect,
    matched: own.map(matchedOf(shown)),
  }
}

/** Asks one layer alone, with the others out of its way. */
export function verdictOf(
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

export function nearOf(
  question: Question,
  { near }: Explanation,
  isShown: (layer: string) => boolean,
  hiddenKeys: readonly string[],
): readonly ExplainedMiss[] {
  const unmet = missingKeys(question)
  return near
    .filter(({ layer }) => isShown(layer))
    .map(({ statement, layer, failed, detail }) => ({
      layer,
      policy: nameOf(statement.policy),
      policyType: statement.policy.type,
      attachedTo: statement.policy.attachedTo,
      statement: statement.sid ?? `#${statement.index}`,
      effect: statement.effect,
      failed,
      detail: withoutValues(detail, hiddenKeys),
      missingKeys: failed === 'condition' ? (unmet.get(statement) ?? []) : [],
    }))
}

/** For each statement the keys of its unmet conditions that the request does not have. */
function missingKeys({ request, layers }: Question): ReadonlyMap<StatementRef, readonly string[]> {
  const found = new Map<StatementRef, readonly string[]>()
  const { identity, boundary = [], session = [], resource, trust } = layers
  for (const policy of [...identity, ...boundary, ...session, resource, trust]) {
    if (policy === undefined) continue
    for (const statement of policy.statements) {
      const keys = statement.conditions
        .filter(({ condition, isMet }) => !isMet(request.context) && !has(request, condition.key))
        .map(({ condition }) => condition.key)
      if (keys.length > 0) found.set(refOf(policy, statement), [...new Set(keys)])
    }
  }
  return found
}

const has = (request: Question['request'], key: string): boolean => request.context.has(key.toLowerCase())

function withoutValues(detail: string, hiddenKeys: readonly string[]): string {
  const lower = detail.toLowerCase()
  const hidden = hiddenKeys.find((key) => lower.includes(key))
  return hidden === undefined ? detail : `a condition on ${hidden.replace(/\/$/, '')} is not met`
}

/** @param leavesOut Hidden keys are left out instead of shown without their values. */
export function shownContext(
  { request }: Question,
  hiddenKeys: readonly string[],
  leavesOut: boolean = false,
): DenialDetails['context'] {
  const shown: Record<string, string | readonly string[]> = {}
  for (const [key, value] of request.context) {
    const isHidden = hiddenKeys.some((hidden) => key.startsWith(hidden))
    if (!isHidden) shown[key] = value
    else if (!leavesOut) shown[key] = '(not kept)'
  }
  return shown
}

const nameOf = (policy: PolicySource): string => policy.arn ?? policy.name
const statementName = (ref: StatementRef): string => `${nameOf(ref.policy)} ${ref.sid ?? `#${ref.index}`}`

const PASS_BY_NAME = /^arn:aws:iam::aws:policy\/(AWSBackupFullAccess|AWSBackupOperatorAccess)$/

export function isOfResource({ resource, trust }: PolicyLayers, ref: StatementRef): boolean {
  return ref.policy === resource?.source || ref.policy === trust?.source
}

/** What is known to trip people up. */
export function notesOf({ request }: Question, { near }: Explanation): readonly string[] {
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
