import { existsSync, realpathSync } from 'node:fs'
import { resolve } from 'node:path'
import { StorageHost } from '../../blobs/storage-host.ts'
import type { Config } from '../../config.ts'
import { findVaultsInBucket } from '../../jobs/rebuild/rebuild-bucket.ts'
import { findVaultStores } from '../../jobs/rebuild/rebuild-vault.ts'
import { splitStores } from '../../jobs/rebuild/rebuild-cold.ts'
import type { FoundStores } from '../../jobs/rebuild/rebuild-cold.ts'
import { RebuildError } from '../../jobs/rebuild/rebuild-vault.ts'
import type { FoundVault } from '../../jobs/rebuild/rebuild-vault.ts'
import { vaultsDirectory } from '../server/first-start.ts'
import { readCredentials, SERVE_STORAGE } from '../server/serve-storage.ts'

/** Where the vaults of a lost server lie: in a directory, or in the bucket that the configuration names. */
export interface RebuildPlaces extends AsyncDisposable {
  readonly found: readonly FoundVault[]
  /** By vault id, cold stores that lie among them. */
  readonly cold: FoundStores['cold']
  /** With the storage that new vaults will lie in, where it is a bucket. */
  readonly config: Config
}

/** @throws {RebuildError} Where there is no vault. */
export async function openPlaces(config: Config, location: string): Promise<RebuildPlaces> {
  const { storage } = config
  if (storage === undefined) {
    const found = findVaultStores(realOf(location), realOf(vaultsDirectory(config.dataDir)))
    const { own, cold } = await ownStores(found, location)
    return { found: own, cold, config, [Symbol.asyncDispose]: () => closed(found) }
  }
  const host = new StorageHost()
  try {
    const settings = { ...storage.settings, ...readCredentials(storage.credentialsFile) }
    const { found, prefix } = await findVaultsInBucket(host, settings, SERVE_STORAGE)
    const { own, cold } = await ownStores(found, location)
    return {
      found: own,
      cold,
      config: { ...config, storage: { ...storage, settings: { ...storage.settings, prefix } } },
      [Symbol.asyncDispose]: async () => {
        await closed(found)
        await host.close()
      },
    }
  } catch (error) {
    await host.close()
    throw error
  }
}

/** @throws {RebuildError} Where there are cold stores only: a vault's own one has what is newest of it. */
async function ownStores(found: readonly FoundVault[], location: string): Promise<FoundStores> {
  const stores = await splitStores(found)
  if (stores.own.length > 0) return stores
  throw new RebuildError(
    `Cannot rebuild from "${location}": only cold storage lies there. Give the place of the vaults themselves, and this one with --cold. ` +
      'Where they are lost, recover.mjs reads the recovery points in cold storage by themselves',
  )
}

function closed(found: readonly FoundVault[]): Promise<void> {
  for (const { store } of found) store.close()
  return Promise.resolve()
}

function realOf(path: string): string {
  const full = resolve(path)
  return existsSync(full) ? realpathSync(full) : full
}
