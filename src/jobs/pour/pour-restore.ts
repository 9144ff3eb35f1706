import type { Connection, ItemProblem, PointReader, StoredItem, ThreadHalf } from '../../drivers/driver.ts'
import type { ResourceType } from '../../kinds/kind.ts'
import { printable } from '../../lib/log.ts'
import { ByteWriter, bufferOf } from '../../vault/format/binary.ts'
import { ChunkMissingError, VaultDamageError } from '../../vault/errors.ts'
import { ID_BYTES } from '../../vault/keys.ts'
import type { Point } from '../../vault/read/point.ts'
import type { Vault } from '../../vault/vault.ts'
import { THREAD_HALVES } from './pour-halves.ts'
import { PourPool, defaultThreads, inlineWorker, threadWorker } from './pour-pool.ts'
import { restoreSteps } from './pour-steps.ts'
import type { TakeBytes } from './pour-stream.ts'
import { encodeWrite, leftOut } from './pour-wire.ts'
import type { ItemResult } from './pour-wire.ts'
import { RestoreRoutes } from '../restore-routes.ts'

export interface PointReaderOptions {
  readonly vault: Vault
  readonly pointId: string
  readonly resourceType: ResourceType
  readonly signal: AbortSignal
  /** Bytes and items written by `pour` since the last call. */
  readonly onProgress: (bytes: number, items: number) => void
  /** Asked for the bytes that a driver reads to send them elsewhere. */
  readonly take?: TakeBytes | undefined
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

type Orders = AsyncIterable<readonly WriteOrder[]>

interface PourDone {
  written: number
  bytes: number
  readonly problems: ItemProblem[]
}

const BATCH_BYTES = 4 * 1024 * 1024
/** What an item costs beside its bytes: opening and closing. */
const ITEM_BYTES = 16 * 1024
/** While every thread has so much to do, no more is given out. */
const AHEAD_BYTES = 12 * 1024 * 1024
/** A larger item is written in ranges of about this size by several threads at once. */
const RANGE_BYTES = 32 * 1024 * 1024

/** Up to so much is not worth starting threads for, and holds nobody else up for long. */
const SMALL_BYTES = 4 * 1024 * 1024

/** What one thread will be given next. */
interface Batch {
  readonly tasks: ByteWriter
  items: StoredItem[]
  bytes: number
}

/** Opens a recovery point for a driver's restore. Close it afterwards. */
export async function openPointReader(options: PointReaderOptions): Promise<OpenPointReader> {
  const point = await options.vault.openPoint(options.pointId)
  return {
    itemCount: point.itemCount,
    contentBytes: point.contentBytes,
    items: (filter) => point.items(filter),
    read: (item, readOptions) => takenFrom(point.read(item, readOptions), options),
    pour: async (tasks, { writer, signal }) => {
      const { isSmall, orders } = await lookAhead(tasks)
      const pour = new RestorePour(point, options, writer, isSmall)
      return await pour.run(orders, AbortSignal.any([options.signal, signal]))
    },
    close: () => point.close(),
  }
}

async function* takenFrom(
  content: AsyncIterable<Uint8Array>,
  { take, signal }: PointReaderOptions,
): AsyncGenerator<Uint8Array> {
  for await (const bytes of content) {
    await take?.(bytes.length, signal)
    yield bytes
  }
}

/** Whether there is little to do in all, and the same orders again. */
async function lookAhead(
  tasks: Orders,
): Promise<{ readonly isSmall: boolean; readonly orders: Orders | readonly (readonly WriteOrder[])[] }> {
  const rest = tasks[Symbol.asyncIterator]()
  const first: (readonly WriteOrder[])[] = []
  for (let bytes = 0; bytes <= SMALL_BYTES;) {
    const next = await rest.next()
    if (next.done === true) return { isSmall: true, orders: first }
    first.push(next.value)
    for (const { item } of next.value) bytes += item.size + ITEM_BYTES
  }
  return { isSmall: false, orders: followed(first, rest) }
}

async function* followed(
  first: readonly (readonly WriteOrder[])[],
  rest: AsyncIterator<readonly WriteOrder[]>,
): Orders {
  try {
    yield* first
    yield* { [Symbol.asyncIterator]: () => rest }
  } finally {
    await rest.return?.()
  }
}

interface Range {
  readonly position: number
  readonly bytes: number
  readonly ids: Buffer
}

/** Hands items to pour threads in batches, each item to the thread that has its segment open. */
class RestorePour {
  readonly #point: Point
  readonly #onProgress: (bytes: number, items: number) => void
  readonly #pool: PourPool
  readonly #routes: RestoreRoutes
  readonly #batches: readonly Batch[]
  readonly #done: PourDone = { written: 0, bytes: 0, problems: [] }
  #failure: Error | undefined

