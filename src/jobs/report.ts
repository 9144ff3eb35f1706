import { serviceSession } from '../access/assume.ts'
import { findLinkedRole, linkedRoleArn, REPORTS_SERVICE } from '../access/linked-roles.ts'
import { layersOf } from '../access/layers.ts'
import { refusalMessage, refusalOf } from '../access/refusal.ts'
import { principalView, requestContext } from '../access/request-context.ts'
import { FORMS, reportFiles } from '../compliance/report-format.ts'
import type { ReportFormat } from '../compliance/report-format.ts'
import { nextReportAt, reportKey } from '../compliance/report-places.ts'
import { COLUMNS, reportItems } from '../compliance/report.ts'
import type { ReportScope, ReportTemplate } from '../compliance/report.ts'
import { writeReport } from '../drivers/report-target.ts'
import { arnOf } from '../lib/arn.ts'
import { uuid } from '../lib/ids.ts'
import { contextOf, evaluate } from '../policy/evaluate.ts'
import { nextDecisionSeq, saveDecisions } from '../store/audit/decisions.ts'
import { insertDenials } from '../store/audit/denials.ts'
import { insertJob } from '../store/jobs/jobs.ts'
import { advanceReportPlan, dueReportPlans, findReportPlanById } from '../store/compliance/report-plans.ts'
import { findResource } from '../store/resources/resources.ts'
import type { JobTable, ResourceTable } from '../store/schema.ts'
import type { ReportPlanTable } from '../store/compliance/schema-reports.ts'
import { connectionOf } from './connections.ts'
import { DecisionLog } from './decision-log.ts'
import { AccessDeniedError, JobFailedError } from './errors.ts'
import type { JobOutcome, JobTools, RunningJob } from './tools.ts'

/** What reports look back over, in milliseconds. */
const PERIOD_MS = 86_400_000
/** Plans taken up in one round. */
const BATCH = 100

interface Delivery {
  readonly S3BucketName: string
  readonly S3KeyPrefix?: string
  readonly Formats?: readonly ReportFormat[]
}

interface Setting {
  readonly ReportTemplate: ReportTemplate
  readonly FrameworkArns?: readonly string[]
  readonly Regions?: readonly string[]
}

/**
 * A report job: makes the plan's report of the 24 hours before it was asked for and writes it, each file decided for the
 * service-linked role. Every attempt of a job writes to the same keys: a run is delivered once.
 */
export async function runReport(tools: JobTools, job: RunningJob): Promise<JobOutcome> {
  const { row } = job
  const { reportPlanId } = JSON.parse(row.input) as { readonly reportPlanId: string }
  const plan = await findReportPlanById(tools.store.db, reportPlanId)
  if (plan === undefined) throw new JobFailedError('Report job failed: its report plan was deleted')
  const resource = await targetOf(tools, plan)
  const delivery = JSON.parse(plan.delivery) as Delivery
  const setting = JSON.parse(plan.setting) as Setting
  const scope = await scopeOf(tools, plan, setting, row.created_at)
  const template = setting.ReportTemplate
  const named = { name: plan.name, region: plan.region, keyPrefix: delivery.S3KeyPrefix }
  const keys: string[] = []
  for (const format of delivery.Formats ?? (['CSV'] as const)) {
    const items = reportItems(tools.store.db, template, scope)
    let number = 0
    for await (const body of reportFiles(format, COLUMNS[template], items)) {
      const key = reportKey(named, row, { format, number: ++number })
      await decideWrite(tools, row, resource, key)
      await job.check()
      await write(tools, job, resource, { key, format, body })
      keys.push(key)
      job.progress.bytesDone += body.length
      job.progress.itemsDone++
    }
  }
  return { state: 'COMPLETED', result: { target: delivery.S3BucketName, keys } }
}

/** The bucket or directory that whoever made the plan might write to, and no other that has its name now. */
async function targetOf(tools: JobTools, plan: ReportPlanTable): Promise<ResourceTable> {
  const resource = await findResource(tools.store.db, plan.account_id, plan.target_arn)
  if (resource?.unique_id === plan.target_unique_id) return resource
  throw new JobFailedError(
    `Report job failed: ${plan.target_arn} is ${resource === undefined ? 'no longer registered' : 'registered anew'}. ` +
      'Name where to deliver to with UpdateReportPlan',
  )
}

