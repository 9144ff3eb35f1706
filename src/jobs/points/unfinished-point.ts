import { uuid } from '../../lib/ids.ts'
import { assertClaim } from '../../store/jobs/claims.ts'
import {
  deleteRecoveryPoint,
  findRecoveryPoint,
  insertRecoveryPoint,
} from '../../store/points/recovery-points.ts'
import type { JobTable, RecoveryPointTable, ResourceTable, VaultTable } from '../../store/schema.ts'
import { deleteAllTags } from '../../store/identity/tags.ts'
import type { JobTools } from '../tools.ts'

/** What a recovery point is from its first moment, beside its job, vault and resource. */
type Beginning = Pick<
  RecoveryPointTable,
  'arn' | 'created_at' | 'delete_after_days' | 'cold_after_days' | 'created_by' | 'plan_id'
>

/** The row that a recovery point of a resource has while its job writes it. */
export function beginPoint(
  row: JobTable,
  vault: VaultTable,
  resource: ResourceTable,
  beginning: Beginning,
): RecoveryPointTable {
  return {
    account_id: row.account_id,
    region: row.region,
    vault_name: vault.name,
    point_id: uuid(),
    job_id: row.job_id,
    resource_arn: resource.arn,
    resource_unique_id: resource.unique_id,
    resource_type: resource.type,
    resource_name: resource.name,
    role_arn: row.role_arn as string,
    role_id: row.role_id as string,
    status: 'CREATING',
    status_message: null,
    completed_at: null,
    size_bytes: 0,
    item_count: 0,
    delete_at: null,
    restore_metadata: '{}',
    last_restore_at: null,
    copied_at: null,
    source_vault_arn: null,
    source_point_arn: null,
    ...beginning,
  }
}

/** Puts the row that a recovery point has while its job writes it; a retried job takes its own over. */
export async function putUnfinishedPoint(
  tools: JobTools,
  job: JobTable,
  point: RecoveryPointTable,
): Promise<void> {
  await tools.store.transaction(async (tx) => {
    await assertClaim(tx, job)
    const earlier = await findRecoveryPoint(tx, point.account_id, point.arn)
    if (earlier !== undefined) await deleteRecoveryPoint(tx, earlier)
    await insertRecoveryPoint(tx, point)
  })
}

/** A point that was not finished is none: its row goes; what was stored for it is the sweep's to find. */
export async function dropUnfinishedPoint(
  tools: JobTools,
  job: JobTable,
  point: RecoveryPointTable,
): Promise<void> {
  try {
    await tools.store.transaction(async (tx) => {
      await assertClaim(tx, job)
      await deleteAllTags(tx, point.account_id, point.arn)
      await deleteRecoveryPoint(tx, point)
    })
  } catch (error) {
    tools.log.info('an unfinished recovery point was left to the next attempt', {
      job: job.job_id,
      error: String(error),
    })
  }
}
