import type { ResourceType } from '../../kinds/kind.ts'
import type { FoundDirectory, StoredSnapshot } from '../../restic/snapshots.ts'
import { assertClaim } from '../../store/jobs/claims.ts'
import { completeRecoveryPoint } from '../../store/points/recovery-points.ts'
import type { RecoveryPointTable } from '../../store/schema.ts'
import { putTags } from '../../store/identity/tags.ts'
import { decideImport, problemTeller } from './import-plan.ts'
import type { Before, ImportPlan } from './import-plan.ts'
import { tagsOfSnapshot } from './import-source.ts'
import type { ImportSource } from './import-source.ts'
import { importTree } from './import-tree.ts'
import { pointRecord } from '../points/point-record.ts'
import { finishedState } from '../points/point-state.ts'
import type { PointEnd } from '../points/point-state.ts'
import { pourBackup } from '../pour/pour.ts'
import type { PourResult } from '../pour/pour.ts'
import { Problems } from '../problems.ts'
import { retainUntil } from '../upkeep/retain.ts'
import { checkQuotas, overQuota } from '../quotas.ts'
import type { JobTools, RunningJob } from '../tools.ts'
import { beginPoint, dropUnfinishedPoint, putUnfinishedPoint } from '../points/unfinished-point.ts'

const DAY_MS = 86_400_000

export interface PointImport {
  readonly plan: ImportPlan
  readonly source: ImportSource
  readonly snapshot: StoredSnapshot
  readonly from: FoundDirectory
  readonly before: Before | undefined
  readonly arn: string
  readonly createdAt: number
  readonly deleteAfterDays: number | null
}

export interface ImportedPoint {
  readonly pointId: string
  readonly bytes: number
  readonly droppedXattrs: number
}

/** Makes one recovery point of one snapshot: as a backup's, it is whole and recorded, or it is none. */
export async function importPoint(
  tools: JobTools,
  job: RunningJob,
  request: PointImport,
): Promise<ImportedPoint> {
  const { plan, snapshot, arn } = request
  const bytesLeft = await checkQuotas(tools, job.row, plan.vault, 'Import job')
  const role = await decideImport(tools, job, plan, { arn, tags: tagsOfSnapshot(snapshot) })
  const point = beginPoint(job.row, plan.vault, plan.resource, {
    arn,
    created_at: request.createdAt,
    delete_after_days: request.deleteAfterDays,
    cold_after_days: null,
    created_by: null,
    plan_id: null,
  })
  try {
    await putUnfinishedPoint(tools, job.row, point)
    return await pour(tools, job, request, point, bytesLeft)
  } catch (error) {
    await dropUnfinishedPoint(tools, job.row, point)
    throw error
  } finally {
    await role.close()
  }
}

async function pour(
  tools: JobTools,
  job: RunningJob,
  request: PointImport,
  point: RecoveryPointTable,
  bytesLeft: number,
): Promise<ImportedPoint> {
  const { plan, source, snapshot, from, before } = request
  const { row, progress } = job
  const opened = await tools.vaults.open(plan.vault)
  const problems = new Problems()
  const done = { bytes: progress.bytesDone, items: progress.itemsDone }
  const pouring = await pourBackup({
    vault: opened,
    pointId: point.point_id,
    jobId: row.job_id,
    fence: row.fence,
    lease: tools.vaults.lease(job, opened),
    parentPointId: before?.pointId,
    resourceType: plan.resource.type as ResourceType,
    signal: job.signal,
    onProblem: problemTeller(plan, job, problems),
    onProgress: (bytes, items) => {
      progress.bytesDone = done.bytes + bytes
      progress.itemsDone = done.items + items
      if (bytes > bytesLeft) job.abort(overQuota('Import job', bytesLeft))
    },
  })
  try {
    const { droppedXattrs } = await importTree({
      blobs: source.blobs,
      snapshot,
      from,
      before: before?.from,
      sink: pouring.sink,
      signal: job.signal,
    })
    await job.check()
    const restoreMetadata = {
      'file-system-id': plan.resource.name,
      Encrypted: 'false',
      PerformanceMode: 'generalPurpose',
    }
    const end = endOf(tools, request, problems)
    const result = await pouring.finish(
      {
        ...(await pointRecord(tools, point, restoreMetadata)),
        ...(await finishedState(tools.store.db, point, end)),
      },
      await retainUntil(tools, opened, point),
    )
    await commit(tools, job, { point, end, result, restoreMetadata })
    return { pointId: point.point_id, bytes: result.contentBytes, droppedXattrs }
  } catch (error) {
    await pouring.abort()
    throw error
  }
}

function endOf(tools: JobTools, { plan, snapshot }: PointImport, problems: Problems): PointEnd {
  return {
    state: problems.count === 0 ? 'COMPLETED' : 'PARTIAL',
    message: problems.sentence('could not be imported') ?? '',
    completedAt: tools.clock.now(),
    tags: {
      ...plan.tags,
      ...tagsOfSnapshot(snapshot),
      'aws:backup:source-resource': plan.resource.arn,
    },
  }
}

interface Commit {
  readonly point: RecoveryPointTable
  readonly end: PointEnd
  readonly result: PourResult
  readonly restoreMetadata: Readonly<Record<string, string>>
}

/** Recovery point and tags become true together; the job goes on. */
async function commit(
  tools: JobTools,
  { row }: RunningJob,
  { point, end, result, restoreMetadata }: Commit,
): Promise<void> {
  const { state, message, completedAt, tags } = end
  await tools.store.transaction(async (tx) => {
    await assertClaim(tx, row)
    await completeRecoveryPoint(
      tx,
      point,
      state,
      {
        completed_at: completedAt,
        size_bytes: result.contentBytes,
        item_count: result.itemCount,
        restore_metadata: JSON.stringify(restoreMetadata),
        delete_at:
          point.delete_after_days === null ? null : point.created_at + point.delete_after_days * DAY_MS,
        status_message: message === '' ? null : message,
      },
      result.storedBytes,
    )
    await putTags(tx, row.account_id, point.arn, tags)
  })
}
