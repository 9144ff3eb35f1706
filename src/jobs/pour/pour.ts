import { SMALL_ITEM_BYTES } from '../../drivers/driver.ts'
import type { BackupSink, Connection, Content, Item, ItemProblem } from '../../drivers/driver.ts'
import type { ThreadHalf } from '../../drivers/driver.ts'
import type { ResourceType } from '../../kinds/kind.ts'
import { ByteWriter } from '../../vault/format/binary.ts'
import type { Lease } from '../../vault/lease.ts'
import { ItemContent } from '../../vault/read/point.ts'
import type { Vault } from '../../vault/vault.ts'
import type { PointWriter } from '../../vault/write/writer.ts'
import { THREAD_HALVES } from './pour-halves.ts'
import { ItemWindow } from './pour-window.ts'
import type { PendingItem } from './pour-window.ts'
import { PourPool, defaultThreads, inlineWorker, threadWorker } from './pour-pool.ts'
import { backupSteps } from './pour-steps.ts'
import { StreamPour } from './pour-stream.ts'
import type { TakeBytes } from './pour-stream.ts'
import { encodeTask } from './pour-wire.ts'
import type { ItemResult } from './pour-wire.ts'

export interface PourBackupOptions {
  readonly vault: Vault
  readonly pointId: string
  readonly jobId: string
  readonly fence: number
  /** Held already: the index is read after it. */
  readonly lease: Lease
  readonly parentPointId?: string | undefined
  readonly resourceType: ResourceType
  readonly signal: AbortSignal
  readonly onProblem: (problem: ItemProblem) => void
  /** Bytes and items done so far. */
  readonly onProgress: (bytes: number, items: number) => void
  /** Asked for the bytes of streams; absent: they come as fast as they can. */
  readonly take?: TakeBytes | undefined
  /** 0 does all in this thread. */
  readonly threads?: number
  /** Another half than the kind's own; only without threads. */
  readonly half?: ThreadHalf
}

export interface PourResult {
  readonly pointId: string
  readonly itemCount: number
  readonly contentBytes: number
  /** What the vault grew by. */
  readonly storedBytes: number
  /** Items taken over from the parent unread. */
  readonly reusedItems: number
}

/** A recovery point on its way into the vault. Either `finish` or `abort` ends it. */
export interface PouringBackup {
  readonly sink: BackupSink
  /** Waits for all content and commits. @param record What the head keeps (see PointRecord). @param retainUntil See PointWriter. */
  finish(record: Readonly<Record<string, unknown>>, retainUntil?: number): Promise<PourResult>
  /** Stops all work and removes unfinished files; no error if it has ended. */
  abort(): Promise<void>
}

const BATCH_BYTES = 4 * 1024 * 1024
/** What an item costs beside its bytes: opening and closing. */
const ITEM_BYTES = 4096
const BATCH_ITEMS = 512
/** Items that may come behind the first one of a batch before it is sent however small it is: they all wait for it in memory. */
const ITEMS_BEHIND = 1024
/** A larger item is cut into ranges of this size, so that all threads work on it. */
const RANGE_BYTES = 64 * 1024 * 1024

export async function pourBackup(options: PourBackupOptions): Promise<PouringBackup> {
  const { vault, signal } = options
  signal.throwIfAborted()
  const point = await vault.beginPoint(options)
  const sink = new PourSink(point, options)
  return {
    sink,
    finish: (record, retainUntil) => sink.finish(record, retainUntil),
    abort: () => sink.abort(),
  }
}

/**
 * Takes a driver's items in key order, hands their content to pour threads and adds them to the manifest in the same order once
 * their chunks are known. What is under way is bounded in items and bytes.
 */
class PourSink implements BackupSink {
  readonly parent: BackupSink['parent']
  readonly #options: PourBackupOptions
  readonly #point: PointWriter
  readonly #window: ItemWindow
  readonly #streams: StreamPour
  #pool: PourPool | undefined
  #settings: Connection['settings'] | undefined
  #batch: PendingItem[] = []
  #batchBytes = 0
  #itemsBehind = 0
  readonly #tasks = new ByteWriter(64 * 1024)
  #reused = 0
  #failure: Error | undefined
  #hasEnded = false

