import { arnOf } from '../../lib/arn.ts'
import { findResourceById } from '../../store/resources/resources.ts'
import type { JobTable, ResourceTable, VaultTable } from '../../store/schema.ts'
import { findVault } from '../../store/vaults/vaults.ts'
import { JobFailedError, RetryLaterError } from '../errors.ts'
import type { JobTools } from '../tools.ts'

/** The vault that a job's row names, ready to be written. @throws {JobFailedError} @throws {RetryLaterError} While it is being created. */
export async function vaultToFill(tools: JobTools, row: JobTable, jobNoun: string): Promise<VaultTable> {
  const vault = await findVault(tools.store.db, row.account_id, row.region, row.vault_name as string)
  if (vault === undefined) {
    const arn = arnOf('backup', row.region, row.account_id, `backup-vault:${row.vault_name}`)
    throw new JobFailedError(`${jobNoun} failed because backup vault ${arn} does not exist.`)
  }
  if (vault.vault_type !== 'BACKUP_VAULT')
    throw new JobFailedError(
      `${jobNoun} failed because ${vault.name} is a logically air-gapped vault. Let the rule back up into another vault and copy into this one`,
    )
  if (vault.state === 'CREATING')
    throw new RetryLaterError(`Backup vault ${vault.name} is being created`, 200)
  if (vault.state === 'FAILED')
    throw new JobFailedError(
      `${jobNoun} failed because backup vault ${vault.name} could not be created. Delete it and create it again`,
    )
  return vault
}

/** The resource that a job's row names. @throws {JobFailedError} Where it is registered no longer. */
export async function resourceOf(tools: JobTools, row: JobTable, jobNoun: string): Promise<ResourceTable> {
  const resource = await findResourceById(tools.store.db, row.account_id, row.resource_unique_id as string)
  if (resource === undefined || resource.removed_at !== null) {
    throw new JobFailedError(
      `${jobNoun} failed because ${row.resource_arn} is no longer registered. Register it again and start a new job`,
    )
  }
  return resource
}
