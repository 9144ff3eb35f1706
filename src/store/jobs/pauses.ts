import type { BackupPauseTable } from '../plans/schema-plans.ts'
import type { Place } from '../regional.ts'
import type { Queryable } from '../store.ts'

/** What is paused at `now`, by target. */
export async function pausesAt(
  db: Queryable,
  place: Place,
  now: number,
): Promise<ReadonlyMap<string, BackupPauseTable>> {
  const rows = await db
    .selectFrom('backup_pause')
    .selectAll()
    .where('account_id', '=', place.accountId)
    .where('region', '=', place.region)
    .where('until', '>', now)
    .orderBy('target_arn')
    .execute()
  return new Map(rows.map((row) => [row.target_arn, row]))
}

/** Pauses a target, or pauses it anew. */
export async function putPause(db: Queryable, row: BackupPauseTable): Promise<void> {
  const { until, reason, paused_by, paused_at } = row
  await db
    .insertInto('backup_pause')
    .values(row)
    .onConflict((conflict) =>
      conflict
        .columns(['account_id', 'region', 'target_arn'])
        .doUpdateSet({ until, reason, paused_by, paused_at }),
    )
    .execute()
}

/** True where the target was paused. */
export async function deletePause(
  db: Queryable,
  place: Place,
  targetArn: string,
  now: number,
): Promise<boolean> {
  const row = await db
    .deleteFrom('backup_pause')
    .where('account_id', '=', place.accountId)
    .where('region', '=', place.region)
    .where('target_arn', '=', targetArn)
    .returning('until')
    .executeTakeFirst()
  return row !== undefined && row.until > now
}
