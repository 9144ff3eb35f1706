import type { Schedule } from '../../plans/schedule.ts'

/** Missed runs that are told singly; older ones are only counted. */
const MAX_MISSED = 1_000

/** A schedule's runs from the one that is due until now: how many, and the last of them. */
export function runsUpTo(
  schedule: Schedule,
  dueAt: number,
  now: number,
): { readonly runs: readonly number[]; readonly count: number } {
  const runs: number[] = []
  let count = 0
  for (let at: number | undefined = dueAt; at !== undefined && at <= now; at = schedule.next(at)) {
    count++
    runs.push(at)
    if (runs.length > MAX_MISSED) runs.shift()
  }
  return { runs, count }
}
