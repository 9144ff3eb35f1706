import { RestoreTestingError, inRange } from './restore-testing.ts'

/**
 * Built-in validators: what a restore testing selection wants to find in what its tests restored. They are data: nothing of them is a
 * command, and a test runs them under the selection's role.
 */

/** One query on the restored database. All that is given of what it is to answer must hold. */
export interface SqlQuery {
  readonly Query: string
  /** All rows in their order, each value as PostgreSQL writes it as text, NULL as `\N`. */
  readonly Rows?: readonly (readonly string[])[] | undefined
  readonly MinRows?: number | undefined
  readonly MaxRows?: number | undefined
  /** Looks at the first column of the first row. */
  readonly FirstValue?: { readonly Operator: Operator; readonly Value: string } | undefined
}

export type Operator =
  | 'Equals'
  | 'NotEquals'
  | 'LessThan'
  | 'LessThanOrEquals'
  | 'GreaterThan'
  | 'GreaterThanOrEquals'

/** Files or objects, read back whole and compared with the recovery point. */
export interface FileChecksumSample {
  /** So many are drawn, anew for each test. */
  readonly SampleSize?: number | undefined
  /** Looked at in every test. */
  readonly Files?: readonly NamedFile[] | undefined
}

export interface NamedFile {
  /** From the root of the tree, or an object's key. */
  readonly Path: string
  /** 64 hexadecimal digits. */
  readonly Sha256: string
}

/** How many files, directories and others there are with the root itself, objects, or tables. */
export interface ObjectCount {
  readonly Min?: number | undefined
  readonly Max?: number | undefined
  /** How far from the number that the recovery point holds it may be, in percent of that; 0 to 100. */
  readonly TolerancePercent?: number | undefined
}

/** Exactly one of the three kinds. */
export interface Validator {
  readonly Name: string
  readonly SqlQuery?: SqlQuery | undefined
  readonly FileChecksumSample?: FileChecksumSample | undefined
  readonly ObjectCount?: ObjectCount | undefined
}

export type ValidatorKind = Exclude<keyof Validator, 'Name'>
export const VALIDATOR_KINDS: readonly ValidatorKind[] = ['SqlQuery', 'FileChecksumSample', 'ObjectCount']

const MAX_VALIDATORS = 20
const MAX_NAME = 100
const MAX_QUERY = 10_000
export const MAX_SAMPLE = 1000
/** Rows that a query's answer is read to: one more fails `MaxRows`. */
export const MAX_ROWS = 1000
const MAX_COUNT = Number.MAX_SAFE_INTEGER

/** Which kinds a resource type takes, and whether a recovery point of it says how many there are. */
export interface ValidatedType {
  readonly type: string
  readonly kinds: readonly ValidatorKind[]
  readonly isCounted: boolean
}

/** The kind of a validator. @throws {RestoreTestingError} Where it has none, or two. */
export function kindOfValidator(validator: Validator): ValidatorKind {
  const kinds = VALIDATOR_KINDS.filter((kind) => validator[kind] !== undefined)
  const [kind] = kinds
  if (kind !== undefined && kinds.length === 1) return kind
  throw refused(
    validator,
    `must have exactly one of ${VALIDATOR_KINDS.join(', ')}; it has ${kinds.length === 0 ? 'none' : kinds.join(' and ')}`,
  )
}

/** @throws {RestoreTestingError} Naming the first validator that cannot work, and why. */
export function checkValidators(validators: readonly Validator[], of: ValidatedType): void {
  if (validators.length > MAX_VALIDATORS)
    throw new RestoreTestingError(
      `Validators has ${validators.length} entries, the limit is ${MAX_VALIDATORS}`,
    )
  const names = new Set<string>()
  for (const validator of validators) {
    if (validator.Name.trim() === '' || validator.Name.length > MAX_NAME)
      throw refused(validator, `must have a Name of 1 to ${MAX_NAME} characters`)
    if (names.has(validator.Name)) throw refused(validator, 'is there twice: give each a Name of its own')
    names.add(validator.Name)
    const kind = kindOfValidator(validator)
    if (!of.kinds.includes(kind))
      throw refused(
        validator,
        `is a ${kind}; what is restored of type ${of.type} takes ${of.kinds.join(' and ')}`,
      )
    if (validator.SqlQuery !== undefined) checkQuery(validator, validator.SqlQuery)
    if (validator.FileChecksumSample !== undefined) checkSample(validator, validator.FileChecksumSample)
    if (validator.ObjectCount !== undefined) checkCount(validator, validator.ObjectCount, of)
  }
}

