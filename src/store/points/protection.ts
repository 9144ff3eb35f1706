import type { ExpressionBuilder } from 'kysely'
import type { Database } from '../database.ts'
import type { Page, PageRequest } from '../page.ts'
import { pageOf, timeCursor } from '../page.ts'
import type { ProtectionTable } from './schema-protection.ts'
import type { ResourceTable } from '../schema.ts'
import type { Queryable } from '../store.ts'

/** Registered resources by how new their newest restorable recovery point is. */

export interface ProtectionFilter {
  readonly accountId: string
  readonly region: string
  readonly type?: string | undefined
  /** At least so new, in milliseconds since 1970. 1: with any recovery point. */
  readonly from?: number | undefined
  /** Older than this. 1: without any. */
  readonly before?: number | undefined
  /** True: what restores made alone; false: without it. */
  readonly isRestored?: boolean | undefined
}

export type ProtectionRow = Pick<
  ResourceTable,
  'arn' | 'type' | 'name' | 'settings' | 'restored_from' | 'created_at'
> &
  Pick<ProtectionTable, 'newest_at'>

/** Those without a recovery point first, then by the age of the newest, the oldest first. */
export async function listProtection(
  db: Queryable,
  filter: ProtectionFilter,
  page: PageRequest,
): Promise<Page<ProtectionRow>> {
  let query = db
    .selectFrom('protection')
    .innerJoin('resource', (join) =>
      join
        .onRef('resource.account_id', '=', 'protection.account_id')
        .onRef('resource.arn', '=', 'protection.arn')
        .on('resource.removed_at', 'is', null),
    )
    .select(['protection.arn', 'protection.type', 'protection.newest_at'])
    .select(['resource.name', 'resource.settings', 'resource.restored_from', 'resource.created_at'])
    .where(meant(filter))
  if (filter.isRestored !== undefined)
    query = query.where('resource.restored_from', filter.isRestored ? 'is not' : 'is', null)
  if (page.after !== undefined) {
    const [at, arn] = timeCursor(page.after)
    query = query.where((eb) =>
      eb(eb.refTuple('protection.newest_at', 'protection.arn'), '>', eb.tuple(at, arn)),
    )
  }
  const rows = await query
    .orderBy('protection.newest_at')
    .orderBy('protection.arn')
    .limit(page.limit + 1)
    .execute()
  return pageOf(rows, page.limit, (row) => [row.newest_at, row.arn])
}

export async function countProtection(
  db: Queryable,
  filter: Omit<ProtectionFilter, 'isRestored'>,
): Promise<number> {
  const row = await db
    .selectFrom('protection')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where(meant(filter))
    .executeTakeFirstOrThrow()
  return Number(row.count)
}

/** What restores made and nothing has backed up since. */
export async function countRestored(
  db: Queryable,
  place: Pick<ProtectionFilter, 'accountId' | 'region'>,
): Promise<number> {
  const row = await db
    .selectFrom('resource')
    .innerJoin('protection', (join) =>
      join
        .onRef('protection.account_id', '=', 'resource.account_id')
        .onRef('protection.arn', '=', 'resource.arn')
        .on('protection.newest_at', '<', 1),
    )
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('resource.account_id', '=', place.accountId)
    .where('resource.region', '=', place.region)
    .where('resource.restored_from', 'is not', null)
    .where('resource.removed_at', 'is', null)
    .executeTakeFirstOrThrow()
  return Number(row.count)
}

/** Of which resource each of these recovery points is; those that are gone are missing. */
export async function resourcesOfPoints(
  db: Queryable,
  accountId: string,
  pointArns: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  if (pointArns.length === 0) return new Map()
  const rows = await db
    .selectFrom('recovery_point')
    .select(['arn', 'resource_arn'])
    .where('account_id', '=', accountId)
    .where('arn', 'in', pointArns)
    .execute()
  return new Map(rows.map((row) => [row.arn, row.resource_arn]))
}

function meant({ accountId, region, type, from, before }: ProtectionFilter) {
  return (eb: ExpressionBuilder<Database, 'protection'>) =>
    eb.and([
      eb('protection.account_id', '=', accountId),
      eb('protection.region', '=', region),
      ...(type === undefined ? [] : [eb('protection.type', '=', type)]),
      ...(from === undefined ? [] : [eb('protection.newest_at', '>=', from)]),
      ...(before === undefined ? [] : [eb('protection.newest_at', '<', before)]),
    ])
}
