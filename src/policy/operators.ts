/**
 * The condition operators of the policy grammar.
 * Source: IAM User Guide, "IAM JSON policy elements: Condition operators".
 */

/** What is compared, whatever the polarity. */
export type Comparison =
  | 'StringEquals'
  | 'StringEqualsIgnoreCase'
  | 'StringLike'
  | 'NumericEquals'
  | 'NumericLessThan'
  | 'NumericLessThanEquals'
  | 'NumericGreaterThan'
  | 'NumericGreaterThanEquals'
  | 'DateEquals'
  | 'DateLessThan'
  | 'DateLessThanEquals'
  | 'DateGreaterThan'
  | 'DateGreaterThanEquals'
  | 'Bool'
  | 'BinaryEquals'
  | 'IpAddress'
  | 'ArnLike'
  | 'Null'

/** An operator taken apart: set prefix, comparison, polarity and IfExists suffix. */
export type ConditionOperator = {
  /** As written, for messages. */
  readonly name: string
  readonly set: 'ForAllValues' | 'ForAnyValue' | undefined
  readonly comparison: Comparison
  readonly negated: boolean
  readonly ifExists: boolean
}

const BASE: ReadonlyMap<string, readonly [comparison: Comparison, negated: boolean]> = new Map([
  ['StringEquals', ['StringEquals', false]],
  ['StringNotEquals', ['StringEquals', true]],
  ['StringEqualsIgnoreCase', ['StringEqualsIgnoreCase', false]],
  ['StringNotEqualsIgnoreCase', ['StringEqualsIgnoreCase', true]],
  ['StringLike', ['StringLike', false]],
  ['StringNotLike', ['StringLike', true]],
  ['NumericEquals', ['NumericEquals', false]],
  ['NumericNotEquals', ['NumericEquals', true]],
  ['NumericLessThan', ['NumericLessThan', false]],
  ['NumericLessThanEquals', ['NumericLessThanEquals', false]],
  ['NumericGreaterThan', ['NumericGreaterThan', false]],
  ['NumericGreaterThanEquals', ['NumericGreaterThanEquals', false]],
  ['DateEquals', ['DateEquals', false]],
  ['DateNotEquals', ['DateEquals', true]],
  ['DateLessThan', ['DateLessThan', false]],
  ['DateLessThanEquals', ['DateLessThanEquals', false]],
  ['DateGreaterThan', ['DateGreaterThan', false]],
  ['DateGreaterThanEquals', ['DateGreaterThanEquals', false]],
  ['Bool', ['Bool', false]],
  ['BinaryEquals', ['BinaryEquals', false]],
  ['IpAddress', ['IpAddress', false]],
  ['NotIpAddress', ['IpAddress', true]],
  // ArnEquals and ArnLike behave alike: both match segment by segment, both with wildcards.
  ['ArnEquals', ['ArnLike', false]],
  ['ArnLike', ['ArnLike', false]],
  ['ArnNotEquals', ['ArnLike', true]],
  ['ArnNotLike', ['ArnLike', true]],
  ['Null', ['Null', false]],
])

const IF_EXISTS = 'IfExists'

/**
 * Takes an operator's name apart; undefined if the grammar does not know it.
 * Names are case-sensitive. Null has no IfExists form and no set form: it asks about presence itself.
 */
export function parseOperator(name: string): ConditionOperator | undefined {
  let rest = name
  let set: ConditionOperator['set']
  if (rest.startsWith('ForAllValues:')) set = 'ForAllValues'
  else if (rest.startsWith('ForAnyValue:')) set = 'ForAnyValue'
  if (set !== undefined) rest = rest.slice(set.length + 1)
  const ifExists = rest.endsWith(IF_EXISTS)
  if (ifExists) rest = rest.slice(0, -IF_EXISTS.length)
  const base = BASE.get(rest)
  if (base === undefined) return undefined
  const [comparison, negated] = base
  if (comparison === 'Null' && (ifExists || set !== undefined)) return undefined
  return { name, set, comparison, negated, ifExists }
}
