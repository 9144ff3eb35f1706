import { InvalidRequestException } from '../aws/generated/backup.ts'
import type { PutRestoreValidationResultInput } from '../aws/generated/backup.ts'
import type { Context } from '../context.ts'
import { findRestoreTest, moveRestoreTest } from '../store/restore-tests.ts'
import type { RestoreTestTable } from '../store/schema-restore-testing.ts'
import { restoreJob } from './restore-jobs.ts'

/**
 * The verdict on what a restore test restored, inside its validation window. A final one ends the window: what was restored is deleted
 * then.
 */
export async function putRestoreValidationResult(
  ctx: Context,
  input: PutRestoreValidationResultInput,
): Promise<Record<string, never>> {
  const job = await restoreJob(ctx, input.RestoreJobId)
  const test = await findRestoreTest(ctx.store.db, job.job_id)
  if (test === undefined) {
    throw new InvalidRequestException(
      `Restore job ${job.job_id} takes no validation result: no restore testing plan began it`,
    )
  }
  const isFinal = input.ValidationStatus !== 'VALIDATING'
  const isTaken =
    isOpen(test, ctx.now) &&
    (await moveRestoreTest(ctx.store.db, test, {
      validation_status: input.ValidationStatus,
      validation_message: input.ValidationStatusMessage ?? null,
      ...(isFinal && { next_at: ctx.now }),
    }))
  if (!isTaken) throw closed(test)
  return {}
}

/** It waits for somebody's verdict, and has none yet. */
function isOpen(test: RestoreTestTable, now: number): boolean {
  return (
    test.phase === 'VALIDATING' && test.step_job_id === null && test.next_at !== null && test.next_at > now
  )
}

function closed(test: RestoreTestTable): InvalidRequestException {
  const why =
    test.phase === 'RESTORING'
      ? 'it is still restoring'
      : test.validation_status === null
        ? 'its restore testing selection has no validation window'
        : `its validation is ${test.validation_status}`
  return new InvalidRequestException(`Restore job ${test.job_id} takes no validation result now: ${why}`)
}
