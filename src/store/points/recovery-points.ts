import { deletePointIndex } from './point-index.ts'
import type { Page, PageRequest } from '../page.ts'
import { IS_FREE } from './legal-holds.ts'
import { pageOf, timeCursor } from '../page.ts'
import type { RecoveryPointStatus, RecoveryPointTable, VaultTable } from '../schema.ts'
import type { Queryable } from '../store.ts'
import { growStoredBytes } from '../vaults/vaults.ts'

/** A point of these can be restored. */
export const RESTORABLE: readonly RecoveryPointStatus[] = ['COMPLETED', 'AVAILABLE', 'PARTIAL', 'EXPIRED']
/** A point of these may be the parent of the next: what it holds, it holds whole. */
const PARENTS: readonly RecoveryPointStatus[] = ['COMPLETED', 'AVAILABLE', 'PARTIAL']
/** A point of these can be copied, while it is warm: one past its retention is on its way out. */
export const COPYABLE: readonly RecoveryPointStatus[] = PARENTS

/** Whether it is cold, as AWS's storage class. */
export const isCold = (point: Pick<RecoveryPointTable, 'moved_to_cold_at'>): boolean =>
  typeof point.moved_to_cold_at === 'number'

/** Whether it lies in its vault's second store: what is cold does, and what was tiered. */
export const isInColdStore = (point: Pick<RecoveryPointTable, 'moved_to_cold_at' | 'tiered_at'>): boolean =>
  isCold(point) || typeof point.tiered_at === 'number'

/** @throws Where its ARN or its id within the vault is taken, or the vault is gone. */
export async function insertRecoveryPoint(db: Queryable, row: RecoveryPointTable): Promise<void> {
  await db.insertInto('recovery_point').values(row).execute()
}

/** Inserts many at once; those whose ARN is taken stay out. @returns The ARNs of the others. Give it a transaction. */
export async function insertRecoveryPoints(
  db: Queryable,
  rows: readonly RecoveryPointTable[],
): Promise<ReadonlySet<string>> {
  if (rows.length === 0) return new Set()
  const kept = await db
    .insertInto('recovery_point')
    .values(rows)
    .onConflict((conflict) => conflict.column('arn').doNothing())
    .returning('arn')
    .execute()
  return new Set(kept.map(({ arn }) => arn))
}

export async function findRecoveryPoint(
  db: Queryable,
  accountId: string,
  arn: string,
): Promise<RecoveryPointTable | undefined> {
  return await db
    .selectFrom('recovery_point')
    .selectAll()
    .where('account_id', '=', accountId)
    .where('arn', '=', arn)
    .executeTakeFirst()
}

/** AWS's filters; times are exclusive, as milliseconds since 1970. */
export interface RecoveryPointFilter {
  readonly accountId: string
  readonly region: string
  readonly vaultName?: string | undefined
  readonly resourceArn?: string | undefined
  readonly resourceUniqueId?: string | undefined
  readonly resourceType?: string | undefined
  readonly statuses?: readonly RecoveryPointStatus[] | undefined
  readonly createdAfter?: number | undefined
  readonly createdBefore?: number | undefined
  /** Of the plan that made it. */
  readonly planId?: string | undefined
  /** Whether it was made by a copy job. */
  readonly isCopy?: boolean | undefined
}

/** Newest first. */
export async function listRecoveryPoints(
  db: Queryable,
  filter: RecoveryPointFilter,
  page: PageRequest,
): Promise<Page<RecoveryPointTable>> {
  let query = db
    .selectFrom('recovery_point')
    .selectAll()
    .where('account_id', '=', filter.accountId)
    .where('region', '=', filter.region)
  if (filter.vaultName !== undefined) query = query.where('vault_name', '=', filter.vaultName)
  if (filter.resourceArn !== undefined) query = query.where('resource_arn', '=', filter.resourceArn)
  if (filter.resourceUniqueId !== undefined) {
    query = query.where('resource_unique_id', '=', filter.resourceUniqueId)
  }
  if (filter.resourceType !== undefined) query = query.where('resource_type', '=', filter.resourceType)
  if (filter.statuses !== undefined) query = query.where('status', 'in', filter.statuses)
  if (filter.createdAfter !== undefined) query = query.where('created_at', '>', filter.createdAfter)
  if (filter.createdBefore !== undefined) query = query.where('created_at', '<', filter.createdBefore)
  if (filter.planId !== undefined) query = query.where('plan_id', '=', filter.planId)
  if (filter.isCopy !== undefined) query = query.where('copied_at', filter.isCopy ? 'is not' : 'is', null)
  if (page.after !== undefined) {
    const [at, arn] = timeCursor(page.after)
    query = query.where((eb) => eb(eb.refTuple('created_at', 'arn'), '<', eb.tuple(at, arn)))
  }
  const rows = await query
    .orderBy('created_at', 'desc')
    .orderBy('arn', 'desc')
    .limit(page.limit + 1)
    .execute()
  return pageOf(rows, page.limit, (row) => [row.created_at, row.arn])
}

