import { lifecycleChangeProblem } from '../../plans/vault-lock.ts'
import { LeaseLostError } from '../../store/jobs/claims.ts'
import { isMoving } from '../../store/points/cold-points.ts'
import { listPointsOfHold } from '../../store/points/legal-holds.ts'
import { findRecoveryPoint, updateLifecycle } from '../../store/points/recovery-points.ts'
import type { RecoveryPointTable } from '../../store/schema.ts'
import { findVault } from '../../store/vaults/vaults.ts'
import { PointNotFoundError } from '../../vault/errors.ts'
import type { PointHead } from '../../vault/points/heads.ts'
import type { Vault } from '../../vault/vault.ts'
import { RetryLaterError } from '../errors.ts'
import { pointState } from './point-state.ts'
import { protectionOf, sealedDays, sealedHolds } from '../plans/protection.ts'
import type { JobOutcome, JobTools, RunningJob } from '../tools.ts'

/** What an amendment for a legal hold is told. */
interface HoldInput {
  readonly holdId?: string
  /** It was cancelled by a call: nothing else ends it in the vault. */
  readonly isEnded?: boolean
}

const DAY_MS = 86_400_000
const PAGE = 200
const RETRY_MS = 1_000

/** Writes what changed of a recovery point into the vault, so that it is known there without this server's rows. */
export async function runAmendPoint(tools: JobTools, job: RunningJob): Promise<JobOutcome> {
  const { row } = job
  const { holdId, isEnded = false } = JSON.parse(row.input) as HoldInput
  if (holdId !== undefined) return await amendHeld(tools, job, holdId, isEnded)
  const arn = row.recovery_point_arn as string
  const point = await findRecoveryPoint(tools.store.db, row.account_id, arn)
  const message = point === undefined ? undefined : await amend(tools, job, point)
  return { state: 'COMPLETED', message }
}

/** Every point that the hold keeps, or kept until it was cancelled, says so from now on. */
async function amendHeld(
  tools: JobTools,
  job: RunningJob,
  holdId: string,
  isEnded: boolean,
): Promise<JobOutcome> {
  let isAll = true
  let failure: unknown
  let after: readonly string[] | undefined
  do {
    const { rows, next } = await listPointsOfHold(tools.store.db, holdId, { limit: PAGE, after })
    for (const point of rows) {
      job.signal.throwIfAborted()
      // What is amended while a point is moved goes where it is then.
      if (point.status === 'CREATING' || (await isMoving(tools.store.db, point))) isAll = false
      else
        // One that cannot be reached keeps no other from knowing of the hold.
        await amend(tools, job, point, isEnded ? holdId : undefined).catch((error: unknown) => {
          if (job.signal.aborted || error instanceof LeaseLostError) throw error
          failure ??= error
        })
      job.progress.itemsDone++
    }
    after = next
  } while (after !== undefined)
  if (failure !== undefined) throw failure
  // Its head may have been written before the hold was there.
  if (!isAll) throw new RetryLaterError('A recovery point under the hold is being made or moved', RETRY_MS)
  return { state: 'COMPLETED' }
}

/** @returns Why its lifecycle was not changed; undefined where it was, or need not be. */
async function amend(
  tools: JobTools,
  job: RunningJob,
  point: RecoveryPointTable,
  endedHoldId?: string,
): Promise<string | undefined> {
  const { db } = tools.store
  const vault = await findVault(db, point.account_id, point.region, point.vault_name)
  if (vault === undefined || point.status === 'DELETING') return undefined
  await job.check()
  const opened = await tools.vaults.openThere(vault)
  const { lock } = await protectionOf(tools, vault, opened)
  const holding = await tools.vaults.holding(vault, point)
  const head = await headOf(holding, point.point_id)
  // Gone from its storage by other hands, which a sweep tells: there is nothing to say it to.
  if (head === undefined) return undefined
  const before = sealedDays(head)
  const problem = lifecycleChangeProblem(lock, before, point.delete_after_days)
  if (problem === undefined) {
    await holding.amend(point.point_id, withHolds(await pointState(db, point), head, endedHoldId))
    return undefined
  }
  await putBack(tools, point, before, problem)
  const state = await pointState(db, { ...point, delete_after_days: before })
  await holding.amend(point.point_id, withHolds(state, head, endedHoldId))
  return `The lifecycle of ${point.arn} was not changed: ${problem}`
}

async function headOf(holding: Vault, pointId: string): Promise<PointHead | undefined> {
  try {
    return await holding.head(pointId)
  } catch (error) {
    if (error instanceof PointNotFoundError) return undefined
    throw error
  }
}

/** A sealed hold is ended by its own cancelling only: a row that is edited or lost takes none away with the next change of tags. */
function withHolds(
  state: Readonly<Record<string, unknown>>,
  head: PointHead,
  endedHoldId: string | undefined,
): Record<string, unknown> {
  const active = sealedHolds({ record: state })
  const known = new Set([endedHoldId, ...active.map(({ holdId }) => holdId)])
  const others = sealedHolds(head).filter(({ holdId }) => !known.has(holdId))
  return { ...state, legalHolds: [...active, ...others] }
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
