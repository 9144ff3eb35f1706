import { anyOf } from './conditions.ts'
import { candidatesFor } from './compile.ts'
import type { Candidate, CompiledPolicy, CompiledStatement } from './compile.ts'
import type { CompiledCondition } from './conditions.ts'
import type { ConditionContext } from './context.ts'
import type { PolicyLayers } from './decision.ts'
import { resourcePattern, resourceReach } from './pattern.ts'

/** Everything whose ARN begins with a prefix, such as all objects of a bucket below `2026/`. */
export type Below = {
  readonly action: string
  readonly prefix: string
  /** Condition keys that are each item's own, or their beginnings up to and with a slash, such as `s3:ExistingObjectTag/`. */
  readonly ownKeys: readonly string[]
}

/**
 * The policies as they bear on all of it at once, where no item can be looked at one by one. evaluate() then allows the prefix
 * only if it allows every item, whatever its name and its own condition keys:
 *
 * | statement | applies where |
 * |---|---|
 * | Allow | it is about each item, and asks nothing of an item itself |
 * | Deny | it could be about some item; what it asks of an item itself is taken to be so |
 *
 * It refuses more than the items one by one would: Allows that cover the prefix only together are not added up.
 */
export function layersBelow(layers: PolicyLayers, below: Below): PolicyLayers {
  const over = (policies: readonly CompiledPolicy[]): CompiledPolicy[] =>
    policies.map((policy) => policyBelow(policy, below))
  return {
    ...layers,
    identity: over(layers.identity),
    ...(layers.boundary !== undefined && { boundary: over(layers.boundary) }),
    ...(layers.session !== undefined && { session: over(layers.session) }),
  }
}

function policyBelow(policy: CompiledPolicy, below: Below): CompiledPolicy {
  const candidates = candidatesFor(policy, below.action.toLowerCase()).map((candidate): Candidate => ({
    ...candidate,
    statement: statementBelow(candidate.statement, policy, below),
  }))
  return {
    ...policy,
    original: policy,
    statements: candidates.map(({ statement }) => statement),
    byAction: new Map(),
    byService: new Map(),
    rest: candidates,
  }
}

function statementBelow(
  compiled: CompiledStatement,
  policy: CompiledPolicy,
  below: Below,
): CompiledStatement {
  const conditions = compiled.conditions.flatMap((condition): CompiledCondition[] => {
    if (!isOfItems(condition, below.ownKeys)) return [condition]
    return compiled.isDeny ? [] : [{ ...condition, isMet: () => false }]
  })
  if (compiled.matchesResource === undefined) return { ...compiled, conditions }
  const applies = compiled.isDeny
    ? couldApply(compiled, policy, below)
    : appliesToAll(compiled, policy, below)
  return { ...compiled, conditions, matchesResource: (_, context) => applies(context) }
}

/** By its key, or by a variable in what it compares with. */
function isOfItems({ condition }: CompiledCondition, ownKeys: readonly string[]): boolean {
  const key = condition.key.toLowerCase()
  const isOwn = ownKeys.some((own) =>
    own.endsWith('/') ? key.startsWith(own.toLowerCase()) : key === own.toLowerCase(),
  )
  return isOwn || condition.values.some((value) => names(value, ownKeys))
}

/** Whether a variable in the pattern holds what an item says itself. */
function names(pattern: string, ownKeys: readonly string[]): boolean {
  const lower = pattern.toLowerCase()
  return ownKeys.some((own) => lower.includes(`\${${own.toLowerCase()}`))
}

type Test = (context: ConditionContext) => boolean

function appliesToAll(
  { statement }: CompiledStatement,
  { version }: CompiledPolicy,
  { prefix }: Below,
): Test {
  const { negated, names: patterns } = statement.resource!
  const options = { variables: version === '2012-10-17', whenUnresolved: negated }
  if (!negated) return covering(patterns, options, prefix)
  const reaches = anyOf(patterns.map((pattern) => resourceReach(pattern, options)))
  return (context) => !reaches(prefix, context)
}

function couldApply({ statement }: CompiledStatement, { version }: CompiledPolicy, below: Below): Test {
  const { prefix, ownKeys } = below
  const { negated, names: patterns } = statement.resource!
  const options = { variables: version === '2012-10-17', whenUnresolved: false }
  if (negated) {
    const covers = covering(patterns, options, prefix)
    return (context) => !covers(context)
  }
  // What a variable of an item's own holds is known to nobody: it may be anything.
  if (patterns.some((pattern) => names(pattern, ownKeys))) return () => true
  const reaches = anyOf(patterns.map((pattern) => resourceReach(pattern, options)))
  return (context) => reaches(prefix, context)
}

/** No name that is behind a prefix is longer: S3 allows keys of 1,024 bytes. */
const LONGEST_NAME = 1_024

/** A character that no pattern has: only wildcards match it, and they would match any other in its place. */
const ANY_CHARACTER = '\uFFFF'

/** Whether each continuation of the prefix is matched: one of each length stands for all of that length. */
function covering(
  patterns: readonly string[],
  options: Parameters<typeof resourcePattern>[1],
  prefix: string,
): Test {
  const matches = anyOf(patterns.map((pattern) => resourcePattern(pattern, options)))
  return (context) => {
    let name = prefix
    for (let length = 0; length <= LONGEST_NAME; length++) {
      if (!matches(name, context)) return false
      name += ANY_CHARACTER
    }
    return true
  }
}