/** What a finished backup adds to the row it made when it began. */
export type PointResults = Pick<
  RecoveryPointTable,
  'completed_at' | 'size_bytes' | 'item_count' | 'restore_metadata' | 'delete_at'
>

/**
 * CREATING → COMPLETED or PARTIAL, with what the backup found; its vault grows by what it stored. False where the point is gone or not
 * CREATING.
 */
export async function completeRecoveryPoint(
  db: Queryable,
  point: Pick<RecoveryPointTable, 'account_id' | 'region' | 'vault_name' | 'arn'>,
  status: 'COMPLETED' | 'PARTIAL',
  results: PointResults & Partial<Pick<RecoveryPointTable, 'status_message' | 'point_id'>>,
  storedBytes: number,
): Promise<boolean> {
  const result = await db
    .updateTable('recovery_point')
    .set({ ...results, status })
    .where('account_id', '=', point.account_id)
    .where('arn', '=', point.arn)
    .where('status', '=', 'CREATING')
    .executeTakeFirst()
  if (result.numUpdatedRows !== 1n) return false
  const { account_id, region, vault_name: name } = point
  await growStoredBytes(db, { account_id, region, name }, storedBytes)
  return true
}

/** False where the point is gone or in none of the states `from`. */
export async function setRecoveryPointStatus(
  db: Queryable,
  point: Pick<RecoveryPointTable, 'account_id' | 'arn'>,
  from: readonly RecoveryPointStatus[],
  to: { readonly status: RecoveryPointStatus; readonly message: string | null },
): Promise<boolean> {
  const result = await db
    .updateTable('recovery_point')
    .set({ status: to.status, status_message: to.message })
    .where('account_id', '=', point.account_id)
    .where('arn', '=', point.arn)
    .where('status', 'in', from)
    .executeTakeFirst()
  return result.numUpdatedRows === 1n
}

/** False where the point is gone or being deleted. */
export async function updateLifecycle(
  db: Queryable,
  point: Pick<RecoveryPointTable, 'account_id' | 'arn'>,
  lifecycle: Pick<
    RecoveryPointTable,
    'delete_after_days' | 'cold_after_days' | 'delete_at' | 'retention_cut_at'
  >,
): Promise<boolean> {
  const result = await db
    .updateTable('recovery_point')
    .set(lifecycle)
    .where('account_id', '=', point.account_id)
    .where('arn', '=', point.arn)
    .where('status', '<>', 'DELETING')
    .executeTakeFirst()
  return result.numUpdatedRows === 1n
}

export async function setLastRestore(
  db: Queryable,
  point: Pick<RecoveryPointTable, 'account_id' | 'arn'>,
  at: number,
): Promise<void> {
  await db
    .updateTable('recovery_point')
    .set({ last_restore_at: at })
    .where('account_id', '=', point.account_id)
    .where('arn', '=', point.arn)
    .execute()
}

/** Removes the row: after its tombstone is in the vault. False where it is gone. */
export async function deleteRecoveryPoint(
  db: Queryable,
  point: Pick<RecoveryPointTable, 'account_id' | 'arn'>,
): Promise<boolean> {
  await deletePointIndex(db, point.account_id, point.arn)
  await db.deleteFrom('held_deletion').where('arn', '=', point.arn).execute()
  const result = await db
    .deleteFrom('recovery_point')
    .where('account_id', '=', point.account_id)
    .where('arn', '=', point.arn)
    .executeTakeFirst()
  return result.numDeletedRows === 1n
}

/** Where a page of recovery points past their retention ended. */
export type ExpiryCursor = Pick<RecoveryPointTable, 'delete_at' | 'arn'>

/**
 * Points past their retention that no legal hold keeps, longest first, from the one behind `after` on.
 * @param options.isHeld Instead those already EXPIRED: held back by a refusal.
 */
export async function dueForExpiry(
  db: Queryable,
  now: number,
  options: {
    readonly limit: number
    readonly after: ExpiryCursor | undefined
    readonly isHeld?: boolean
  },
): Promise<RecoveryPointTable[]> {
  const { limit, after, isHeld = false } = options
  const statuses: readonly RecoveryPointStatus[] = isHeld
    ? ['EXPIRED']
    : ['AVAILABLE', 'COMPLETED', 'PARTIAL', 'STOPPED']
  return await db
    .selectFrom('recovery_point as point')
    .selectAll('point')
    .where('point.delete_at', '<=', now)
    .where('point.status', 'in', statuses)
    .where(IS_FREE)
    .$if(after !== undefined, (query) =>
      query.where((eb) =>
        eb.or([
          eb('point.delete_at', '>', after?.delete_at ?? 0),
          eb.and([eb('point.delete_at', '=', after?.delete_at ?? 0), eb('point.arn', '>', after?.arn ?? '')]),
        ]),
      ),
    )
    .orderBy('point.delete_at')
    .orderBy('point.arn')
    .limit(limit)
    .execute()
}

