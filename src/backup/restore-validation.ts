import { InvalidRequestException } from '../aws/generated/backup.ts'
import type { PutRestoreValidationResultInput } from '../aws/generated/backup.ts'
import type { Context } from '../context.ts'
import { withCaller } from '../plans/validator-verdicts.ts'
import { findRestoreTest, moveRestoreTest } from '../store/plans/restore-tests.ts'
import type { RestoreTestChange } from '../store/plans/restore-tests.ts'
import type { RestoreTestTable } from '../store/plans/schema-restore-testing.ts'
import { restoreJob } from './restore-jobs.ts'

/**
 * A caller's verdict on what a restore test restored, inside its validation window. A final one ends the window: what was restored is
 * deleted then. Where the test has validators they have the first word, and one of theirs that failed is not overridden.
 */
export async function putRestoreValidationResult(
  ctx: Context,
  input: PutRestoreValidationResultInput,
): Promise<Record<string, never>> {
  const job = await restoreJob(ctx, input.RestoreJobId)
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const test = await findRestoreTest(ctx.store.db, job.job_id)
    if (test === undefined) {
      throw new InvalidRequestException(
        `Restore job ${job.job_id} takes no validation result: no restore testing plan began it`,
      )
    }
    if (!isOpen(test, ctx.now)) throw closed(test)
    if (await moveRestoreTest(ctx.store.db, test, changeOf(ctx, test, input))) return {}
  }
  throw new InvalidRequestException(
    `Restore job ${job.job_id} takes no validation result now: its test is just moving on. Try again`,
  )
}

/** The server moves a test on at most so often while a result is put. */
const MAX_TRIES = 5

/** It waits for somebody's verdict, and has none yet. */
function isOpen(test: RestoreTestTable, now: number): boolean {
  return (
    test.phase === 'VALIDATING' &&
    test.validation_hours > 0 &&
    test.validation_status === 'VALIDATING' &&
    test.caller_status === null &&
    test.next_at !== null &&
    test.next_at > now
  )
}

function changeOf(
  ctx: Context,
  test: RestoreTestTable,
  { ValidationStatus: status, ValidationStatusMessage: given }: PutRestoreValidationResultInput,
): RestoreTestChange {
  const message = given ?? null
  if (status === 'VALIDATING') {
    // What validators have said stays.
    return { validation_message: test.validator_results === '[]' ? message : test.validation_message }
  }
  // Beside validators that are running: they have the first word.
  if (test.step_job_id !== null) return { caller_status: status, caller_message: message }
  const said = test.validator_results === '[]' ? null : test.validation_message
  return {
    caller_status: status,
    caller_message: message,
    validation_status: status,
    validation_message: said === null ? message : withCaller(said, status, message),
    next_at: ctx.now,
  }
}

function closed(test: RestoreTestTable): InvalidRequestException {
  const why =
    test.phase === 'RESTORING'
      ? 'it is still restoring'
      : test.validation_hours === 0
        ? 'its restore testing selection has no validation window'
        : test.validation_status === 'VALIDATING' && test.caller_status !== null
          ? `it has one already: ${test.caller_status}`
          : `its validation is ${test.validation_status}`
  return new InvalidRequestException(`Restore job ${test.job_id} takes no validation result now: ${why}`)
}
