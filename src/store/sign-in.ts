import type { BackOffTable } from './schema-credentials.ts'
import type { Queryable } from './store.ts'

/** Sessions of people who signed in, and who is held back for guessing. */

/** Ends all sessions of a user but one. */
export async function endSignInSessionsOf(
  db: Queryable,
  userId: string,
  at: number,
  except: string = '',
): Promise<void> {
  await db
    .updateTable('sign_in_session')
    .set({ ended_at: at })
    .where('user_id', '=', userId)
    .where('access_key_id', '!=', except)
    .where('ended_at', 'is', null)
    .execute()
}

export async function findBackOff(db: Queryable, subject: string): Promise<BackOffTable | undefined> {
  return await db.selectFrom('back_off').selectAll().where('subject', '=', subject).executeTakeFirst()
}

/**
 * Writes a row over the one that was read (undefined: there was none). False where another request was faster: read again.
 */
export async function replaceBackOff(
  db: Queryable,
  before: BackOffTable | undefined,
  row: BackOffTable,
): Promise<boolean> {
  if (before === undefined) {
    const result = await db
      .insertInto('back_off')
      .values(row)
      .onConflict((conflict) => conflict.column('subject').doNothing())
      .executeTakeFirst()
    return result.numInsertedOrUpdatedRows === 1n
  }
  const result = await db
    .updateTable('back_off')
    .set(row)
    .where('subject', '=', before.subject)
    .where('failures', '=', before.failures)
    .where('last_at', '=', before.last_at)
    .executeTakeFirst()
  return result.numUpdatedRows === 1n
}

/** Forgives a subject. */
export async function deleteBackOff(db: Queryable, subject: string): Promise<void> {
  await db.deleteFrom('back_off').where('subject', '=', subject).execute()
}
