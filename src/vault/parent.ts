import { ChunkMissingError, VaultDamageError } from './errors.ts'
import { ID_BYTES } from './keys.ts'
import type { Point, PointItem } from './point.ts'

/** Walks a parent recovery point forward, beside a driver's own walk. */
export class ParentPoint {
  readonly point: Point
  readonly #pages: Generator<readonly PointItem[]>
  #page: readonly PointItem[] = []
  #at = 0
  #isWhole = true

  constructor(point: Point) {
    this.point = point
    this.#pages = point.pages()
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
      return this.#find(key)
    } catch (error) {
      // It saves work only: where it is damaged, all else is read, and the new point is whole.
      if (!(error instanceof VaultDamageError) && !(error instanceof ChunkMissingError)) throw error
      this.#isWhole = false
      return undefined
    }
  }

  #find(key: Uint8Array): PointItem | undefined {
    for (;;) {
      const item = this.#page[this.#at]
      if (item === undefined) {
        const next = this.#pages.next()
        if (next.done === true) return undefined
        this.#page = next.value
        this.#at = 0
        continue
      }
      const order = Buffer.compare(item.key, key)
      if (order > 0) return undefined
      this.#at++
      if (order === 0) return this.#isLive(item) ? item : undefined
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
