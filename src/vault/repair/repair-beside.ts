import { ChunkReader } from '../read/chunk-reader.ts'
import { headName } from '../points/heads.ts'
import type { PointHead } from '../points/heads.ts'
import { ID_BYTES } from '../keys.ts'
import type { ChunkType } from '../keys.ts'
import type { LoadedIndex } from '../chunks/load-index.ts'
import { contentIds, readItems } from '../read/manifest-reader.ts'
import type { ManifestSource } from '../read/manifest-reader.ts'
import type { RepairBatch } from './repair-batch.ts'
import { isDamage, pause } from './repair-content.ts'
import type { FetchOptions } from './repair-content.ts'
import type { Vault } from '../vault.ts'

/** A vault's two stores: one that is repaired, and the other one, which names the same chunks alike. */
export interface StorePair {
  readonly vault: Vault
  readonly loaded: LoadedIndex
  readonly beside: Vault
}

/**
 * Stores again what a recovery point lacks and the other store of the vault has: nodes of its list and chunks, each by its id, whatever
 * they belong to there.
 *
 * @param batch To be committed behind it, where anything was put in.
 */
export async function fetchBeside(
  { vault, loaded, beside }: StorePair,
  head: PointHead,
  batch: RepairBatch,
  { isLost, onBytes, signal }: FetchOptions,
): Promise<void> {
  const { index } = await beside.refresh()
  using own = new ChunkReader({ store: vault.store, keys: vault.keys, index: loaded.index })
  using other = new ChunkReader({ store: beside.store, keys: beside.keys, index })
  const fetched = (type: ChunkType, ids: Buffer, at: number): Buffer => {
    const bytes = other.read(type, ids, at)
    batch.put(type, ids, at, bytes)
    onBytes(bytes.length)
    return bytes
  }
  const source: ManifestSource = {
    chunks: { read: (type, ids, at) => (isLost(ids, at) ? fetched(type, ids, at) : own.read(type, ids, at)) },
    blob: headName(head.pointId),
    manifest: head.manifest,
    onHurt: () => undefined,
  }
  for (const items of readItems(source)) {
    for (const item of items) {
      const ids = unlessDamaged(() => contentIds(source, item)) ?? Buffer.alloc(0)
      for (let at = 0; at < ids.length; at += ID_BYTES)
        if (isLost(ids, at) && !batch.has(ids, at)) unlessDamaged(() => fetched('data', ids, at))
      await batch.commitWhereMuch()
    }
    await pause(signal)
  }
}

function unlessDamaged<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    if (!isDamage(error)) throw error
    return undefined
  }
}
