import { BACKUP_SERVICE } from '../../access/passed-role.ts'
import { uuid } from '../../lib/ids.ts'
import { recordNotice } from '../../store/events/events.ts'
import { findJob, insertJob } from '../../store/jobs/jobs.ts'
import { moveRestoreTest } from '../../store/plans/restore-tests.ts'
import type { RestoreTestChange, RestoreTestStep } from '../../store/plans/restore-tests.ts'
import type { RestoreTestTable } from '../../store/plans/schema-restore-testing.ts'
import type { JobTable } from '../../store/schema.ts'
import type { Queryable } from '../../store/store.ts'

/** Moves a test on to deleting what it made. @returns True where this was the one to do so. */
export async function remove(
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
  if (isOurs) {
    await insertStep(tx, job, { jobId, kind: 'delete-restore-test', now })
    await tellVerdict(tx, { ...test, ...change }, now)
  }
  return isOurs
}

/** The verdict on a test, of validators, a caller or nobody in time, is an event; AWS has none for it. */
async function tellVerdict(tx: Queryable, test: RestoreTestTable, now: number): Promise<void> {
  const { job_id, validation_status } = test
  if (validation_status === null) return
  await recordNotice(tx, {
    accountId: test.account_id,
    region: test.region,
    at: now,
    detailType: 'Restore Test Validation Completed',
    resources: [test.resource_arn, test.plan_arn],
    detail: {
      restoreJobId: job_id,
      restoreTestingPlanArn: test.plan_arn,
      restoreTestingSelectionName: test.selection_name,
      resourceArn: test.resource_arn,
      state: validation_status,
      validationStatus: validation_status,
      validationStatusMessage: test.validation_message ?? undefined,
      validatorResults: JSON.parse(test.validator_results) as unknown,
      statusMessage: test.validation_message ?? undefined,
    },
    cause: `verdict ${job_id}`,
  })
}

/** A job on what the restore job made, under the same role. */
export async function insertStep(
  tx: Queryable,
  job: JobTable,
  step: {
    readonly jobId: string
    readonly kind: 'validate-restore-test' | 'delete-restore-test'
    readonly now: number
  },
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
