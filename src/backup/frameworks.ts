import {
  AlreadyExistsException,
  ConflictException,
  InvalidParameterValueException,
  LimitExceededException,
  MissingParameterValueException,
  ResourceNotFoundException,
} from '../aws/generated/backup.ts'
import type {
  CreateFrameworkInput,
  CreateFrameworkOutput,
  DeleteFrameworkInput,
  DescribeFrameworkInput,
  DescribeFrameworkOutput,
  ListFrameworksInput,
  ListFrameworksOutput,
  UpdateFrameworkInput,
  UpdateFrameworkOutput,
} from '../aws/generated/backup.ts'
import { controlProblem } from '../compliance/controls.ts'
import type { FrameworkControl } from '../compliance/controls.ts'
import type { Context } from '../context.ts'
import { uuid } from '../lib/ids.ts'
import {
  allFrameworks,
  deleteFramework as removeFramework,
  findFramework,
  insertFramework,
  listFrameworks as pageOfFrameworks,
  updateFramework as changeFramework,
} from '../store/compliance/frameworks.ts'
import type { FrameworkTable } from '../store/compliance/schema-frameworks.ts'
import type { Queryable } from '../store/store.ts'
import { deleteAllTags, putTags } from '../store/identity/tags.ts'
import { frameworkArn } from './arns.ts'
import { nextToken, pageOf } from './paging.ts'
import { checkTags } from './tags.ts'

/** AWS Backup quotas of one region. */
const MAX_FRAMEWORKS = 15
const MAX_CONTROLS = 50

/** What an absent framework is decided on: of the form of those that are there, so that a policy on NAME-* means it, too. */
const NO_ID = '00000000-0000-0000-0000-000000000000'

/** The ARN that a call on a framework is decided on. */
export async function frameworkNamed(
  ctx: Context,
  { FrameworkName: name }: { readonly FrameworkName: string },
): Promise<string> {
  const row = await findFramework(ctx.store.db, ctx, name)
  return frameworkArn(ctx, `${name}-${row?.framework_id ?? NO_ID}`)
}

const arnOf = (ctx: Context, row: FrameworkTable): string =>
  frameworkArn(ctx, `${row.name}-${row.framework_id}`)

/** Keeps the controls that the account's backups are held to. They hold at once: nothing has to be deployed for them. */
export async function createFramework(
  ctx: Context,
  input: CreateFrameworkInput,
): Promise<CreateFrameworkOutput> {
  const tags = checkTags(input.FrameworkTags ?? {})
  const row: FrameworkTable = {
    account_id: ctx.accountId,
    region: ctx.region,
    name: input.FrameworkName,
    framework_id: uuid(),
    description: input.FrameworkDescription ?? null,
    controls: checkedControls(input.FrameworkControls),
    idempotency_token: input.IdempotencyToken ?? null,
    created_at: ctx.now,
  }
  const kept = await ctx.store.transaction(async (tx) => {
    const present = await findFramework(tx, ctx, row.name)
    if (present !== undefined) return sameRequest(ctx, present, row)
    await checkQuotas(tx, ctx, row)
    if (!(await insertFramework(tx, row)))
      throw new ConflictException(`Framework ${row.name} is being created`)
    await putTags(tx, ctx.accountId, arnOf(ctx, row), tags)
    return row
  })
  return { FrameworkName: kept.name, FrameworkArn: arnOf(ctx, kept) }
}

function sameRequest(ctx: Context, present: FrameworkTable, row: FrameworkTable): FrameworkTable {
  const isSame =
    row.idempotency_token !== null &&
    present.idempotency_token === row.idempotency_token &&
    present.controls === row.controls &&
    present.description === row.description
  if (isSame) return present
  throw new AlreadyExistsException(`Framework ${row.name} exists already in this account and region`, {
    Arn: arnOf(ctx, present),
    Context: row.name,
  })
}

async function checkQuotas(db: Queryable, ctx: Context, row: FrameworkTable): Promise<void> {
  const others = (await allFrameworks(db, ctx)).filter(({ name }) => name !== row.name)
  if (others.length >= MAX_FRAMEWORKS)
    throw new LimitExceededException(
      `Cannot create framework ${row.name}: there are ${others.length}, the limit is ${MAX_FRAMEWORKS}`,
    )
  const controls = [row, ...others].reduce((sum, one) => sum + controlsOf(one).length, 0)
  if (controls > MAX_CONTROLS)
    throw new LimitExceededException(
      `Cannot keep framework ${row.name}: the frameworks of this account and region would have ${controls} controls, the limit is ${MAX_CONTROLS}`,
    )
}

