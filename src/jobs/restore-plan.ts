import type { DriverSession } from '../drivers/driver.ts'
import { tagCalls, wayCalls } from '../kinds/job-calls.ts'
import type { Kind } from '../kinds/kind.ts'
import { kindOfType, restoreConnectionArn } from '../kinds/kinds.ts'
import { RestoreTargetError, restoreTargetOf } from '../kinds/restore-target.ts'
import { RESTORE_TEST } from '../kinds/restore-test.ts'
import type { RestoreTarget } from '../kinds/restore-target.ts'
import { TARGET_RESOURCE } from '../kinds/target-resource.ts'
import { findRecoveryPoint, RESTORABLE } from '../store/points/recovery-points.ts'
import { findResource, findResourceById } from '../store/resources/resources.ts'
import type { JobTable, RecoveryPointTable, ResourceTable, VaultTable } from '../store/schema.ts'
import { tagsOf, tagsOfAll } from '../store/identity/tags.ts'
import { findVault } from '../store/vaults/vaults.ts'
import { connectionOf } from './connections.ts'
import { JobFailedError } from './errors.ts'
import { openJobRole } from './job-role.ts'
import type { OpenJobRole } from './job-role.ts'
import type { JobTools, RunningJob } from './tools.ts'

/** What a restore is made of, and the session that it works under. */

export interface RestoreInput {
  readonly metadata: Readonly<Record<string, string>>
  readonly copyTags: boolean
  /** Of a restore test: what it makes is tagged so, and is deleted again. */
  readonly isTest?: boolean
  /** Of a restore test: unique id of who had it done. */
  readonly selectedBy?: string | null
}

/** What a restore works on, looked up before anything is decided. */
export interface RestorePlan {
  readonly point: RecoveryPointTable
  readonly vault: VaultTable
  readonly target: RestoreTarget
  /** The resource whose connection leads to the target. */
  readonly via: ResourceTable
  readonly input: RestoreInput
}

/** Tags that what is made gets. */
export async function tagsToSet(
  tools: JobTools,
  row: JobTable,
  { input, point }: RestorePlan,
): Promise<Readonly<Record<string, string>>> {
  if (input.isTest === true) return { [RESTORE_TEST]: row.job_id }
  return input.copyTags ? await tagsOf(tools.store.db, row.account_id, point.resource_arn) : {}
}

export async function restorePlan(tools: JobTools, row: JobTable): Promise<RestorePlan> {
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
export async function decideBeforehand(
  session: DriverSession,
  { point, target, via }: RestorePlan,
  copiedTags: Readonly<Record<string, string>>,
): Promise<void> {
  const kind = kindOfType(point.resource_type) as Kind
  const facts = { resourceArn: point.resource_arn, targetArn: target.arn, throughArn: via.arn }
  const calls = [...wayCalls(kind, facts), ...tagCalls(kind, { ...facts, isNew: target.isNew, copiedTags })]
  for (const { step, target: asked } of calls) await session.call(step, asked, () => undefined)
}

/** Assumes the restore's role, which reaches its target and nothing else. */
export async function openRestoreRole(
  tools: JobTools,
  job: RunningJob,
  plan: RestorePlan,
  tags: Readonly<Record<string, string>>,
): Promise<OpenJobRole> {
  const { row } = job
  return await openJobRole(tools, job, {
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
    vaultUse: 'read',
    tags: await tagsOfAll(tools.store.db, row.account_id, [plan.point.arn, plan.target.arn, plan.via.arn]),
    connect: () => connectionOf(tools.serverKey, plan.via),
  })
}
