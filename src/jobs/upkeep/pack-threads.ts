import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { MessagePort, WorkerOptions } from 'node:worker_threads'
import { fromCrossed, toCrossed } from '../thread-errors.ts'
import type { CrossedError } from '../thread-errors.ts'

/**
 * Threads that work through packs, each of which takes the next pack as soon as it is done with one. To a thread: one TaskMessage after
 * another, the last without a task. From it: one DoneMessage for each.
 */
interface TaskMessage<Task> {
  readonly task: Task | undefined
}

type DoneMessage = { readonly answer: unknown } | { readonly failed: CrossedError }

/** What a thread does: `work` for one task after another, and without one at last. */
export function workOn<Task>(port: MessagePort, work: (task: Task | undefined) => unknown): void {
  const answer = async ({ task }: TaskMessage<Task>): Promise<DoneMessage> => {
    try {
      return { answer: await work(task) }
    } catch (error) {
      return { failed: toCrossed(error) }
    }
  }
  port.on('message', (message: TaskMessage<Task>) => {
    void answer(message).then((done) => port.postMessage(done))
  })
}

const THREAD_LIMITS = { maxYoungGenerationSizeMb: 4, maxOldGenerationSizeMb: 256 }

export interface PackThread {
  readonly worker: Worker
  /** Rejects when the thread ends, as it must not by itself. */
  readonly ended: Promise<never>
}

export function startPackThread(script: URL, options: WorkerOptions = {}): PackThread {
  const worker = new Worker(script, { ...options, resourceLimits: THREAD_LIMITS })
  return { worker, ended: endOf(worker) }
}

/**
 * Ends the threads in any case: at once where all went well, when they hold nothing any more; else it waits for that.
 * @returns What each thread answered last. @throws What a thread threw, or why it was stopped.
 */
export async function workInThreads<Task, Report, Last>(
  threads: readonly PackThread[],
  tasks: Iterable<Task>,
  onReport: (report: Report) => void,
  signal: AbortSignal | undefined,
): Promise<Last[]> {
  const left = tasks[Symbol.iterator]()
  const work = async ({ worker, ended }: PackThread): Promise<Last> => {
    for (;;) {
      const { done = false, value } = left.next()
      const next: TaskMessage<Task> = { task: done ? undefined : (value as Task) }
      worker.postMessage(next)
      const [message] = (await Promise.race([once(worker, 'message', { signal }), ended])) as [DoneMessage]
      if ('failed' in message) throw fromCrossed(message.failed)
      if (done) return message.answer as Last
      onReport(message.answer as Report)
    }
  }
  try {
    const answers = await Promise.all(threads.map(work))
    void endThreads(threads)
    return answers
  } catch (error) {
    await endThreads(threads)
    signal?.throwIfAborted()
    throw error
  }
}

export async function endThreads(threads: readonly PackThread[]): Promise<void> {
  await Promise.all(threads.map(({ worker }) => worker.terminate()))
}

function endOf(thread: Worker): Promise<never> {
  const ended = new Promise<never>((_, reject) => {
    thread.once('error', reject)
    thread.once('exit', (code) => reject(new Error(`A thread for packs ended with code ${code}`)))
  })
  ended.catch(() => undefined)
  return ended
}
