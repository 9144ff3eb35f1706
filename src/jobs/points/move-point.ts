import { BACKUP_SERVICE } from '../../access/passed-role.ts'
import { copyCalls } from '../../kinds/job-calls.ts'
import { crashpoint } from '../../lib/crashpoint.ts'
import { uuid } from '../../lib/ids.ts'
import { noColdStorage } from '../../plans/lifecycle.ts'
import { tieringDays } from '../../plans/tiering.ts'
import type { TieringSelection } from '../../plans/tiering.ts'
import { assertClaim, finishJob, LeaseLostError } from '../../store/jobs/claims.ts'
import {
  beginColdStore,
  dueForCold,
  dueForTiering,
  hasColdStore,
  MOVABLE,
  setMovedToCold,
  setTiered,
} from '../../store/points/cold-points.ts'
import type { MoveCursor } from '../../store/points/cold-points.ts'
import { insertJob } from '../../store/jobs/jobs.ts'
import {
  findRecoveryPoint,
  isCold,
  isInColdStore,
  setRecoveryPointStatus,
} from '../../store/points/recovery-points.ts'
import { allTierings, findTiering } from '../../store/points/tiering.ts'
import type { RecoveryPointTable, VaultTable } from '../../store/schema.ts'
import { findVault, growStoredBytes } from '../../store/vaults/vaults.ts'
import { copyToCold, leaveWarm, markTier, mirrorVault } from '../../vault/sweep/cold.ts'
import { askAgain } from './ask-again.ts'
import { sealColdPlace } from './cold-place.ts'
import { JobFailedError, JobStoppedError, RetryLaterError } from '../errors.ts'
import { refusalOf } from './point-decision.ts'
import type { LifecycleStep } from './point-decision.ts'
import { repackInThreads } from '../upkeep/repack-packs.ts'
import { retainUntil } from '../upkeep/retain.ts'
import { queueSweep } from '../upkeep/sweep-queue.ts'
import type { JobOutcome, JobRunner, JobTools, RunningJob } from '../tools.ts'

/** How the message of a point begins that stays where it is although its lifecycle, or a tiering configuration, says otherwise. */
const STAYS = { cold: 'Stays in warm storage', tiering: 'Stays in the first store of its vault' }
const DAY_MS = 86_400_000
/** Points looked at in one round. */
const BATCH = 100
/** What was refused is asked again after so long, in milliseconds. */
const AGAIN_MS = 300_000
/** While a point is moved its role is asked again so often, in milliseconds. */
const ASK_MS = 20_000

/** What moves a point: its lifecycle to cold storage, or a tiering configuration to the same store, warm as it is (docs/adr/0033). */
type Why = keyof typeof STAYS

/** What a job is told. */
interface MoveInput {
  /** Name of the tiering configuration; absent: the lifecycle. */
  readonly tiering?: string
}

/** Points of one reason that are due. */
type Due = (batch: {
  readonly limit: number
  readonly after?: MoveCursor | undefined
}) => Promise<RecoveryPointTable[]>

/**
 * Queues the moves that are due, each decided for the role recorded on its point (R5): it must be let out of the vault and into it, as
 * for a copy. What stays says why.
 */
export class Moves {
  readonly #tools: JobTools
  /** By ARN, until when what was refused is left alone. */
  readonly #refused = new Map<string, number>()
  /** By reason, where the last round ended. */
  readonly #after = new Map<string, MoveCursor>()

  constructor(tools: JobTools) {
    this.#tools = tools
  }

  /** What lifecycles say comes first: what is to be cold need not be tiered before. */
  async queueDue(now: number, signal: AbortSignal): Promise<void> {
    const { db } = this.#tools.store
    for (const [arn, until] of this.#refused) if (until <= now) this.#refused.delete(arn)
    await this.#round('', {}, async (batch) => await dueForCold(db, now, batch), { now, signal })
    for (const one of await allTierings(db)) {
      const due: Due = async (batch) => await dueForTiering(db, one, now, batch)
      await this.#round(one.arn, { tiering: one.name }, due, { now, signal })
    }
  }

  /** The next of the due points, from the first again behind the last: none is tried for ever before the others. */
  async #round(
    key: string,
    input: MoveInput,
    duePoints: Due,
    { now, signal }: { readonly now: number; readonly signal: AbortSignal },
  ): Promise<void> {
    const due = await duePoints({ limit: BATCH, after: this.#after.get(key) })
    const last = due.length < BATCH ? undefined : due.at(-1)
    if (last === undefined) this.#after.delete(key)
    else this.#after.set(key, last)
    for (const point of due) {
      if (signal.aborted) return
      if (this.#refused.has(point.arn)) continue
      try {
        const reason = await this.#queue(point, input, now)
        if (reason === undefined) continue
        this.#refused.set(point.arn, now + AGAIN_MS)
        await stay(this.#tools, point, whyOf(input), reason)
      } catch (error) {
        if (!(error instanceof RetryLaterError))
          this.#tools.log.error('a recovery point could not be moved to the second store of its vault', {
            point: point.arn,
            error: String(error),
          })
      }
    }
  }

  /** @returns Why not. */
  async #queue(point: RecoveryPointTable, input: MoveInput, now: number): Promise<string | undefined> {
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
      input: JSON.stringify(input),
    })
    store.wake()
    return undefined
  }
}

