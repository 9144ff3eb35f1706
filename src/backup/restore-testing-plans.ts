import {
  AlreadyExistsException,
  ConflictException,
  InvalidParameterValueException,
  InvalidRequestException,
  LimitExceededException,
  ResourceNotFoundException,
} from '../aws/generated/backup.ts'
import type {
  CreateRestoreTestingPlanInput,
  CreateRestoreTestingPlanOutput,
  DeleteRestoreTestingPlanInput,
  GetRestoreTestingPlanInput,
  GetRestoreTestingPlanOutput,
  ListRestoreTestingPlansInput,
  ListRestoreTestingPlansOutput,
  RestoreTestingPlanForList,
  UpdateRestoreTestingPlanInput,
  UpdateRestoreTestingPlanOutput,
} from '../aws/generated/backup.ts'
import { passRoleContext } from '../access/passed-role.ts'
import type { Context } from '../context.ts'
import { parseArn } from '../lib/arn.ts'
import { uuid } from '../lib/ids.ts'
import { RestoreTestingError, testingDocument, testingSchedule } from '../plans/restore-testing.ts'
import type { GivenTestingPlan, RestoreTestingDocument } from '../plans/restore-testing.ts'
import {
  deleteTestingPlan,
  findTestingPlan,
  insertTestingPlan,
  listTestingPlans,
  testingSelections,
  updateTestingPlan,
} from '../store/plans/restore-testing.ts'
import type { RestoreTestingPlanTable } from '../store/plans/schema-restore-testing.ts'
import { deleteAllTags, putTags } from '../store/identity/tags.ts'
import { restoreTestingPlanArn } from './arns.ts'
import { nextToken, pageOf } from './paging.ts'
import { checkTags } from './tags.ts'

/** AWS Backup quota. */
const MAX_PLANS = 100
const NAME = /^[a-zA-Z0-9_]{1,50}$/

export async function createRestoreTestingPlan(
  ctx: Context,
  input: CreateRestoreTestingPlanInput,
): Promise<CreateRestoreTestingPlanOutput> {
  const { RestoreTestingPlanName: name, ...given } = input.RestoreTestingPlan
  checkName(name, 'restore testing plan')
  const tags = checkTags(input.Tags ?? {})
  const document = documentOf(ctx, given)
  const plan: RestoreTestingPlanTable = {
    account_id: ctx.accountId,
    region: ctx.region,
    name,
    arn: restoreTestingPlanArn(ctx, `${name}-${uuid()}`),
    creator_request_id: input.CreatorRequestId ?? uuid(),
    document: JSON.stringify(document),
    created_at: ctx.now,
    updated_at: ctx.now,
    written_at: ctx.now,
    next_run_at: testingSchedule(document, ctx.now).next(ctx.now) ?? null,
    last_run_at: null,
    last_run_message: null,
  }
  const made = await ctx.store.transaction(async (tx) => {
    const present = await findTestingPlan(tx, ctx, name)
    if (present !== undefined) {
      const isSame =
        present.creator_request_id === plan.creator_request_id && present.document === plan.document
      if (isSame) return present
      throw new AlreadyExistsException(`Restore testing plan with name ${name} already exists`, {
        Arn: present.arn,
        CreatorRequestId: present.creator_request_id,
      })
    }
    const { rows } = await listTestingPlans(tx, ctx, { limit: MAX_PLANS })
    if (rows.length >= MAX_PLANS) {
      throw new LimitExceededException(
        `Cannot create a restore testing plan: the account has ${MAX_PLANS}, the limit`,
      )
    }
    await insertTestingPlan(tx, plan)
    await putTags(tx, ctx.accountId, plan.arn, tags)
    return plan
  })
  ctx.store.wake()
  return {
    CreationTime: new Date(made.created_at),
    RestoreTestingPlanArn: made.arn,
    RestoreTestingPlanName: made.name,
  }
}

export function checkName(name: string, what: string): void {
  if (NAME.test(name)) return
  throw new InvalidParameterValueException(
    `Invalid ${what} name "${name.slice(0, 100)}": 1 to 50 characters of a-z, A-Z, 0-9 and _ are allowed`,
    { Context: name.slice(0, 100) },
  )
}

function documentOf(
  ctx: Context,
  given: GivenTestingPlan,
  earlier?: RestoreTestingDocument,
): RestoreTestingDocument {
  const document = wellFormed(() => testingDocument(given, ctx.now, earlier))
  const { IncludeVaults, ExcludeVaults } = document.RecoveryPointSelection
  for (const vault of [...IncludeVaults, ...ExcludeVaults]) checkVault(ctx, vault)
  return document
}

/** What is wrong with a plan or selection is a bad parameter of AWS's. */
export function wellFormed<Result>(read: () => Result): Result {
  try {
    return read()
  } catch (error) {
    if (error instanceof RestoreTestingError)
      throw new InvalidParameterValueException(error.message, { Context: error.message.split(' ')[0] })
    throw error
  }
}

