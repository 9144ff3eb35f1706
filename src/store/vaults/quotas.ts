import type { Queryable } from '../store.ts'
import type { QuotaTable } from '../points/schema-holds.ts'

const DAY_MS = 86_400_000

/** Sets what a resource may; null and null take its quota away. */
export async function putQuota(db: Queryable, row: QuotaTable): Promise<void> {
  if (row.max_bytes === null && row.max_jobs_per_day === null) {
    await db.deleteFrom('quota').where('resource', '=', row.resource).execute()
    return
  }
  await db
    .insertInto('quota')
    .values(row)
    .onConflict((conflict) => conflict.column('resource').doUpdateSet(row))
    .execute()
}

/** By resource. */
export async function listQuotas(db: Queryable): Promise<QuotaTable[]> {
  return await db.selectFrom('quota').selectAll().orderBy('resource').execute()
}

/** Into which account and vault, under which role a recovery point is made. */
export interface Filling {
  readonly accountId: string
  readonly accountArn: string
  readonly vault: { readonly arn: string; readonly region: string; readonly name: string }
  readonly roleArn: string
  /** The job that fills; it does not count itself. */
  readonly jobId: string
  /** When it was made, milliseconds since 1970. */
  readonly at: number
}

export interface QuotaState {
  /** What is used up; undefined where a job may run. No final period. */
  readonly problem: string | undefined
  /** Bytes that may still come; Infinity where nothing limits them. */
  readonly bytesLeft: number
}

/** What the quotas of account, vault and role leave. */
export async function quotaState(db: Queryable, filling: Filling): Promise<QuotaState> {
  const resources = [filling.accountArn, filling.vault.arn, filling.roleArn]
  const quotas = await db.selectFrom('quota').selectAll().where('resource', 'in', resources).execute()
  let bytesLeft = Infinity
  for (const quota of quotas) {
    const { resource, max_bytes: bytes, max_jobs_per_day: jobs } = quota
    if (jobs !== null && (await countJobs(db, filling, resource)) >= jobs)
      return { problem: `the quota of ${jobs} jobs a day of ${resource} is used up`, bytesLeft: 0 }
    if (bytes === null) continue
    const left = bytes - (await sumBytes(db, filling, resource))
    if (left <= 0) return { problem: `the quota of ${bytes} bytes of ${resource} is used up`, bytesLeft: 0 }
    bytesLeft = Math.min(bytesLeft, left)
  }
  return { problem: undefined, bytesLeft }
}

async function sumBytes(
  db: Queryable,
  { accountId, vault, roleArn }: Filling,
  resource: string,
): Promise<number> {
  let query = db
    .selectFrom('recovery_point')
    .select((eb) => eb.fn.sum<number | string | null>('size_bytes').as('bytes'))
    .where('account_id', '=', accountId)
  if (resource === vault.arn)
    query = query.where('region', '=', vault.region).where('vault_name', '=', vault.name)
  if (resource === roleArn) query = query.where('role_arn', '=', roleArn)
  return Number((await query.executeTakeFirstOrThrow()).bytes ?? 0)
}

/** Backups and copies of the 24 hours before the job, other than the job itself. */
async function countJobs(db: Queryable, filling: Filling, resource: string): Promise<number> {
  const { accountId, vault, roleArn, jobId, at } = filling
  let query = db
    .selectFrom('job')
    .select((eb) => eb.fn.countAll<number | string>().as('jobs'))
    .where('kind', 'in', ['backup', 'copy'])
    .where('job_id', '<>', jobId)
    .where('created_at', '>', at - DAY_MS)
    .where('created_at', '<=', at)
  if (resource !== vault.arn) query = query.where('account_id', '=', accountId)
  else
    query = query.where((eb) =>
      eb.or([
        eb('destination_vault_arn', '=', vault.arn),
        eb.and([
          eb('account_id', '=', accountId),
          eb('kind', '=', 'backup'),
          eb('region', '=', vault.region),
          eb('vault_name', '=', vault.name),
        ]),
      ]),
    )
  if (resource === roleArn) query = query.where('role_arn', '=', roleArn)
  return Number((await query.executeTakeFirstOrThrow()).jobs)
}