const whyOf = ({ tiering }: MoveInput): Why => (tiering === undefined ? 'cold' : 'tiering')

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
async function stay(tools: JobTools, point: RecoveryPointTable, why: Why, reason: string): Promise<void> {
  const message = `${STAYS[why]}: ${reason}`
  const { status, status_message: before } = point
  if (before === message) return
  if (before === null || saysStays(before))
    await setRecoveryPointStatus(tools.store.db, point, [status], { status, message })
  tools.log.warn('a recovery point stays where it is', { point: point.arn, reason: message })
}

const saysStays = (message: string): boolean =>
  Object.values(STAYS).some((begin) => message.startsWith(begin))

/** Moves a recovery point whose move was decided to its vault's cold storage: vault/sweep/cold.ts has the order. */
export const runMovePoint: JobRunner = async (tools, job) => {
  const { row } = job
  const { db } = tools.store
  const point = await findRecoveryPoint(db, row.account_id, row.recovery_point_arn as string)
  const vault = await findVault(db, row.account_id, row.region, row.vault_name as string)
  const input = JSON.parse(row.input) as MoveInput
  if (point === undefined || vault === undefined || !(await isMovable(tools, point, input)))
    return { state: 'COMPLETED' }
  const why = whyOf(input)
  // What lies in the second store only has to leave the first.
  const stopAsking = isInColdStore(point) ? undefined : await askOnAndOn(tools, job, vault, point, why)
  try {
    return await move(tools, job, vault, point, why)
  } catch (error) {
    if (job.signal.aborted || error instanceof RetryLaterError || error instanceof LeaseLostError) throw error
    const reason = error instanceof Error ? error.message : String(error)
    await stay(tools, point, why, `the move failed: ${reason}`)
    if (error instanceof JobFailedError) throw error
    throw new JobFailedError(`Move to the second store of ${vault.name} failed: ${reason}`, 'FAILURE', {
      cause: error,
    })
  } finally {
    stopAsking?.()
  }
}

/**
 * The move was decided when it was queued: it is again now, and from time to time, and ends the job where the role has lost the right.
 * @returns What ends the asking. @throws {JobFailedError}
 */
async function askOnAndOn(
  tools: JobTools,
  job: RunningJob,
  vault: VaultTable,
  point: RecoveryPointTable,
  why: Why,
): Promise<() => void> {
  const ask = async (): Promise<string | undefined> =>
    await refusalOf(tools, point, moveOf(point, vault), tools.clock.now())
  const denied = await ask()
  if (denied !== undefined) {
    await stay(tools, point, why, denied)
    throw new JobFailedError(`Move to the second store of ${vault.name} failed: ${denied}`, 'AccessDenied')
  }
  return askAgain({
    ask,
    everyMs: ASK_MS,
    onRefused: (reason) => job.abort(new JobStoppedError('FAILED', reason)),
    onError: (error) =>
      tools.log.warn('the role of a move under way could not be asked again', {
        point: point.arn,
        error: String(error),
      }),
  })
}

/** Lifecycle or configuration may have been changed since the job was queued. */
async function isMovable(
  { store, clock }: JobTools,
  point: RecoveryPointTable,
  { tiering }: MoveInput,
): Promise<boolean> {
  if (!MOVABLE.includes(point.status)) return false
  if (tiering === undefined) return point.cold_after_days !== null
  // Once the row says so, the first store is still to be left.
  if (isInColdStore(point)) return true
  const place = { accountId: point.account_id, region: point.region }
  const row = await findTiering(store.db, place, tiering)
  if (row === undefined) return false
  const days = tieringDays(JSON.parse(row.selections) as readonly TieringSelection[], point.resource_arn)
  return days !== undefined && (point.copied_at ?? point.created_at) + days * DAY_MS <= clock.now()
}

async function move(
  tools: JobTools,
  job: RunningJob,
  vault: VaultTable,
  point: RecoveryPointTable,
  why: Why,
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
  let { moved_to_cold_at: coldAt, tiered_at: tieredAt } = point
  if (why === 'cold' ? !isCold(point) : !isInColdStore(point)) {
    const movedAt = tools.clock.now()
    // What was tiered lies there already.
    const storedBytes = isInColdStore(point)
      ? 0
      : await copyToCold(warm, cold, {
          pointId: point.point_id,
          jobId: row.job_id,
          fence: row.fence,
          lease: tools.vaults.lease(job, warm),
          movedAt,
          isTiered: why === 'tiering',
          retainUntil: await retainUntil(tools, warm, point),
          signal: job.signal,
          onProgress: (bytes) => {
            progress.bytesDone += bytes
          },
          repack: repackInThreads,
        })
    const { status_message: before } = point
    const said = { movedAt, message: before !== null && saysStays(before) ? null : before }
    const isMoved = await tools.store.transaction(async (tx) => {
      await assertClaim(tx, row)
      await growStoredBytes(tx, vault, storedBytes)
      return why === 'cold' ? await setMovedToCold(tx, point, said) : await setTiered(tx, point, said)
    })
    crashpoint('move.noted')
    if (!isMoved)
      return {
        state: 'COMPLETED',
        message: `${point.arn} stays where it is: it is on its way out, or its lifecycle was changed`,
      }
    if (why === 'cold') coldAt = movedAt
    else tieredAt = movedAt
  }
  await job.check()
  await markTier(
    cold,
    point.point_id,
    typeof coldAt === 'number' ? 'cold' : 'tiered',
    (coldAt ?? tieredAt) as number,
  )
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
