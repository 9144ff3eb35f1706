import { ChunkTable } from '../vault/chunks/chunk-table.ts'
import { ChunkMissingError, PointNotFoundError, VaultDamageError } from '../vault/errors.ts'
import { ID_BYTES } from '../vault/keys.ts'
import { ParentPoint } from '../vault/write/parent.ts'
import type { PointItem } from '../vault/read/point.ts'
import type { Vault } from '../vault/vault.ts'
import type { PointWriter } from '../vault/write/writer.ts'

/** What a copy's head keeps of where it came from: which point of which vault has the very same chunks, item by item. */
export interface CopiedFrom {
  readonly vaultId: string
  readonly pointId: string
}

/** What is known of an item without reading its content. */
export type KnownItem =
  /** The same content: the earlier copy's item. */
  | { readonly kind: 'same'; readonly item: PointItem }
  /** Other content under the same key: which of its chunks were copied before. */
  | { readonly kind: 'changed'; readonly chunks: KnownChunks }

/**
 * An earlier copy beside the point that it was made of. Both have the same items, and those the same chunks one by one, so that what
 * the new point shares with the old one is in the target already, and under which ids, is known unread.
 */
export class CopiedBefore {
  readonly #source: ParentPoint
  readonly #target: ParentPoint
  #isUsable = true

  private constructor(source: ParentPoint, target: ParentPoint) {
    this.#source = source
    this.#target = target
  }

  /** Undefined where the writer's parent is no copy out of this vault, or its source is gone: then all is read, and nothing is lost. */
  static async open(source: Vault, writer: PointWriter): Promise<CopiedBefore | undefined> {
    const target = writer.parent
    const from = target?.point.head.record['copiedFrom'] as CopiedFrom | undefined
    if (target === undefined || from?.vaultId !== source.id || typeof from.pointId !== 'string')
      return undefined
    try {
      return new CopiedBefore(new ParentPoint(await source.openPoint(from.pointId)), target)
    } catch (error) {
      if (error instanceof PointNotFoundError || error instanceof VaultDamageError) return undefined
      throw error
    }
  }

  /** Keys of the items asked for ascend. Damage in an older point is no reason to stop: its content is read instead. */
  find(item: PointItem): KnownItem | undefined {
    if (!this.#isUsable) return undefined
    try {
      return this.#find(item)
    } catch (error) {
      if (!(error instanceof VaultDamageError) && !(error instanceof ChunkMissingError)) throw error
      this.#isUsable = false
      return undefined
    }
  }

  #find(item: PointItem): KnownItem | undefined {
    const source = this.#source.find(item.key)
    const target = this.#target.find(item.key)
    if (source === undefined || target === undefined || source.size !== target.size) return undefined
    const { depth, ids } = item.handle
    if (source.size === item.size && source.handle.depth === depth && source.handle.ids.equals(ids))
      return { kind: 'same', item: target }
    if (item.size === 0 || source.size === 0) return undefined
    const from = this.#source.point.chunkIds(source)
    const to = this.#target.point.chunkIds(target)
    return from.length === to.length ? { kind: 'changed', chunks: new KnownChunks(from, to) } : undefined
  }

  close(): void {
    this.#source.close()
  }
}

/** Ids of chunks in the source and, at the same places, what they are in the target. */
export class KnownChunks {
  readonly #from: Buffer
  readonly #to: Buffer
  readonly #table: ChunkTable
  /** By entry of the table: where the id lies. */
  readonly #places: Float64Array

  constructor(from: Buffer, to: Buffer) {
    this.#from = from
    this.#to = to
    this.#table = ChunkTable.make(from.length / ID_BYTES)
    this.#places = new Float64Array(this.#table.capacity)
    for (let at = 0; at < from.length; at += ID_BYTES) {
      const entry = this.#table.claim(from, at)
      if (entry < 0) this.#places[~entry] = at
    }
  }

  /** Writes the id in the target of the chunk whose id in the source is at `ids[at]`, to the same place of `into`; false where it is unknown. */
  translate(ids: Buffer, at: number, into: Buffer): boolean {
    const entry = this.#table.find(ids, at)
    if (entry < 0) return false
    const place = this.#places[entry] as number
    if (ids.compare(this.#from, place, place + ID_BYTES, at, at + ID_BYTES) !== 0) return false
    this.#to.copy(into, at, place, place + ID_BYTES)
    return true
  }
}
