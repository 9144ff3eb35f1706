import { groupArn, instanceProfileArn, roleArn, rootArn, userArn } from '../access/identity-arns.ts'
import { AwsError } from '../aws/error.ts'
import { NoSuchEntityException, UnmodifiableEntityException } from '../aws/generated/iam.ts'
import type { Context } from '../context.ts'
import { findGroupByName } from '../store/identity/identities-groups.ts'
import { findInstanceProfile } from '../store/identity/identities-profiles.ts'
import { findRoleByName, findUserById, findUserByName } from '../store/identity/identities.ts'
import type { GroupTable, InstanceProfileTable, RoleTable, UserTable } from '../store/schema.ts'
import type { Queryable } from '../store/store.ts'

/** Finding what a request names, and the ARN that its action is decided on: with the stored path and spelling. */

export async function userNamed(
  ctx: Context,
  name: string,
  db: Queryable = ctx.store.db,
): Promise<UserTable> {
  const row = await findUserByName(db, ctx.accountId, name)
  if (row === undefined) throw new NoSuchEntityException(`The user with name ${name} cannot be found.`)
  return row
}

export async function groupNamed(
  ctx: Context,
  name: string,
  db: Queryable = ctx.store.db,
): Promise<GroupTable> {
  const row = await findGroupByName(db, ctx.accountId, name)
  if (row === undefined) throw new NoSuchEntityException(`The group with name ${name} cannot be found.`)
  return row
}

export async function roleNamed(
  ctx: Context,
  name: string,
  db: Queryable = ctx.store.db,
): Promise<RoleTable> {
  const row = await findRoleByName(db, ctx.accountId, name)
  if (row === undefined) throw new NoSuchEntityException(`The role with name ${name} cannot be found.`)
  return row
}

/** For operations that change a role: a service-linked one is its service's. */
export async function changeableRole(
  ctx: Context,
  name: string,
  db: Queryable = ctx.store.db,
): Promise<RoleTable> {
  const row = await roleNamed(ctx, name, db)
  if (isServiceLinked(row)) {
    throw new UnmodifiableEntityException(
      `Cannot perform the operation on the protected role '${row.name}' - this role is only modifiable by AWS`,
    )
  }
  return row
}

function isServiceLinked(role: Pick<RoleTable, 'path'>): boolean {
  return isReservedPath(role.path)
}

/** Paths whose roles customers can neither make nor change. */
export function isReservedPath(path: string): boolean {
  return path.startsWith('/aws-service-role/') || path.startsWith('/aws-reserved/')
}

export async function profileNamed(
  ctx: Context,
  name: string,
  db: Queryable = ctx.store.db,
): Promise<InstanceProfileTable> {
  const row = await findInstanceProfile(db, ctx.accountId, name)
  if (row === undefined) throw new NoSuchEntityException(`Instance Profile ${name} cannot be found.`)
  return row
}

/** The user a request means that may leave the name out: the caller himself. */
export async function userOrCaller(
  ctx: Context,
  name: string | undefined,
  db: Queryable = ctx.store.db,
): Promise<UserTable> {
  if (name !== undefined) return await userNamed(ctx, name, db)
  const { kind, identityId } = ctx.principal
  const row = kind === 'user' && identityId !== undefined ? await findUserById(db, identityId) : undefined
  if (row === undefined) throw mustNameUser()
  return row
}

function mustNameUser(): AwsError {
  return new AwsError('ValidationError', 400, 'Must specify userName when calling with non-User credentials')
}

export async function userTarget(ctx: Context, input: { readonly UserName: string }): Promise<string> {
  const row = await findUserByName(ctx.store.db, ctx.accountId, input.UserName)
  return userArn(row ?? { account_id: ctx.accountId, path: '/', name: input.UserName })
}

export async function userOrCallerTarget(
  ctx: Context,
  input: { readonly UserName?: string | undefined },
): Promise<string> {
  if (input.UserName !== undefined) return await userTarget(ctx, { UserName: input.UserName })
  if (ctx.principal.kind === 'root') return rootArn(ctx.accountId)
  return userArn(await userOrCaller(ctx, undefined))
}

export async function groupTarget(ctx: Context, input: { readonly GroupName: string }): Promise<string> {
  const row = await findGroupByName(ctx.store.db, ctx.accountId, input.GroupName)
  return groupArn(row ?? { account_id: ctx.accountId, path: '/', name: input.GroupName })
}

export async function roleTarget(ctx: Context, input: { readonly RoleName: string }): Promise<string> {
  const row = await findRoleByName(ctx.store.db, ctx.accountId, input.RoleName)
  return roleArn(row ?? { account_id: ctx.accountId, path: '/', name: input.RoleName })
}

export async function profileTarget(
  ctx: Context,
  input: { readonly InstanceProfileName: string },
): Promise<string> {
  const row = await findInstanceProfile(ctx.store.db, ctx.accountId, input.InstanceProfileName)
  return instanceProfileArn(row ?? { account_id: ctx.accountId, path: '/', name: input.InstanceProfileName })
}

/** For lists and whatever else has no resource. */
export const anyResource = (): string => '*'
