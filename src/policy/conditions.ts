import type { ConditionContext } from './context.ts'
import { parseAddress, parseBlock } from './ip.ts'
import type { Comparison } from './operators.ts'
import { arnPattern, equalIgnoreCasePattern, equalPattern, likePattern } from './pattern.ts'
import type { Matcher, PatternOptions } from './pattern.ts'
import type { Condition, Effect, PolicyVersion } from './policy.ts'

/** One condition made ready: whether the request's keys satisfy it, and what it was, for explanations. */
export type CompiledCondition = {
  readonly condition: Condition
  readonly isMet: (context: ConditionContext) => boolean
}

/**
 * Turns a condition into a closure over its lower-cased key.
 *
 * | key in the request | positive | negated | …IfExists | ForAllValues: | ForAnyValue: | Null: true |
 * |---|---|---|---|---|---|---|
 * | absent | false | true | true | true | false | true |
 * | one value | compare | not compare | as without | compare each | compare each | false |
 * | several values | false | false | false | all of them | one of them | false |
 * | empty list | false | false | false | true | false | true |
 *
 * IfExists changes nothing beside a set operator. For a set operator an empty string is an empty set too (IAM User
 * Guide, "Multivalued context keys": "resolves to a null dataset, such as an empty string").
 */
export function compileCondition(
  condition: Condition,
  effect: Effect,
  version: PolicyVersion,
): CompiledCondition {
  const { operator, values } = condition
  const key = condition.key.toLowerCase()
  const { comparison } = operator
  if (comparison === 'Null') return { condition, isMet: presence(key, values) }
  const options: PatternOptions = {
    variables: version === '2012-10-17',
    whenUnresolved: operator.negated && effect === 'Allow',
  }
  const matchesAny = anyOf(values.map((value) => matcherOf(comparison, value, options)))
  const holds: Matcher = operator.negated ? (value, context) => !matchesAny(value, context) : matchesAny
  if (operator.set === 'ForAllValues') {
    return { condition, isMet: (context) => valuesOf(context, key).every((value) => holds(value, context)) }
  }
  if (operator.set === 'ForAnyValue') {
    return { condition, isMet: (context) => valuesOf(context, key).some((value) => holds(value, context)) }
  }
  const whenAbsent = operator.negated || operator.ifExists
  return {
    condition,
    isMet: (context) => {
      const value = context.get(key)
      if (value === undefined) return whenAbsent
      return typeof value === 'string' && holds(value, context)
    },
  }
}

/** One matcher for several: they are joined by OR. */
export function anyOf(matchers: readonly Matcher[]): Matcher {
  const [first] = matchers
  if (first === undefined) return () => false
  if (matchers.length === 1) return first
  return (value, context) => {
    for (const matches of matchers) if (matches(value, context)) return true
    return false
  }
}

const NO_VALUES: readonly string[] = []

function valuesOf(context: ConditionContext, key: string): readonly string[] {
  const value = context.get(key)
  if (value === undefined || value === '') return NO_VALUES
  return typeof value === 'string' ? [value] : value
}

function presence(key: string, values: readonly string[]): (context: ConditionContext) => boolean {
  const wanted = values.map((value) => value.toLowerCase())
  const whenAbsent = wanted.includes('true')
  const whenPresent = wanted.includes('false')
  return (context) => {
    const value = context.get(key)
    return value === undefined || (value.length === 0 && typeof value !== 'string') ? whenAbsent : whenPresent
  }
}

function matcherOf(
  comparison: Exclude<Comparison, 'Null'>,
  written: string,
  options: PatternOptions,
): Matcher {
  switch (comparison) {
    case 'StringEquals':
      return equalPattern(written, options)
    case 'StringEqualsIgnoreCase':
      return equalIgnoreCasePattern(written, options)
    case 'StringLike':
      return likePattern(written, options)
    case 'ArnLike':
      return arnPattern(written, options)
    case 'Bool':
      return equalIgnoreCasePattern(written, { ...options, variables: false })
    case 'BinaryEquals':
      return equalPattern(written, { ...options, variables: false })
    case 'IpAddress':
      return addressMatcher(written)
    case 'NumericEquals':
    case 'NumericLessThan':
    case 'NumericLessThanEquals':
    case 'NumericGreaterThan':
    case 'NumericGreaterThanEquals':
      return orderMatcher(comparison.slice('Numeric'.length), written, numberOf)
    case 'DateEquals':
    case 'DateLessThan':
    case 'DateLessThanEquals':
    case 'DateGreaterThan':
    case 'DateGreaterThanEquals':
      return orderMatcher(comparison.slice('Date'.length), written, instantOf)
  }
}

/** What is no number, date or address compares as false with everything. */
function orderMatcher(order: string, written: string, read: (text: string) => number): Matcher {
  const bound = read(written)
  switch (order) {
    case 'LessThan':
      return (value) => read(value) < bound
    case 'LessThanEquals':
      return (value) => read(value) <= bound
    case 'GreaterThan':
      return (value) => read(value) > bound
    case 'GreaterThanEquals':
      return (value) => read(value) >= bound
    default:
      return (value) => read(value) === bound
  }
}

const DECIMAL = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/
const EPOCH_SECONDS = /^[+-]?\d{5,}(?:\.\d+)?$/
const ISO_8601 = /^\d{4}(?:-\d\d(?:-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?)?)?$/

function numberOf(text: string): number {
  return DECIMAL.test(text) ? Number(text) : Number.NaN
}

/** Milliseconds since 1970 of an ISO 8601 date (UTC unless it says otherwise) or of epoch seconds. */
function instantOf(text: string): number {
  if (EPOCH_SECONDS.test(text)) return Number(text) * 1000
  if (!ISO_8601.test(text)) return Number.NaN
  const hasZone = !text.includes('T') || /(?:Z|[+-]\d\d:?\d\d)$/.test(text.slice(text.indexOf('T')))
  return Date.parse(hasZone ? text : `${text}Z`)
}

function addressMatcher(written: string): Matcher {
  const block = parseBlock(written)
  if (block === undefined) return () => false
  const shift = BigInt(block.bits - block.prefix)
  const network = block.value >> shift
  return (value) => {
    const address = parseAddress(value)
    return address !== undefined && address.bits === block.bits && address.value >> shift === network
  }
}
