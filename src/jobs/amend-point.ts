import { lifecycleChangeProblem } from '../plans/vault-lock.ts'
import { listPointsOfHold } from '../store/legal-holds.ts'
import { findRecoveryPoint, updateLifecycle } from '../store/recovery-points.ts'
import type { RecoveryPointTable } from '../store/schema.ts'
import { findVault } from '../store/vaults.ts'
import { RetryLaterError } from './errors.ts'
import { pointState } from './point-state.ts'
import { protectionOf, sealedDays } from './protection.ts'
import type { JobOutcome, JobTools, RunningJob } from './tools.ts'

/** What an amendment for a legal hold is told. */
interface HoldInput {
  readonly holdId?: string
}

const DAY_MS = 86_400_000
const PAGE = 200
const RETRY_MS = 1_000

/** Writes what changed of a recovery point into the vault, so that it is known there without this server's rows. */
export async function runAmendPoint(tools: JobTools, job: RunningJob): Promise<JobOutcome> {
  const { row } = job
  const { holdId } = JSON.parse(row.input) as HoldInput
  if (holdId !== undefined) return await amendHeld(tools, job, holdId)
  const arn = row.recovery_point_arn as string
  const point = await findRecoveryPoint(tools.store.db, row.account_id, arn)
  const message = point === undefined ? undefined : await amend(tools, job, point)
  return { state: 'COMPLETED', message }
}

/** Every point that the hold keeps, or kept until it was cancelled, says so from now on. */
async function amendHeld(tools: JobTools, job: RunningJob, holdId: string): Promise<JobOutcome> {
  let isAll = true
  let after: readonly string[] | undefined
  do {
    const { rows, next } = await listPointsOfHold(tools.store.db, holdId, { limit: PAGE, after })
    for (const point of rows) {
      job.signal.throwIfAborted()
      if (point.status === 'CREATING') isAll = false
      else await amend(tools, job, point)
      job.progress.itemsDone++
    }
    after = next
  } while (after !== undefined)
  // Its head may have been written before the hold was there.
  if (!isAll) throw new RetryLaterError('A recovery point under the hold is being made', RETRY_MS)
  return { state: 'COMPLETED' }
}

/** @returns Why its lifecycle was not changed; undefined where it was, or need not be. */
async function amend(
  tools: JobTools,
  job: RunningJob,
  point: RecoveryPointTable,
): Promise<string | undefined> {
  const { db } = tools.store
  const vault = await findVault(db, point.account_id, point.region, point.vault_name)
  if (vault === undefined || point.status === 'DELETING') return undefined
  await job.check()
  const opened = await tools.vaults.open(vault)
  const { lock } = await protectionOf(tools, vault, opened)
  const before = sealedDays(await opened.head(point.point_id))
  const problem = lifecycleChangeProblem(lock, before, point.delete_after_days)
  if (problem === undefined) {
    await opened.amend(point.point_id, await pointState(db, point))
    return undefined
  }
  await putBack(tools, point, before, problem)
  await opened.amend(point.point_id, await pointState(db, { ...point, delete_after_days: before }))
  return `The lifecycle of ${point.arn} was not changed: ${problem}`
}

/** The lock came in between, or the row was changed by hand: it says again what is sealed. */
async function putBack(
  tools: JobTools,
  point: RecoveryPointTable,
  days: number | null,
  problem: string,
): Promise<void> {
  await updateLifecycle(tools.store.db, point, {
    delete_after_days: days,
    cold_after_days: point.cold_after_days,
    delete_at: days === null ? null : (point.copied_at ?? point.created_at) + days * DAY_MS,
  })
  tools.log.error('a recovery point’s retention was to be made shorter', {
    point: point.arn,
    reason: problem,
  })
}
