import { parseBlock } from './ip.ts'
import type { StatementView } from './lint-statement.ts'
import type { Remark } from './lint.ts'
import type { Condition, Statement } from './policy.ts'
import { variablesIn, withVariablesAs } from './variables.ts'

/** Keys that nobody has, values that compare with nothing, and conditions that cannot be met together. */
export function lintConditions(statement: Statement, view: StatementView): readonly Remark[] {
  const { conditions } = statement
  return [
    ...conditions.flatMap((condition) => lintCondition(condition, statement, view)),
    ...lintContradictions(conditions, view),
  ]
}

const pathOf = ({ operator, key }: Condition, { path }: StatementView): string =>
  `${path}.Condition.${operator.name}.${key}`

function lintCondition(condition: Condition, statement: Statement, view: StatementView): readonly Remark[] {
  const { operator, key } = condition
  const path = pathOf(condition, view)
  const remarks: Remark[] = []
  const say = (severity: Remark['severity'], code: string, message: string): void => {
    remarks.push({ severity, code, message, path })
  }
  const facts = factsOf(key, view)
  if (facts === undefined) {
    const met =
      operator.negated || operator.ifExists || operator.set === 'ForAllValues' ? 'always met' : 'never met'
    say('ERROR', 'UnknownConditionKey', `No request has the key ${key}: the condition is ${met}`)
  } else if (facts.hasSeveralValues && operator.set === undefined && operator.comparison !== 'Null') {
    const met = operator.negated || operator.ifExists ? 'met only where the key is absent' : 'never met'
    const severity = operator.negated || operator.ifExists ? 'WARNING' : 'ERROR'
    say(
      severity,
      'NeedsSetOperator',
      `${key} has several values: without ForAnyValue or ForAllValues the condition is ${met}`,
    )
  }
  if (
    operator.set === 'ForAllValues' &&
    statement.effect === 'Allow' &&
    !isPresent(key, statement.conditions)
  ) {
    say(
      'WARNING',
      'ForAllValuesAlone',
      `A request without ${key} meets it, too: add a condition Null of "false" on the key`,
    )
  }
  const wrong = condition.values.find((value) => !isValue(condition, value))
  if (wrong !== undefined) {
    say(
      'ERROR',
      'InvalidConditionValue',
      `"${wrong.slice(0, 100)}" is no value that ${operator.name} can compare with`,
    )
  }
  if (
    operator.comparison === 'StringEquals' &&
    condition.values.some((value) => /[*?]/.test(withVariablesAs(value, '')))
  ) {
    say(
      'WARNING',
      'WildcardWithoutLike',
      `${operator.name} takes * and ? as themselves: StringLike knows them as wildcards`,
    )
  }
  return remarks
}

/** Whether another condition says that the key is there. */
function isPresent(key: string, conditions: readonly Condition[]): boolean {
  return conditions.some(
    ({ key: other, operator, values }) =>
      other.toLowerCase() === key.toLowerCase() &&
      (operator.comparison === 'Null'
        ? values.every((value) => value.toLowerCase() === 'false')
        : operator.set === 'ForAnyValue'),
  )
}

interface Facts {
  readonly hasSeveralValues: boolean
}

const ONE_VALUE: Facts = { hasSeveralValues: false }

function factsOf(key: string, { reference, policy }: StatementView): Facts | undefined {
  const global = reference.globalKeys.find(key)
  if (global !== undefined) return global
  const service = key.slice(0, Math.max(0, key.indexOf(':'))).toLowerCase()
  const found = reference.service(service)?.keys.find(key) ?? reference.service('sts')?.keys.find(key)
  if (found !== undefined) return found
  // Claims of a token have the issuer's address for a prefix.
  const prefix = key.slice(0, Math.max(0, key.lastIndexOf(':'))).toLowerCase()
  return policy.kind === 'trust' && /^[a-z0-9.-]+\.[a-z]{2,}(?:[/:][^:]*)*$/.test(prefix)
    ? ONE_VALUE
    : undefined
}

const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/

function isValue({ operator }: Condition, value: string): boolean {
  const { comparison } = operator
  if (comparison.startsWith('Numeric')) return NUMBER.test(value)
  if (comparison.startsWith('Date'))
    return /^[+-]?\d{5,}(?:\.\d+)?$/.test(value) || !Number.isNaN(Date.parse(value))
  if (comparison === 'Bool' || comparison === 'Null') return /^(?:true|false)$/i.test(value)
  if (comparison === 'IpAddress') return parseBlock(value) !== undefined
  if (comparison === 'BinaryEquals') return /^[A-Za-z0-9+/]*={0,2}$/.test(value)
  return comparison !== 'ArnLike' || value === '*' || /^(?:arn|\*|\$\{)/.test(value)
}

/** Conditions are joined by AND: two that exclude each other are never met together. */
function lintContradictions(conditions: readonly Condition[], view: StatementView): readonly Remark[] {
  const byKey = Map.groupBy(conditions, ({ key }) => key.toLowerCase())
  return [...byKey.values()].flatMap((same): readonly Remark[] => {
    const needed = same.filter(({ operator }) => isNeeded(operator))
    const absent = same.find(
      ({ operator, values }) =>
        operator.comparison === 'Null' && values.every((value) => /^true$/i.test(value)),
    )
    const [first] = needed
    if (absent !== undefined && first !== undefined) {
      const message = `The statement never applies: ${absent.key} must be absent and present at once`
      return [{ severity: 'ERROR', code: 'NeverMatches', message, path: pathOf(absent, view) }]
    }
    const equals = needed.filter(
      ({ operator, values }) =>
        operator.comparison === 'StringEquals' &&
        operator.set === undefined &&
        !values.some((value) => value.includes('${')),
    )
    const common = equals
      .map(({ values }) => new Set(values))
      .reduce<Set<string> | undefined>((all, each) => all?.intersection(each) ?? each, undefined)
    const [one] = equals
    if (one === undefined || common === undefined || common.size > 0) return []
    const message = `The statement never applies: no value of ${one.key} meets all of its conditions`
    return [{ severity: 'ERROR', code: 'NeverMatches', message, path: pathOf(one, view) }]
  })
}

/** Operators that are not met without the key. */
function isNeeded({ comparison, negated, ifExists, set }: Condition['operator']): boolean {
  return comparison !== 'Null' && !negated && !ifExists && set !== 'ForAllValues'
}

/** Variables that stand for nothing. */
export function lintVariables(statement: Statement, view: StatementView): readonly Remark[] {
  const { resource, conditions } = statement
  const places: (readonly [text: string, path: string])[] = []
  const element = `${view.path}.${resource?.negated === true ? 'NotResource' : 'Resource'}`
  for (const name of resource?.names ?? []) places.push([name, element])
  for (const condition of conditions)
    for (const value of condition.values) places.push([value, pathOf(condition, view)])
  const remarks: Remark[] = []
  for (const [text, path] of places) {
    for (const { written, inner } of variablesIn(text)) {
      const key = (inner.split(',')[0] as string).trim()
      if (/^[*?$]$/.test(key)) continue
      if (view.policy.version !== '2012-10-17') {
        const message = `${written} is plain text here: variables need "Version": "2012-10-17"`
        remarks.push({ severity: 'WARNING', code: 'VariableNeedsVersion', message, path })
      } else if (factsOf(key, view) === undefined) {
        const message = `No request has the key ${key}, so ${written} stands for nothing`
        remarks.push({ severity: 'ERROR', code: 'UnknownConditionKey', message, path })
      }
    }
  }
  return remarks
}
