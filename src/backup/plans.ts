import {
  InvalidRequestException,
  LimitExceededException,
  ResourceNotFoundException,
} from '../aws/generated/backup.ts'
import type {
  BackupPlansListMember,
  CreateBackupPlanInput,
  CreateBackupPlanOutput,
  DeleteBackupPlanInput,
  DeleteBackupPlanOutput,
  GetBackupPlanInput,
  GetBackupPlanOutput,
  ListBackupPlanVersionsInput,
  ListBackupPlanVersionsOutput,
  ListBackupPlansInput,
  ListBackupPlansOutput,
  UpdateBackupPlanInput,
  UpdateBackupPlanOutput,
} from '../aws/generated/backup.ts'
import { passRoleContext } from '../access/passed-role.ts'
import type { Context } from '../context.ts'
import { uuid } from '../lib/ids.ts'
import {
  countPlans,
  deletePlan,
  findPlan,
  plansNamed,
  findPlanByRequest,
  findPlanVersion,
  lastPlanVersion,
  listPlanVersions,
  listPlans,
  rulesOfPlan,
  selectionsOfPlan,
  writePlanVersion,
} from '../store/plans/plans.ts'
import type { PlanRow } from '../store/plans/plans.ts'
import type { BackupPlanTable } from '../store/plans/schema-plans.ts'
import { deleteAllTags, putTags } from '../store/identity/tags.ts'
import { planArn } from './arns.ts'
import { nextToken, pageOf } from './paging.ts'
import {
  guardCopies,
  isSamePlan,
  nextRuns,
  planDocument,
  planExists,
  scheduledRules,
} from './plan-document.ts'
import type { StoredPlan } from './plan-document.ts'
import { checkTags } from './tags.ts'

/** AWS Backup quotas. */
const MAX_PLANS = 300
const MAX_SELECTIONS = 100
const MAX_VERSIONS = 2_000

export async function createBackupPlan(
  ctx: Context,
  input: CreateBackupPlanInput,
): Promise<CreateBackupPlanOutput> {
  const tags = checkTags(input.BackupPlanTags ?? {})
  const document = await planDocument(ctx, input.BackupPlan)
  await guardCopies(ctx, document)
  const plan = newPlan(ctx, document, input.CreatorRequestId ?? uuid())
  const made = await ctx.store.transaction(async (tx) => {
    const sameRequest = await findPlanByRequest(tx, ctx, plan.creator_request_id)
    if (sameRequest !== undefined) {
      const isSame = sameRequest.deleted_at === null && isSamePlan(documentOf(sameRequest), document)
      if (isSame) return sameRequest
      throw planExists(planArn(ctx, sameRequest.plan_id), plan.creator_request_id)
    }
    for (const other of await plansNamed(tx, ctx, plan.name)) {
      if (isSamePlan(documentOf(other), document))
        throw planExists(planArn(ctx, other.plan_id), other.creator_request_id)
    }
    if ((await countPlans(tx, ctx)) >= MAX_PLANS)
      throw new LimitExceededException(`Cannot create a backup plan: the account has ${MAX_PLANS}, the limit`)
    await writePlanVersion(
      tx,
      plan,
      { document: JSON.stringify(document) },
      scheduledRules(document, ctx.now),
    )
    await putTags(tx, ctx.accountId, planArn(ctx, plan.plan_id), tags)
    return plan
  })
  ctx.store.wake()
  return {
    BackupPlanId: made.plan_id,
    BackupPlanArn: planArn(ctx, made.plan_id),
    CreationDate: new Date(made.created_at),
    VersionId: made.version_id,
  }
}

function newPlan(ctx: Context, { BackupPlanName }: StoredPlan, creatorRequestId: string): BackupPlanTable {
  return {
    account_id: ctx.accountId,
    region: ctx.region,
    plan_id: uuid(),
    name: BackupPlanName,
    version_id: newVersionId(),
    creator_request_id: creatorRequestId,
    created_at: ctx.now,
    updated_at: ctx.now,
    deleted_at: null,
    last_run_at: null,
  }
}