  constructor(point: PointWriter, options: PourBackupOptions) {
    this.#point = point
    this.#options = options
    this.parent = point.parent
    this.#window = new ItemWindow(point, { ...options, onFailure: (error) => this.#fail(error) })
    this.#streams = new StreamPour(() => this.#openPool(false), this.#window, {
      take: options.take,
      onFailure: (error) => this.#fail(error),
    })
    options.signal.addEventListener('abort', this.#onAbort)
  }

  readWith(settings: Connection['settings']): void {
    if (this.#settings !== undefined) throw new Error('readWith() was called twice')
    this.#settings = settings
    this.#pool?.broadcast({ kind: 'settings', settings })
  }

  addSame(seen: Item): boolean | Promise<void> {
    if (this.#failure !== undefined) throw this.#failure
    const place = this.#point.parent?.same(seen)
    if (place === undefined) return false
    if (seen.size > 0) this.#reused++
    this.#window.addSame(place.leaf, place.i)
    return this.#added() ?? true
  }

  add(item: Item, content: Content): void | Promise<void> {
    if (this.#failure !== undefined) throw this.#failure
    switch (content.from) {
      case 'none':
        this.#window.addDone(item, 0, NO_IDS)
        break
      case 'parent':
        this.#addFromParent(item, content.item.handle)
        break
      case 'range':
        this.#addRange(item, content.task)
        break
      case 'stream':
        return this.#addStream(item, content.open)
    }
    return this.#added()
  }

  #added(): void | Promise<void> {
    if (this.#batch.length > 0 && ++this.#itemsBehind > ITEMS_BEHIND) this.#sendBatch(false)
    if (this.#isFull()) return this.#ready()
  }

  problem(problem: ItemProblem): void {
    this.#options.onProblem(problem)
  }

  async finish(record: Readonly<Record<string, unknown>>, retainUntil?: number): Promise<PourResult> {
    try {
      await this.#streams.end()
      if (this.#batch.length > 0) this.#sendBatch(this.#pool === undefined)
      while (!this.#window.isEmpty) await this.#window.changed()
      if (this.#failure !== undefined) throw this.#failure
      this.#window.end()
      const [packs] = await Promise.all([this.#pool?.packs() ?? [], this.#point.end()])
      this.#point.addPacks(packs)
      this.#options.signal.throwIfAborted()
      const committed = await this.#point.commit(record, retainUntil)
      await this.#pool?.stop()
      this.#close()
      return { ...committed, reusedItems: this.#reused }
    } catch (error) {
      this.#fail(error as Error)
      await this.abort()
      throw this.#failure ?? error
    }
  }

  async abort(): Promise<void> {
    if (this.#hasEnded) return
    this.#close()
    this.#fail(new Error('The backup was given up'))
    await this.#pool?.stop()
    await this.#streams.settled()
    await this.#point.abort()
  }

  readonly #onAbort = (): void => this.#fail(this.#options.signal.reason as Error)

  #close(): void {
    this.#hasEnded = true
    this.#options.signal.removeEventListener('abort', this.#onAbort)
  }

  #fail(error: Error): void {
    if (this.#failure !== undefined) return
    this.#failure = error
    this.#window.fail(error)
    this.#streams.fail(error)
    // Its end is awaited by abort(), which every failure leads to.
    void this.#pool?.stop()
  }

  #isFull(): boolean {
    return this.#window.isFull || this.#pool?.isFull === true || this.#streams.isFull
  }

  async #ready(): Promise<void> {
    // A full window may wait for items that are not sent yet.
    if (this.#window.isFull) {
      this.#sendBatch(false)
      this.#streams.sendBatch()
    }
    while (this.#isFull()) await this.#window.changed()
    if (this.#failure !== undefined) throw this.#failure
  }

  #addFromParent(item: Item, handle: unknown): void {
    if (!(handle instanceof ItemContent) || handle.point !== this.#point.parent?.point)
      throw new TypeError('Cannot take over an item: it is not of the parent recovery point')
    this.#reused++
    this.#window.addDone(item, handle.depth, handle.ids)
  }

  /** Resolves when the last byte was taken: drivers hold the connection it comes from no longer than that. */
  async #addStream(item: Item, open: (signal: AbortSignal) => AsyncIterable<Uint8Array>): Promise<void> {
    await this.#streams.add(this.#window.open(item), open)
    if (this.#failure !== undefined) throw this.#failure
    if (this.#isFull()) await this.#ready()
  }

  #addRange(item: Item, task: Uint8Array): void {
    const pending = this.#window.open(item)
    if (item.size > RANGE_BYTES) return this.#sendRanges(pending, item.size, task)
    encodeTask(this.#tasks, { task, size: item.size })
    this.#batch.push(pending)
    this.#batchBytes += item.size + ITEM_BYTES
    const isLarge = item.size > SMALL_ITEM_BYTES && this.#batchBytes >= BATCH_BYTES / 2
    if (this.#batchBytes >= BATCH_BYTES || this.#batch.length >= BATCH_ITEMS || isLarge)
      this.#sendBatch(false)
  }

  #sendBatch(isOnly: boolean): void {
    const batch = this.#batch
    if (batch.length === 0) return
    this.#batch = []
    this.#batchBytes = 0
    this.#itemsBehind = 0
    const tasks = this.#tasks.take()
    const pool = this.#openPool(isOnly)
    void pool.submit({ kind: 'files', tasks }, [tasks]).then((results) => {
      for (const [i, pending] of batch.entries()) this.#window.finish(pending, [results[i] as ItemResult])
    })
  }

  #sendRanges(pending: PendingItem, size: number, task: Uint8Array): void {
    const results: ItemResult[] = []
    let left = Math.ceil(size / RANGE_BYTES)
    for (let part = 0; part * RANGE_BYTES < size; part++) {
      const from = part * RANGE_BYTES
      const to = Math.min(size, from + RANGE_BYTES)
      const own = Uint8Array.from(task)
      void this.#openPool(false)
        .submit({ kind: 'range', task: own, from, to }, [own])
        .then(([result]) => {
          results[part] = result as ItemResult
          if (--left === 0) this.#window.finish(pending, results, RANGE_BYTES)
        })
    }
  }

  /** @param isSmall All that there is to do is at hand and not worth starting threads for. */
  #openPool(isSmall: boolean): PourPool {
    const { chunkSizes, keys, store } = this.#options.vault
    const { claims, index, tag } = this.#point
    // Every task under way may claim as many chunks as it can hold, and the table must have room for all.
    const perTask = Math.ceil(RANGE_BYTES / chunkSizes.min) + BATCH_ITEMS
    const level = claims.growFor(((this.#pool?.tasks ?? 0) + MANIFEST_TASKS) * perTask)
    if (this.#pool !== undefined) {
      if (level !== undefined) this.#pool.broadcast({ kind: 'level', level })
      return this.#pool
    }
    const { resourceType, threads = isSmall ? 0 : defaultThreads(), half } = this.#options
    const common = { resourceType, settings: {}, chunkSizes, claims: claims.levels, tag }
    const { locate } = store
    const start =
      threads === 0 || locate === undefined
        ? [
            inlineWorker((post) =>
              backupSteps({ ...common, store, keys, index, half: half ?? THREAD_HALVES[resourceType] }, post),
            ),
          ]
        : Array.from({ length: threads }, () =>
            threadWorker(() => ({
              ...common,
              mode: 'backup',
              location: locate(),
              vaultId: keys.vaultId,
              vaultKey: keys.export(),
              index: index.memory,
            })),
          )
    this.#pool = new PourPool(start, {
      slab: (slab) => this.#streams.giveBack(slab),
      failure: (error) => this.#fail(error),
    })
    if (this.#settings !== undefined) this.#pool.broadcast({ kind: 'settings', settings: this.#settings })
    return this.#pool
  }
}

/** Room in the table of chunks for the manifest's own nodes and for streams, counted as tasks. */
const MANIFEST_TASKS = 8
const NO_IDS = Buffer.alloc(0)
