import type { BlobStore } from '../../blobs/blob-store.ts'
import { BlobNotFoundError } from '../../blobs/blob-store.ts'
import { openJson, sealJson } from '../format/document.ts'
import { VaultDamageError } from '../errors.ts'
import type { VaultKeys } from '../keys.ts'

/** docs/vault-format.md, section 11: blobs that a sweep found unused in generation `generation`. */
export interface DeadList {
  readonly name: string
  readonly generation: number
  readonly createdAtMs: number
  /** Names of packs, or `tmp/…` for what an interrupted writer left. */
  readonly blobs: readonly string[]
}

export async function writeDeadList(
  store: BlobStore,
  keys: VaultKeys,
  list: Omit<DeadList, 'name'>,
): Promise<void> {
  const document = sealJson(keys, 'dead', (seed) => `dead/${seed}`, list)
  await store.put(document.name, document.bytes)
}

export interface DeadLists {
  /** Oldest generation first. */
  readonly lists: readonly DeadList[]
  /** Lists that do not open: which packs must not be relied on is not known then, and nothing may be deleted by them. */
  readonly damage: readonly VaultDamageError[]
}

/** All dead lists. Damage is returned, not thrown: it must not keep anybody from restoring. */
export async function readDeadLists(store: BlobStore, keys: VaultKeys): Promise<DeadLists> {
  const lists: DeadList[] = []
  const damage: VaultDamageError[] = []
  for await (const page of store.names('dead/')) {
    for (const name of page) {
      try {
        const list = await readDeadList(store, keys, name)
        if (list !== undefined) lists.push(list)
      } catch (error) {
        if (!(error instanceof VaultDamageError)) throw error
        damage.push(error)
      }
    }
  }
  return { lists: lists.sort((a, b) => a.generation - b.generation), damage }
}

/** @throws {VaultDamageError} */
async function readDeadList(store: BlobStore, keys: VaultKeys, name: string): Promise<DeadList | undefined> {
  let sealed: Uint8Array
  try {
    sealed = await store.get(name)
  } catch (error) {
    // A sweep ended it between the listing and now.
    if (error instanceof BlobNotFoundError) return undefined
    throw error
  }
  const { generation, createdAtMs, blobs } = openJson(keys, 'dead', name, sealed)
  const isGood =
    Number.isSafeInteger(generation) &&
    Number.isSafeInteger(createdAtMs) &&
    Array.isArray(blobs) &&
    blobs.every((blob) => typeof blob === 'string')
  if (!isGood) throw new VaultDamageError(name, 'its members are not those of a dead list')
  return {
    name,
    generation: generation as number,
    createdAtMs: createdAtMs as number,
    blobs: blobs as string[],
  }
}
