import { askTrust } from '../access/assume.ts'
import { DEFAULT_ROLE_NAME, DEFAULT_ROLE_RIGHTS, defaultRoleArn } from '../access/default-role.ts'
import { roleArn } from '../access/identity-arns.ts'
import { BACKUP_SERVICE, passRoleContext } from '../access/passed-role.ts'
import type { Asked } from '../access/authorize.ts'
import { whyNoIam } from '../access/session.ts'
import type { ListPassableRolesInput, ListPassableRolesOutput } from '../aws/generated/roleback.ts'
import type { Context } from '../context.ts'
import { evaluate } from '../policy/evaluate.ts'
import { findRoleByName, listRoles } from '../store/identity/identities.ts'
import type { RoleTable } from '../store/schema.ts'
import { nextToken, pageOf } from './paging.ts'

/**
 * Roles that the caller may pass to the backup service and that trust it, and whether the default role is one. Others are not told, not
 * even their names. A page looks through as many roles as it may hold: it may be short, or empty, and others follow.
 *
 * Nothing is recorded but the call: whoever starts something with a role is asked again.
 */
export async function listPassableRoles(
  ctx: Context,
  input: ListPassableRolesInput,
): Promise<ListPassableRolesOutput> {
  const sourceArn = input.AssociatedResourceArn ?? ''
  const list = `ListPassableRoles ${sourceArn}`
  const { rows, next } = await listRoles(
    ctx.store.db,
    { accountId: ctx.accountId, pathPrefix: undefined },
    pageOf(ctx, list, input),
  )
  const Roles: ListPassableRolesOutput['Roles'][number][] = []
  for (const row of rows) {
    if (await isPassable(ctx, row, sourceArn)) Roles.push({ RoleArn: roleArn(row), RoleName: row.name })
  }
  return {
    Roles,
    DefaultRoleArn: defaultRoleArn(ctx.accountId),
    DefaultRole: await defaultRoleUse(ctx, sourceArn),
    NextToken: nextToken(ctx, list, next),
  }
}

async function isPassable(ctx: Context, row: RoleTable, sourceArn: string): Promise<boolean> {
  const { accountId, now } = ctx
  const trust = askTrust(row, { service: BACKUP_SERVICE, sourceAccount: accountId, sourceArn, now })
  return trust.refusal === undefined && (await mayPass(ctx, roleArn(row), sourceArn))
}

async function mayPass(ctx: Context, arn: string, sourceArn: string): Promise<boolean> {
  return await may(ctx, { action: 'iam:PassRole', resource: arn, context: passRoleContext(sourceArn) })
}

/** Whoever may not pass it is not told whether it is there. */
async function defaultRoleUse(
  ctx: Context,
  sourceArn: string,
): Promise<ListPassableRolesOutput['DefaultRole']> {
  const arn = defaultRoleArn(ctx.accountId)
  if (!(await mayPass(ctx, arn, sourceArn))) return 'refused'
  const row = await findRoleByName(ctx.store.db, ctx.accountId, DEFAULT_ROLE_NAME)
  if (row !== undefined) return (await isPassable(ctx, row, sourceArn)) ? 'passable' : 'refused'
  if (whyNoIam(ctx.principal) !== undefined) return 'refused'
  const rights: readonly Asked[] = [
    ...(await ctx.preview.asked('roleback', 'CreateDefaultServiceRole', {})),
    ...DEFAULT_ROLE_RIGHTS.map((right) => ({ ...right, resource: arn })),
  ]
  for (const right of rights) if (!(await may(ctx, right))) return 'refused'
  return 'creatable'
}

async function may(ctx: Context, asked: Asked): Promise<boolean> {
  const { request, layers } = await ctx.preview.right(asked)
  return evaluate(request, layers).allowed
}
