import type { PointItem } from './point.ts'

/** Finds the items of a recovery point by keys that ascend. */
export class ItemCursor {
  readonly #pages: Generator<readonly PointItem[]>
  #page: readonly PointItem[] = []
  #at = 0

  constructor(pages: Generator<readonly PointItem[]>) {
    this.#pages = pages
  }

  /** @throws {VaultDamageError} {ChunkMissingError} */
  find(key: Uint8Array): PointItem | undefined {
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
      if (order === 0) return item
    }
  }
}
