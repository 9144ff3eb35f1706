import { readdir } from 'node:fs/promises'
import { dirname, isAbsolute, resolve } from 'node:path'
import type { BlobStore } from '../../blobs/blob-store.ts'
import { openBlobStore } from '../../blobs/open.ts'
import type { ReadCacheSettings } from '../../blobs/read-cache.ts'
import { StorageHost } from '../../blobs/storage-host.ts'
import type { S3StoreSettings } from '../../blobs/thread-wire.ts'
import type { ServerKey } from '../../keyring/server-key.ts'
import type { StorageTable } from '../../store/vaults/schema-storages.ts'
import type { VaultTable } from '../../store/schema.ts'
import {
  findStorage,
  storageSecretOwner,
  storageSettings,
  vaultStorage,
} from '../../store/vaults/storages.ts'
import type { VaultStorage } from '../../store/vaults/storages.ts'
import type { Store } from '../../store/store.ts'
import type { ColdPlace } from '../points/cold-place.ts'
import { JobFailedError } from '../errors.ts'

/** What of a vault's row says where its blobs lie. */
export type StoredVault = Pick<VaultTable, 'region' | 'storage' | 'cold_storage'>

/** Which of a vault's two blob stores: that which all is written to, or the colder one that points are moved to. */
export type Tier = 'warm' | 'cold'

/** Opens the blob stores that vaults' rows name. */
export class VaultStorages {
  readonly #options: {
    readonly store: Store
    readonly serverKey: ServerKey
    readonly roots: ReadonlyMap<string, string>
    readonly coldRoots: ReadonlyMap<string, string>
  }
  readonly #host: StorageHost

  constructor(options: {
    readonly store: Store
    readonly serverKey: ServerKey
    readonly roots: ReadonlyMap<string, string>
    readonly coldRoots: ReadonlyMap<string, string>
    readonly readCache?: ReadCacheSettings | undefined
  }) {
    this.#options = options
    this.#host = new StorageHost(options.readCache)
  }

  /** @throws {JobFailedError} Where the row names a storage that is gone. */
  async open(row: StoredVault, tier: Tier = 'warm'): Promise<BlobStore> {
    const { serverKey } = this.#options
    const where = placeOf(row, tier)
    if (where.kind === 'directory')
      return openBlobStore({ kind: 'directory', path: this.#directory(row, where.path, tier) })
    const storage = await this.#storage(where.storage)
    return this.#host.open(storeSettings(serverKey, storage, where.prefix))
  }

  /**
   * Whether a vault of which nothing is found may lie on a disk that is not mounted: the folder of vaults itself is empty, or not there. A
   * bucket that is away does not answer, and so is never taken for an empty one.
   */
  async isAway(row: StoredVault): Promise<boolean> {
    const where = placeOf(row, 'warm')
    if (where.kind !== 'directory') return false
    try {
      return (await readdir(dirname(this.#directory(row, where.path, 'warm')))).length === 0
    } catch (error) {
      if ((error as { readonly code?: unknown }).code === 'ENOENT') return true
      throw error
    }
  }

  /** Where the cold store lies, for who has lost this server. @throws {JobFailedError} As `open`. */
  async coldPlace(row: StoredVault): Promise<ColdPlace> {
    const where = placeOf(row, 'cold')
    if (where.kind === 'directory')
      return { kind: 'directory', path: this.#directory(row, where.path, 'cold') }
    const { storage, prefix: folder } = where
    const settings = storageSettings(await this.#storage(storage))
    const { endpoint, region, bucket, prefix, forcePathStyle } = settings
    return { kind: 's3', storage, endpoint, region, bucket, prefix, folder, forcePathStyle }
  }

  /** A rebuild leaves what it finds where it is: such a path is whole. */
  #directory({ region }: StoredVault, path: string, tier: Tier): string {
    const { roots, coldRoots } = this.#options
    const root = (tier === 'warm' ? roots : coldRoots).get(region) ?? (isAbsolute(path) ? '/' : undefined)
    if (root !== undefined) return resolve(root, path)
    throw new JobFailedError(
      tier === 'warm'
        ? `Region ${region} has no storage on this server. Start it with --region-root ${region}=DIRECTORY`
        : `Region ${region} has no cold storage on this server. Start it with --cold-root ${region}=DIRECTORY`,
    )
  }

  async #storage(name: string): Promise<StorageTable> {
    const storage = await findStorage(this.#options.store.db, name)
    if (storage !== undefined) return storage
    throw new JobFailedError(
      `The vault lies in storage ${name}, which is not known here any more. Put it again with "roleback storage put"`,
    )
  }

  /** Grows when credentials or limits change: what was opened before goes on with the old ones. 0 for directories. */
  async version(row: StoredVault, tier: Tier = 'warm'): Promise<number> {
    const where = placeOf(row, tier)
    if (where.kind === 'directory') return 0
    return (await findStorage(this.#options.store.db, where.storage))?.version ?? 0
  }

  async close(): Promise<void> {
    await this.#host.close()
  }
}

function placeOf({ storage, cold_storage: cold }: StoredVault, tier: Tier): VaultStorage {
  if (tier === 'warm') return vaultStorage({ storage })
  if (typeof cold !== 'string') throw new JobFailedError('The vault has no cold storage')
  return vaultStorage({ storage: cold })
}

/** @param below A prefix under the storage's own prefix. */
function storeSettings(serverKey: ServerKey, storage: StorageTable, below: string): S3StoreSettings {
  const { endpoint, region, bucket, prefix, accessKeyId, forcePathStyle, bandwidth } =
    storageSettings(storage)
  const secretAccessKey = serverKey.open('storage', storageSecretOwner(storage), storage.secret).toString()
  return {
    endpoint,
    region,
    bucket,
    prefix: prefix + below,
    accessKeyId,
    secretAccessKey,
    forcePathStyle,
    bandwidth,
  }
}
