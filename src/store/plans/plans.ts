import type { Page, PageRequest } from '../page.ts'
import { pageOf, timeCursor } from '../page.ts'
import type {
  BackupPlanRunTable,
  BackupPlanTable,
  BackupPlanVersionTable,
  BackupSelectionTable,
} from './schema-plans.ts'
import type { Place } from '../regional.ts'
import type { Queryable } from '../store.ts'

/** A plan with the document of one of its versions. */
export type PlanRow = BackupPlanTable & Pick<BackupPlanVersionTable, 'document'>

const allWithDocument = (db: Queryable) =>
  db
    .selectFrom('backup_plan')
    .innerJoin('backup_plan_version as version', (join) =>
      join
        .onRef('version.plan_id', '=', 'backup_plan.plan_id')
        .onRef('version.version_id', '=', 'backup_plan.version_id'),
    )
    .selectAll('backup_plan')
    .select('version.document')

const withDocument = (db: Queryable, place: Place) =>
  allWithDocument(db).where('account_id', '=', place.accountId).where('region', '=', place.region)

/** Also a deleted one: see `deleted_at`. */
export async function findPlan(db: Queryable, place: Place, planId: string): Promise<PlanRow | undefined> {
  return await withDocument(db, place).where('backup_plan.plan_id', '=', planId).executeTakeFirst()
}

/** Those of these plans that there are, also deleted ones, by their ids. */
export async function findPlans(
  db: Queryable,
  planIds: readonly string[],
): Promise<ReadonlyMap<string, PlanRow>> {
  const rows = await allWithDocument(db).where('backup_plan.plan_id', 'in', planIds).execute()
  return new Map(rows.map((row) => [row.plan_id, row]))
}

export async function findPlanByRequest(
  db: Queryable,
  place: Place,
  creatorRequestId: string,
): Promise<PlanRow | undefined> {
  return await withDocument(db, place).where('creator_request_id', '=', creatorRequestId).executeTakeFirst()
}

/** Plans that are not deleted, by their name, which need not be one plan's alone. */
export async function plansNamed(db: Queryable, place: Place, name: string): Promise<readonly PlanRow[]> {
  return await withDocument(db, place).where('name', '=', name).where('deleted_at', 'is', null).execute()
}

export async function countPlans(db: Queryable, place: Place): Promise<number> {
  const row = await db
    .selectFrom('backup_plan')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('account_id', '=', place.accountId)
    .where('region', '=', place.region)
    .where('deleted_at', 'is', null)
    .executeTakeFirstOrThrow()
  return Number(row.count)
}

/** Every plan of an account that is not deleted, in whatever region: AWS allows 300 in each. */
export async function plansOfAccount(db: Queryable, accountId: string): Promise<readonly PlanRow[]> {
  return await allWithDocument(db)
    .where('account_id', '=', accountId)
    .where('deleted_at', 'is', null)
    .orderBy('name')
    .orderBy('backup_plan.plan_id')
    .execute()
}

/** In the order of their making. */
export async function listPlans(
  db: Queryable,
  place: Place & { readonly withDeleted: boolean },
  page: PageRequest,
): Promise<Page<PlanRow>> {
  let query = withDocument(db, place)
  if (!place.withDeleted) query = query.where('deleted_at', 'is', null)
  if (page.after !== undefined) {
    const [at, id] = timeCursor(page.after)
    query = query.where((eb) =>
      eb(eb.refTuple('backup_plan.created_at', 'backup_plan.plan_id'), '>', eb.tuple(at, id)),
    )
  }
  const rows = await query
    .orderBy('backup_plan.created_at')
    .orderBy('backup_plan.plan_id')
    .limit(page.limit + 1)
    .execute()
  return pageOf(rows, page.limit, (row) => [row.created_at, row.plan_id])
}

