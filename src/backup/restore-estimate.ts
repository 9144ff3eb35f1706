import type { LatestRestore } from '../store/jobs/jobs.ts'
import type { JobTable } from '../store/schema.ts'

const MINUTE = 60_000

/**
 * AWS's ExpectedCompletionTimeMinutes, 1 or more: how long a restore that has not ended takes from its start to its end, by what it has restored
 * until now; before there is anything, as long as the last one of the same resource took. Undefined where nothing is known.
 */
export function expectedMinutes(
  job: Pick<JobTable, 'started_at' | 'completed_at' | 'bytes_total' | 'bytes_done'>,
  now: number,
  latest: LatestRestore | undefined,
): number | undefined {
  if (job.completed_at !== null) return undefined
  const { started_at: startedAt, bytes_total: total, bytes_done: done } = job
  if (startedAt !== null && total !== null && done > 0)
    return minutes((now - startedAt) * Math.max(1, total / done))
  return latest && minutes(latest.completedAt - latest.startedAt)
}

const minutes = (ms: number): number => Math.max(1, Math.ceil(ms / MINUTE))
