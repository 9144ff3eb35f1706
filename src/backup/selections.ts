import { guardAll, PLAN_COPIES } from '../access/restore-guard.ts'
import { AlreadyExistsException, InvalidParameterValueException } from '../aws/generated/backup.ts'
import type {
  CreateBackupSelectionInput,
  CreateBackupSelectionOutput,
  DeleteBackupSelectionInput,
  GetBackupSelectionInput,
  GetBackupSelectionOutput,
  ListBackupSelectionsInput,
  ListBackupSelectionsOutput,
} from '../aws/generated/backup.ts'
import { decideForService } from '../access/service-decision.ts'
import { BACKUP_SERVICE } from '../access/passed-role.ts'
import type { Context } from '../context.ts'
import { uuid } from '../lib/ids.ts'
import { selectionProblem } from '../plans/selection.ts'
import type { SelectionDocument } from '../plans/selection.ts'
import {
  deleteSelection,
  findPlan,
  findSelection,
  insertSelection,
  listSelections,
  selectionsOfPlan,
} from '../store/plans/plans.ts'
import type { BackupSelectionTable } from '../store/plans/schema-plans.ts'
import type { RoleTable } from '../store/schema.ts'
import { planArn } from './arns.ts'
import { nextToken, pageOf } from './paging.ts'
import { passRole } from './pass-role.ts'
import { foreignCopies } from './plan-document.ts'
import { checkSelectionCount, documentOf, noSuchPlan, planOf } from './plans.ts'

/**
 * Assigns resources to a plan under a role. In AWS's order: the caller's PassRole, the role's existence, its trust policy, its
 * tag:GetResources; Terraform repeats the call on the texts of the last two.
 */
export async function createBackupSelection(
  ctx: Context,
  input: CreateBackupSelectionInput,
): Promise<CreateBackupSelectionOutput> {
  const plan = await planOf(ctx, input.BackupPlanId)
  const arn = planArn(ctx, plan.plan_id)
  const role = await passRole(ctx, input.BackupSelection.IamRoleArn, arn)
  await mayListResources(ctx, role, input.BackupSelection.IamRoleArn, arn)
  const problem = selectionProblem(input.BackupSelection)
  if (problem !== undefined) throw new InvalidParameterValueException(problem, { Context: 'BackupSelection' })
  if (foreignCopies(ctx, documentOf(plan)).length > 0)
    for (const warning of await guardAll(ctx, PLAN_COPIES)) ctx.warn(warning)
  const row = newSelection(ctx, input, role)
  const made = await ctx.store.transaction(async (tx) => {
    const now = await findPlan(tx, ctx, plan.plan_id)
    if (now === undefined || now.deleted_at !== null) throw noSuchPlan(plan.plan_id)
    const others = await selectionsOfPlan(tx, plan.plan_id)
    const earlier = await findSelection(tx, plan.plan_id, { creatorRequestId: row.creator_request_id })
    if (earlier !== undefined) return sameRequest(earlier, row)
    const sameName = others.find(({ name }) => name === row.name)
    if (sameName !== undefined) throw selectionExists(sameName)
    checkSelectionCount(others.length)
    await insertSelection(tx, row)
    return row
  })
  return {
    SelectionId: made.selection_id,
    BackupPlanId: made.plan_id,
    CreationDate: new Date(made.created_at),
  }
}

function newSelection(
  ctx: Context,
  input: CreateBackupSelectionInput,
  role: RoleTable,
): BackupSelectionTable {
  return {
    account_id: ctx.accountId,
    region: ctx.region,
    plan_id: input.BackupPlanId,
    selection_id: uuid(),
    name: input.BackupSelection.SelectionName,
    role_arn: input.BackupSelection.IamRoleArn,
    role_id: role.role_id,
    document: JSON.stringify(input.BackupSelection),
    creator_request_id: input.CreatorRequestId ?? uuid(),
    created_by: ctx.principal.arn,
    created_at: ctx.now,
  }
}

function sameRequest(earlier: BackupSelectionTable, row: BackupSelectionTable): BackupSelectionTable {
  if (earlier.document === row.document) return earlier
  throw selectionExists(earlier)
}

function selectionExists(earlier: BackupSelectionTable): AlreadyExistsException {
  return new AlreadyExistsException(`A backup selection with the name ${earlier.name} already exists`, {
    CreatorRequestId: earlier.creator_request_id,
  })
}

/** The role finds the resources at every run; without the right it would find none, night after night. */
async function mayListResources(
  ctx: Context,
  role: RoleTable,
  arn: string,
  planArnOf: string,
): Promise<void> {
  const decision = await decideForService(
    ctx.store.db,
    { roleId: role.role_id, roleArn: arn },
    { service: BACKUP_SERVICE, sourceAccount: ctx.accountId, sourceArn: planArnOf, now: ctx.now },
    { action: 'tag:GetResources', resource: '*', region: ctx.region },
  )
  if (decision.allowed) return
  throw new InvalidParameterValueException(
    `IAM Role ${arn} is not authorized to call tag:GetResources: ${decision.reason}`,
    { Context: arn },
  )
}

export async function getBackupSelection(
  ctx: Context,
  input: GetBackupSelectionInput,
): Promise<GetBackupSelectionOutput> {
  const row = await selectionOf(ctx, input)
  return {
    BackupSelection: JSON.parse(
      row.document,
    ) as SelectionDocument as GetBackupSelectionOutput['BackupSelection'],
    SelectionId: row.selection_id,
    BackupPlanId: row.plan_id,
    CreationDate: new Date(row.created_at),
    CreatorRequestId: row.creator_request_id,
  }
}

export async function deleteBackupSelection(
  ctx: Context,
  input: DeleteBackupSelectionInput,
): Promise<Record<string, never>> {
  const row = await selectionOf(ctx, input)
  await deleteSelection(ctx.store.db, row.plan_id, row.selection_id)
  return {}
}

export async function listBackupSelections(
  ctx: Context,
  input: ListBackupSelectionsInput,
): Promise<ListBackupSelectionsOutput> {
  const plan = await planOf(ctx, input.BackupPlanId)
  const list = `ListBackupSelections ${plan.plan_id}`
  const { rows, next } = await listSelections(ctx.store.db, plan.plan_id, pageOf(ctx, list, input))
  return {
    BackupSelectionsList: rows.map((row) => ({
      SelectionId: row.selection_id,
      SelectionName: row.name,
      BackupPlanId: row.plan_id,
      CreationDate: new Date(row.created_at),
      CreatorRequestId: row.creator_request_id,
      IamRoleArn: row.role_arn,
    })),
    NextToken: nextToken(ctx, list, next),
  }
}

/** AWS says InvalidParameterValueException here, and Terraform takes "Cannot find Backup plan" for gone. */
async function selectionOf(
  ctx: Context,
  input: { readonly BackupPlanId: string; readonly SelectionId: string },
): Promise<BackupSelectionTable> {
  const plan = await findPlan(ctx.store.db, ctx, input.BackupPlanId)
  const row =
    plan === undefined || plan.deleted_at !== null
      ? undefined
      : await findSelection(ctx.store.db, plan.plan_id, { selectionId: input.SelectionId })
  if (row !== undefined) return row
  const what = plan === undefined || plan.deleted_at !== null ? '' : ` and selection ID ${input.SelectionId}`
  throw new InvalidParameterValueException(`Cannot find Backup plan with ID ${input.BackupPlanId}${what}`, {
    Context: input.SelectionId,
  })
}
