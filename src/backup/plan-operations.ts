import { resourceTagKeys } from '../access/request-context.ts'
import type { BackupApi } from '../aws/generated/backup.ts'
import type { OperationContext, Service } from '../aws/operation.ts'
import type { Context } from '../context.ts'
import { tagsOf } from '../store/identity/tags.ts'
import { planArn } from './arns.ts'
import {
  exportBackupPlanTemplate,
  getBackupPlanFromJson,
  getBackupPlanFromTemplate,
  listBackupPlanTemplates,
} from './plan-templates.ts'
import {
  createBackupPlan,
  deleteBackupPlan,
  getBackupPlan,
  listBackupPlanVersions,
  listBackupPlans,
  updateBackupPlan,
} from './plans.ts'
import { requestTags } from './request-tags.ts'
import {
  createBackupSelection,
  deleteBackupSelection,
  getBackupSelection,
  listBackupSelections,
} from './selections.ts'

type PlanInput = { readonly BackupPlanId: string }

const plan = (ctx: Context, input: PlanInput): string => planArn(ctx, input.BackupPlanId)
/** AWS decides the making of a plan, whose id does not exist yet, on any plan of the account. */
const anyPlan = (ctx: Context): string => planArn(ctx, '*')
const all = (): string => '*'

async function planContext(ctx: Context, input: PlanInput): Promise<OperationContext> {
  return resourceTagKeys(await tagsOf(ctx.store.db, ctx.accountId, planArn(ctx, input.BackupPlanId)))
}

type PlanOperation =
  | 'CreateBackupPlan'
  | 'UpdateBackupPlan'
  | 'GetBackupPlan'
  | 'DeleteBackupPlan'
  | 'ListBackupPlans'
  | 'ListBackupPlanVersions'
  | 'ExportBackupPlanTemplate'
  | 'GetBackupPlanFromJSON'
  | 'GetBackupPlanFromTemplate'
  | 'ListBackupPlanTemplates'
  | 'CreateBackupSelection'
  | 'GetBackupSelection'
  | 'ListBackupSelections'
  | 'DeleteBackupSelection'

/** Plans and what they select. */
export const planOperations: Pick<Service<BackupApi, Context>, PlanOperation> = {
  CreateBackupPlan: {
    resource: anyPlan,
    context: (_, input) => requestTags(input.BackupPlanTags),
    handler: createBackupPlan,
  },
  UpdateBackupPlan: { resource: plan, context: planContext, handler: updateBackupPlan },
  GetBackupPlan: { resource: plan, context: planContext, handler: getBackupPlan },
  DeleteBackupPlan: { resource: plan, context: planContext, handler: deleteBackupPlan },
  ListBackupPlans: { resource: all, handler: listBackupPlans },
  ListBackupPlanVersions: { resource: plan, context: planContext, handler: listBackupPlanVersions },
  ExportBackupPlanTemplate: { resource: plan, context: planContext, handler: exportBackupPlanTemplate },
  GetBackupPlanFromJSON: { resource: all, handler: getBackupPlanFromJson },
  GetBackupPlanFromTemplate: { resource: all, handler: getBackupPlanFromTemplate },
  ListBackupPlanTemplates: { resource: all, handler: listBackupPlanTemplates },
  CreateBackupSelection: { resource: plan, context: planContext, handler: createBackupSelection },
  GetBackupSelection: { resource: plan, context: planContext, handler: getBackupSelection },
  ListBackupSelections: { resource: plan, context: planContext, handler: listBackupSelections },
  DeleteBackupSelection: { resource: plan, context: planContext, handler: deleteBackupSelection },
}
