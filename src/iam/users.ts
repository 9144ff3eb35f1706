import { rootArn, userArn } from '../access/identity-arns.ts'
import { DeleteConflictException, EntityAlreadyExistsException } from '../aws/generated/iam.ts'
import type {
  CreateUserRequest,
  CreateUserResponse,
  GetUserRequest,
  GetUserResponse,
  IamApi,
  ListUsersRequest,
  ListUsersResponse,
  UpdateUserRequest,
  User,
} from '../aws/generated/iam.ts'
import type { Service } from '../aws/operation.ts'
import type { Context } from '../context.ts'
import { iamId } from '../lib/ids.ts'
import { findAccount } from '../store/identity/accounts.ts'
import { attachmentsOf, listInlinePolicies } from '../store/identity/identities-attachments.ts'
import { listGroupsOfUser } from '../store/identity/identities-groups.ts'
import {
  deleteUser,
  findUserByName,
  insertUser,
  listAccessKeys,
  listUsers,
  updateUser,
} from '../store/identity/identities.ts'
import { findLoginProfile } from '../store/identity/login-profiles.ts'
import { listMfaDevices } from '../store/identity/mfa-devices.ts'
import type { UserTable } from '../store/schema.ts'
import type { Queryable } from '../store/store.ts'
import { deleteAllTags, putTags } from '../store/identity/tags.ts'
import { boundaryMember, checkAttachable } from './boundaries.ts'
import { on, requestedBoundary, requestTags, tagKeys } from './conditions.ts'
import { anyResource, userNamed, userOrCaller, userOrCallerTarget, userTarget } from './entities.ts'
import { pageMembers, pageRequest } from './paging.ts'
import { addTags, checkedTags, moveTags, removeTags, tagMembers, tagPage } from './tags.ts'

type Operations =
  | 'CreateUser'
  | 'GetUser'
  | 'ListUsers'
  | 'UpdateUser'
  | 'DeleteUser'
  | 'TagUser'
  | 'UntagUser'
  | 'ListUserTags'

export const users: Pick<Service<IamApi, Context>, Operations> = {
  CreateUser: {
    resource: (ctx, input) =>
      userArn({ account_id: ctx.accountId, path: input.Path ?? '/', name: input.UserName }),
    context: (ctx, input) => ({ ...requestTags(ctx, input), ...requestedBoundary(ctx, input) }),
    handler: createUser,
  },
  GetUser: { ...on(userOrCallerTarget), handler: getUser },
  ListUsers: { resource: anyResource, handler: listUsersPage },
  UpdateUser: {
    resource: async (ctx, input) => await bothNames(ctx, input),
    context: on(userTarget).context,
    handler: changeUser,
  },
  DeleteUser: {
    ...on(userTarget),
    handler: async (ctx, input) =>
      await ctx.store.transaction(async (tx) => {
        const user = await userNamed(ctx, input.UserName, tx)
        await refuseInUse(tx, user)
        await deleteUser(tx, user.user_id)
        await deleteAllTags(tx, ctx.accountId, userArn(user))
        return {}
      }),
  },
  TagUser: {
    ...on(userTarget, requestTags),
    handler: async (ctx, input) =>
      await ctx.store.transaction(async (tx) => {
        const user = await userNamed(ctx, input.UserName, tx)
        await addTags(tx, ctx.accountId, userArn(user), input.Tags)
        return {}
      }),
  },
  UntagUser: {
    ...on(userTarget, tagKeys),
    handler: async (ctx, input) =>
      await ctx.store.transaction(async (tx) => {
        const user = await userNamed(ctx, input.UserName, tx)
        await removeTags(tx, ctx.accountId, userArn(user), input.TagKeys)
        return {}
      }),
  },
  ListUserTags: {
    ...on(userTarget),
    handler: async (ctx, input) => await tagPage(ctx, userArn(await userNamed(ctx, input.UserName)), input),
  },
}

async function createUser(ctx: Context, input: CreateUserRequest): Promise<CreateUserResponse> {
  const tags = checkedTags(input.Tags)
  const row: UserTable = {
    account_id: ctx.accountId,
    user_id: iamId('AIDA'),
    name: input.UserName,
    name_lower: input.UserName.toLowerCase(),
    path: input.Path ?? '/',
    created_at: ctx.now,
    boundary_arn: input.PermissionsBoundary ?? null,
    password_last_used_at: null,
    revoked_before: null,
  }
  return await ctx.store.transaction(async (tx) => {
    if (row.boundary_arn !== null) await checkAttachable(ctx, row.boundary_arn, 'boundary', tx)
    if (!(await insertUser(tx, row))) throw userExists(row.name)
    await putTags(tx, ctx.accountId, userArn(row), tags)
    return { User: { ...userMember(row), Tags: await tagMembers(tx, ctx.accountId, userArn(row)) } }
  })
}

