import {
  encryptionKeyIdIn,
  EncryptionKeyError,
  EncryptionKeys,
  sealerUnder,
} from '../../keyring/encryption-keys.ts'
import type { Sealer, ServerKey } from '../../keyring/server-key.ts'
import { encryptionKeyIdOf, findEncryptionKeyById } from '../../store/vaults/encryption-keys.ts'
import type { VaultTable } from '../../store/schema.ts'
import type { Store } from '../../store/store.ts'

export interface VaultSealersOptions {
  readonly store: Store
  readonly serverKey: ServerKey
  /** None where absent. */
  readonly encryptionKeys?: EncryptionKeys | undefined
}

/** What seals each vault's keys: the server's key, or that and the encryption key the vault was made under. */
export class VaultSealers {
  readonly #options: VaultSealersOptions
  readonly #encryptionKeys: EncryptionKeys
  /** By vault: the id of its encryption key, once it was opened or was to be. */
  readonly #keyIds = new Map<string, string>()

  constructor(options: VaultSealersOptions) {
    this.#options = options
    this.#encryptionKeys = options.encryptionKeys ?? new EncryptionKeys(new Map(), Date.now)
  }

  /** Of keys as a vault's row has them. @throws {EncryptionKeyError} Where its encryption key cannot be had now. */
  async of(vaultId: string, wrapped: string): Promise<Sealer> {
    return await this.#under(vaultId, encryptionKeyIdIn(wrapped))
  }

  /** Of a vault that has no keys yet. @throws {EncryptionKeyError} */
  async ofNew(row: Pick<VaultTable, 'vault_id' | 'encryption_key_arn'>): Promise<Sealer> {
    return await this.#under(row.vault_id, encryptionKeyIdOf(row.encryption_key_arn))
  }

  /** Of a vault that was opened before: its key may have been taken away since. @throws {EncryptionKeyError} */
  async ofOpened(vaultId: string): Promise<Sealer> {
    return await this.#under(vaultId, this.#keyIds.get(vaultId))
  }

  async #under(vaultId: string, keyId: string | undefined): Promise<Sealer> {
    const { store, serverKey } = this.#options
    if (keyId === undefined) return serverKey
    this.#keyIds.set(vaultId, keyId)
    const row = await findEncryptionKeyById(store.db, keyId)
    if (row === undefined) {
      // Nothing of the server is in it, and ListEncryptionKeys does not know the key.
      const told =
        'nothing says which of the server’s keys it is. Make it known again with roleback encryption-key create'
      throw new EncryptionKeyError(keyId, told, { told })
    }
    return sealerUnder(serverKey, keyId, await this.#encryptionKeys.loadKey(row.name, keyId))
  }
}
