import { insertJob, jobBasics } from '../jobs/jobs.ts'
import type { JobCaller } from '../jobs/jobs.ts'
import type { LegalHoldTable } from './schema-holds.ts'
import type { RecoveryPointTable } from '../schema.ts'
import type { Queryable } from '../store.ts'

/** What changed about recovery points must be told to the vault, too: by jobs, put into the queue in the change's transaction. */

export async function queueAmendment(
  db: Queryable,
  caller: JobCaller,
  point: RecoveryPointTable,
): Promise<void> {
  await insertJob(db, {
    ...jobBasics(caller, 'amend-point'),
    vault_name: point.vault_name,
    resource_arn: point.resource_arn,
    resource_type: point.resource_type,
    recovery_point_arn: point.arn,
    lock_key: `point ${point.point_id}`,
  })
}

/** For all points that a legal hold keeps, or kept until it was cancelled just now. */
export async function queueHoldAmendments(
  db: Queryable,
  caller: JobCaller,
  hold: Pick<LegalHoldTable, 'hold_id'>,
  isEnded: boolean,
): Promise<void> {
  await insertJob(db, {
    ...jobBasics(caller, 'amend-point'),
    input: JSON.stringify({ holdId: hold.hold_id, isEnded }),
    lock_key: `hold ${hold.hold_id}`,
  })
}
