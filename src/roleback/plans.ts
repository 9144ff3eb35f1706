import { InvalidParameterValueException, ResourceNotFoundException } from '../aws/generated/roleback.ts'
import type {
  ListBackupPlanRunsInput,
  ListBackupPlanRunsOutput,
  PreviewScheduleInput,
  PreviewScheduleOutput,
} from '../aws/generated/roleback.ts'
import type { Context } from '../context.ts'
import type { PlanDocument } from '../plans/plan.ts'
import { ScheduleError } from '../plans/schedule-error.ts'
import { DEFAULT_TIMEZONE, parseSchedule } from '../plans/schedule.ts'
import { findPlan, listPlanRuns } from '../store/plans/plans.ts'
import type { PlanRow } from '../store/plans/plans.ts'
import { nextToken, pageOf } from './paging.ts'

/** As AWS's console shows. */
const RUNS = 10

/** When a schedule that is not in a plan yet would be due from now on; fewer than asked for where it ends before. */
export async function previewSchedule(
  ctx: Context,
  input: PreviewScheduleInput,
): Promise<PreviewScheduleOutput> {
  const { ScheduleExpression, ScheduleExpressionTimezone = DEFAULT_TIMEZONE, MaxRuns = RUNS } = input
  try {
    const schedule = parseSchedule(ScheduleExpression, ScheduleExpressionTimezone, ctx.now)
    const runs: Date[] = []
    let at = schedule.next(ctx.now)
    while (at !== undefined && runs.length < MaxRuns) {
      runs.push(new Date(at))
      at = schedule.next(at)
    }
    return { Runs: runs }
  } catch (error) {
    if (!(error instanceof ScheduleError)) throw error
    throw new InvalidParameterValueException(error.message, { Context: 'ScheduleExpression' })
  }
}

/** What became of each time a rule was due, newest first. */
export async function listBackupPlanRuns(
  ctx: Context,
  input: ListBackupPlanRunsInput,
): Promise<ListBackupPlanRunsOutput> {
  const plan = await planOf(ctx, input.BackupPlanId)
  const names = new Map(
    (JSON.parse(plan.document) as PlanDocument).Rules.map(({ RuleId, RuleName }) => [RuleId, RuleName]),
  )
  const list = `ListBackupPlanRuns ${plan.plan_id}`
  const { rows, next } = await listPlanRuns(ctx.store.db, plan.plan_id, pageOf(ctx, list, input))
  return {
    Runs: rows.map((row) => ({
      RuleId: row.rule_id,
      RuleName: names.get(row.rule_id),
      DueAt: new Date(row.due_at),
      Outcome: row.outcome,
      JobCount: row.jobs,
      Message: row.message === '' ? undefined : row.message,
      VersionId: row.version_id,
    })),
    NextToken: nextToken(ctx, list, next),
  }
}

/** Also a deleted one. */
export async function planOf(ctx: Context, planId: string): Promise<PlanRow> {
  const plan = await findPlan(ctx.store.db, ctx, planId)
  if (plan === undefined)
    throw new ResourceNotFoundException(`Cannot find Backup plan with ID ${planId}`, { Context: planId })
  return plan
}
