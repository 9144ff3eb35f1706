import { guardHandOuts } from '../access/restore-guard.ts'
import {
  InvalidParameterValueException,
  InvalidRequestException,
  MissingParameterValueException,
  ResourceNotFoundException,
} from '../aws/generated/backup.ts'
import type {
  DescribeRestoreJobInput,
  DescribeRestoreJobOutput,
  GetRestoreJobMetadataInput,
  GetRestoreJobMetadataOutput,
  ListRestoreJobsByProtectedResourceInput,
  ListRestoreJobsByProtectedResourceOutput,
  ListRestoreJobsInput,
  ListRestoreJobsOutput,
  RestoreJobsListMember,
  StartRestoreJobInput,
  StartRestoreJobOutput,
} from '../aws/generated/backup.ts'
import type { Context } from '../context.ts'
import { readRestoreMetadata } from '../kinds/restore-metadata.ts'
import { kindOf } from './kind-of.ts'
import { whyWaiting } from '../store/jobs/job-limits.ts'
import type { LatestRestore, NewJob } from '../store/jobs/jobs.ts'
import { findJob, insertJob, jobBasics, latestRestore, listJobs } from '../store/jobs/jobs.ts'
import type { JobFilter } from '../store/jobs/jobs.ts'
import { RESTORABLE } from '../store/points/recovery-points.ts'
import { findRestoreTest, restoreTestsOf } from '../store/plans/restore-tests.ts'
import type { RestoreTestTable } from '../store/plans/schema-restore-testing.ts'
import type { JobState, JobTable, RecoveryPointTable } from '../store/schema.ts'
import { vaultArn } from './arns.ts'
import { percentDone } from './backup-jobs.ts'
import { jobFilterOf } from './job-filter.ts'
import { nextToken, pageOf } from './paging.ts'
import { passRole } from './pass-role.ts'
import { expectedMinutes } from './restore-estimate.ts'
import { pointNamed } from './recovery-points.ts'

interface RestoreResult {
  readonly createdResourceArn?: string
}

interface RestoreInput {
  readonly metadata: Readonly<Record<string, string>>
  readonly copyTags: boolean
}

export async function startRestoreJob(
  ctx: Context,
  input: StartRestoreJobInput,
): Promise<StartRestoreJobOutput> {
  if (input.IamRoleArn === undefined) {
    throw new MissingParameterValueException(
      'IamRoleArn is required: a restore job works under a role that you pass, no default is assumed',
      { Context: 'IamRoleArn' },
    )
  }
  const role = await passRole(ctx, input.IamRoleArn, input.RecoveryPointArn)
  const point = await pointNamed(ctx, input.RecoveryPointArn)
  checkRestorable(point, input)
  const metadata = checkMetadata(point.resource_type, input.Metadata)
  const warnings = await guardHandOuts(ctx, [{ point, metadata }])
  for (const warning of warnings) ctx.warn(warning)
  const job = {
    ...jobBasics(ctx, 'restore'),
    vault_name: point.vault_name,
    resource_arn: point.resource_arn,
    resource_unique_id: point.resource_unique_id,
    resource_type: point.resource_type,
    recovery_point_arn: point.arn,
    point_created_at: point.created_at,
    role_arn: input.IamRoleArn,
    role_id: role.role_id,
    idempotency_token: input.IdempotencyToken ?? null,
    guard_warning: warnings[0] ?? null,
    input: JSON.stringify({
      metadata,
      copyTags: input.CopySourceTagsToRestoredResource === true,
    } satisfies RestoreInput),
  } satisfies NewJob
  const { row, isNew } = await insertJob(ctx.store.db, job)
  if (!isNew && (row.recovery_point_arn !== point.arn || row.input !== job.input)) {
    throw new InvalidParameterValueException(
      `IdempotencyToken "${input.IdempotencyToken}" was used already for restore job ${row.job_id} with other parameters`,
      { Context: 'IdempotencyToken' },
    )
  }
  ctx.store.wake()
  return { RestoreJobId: row.job_id }
}

function checkRestorable(point: RecoveryPointTable, input: StartRestoreJobInput): void {
  if (input.ResourceType !== undefined && input.ResourceType !== point.resource_type) {
    throw new InvalidParameterValueException(
      `ResourceType ${input.ResourceType} does not fit: ${point.arn} is a recovery point of type ${point.resource_type}`,
      { Context: 'ResourceType' },
    )
  }
  if (!RESTORABLE.includes(point.status)) {
    throw new InvalidRequestException(`Cannot restore ${point.arn}: it is ${point.status}`)
  }
}

function checkMetadata(
  type: string,
  given: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const read = readRestoreMetadata(kindOf(type), given)
  if (!read.ok) {
    const Wrong = read.problem === 'missing' ? MissingParameterValueException : InvalidParameterValueException
    throw new Wrong(read.message, { Context: 'Metadata' })
  }
  return read.metadata
}

export async function describeRestoreJob(
  ctx: Context,
  input: DescribeRestoreJobInput,
): Promise<DescribeRestoreJobOutput> {
  const job = await restoreJob(ctx, input.RestoreJobId)
  const waits = await whyWaiting(ctx.store.db, job, ctx.now)
  const test = await findRestoreTest(ctx.store.db, job.job_id)
  const latest =
    job.completed_at === null && job.resource_arn !== null && job.resource_unique_id !== null
      ? await latestRestore(ctx.store.db, ctx, { arn: job.resource_arn, unique_id: job.resource_unique_id })
      : undefined
  return { ...toRestoreJob(ctx, job, test, latest), ...(waits !== undefined && { StatusMessage: waits }) }
}

