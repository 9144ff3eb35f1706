/**
 * Event patterns, as EventBridge has them (docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern.html), in part: every
 * member that the pattern names must be in the event with one of the values of its list. A value is a text, number, boolean or null
 * for exactly that, or one of `{"prefix": …}`, `{"suffix": …}`, `{"equals-ignore-case": …}`, `{"anything-but": …}` (a value, a list
 * of them, or a prefix) and `{"exists": true|false}`. A list in the event fits where one of its members does. `"$or": [PATTERN, …]` fits
 * where one of the patterns does.
 */
export type EventPattern = (event: unknown) => boolean

/** The pattern means nothing; the message says where and why. */
export class PatternError extends Error {
  override name = 'PatternError'
}

const MAX_LENGTH = 4_096
const MAX_DEPTH = 8

/** @throws {PatternError} */
export function parsePattern(text: string): EventPattern {
  if (text.length > MAX_LENGTH) throw new PatternError(`it is longer than ${MAX_LENGTH} characters`)
  let document: unknown
  try {
    document = JSON.parse(text)
  } catch {
    throw new PatternError('it is not JSON')
  }
  if (!isObject(document)) throw new PatternError('it is not an object')
  return members(document, '', 1)
}

export const CALL_DETAIL_TYPE = 'AWS API Call via CloudTrail'

/** Whether a pattern names calls of the API among its detail-types. Others get none, whatever they would fit: an $or neither. */
export function asksForCalls(text: string): boolean {
  const { 'detail-type': types } = JSON.parse(text) as { readonly 'detail-type'?: unknown }
  return Array.isArray(types) && types.includes(CALL_DETAIL_TYPE)
}

type Test = (value: unknown) => boolean

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function members(pattern: Readonly<Record<string, unknown>>, at: string, depth: number): Test {
  if (depth > MAX_DEPTH) throw new PatternError(`it is deeper than ${MAX_DEPTH} at "${at}"`)
  const entries = Object.entries(pattern)
  if (entries.length === 0) throw new PatternError(at === '' ? 'it is empty' : `"${at}" is empty`)
  const tests = entries.map(([name, wanted]): readonly [string | undefined, Test] => {
    const place = at === '' ? name : `${at}.${name}`
    if (name === '$or') return [undefined, eitherOf(wanted, place, depth)]
    if (Array.isArray(wanted)) return [name, anyOf(wanted, place)]
    if (isObject(wanted)) return [name, members(wanted, place, depth + 1)]
    throw new PatternError(`"${place}" is neither a list of values nor an object`)
  })
  return (value) =>
    tests.every(([name, test]) =>
      // An $or looks at the object itself.
      test(
        name === undefined ? value : isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined,
      ),
    )
}

function eitherOf(wanted: unknown, at: string, depth: number): Test {
  if (!Array.isArray(wanted) || wanted.length < 2)
    throw new PatternError(`"${at}" is no list of two patterns or more`)
  const tests = wanted.map((one) => {
    if (isObject(one)) return members(one, at, depth + 1)
    throw new PatternError(`"${at}" has a member that is no pattern`)
  })
  return (value) => tests.some((test) => test(value))
}

function anyOf(wanted: readonly unknown[], at: string): Test {
  if (wanted.length === 0) throw new PatternError(`"${at}" has no values`)
  const tests = wanted.map((one) => valueTest(one, at))
  return (value) => {
    const values = Array.isArray(value) && value.length > 0 ? value : [value]
    return tests.some((test) => values.some(test))
  }
}

function valueTest(wanted: unknown, at: string): Test {
  if (!isObject(wanted)) return exactly(wanted, at)
  const [entry, ...more] = Object.entries(wanted)
  if (entry === undefined || more.length > 0)
    throw new PatternError(`"${at}" has a filter without, or with more than one, operator`)
  const [operator, operand] = entry
  switch (operator) {
    case 'prefix': {
      const prefix = textOf(operand, at)
      return (value) => typeof value === 'string' && value.startsWith(prefix)
    }
    case 'suffix': {
      const suffix = textOf(operand, at)
      return (value) => typeof value === 'string' && value.endsWith(suffix)
    }
    case 'equals-ignore-case': {
      const text = textOf(operand, at).toLowerCase()
      return (value) => typeof value === 'string' && value.toLowerCase() === text
    }
    case 'exists':
      if (typeof operand !== 'boolean')
        throw new PatternError(`"exists" of "${at}" is neither true nor false`)
      return (value) => (value !== undefined) === operand
    case 'anything-but': {
      const but = Array.isArray(operand) ? anyOf(operand, at) : valueTest(operand, at)
      return (value) => value !== undefined && !but(value)
    }
    default:
      throw new PatternError(`"${operator}" of "${at}" is no operator that is known here`)
  }
}

function exactly(wanted: unknown, at: string): Test {
  if (wanted !== null && !['string', 'number', 'boolean'].includes(typeof wanted))
    throw new PatternError(`"${at}" has a value that is neither text, number, true, false, null nor a filter`)
  return (value) => value === wanted
}

function textOf(operand: unknown, at: string): string {
  if (typeof operand !== 'string' || operand === '') throw new PatternError(`a filter of "${at}" has no text`)
  return operand
}
