import { createHash } from 'node:crypto'
import { existsSync, realpathSync } from 'node:fs'
import { resolve } from 'node:path'
import { openBlobStore } from '../../blobs/open.ts'
import { StorageHost } from '../../blobs/storage-host.ts'
import { loadConfig } from '../../config.ts'
import type { Config } from '../../config.ts'
import { bucketText, coldPlaceIn, placeText } from '../../jobs/points/cold-place.ts'
import type { ColdPlace } from '../../jobs/points/cold-place.ts'
import { findVaultsInBucket } from '../../jobs/rebuild/rebuild-bucket.ts'
import { byVaultId, isStoreOf, splitStores } from '../../jobs/rebuild/rebuild-cold.ts'
import { findVaultStores, RebuildError } from '../../jobs/rebuild/rebuild-vault.ts'
import type { FoundVault } from '../../jobs/rebuild/rebuild-vault.ts'
import type { ServerKey } from '../../keyring/server-key.ts'
import { findStorage, putStorage, storageSecretOwner } from '../../store/vaults/storages.ts'
import type { StorageSettings } from '../../store/vaults/storages.ts'
import type { Queryable } from '../../store/store.ts'
import type { Vault } from '../../vault/vault.ts'
import { readCredentials, SERVE_STORAGE } from '../server/serve-storage.ts'

/** The cold storage of vaults that are rebuilt: where the operator says, beside the vaults, or where the vaults' own records say. */

export interface ColdOptions {
  /** A directory, s3://BUCKET/PREFIX, or `none` to go on without. */
  readonly cold?: string
  readonly coldEndpoint?: string
  readonly coldCredentialsFile?: string
  readonly storageEndpoint?: string
  readonly storageRegion?: string
  readonly storageCredentialsFile?: string
}

/** A bucket that the new server is to know, since cold storage lies in it. */
interface ColdBucket {
  readonly name: string
  readonly settings: Omit<StorageSettings, 'accessKeyId'>
  readonly credentialsFile: string
}

const LEFT_OUT = 'none'

export class ColdStores implements AsyncDisposable {
  readonly #options: ColdOptions
  readonly #host = new StorageHost()
  readonly #opened: FoundVault[] = []
  readonly #buckets = new Map<string, ColdBucket>()
  readonly #beside: ReadonlyMap<string, FoundVault>
  #given: GivenStores | undefined

  /** @param beside By vault id, those that were found with the vaults. */
  constructor(options: ColdOptions, beside: ReadonlyMap<string, FoundVault>) {
    this.#options = options
    this.#beside = beside
  }

