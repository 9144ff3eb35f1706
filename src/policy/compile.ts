import { anyOf, compileCondition } from './conditions.ts'
import type { CompiledCondition } from './conditions.ts'
import type { ConditionContext } from './context.ts'
import { likePattern, resourcePattern } from './pattern.ts'
import type { Matcher, PatternOptions } from './pattern.ts'
import type { Effect, Policy, Statement } from './policy.ts'
import { compilePrincipal } from './principals.ts'
import type { PrincipalTest } from './principals.ts'

/** Where a policy came from; it is what decisions and messages call it by. */
export type PolicySource = {
  readonly type: 'managed' | 'inline' | 'session' | 'boundary' | 'resource' | 'trust'
  /** Of a managed policy, or of the resource or role a policy sits on. */
  readonly arn?: string | undefined
  readonly name: string
  /** The ARN of the user, group or role that has it. */
  readonly attachedTo?: string | undefined
}

/** A statement by its place: what a decision points to. */
export type StatementRef = {
  readonly policy: PolicySource
  readonly sid?: string | undefined
  /** Its place in the document, from 0. */
  readonly index: number
  readonly effect: Effect
}

export type CompiledStatement = {
  readonly statement: Statement
  readonly isDeny: boolean
  /** Undefined where any resource will do. */
  readonly matchesResource: Matcher | undefined
  readonly conditions: readonly CompiledCondition[]
  readonly gradePrincipal: PrincipalTest
}

/** A statement that may match an action; undefined `matchesAction` means that it does. */
export type Candidate = {
  readonly statement: CompiledStatement
  readonly matchesAction: ((lowerCasedAction: string) => boolean) | undefined
}

/**
 * A policy made ready to decide: immutable, and meant to be compiled once a version and shared by everybody it is
 * attached to. A request's action finds its statements by name, else by its service, else among those that could match
 * anything; each list is complete, so only one of them is ever read.
 */
export type CompiledPolicy = {
  readonly kind: Policy['kind']
  readonly version: Policy['version']
  readonly source: PolicySource
  /** What a decision points to, by the statement's place in the document: all that is not shared with other holders of it. */
  readonly refs: readonly StatementRef[]
  readonly statements: readonly CompiledStatement[]
  readonly byAction: ReadonlyMap<string, readonly Candidate[]>
  readonly byService: ReadonlyMap<string, readonly Candidate[]>
  readonly rest: readonly Candidate[]
  /** Of a policy that was made from another one to ask it another way: that one, whose document is shown to people. */
  readonly original?: CompiledPolicy
}

/** Compiles a checked policy; the cost is that of a few hundred evaluations, so keep the result. */
export function compilePolicy(policy: Policy, source: PolicySource): CompiledPolicy {
  const statements = policy.statements.map((statement) => compileStatement(statement, policy))
  const selectors = statements.map(selectorOf)
  const { kind, version } = policy
  const refs = refsOf(statements, source)
  return { kind, version, source, refs, statements, ...indexActions(selectors) }
}

/** The same policy of somebody else, or by another name; it costs a few words a statement. */
export function withSource(policy: CompiledPolicy, source: PolicySource): CompiledPolicy {
  return { ...policy, source, refs: refsOf(policy.statements, source) }
}

function refsOf(statements: readonly CompiledStatement[], source: PolicySource): readonly StatementRef[] {
  return statements.map(({ statement: { sid, index, effect } }) =>
    Object.freeze({ policy: source, ...(sid === undefined ? {} : { sid }), index, effect }),
  )
}

/** What decisions call a statement of the policy. */
export function refOf(policy: CompiledPolicy, { statement }: CompiledStatement): StatementRef {
  return policy.refs[statement.index] as StatementRef
}

/** The statements of a policy that may be about an action, which must be lower-cased. */
export function candidatesFor(policy: CompiledPolicy, action: string): readonly Candidate[] {
  const exact = policy.byAction.get(action)
  if (exact !== undefined) return exact
  if (policy.byService.size === 0) return policy.rest
  return policy.byService.get(action.slice(0, action.indexOf(':'))) ?? policy.rest
}

function compileStatement(statement: Statement, policy: Policy): CompiledStatement {
  const { effect } = statement
  return {
    statement,
    isDeny: effect === 'Deny',
    matchesResource: compileResource(statement, policy),
    conditions: statement.conditions.map((condition) => compileCondition(condition, effect, policy.version)),
    gradePrincipal: compilePrincipal(statement.principal, effect, policy.kind),
  }
}

