import { sql } from 'kysely'
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

/** Counts up the epoch: this server took over the database of another. Returns the new one. */
export async function bumpEpoch(db: Queryable): Promise<number> {
  const row = await db
    .updateTable('server')
    .set({ epoch: sql`epoch + 1` })
    .returning('epoch')
    .executeTakeFirstOrThrow()
  return row.epoch
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

/** All accounts, oldest first: a server has few. */
export async function listAccounts(db: Queryable): Promise<AccountTable[]> {
  return await db.selectFrom('account').selectAll().orderBy('created_at').orderBy('account_id').execute()
}

export async function setRootLastUsed(db: Queryable, accountId: string, at: number): Promise<void> {
  await db.updateTable('account').set({ root_last_used_at: at }).where('account_id', '=', accountId).execute()
}