/** AWS's version ids are UUIDs in base64. */
const newVersionId = (): string => Buffer.from(uuid()).toString('base64')

/**
 * Writes a new version. Who changes where a plan's backups go changes what its selections' roles are used for, and so must be
 * allowed to pass each of them.
 */
export async function updateBackupPlan(
  ctx: Context,
  input: UpdateBackupPlanInput,
): Promise<UpdateBackupPlanOutput> {
  const present = await planOf(ctx, input.BackupPlanId)
  const arn = planArn(ctx, present.plan_id)
  const selections = await selectionsOfPlan(ctx.store.db, present.plan_id)
  for (const role of new Set(selections.map(({ role_arn }) => role_arn)))
    await ctx.authorize('iam:PassRole', role, passRoleContext(arn))
  const earlier = documentOf(present)
  const document = await planDocument(ctx, input.BackupPlan, earlier)
  await guardCopies(ctx, document, earlier)
  const plan: BackupPlanTable = {
    ...withoutDocument(present),
    name: document.BackupPlanName,
    version_id: newVersionId(),
    updated_at: ctx.now,
  }
  await ctx.store.transaction(async (tx) => {
    const now = await findPlan(tx, ctx, plan.plan_id)
    if (now === undefined || now.deleted_at !== null) throw noSuchPlan(plan.plan_id)
    if (now.version_id !== present.version_id) {
      throw new InvalidRequestException(
        `Backup plan ${plan.plan_id} was changed by somebody else meanwhile. Read it and try again`,
      )
    }
    const passed = new Set(selections.map(({ role_id }) => role_id))
    if ((await selectionsOfPlan(tx, plan.plan_id)).some(({ role_id }) => !passed.has(role_id))) {
      throw new InvalidRequestException(
        `Backup plan ${plan.plan_id} got a selection with another role meanwhile. Try again`,
      )
    }
    if ((await lastPlanVersion(tx, plan.plan_id)) >= MAX_VERSIONS) {
      throw new LimitExceededException(
        `Cannot update backup plan ${plan.plan_id}: it has ${MAX_VERSIONS} versions, the limit. Make a new plan of it with ExportBackupPlanTemplate`,
      )
    }
    const rules = await rulesOfPlan(tx, plan.plan_id)
    await writePlanVersion(
      tx,
      plan,
      { document: JSON.stringify(document) },
      scheduledRules(document, ctx.now, { plan: earlier, rules }),
    )
  })
  ctx.store.wake()
  return {
    BackupPlanId: plan.plan_id,
    BackupPlanArn: arn,
    CreationDate: new Date(plan.updated_at),
    VersionId: plan.version_id,
  }
}

function withoutDocument(row: PlanRow): BackupPlanTable {
  const { document: _, ...plan } = row
  return plan
}

export async function getBackupPlan(ctx: Context, input: GetBackupPlanInput): Promise<GetBackupPlanOutput> {
  const plan = await planOf(ctx, input.BackupPlanId, true)
  const version =
    input.VersionId === undefined
      ? { document: plan.document, version_id: plan.version_id, created_at: plan.updated_at }
      : await findPlanVersion(ctx.store.db, plan.plan_id, input.VersionId)
  if (version === undefined) {
    throw new ResourceNotFoundException(
      `Cannot find version ${input.VersionId} of backup plan ${plan.plan_id}`,
      { Context: input.VersionId },
    )
  }
  const document = JSON.parse(version.document) as StoredPlan
  const preview =
    plan.deleted_at === null && (input.MaxScheduledRunsPreview ?? 0) > 0
      ? nextRuns(
          document,
          await rulesOfPlan(ctx.store.db, plan.plan_id),
          ctx.now,
          input.MaxScheduledRunsPreview as number,
        )
      : undefined
  return {
    BackupPlan: document,
    BackupPlanId: plan.plan_id,
    BackupPlanArn: planArn(ctx, plan.plan_id),
    VersionId: version.version_id,
    CreatorRequestId: plan.creator_request_id,
    CreationDate: new Date(version.created_at),
    DeletionDate: dateOf(plan.deleted_at),
    LastExecutionDate: dateOf(plan.last_run_at),
    ScheduledRunsPreview: preview?.map(({ at, ruleId }) => ({
      ExecutionTime: new Date(at),
      RuleId: ruleId,
      RuleExecutionType: 'SNAPSHOTS',
    })),
  }
}

