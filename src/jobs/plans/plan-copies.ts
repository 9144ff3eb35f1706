import { kindOfType } from '../../kinds/kinds.ts'
import { parseArn } from '../../lib/arn.ts'
import type { Arn } from '../../lib/arn.ts'
import { uuid } from '../../lib/ids.ts'
import type { StoredLifecycle } from '../../plans/lifecycle.ts'
import { insertJob } from '../../store/jobs/jobs.ts'
import type { JobTable, RecoveryPointTable } from '../../store/schema.ts'
import type { Queryable } from '../../store/store.ts'
import type { CopyInput } from '../copy.ts'

/** A copy action of a plan's rule. */
export interface WantedCopy extends StoredLifecycle {
  readonly vaultArn: string
}

/**
 * Puts into the queue the copies of a recovery point that a plan's rule wants, in the transaction that ends its backup: each is made
 * once, and of no backup that did not end well.
 */
export async function queueCopies(
  tx: Queryable,
  backup: JobTable,
  point: RecoveryPointTable,
  copies: readonly WantedCopy[],
  now: number,
): Promise<void> {
  for (const { vaultArn, ...lifecycle } of copies) {
    const jobId = uuid()
    const input: CopyInput = {
      pointArn: copyArn(point, vaultArn, jobId, now),
      ...lifecycle,
      backupJobId: backup.job_id,
    }
    await insertJob(tx, {
      account_id: backup.account_id,
      region: backup.region,
      job_id: jobId,
      kind: 'copy',
      created_at: now,
      caller_arn: backup.caller_arn,
      plan_id: backup.plan_id,
      created_by: backup.created_by,
      vault_name: point.vault_name,
      destination_vault_arn: vaultArn,
      resource_arn: point.resource_arn,
      resource_unique_id: point.resource_unique_id,
      resource_type: point.resource_type,
      recovery_point_arn: point.arn,
      role_arn: point.role_arn,
      role_id: point.role_id,
      bytes_total: point.size_bytes,
      lock_key: `copy ${point.resource_unique_id} ${vaultArn}`,
      idempotency_token: `${backup.job_id} ${vaultArn}`,
      input: JSON.stringify(input),
    })
  }
}

function copyArn(point: RecoveryPointTable, vaultArn: string, jobId: string, now: number): string {
  const kind = kindOfType(point.resource_type)
  if (kind === undefined)
    throw new Error(`resource type "${point.resource_type}" in the store is not a kind of this version`)
  const { region, accountId } = parseArn(vaultArn) as Arn
  return kind.recoveryPointArn({
    region,
    accountId,
    jobId,
    name: point.resource_name,
    createdAt: new Date(now),
  })
}
