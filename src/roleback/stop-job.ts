import { resourceTagKeys } from '../access/request-context.ts'
import { InvalidRequestException, ResourceNotFoundException } from '../aws/generated/roleback.ts'
import type { StopJobInput, StopJobOutput } from '../aws/generated/roleback.ts'
import type { OperationContext } from '../aws/operation.ts'
import type { Context } from '../context.ts'
import { arnOf } from '../lib/arn.ts'
import { tagsOf } from '../store/identity/tags.ts'
import { isFinished } from '../store/jobs/job-states.ts'
import { findJob, requestCancel } from '../store/jobs/jobs.ts'
import { findRestoreTest } from '../store/plans/restore-tests.ts'
import type { JobKind, JobTable } from '../store/schema.ts'

/** What can be ended at any moment, as a sentence begins with it. */
const STOPPABLE: Readonly<Partial<Record<JobKind, string>>> = {
  copy: 'Copy job',
  restore: 'Restore job',
  verify: 'Verification',
  repair: 'Repair',
  sweep: 'Sweep',
  export: 'Export job',
  import: 'Import job',
  search: 'Item search',
  'validate-restore-test': 'Validation of a restore test',
}

/** What to do about the others. */
const INSTEAD: Readonly<Partial<Record<JobKind, string>>> = {
  backup: 'stop it with backup:StopBackupJob',
  'move-point':
    'its lifecycle or tiering configuration would begin it again. Change that with UpdateRecoveryPointLifecycle or UpdateTieringConfiguration',
  'rotate-key': 'until it is done the recovery kit does not open the vault',
  'delete-point': 'its recovery point is given up already',
  'delete-vault': 'its backup vault is given up already',
  'delete-restore-test': 'what a restore test made would stay',
}

async function jobNamed(ctx: Context, jobId: string): Promise<JobTable | undefined> {
  const job = await findJob(ctx.store.db, ctx.accountId, jobId)
  return job?.region === ctx.region ? job : undefined
}

/** The ARN that a stop is decided on: what was asked for when the job was started. */
export async function stoppedArn(ctx: Context, { JobId }: StopJobInput): Promise<string> {
  const job = await jobNamed(ctx, JobId)
  if (job === undefined) return '*'
  const { region, accountId } = ctx
  const ofVault = job.vault_name && arnOf('backup', region, accountId, `backup-vault:${job.vault_name}`)
  return job.recovery_point_arn ?? ofVault ?? job.resource_arn ?? '*'
}

export async function stoppedContext(ctx: Context, input: StopJobInput): Promise<OperationContext> {
  const job = await jobNamed(ctx, input.JobId)
  if (job === undefined) return {}
  const tags = await tagsOf(ctx.store.db, ctx.accountId, await stoppedArn(ctx, input))
  return { ...resourceTagKeys(tags), 'roleback:JobType': job.kind }
}

/**
 * Ends a job that AWS has no call for. One that waits is ABORTED at once, one under way by its worker within seconds; the job's message
 * tells then who stopped it and what it leaves. Once more for a job that is to stop already changes nothing.
 *
 * A restore test is stopped by the id of its restore job, while it restores and while its validators work; what it made is deleted.
 *
 * @throws {InvalidRequestException} Where the job has ended, or is none that can be ended.
 */
export async function stopJob(ctx: Context, { JobId }: StopJobInput): Promise<StopJobOutput> {
  const asked = await jobNamed(ctx, JobId)
  if (asked === undefined)
    throw new ResourceNotFoundException(`Cannot find job ${JobId} in this account and region`, {
      Context: JobId,
    })
  const job = await workingFor(ctx, asked)
  const noun = STOPPABLE[job.kind]
  if (noun === undefined) throw cannotStop(job, INSTEAD[job.kind] ?? 'it ends by itself, whole or not at all')
  const callerArn = ctx.principal.arn
  const message = `${noun} was stopped by ${callerArn}.`
  const state = await requestCancel(ctx.store.db, job, { now: ctx.now, message, callerArn })
  if (state === undefined) {
    const now = (await jobNamed(ctx, job.job_id)) ?? job
    throw cannotStop(job, `it is ${now.state} already`)
  }
  ctx.store.wake()
  return { JobId: asked.job_id, JobType: asked.kind, State: state }
}

/** The job itself, or what a restore test goes on with once its restore is done. */
async function workingFor(ctx: Context, job: JobTable): Promise<JobTable> {
  if (job.kind !== 'restore' || !isFinished(job.state)) return job
  const test = await findRestoreTest(ctx.store.db, job.job_id)
  if (test?.phase !== 'VALIDATING') return job
  const step = test.step_job_id === null ? undefined : await jobNamed(ctx, test.step_job_id)
  if (step !== undefined) return step
  throw cannotStop(job, 'its test waits for a verdict only. Give it one with PutRestoreValidationResult')
}

function cannotStop({ kind, job_id }: JobTable, why: string): InvalidRequestException {
  return new InvalidRequestException(`Cannot stop ${kind} job ${job_id}: ${why}`, { Context: job_id })
}
