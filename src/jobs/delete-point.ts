import { uuid } from '../lib/ids.ts'
import { assertClaim, finishJob } from '../store/claims.ts'
import { insertJob } from '../store/jobs.ts'
import { deleteRecoveryPoint, findRecoveryPoint } from '../store/recovery-points.ts'
import type { Queryable } from '../store/store.ts'
import { deleteAllTags } from '../store/tags.ts'
import { findVault } from '../store/vaults.ts'
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
    const isSweepDue = await hasWaitingSweep(tx, point.account_id, point.region, vault.name)
    if (!isSweepDue) {
      await insertJob(tx, {
        account_id: row.account_id,
        region: row.region,
        job_id: uuid(),
        kind: 'sweep',
        created_at: now,
        caller_arn: row.caller_arn,
        vault_name: vault.name,
        lock_key: `sweep ${vault.vault_id}`,
      })
    }
    await finishJob(tx, row, { state: 'COMPLETED', now, status_message: null, message_category: 'SUCCESS' })
  })
  tools.store.wake()
  return { state: 'COMPLETED', isFinished: true }
}

/** One that has not begun will see this deletion, too. */
async function hasWaitingSweep(
  db: Queryable,
  accountId: string,
  region: string,
  vaultName: string,
): Promise<boolean> {
  const waiting = await db
    .selectFrom('job')
    .select('job_id')
    .where('account_id', '=', accountId)
    .where('region', '=', region)
    .where('vault_name', '=', vaultName)
    .where('kind', '=', 'sweep')
    .where('state', '=', 'CREATED')
    .limit(1)
    .executeTakeFirst()
  return waiting !== undefined
}
