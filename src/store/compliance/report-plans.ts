import type { Page, PageRequest } from '../page.ts'
import { pageOf, textCursor } from '../page.ts'
import type { ReportPlanTable } from './schema-reports.ts'
import type { Queryable } from '../store.ts'

interface Place {
  readonly accountId: string
  readonly region: string
}

/** False where the account has a report plan of this name in this region. */
export async function insertReportPlan(db: Queryable, row: ReportPlanTable): Promise<boolean> {
  const result = await db
    .insertInto('report_plan')
    .values(row)
    .onConflict((conflict) => conflict.columns(['account_id', 'region', 'name']).doNothing())
    .executeTakeFirst()
  return result.numInsertedOrUpdatedRows === 1n
}

export async function findReportPlan(
  db: Queryable,
  place: Place,
  name: string,
): Promise<ReportPlanTable | undefined> {
  return await db
    .selectFrom('report_plan')
    .selectAll()
    .where('account_id', '=', place.accountId)
    .where('region', '=', place.region)
    .where('name', '=', name)
    .executeTakeFirst()
}

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

/** By name, in byte order. */
export async function listReportPlans(
  db: Queryable,
  place: Place,
  page: PageRequest,
): Promise<Page<ReportPlanTable>> {
  let query = db
    .selectFrom('report_plan')
    .selectAll()
    .where('account_id', '=', place.accountId)
    .where('region', '=', place.region)
  if (page.after !== undefined) query = query.where('name', '>', textCursor(page.after))
  const rows = await query
    .orderBy('name')
    .limit(page.limit + 1)
    .execute()
  return pageOf(rows, page.limit, (row) => [row.name])
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
