import type { Database } from './database.ts'
import type { Page, PageRequest } from './page.ts'
import { pageOf, textCursor } from './page.ts'
import type { Queryable } from './store.ts'

/** An account in a region. */
export interface Place {
  readonly accountId: string
  readonly region: string
}

/** What an account has by name in each region. Names are told apart by case, and listed in byte order. */
type Regional = 'framework' | 'report_plan' | 'restore_testing_plan' | 'tiering_configuration'

/** Resolves with false where the account has one of this name in this region. */
export type Insert<T extends Regional> = (db: Queryable, row: Database[T]) => Promise<boolean>
export type FindByName<T extends Regional> = (
  db: Queryable,
  place: Place,
  name: string,
) => Promise<Database[T] | undefined>
export type List<T extends Regional> = (
  db: Queryable,
  place: Place,
  page: PageRequest,
) => Promise<Page<Database[T]>>

export function insertInto<T extends Regional>(table: T): Insert<T> {
  return async (db, row) => {
    const result = await db
      .insertInto<Regional>(table)
      .values(row)
      .onConflict((conflict) => conflict.columns(['account_id', 'region', 'name']).doNothing())
      .executeTakeFirst()
    return result.numInsertedOrUpdatedRows === 1n
  }
}

export function findByNameIn<T extends Regional>(table: T): FindByName<T> {
  return async (db, place, name) => {
    const row = await inPlace(db, table, place).where('name', '=', name).executeTakeFirst()
    return row as Database[T] | undefined
  }
}

export function listOf<T extends Regional>(table: T): List<T> {
  return async (db, place, page) => {
    let query = inPlace(db, table, place)
    if (page.after !== undefined) query = query.where('name', '>', textCursor(page.after))
    const rows = await query
      .orderBy('name')
      .limit(page.limit + 1)
      .execute()
    return pageOf(rows as Database[T][], page.limit, (row) => [row.name])
  }
}

const inPlace = (db: Queryable, table: Regional, { accountId, region }: Place) =>
  db.selectFrom<Regional>(table).selectAll().where('account_id', '=', accountId).where('region', '=', region)
