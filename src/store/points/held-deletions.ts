import { sql } from 'kysely'
import type { SelectQueryBuilder } from 'kysely'
import type { Database } from '../database.ts'
import { IS_FREE } from './legal-holds.ts'
import type { Page, PageRequest } from '../page.ts'
import { pageOf, textCursor } from '../page.ts'
import type { HeldDeletionTable, ExpiryRoundTable } from './schema-retention.ts'
import type { RecoveryPointStatus, RecoveryPointTable } from '../schema.ts'
import type { Queryable } from '../store.ts'

/** Those that expiry may take. */
const ALIVE: readonly RecoveryPointStatus[] = ['AVAILABLE', 'COMPLETED', 'PARTIAL', 'STOPPED', 'EXPIRED']
/** Nothing is missing from one of these. */
const WHOLE: readonly RecoveryPointStatus[] = ['AVAILABLE', 'COMPLETED', 'EXPIRED']

export async function findHeldDeletion(db: Queryable, arn: string): Promise<HeldDeletionTable | undefined> {
  return await db.selectFrom('held_deletion').selectAll().where('arn', '=', arn).executeTakeFirst()
}

/** Holds them; those that are held already stay as they are. @returns The ARNs of the others. Give it a transaction. */
export async function insertHeldDeletions(
  db: Queryable,
  rows: readonly Omit<HeldDeletionTable, 'approved_at' | 'approved_by'>[],
): Promise<ReadonlySet<string>> {
  const added = new Set<string>()
  for (const row of rows) {
    const result = await db
      .insertInto('held_deletion')
      .values({ ...row, approved_at: null, approved_by: null })
      .onConflict((conflict) => conflict.column('arn').doNothing())
      .executeTakeFirst()
    if (result.numInsertedOrUpdatedRows === 1n) added.add(row.arn)
  }
  return added
}

export async function deleteHeldDeletion(db: Queryable, arn: string): Promise<void> {
  await db.deleteFrom('held_deletion').where('arn', '=', arn).execute()
}

/** By the recovery points' ARNs. */
export async function listHeldDeletions(
  db: Queryable,
  of: {
    readonly accountId: string
    readonly region: string
    readonly vaultName?: string | undefined
  },
  page: PageRequest,
): Promise<Page<HeldDeletionTable & Pick<RecoveryPointTable, 'resource_arn' | 'created_at' | 'delete_at'>>> {
  const { vaultName } = of
  const rows = await db
    .selectFrom('held_deletion as held')
    .innerJoin('recovery_point as point', 'point.arn', 'held.arn')
    .selectAll('held')
    .select(['point.resource_arn', 'point.created_at', 'point.delete_at'])
    .where('held.account_id', '=', of.accountId)
    .where('held.region', '=', of.region)
    .$if(vaultName !== undefined, (query) => query.where('held.vault_name', '=', vaultName ?? ''))
    .$if(page.after !== undefined, (query) => query.where('held.arn', '>', textCursor(page.after ?? [])))
    .orderBy('held.arn')
    .limit(page.limit + 1)
    .execute()
  return pageOf(rows, page.limit, ({ arn }) => [arn])
}

/** False where the point is not held in the vault, or approved already. */
export async function approveHeldDeletion(
  db: Queryable,
  held: Pick<HeldDeletionTable, 'account_id' | 'arn'>,
  by: { readonly at: number; readonly principalArn: string },
): Promise<boolean> {
  const result = await db
    .updateTable('held_deletion')
    .set({ approved_at: by.at, approved_by: by.principalArn })
    .where('account_id', '=', held.account_id)
    .where('arn', '=', held.arn)
    .where('approved_at', 'is', null)
    .executeTakeFirst()
  return result.numUpdatedRows === 1n
}

/** Points whose lifecycle is over and whose deletion was approved after `since`. */
export async function approvedForExpiry(
  db: Queryable,
  times: { readonly now: number; readonly since: number },
  limit: number,
): Promise<readonly RecoveryPointTable[]> {
  return await db
    .selectFrom('recovery_point as point')
    .innerJoin('held_deletion as held', 'held.arn', 'point.arn')
    .selectAll('point')
    .where('held.approved_at', '>', times.since)
    .where('point.delete_at', '<=', times.now)
    .where('point.status', 'in', ALIVE)
    .where(IS_FREE)
    .orderBy('held.approved_at')
    .orderBy('point.arn')
    .limit(limit)
    .execute()
}

