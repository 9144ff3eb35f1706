import { passRoleContext } from '../access/passed-role.ts'
import { lastingId } from '../access/everybody.ts'
import { guardTests } from '../access/restore-guard.ts'
import { InvalidParameterValueException, ResourceNotFoundException } from '../aws/generated/roleback.ts'
import type {
  GetRestoreTestValidatorsInput,
  GetRestoreTestValidatorsOutput,
  PutRestoreTestValidatorsInput,
  PutRestoreTestValidatorsOutput,
} from '../aws/generated/roleback.ts'
import type { Context } from '../context.ts'
import { kindOfType } from '../kinds/kinds.ts'
import type { ResourceType } from '../kinds/kind.ts'
import { validatedType } from '../kinds/restore-test.ts'
import { RestoreTestingError, namedArns } from '../plans/restore-testing.ts'
import type { TestedResources } from '../plans/restore-testing.ts'
import { checkValidators } from '../plans/validators.ts'
import type { Validator } from '../plans/validators.ts'
import {
  findTestingPlan,
  findTestingSelection,
  updateTestingSelection,
} from '../store/plans/restore-testing.ts'
import type {
  RestoreTestingPlanTable,
  RestoreTestingSelectionTable,
} from '../store/plans/schema-restore-testing.ts'
import { warnOfUnreadable } from './validators-rights.ts'

/**
 * Says what the tests of a selection are to find, in the place of what it said before; an empty list takes all away. Tests that have
 * begun keep theirs.
 *
 * The validators run under the selection's role and tell what they find, so that whoever sets them must be allowed to pass that role
 * and to read the resources at the source, as whoever makes the selection.
 */
export async function putRestoreTestValidators(
  ctx: Context,
  input: PutRestoreTestValidatorsInput,
): Promise<PutRestoreTestValidatorsOutput> {
  const { plan, selection } = await named(ctx, input)
  await ctx.authorize('iam:PassRole', selection.role_arn, passRoleContext(plan.arn))
  const tested = JSON.parse(selection.document) as TestedResources
  const Warnings =
    input.Validators.length === 0
      ? []
      : [...(await guardTests(ctx, namedArns(tested))), ...(await warnOfUnreadable(ctx, plan, selection))]
  const Validators = checked(input.Validators, selection)
  const isThere = await updateTestingSelection(ctx.store.db, selection, {
    validators: JSON.stringify(Validators),
    // Who wants to be told what is held is asked at each run; who takes all away stands for nothing.
    ...(Validators.length > 0 && {
      created_by: ctx.principal.arn,
      created_by_id: lastingId(ctx.principal),
    }),
    updated_at: ctx.now,
  })
  if (!isThere) throw noSuchSelection(input)
  return { ...namesOf(input), Validators, Warnings }
}

export async function getRestoreTestValidators(
  ctx: Context,
  input: GetRestoreTestValidatorsInput,
): Promise<GetRestoreTestValidatorsOutput> {
  const { selection } = await named(ctx, input)
  return { ...namesOf(input), Validators: JSON.parse(selection.validators) as Validator[] }
}

interface Names {
  readonly RestoreTestingPlanName: string
  readonly RestoreTestingSelectionName: string
}

const namesOf = ({ RestoreTestingPlanName, RestoreTestingSelectionName }: Names): Names => ({
  RestoreTestingPlanName,
  RestoreTestingSelectionName,
})

async function named(
  ctx: Context,
  names: Names,
): Promise<{
  readonly plan: RestoreTestingPlanTable
  readonly selection: RestoreTestingSelectionTable
}> {
  const { RestoreTestingPlanName: planName, RestoreTestingSelectionName: name } = names
  const plan = await findTestingPlan(ctx.store.db, ctx, planName)
  if (plan === undefined)
    throw new ResourceNotFoundException(`Cannot find restore testing plan ${planName}`, { Context: planName })
  const selection = await findTestingSelection(ctx.store.db, ctx, planName, name)
  if (selection === undefined) throw noSuchSelection(names)
  return { plan, selection }
}

function noSuchSelection({ RestoreTestingPlanName: plan, RestoreTestingSelectionName: name }: Names) {
  return new ResourceNotFoundException(
    `Cannot find restore testing selection ${name} of restore testing plan ${plan}`,
    { Context: name },
  )
}

function checked(
  validators: PutRestoreTestValidatorsInput['Validators'],
  { resource_type }: RestoreTestingSelectionTable,
): Validator[] {
  const kind = kindOfType(resource_type)
  if (kind === undefined) throw new Error(`resource type "${resource_type}" is not a kind of this version`)
  try {
    checkValidators(validators, validatedType(kind.type as ResourceType))
  } catch (error) {
    if (error instanceof RestoreTestingError)
      throw new InvalidParameterValueException(error.message, { Context: 'Validators' })
    throw error
  }
  return [...validators]
}
