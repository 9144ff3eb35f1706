import { driverOf } from '../drivers/drivers.ts'
import type { BackupSummary, ItemProblem } from '../drivers/driver.ts'
import type { ResourceType } from '../kinds/kind.ts'
import type { StoredLifecycle } from '../plans/lifecycle.ts'
import { MAX_TAGS, tagsOver } from '../lib/tag-keys.ts'
import { assertClaim, finishJob } from '../store/jobs/claims.ts'
import { completeRecoveryPoint, latestPointOfResource } from '../store/points/recovery-points.ts'
import type { JobTable, RecoveryPointTable, ResourceTable, VaultTable } from '../store/schema.ts'
import { putTags, tagsOf } from '../store/identity/tags.ts'
import { connectionOf } from './connections.ts'
import { openJobRole } from './job-role.ts'
import { pointRecord } from './points/point-record.ts'
import { finishedState } from './points/point-state.ts'
import type { PointEnd } from './points/point-state.ts'
import { pourBackup } from './pour/pour.ts'
import type { PourResult } from './pour/pour.ts'
import { queueCopies } from './plans/plan-copies.ts'
import type { WantedCopy } from './plans/plan-copies.ts'
import { checkRetention } from './plans/protection.ts'
import { checkQuotas, overQuota } from './quotas.ts'
import { Problems } from './problems.ts'
import { retainUntil } from './upkeep/retain.ts'
import { behindSweep } from './upkeep/sweep-queue.ts'
import type { JobOutcome, JobTools, RunningJob } from './tools.ts'
import { JobFailedError } from './errors.ts'
import { beginPoint, dropUnfinishedPoint, putUnfinishedPoint } from './points/unfinished-point.ts'
import { resourceOf, vaultToFill } from './vaults/vault-to-fill.ts'

const DAY_MS = 86_400_000

interface BackupInput {
  readonly lifecycle: StoredLifecycle
  readonly tags: Readonly<Record<string, string>>
  /** What the plan's rule wants the recovery point copied to; absent in jobs that a call started. */
  readonly copies?: readonly WantedCopy[]
}

/**
 * A backup job: the role's session, the driver, the pour, then in this order packs, index, manifest head, and in one transaction
 * recovery point and job. What a crash leaves behind is an orphan at worst; chunks stored already are found again by their ids.
 */
export async function runBackup(tools: JobTools, job: RunningJob): Promise<JobOutcome> {
  const { row } = job
  const vault = await vaultToFill(tools, row, 'Backup job')
  const resource = await resourceOf(tools, row, 'Backup job')
  await checkRetention(
    tools,
    { vault, opened: await tools.vaults.open(vault), jobNoun: 'Backup job' },
    (JSON.parse(row.input) as BackupInput).lifecycle.deleteAfterDays,
  )
  const bytesLeft = await checkQuotas(tools, row, vault, 'Backup job')
  const tags = await tagsOf(tools.store.db, row.account_id, resource.arn)
  checkTagCount(tags, row)
  const role = await openJobRole(tools, job, {
    resource: { arn: resource.arn, uniqueId: resource.unique_id, name: resource.name, tags },
    scope: {
      resourceArn: resource.arn,
      recoveryPointArn: row.recovery_point_arn as string,
      backupVaultArn: vault.arn,
    },
    vaultUse: 'write',
    connect: () => connectionOf(tools.serverKey, resource),
  })
  const { lifecycle } = JSON.parse(row.input) as BackupInput
  const point = beginPoint(row, vault, resource, {
    arn: row.recovery_point_arn as string,
    created_at: row.started_at ?? tools.clock.now(),
    delete_after_days: lifecycle.deleteAfterDays,
    cold_after_days: lifecycle.coldAfterDays ?? null,
    created_by: row.created_by,
    plan_id: row.plan_id,
  })
  await putUnfinishedPoint(tools, row, point)
  try {
    const problems = new Problems()
    const poured = await pour(tools, job, {
      vault,
      resource,
      point,
      problems,
      tags,
      session: role.session,
      bytesLeft,
    })
    await role.close()
    return await commit(tools, job, { point, ...poured })
  } catch (error) {
    await role.close()
    await dropUnfinishedPoint(tools, job.row, point)
    throw await behindSweep(tools, vault, row, error)
  }
}

/** @throws {JobFailedError} Where the recovery point would have more tags than one can have. */
function checkTagCount(ofResource: Readonly<Record<string, string>>, row: JobTable): void {
  const { tags: given } = JSON.parse(row.input) as BackupInput
  const count = Object.keys(tagsOver(ofResource, given)).filter((key) => !key.startsWith('aws:')).length
  if (count > MAX_TAGS)
    throw new JobFailedError(
      `Backup job failed. Its recovery point would have ${count} tags, those of the resource and ${Object.keys(given).length} of its own; ` +
        `the limit is ${MAX_TAGS}. Take some off ${row.resource_arn}, or off the plan's rule`,
    )
}

