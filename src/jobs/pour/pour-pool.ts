import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { portsIn } from '../../blobs/open.ts'
import { closeLeft, descriptorMemory } from '../../lib/descriptors.ts'
import { ByteReader } from '../../vault/format/binary.ts'
import type { FinishedPack } from '../../vault/format/pack.ts'
import { fromCrossed } from '../thread-errors.ts'
import { decodeResult } from './pour-wire.ts'
import type { FromPort, FromThread, ItemResult, PourSetup, ThreadSetup, ToThread } from './pour-wire.ts'
import type { PourSteps } from './pour-steps.ts'

/** Somebody who takes messages and answers each task in order: a thread, or this one. */
export interface PourWorker {
  send(message: ToThread, transfer: readonly Uint8Array[]): void
  /** Ends it at once; resolves when it holds nothing any more. */
  stop(): Promise<void>
}

export type OnReply = (message: FromThread) => void
export type StartWorker = (onReply: OnReply) => PourWorker

/** Tasks a thread has at once: one under work, one to go on with. */
const TASKS_PER_THREAD = 2
/** Tasks waiting for a thread before whoever adds them must wait. */
const WAITING_TASKS = 2
/** Half of the old generation is also how much memory outside of it the collector bears before it collects everything. */
const THREAD_LIMITS = { maxYoungGenerationSizeMb: 4, maxOldGenerationSizeMb: 256 }

export function defaultThreads(): number {
  return Math.min(4, Math.max(2, availableParallelism()))
}

/** In a thread of its own. @param setup Made anew for each: ports in it go to the thread. */
export function threadWorker(setup: () => PourSetup): StartWorker {
  return (onReply) => {
    const descriptors = descriptorMemory()
    const workerData: ThreadSetup = { ...setup(), descriptors }
    const worker = new Worker(new URL('./pour-thread.ts', import.meta.url), {
      workerData,
      transferList: [workerData, workerData.source].flatMap((at) => (at ? portsIn(at.location) : [])),
      resourceLimits: THREAD_LIMITS,
    })
    worker.on('message', (message: FromPort) =>
      onReply(message.kind === 'failed' ? { ...message, error: fromCrossed(message.error) } : message),
    )
    worker.on('error', (error) => onReply({ kind: 'failed', error: error as Error }))
    worker.on('exit', (code) => {
      closeLeft(descriptors)
      if (code !== 0) onReply({ kind: 'failed', error: new Error(`A pour thread ended with code ${code}`) })
    })
    return {
      send: (message, transfer) =>
        worker.postMessage(
          message,
          transfer.map((bytes) => bytes.buffer as ArrayBuffer),
        ),
      stop: async () => void (await worker.terminate()),
    }
  }
}

/** For small jobs, and for stores that only this thread can reach. */
export function inlineWorker(start: (post: OnReply) => PourSteps): StartWorker {
  return (onReply) => {
    const later: OnReply = (message) => void setImmediate(onReply, message)
    const steps = start(later)
    return {
      send: (message) => {
        try {
          const reply = steps.step(message)
          if (reply instanceof Promise) reply.then(later, (error: Error) => later({ kind: 'failed', error }))
          else if (reply !== undefined) later(reply)
        } catch (error) {
          later({ kind: 'failed', error: error as Error })
        }
      },
      stop: async () => await Promise.resolve(steps.abort()),
    }
  }
}

interface Waiting {
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

interface Task {
  readonly message: ToThread
  readonly transfer: readonly Uint8Array[]
  readonly resolve: (results: ItemResult[]) => void
}

interface Thread {
  readonly worker: PourWorker
  /** Of tasks sent and not answered, oldest first. */
  readonly answers: ((results: ItemResult[]) => void)[]
  hasLane: boolean
  packs: readonly FinishedPack[] | undefined
}

/** One thread reserved for the runs of one stream at a time. */
export interface Lane {
  send(slab: Uint8Array, length: number): void
  /** Ends the run; its result. */
  finish(slab: Uint8Array, length: number): Promise<ItemResult>
}

/** Hands tasks to pour threads, the least busy first, and gives their results. Threads start with the first task. */
export class PourPool {
  readonly #start: readonly StartWorker[]
  readonly #onSlab: (slab: Uint8Array) => void
  readonly #onFailure: (error: Error) => void
  #threads: Thread[] = []
  /** Of threads that were told to end at once. */
  readonly #ends: Promise<void>[] = []
  readonly #queue: Task[] = []
  readonly #broadcasts: ToThread[] = []
  #waiting: Waiting[] = []
  #failure: Error | undefined

  constructor(
    start: readonly StartWorker[],
    on: { readonly slab: (slab: Uint8Array) => void; readonly failure: (error: Error) => void },
  ) {
    this.#start = start
    this.#onSlab = on.slab
    this.#onFailure = on.failure
  }

  /** Starts the threads before there is a task, so that they are ready when there is. */
  start(): void {
    this.#all()
  }

  /** True where whoever submits should wait. */
  get isFull(): boolean {
    return this.#queue.length >= WAITING_TASKS
  }

