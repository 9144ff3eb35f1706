import type { JobTools } from './tools.ts'

/** What one that failed is called in the log. */
interface Failed {
  readonly message: string
  readonly facts: Readonly<Record<string, string>>
}

/**
 * Works through all that is due, page by page to the last, each in a transaction of its own. What fails is logged, is due still and
 * keeps nothing behind it waiting, however much of it there is: it may be another account's.
 *
 * @param page The next of them behind `after`, fewer than `limit` only at the end.
 * @param run True where it put jobs into the queue.
 * @returns How many failed.
 */
export async function eachDue<T>(
  { store, log }: Pick<JobTools, 'store' | 'log'>,
  signal: AbortSignal,
  {
    page,
    run,
    failed,
  }: {
    readonly page: (limit: number, after: T | undefined) => Promise<readonly T[]>
    readonly run: (
      tx: Parameters<Parameters<JobTools['store']['transaction']>[0]>[0],
      one: T,
    ) => Promise<boolean>
    readonly failed: (one: T) => Failed
  },
): Promise<number> {
  let failures = 0
  let after: T | undefined
  for (;;) {
    const due = await page(PAGE, after)
    for (const one of due) {
      if (signal.aborted) return failures
      try {
        if (await store.transaction((tx) => run(tx, one))) store.wake()
      } catch (error) {
        failures++
        const { message, facts } = failed(one)
        log.error(message, {
          ...facts,
          error: error instanceof Error ? (error.stack ?? error.message) : String(error),
        })
      }
    }
    if (due.length < PAGE) return failures
    after = due.at(-1)
  }
}

const PAGE = 100
