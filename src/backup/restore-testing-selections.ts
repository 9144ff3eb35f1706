import { lastingId } from '../access/everybody.ts'
import { guardTests } from '../access/restore-guard.ts'
import {
  AlreadyExistsException,
  InvalidParameterValueException,
  LimitExceededException,
  ResourceNotFoundException,
} from '../aws/generated/backup.ts'
import type {
  CreateRestoreTestingSelectionInput,
  CreateRestoreTestingSelectionOutput,
  DeleteRestoreTestingSelectionInput,
  GetRestoreTestingSelectionInput,
  GetRestoreTestingSelectionOutput,
  ListRestoreTestingSelectionsInput,
  ListRestoreTestingSelectionsOutput,
  RestoreTestingSelectionForUpdate,
  UpdateRestoreTestingSelectionInput,
  UpdateRestoreTestingSelectionOutput,
} from '../aws/generated/backup.ts'
import type { Context } from '../context.ts'
import { kindOfArn, kindOfType, KINDS } from '../kinds/kinds.ts'
import type { Kind } from '../kinds/kind.ts'
import { readOverrides } from '../kinds/restore-test.ts'
import { uuid } from '../lib/ids.ts'
import { inRange, namedArns, TAG_KEY } from '../plans/restore-testing.ts'
import type { TestedResources } from '../plans/restore-testing.ts'
import {
  deleteTestingSelection,
  findTestingPlan,
  findTestingSelection,
  insertTestingSelection,
  listTestingSelections,
  testingSelections,
  updateTestingSelection,
} from '../store/plans/restore-testing.ts'
import type { RestoreTestingSelectionTable } from '../store/plans/schema-restore-testing.ts'
import { nextToken, pageOf } from './paging.ts'
import { passRole } from './pass-role.ts'
import { checkName, noSuchPlan, testingPlanOf, wellFormed } from './restore-testing-plans.ts'

/** AWS Backup quotas. */
const MAX_SELECTIONS = 30
const MAX_ARNS = 30
const MAX_CONDITIONS = 30
const MAX_VALIDATION_HOURS = 168

/** Names what a plan restores, under a role that the caller passes. */
export async function createRestoreTestingSelection(
  ctx: Context,
  input: CreateRestoreTestingSelectionInput,
): Promise<CreateRestoreTestingSelectionOutput> {
  const plan = await testingPlanOf(ctx, input.RestoreTestingPlanName)
  const given = input.RestoreTestingSelection
  const role = await passRole(ctx, given.IamRoleArn, plan.arn)
  checkName(given.RestoreTestingSelectionName, 'restore testing selection')
  const kind = kindNamed(given.ProtectedResourceType)
  const document = testedResources(kind, given)
  await guard(ctx, document)
  const row: RestoreTestingSelectionTable = {
    account_id: ctx.accountId,
    region: ctx.region,
    plan_name: plan.name,
    name: given.RestoreTestingSelectionName,
    resource_type: kind.type,
    role_arn: given.IamRoleArn,
    role_id: role.role_id,
    document: JSON.stringify(document),
    validators: '[]',
    creator_request_id: input.CreatorRequestId ?? uuid(),
    created_by: ctx.principal.arn,
    created_by_id: lastingId(ctx.principal),
    created_at: ctx.now,
    updated_at: ctx.now,
  }
  const made = await ctx.store.transaction(async (tx) => {
    if ((await findTestingPlan(tx, ctx, plan.name))?.arn !== plan.arn) throw noSuchPlan(plan.name)
    const others = await testingSelections(tx, ctx, plan.name)
    const present = others.find(({ name }) => name === row.name)
    if (present !== undefined) return sameRequest(present, row)
    if (others.length >= MAX_SELECTIONS) {
      throw new LimitExceededException(
        `Cannot create a restore testing selection: the plan has ${MAX_SELECTIONS}, the limit`,
      )
    }
    await insertTestingSelection(tx, row)
    return row
  })
  return {
    CreationTime: new Date(made.created_at),
    RestoreTestingPlanArn: plan.arn,
    RestoreTestingPlanName: plan.name,
    RestoreTestingSelectionName: made.name,
  }
}

