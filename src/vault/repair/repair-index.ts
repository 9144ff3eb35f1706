import { BlobNotFoundError } from '../../blobs/blob-store.ts'
import { crashpoint } from '../../lib/crashpoint.ts'
import { VaultDamageError } from '../errors.ts'
import { openIndex, sealIndex } from '../chunks/index-delta.ts'
import type { Lease } from '../lease.ts'
import { readPackDirectory } from '../chunks/load-index.ts'
import { parsePackName } from '../format/pack.ts'
import type { FinishedPack } from '../format/pack.ts'
import { dropUnreadableLists } from '../sweep/sweep.ts'
import type { Vault } from '../vault.ts'

/**
 * Writes what index deltas said that can no longer be read, from the packs themselves, and lets those go. Dead lists that can no longer
 * be read go, too: what was on them a later sweep finds again. No sweep of the vault may run meanwhile.
 *
 * @returns Names of the blobs that were replaced.
 */
export async function repairIndex(vault: Vault, lease: Lease): Promise<readonly string[]> {
  const gone = await dropUnreadableLists(vault, lease)
  // Each is opened now: an index in memory, or in a cache, is from when it could still be read.
  const damaged: string[] = []
  for await (const page of vault.store.list('index/'))
    for (const { name } of page) if (await isDamaged(vault, name)) damaged.push(name)
  if (damaged.length === 0) return gone
  const packs = await unnamedPacks(vault, new Set(damaged))
  await lease.check()
  for (const { name, bytes } of packs.length === 0 ? [] : sealIndex(vault.keys, packs)) {
    await vault.store.put(name, bytes)
    crashpoint('repair.delta-stored')
  }
  // Whatever else they said, such as of packs that do not open either, nobody could read before.
  for (const name of damaged) {
    await vault.store.delete(name)
    crashpoint('repair.delta-deleted')
  }
  return [...gone, ...damaged]
}

/** Looks twice: what was read wrong once may lie right on the disk. */
async function isDamaged({ store, keys }: Vault, name: string): Promise<boolean> {
  const opens = async (): Promise<boolean> => {
    try {
      openIndex(keys, name, await store.get(name))
      return true
    } catch (error) {
      if (error instanceof BlobNotFoundError) return true
      if (!(error instanceof VaultDamageError)) throw error
      return false
    }
  }
  return !(await opens()) && !(await opens())
}

/** Packs of the store that no readable delta names, by what they say of themselves. */
async function unnamedPacks({ store, keys }: Vault, damaged: ReadonlySet<string>): Promise<FinishedPack[]> {
  const named = new Set<string>()
  for await (const page of store.list('index/')) {
    for (const { name } of page) {
      if (damaged.has(name)) continue
      for (const { type, id } of openIndex(keys, name, await store.get(name)).packs)
        named.add(`${type} ${Buffer.from(id).toString('hex')}`)
    }
  }
  const packs: FinishedPack[] = []
  for (const folder of ['data/', 'meta/']) {
    for await (const page of store.list(folder)) {
      for (const { name, sizeBytes } of page) {
        const parsed = parsePackName(name)
        if (parsed === undefined || named.has(`${parsed.type} ${parsed.id.toString('hex')}`)) continue
        try {
          packs.push({ ...parsed, sizeBytes, directory: readPackDirectory(store, keys, name) })
        } catch (error) {
          if (!(error instanceof VaultDamageError)) throw error
        }
      }
    }
  }
  return packs
}
