/**
 * Who waits for work within this process. A wake that finds nobody waiting is kept for the next who does, so that none falls
 * between a worker's look at the queue and its wait.
 */
export class Wakes {
  #waiters = new Set<() => void>()
  #isPending = false

  wake(): void {
    this.#isPending = this.#waiters.size === 0
    for (const resolve of this.#waiters) resolve()
  }

  async wait(signal: AbortSignal, maxMs: number): Promise<void> {
    if (this.#isPending || signal.aborted) {
      this.#isPending = false
      return
    }
    const { promise, resolve } = Promise.withResolvers<void>()
    const stop = (): void => resolve()
    const timer = setTimeout(stop, maxMs)
    signal.addEventListener('abort', stop)
    this.#waiters.add(stop)
    try {
      await promise
    } finally {
      this.#waiters.delete(stop)
      clearTimeout(timer)
      signal.removeEventListener('abort', stop)
    }
  }
}