/** Those whose retention is not over after all are held no longer. */
export async function pruneHeldDeletions(db: Queryable, now: number): Promise<void> {
  await db
    .deleteFrom('held_deletion')
    .where('is_counted', '=', 0)
    .where((eb) =>
      eb.not(
        eb.exists(
          eb
            .selectFrom('recovery_point as point')
            .select('point.arn')
            .whereRef('point.arn', '=', 'held_deletion.arn')
            .where('point.delete_at', '<=', now),
        ),
      ),
    )
    .execute()
}

/**
 * Whether nothing of the point's resource would be left in the account without it, or nothing whole where it is whole. Of several that
 * are to go, the newest is the last: those that are due count as far as they are newer.
 */
export async function isLastPoint(db: Queryable, point: RecoveryPointTable, now: number): Promise<boolean> {
  const others: readonly RecoveryPointStatus[] = point.status === 'PARTIAL' ? ALIVE : WHOLE
  const other = await db
    .selectFrom('recovery_point as other')
    .select('other.arn')
    .where('other.resource_unique_id', '=', point.resource_unique_id)
    .where('other.account_id', '=', point.account_id)
    .where('other.arn', '<>', point.arn)
    .where('other.status', 'in', others)
    .where((eb) =>
      eb.or([
        eb('other.delete_at', 'is', null),
        eb('other.delete_at', '>', now),
        eb(eb.refTuple('other.created_at', 'other.arn'), '>', eb.tuple(point.created_at, point.arn)),
      ]),
    )
    .limit(1)
    .executeTakeFirst()
  return other === undefined
}

/** How many points a vault has that are whole or partial, and not on their way out. */
export async function countAlive(
  db: Queryable,
  vault: Pick<RecoveryPointTable, 'account_id' | 'region' | 'vault_name'>,
): Promise<number> {
  const row = await db
    .selectFrom('recovery_point')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('account_id', '=', vault.account_id)
    .where('region', '=', vault.region)
    .where('vault_name', '=', vault.vault_name)
    .where('status', 'in', ALIVE)
    .executeTakeFirstOrThrow()
  return Number(row.count)
}

/** Why points may be due all at once. */
export type Surprise =
  /** The wall clock went on from there to now without the server. */
  | { readonly kind: 'leap'; readonly from: number }
  /** A call made their retention shorter. */
  | { readonly kind: 'cut' }

export interface VaultSurprise {
  readonly account_id: string
  readonly region: string
  readonly vault_name: string
  readonly count: number
}

/** Vaults with points that are due by a surprise and are not held yet. */
export async function surprisedVaults(
  db: Queryable,
  surprise: Surprise,
  now: number,
): Promise<readonly VaultSurprise[]> {
  const rows = await surprised(db.selectFrom('recovery_point as point'), surprise, now)
    .select(['point.account_id', 'point.region', 'point.vault_name'])
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .groupBy(['point.account_id', 'point.region', 'point.vault_name'])
    .execute()
  return rows.map((row) => ({ ...row, count: Number(row.count) }))
}

/** Holds what is due by a surprise in the vault, all at once. Give it a transaction. */
export async function holdSurprised(
  db: Queryable,
  vault: VaultSurprise,
  surprise: Surprise,
  held: { readonly now: number; readonly reason: string },
): Promise<void> {
  const points = surprised(db.selectFrom('recovery_point as point'), surprise, held.now)
    .select([
      'point.arn',
      'point.account_id',
      'point.region',
      'point.vault_name',
      sql<'VAULT_SHARE'>`'VAULT_SHARE'`.as('cause'),
      sql<string>`cast(${held.reason} as text)`.as('reason'),
      sql<number>`0`.as('is_counted'),
      sql<number>`cast(${held.now} as bigint)`.as('held_at'),
    ])
    .where('point.account_id', '=', vault.account_id)
    .where('point.region', '=', vault.region)
    .where('point.vault_name', '=', vault.vault_name)
  await db
    .insertInto('held_deletion')
    .columns(['arn', 'account_id', 'region', 'vault_name', 'cause', 'reason', 'is_counted', 'held_at'])
    .expression(points)
    .execute()
  await db
    .updateTable('recovery_point')
    .set({ status: 'EXPIRED', status_message: held.reason })
    .where('account_id', '=', vault.account_id)
    .where('region', '=', vault.region)
    .where('vault_name', '=', vault.vault_name)
    .where('status', 'in', ALIVE)
    .where('arn', 'in', (eb) =>
      eb
        .selectFrom('held_deletion')
        .select('held_deletion.arn')
        .where('held_deletion.account_id', '=', vault.account_id)
        .where('held_deletion.vault_name', '=', vault.vault_name)
        .where('held_deletion.held_at', '=', held.now)
        .where('held_deletion.cause', '=', 'VAULT_SHARE')
        .where('held_deletion.is_counted', '=', 0),
    )
    .execute()
}

