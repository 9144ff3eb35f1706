import { driverOf } from '../drivers/drivers.ts'
import type { Connection, DriverSession, RestoreSummary } from '../drivers/driver.ts'
import { tagCalls, wayCalls } from '../kinds/job-calls.ts'
import type { Kind, ResourceType } from '../kinds/kind.ts'
import { kindOfType, restoreConnectionArn } from '../kinds/kinds.ts'
import { RestoreTargetError, restoreTargetOf } from '../kinds/restore-target.ts'
import { RESTORE_TEST } from '../kinds/restore-test.ts'
import type { RestoreTarget } from '../kinds/restore-target.ts'
import { TARGET_RESOURCE } from '../kinds/target-resource.ts'
import { randomHex } from '../lib/ids.ts'
import { assertClaim, finishJob } from '../store/jobs/claims.ts'
import { findRecoveryPoint, RESTORABLE, setLastRestore } from '../store/points/recovery-points.ts'
import { findResource, findResourceById, insertResource } from '../store/resources/resources.ts'
import type { NewResource } from '../store/resources/resources.ts'
import type { JobTable, RecoveryPointTable, ResourceTable, VaultTable } from '../store/schema.ts'
import { replaceTags, tagsOf, tagsOfAll } from '../store/identity/tags.ts'
import { findVault } from '../store/vaults/vaults.ts'
import { connectionOf } from './connections.ts'
import { JobFailedError } from './errors.ts'
import { guardTest } from './restore-tests/restore-test-guard.ts'
import { openJobRole } from './job-role.ts'
import { openPointReader } from './pour/pour-restore.ts'
import { tellMetDamage } from './upkeep/met-damage.ts'
import { Problems } from './problems.ts'
import type { JobOutcome, JobTools, RunningJob } from './tools.ts'

interface RestoreInput {
  readonly metadata: Readonly<Record<string, string>>
  readonly copyTags: boolean
  /** Of a restore test: what it makes is tagged so, and is deleted again. */
  readonly isTest?: boolean
  /** Of a restore test: unique id of who had it done. */
  readonly selectedBy?: string | null
}

/** What a restore works on, looked up before anything is decided. */
interface Plan {
  readonly point: RecoveryPointTable
  readonly vault: VaultTable
  readonly target: RestoreTarget
  /** The resource whose connection leads to the target. */
  readonly via: ResourceTable
  readonly input: RestoreInput
}

/** A restore job: the role's session, the driver, and at the end the new resource registered with tags as the role may set. */
export async function runRestore(tools: JobTools, job: RunningJob): Promise<JobOutcome> {
  const { row } = job
  const plan = await planOf(tools, row)
  const warnings = plan.input.isTest === true ? await guardTest(tools, row, { ...plan, ...plan.input }) : []
  const tags = await tagsToSet(tools, row, plan)
  const role = await openJobRole(tools, job, {
    resource: {
      arn: plan.point.resource_arn,
      uniqueId: plan.point.resource_unique_id,
      name: plan.point.resource_name,
      tags,
    },
    scope: {
      resourceArn: plan.point.resource_arn,
      recoveryPointArn: plan.point.arn,
      backupVaultArn: plan.vault.arn,
      targetArn: plan.target.arn,
      throughArn: plan.via.arn,
    },
    tags: await tagsOfAll(tools.store.db, row.account_id, [plan.point.arn, plan.target.arn, plan.via.arn]),
    connect: () => connectionOf(tools.serverKey, plan.via),
  })
  try {
    const problems = new Problems()
    await decideBeforehand(role.session, plan, tags)
    const summary = await restore(tools, job, plan, role.session, problems)
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
    throw error
  } finally {
    await role.close()
  }
}

/** Tags that what is made gets. */
async function tagsToSet(
  tools: JobTools,
  row: JobTable,
  { input, point }: Plan,
): Promise<Readonly<Record<string, string>>> {
  if (input.isTest === true) return { [RESTORE_TEST]: row.job_id }
  return input.copyTags ? await tagsOf(tools.store.db, row.account_id, point.resource_arn) : {}
}

async function planOf(tools: JobTools, row: JobTable): Promise<Plan> {
  const { db } = tools.store
  const point = await findRecoveryPoint(db, row.account_id, row.recovery_point_arn as string)
  if (point === undefined || !RESTORABLE.includes(point.status)) {
    throw new JobFailedError(
      `Restore job failed: recovery point ${row.recovery_point_arn} is ${point?.status ?? 'gone'}`,
    )
  }
  const vault = await findVault(db, row.account_id, row.region, point.vault_name)
  if (vault === undefined)
    throw new JobFailedError(`Restore job failed: backup vault ${point.vault_name} is gone`)
  const input = JSON.parse(row.input) as RestoreInput
  const target = await targetOf(tools, row, point, input)
  return { point, vault, target, via: await connectionResource(tools, row, point, target, input), input }
}

async function targetOf(
  tools: JobTools,
  row: JobTable,
  point: RecoveryPointTable,
  { metadata }: RestoreInput,
): Promise<RestoreTarget> {
  const { db } = tools.store
  try {
    return await restoreTargetOf({
      type: point.resource_type,
      place: { region: row.region, accountId: row.account_id },
      metadata,
      isRegistered: async (arn) => (await findResource(db, row.account_id, arn)) !== undefined,
    })
  } catch (error) {
    if (error instanceof RestoreTargetError)
      throw new JobFailedError(error.message, 'FAILURE', { cause: error })
    throw error
  }
}

async function connectionResource(
  tools: JobTools,
  row: JobTable,
  point: RecoveryPointTable,
  target: RestoreTarget,
  input: RestoreInput,
): Promise<ResourceTable> {
  const { db } = tools.store
  const arn = restoreConnectionArn({ metadata: input.metadata, target, resourceArn: point.resource_arn })
  if (!target.isNew && arn !== target.arn) {
    throw new JobFailedError(
      `Restore job failed: ${target.arn} is registered, so it is reached through its own connection, not that of ${arn}. ` +
        `Leave ${TARGET_RESOURCE} out`,
    )
  }
  const found =
    arn === point.resource_arn
      ? await findResourceById(db, row.account_id, point.resource_unique_id)
      : await findResource(db, row.account_id, arn)
  if (found === undefined || found.removed_at !== null || found.type !== point.resource_type) {
    throw new JobFailedError(
      `Restore job failed: ${arn} is not registered as a resource of type ${point.resource_type}, so there is no way to the target. ` +
        'Register one, and name it with the restore metadata key roleback:TargetResourceArn',
    )
  }
  return found
}

/** What a restore is asked for before its driver begins: another resource's connection, and tags that are copied. */
async function decideBeforehand(
  session: DriverSession,
  { point, target, via }: Plan,
  copiedTags: Readonly<Record<string, string>>,
): Promise<void> {
  const kind = kindOfType(point.resource_type) as Kind
  const facts = { resourceArn: point.resource_arn, targetArn: target.arn, throughArn: via.arn }
  const calls = [...wayCalls(kind, facts), ...tagCalls(kind, { ...facts, isNew: target.isNew, copiedTags })]
  for (const { step, target: asked } of calls) await session.call(step, asked, () => undefined)
}

async function restore(
  tools: JobTools,
  job: RunningJob,
  { point, vault, target, input }: Plan,
  session: Awaited<ReturnType<typeof openJobRole>>['session'],
  problems: Problems,
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
  plan: Plan,
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
  plan: Plan,
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
