import { AsyncLocalStorage } from 'node:async_hooks'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { BlobNotFoundError } from '../../src/blobs/blob-store.ts'
import type {
  BlobAppender,
  BlobFeatures,
  BlobInfo,
  BlobReader,
  BlobStore,
} from '../../src/blobs/blob-store.ts'
import { MemoryBlobStore } from '../../src/blobs/memory.ts'

/**
 * Processes and what they do at once, simulated in one thread: every task stops before and behind each operation on a store, until
 * it is told to go on. What a dead process does changes nothing any more.
 */

/** Ends what a process was doing; nothing may catch it and go on. */
export class SimulatedCrash extends Error {
  override name = 'SimulatedCrash'
}

export class SimulatedProcess {
  isDead = false
  /** The name of the crash point where it ends, once it has been passed so often. */
  endsAt: { readonly name: string; left: number } | undefined

  assertAlive(): void {
    if (this.isDead) throw new SimulatedCrash('the process is dead')
  }
}

/** More turns of the loop than any stretch between two operations takes. */
const MAX_TURNS = 400

/** One thing that a process does, going on only as long as it was told to. */
export class Task {
  static readonly current: AsyncLocalStorage<Task> = new AsyncLocalStorage()
  readonly name: string
  readonly process: SimulatedProcess
  /** The store has given its job to another, or will. */
  hasLease = true
  state: 'running' | 'stopped' | 'done' | 'failed' = 'running'
  error: unknown
  #stepsLeft = 0
  #goOn: (() => void)[] = []

  constructor(name: string, process: SimulatedProcess) {
    this.name = name
    this.process = process
  }

  start(work: () => Promise<void>): void {
    Task.current
      .run(this, work)
      .then(
        () => (this.state = 'done'),
        (error: unknown) => {
          this.error = error
          this.state = 'failed'
        },
      )
      .catch(() => undefined)
  }

  /** Before and behind each operation. */
  async turn(): Promise<void> {
    this.process.assertAlive()
    if (--this.#stepsLeft < 0) {
      await new Promise<void>((resolve) => {
        this.#goOn.push(resolve)
        this.state = 'stopped'
      })
    }
    this.process.assertAlive()
  }

  /** Lets it do so many operations; resolves once it has stopped, ended, or waits for another task of its process. */
  async go(steps: number): Promise<void> {
    this.#stepsLeft = steps
    if (this.state === 'stopped') this.state = 'running'
    for (const resolve of this.#goOn.splice(0)) resolve()
    for (let turns = 0; this.state === 'running' && turns < MAX_TURNS; turns++) await nextTurn()
  }
}

async function turn(): Promise<void> {
  await Task.current.getStore()?.turn()
}

/** What lies in a simulated store, and what is being written to it. */
export class SimulatedStorage {
  readonly blobs: MemoryBlobStore = new MemoryBlobStore()
  readonly unfinished: Set<{ readonly tag: string; readonly process: SimulatedProcess }> = new Set()
  /** Counts changes. */
  changes = 0
}

/** A store as one process sees it. */
export class SimulatedStore implements BlobStore {
  readonly locate = undefined
  readonly isLocal = true
  readonly #storage: SimulatedStorage
  readonly #process: SimulatedProcess

  constructor(storage: SimulatedStorage, process: SimulatedProcess) {
    this.#storage = storage
    this.#process = process
  }

  async *list(prefix: string): AsyncIterable<readonly BlobInfo[]> {
    for await (const page of this.#storage.blobs.list(prefix)) {
      await turn()
      yield page
    }
  }

  async *names(prefix: string): AsyncIterable<readonly string[]> {
    for await (const page of this.list(prefix)) yield page.map(({ name }) => name)
  }

  async stat(name: string): Promise<BlobInfo | undefined> {
    await turn()
    return await this.#storage.blobs.stat(name)
  }

  async get(name: string, maxBytes?: number): Promise<Buffer> {
    await turn()
    return await this.#storage.blobs.get(name, maxBytes)
  }

  async put(name: string, bytes: Uint8Array): Promise<void> {
    await this.#change(async () => await this.#storage.blobs.put(name, bytes))
  }

  open(name: string): BlobReader {
    this.#process.assertAlive()
    if (!this.#storage.blobs.blobs.has(name)) throw new BlobNotFoundError(name)
    return this.#storage.blobs.open(name)
  }

  append(tag: string): BlobAppender {
    this.#process.assertAlive()
    const { unfinished, blobs } = this.#storage
    const inner = blobs.append(tag)
    const draft = { tag, process: this.#process }
    unfinished.add(draft)
    return {
      append: (bytes) => {
        this.#process.assertAlive()
        inner.append(bytes)
      },
      finish: async (name) => {
        await this.#change(async () => {
          // A sweep removed it: its writer's lease was over.
          if (!unfinished.delete(draft)) throw new BlobNotFoundError(`tmp/${tag}`)
          await inner.finish(name)
        })
      },
      abort: () => {
        if (this.#process.isDead) return
        unfinished.delete(draft)
        inner.abort()
      },
    }
  }

  async delete(name: string): Promise<boolean> {
    let isDeleted = false
    await this.#change(async () => void (isDeleted = await this.#storage.blobs.delete(name)))
    return isDeleted
  }

  async removeUnfinished(isStale: (tag: string, changedAt: number) => boolean): Promise<number> {
    await turn()
    // A day has gone by since a dead process wrote on it.
    const stale = [...this.#storage.unfinished].filter(({ tag, process }) =>
      isStale(tag, process.isDead ? -Infinity : Infinity),
    )
    for (const draft of stale) this.#storage.unfinished.delete(draft)
    return stale.length
  }

  async keepReserve(): Promise<void> {}

  async releaseReserve(): Promise<void> {}

  async removeAll(): Promise<void> {
    await this.#change(async () => await this.#storage.blobs.removeAll())
  }

  features(): Promise<BlobFeatures> {
    return this.#storage.blobs.features()
  }

  extendRetention(name: string): Promise<void> {
    return this.#storage.blobs.extendRetention(name)
  }

  retainedUntil(): Promise<undefined> {
    return this.#storage.blobs.retainedUntil()
  }

  close(): void {}

  /** It may end before the change, or behind it without hearing of it. */
  async #change(change: () => Promise<void>): Promise<void> {
    await turn()
    await change()
    this.#storage.changes++
    await turn()
  }
}