/**
 * What is due by a surprise in the vault goes: it is counted among what went so within a day of running time, and a retention that was
 * cut surprises nobody any more. Give it a transaction.
 */
export async function letSurprisedGo(
  db: Queryable,
  vault: VaultSurprise,
  surprise: Surprise,
  at: SurpriseTime & { readonly now: number },
): Promise<void> {
  const { account_id, region, vault_name, count } = vault
  await addSurprised(db, vault, count, at)
  await db
    .updateTable('recovery_point')
    .set({ retention_cut_at: null })
    .where('retention_cut_at', 'is not', null)
    .where('arn', 'in', (eb) =>
      surprised(eb.selectFrom('recovery_point as point'), surprise, at.now)
        .select('point.arn')
        .where('point.account_id', '=', account_id)
        .where('point.region', '=', region)
        .where('point.vault_name', '=', vault_name),
    )
    .execute()
}

/** A moment of the running time. */
export interface SurpriseTime {
  readonly clock: string
  readonly runningMs: number
}

type VaultOf = Pick<RecoveryPointTable, 'account_id' | 'region' | 'vault_name'>

/** Counts points that a surprise let go. */
export async function addSurprised(
  db: Queryable,
  { account_id, region, vault_name }: VaultOf,
  points: number,
  { clock, runningMs }: SurpriseTime,
): Promise<void> {
  const row = { account_id, region, vault_name, clock, running_ms: runningMs, points }
  await db.insertInto('surprised_expiry').values(row).execute()
}

/** How many points of the vault surprises let go, as far as they are kept. */
export async function countSurprised(
  db: Queryable,
  { account_id, region, vault_name }: VaultOf,
): Promise<number> {
  const row = await db
    .selectFrom('surprised_expiry')
    .select((eb) => eb.fn.sum<number | null>('points').as('points'))
    .where('account_id', '=', account_id)
    .where('region', '=', region)
    .where('vault_name', '=', vault_name)
    .executeTakeFirstOrThrow()
  return Number(row.points ?? 0)
}

/** Forgets what went longer ago than that. Under another name the running time began anew: what was counted before counts as of now. */
export async function forgetSurprised(
  db: Queryable,
  { clock, runningMs }: SurpriseTime,
  keptMs: number,
): Promise<void> {
  await db
    .updateTable('surprised_expiry')
    .set({ clock, running_ms: runningMs })
    .where('clock', '<>', clock)
    .execute()
  await db
    .deleteFrom('surprised_expiry')
    .where('running_ms', '<=', runningMs - keptMs)
    .execute()
}

type Points = SelectQueryBuilder<Database & { point: RecoveryPointTable }, 'point', object>

function surprised(points: Points, surprise: Surprise, now: number): Points {
  return points
    .where('point.delete_at', '<=', now)
    .where('point.status', 'in', ALIVE)
    .where(IS_FREE)
    .$if(surprise.kind === 'cut', (query) => query.where('point.retention_cut_at', 'is not', null))
    .$if(surprise.kind === 'leap', (query) =>
      query.where('point.delete_at', '>', surprise.kind === 'leap' ? surprise.from : 0),
    )
    .where((eb) =>
      eb.not(
        eb.exists(
          eb.selectFrom('held_deletion as held').select('held.arn').whereRef('held.arn', '=', 'point.arn'),
        ),
      ),
    )
}

export async function findExpiryRound(db: Queryable): Promise<ExpiryRoundTable | undefined> {
  return await db.selectFrom('expiry_round').selectAll().where('id', '=', 1).executeTakeFirst()
}

export async function putExpiryRound(db: Queryable, round: Omit<ExpiryRoundTable, 'id'>): Promise<void> {
  await db
    .insertInto('expiry_round')
    .values({ ...round, id: 1 })
    .onConflict((conflict) => conflict.column('id').doUpdateSet(round))
    .execute()
}

/** What was seen of the plan's counts last; undefined: nothing yet. */
export async function countsSeen(db: Queryable, planId: string): Promise<string | undefined> {
  const row = await db
    .selectFrom('counts_seen')
    .select('seen')
    .where('plan_id', '=', planId)
    .executeTakeFirst()
  return row?.seen
}

export async function putCountsSeen(db: Queryable, planId: string, seen: string): Promise<void> {
  await db
    .insertInto('counts_seen')
    .values({ plan_id: planId, seen })
    .onConflict((conflict) => conflict.column('plan_id').doUpdateSet({ seen }))
    .execute()
}
