import { findRecoveryPoint } from '../store/recovery-points.ts'
import { findVault } from '../store/vaults.ts'
import type { JobOutcome, JobTools, RunningJob } from './tools.ts'

/** Writes a recovery point's changed lifecycle into the vault, so that it is known there without this server's rows. */
export async function runAmendPoint(tools: JobTools, job: RunningJob): Promise<JobOutcome> {
  const { row } = job
  const { db } = tools.store
  const point = await findRecoveryPoint(db, row.account_id, row.recovery_point_arn as string)
  const vault = await findVault(db, row.account_id, row.region, row.vault_name as string)
  if (point === undefined || vault === undefined || point.status === 'DELETING') return { state: 'COMPLETED' }
  await job.check()
  const opened = await tools.vaults.open(vault)
  await opened.amend(point.point_id, { deleteAfterDays: point.delete_after_days })
  return { state: 'COMPLETED' }
}
