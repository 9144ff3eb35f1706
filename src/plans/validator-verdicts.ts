import { MAX_ROWS, NUMBER } from './validators.ts'
import type { ObjectCount, SqlQuery, ValidatorKind } from './validators.ts'

/** What one validator says of what was restored. */
export interface ValidatorResult {
  readonly name: string
  readonly kind: ValidatorKind
  readonly status: 'SUCCESSFUL' | 'FAILED'
  /** What was expected and what was found. */
  readonly message: string
}

/** Of the judgement of one validator: whether it is content, and why. */
export interface Judgement {
  readonly isGood: boolean
  readonly message: string
}

const MAX_SHOWN = 100
const MAX_MESSAGE = 2000

/** @param ofPoint How many the recovery point holds; undefined where nobody asked. */
export function judgeCount(expected: ObjectCount, found: number, ofPoint: number | undefined): Judgement {
  const { Min, Max, TolerancePercent: tolerance } = expected
  const wanted: string[] = []
  let isGood = true
  if (Min !== undefined) {
    wanted.push(`at least ${Min}`)
    isGood &&= found >= Min
  }
  if (Max !== undefined) {
    wanted.push(`at most ${Max}`)
    isGood &&= found <= Max
  }
  if (tolerance !== undefined && ofPoint !== undefined) {
    wanted.push(`${ofPoint} as in the recovery point, give or take ${tolerance} %`)
    isGood &&= Math.abs(found - ofPoint) <= (ofPoint * tolerance) / 100
  }
  return { isGood, message: `expected ${wanted.join(' and ')}, found ${found}` }
}

/** @param rows The answer, read to one row more than `MAX_ROWS`. */
export function judgeRows(expected: SqlQuery, rows: readonly (readonly (string | null)[])[]): Judgement {
  const { Rows, MinRows, MaxRows, FirstValue } = expected
  const count = rows.length > MAX_ROWS ? `more than ${MAX_ROWS} rows` : `${rows.length} rows`
  const said: string[] = []
  let isGood = true
  const hold = (isMet: boolean, message: string): void => {
    said.push(message)
    isGood &&= isMet
  }
  if (MinRows !== undefined) hold(rows.length >= MinRows, `expected at least ${MinRows} rows, found ${count}`)
  if (MaxRows !== undefined) hold(rows.length <= MaxRows, `expected at most ${MaxRows} rows, found ${count}`)
  if (Rows !== undefined) hold(...sameRows(Rows, rows, count))
  if (FirstValue !== undefined) hold(...firstValue(FirstValue, rows))
  return { isGood, message: said.join('; ') }
}

/** NULL as COPY writes it. */
const NULL = String.raw`\N`

function sameRows(
  expected: readonly (readonly string[])[],
  rows: readonly (readonly (string | null)[])[],
  count: string,
): [boolean, string] {
  if (rows.length !== expected.length) return [false, `expected ${expected.length} rows, found ${count}`]
  for (const [at, row] of rows.entries()) {
    const found = row.map((value) => value ?? NULL)
    const wanted = expected[at] as readonly string[]
    if (found.length === wanted.length && found.every((value, column) => value === wanted[column])) continue
    return [false, `expected row ${at + 1} to be ${shown(wanted)}, found ${shown(found)}`]
  }
  return [true, `found the ${expected.length} rows that were expected`]
}

function firstValue(
  { Operator, Value }: NonNullable<SqlQuery['FirstValue']>,
  rows: readonly (readonly (string | null)[])[],
): [boolean, string] {
  const wanted = `expected a first value that ${WORDS[Operator]} ${shown(Value)}`
  const first = rows[0]?.[0]
  if (first === undefined) return [false, `${wanted}, found no row`]
  const found = first ?? NULL
  const told = `${wanted}, found ${shown(found)}`
  const areNumbers = NUMBER.test(found) && NUMBER.test(Value)
  const order = areNumbers ? compareNumbers(found, Value) : undefined
  if (Operator === 'Equals') return [found === Value || order === 0, told]
  if (Operator === 'NotEquals') return [found !== Value && order !== 0, told]
  if (order === undefined) return [false, `${told}, which is no number`]
  return [ORDERS[Operator](order), told]
}

const WORDS = {
  Equals: 'equals',
  NotEquals: 'is not',
  LessThan: 'is less than',
  LessThanOrEquals: 'is at most',
  GreaterThan: 'is greater than',
  GreaterThanOrEquals: 'is at least',
} as const

const ORDERS = {
  LessThan: (order: number) => order < 0,
  LessThanOrEquals: (order: number) => order <= 0,
  GreaterThan: (order: number) => order > 0,
  GreaterThanOrEquals: (order: number) => order >= 0,
} as const

/** Exact, however many digits there are. */
function compareNumbers(a: string, b: string): number {
  const places = Math.max(...[a, b].map((number) => (number.split('.')[1] ?? '').length))
  const scaled = (number: string): bigint => {
    const [whole = '', part = ''] = number.split('.')
    return BigInt(`${whole}${part.padEnd(places, '0')}`)
  }
  const [x, y] = [scaled(a), scaled(b)]
  return x < y ? -1 : x > y ? 1 : 0
}

function shown(value: string | readonly string[]): string {
  const text = JSON.stringify(value)
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text
}

/** What the validators of a test say together: those that failed first. */
export function verdictOf(results: readonly ValidatorResult[]): {
  readonly status: ValidatorResult['status']
  readonly message: string
} {
  const failed = results.filter(({ status }) => status === 'FAILED')
  const told = [...failed, ...results.filter(({ status }) => status !== 'FAILED')].map(
    ({ name, kind, status, message }) => `${kind} "${name}" ${status}: ${message}`,
  )
  const text = told.join('. ')
  return {
    status: failed.length === 0 ? 'SUCCESSFUL' : 'FAILED',
    message: text.length > MAX_MESSAGE ? `${text.slice(0, MAX_MESSAGE)}…` : text,
  }
}

/** What validators said, with a caller's verdict behind it where there is one. */
export function withCaller(message: string, status: string | null, said: string | null): string {
  return status === null
    ? message
    : `${message}. The caller says ${status}${said === null ? '' : `: ${said}`}`
}
