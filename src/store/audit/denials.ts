import { sql } from 'kysely'
import type { DenialPolicyTable, DenialTable } from './schema-denials.ts'
import type { Millis } from '../schema.ts'
import type { Queryable } from '../store.ts'

/** What is kept of a refusal: its row, and the policies that its row names by digest. */
export interface DenialRecord {
  readonly row: DenialTable
  readonly policies: readonly Pick<DenialPolicyTable, 'digest' | 'document'>[]
}

/** How long a refusal can be explained after it last happened, in milliseconds. */
export const DENIAL_KEPT_MS: number = 90 * 24 * 3_600_000

/**
 * Refusals kept for one account; beyond, the oldest go first. What strangers were refused on its resources has a bound of its own:
 * they must not push out what the account's own people want explained. Policies are bounded like the refusals that name them.
 */
export const MAX_DENIALS: Readonly<Record<DenialTable['side'], number>> = { caller: 10_000, resource: 1_000 }

/** A refusal dates its policies when it is first kept, not when it is counted again: by so much they may look older than it. */
const POLICY_MARGIN_MS = 24 * 3_600_000

/** Rows of one batch: a delete of more would hold up SQLite's one writer. */
const BATCH = 1_000

/** The bounds are looked after at one new row in so many, told by its id: each look reads as many index entries as are kept. */
const BOUND_EVERY = 64

/**
 * Writes what is kept of refusals. One whose id is there already is counted on it; what it said stays, but for the resource's side,
 * whose id the caller's side chose: there the newest explanation counts. Durable when the promise resolves.
 */
export async function insertDenials(
  db: Queryable,
  records: readonly DenialRecord[],
  max: typeof MAX_DENIALS = MAX_DENIALS,
): Promise<void> {
  for (const { row, policies } of records) {
    const { account_id, id, side, at, count: _, ...said } = row
    const again = { count: sql<number>`denial.count + 1`, last_at: row.last_at }
    await db
      .insertInto('denial')
      .values(row)
      .onConflict((conflict) =>
        conflict
          .columns(['account_id', 'id'])
          .doUpdateSet(side === 'resource' ? { ...said, ...again } : again),
      )
      .execute()
    for (const policy of policies) {
      await db
        .insertInto('denial_policy')
        .values({ account_id, last_at: at, ...policy })
        .onConflict((conflict) =>
          conflict.columns(['account_id', 'digest']).doUpdateSet({ last_at: row.last_at }),
        )
        .execute()
    }
    if (Number.parseInt(id.slice(-2), 16) % BOUND_EVERY === 0) await boundDenials(db, account_id, max)
  }
}

/** Counts one more of a refusal that is kept already; false where it is not. */
export async function countDenial(
  db: Queryable,
  accountId: string,
  id: string,
  at: number,
): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('denial')
    .set({ count: sql<number>`count + 1`, last_at: at })
    .where('account_id', '=', accountId)
    .where('id', '=', id)
    .executeTakeFirst()
  return numUpdatedRows > 0n
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

/** Refusals that happened, once or again, between two times: the ids that audit records of those times are explained by. */
export async function denialsBetween(
  db: Queryable,
  accountId: string,
  { from, to, actions }: { readonly from: Millis; readonly to: Millis; readonly actions: readonly string[] },
): Promise<readonly Pick<DenialTable, 'id' | 'principal_arn' | 'action' | 'resource' | 'at' | 'last_at'>[]> {
  return await db
    .selectFrom('denial')
    .select(['id', 'principal_arn', 'action', 'resource', 'at', 'last_at'])
    .where('account_id', '=', accountId)
    .where('last_at', '>=', from)
    .where('at', '<=', to)
    .where('action', 'in', actions)
    .orderBy('at')
    .execute()
}

/** The text of a policy that a refusal of this account met. */
export async function findDenialPolicy(
  db: Queryable,
  accountId: string,
  digest: string,
): Promise<string | undefined> {
  const row = await db
    .selectFrom('denial_policy')
    .select('document')
    .where('account_id', '=', accountId)
    .where('digest', '=', digest)
    .executeTakeFirst()
  return row?.document
}

/** Deletes the oldest of an account beyond the bounds. */
export async function boundDenials(
  db: Queryable,
  accountId: string,
  max: typeof MAX_DENIALS = MAX_DENIALS,
): Promise<void> {
  for (const side of ['caller', 'resource'] as const) {
    const beyond = db
      .selectFrom('denial')
      .select('id')
      .where('account_id', '=', accountId)
      .where('side', '=', side)
      .orderBy('last_at', 'desc')
      .limit(BATCH)
      .offset(max[side])
    await db.deleteFrom('denial').where('account_id', '=', accountId).where('id', 'in', beyond).execute()
  }
  const unused = db
    .selectFrom('denial_policy')
    .select('digest')
    .where('account_id', '=', accountId)
    .orderBy('last_at', 'desc')
    .limit(BATCH)
    .offset(max.caller)
  await db
    .deleteFrom('denial_policy')
    .where('account_id', '=', accountId)
    .where('digest', 'in', unused)
    .execute()
}

/**
 * Deletes refusals last met more than 90 days ago, and the policies only they named, a batch at a time, until none is left or
 * `isStopped` says so.
 * @returns How many refusals were deleted.
 */
export async function pruneDenials(
  db: Queryable,
  now: number,
  isStopped: () => boolean = () => false,
  batch: number = BATCH,
): Promise<number> {
  const cutoff = now - DENIAL_KEPT_MS
  let pruned = 0
  while (!isStopped()) {
    const old = db
      .selectFrom('denial')
      .select('id')
      .where('last_at', '<', cutoff)
      .orderBy('last_at')
      .limit(batch)
    const { numDeletedRows } = await db
      .deleteFrom('denial')
      .where('id', 'in', old)
      .where('last_at', '<', cutoff)
      .executeTakeFirstOrThrow()
    pruned += Number(numDeletedRows)
    if (Number(numDeletedRows) < batch) break
  }
  if (!isStopped()) {
    await db
      .deleteFrom('denial_policy')
      .where('last_at', '<', cutoff - POLICY_MARGIN_MS)
      .execute()
  }
  return pruned
}
