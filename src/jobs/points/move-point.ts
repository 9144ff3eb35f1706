import { BACKUP_SERVICE } from '../../access/passed-role.ts'
import { copyCalls } from '../../kinds/job-calls.ts'
import { crashpoint } from '../../lib/crashpoint.ts'
import { uuid } from '../../lib/ids.ts'
import { noColdStorage } from '../../plans/lifecycle.ts'
import { assertClaim, finishJob, LeaseLostError } from '../../store/jobs/claims.ts'
import {
  beginColdStore,
  dueForCold,
  hasColdStore,
  MOVABLE,
  setMovedToCold,
} from '../../store/points/cold-points.ts'
import type { MoveCursor } from '../../store/points/cold-points.ts'
import { insertJob } from '../../store/jobs/jobs.ts'
import { findRecoveryPoint, isCold, setRecoveryPointStatus } from '../../store/points/recovery-points.ts'
import type { RecoveryPointTable, VaultTable } from '../../store/schema.ts'
import { findVault, growStoredBytes } from '../../store/vaults/vaults.ts'
import { copyToCold, leaveWarm, mirrorVault } from '../../vault/cold.ts'
import { sealColdPlace } from './cold-place.ts'
import { JobFailedError, RetryLaterError } from '../errors.ts'
import { refusalOf } from './point-decision.ts'
import type { LifecycleStep } from './point-decision.ts'
import { retainUntil } from '../upkeep/retain.ts'
import { queueSweep } from '../upkeep/sweep-queue.ts'
import type { JobOutcome, JobRunner, JobTools, RunningJob } from '../tools.ts'

/** How the message of a point begins that stays warm although its lifecycle says otherwise. */
const STAYS = 'Stays in warm storage'
/** Points looked at in one round. */
const BATCH = 100
/** What was refused is asked again after so long, in milliseconds. */
const AGAIN_MS = 300_000

/**
 * Queues the moves that are due, each decided for the role recorded on its point (R5): it must be let out of the vault and into it, as
 * for a copy. What stays says why.
 */
export class Moves {
  readonly #tools: JobTools
  /** By ARN, until when what was refused is left alone. */
  readonly #refused = new Map<string, number>()
  #after: MoveCursor | undefined

  constructor(tools: JobTools) {
    this.#tools = tools
  }

