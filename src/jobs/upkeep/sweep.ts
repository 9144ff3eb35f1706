import { oldestLiveGeneration } from '../../store/jobs/claims.ts'
import { coldPointsIn, hasColdStore, isMoving } from '../../store/points/cold-points.ts'
import { isFinished } from '../../store/jobs/job-states.ts'
import { jobStates } from '../../store/jobs/jobs.ts'
import { knownPointIds } from '../../store/points/recovery-points.ts'
import type { VaultTable } from '../../store/schema.ts'
import { bumpGeneration, findVault, setStoredBytes } from '../../store/vaults/vaults.ts'
import { leaveWarm, mirrorVault } from '../../vault/sweep/cold.ts'
import { sweepVault } from '../../vault/sweep/sweep.ts'
import type { SweepResult } from '../../vault/sweep/sweep.ts'
import { readHeads } from '../../vault/points/all-heads.ts'
import { livePointIds } from '../../vault/points/found-points.ts'
import type { FoundPoints } from '../../vault/points/found-points.ts'
import { VaultDamageError } from '../../vault/errors.ts'
import { headName } from '../../vault/points/heads.ts'
import type { PointHead } from '../../vault/points/heads.ts'
import type { Vault } from '../../vault/vault.ts'
import { sealColdPlace } from '../points/cold-place.ts'
import { JobFailedError } from '../errors.ts'
import { missingPoints } from './missing-points.ts'
import { RepackThreads } from './repack-packs.ts'
import { protectionOf, whyKept } from '../plans/protection.ts'
import type { Protection } from '../plans/protection.ts'
import { queueSweep } from './sweep-queue.ts'
import type { JobOutcome, JobTools, RunningJob } from '../tools.ts'
import type { Tier } from '../vaults/vault-storages.ts'

/**
 * How long an unused pack lies on its dead list at least, in milliseconds. Nothing: the store's generations say when no job can
 * still need it, and a wall clock adds no safety to that.
 */
const GRACE_MS = 0
/** What a running job may still need is looked at again after so long, in milliseconds. */
const AGAIN_MS = 60_000

/** A vault of so much probably has something to be written anew, and a sweep of it takes longer than two threads take to start. */
const MUCH_BYTES: number = 128 * 1024 * 1024

/** Frees what no recovery point of a vault uses, without stopping anybody who writes or reads it. */
export async function runSweep(tools: JobTools, job: RunningJob): Promise<JobOutcome> {
  const { row } = job
  const { db } = tools.store
  const vault = await findVault(db, row.account_id, row.region, row.vault_name as string)
  if (vault === undefined) throw new JobFailedError(`Sweep failed: backup vault ${row.vault_name} is gone`)
  const warm = await tools.vaults.open(vault)
  const protection = await protectionOf(tools, vault, warm)
  if (protection.keyProblem !== undefined)
    throw new JobFailedError(
      `Sweep failed: backup vault ${vault.name} is locked, and ${protection.keyProblem}`,
    )
  const cold = hasColdStore(vault) ? await tools.vaults.openCold(vault) : undefined
  if (cold !== undefined) await finishMoves(tools, vault, { warm, cold })
  let dropped = 0
  let result = NOTHING
  for (const opened of cold === undefined ? [warm] : [warm, cold]) {
    await using threads = new RepackThreads()
    if (vault.stored_bytes >= MUCH_BYTES) threads.start()
    const listed = await listComplete(tools, opened, vault, opened === cold ? 'cold' : 'warm')
    dropped += await dropUnfinishedPoints(tools, opened, protection, listed)
    const swept = await sweepVault(opened, {
      listed,
      // One generation for both: a job on the vault may read either.
      lease: tools.vaults.lease(job, warm),
      takeGeneration: () => bumpGeneration(db, vault),
      oldestLive: () => oldestLiveGeneration(db, vault, row.job_id),
      now: tools.clock.now(),
      graceMs: GRACE_MS,
      repack: threads.repack,
      signal: job.signal,
    })
    result = sumOf(result, swept)
  }
  await setStoredBytes(db, vault, result.storedBytes)
  if (result.waitingBlobs > 0) {
    const now = tools.clock.now()
    await queueSweep(db, vault, { callerArn: row.caller_arn, now, runAt: now + AGAIN_MS })
  }
  const waiting =
    result.waitingBlobs === 0 ? '' : `; ${result.waitingBlobs} blobs wait until no running job may need them`
  return {
    state: 'COMPLETED',
    message: `${freedSentence(result)}${waiting}`,
    result: { ...result, droppedPoints: dropped },
  }
}

/**
 * Lists the recovery points of one store of a vault, once for all steps that come.
 * @throws {JobFailedError} When one is gone that nobody deleted: what it holds must not be freed.
 */
