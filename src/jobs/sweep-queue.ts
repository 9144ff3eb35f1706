import { uuid } from '../lib/ids.ts'
import { insertJob } from '../store/jobs.ts'
import type { Queryable } from '../store/store.ts'
import type { VaultTable } from '../store/schema.ts'

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