interface PourRequest {
  readonly vault: VaultTable
  readonly resource: ResourceTable
  readonly point: RecoveryPointTable
  readonly problems: Problems
  /** The resource's. */
  readonly tags: Readonly<Record<string, string>>
  readonly session: Awaited<ReturnType<typeof openJobRole>>['session']
  /** What the quotas leave. */
  readonly bytesLeft: number
}

async function pour(
  tools: JobTools,
  job: RunningJob,
  { vault, resource, point, problems, tags, session, bytesLeft }: PourRequest,
): Promise<Omit<Commit, 'point'>> {
  const { row, progress } = job
  const opened = await tools.vaults.open(vault)
  const parent = await latestPointOfResource(tools.store.db, {
    accountId: row.account_id,
    region: row.region,
    vaultName: vault.name,
    resourceUniqueId: resource.unique_id,
  })
  const pouring = await pourBackup({
    vault: opened,
    pointId: point.point_id,
    jobId: row.job_id,
    fence: row.fence,
    lease: tools.vaults.lease(job, opened),
    parentPointId: parent?.point_id,
    resourceType: resource.type as ResourceType,
    signal: job.signal,
    take: (bytes, signal) => tools.sourceBandwidth.take(bytes, signal),
    onProblem: (problem: ItemProblem) => {
      problems.add(problem)
      progress.itemsFailed = problems.count
    },
    onProgress: (bytes, items) => {
      progress.bytesDone = bytes
      if (bytes > bytesLeft) job.abort(overQuota('Backup job', bytesLeft))
      progress.itemsDone = items
    },
  })
  try {
    const summary = await driverOf(resource.type as ResourceType).backup({ session, sink: pouring.sink })
    await job.check()
    const end = endOf(tools, row, { point, problems, summary, tags })
    const result = await pouring.finish(
      {
        ...(await pointRecord(tools, point, summary.restoreMetadata)),
        ...(await finishedState(tools.store.db, point, end)),
      },
      await retainUntil(tools, opened, point),
    )
    return { result, summary, end }
  } catch (error) {
    await pouring.abort()
    throw error
  }
}

interface Commit {
  readonly point: RecoveryPointTable
  readonly result: PourResult
  readonly summary: BackupSummary
  readonly end: PointEnd
}

/** Said in the vault before it is said in the row, and the same. */
function endOf(
  tools: JobTools,
  row: JobTable,
  {
    point,
    problems,
    summary,
    tags,
  }: Pick<PourRequest, 'point' | 'problems' | 'tags'> & { summary: BackupSummary },
): PointEnd {
  const message = [problems.sentence('could not be backed up'), ...(summary.notes ?? [])]
    .filter((text) => text !== undefined)
    .join('. ')
  const given = (JSON.parse(row.input) as BackupInput).tags
  return {
    state: problems.count === 0 ? 'COMPLETED' : 'PARTIAL',
    message,
    completedAt: tools.clock.now(),
    tags: { ...tagsOver(tags, given), 'aws:backup:source-resource': point.resource_arn },
  }
}

/** Recovery point, its tags and the job's end become true together. */
async function commit(
  tools: JobTools,
  job: RunningJob,
  { point, result, summary, end }: Commit,
): Promise<JobOutcome> {
  const { row } = job
  const { state, message, completedAt: now } = end
  const input = JSON.parse(row.input) as BackupInput
  job.progress.bytesDone = result.contentBytes
  job.progress.bytesTotal = result.contentBytes
  job.progress.itemsDone = result.itemCount
  await tools.store.transaction(async (tx) => {
    await assertClaim(tx, row)
    await completeRecoveryPoint(
      tx,
      point,
      state,
      {
        completed_at: now,
        size_bytes: result.contentBytes,
        item_count: result.itemCount,
        restore_metadata: JSON.stringify(summary.restoreMetadata),
        delete_at:
          point.delete_after_days === null ? null : point.created_at + point.delete_after_days * DAY_MS,
        status_message: message === '' ? null : message,
      },
      result.storedBytes,
    )
    await putTags(tx, row.account_id, point.arn, end.tags)
    await queueCopies(tx, row, { ...point, size_bytes: result.contentBytes }, input.copies ?? [], now)
    await finishJob(tx, row, {
      state,
      now,
      status_message: message === '' ? null : message,
      message_category: state === 'COMPLETED' ? 'SUCCESS' : 'PARTIAL',
      progress: job.progress,
      result: JSON.stringify({ storedBytes: result.storedBytes, reusedItems: result.reusedItems }),
    })
  })
  if (input.copies !== undefined) tools.store.wake()
  return { state, message, isFinished: true }
}
