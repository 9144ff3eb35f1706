import type { Page, PageRequest } from '../page.ts'
import { pageOf, textCursor } from '../page.ts'
import type { RestoreTestingPlanTable, RestoreTestingSelectionTable } from './schema-restore-testing.ts'
import { findByNameIn, listOf } from '../regional.ts'
import type { FindByName, List, Place } from '../regional.ts'
import type { Queryable } from '../store.ts'

export async function insertTestingPlan(db: Queryable, row: RestoreTestingPlanTable): Promise<void> {
  await db.insertInto('restore_testing_plan').values(row).execute()
}

export const findTestingPlan: FindByName<'restore_testing_plan'> = findByNameIn('restore_testing_plan')
export const listTestingPlans: List<'restore_testing_plan'> = listOf('restore_testing_plan')

/** Writes what a plan says and when it is due. */
export async function updateTestingPlan(
  db: Queryable,
  plan: Pick<RestoreTestingPlanTable, 'arn'>,
  change: Pick<RestoreTestingPlanTable, 'document' | 'updated_at' | 'written_at' | 'next_run_at'>,
): Promise<void> {
  await db.updateTable('restore_testing_plan').set(change).where('arn', '=', plan.arn).execute()
}

export async function deleteTestingPlan(db: Queryable, arn: string): Promise<void> {
  await db.deleteFrom('restore_testing_plan').where('arn', '=', arn).execute()
}

const selectionsOf = (db: Queryable, { accountId, region }: Place, planName: string) =>
  db
    .selectFrom('restore_testing_selection')
    .selectAll()
    .where('account_id', '=', accountId)
    .where('region', '=', region)
    .where('plan_name', '=', planName)
    .orderBy('name')

export async function insertTestingSelection(
  db: Queryable,
  row: RestoreTestingSelectionTable,
): Promise<void> {
  await db.insertInto('restore_testing_selection').values(row).execute()
}

export async function findTestingSelection(
  db: Queryable,
  place: Place,
  planName: string,
  name: string,
): Promise<RestoreTestingSelectionTable | undefined> {
  return await selectionsOf(db, place, planName).where('name', '=', name).executeTakeFirst()
}

/** Every selection of a plan: AWS allows 30. */
export async function testingSelections(
  db: Queryable,
  place: Place,
  planName: string,
): Promise<readonly RestoreTestingSelectionTable[]> {
  return await selectionsOf(db, place, planName).execute()
}

export async function listTestingSelections(
  db: Queryable,
  place: Place,
  planName: string,
  page: PageRequest,
): Promise<Page<RestoreTestingSelectionTable>> {
  let query = selectionsOf(db, place, planName)
  if (page.after !== undefined) query = query.where('name', '>', textCursor(page.after))
  const rows = await query.limit(page.limit + 1).execute()
  return pageOf(rows, page.limit, (row) => [row.name])
}

type SelectionKey = Pick<RestoreTestingSelectionTable, 'account_id' | 'region' | 'plan_name' | 'name'>

export async function updateTestingSelection(
  db: Queryable,
  key: SelectionKey,
  change: Partial<
    Pick<
      RestoreTestingSelectionTable,
      'role_arn' | 'role_id' | 'document' | 'validators' | 'created_by' | 'created_by_id' | 'updated_at'
    >
  >,
): Promise<boolean> {
  const result = await db
    .updateTable('restore_testing_selection')
    .set(change)
    .where('account_id', '=', key.account_id)
    .where('region', '=', key.region)
    .where('plan_name', '=', key.plan_name)
    .where('name', '=', key.name)
    .executeTakeFirst()
  return result.numUpdatedRows === 1n
}

export async function deleteTestingSelection(db: Queryable, key: SelectionKey): Promise<void> {
  await db
    .deleteFrom('restore_testing_selection')
    .where('account_id', '=', key.account_id)
    .where('region', '=', key.region)
    .where('plan_name', '=', key.plan_name)
    .where('name', '=', key.name)
    .execute()
}

/** Plans due at `now`, longest first. */
export async function dueTestingPlans(
  db: Queryable,
  now: number,
  limit: number,
  after?: Pick<RestoreTestingPlanTable, 'next_run_at' | 'arn'>,
): Promise<readonly RestoreTestingPlanTable[]> {
  return await db
    .selectFrom('restore_testing_plan')
    .selectAll()
    .where('next_run_at', '<=', now)
    .$if(after !== undefined, (query) =>
      query.where((eb) =>
        eb(eb.refTuple('next_run_at', 'arn'), '>', eb.tuple(after?.next_run_at ?? 0, after?.arn ?? '')),
      ),
    )
    .orderBy('next_run_at')
    .orderBy('arn')
    .limit(limit)
    .execute()
}

export async function nextTestingPlanDueAt(db: Queryable): Promise<number | undefined> {
  const row = await db
    .selectFrom('restore_testing_plan')
    .select((eb) => eb.fn.min('next_run_at').as('at'))
    .executeTakeFirst()
  return row?.at === null || row?.at === undefined ? undefined : Number(row.at)
}

/**
 * Moves a plan from the run that is due to its next one. Whoever gets true makes that run's jobs, in the same transaction: they are
 * made once, whoever looks.
 */
export async function advanceTestingPlan(
  db: Queryable,
  plan: Pick<RestoreTestingPlanTable, 'arn' | 'next_run_at'>,
  nextRunAt: number | undefined,
): Promise<boolean> {
  const result = await db
    .updateTable('restore_testing_plan')
    .set({ next_run_at: nextRunAt ?? null })
    .where('arn', '=', plan.arn)
    .where('next_run_at', '=', plan.next_run_at)
    .executeTakeFirst()
  return result.numUpdatedRows === 1n
}

/** Keeps when a plan ran last, and what became of it. */
export async function recordTestingRun(
  db: Queryable,
  plan: Pick<RestoreTestingPlanTable, 'arn'>,
  run: { readonly dueAt: number; readonly message: string },
): Promise<void> {
  await db
    .updateTable('restore_testing_plan')
    .set({ last_run_at: run.dueAt, last_run_message: run.message })
    .where('arn', '=', plan.arn)
    .execute()
}
