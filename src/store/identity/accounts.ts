import type { Insertable } from 'kysely'
import { pageOf, textCursor } from '../page.ts'
import type { Page, PageRequest } from '../page.ts'
import type { CredentialReportTable } from './schema-credentials.ts'
import type { AccountTable, ServerTable } from '../schema.ts'
import type { Queryable } from '../store.ts'

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

/** Makes an account, with the restore guard on. False where it exists. */
export async function insertAccount(
  db: Queryable,
  row: Omit<Insertable<AccountTable>, 'restore_guard'>,
): Promise<boolean> {
  const result = await db
    .insertInto('account')
    .values({ ...row, restore_guard: 'enforce' })
    .onConflict((conflict) => conflict.column('account_id').doNothing())
    .executeTakeFirst()
  return result.numInsertedOrUpdatedRows === 1n
}

export async function findAccount(db: Queryable, accountId: string): Promise<AccountTable | undefined> {
  return await db.selectFrom('account').selectAll().where('account_id', '=', accountId).executeTakeFirst()
}

/** All accounts of the server, by id. */
export async function listAccounts(db: Queryable, page: PageRequest): Promise<Page<AccountTable>> {
  let query = db.selectFrom('account').selectAll()
  if (page.after !== undefined) query = query.where('account_id', '>', textCursor(page.after))
  const rows = await query
    .orderBy('account_id')
    .limit(page.limit + 1)
    .execute()
  return pageOf(rows, page.limit, (row) => [row.account_id])
}

/** The account that an alias stands for. */
export async function findAccountByAlias(db: Queryable, alias: string): Promise<AccountTable | undefined> {
  return await db.selectFrom('account').selectAll().where('alias', '=', alias).executeTakeFirst()
}

/** How the account's restore guard is set. @throws Where there is no such account: nobody may be let through by a missing row. */
export async function restoreGuardOf(
  db: Queryable,
  accountId: string,
): Promise<AccountTable['restore_guard']> {
  const { restore_guard } = await db
    .selectFrom('account')
    .select('restore_guard')
    .where('account_id', '=', accountId)
    .executeTakeFirstOrThrow()
  return restore_guard
}

export type AccountChange = Partial<
  Pick<AccountTable, 'alias' | 'password_policy' | 'restore_guard' | 'first_steps_dismissed_at'>
>

/** Throws the engine's error for an alias that is taken: ask findAccountByAlias first. */
export async function updateAccount(db: Queryable, accountId: string, change: AccountChange): Promise<void> {
  await db.updateTable('account').set(change).where('account_id', '=', accountId).execute()
}

/** Replaces the account's report. */
export async function putCredentialReport(db: Queryable, row: CredentialReportTable): Promise<void> {
  await db
    .insertInto('credential_report')
    .values(row)
    .onConflict((conflict) =>
      conflict.column('account_id').doUpdateSet({ generated_at: row.generated_at, content: row.content }),
    )
    .execute()
}

export async function findCredentialReport(
  db: Queryable,
  accountId: string,
): Promise<CredentialReportTable | undefined> {
  return await db
    .selectFrom('credential_report')
    .selectAll()
    .where('account_id', '=', accountId)
    .executeTakeFirst()
}

/** The public half of the kit that new vaults are opened by. */
export async function setRecoveryKit(db: Queryable, publicKey: string): Promise<void> {
  await db.updateTable('server').set({ recovery_kit_public_key: publicKey }).execute()
}
