import { ChunkMissingError, VaultDamageError } from '../errors.ts'
import type { Leaf } from '../format/leaf.ts'
import type { ManifestItem } from '../format/node.ts'
import { ID_BYTES } from '../keys.ts'
import type { Point, PointItem } from '../read/point.ts'

/** Walks a parent recovery point forward, beside a driver's own walk. */
export class ParentPoint {
  readonly point: Point
  readonly #leaves: Generator<Leaf>
  #leaf: Leaf | undefined
  #at = 0
  #isWhole = true

  constructor(point: Point) {
    this.point = point
    this.#leaves = point.leaves()
  }

  get itemCount(): number {
    return this.point.itemCount
  }

  /**
   * The parent's item of exactly this key, unless a chunk of its content lies only in packs that new points must not rely on:
   * then it must be read again. Keys asked for do not descend.
   */
  find(key: Uint8Array): PointItem | undefined {
    return this.#unlessHurt(() => {
      const leaf = this.#seek(key)
      if (leaf === undefined) return undefined
      const item = this.point.itemOf(leaf, this.#at)
      return this.#isLive(item) ? item : undefined
    })
  }

  /**
   * Where the parent has the very item that was seen, as far as is known of its metadata, and new points may rely on its content: its
   * leaf and its number in there. Also
   * undefined where that is not easily told, so that `find` may know it all the same; keys asked for ascend then as if this had not
   * been asked.
   */
  same(
    seen: Pick<ManifestItem, 'key' | 'kind' | 'meta' | 'size'>,
  ): { readonly leaf: Leaf; readonly i: number } | undefined {
    return this.#unlessHurt(() => {
      const leaf = this.#seek(seen.key)
      const i = this.#at
      if (leaf === undefined || leaf.kind(i) !== seen.kind || leaf.size(i) !== seen.size) return undefined
      if (leaf.depth(i) !== 0 || !leaf.beginsMeta(i, seen.meta)) return undefined
      if (!this.#areLive(leaf.bytes, leaf.idsStart(i), leaf.end(i))) return undefined
      this.#at++
      return { leaf, i }
    })
  }

  /** See ParentCursor. */
  marks(every: number): readonly Uint8Array[] {
    return this.#unlessHurt(() => this.point.marks(every)) ?? []
  }

  close(): void {
    this.point.close()
  }

  /** Goes on to the first item whose key is not before `key`. @returns Its leaf where it is that item. */
  #seek(key: Uint8Array): Leaf | undefined {
    for (;;) {
      const leaf = this.#leaf
      if (leaf === undefined || this.#at === leaf.count) {
        const next = this.#leaves.next()
        if (next.done === true) return undefined
        this.#leaf = next.value
        this.#at = 0
        continue
      }
      const order = leaf.compareKey(this.#at, key)
      if (order >= 0) return order === 0 ? leaf : undefined
      this.#at++
    }
  }

  /** It saves work only: where it is damaged, all else is read, and the new point is whole. */
  #unlessHurt<T>(look: () => T | undefined): T | undefined {
    if (!this.#isWhole) return undefined
    try {
      return look()
    } catch (error) {
      if (!(error instanceof VaultDamageError) && !(error instanceof ChunkMissingError)) throw error
      this.#isWhole = false
      return undefined
    }
  }

  #isLive({ size, handle }: PointItem): boolean {
    const { depth, ids } = handle
    if (!this.#areLive(ids, 0, ids.length)) return false
    if (depth === 0) return true
    const all = this.point.chunkIds({ size, handle })
    return this.#areLive(all, 0, all.length)
  }

  #areLive(ids: Buffer, from: number, end: number): boolean {
    const { index } = this.point
    for (let at = from; at < end; at += ID_BYTES) if (!index.isLive(ids, at)) return false
    return true
  }
}
