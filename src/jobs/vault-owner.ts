import type { BlobStore } from '../blobs/blob-store.ts'
import { SealError } from '../keyring/server-key.ts'
import type { ServerKey } from '../keyring/server-key.ts'
import { openServerWrapping, serverWrappingName } from '../keyring/vault-key.ts'
import { MAX_VAULT_KEYS } from '../vault/keys.ts'
import { JobFailedError } from './errors.ts'

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

export interface VaultKeys {
  /** Under the server's key, as the store keeps them. */
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
  serverKey: ServerKey,
  vaultId: string,
  known: number,
): Promise<void> {
  for (let number = known + 1; number <= MAX_VAULT_KEYS; number++) {
    if ((await store.stat(serverWrappingName(number))) === undefined) return
    await readServerWrapping(store, serverKey, vaultId, number)
  }
}

async function readServerWrapping(
  store: BlobStore,
  serverKey: ServerKey,
  vaultId: string,
  number: number,
): Promise<VaultKeys> {
  const bytes = await store.get(serverWrappingName(number))
  try {
    return openServerWrapping(serverKey, vaultId, number, bytes)
  } catch (cause) {
    if (cause instanceof SealError) throw new VaultTakenOverError(vaultId, number)
    throw cause
  }
}