export async function deleteBackupPlan(
  ctx: Context,
  input: DeleteBackupPlanInput,
): Promise<DeleteBackupPlanOutput> {
  const plan = await planOf(ctx, input.BackupPlanId)
  const arn = planArn(ctx, plan.plan_id)
  await ctx.store.transaction(async (tx) => {
    if ((await selectionsOfPlan(tx, plan.plan_id)).length > 0) {
      throw new InvalidRequestException(
        'Related backup plan selections must be deleted prior to backup plan deletion',
      )
    }
    await deletePlan(tx, plan.plan_id, ctx.now)
    await deleteAllTags(tx, ctx.accountId, arn)
  })
  return {
    BackupPlanId: plan.plan_id,
    BackupPlanArn: arn,
    DeletionDate: new Date(ctx.now),
    VersionId: plan.version_id,
  }
}

export async function listBackupPlans(
  ctx: Context,
  input: ListBackupPlansInput,
): Promise<ListBackupPlansOutput> {
  const place = { accountId: ctx.accountId, region: ctx.region, withDeleted: input.IncludeDeleted === true }
  const { rows, next } = await listPlans(ctx.store.db, place, pageOf(ctx, 'ListBackupPlans', input))
  return {
    BackupPlansList: rows.map((plan) => toMember(ctx, plan)),
    NextToken: nextToken(ctx, 'ListBackupPlans', next),
  }
}

export async function listBackupPlanVersions(
  ctx: Context,
  input: ListBackupPlanVersionsInput,
): Promise<ListBackupPlanVersionsOutput> {
  const plan = await planOf(ctx, input.BackupPlanId, true)
  const list = `ListBackupPlanVersions ${plan.plan_id}`
  const { rows, next } = await listPlanVersions(ctx.store.db, plan.plan_id, pageOf(ctx, list, input))
  return {
    BackupPlanVersionsList: rows.map((version) => ({
      ...toMember(ctx, plan),
      VersionId: version.version_id,
      BackupPlanName: (JSON.parse(version.document) as StoredPlan).BackupPlanName,
      CreationDate: new Date(version.created_at),
    })),
    NextToken: nextToken(ctx, list, next),
  }
}

function toMember(ctx: Context, plan: BackupPlanTable): BackupPlansListMember {
  return {
    BackupPlanArn: planArn(ctx, plan.plan_id),
    BackupPlanId: plan.plan_id,
    BackupPlanName: plan.name,
    CreationDate: new Date(plan.created_at),
    DeletionDate: dateOf(plan.deleted_at),
    VersionId: plan.version_id,
    CreatorRequestId: plan.creator_request_id,
    LastExecutionDate: dateOf(plan.last_run_at),
  }
}

/**
 * @param withDeleted Deleted plans can be looked at, not changed.
 * @throws {ResourceNotFoundException} "Cannot find Backup plan with ID …", which Terraform reads as gone.
 */
export async function planOf(ctx: Context, planId: string, withDeleted = false): Promise<PlanRow> {
  const plan = await findPlan(ctx.store.db, ctx, planId)
  if (plan === undefined || (plan.deleted_at !== null && !withDeleted)) throw noSuchPlan(planId)
  return plan
}

export function noSuchPlan(planId: string): ResourceNotFoundException {
  return new ResourceNotFoundException(`Cannot find Backup plan with ID ${planId}`, { Context: planId })
}

export function checkSelectionCount(count: number): void {
  if (count >= MAX_SELECTIONS) {
    throw new LimitExceededException(
      `Cannot create a backup selection: the plan has ${MAX_SELECTIONS}, the limit`,
    )
  }
}

export function documentOf(plan: Pick<PlanRow, 'document'>): StoredPlan {
  return JSON.parse(plan.document) as StoredPlan
}

const dateOf = (at: number | null): Date | undefined => (at === null ? undefined : new Date(at))
