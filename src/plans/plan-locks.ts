import { keptDays } from './lifecycle.ts'
import type { PlanLifecycle } from './plan.ts'
import { retentionProblem } from './vault-lock.ts'
import type { VaultLock } from './vault-lock.ts'

interface RuleToHold {
  readonly RuleName: string
  readonly TargetBackupVaultName: string
  readonly Lifecycle?: PlanLifecycle | undefined
  readonly CopyActions?:
    | readonly {
        readonly DestinationBackupVaultArn: string
        readonly Lifecycle?: PlanLifecycle | undefined
      }[]
    | undefined
}

/**
 * Which of a plan's backups and copies would fail, since the lock of their vault takes none that is kept so long. AWS takes such a plan, as its
 * locks may change, and lets the jobs fail: so it is taken, and told.
 *
 * @param lockOf Of vaults by ARN; undefined for those without a lock, and for those that only their jobs may know.
 * @param arnOf Of vaults by name.
 */
export function lockWarnings(
  rules: readonly RuleToHold[],
  lockOf: (vaultArn: string) => VaultLock | undefined,
  arnOf: (vaultName: string) => string,
): readonly string[] {
  return rules.flatMap((rule) => {
    const kept = keptDays(rule.Lifecycle)
    const places = [
      { what: 'its backups', vault: arnOf(rule.TargetBackupVaultName), days: kept },
      ...(rule.CopyActions ?? []).map(({ DestinationBackupVaultArn: vault, Lifecycle }) => ({
        what: 'its copies',
        vault,
        // One without an end of its own is kept as long as what it is a copy of.
        days: keptDays(Lifecycle) ?? kept,
      })),
    ]
    return places.flatMap(({ what, vault, days }) => {
      const problem = retentionProblem(lockOf(vault), days)
      return problem === undefined
        ? []
        : [`Rule ${rule.RuleName}: ${what} into ${vault} would fail: ${problem}`]
    })
  })
}

/** Vaults that the rules back up and copy into. */
export function vaultsOfRules(
  rules: readonly RuleToHold[],
  arnOf: (vaultName: string) => string,
): readonly string[] {
  return rules.flatMap(({ TargetBackupVaultName, CopyActions = [] }) => [
    arnOf(TargetBackupVaultName),
    ...CopyActions.map(({ DestinationBackupVaultArn }) => DestinationBackupVaultArn),
  ])
}
