import { BlobExistsError } from '../blobs/blob-store.ts'
import type { BlobStore } from '../blobs/blob-store.ts'
import { crashpoint } from '../lib/crashpoint.ts'
import { checkChunkSizes, DEFAULT_CHUNK_SIZES } from './write/chunker.ts'
import type { ChunkSizes } from './write/chunker.ts'
import { removeDamage, writeDamage } from './verify/damage-records.ts'
import type { DamageRecord } from './verify/damage-records.ts'
import {
  DeadListError,
  PointNotFoundError,
  VaultClaimError,
  VaultDamageError,
  VaultKeyError,
} from './errors.ts'
import { readHeads } from './points/all-heads.ts'
import { listPoints } from './points/found-points.ts'
import { deleteHead, readHead, writeAmendment } from './points/heads.ts'
import type { PointHead, PointRecord } from './points/heads.ts'
import type { IndexCache } from './chunks/index-cache.ts'
import { VAULT_ID, VaultKeys } from './keys.ts'
import { loadIndex } from './chunks/load-index.ts'
import type { LoadedIndex } from './chunks/load-index.ts'
import { packName } from './format/pack.ts'
import { Point } from './read/point.ts'
import { readVaultRecords, writeVaultRecord } from './points/records.ts'
import type { VaultRecords } from './points/records.ts'
import { withReserve } from './reserve.ts'
import { PointWriter } from './write/writer.ts'
import type { PointOptions } from './write/writer.ts'

export interface CreateVaultOptions {
  readonly vaultId: string
  /** 32 random bytes; with those of later keys behind them where the vault has more. */
  readonly key: Uint8Array
  /** Blobs under `keys/`, by name: the wrapped keys as JSON text (docs/vault-format.md, section 4). */
  readonly wrappings: Readonly<Record<string, Uint8Array>>
  /** Plain copies for whoever finds the vault: `README.txt`, `recover.mjs`. */
  readonly files: Readonly<Record<string, Uint8Array>>
  readonly chunkSizes?: ChunkSizes
  readonly indexCache?: IndexCache
}

export interface VaultHeader {
  readonly vaultId: string
  readonly chunkSizes: ChunkSizes
}

const HEADER = 'vault.json'

/**
 * Makes a vault in a blob store, or finishes making it: the same call again, with the same id and key, is harmless.
 * The header comes first and claims the store.
 *
 * @throws {VaultClaimError} When another vault lies there.
 */
export async function createVault(store: BlobStore, options: CreateVaultOptions): Promise<Vault> {
  const { vaultId, key, wrappings, files, chunkSizes = DEFAULT_CHUNK_SIZES, indexCache } = options
  checkChunkSizes(chunkSizes)
  const keys = new VaultKeys(vaultId, key)
  const line = JSON.stringify({ format: 'roleback-vault', version: 1, vaultId, chunk: chunkSizes })
  const header = `${line}\n${keys.headerMac(Buffer.from(line)).toString('hex')}\n`
  if (!(await putOnce(store, HEADER, Buffer.from(header)))) throw await claimedBy(store)
  crashpoint('vault.claimed')
  for (const [name, bytes] of Object.entries({ ...wrappings, ...files })) {
    if (!(await putOnce(store, name, bytes)))
      throw new VaultClaimError(
        `Cannot make vault "${vaultId}": other bytes lie under "${name}" in its blob store`,
      )
    crashpoint('vault.file-stored')
  }
  crashpoint('vault.made')
  return new Vault(store, keys, chunkSizes, indexCache)
}

/** Puts a blob that may be there already from an earlier try. False where other bytes have the name. */
export async function putOnce(store: BlobStore, name: string, bytes: Uint8Array): Promise<boolean> {
  try {
    await store.put(name, bytes)
    return true
  } catch (error) {
    if (!(error instanceof BlobExistsError)) throw error
    return Buffer.from(bytes).equals(await store.get(name))
  }
}

