import type { AccountTable, ServerTable } from './schema.ts'
import type { Queryable } from './store.ts'

/** The server's one row; undefined before the first start has written it. */
export async function findServer(db: Queryable): Promise<ServerTable | undefined> {
  return await db.selectFrom('server').selectAll().where('id', '=', 1).executeTakeFirst()
}

/** Writes the server's row once; where one is there already, it stays and is returned. */
export async function insertServer(db: Queryable, row: Omit<ServerTable, 'id'>): Promise<ServerTable> {
  await db
    .insertInto('server')
    .values({ ...row, id: 1 })
    .onConflict((conflict) => conflict.column('id').doNothing())
    .execute()
  return await db.selectFrom('server').selectAll().executeTakeFirstOrThrow()
}

/** False where the account exists. */
export async function insertAccount(db: Queryable, row: AccountTable): Promise<boolean> {
  const result = await db
    .insertInto('account')
    .values(row)
    .onConflict((conflict) => conflict.column('account_id').doNothing())
    .executeTakeFirst()
  return result.numInsertedOrUpdatedRows === 1n
}

export async function findAccount(db: Queryable, accountId: string): Promise<AccountTable | undefined> {
  return await db.selectFrom('account').selectAll().where('account_id', '=', accountId).executeTakeFirst()
}
