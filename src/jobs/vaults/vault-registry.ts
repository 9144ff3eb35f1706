import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ReadCacheSettings } from '../../blobs/read-cache.ts'
import type { EncryptionKeys } from '../../keyring/encryption-keys.ts'
import type { Sealer, ServerKey } from '../../keyring/server-key.ts'
import {
  kitWrappings,
  newVaultKey,
  openVaultKeys,
  sealVaultKeys,
  serverWrapping,
} from '../../keyring/vault-key.ts'
import type { Log } from '../../lib/log.ts'
import { findServer } from '../../store/identity/accounts.ts'
import { isInColdStore } from '../../store/points/recovery-points.ts'
import type { RecoveryPointTable, VaultTable } from '../../store/schema.ts'
import type { Store } from '../../store/store.ts'
import { setVaultState, setWrappedKey } from '../../store/vaults/vaults.ts'
import { mirrorHeader, mirrorVault } from '../../vault/sweep/cold.ts'
import { VaultDamageError } from '../../vault/errors.ts'
import { headName } from '../../vault/points/heads.ts'
import type { PointRecord } from '../../vault/points/heads.ts'
import { isEitherThere } from '../../vault/points/twins.ts'
import { IndexCache } from '../../vault/chunks/index-cache.ts'
import { createVault, openVault, putOnce } from '../../vault/vault.ts'
import type { Vault } from '../../vault/vault.ts'
import type { Lease } from '../../vault/lease.ts'
import type { BlobStore } from '../../blobs/blob-store.ts'
import { placeText } from '../points/cold-place.ts'
import type { ColdPlace } from '../points/cold-place.ts'
import { JobFailedError } from '../errors.ts'
import type { RunningJob } from '../tools.ts'
import { checkOwner } from './vault-owner.ts'
import { VaultSealers } from './vault-sealers.ts'
import { VaultStorages } from './vault-storages.ts'
import type { StoredVault, Tier } from './vault-storages.ts'
import { wrappingsRecord } from '../upkeep/wrappings.ts'
import type { WrappingOwner } from '../upkeep/wrappings.ts'

export interface VaultRegistryOptions {
  readonly store: Store
  readonly serverKey: ServerKey
  /** Keys beside it that vaults may be under; none where absent. */
  readonly encryptionKeys?: EncryptionKeys | undefined
  /** By region: where vaults in directories lie, one folder each. */
  readonly roots: ReadonlyMap<string, string>
  /** By region: where the cold storage of vaults lies that is in directories. */
  readonly coldRoots: ReadonlyMap<string, string>
  /** For vaults in buckets; nothing is kept where absent. */
  readonly readCache?: ReadCacheSettings | undefined
  /** The server's: vaults' indexes are kept in there between starts. */
  readonly dataDir: string
  readonly log: Log
}

/** What of a vault's row opens it. */
export type OpenableVault = Pick<
  VaultTable,
  'vault_id' | 'region' | 'storage' | 'cold_storage' | 'wrapped_key' | 'name' | 'state'
>

interface OpenedVault {
  /** As the row had it when it was opened. */
  readonly wrappedKey: string | null
  /** Of its storage, whose credentials may change. */
  readonly version: number
  readonly vault: Promise<Vault>
}

/** What lies in every vault for whoever finds it without us. */
const README = `This is a Roleback backup vault: sealed backups of databases, buckets and file systems.

It can be opened without Roleback. You need the server's recovery kit, its passphrase, and Node.js 22.15 or newer:

    node recover.mjs list    THIS-DIRECTORY --kit recovery-kit.txt
    node recover.mjs verify  THIS-DIRECTORY --kit recovery-kit.txt
    node recover.mjs restore THIS-DIRECTORY POINT TARGET --kit recovery-kit.txt

Before you run the copy of recover.mjs that lies here, compare its SHA-256 with the one in the recovery kit: whoever could write
to this place could have changed it. A vault in a bucket is copied to a directory first, as it is. Do not move, rename or delete anything by hand.
`

/** The same in its cold storage. */
const COLD_README = `${README}
This is the vault's cold storage: recovery points that were moved here after some days. The others lie in the vault's own place. Each place
is a vault of its own to recover.mjs, opened by the same kit.
`