export async function findPlanVersion(
  db: Queryable,
  planId: string,
  versionId: string,
): Promise<BackupPlanVersionTable | undefined> {
  return await db
    .selectFrom('backup_plan_version')
    .selectAll()
    .where('plan_id', '=', planId)
    .where('version_id', '=', versionId)
    .executeTakeFirst()
}

/** Newest first. */
export async function listPlanVersions(
  db: Queryable,
  planId: string,
  page: PageRequest,
): Promise<Page<BackupPlanVersionTable>> {
  let query = db.selectFrom('backup_plan_version').selectAll().where('plan_id', '=', planId)
  if (page.after !== undefined) {
    const [at, id] = timeCursor(page.after)
    query = query.where((eb) => eb(eb.refTuple('seq', 'version_id'), '<', eb.tuple(at, id)))
  }
  const rows = await query
    .orderBy('seq', 'desc')
    .limit(page.limit + 1)
    .execute()
  return pageOf(rows, page.limit, (row) => [row.seq, row.version_id])
}

/** A rule as the scheduler keeps it. */
export interface ScheduledRule {
  readonly ruleId: string
  readonly writtenAt: number
  readonly nextRunAt: number | undefined
}

/** The number of a plan's newest version: how many it had so far, none of which is ever removed. */
export async function lastPlanVersion(db: Queryable, planId: string): Promise<number> {
  const last = await db
    .selectFrom('backup_plan_version')
    .select((eb) => eb.fn.max('seq').as('seq'))
    .where('plan_id', '=', planId)
    .executeTakeFirst()
  return Number(last?.seq ?? 0)
}

/** Writes a plan's new version and makes its rules the ones that are due. Give it a transaction. */
export async function writePlanVersion(
  db: Queryable,
  plan: BackupPlanTable,
  version: Pick<BackupPlanVersionTable, 'document'>,
  rules: readonly ScheduledRule[],
): Promise<void> {
  const { plan_id, version_id, updated_at, name } = plan
  const seq = (await lastPlanVersion(db, plan_id)) + 1
  await db
    .insertInto('backup_plan_version')
    .values({ plan_id, version_id, seq, document: version.document, created_at: updated_at })
    .execute()
  await db
    .insertInto('backup_plan')
    .values(plan)
    .onConflict((conflict) => conflict.column('plan_id').doUpdateSet({ version_id, updated_at, name }))
    .execute()
  await replaceRules(db, plan, rules)
}

async function replaceRules(
  db: Queryable,
  plan: BackupPlanTable,
  rules: readonly ScheduledRule[],
): Promise<void> {
  await db.deleteFrom('backup_rule').where('plan_id', '=', plan.plan_id).execute()
  if (rules.length === 0) return
  await db
    .insertInto('backup_rule')
    .values(
      rules.map(({ ruleId, writtenAt, nextRunAt }) => ({
        account_id: plan.account_id,
        region: plan.region,
        plan_id: plan.plan_id,
        rule_id: ruleId,
        written_at: writtenAt,
        next_run_at: nextRunAt ?? null,
      })),
    )
    .execute()
}

export async function rulesOfPlan(db: Queryable, planId: string): Promise<readonly ScheduledRule[]> {
  return (await rulesOfPlans(db, [planId])).get(planId) ?? []
}

/** Rules of several plans, by the plans' ids. */
export async function rulesOfPlans(
  db: Queryable,
  planIds: readonly string[],
): Promise<ReadonlyMap<string, readonly ScheduledRule[]>> {
  const rows = await db.selectFrom('backup_rule').selectAll().where('plan_id', 'in', planIds).execute()
  return Map.groupBy(
    rows.map((row) => ({
      planId: row.plan_id,
      ruleId: row.rule_id,
      writtenAt: row.written_at,
      nextRunAt: row.next_run_at ?? undefined,
    })),
    ({ planId }) => planId,
  )
}

