import type { Item, ItemProblem } from '../../drivers/driver.ts'
import { printable } from '../../lib/log.ts'
import { bufferOf } from '../../vault/format/binary.ts'
import type { Leaf } from '../../vault/format/leaf.ts'
import type { PointWriter } from '../../vault/write/writer.ts'
import type { ItemResult } from './pour-wire.ts'

/** An item whose content is under way. */
export interface PendingItem {
  readonly item: Item
  /** Set when all is known; undefined `kept` means that it is left out. */
  result: { readonly kept: Kept | undefined } | undefined
}

interface Kept {
  readonly meta: Uint8Array
  readonly size: number
  readonly depth: number
  readonly ids: Buffer
}

/** Items of the parent that follow each other in a leaf of it and are taken over as they lie there. */
interface Run {
  readonly leaf: Leaf
  readonly first: number
  /** The one after the last. */
  end: number
  /** Bytes that it keeps in memory while it waits: all of its leaf, unless the run before keeps that. */
  heldBytes: number
}

/** Items, runs, and bytes of keys, metadata and leaves that may wait for one before them. */
const MAX_ITEMS = 32_768
const MAX_BYTES = 32 * 1024 * 1024
const FORGOTTEN_ITEMS = 4096
/** What a leaf remembers of each item beside its bytes. */
const PLACE_BYTES = 36

export interface WindowOptions {
  readonly onProblem: (problem: ItemProblem) => void
  readonly onProgress: (bytes: number, items: number) => void
  /** Something that no item is to blame for: the pour must end. */
  readonly onFailure: (error: Error) => void
}

/** Items finish in any order and enter the manifest in the order in which they came. */
export class ItemWindow {
  readonly #point: PointWriter
  readonly #options: WindowOptions
  /** From `#first` on; those before are done and forgotten. */
  #items: (PendingItem | Run | undefined)[] = []
  /** Comes behind all of them. */
  #run: Run | undefined
  /** Of the run that was the last to wait. */
  #lastLeaf: Leaf | undefined
  #first = 0
  #heldBytes = 0
  #doneBytes = 0
  #doneItems = 0
  #failure: Error | undefined
  #waiting: { readonly resolve: () => void; readonly reject: (error: Error) => void }[] = []

  constructor(point: PointWriter, options: WindowOptions) {
    this.#point = point
    this.#options = options
  }

  get isEmpty(): boolean {
    return this.#first === this.#items.length
  }

  get isFull(): boolean {
    return this.#items.length - this.#first >= MAX_ITEMS || this.#heldBytes >= MAX_BYTES
  }

  /** The next item; `finish` says later what became of it. */
  open(item: Item): PendingItem {
    this.#endRun()
    const pending: PendingItem = { item, result: undefined }
    this.#items.push(pending)
    this.#heldBytes += item.key.length + item.meta.length
    return pending
  }

  /** The next item, whose chunks are stored already. */
  addDone(item: Item, depth: number, ids: Buffer): void {
    const kept = { meta: item.meta, size: item.size, depth, ids }
    this.#endRun()
    if (this.isEmpty) return this.#keep(item, kept)
    this.open(item).result = { kept }
  }

  /** The next item, as the parent has it: number `i` of a leaf of it. */
  addSame(leaf: Leaf, i: number): void {
    if (this.#run?.leaf === leaf && this.#run.end === i) this.#run.end++
    else {
      this.#endRun()
      this.#run = { leaf, first: i, end: i + 1, heldBytes: 0 }
    }
  }

  /** No further item comes. */
  end(): void {
    this.#endRun()
  }

  /**
   * What became of an item: the results of its parts, in order.
   * @param partBytes Length of every part but the last: a shorter one ends the content.
   */
  finish(pending: PendingItem, parts: readonly ItemResult[], partBytes: number = 0): void {
    const { item } = pending
    const problem = parts.find((part) => part.problem !== undefined)?.problem
    if (problem !== undefined)
      this.#options.onProblem({ item: printable(bufferOf(item.key).toString()), reason: problem })
    const end = parts.findIndex((part) => part.size < partBytes) + 1
    const kept = end === 0 ? parts : parts.slice(0, end)
    pending.result = {
      kept: parts.every((part) => part.isKept)
        ? {
            meta: parts.at(-1)?.meta ?? item.meta,
            size: kept.reduce((sum, part) => sum + part.size, 0),
            depth: 0,
            ids:
              kept.length === 1 ? (kept[0] as ItemResult).ids : Buffer.concat(kept.map((part) => part.ids)),
          }
        : undefined,
    }
    this.#drain()
  }

  /** An item that is left out. */
  leaveOut(pending: PendingItem, reason: string): void {
    this.#options.onProblem({ item: printable(bufferOf(pending.item.key).toString()), reason })
    pending.result = { kept: undefined }
    this.#drain()
  }

  fail(error: Error): void {
    this.#failure ??= error
    for (const { reject } of this.#waiting.splice(0)) reject(error)
  }

  /** Resolves when an item has finished. @throws What made the pour fail. */
  changed(): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    return new Promise((resolve, reject) => void this.#waiting.push({ resolve, reject }))
  }

  /** Wakes whoever waits, for another reason than an item. */
  wake(): void {
    for (const { resolve } of this.#waiting.splice(0)) resolve()
  }

  #drain(): void {
    if (this.#failure !== undefined) return
    try {
      this.#keepFinished()
    } catch (error) {
      // Nobody waits for this call: what it met (a full disk) must reach whoever waits for the pour.
      this.#options.onFailure(error as Error)
    }
    this.wake()
  }

  #endRun(): void {
    const run = this.#run
    if (run === undefined) return
    this.#run = undefined
    if (this.isEmpty) return this.#keepRun(run)
    if (run.leaf !== this.#lastLeaf) run.heldBytes = run.leaf.bytes.length + run.leaf.count * PLACE_BYTES
    this.#lastLeaf = run.leaf
    this.#items.push(run)
    this.#heldBytes += run.heldBytes
  }

  #keepFinished(): void {
    for (; this.#first < this.#items.length; this.#first++) {
      const next = this.#items[this.#first] as PendingItem | Run
      if ('leaf' in next) {
        this.#heldBytes -= next.heldBytes
        this.#keepRun(next)
      } else {
        const { item, result } = next
        if (result === undefined) break
        this.#heldBytes -= item.key.length + item.meta.length
        if (result.kept !== undefined) this.#keep(item, result.kept)
      }
      this.#items[this.#first] = undefined
    }
    if (this.isEmpty) this.#lastLeaf = undefined
    if (this.isEmpty || this.#first > FORGOTTEN_ITEMS) {
      this.#items = this.#items.slice(this.#first)
      this.#first = 0
    }
  }

  #keep(item: Item, kept: Kept): void {
    this.#point.add({ key: item.key, kind: item.kind, ...kept })
    this.#done(kept.size, 1)
  }

  #keepRun({ leaf, first, end }: Run): void {
    this.#point.addFrom(leaf, first, end)
    let bytes = 0
    for (let i = first; i < end; i++) bytes += leaf.size(i)
    this.#done(bytes, end - first)
  }

  #done(bytes: number, items: number): void {
    this.#doneBytes += bytes
    this.#doneItems += items
    this.#options.onProgress(this.#doneBytes, this.#doneItems)
  }
}
