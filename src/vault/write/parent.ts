import { ChunkMissingError, VaultDamageError } from '../errors.ts'
import { ItemCursor } from '../read/item-cursor.ts'
import { ID_BYTES } from '../keys.ts'
import type { Point, PointItem } from '../read/point.ts'

/** Walks a parent recovery point forward, beside a driver's own walk. */
export class ParentPoint {
  readonly point: Point
  readonly #items: ItemCursor
  #isWhole = true

  constructor(point: Point) {
    this.point = point
    this.#items = new ItemCursor(point.pages())
  }

  get itemCount(): number {
    return this.point.itemCount
  }

  /**
   * The parent's item of exactly this key, unless a chunk of its content lies only in packs that new points must not rely on:
   * then it must be read again. Keys asked for ascend.
   */
  find(key: Uint8Array): PointItem | undefined {
    if (!this.#isWhole) return undefined
    try {
      const item = this.#items.find(key)
      return item !== undefined && this.#isLive(item) ? item : undefined
    } catch (error) {
      // It saves work only: where it is damaged, all else is read, and the new point is whole.
      if (!(error instanceof VaultDamageError) && !(error instanceof ChunkMissingError)) throw error
      this.#isWhole = false
      return undefined
    }
  }

  close(): void {
    this.point.close()
  }

  #isLive({ size, handle }: PointItem): boolean {
    const { index } = this.point
    const ids = handle.depth === 0 ? handle.ids : this.point.chunkIds({ size, handle })
    for (let at = 0; at < ids.length; at += ID_BYTES) if (!index.isLive(ids, at)) return false
    if (handle.depth === 0) return true
    for (let at = 0; at < handle.ids.length; at += ID_BYTES) if (!index.isLive(handle.ids, at)) return false
    return true
  }
}
