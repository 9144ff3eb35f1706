import { BlobNotFoundError } from '../../blobs/blob-store.ts'
import { findRecoveryPoint, RESTORABLE } from '../../store/points/recovery-points.ts'
import type { VaultTable } from '../../store/schema.ts'
import type { Queryable } from '../../store/store.ts'
import { PointNotFoundError, VaultDamageError } from '../../vault/errors.ts'
import { listPoints } from '../../vault/points/found-points.ts'
import type { FoundPoints } from '../../vault/points/found-points.ts'
import { checkTombstone, headName, MOVED } from '../../vault/points/heads.ts'
import type { Vault } from '../../vault/vault.ts'
import type { VerifyResult } from '../../vault/verify/verify.ts'
import type { Tier } from '../vaults/vault-storages.ts'

export interface MissingPoint {
  readonly pointId: string
  readonly arn: string
}

/** Rows read at a time. */
const PAGE = 10_000

/**
 * Recovery points that the rows have, whose heads are gone from the vault, and that nobody deleted: no tombstone of this vault says
 * so. The vault alone cannot know of them. Each of a vault's two stores is asked for its own. What they hold counts as unused there, so
 * nothing may be freed while there is one.
 *
 * @returns Also the listing of the store in which they are not.
 */
export async function missingPoints(
  db: Queryable,
  vault: VaultTable,
  opened: Vault,
  tier: Tier,
): Promise<{ readonly missing: readonly MissingPoint[]; readonly listed: FoundPoints }> {
  // The rows first: a recovery point has its head before its row says that it is there.
  const rows = await restorablePoints(db, vault, tier)
  const listed = await listPoints(opened.store)
  const live = new Set(listed.live.map(([pointId]) => pointId))
  const missing: MissingPoint[] = []
  for (const point of rows)
    if (!live.has(point.pointId) && (await isMissing(db, vault, { opened, tier }, point))) missing.push(point)
  return { missing, listed }
}

async function restorablePoints(db: Queryable, vault: VaultTable, tier: Tier): Promise<MissingPoint[]> {
  const points: MissingPoint[] = []
  for (;;) {
    const page = await db
      .selectFrom('recovery_point')
      .select(['point_id', 'arn'])
      .where('account_id', '=', vault.account_id)
      .where('region', '=', vault.region)
      .where('vault_name', '=', vault.name)
      .where('status', 'in', RESTORABLE)
      .where((eb) => eb.fn.coalesce('moved_to_cold_at', 'tiered_at'), tier === 'cold' ? 'is not' : 'is', null)
      .where('point_id', '>', points.at(-1)?.pointId ?? '')
      .orderBy('point_id')
      .limit(PAGE)
      .execute()
    points.push(...page.map(({ point_id: pointId, arn }) => ({ pointId, arn })))
    if (page.length < PAGE) return points
  }
}

/** Looked at again: it may have been deleted between the two listings, whose row says so first. */
async function isMissing(
  db: Queryable,
  vault: VaultTable,
  { opened, tier }: { readonly opened: Vault; readonly tier: Tier },
  { pointId, arn }: MissingPoint,
): Promise<boolean> {
  try {
    await opened.head(pointId)
    return false
  } catch (error) {
    // One that does not open is damage of its own, which who reads it tells.
    if (error instanceof VaultDamageError) return false
    if (!(error instanceof PointNotFoundError)) throw error
  }
  const row = await findRecoveryPoint(db, vault.account_id, arn)
  return row !== undefined && RESTORABLE.includes(row.status) && !(await isDeleted(opened, tier, pointId))
}

async function isDeleted({ store, keys }: Vault, tier: Tier, pointId: string): Promise<boolean> {
  try {
    // Where it was moved to, the first store's tombstone deletes nothing.
    return (await checkTombstone(store, keys, pointId)) !== MOVED || tier === 'warm'
  } catch (error) {
    if (error instanceof BlobNotFoundError || error instanceof VaultDamageError) return false
    throw error
  }
}

/** With the recovery points that only the rows know of. */
export function withMissing(result: VerifyResult, missing: readonly MissingPoint[]): VerifyResult {
  const problems = missing.map(({ pointId }) => ({
    blob: headName(pointId),
    reason: `Cannot use "${headName(pointId)}" of the vault: it is gone, and nobody deleted the recovery point`,
    pointId,
  }))
  const hurt = missing.map(({ pointId }) => ({ pointId, itemCount: 0, keys: [], isUnlisted: true }))
  return {
    ...result,
    problems: [...result.problems, ...problems],
    problemCount: result.problemCount + problems.length,
    hurt: [...result.hurt, ...hurt],
  }
}
