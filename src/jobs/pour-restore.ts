import type { Connection, ItemProblem, PointReader, StoredItem, ThreadHalf } from '../drivers/driver.ts'
import type { ResourceType } from '../kinds/kind.ts'
import { printable } from '../lib/log.ts'
import { ByteWriter, bufferOf } from '../vault/binary.ts'
import { ChunkMissingError, VaultDamageError } from '../vault/errors.ts'
import { ID_BYTES } from '../vault/keys.ts'
import type { Point } from '../vault/point.ts'
import type { Vault } from '../vault/vault.ts'
import { THREAD_HALVES } from './pour-halves.ts'
import { PourPool, defaultThreads, inlineWorker, threadWorker } from './pour-pool.ts'
import { restoreSteps } from './pour-steps.ts'
import { encodeWrite, leftOut } from './pour-wire.ts'
import type { ItemResult } from './pour-wire.ts'

export interface PointReaderOptions {
  readonly vault: Vault
  readonly pointId: string
  readonly resourceType: ResourceType
  readonly signal: AbortSignal
  /** Bytes and items written by `pour` since the last call. */
  readonly onProgress: (bytes: number, items: number) => void
  /** 0 does all in this thread. */
  readonly threads?: number
  /** Another half than the kind's own; only without threads. */
  readonly half?: ThreadHalf
}

export interface OpenPointReader extends PointReader {
  /** Gives back its files. */
  close(): void
}

interface WriteOrder {
  readonly item: StoredItem
  readonly task: Uint8Array
}

interface PourDone {
  written: number
  bytes: number
  readonly problems: ItemProblem[]
}

const BATCH_BYTES = 8 * 1024 * 1024
const ITEM_BYTES = 4096
const BATCH_ITEMS = 512
/** A larger item is written in ranges of about this size by several threads at once. */
const RANGE_BYTES = 32 * 1024 * 1024

/** Opens a recovery point for a driver's restore. Close it afterwards. */
export async function openPointReader(options: PointReaderOptions): Promise<OpenPointReader> {
  const point = await options.vault.openPoint(options.pointId)
  return {
    itemCount: point.itemCount,
    contentBytes: point.contentBytes,
    items: (filter) => point.items(filter),
    read: (item, readOptions) => point.read(item, readOptions),
    pour: async (tasks, { writer, signal }) => {
      const pour = new RestorePour(point, options, writer)
      return await pour.run(tasks, AbortSignal.any([options.signal, signal]))
    },
    close: () => point.close(),
  }
}

/** Hands items to pour threads in batches near each other in key order, since they lie near each other in the vault. */
class RestorePour {
  readonly #point: Point
  readonly #onProgress: (bytes: number, items: number) => void
  readonly #pool: PourPool
  readonly #done: PourDone = { written: 0, bytes: 0, problems: [] }
  readonly #tasks = new ByteWriter(64 * 1024)
  #batch: StoredItem[] = []
  #batchBytes = 0
  #failure: Error | undefined

  constructor(point: Point, options: PointReaderOptions, settings: Connection['settings']) {
    this.#point = point
    this.#onProgress = options.onProgress
    this.#pool = new PourPool(startersOf(point, options, settings), {
      slab: () => undefined,
      failure: (error) => (this.#failure ??= error),
    })
  }

  async run(tasks: AsyncIterable<readonly WriteOrder[]>, signal: AbortSignal): Promise<PourDone> {
    signal.throwIfAborted()
    const onAbort = (): void => {
      this.#failure ??= signal.reason as Error
      void this.#pool.stop()
    }
    signal.addEventListener('abort', onAbort)
    this.#pool.start()
    try {
      for await (const page of tasks) {
        for (const order of page) this.#add(order)
        await this.#pool.ready()
      }
      this.#sendBatch()
      await this.#pool.end()
      return this.#done
    } catch (error) {
      await this.#pool.stop()
      throw this.#failure ?? error
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  #add({ item, task }: WriteOrder): void {
    const ids = this.#idsOf(item)
    if (ids === undefined) return
    if (item.size > RANGE_BYTES) return this.#sendRanges(item, task, ids)
    encodeWrite(this.#tasks, { task, size: item.size, position: 0, ids })
    this.#batch.push(item)
    this.#batchBytes += item.size + ITEM_BYTES
    if (this.#batchBytes >= BATCH_BYTES || this.#batch.length >= BATCH_ITEMS) this.#sendBatch()
  }

  /** Undefined, and counted as a problem, where the vault has not all of the item. */
  #idsOf(item: StoredItem): Buffer | undefined {
    try {
      return this.#point.chunkIds(item)
    } catch (error) {
      if (!(error instanceof VaultDamageError) && !(error instanceof ChunkMissingError)) throw error
      this.#count(item, [leftOut(error.message)])
      return undefined
    }
  }

  #sendBatch(): void {
    const batch = this.#batch
    if (batch.length === 0) return
    this.#batch = []
    this.#batchBytes = 0
    const tasks = this.#tasks.take()
    void this.#pool.submit({ kind: 'write', tasks }, [tasks]).then((results) => {
      for (const [i, item] of batch.entries()) this.#count(item, [results[i] as ItemResult])
    })
  }

  #sendRanges(item: StoredItem, task: Uint8Array, ids: Buffer): void {
    const results: ItemResult[] = []
    const ranges = this.#rangesOf(ids)
    let left = ranges.length
    for (const [i, range] of ranges.entries()) {
      const out = new ByteWriter(range.ids.length + task.length + 64)
      encodeWrite(out, { task, size: item.size, ...range })
      const tasks = out.take()
      void this.#pool.submit({ kind: 'write', tasks }, [tasks]).then(([result]) => {
        results[i] = result as ItemResult
        if (--left === 0) this.#count(item, results)
      })
    }
  }

  /** Stretches of whole chunks, each of about RANGE_BYTES. */
  #rangesOf(ids: Buffer): { readonly position: number; readonly ids: Buffer }[] {
    const ranges: { readonly position: number; readonly ids: Buffer }[] = []
    let from = 0
    let position = 0
    let bytes = 0
    for (let at = 0; at < ids.length; at += ID_BYTES) {
      bytes += this.#point.index.find(ids, at)?.length ?? 0
      if (bytes < RANGE_BYTES && at + ID_BYTES < ids.length) continue
      ranges.push({ position, ids: ids.subarray(from, at + ID_BYTES) })
      from = at + ID_BYTES
      position += bytes
      bytes = 0
    }
    return ranges
  }

  #count(item: StoredItem, results: readonly ItemResult[]): void {
    const problem = results.find((result) => result.problem !== undefined)?.problem
    if (problem !== undefined) {
      this.#done.problems.push({ item: printable(bufferOf(item.key).toString()), reason: problem })
      return
    }
    this.#done.written++
    this.#done.bytes += item.size
    this.#onProgress(item.size, 1)
  }
}

function startersOf(point: Point, options: PointReaderOptions, settings: Connection['settings']) {
  const { vault, index } = point
  const { resourceType, threads = defaultThreads(), half = THREAD_HALVES[resourceType] } = options
  const { store, keys, chunkSizes } = vault
  const common = { resourceType, settings, chunkSizes, claims: [], tag: 'restore' }
  const { location } = store
  if (threads === 0 || location === undefined)
    return [inlineWorker(() => restoreSteps({ ...common, store, keys, index, half }))]
  const setup = { vaultId: keys.vaultId, vaultKey: keys.export(), index: index.memory, location }
  return Array.from({ length: threads }, () =>
    threadWorker({ ...common, ...setup, mode: 'restore' as const }),
  )
}
