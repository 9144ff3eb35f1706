import type { Database } from '../database.ts'
import type { Page, PageRequest } from '../page.ts'
import { pageOf, textCursor } from '../page.ts'
import type { Queryable } from '../store.ts'

/**
 * What users, groups, roles, customer managed policies and instance profiles have in common: a name that is unique in its account whatever its
 * case, and a path. They are listed by lower-cased name in byte order.
 */
type Named = 'iam_user' | 'iam_group' | 'iam_role' | 'iam_policy' | 'iam_instance_profile'

interface PathFilter {
  readonly accountId: string
  /** `/` or absent: all. */
  readonly pathPrefix?: string | undefined
}

/** Resolves with false where the account has one of this name, in whatever case. */
export type Insert<T extends Named> = (db: Queryable, row: Database[T]) => Promise<boolean>
export type FindByName<T extends Named> = (
  db: Queryable,
  accountId: string,
  name: string,
) => Promise<Database[T] | undefined>
export type List<T extends Named> = (
  db: Queryable,
  filter: PathFilter,
  page: PageRequest,
) => Promise<Page<Database[T]>>

/** Paths hold the characters 0x21 to 0x7e only: everything that starts with a prefix sorts below prefix + 0x7f. */
function pathRange(prefix: string | undefined): readonly [string, string] {
  return [prefix ?? '/', `${prefix ?? '/'}\x7f`]
}

export function insertInto<T extends Named>(table: T): Insert<T> {
  return async (db, row) => {
    const result = await db
      .insertInto<Named>(table)
      .values(row)
      .onConflict((conflict) => conflict.columns(['account_id', 'name_lower']).doNothing())
      .executeTakeFirst()
    return result.numInsertedOrUpdatedRows === 1n
  }
}

export function findByNameIn<T extends Named>(table: T): FindByName<T> {
  return async (db, accountId, name) => {
    const row = await db
      .selectFrom<Named>(table)
      .selectAll()
      .where('account_id', '=', accountId)
      .where('name_lower', '=', name.toLowerCase())
      .executeTakeFirst()
    return row as Database[T] | undefined
  }
}

export function listOf<T extends Named>(table: T): List<T> {
  return async (db, filter, page) => {
    const [from, below] = pathRange(filter.pathPrefix)
    let query = db
      .selectFrom<Named>(table)
      .selectAll()
      .where('account_id', '=', filter.accountId)
      .where('path', '>=', from)
      .where('path', '<', below)
    if (page.after !== undefined) query = query.where('name_lower', '>', textCursor(page.after))
    const rows = await query
      .orderBy('name_lower')
      .limit(page.limit + 1)
      .execute()
    return pageOf(rows as Database[T][], page.limit, (row) => [row.name_lower])
  }
}
