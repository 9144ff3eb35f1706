import { BlobNotFoundError } from '../../blobs/blob-store.ts'
import type { Sealer } from '../../keyring/server-key.ts'
import { serverWrappingName, VaultKeyError } from '../../keyring/vault-key.ts'
import type { PointRecord } from '../../vault/points/heads.ts'
import { VaultKeys } from '../../vault/keys.ts'
import type { Vault } from '../../vault/vault.ts'
import { readServerWrapping, VaultTakenOverError } from './vault-owner.ts'

/**
 * Which key a vault was locked with. It is sealed with the lock, so that whoever can write to the storage puts no other key in its
 * place. A next key (vault-owner.ts) comes behind those that are there and takes none away: the pinned one stays among them.
 */

/** Member of a vault's record. */
export const LOCK_KEY = 'lockKey'

interface PinnedKey {
  /** Number of the key, from 1. */
  readonly number: number
  /** `VaultKeys.keyId` of it. */
  readonly id: string
}

/** What a vault's record says of the key that it is locked with: its newest. */
export function pinOf({ keys }: Pick<Vault, 'keys'>): PinnedKey {
  return { number: keys.newest, id: keys.keyId(keys.newest) }
}

/**
 * Holds the key record that counts, the server's own of the newest key, against the pin of a locked vault.
 * @returns Why the vault must not be used; undefined where all is well, or nothing is pinned.
 */
export async function pinnedKeyProblem(
  { id, keys, store }: Pick<Vault, 'id' | 'keys' | 'store'>,
  sealer: Sealer,
  record: PointRecord,
): Promise<string | undefined> {
  const pin = record[LOCK_KEY] as PinnedKey | undefined
  if (pin === undefined) return undefined
  const name = serverWrappingName(keys.newest)
  const says = (what: string): string =>
    `its key record "${name}" ${what}. No recovery point goes into it or is deleted from it until a repair of the vault has made the ` +
    'record again; restores go on. Somebody who can write to its storage may have done it'
  try {
    const { vaultKeys } = await readServerWrapping(store, sealer, id, keys.newest)
    const there = new VaultKeys(id, vaultKeys)
    if (there.newest >= pin.number && there.keyId(pin.number) === pin.id) return undefined
    return says(`does not hold key ${pin.number} (${pin.id}), which the vault was locked with`)
  } catch (error) {
    if (error instanceof BlobNotFoundError) return says('is gone')
    if (error instanceof VaultKeyError || error instanceof VaultTakenOverError)
      return says('is not the one that this server put there')
    throw error
  }
}