  constructor(point: Point, options: PointReaderOptions, settings: Connection['settings'], isSmall: boolean) {
    this.#point = point
    this.#onProgress = options.onProgress
    this.#pool = new PourPool(startersOf(point, options, settings, isSmall), {
      slab: () => undefined,
      failure: (error) => (this.#failure ??= error),
    })
    const { threads } = this.#pool
    this.#routes = new RestoreRoutes(threads)
    this.#batches = Array.from({ length: threads }, () => ({
      tasks: new ByteWriter(64 * 1024),
      items: [],
      bytes: 0,
    }))
  }

  async run(tasks: Orders | readonly (readonly WriteOrder[])[], signal: AbortSignal): Promise<PourDone> {
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
        if (this.#isAhead()) {
          // A thread may be waiting for what has not been sent yet.
          this.#sendAll()
          await this.#pool.until(() => !this.#isAhead())
        }
      }
      this.#sendAll()
      await this.#pool.end()
      return this.#done
    } catch (error) {
      await this.#pool.stop()
      throw this.#failure ?? error
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  #isAhead(): boolean {
    return this.#routes.leastWaiting > AHEAD_BYTES
  }

  #add({ item, task }: WriteOrder): void {
    const ids = this.#idsOf(item)
    if (ids === undefined) return
    if (item.size > RANGE_BYTES) return this.#sendRanges(item, task, ids)
    const bytes = item.size + ITEM_BYTES
    const thread = this.#route(ids, bytes)
    const batch = this.#batches[thread] as Batch
    encodeWrite(batch.tasks, { task, size: item.size, position: 0, ids })
    batch.items.push(item)
    batch.bytes += bytes
    if (batch.bytes >= BATCH_BYTES) this.#send(thread)
  }

  #route(ids: Buffer, bytes: number): number {
    const { index } = this.#point
    const segmentAt = (at: number): number | undefined => index.segmentOf(ids, at)
    if (ids.length === 0) return this.#routes.route(undefined, undefined, bytes)
    const first = segmentAt(0)
    const last = ids.length === ID_BYTES ? first : segmentAt(ids.length - ID_BYTES)
    return this.#routes.route(first, last, bytes)
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

  #sendAll(): void {
    for (const thread of this.#batches.keys()) this.#send(thread)
  }

  #send(thread: number): void {
    const batch = this.#batches[thread] as Batch
    const { items, bytes } = batch
    if (items.length === 0) return
    batch.items = []
    batch.bytes = 0
    const tasks = batch.tasks.take()
    void this.#pool.submit({ kind: 'write', tasks }, [tasks], thread).then((results) => {
      this.#routes.done(thread, bytes)
      for (const [i, item] of items.entries()) this.#count(item, [results[i] as ItemResult])
    })
  }

  #sendRanges(item: StoredItem, task: Uint8Array, ids: Buffer): void {
    const results: ItemResult[] = []
    const ranges = this.#rangesOf(ids)
    let left = ranges.length
    for (const [i, range] of ranges.entries()) {
      const thread = this.#route(range.ids, range.bytes)
      const out = new ByteWriter(range.ids.length + task.length + 64)
      encodeWrite(out, { task, size: item.size, position: range.position, ids: range.ids })
      const tasks = out.take()
      void this.#pool.submit({ kind: 'write', tasks }, [tasks], thread).then(([result]) => {
        this.#routes.done(thread, range.bytes)
        results[i] = result as ItemResult
        if (--left === 0) this.#count(item, results)
      })
    }
  }

  /** Stretches of whole chunks, each of about RANGE_BYTES. */
  #rangesOf(ids: Buffer): Range[] {
    const ranges: Range[] = []
    let from = 0
    let position = 0
    let bytes = 0
    for (let at = 0; at < ids.length; at += ID_BYTES) {
      bytes += this.#point.index.lengthOf(ids, at) ?? 0
      if (bytes < RANGE_BYTES && at + ID_BYTES < ids.length) continue
      ranges.push({ position, bytes, ids: ids.subarray(from, at + ID_BYTES) })
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

function startersOf(
  point: Point,
  options: PointReaderOptions,
  settings: Connection['settings'],
  isSmall: boolean,
) {
  const { vault, index } = point
  const { resourceType, half = THREAD_HALVES[resourceType] } = options
  const { store, keys, chunkSizes } = vault
  const threads = options.threads ?? (isSmall && store.isLocal ? 0 : defaultThreads())
  const common = { resourceType, settings, chunkSizes, claims: [], tag: 'restore' }
  const { locate } = store
  if (threads === 0 || locate === undefined)
    return [inlineWorker(() => restoreSteps({ ...common, store, keys, index, half }, isSmall))]
  const setup = { vaultId: keys.vaultId, vaultKey: keys.export(), index: index.memory }
  return Array.from({ length: threads }, () =>
    threadWorker(() => ({ ...common, ...setup, location: locate(), mode: 'restore' as const })),
  )
}
