import { InvalidParameterValueException, ResourceNotFoundException } from '../aws/generated/backup.ts'
import type {
  DescribeReportJobInput,
  DescribeReportJobOutput,
  ListReportJobsInput,
  ListReportJobsOutput,
  ReportJob,
  StartReportJobInput,
  StartReportJobOutput,
} from '../aws/generated/backup.ts'
import type { Context } from '../context.ts'
import { findJob, insertJob, jobBasics, listJobs } from '../store/jobs/jobs.ts'
import type { JobState, JobTable } from '../store/schema.ts'
import { nextToken, pageOf } from './paging.ts'
import { arnOfReportPlan, presentReportPlan, reportPlanNamed } from './report-plans.ts'

/** As `jobs/report.ts` reads it. */
interface ReportInput {
  readonly reportPlanId: string
  readonly template: string
}

/** As `jobs/report.ts` leaves it. */
interface ReportResult {
  readonly target?: string
  readonly keys?: readonly string[]
}

export async function startReportJob(
  ctx: Context,
  input: StartReportJobInput,
): Promise<StartReportJobOutput> {
  const plan = await presentReportPlan(ctx, input.ReportPlanName)
  const { ReportTemplate: template } = JSON.parse(plan.setting) as { readonly ReportTemplate: string }
  const arn = arnOfReportPlan(ctx, plan)
  const { row } = await insertJob(ctx.store.db, {
    ...jobBasics(ctx, 'report'),
    resource_arn: arn,
    lock_key: `report ${plan.report_plan_id}`,
    idempotency_token: input.IdempotencyToken ?? null,
    input: JSON.stringify({ reportPlanId: plan.report_plan_id, template } satisfies ReportInput),
  })
  if (row.resource_arn !== arn)
    throw new InvalidParameterValueException(
      `IdempotencyToken "${input.IdempotencyToken}" was used already for report job ${row.job_id} of another report plan`,
      { Context: 'IdempotencyToken' },
    )
  ctx.store.wake()
  return { ReportJobId: row.job_id }
}

export async function describeReportJob(
  ctx: Context,
  input: DescribeReportJobInput,
): Promise<DescribeReportJobOutput> {
  const job = await findJob(ctx.store.db, ctx.accountId, input.ReportJobId, ['report'])
  if (job === undefined || job.region !== ctx.region)
    throw new ResourceNotFoundException(`Cannot find report job ${input.ReportJobId}`, {
      Context: input.ReportJobId,
    })
  return { ReportJob: toReportJob(job) }
}

export async function listReportJobs(
  ctx: Context,
  input: ListReportJobsInput,
): Promise<ListReportJobsOutput> {
  const { ByReportPlanName: name, ByStatus: status } = input
  const { rows, next } = await listJobs(
    ctx.store.db,
    {
      accountId: ctx.accountId,
      region: ctx.region,
      kinds: ['report'],
      states: status === undefined ? undefined : STATES.filter((state) => statusOf(state) === status),
      resourceArn: name === undefined ? undefined : await reportPlanNamed(ctx, { ReportPlanName: name }),
      createdAfter: input.ByCreationAfter?.getTime(),
      createdBefore: input.ByCreationBefore?.getTime(),
    },
    pageOf(ctx, 'ListReportJobs', input),
  )
  return { ReportJobs: rows.map(toReportJob), NextToken: nextToken(ctx, 'ListReportJobs', next) }
}

const STATES: readonly JobState[] = ['CREATED', 'RUNNING', 'ABORTING', 'COMPLETED', 'FAILED', 'ABORTED']

/** AWS knows four. */
function statusOf(state: JobState): string {
  if (state === 'ABORTING') return 'RUNNING'
  return state === 'ABORTED' ? 'FAILED' : state
}

function toReportJob(row: JobTable): ReportJob {
  const { target, keys } = JSON.parse(row.result) as ReportResult
  return {
    ReportJobId: row.job_id,
    ReportPlanArn: row.resource_arn ?? undefined,
    ReportTemplate: (JSON.parse(row.input) as ReportInput).template,
    CreationTime: new Date(row.created_at),
    CompletionTime: row.completed_at === null ? undefined : new Date(row.completed_at),
    Status: statusOf(row.state),
    StatusMessage: row.status_message ?? undefined,
    ...(target !== undefined && { ReportDestination: { S3BucketName: target, S3Keys: keys } }),
  }
}