/** The vaults of this server, each opened once and kept open. */
export class VaultRegistry {
  readonly #options: VaultRegistryOptions
  readonly #open = new Map<string, OpenedVault>()
  readonly #storages: VaultStorages
  readonly #sealers: VaultSealers

  constructor(options: VaultRegistryOptions) {
    this.#options = options
    this.#sealers = new VaultSealers(options)
    this.#storages = new VaultStorages(options)
  }

  /** Makes the vault's storage, its key and the wrappings of it; again after a crash, with the key kept before. */
  async create(row: VaultTable): Promise<void> {
    const { store } = this.#options
    let wrapped = row.wrapped_key
    if (wrapped === null) {
      wrapped = sealVaultKeys(await this.#sealers.ofNew(row), row.vault_id, newVaultKey())
      if (!(await setWrappedKey(store.db, row, wrapped)))
        throw new JobFailedError(`Backup vault ${row.name} is gone`)
    }
    const vault = await this.createAt(row, wrapped)
    // Whose it is, for who has only the vault.
    const { account_id: accountId, region, name, created_at: createdAt, vault_type: vaultType } = row
    const { encryption_key_arn: encryptionKeyArn } = row
    const wrappings = await this.wrappingsRecord(row, wrapped)
    await vault.addRecord(({ record }) =>
      record['vault'] === undefined
        ? {
            vault: { accountId, region, backupVaultName: name, createdAt, vaultType, encryptionKeyArn },
            ...wrappings,
          }
        : undefined,
    )
    await setVaultState(store.db, row, 'AVAILABLE')
  }

  /** Makes a vault's blobs, or finishes making them. @param wrapped Its one key, as its row has it. */
  async createAt(row: OpenableVault, wrapped: string): Promise<Vault> {
    const kitPublicKey = await this.#kitPublicKey()
    const key = await this.#vaultKeys(row.vault_id, wrapped)
    const wrappings = Object.fromEntries(
      [serverWrapping(1, wrapped), ...kitWrappings(kitPublicKey, row.vault_id, key)].map(
        ({ name, bytes }) => [name, bytes],
      ),
    )
    const files = {
      'README.txt': Buffer.from(README),
      'recover.mjs': recoverProgram(),
    }
    const vault = await createVault(await this.#storages.open(row), {
      vaultId: row.vault_id,
      key,
      wrappings,
      files,
      indexCache: this.#indexCache(row.vault_id),
    })
    await vault.store.keepReserve()
    const version = await this.#storages.version(row)
    this.#open.set(row.vault_id, { wrappedKey: wrapped, version, vault: Promise.resolve(vault) })
    return vault
  }

