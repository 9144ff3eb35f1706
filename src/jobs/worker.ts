import { StoreFullError } from '../blobs/blob-store.ts'
import { EncryptionKeyError } from '../keyring/encryption-keys.ts'
import type { Clock } from '../lib/clock.ts'
import { stackOf } from '../lib/log.ts'
import { finishJob, heartbeat, LeaseLostError, putBack } from '../store/jobs/claims.ts'
import { claimJob, nextDueAt } from '../store/jobs/next-job.ts'
import type { JobEnd } from '../store/jobs/claims.ts'
import type { JobKind, JobTable } from '../store/schema.ts'
import {
  AccessDeniedError,
  JobFailedError,
  JobRefusedError,
  JobStoppedError,
  RetryLaterError,
} from './errors.ts'
import type { JobOutcome, JobRunner, JobTools, RunningJob } from './tools.ts'
import { isTransient } from './transient.ts'
import { behindRoom } from './upkeep/sweep-queue.ts'

/**
 * Claims jobs that are due and runs them, a few at a time. A job's lease is renewed three times in its length; who loses it stops
 * and writes nothing more. Every job ends in a state of its table with a message that says why, or goes back to the queue.
 */

/** A look at the queue at least so often, in milliseconds, should a wake get lost. */
const MAX_SLEEP_MS = 5_000
/** The same where what is due waits for another job, in milliseconds. */
const BLOCKED_SLEEP_MS = 250
/** A job tells of its progress, and hears of a cancel, at least so often, in milliseconds. */
const MAX_BEAT_MS = 1_000
/** Between two tries of a job whose source is down, in milliseconds. */
const MIN_RETRY_MS = 15_000
const MAX_RETRY_MS = 600_000
/** Who asked to be run later so often is run later still each time, up to this, in milliseconds. */
const SOON_TRIES = 20
const MAX_LATER_MS = 60_000
/**
 * What carries out what was decided before, and nobody asks for again: tried until it succeeds or must not be done. A storage that is
 * away for an hour would leave a recovery point on its way out, or a hold that ended sealed in it, for ever.
 */
const UNTIL_DONE: readonly JobKind[] = ['delete-point', 'amend-point', 'delete-vault']
/** Between two tries of what was decided for a vault whose encryption key is away, in milliseconds: a look costs next to nothing. */
const KEY_AWAY_MS = 5_000
const WAIT_FOR_KEY: ReadonlySet<JobKind> = new Set([
  ...UNTIL_DONE,
  'create-vault',
  'rotate-key',
  'seal-vault',
])
/** Copies are tried again for so long from their first try, as AWS's, in milliseconds. */
const COPY_RETRY_MS = 7_200_000

export interface WorkerOptions {
  readonly tools: JobTools
  /** The kinds of jobs this worker takes, and what they do. */
  readonly runners: Readonly<Partial<Record<JobKind, JobRunner>>>
  /** Names this process among all; the lease is held in this name. */
  readonly owner: string
  readonly leaseMs: number
  /** One more runs beside so many where it is of an account that has none among them. */
  readonly concurrentJobs: number
}

interface Running {
  readonly controller: AbortController
  readonly accountId: string
}

/**
 * Takes jobs from the queue and runs them, so many at a time, until it is stopped. A job is its own as long as its lease, which it renews; who lost
 * one can write nothing more of it (docs/adr/0005).
 */
export class Worker {
  readonly #options: WorkerOptions
  readonly #kinds: readonly JobKind[]
  readonly #stop = new AbortController()
  readonly #running = new Map<Promise<void>, Running>()
  /** Accounts whose jobs were taken, longest ago first. */
  #turns: readonly string[] = []
  #loop: Promise<void> | undefined

  constructor(options: WorkerOptions) {
    this.#options = options
    this.#kinds = Object.keys(options.runners) as JobKind[]
  }

  start(): void {
    this.#loop ??= this.#run()
  }

