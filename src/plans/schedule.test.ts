import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseSchedule } from './schedule.ts'

const MINUTE = 60_000
const YEARS = 5
const FROM = Date.UTC(2025, 0, 1)
const TO = Date.UTC(2025 + YEARS, 0, 1)

const runsOf = (expression: string, timezone: string, from: number, to: number): number[] => {
  const schedule = parseSchedule(expression, timezone, from)
  const runs: number[] = []
  for (let at = schedule.next(from - 1); at !== undefined && at < to; at = schedule.next(at)) runs.push(at)
  return runs
}

interface Wall {
  readonly year: number
  readonly month: number
  readonly day: number
  readonly hour: number
  readonly minute: number
}

/** Offsets from UTC in minutes, one a quarter of an hour: transitions fall on quarters. */
function offsetsOf(timezone: string): Int16Array {
  const format = new Intl.DateTimeFormat('en-US', { timeZone: timezone, timeZoneName: 'longOffset' })
  const offsets = new Int16Array((TO - FROM) / (15 * MINUTE) + 1)
  let day = ''
  for (let i = 0; i < offsets.length; i++) {
    const at = FROM + i * 15 * MINUTE
    // A day whose two ends have one offset has no transition inside.
    if (i % 96 === 0) day = isSteady(format, at) ? nameAt(format, at) : ''
    offsets[i] = minutesOf(day === '' ? nameAt(format, at) : day)
  }
  return offsets
}

const nameAt = (format: Intl.DateTimeFormat, at: number): string =>
  format.formatToParts(at).find(({ type }) => type === 'timeZoneName')?.value as string
const isSteady = (format: Intl.DateTimeFormat, at: number): boolean =>
  nameAt(format, at) === nameAt(format, at + 86_400_000)
function minutesOf(name: string): number {
  const [, sign, hours, minutes] = /GMT(?:([+-])(\d\d):(\d\d))?/.exec(name) ?? []
  return sign === undefined ? 0 : (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes))
}

function wallOf(local: number): Wall {
  const date = new Date(local)
  return {
    year: date.getUTCFullYear(),
    month: date.getUTCMonth() + 1,
    day: date.getUTCDate(),
    hour: date.getUTCHours(),
    minute: date.getUTCMinutes(),
  }
}

/** Walks every minute of real time and asks the wall clock: slow and plain. */
function walk(offsets: Int16Array, { minute, matches, hasOneHour }: Case): number[] {
  const isDueAt = (local: number): boolean => (local / MINUTE) % 60 === minute && matches(wallOf(local))
  const runs: number[] = []
  let lastLocal = FROM + (offsets[0] as number) * MINUTE - MINUTE
  for (let at = FROM; at < TO; at += MINUTE) {
    const local = at + (offsets[Math.floor((at - FROM) / (15 * MINUTE))] as number) * MINUTE
    if (hasOneHour) {
      // The clock went forward: what the gap swallowed is due now. It went back: what was seen already is not due again.
      let isDue = false
      for (let seen = lastLocal + MINUTE; seen <= local; seen += MINUTE) isDue ||= isDueAt(seen)
      if (isDue) runs.push(at)
      lastLocal = Math.max(lastLocal, local)
    } else if (isDueAt(local)) runs.push(at)
  }
  return runs
}

const weekday = ({ year, month, day }: Wall): number => new Date(Date.UTC(year, month - 1, day)).getUTCDay()
const lastDay = ({ year, month }: Wall): number => new Date(Date.UTC(year, month, 0)).getUTCDate()
/** The weekday nearest to a day of the month, inside the month. */
function nearestWeekday(wall: Wall, day: number): number {
  const on = weekday({ ...wall, day })
  if (on === 6) return day === 1 ? 3 : day - 1
  if (on === 0) return day === lastDay(wall) ? day - 2 : day + 1
  return day
}

interface Case {
  readonly expression: string
  readonly minute: number
  readonly matches: (wall: Wall) => boolean
  readonly hasOneHour: boolean
}