  /** The next of the due points, from the first again behind the last: none is tried for ever before the others. */
  async queueDue(now: number, signal: AbortSignal): Promise<void> {
    const { store, log } = this.#tools
    for (const [arn, until] of this.#refused) if (until <= now) this.#refused.delete(arn)
    const due = await dueForCold(store.db, now, { limit: BATCH, after: this.#after })
    this.#after = due.length < BATCH ? undefined : due.at(-1)
    for (const point of due) {
      if (signal.aborted) return
      if (this.#refused.has(point.arn)) continue
      try {
        const reason = await this.#queue(point, now)
        if (reason === undefined) continue
        this.#refused.set(point.arn, now + AGAIN_MS)
        await stay(this.#tools, point, reason)
      } catch (error) {
        if (!(error instanceof RetryLaterError))
          log.error('a recovery point could not be moved to cold storage', {
            point: point.arn,
            error: String(error),
          })
      }
    }
  }

  /** @returns Why not. */
  async #queue(point: RecoveryPointTable, now: number): Promise<string | undefined> {
    const { store } = this.#tools
    const vault = await findVault(store.db, point.account_id, point.region, point.vault_name)
    const reason =
      noColdStorage(vault) ?? (await refusalOf(this.#tools, point, moveOf(point, vault as VaultTable), now))
    if (reason !== undefined) return reason
    await insertJob(store.db, {
      account_id: point.account_id,
      region: point.region,
      job_id: uuid(),
      kind: 'move-point',
      created_at: now,
      caller_arn: BACKUP_SERVICE,
      vault_name: point.vault_name,
      resource_arn: point.resource_arn,
      resource_type: point.resource_type,
      recovery_point_arn: point.arn,
      role_arn: point.role_arn,
      role_id: point.role_id,
      bytes_total: point.size_bytes,
      lock_key: `point ${point.point_id}`,
    })
    store.wake()
    return undefined
  }
}

function moveOf(point: RecoveryPointTable, vault: VaultTable): LifecycleStep {
  return {
    name: 'move',
    calls: copyCalls({
      resourceArn: point.resource_arn,
      recoveryPointArn: point.arn,
      destinationVaultArn: vault.arn,
    }),
    action: 'backup:CopyIntoBackupVault',
    note:
      'is to be moved to the cold storage of its vault, and the role that made it may not: it stays where it is until the role has ' +
      'the right, which is looked at every few minutes',
  }
}

/** Says why a point stays; what its making left to say is kept. */
async function stay(tools: JobTools, point: RecoveryPointTable, reason: string): Promise<void> {
  const message = `${STAYS}: ${reason}`
  const { status, status_message: before } = point
  if (before === message) return
  if (before === null || before.startsWith(STAYS))
    await setRecoveryPointStatus(tools.store.db, point, [status], { status, message })
  tools.log.warn('a recovery point stays in warm storage', { point: point.arn, reason })
}

/** Moves a recovery point whose move was decided to its vault's cold storage: vault/cold.ts has the order. */
export const runMovePoint: JobRunner = async (tools, job) => {
  const { row } = job
  const { db } = tools.store
  const point = await findRecoveryPoint(db, row.account_id, row.recovery_point_arn as string)
  const vault = await findVault(db, row.account_id, row.region, row.vault_name as string)
  if (point === undefined || vault === undefined || !isMovable(point)) return { state: 'COMPLETED' }
  try {
    return await move(tools, job, vault, point)
  } catch (error) {
    if (job.signal.aborted || error instanceof RetryLaterError || error instanceof LeaseLostError) throw error
    const reason = error instanceof Error ? error.message : String(error)
    await stay(tools, point, `the move failed: ${reason}`)
    if (error instanceof JobFailedError) throw error
    throw new JobFailedError(`Move to cold storage failed: ${reason}`, 'FAILURE', { cause: error })
  }
}

const isMovable = (point: RecoveryPointTable): boolean =>
  MOVABLE.includes(point.status) && point.cold_after_days !== null

async function move(
  tools: JobTools,
  job: RunningJob,
  vault: VaultTable,
  point: RecoveryPointTable,
): Promise<JobOutcome> {
  const { row, progress } = job
  const { db } = tools.store
  const warm = await tools.vaults.open(vault)
  const cold = await tools.vaults.openCold(vault, !hasColdStore(vault))
  if (!(await beginColdStore(db, vault, tools.clock.now())))
    throw new RetryLaterError(`The cold storage of backup vault ${vault.name} was changed meanwhile`, 0)
  await sealColdPlace(tools, vault, warm)
  // Keys and locks that came since it was opened: what is written now is sealed under the one and says the other.
  await mirrorVault(warm.store, cold.store)
  progress.bytesDone = 0
  if (!isCold(point)) {
    const movedAt = tools.clock.now()
    const storedBytes = await copyToCold(warm, cold, {
      pointId: point.point_id,
      jobId: row.job_id,
      fence: row.fence,
      lease: tools.vaults.lease(job, warm),
      movedAt,
      retainUntil: await retainUntil(tools, warm, point),
      signal: job.signal,
      onProgress: (bytes) => {
        progress.bytesDone += bytes
      },
    })
    const message = point.status_message?.startsWith(STAYS) === true ? null : point.status_message
    const isMoved = await tools.store.transaction(async (tx) => {
      await assertClaim(tx, row)
      await growStoredBytes(tx, vault, storedBytes)
      return await setMovedToCold(tx, point, { movedAt, message })
    })
    crashpoint('move.noted')
    if (!isMoved)
      return {
        state: 'COMPLETED',
        message: `${point.arn} stays in warm storage: it is on its way out, or its lifecycle was changed`,
      }
  }
  await job.check()
  await leaveWarm(warm, cold, point.point_id)
  const now = tools.clock.now()
  await tools.store.transaction(async (tx) => {
    await assertClaim(tx, row)
    await queueSweep(tx, vault, { callerArn: row.caller_arn, now })
    await finishJob(tx, row, {
      state: 'COMPLETED',
      now,
      status_message: null,
      message_category: 'SUCCESS',
      progress,
    })
  })
  tools.store.wake()
  return { state: 'COMPLETED', isFinished: true }
}
