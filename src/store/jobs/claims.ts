import { sql } from 'kysely'
import { ACTIVE_STATES, firstState, statesBefore, WAITING_STATES } from './job-states.ts'
import type { JobTable, VaultTable } from '../schema.ts'
import type { Queryable } from '../store.ts'

/**
 * The job's row is its queue entry.
 *
 * A worker claims a row for the length of a lease and renews it by heartbeats. Each claim counts up the row's fence; every later
 * write of the worker names owner and fence, so that one which lost its lease and comes back is refused whatever it believes.
 * A lease that ran out is claimed again like a waiting job. Nothing else ends a lease but `takeOverLeases`.
 */

/** What a worker's writes name. A claimed row is one. */
export type Claim = Pick<JobTable, 'job_id' | 'kind' | 'fence' | 'lease_owner'>

/** The job is another worker's now, or ended: the worker stops at once and writes nothing more for it. */
export class LeaseLostError extends Error {
  override name = 'LeaseLostError'
  readonly jobId: string
  readonly fence: number

  constructor(claim: Claim) {
    super(
      `job ${claim.job_id} is no longer held under fence ${claim.fence}: its lease ran out or was taken over`,
    )
    this.jobId = claim.job_id
    this.fence = claim.fence
  }
}

/** How far a job is; what is undefined stays. */
export interface Progress {
  readonly bytesTotal?: number | undefined
  readonly bytesDone?: number | undefined
  readonly itemsDone?: number | undefined
  readonly itemsFailed?: number | undefined
}

function columnsOf(progress: Progress): Partial<JobTable> {
  return {
    ...(progress.bytesTotal !== undefined && { bytes_total: progress.bytesTotal }),
    ...(progress.bytesDone !== undefined && { bytes_done: progress.bytesDone }),
    ...(progress.itemsDone !== undefined && { items_done: progress.itemsDone }),
    ...(progress.itemsFailed !== undefined && { items_failed: progress.itemsFailed }),
  }
}

/**
 * Renews the lease and writes the progress in the same statement.
 * @returns Where somebody asked the job to stop, what its message says then.
 * @throws {LeaseLostError}
 */
export async function heartbeat(
  db: Queryable,
  claim: Claim,
  beat: { readonly now: number; readonly leaseMs: number; readonly progress?: Progress | undefined },
): Promise<{ readonly stop: string | undefined }> {
  const row = await db
    .updateTable('job')
    .set({ lease_until: beat.now + beat.leaseMs, ...columnsOf(beat.progress ?? {}) })
    .where('job_id', '=', claim.job_id)
    .where('fence', '=', claim.fence)
    .where('lease_owner', '=', claim.lease_owner)
    .where('state', 'in', ACTIVE_STATES)
    .returning(['cancel_requested', 'stop_message'])
    .executeTakeFirst()
  if (row === undefined) throw new LeaseLostError(claim)
  return { stop: row.cancel_requested === 0 ? undefined : (row.stop_message ?? 'The job was stopped') }
}

/** Columns that a worker sets of its own job while it runs: what it made, and what it found out. */
export type JobFacts = Partial<
  Pick<JobTable, 'recovery_point_arn' | 'result' | 'status_message' | 'message_category' | 'resource_type'>
>

/** Writes facts under the claim. @throws {LeaseLostError} */
export async function updateClaimed(db: Queryable, claim: Claim, facts: JobFacts): Promise<void> {
  const result = await db
    .updateTable('job')
    .set(facts)
    .where('job_id', '=', claim.job_id)
    .where('fence', '=', claim.fence)
    .where('lease_owner', '=', claim.lease_owner)
    .where('state', 'in', ACTIVE_STATES)
    .executeTakeFirst()
  if (result.numUpdatedRows !== 1n) throw new LeaseLostError(claim)
}

/**
 * Refuses a claim that is no longer held. First query of a transaction that writes other rows for a job, so that a worker which
 * lost its lease changes nothing at all; the job's row stays locked until the transaction ends.
 * @throws {LeaseLostError}
 */
export async function assertClaim(db: Queryable, claim: Claim): Promise<void> {
  const result = await db
    .updateTable('job')
    .set((eb) => ({ fence: eb.ref('fence') }))
    .where('job_id', '=', claim.job_id)
    .where('fence', '=', claim.fence)
    .where('lease_owner', '=', claim.lease_owner)
    .where('state', 'in', ACTIVE_STATES)
    .executeTakeFirst()
  if (result.numUpdatedRows !== 1n) throw new LeaseLostError(claim)
}

export interface JobEnd extends JobFacts {
  readonly state: 'COMPLETED' | 'PARTIAL' | 'FAILED' | 'ABORTED' | 'EXPIRED'
  readonly now: number
  readonly progress?: Progress | undefined
}

