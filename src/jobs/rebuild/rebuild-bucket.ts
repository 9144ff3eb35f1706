import type { StorageHost } from '../../blobs/storage-host.ts'
import type { S3StoreSettings } from '../../blobs/thread-wire.ts'
import { serverWrappingName } from '../../keyring/vault-key.ts'
import { HEADER, headerLost, RebuildError } from './rebuild-vault.ts'
import type { FoundVault } from './rebuild-vault.ts'

/** Vaults of a lost server in a bucket. */
export interface BucketVaults {
  readonly found: readonly FoundVault[]
  /** What of the bucket they lie below, as the storage of the new server has it: empty, or ends in `/`. */
  readonly prefix: string
}

/**
 * The vaults below the prefix, one a folder, or the one that lies at it.
 *
 * @param storage Name that the new server will know the bucket by. @throws {RebuildError} Where there is none, and where one has lost its header.
 */
export async function findVaultsInBucket(
  host: StorageHost,
  settings: S3StoreSettings,
  storage: string,
): Promise<BucketVaults> {
  const place = `s3://${settings.bucket}/${settings.prefix}`
  const { folders, headerless } = await vaultFolders(host, settings)
  if (headerless !== undefined) throw headerLost(place, place + headerless)
  if (folders.length === 0) {
    throw new RebuildError(
      `Cannot rebuild from "${place}": no vault lies there. Give the place that "serve --storage" had, or that of one vault: s3://BUCKET/PREFIX`,
    )
  }
  // One vault's own place: the next ones lie beside it, not in it.
  const [, above = '', own = ''] = /^(.*\/)?([^/]+\/)$/.exec(settings.prefix) ?? []
  const isOne = folders.includes('')
  const prefix = isOne ? above : settings.prefix
  const found = (isOne ? [own] : folders).map((folder) => ({
    place: isOne ? place : place + folder,
    storage: JSON.stringify({ kind: 's3', storage, prefix: folder }),
    store: host.open({ ...settings, prefix: prefix + folder }),
  }))
  return { found, prefix }
}

/** Each ends in `/`; an empty one is the prefix itself. A bucket is listed whole: 1,000 names a request. */
async function vaultFolders(
  host: StorageHost,
  settings: S3StoreSettings,
): Promise<{ readonly folders: readonly string[]; readonly headerless: string | undefined }> {
  const folders = new Set<string>()
  const withKeys: string[] = []
  const all = host.open(settings)
  try {
    for await (const page of all.list('')) {
      for (const { name } of page) {
        for (const folder of ['', name.slice(0, name.indexOf('/') + 1)]) {
          if (name === folder + HEADER) folders.add(folder)
          if (name === folder + serverWrappingName(1)) withKeys.push(folder)
        }
      }
    }
  } finally {
    all.close()
  }
  return {
    folders: [...folders].toSorted(),
    headerless: withKeys.find((folder) => !folders.has(folder)),
  }
}
