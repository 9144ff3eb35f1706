import { driverOf } from '../drivers/drivers.ts'
import type { DriverSession } from '../drivers/driver.ts'
import { RestoreChecks, UnmetError } from '../drivers/restore-checks.ts'
import type { ResourceType } from '../kinds/kind.ts'
import { openPointReader } from './pour/pour-restore.ts'
import { decideBeforehand, openRestoreRole, restorePlan, tagsToSet } from './restore-plan.ts'
import type { RestorePlan } from './restore-plan.ts'
import type { JobOutcome, JobTools, RunningJob } from './tools.ts'

/**
 * The dry run of a restore: all that its job would find out before it writes, under the same role and the same decisions. Nothing is
 * made, changed or handed out; the checks are the result, up to the first that does not hold.
 */
export async function runCheckRestore(tools: JobTools, job: RunningJob): Promise<JobOutcome> {
  const checks = new RestoreChecks()
  try {
    await check(tools, job, checks)
  } catch (error) {
    if (!(error instanceof UnmetError)) throw error
  }
  return { state: 'COMPLETED', result: { checks: checks.made } }
}

async function check(tools: JobTools, job: RunningJob, checks: RestoreChecks): Promise<void> {
  const { row } = job
  const plan = await checks.need(
    'Way to the target',
    async () => await restorePlan(tools, row),
    ({ via, target }) => `${target.arn} is reached through the connection of ${via.arn}`,
  )
  const tags = await tagsToSet(tools, row, plan)
  const role = await checks.need(
    'Role',
    async () => await openRestoreRole(tools, job, plan, tags),
    () => `AWS Backup can assume ${row.role_arn}`,
  )
  try {
    await checks.need(
      'Connection and tags',
      async () => await decideBeforehand(role.session, plan, tags),
      () => 'The role may use them',
    )
    await checkAtTarget(tools, job, plan, { checks, session: role.session })
  } finally {
    await role.close()
  }
}

async function checkAtTarget(
  tools: JobTools,
  job: RunningJob,
  { point, vault, target, input }: RestorePlan,
  { checks, session }: { readonly checks: RestoreChecks; readonly session: DriverSession },
): Promise<void> {
  const resourceType = point.resource_type as ResourceType
  const reader = await checks.need(
    'Recovery point in its vault',
    async () =>
      await openPointReader({
        vault: await tools.vaults.holding(vault, point),
        pointId: point.point_id,
        resourceType,
        signal: job.signal,
        onProgress: () => undefined,
      }),
    ({ itemCount, contentBytes }) => `It opens: ${itemCount} items with ${contentBytes} bytes`,
  )
  try {
    await driverOf(resourceType).checkRestore(
      {
        session,
        point: reader,
        metadata: input.metadata,
        restoreMetadata: JSON.parse(point.restore_metadata) as Record<string, string>,
        target,
      },
      checks,
    )
  } finally {
    reader.close()
  }
}