/** Ends a job and its lease, from a state that may come before. @throws {LeaseLostError} */
export async function finishJob(db: Queryable, claim: Claim, end: JobEnd): Promise<void> {
  const { state, now, progress, ...facts } = end
  const result = await db
    .updateTable('job')
    .set({
      ...facts,
      ...columnsOf(progress ?? {}),
      state,
      completed_at: now,
      lease_until: null,
      lease_owner: null,
    })
    .where('job_id', '=', claim.job_id)
    .where('fence', '=', claim.fence)
    .where('lease_owner', '=', claim.lease_owner)
    .where(
      'state',
      'in',
      statesBefore(claim.kind, state).filter((from) => ACTIVE_STATES.includes(from)),
    )
    .executeTakeFirst()
  if (result.numUpdatedRows !== 1n) throw new LeaseLostError(claim)
}

/**
 * Puts a running job back into the queue, for another try at `runAt`; `message` says why. False where it was asked to stop
 * meanwhile: it is not put back, the caller ends it.
 * @throws {LeaseLostError}
 */
export async function putBack(
  db: Queryable,
  claim: Claim,
  again: { readonly runAt: number; readonly message: string },
): Promise<boolean> {
  const result = await db
    .updateTable('job')
    .set({
      state: firstState(claim.kind),
      run_at: again.runAt,
      status_message: again.message,
      lease_owner: null,
      lease_until: null,
    })
    .where('job_id', '=', claim.job_id)
    .where('fence', '=', claim.fence)
    .where('lease_owner', '=', claim.lease_owner)
    .where('state', '=', 'RUNNING')
    .where('cancel_requested', '=', 0)
    .executeTakeFirst()
  if (result.numUpdatedRows === 1n) return true
  await assertClaim(db, claim)
  return false
}

/**
 * Ends at once the leases of a worker known to be dead: at start, those of this server's earlier process. Their jobs can be
 * claimed immediately, and the fence moves on, so that the dead one, were it not dead, is refused.
 * @returns The jobs whose leases were taken.
 */
export async function takeOverLeases(db: Queryable, ownerPrefix: string, now: number): Promise<string[]> {
  const rows = await db
    .updateTable('job')
    .set((eb) => ({ lease_until: now, lease_owner: null, fence: eb('fence', '+', 1) }))
    .where('state', 'in', ACTIVE_STATES)
    .where((eb) =>
      eb(eb.fn<string>('substr', ['lease_owner', sql.lit(1), sql.lit(ownerPrefix.length)]), '=', ownerPrefix),
    )
    .returning('job_id')
    .execute()
  return rows.map((row) => row.job_id)
}

/** Ends as EXPIRED the jobs of a kind that nobody started inside their start window; a reason from an earlier try is kept. */
export async function expireUnstarted(
  db: Queryable,
  kind: 'backup' | 'restore',
  now: number,
  message: string,
): Promise<string[]> {
  const rows = await db
    .updateTable('job')
    .set((eb) => ({
      state: 'EXPIRED',
      completed_at: now,
      status_message: eb.fn.coalesce('status_message', eb.cast<string>(eb.val(message), 'text')),
    }))
    .where('kind', '=', kind)
    .where('state', 'in', WAITING_STATES)
    .where('start_by', '<=', now)
    .returning('job_id')
    .execute()
  return rows.map((row) => row.job_id)
}

/**
 * The oldest index generation that a job still under way may have read of a vault; undefined where none is under way. By state,
 * not by clock: a job whose lease ran out counts until it is claimed again or ended. `exceptJobId` is the sweep itself.
 */
export async function oldestLiveGeneration(
  db: Queryable,
  vault: Pick<VaultTable, 'account_id' | 'region' | 'name' | 'arn'>,
  exceptJobId: string,
): Promise<number | undefined> {
  const inVault = await db
    .selectFrom('job')
    .select((eb) => eb.fn.min('lease_generation').as('oldest'))
    .where('account_id', '=', vault.account_id)
    .where('region', '=', vault.region)
    .where('vault_name', '=', vault.name)
    .where('state', 'in', ACTIVE_STATES)
    .where('job_id', '<>', exceptJobId)
    .executeTakeFirst()
  const intoVault = await db
    .selectFrom('job')
    .select((eb) => eb.fn.min('destination_generation').as('oldest'))
    .where('destination_vault_arn', '=', vault.arn)
    .where('state', 'in', ACTIVE_STATES)
    .executeTakeFirst()
  const generations = [inVault?.oldest, intoVault?.oldest].filter((one) => typeof one === 'number')
  return generations.length === 0 ? undefined : Math.min(...generations)
}