  /** Takes no more jobs and puts those under way back into the queue. */
  async stop(): Promise<void> {
    this.#stop.abort()
    for (const { controller } of this.#running.values()) controller.abort(new ShutdownError())
    await this.#loop
    await Promise.all(this.#running.keys())
  }

  async #run(): Promise<void> {
    const { store, log } = this.#options.tools
    while (!this.#stop.signal.aborted) {
      try {
        const isBusy = this.#running.size >= this.#options.concurrentJobs
        const isFull = this.#running.size > this.#options.concurrentJobs
        if (!isFull && (await this.#claimOne(isBusy))) continue
        await store.waitForWake(this.#stop.signal, await this.#sleepMs(isBusy))
      } catch (error) {
        log.error('the worker could not look at the queue', { error: messageOf(error) })
        await store.waitForWake(this.#stop.signal, MAX_SLEEP_MS)
      }
    }
  }

  async #sleepMs(isBusy: boolean): Promise<number> {
    if (isBusy) return MAX_SLEEP_MS
    const due = await nextDueAt(this.#options.tools.store.db, this.#kinds)
    if (due === undefined) return MAX_SLEEP_MS
    const inMs = due - this.#options.tools.clock.now()
    // What is due and was not claimed waits for another job, whose end wakes.
    return Math.min(MAX_SLEEP_MS, inMs <= 0 ? BLOCKED_SLEEP_MS : Math.max(20, inMs))
  }

  /** @param isBusy All slots are taken: only who has none of them gets the one beyond, whatever hangs in the others. */
  async #claimOne(isBusy: boolean): Promise<boolean> {
    const { tools, owner, leaseMs } = this.#options
    const row = await claimJob(tools.store, {
      kinds: this.#kinds,
      owner,
      now: tools.clock.now(),
      leaseMs,
      turns: this.#turns,
      notOf: isBusy ? [...this.#running.values()].map(({ accountId }) => accountId) : [],
    })
    if (row === undefined) return false
    this.#turns = [...this.#turns.filter((other) => other !== row.account_id), row.account_id]
    const controller = new AbortController()
    // Claimed while stop() was called: it goes straight back.
    if (this.#stop.signal.aborted) controller.abort(new ShutdownError())
    const done = this.#runJob(row, controller).finally(() => {
      this.#running.delete(done)
      tools.store.wake()
    })
    this.#running.set(done, { controller, accountId: row.account_id })
    return true
  }

  async #runJob(row: JobTable, controller: AbortController): Promise<void> {
    const { tools, leaseMs, runners } = this.#options
    const job = runningJob(tools, row, controller, leaseMs)
    const stopBeating = startHeartbeat(job, leaseMs)
    try {
      const outcome = await (runners[row.kind] as JobRunner)(tools, job)
      stopBeating()
      if (outcome.isFinished !== true) await this.#finish(job, endOf(outcome))
      tools.log.info('job ended', {
        job: row.job_id,
        kind: row.kind,
        state: outcome.state,
        reason: outcome.message || undefined,
      })
    } catch (thrown) {
      stopBeating()
      // What ended the job counts, not what came of it in its midst; a JobStoppedError may say more than the one it began as.
      const isOwn = !controller.signal.aborted || thrown instanceof JobStoppedError
      await this.#fail(job, isOwn ? thrown : (controller.signal.reason as unknown))
    }
  }

  /** Why a job is not put back: somebody asked it to stop. @throws {LeaseLostError} */
  async #stopOf({ claim }: RunningJob): Promise<JobStoppedError> {
    const { tools, leaseMs } = this.#options
    const { stop = '' } = await heartbeat(tools.store.db, claim, { now: tools.clock.now(), leaseMs })
    return new JobStoppedError('ABORTED', stop)
  }

  async #finish(job: RunningJob, end: Omit<JobEnd, 'now'>): Promise<void> {
    const { store, clock } = this.#options.tools
    await finishJob(store.db, job.claim, { ...end, now: clock.now(), progress: job.progress })
  }

  /** Ends a job that threw, or puts it back into the queue where another try may help. */
  async #fail(job: RunningJob, thrown: unknown): Promise<void> {
    const { tools } = this.#options
    const { row } = job
    if (thrown instanceof LeaseLostError) {
      tools.log.warn('job is another worker’s now', { job: row.job_id, reason: thrown.message })
      return
    }
    try {
      const error = await behindRoom(tools, row, thrown)
      const again = retryOf(error, row, tools.clock)
      if (again !== undefined && (await putBack(tools.store.db, job.claim, again))) {
        tools.log.info('job put back', {
          job: row.job_id,
          kind: row.kind,
          reason: again.message,
          why: whyKeyAway(error),
        })
        return
      }
      const last = again === undefined ? error : await this.#stopOf(job)
      const end = failureOf(last instanceof JobStoppedError ? stopped(last, row.kind) : last)
      if (end.isUnexpected)
        tools.log.error('job failed unexpectedly', { job: row.job_id, kind: row.kind, error: stackOf(error) })
      await this.#finish(job, end.end)
      tools.log.info('job ended', {
        job: row.job_id,
        kind: row.kind,
        state: end.end.state,
        reason: end.end.status_message ?? undefined,
        why: whyKeyAway(last),
      })
    } catch (lost) {
      tools.log.warn('the end of a job could not be written', { job: row.job_id, error: messageOf(lost) })
    }
  }
}

