import { BACKUP_SERVICE } from '../../access/passed-role.ts'
import { assertClaim, finishJob, LeaseLostError } from '../../store/jobs/claims.ts'
import { hasColdStore } from '../../store/points/cold-points.ts'
import {
  deleteRecoveryPoint,
  findRecoveryPoint,
  isInColdStore,
  setRecoveryPointStatus,
} from '../../store/points/recovery-points.ts'
import { deleteAllTags } from '../../store/identity/tags.ts'
import { findJob } from '../../store/jobs/jobs.ts'
import type { RecoveryPointTable, VaultTable } from '../../store/schema.ts'
import { findVault } from '../../store/vaults/vaults.ts'
import { headName } from '../../vault/points/heads.ts'
import { isEitherThere } from '../../vault/points/twins.ts'
import { JobRefusedError, RetryLaterError } from '../errors.ts'
import { protectionOf, whyKept } from '../plans/protection.ts'
import { queueSweep, SWEEP_OF_EXPIRED_MS } from '../upkeep/sweep-queue.ts'
import type { JobOutcome, JobTools, RunningJob } from '../tools.ts'

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
  try {
    return await deletePoint(tools, job, vault, point)
  } catch (error) {
    const isToldElsewhere = [JobRefusedError, RetryLaterError, LeaseLostError].some(
      (of) => error instanceof of,
    )
    if (!isToldElsewhere && !job.signal.aborted) await sayWhyNotYet(tools, point, error)
    throw error
  }
}

/** The job is tried again until it succeeds; meanwhile the point says why it is still there. */
async function sayWhyNotYet(tools: JobTools, point: RecoveryPointTable, error: unknown): Promise<void> {
  const reason = error instanceof Error ? error.message : String(error)
  const message = `Not deleted yet: ${reason}. It is tried again until it is`
  if (point.status_message === message) return
  await setRecoveryPointStatus(tools.store.db, point, ['DELETING'], { status: 'DELETING', message })
  tools.log.warn('a recovery point could not be deleted yet', { point: point.arn, reason })
}

async function deletePoint(
  tools: JobTools,
  job: RunningJob,
  vault: VaultTable,
  point: RecoveryPointTable,
): Promise<JobOutcome> {
  const { row } = job
  await job.check()
  const opened = await tools.vaults.openThere(vault)
  const by = row.caller_arn === BACKUP_SERVICE ? 'expiry' : 'caller'
  const holding = await tools.vaults.holding(vault, point)
  const kept = await whyKept(tools, await protectionOf(tools, vault, opened), holding, point.point_id, by)
  if (kept !== undefined) return await keepPoint(tools, job, point, kept)
  const { reason: why } = JSON.parse(row.input) as { readonly reason?: string }
  const reason = why ?? `job ${row.job_id} of ${row.caller_arn}`
  // A move that was interrupted may have left it in both.
  if (typeof vault.cold_storage === 'string') await deleteCold(tools, vault, point, reason)
  await opened.deletePoint(point.point_id, reason)
  const now = tools.clock.now()
  await tools.store.transaction(async (tx) => {
    await assertClaim(tx, row)
    await deleteAllTags(tx, point.account_id, point.arn)
    await deleteRecoveryPoint(tx, point)
    const runAt = by === 'expiry' ? now + SWEEP_OF_EXPIRED_MS : now
    await queueSweep(tx, vault, { callerArn: row.caller_arn, now, runAt })
    await finishJob(tx, row, {
      state: 'COMPLETED',
      now,
      status_message: why ?? null,
      message_category: 'SUCCESS',
    })
  })
  tools.store.wake()
  return { state: 'COMPLETED', isFinished: true }
}

async function deleteCold(
  tools: JobTools,
  vault: VaultTable,
  point: RecoveryPointTable,
  reason: string,
): Promise<void> {
  // Nothing was ever moved there: it need not be reachable yet.
  if (!isInColdStore(point) && !hasColdStore(vault)) return
  const cold = await tools.vaults.openCold(vault)
  if (await isEitherThere(cold.store, headName(point.point_id)))
    await cold.deletePoint(point.point_id, reason)
}

/** A lock or a hold says no: the point is what it was before, and says why. */
async function keepPoint(
  tools: JobTools,
  { row }: RunningJob,
  point: RecoveryPointTable,
  reason: string,
): Promise<never> {
  const now = tools.clock.now()
  const made = await findJob(tools.store.db, point.account_id, point.job_id)
  const message = `Recovery point ${point.arn} was not deleted: ${reason}`
  await tools.store.transaction(async (tx) => {
    await assertClaim(tx, row)
    const isDue = point.delete_at !== null && point.delete_at <= now
    const status = isDue ? 'EXPIRED' : made?.state === 'PARTIAL' ? 'PARTIAL' : 'COMPLETED'
    await setRecoveryPointStatus(tx, point, ['DELETING'], { status, message })
  })
  tools.log.error('a recovery point was to be deleted that must stay', { point: point.arn, reason })
  throw new JobRefusedError(message)
}