/** Points that were past their retention by a clock that was wrong, or were given a longer one since, are what they were. */
export async function reviveUnexpired(db: Queryable, now: number): Promise<void> {
  await db
    .updateTable('recovery_point')
    .set((eb) => ({
      status: eb
        .case()
        .when(
          eb.exists(
            eb
              .selectFrom('job')
              .select('job.job_id')
              .whereRef('job.job_id', '=', 'recovery_point.job_id')
              .where('job.state', '=', 'PARTIAL'),
          ),
        )
        .then('PARTIAL' as const)
        .else('COMPLETED' as const)
        .end(),
      status_message: null,
    }))
    .where('status', '=', 'EXPIRED')
    .where((eb) => eb.or([eb('delete_at', 'is', null), eb('delete_at', '>', now)]))
    .execute()
}

/** The parent of a resource's next backup into the vault: the latest whole point of that very resource, by unique id, in the first store. */
export async function latestPointOfResource(
  db: Queryable,
  of: {
    readonly accountId: string
    readonly region: string
    readonly vaultName: string
    readonly resourceUniqueId: string
  },
): Promise<RecoveryPointTable | undefined> {
  return await db
    .selectFrom('recovery_point')
    .selectAll()
    .where('resource_unique_id', '=', of.resourceUniqueId)
    .where('vault_name', '=', of.vaultName)
    .where('account_id', '=', of.accountId)
    .where('region', '=', of.region)
    .where('status', 'in', PARENTS)
    .where('moved_to_cold_at', 'is', null)
    .where('tiered_at', 'is', null)
    .orderBy('created_at', 'desc')
    .orderBy('arn', 'desc')
    .limit(1)
    .executeTakeFirst()
}

/**
 * The parent of a resource's next copy from one vault into another: the latest copy whose source is still there, since only beside
 * that one is it known what was copied.
 */
export async function latestCopyOfResource(
  db: Queryable,
  of: {
    readonly resourceUniqueId: string
    readonly from: Pick<VaultTable, 'account_id' | 'region' | 'name'>
    readonly into: Pick<VaultTable, 'account_id' | 'region' | 'name'>
  },
): Promise<RecoveryPointTable | undefined> {
  return await db
    .selectFrom('recovery_point as copy')
    .innerJoin('recovery_point as source', 'source.arn', 'copy.source_point_arn')
    .selectAll('copy')
    .where('copy.resource_unique_id', '=', of.resourceUniqueId)
    .where('copy.account_id', '=', of.into.account_id)
    .where('copy.region', '=', of.into.region)
    .where('copy.vault_name', '=', of.into.name)
    .where('copy.status', 'in', PARENTS)
    .where('copy.moved_to_cold_at', 'is', null)
    .where('copy.tiered_at', 'is', null)
    .where('source.account_id', '=', of.from.account_id)
    .where('source.region', '=', of.from.region)
    .where('source.vault_name', '=', of.from.name)
    .where('source.status', 'in', PARENTS)
    .where('source.moved_to_cold_at', 'is', null)
    .where('source.tiered_at', 'is', null)
    .orderBy('copy.created_at', 'desc')
    .orderBy('copy.arn', 'desc')
    .limit(1)
    .executeTakeFirst()
}

/** A resource's newest recovery point in any logically air-gapped vault of this server. */
export async function airGappedPointOf(
  db: Queryable,
  resourceUniqueId: string,
): Promise<RecoveryPointTable | undefined> {
  return await db
    .selectFrom('recovery_point as point')
    .innerJoin('vault', (join) =>
      join
        .onRef('vault.account_id', '=', 'point.account_id')
        .onRef('vault.region', '=', 'point.region')
        .onRef('vault.name', '=', 'point.vault_name'),
    )
    .selectAll('point')
    .where('point.resource_unique_id', '=', resourceUniqueId)
    .where('point.status', 'in', RESTORABLE)
    .where('vault.vault_type', '=', 'LOGICALLY_AIR_GAPPED_BACKUP_VAULT')
    .orderBy((eb) => eb.fn.coalesce('point.copied_at', 'point.created_at'), 'desc')
    .limit(1)
    .executeTakeFirst()
}

/** Those of the ids whose points have a row in the vault. */
export async function knownPointIds(
  db: Queryable,
  { account_id, region, name }: Pick<VaultTable, 'account_id' | 'region' | 'name'>,
  pointIds: readonly string[],
): Promise<ReadonlySet<string>> {
  const rows = await db
    .selectFrom('recovery_point')
    .select('point_id')
    .where('account_id', '=', account_id)
    .where('region', '=', region)
    .where('vault_name', '=', name)
    .where('point_id', 'in', pointIds)
    .execute()
  return new Set(rows.map(({ point_id }) => point_id))
}