const CASES = (
  [
    ['cron(30 2 * * ? *)', 30, (w) => w.hour === 2, true],
    ['cron(0 5 ? * * *)', 0, (w) => w.hour === 5, true],
    ['cron(15 * * * ? *)', 15, () => true, false],
    ['cron(0 0/6 * * ? *)', 0, (w) => w.hour % 6 === 0, false],
    [
      'cron(30 1-3 ? * MON-FRI *)',
      30,
      (w) => w.hour >= 1 && w.hour <= 3 && weekday(w) >= 1 && weekday(w) <= 5,
      false,
    ],
    ['cron(0 3 L * ? *)', 0, (w) => w.hour === 3 && w.day === lastDay(w), true],
    ['cron(0 3 15W * ? *)', 0, (w) => w.hour === 3 && w.day === nearestWeekday(w, 15), true],
    ['cron(0 3 1W * ? *)', 0, (w) => w.hour === 3 && w.day === nearestWeekday(w, 1), true],
    ['cron(0 3 LW * ? *)', 0, (w) => w.hour === 3 && w.day === nearestWeekday(w, lastDay(w)), true],
    ['cron(45 2 ? * 1#2 *)', 45, (w) => w.hour === 2 && weekday(w) === 0 && Math.ceil(w.day / 7) === 2, true],
    ['cron(45 2 ? * 3#5 *)', 45, (w) => w.hour === 2 && weekday(w) === 2 && Math.ceil(w.day / 7) === 5, true],
    ['cron(0 4 ? * 6L *)', 0, (w) => w.hour === 4 && weekday(w) === 5 && w.day > lastDay(w) - 7, true],
    ['cron(0 4 ? * L *)', 0, (w) => w.hour === 4 && weekday(w) === 6, true],
    ['cron(5 23 29 2 ? *)', 5, (w) => w.hour === 23 && w.day === 29 && w.month === 2, true],
    [
      'cron(0 1 1,15 JAN,JUL ? 2026-2028)',
      0,
      (w) =>
        w.hour === 1 &&
        (w.day === 1 || w.day === 15) &&
        (w.month === 1 || w.month === 7) &&
        w.year >= 2026 &&
        w.year <= 2028,
      true,
    ],
    [
      'cron(0 12 1/10 */3 ? *)',
      0,
      (w) => w.hour === 12 && (w.day - 1) % 10 === 0 && (w.month - 1) % 3 === 0,
      true,
    ],
  ] as const satisfies readonly (readonly [string, number, (wall: Wall) => boolean, boolean])[]
).map(([expression, minute, matches, hasOneHour]): Case => ({ expression, minute, matches, hasOneHour }))

// An hour that goes and comes back in the night, and half an hour on the other side of the earth.
for (const timezone of ['Europe/Berlin', 'Australia/Lord_Howe']) {
  test(`schedules run when a walk through every minute of ${YEARS} years says so (${timezone})`, () => {
    const offsets = offsetsOf(timezone)
    for (const one of CASES) {
      const { expression } = one
      assert.deepEqual(
        runsOf(expression, timezone, FROM, TO).map((at) => new Date(at).toISOString()),
        walk(offsets, one).map((at) => new Date(at).toISOString()),
        `${expression} in ${timezone}`,
      )
    }
  })
}

test('rate() counts from its anchor', () => {
  const anchor = Date.UTC(2026, 0, 1, 0, 7)
  const schedule = parseSchedule('rate(12 hours)', 'Etc/UTC', anchor)
  assert.equal(schedule.next(anchor), anchor + 12 * 60 * MINUTE)
  assert.equal(schedule.next(anchor + 12 * 60 * MINUTE - 1), anchor + 12 * 60 * MINUTE)
  assert.equal(schedule.next(anchor + 25 * 60 * MINUTE), anchor + 36 * 60 * MINUTE)
  assert.equal(schedule.next(anchor - 1), anchor + 12 * 60 * MINUTE)
})

test('a schedule that AWS would not take is refused with the field that is wrong', () => {
  const refusals: readonly (readonly [string, RegExp])[] = [
    ['0 5 * * ? *', /is no schedule/],
    ['cron(0 5 * * ?)', /5 fields instead of 6/],
    ['cron(0/15 * * * ? *)', /once an hour at most/],
    ['cron(* * * * ? *)', /once an hour at most/],
    ['cron(0 5 * * * *)', /exactly one of day of month and day of week/],
    ['cron(0 5 ? * ? *)', /exactly one/],
    ['cron(0 24 * * ? *)', /"24" is no hours/],
    ['cron(61 5 * * ? *)', /"61" is no minutes/],
    ['cron(0 5 32 * ? *)', /"32" is no day of month/],
    ['cron(0 5 ? * 8 *)', /"8" is no day of week/],
    ['cron(0 5 ? * 3#6 *)', /"6" is no day of week/],
    ['cron(0 5 ? FOO * *)', /"FOO" is no month/],
    ['cron(0 5 20-10 * ? *)', /end before they begin/],
    ['cron(0 5 * * ? 1969)', /"1969" is no year/],
    ['cron(0 5 *,1 * ? *)', /is no day of month/],
    ['cron(0 5 1//2 * ? *)', /is no day of month/],
    ['rate(30 minutes)', /too often/],
    ['rate(1 hours)', /is no rate/],
    ['rate(2 fortnights)', /is no rate/],
  ]
  for (const [expression, message] of refusals)
    assert.throws(() => parseSchedule(expression, 'Etc/UTC', 0), message, expression)
  assert.throws(() => parseSchedule('cron(0 5 * * ? *)', 'Mars/Olympus', 0), /is no time zone/)
  assert.throws(() => parseSchedule('cron(0 5 * * ? *)', '+02:00', 0), /is no time zone/)
})
