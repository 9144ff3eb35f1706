import type { RetentionCountsTable } from '../plans/schema-plans.ts'
import type { RecoveryPointStatus, RecoveryPointTable } from '../schema.ts'
import type { Queryable } from '../store.ts'

/** Sets the counts of a plan's rule; `counts` null takes them away. */
export async function putRetentionCounts(
  db: Queryable,
  row: Omit<RetentionCountsTable, 'counts'> & { readonly counts: string | null },
): Promise<void> {
  const { counts, ...rest } = row
  if (counts === null) {
    await db
      .deleteFrom('retention_counts')
      .where('plan_id', '=', row.plan_id)
      .where('rule_name', '=', row.rule_name)
      .execute()
    return
  }
  const { updated_at, updated_by } = row
  await db
    .insertInto('retention_counts')
    .values({ ...rest, counts })
    .onConflict((conflict) =>
      conflict.columns(['plan_id', 'rule_name']).doUpdateSet({ counts, updated_at, updated_by }),
    )
    .execute()
}

/** Of one plan, by the rule's name. */
export async function retentionCountsOf(
  db: Queryable,
  planId: string,
): Promise<readonly RetentionCountsTable[]> {
  return await db
    .selectFrom('retention_counts')
    .selectAll()
    .where('plan_id', '=', planId)
    .orderBy('rule_name')
    .execute()
}

/** All of them, of plans that are not deleted. */
export async function allRetentionCounts(db: Queryable): Promise<readonly RetentionCountsTable[]> {
  return await db
    .selectFrom('retention_counts')
    .innerJoin('backup_plan', 'backup_plan.plan_id', 'retention_counts.plan_id')
    .selectAll('retention_counts')
    .where('backup_plan.deleted_at', 'is', null)
    .orderBy('retention_counts.plan_id')
    .orderBy('retention_counts.rule_name')
    .execute()
}

/** Those that are whole or partial, and not on their way out. */
const COUNTED: readonly RecoveryPointStatus[] = ['AVAILABLE', 'COMPLETED', 'PARTIAL']

/** The points that a plan's rules made and that counts may look at. */
export async function countedPoints(db: Queryable, planId: string): Promise<readonly RecoveryPointTable[]> {
  return await db
    .selectFrom('recovery_point')
    .selectAll()
    .where('plan_id', '=', planId)
    .where('status', 'in', COUNTED)
    .orderBy('created_at', 'desc')
    .orderBy('arn', 'desc')
    .execute()
}
