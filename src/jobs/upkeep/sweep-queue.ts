import { uuid } from '../../lib/ids.ts'
import { insertJob } from '../../store/jobs.ts'
import type { Queryable } from '../../store/store.ts'
import type { JobTable, VaultTable } from '../../store/schema.ts'
import { DeadListError } from '../../vault/errors.ts'
import { RetryLaterError } from '../errors.ts'
import type { JobTools } from '../tools.ts'

/** Puts a sweep of the vault into the queue; one that has not begun yet will see what this one would. */
export async function queueSweep(
  db: Queryable,
  vault: Pick<VaultTable, 'account_id' | 'region' | 'name' | 'vault_id'>,
  by: { readonly callerArn: string; readonly now: number; readonly runAt?: number },
): Promise<void> {
  const waiting = await db
    .selectFrom('job')
    .select('job_id')
    .where('account_id', '=', vault.account_id)
    .where('region', '=', vault.region)
    .where('vault_name', '=', vault.name)
    .where('kind', '=', 'sweep')
    .where('state', '=', 'CREATED')
    .limit(1)
    .executeTakeFirst()
  if (waiting !== undefined) return
  await insertJob(db, {
    account_id: vault.account_id,
    region: vault.region,
    job_id: uuid(),
    kind: 'sweep',
    created_at: by.now,
    run_at: by.runAt ?? by.now,
    caller_arn: by.callerArn,
    vault_name: vault.name,
    lock_key: `sweep ${vault.vault_id}`,
  })
}

/** A job that must wait for a sweep goes behind it, in milliseconds. */
const BEHIND_SWEEP_MS = 5_000

/** What ends a job that `error` ended: where only a sweep of the vault is missing, that is queued, and the job begins again behind it. */
export async function behindSweep(
  { store, clock }: Pick<JobTools, 'store' | 'clock'>,
  vault: VaultTable,
  row: JobTable,
  error: unknown,
): Promise<unknown> {
  if (!(error instanceof DeadListError)) return error
  await queueSweep(store.db, vault, { callerArn: row.caller_arn, now: clock.now() })
  return new RetryLaterError(
    `${error.message}. The sweep is queued, and the job begins again`,
    BEHIND_SWEEP_MS,
  )
}
