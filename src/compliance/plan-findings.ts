import { arnOf } from '../lib/arn.ts'
import { retentionDays } from '../plans/lifecycle.ts'
import type { PlanDocument, PlanRule } from '../plans/plan.ts'
import { DEFAULT_SCHEDULE, DEFAULT_TIMEZONE, parseSchedule } from '../plans/schedule.ts'
import { listPlans, rulesOfPlan } from '../store/plans/plans.ts'
import type { PlanRow } from '../store/plans/plans.ts'
import type { Queryable } from '../store/store.ts'
import { tagsOfAll } from '../store/identity/tags.ts'
import { isInScope, parameterOf, periodMs } from './controls.ts'
import type { FrameworkControl } from './controls.ts'
import type { FindingsOf, Place } from './evaluate.ts'
import { compliant, findingOf, nonCompliant } from './finding.ts'
import type { Verdict } from './finding.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
/** How far, and how many runs, the gaps of a schedule are looked at: every month and every day of the week is in it. */
const LOOK_AHEAD_MS = 400 * DAY
const MAX_RUNS = 1_000

/** BACKUP_PLAN_MIN_FREQUENCY_AND_MIN_RETENTION_CHECK */
export function planFindings(db: Queryable, place: Place, control: FrameworkControl): FindingsOf {
  return async (page) => {
    const { rows, next } = await listPlans(db, { ...place, withDeleted: false }, page)
    const arns = rows.map((row) => arnOf('backup', row.region, row.account_id, `backup-plan:${row.plan_id}`))
    const tags = await tagsOfAll(db, place.accountId, arns)
    const found = []
    for (const [i, row] of rows.entries()) {
      const arn = arns[i] as string
      const subject = { type: 'plan', name: row.plan_id, arn, tags: tags.get(arn) ?? {} }
      if (isInScope(control, subject))
        found.push(findingOf(control, subject, await judge(db, row, control, place.now)))
    }
    return { rows: found, next }
  }
}

async function judge(db: Queryable, plan: PlanRow, control: FrameworkControl, now: number): Promise<Verdict> {
  const { Rules } = JSON.parse(plan.document) as PlanDocument
  const everyMs = periodMs(control, 'requiredFrequencyUnit', 'requiredFrequencyValue')
  const days = Number(parameterOf(control, 'requiredRetentionDays'))
  const written = new Map((await rulesOfPlan(db, plan.plan_id)).map((one) => [one.ruleId, one.writtenAt]))
  const problems = []
  for (const rule of Rules) {
    const problem = ruleProblem(rule, { everyMs, days, now, writtenAt: written.get(rule.RuleId) ?? now })
    if (problem === undefined)
      return compliant(`Rule ${rule.RuleName} runs often enough and keeps its backups long enough`)
    problems.push(`rule ${rule.RuleName} ${problem}`)
  }
  return nonCompliant(`No rule of plan ${plan.name} does: ${problems.join('; ')}`)
}

function ruleProblem(
  rule: PlanRule,
  required: {
    readonly everyMs: number
    readonly days: number
    readonly now: number
    readonly writtenAt: number
  },
): string | undefined {
  const kept = retentionDays(rule.Lifecycle)
  if (kept < required.days) return `keeps its backups ${kept} days, not ${required.days}`
  const timezone = rule.ScheduleExpressionTimezone ?? DEFAULT_TIMEZONE
  const schedule = parseSchedule(rule.ScheduleExpression ?? DEFAULT_SCHEDULE, timezone, required.writtenAt)
  const gap = longestGap(schedule, required.now)
  if (gap === undefined) return 'never runs again'
  // The hour that a change of the clock adds to one day a year.
  const toleranceMs = /^(Etc\/)?(UTC|GMT)$/.test(timezone) ? 0 : HOUR
  if (gap <= required.everyMs + toleranceMs) return undefined
  return `leaves ${Math.round(gap / HOUR)} hours between two runs, not ${required.everyMs / HOUR}`
}

/** In milliseconds; undefined where it runs once more at most. */
function longestGap(schedule: { next(after: number): number | undefined }, now: number): number | undefined {
  let last = schedule.next(now)
  let longest: number | undefined
  for (let i = 0; i < MAX_RUNS && last !== undefined && last < now + LOOK_AHEAD_MS; i++) {
    const next = schedule.next(last)
    if (next !== undefined) longest = Math.max(longest ?? 0, next - last)
    // It ends: from there on nothing runs at all.
    else if (last < now + LOOK_AHEAD_MS) return undefined
    last = next
  }
  return longest
}
