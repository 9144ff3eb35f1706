import type { RecoveryPointTable, VaultTable } from '../store/schema.ts'
import { damageIn, findScrub } from '../store/vaults/vault-scrubs.ts'
import type { PointDamage } from '../store/vaults/vault-scrubs.ts'
import type { Queryable } from '../store/store.ts'
import { findVault } from '../store/vaults/vaults.ts'

/**
 * What recovery points say of themselves: beside their own message, that something of them is known to be damaged in their vault. How
 * much, not which: names of items are told only to those who could read them at their source.
 *
 * @param known The vault of all of them, where it has been read already.
 */
export async function statusMessages(
  db: Queryable,
  points: readonly RecoveryPointTable[],
  known?: VaultTable,
): Promise<(point: RecoveryPointTable) => string | undefined> {
  const vaults = new Map(points.map((point) => [vaultKey(point), point]))
  const damaged = new Map<string, PointDamage>()
  for (const { account_id, region, vault_name } of vaults.values()) {
    const vault = known ?? (await findVault(db, account_id, region, vault_name))
    if (vault === undefined) continue
    const scrub = await findScrub(db, vault)
    if (scrub.damaged_points === 0) continue
    for (const point of damageIn(scrub.damage).points) damaged.set(point.recoveryPointArn, point)
  }
  return (point) => {
    const damage = damaged.get(point.arn)
    const own = point.status_message ?? undefined
    if (damage === undefined) return own
    return own === undefined ? sentence(damage) : `${own}. ${sentence(damage)}`
  }
}

const vaultKey = ({ account_id, region, vault_name }: RecoveryPointTable): string =>
  `${account_id} ${region} ${vault_name}`

function sentence({ itemCount, isListHurt }: PointDamage): string {
  const items =
    itemCount === 0 ? 'its list of items' : `${itemCount} ${itemCount === 1 ? 'item' : 'items'} of it`
  const more = itemCount > 0 && isListHurt ? ' and its list of items' : ''
  return `Damaged in its vault: ${items}${more} cannot be restored as backed up`
}
