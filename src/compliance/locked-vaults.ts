import { arnOf } from '../lib/arn.ts'
import type { PlanRule } from '../plans/plan.ts'
import { lockOf } from '../plans/vault-lock.ts'
import type { Queryable } from '../store/store.ts'
import { findVaultByArn } from '../store/vaults/vaults.ts'
import { parameterOf } from './controls.ts'
import type { FrameworkControl } from './controls.ts'

/** Of a rule: the first vault it fills that is locked as the control asks for, or what is wrong with those it fills. */
export function lockedVaults(
  db: Queryable,
  place: { readonly accountId: string; readonly region: string },
  control: FrameworkControl,
): (rule: PlanRule) => Promise<{ readonly vault?: string; readonly problem?: string }> {
  const least = Number(parameterOf(control, 'minRetentionDays') ?? 0)
  const most = Number(parameterOf(control, 'maxRetentionDays') ?? Infinity)
  const known = new Map<string, string | undefined>()
  const problemOf = async (arn: string): Promise<string | undefined> => {
    const vault = await findVaultByArn(db, arn)
    if (vault === undefined) return `there is no backup vault ${arn}`
    const lock = lockOf(vault)
    if (lock === undefined) return `backup vault ${vault.name} is not locked`
    const { minRetentionDays: min = 0, maxRetentionDays: max = Infinity } = lock
    if (min < least) return `the lock of backup vault ${vault.name} keeps ${min} days at least, not ${least}`
    if (max > most) {
      const days = max === Infinity ? 'without end' : `${max} days`
      return `the lock of backup vault ${vault.name} keeps ${days} at most, not ${most} days`
    }
    return undefined
  }
  return async (rule) => {
    const own = arnOf('backup', place.region, place.accountId, `backup-vault:${rule.TargetBackupVaultName}`)
    const copies = (rule.CopyActions ?? []).map(({ DestinationBackupVaultArn }) => DestinationBackupVaultArn)
    const problems = []
    for (const arn of [own, ...copies]) {
      if (!known.has(arn)) known.set(arn, await problemOf(arn))
      const problem = known.get(arn)
      if (problem === undefined) return { vault: arn }
      problems.push(problem)
    }
    return { problem: `Rule ${rule.RuleName}: ${problems.join(', ')}` }
  }
}
