import { ItemError, WHOLE_ITEM_BYTES } from './driver.ts'
import type { BackupSink, Connection, Content, Item, ItemProblem, ParentCursor } from './driver.ts'
import type { PointReader, StoredItem, ThreadHalf, ThreadReader, ThreadWriter } from './driver.ts'

/**
 * A recovery point in memory: what the contract suite and drivers' own tests back up into and restore from. It checks what a
 * vault relies on (ascending keys, no adding while the pipeline is full) and behaves like one where it is allowed to: promises
 * now and then, small pages, big items read and written by two halves at once.
 */
interface Held {
  readonly item: Item
  readonly chunks: readonly Uint8Array[]
}

const CHUNK_BYTES = 256 * 1024
const ZEROS = new Uint8Array(CHUNK_BYTES)
const PAGE_ITEMS = 7

const nameOf = (key: Uint8Array): string => Buffer.from(key).toString('latin1')

export interface MemorySinkOptions {
  /** The kind's thread half, where the driver gives `range` content. */
  readonly thread?: ThreadHalf | undefined
  readonly parent?: MemoryPoint | undefined
  /** Called before each item is taken in, e.g. to change the source meanwhile. */
  readonly onAdd?: (item: Item, content: Content) => void
}

export class MemorySink implements BackupSink {
  readonly parent: ParentCursor | undefined
  readonly problems: ItemProblem[] = []
  /** Items whose bytes were read, and items taken over from the parent. */
  itemsRead = 0
  itemsReused = 0
  readonly #options: MemorySinkOptions
  readonly #held: Held[] = []
  #reader: ThreadReader | undefined
  #last: Uint8Array | undefined
  #isFull = false

  constructor(options: MemorySinkOptions = {}) {
    this.#options = options
    this.parent = options.parent && cursorOf(options.parent)
  }

  readWith(settings: Connection['settings']): void {
    if (this.#reader !== undefined) throw new Error('readWith() was called twice')
    this.#reader = this.#options.thread?.reader(settings)
  }

  addSame(seen: Item): boolean | Promise<void> {
    const found = this.#options.parent?.held.find(({ item }) => nameOf(item.key) === nameOf(seen.key))
    if (found === undefined) return false
    const { kind, size, meta } = found.item
    const begin = meta.subarray(0, seen.meta.length)
    if (kind !== seen.kind || size !== seen.size || Buffer.compare(begin, seen.meta) !== 0) return false
    return this.add(found.item, size > 0 ? { from: 'parent', item: stored(found) } : { from: 'none' }) ?? true
  }

  add(item: Item, content: Content): void | Promise<void> {
    if (this.#isFull) throw new Error('add() was called while the promise of the one before was open')
    if (this.#last !== undefined && Buffer.compare(this.#last, item.key) >= 0) {
      throw new Error(`Key "${nameOf(item.key)}" does not follow "${nameOf(this.#last)}"`)
    }
    if (item.kind < 1 || item.kind > 255 || item.meta.length === 0)
      throw new Error('Item without kind or version')
    this.#last = item.key
    this.#options.onAdd?.(item, content)
    if (content.from === 'none') this.#hold(item, [])
    if (content.from === 'parent') {
      this.itemsReused++
      this.#hold(item, (content.item.handle as Held).chunks)
    }
    if (content.from === 'range') this.#readRange(item, content.task)
    if (content.from === 'stream') return this.#wait(this.#readStream(item, content.open))
    if (this.#held.length % 5 === 0) return this.#wait(new Promise((resolve) => setImmediate(resolve)))
  }

  problem(problem: ItemProblem): void {
    this.problems.push(problem)
  }

  /** The recovery point as it stands; the sink takes nothing more. */
  point(): MemoryPoint {
    this.#reader?.end()
    this.#reader = undefined
    return new MemoryPoint([...this.#held], this.#options.thread)
  }

  async #wait(until: Promise<void>): Promise<void> {
    this.#isFull = true
    await until
    this.#isFull = false
  }

  #readRange(item: Item, task: Uint8Array): void {
    const reader = this.#reader
    if (reader === undefined)
      throw new Error('range content came before readWith(), or without a thread half')
    const chunks: Uint8Array[] = []
    let size = 0
    let closed: ReturnType<ThreadReader['close']>
    try {
      reader.open(task)
      for (let read = 1; size < item.size && read > 0; size += read) {
        const buffer = new Uint8Array(Math.min(CHUNK_BYTES, item.size - size))
        read = reader.readInto(buffer, 0, buffer.length, size)
        if (read > 0) chunks.push(compact(buffer.subarray(0, read)))
      }
      closed = reader.close()
    } catch (error) {
      if (!(error instanceof ItemError)) throw error
      this.problem({ item: nameOf(item.key), reason: error.message })
      return
    }
    const { problem, meta } = closed
    if (problem !== undefined) this.problem({ item: nameOf(item.key), reason: problem })
    this.itemsRead++
    this.#hold({ ...item, size, meta: meta ?? item.meta }, chunks)
  }

  async #readStream(item: Item, open: (signal: AbortSignal) => AsyncIterable<Uint8Array>): Promise<void> {
    const chunks: Uint8Array[] = []
    try {
      for await (const bytes of open(new AbortController().signal)) chunks.push(Uint8Array.from(bytes))
    } catch (error) {
      if (!(error instanceof ItemError)) throw error
      this.problem({ item: nameOf(item.key), reason: error.message })
      return
    }
    this.itemsRead++
    this.#hold({ ...item, size: chunks.reduce((sum, chunk) => sum + chunk.length, 0) }, chunks)
  }

  #hold(item: Item, chunks: readonly Uint8Array[]): void {
    this.#held.push({
      item: { ...item, key: Uint8Array.from(item.key), meta: Uint8Array.from(item.meta) },
      chunks,
    })
  }
}

