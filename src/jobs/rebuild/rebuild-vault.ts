import { existsSync, readdirSync } from 'node:fs'
import { join, relative } from 'node:path'
import { BlobNotFoundError } from '../../blobs/blob-store.ts'
import type { BlobStore } from '../../blobs/blob-store.ts'
import { openBlobStore } from '../../blobs/open.ts'
import { encryptionKeyIdIn, sealerUnder } from '../../keyring/encryption-keys.ts'
import type { EncryptionKey } from '../../keyring/encryption-keys.ts'
import type { OpenedKit } from '../../keyring/recovery-kit.ts'
import type { Sealer, ServerKey } from '../../keyring/server-key.ts'
import {
  kitWrappingName,
  newVaultKey,
  openWithKit,
  serverWrappingName,
  UnprovenVaultKeyError,
} from '../../keyring/vault-key.ts'
import { readDeadLists } from '../../vault/chunks/dead-list.ts'
import { encryptionKeyIdOf } from '../../store/vaults/encryption-keys.ts'
import { openVault, readHeader } from '../../vault/vault.ts'
import type { Vault } from '../../vault/vault.ts'
import {
  addVaultKey,
  newestKeyNumber,
  readServerWrapping,
  VaultTakenOverError,
  wrapForKitOf,
} from '../vaults/vault-owner.ts'
import type { WrappedKeys } from '../vaults/vault-owner.ts'

/** Vaults of a server that is lost, found, opened by its recovery kit and taken over. */

export class RebuildError extends Error {
  override name = 'RebuildError'
}

/** The blob that a vault is known by. */
export const HEADER = 'vault.json'

/** Where a vault was found. */
export interface FoundVault {
  /** As the row of a vault has it: a path below the server's own folder of vaults, or an absolute one. */
  readonly storage: string
  readonly place: string
  readonly store: BlobStore
  /** The cold store of the same vault. */
  readonly cold?: FoundVault | undefined
}

/**
 * The vaults at `path`: itself, or one in each of its folders.
 *
 * @param vaultsDir Where the new server has its vaults; those that lie there already stay without their way.
 * @throws {RebuildError} Where there is none.
 */
export function findVaultStores(path: string, vaultsDir: string): readonly FoundVault[] {
  const places = existsSync(join(path, HEADER))
    ? [path]
    : existsSync(path)
      ? readdirSync(path, { withFileTypes: true })
          .filter((entry) => entry.isDirectory() && existsSync(join(path, entry.name, HEADER)))
          .map((entry) => join(path, entry.name))
          .toSorted()
      : []
  refuseHeaderless(path)
  if (places.length === 0) {
    throw new RebuildError(
      `Cannot rebuild from "${path}": no vault lies there. Give the folder that holds the vaults' folders, or one with a ${HEADER} in it`,
    )
  }
  return places.map((place) => {
    const way = relative(vaultsDir, place)
    const isInside = way !== '' && !way.startsWith('..') && !way.includes('/')
    return {
      place,
      storage: JSON.stringify({ kind: 'directory', path: isInside ? way : place }),
      store: openBlobStore({ kind: 'directory', path: place }),
    }
  })
}

/** @throws {RebuildError} Where a vault's folder has no header. */
function refuseHeaderless(path: string): void {
  const folders = existsSync(path) ? readdirSync(path, { withFileTypes: true }) : []
  const below = folders.filter((entry) => entry.isDirectory()).map((entry) => join(path, entry.name))
  const headerless = [path, ...below].find(
    (place) => existsSync(join(place, serverWrappingName(1))) && !existsSync(join(place, HEADER)),
  )
  if (headerless !== undefined) throw headerLost(path, headerless)
}

/** A vault is not to be left out in silence for one small file. */
export function headerLost(from: string, place: string): RebuildError {
  return new RebuildError(
    `Cannot rebuild from "${from}": the vault in "${place}" has lost its ${HEADER}. ` +
      '"node tools/recover.mjs header" prints what belongs into it, with the recovery kit, of a directory (copy a vault out of its bucket first); ' +
      'or move the folder elsewhere to go on without it',
  )
}

/** A vault that is this server's now. */
export interface TakenVault {
  readonly found: FoundVault
  readonly vault: Vault
  /** Its keys under the new server's key, and the encryption key that it was made under where the new server has that. */
  readonly sealed: string
  readonly encryptionKey: NamedKey | undefined
  /** Of the jobs to come: beyond all that its dead lists know. */
  readonly generation: number
}

/** An encryption key that the new server has, under the name that it will be started with. */
export interface NamedKey extends EncryptionKey {
  readonly name: string
}

export interface TakeOver {
  readonly kit: OpenedKit
  readonly serverKey: ServerKey
  readonly encryptionKeys: readonly NamedKey[]
  /** Of the kit that opens what will be written. */
  readonly kitPublicKey: string
}

/** Generations that the lost server may have been ahead of its last dead list. */
const GENERATIONS_AHEAD = 1_000_000

/**
 * Opens a vault by the kit and gives it a key of this server: from then on no other may write into it. It stays under its encryption key,
 * by what its sealed records say, where that is among those given. The same call again finishes what was interrupted.
 *
 * @throws {RebuildError} Where the kit does not open it.
 */