async function claimedBy(store: BlobStore): Promise<VaultClaimError> {
  const other = await readHeader(store).catch(() => undefined)
  const owner = other === undefined ? 'a vault whose header cannot be read' : `vault "${other.vaultId}"`
  return new VaultClaimError(
    `Cannot make a vault here: the blob store belongs to ${owner}. Give the new vault a store of its own`,
  )
}

/**
 * What a vault says of itself without its key: not authenticated yet.
 * @throws {BlobNotFoundError} When no vault lies there. @throws {VaultDamageError}
 */
export async function readHeader(store: BlobStore): Promise<VaultHeader> {
  return (await parseHeader(store)).header
}

async function parseHeader(store: BlobStore): Promise<{ header: VaultHeader; line: Buffer; mac: string }> {
  const bytes = Buffer.from(await store.get(HEADER))
  const end = bytes.indexOf(10)
  const line = bytes.subarray(0, Math.max(0, end))
  const mac = /^([0-9a-f]{64})\n$/.exec(bytes.toString('latin1', end + 1))?.[1]
  try {
    const { format, version, vaultId, chunk } = JSON.parse(line.toString()) as Record<string, unknown>
    if (format !== 'roleback-vault' || version !== 1)
      throw new RangeError(
        `it is no vault of version 1 (format ${String(format)}, version ${String(version)})`,
      )
    const { min, average, max } = chunk as ChunkSizes
    const chunkSizes = { min, average, max }
    checkChunkSizes(chunkSizes)
    if (mac === undefined) throw new RangeError('its second line is no SHA-256')
    if (typeof vaultId !== 'string' || !VAULT_ID.test(vaultId)) throw new RangeError('it has no vault id')
    return { header: { vaultId, chunkSizes }, line, mac }
  } catch (cause) {
    throw new VaultDamageError(HEADER, (cause as Error).message, { cause })
  }
}

/**
 * @param indexCache Where this machine keeps the index between processes.
 * @throws {VaultKeyError} {BlobNotFoundError} {VaultDamageError}
 */
export async function openVault(store: BlobStore, key: Uint8Array, indexCache?: IndexCache): Promise<Vault> {
  const { header, line, mac } = await parseHeader(store)
  const keys = new VaultKeys(header.vaultId, key)
  if (keys.headerMac(line).toString('hex') !== mac)
    throw new VaultKeyError(
      `Cannot open vault "${header.vaultId}": this is not its key, or its header was changed ("recover.mjs header" prints the right one)`,
    )
  return new Vault(store, keys, header.chunkSizes, indexCache)
}

/** One open vault. It keeps the index between jobs; any number of jobs may use it at once. */
export class Vault {
  readonly id: string
  readonly store: BlobStore
  readonly keys: VaultKeys
  readonly chunkSizes: ChunkSizes
  readonly #indexCache: IndexCache | undefined
  #loaded: LoadedIndex | undefined
  #loading: Promise<LoadedIndex> | undefined

  constructor(store: BlobStore, keys: VaultKeys, chunkSizes: ChunkSizes, indexCache?: IndexCache) {
    this.id = keys.vaultId
    this.store = store
    this.keys = keys
    this.chunkSizes = chunkSizes
    this.#indexCache = indexCache
  }

