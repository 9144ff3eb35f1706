import { rootArn } from '../access/identity-arns.ts'
import { quotaState } from '../store/vaults/quotas.ts'
import type { JobTable, VaultTable } from '../store/schema.ts'
import { JobFailedError } from './errors.ts'
import type { JobTools } from './tools.ts'

/**
 * Holds a job against the quotas of the account, vault and role that it fills.
 * @returns Bytes that it may still add.
 * @throws {JobFailedError}
 */
export async function checkQuotas(
  tools: JobTools,
  row: JobTable,
  vault: VaultTable,
  jobNoun: string,
): Promise<number> {
  const { problem, bytesLeft } = await quotaState(tools.store.db, {
    accountId: vault.account_id,
    accountArn: rootArn(vault.account_id),
    vault,
    roleArn: row.role_arn as string,
    jobId: row.job_id,
    at: row.created_at,
  })
  if (problem !== undefined) throw new JobFailedError(`${jobNoun} failed because ${problem}.`)
  return bytesLeft
}

/** What ends a job that reads more than its quotas leave. */
export function overQuota(jobNoun: string, bytesLeft: number): JobFailedError {
  return new JobFailedError(
    `${jobNoun} failed because it would exceed a quota of its account, vault or role: ${bytesLeft} bytes were left.`,
  )
}
