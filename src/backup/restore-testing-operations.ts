import { resourceTagKeys } from '../access/request-context.ts'
import type { BackupApi } from '../aws/generated/backup.ts'
import type { OperationContext, Service } from '../aws/operation.ts'
import type { Context } from '../context.ts'
import { findTestingPlan } from '../store/plans/restore-testing.ts'
import { tagsOf } from '../store/identity/tags.ts'
import { restoreTestingPlanArn } from './arns.ts'
import { requestTags } from './request-tags.ts'
import { putRestoreValidationResult } from './restore-validation.ts'
import {
  createRestoreTestingPlan,
  deleteRestoreTestingPlan,
  getRestoreTestingPlan,
  listRestoreTestingPlans,
  updateRestoreTestingPlan,
} from './restore-testing-plans.ts'
import {
  createRestoreTestingSelection,
  deleteRestoreTestingSelection,
  getRestoreTestingSelection,
  listRestoreTestingSelections,
  updateRestoreTestingSelection,
} from './restore-testing-selections.ts'

type PlanInput = { readonly RestoreTestingPlanName: string }

/** A plan's ARN ends in an id behind its name; for one that is not there the id is open. */
async function plan(ctx: Context, { RestoreTestingPlanName: name }: PlanInput): Promise<string> {
  return (await findTestingPlan(ctx.store.db, ctx, name))?.arn ?? restoreTestingPlanArn(ctx, `${name}-*`)
}

async function planContext(ctx: Context, input: PlanInput): Promise<OperationContext> {
  return resourceTagKeys(await tagsOf(ctx.store.db, ctx.accountId, await plan(ctx, input)))
}

type RestoreTestingOperation =
  | 'CreateRestoreTestingPlan'
  | 'UpdateRestoreTestingPlan'
  | 'GetRestoreTestingPlan'
  | 'DeleteRestoreTestingPlan'
  | 'ListRestoreTestingPlans'
  | 'CreateRestoreTestingSelection'
  | 'UpdateRestoreTestingSelection'
  | 'GetRestoreTestingSelection'
  | 'DeleteRestoreTestingSelection'
  | 'ListRestoreTestingSelections'
  | 'PutRestoreValidationResult'

/** Restore testing plans, what they select, and what came of it. */
export const restoreTestingOperations: Pick<Service<BackupApi, Context>, RestoreTestingOperation> = {
  CreateRestoreTestingPlan: {
    resource: (ctx, input) => plan(ctx, input.RestoreTestingPlan),
    context: (_, input) => requestTags(input.Tags),
    handler: createRestoreTestingPlan,
  },
  UpdateRestoreTestingPlan: { resource: plan, context: planContext, handler: updateRestoreTestingPlan },
  GetRestoreTestingPlan: { resource: plan, context: planContext, handler: getRestoreTestingPlan },
  DeleteRestoreTestingPlan: { resource: plan, context: planContext, handler: deleteRestoreTestingPlan },
  ListRestoreTestingPlans: { resource: () => '*', handler: listRestoreTestingPlans },
  CreateRestoreTestingSelection: {
    resource: plan,
    context: planContext,
    handler: createRestoreTestingSelection,
  },
  UpdateRestoreTestingSelection: {
    resource: plan,
    context: planContext,
    handler: updateRestoreTestingSelection,
  },
  GetRestoreTestingSelection: {
    resource: plan,
    context: planContext,
    handler: getRestoreTestingSelection,
  },
  DeleteRestoreTestingSelection: {
    resource: plan,
    context: planContext,
    handler: deleteRestoreTestingSelection,
  },
  ListRestoreTestingSelections: {
    resource: plan,
    context: planContext,
    handler: listRestoreTestingSelections,
  },
  PutRestoreValidationResult: { resource: () => '*', handler: putRestoreValidationResult },
}