function compileResource(statement: Statement, policy: Policy): Matcher | undefined {
  if (statement.resource === undefined) return undefined
  const { negated, names } = statement.resource
  if (!negated && names.includes('*')) return undefined
  const options: PatternOptions = {
    variables: policy.version === '2012-10-17',
    whenUnresolved: negated && statement.effect === 'Allow',
  }
  const matches = anyOf(names.map((name) => resourcePattern(name, options)))
  return negated ? (value: string, context: ConditionContext) => !matches(value, context) : matches
}

/** A statement's actions sorted by how they can be found. */
type Selector = {
  readonly statement: CompiledStatement
  readonly exact: ReadonlySet<string>
  readonly byService: ReadonlyMap<string, readonly ActionTest[]>
  /** Globs that any service may match, and NotAction. */
  readonly anyService: readonly ActionTest[]
}
type ActionTest = (lowerCasedAction: string) => boolean

const WILDCARD = /[*?]/
const EVERY_ACTION: ActionTest = () => true
const NO_CONTEXT = new Map() as ReadonlyMap<string, string> as ConditionContext

function selectorOf(statement: CompiledStatement): Selector {
  const { negated, names } = statement.statement.action
  const lowered = names.map((name) => name.toLowerCase())
  if (negated) {
    const isListed = lowered.map(actionTest)
    const isOther: ActionTest = (action) => !isListed.some((test) => test(action))
    return { statement, exact: new Set(), byService: new Map(), anyService: [isOther] }
  }
  if (lowered.includes('*'))
    return { statement, exact: new Set(), byService: new Map(), anyService: [EVERY_ACTION] }
  const exact = new Set<string>()
  const byService = new Map<string, ActionTest[]>()
  const anyService: ActionTest[] = []
  for (const name of lowered) {
    const service = name.slice(0, name.indexOf(':'))
    if (!WILDCARD.test(name)) exact.add(name)
    else if (WILDCARD.test(service) || !name.includes(':')) anyService.push(actionTest(name))
    else byService.set(service, [...(byService.get(service) ?? []), actionTest(name)])
  }
  return { statement, exact, byService, anyService }
}

function actionTest(name: string): ActionTest {
  const matches = likePattern(name, { variables: false, whenUnresolved: false })
  return (action) => matches(action, NO_CONTEXT)
}

function indexActions(
  selectors: readonly Selector[],
): Pick<CompiledPolicy, 'byAction' | 'byService' | 'rest'> {
  const rest = selectors.flatMap((selector) => candidate(selector, selector.anyService))
  const byService = new Map<string, readonly Candidate[]>()
  for (const service of new Set(selectors.flatMap((selector) => [...selector.byService.keys()]))) {
    const list = selectors.flatMap((selector) =>
      candidate(selector, [...(selector.byService.get(service) ?? []), ...selector.anyService]),
    )
    byService.set(service, list)
  }
  const byAction = new Map<string, readonly Candidate[]>()
  // Most names of a policy share their list with their neighbours, and a big policy has thousands of names.
  const known = new Map<string, readonly Candidate[]>()
  for (const name of new Set(selectors.flatMap((selector) => [...selector.exact]))) {
    const service = name.slice(0, name.indexOf(':'))
    const matching = selectors.filter(
      ({ exact, byService: globs, anyService }) =>
        exact.has(name) ||
        anyService.some((test) => test(name)) ||
        (globs.get(service)?.some((test) => test(name)) ?? false),
    )
    const key = matching.map(({ statement }) => statement.statement.index).join()
    const list =
      known.get(key) ?? matching.map(({ statement }): Candidate => ({ statement, matchesAction: undefined }))
    known.set(key, list)
    byAction.set(name, list)
  }
  return { byAction, byService, rest }
}

function candidate(selector: Selector, tests: readonly ActionTest[]): readonly Candidate[] {
  const { statement } = selector
  const [first] = tests
  if (first === undefined) return []
  if (tests.includes(EVERY_ACTION)) return [{ statement, matchesAction: undefined }]
  if (tests.length === 1) return [{ statement, matchesAction: first }]
  return [{ statement, matchesAction: (action) => tests.some((test) => test(action)) }]
}
