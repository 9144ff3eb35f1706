import { RESTORABLE } from './recovery-points.ts'
import type { RecoveryPointTable, VaultTable } from '../schema.ts'
import type { Queryable } from '../store.ts'

/** How many older and newer recovery points of a resource may have what one of them lost. */
const NEAREST = 5
/** Copies of one recovery point, and what it was copied from. */
const MAX_COPIES = 50

/**
 * Recovery points in other vaults of the account that may hold what `point` lost, in all regions: those of the same backup first, which are its copies and
 * what it was copied from, then those of the same resource from nearest in time on.
 */
export async function listRelatedPoints(
  db: Queryable,
  point: RecoveryPointTable,
): Promise<readonly RecoveryPointTable[]> {
  const elsewhere = db
    .selectFrom('recovery_point')
    .selectAll()
    .where('account_id', '=', point.account_id)
    .where('resource_unique_id', '=', point.resource_unique_id)
    .where('status', 'in', RESTORABLE)
    .where((eb) => eb.or([eb('vault_name', '<>', point.vault_name), eb('region', '<>', point.region)]))
  const copies = await elsewhere
    .where('created_at', '=', point.created_at)
    .orderBy('arn')
    .limit(MAX_COPIES)
    .execute()
  const older = elsewhere.where('created_at', '<', point.created_at).orderBy('created_at', 'desc')
  const newer = elsewhere.where('created_at', '>', point.created_at).orderBy('created_at')
  const others = [...(await older.limit(NEAREST).execute()), ...(await newer.limit(NEAREST).execute())]
  const distance = (one: RecoveryPointTable): number => Math.abs(one.created_at - point.created_at)
  return [...copies, ...others.toSorted((one, other) => distance(one) - distance(other))]
}

export async function findPointById(
  db: Queryable,
  vault: Pick<VaultTable, 'account_id' | 'region' | 'name'>,
  pointId: string,
): Promise<RecoveryPointTable | undefined> {
  return await db
    .selectFrom('recovery_point')
    .selectAll()
    .where('account_id', '=', vault.account_id)
    .where('region', '=', vault.region)
    .where('vault_name', '=', vault.name)
    .where('point_id', '=', pointId)
    .executeTakeFirst()
}