  /** Tasks sent or waiting, for how many chunks may yet be claimed. */
  get tasks(): number {
    return this.#threads.reduce((sum, { answers }) => sum + answers.length, this.#queue.length)
  }

  /** Every thread gets it before any later task, also threads that start later. */
  broadcast(message: ToThread): void {
    this.#broadcasts.push(message)
    for (const { worker } of this.#threads) worker.send(message, [])
  }

  /**
   * The results of a task's items, in order.
   * @param transfer What the threads take over.
   * @param to Number of the thread that must do it, however much it has to do; else the least busy one does.
   */
  submit(message: ToThread, transfer: readonly Uint8Array[], to?: number): Promise<ItemResult[]> {
    return new Promise((resolve) => {
      const thread = to === undefined ? undefined : this.#all()[to]
      if (thread !== undefined) {
        thread.answers.push(resolve)
        thread.worker.send(message, transfer)
        return
      }
      this.#queue.push({ message, transfer, resolve })
      this.#dispatch()
    })
  }

  get threads(): number {
    return this.#start.length
  }

  /** Resolves when `isReady` says so, asked after every answer. @throws What made the pool fail. */
  async until(isReady: () => boolean): Promise<void> {
    while (!isReady()) await this.#changed()
    if (this.#failure !== undefined) throw this.#failure
  }

  /** A thread for a stream's next run, as soon as one has none. */
  async lane(): Promise<Lane> {
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure
      const free = this.#all().filter((thread) => !thread.hasLane)
      const thread = free.toSorted((a, b) => a.answers.length - b.answers.length)[0]
      if (thread !== undefined) return this.#laneOn(thread)
      await this.#changed()
    }
  }

  /** Waits for all tasks, ends the threads. @returns Their packs. */
  async end(): Promise<FinishedPack[]> {
    const packs = await this.packs()
    await this.stop()
    return packs
  }

  /** Waits for all tasks and says to the threads that there are no more; `stop` waits for them. @returns Their packs. */
  async packs(): Promise<FinishedPack[]> {
    while (this.tasks > 0) await this.#changed()
    for (const { worker } of this.#threads) worker.send({ kind: 'end' }, [])
    while (this.#threads.some(({ packs }) => packs === undefined)) await this.#changed()
    return this.#threads.flatMap((thread) => thread.packs ?? [])
  }

  /** Ends all threads at once, and waits for their ends, also where somebody else asked for them before. */
  async stop(): Promise<void> {
    this.#failure ??= new Error('The pour has ended')
    this.#wake()
    this.#ends.push(...this.#threads.splice(0).map(({ worker }) => worker.stop()))
    await Promise.all(this.#ends)
  }

  #laneOn(thread: Thread): Lane {
    thread.hasLane = true
    const send = (slab: Uint8Array, length: number, isLast: boolean): void => {
      thread.worker.send({ kind: 'slab', slab, length, isLast }, [slab])
    }
    return {
      send: (slab, length) => send(slab, length, false),
      finish: (slab, length) =>
        new Promise((resolve) => {
          thread.answers.push((results) => resolve(results[0] as ItemResult))
          send(slab, length, true)
          thread.hasLane = false
          this.#wake()
        }),
    }
  }

  #dispatch(): void {
    while (this.#queue.length > 0) {
      const thread = this.#all().reduce((best, one) =>
        one.answers.length < best.answers.length ? one : best,
      )
      if (thread.answers.length >= TASKS_PER_THREAD) return
      const { message, transfer, resolve } = this.#queue.shift() as Task
      thread.answers.push(resolve)
      thread.worker.send(message, transfer)
    }
  }

  #all(): Thread[] {
    if (this.#threads.length === 0 && this.#failure === undefined) {
      this.#threads = this.#start.map((start) => this.#startThread(start))
    }
    return this.#threads
  }

  #startThread(start: StartWorker): Thread {
    const thread: Thread = {
      worker: start((message) => this.#reply(thread, message)),
      answers: [],
      hasLane: false,
      packs: undefined,
    }
    for (const message of this.#broadcasts) thread.worker.send(message, [])
    return thread
  }

  #reply(thread: Thread, message: FromThread): void {
    switch (message.kind) {
      case 'done': {
        const reader = new ByteReader(message.results)
        const results: ItemResult[] = []
        while (reader.left > 0) results.push(decodeResult(reader))
        thread.answers.shift()?.(results)
        if (this.#failure === undefined) this.#dispatch()
        break
      }
      case 'slab':
        this.#onSlab(message.slab)
        return
      case 'ended':
        thread.packs = message.packs
        break
      case 'failed':
        if (this.#failure === undefined) {
          this.#failure = message.error
          this.#onFailure(message.error)
        }
    }
    this.#wake()
  }

  #changed(): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    return new Promise((resolve, reject) => void this.#waiting.push({ resolve, reject }))
  }

  #wake(): void {
    for (const { resolve, reject } of this.#waiting.splice(0)) {
      if (this.#failure === undefined) resolve()
      else reject(this.#failure)
    }
  }
}