/** Deletes a plan: it stays to be looked at, its rules are no longer due. Give it a transaction. */
export async function deletePlan(db: Queryable, planId: string, now: number): Promise<void> {
  await db
    .updateTable('backup_plan')
    .set({ deleted_at: now })
    .where('plan_id', '=', planId)
    .where('deleted_at', 'is', null)
    .execute()
  await db.deleteFrom('backup_rule').where('plan_id', '=', planId).execute()
}

/** Adds a selection. False where the plan has one of the same request already. */
export async function insertSelection(db: Queryable, row: BackupSelectionTable): Promise<boolean> {
  const result = await db
    .insertInto('backup_selection')
    .values(row)
    .onConflict((conflict) => conflict.columns(['plan_id', 'creator_request_id']).doNothing())
    .executeTakeFirst()
  return result.numInsertedOrUpdatedRows === 1n
}

export async function findSelection(
  db: Queryable,
  planId: string,
  by: { readonly selectionId: string } | { readonly creatorRequestId: string },
): Promise<BackupSelectionTable | undefined> {
  const query = db.selectFrom('backup_selection').selectAll().where('plan_id', '=', planId)
  return await (
    'selectionId' in by
      ? query.where('selection_id', '=', by.selectionId)
      : query.where('creator_request_id', '=', by.creatorRequestId)
  ).executeTakeFirst()
}

/** In the order of their making. */
export async function listSelections(
  db: Queryable,
  planId: string,
  page: PageRequest,
): Promise<Page<BackupSelectionTable>> {
  let query = db.selectFrom('backup_selection').selectAll().where('plan_id', '=', planId)
  if (page.after !== undefined) {
    const [at, id] = timeCursor(page.after)
    query = query.where((eb) => eb(eb.refTuple('created_at', 'selection_id'), '>', eb.tuple(at, id)))
  }
  const rows = await query
    .orderBy('created_at')
    .orderBy('selection_id')
    .limit(page.limit + 1)
    .execute()
  return pageOf(rows, page.limit, (row) => [row.created_at, row.selection_id])
}

/** Every selection of a plan, in the order of their making, for a run of it: AWS allows 100. */
export async function selectionsOfPlan(
  db: Queryable,
  planId: string,
): Promise<readonly BackupSelectionTable[]> {
  return (await selectionsOfPlans(db, [planId])).get(planId) ?? []
}

/** The same of several plans, by the plans' ids. */
export async function selectionsOfPlans(
  db: Queryable,
  planIds: readonly string[],
): Promise<ReadonlyMap<string, readonly BackupSelectionTable[]>> {
  const rows = await db
    .selectFrom('backup_selection')
    .selectAll()
    .where('plan_id', 'in', planIds)
    .orderBy('created_at')
    .orderBy('selection_id')
    .execute()
  return Map.groupBy(rows, ({ plan_id }) => plan_id)
}

/** True where it was there. */
export async function deleteSelection(db: Queryable, planId: string, selectionId: string): Promise<boolean> {
  const result = await db
    .deleteFrom('backup_selection')
    .where('plan_id', '=', planId)
    .where('selection_id', '=', selectionId)
    .executeTakeFirst()
  return result.numDeletedRows === 1n
}

/** Newest first. */
export async function listPlanRuns(
  db: Queryable,
  planId: string,
  page: PageRequest,
): Promise<Page<BackupPlanRunTable>> {
  let query = db.selectFrom('backup_plan_run').selectAll().where('plan_id', '=', planId)
  if (page.after !== undefined) {
    const [at, id] = timeCursor(page.after)
    query = query.where((eb) => eb(eb.refTuple('due_at', 'rule_id'), '<', eb.tuple(at, id)))
  }
  const rows = await query
    .orderBy('due_at', 'desc')
    .orderBy('rule_id', 'desc')
    .limit(page.limit + 1)
    .execute()
  return pageOf(rows, page.limit, (row) => [row.due_at, row.rule_id])
}

/** Removes the records of runs from before. */
export async function prunePlanRuns(db: Queryable, before: number): Promise<void> {
  await db.deleteFrom('backup_plan_run').where('recorded_at', '<', before).execute()
}
