import type { ChunkIndex } from '../chunks/chunk-index.ts'
import { ChunkReader } from './chunk-reader.ts'
import { VaultDamageError } from '../errors.ts'
import { headName } from '../points/heads.ts'
import type { PointHead } from '../points/heads.ts'
import { ID_BYTES } from '../keys.ts'
import type { Leaf } from '../format/leaf.ts'
import { contentIds, marksOf, readItems, readLeaves } from './manifest-reader.ts'
import type { ManifestSource } from './manifest-reader.ts'
import type { ManifestItem } from '../format/node.ts'
import type { Vault } from '../vault.ts'

/** Which chunks an item's content has. Made only here: what holds one was read from a manifest. */
export class ItemContent {
  readonly point: Point
  readonly depth: number
  readonly ids: Buffer

  constructor(point: Point, item: ManifestItem) {
    this.point = point
    this.depth = item.depth
    this.ids = item.ids
  }
}

export interface PointItem {
  readonly key: Uint8Array
  readonly kind: number
  readonly meta: Uint8Array
  readonly size: number
  readonly handle: ItemContent
}

/** A recovery point opened for reading. Everything it gives is authenticated. */
export class Point {
  readonly vault: Vault
  readonly index: ChunkIndex
  readonly head: PointHead
  readonly #chunks: ChunkReader

  constructor(vault: Vault, index: ChunkIndex, head: PointHead) {
    this.vault = vault
    this.index = index
    this.head = head
    this.#chunks = new ChunkReader({ store: vault.store, keys: vault.keys, index })
  }

  get itemCount(): number {
    return this.head.manifest.items
  }

  get contentBytes(): number {
    return this.head.manifest.contentBytes
  }

  /** Pages of items in key order; `prefixes` limits them to keys that begin with one of these. */
  async *items(
    options: { readonly prefixes?: readonly Uint8Array[] } = {},
  ): AsyncIterable<readonly PointItem[]> {
    for (const page of this.pages(options.prefixes)) {
      yield page
      // Reading is synchronous: let others have their turn between pages.
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  /** The same, synchronously. @param onHurt Told of each part of the list that cannot be read, which is left out then. */
  *pages(
    prefixes?: readonly Uint8Array[],
    onHurt?: ManifestSource['onHurt'],
  ): Generator<readonly PointItem[]> {
    for (const items of readItems({ ...this.#source(), onHurt }, prefixes)) {
      yield items.map((item) => this.#given(item))
    }
  }

  /** All items in key order, as they lie. @throws {VaultDamageError} {ChunkMissingError} */
  leaves(): Generator<Leaf> {
    return readLeaves(this.#source())
  }

  /** See marksOf. @throws {VaultDamageError} {ChunkMissingError} */
  marks(every: number): readonly Uint8Array[] {
    return marksOf(this.#source(), every)
  }

  /** @param i Of a leaf of this point. */
  itemOf(leaf: Leaf, i: number): PointItem {
    return this.#given(leaf.item(i))
  }

  #given(item: ManifestItem): PointItem {
    const { key, kind, meta, size } = item
    return { key, kind, meta, size, handle: new ItemContent(this, item) }
  }

  /** The bytes of one item; ends with an error rather than with wrong or missing bytes. */
  async *read(
    item: { readonly size: number; readonly handle: unknown },
    options: { readonly signal?: AbortSignal } = {},
  ): AsyncIterable<Uint8Array> {
    const ids = this.chunkIds(item)
    let bytes = 0
    for (let at = 0; at < ids.length; at += ID_BYTES) {
      options.signal?.throwIfAborted()
      const chunk = this.#chunks.read('data', ids, at)
      bytes += chunk.length
      if (bytes > item.size) break
      yield Uint8Array.from(chunk)
      await new Promise((resolve) => setImmediate(resolve))
    }
    if (bytes !== item.size) throw this.#wrongSize(bytes, item.size)
  }

  /** Ids of the chunks of an item's content, in order. @throws {VaultDamageError} When their lengths do not add up to its size. */
  chunkIds(item: { readonly size: number; readonly handle: unknown }): Buffer {
    const ids = this.namedChunks(item)
    let bytes = 0
    for (let at = 0; at < ids.length; at += ID_BYTES) bytes += this.#chunks.lengthOf(ids, at) ?? 0
    if (bytes !== item.size) throw this.#wrongSize(bytes, item.size)
    return ids
  }

  /** The same, whether or not the vault knows these chunks. */
  namedChunks({ handle }: { readonly handle: unknown }): Buffer {
    if (!(handle instanceof ItemContent) || handle.point !== this)
      throw new TypeError('Cannot read an item: it is not of this recovery point')
    return contentIds(this.#source(), handle)
  }

  close(): void {
    this.#chunks.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }

  #source(): ManifestSource {
    return { chunks: this.#chunks, blob: headName(this.head.pointId), manifest: this.head.manifest }
  }

  #wrongSize(found: number, size: number): VaultDamageError {
    return new VaultDamageError(
      headName(this.head.pointId),
      `an item of ${size} bytes has chunks of ${found}`,
    )
  }
}
