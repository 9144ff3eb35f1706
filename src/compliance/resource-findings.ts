import { parseArn } from '../lib/arn.ts'
import type { PlanRule } from '../plans/plan.ts'
import { listResources } from '../store/resources/resources.ts'
import type { ResourceTable } from '../store/schema.ts'
import type { Queryable } from '../store/store.ts'
import { tagsOfAll } from '../store/identity/tags.ts'
import { isInScope, listOf, parameterOf } from './controls.ts'
import type { FrameworkControl } from './controls.ts'
import type { FindingsOf, Place } from './evaluate.ts'
import { compliant, findingOf, nonCompliant } from './finding.ts'
import type { Verdict } from './finding.ts'
import { lockedVaults } from './locked-vaults.ts'
import { planCoverage } from './plan-coverage.ts'
import type { Covering } from './plan-coverage.ts'
import { inAirGappedVault, lastRecoveryPoint, restoreTime } from './recent-points.ts'

/** Judges one resource that is in the control's scope. */
type Judge = (resource: ResourceTable, tags: Readonly<Record<string, string>>) => Verdict | Promise<Verdict>

/** The controls that look at registered resources. */
export async function resourceFindings(
  db: Queryable,
  place: Place,
  control: FrameworkControl,
): Promise<FindingsOf> {
  const judge = await judgeOf(db, place, control)
  return async (page) => {
    const { rows, next } = await listResources(db, place, page)
    const tags = await tagsOfAll(
      db,
      place.accountId,
      rows.map(({ arn }) => arn),
    )
    const found = []
    for (const resource of rows) {
      const own = tags.get(resource.arn) ?? {}
      const subject = { type: resource.type, name: resource.name, arn: resource.arn, tags: own }
      if (isInScope(control, subject)) found.push(findingOf(control, subject, await judge(resource, own)))
    }
    return { rows: found, next }
  }
}

async function judgeOf(db: Queryable, place: Place, control: FrameworkControl): Promise<Judge> {
  switch (control.ControlName) {
    case 'BACKUP_LAST_RECOVERY_POINT_CREATED':
      return (resource) => lastRecoveryPoint(db, place, control, resource)
    case 'RESOURCES_IN_LOGICALLY_AIR_GAPPED_VAULT':
      return (resource) => inAirGappedVault(db, place, control, resource)
    case 'RESTORE_TIME_FOR_RESOURCES_MEET_TARGET':
      return (resource) => restoreTime(db, place, control, resource)
  }
  const coverage = await planCoverage(db, place)
  const covering = ({ arn, type }: ResourceTable, tags: Readonly<Record<string, string>>) =>
    coverage({ arn, type, tags })
  switch (control.ControlName) {
    case 'BACKUP_RESOURCES_PROTECTED_BY_BACKUP_PLAN':
      return (resource, tags) => inSomePlan(covering(resource, tags))
    case 'BACKUP_RESOURCES_PROTECTED_BY_CROSS_REGION':
      return (resource, tags) =>
        copied(covering(resource, tags), {
          what: 'region',
          own: place.region,
          wanted: listOf(parameterOf(control, 'crossRegionList')),
        })
    case 'BACKUP_RESOURCES_PROTECTED_BY_CROSS_ACCOUNT':
      return (resource, tags) =>
        copied(covering(resource, tags), {
          what: 'account',
          own: place.accountId,
          wanted: listOf(parameterOf(control, 'crossAccountList')),
        })
    case 'BACKUP_RESOURCES_PROTECTED_BY_BACKUP_VAULT_LOCK': {
      const lockedBy = lockedVaults(db, place, control)
      return (resource, tags) => inLockedVault(covering(resource, tags), lockedBy)
    }
    default:
      throw new Error(`control "${control.ControlName}" does not look at resources`)
  }
}

const NO_PLAN = nonCompliant('No backup plan selects it')

function inSomePlan([first]: readonly Covering[]): Verdict {
  return first === undefined ? NO_PLAN : compliant(`Backup plan ${first.planName} selects it`)
}

/** Where its plans copy its backups to; each of the wanted places, or any but its own. */
function copied(
  plans: readonly Covering[],
  place: {
    readonly what: 'region' | 'account'
    readonly own: string
    readonly wanted: readonly string[]
  },
): Verdict {
  if (plans.length === 0) return NO_PLAN
  const into = new Set<string>()
  for (const { CopyActions } of plans.flatMap(({ rules }) => rules)) {
    for (const { DestinationBackupVaultArn } of CopyActions ?? []) {
      const arn = parseArn(DestinationBackupVaultArn)
      if (arn !== undefined) into.add(place.what === 'region' ? arn.region : arn.accountId)
    }
  }
  into.delete(place.own)
  const missing = place.wanted.filter((one) => !into.has(one))
  if (place.wanted.length > 0 && missing.length > 0)
    return nonCompliant(`No rule of its backup plans copies it to ${place.what} ${missing.join(', ')}`)
  if (into.size === 0) return nonCompliant(`No rule of its backup plans copies it to another ${place.what}`)
  return compliant(`Its backup plans copy it to ${place.what} ${[...into].toSorted().join(', ')}`)
}

/** One rule that writes or copies into a vault whose lock is as asked for is enough. */
async function inLockedVault(
  plans: readonly Covering[],
  lockedBy: (rule: PlanRule) => Promise<{ readonly vault?: string; readonly problem?: string }>,
): Promise<Verdict> {
  if (plans.length === 0) return NO_PLAN
  const problems = new Set<string>()
  for (const rule of plans.flatMap(({ rules }) => rules)) {
    const { vault, problem } = await lockedBy(rule)
    if (vault !== undefined)
      return compliant(`Rule ${rule.RuleName} keeps it in the locked backup vault ${vault}`)
    if (problem !== undefined) problems.add(problem)
  }
  return nonCompliant([...problems].join('; '))
}
