import { stackOf } from '../lib/log.ts'
import type { JobTools } from './tools.ts'

/** What one that failed is called in the log. */
interface Failed {
  readonly message: string
  readonly facts: Readonly<Record<string, string>>
}

/** What a transaction did of what it was given. */
export interface Done {
  /** How many it took up, from the first on: at least one. */
  readonly count: number
  /** It put jobs into the queue. */
  readonly isQueued: boolean
}

/**
 * Works through all that is due, page by page to the last, a few in one transaction: where one of them fails, each in its own. What
 * fails so is logged, is due still and keeps nothing behind it waiting, however much of it there is: it may be another account's.
 *
 * @param page The next of them behind `after`, fewer than `limit` only at the end.
 * @param run Gets some of them in their order, and may leave the last of them to the next transaction. It does nothing beside its
 * transaction, which may be tried again.
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
      some: readonly T[],
    ) => Promise<Done>
    readonly failed: (one: T) => Failed
  },
): Promise<number> {
  const tryRun = async (some: readonly T[]): Promise<number> => {
    const { count, isQueued } = await store.transaction((tx) => run(tx, some))
    if (isQueued) store.wake()
    return count
  }
  let failures = 0
  const runEach = async (some: readonly T[]): Promise<number> => {
    for (const one of some) {
      try {
        await tryRun([one])
      } catch (error) {
        failures++
        const { message, facts } = failed(one)
        log.error(message, {
          ...facts,
          error: stackOf(error),
        })
      }
    }
    return some.length
  }
  let after: T | undefined
  for (;;) {
    const due = await page(PAGE, after)
    for (let at = 0; at < due.length;) {
      if (signal.aborted) return failures
      const some = due.slice(at, at + TOGETHER)
      at += await tryRun(some).catch(async () => await runEach(some))
    }
    if (due.length < PAGE) return failures
    after = due.at(-1)
  }
}

const PAGE = 100
/** Few, so that others who write wait for no longer than a moment. */
const TOGETHER = 25