function refused(validator: Validator, problem: string): RestoreTestingError {
  return new RestoreTestingError(`Validators: "${validator.Name.slice(0, MAX_NAME)}" ${problem}`)
}

function checkQuery(validator: Validator, { Query, Rows, MinRows, MaxRows, FirstValue }: SqlQuery): void {
  if (Query.trim() === '' || Query.length > MAX_QUERY)
    throw refused(validator, `must have a Query of 1 to ${MAX_QUERY} characters`)
  if (Rows === undefined && MinRows === undefined && MaxRows === undefined && FirstValue === undefined)
    throw refused(validator, 'expects nothing: give Rows, MinRows, MaxRows or FirstValue')
  if (Rows !== undefined && Rows.length > MAX_ROWS)
    throw refused(validator, `expects ${Rows.length} Rows, the limit is ${MAX_ROWS}`)
  checkBounds(validator, ['MinRows', MinRows], ['MaxRows', MaxRows], MAX_ROWS)
  if (FirstValue === undefined) return
  const isOrder = FirstValue.Operator !== 'Equals' && FirstValue.Operator !== 'NotEquals'
  if (isOrder && !NUMBER.test(FirstValue.Value))
    throw refused(
      validator,
      `compares by ${FirstValue.Operator} with ${JSON.stringify(FirstValue.Value.slice(0, 100))}, which is no number: compare in the query, and expect its answer to Equal t`,
    )
}

/** What orders can be compared: decimal numbers, as PostgreSQL writes them. */
export const NUMBER: RegExp = /^-?\d{1,300}(?:\.\d{1,300})?$/

function checkSample(validator: Validator, { SampleSize, Files = [] }: FileChecksumSample): void {
  if (SampleSize === undefined && Files.length === 0)
    throw refused(validator, 'looks at nothing: give SampleSize, Files or both')
  if (SampleSize !== undefined)
    inRange(SampleSize, [1, MAX_SAMPLE], `Validators: "${validator.Name}" SampleSize`)
  if (Files.length > MAX_SAMPLE)
    throw refused(validator, `names ${Files.length} Files, the limit is ${MAX_SAMPLE}`)
  for (const { Path, Sha256 } of Files) {
    if (Path === '' || Path.includes('\0')) throw refused(validator, 'names a file with no Path')
    if (!/^[0-9a-fA-F]{64}$/.test(Sha256))
      throw refused(
        validator,
        `expects of ${JSON.stringify(Path)} what is no SHA-256 of 64 hexadecimal digits`,
      )
  }
}

function checkCount(validator: Validator, count: ObjectCount, of: ValidatedType): void {
  const { Min, Max, TolerancePercent: tolerance } = count
  if (Min === undefined && Max === undefined && tolerance === undefined)
    throw refused(validator, 'expects nothing: give Min, Max or TolerancePercent')
  checkBounds(validator, ['Min', Min], ['Max', Max], MAX_COUNT)
  if (tolerance === undefined) return
  if (!of.isCounted)
    throw refused(
      validator,
      `has a TolerancePercent; a recovery point of type ${of.type} is one dump and does not say how many tables it holds: give Min and Max`,
    )
  if (!(tolerance >= 0 && tolerance <= 100))
    throw refused(validator, 'must have a TolerancePercent of 0 to 100')
}

type Bound = readonly [string, number | undefined]

function checkBounds(
  validator: Validator,
  [lowName, low]: Bound,
  [highName, high]: Bound,
  limit: number,
): void {
  for (const [name, value] of [
    [lowName, low],
    [highName, high],
  ] as const) {
    if (value !== undefined && !(Number.isSafeInteger(value) && value >= 0 && value <= limit))
      throw refused(validator, `must have a ${name} of 0 to ${limit}`)
  }
  if (low !== undefined && high !== undefined && low > high)
    throw refused(validator, `has a ${lowName} above its ${highName}`)
}
