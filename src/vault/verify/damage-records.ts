import { BlobExistsError, BlobNotFoundError } from '../../blobs/blob-store.ts'
import type { BlobStore } from '../../blobs/blob-store.ts'
import { crashpoint } from '../../lib/crashpoint.ts'
import { openJson, sealJson } from '../format/document.ts'
import { VaultDamageError } from '../errors.ts'
import type { VaultKeys } from '../keys.ts'
import { parsePackName } from '../format/pack.ts'

/**
 * What a vault knows of packs that rotted: docs/vault-format.md, section 18. From a record's writing on no new recovery point, of
 * whatever process, relies on the pack, so that the next backup of the same content stores it again.
 */
export interface DamageRecord {
  /** Blob name of the pack. */
  readonly pack: string
  /** What was found, as text. */
  readonly reason: string
  /** Milliseconds since 1970. */
  readonly foundAt: number
}

const PREFIX = 'damage/'

/**
 * Names of packs with a record. By the records' names alone: what follows from one is storing again, and who could put one there
 * could have hurt the pack.
 */
export async function listDamaged(store: BlobStore): Promise<Set<string>> {
  const packs = new Set<string>()
  for await (const page of store.names(PREFIX)) {
    for (const name of page) {
      const pack = name.slice(PREFIX.length)
      if (parsePackName(pack) !== undefined) packs.add(pack)
    }
  }
  return packs
}

/** @returns False where the pack has a record already, which stays. */
export async function writeDamage(
  store: BlobStore,
  keys: VaultKeys,
  { pack, reason, foundAt }: DamageRecord,
): Promise<boolean> {
  const name = PREFIX + pack
  try {
    await store.put(name, sealJson(keys, 'damage', name, { pack, reason, foundAt }).bytes)
    crashpoint('damage.stored')
    return true
  } catch (error) {
    if (!(error instanceof BlobExistsError)) throw error
    return false
  }
}

/** What the record says; undefined where the pack has none. @throws {VaultDamageError} */
export async function readDamage(
  store: BlobStore,
  keys: VaultKeys,
  pack: string,
): Promise<DamageRecord | undefined> {
  const name = PREFIX + pack
  let sealed: Uint8Array
  try {
    sealed = await store.get(name)
  } catch (error) {
    if (error instanceof BlobNotFoundError) return undefined
    throw error
  }
  const { pack: of, reason, foundAt } = openJson(keys, 'damage', name, sealed)
  if (of !== pack || typeof reason !== 'string' || !Number.isSafeInteger(foundAt))
    throw new VaultDamageError(name, 'its members are not those of a damage record')
  return { pack, reason, foundAt: foundAt as number }
}

/** For a pack that is gone, or was read whole since. */
export async function removeDamage(store: BlobStore, pack: string): Promise<void> {
  await store.delete(PREFIX + pack)
  crashpoint('damage.removed')
}
