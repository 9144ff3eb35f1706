import { linkedRoleArn, findLinkedRole, insertLinkedRole, REPORTS_SERVICE } from '../access/linked-roles.ts'
import {
  AlreadyExistsException,
  ConflictException,
  LimitExceededException,
  ResourceNotFoundException,
} from '../aws/generated/backup.ts'
import type {
  CreateReportPlanInput,
  CreateReportPlanOutput,
  DeleteReportPlanInput,
  DescribeReportPlanInput,
  DescribeReportPlanOutput,
  ListReportPlansInput,
  ListReportPlansOutput,
  ReportDeliveryChannel,
  ReportPlan,
  ReportSetting,
  UpdateReportPlanInput,
  UpdateReportPlanOutput,
} from '../aws/generated/backup.ts'
import { nextReportAt, reportPrefix } from '../compliance/report-places.ts'
import type { Context } from '../context.ts'
import { uuid } from '../lib/ids.ts'
import { listJobs } from '../store/jobs/jobs.ts'
import {
  countReportPlans,
  deleteReportPlan as removeReportPlan,
  findReportPlan,
  insertReportPlan,
  listReportPlans as pageOfReportPlans,
  updateReportPlan as changeReportPlan,
} from '../store/compliance/report-plans.ts'
import type { JobTable } from '../store/schema.ts'
import type { ReportPlanTable } from '../store/compliance/schema-reports.ts'
import type { Queryable } from '../store/store.ts'
import { deleteAllTags, putTags } from '../store/identity/tags.ts'
import { reportPlanArn } from './arns.ts'
import { nextToken, pageOf } from './paging.ts'
import { checkDelivery, checkSetting, reportTarget } from './report-settings.ts'
import type { ReportTarget } from './report-settings.ts'
import { checkTags } from './tags.ts'

/** AWS Backup's quota of an account. */
const MAX_REPORT_PLANS = 20
/** What an absent plan is decided on: of the form of those that are there. */
const NO_ID = '00000000-0000-0000-0000-000000000000'

/** The ARN that a call on a report plan is decided on. */
export async function reportPlanNamed(
  ctx: Context,
  { ReportPlanName: name }: { readonly ReportPlanName: string },
): Promise<string> {
  const row = await findReportPlan(ctx.store.db, ctx, name)
  return reportPlanArn(ctx, `${name}-${row?.report_plan_id ?? NO_ID}`)
}

export const arnOfReportPlan = (ctx: Context, row: ReportPlanTable): string =>
  reportPlanArn(ctx, `${row.name}-${row.report_plan_id}`)

/**
 * Keeps a report plan. Its reports are written for the service: so that nobody has it write where he may not, the caller's own right
 * to write there is asked for, and for the right to make the service's role where the account has none.
 */
export async function createReportPlan(
  ctx: Context,
  input: CreateReportPlanInput,
): Promise<CreateReportPlanOutput> {
  const tags = checkTags(input.ReportPlanTags ?? {})
  const delivery = input.ReportDeliveryChannel
  checkDelivery(delivery)
  await checkSetting(ctx, input.ReportSetting)
  const target = await mayWriteTo(ctx, delivery)
  const id = uuid()
  const row: ReportPlanTable = {
    account_id: ctx.accountId,
    region: ctx.region,
    name: input.ReportPlanName,
    report_plan_id: id,
    description: input.ReportPlanDescription ?? null,
    delivery: JSON.stringify(delivery),
    setting: JSON.stringify(input.ReportSetting),
    target_arn: target.arn,
    target_unique_id: target.uniqueId,
    idempotency_token: input.IdempotencyToken ?? null,
    created_at: ctx.now,
    next_run_at: nextReportAt(id, ctx.now),
  }
  const isRoleMissing = (await findLinkedRole(ctx.store.db, ctx.accountId, REPORTS_SERVICE)) === undefined
  if (isRoleMissing)
    await ctx.authorize('iam:CreateServiceLinkedRole', linkedRoleArn(ctx.accountId, REPORTS_SERVICE), {
      'iam:AWSServiceName': REPORTS_SERVICE,
    })
  const kept = await ctx.store.transaction(async (tx) => {
    const present = await findReportPlan(tx, ctx, row.name)
    if (present !== undefined) return sameRequest(ctx, present, row)
    if ((await countReportPlans(tx, ctx.accountId)) >= MAX_REPORT_PLANS)
      throw new LimitExceededException(
        `Cannot create report plan ${row.name}: the account has ${MAX_REPORT_PLANS}, which is the limit`,
      )
    if (!(await insertReportPlan(tx, row)))
      throw new ConflictException(`Report plan ${row.name} is being created`)
    await putTags(tx, ctx.accountId, arnOfReportPlan(ctx, row), tags)
    if (isRoleMissing) await insertLinkedRole(tx, ctx, REPORTS_SERVICE, null)
    return row
  })
  return {
    ReportPlanName: kept.name,
    ReportPlanArn: arnOfReportPlan(ctx, kept),
    CreationTime: new Date(kept.created_at),
  }
}