async function listComplete(
  tools: JobTools,
  opened: Vault,
  vault: VaultTable,
  tier: Tier,
): Promise<FoundPoints> {
  const { missing, listed } = await missingPoints(tools.store.db, vault, opened, tier)
  const first = missing[0]
  if (first === undefined) return listed
  const more = missing.length === 1 ? '' : ` (and ${missing.length - 1} more)`
  throw new JobFailedError(
    `The sweep of backup vault ${vault.name} freed nothing: ${headName(first.pointId)} of recovery point ${first.arn}${more} is gone from ` +
      'its storage, and nobody deleted it. What it held may still be there: put the file back, or delete the recovery point',
    'DAMAGE',
  )
}

const NOTHING: SweepResult = {
  deletedBlobs: 0,
  deletedBytes: 0,
  repackedPacks: 0,
  waitingBlobs: 0,
  storedBytes: 0,
  usedBytes: 0,
}

function sumOf(one: SweepResult, other: SweepResult): SweepResult {
  return {
    deletedBlobs: one.deletedBlobs + other.deletedBlobs,
    deletedBytes: one.deletedBytes + other.deletedBytes,
    repackedPacks: one.repackedPacks + other.repackedPacks,
    waitingBlobs: one.waitingBlobs + other.waitingBlobs,
    storedBytes: one.storedBytes + other.storedBytes,
    usedBytes: one.usedBytes + other.usedBytes,
  }
}

/** Takes points out of the first store that are cold by their rows: their moves were interrupted, and nobody goes on with them. */
async function finishMoves(
  tools: JobTools,
  vault: VaultTable,
  { warm, cold }: { readonly warm: Vault; readonly cold: Vault },
): Promise<void> {
  // Where it lies elsewhere than it did, the next loss is to find it there.
  await sealColdPlace(tools, vault, warm)
  await mirrorVault(warm.store, cold.store)
  const rows = new Map((await coldPointsIn(tools.store.db, vault)).map((row) => [row.point_id, row]))
  for (const pointId of await livePointIds(warm.store)) {
    const row = rows.get(pointId)
    if (row === undefined || (await isMoving(tools.store.db, row))) continue
    await leaveWarm(warm, cold, pointId)
  }
}

function freedSentence({ deletedBytes, deletedBlobs }: SweepResult): string {
  if (deletedBlobs === 0) return 'There was nothing to free'
  return `Freed ${(deletedBytes / 1024 ** 2).toFixed(1)} MiB in ${deletedBlobs} ${deletedBlobs === 1 ? 'blob' : 'blobs'}`
}

/**
 * Deletes manifest heads that a job wrote and did not live to report: an earlier attempt's, or those of a job that failed. A head
 * whose job this store does not know is left alone: it may belong to a newer copy of the database.
 */
async function dropUnfinishedPoints(
  tools: JobTools,
  opened: Vault,
  protection: Protection,
  { live }: FoundPoints,
): Promise<number> {
  const { vault } = protection
  let dropped = 0
  for await (const page of readHeads(opened.store, opened.keys, live)) {
    const heads = page.filter((head): head is PointHead => !(head instanceof VaultDamageError))
    for (const head of page)
      if (head instanceof VaultDamageError)
        tools.log.warn('a recovery point’s head is damaged', { vault: vault.name, reason: head.message })
    for (const head of await unfinishedOf(tools, vault, heads)) {
      const kept = await whyKept(tools, protection, opened, head.pointId, 'sweep')
      if (kept !== undefined) {
        tools.log.warn('a recovery point that no job finished stays', { vault: vault.name, reason: kept })
        continue
      }
      await opened.deletePoint(head.pointId, 'its job did not finish it')
      dropped++
    }
  }
  return dropped
}

/** Of these heads, those that a job wrote that is known and will not report them any more. */
async function unfinishedOf(
  tools: JobTools,
  vault: VaultTable,
  heads: readonly PointHead[],
): Promise<readonly PointHead[]> {
  if (heads.length === 0) return []
  // The jobs first: one that ends between the two looks has its recovery point's row by then.
  const jobs = await jobStates(
    tools.store.db,
    heads.map(({ jobId }) => jobId),
  )
  const known = await knownPointIds(
    tools.store.db,
    vault,
    heads.map(({ pointId }) => pointId),
  )
  return heads.filter(({ pointId, jobId, fence }) => {
    const job = jobs.get(jobId)
    if (job !== undefined && !isFinished(job.state) && job.fence === fence) return false
    if (job === undefined && !known.has(pointId))
      tools.log.warn('a recovery point in the vault is not in the catalogue', {
        vault: vault.name,
        point: pointId,
        job: jobId,
      })
    return job !== undefined && !known.has(pointId)
  })
}
