import { openVaultKeys } from '../keyring/vault-key.ts'
import { findVault, replaceWrappedKey } from '../store/vaults.ts'
import { RetryLaterError } from './errors.ts'
import type { JobOutcome, JobTools, RunningJob } from './tools.ts'
import { addVaultKey } from './vault-owner.ts'

interface RotateInput {
  readonly vaultName: string
  /** The kit that is to open what will be written. */
  readonly kitPublicKey: string
}

/** Gives a vault its next key and wraps all of them for a kit. Jobs that begin later write under the new key. */
export async function runRotateKey(tools: JobTools, job: RunningJob): Promise<JobOutcome> {
  const { row } = job
  const { vaultName, kitPublicKey } = JSON.parse(row.input) as RotateInput
  const vault = await findVault(tools.store.db, row.account_id, row.region, vaultName)
  if (vault === undefined || vault.state === 'FAILED') return { state: 'COMPLETED' }
  if (vault.state === 'CREATING' || vault.wrapped_key === null)
    throw new RetryLaterError(`Backup vault ${vault.name} is being created`, 200)
  const opened = await tools.vaults.open(vault)
  await job.check()
  const before = openVaultKeys(tools.serverKey, vault.vault_id, vault.wrapped_key)
  const { serverKey } = tools
  const { sealed } = await addVaultKey(opened.store, { serverKey, kitPublicKey }, vault.vault_id, before)
  await replaceWrappedKey(tools.store.db, vault, { from: vault.wrapped_key, to: sealed })
  return { state: 'COMPLETED' }
}