  /**
   * The cold store of a vault; undefined where it has none, or it is left out.
   * @throws {RebuildError} Where one is to be there, and is not: nothing is brought back by half without somebody saying so.
   */
  async of(found: FoundVault, vault: Vault): Promise<FoundVault | undefined> {
    if (this.#options.cold === LEFT_OUT) return undefined
    const said = coldPlaceIn((await vault.records()).record)
    this.#given ??= await this.#openGiven()
    const given = givenFor(this.#given, vault.id, found)
    if (given !== undefined) return given
    const beside = this.#beside.get(vault.id)
    if (said === undefined) return beside
    if (beside !== undefined) return await this.#besideOr(said, beside, { found, vault })
    const cold = this.#open(said)
    if (await isStoreOf(cold.store, vault.id, cold.place)) return cold
    throw new RebuildError(
      `Cannot rebuild from "${found.place}": recovery points of it were moved to cold storage in ${placeText(said)}, which is not there. ` +
        'Nothing was changed. Mount it, or say with --cold where it lies now; --cold none goes on without what is in it',
    )
  }

  /**
   * The cold store beside a vault, where that is where the vault says, or nothing lies there.
   * @throws {RebuildError} Else: whoever can write beside the vault can put an empty one there, and nobody would miss what it lacks.
   */
  async #besideOr(
    said: ColdPlace,
    beside: FoundVault,
    { found, vault }: { readonly found: FoundVault; readonly vault: Vault },
  ): Promise<FoundVault> {
    const place = said.kind === 'directory' ? realOf(said.path) : bucketText(said)
    if (beside.place === place) return beside
    if (said.kind === 'directory' && !(await isStoreOf(this.#open(said).store, vault.id, place)))
      return beside
    throw new RebuildError(
      `Cannot rebuild from "${found.place}": a cold store of it lies in "${beside.place}", and it says that recovery points were moved to ${placeText(said)}. ` +
        'Nothing was changed. Whoever can write beside a vault can put a folder of that name there: say with --cold which of the two it is',
    )
  }

  /** Tells the new server of the buckets. */
  async configure(db: Queryable, serverKey: ServerKey, now: number): Promise<void> {
    for (const { name, settings, credentialsFile } of this.#buckets.values()) {
      if ((await findStorage(db, name)) !== undefined) continue
      const { accessKeyId, secretAccessKey } = readCredentials(credentialsFile)
      const owner = storageSecretOwner({ name, version: 1 })
      await putStorage(db, {
        name,
        settings: JSON.stringify({ ...settings, accessKeyId }),
        secret: serverKey.seal('storage', owner, Buffer.from(secretAccessKey)),
        version: 1,
        for_new_vaults: 0,
        account_id: null,
        region: null,
        created_at: now,
        created_by: 'vault rebuild',
      })
    }
  }

  async #openGiven(): Promise<GivenStores> {
    const { cold } = this.#options
    if (cold === undefined) return { named: new Map(), others: new Map() }
    const { own, cold: named } = await splitStores(this.#keep(await this.#findIn(cold)))
    return { named, others: await byVaultId(own) }
  }

  async #findIn(cold: string): Promise<readonly FoundVault[]> {
    const storage = this.#bucketOf(cold)
    if (storage === undefined) return findVaultStores(realOf(cold), '/')
    const { settings, credentialsFile } = storage
    const name = nameFor(settings)
    const credentials = readCredentials(credentialsFile)
    const { found, prefix } = await findVaultsInBucket(this.#host, { ...settings, ...credentials }, name)
    this.#buckets.set(name, { name, settings: { ...settings, prefix }, credentialsFile })
    return found
  }

  /** As `serve --storage` takes one. */
  #bucketOf(cold: string): Config['storage'] {
    if (!cold.startsWith('s3://')) return undefined
    const { coldEndpoint, storageEndpoint, storageRegion } = this.#options
    return loadConfig(
      {
        storage: cold,
        storageEndpoint: coldEndpoint ?? storageEndpoint,
        storageCredentialsFile: this.#credentialsFile(cold),
        ...(storageRegion !== undefined && { storageRegion }),
      } as Parameters<typeof loadConfig>[0],
      {},
    ).storage
  }

  #credentialsFile(place: string): string {
    const { coldCredentialsFile, storageCredentialsFile } = this.#options
    const file = coldCredentialsFile ?? storageCredentialsFile
    if (file !== undefined) return resolve(file)
    throw new RebuildError(
      `Cannot rebuild: cold storage lies in ${place}. Give --cold-credentials-file FILE with the bucket's credentials`,
    )
  }

  #open(place: ColdPlace): FoundVault {
    if (place.kind === 'directory') {
      const path = realOf(place.path)
      const store = openBlobStore({ kind: 'directory', path })
      return this.#keep([{ place: path, storage: JSON.stringify(place), store }])[0] as FoundVault
    }
    const { storage, folder, ...settings } = place
    const name = storage === SERVE_STORAGE ? nameFor(settings) : storage
    const endpoint = this.#options.coldEndpoint ?? settings.endpoint
    const credentialsFile = this.#credentialsFile(placeText(place))
    this.#buckets.set(name, { name, settings: { ...settings, endpoint }, credentialsFile })
    const store = this.#host.open({
      ...settings,
      endpoint,
      ...readCredentials(credentialsFile),
      prefix: settings.prefix + folder,
    })
    const row = { kind: 's3', storage: name, prefix: folder }
    return this.#keep([{ place: placeText(place), storage: JSON.stringify(row), store }])[0] as FoundVault
  }

  #keep(found: readonly FoundVault[]): readonly FoundVault[] {
    this.#opened.push(...found)
    return found
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { store } of this.#opened) store.close()
    await this.#host.close()
  }
}

/** What lies where --cold says, by vault id. */
interface GivenStores {
  /** In folders named as a server names cold stores. */
  readonly named: ReadonlyMap<string, FoundVault>
  /** In others: cold stores that were carried there, or vaults' own ones. */
  readonly others: ReadonlyMap<string, FoundVault>
}

/** Where the vaults themselves lie there, too, none is taken for its own cold store: moves would delete what is warm. */
function givenFor({ named, others }: GivenStores, vaultId: string, own: FoundVault): FoundVault | undefined {
  const other = others.get(vaultId)
  return named.get(vaultId) ?? (other?.place === own.place ? undefined : other)
}

/** Of a bucket that the lost server had no storage for, or under a name that means another here: none that a person would have given. */
function nameFor({
  endpoint,
  bucket,
  prefix,
}: Pick<StorageSettings, 'endpoint' | 'bucket' | 'prefix'>): string {
  const place = JSON.stringify([endpoint, bucket, prefix])
  return `cold-${createHash('sha256').update(place).digest('hex').slice(0, 8)}`
}

function realOf(path: string): string {
  const full = resolve(path)
  return existsSync(full) ? realpathSync(full) : full
}
