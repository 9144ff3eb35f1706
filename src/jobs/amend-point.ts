import { lifecycleChangeProblem } from '../plans/vault-lock.ts'
import { findRecoveryPoint, updateLifecycle } from '../store/recovery-points.ts'
import type { RecoveryPointTable } from '../store/schema.ts'
import { findVault } from '../store/vaults.ts'
import { protectionOf, sealedDays } from './protection.ts'
import type { JobOutcome, JobTools, RunningJob } from './tools.ts'

const DAY_MS = 86_400_000

/** Writes a recovery point's changed lifecycle into the vault, so that it is known there without this server's rows. */
export async function runAmendPoint(tools: JobTools, job: RunningJob): Promise<JobOutcome> {
  const { row } = job
  const { db } = tools.store
  const point = await findRecoveryPoint(db, row.account_id, row.recovery_point_arn as string)
  const vault = await findVault(db, row.account_id, row.region, row.vault_name as string)
  if (point === undefined || vault === undefined || point.status === 'DELETING') return { state: 'COMPLETED' }
  await job.check()
  const opened = await tools.vaults.open(vault)
  const { lock } = await protectionOf(tools, vault, opened)
  const before = sealedDays(await opened.head(point.point_id))
  const problem = lifecycleChangeProblem(lock, before, point.delete_after_days)
  if (problem !== undefined) return await putBack(tools, point, before, problem)
  await opened.amend(point.point_id, { deleteAfterDays: point.delete_after_days })
  return { state: 'COMPLETED' }
}

/** The lock came in between, or the row was changed by hand: it says again what is sealed. */
async function putBack(
  tools: JobTools,
  point: RecoveryPointTable,
  days: number | null,
  problem: string,
): Promise<JobOutcome> {
  await updateLifecycle(tools.store.db, point, {
    delete_after_days: days,
    cold_after_days: point.cold_after_days,
    delete_at: days === null ? null : (point.copied_at ?? point.created_at) + days * DAY_MS,
  })
  const message = `The lifecycle of ${point.arn} was not changed: ${problem}`
  tools.log.error('a recovery point’s retention was to be made shorter', {
    point: point.arn,
    reason: problem,
  })
  return { state: 'COMPLETED', message }
}