/** Decides that the caller himself may write everything that the plan will. */
async function mayWriteTo(ctx: Context, delivery: ReportDeliveryChannel): Promise<ReportTarget> {
  const target = await reportTarget(ctx, delivery.S3BucketName)
  const remark = 'Reports are written there for whoever makes the report plan'
  const access = await ctx.ask(
    target.type === 'S3'
      ? {
          action: 's3:PutObject',
          resource: `${target.arn}/${reportPrefix(ctx.region, delivery.S3KeyPrefix)}`,
          below: { ownKeys: [] },
          remark,
        }
      : { action: 'elasticfilesystem:ClientWrite', resource: target.arn, remark },
  )
  if (!access.allowed) throw access.refusal
  return target
}

function sameRequest(ctx: Context, present: ReportPlanTable, row: ReportPlanTable): ReportPlanTable {
  const isSame =
    row.idempotency_token !== null &&
    (['idempotency_token', 'delivery', 'setting', 'description'] as const).every(
      (column) => present[column] === row[column],
    )
  if (isSame) return present
  throw new AlreadyExistsException(`Report plan ${row.name} exists already in this account and region`, {
    Arn: arnOfReportPlan(ctx, present),
    Context: row.name,
  })
}

export async function describeReportPlan(
  ctx: Context,
  input: DescribeReportPlanInput,
): Promise<DescribeReportPlanOutput> {
  return { ReportPlan: await toReportPlan(ctx, await presentReportPlan(ctx, input.ReportPlanName)) }
}

export async function updateReportPlan(
  ctx: Context,
  input: UpdateReportPlanInput,
): Promise<UpdateReportPlanOutput> {
  const {
    ReportDeliveryChannel: delivery,
    ReportSetting: setting,
    ReportPlanDescription: description,
  } = input
  if (delivery !== undefined) checkDelivery(delivery)
  if (setting !== undefined) await checkSetting(ctx, setting)
  const target = delivery === undefined ? undefined : await mayWriteTo(ctx, delivery)
  const row = await ctx.store.transaction(async (tx) => {
    const present = await presentReportPlan(ctx, input.ReportPlanName, tx)
    await changeReportPlan(tx, present.report_plan_id, {
      ...(target !== undefined && {
        delivery: JSON.stringify(delivery),
        target_arn: target.arn,
        target_unique_id: target.uniqueId,
      }),
      ...(setting !== undefined && { setting: JSON.stringify(setting) }),
      ...(description !== undefined && { description }),
    })
    return present
  })
  return {
    ReportPlanName: row.name,
    ReportPlanArn: arnOfReportPlan(ctx, row),
    CreationTime: new Date(row.created_at),
  }
}

export async function deleteReportPlan(
  ctx: Context,
  input: DeleteReportPlanInput,
): Promise<Record<string, never>> {
  await ctx.store.transaction(async (tx) => {
    const row = await presentReportPlan(ctx, input.ReportPlanName, tx)
    await removeReportPlan(tx, row.report_plan_id)
    await deleteAllTags(tx, ctx.accountId, arnOfReportPlan(ctx, row))
  })
  return {}
}

export async function listReportPlans(
  ctx: Context,
  input: ListReportPlansInput,
): Promise<ListReportPlansOutput> {
  const { rows, next } = await pageOfReportPlans(ctx.store.db, ctx, pageOf(ctx, 'ListReportPlans', input))
  const ReportPlans = []
  for (const row of rows) ReportPlans.push(await toReportPlan(ctx, row))
  return { ReportPlans, NextToken: nextToken(ctx, 'ListReportPlans', next) }
}

export async function presentReportPlan(
  ctx: Context,
  name: string,
  db: Queryable = ctx.store.db,
): Promise<ReportPlanTable> {
  const row = await findReportPlan(db, ctx, name)
  if (row !== undefined) return row
  throw new ResourceNotFoundException(`Cannot find report plan ${name}`, { Context: name })
}

async function toReportPlan(ctx: Context, row: ReportPlanTable): Promise<ReportPlan> {
  const arn = arnOfReportPlan(ctx, row)
  const attempted = await lastJob(ctx, arn)
  const successful = attempted?.state === 'COMPLETED' ? attempted : await lastJob(ctx, arn, ['COMPLETED'])
  return {
    ReportPlanArn: arn,
    ReportPlanName: row.name,
    ReportPlanDescription: row.description ?? undefined,
    ReportSetting: JSON.parse(row.setting) as ReportSetting,
    ReportDeliveryChannel: JSON.parse(row.delivery) as ReportDeliveryChannel,
    DeploymentStatus: 'COMPLETED',
    CreationTime: new Date(row.created_at),
    ...(attempted !== undefined && { LastAttemptedExecutionTime: new Date(attempted.created_at) }),
    ...(successful !== undefined && { LastSuccessfulExecutionTime: new Date(successful.created_at) }),
  }
}

async function lastJob(
  ctx: Context,
  arn: string,
  states?: readonly JobTable['state'][],
): Promise<JobTable | undefined> {
  const filter = {
    accountId: ctx.accountId,
    region: ctx.region,
    kinds: ['report'],
    resourceArn: arn,
    states,
  } as const
  return (await listJobs(ctx.store.db, filter, { limit: 1 })).rows[0]
}
