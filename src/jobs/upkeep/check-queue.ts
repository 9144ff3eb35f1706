import { BACKUP_SERVICE } from '../../access/passed-role.ts'
import { uuid } from '../../lib/ids.ts'
import { insertJob } from '../../store/jobs/jobs.ts'
import type { JobKind } from '../../store/schema.ts'
import type { VaultTable } from '../../store/schema.ts'
import type { JobTools } from '../tools.ts'

type Queue = Pick<JobTools, 'store' | 'clock'>
type QueuedVault = Pick<VaultTable, 'account_id' | 'region' | 'name' | 'vault_id'>

/** Puts a verify of the vault into the queue; one that has not begun yet will see what this one would. */
export async function queueCheck(
  tools: Queue,
  vault: QueuedVault,
  { readData }: { readonly readData: boolean },
): Promise<void> {
  const input = JSON.stringify({ readData })
  if ((await waitingJob(tools, vault, 'verify', [input, JSON.stringify({ readData: true })])) !== undefined)
    return
  await queue(tools, vault, { kind: 'verify', input, lock_key: `verify ${vault.vault_id}` })
}

/**
 * Puts a repair into the queue that the server does by itself, with the rights of access/maintenance.ts.
 * @returns Its id, or that of one that waits already.
 */
export async function queueRepair(tools: Queue, vault: QueuedVault): Promise<string> {
  return (
    (await waitingJob(tools, vault, 'repair', ['{}'])) ??
    // No sweep beside it: that would free packs that the repair is about to look into.
    (await queue(tools, vault, { kind: 'repair', input: '{}', lock_key: `sweep ${vault.vault_id}` }))
  )
}

async function waitingJob(
  { store }: Queue,
  vault: QueuedVault,
  kind: JobKind,
  inputs: readonly string[],
): Promise<string | undefined> {
  const waiting = await store.db
    .selectFrom('job')
    .select('job_id')
    .where('account_id', '=', vault.account_id)
    .where('region', '=', vault.region)
    .where('vault_name', '=', vault.name)
    .where('kind', '=', kind)
    .where('state', '=', 'CREATED')
    .where('input', 'in', inputs)
    .limit(1)
    .executeTakeFirst()
  return waiting?.job_id
}

async function queue(
  { store, clock }: Queue,
  vault: QueuedVault,
  job: { readonly kind: JobKind; readonly input: string; readonly lock_key: string },
): Promise<string> {
  const jobId = uuid()
  await insertJob(store.db, {
    account_id: vault.account_id,
    region: vault.region,
    job_id: jobId,
    created_at: clock.now(),
    caller_arn: BACKUP_SERVICE,
    vault_name: vault.name,
    ...job,
  })
  store.wake()
  return jobId
}
