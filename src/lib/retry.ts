import { setTimeout as sleep } from 'node:timers/promises'

export interface RetryOptions {
  /** Tries in all, the first included. */
  readonly attempts: number
  /** Milliseconds before the second try; doubles each time, with full jitter. */
  readonly minDelayMs: number
  readonly maxDelayMs: number
  /** Milliseconds from the first try after which no other begins. */
  readonly withinMs?: number
  readonly signal?: AbortSignal
  readonly isRetryable: (error: unknown) => boolean
}

/** Runs `action` until it succeeds, an error is not retryable, or the attempts are used up. */
export async function retry<T>(action: (attempt: number) => Promise<T>, options: RetryOptions): Promise<T> {
  const begunAt = performance.now()
  for (let attempt = 1; ; attempt++) {
    try {
      return await action(attempt)
    } catch (error) {
      if (attempt >= options.attempts || !options.isRetryable(error)) throw error
      const ceiling = Math.min(options.maxDelayMs, options.minDelayMs * 2 ** (attempt - 1))
      const delayMs = Math.random() * ceiling
      if (performance.now() + delayMs - begunAt > (options.withinMs ?? Infinity)) throw error
      await sleep(delayMs, undefined, options.signal ? { signal: options.signal } : {})
    }
  }
}