/** As they are kept. @throws {InvalidParameterValueException} */
function checkedControls(controls: readonly FrameworkControl[]): string {
  if (controls.length === 0)
    throw new MissingParameterValueException('FrameworkControls must have at least one control', {
      Context: 'FrameworkControls',
    })
  const seen = new Set<string>()
  for (const control of controls) {
    const problem = controlProblem(control)
    if (problem !== undefined)
      throw new InvalidParameterValueException(problem, { Context: 'FrameworkControls' })
    // The same control may be there with another scope, as AWS allows.
    const text = JSON.stringify(control)
    if (seen.has(text))
      throw new InvalidParameterValueException(
        `Control ${control.ControlName} is in FrameworkControls twice with the same parameters and scope`,
        { Context: 'FrameworkControls' },
      )
    seen.add(text)
  }
  return JSON.stringify(controls)
}

const controlsOf = ({ controls }: FrameworkTable): readonly FrameworkControl[] =>
  JSON.parse(controls) as readonly FrameworkControl[]

export async function describeFramework(
  ctx: Context,
  input: DescribeFrameworkInput,
): Promise<DescribeFrameworkOutput> {
  const row = await presentFramework(ctx, input.FrameworkName)
  return {
    FrameworkName: row.name,
    FrameworkArn: arnOf(ctx, row),
    FrameworkDescription: row.description ?? undefined,
    FrameworkControls: controlsOf(row),
    CreationTime: new Date(row.created_at),
    DeploymentStatus: 'COMPLETED',
    FrameworkStatus: 'ACTIVE',
    IdempotencyToken: row.idempotency_token ?? undefined,
  }
}

export async function updateFramework(
  ctx: Context,
  input: UpdateFrameworkInput,
): Promise<UpdateFrameworkOutput> {
  const { FrameworkControls, FrameworkDescription } = input
  const controls = FrameworkControls === undefined ? undefined : checkedControls(FrameworkControls)
  const row = await ctx.store.transaction(async (tx) => {
    const present = await presentFramework(ctx, input.FrameworkName, tx)
    const changed = {
      ...present,
      ...(controls !== undefined && { controls }),
      ...(FrameworkDescription !== undefined && { description: FrameworkDescription }),
    }
    await checkQuotas(tx, ctx, changed)
    const { description, controls: kept } = changed
    await changeFramework(tx, present.framework_id, { description, controls: kept })
    return changed
  })
  return { FrameworkName: row.name, FrameworkArn: arnOf(ctx, row), CreationTime: new Date(row.created_at) }
}

export async function deleteFramework(
  ctx: Context,
  input: DeleteFrameworkInput,
): Promise<Record<string, never>> {
  await ctx.store.transaction(async (tx) => {
    const row = await presentFramework(ctx, input.FrameworkName, tx)
    await removeFramework(tx, row.framework_id)
    await deleteAllTags(tx, ctx.accountId, arnOf(ctx, row))
  })
  return {}
}

export async function listFrameworks(
  ctx: Context,
  input: ListFrameworksInput,
): Promise<ListFrameworksOutput> {
  const { rows, next } = await pageOfFrameworks(ctx.store.db, ctx, pageOf(ctx, 'ListFrameworks', input))
  return {
    Frameworks: rows.map((row) => ({
      FrameworkName: row.name,
      FrameworkArn: arnOf(ctx, row),
      FrameworkDescription: row.description ?? undefined,
      NumberOfControls: controlsOf(row).length,
      CreationTime: new Date(row.created_at),
      DeploymentStatus: 'COMPLETED',
    })),
    NextToken: nextToken(ctx, 'ListFrameworks', next),
  }
}

async function presentFramework(
  ctx: Context,
  name: string,
  db: Queryable = ctx.store.db,
): Promise<FrameworkTable> {
  const row = await findFramework(db, ctx, name)
  if (row !== undefined) return row
  throw new ResourceNotFoundException(`Cannot find framework ${name}`, { Context: name })
}
