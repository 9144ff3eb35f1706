import { latestRestore } from '../store/jobs/jobs.ts'
import { airGappedPointOf, listRecoveryPoints, RESTORABLE } from '../store/points/recovery-points.ts'
import type { ResourceTable } from '../store/schema.ts'
import type { Queryable } from '../store/store.ts'
import { parameterOf, periodMs } from './controls.ts'
import type { FrameworkControl } from './controls.ts'
import type { Place } from './evaluate.ts'
import { compliant, nonCompliant, notApplicable } from './finding.ts'
import type { Verdict } from './finding.ts'

const MINUTE = 60_000
const iso = (at: number): string => new Date(at).toISOString()

/** BACKUP_LAST_RECOVERY_POINT_CREATED. Copies do not count: each says the time of its source. */
export async function lastRecoveryPoint(
  db: Queryable,
  place: Place,
  control: FrameworkControl,
  resource: ResourceTable,
): Promise<Verdict> {
  const since = place.now - periodMs(control, 'recoveryPointAgeUnit', 'recoveryPointAgeValue')
  const { rows } = await listRecoveryPoints(
    db,
    {
      accountId: place.accountId,
      region: place.region,
      resourceArn: resource.arn,
      resourceUniqueId: resource.unique_id,
      statuses: RESTORABLE,
      isCopy: false,
    },
    { limit: 1 },
  )
  const newest = rows[0]
  if (newest === undefined) return nonCompliant('It has no recovery point')
  return newest.created_at >= since
    ? compliant(`Its last recovery point is of ${iso(newest.created_at)}`)
    : nonCompliant(`Its last recovery point is of ${iso(newest.created_at)}, not of ${iso(since)} or later`)
}

/** RESOURCES_IN_LOGICALLY_AIR_GAPPED_VAULT. In any region and account of this server. */
export async function inAirGappedVault(
  db: Queryable,
  place: Place,
  control: FrameworkControl,
  resource: ResourceTable,
): Promise<Verdict> {
  const since = place.now - periodMs(control, 'recoveryPointAgeUnit', 'recoveryPointAgeValue')
  const newest = await airGappedPointOf(db, resource.unique_id)
  if (newest === undefined)
    return nonCompliant('No logically air-gapped backup vault has a recovery point of it')
  const at = newest.copied_at ?? newest.created_at
  return at >= since
    ? compliant(`It was copied into a logically air-gapped backup vault at ${iso(at)}`)
    : nonCompliant(
        `It was last copied into a logically air-gapped backup vault at ${iso(at)}, not at ${iso(since)} or later`,
      )
}

/** RESTORE_TIME_FOR_RESOURCES_MEET_TARGET. By the latest restore that came through, as LatestRestoreExecutionTimeMinutes. */
export async function restoreTime(
  db: Queryable,
  place: Place,
  control: FrameworkControl,
  resource: ResourceTable,
): Promise<Verdict> {
  const most = Number(parameterOf(control, 'maxRestoreTime'))
  const restore = await latestRestore(db, place, resource)
  if (restore === undefined)
    return notApplicable('It was never restored, so nothing is known of how long that takes')
  const minutes = Math.ceil((restore.completedAt - restore.startedAt) / MINUTE)
  const took = `Its restore of ${iso(restore.completedAt)} took ${minutes} minutes`
  return minutes <= most ? compliant(took) : nonCompliant(`${took}, not ${most} or less`)
}