/** The server is going down: the job begins again at the next start. */
class ShutdownError extends Error {
  override name = 'ShutdownError'
}

function runningJob(
  tools: JobTools,
  row: JobTable,
  controller: AbortController,
  leaseMs: number,
): RunningJob {
  const progress = { bytesTotal: row.bytes_total ?? undefined, bytesDone: 0, itemsDone: 0, itemsFailed: 0 }
  return {
    row,
    claim: row,
    signal: controller.signal,
    progress,
    abort: (reason) => controller.abort(reason),
    check: async () => {
      const now = tools.clock.now()
      const { stop } = await heartbeat(tools.store.db, row, { now, leaseMs, progress })
      if (stop !== undefined) controller.abort(new JobStoppedError('ABORTED', stop))
      else if (row.complete_by !== null && now > row.complete_by) {
        controller.abort(new JobStoppedError('EXPIRED', `${jobNoun(row)} expired before completion.`))
      }
      controller.signal.throwIfAborted()
    },
  }
}

function jobNoun(row: JobTable): string {
  return NOUNS[row.kind] ?? 'Job'
}

const NOUNS: Readonly<Partial<Record<JobKind, string>>> = {
  backup: 'Backup job',
  copy: 'Copy job',
  restore: 'Restore job',
}

/** Renews the lease and writes the progress in the background; a lost lease, a cancel and a missed window end the job. */
function startHeartbeat(job: RunningJob, leaseMs: number): () => void {
  const timer = setInterval(
    () => {
      job.check().catch((error: unknown) => {
        if (error instanceof LeaseLostError) job.abort(error)
      })
    },
    Math.min(MAX_BEAT_MS, leaseMs / 3),
  )
  return () => clearInterval(timer)
}

function endOf(outcome: JobOutcome): Omit<JobEnd, 'now'> {
  return {
    state: outcome.state,
    status_message: outcome.message ?? null,
    message_category: outcome.category ?? 'SUCCESS',
    ...(outcome.result !== undefined && { result: JSON.stringify(outcome.result) }),
  }
}

/** When and why a job is tried again; undefined where its end is final. */
function retryOf(
  error: unknown,
  row: JobTable,
  clock: Clock,
): { runAt: number; message: string } | undefined {
  const now = clock.now()
  if (error instanceof ShutdownError) {
    return {
      runAt: now,
      message: 'The server was stopped while the job ran; it begins again when the server is back',
    }
  }
  const delayMs = delayBefore(error, row)
  if (delayMs === undefined) return undefined
  const runAt = now + delayMs
  const until = triedUntil(row)
  if (until !== undefined && runAt >= until) return undefined
  const message =
    error instanceof RetryLaterError
      ? error.message
      : `${messageOf(error)}. It is tried again at ${new Date(runAt).toISOString()}`
  return { runAt, message }
}

