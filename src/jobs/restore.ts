import { driverOf } from '../drivers/drivers.ts'
import type { Connection, DriverSession, PlacedThing, RestoreSummary } from '../drivers/driver.ts'
import type { ResourceType } from '../kinds/kind.ts'
import type { RestoreTarget } from '../kinds/restore-target.ts'
import { randomHex } from '../lib/ids.ts'
import { assertClaim, finishJob, LeaseLostError, updateClaimed } from '../store/jobs/claims.ts'
import { setLastRestore } from '../store/points/recovery-points.ts'
import { insertResource } from '../store/resources/resources.ts'
import type { NewResource } from '../store/resources/resources.ts'
import type { JobTable } from '../store/schema.ts'
import { replaceTags } from '../store/identity/tags.ts'
import { connectionOf } from './connections.ts'
import { AccessDeniedError, JobFailedError, JobStoppedError } from './errors.ts'
import { guardTest } from './restore-tests/restore-test-guard.ts'
import { openPointReader } from './pour/pour-restore.ts'
import { decideBeforehand, openRestoreRole, restorePlan, tagsToSet } from './restore-plan.ts'
import type { RestorePlan } from './restore-plan.ts'
import { tellMetDamage } from './upkeep/met-damage.ts'
import { Problems } from './problems.ts'
import type { JobOutcome, JobTools, RunningJob } from './tools.ts'

/** A restore job: the role's session, the driver, and at the end the new resource registered with tags as the role may set. */
export async function runRestore(tools: JobTools, job: RunningJob): Promise<JobOutcome> {
  const { row } = job
  const plan = await restorePlan(tools, row)
  const warnings = plan.input.isTest === true ? await guardTest(tools, row, { ...plan, ...plan.input }) : []
  const tags = await tagsToSet(tools, row, plan)
  const role = await openRestoreRole(tools, job, plan, tags)
  const left: string[] = []
  try {
    const problems = new Problems()
    await decideBeforehand(role.session, plan, tags)
    const summary = await restore(tools, job, plan, role.session, { problems, left })
    await role.close()
    if (problems.count > 0) {
      await tellMetDamage(tools, job, plan.vault.name, problems.damage)
      throw new JobFailedError(
        `Restore job failed: ${problems.sentence('could not be restored')}. What was restored lies in ${summary.createdResourceArn}`,
      )
    }
    return await commit(
      tools,
      job,
      plan,
      { ...summary, notes: [...(summary.notes ?? []), ...warnings] },
      tags,
    )
  } catch (error) {
    if (!job.signal.aborted && !(error instanceof JobFailedError))
      await tellMetDamage(tools, job, plan.vault.name, [(error as Error).message])
    throw leaving(job.signal.aborted ? job.signal.reason : error, plan.target, left)
  } finally {
    await role.close()
  }
}

/** The end of a restore that did not end well, with what it leaves at its target. */
function leaving(error: unknown, target: RestoreTarget, left: readonly string[]): unknown {
  if (error instanceof JobStoppedError) {
    const what = left.length === 0 ? `Nothing of it stays at ${target.arn}` : left.join('. ')
    return new JobStoppedError(error.state, `${error.message.replace(/\.$/, '')}. ${what}`)
  }
  if (left.length === 0 || !(error instanceof Error) || error instanceof LeaseLostError) return error
  const message = `${error.message.replace(/\.$/, '')}. ${left.join('. ')}`
  if (error instanceof AccessDeniedError) return new AccessDeniedError(message, { cause: error })
  if (error instanceof JobFailedError) return new JobFailedError(message, error.category, { cause: error })
  return new Error(message, { cause: error })
}

