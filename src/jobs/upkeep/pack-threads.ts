import { once } from 'node:events'
import type { Worker } from 'node:worker_threads'

/**
 * Threads that work through packs, each of which takes the next pack as soon as it is done with one. To a thread: one TaskMessage after
 * another, the last without a task. From it: one message for each, when it is done.
 */
export interface TaskMessage<Task> {
  readonly task: Task | undefined
}

export const THREAD_LIMITS = { maxYoungGenerationSizeMb: 4, maxOldGenerationSizeMb: 256 }

/**
 * Ends the threads in any case.
 * @returns What each thread answered last. @throws What a thread threw, as an Error without its class, or why it was stopped.
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
      const message: TaskMessage<Task> = { task: done ? undefined : (value as Task) }
      thread.postMessage(message)
      const [answer] = (await Promise.race([once(thread, 'message', { signal }), ended])) as [unknown]
      if (done) return answer as Last
      onReport(answer as Report)
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