export async function listRestoreJobs(
  ctx: Context,
  input: ListRestoreJobsInput,
): Promise<ListRestoreJobsOutput> {
  const filter = jobFilterOf(ctx, input)
  // Nothing here has a parent.
  if (filter === undefined || input.ByParentJobId !== undefined) return { RestoreJobs: [] }
  return await restoreJobs(ctx, 'ListRestoreJobs', input, {
    ...filter,
    testingPlanArn: input.ByRestoreTestingPlanArn,
    states: statesOf(input.ByStatus),
  })
}

export async function listRestoreJobsByProtectedResource(
  ctx: Context,
  input: ListRestoreJobsByProtectedResourceInput,
): Promise<ListRestoreJobsByProtectedResourceOutput> {
  return await restoreJobs(ctx, `ListRestoreJobsByProtectedResource ${input.ResourceArn}`, input, {
    resourceArn: input.ResourceArn,
    states: statesOf(input.ByStatus),
    pointCreatedAfter: input.ByRecoveryPointCreationDateAfter?.getTime(),
    pointCreatedBefore: input.ByRecoveryPointCreationDateBefore?.getTime(),
  })
}

async function restoreJobs(
  ctx: Context,
  list: string,
  input: { readonly MaxResults?: number | undefined; readonly NextToken?: string | undefined },
  filter: Partial<JobFilter>,
): Promise<{ RestoreJobs: RestoreJobsListMember[]; NextToken: string | undefined }> {
  const { rows, next } = await listJobs(
    ctx.store.db,
    { accountId: ctx.accountId, region: ctx.region, kinds: ['restore'], ...filter },
    pageOf(ctx, list, input),
  )
  const tests = await restoreTestsOf(
    ctx.store.db,
    rows.map(({ job_id }) => job_id),
  )
  return {
    RestoreJobs: rows.map((row) => toRestoreJob(ctx, row, tests.get(row.job_id))),
    NextToken: nextToken(ctx, list, next),
  }
}

export async function getRestoreJobMetadata(
  ctx: Context,
  input: GetRestoreJobMetadataInput,
): Promise<GetRestoreJobMetadataOutput> {
  const job = await restoreJob(ctx, input.RestoreJobId)
  return { RestoreJobId: job.job_id, Metadata: (JSON.parse(job.input) as RestoreInput).metadata }
}

export async function restoreJob(ctx: Context, jobId: string): Promise<JobTable> {
  const job = await findJob(ctx.store.db, ctx.accountId, jobId, ['restore'])
  if (job === undefined || job.region !== ctx.region)
    throw new ResourceNotFoundException(`Cannot find restore job ${jobId}`, { Context: jobId })
  return job
}

type RestoreStatus = 'PENDING' | 'RUNNING' | 'COMPLETED' | 'ABORTED' | 'FAILED'

/** A restore that waits is PENDING on the wire; restores have no other waiting state. */
function statusOf(state: JobState): RestoreStatus {
  switch (state) {
    case 'CREATED':
    case 'PENDING':
      return 'PENDING'
    case 'RUNNING':
    case 'ABORTING':
      return 'RUNNING'
    case 'COMPLETED':
      return 'COMPLETED'
    case 'ABORTED':
      return 'ABORTED'
    case 'FAILED':
    case 'EXPIRED':
    case 'PARTIAL':
      return 'FAILED'
  }
}

function statesOf(status: RestoreStatus | undefined): readonly JobState[] | undefined {
  if (status === undefined) return undefined
  const all: readonly JobState[] = [
    'CREATED',
    'PENDING',
    'RUNNING',
    'ABORTING',
    'ABORTED',
    'COMPLETED',
    'FAILED',
    'EXPIRED',
    'PARTIAL',
  ]
  return all.filter((state) => statusOf(state) === status)
}

/** How it ended, and what the restore guard would have refused. */
export function statusMessage({ status_message, guard_warning }: JobTable): string | undefined {
  const parts = [status_message, guard_warning].filter((part) => part !== null)
  return parts.length === 0 ? undefined : parts.join('. ')
}

function toRestoreJob(
  ctx: Context,
  row: JobTable,
  test: RestoreTestTable | undefined,
  latest?: LatestRestore,
): RestoreJobsListMember {
  const result = JSON.parse(row.result) as RestoreResult
  return {
    AccountId: row.account_id,
    RestoreJobId: row.job_id,
    RecoveryPointArn: row.recovery_point_arn ?? undefined,
    RecoveryPointCreationDate: row.point_created_at === null ? undefined : new Date(row.point_created_at),
    SourceResourceArn: row.resource_arn ?? undefined,
    BackupVaultArn: row.vault_name === null ? undefined : vaultArn(ctx, row.vault_name),
    CreationDate: new Date(row.created_at),
    CompletionDate: row.completed_at === null ? undefined : new Date(row.completed_at),
    Status: statusOf(row.state),
    StatusMessage: statusMessage(row),
    PercentDone: `${percentDone(row)}%`,
    BackupSizeInBytes: row.bytes_total ?? row.bytes_done,
    IamRoleArn: row.role_arn ?? undefined,
    ExpectedCompletionTimeMinutes: expectedMinutes(row, ctx.now, latest),
    CreatedResourceArn: result.createdResourceArn,
    ResourceType: row.resource_type ?? undefined,
    IsParent: false,
    ...(test !== undefined && testMembers(test)),
  }
}

function testMembers(test: RestoreTestTable): Partial<RestoreJobsListMember> {
  return {
    CreatedBy: { RestoreTestingPlanArn: test.plan_arn },
    ValidationStatus: test.validation_status ?? undefined,
    ValidationStatusMessage: test.validation_message ?? undefined,
    DeletionStatus: test.deletion_status ?? undefined,
    DeletionStatusMessage: test.deletion_message ?? undefined,
  }
}
