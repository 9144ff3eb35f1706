import { guardHandOuts } from '../access/restore-guard.ts'
import { AwsError } from '../aws/error.ts'
import type { Context } from '../context.ts'
import { findRecoveryPoint } from '../store/points/recovery-points.ts'
import type { PointDamage } from '../store/vaults/vault-scrubs.ts'

/**
 * Recovery points that a job found damaged, as its caller may know them: what things are named is content, so the names of the items that are
 * hit are told to those alone to whom the restore guard would hand them out. How many there are is told to everybody.
 */
export async function damageToShow(
  ctx: Context,
  damage: readonly PointDamage[],
): Promise<readonly PointDamage[]> {
  const shown: PointDamage[] = []
  for (const one of damage) shown.push((await mayKnowItems(ctx, one)) ? one : { ...one, items: [] })
  return shown
}

async function mayKnowItems(ctx: Context, { items, recoveryPointArn }: PointDamage): Promise<boolean> {
  if (items.length === 0) return true
  const point = await findRecoveryPoint(ctx.store.db, ctx.accountId, recoveryPointArn)
  // Deleted since: nobody can be asked whether he could read it.
  if (point === undefined) return false
  try {
    for (const warning of await guardHandOuts(ctx, [{ point }])) ctx.warn(warning)
    return true
  } catch (error) {
    if (error instanceof AwsError && error.status === 403) return false
    throw error
  }
}
