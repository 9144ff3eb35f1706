import type { Page, PageRequest } from '../page.ts'
import { pageOf, timeCursor } from '../page.ts'
import type { BackOffTable, SignInSessionTable } from './schema-credentials.ts'
import type { Queryable } from '../store.ts'

/** Sessions of people who signed in, and who is held back for guessing. */

export async function insertSignInSession(db: Queryable, row: SignInSessionTable): Promise<void> {
  await db.insertInto('sign_in_session').values(row).execute()
}

export async function findSignInSession(
  db: Queryable,
  accessKeyId: string,
): Promise<SignInSessionTable | undefined> {
  return await db
    .selectFrom('sign_in_session')
    .selectAll()
    .where('access_key_id', '=', accessKeyId)
    .executeTakeFirst()
}

/** A session with the name of the user, or of the role, that it is of. The root user's has the account for its user. */
export type ListedSession = SignInSessionTable & {
  readonly user_name: string | null
  readonly user_path: string | null
  readonly role_name: string | null
}

/** Sessions that neither ended nor expired, of an account or of one user, oldest first. */
export async function listSignInSessions(
  db: Queryable,
  filter: { readonly accountId: string; readonly userId?: string | undefined; readonly now: number },
  page: PageRequest,
): Promise<Page<ListedSession>> {
  let query = db
    .selectFrom('sign_in_session as session')
    .leftJoin('iam_user', 'iam_user.user_id', 'session.user_id')
    .leftJoin('iam_role', 'iam_role.role_id', 'session.user_id')
    .selectAll('session')
    .select(['iam_user.name as user_name', 'iam_user.path as user_path', 'iam_role.name as role_name'])
    // Of whom is deleted nothing is left to end.
    .where((eb) =>
      eb.or([
        eb('iam_user.name', 'is not', null),
        eb('iam_role.name', 'is not', null),
        eb('session.user_id', '=', eb.ref('session.account_id')),
      ]),
    )
    .where('session.account_id', '=', filter.accountId)
    .where('session.ended_at', 'is', null)
    .where('session.expires_at', '>', filter.now)
  if (filter.userId !== undefined) query = query.where('session.user_id', '=', filter.userId)
  if (page.after !== undefined) {
    const [at, id] = timeCursor(page.after)
    query = query.where((eb) =>
      eb.or([
        eb('session.created_at', '>', at),
        eb.and([eb('session.created_at', '=', at), eb('session.access_key_id', '>', id)]),
      ]),
    )
  }
  const rows = await query
    .orderBy('session.created_at')
    .orderBy('session.access_key_id')
    .limit(page.limit + 1)
    .execute()
  return pageOf(rows, page.limit, (row) => [row.created_at, row.access_key_id])
}

/** Ends one session. False where it ended before. */
export async function endSignInSession(db: Queryable, accessKeyId: string, at: number): Promise<boolean> {
  const result = await db
    .updateTable('sign_in_session')
    .set({ ended_at: at })
    .where('access_key_id', '=', accessKeyId)
    .where('ended_at', 'is', null)
    .executeTakeFirst()
  return result.numUpdatedRows === 1n
}

/** Ends all sessions of a user, or of a role, but one. */
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

/** Takes back one failure that was counted beforehand and was none. */
export async function forgiveOne(db: Queryable, subject: string): Promise<void> {
  await db
    .updateTable('back_off')
    .set((eb) => ({ failures: eb('failures', '-', 1) }))
    .where('subject', '=', subject)
    .where('failures', '>', 0)
    .execute()
}

/** Deletes sessions that expired and failures that no longer count: `before` is milliseconds since 1970. */
export async function pruneSignIns(db: Queryable, before: number): Promise<void> {
  await db.deleteFrom('sign_in_session').where('expires_at', '<', before).execute()
  await db.deleteFrom('sign_in_finished').where('expires_at', '<', before).execute()
  await db.deleteFrom('back_off').where('last_at', '<', before).where('blocked_until', '<', before).execute()
}
