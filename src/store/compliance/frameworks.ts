import type { Page, PageRequest } from '../page.ts'
import { pageOf, textCursor } from '../page.ts'
import type { FrameworkTable } from './schema-frameworks.ts'
import type { Queryable } from '../store.ts'

interface Place {
  readonly accountId: string
  readonly region: string
}

/** False where the account has a framework of this name in this region. */
export async function insertFramework(db: Queryable, row: FrameworkTable): Promise<boolean> {
  const result = await db
    .insertInto('framework')
    .values(row)
    .onConflict((conflict) => conflict.columns(['account_id', 'region', 'name']).doNothing())
    .executeTakeFirst()
  return result.numInsertedOrUpdatedRows === 1n
}

export async function findFramework(
  db: Queryable,
  place: Place,
  name: string,
): Promise<FrameworkTable | undefined> {
  return await db
    .selectFrom('framework')
    .selectAll()
    .where('account_id', '=', place.accountId)
    .where('region', '=', place.region)
    .where('name', '=', name)
    .executeTakeFirst()
}

/** Every framework of an account in a region, by name: AWS allows 15. */
export async function allFrameworks(db: Queryable, place: Place): Promise<readonly FrameworkTable[]> {
  return await db
    .selectFrom('framework')
    .selectAll()
    .where('account_id', '=', place.accountId)
    .where('region', '=', place.region)
    .orderBy('name')
    .execute()
}

/** By name, in byte order. */
export async function listFrameworks(
  db: Queryable,
  place: Place,
  page: PageRequest,
): Promise<Page<FrameworkTable>> {
  let query = db
    .selectFrom('framework')
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

/** False where it is gone. */
export async function updateFramework(
  db: Queryable,
  frameworkId: string,
  change: Partial<Pick<FrameworkTable, 'description' | 'controls'>>,
): Promise<boolean> {
  const result = await db
    .updateTable('framework')
    .set(change)
    .where('framework_id', '=', frameworkId)
    .executeTakeFirst()
  return result.numUpdatedRows === 1n
}

export async function deleteFramework(db: Queryable, frameworkId: string): Promise<void> {
  await db.deleteFrom('framework').where('framework_id', '=', frameworkId).execute()
}
