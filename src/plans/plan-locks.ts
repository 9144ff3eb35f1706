import { keptDays } from './lifecycle.ts'
import type { PlanLifecycle } from './plan.ts'
import { lockOf, retentionProblem } from './vault-lock.ts'
import type { LockColumns } from './vault-lock.ts'

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
 * @param vaults By ARN, of those of `vaultsOfRules` that may be looked at: another account's is known to the jobs alone.
 * @param arnOf Of vaults by name.
 */
export function lockWarnings(
  rules: readonly RuleToHold[],
  vaults: ReadonlyMap<string, LockColumns>,
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
      const found = vaults.get(vault)
      const problem = found && retentionProblem(lockOf(found), days)
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
