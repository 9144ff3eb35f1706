import { existsSync, realpathSync } from 'node:fs'
import { resolve } from 'node:path'
import { StorageHost } from '../blobs/storage-host.ts'
import type { Config } from '../config.ts'
import { findVaultsInBucket } from '../jobs/rebuild-bucket.ts'
import { findVaultStores } from '../jobs/rebuild-vault.ts'
import type { FoundVault } from '../jobs/rebuild-vault.ts'
import { vaultsDirectory } from './first-start.ts'
import { readCredentials, SERVE_STORAGE } from './serve-storage.ts'

/** Where the vaults of a lost server lie: in a directory, or in the bucket that the configuration names. */
export interface RebuildPlaces extends AsyncDisposable {
  readonly found: readonly FoundVault[]
  /** With the storage that new vaults will lie in, where it is a bucket. */
  readonly config: Config
}

/** @throws {RebuildError} Where there is no vault. */
export async function openPlaces(config: Config, location: string): Promise<RebuildPlaces> {
  const { storage } = config
  if (storage === undefined) {
    const found = findVaultStores(realOf(location), realOf(vaultsDirectory(config.dataDir)))
    return { found, config, [Symbol.asyncDispose]: () => closed(found) }
  }
  const host = new StorageHost()
  try {
    const settings = { ...storage.settings, ...readCredentials(storage.credentialsFile) }
    const { found, prefix } = await findVaultsInBucket(host, settings, SERVE_STORAGE)
    return {
      found,
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

function closed(found: readonly FoundVault[]): Promise<void> {
  for (const { store } of found) store.close()
  return Promise.resolve()
}

function realOf(path: string): string {
  const full = resolve(path)
  return existsSync(full) ? realpathSync(full) : full
}
