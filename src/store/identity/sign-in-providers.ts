import type { SignInProviderTable } from './schema-credentials.ts'
import type { Queryable } from '../store.ts'

/** Providers that people of an account sign in with, and which sign-ins were finished. */

/** Puts it over the one that is there. */
export async function putSignInProviderRow(db: Queryable, row: SignInProviderTable): Promise<void> {
  await deleteSignInProviderRow(db, row.account_id, row.url)
  await db.insertInto('sign_in_provider').values(row).execute()
}

export async function findSignInProvider(
  db: Queryable,
  accountId: string,
  url: string,
): Promise<SignInProviderTable | undefined> {
  return await db
    .selectFrom('sign_in_provider')
    .selectAll()
    .where('account_id', '=', accountId)
    .where('url', '=', url)
    .executeTakeFirst()
}

/** All of an account; there are no more than identity providers. */
export async function listSignInProviderRows(
  db: Queryable,
  accountId: string,
): Promise<SignInProviderTable[]> {
  return await db
    .selectFrom('sign_in_provider')
    .selectAll()
    .where('account_id', '=', accountId)
    .orderBy('url')
    .execute()
}

/** False where it was not there. */
export async function deleteSignInProviderRow(
  db: Queryable,
  accountId: string,
  url: string,
): Promise<boolean> {
  const result = await db
    .deleteFrom('sign_in_provider')
    .where('account_id', '=', accountId)
    .where('url', '=', url)
    .executeTakeFirst()
  return result.numDeletedRows === 1n
}

/** Uses a sign-in up. False where it was used up before: of any number of attempts at once one gets true. */
export async function finishSignIn(db: Queryable, id: string, expiresAt: number): Promise<boolean> {
  const result = await db
    .insertInto('sign_in_finished')
    .values({ id, expires_at: expiresAt })
    .onConflict((conflict) => conflict.column('id').doNothing())
    .executeTakeFirst()
  return result.numInsertedOrUpdatedRows === 1n
}
