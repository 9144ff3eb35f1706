import { uuid } from '../../lib/ids.ts'
import { verdictOf, withCaller } from '../../plans/validator-verdicts.ts'
import type { ValidatorResult } from '../../plans/validator-verdicts.ts'
import { findJob, requestCancel } from '../../store/jobs/jobs.ts'
import { UNFINISHED_STATES } from '../../store/jobs/job-states.ts'
import { moveRestoreTest } from '../../store/plans/restore-tests.ts'
import type { RestoreTestChange, RestoreTestStep } from '../../store/plans/restore-tests.ts'
import type { RestoreTestTable } from '../../store/plans/schema-restore-testing.ts'
import type { Queryable } from '../../store/store.ts'
import { insertStep, remove } from './restore-test-jobs.ts'

/**
 * How a test is judged. Its validators come first, and one that fails is the verdict: nobody's word makes up for it. A validation window
 * says that a caller's verdict is waited for, too; without one the validators alone decide.
 */

const HOUR = 3_600_000
/** What validators have where there is no window. */
const VALIDATORS_MS = HOUR

export const hasValidators = (test: RestoreTestTable): boolean => test.validators !== '[]'

/** Has the validators run on what was restored. */
export async function validate(
  tx: Queryable,
  test: RestoreTestStep,
  now: number,
  { recovery_ms, endedAt }: { readonly recovery_ms: number; readonly endedAt: number },
): Promise<boolean> {
  const job = await findJob(tx, test.account_id, test.job_id)
  if (job === undefined) return await moveRestoreTest(tx, test, { phase: 'ENDED', step_job_id: null })
  const jobId = uuid()
  const isOurs = await moveRestoreTest(tx, test, {
    recovery_ms,
    phase: 'VALIDATING',
    step_job_id: jobId,
    next_at: endedAt + (test.validation_hours === 0 ? VALIDATORS_MS : test.validation_hours * HOUR),
    validation_status: 'VALIDATING',
  })
  if (isOurs) await insertStep(tx, job, { jobId, kind: 'validate-restore-test', now })
  return isOurs
}

/** The validators have ended, or their time has. */
export async function validated(tx: Queryable, test: RestoreTestStep, now: number): Promise<boolean> {
  if (test.step_state === null || UNFINISHED_STATES.includes(test.step_state))
    return await stopValidators(tx, test, now)
  if (test.validation_status === 'TIMED_OUT') return await remove(tx, test, now, {})
  if (test.step_state !== 'COMPLETED') {
    const why = test.step_status_message ?? `their job ended ${test.step_state}`
    return await remove(tx, test, now, judgedAs('FAILED', `The validators could not be run: ${why}`, test))
  }
  const { results } = JSON.parse(test.step_result ?? '{}') as { readonly results: readonly ValidatorResult[] }
  const { status, message } = verdictOf(results)
  const validator_results = JSON.stringify(results)
  if (status === 'FAILED' || test.validation_hours === 0 || test.caller_status !== null) {
    const change = judgedAs(status === 'FAILED' ? status : (test.caller_status ?? status), message, test)
    return await remove(tx, test, now, { ...change, validator_results })
  }
  const isOpen = test.next_at !== null && test.next_at > now
  if (!isOpen) return await remove(tx, test, now, { ...timedOut(test, message), validator_results })
  return await moveRestoreTest(tx, test, {
    step_job_id: null,
    validation_message: message,
    validator_results,
  })
}

/** Tells the validators' job to end; what was restored is deleted once it has. */
async function stopValidators(tx: Queryable, test: RestoreTestStep, now: number): Promise<boolean> {
  const job = {
    account_id: test.account_id,
    job_id: test.step_job_id as string,
    kind: 'validate-restore-test',
  } as const
  await requestCancel(tx, job, { now, message: 'Its time was over' })
  return await moveRestoreTest(tx, test, {
    next_at: null,
    validation_status: 'TIMED_OUT',
    validation_message: `The validators did not end inside ${
      test.validation_hours === 0 ? `${VALIDATORS_MS / 60_000} minutes` : 'the validation window'
    }`,
  })
}

/** The verdict of validators, beside what a caller said meanwhile. */
function judgedAs(
  status: 'SUCCESSFUL' | 'FAILED' | 'TIMED_OUT',
  message: string,
  { caller_status, caller_message }: RestoreTestTable,
): RestoreTestChange {
  return {
    validation_status: status,
    validation_message: withCaller(message, caller_status, caller_message),
  }
}

export function timedOut(
  test: RestoreTestTable,
  message: string | null = test.validation_message,
): RestoreTestChange {
  const none = 'No validation result came inside the validation window'
  const isOfValidators = message !== null && hasValidators(test)
  return {
    validation_status: 'TIMED_OUT',
    validation_message: isOfValidators ? `${none}. ${message}` : (message ?? none),
  }
}
