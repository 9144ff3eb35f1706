import { BlobNotFoundError } from '../../blobs/blob-store.ts'
import { EncryptionKeyError } from '../../keyring/encryption-keys.ts'
import type { VaultTable } from '../../store/schema.ts'
import { hasColdStore } from '../../store/points/cold-points.ts'
import { findVault, setVaultState, unfinishedUpkeep } from '../../store/vaults/vaults.ts'
import type { Vault } from '../../vault/vault.ts'
import { JobRefusedError, RetryLaterError } from '../errors.ts'
import type { Protection } from '../plans/protection.ts'
import { protectionOf, whyKept } from '../plans/protection.ts'
import type { JobOutcome, JobTools, RunningJob } from '../tools.ts'

/** Looked again whether a vault's upkeep has stopped after so long, in milliseconds. */
const UPKEEP_MS = 1_000
/** And whether a storage that is away has come back. */
const AWAY_MS = 600_000
/** For so long: whoever brings a disk back later deletes by hand what is on it. */
const GIVEN_UP_MS = 30 * 86_400_000

/** CREATING → AVAILABLE: storage, key and wrappings. Safe to run again after a crash. */
export async function runCreateVault(tools: JobTools, job: RunningJob): Promise<JobOutcome> {
  const { row } = job
  const vault = await findVault(tools.store.db, row.account_id, row.region, row.vault_name as string)
  if (vault === undefined || vault.state !== 'CREATING') return { state: 'COMPLETED' }
  try {
    await tools.vaults.create(vault)
  } catch (error) {
    // It is made once the key is back.
    if (error instanceof EncryptionKeyError) throw error
    await setVaultState(tools.store.db, vault, 'FAILED')
    throw error
  }
  return { state: 'COMPLETED' }
}

/** The row is gone already; here its bytes go, unless a lock that is sealed among them keeps a recovery point. */
export async function runDeleteVault(tools: JobTools, job: RunningJob): Promise<JobOutcome> {
  const vault = JSON.parse(job.row.input) as VaultTable
  if ((await unfinishedUpkeep(tools.store.db, vault)).length > 0)
    throw new RetryLaterError(
      `The storage of backup vault ${vault.name} is deleted once the sweep or check under way there has stopped`,
      UPKEEP_MS,
    )
  const found = vault.wrapped_key === null ? NOTHING_MADE : await lookInto(tools, vault)
  const { reason } = found
  if (reason !== undefined) {
    const message = `The storage of backup vault ${vault.name} (${vault.vault_id}) was not deleted: ${reason}`
    tools.log.error('a vault’s storage was to be deleted that must stay', { vault: vault.arn, reason })
    throw new JobRefusedError(message)
  }
  const isDue = tools.clock.now() - job.row.created_at < GIVEN_UP_MS
  if (!found.isThere && isDue && (await tools.vaults.isAway(vault)))
    throw new RetryLaterError(
      `The storage of backup vault ${vault.name} (${vault.vault_id}) is away: the folder that it lies in is empty or not there. Mount it, or put it back in place: what lies there is deleted then`,
      AWAY_MS,
    )
  await tools.vaults.remove(vault.vault_id, vault)
  if (found.isThere) return { state: 'COMPLETED' }
  // Gone already, or by an attempt before this one: or on a disk that is not mounted, which nobody would ever hear of.
  const { vault_id, storage } = vault
  tools.log.warn('nothing was found of a vault that was to be deleted', { vault: vault.arn, storage })
  const message = `Nothing of backup vault ${vault.name} (${vault_id}) was found in its storage. If that is only not mounted, what lies there is left: delete it by hand`
  return { state: 'COMPLETED', message }
}

/** What of a vault was found that is to go, and why it must not. */
interface Found {
  readonly isThere: boolean
  readonly reason?: string | undefined
}

const NOTHING_MADE: Found = { isThere: true }

async function lookInto(tools: JobTools, vault: VaultTable): Promise<Found> {
  let opened: Vault
  try {
    opened = await tools.vaults.open(vault)
  } catch (error) {
    if (error instanceof BlobNotFoundError) return { isThere: false }
    throw error
  }
  const protection = await protectionOf(tools, vault, opened)
  const reason = await whyStoreStays(tools, protection, opened)
  // It may have been opened long ago.
  const isThere = (await opened.store.stat('vault.json')) !== undefined
  if (reason !== undefined || typeof vault.cold_storage !== 'string') return { isThere, reason }
  const cold = await coldOf(tools, vault)
  return { isThere, reason: cold === undefined ? undefined : await whyStoreStays(tools, protection, cold) }
}

/** Undefined where nothing was ever moved there, or it is gone already. */
async function coldOf(tools: JobTools, vault: VaultTable): Promise<Vault | undefined> {
  if (!hasColdStore(vault)) return undefined
  return await tools.vaults.openCold(vault)
}

async function whyStoreStays(
  tools: JobTools,
  protection: Protection,
  opened: Vault,
): Promise<string | undefined> {
  const { points, damage } = await opened.listPoints()
  if (protection.lock !== undefined && damage[0] !== undefined) return damage[0].message
  for (const { pointId } of points) {
    const reason = await whyKept(tools, protection, opened, pointId, 'sweep')
    if (reason !== undefined) return `recovery point ${pointId} is in it, and ${reason}`
  }
  return undefined
}
