import { BACKUP_SERVICE } from '../access/passed-role.ts'
import type { ResourceType } from '../kinds/kind.ts'
import { makingStep } from '../kinds/restore-test.ts'
import { uuid } from '../lib/ids.ts'
import { wasAllowed } from '../store/decisions.ts'
import { findJob, insertJob } from '../store/jobs.ts'
import { moveRestoreTest, testsToAdvance } from '../store/restore-tests.ts'
import type { RestoreTestChange, RestoreTestStep } from '../store/restore-tests.ts'
import type { JobTable } from '../store/schema.ts'
import type { Queryable } from '../store/store.ts'
import type { JobTools } from './tools.ts'

/**
 * What follows the restore job of a test, by the phases of `RestoreTestPhase`. Each step is a job of its own, put into the queue in
 * the transaction that moves the test on from where it was seen: it is done once, whoever looks.
 *
 * | phase         | waits for                     | then                                                       |
 * |---------------|-------------------------------|------------------------------------------------------------|
 * | RESTORING     | the restore job               | VALIDATING; DELETING without a window or where it failed    |
 * | VALIDATING    | a verdict, the window's end   | DELETING                                                   |
 * | DELETING      | the job that deletes          | ENDED, or DELETE_FAILED                                     |
 * | DELETE_FAILED | a time                        | DELETING                                                   |
 */

const HOUR = 3_600_000
/** Tests moved on in one round. */
const BATCH = 100
/** Between two tries to delete what a test made, in milliseconds: longer each time. */
const MIN_AGAIN_MS = 300_000
const MAX_AGAIN_MS = 24 * HOUR

/** @returns How many tests could not be moved on; they are due still. */
export async function advanceRestoreTests(
  tools: Pick<JobTools, 'store' | 'clock' | 'log'>,
  signal: AbortSignal,
): Promise<number> {
  const { store, clock, log } = tools
  const now = clock.now()
  let failed = 0
  for (const test of await testsToAdvance(store.db, now, BATCH)) {
    if (signal.aborted) break
    try {
      if (await store.transaction((tx) => advance(tx, test, now))) store.wake()
    } catch (error) {
      failed++
      log.error('a restore test could not go on', {
        job: test.job_id,
        phase: test.phase,
        error: error instanceof Error ? (error.stack ?? error.message) : String(error),
      })
    }
  }
  return failed
}

async function advance(tx: Queryable, test: RestoreTestStep, now: number): Promise<boolean> {
  switch (test.phase) {
    case 'RESTORING':
      return await restored(tx, test, now)
    case 'VALIDATING':
      return await remove(tx, test, now, {
        ...(test.validation_status === 'VALIDATING' && {
          validation_status: 'TIMED_OUT',
          validation_message:
            test.validation_message ?? 'No validation result came inside the validation window',
        }),
      })
    case 'DELETING':
      return await removed(tx, test, now)
    case 'DELETE_FAILED':
      return await remove(tx, test, now, {})
    case 'ENDED':
      return false
  }
}

async function restored(tx: Queryable, test: RestoreTestStep, now: number): Promise<boolean> {
  if (test.step_state !== 'COMPLETED') {
    if (await madeSomething(tx, test)) return await remove(tx, test, now, {})
    return await moveRestoreTest(tx, test, { phase: 'ENDED', step_job_id: null })
  }
  const endedAt = test.step_completed_at ?? now
  const recovery_ms = endedAt - (test.step_started_at ?? endedAt)
  if (test.validation_hours === 0) return await remove(tx, test, now, { recovery_ms })
  return await moveRestoreTest(tx, test, {
    recovery_ms,
    phase: 'VALIDATING',
    step_job_id: null,
    next_at: endedAt + test.validation_hours * HOUR,
    validation_status: 'VALIDATING',
  })
}

/** Whether a restore that failed may have left something: not where its role never was allowed to make it. */
async function madeSomething(tx: Queryable, test: RestoreTestStep): Promise<boolean> {
  const job = await findJob(tx, test.account_id, test.job_id)
  if (job === undefined) return false
  return await wasAllowed(tx, test.job_id, makingStep(job.resource_type as ResourceType))
}

async function remove(
  tx: Queryable,
  test: RestoreTestStep,
  now: number,
  change: RestoreTestChange,
): Promise<boolean> {
  const job = await findJob(tx, test.account_id, test.job_id)
  if (job === undefined)
    return await moveRestoreTest(tx, test, { ...change, phase: 'ENDED', step_job_id: null })
  const jobId = uuid()
  const isOurs = await moveRestoreTest(tx, test, {
    ...change,
    phase: 'DELETING',
    step_job_id: jobId,
    next_at: null,
    deletion_status: 'DELETING',
  })
  if (isOurs) await insertStep(tx, job, { jobId, kind: 'delete-restore-test', now })
  return isOurs
}

/** A job on what the restore job made, under the same role. */
async function insertStep(
  tx: Queryable,
  job: JobTable,
  step: { readonly jobId: string; readonly kind: 'delete-restore-test'; readonly now: number },
): Promise<void> {
  await insertJob(tx, {
    account_id: job.account_id,
    region: job.region,
    job_id: step.jobId,
    kind: step.kind,
    created_at: step.now,
    caller_arn: BACKUP_SERVICE,
    created_by: job.created_by,
    vault_name: job.vault_name,
    resource_arn: job.resource_arn,
    resource_unique_id: job.resource_unique_id,
    resource_type: job.resource_type,
    recovery_point_arn: job.recovery_point_arn,
    role_arn: job.role_arn,
    role_id: job.role_id,
    input: JSON.stringify({ restoreJobId: job.job_id }),
  })
}

async function removed(tx: Queryable, test: RestoreTestStep, now: number): Promise<boolean> {
  if (test.step_state === 'COMPLETED') {
    return await moveRestoreTest(tx, test, {
      phase: 'ENDED',
      step_job_id: null,
      deletion_status: 'SUCCESSFUL',
      deletion_message: null,
    })
  }
  const againMs = Math.min(MAX_AGAIN_MS, MIN_AGAIN_MS * 2 ** Math.min(20, test.deletion_tries))
  const again = new Date(now + againMs).toISOString()
  return await moveRestoreTest(tx, test, {
    phase: 'DELETE_FAILED',
    step_job_id: null,
    next_at: now + againMs,
    deletion_status: 'FAILED',
    deletion_message: `${test.step_status_message ?? `The job that deletes it ended ${test.step_state}`}. It is tried again at ${again}`,
    deletion_tries: test.deletion_tries + 1,
  })
}