/** The end of the time in which a job may begin again; undefined where there is none. */
function triedUntil(row: JobTable): number | undefined {
  if (row.kind === 'copy' && row.started_at !== null) return row.started_at + COPY_RETRY_MS
  return row.start_by ?? undefined
}

/**
 * Backups wait inside their start window for a source that is down, copies for some time for their vaults, as AWS's do, and what must be
 * done until it is: longer each time, ten minutes at most.
 */
function delayBefore(error: unknown, row: JobTable): number | undefined {
  if (error instanceof EncryptionKeyError && WAIT_FOR_KEY.has(row.kind)) return KEY_AWAY_MS
  if (error instanceof RetryLaterError) {
    const later = error.delayMs * 2 ** Math.max(0, Math.min(20, row.attempts - SOON_TRIES))
    return Math.max(error.delayMs, Math.min(MAX_LATER_MS, later))
  }
  if (UNTIL_DONE.includes(row.kind)) {
    const isOver = error instanceof JobRefusedError || error instanceof JobStoppedError
    return isOver ? undefined : waitBefore(row)
  }
  if ((row.kind !== 'backup' && row.kind !== 'copy') || triedUntil(row) === undefined) return undefined
  // Nobody waits for a plan's job: while its window is open, somebody may give its role what it lacks.
  const mayBeMended = row.plan_id !== null && isRefusal(error)
  return mayBeMended || isTransient(error) ? waitBefore(row) : undefined
}

/** Longer after each try. */
function waitBefore({ attempts }: JobTable): number {
  return Math.min(MAX_RETRY_MS, MIN_RETRY_MS * 2 ** Math.min(10, attempts - 1))
}

function isRefusal(error: unknown): boolean {
  return (
    error instanceof AccessDeniedError ||
    (error instanceof JobFailedError && error.category === 'AccessDenied')
  )
}

/** What jobs leave that are ended before their time, for those who look whether something is to be done. */
const LEAVES: Readonly<Partial<Record<JobKind, string>>> = {
  copy: 'No recovery point was made; what it had stored by then is freed by the next sweep of the destination',
  verify: 'What it had read by then counts for nothing: start it again',
  repair: 'What it had stored again by then is whole; start it again for the rest',
  sweep: 'What it had freed by then is freed, and the next sweep frees the rest',
  export: 'The snapshots that it had written whole by then are in the repository',
  import: 'The recovery points that were whole by then are there; start it again for the rest',
}

/** As the runner tells it, or as it is with every job of its kind. */
function stopped(error: JobStoppedError, kind: JobKind): JobStoppedError {
  const leaves = error.state === 'ABORTED' ? LEAVES[kind] : undefined
  if (leaves === undefined) return error
  return new JobStoppedError(error.state, `${error.message.replace(/\.$/, '')}. ${leaves}`)
}

function failureOf(error: unknown): { isUnexpected: boolean; end: Omit<JobEnd, 'now'> } {
  const end = (
    state: JobEnd['state'],
    status_message: string,
    message_category: string,
  ): { isUnexpected: boolean; end: Omit<JobEnd, 'now'> } => ({
    isUnexpected: false,
    end: { state, status_message, message_category },
  })
  if (error instanceof AccessDeniedError) return end('FAILED', error.message, 'AccessDenied')
  if (error instanceof JobStoppedError)
    return end(error.state, error.message, error.state === 'FAILED' ? 'AccessDenied' : error.state)
  if (error instanceof JobFailedError) {
    const failed = end('FAILED', error.message, error.category)
    if (error.result === undefined) return failed
    return { ...failed, end: { ...failed.end, result: JSON.stringify(error.result) } }
  }
  if (
    error instanceof RetryLaterError ||
    error instanceof StoreFullError ||
    error instanceof EncryptionKeyError
  )
    return end('FAILED', error.message, 'FAILURE')
  return { ...end('FAILED', `Job failed: ${messageOf(error)}`, 'FAILURE'), isUnexpected: true }
}

/** What a job's message leaves out, since tenants read it. */
function whyKeyAway(error: unknown): string | undefined {
  return error instanceof EncryptionKeyError ? error.reason : undefined
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
