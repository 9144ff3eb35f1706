import { sql } from 'kysely'
import type { Queryable } from '../store.ts'

const DAY_MS = 86_400_000
/** Older days are forgotten. */
const KEEP_DAYS = 400

export interface Usage {
  /** Days since 1970, UTC. */
  readonly day: number
  readonly contentBytes: number
  readonly storedBytes: number
  readonly recoveryPoints: number
}

/** One vault, or all of an account in a region. */
export interface UsageScope {
  readonly accountId: string
  readonly region: string
  readonly vaultName: string | undefined
}

export function dayOf(at: number): number {
  return Math.floor(at / DAY_MS)
}

/** Writes down what each vault of the server holds now, over what was written on the same day. It reads every recovery point. */
export async function recordUsage(db: Queryable, now: number): Promise<void> {
  const day = dayOf(now)
  await sql`
    insert into vault_usage (vault_id, day, content_bytes, stored_bytes, recovery_points)
    select vault.vault_id, ${sql.lit(day)}, coalesce(sum(point.size_bytes), 0), vault.stored_bytes, count(point.arn)
    from vault left join recovery_point as point on point.account_id = vault.account_id
      and point.region = vault.region and point.vault_name = vault.name
    where true group by vault.vault_id, vault.stored_bytes
    on conflict (vault_id, day) do update set content_bytes = excluded.content_bytes,
      stored_bytes = excluded.stored_bytes, recovery_points = excluded.recovery_points`.execute(db)
  await sql`
    delete from vault_usage where day < ${day - KEEP_DAYS}
      or not exists (select 1 from vault where vault.vault_id = vault_usage.vault_id)`.execute(db)
}

/** Day by day, the oldest first, since that day; a day that no server ran on is missing. The sum of several vaults. */
export async function listUsage(
  db: Queryable,
  { accountId, region, vaultName }: UsageScope,
  sinceDay: number,
): Promise<readonly Usage[]> {
  let rows = db
    .selectFrom('vault_usage as usage')
    .innerJoin('vault', 'vault.vault_id', 'usage.vault_id')
    .where('vault.account_id', '=', accountId)
    .where('vault.region', '=', region)
    .where('usage.day', '>=', sinceDay)
  if (vaultName !== undefined) rows = rows.where('vault.name', '=', vaultName)
  const days = await rows
    .select(({ fn }) => [
      'usage.day',
      fn.sum<number | string>('usage.content_bytes').as('content'),
      fn.sum<number | string>('usage.stored_bytes').as('stored'),
      fn.sum<number | string>('usage.recovery_points').as('points'),
    ])
    .groupBy('usage.day')
    .orderBy('usage.day')
    .execute()
  return days.map(({ day, content, stored, points }) => ({
    day,
    contentBytes: Number(content),
    storedBytes: Number(stored),
    recoveryPoints: Number(points),
  }))
}

/** What is held at this moment. It reads every recovery point of the account. */
export async function usageNow(db: Queryable, scope: UsageScope, now: number): Promise<Usage> {
  const { accountId, region, vaultName } = scope
  let rows = db
    .selectFrom('vault')
    .where('vault.account_id', '=', accountId)
    .where('vault.region', '=', region)
  let points = db
    .selectFrom('recovery_point')
    .where('account_id', '=', accountId)
    .where('region', '=', region)
  if (vaultName !== undefined) {
    rows = rows.where('vault.name', '=', vaultName)
    points = points.where('vault_name', '=', vaultName)
  }
  const vaults = await rows
    .select(({ fn }) => fn.sum<number | string | null>('stored_bytes').as('stored'))
    .executeTakeFirstOrThrow()
  const held = await points
    .select(({ fn }) => [
      fn.sum<number | string | null>('size_bytes').as('content'),
      fn.countAll<number | string>().as('count'),
    ])
    .executeTakeFirstOrThrow()
  return {
    day: dayOf(now),
    contentBytes: Number(held.content ?? 0),
    storedBytes: Number(vaults.stored ?? 0),
    recoveryPoints: Number(held.count),
  }
}
