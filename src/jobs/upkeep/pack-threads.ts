import { once } from 'node:events'
import type { MessagePort, Worker } from 'node:worker_threads'
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

export const THREAD_LIMITS = { maxYoungGenerationSizeMb: 4, maxOldGenerationSizeMb: 256 }

/**
 * Ends the threads in any case.
 * @returns What each thread answered last. @throws What a thread threw, or why it was stopped.
 */
export async function workInThreads<Task, Report, Last>(
  threads: readonly Worker[],
  tasks: Iterable<Task>,
  onReport: (report: Report) => void,
  signal: AbortSignal | undefined,
): Promise<Last[]> {
  const left = tasks[Symbol.iterator]()
  const work = async (thread: Worker): Promise<Last> => {
    const ended = endOf(thread)
    for (;;) {
      const { done = false, value } = left.next()
      const next: TaskMessage<Task> = { task: done ? undefined : (value as Task) }
      thread.postMessage(next)
      const [message] = (await Promise.race([once(thread, 'message', { signal }), ended])) as [DoneMessage]
      if ('failed' in message) throw fromCrossed(message.failed)
      if (done) return message.answer as Last
      onReport(message.answer as Report)
    }
  }
  try {
    return await Promise.all(threads.map(work))
  } catch (error) {
    signal?.throwIfAborted()
    throw error
  } finally {
    await Promise.all(threads.map((thread) => thread.terminate()))
  }
}

/** Rejects when the thread ends, as it must not by itself. */
function endOf(thread: Worker): Promise<never> {
  const ended = new Promise<never>((_, reject) => {
    thread.once('error', reject)
    thread.once('exit', (code) => reject(new Error(`A thread for packs ended with code ${code}`)))
  })
  ended.catch(() => undefined)
  return ended
}