function sameRequest(
  present: RestoreTestingSelectionTable,
  row: RestoreTestingSelectionTable,
): RestoreTestingSelectionTable {
  const isSame =
    present.creator_request_id === row.creator_request_id &&
    present.document === row.document &&
    present.role_id === row.role_id
  if (isSame) return present
  throw new AlreadyExistsException(
    `A restore testing selection with the name ${present.name} already exists in plan ${present.plan_name}`,
    { CreatorRequestId: present.creator_request_id },
  )
}

function kindNamed(type: string): Kind {
  const kind = kindOfType(type)
  if (kind !== undefined) return kind
  throw new InvalidParameterValueException(
    `ProtectedResourceType "${type}" is not supported. Supported: ${KINDS.map((one) => one.type).join(', ')}`,
    { Context: 'ProtectedResourceType' },
  )
}

/** Whoever has a test restore something, and asks what it holds, must be allowed to read it at the source. */
async function guard(ctx: Context, tested: TestedResources): Promise<void> {
  const warnings = await guardTests(ctx, namedArns(tested))
  for (const warning of warnings) ctx.warn(warning)
}

/** Checks what a selection names and fills in what was left away, as GetRestoreTestingSelection shows it. */
function testedResources(
  kind: Kind,
  given: RestoreTestingSelectionForUpdate,
  earlier?: TestedResources,
): TestedResources {
  const isNamedAnew =
    given.ProtectedResourceArns !== undefined || given.ProtectedResourceConditions !== undefined
  const conditions = isNamedAnew
    ? {
        StringEquals: given.ProtectedResourceConditions?.StringEquals ?? [],
        StringNotEquals: given.ProtectedResourceConditions?.StringNotEquals ?? [],
      }
    : (earlier?.ProtectedResourceConditions ?? { StringEquals: [], StringNotEquals: [] })
  const hasConditions = conditions.StringEquals.length + conditions.StringNotEquals.length > 0
  const named = isNamedAnew ? given.ProtectedResourceArns : earlier?.ProtectedResourceArns
  // Terraform wants an answer where only conditions were given.
  const arns = named ?? (hasConditions ? ['*'] : [])
  checkArns(kind, arns, hasConditions)
  checkConditions([...conditions.StringEquals, ...conditions.StringNotEquals])
  const overrides = given.RestoreMetadataOverrides ?? earlier?.RestoreMetadataOverrides ?? {}
  const read = readOverrides(kind, overrides)
  if (!read.ok)
    throw new InvalidParameterValueException(read.message, { Context: 'RestoreMetadataOverrides' })
  const hours = given.ValidationWindowHours ?? earlier?.ValidationWindowHours ?? 0
  wellFormed(() => inRange(hours, [0, MAX_VALIDATION_HOURS], 'ValidationWindowHours'))
  return {
    ProtectedResourceArns: arns,
    ProtectedResourceConditions: conditions,
    // As they were spelled: Terraform compares.
    RestoreMetadataOverrides: overrides,
    ValidationWindowHours: hours,
  }
}

function checkArns(kind: Kind, arns: readonly string[], hasConditions: boolean): void {
  const refused = (problem: string): InvalidParameterValueException =>
    new InvalidParameterValueException(problem, { Context: 'ProtectedResourceArns' })
  if (arns.length === 0)
    throw refused('Either ProtectedResourceArns or ProtectedResourceConditions must be given')
  if (arns.length > MAX_ARNS)
    throw refused(`ProtectedResourceArns has ${arns.length} ARNs, the limit is ${MAX_ARNS}`)
  if (arns.includes('*')) {
    if (arns.length > 1) throw refused('ProtectedResourceArns is either ["*"] or a list of ARNs, not both')
    return
  }
  if (hasConditions)
    throw refused('ProtectedResourceConditions need ProtectedResourceArns ["*"], not a list of ARNs')
  const wrong = arns.find((arn) => kindOfArn(arn)?.kind !== kind)
  if (wrong !== undefined) throw refused(`"${wrong}" is no ARN of a resource of type ${kind.type}`)
}

function checkConditions(conditions: readonly { readonly Key: string }[]): void {
  const refused = (problem: string): InvalidParameterValueException =>
    new InvalidParameterValueException(problem, { Context: 'ProtectedResourceConditions' })
  if (conditions.length > MAX_CONDITIONS)
    throw refused(
      `ProtectedResourceConditions has ${conditions.length} conditions, the limit is ${MAX_CONDITIONS}`,
    )
  const wrong = conditions.find(({ Key }) => !Key.startsWith(TAG_KEY) || Key === TAG_KEY)
  if (wrong !== undefined) throw refused(`Condition key "${wrong.Key}" must be ${TAG_KEY}KEY`)
}