/** Zeros are kept once, so that a sparse GiB costs nothing. */
function compact(bytes: Uint8Array): Uint8Array {
  return Buffer.compare(bytes, ZEROS.subarray(0, bytes.length)) === 0
    ? ZEROS.subarray(0, bytes.length)
    : bytes
}

function cursorOf(point: MemoryPoint): ParentCursor {
  const items = new Map(point.held.map((held) => [nameOf(held.item.key), stored(held)]))
  let last: Uint8Array | undefined
  let asked = 0
  return {
    itemCount: items.size,
    find(key) {
      if (last !== undefined && Buffer.compare(last, key) >= 0) throw new Error('Keys asked for must ascend')
      last = Uint8Array.from(key)
      const found = items.get(nameOf(key))
      return ++asked % 5 === 0 ? Promise.resolve(found) : found
    },
    marks: (every) => point.held.filter((_, i) => i > 0 && i % every === 0).map(({ item }) => item.key),
  }
}

const stored = (held: Held): StoredItem => ({ ...held.item, handle: held })

export class MemoryPoint implements PointReader {
  readonly held: readonly Held[]
  /** Printable keys of items whose bytes cannot be authenticated. */
  readonly damaged: Set<string> = new Set()
  readonly #thread: ThreadHalf | undefined

  constructor(held: readonly Held[], thread?: ThreadHalf) {
    this.held = held
    this.#thread = thread
  }

  /** A point of made-up items, for what no honest backup would hold. */
  static of(
    items: readonly { item: Omit<Item, 'size'>; bytes?: Uint8Array }[],
    thread?: ThreadHalf,
  ): MemoryPoint {
    const held = items.map(({ item, bytes = new Uint8Array() }) => ({
      item: { ...item, size: bytes.length },
      chunks: bytes.length > 0 ? [bytes] : [],
    }))
    return new MemoryPoint(held, thread)
  }

  get itemCount(): number {
    return this.held.length
  }

  get contentBytes(): number {
    return this.held.reduce((sum, { item }) => sum + item.size, 0)
  }

  async *items(
    options: { readonly prefixes?: readonly Uint8Array[] } = {},
  ): AsyncIterable<readonly StoredItem[]> {
    const prefixes = options.prefixes?.map(nameOf)
    const wanted = this.held.filter(
      ({ item }) => prefixes?.some((prefix) => nameOf(item.key).startsWith(prefix)) ?? true,
    )
    for (let at = 0; at < wanted.length; at += PAGE_ITEMS) {
      await Promise.resolve()
      yield wanted.slice(at, at + PAGE_ITEMS).map(stored)
    }
  }

  async *read(item: StoredItem, options: { readonly signal?: AbortSignal } = {}): AsyncIterable<Uint8Array> {
    for (const chunk of (item.handle as Held).chunks) {
      options.signal?.throwIfAborted()
      await Promise.resolve()
      yield chunk
      if (this.damaged.has(nameOf(item.key))) throw new Error(`Item "${nameOf(item.key)}" is damaged`)
    }
  }

  async pour(
    tasks: AsyncIterable<readonly { readonly item: StoredItem; readonly task: Uint8Array }[]>,
    options: { readonly writer: Connection['settings']; readonly signal: AbortSignal },
  ): Promise<{ written: number; bytes: number; problems: ItemProblem[] }> {
    const thread = this.#thread
    if (thread === undefined) throw new Error('pour() needs the kind’s thread half')
    const writers = [thread.writer(options.writer), thread.writer(options.writer)] as const
    try {
      return await this.#pourWith(writers, tasks, options.signal)
    } finally {
      for (const writer of writers) writer.end()
    }
  }

  async #pourWith(
    writers: readonly [ThreadWriter, ThreadWriter],
    tasks: AsyncIterable<readonly { readonly item: StoredItem; readonly task: Uint8Array }[]>,
    signal: AbortSignal,
  ): Promise<{ written: number; bytes: number; problems: ItemProblem[] }> {
    const done = { written: 0, bytes: 0, problems: [] as ItemProblem[] }
    for await (const page of tasks) {
      for (const { item, task } of page) {
        signal.throwIfAborted()
        try {
          this.#write(item, task, item.size > WHOLE_ITEM_BYTES ? writers : [writers[0]])
          done.written++
          done.bytes += item.size
        } catch (error) {
          if (!(error instanceof ItemError)) throw error
          done.problems.push({ item: nameOf(item.key), reason: error.message })
        }
      }
    }
    return done
  }

  #write(item: StoredItem, task: Uint8Array, writers: readonly ThreadWriter[]): void {
    if (this.damaged.has(nameOf(item.key))) throw new ItemError(`Item "${nameOf(item.key)}" is damaged`)
    for (const writer of writers) writer.open(task, item.size)
    let position = 0
    for (const chunk of (item.handle as Held).chunks) {
      const writer = writers[Math.floor(position / CHUNK_BYTES) % writers.length] as ThreadWriter
      writer.write(chunk, 0, chunk.length, position)
      position += chunk.length
    }
    for (const writer of writers) writer.close()
  }
}
