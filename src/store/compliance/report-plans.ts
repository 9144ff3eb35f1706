import { findByNameIn, insertInto, listOf } from '../regional.ts'
import type { FindByName, Insert, List } from '../regional.ts'
import type { ReportPlanTable } from './schema-reports.ts'
import type { Queryable } from '../store.ts'

export const insertReportPlan: Insert<'report_plan'> = insertInto('report_plan')
export const findReportPlan: FindByName<'report_plan'> = findByNameIn('report_plan')
export const listReportPlans: List<'report_plan'> = listOf('report_plan')

export async function findReportPlanById(
  db: Queryable,
  reportPlanId: string,
): Promise<ReportPlanTable | undefined> {
  return await db
    .selectFrom('report_plan')
    .selectAll()
    .where('report_plan_id', '=', reportPlanId)
    .executeTakeFirst()
}

/** Those of all regions: AWS's quota is an account's. */
export async function countReportPlans(db: Queryable, accountId: string): Promise<number> {
  const { count } = await db
    .selectFrom('report_plan')
    .select((eb) => eb.fn.countAll<number | bigint | string>().as('count'))
    .where('account_id', '=', accountId)
    .executeTakeFirstOrThrow()
  return Number(count)
}

type Change = Partial<
  Pick<ReportPlanTable, 'description' | 'delivery' | 'setting' | 'target_arn' | 'target_unique_id'>
>

export async function updateReportPlan(db: Queryable, reportPlanId: string, change: Change): Promise<void> {
  if (Object.keys(change).length === 0) return
  await db.updateTable('report_plan').set(change).where('report_plan_id', '=', reportPlanId).execute()
}

export async function deleteReportPlan(db: Queryable, reportPlanId: string): Promise<void> {
  await db.deleteFrom('report_plan').where('report_plan_id', '=', reportPlanId).execute()
}

/** Plans whose daily report is due, longest first. */
export async function dueReportPlans(
  db: Queryable,
  now: number,
  limit: number,
): Promise<readonly ReportPlanTable[]> {
  return await db
    .selectFrom('report_plan')
    .selectAll()
    .where('next_run_at', '<=', now)
    .orderBy('next_run_at')
    .limit(limit)
    .execute()
}

/** Moves a plan on to its next run. False where somebody else did, or it is gone: the run is theirs. */
export async function advanceReportPlan(
  db: Queryable,
  due: Pick<ReportPlanTable, 'report_plan_id' | 'next_run_at'>,
  nextRunAt: number,
): Promise<boolean> {
  const result = await db
    .updateTable('report_plan')
    .set({ next_run_at: nextRunAt })
    .where('report_plan_id', '=', due.report_plan_id)
    .where('next_run_at', '=', due.next_run_at)
    .executeTakeFirst()
  return result.numUpdatedRows === 1n
}