async function restore(
  tools: JobTools,
  job: RunningJob,
  { point, vault, target, input }: RestorePlan,
  session: DriverSession,
  { problems, left }: { readonly problems: Problems; readonly left: string[] },
): Promise<RestoreSummary> {
  const { progress } = job
  progress.bytesTotal = point.size_bytes
  const told = restoreProgress(progress)
  const opened = await tools.vaults.holding(vault, point)
  const reader = await openPointReader({
    vault: opened,
    pointId: point.point_id,
    resourceType: point.resource_type as ResourceType,
    signal: job.signal,
    onProgress: (bytes, items) => told.read(bytes, items),
    take: (bytes, signal) => tools.sourceBandwidth.take(bytes, signal),
  })
  try {
    return await driverOf(point.resource_type as ResourceType).restore({
      session,
      point: reader,
      metadata: input.metadata,
      restoreMetadata: JSON.parse(point.restore_metadata) as Record<string, string>,
      target,
      attempt: job.row.attempts,
      placed: (JSON.parse(job.row.result) as { readonly placed?: PlacedThing }).placed,
      placing: async (placed) =>
        await updateClaimed(tools.store.db, job.claim, { result: JSON.stringify({ placed }) }),
      begin: async () => await job.check(),
      left: (what) => void left.push(what),
      problem: (problem) => {
        problems.add(problem)
        progress.itemsFailed = problems.count
      },
      progress: (bytes, items) => told.written(bytes, items),
    })
  } finally {
    reader.close()
  }
}

/** Reader and driver both tell what they have done of the same bytes; what is ahead counts. */
function restoreProgress(progress: RunningJob['progress']): {
  read(bytes: number, items: number): void
  written(bytes: number, items: number): void
} {
  const sums = { read: { bytes: 0, items: 0 }, written: { bytes: 0, items: 0 } }
  const add = (sum: { bytes: number; items: number }, bytes: number, items: number): void => {
    sum.bytes += bytes
    sum.items += items
    progress.bytesDone = Math.max(sums.read.bytes, sums.written.bytes)
    progress.itemsDone = Math.max(sums.read.items, sums.written.items)
  }
  return {
    read: (bytes, items) => add(sums.read, bytes, items),
    written: (bytes, items) => add(sums.written, bytes, items),
  }
}

async function commit(
  tools: JobTools,
  job: RunningJob,
  plan: RestorePlan,
  summary: RestoreSummary,
  tags: Readonly<Record<string, string>>,
): Promise<JobOutcome> {
  const { row } = job
  const now = tools.clock.now()
  const created =
    summary.created === undefined ? undefined : newResource(tools, row, plan, summary, summary.created, now)
  const skipped =
    summary.itemsSkipped === 0
      ? undefined
      : `${summary.itemsSkipped} items existed already and were left as they are`
  const message = [skipped, ...(summary.notes ?? [])].filter((text) => text !== undefined).join('. ')
  job.progress.bytesDone = summary.bytes
  job.progress.itemsDone = summary.itemsRestored
  await tools.store.transaction(async (tx) => {
    await assertClaim(tx, row)
    if (created !== undefined && (await insertResource(tx, created)))
      await replaceTags(tx, row.account_id, created.arn, tags)
    await setLastRestore(tx, plan.point, now)
    await finishJob(tx, row, {
      state: 'COMPLETED',
      now,
      status_message: message === '' ? null : message,
      message_category: 'SUCCESS',
      progress: job.progress,
      result: JSON.stringify({
        createdResourceArn: summary.createdResourceArn,
        itemsRestored: summary.itemsRestored,
        itemsSkipped: summary.itemsSkipped,
      }),
    })
  })
  return { state: 'COMPLETED', message, isFinished: true }
}

/** What the restore made is a resource of its own, reached the same way as the one it was made through. */
function newResource(
  tools: JobTools,
  row: JobTable,
  plan: RestorePlan,
  summary: RestoreSummary,
  created: { readonly name: string; readonly settings: Connection['settings'] },
  now: number,
): NewResource {
  const uniqueId = randomHex(16)
  const { secret } = connectionOf(tools.serverKey, plan.via)
  return {
    account_id: row.account_id,
    region: row.region,
    arn: summary.createdResourceArn,
    unique_id: uniqueId,
    type: plan.point.resource_type,
    name: created.name,
    settings: JSON.stringify(created.settings),
    secret:
      secret === undefined ? null : tools.serverKey.seal('connection', `${uniqueId} 1`, Buffer.from(secret)),
    version: 1,
    created_at: now,
    created_by: row.caller_arn,
    restored_from: plan.point.arn,
    removed_at: null,
  }
}
