import type { ResourceType } from '../../kinds/kind.ts'
import { makingStep } from '../../kinds/restore-test.ts'
import { wasAllowed } from '../../store/audit/decisions.ts'
import { findJob } from '../../store/jobs/jobs.ts'
import { moveRestoreTest, testsToAdvance } from '../../store/plans/restore-tests.ts'
import type { RestoreTestStep } from '../../store/plans/restore-tests.ts'
import type { Queryable } from '../../store/store.ts'
import { remove } from './restore-test-jobs.ts'
import { hasValidators, timedOut, validate, validated } from './restore-test-verdicts.ts'
import { eachDue } from '../each-due.ts'
import type { JobTools } from '../tools.ts'

/**
 * What follows the restore job of a test, by the phases of `RestoreTestPhase`. Each step is a job of its own, put into the queue in
 * the transaction that moves the test on from where it was seen: it is done once, whoever looks.
 *
 * | phase         | waits for                           | then                                                       |
 * |---------------|-------------------------------------|------------------------------------------------------------|
 * | RESTORING     | the restore job                     | VALIDATING; DELETING where nothing judges it, or it failed  |
 * | VALIDATING    | validators, then a caller's verdict | DELETING                                                   |
 * | DELETING      | the job that deletes                | ENDED, or DELETE_FAILED                                     |
 * | DELETE_FAILED | a time                              | DELETING                                                   |
 */

const HOUR = 3_600_000
/** Between two tries to delete what a test made, in milliseconds: longer each time. */
const MIN_AGAIN_MS = 300_000
const MAX_AGAIN_MS = 24 * HOUR

/** @returns How many tests could not be moved on; they are due still. */
export async function advanceRestoreTests(
  tools: Pick<JobTools, 'store' | 'clock' | 'log'>,
  signal: AbortSignal,
): Promise<number> {
  const now = tools.clock.now()
  return await eachDue<RestoreTestStep>(tools, signal, {
    page: async (limit, after) => await testsToAdvance(tools.store.db, now, limit, after),
    run: async (tx, tests) => {
      let isQueued = false
      for (const test of tests) isQueued = (await advance(tx, test, now)) || isQueued
      return { count: tests.length, isQueued }
    },
    failed: ({ job_id: job, phase }) => ({
      message: 'a restore test could not go on',
      facts: { job, phase },
    }),
  })
}

async function advance(tx: Queryable, test: RestoreTestStep, now: number): Promise<boolean> {
  switch (test.phase) {
    case 'RESTORING':
      return await restored(tx, test, now)
    case 'VALIDATING':
      if (test.step_job_id !== null) return await validated(tx, test, now)
      return await remove(tx, test, now, test.validation_status === 'VALIDATING' ? timedOut(test) : {})
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
  if (hasValidators(test)) return await validate(tx, test, now, { recovery_ms, endedAt })
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
