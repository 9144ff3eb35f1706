import { ScheduleError } from './schedule-error.ts'
import { checkIsDue, DEFAULT_TIMEZONE, parseSchedule } from './schedule.ts'
import type { Schedule } from './schedule.ts'

/** What a restore testing plan says, with AWS's defaults filled in. */
export interface RestoreTestingDocument {
  readonly RecoveryPointSelection: {
    readonly Algorithm: 'LATEST_WITHIN_WINDOW' | 'RANDOM_WITHIN_WINDOW'
    /** Vault ARNs, or `*`. */
    readonly IncludeVaults: readonly string[]
    readonly ExcludeVaults: readonly string[]
    readonly RecoveryPointTypes: readonly ('CONTINUOUS' | 'SNAPSHOT')[]
    readonly SelectionWindowDays: number
  }
  readonly ScheduleExpression: string
  readonly ScheduleExpressionTimezone: string
  readonly StartWindowHours: number
}

/** What a caller gave of one. */
export interface GivenTestingPlan {
  readonly RecoveryPointSelection?:
    | {
        readonly [Key in keyof RestoreTestingDocument['RecoveryPointSelection']]?:
          | RestoreTestingDocument['RecoveryPointSelection'][Key]
          | undefined
      }
    | undefined
  readonly ScheduleExpression?: string | undefined
  readonly ScheduleExpressionTimezone?: string | undefined
  readonly StartWindowHours?: number | undefined
}

interface KeyValue {
  readonly Key: string
  readonly Value: string
}

/** What a selection names, as stored. */
export interface TestedResources {
  /** ARNs of resources, or `*` alone, which is also what conditions without ARNs mean. */
  readonly ProtectedResourceArns: readonly string[]
  /** Looks at the tags of the recovery point that a resource would be tested with. */
  readonly ProtectedResourceConditions: {
    readonly StringEquals: readonly KeyValue[]
    readonly StringNotEquals: readonly KeyValue[]
  }
  readonly RestoreMetadataOverrides: Readonly<Record<string, string>>
  readonly ValidationWindowHours: number
}

/** AWS Backup quotas. */
const MAX_WINDOW_DAYS = 365
const MAX_START_HOURS = 168
const DEFAULT_WINDOW_DAYS = 30
const DEFAULT_START_HOURS = 24

/** A plan that cannot work; the message names the member. */
export class RestoreTestingError extends Error {
  override name = 'RestoreTestingError'
}

/**
 * Fills in what a caller left away: what `earlier` has, else AWS's defaults.
 * @throws {RestoreTestingError}
 */
export function testingDocument(
  given: GivenTestingPlan,
  now: number,
  earlier?: RestoreTestingDocument,
): RestoreTestingDocument {
  const points = given.RecoveryPointSelection
  const document: RestoreTestingDocument = {
    RecoveryPointSelection:
      points === undefined && earlier !== undefined
        ? earlier.RecoveryPointSelection
        : {
            Algorithm: present(points?.Algorithm, 'RecoveryPointSelection.Algorithm'),
            IncludeVaults: filled(points?.IncludeVaults, 'RecoveryPointSelection.IncludeVaults'),
            ExcludeVaults: points?.ExcludeVaults ?? [],
            RecoveryPointTypes: filled(
              points?.RecoveryPointTypes,
              'RecoveryPointSelection.RecoveryPointTypes',
            ),
            SelectionWindowDays: points?.SelectionWindowDays ?? DEFAULT_WINDOW_DAYS,
          },
    ScheduleExpression: present(
      given.ScheduleExpression ?? earlier?.ScheduleExpression,
      'ScheduleExpression',
    ),
    ScheduleExpressionTimezone:
      given.ScheduleExpressionTimezone ?? earlier?.ScheduleExpressionTimezone ?? DEFAULT_TIMEZONE,
    StartWindowHours: given.StartWindowHours ?? earlier?.StartWindowHours ?? DEFAULT_START_HOURS,
  }
  inRange(
    document.RecoveryPointSelection.SelectionWindowDays,
    [1, MAX_WINDOW_DAYS],
    'RecoveryPointSelection.SelectionWindowDays',
  )
  inRange(document.StartWindowHours, [1, MAX_START_HOURS], 'StartWindowHours')
  try {
    const schedule = testingSchedule(document, now)
    if (document.ScheduleExpression !== earlier?.ScheduleExpression) checkIsDue(schedule, now)
  } catch (error) {
    if (error instanceof ScheduleError)
      throw new RestoreTestingError(`Invalid ScheduleExpression: ${error.message}`, { cause: error })
    throw error
  }
  return document
}

/** @param anchor From where rate() counts. @throws {ScheduleError} */
export function testingSchedule(document: RestoreTestingDocument, anchor: number): Schedule {
  return parseSchedule(document.ScheduleExpression, document.ScheduleExpressionTimezone, anchor)
}

export function inRange(value: number, [least, most]: readonly [number, number], member: string): void {
  if (value >= least && value <= most) return
  throw new RestoreTestingError(`${member} must be ${least} to ${most}; it is ${value}`)
}

function present<Value>(value: Value | undefined, member: string): Value {
  if (value === undefined) throw new RestoreTestingError(`${member} is missing`)
  return value
}

function filled<Value>(values: readonly Value[] | undefined, member: string): readonly Value[] {
  if (values !== undefined && values.length > 0) return values
  throw new RestoreTestingError(`${member} must name at least one`)
}

/** The ARNs that a selection names; undefined where it looks at all resources of its type. */
export function namedArns({ ProtectedResourceArns: arns }: TestedResources): readonly string[] | undefined {
  return arns.includes('*') ? undefined : arns
}

/** Whether the conditions hold for a recovery point's tags; each key is `aws:ResourceTag/KEY`. */
export function conditionsHold(
  { StringEquals, StringNotEquals }: TestedResources['ProtectedResourceConditions'],
  tags: Readonly<Record<string, string>>,
): boolean {
  const valueOf = (key: string): string | undefined => {
    const name = key.slice(TAG_KEY.length)
    return Object.hasOwn(tags, name) ? tags[name] : undefined
  }
  return (
    StringEquals.every(({ Key, Value }) => valueOf(Key) === Value) &&
    StringNotEquals.every(({ Key, Value }) => valueOf(Key) !== Value)
  )
}

export const TAG_KEY = 'aws:ResourceTag/'
