import { BlobExistsError } from '../../blobs/blob-store.ts'
import type { BlobStore } from '../../blobs/blob-store.ts'
import { SealError } from '../../keyring/server-key.ts'
import type { Sealer } from '../../keyring/server-key.ts'
import {
  countVaultKeys,
  kitWrappings,
  newVaultKey,
  openServerWrapping,
  sealVaultKeys,
  serverWrapping,
  serverWrappingName,
} from '../../keyring/vault-key.ts'
import { crashpoint } from '../../lib/crashpoint.ts'
import { MAX_VAULT_KEYS } from '../../vault/keys.ts'
import { putOnce } from '../../vault/vault.ts'
import { JobFailedError } from '../errors.ts'

/** Who owns a vault, and how it gets its next key: docs/vault-format.md, section 4. */

/** Another server has taken the vault over: this one must neither write nor delete in it. */
export class VaultTakenOverError extends JobFailedError {
  override name = 'VaultTakenOverError'

  constructor(vaultId: string, number: number) {
    super(
      `Another server has taken over the vault ${vaultId} (its key ${number} was made there, by "vault rebuild"): this one no longer ` +
        'opens it. Stop this server, and go on with the other',
      'TAKEN_OVER',
    )
  }
}

export interface WrappedKeys {
  /** Under the server's key and, where it has one, the vault's encryption key, as the store keeps them. */
  readonly sealed: string
  /** 32 bytes each, the first to the newest. */
  readonly vaultKeys: Buffer
}

/**
 * @param known Keys that the server knows of the vault; those behind them must be its own, added meanwhile.
 * @throws {VaultTakenOverError}
 */
export async function checkOwner(
  store: BlobStore,
  sealer: Sealer,
  vaultId: string,
  known: number,
): Promise<void> {
  for (let number = known + 1; number <= MAX_VAULT_KEYS; number++) {
    if ((await store.stat(serverWrappingName(number))) === undefined) return
    await readServerWrapping(store, sealer, vaultId, number)
  }
}

/**
 * Gives the vault its next key, which seals what is written from then on, and wraps all keys for the kit. The same call again
 * finishes what a crash interrupted.
 *
 * @param vaultKeys Those it has. @throws {VaultTakenOverError}
 */
export async function addVaultKey(
  store: BlobStore,
  to: { readonly sealer: Sealer; readonly kitPublicKey: string },
  vaultId: string,
  vaultKeys: Uint8Array,
): Promise<WrappedKeys> {
  const number = countVaultKeys(vaultKeys) + 1
  if (number > MAX_VAULT_KEYS) {
    throw new JobFailedError(
      `Cannot give the vault ${vaultId} another key: it has had ${MAX_VAULT_KEYS}. Copy its recovery points into a new vault`,
    )
  }
  const next = Buffer.concat([vaultKeys, newVaultKey()])
  const wrapping = serverWrapping(number, sealVaultKeys(to.sealer, vaultId, next))
  try {
    await store.put(wrapping.name, wrapping.bytes)
    crashpoint('vault-key.added')
  } catch (error) {
    if (!(error instanceof BlobExistsError)) throw error
  }
  // What lies there counts, whoever was first.
  const made = await readServerWrapping(store, to.sealer, vaultId, number)
  if (!made.vaultKeys.subarray(0, vaultKeys.length).equals(vaultKeys))
    throw new JobFailedError(`The vault ${vaultId} was given a key behind others than this server knows`)
  await wrapForKitOf(store, to.kitPublicKey, vaultId, made.vaultKeys)
  return made
}

/** Makes all keys open to a kit. */
export async function wrapForKitOf(
  store: BlobStore,
  kitPublicKey: string,
  vaultId: string,
  vaultKeys: Uint8Array,
): Promise<void> {
  for (const { name, bytes } of kitWrappings(kitPublicKey, vaultId, vaultKeys)) {
    if (!(await putOnce(store, name, bytes)))
      throw new JobFailedError(`Cannot wrap the keys of vault ${vaultId}: other bytes lie under "${name}"`)
    crashpoint('vault-key.wrapped')
  }
}

/** Number of the newest key of a vault. */
export async function newestKeyNumber(store: BlobStore): Promise<number> {
  let number = 1
  while (number < MAX_VAULT_KEYS && (await store.stat(serverWrappingName(number + 1))) !== undefined) number++
  return number
}

/** The keys up to this number, where the server has put them there. @throws {VaultTakenOverError} {BlobNotFoundError} */
export async function readServerWrapping(
  store: BlobStore,
  sealer: Sealer,
  vaultId: string,
  number: number,
): Promise<WrappedKeys> {
  const bytes = await store.get(serverWrappingName(number))
  try {
    return openServerWrapping(sealer, vaultId, number, bytes)
  } catch (cause) {
    if (cause instanceof SealError) throw new VaultTakenOverError(vaultId, number)
    throw cause
  }
}
