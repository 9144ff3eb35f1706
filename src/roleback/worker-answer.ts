import { setTimeout as sleep } from 'node:timers/promises'
import { InvalidRequestException } from '../aws/generated/roleback.ts'
import type { Context } from '../context.ts'
import { isFinished } from '../store/jobs/job-states.ts'
import { findJob, insertJob, jobBasics, requestCancel } from '../store/jobs/jobs.ts'
import type { NewJob } from '../store/jobs/jobs.ts'
import type { JobKind } from '../store/schema.ts'

const LOOK_EVERY_MS = 50

/** What only workers can do, since only they reach resources. */
export interface WorkerQuestion {
  readonly kind: JobKind
  readonly about: Omit<
    Partial<NewJob>,
    'account_id' | 'region' | 'job_id' | 'kind' | 'created_at' | 'caller_arn'
  >
  /** How long somebody waits for the answer, in milliseconds. */
  readonly patienceMs: number
  /** Begins the sentences: what does not work, and what was not done. */
  readonly failed: string
  readonly late: string
}

/**
 * Puts a short job into the queue and waits for its result.
 *
 * @throws {InvalidRequestException} With what the source answered, or that nobody did in time.
 */
export async function askWorker(ctx: Context, question: WorkerQuestion): Promise<unknown> {
  const { kind, about, patienceMs, failed, late } = question
  const { row } = await insertJob(ctx.store.db, { ...jobBasics(ctx, kind), ...about })
  ctx.store.wake()
  for (let waited = 0; waited < patienceMs; waited += LOOK_EVERY_MS) {
    await sleep(LOOK_EVERY_MS)
    const job = await findJob(ctx.store.db, ctx.accountId, row.job_id)
    if (job === undefined || !isFinished(job.state)) continue
    if (job.state === 'COMPLETED') return JSON.parse(job.result)
    throw new InvalidRequestException(`${failed}: ${job.status_message ?? job.state}`, {
      Context: about.resource_arn ?? undefined,
    })
  }
  const message = 'Nobody waits for the answer any more'
  await requestCancel(ctx.store.db, row, { now: ctx.clock.now(), message })
  throw new InvalidRequestException(
    `${late} within ${patienceMs / 1000} s: no worker took it up, or the source does not answer`,
  )
}