  /** The index as it is in the store after this call began. @param isRebuilt Reads also packs that no delta names. */
  async refresh(isRebuilt: boolean = false): Promise<LoadedIndex> {
    // One at a time, since it is extended in place; a call that waits must still see what came meanwhile.
    while (this.#loading !== undefined) await this.#loading.catch(() => undefined)
    this.#loading = this.#load(isRebuilt)
    try {
      return (this.#loaded = await this.#loading)
    } finally {
      this.#loading = undefined
    }
  }

  /** Kept before anybody else can extend it: its arrays must not grow while they are written. */
  async #load(isRebuilt: boolean): Promise<LoadedIndex> {
    const loaded = await loadIndex(this.store, this.keys, this.#loaded, isRebuilt, this.#indexCache)
    await this.#indexCache?.keep(this.keys, loaded)
    return loaded
  }

  /**
   * Begins a recovery point. Its lease must be held already: the index is read after it.
   * @throws {DeadListError} When it cannot know which packs a sweep is about to delete.
   */
  async beginPoint(options: PointOptions): Promise<PointWriter> {
    const { parentPointId } = options
    const parent = parentPointId === undefined ? undefined : await this.#parentHead(parentPointId)
    const { index, listDamage } = await this.refresh()
    if (listDamage[0] !== undefined) throw new DeadListError(listDamage[0])
    return new PointWriter(this, index, options, parent)
  }

  /** A parent saves work only: one that was deleted since it was chosen, or is damaged, must not stop a new point. */
  async #parentHead(pointId: string): Promise<PointHead | undefined> {
    try {
      return await readHead(this.store, this.keys, pointId)
    } catch (error) {
      if (error instanceof PointNotFoundError || error instanceof VaultDamageError) return undefined
      throw error
    }
  }

  /**
   * Opens a recovery point for reading; hold a lease as long. Close it afterwards.
   * @throws {PointNotFoundError} {VaultDamageError}
   */
  async openPoint(pointId: string): Promise<Point> {
    const head = await readHead(this.store, this.keys, pointId)
    let { index } = await this.refresh()
    const { root } = head.manifest
    // An index delta may have been lost; packs describe themselves.
    if (root !== undefined && index.find(root, 0) === undefined) ({ index } = await this.refresh(true))
    return new Point(this, index, head)
  }

  /** All recovery points, from the vault alone. One whose head is damaged is left out and named in `damage`. */
  async listPoints(): Promise<{
    readonly points: readonly PointHead[]
    readonly damage: readonly VaultDamageError[]
  }> {
    const points: PointHead[] = []
    const damage: VaultDamageError[] = []
    const { live } = await listPoints(this.store)
    for await (const page of readHeads(this.store, this.keys, live))
      for (const found of page) {
        if (found instanceof VaultDamageError) damage.push(found)
        else points.push(found)
      }
    return { points, damage }
  }

  /** One recovery point's head with its amendments. @throws {PointNotFoundError} {VaultDamageError} */
  async head(pointId: string): Promise<PointHead> {
    return await readHead(this.store, this.keys, pointId)
  }

  /** Adds an amendment: its members replace the record's, null takes one away. @returns Its number. */
  async amend(pointId: string, record: PointRecord): Promise<number> {
    return await writeAmendment(this.store, this.keys, pointId, record)
  }

  /** What the vault says of itself: its lock, legal holds. */
  async records(): Promise<VaultRecords> {
    return await readVaultRecords(this.store, this.keys)
  }

  /** Adds what `decide` returns to that, durably; it may be asked again. */
  async addRecord(decide: (records: VaultRecords) => PointRecord | undefined): Promise<VaultRecords> {
    return await writeVaultRecord(this.store, this.keys, decide)
  }

  /**
   * Notes packs that were found damaged: durably, so that nobody's next recovery point relies on them, and in the index that jobs of
   * this process use now. @returns How many were not known before.
   */
  async recordDamage(found: readonly DamageRecord[]): Promise<number> {
    let fresh = 0
    for (const record of found) if (await writeDamage(this.store, this.keys, record)) fresh++
    const { index } = this.#loaded ?? {}
    if (index === undefined || found.length === 0) return fresh
    const names = new Set(found.map(({ pack }) => pack))
    for (let number = 0; number < index.size.packs; number++) {
      const { type, id } = index.pack(number)
      if (names.has(packName(type, id))) index.markDead(number)
    }
    return fresh
  }

  /** Takes that back for packs that were read whole since. */
  async clearDamage(packs: readonly string[]): Promise<void> {
    for (const pack of packs) await removeDamage(this.store, pack)
  }

  /** Deletes a recovery point; a sweep frees its bytes. Deleting what is gone is no error, nor is it on a disk that is full. */
  async deletePoint(pointId: string, reason: string): Promise<void> {
    await withReserve(this.store, () => deleteHead(this.store, this.keys, pointId, reason))
  }
}
