import { ScheduleError } from './schedule-error.ts'

/**
 * AWS's cron expressions: six fields (minute, hour, day of month, month, day of week, year), days of the week from 1 = SUN, `?` in
 * exactly one of the two day fields. Checked here, field by field, and rewritten in the form of the library that evaluates them.
 *
 * Source: Amazon EventBridge user guide, "Cron expressions"; AWS Backup developer guide, "Backup plan options".
 */

interface Field {
  readonly name: string
  readonly min: number
  readonly max: number
  /** Names of the values from `min` on. */
  readonly words?: readonly string[]
}

const MONTHS = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC']
const DAYS = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT']

const FIELDS = {
  minute: { name: 'minutes', min: 0, max: 59 },
  hour: { name: 'hours', min: 0, max: 23 },
  dayOfMonth: { name: 'day of month', min: 1, max: 31 },
  month: { name: 'month', min: 1, max: 12, words: MONTHS },
  dayOfWeek: { name: 'day of week', min: 1, max: 7, words: DAYS },
  year: { name: 'year', min: 1970, max: 2199 },
} as const satisfies Record<string, Field>

/**
 * The inside of `cron(…)` as seconds, minute, hour, day of month, month, day of week (0 = Sunday), year.
 * @throws {ScheduleError} naming the field and what it may hold.
 */
export function toCronPattern(inside: string): string {
  const parts = inside.trim().split(/\s+/)
  if (parts.length !== 6) {
    throw new ScheduleError(
      `it has ${parts.length} fields instead of 6: minutes hours day-of-month month day-of-week year`,
    )
  }
  const [minute, hour, dayOfMonth, month, dayOfWeek, year] = parts.map((part) => part.toUpperCase()) as [
    string,
    string,
    string,
    string,
    string,
    string,
  ]
  if (!/^\d{1,2}$/.test(minute)) {
    throw new ScheduleError(
      `its minutes are "${minute}", and must be one number from 0 to 59: a rule runs once an hour at most`,
    )
  }
  if ((dayOfMonth === '?') === (dayOfWeek === '?')) {
    throw new ScheduleError('exactly one of day of month and day of week must be "?"')
  }
  return [
    '0',
    list(FIELDS.minute, minute, single),
    list(FIELDS.hour, hour, plain),
    dayOfMonth === '?' ? '*' : list(FIELDS.dayOfMonth, dayOfMonth, dayOfMonthItem),
    list(FIELDS.month, month, plain),
    dayOfWeek === '?' ? '*' : list(FIELDS.dayOfWeek, dayOfWeek, dayOfWeekItem),
    list(FIELDS.year, year, plain),
  ].join(' ')
}

function list(field: Field, text: string, item: (field: Field, text: string) => string): string {
  if (text === '*') return '*'
  return text
    .split(',')
    .map((part) => item(field, part))
    .join(',')
}

function single(field: Field, text: string): string {
  return String(valueOf(field, text))
}

/** `5`, `5-9`, `5/2` (from 5 on), `*` with a step, `5-9/2`. */
function plain(field: Field, text: string): string {
  const { from, to, step } = rangeOf(field, text)
  if (step !== undefined) return `${from}-${to}/${step}`
  return from === to ? String(from) : `${from}-${to}`
}

function rangeOf(field: Field, text: string): { from: number; to: number; step: number | undefined } {
  const [range, stepText, ...more] = text.split('/')
  if (range === undefined || range === '' || more.length > 0) throw unreadable(field, text)
  const step = stepText === undefined ? undefined : numberIn(field, stepText, 1, field.max)
  if (range === '*') {
    if (step === undefined) throw unreadable(field, text)
    return { from: field.min, to: field.max, step }
  }
  const [first, last, ...rest] = range.split('-')
  if (rest.length > 0) throw unreadable(field, text)
  const from = valueOf(field, first as string)
  if (last === undefined) return { from, to: step === undefined ? from : field.max, step }
  const to = valueOf(field, last)
  if (to < from) throw new ScheduleError(`the ${field.name} "${text}" end before they begin`)
  return { from, to, step }
}

/** `L`: the last day; `LW` its nearest weekday before; `15W` the weekday nearest to the 15th within the month. */
function dayOfMonthItem(field: Field, text: string): string {
  if (text === 'L' || text === 'LW') return text
  const weekday = /^(\d{1,2})W$/.exec(text)?.[1]
  return weekday === undefined ? plain(field, text) : `${valueOf(field, weekday)}W`
}

/** `L`: Saturday, AWS's last day of the week; `6L` the last Friday of the month; `3#2` its second Tuesday. */
function dayOfWeekItem(field: Field, text: string): string {
  if (text === 'L') return '6'
  const last = /^(\w+)L$/.exec(text)?.[1]
  if (last !== undefined) return `${valueOf(field, last) - 1}L`
  const [day, nth, ...rest] = text.split('#')
  if (nth !== undefined) {
    if (rest.length > 0) throw unreadable(field, text)
    return `${valueOf(field, day as string) - 1}#${numberIn(field, nth, 1, 5)}`
  }
  const { from, to, step } = rangeOf(field, text)
  const days: number[] = []
  for (let at = from; at <= to; at += step ?? 1) days.push(at - 1)
  return days.join(',')
}

function valueOf(field: Field, text: string): number {
  const word = field.words?.indexOf(text) ?? -1
  return word >= 0 ? field.min + word : numberIn(field, text, field.min, field.max)
}

function numberIn(field: Field, text: string, min: number, max: number): number {
  const value = Number(text)
  if (!/^\d{1,4}$/.test(text) || value < min || value > max) throw unreadable(field, text)
  return value
}

function unreadable(field: Field, text: string): ScheduleError {
  const words = field.words === undefined ? '' : ` or ${field.words[0]} to ${field.words.at(-1)}`
  return new ScheduleError(`"${text}" is no ${field.name}: expected ${field.min} to ${field.max}${words}`)
}