export async function takeOverVault(found: FoundVault, by: TakeOver): Promise<TakenVault> {
  const { store } = found
  const { vaultId } = await readHeader(store)
  const newest = await newestKeyNumber(store)
  const own = await ownKeys(store, by, vaultId, newest)
  if (own !== undefined) await wrapForKitOf(store, by.kitPublicKey, vaultId, own.vaultKeys)
  const { sealed, vaultKeys } = own ?? (await addKey(found, by, vaultId, newest))
  const keyId = encryptionKeyIdIn(sealed)
  const encryptionKey = by.encryptionKeys.find((one) => one.keyId === keyId)
  const vault = await openVault(store, vaultKeys)
  const { lists } = await readDeadLists(store, vault.keys)
  return {
    found,
    vault,
    sealed,
    encryptionKey,
    generation: (lists.at(-1)?.generation ?? 0) + GENERATIONS_AHEAD,
  }
}

async function addKey(
  found: FoundVault,
  by: TakeOver,
  vaultId: string,
  newest: number,
): Promise<WrappedKeys> {
  const { store } = found
  const keys = await openKeys(found, by.kit, vaultId, newest)
  const { record } = await (await openVault(store, keys)).records()
  const keyId = madeUnder(record['vault'])
  const encryptionKey = by.encryptionKeys.find((one) => one.keyId === keyId)
  const sealer =
    encryptionKey === undefined
      ? by.serverKey
      : sealerUnder(by.serverKey, encryptionKey.keyId, encryptionKey.key)
  return await addVaultKey(store, { sealer, kitPublicKey: by.kitPublicKey }, vaultId, keys)
}

/** Id of the encryption key that a vault's record says it was made under; undefined where it was the server's own. */
function madeUnder(said: unknown): string | undefined {
  const arn =
    typeof said === 'object' && said !== null
      ? (said as { encryptionKeyArn?: unknown }).encryptionKeyArn
      : undefined
  return typeof arn === 'string' ? encryptionKeyIdOf(arn) : undefined
}

/** Opens a vault to read in it; nothing is changed. @throws {RebuildError} Where the kit does not open it. */
export async function openFoundVault(found: FoundVault, by: Omit<TakeOver, 'kitPublicKey'>): Promise<Vault> {
  const { vaultId } = await readHeader(found.store)
  const newest = await newestKeyNumber(found.store)
  const own = await ownKeys(found.store, by, vaultId, newest)
  return await openVault(found.store, own?.vaultKeys ?? (await openKeys(found, by.kit, vaultId, newest)))
}

/** By this server's key, and each of its encryption keys; undefined where the newest key is another server's. */
async function ownKeys(
  store: BlobStore,
  { serverKey, encryptionKeys }: Pick<TakeOver, 'serverKey' | 'encryptionKeys'>,
  vaultId: string,
  newest: number,
): Promise<WrappedKeys | undefined> {
  const sealers: Sealer[] = [
    serverKey,
    ...encryptionKeys.map(({ keyId, key }) => sealerUnder(serverKey, keyId, key)),
  ]
  for (const sealer of sealers)
    try {
      return await readServerWrapping(store, sealer, vaultId, newest)
    } catch (error) {
      if (error instanceof BlobNotFoundError) return undefined
      if (!(error instanceof VaultTakenOverError)) throw error
    }
  return undefined
}

/** All keys of a vault, by the kit. Each behind the first is taken only where it was made by who had the one before. */
async function openKeys(found: FoundVault, kit: OpenedKit, vaultId: string, newest: number): Promise<Buffer> {
  const { store, place } = found
  const kitsOf = await kitsByKey(store)
  const keys: Buffer[] = []
  for (let number = 1; number <= newest; number++) {
    const kits = kitsOf.get(number)
    if (kits?.has(kit.kitId) === true) {
      keys.push(await openKey(found, kit, vaultId, { number, before: keys.at(-1) }))
      continue
    }
    // INVARIANT: nothing is sealed under a key before a kit's wrapping of it is durable. This one was never used.
    if (kits === undefined && number > 1) keys.push(newVaultKey())
    else {
      const others = [...(kits ?? [])].join(' or ')
      throw new RebuildError(
        `Cannot open the vault in "${place}": recovery kit ${kit.kitId} does not open its key ${number} of ${newest}. ` +
          (others === '' ? 'No recovery kit does' : `Take recovery kit ${others}`),
      )
    }
  }
  return Buffer.concat(keys)
}

async function openKey(
  { store, place }: FoundVault,
  kit: OpenedKit,
  vaultId: string,
  { number, before }: { readonly number: number; readonly before: Buffer | undefined },
): Promise<Buffer> {
  const name = kitWrappingName(kit.kitId, number)
  const bytes = await store.get(name)
  try {
    return openWithKit(kit, vaultId, bytes, before && { number, before })
  } catch (cause) {
    if (!(cause instanceof UnprovenVaultKeyError)) throw cause
    throw new RebuildError(
      `Cannot rebuild from the vault in "${place}", of which nothing was changed. ${cause.message}. If no server of yours made it, move "${name}" and ` +
        `"${serverWrappingName(number)}" out of the vault and begin again: what is sealed under it is then named as damage`,
      { cause },
    )
  }
}

/** Which kits open which key. */
async function kitsByKey(store: BlobStore): Promise<ReadonlyMap<number, ReadonlySet<string>>> {
  const kits = new Map<number, Set<string>>()
  for await (const page of store.list('keys/')) {
    for (const { name } of page) {
      const [, kitId, digits = '0001'] = /^keys\/kit-([0-9a-f]{16})(?:-(\d{4}))?\.json$/.exec(name) ?? []
      if (kitId === undefined) continue
      const number = Number(digits)
      kits.set(number, (kits.get(number) ?? new Set()).add(kitId))
    }
  }
  return kits
}
