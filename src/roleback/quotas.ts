import { InvalidParameterValueException } from '../aws/generated/roleback.ts'
import type { ListQuotasOutput, PutQuotaInput, PutQuotaOutput, Quota } from '../aws/generated/roleback.ts'
import type { Context } from '../context.ts'
import { parseArn } from '../lib/arn.ts'
import type { QuotaTable } from '../store/points/schema-holds.ts'
import { listQuotas as listRows, putQuota as putRow } from '../store/vaults/quotas.ts'
import { refuseTenants } from './accounts.ts'
import { mayChangeRules, mayReadRules } from './server-rules.ts'

/**
 * How many bytes of recovery points an account, a vault or a role may have, and how many backups and copies it may start in 24 hours:
 * nobody is to fill a locked vault with what cannot be deleted. A call with neither takes the quota away.
 */
export async function putQuota(ctx: Context, input: PutQuotaInput): Promise<PutQuotaOutput> {
  await refuseTenants(ctx, 'roleback:PutQuota')
  await mayChangeRules(ctx, 'quotas')
  const { Resource, MaxBytes, MaxJobsPerDay } = input
  const arn = parseArn(Resource)
  const isKnown =
    (arn?.service === 'iam' && (arn.resource === 'root' || arn.resource.startsWith('role/'))) ||
    (arn?.service === 'backup' && arn.resource.startsWith('backup-vault:'))
  if (arn === undefined || !isKnown) {
    throw new InvalidParameterValueException(
      `Resource "${Resource}" cannot have a quota: expected the ARN of a backup vault, of a role, or arn:aws:iam::ACCOUNT:root for an account`,
      { Context: 'Resource' },
    )
  }
  const row: QuotaTable = {
    resource: Resource,
    account_id: arn.accountId,
    max_bytes: MaxBytes ?? null,
    max_jobs_per_day: MaxJobsPerDay ?? null,
  }
  await putRow(ctx.store.db, row)
  return { Quota: toQuota(row) }
}

export async function listQuotas(ctx: Context): Promise<ListQuotasOutput> {
  await refuseTenants(ctx, 'roleback:ListQuotas')
  await mayReadRules(ctx, 'quotas')
  return { Quotas: (await listRows(ctx.store.db)).map(toQuota) }
}

function toQuota(row: QuotaTable): Quota {
  return {
    Resource: row.resource,
    MaxBytes: row.max_bytes ?? undefined,
    MaxJobsPerDay: row.max_jobs_per_day ?? undefined,
  }
}
