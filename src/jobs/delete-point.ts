import { assertClaim, finishJob } from '../store/claims.ts'
import { deleteRecoveryPoint, findRecoveryPoint } from '../store/recovery-points.ts'
import { deleteAllTags } from '../store/tags.ts'
import { findVault } from '../store/vaults.ts'
import { queueSweep } from './sweep-queue.ts'
import type { JobOutcome, JobTools, RunningJob } from './tools.ts'

/**
 * Deletes a recovery point whose deletion was decided: the tombstone in the vault first, then the row, and a sweep that frees what
 * no other point uses.
 */
export async function runDeletePoint(tools: JobTools, job: RunningJob): Promise<JobOutcome> {
  const { row } = job
  const { db } = tools.store
  const point = await findRecoveryPoint(db, row.account_id, row.recovery_point_arn as string)
  const vault = await findVault(db, row.account_id, row.region, row.vault_name as string)
  if (point === undefined || vault === undefined || point.status !== 'DELETING') return { state: 'COMPLETED' }
  await job.check()
  const opened = await tools.vaults.open(vault)
  await opened.deletePoint(point.point_id, `job ${row.job_id} of ${row.caller_arn}`)
  const now = tools.clock.now()
  await tools.store.transaction(async (tx) => {
    await assertClaim(tx, row)
    await deleteAllTags(tx, point.account_id, point.arn)
    await deleteRecoveryPoint(tx, point)
    await queueSweep(tx, vault, { callerArn: row.caller_arn, now })
    await finishJob(tx, row, { state: 'COMPLETED', now, status_message: null, message_category: 'SUCCESS' })
  })
  tools.store.wake()
  return { state: 'COMPLETED', isFinished: true }
}
