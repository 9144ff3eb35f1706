import { EncryptionKeyError } from '../../keyring/encryption-keys.ts'
import { openVaultKeys } from '../../keyring/vault-key.ts'
import { hasColdStore } from '../../store/points/cold-points.ts'
import type { VaultTable } from '../../store/schema.ts'
import { findVault, replaceWrappedKey } from '../../store/vaults/vaults.ts'
import { mirrorVault } from '../../vault/sweep/cold.ts'
import { VaultDamageError } from '../../vault/errors.ts'
import { JobFailedError, RetryLaterError } from '../errors.ts'
import type { JobOutcome, JobTools, RunningJob } from '../tools.ts'
import { addVaultKey } from '../vaults/vault-owner.ts'
import { checkWrappings } from './wrappings.ts'

interface RotateInput {
  readonly vaultName: string
}

/** Before another try, in milliseconds. */
const AGAIN_MS = 2_000

/**
 * Gives a vault its next key and wraps all of them for the server's kit as it is now. Jobs that begin later write under the new key.
 * Until it is done the kit does not open the vault, so it is tried for as long as it takes.
 */
export async function runRotateKey(tools: JobTools, job: RunningJob): Promise<JobOutcome> {
  const { row } = job
  const { vaultName } = JSON.parse(row.input) as RotateInput
  const vault = await findVault(tools.store.db, row.account_id, row.region, vaultName)
  if (vault === undefined || vault.state === 'FAILED') return { state: 'COMPLETED' }
  if (vault.state === 'CREATING' || vault.wrapped_key === null)
    throw new RetryLaterError(`Backup vault ${vault.name} is being created`, 200)
  await job.check()
  try {
    await rotate(tools, vault, vault.wrapped_key)
  } catch (error) {
    const isPlain = error instanceof JobFailedError || error instanceof EncryptionKeyError
    if (isPlain || error instanceof VaultDamageError) throw error
    throw new RetryLaterError(
      `Backup vault ${vault.name} could not be given its next key: ${String(error)}`,
      AGAIN_MS,
    )
  }
  return { state: 'COMPLETED' }
}

async function rotate(tools: JobTools, vault: VaultTable, from: string): Promise<void> {
  const opened = await tools.vaults.open(vault)
  const owner = await tools.vaults.owner(opened)
  const before = openVaultKeys(owner.sealer, vault.vault_id, from)
  const { sealed } = await addVaultKey(opened.store, owner, vault.vault_id, before)
  // The kit is to open what is cold, too.
  if (hasColdStore(vault)) await mirrorVault(opened.store, (await tools.vaults.openCold(vault)).store)
  await replaceWrappedKey(tools.store.db, vault, { from, to: sealed })
  // Now, while the kit is known: where this does not come to pass, the next verify notes what it finds.
  const rotated = await tools.vaults.open({ ...vault, wrapped_key: sealed })
  await checkWrappings(rotated, owner)
}
