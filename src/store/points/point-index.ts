import type { Page, PageRequest } from '../page.ts'
import { pageOf, timeCursor } from '../page.ts'
import type { PointIndexTable } from './schema-point-index.ts'
import type { RecoveryPointTable } from '../schema.ts'
import type { Queryable } from '../store.ts'

/** Keeps the time of an index that is there already. */
export async function putPointIndex(db: Queryable, row: PointIndexTable): Promise<void> {
  await db
    .insertInto('point_index')
    .values(row)
    .onConflict((conflict) =>
      conflict.columns(['account_id', 'recovery_point_arn']).doUpdateSet({ role_arn: row.role_arn }),
    )
    .execute()
}

export async function deletePointIndex(db: Queryable, accountId: string, arn: string): Promise<void> {
  await db
    .deleteFrom('point_index')
    .where('account_id', '=', accountId)
    .where('recovery_point_arn', '=', arn)
    .execute()
}

export async function findPointIndex(
  db: Queryable,
  accountId: string,
  arn: string,
): Promise<PointIndexTable | undefined> {
  return await db
    .selectFrom('point_index')
    .selectAll()
    .where('account_id', '=', accountId)
    .where('recovery_point_arn', '=', arn)
    .executeTakeFirst()
}

/** Which of these recovery points have an index, by ARN. */
export async function indexedAmong(
  db: Queryable,
  accountId: string,
  arns: readonly string[],
): Promise<ReadonlySet<string>> {
  if (arns.length === 0) return new Set()
  const rows = await db
    .selectFrom('point_index')
    .select('recovery_point_arn')
    .where('account_id', '=', accountId)
    .where('recovery_point_arn', 'in', arns)
    .execute()
  return new Set(rows.map((row) => row.recovery_point_arn))
}

export interface PointIndexFilter {
  readonly accountId: string
  readonly region: string
  readonly resourceArn?: string | undefined
  readonly resourceType?: string | undefined
  readonly createdAfter?: number | undefined
  readonly createdBefore?: number | undefined
}

export type IndexedPoint = RecoveryPointTable & {
  readonly indexed_at: number
  readonly index_role_arn: string | null
}

/** Recovery points with an index, the last indexed first. */
export async function listIndexedPoints(
  db: Queryable,
  filter: PointIndexFilter,
  page: PageRequest,
): Promise<Page<IndexedPoint>> {
  const { accountId, region, resourceArn, resourceType, createdAfter, createdBefore } = filter
  let query = db
    .selectFrom('point_index as i')
    .innerJoin('recovery_point as p', (join) =>
      join.onRef('p.account_id', '=', 'i.account_id').onRef('p.arn', '=', 'i.recovery_point_arn'),
    )
    .selectAll('p')
    .select(['i.created_at as indexed_at', 'i.role_arn as index_role_arn'])
    .where('i.account_id', '=', accountId)
    .where('i.region', '=', region)
    .orderBy('i.created_at', 'desc')
    .orderBy('i.recovery_point_arn', 'desc')
  if (resourceArn !== undefined) query = query.where('p.resource_arn', '=', resourceArn)
  if (resourceType !== undefined) query = query.where('p.resource_type', '=', resourceType)
  if (createdAfter !== undefined) query = query.where('p.created_at', '>=', createdAfter)
  if (createdBefore !== undefined) query = query.where('p.created_at', '<=', createdBefore)
  if (page.after !== undefined) {
    const [at, arn] = timeCursor(page.after)
    query = query.where((eb) =>
      eb(eb.refTuple('i.created_at', 'i.recovery_point_arn'), '<', eb.tuple(at, arn)),
    )
  }
  const rows = await query.limit(page.limit + 1).execute()
  return pageOf(rows, page.limit, (row) => [row.indexed_at, row.arn])
}
