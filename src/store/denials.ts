import type { DenialTable } from './schema.ts'
import type { Queryable } from './store.ts'

/** Writes what is kept of refusals; an id that is there already stays as it is. Durable when the promise resolves. */
export async function insertDenials(db: Queryable, rows: readonly DenialTable[]): Promise<void> {
  for (const row of rows) {
    await db
      .insertInto('denial')
      .values(row)
      .onConflict((conflict) => conflict.column('id').doNothing())
      .execute()
  }
}

/** Only of the account itself: another account's id is as unknown as none. */
export async function findDenial(
  db: Queryable,
  accountId: string,
  id: string,
): Promise<DenialTable | undefined> {
  return await db
    .selectFrom('denial')
    .selectAll()
    .where('id', '=', id)
    .where('account_id', '=', accountId)
    .executeTakeFirst()
}

/** How long a refusal can be explained, in milliseconds. */
export const DENIAL_KEPT_MS: number = 90 * 24 * 3_600_000

/** Rows of one batch: a delete of more would hold up SQLite's one writer. */
const BATCH = 1_000

/**
 * Deletes refusals older than 90 days, a batch at a time, until none is left or `isStopped` says so.
 * @returns How many were deleted.
 */
export async function pruneDenials(
  db: Queryable,
  now: number,
  isStopped: () => boolean = () => false,
  batch: number = BATCH,
): Promise<number> {
  let pruned = 0
  while (!isStopped()) {
    const old = db
      .selectFrom('denial')
      .select('id')
      .where('at', '<', now - DENIAL_KEPT_MS)
      .orderBy('at')
      .limit(batch)
    const { numDeletedRows } = await db.deleteFrom('denial').where('id', 'in', old).executeTakeFirstOrThrow()
    pruned += Number(numDeletedRows)
    if (Number(numDeletedRows) < batch) break
  }
  return pruned
}
