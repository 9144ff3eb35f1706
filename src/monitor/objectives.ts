import { windowsOf } from '../jobs/plans/plan-jobs.ts'
import { ResourceViews } from '../jobs/plans/selected-resources.ts'
import { systemClock } from '../lib/clock.ts'
import type { PlanDocument, PlanRule } from '../plans/plan.ts'
import { DEFAULT_SCHEDULE, DEFAULT_TIMEZONE, parseSchedule } from '../plans/schedule.ts'
import type { Schedule } from '../plans/schedule.ts'
import type { ResourceMeasure } from '../store/points/measures.ts'
import { allPlans, resourcesUnderWay } from '../store/points/measures.ts'
import type { PlanRow } from '../store/plans/plans.ts'
import { rulesOfPlan, selectionsOfPlan } from '../store/plans/plans.ts'
import type { Queryable } from '../store/store.ts'

/** Plans looked at; a server with more tells so by their number. */
export const MAX_PLANS = 1_000

/** What a plan promises of a resource, and whether it is kept. */
export interface Objective {
  readonly accountId: string
  readonly region: string
  readonly resourceArn: string
  readonly planId: string
  readonly planName: string
  readonly ruleName: string
  /** The run whose backup is missing, once its start window is over and nothing is under way; undefined while all is well. */
  readonly missedSince: number | undefined
}

/**
 * For each resource that a plan selects and each rule of it: has it a recovery point not older than the first run that was due since?
 * A run may use its start window, and a backup that is under way is waited for.
 */
export async function objectives(
  db: Queryable,
  resources: readonly ResourceMeasure[],
  now: number,
): Promise<readonly Objective[]> {
  const newest = new Map(resources.map((one) => [`${one.account_id} ${one.arn}`, one.newest_point_at]))
  const underWay = await resourcesUnderWay(db)
  const found: Objective[] = []
  const views = new ResourceViews(systemClock)
  for (const plan of await allPlans(db, MAX_PLANS)) {
    const rules = await scheduledRules(db, plan)
    const selections = await selectionsOfPlan(db, plan.plan_id)
    for (const { resource, selection } of await views.selectedBy(db, plan, selections)) {
      const key = `${plan.account_id} ${resource.arn}`
      const selectedAt = Math.max(selection.created_at, resource.created_at)
      const since = Math.max(newest.get(key) ?? 0, selectedAt)
      for (const one of rules) {
        const missed = underWay.has(key) ? undefined : missedSince(one, since, now)
        found.push(objectiveOf(plan, one.rule, resource.arn, missed))
      }
    }
  }
  return found
}

function objectiveOf(
  plan: PlanRow,
  rule: PlanRule,
  resourceArn: string,
  missed: number | undefined,
): Objective {
  return {
    accountId: plan.account_id,
    region: plan.region,
    resourceArn,
    planId: plan.plan_id,
    planName: plan.name,
    ruleName: rule.RuleName,
    missedSince: missed,
  }
}

interface Scheduled {
  readonly rule: PlanRule
  readonly schedule: Schedule
  readonly writtenAt: number
}

async function scheduledRules(db: Queryable, plan: PlanRow): Promise<readonly Scheduled[]> {
  const { Rules } = JSON.parse(plan.document) as PlanDocument
  const written = await rulesOfPlan(db, plan.plan_id)
  return Rules.flatMap((rule) => {
    const writtenAt = written.find(({ ruleId }) => ruleId === rule.RuleId)?.writtenAt
    if (writtenAt === undefined) return []
    const schedule = parseSchedule(
      rule.ScheduleExpression ?? DEFAULT_SCHEDULE,
      rule.ScheduleExpressionTimezone ?? DEFAULT_TIMEZONE,
      writtenAt,
    )
    return [{ rule, schedule, writtenAt }]
  })
}

/** @param since Of the newest recovery point, or when the plan began to select the resource, in milliseconds since 1970. */
function missedSince(
  { rule, schedule, writtenAt }: Scheduled,
  since: number,
  now: number,
): number | undefined {
  const due = schedule.next(Math.max(since, writtenAt))
  return due !== undefined && due + windowsOf(rule).startMs < now ? due : undefined
}
