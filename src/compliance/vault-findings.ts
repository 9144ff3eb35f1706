import { likePattern } from '../policy/pattern.ts'
import { contextOf } from '../policy/evaluate.ts'
import { parsePolicy } from '../policy/parse.ts'
import type { Comparison } from '../policy/operators.ts'
import type { Condition, Statement } from '../policy/policy.ts'
import { isImmutable, lockOf } from '../plans/vault-lock.ts'
import type { VaultTable } from '../store/schema.ts'
import type { Queryable } from '../store/store.ts'
import { tagsOfAll } from '../store/identity/tags.ts'
import { listVaults } from '../store/vaults/vaults.ts'
import { isInScope, listOf, parameterOf } from './controls.ts'
import type { FrameworkControl } from './controls.ts'
import type { FindingsOf, Place } from './evaluate.ts'
import { compliant, findingOf, nonCompliant } from './finding.ts'
import type { Verdict } from './finding.ts'

/** What must be denied, as the AWS Config rule backup-recovery-point-manual-deletion-disabled has it. */
const DELETING = [
  'backup:DeleteRecoveryPoint',
  'backup:UpdateRecoveryPointLifecycle',
  'backup:PutBackupVaultAccessPolicy',
]
/** Conditions that let the named principals through, and nobody else. */
const EXCEPT: readonly Comparison[] = ['StringEquals', 'StringEqualsIgnoreCase', 'StringLike', 'ArnLike']
const NO_VARIABLES = { variables: false, whenUnresolved: false }
const CONTEXT = contextOf({})

/** BACKUP_RECOVERY_POINT_MANUAL_DELETION_DISABLED */
export function vaultFindings(db: Queryable, place: Place, control: FrameworkControl): FindingsOf {
  const allowed = listOf(parameterOf(control, 'principalArnList'))
  return async (page) => {
    const { rows, next } = await listVaults(db, place, page)
    const tags = await tagsOfAll(
      db,
      place.accountId,
      rows.map(({ arn }) => arn),
    )
    const found = rows.flatMap((vault) => {
      const subject = { type: 'vault', name: vault.name, arn: vault.arn, tags: tags.get(vault.arn) ?? {} }
      return isInScope(control, subject)
        ? [findingOf(control, subject, judge(vault, allowed, place.now))]
        : []
    })
    return { rows: found, next }
  }
}

function judge(vault: VaultTable, allowed: readonly string[], now: number): Verdict {
  const lock = lockOf(vault)
  if (lock !== undefined && isImmutable(lock, now))
    return compliant('Its lock, which nobody can change any more, lets nobody delete recovery points by hand')
  if (vault.access_policy === null)
    return nonCompliant('It has no access policy, so whoever has the right may delete its recovery points')
  const { statements } = parsePolicy(vault.access_policy, 'vault')
  const missing = DELETING.filter((action) => !statements.some((one) => deniesAll(one, action, allowed)))
  return missing.length === 0
    ? compliant('Its access policy denies it to everybody but those that the control allows')
    : nonCompliant(
        `Its access policy has no statement that denies ${missing.join(', ')} to everybody but those that the control allows`,
      )
}

/** Read strictly: a statement that might let somebody else through does not count. */
function deniesAll(statement: Statement, action: string, allowed: readonly string[]): boolean {
  const { effect, principal, resource, conditions } = statement
  if (effect !== 'Deny' || principal?.negated !== false || !principal.names.everyone) return false
  if (resource === undefined || resource.negated || !resource.names.includes('*')) return false
  return coversAction(statement, action) && conditions.every((one) => isExceptionOf(one, allowed))
}

function coversAction({ action: { negated, names } }: Statement, action: string): boolean {
  const isNamed = names.some((name) =>
    likePattern(name.toLowerCase(), NO_VARIABLES)(action.toLowerCase(), CONTEXT),
  )
  return isNamed !== negated
}

function isExceptionOf({ operator, key, values }: Condition, allowed: readonly string[]): boolean {
  const { comparison, negated, set } = operator
  const isExcept = negated && set === undefined && EXCEPT.includes(comparison)
  return isExcept && key.toLowerCase() === 'aws:principalarn' && values.every((arn) => allowed.includes(arn))
}
