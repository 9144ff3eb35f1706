/** A schedule as fields of a form: how often, and when. What is more than that stays an expression. */
export interface Timetable {
  readonly every: Frequency
  /** Time of day, `HH:MM`; of `hour` its minutes alone count, of `half-day` the earlier of both. */
  readonly at: string
  /** Of `week`: one or more of `WEEKDAYS`. */
  readonly weekdays: readonly string[]
  /** Of `month`: `1` to `31`, or `L`, the last. */
  readonly day: string
}

export type Frequency = 'hour' | 'half-day' | 'day' | 'week' | 'month'

export const WEEKDAYS: Readonly<Record<string, string>> = {
  MON: 'Monday',
  TUE: 'Tuesday',
  WED: 'Wednesday',
  THU: 'Thursday',
  FRI: 'Friday',
  SAT: 'Saturday',
  SUN: 'Sunday',
}

/** The timetable that an expression says; undefined where it says another thing. */
export function timetableOf(expression: string | undefined): Timetable | undefined {
  const [, minute = '', hours = '', day = '', month = '', weekday = '', year = ''] =
    /^cron\((\S+) (\S+) (\S+) (\S+) (\S+) (\S+)\)$/.exec(expression ?? '') ?? []
  if (!isUpTo(59, minute) || month !== '*' || year !== '*') return undefined
  const isEachDay = isAny(day) && isAny(weekday)
  const table = (every: Frequency, hour: string, more: Partial<Timetable> = {}): Timetable => ({
    every,
    at: `${hour.padStart(2, '0')}:${minute.padStart(2, '0')}`,
    weekdays: ['SUN'],
    day: '1',
    ...more,
  })
  if (isEachDay && hours === '*') return table('hour', '0')
  const [hour = '', other] = hours.split(',')
  if (!isUpTo(23, hour)) return undefined
  if (isEachDay && other !== undefined)
    return hours === `${hour},${Number(hour) + 12}` ? table('half-day', hour) : undefined
  if (other !== undefined) return undefined
  if (isEachDay) return table('day', hour)
  const weekdays = weekday.split(',')
  if (isAny(day))
    return weekdays.every((name) => name in WEEKDAYS) ? table('week', hour, { weekdays }) : undefined
  return isAny(weekday) && (day === 'L' || isUpTo(31, day)) ? table('month', hour, { day }) : undefined
}

/** @returns Undefined where the time is none, or no weekday is chosen. */
export function expressionOf({ every, at, weekdays, day }: Timetable): string | undefined {
  const [, hours = '', minutes = ''] = /^([01]\d|2[0-3]):([0-5]\d)$/.exec(at) ?? []
  if (hours === '') return undefined
  const [hour, minute] = [Number(hours), Number(minutes)]
  if (every === 'hour') return `cron(${minute} * * * ? *)`
  if (every === 'half-day') return `cron(${minute} ${hour % 12},${(hour % 12) + 12} * * ? *)`
  if (every === 'day') return `cron(${minute} ${hour} * * ? *)`
  if (every === 'month') return `cron(${minute} ${hour} ${day} * ? *)`
  const chosen = Object.keys(WEEKDAYS).filter((name) => weekdays.includes(name))
  return chosen.length === 0 ? undefined : `cron(${minute} ${hour} ? * ${chosen.join(',')} *)`
}

/** A schedule in words where it is one of the common ones, else as it stands. */
export function scheduleText(expression: string | undefined): string {
  if (expression === undefined) return 'never'
  const table = timetableOf(expression)
  if (table === undefined) return expression
  const { every, at, weekdays, day } = table
  if (every === 'hour') return `Hourly at minute ${Number(at.slice(3))}`
  if (every === 'half-day') return `Every 12 hours, from ${at}`
  if (every === 'day') return `Daily at ${at}`
  if (every === 'week') return `Weekly on ${weekdays.map((name) => WEEKDAYS[name]).join(', ')} at ${at}`
  return `Monthly on ${day === 'L' ? 'its last day' : `day ${day}`} at ${at}`
}

/** A schedule with the clock that it goes by. AWS and browsers call one of them by two names. */
export function zonedScheduleText(expression: string | undefined, zone: string | undefined): string {
  return expression === undefined
    ? scheduleText(expression)
    : `${scheduleText(expression)}, ${zoneText(zone)}`
}

/** @param zone IANA name; AWS's default if undefined. */
export const zoneText = (zone: string | undefined): string =>
  zone === undefined || zone === 'Etc/UTC' ? 'UTC' : zone

const isAny = (text: string): boolean => text === '*' || text === '?'
const isUpTo = (most: number, text: string): boolean => /^\d{1,2}$/.test(text) && Number(text) <= most
