import { findVault, setVaultState } from '../store/vaults.ts'
import type { JobOutcome, JobTools, RunningJob } from './tools.ts'

/** CREATING → AVAILABLE: storage, key and wrappings. Safe to run again after a crash. */
export async function runCreateVault(tools: JobTools, job: RunningJob): Promise<JobOutcome> {
  const { row } = job
  const vault = await findVault(tools.store.db, row.account_id, row.region, row.vault_name as string)
  if (vault === undefined || vault.state !== 'CREATING') return { state: 'COMPLETED' }
  try {
    await tools.vaults.create(vault)
  } catch (error) {
    await setVaultState(tools.store.db, vault, 'FAILED')
    throw error
  }
  return { state: 'COMPLETED' }
}

/** The row is gone already; here its bytes go. */
export async function runDeleteVault(tools: JobTools, job: RunningJob): Promise<JobOutcome> {
  const { vaultId, storage } = JSON.parse(job.row.input) as { vaultId: string; storage: string }
  await tools.vaults.remove(vaultId, storage)
  return { state: 'COMPLETED' }
}
