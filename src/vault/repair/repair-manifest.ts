import { ItemCursor } from '../read/item-cursor.ts'
import { ID_BYTES } from '../keys.ts'
import { ManifestWriter } from '../write/manifest-writer.ts'
import type { ManifestItem } from '../format/node.ts'
import type { Point, PointItem } from '../read/point.ts'
import type { RepairBatch } from './repair-batch.ts'
import { idsOf, pause } from './repair-content.ts'
import type { ContentSource, FetchOptions } from './repair-content.ts'

/**
 * Writes the list of a recovery point's items again, from one that has the very same items with the same chunks one by one: what
 * it was copied from, or a copy of it. What this vault can still read of the list is taken from it; for the rest the content is read
 * there, since a chunk's id here is known from its bytes only, and what of it is lost here is stored again in passing.
 *
 * @param batch To be committed where this is true, and given up where not.
 * @returns Whether the list came out as the one that the recovery point's head names.
 * @throws {VaultDamageError} {ChunkMissingError} Where the other one is hurt itself.
 */
export async function rebuildManifest(
  point: Point,
  source: ContentSource,
  batch: RepairBatch,
  options: FetchOptions,
): Promise<boolean> {
  const { manifest } = point.head
  const own = new ItemCursor(point.pages(undefined, () => undefined))
  const writer = new ManifestWriter(point.vault.keys, batch, batch.nodes)
  for (const page of source.point.pages()) {
    for (const item of page) {
      const known = own.find(item.key)
      if (known !== undefined && known.size !== item.size) return false
      writer.add((known && readable(point, known)) ?? (await translated(point, source, item, batch, options)))
      if (writer.items > manifest.items || writer.contentBytes > manifest.contentBytes) return false
    }
    await pause(options.signal)
  }
  const { root, height, items, contentBytes } = writer.end()
  return (
    root !== undefined &&
    manifest.root !== undefined &&
    root.equals(manifest.root) &&
    height === manifest.height &&
    items === manifest.items &&
    contentBytes === manifest.contentBytes
  )
}

/** The item as this vault has it; undefined where the lists of its chunks are lost. */
function readable(point: Point, { key, kind, meta, size, handle }: PointItem): ManifestItem | undefined {
  if (idsOf(point, { key, kind, meta, size, handle }) === undefined) return undefined
  return { key, kind, meta, size, depth: handle.depth, ids: handle.ids }
}

async function translated(
  point: Point,
  source: ContentSource,
  item: PointItem,
  batch: RepairBatch,
  { isLost, onBytes, signal }: FetchOptions,
): Promise<ManifestItem> {
  const { keys } = point.vault
  const theirs = source.point.chunkIds(item)
  const ids = Buffer.allocUnsafe(theirs.length)
  for (let at = 0; at < theirs.length; at += ID_BYTES) {
    const bytes = source.chunk(theirs, at)
    keys.chunkId('data', bytes).copy(ids, at)
    if (isLost(ids, at)) batch.put('data', ids, at, bytes)
    onBytes(bytes.length)
    await pause(signal)
  }
  const { key, kind, meta, size } = item
  return { key, kind, meta, size, depth: 0, ids }
}