  /** Whose wrappings open a vault now. @throws {JobFailedError} {EncryptionKeyError} */
  async owner({ id }: Pick<Vault, 'id'>): Promise<WrappingOwner> {
    return { sealer: await this.checkKey(id), kitPublicKey: await this.#kitPublicKey() }
  }

  async #kitPublicKey(): Promise<string> {
    const kitPublicKey = (await findServer(this.#options.store.db))?.recovery_kit_public_key
    if (kitPublicKey === undefined) throw new JobFailedError('This server has no recovery kit')
    return kitPublicKey
  }

  async #vaultKeys(vaultId: string, wrapped: string): Promise<Buffer> {
    return openVaultKeys(await this.#sealers.of(vaultId, wrapped), vaultId, wrapped)
  }

  /** What a new vault's first record says of the wrappings of its one key. */
  async wrappingsRecord({ vault_id: vaultId }: OpenableVault, wrapped: string): Promise<PointRecord> {
    const key = await this.#vaultKeys(vaultId, wrapped)
    return wrappingsRecord(key, vaultId, await this.#kitPublicKey(), serverWrapping(1, wrapped))
  }

  /**
   * @throws When the storage is missing, damaged or another vault's.
   * @throws {VaultTakenOverError} When another server has taken the vault over.
   * @throws {EncryptionKeyError} When the key that it was made under cannot be had now, however often it was opened before.
   */
  async open(row: OpenableVault): Promise<Vault> {
    const version = await this.#storages.version(row)
    let opened = this.#open.get(row.vault_id)
    // A key was added since: what is written from now on is sealed under it. Or its storage is reached in another way.
    if (opened === undefined || opened.wrappedKey !== row.wrapped_key || opened.version !== version) {
      opened = { wrappedKey: row.wrapped_key, version, vault: this.#openFrom(row) }
      this.#open.set(row.vault_id, opened)
      opened.vault.catch(() => this.#open.delete(row.vault_id))
    }
    const vault = await opened.vault
    await this.checkOwner(vault)
    return vault
  }

  /**
   * For what must not take a recovery point that is not found for one that is gone: what was mounted when the vault was opened may not be
   * there any more. @throws {JobFailedError} Where the vault's first store is not there now. @throws As `open` does.
   */
  async openThere(row: OpenableVault): Promise<Vault> {
    const vault = await this.open(row)
    if ((await vault.store.stat('vault.json')) === undefined)
      throw new JobFailedError(
        `The storage of backup vault ${row.name} is not there: it has no vault.json. Mount it, or put it back in place`,
      )
    return vault
  }

  /**
   * The vault's cold storage. Keys and records come from its first store, which also says whose the vault is.
   *
   * @param isMade Makes it where nothing lies there yet: never once points were moved, lest an empty place that something else was
   * mounted on is taken for it.
   * @throws {JobFailedError} Where it is not there now, or the vault has none. @throws {VaultTakenOverError}
   * @throws {VaultDamageError} Where its header does not open.
   */
  async openCold(row: OpenableVault, isMade: boolean = false): Promise<Vault> {
    const warm = await this.open(row)
    const version = await this.#storages.version(row, 'cold')
    const key = coldKey(row.vault_id)
    let opened = this.#open.get(key)
    if (opened === undefined || opened.wrappedKey !== row.wrapped_key || opened.version !== version) {
      opened = { wrappedKey: row.wrapped_key, version, vault: this.#openColdFrom(row, warm, isMade) }
      this.#open.set(key, opened)
      opened.vault.catch(() => this.#open.delete(key))
    }
    const cold = await opened.vault
    // What was mounted once may be gone since, and all that lies there would pass for lost.
    if (!isMade) await this.#checkThere(row, cold.store)
    return cold
  }

  /** Brings back the header of the vault's cold storage, which did not open. @throws {VaultClaimError} Where another vault lies there. */
  async mendColdHeader(row: OpenableVault): Promise<void> {
    const warm = await this.open(row)
    const blobs = await this.#storages.open(row, 'cold')
    try {
      await mirrorHeader(warm.store, blobs)
    } finally {
      blobs.close()
    }
  }

  async #checkThere(row: OpenableVault, cold: BlobStore): Promise<void> {
    if ((await cold.stat('vault.json')) !== undefined) return
    const place = placeText(await this.#storages.coldPlace(row))
    throw new JobFailedError(
      `The cold storage of backup vault ${row.name} is not there: ${place} has no vault.json. Mount it, or put it back in place`,
    )
  }

  /** Where the vault's cold storage lies. @throws {JobFailedError} Where it has none, or nothing says where. */
  async coldPlace(row: OpenableVault): Promise<ColdPlace> {
    return await this.#storages.coldPlace(row)
  }

  /** The one of a vault's two stores that a recovery point lies in; while it is moved, either. */
  async holding(
    row: OpenableVault,
    point: Pick<RecoveryPointTable, 'point_id' | 'moved_to_cold_at' | 'tiered_at'>,
  ): Promise<Vault> {
    if (isInColdStore(point)) return await this.openCold(row)
    const warm = await this.open(row)
    if (typeof row.cold_storage !== 'string') return warm
    // It may have been moved since its row was read.
    if (await isEitherThere(warm.store, headName(point.point_id))) return warm
    const cold = await this.openCold(row).catch(() => undefined)
    return cold !== undefined && (await isEitherThere(cold.store, headName(point.point_id))) ? cold : warm
  }

  async #openColdFrom(row: OpenableVault, warm: Vault, isMade: boolean): Promise<Vault> {
    const blobs = await this.#storages.open(row, 'cold')
    try {
      if (!isMade) await this.#checkThere(row, blobs)
      if (!(await mirrorVault(warm.store, blobs)))
        throw new VaultDamageError('vault.json', 'its bytes are not those of the vault’s first store')
    } catch (error) {
      blobs.close()
      throw error
    }
    await putOnce(blobs, 'README.txt', Buffer.from(COLD_README))
    await putOnce(blobs, 'recover.mjs', recoverProgram())
    const key = await this.#vaultKeys(row.vault_id, row.wrapped_key as string)
    return await openVault(blobs, key, this.#indexCache(coldKey(row.vault_id)))
  }

  /** @throws {VaultTakenOverError} {EncryptionKeyError} */
  async checkOwner(vault: Vault): Promise<void> {
    const sealer = await this.checkKey(vault.id)
    await checkOwner(vault.store, sealer, vault.id, vault.keys.newest)
  }

  /** What seals the keys of a vault that was opened. @throws {EncryptionKeyError} Where its key was taken away since. */
  async checkKey(vaultId: string): Promise<Sealer> {
    try {
      return await this.#sealers.ofOpened(vaultId)
    } catch (error) {
      // What it was opened with is not kept either.
      this.#open.delete(vaultId)
      this.#open.delete(coldKey(vaultId))
      throw error
    }
  }

  /**
   * A job's lease on a vault, of its own generation or that of a second vault: held while the job holds its own and no other server has taken the vault over.
   * @throws {VaultTakenOverError} From `check`.
   */
  lease(job: RunningJob, vault: Vault, generation: number | null = job.row.lease_generation): Lease {
    return {
      generation: generation ?? 0,
      check: async () => {
        await job.check()
        await this.checkOwner(vault)
      },
    }
  }

  async #openFrom(row: OpenableVault): Promise<Vault> {
    if (row.wrapped_key === null)
      throw new JobFailedError(`Backup vault ${row.name} has no key yet: it is ${row.state}`)
    const key = await this.#vaultKeys(row.vault_id, row.wrapped_key)
    const vault = await openVault(await this.#storages.open(row), key, this.#indexCache(row.vault_id))
    if (vault.id !== row.vault_id) {
      throw new JobFailedError(
        `The storage of backup vault ${row.name} holds another vault (${vault.id}). Put its own back in place`,
      )
    }
    return vault
  }

  #indexCache(name: string): IndexCache {
    const { dataDir, log } = this.#options
    return new IndexCache(join(dataDir, 'index-cache', name), (message) => log.warn(message, { vault: name }))
  }

  /** @see VaultStorages.isAway */
  async isAway(stored: StoredVault): Promise<boolean> {
    return await this.#storages.isAway(stored)
  }

  /** Removes both stores of a vault whose row is gone, the cold one first: the other has the keys. */
  async remove(vaultId: string, stored: StoredVault): Promise<void> {
    if (typeof stored.cold_storage === 'string') await this.#remove(coldKey(vaultId), stored, 'cold')
    await this.#remove(vaultId, stored, 'warm')
  }

  async #remove(key: string, stored: StoredVault, tier: Tier): Promise<void> {
    const opening = this.#open.get(key)
    this.#open.delete(key)
    if (opening !== undefined) (await opening.vault.catch(() => undefined))?.store.close()
    const blobs = await this.#storages.open(stored, tier)
    try {
      await blobs.removeAll()
      await this.#indexCache(key).remove()
    } finally {
      blobs.close()
    }
  }

  async close(): Promise<void> {
    for (const { vault } of this.#open.values()) (await vault.catch(() => undefined))?.store.close()
    this.#open.clear()
    await this.#storages.close()
  }
}

/** What the cold storage of a vault is kept under, beside the vault itself. */
const coldKey = (vaultId: string): string => `${vaultId}-cold`

/** The program that opens a vault without us. */
const recoverProgram = (): Buffer => readFileSync(new URL('../../../tools/recover.mjs', import.meta.url))