function checkVault(ctx: Context, vault: string): void {
  if (vault === '*') return
  const arn = parseArn(vault)
  const isOwn =
    arn?.service === 'backup' &&
    arn.resource.startsWith('backup-vault:') &&
    arn.accountId === ctx.accountId &&
    arn.region === ctx.region
  if (isOwn) return
  throw new InvalidParameterValueException(
    `"${vault}" is neither * nor the ARN of a backup vault of account ${ctx.accountId} in ${ctx.region}`,
    { Context: 'RecoveryPointSelection' },
  )
}

/**
 * Changes what is restored and when. The roles of the plan's selections are used for it, so the caller must be allowed to pass each
 * of them.
 */
export async function updateRestoreTestingPlan(
  ctx: Context,
  input: UpdateRestoreTestingPlanInput,
): Promise<UpdateRestoreTestingPlanOutput> {
  const plan = await testingPlanOf(ctx, input.RestoreTestingPlanName)
  const selections = await testingSelections(ctx.store.db, ctx, plan.name)
  for (const role of new Set(selections.map(({ role_arn }) => role_arn)))
    await ctx.authorize('iam:PassRole', role, passRoleContext(plan.arn))
  const earlier = storedDocument(plan)
  const document = documentOf(ctx, input.RestoreTestingPlan, earlier)
  const isSameSchedule =
    document.ScheduleExpression === earlier.ScheduleExpression &&
    document.ScheduleExpressionTimezone === earlier.ScheduleExpressionTimezone
  const passed = new Set(selections.map(({ role_id }) => role_id))
  await ctx.store.transaction(async (tx) => {
    const present = await findTestingPlan(tx, ctx, plan.name)
    if (present?.arn !== plan.arn) throw noSuchPlan(plan.name)
    const others = await testingSelections(tx, ctx, plan.name)
    if (present.document !== plan.document || others.some(({ role_id }) => !passed.has(role_id))) {
      throw new ConflictException(
        `Restore testing plan ${plan.name} was changed by somebody else meanwhile. Read it and try again`,
      )
    }
    await updateTestingPlan(tx, plan, {
      document: JSON.stringify(document),
      updated_at: ctx.now,
      written_at: isSameSchedule ? present.written_at : ctx.now,
      next_run_at: isSameSchedule
        ? present.next_run_at
        : (testingSchedule(document, ctx.now).next(ctx.now) ?? null),
    })
  })
  ctx.store.wake()
  return {
    CreationTime: new Date(plan.created_at),
    RestoreTestingPlanArn: plan.arn,
    RestoreTestingPlanName: plan.name,
    UpdateTime: new Date(ctx.now),
  }
}

export async function getRestoreTestingPlan(
  ctx: Context,
  input: GetRestoreTestingPlanInput,
): Promise<GetRestoreTestingPlanOutput> {
  const plan = await testingPlanOf(ctx, input.RestoreTestingPlanName)
  return {
    RestoreTestingPlan: {
      ...toMember(plan),
      CreatorRequestId: plan.creator_request_id,
      RecoveryPointSelection: storedDocument(plan).RecoveryPointSelection,
    },
  }
}

/** Refused while it has selections, as AWS's. */
export async function deleteRestoreTestingPlan(
  ctx: Context,
  input: DeleteRestoreTestingPlanInput,
): Promise<Record<string, never>> {
  const plan = await testingPlanOf(ctx, input.RestoreTestingPlanName)
  await ctx.store.transaction(async (tx) => {
    if ((await testingSelections(tx, ctx, plan.name)).length > 0) {
      throw new InvalidRequestException(
        `Cannot delete restore testing plan ${plan.name}: delete its restore testing selections first`,
      )
    }
    await deleteTestingPlan(tx, plan.arn)
    await deleteAllTags(tx, ctx.accountId, plan.arn)
  })
  return {}
}

export async function listRestoreTestingPlans(
  ctx: Context,
  input: ListRestoreTestingPlansInput,
): Promise<ListRestoreTestingPlansOutput> {
  const list = 'ListRestoreTestingPlans'
  const { rows, next } = await listTestingPlans(ctx.store.db, ctx, pageOf(ctx, list, input))
  return { RestoreTestingPlans: rows.map(toMember), NextToken: nextToken(ctx, list, next) }
}

function toMember(plan: RestoreTestingPlanTable): RestoreTestingPlanForList {
  const document = storedDocument(plan)
  return {
    CreationTime: new Date(plan.created_at),
    LastUpdateTime: new Date(plan.updated_at),
    LastExecutionTime: plan.last_run_at === null ? undefined : new Date(plan.last_run_at),
    RestoreTestingPlanArn: plan.arn,
    RestoreTestingPlanName: plan.name,
    ScheduleExpression: document.ScheduleExpression,
    ScheduleExpressionTimezone: document.ScheduleExpressionTimezone,
    StartWindowHours: document.StartWindowHours,
  }
}

export async function testingPlanOf(ctx: Context, name: string): Promise<RestoreTestingPlanTable> {
  const plan = await findTestingPlan(ctx.store.db, ctx, name)
  if (plan === undefined) throw noSuchPlan(name)
  return plan
}

export function noSuchPlan(name: string): ResourceNotFoundException {
  return new ResourceNotFoundException(`Cannot find restore testing plan ${name}`, { Context: name })
}

function storedDocument(plan: Pick<RestoreTestingPlanTable, 'document'>): RestoreTestingDocument {
  return JSON.parse(plan.document) as RestoreTestingDocument
}
