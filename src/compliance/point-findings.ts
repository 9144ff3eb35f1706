import { listRecoveryPoints, RESTORABLE } from '../store/points/recovery-points.ts'
import type { RecoveryPointTable, VaultTable } from '../store/schema.ts'
import type { Queryable } from '../store/store.ts'
import { tagsOfAll } from '../store/identity/tags.ts'
import { findVault } from '../store/vaults/vaults.ts'
import { isInScope, parameterOf } from './controls.ts'
import type { FrameworkControl } from './controls.ts'
import type { FindingsOf, Place } from './evaluate.ts'
import { compliant, findingOf, nonCompliant } from './finding.ts'
import type { Verdict } from './finding.ts'

/** BACKUP_RECOVERY_POINT_ENCRYPTED and BACKUP_RECOVERY_POINT_MINIMUM_RETENTION_CHECK */
export function pointFindings(db: Queryable, place: Place, control: FrameworkControl): FindingsOf {
  const isOfEncryption = control.ControlName === 'BACKUP_RECOVERY_POINT_ENCRYPTED'
  const vaults = new Map<string, VaultTable | undefined>()
  const vaultOf = async (name: string): Promise<VaultTable | undefined> => {
    if (!vaults.has(name)) vaults.set(name, await findVault(db, place.accountId, place.region, name))
    return vaults.get(name)
  }
  return async (page) => {
    const { rows, next } = await listRecoveryPoints(db, { ...place, statuses: RESTORABLE }, page)
    const isByTag = Object.keys(control.ControlScope?.Tags ?? {}).length > 0
    const arns = rows.map(({ arn }) => arn)
    const tags = isByTag ? await tagsOfAll(db, place.accountId, arns) : new Map()
    const found = []
    for (const point of rows) {
      const subject = {
        type: 'recovery point',
        name: point.arn,
        arn: point.arn,
        tags: tags.get(point.arn) ?? {},
      }
      if (!isInScope(control, subject)) continue
      const verdict = isOfEncryption
        ? encryption(await vaultOf(point.vault_name))
        : retention(point, Number(parameterOf(control, 'requiredRetentionDays')))
      found.push(findingOf(control, subject, verdict))
    }
    return { rows: found, next }
  }
}

/** Every byte of a vault is sealed under its key: a vault without one would hold nothing. */
function encryption(vault: VaultTable | undefined): Verdict {
  return vault?.wrapped_key == null
    ? nonCompliant('Its backup vault has no key')
    : compliant(`Backup vault ${vault.name} seals it under its own key, ${vault.encryption_key_arn}`)
}

function retention(point: RecoveryPointTable, days: number): Verdict {
  const kept = point.delete_after_days
  if (kept === null) return compliant('It is kept for ever')
  return kept >= days
    ? compliant(`It is kept ${kept} days`)
    : nonCompliant(`It is kept ${kept} days, not ${days}`)
}