/** A role that is passed anew, or resources that are named anew under the present one: its PassRole is asked either way. */
export async function updateRestoreTestingSelection(
  ctx: Context,
  input: UpdateRestoreTestingSelectionInput,
): Promise<UpdateRestoreTestingSelectionOutput> {
  const plan = await testingPlanOf(ctx, input.RestoreTestingPlanName)
  const row = await testingSelectionOf(ctx, plan.name, input.RestoreTestingSelectionName)
  const given = input.RestoreTestingSelection
  const roleArn = given.IamRoleArn ?? row.role_arn
  const role = await passRole(ctx, roleArn, plan.arn)
  const document = testedResources(kindNamed(row.resource_type), given, resourcesOf(row))
  await guard(ctx, document)
  const isThere = await updateTestingSelection(ctx.store.db, row, {
    role_arn: roleArn,
    role_id: role.role_id,
    document: JSON.stringify(document),
    created_by: ctx.principal.arn,
    created_by_id: lastingId(ctx.principal),
    updated_at: ctx.now,
  })
  if (!isThere) throw noSuchSelection(plan.name, row.name)
  return {
    CreationTime: new Date(row.created_at),
    RestoreTestingPlanArn: plan.arn,
    RestoreTestingPlanName: plan.name,
    RestoreTestingSelectionName: row.name,
    UpdateTime: new Date(ctx.now),
  }
}

export async function getRestoreTestingSelection(
  ctx: Context,
  input: GetRestoreTestingSelectionInput,
): Promise<GetRestoreTestingSelectionOutput> {
  const plan = await testingPlanOf(ctx, input.RestoreTestingPlanName)
  const row = await testingSelectionOf(ctx, plan.name, input.RestoreTestingSelectionName)
  return {
    RestoreTestingSelection: {
      ...resourcesOf(row),
      CreationTime: new Date(row.created_at),
      CreatorRequestId: row.creator_request_id,
      IamRoleArn: row.role_arn,
      ProtectedResourceType: row.resource_type,
      RestoreTestingPlanName: row.plan_name,
      RestoreTestingSelectionName: row.name,
    },
  }
}

/** Tests that have begun go on to their end. */
export async function deleteRestoreTestingSelection(
  ctx: Context,
  input: DeleteRestoreTestingSelectionInput,
): Promise<Record<string, never>> {
  const plan = await testingPlanOf(ctx, input.RestoreTestingPlanName)
  const row = await testingSelectionOf(ctx, plan.name, input.RestoreTestingSelectionName)
  await deleteTestingSelection(ctx.store.db, row)
  return {}
}

export async function listRestoreTestingSelections(
  ctx: Context,
  input: ListRestoreTestingSelectionsInput,
): Promise<ListRestoreTestingSelectionsOutput> {
  const plan = await testingPlanOf(ctx, input.RestoreTestingPlanName)
  const list = `ListRestoreTestingSelections ${plan.arn}`
  const { rows, next } = await listTestingSelections(ctx.store.db, ctx, plan.name, pageOf(ctx, list, input))
  return {
    RestoreTestingSelections: rows.map((row) => ({
      CreationTime: new Date(row.created_at),
      IamRoleArn: row.role_arn,
      ProtectedResourceType: row.resource_type,
      RestoreTestingPlanName: row.plan_name,
      RestoreTestingSelectionName: row.name,
      ValidationWindowHours: resourcesOf(row).ValidationWindowHours,
    })),
    NextToken: nextToken(ctx, list, next),
  }
}

async function testingSelectionOf(
  ctx: Context,
  planName: string,
  name: string,
): Promise<RestoreTestingSelectionTable> {
  const row = await findTestingSelection(ctx.store.db, ctx, planName, name)
  if (row === undefined) throw noSuchSelection(planName, name)
  return row
}

function noSuchSelection(planName: string, name: string): ResourceNotFoundException {
  return new ResourceNotFoundException(
    `Cannot find restore testing selection ${name} of restore testing plan ${planName}`,
    { Context: name },
  )
}

function resourcesOf(row: Pick<RestoreTestingSelectionTable, 'document'>): TestedResources {
  return JSON.parse(row.document) as TestedResources
}
