import { resourceTagKeys } from '../access/request-context.ts'
import type { BackupApi } from '../aws/generated/backup.ts'
import type { OperationContext, Service } from '../aws/operation.ts'
import type { Context } from '../context.ts'
import { tagsOf } from '../store/identity/tags.ts'
import {
  createFramework,
  deleteFramework,
  describeFramework,
  frameworkNamed,
  listFrameworks,
  updateFramework,
} from './frameworks.ts'
import { describeReportJob, listReportJobs, startReportJob } from './report-jobs.ts'
import {
  createReportPlan,
  deleteReportPlan,
  describeReportPlan,
  listReportPlans,
  reportPlanNamed,
  updateReportPlan,
} from './report-plans.ts'
import { requestTags } from './request-tags.ts'

type FrameworkInput = { readonly FrameworkName: string }

const all = (): string => '*'

const onFramework = {
  resource: frameworkNamed,
  context: async (ctx: Context, input: FrameworkInput): Promise<OperationContext> =>
    resourceTagKeys(await tagsOf(ctx.store.db, ctx.accountId, await frameworkNamed(ctx, input))),
}

const onReportPlan = {
  resource: reportPlanNamed,
  context: async (ctx: Context, input: { readonly ReportPlanName: string }): Promise<OperationContext> =>
    resourceTagKeys(await tagsOf(ctx.store.db, ctx.accountId, await reportPlanNamed(ctx, input))),
}

type AuditOperation =
  | 'CreateFramework'
  | 'DescribeFramework'
  | 'UpdateFramework'
  | 'DeleteFramework'
  | 'ListFrameworks'
  | 'CreateReportPlan'
  | 'DescribeReportPlan'
  | 'UpdateReportPlan'
  | 'DeleteReportPlan'
  | 'ListReportPlans'
  | 'StartReportJob'
  | 'DescribeReportJob'
  | 'ListReportJobs'

/** Frameworks, and reports of what they find. */
export const auditOperations: Pick<Service<BackupApi, Context>, AuditOperation> = {
  CreateFramework: {
    resource: all,
    context: (_, input) => requestTags(input.FrameworkTags),
    handler: createFramework,
  },
  DescribeFramework: { ...onFramework, handler: describeFramework },
  UpdateFramework: { ...onFramework, handler: updateFramework },
  DeleteFramework: { ...onFramework, handler: deleteFramework },
  ListFrameworks: { resource: all, handler: listFrameworks },
  CreateReportPlan: {
    resource: all,
    context: (_, input) => requestTags(input.ReportPlanTags),
    handler: createReportPlan,
  },
  DescribeReportPlan: { ...onReportPlan, handler: describeReportPlan },
  UpdateReportPlan: { ...onReportPlan, handler: updateReportPlan },
  DeleteReportPlan: { ...onReportPlan, handler: deleteReportPlan },
  ListReportPlans: { resource: all, handler: listReportPlans },
  StartReportJob: { ...onReportPlan, handler: startReportJob },
  DescribeReportJob: { resource: all, handler: describeReportJob },
  ListReportJobs: { resource: all, handler: listReportJobs },
}
