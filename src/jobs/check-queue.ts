import { BACKUP_SERVICE } from '../access/passed-role.ts'
import { uuid } from '../lib/ids.ts'
import { insertJob } from '../store/jobs.ts'
import type { VaultTable } from '../store/schema.ts'
import type { JobTools } from './tools.ts'

/** Puts a verify of the vault into the queue; one that has not begun yet will see what this one would. */
export async function queueCheck(
  { store, clock }: Pick<JobTools, 'store' | 'clock'>,
  vault: Pick<VaultTable, 'account_id' | 'region' | 'name' | 'vault_id'>,
  { readData }: { readonly readData: boolean },
): Promise<void> {
  const input = JSON.stringify({ readData })
  const waiting = await store.db
    .selectFrom('job')
    .select('job_id')
    .where('account_id', '=', vault.account_id)
    .where('region', '=', vault.region)
    .where('vault_name', '=', vault.name)
    .where('kind', '=', 'verify')
    .where('state', '=', 'CREATED')
    .where('input', 'in', [input, JSON.stringify({ readData: true })])
    .limit(1)
    .executeTakeFirst()
  if (waiting !== undefined) return
  await insertJob(store.db, {
    account_id: vault.account_id,
    region: vault.region,
    job_id: uuid(),
    kind: 'verify',
    created_at: clock.now(),
    caller_arn: BACKUP_SERVICE,
    vault_name: vault.name,
    input,
    lock_key: `verify ${vault.vault_id}`,
  })
  store.wake()
}