function userExists(name: string): EntityAlreadyExistsException {
  return new EntityAlreadyExistsException(`User with name ${name} already exists.`)
}

async function getUser(ctx: Context, input: GetUserRequest): Promise<GetUserResponse> {
  if (input.UserName === undefined && ctx.principal.kind === 'root') return { User: await rootMember(ctx) }
  const user = await userOrCaller(ctx, input.UserName)
  return {
    User: { ...userMember(user), Tags: await tagMembers(ctx.store.db, ctx.accountId, userArn(user)) },
  }
}

/** What AWS tells the root user about itself. */
async function rootMember(ctx: Context): Promise<User> {
  const account = await findAccount(ctx.store.db, ctx.accountId)
  return {
    Path: '/',
    UserName: account?.name ?? 'root',
    UserId: ctx.accountId,
    Arn: rootArn(ctx.accountId),
    CreateDate: new Date(account?.created_at ?? 0),
  }
}

async function listUsersPage(ctx: Context, input: ListUsersRequest): Promise<ListUsersResponse> {
  const list = `ListUsers ${input.PathPrefix ?? '/'}`
  const filter = { accountId: ctx.accountId, pathPrefix: input.PathPrefix }
  const { rows, next } = await listUsers(ctx.store.db, filter, pageRequest(ctx, list, input))
  return { Users: rows.map(userMember), ...pageMembers(ctx, list, next) }
}

/** A rename is decided on the old ARN and on the new one: rights to one path are none to another. */
async function bothNames(ctx: Context, input: UpdateUserRequest): Promise<string[]> {
  const user = await findUserByName(ctx.store.db, ctx.accountId, input.UserName)
  const row = user ?? { account_id: ctx.accountId, path: '/', name: input.UserName }
  const renamed = { ...row, path: input.NewPath ?? row.path, name: input.NewUserName ?? row.name }
  return [...new Set([userArn(row), userArn(renamed)])]
}

async function changeUser(ctx: Context, input: UpdateUserRequest): Promise<Record<never, never>> {
  return await ctx.store.transaction(async (tx) => {
    const user = await userNamed(ctx, input.UserName, tx)
    const name = input.NewUserName ?? user.name
    const path = input.NewPath ?? user.path
    const holder = await findUserByName(tx, ctx.accountId, name)
    if (holder !== undefined && holder.user_id !== user.user_id) throw userExists(name)
    await updateUser(tx, user.user_id, { name, name_lower: name.toLowerCase(), path })
    await moveTags(tx, ctx.accountId, userArn(user), userArn({ ...user, name, path }))
    return {}
  })
}

async function refuseInUse(tx: Queryable, user: UserTable): Promise<void> {
  const one = { limit: 1 }
  const refuse = (what: string): never => {
    throw new DeleteConflictException(`Cannot delete entity, must ${what} first.`)
  }
  if ((await attachmentsOf(tx, user.user_id)).length > 0) refuse('detach all policies')
  if ((await listInlinePolicies(tx, user.user_id, one)).rows.length > 0) refuse('delete policies')
  const owner = { accountId: user.account_id, userId: user.user_id }
  if ((await listAccessKeys(tx, owner, one)).rows.length > 0) refuse('delete access keys')
  if ((await listGroupsOfUser(tx, user.user_id, one)).rows.length > 0) refuse('remove users from group')
  if ((await findLoginProfile(tx, user.user_id)) !== undefined) refuse('delete login profile')
  if ((await listMfaDevices(tx, owner, one)).rows.length > 0) refuse('delete MFA device')
}

/** As lists answer it: without tags. */
export function userMember(row: UserTable): User {
  return {
    Path: row.path,
    UserName: row.name,
    UserId: row.user_id,
    Arn: userArn(row),
    CreateDate: new Date(row.created_at),
    PasswordLastUsed: row.password_last_used_at === null ? undefined : new Date(row.password_last_used_at),
    PermissionsBoundary: boundaryMember(row.boundary_arn),
  }
}
