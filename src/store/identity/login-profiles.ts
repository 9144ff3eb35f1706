import type { LoginProfileTable } from './schema-credentials.ts'
import type { Queryable } from '../store.ts'

/** Passwords of users: the present one, and those they had before, so that none is used again too soon. */

/** False where the user has a password. */
export async function insertLoginProfile(db: Queryable, row: LoginProfileTable): Promise<boolean> {
  const result = await db
    .insertInto('iam_login_profile')
    .values(row)
    .onConflict((conflict) => conflict.column('user_id').doNothing())
    .executeTakeFirst()
  return result.numInsertedOrUpdatedRows === 1n
}

export async function findLoginProfile(
  db: Queryable,
  userId: string,
): Promise<LoginProfileTable | undefined> {
  return await db.selectFrom('iam_login_profile').selectAll().where('user_id', '=', userId).executeTakeFirst()
}

/** All of an account, by user id. */
export async function loginProfilesOf(
  db: Queryable,
  accountId: string,
): Promise<ReadonlyMap<string, LoginProfileTable>> {
  const rows = await db
    .selectFrom('iam_login_profile')
    .selectAll()
    .where('account_id', '=', accountId)
    .execute()
  return new Map(rows.map((row) => [row.user_id, row]))
}

export type LoginProfileChange = Partial<
  Pick<LoginProfileTable, 'password' | 'changed_at' | 'reset_required'>
>

export async function updateLoginProfile(
  db: Queryable,
  userId: string,
  change: LoginProfileChange,
): Promise<void> {
  if (Object.keys(change).length === 0) return
  await db.updateTable('iam_login_profile').set(change).where('user_id', '=', userId).execute()
}

/** With every password the user had. False where there is none. Give it a transaction. */
export async function deleteLoginProfile(db: Queryable, userId: string): Promise<boolean> {
  await db.deleteFrom('iam_password_history').where('user_id', '=', userId).execute()
  const result = await db.deleteFrom('iam_login_profile').where('user_id', '=', userId).executeTakeFirst()
  return result.numDeletedRows === 1n
}

/** The passwords a user had, newest first. */
export async function passwordHistory(
  db: Queryable,
  userId: string,
  limit: number,
): Promise<readonly string[]> {
  const rows = await db
    .selectFrom('iam_password_history')
    .select('password')
    .where('user_id', '=', userId)
    .orderBy('number', 'desc')
    .limit(limit)
    .execute()
  return rows.map((row) => row.password)
}

/** Adds the newest password and forgets all but `kept`. Give it a transaction. */
export async function rememberPassword(
  db: Queryable,
  userId: string,
  password: string,
  kept: number,
): Promise<void> {
  const newest = await db
    .selectFrom('iam_password_history')
    .select('number')
    .where('user_id', '=', userId)
    .orderBy('number', 'desc')
    .limit(1)
    .executeTakeFirst()
  const number = (newest?.number ?? 0) + 1
  await db.insertInto('iam_password_history').values({ user_id: userId, number, password }).execute()
  await db
    .deleteFrom('iam_password_history')
    .where('user_id', '=', userId)
    .where('number', '<=', number - kept)
    .execute()
}