async function scopeOf(
  tools: JobTools,
  plan: ReportPlanTable,
  setting: Setting,
  to: number,
): Promise<ReportScope> {
  const { Regions = [plan.region], FrameworkArns = [] } = setting
  const isAll = Regions.includes('*')
  const regions = isAll ? await regionsOf(tools, plan.account_id) : Regions
  return { accountId: plan.account_id, regions, frameworkArns: FrameworkArns, from: to - PERIOD_MS, to }
}

/** Those that the account has jobs of. */
async function regionsOf(tools: JobTools, accountId: string): Promise<readonly string[]> {
  const rows = await tools.store.db
    .selectFrom('job')
    .select('region')
    .distinct()
    .where('account_id', '=', accountId)
    .orderBy('region')
    .execute()
  return rows.map(({ region }) => region)
}

async function write(
  tools: JobTools,
  job: RunningJob,
  resource: ResourceTable,
  file: { readonly key: string; readonly format: ReportFormat; readonly body: Buffer },
): Promise<void> {
  const connection = connectionOf(tools.serverKey, resource)
  const type = resource.type === 'S3' ? 'S3' : 'EFS'
  const { contentType } = FORMS[file.format]
  try {
    await writeReport(type, connection, { ...file, contentType, jobId: job.row.job_id }, job.signal)
  } catch (cause) {
    job.signal.throwIfAborted()
    const message = cause instanceof Error ? cause.message : String(cause)
    throw new JobFailedError(`Report job failed: ${message}`, 'FAILURE', { cause })
  }
}

/** @throws {AccessDeniedError} With the decision in the job's record, as an allowed one is before the write. */
async function decideWrite(
  tools: JobTools,
  row: JobTable,
  target: ResourceTable,
  key: string,
): Promise<void> {
  const { store, clock } = tools
  const role = await findLinkedRole(store.db, row.account_id, REPORTS_SERVICE)
  if (role === undefined)
    throw new JobFailedError(
      `Report job failed: there is no role ${linkedRoleArn(row.account_id, REPORTS_SERVICE)}. Make it with CreateServiceLinkedRole`,
      'AccessDenied',
    )
  const at = clock.now()
  const principal = await serviceSession(store.db, role, at)
  const [action, resource] =
    target.type === 'S3'
      ? ['s3:PutObject', `${target.arn}/${key}`]
      : ['elasticfilesystem:ClientWrite', target.arn]
  const facts = { region: row.region, now: at, resourceAccountId: row.account_id }
  const request = {
    principal: principalView(principal),
    action,
    resource,
    resourceAccountId: row.account_id,
    context: contextOf(requestContext(principal, facts)),
  }
  const question = { request, layers: await layersOf(store.db, principal) }
  const decision = evaluate(request, question.layers)
  const log = new DecisionLog(await nextDecisionSeq(store.db, row.job_id))
  log.add({ step: 'DeliverReport', action, arn: resource, decision, at })
  if (decision.allowed) return await saveDecisions(store.db, row, log.take())
  const { id, records } = refusalOf(principal, question, decision, {
    at,
    jobId: row.job_id,
    notes: [`A report is written for the service-linked role ${role.name}`],
  })
  await store.transaction(async (tx) => {
    await saveDecisions(tx, row, log.take())
    await insertDenials(tx, records)
  })
  throw new AccessDeniedError(refusalMessage(principal, question, decision, id))
}

/** Puts the daily reports into the queue that are due: each in the transaction that moves its plan on, so once. */
export async function queueDueReports(tools: Pick<JobTools, 'store'>, now: number): Promise<void> {
  const { store } = tools
  for (const plan of await dueReportPlans(store.db, now, BATCH)) {
    const { ReportTemplate: template } = JSON.parse(plan.setting) as Setting
    await store.transaction(async (tx) => {
      if (!(await advanceReportPlan(tx, plan, nextReportAt(plan.report_plan_id, now)))) return
      await insertJob(tx, {
        account_id: plan.account_id,
        region: plan.region,
        job_id: uuid(),
        kind: 'report',
        created_at: now,
        caller_arn: REPORTS_SERVICE,
        resource_arn: arnOf(
          'backup',
          plan.region,
          plan.account_id,
          `report-plan:${plan.name}-${plan.report_plan_id}`,
        ),
        lock_key: `report ${plan.report_plan_id}`,
        input: JSON.stringify({ reportPlanId: plan.report_plan_id, template }),
      })
    })
    store.wake()
  }
}
