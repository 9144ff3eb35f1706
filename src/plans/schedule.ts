import { Cron } from 'croner'
import { toCronPattern } from './cron.ts'
import { ScheduleError } from './schedule-error.ts'

/**
 * When a rule runs. Times are milliseconds since 1970.
 *
 * Daylight saving, for `cron()`: a rule with one fixed hour runs once a day whatever the clock does: in the gap when the gap ends,
 * in the fold at the first of the two. A rule with several hours follows the wall clock: what falls into the gap is left out,
 * what comes twice runs twice.
 */
export interface Schedule {
  readonly expression: string
  readonly timezone: string
  /** The first run after `after`; undefined where there is none any more. */
  next(after: number): number | undefined
}

/** AWS Backup's own, where a rule names none. */
export const DEFAULT_SCHEDULE = 'cron(0 5 ? * * *)'
export const DEFAULT_TIMEZONE = 'Etc/UTC'

const MINUTE = 60_000
const UNITS: Readonly<Record<string, number>> = { minute: 1, hour: 60, day: 1440 }

/**
 * @param anchor From where `rate()` counts: when the rule was written.
 * @throws {ScheduleError}
 */
export function parseSchedule(expression: string, timezone: string, anchor: number): Schedule {
  checkTimezone(timezone)
  const [, word, inside] = /^\s*(cron|rate)\(([^()]*)\)\s*$/.exec(expression) ?? []
  if (word === 'rate') return rateSchedule(expression, timezone, inside as string, anchor)
  if (word !== 'cron') {
    throw new ScheduleError(
      `"${expression}" is no schedule: expected cron(minutes hours day-of-month month day-of-week year) or rate(value unit)`,
    )
  }
  return cronSchedule(expression, timezone, toCronPattern(inside as string))
}

/** @throws {ScheduleError} Where a schedule that is new would be due at no time: nobody would notice that nothing is backed up. */
export function checkIsDue(schedule: Schedule, now: number): void {
  if (schedule.next(now) !== undefined) return
  throw new ScheduleError(
    `"${schedule.expression}" is due at no time from now on: name a day that its months have, and a year to come`,
  )
}

function cronSchedule(expression: string, timezone: string, pattern: string): Schedule {
  let cron: Cron
  try {
    cron = new Cron(pattern, { timezone, paused: true })
  } catch (cause) {
    throw new ScheduleError(`"${expression}" cannot be read: ${(cause as Error).message}`, { cause })
  }
  const next = (after: number): number | undefined => cron.nextRun(new Date(after))?.getTime()
  return { expression, timezone, next }
}

function rateSchedule(expression: string, timezone: string, inside: string, anchor: number): Schedule {
  const [, value, unit, plural] = /^\s*(\d{1,6})\s+(minute|hour|day)(s?)\s*$/.exec(inside) ?? []
  if (value === undefined || unit === undefined || (Number(value) === 1) !== (plural === '')) {
    throw new ScheduleError(
      `"${expression}" is no rate: expected rate(1 hour), rate(12 hours) or rate(1 day)`,
    )
  }
  const every = Number(value) * (UNITS[unit] as number) * MINUTE
  if (every < 60 * MINUTE)
    throw new ScheduleError(`"${expression}" is too often: a rule runs once an hour at most`)
  return {
    expression,
    timezone,
    next: (after) => anchor + (Math.max(0, Math.floor((after - anchor) / every)) + 1) * every,
  }
}

function checkTimezone(timezone: string): void {
  try {
    // Offsets such as +02:00 are taken by the runtime, but are no IANA names.
    if (/^[A-Za-z]/.test(timezone) && new Intl.DateTimeFormat('en', { timeZone: timezone })) return
  } catch {
    // Not known: said below.
  }
  throw new ScheduleError(`"${timezone}" is no time zone: expected an IANA name such as Europe/Berlin`)
}
