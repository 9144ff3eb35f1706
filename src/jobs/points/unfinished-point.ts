import { assertClaim } from '../../store/claims.ts'
import { deleteRecoveryPoint, findRecoveryPoint, insertRecoveryPoint } from '../../store/recovery-points.ts'
import type { JobTable, RecoveryPointTable } from '../../store/schema.ts'
import { deleteAllTags } from '../../store/tags.ts'
import type { JobTools } from '../tools.ts'

/** Puts the row that a recovery point has while its job writes it; a retried job takes its own over. */
export async function putUnfinishedPoint(
  tools: JobTools,
  job: JobTable,
  point: RecoveryPointTable,
): Promise<void> {
  await tools.store.transaction(async (tx) => {
    await assertClaim(tx, job)
    const earlier = await findRecoveryPoint(tx, point.account_id, point.arn)
    if (earlier !== undefined) await deleteRecoveryPoint(tx, earlier)
    await insertRecoveryPoint(tx, point)
  })
}

/** A point that was not finished is none: its row goes; what was stored for it is the sweep's to find. */
export async function dropUnfinishedPoint(
  tools: JobTools,
  job: JobTable,
  point: RecoveryPointTable,
): Promise<void> {
  try {
    await tools.store.transaction(async (tx) => {
      await assertClaim(tx, job)
      await deleteAllTags(tx, point.account_id, point.arn)
      await deleteRecoveryPoint(tx, point)
    })
  } catch (error) {
    tools.log.info('an unfinished recovery point was left to the next attempt', {
      job: job.job_id,
      error: String(error),
    })
  }
}
