import { DEFAULT_START_WINDOW_MIN } from './plan.ts'
import type { PlanDocument, PlanRule } from './plan.ts'
import { DEFAULT_SCHEDULE, DEFAULT_TIMEZONE, parseSchedule } from './schedule.ts'

/** How old a resource's newest recovery point may be before the resource is overdue, in milliseconds. */

const HOUR = 3_600_000
const MINUTE = 60_000
/** Where no plan selects it: a day and a half. */
export const DEFAULT_ALLOWED_AGE_MS: number = 36 * HOUR
/** Runs from now on whose distances are looked at. */
const RUNS = 10

/** By the rule that asks for most; undefined where no rule runs twice from now on. */
export function allowedAge({ Rules }: PlanDocument, now: number): number | undefined {
  const ages = Rules.map((rule) => ageOf(rule, now)).filter((age) => age !== undefined)
  return ages.length === 0 ? undefined : Math.min(...ages)
}

/** The longest time from one run to the next, and the start window of the later. */
function ageOf(rule: PlanRule, now: number): number | undefined {
  const schedule = parseSchedule(
    rule.ScheduleExpression ?? DEFAULT_SCHEDULE,
    rule.ScheduleExpressionTimezone ?? DEFAULT_TIMEZONE,
    now,
  )
  let longest: number | undefined
  let last = schedule.next(now)
  for (let run = 1; run < RUNS && last !== undefined; run++) {
    const next = schedule.next(last)
    if (next !== undefined) longest = Math.max(longest ?? 0, next - last)
    last = next
  }
  return longest === undefined
    ? undefined
    : longest + (rule.StartWindowMinutes ?? DEFAULT_START_WINDOW_MIN) * MINUTE
}
