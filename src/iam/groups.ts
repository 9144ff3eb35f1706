import { groupArn, userArn } from '../access/identity-arns.ts'
import {
  DeleteConflictException,
  EntityAlreadyExistsException,
  NoSuchEntityException,
} from '../aws/generated/iam.ts'
import type {
  CreateGroupRequest,
  CreateGroupResponse,
  GetGroupRequest,
  GetGroupResponse,
  Group,
  IamApi,
  ListGroupsForUserRequest,
  ListGroupsForUserResponse,
  ListGroupsRequest,
  ListGroupsResponse,
  UpdateGroupRequest,
} from '../aws/generated/iam.ts'
import type { Service } from '../aws/operation.ts'
import type { Context } from '../context.ts'
import { iamId } from '../lib/ids.ts'
import { attachmentsOf, listInlinePolicies } from '../store/identity/identities-attachments.ts'
import {
  addMember,
  deleteGroup,
  findGroupByName,
  insertGroup,
  listGroups,
  listGroupsOfUser,
  listMembers,
  removeMember,
  updateGroup,
} from '../store/identity/identities-groups.ts'
import type { GroupTable } from '../store/schema.ts'
import type { Queryable } from '../store/store.ts'
import { on } from './conditions.ts'
import { anyResource, groupNamed, groupTarget, userNamed, userTarget } from './entities.ts'
import { pageMembers, pageRequest } from './paging.ts'
import { userMember } from './users.ts'

type Operations =
  | 'CreateGroup'
  | 'GetGroup'
  | 'ListGroups'
  | 'UpdateGroup'
  | 'DeleteGroup'
  | 'AddUserToGroup'
  | 'RemoveUserFromGroup'
  | 'ListGroupsForUser'

export const groups: Pick<Service<IamApi, Context>, Operations> = {
  CreateGroup: {
    resource: (ctx, input) =>
      groupArn({ account_id: ctx.accountId, path: input.Path ?? '/', name: input.GroupName }),
    handler: createGroup,
  },
  GetGroup: { resource: groupTarget, handler: getGroup },
  ListGroups: { resource: anyResource, handler: listGroupsPage },
  UpdateGroup: { resource: bothNames, handler: changeGroup },
  DeleteGroup: {
    resource: groupTarget,
    handler: async (ctx, input) =>
      await ctx.store.transaction(async (tx) => {
        const group = await groupNamed(ctx, input.GroupName, tx)
        await refuseInUse(tx, group)
        await deleteGroup(tx, group.group_id)
        return {}
      }),
  },
  AddUserToGroup: {
    resource: groupTarget,
    handler: async (ctx, input) =>
      await ctx.store.transaction(async (tx) => {
        const group = await groupNamed(ctx, input.GroupName, tx)
        const user = await userNamed(ctx, input.UserName, tx)
        await addMember(tx, { account_id: ctx.accountId, group_id: group.group_id, user_id: user.user_id })
        return {}
      }),
  },
  RemoveUserFromGroup: {
    resource: groupTarget,
    handler: async (ctx, input) =>
      await ctx.store.transaction(async (tx) => {
        const group = await groupNamed(ctx, input.GroupName, tx)
        const user = await userNamed(ctx, input.UserName, tx)
        if (!(await removeMember(tx, group.group_id, user.user_id))) {
          throw new NoSuchEntityException(`User ${userArn(user)} is not in group ${groupArn(group)}.`)
        }
        return {}
      }),
  },
  ListGroupsForUser: { ...on(userTarget), handler: groupsOfUser },
}

async function createGroup(ctx: Context, input: CreateGroupRequest): Promise<CreateGroupResponse> {
  const row: GroupTable = {
    account_id: ctx.accountId,
    group_id: iamId('AGPA'),
    name: input.GroupName,
    name_lower: input.GroupName.toLowerCase(),
    path: input.Path ?? '/',
    created_at: ctx.now,
  }
  if (!(await insertGroup(ctx.store.db, row))) throw groupExists(row.name)
  return { Group: groupMember(row) }
}

function groupExists(name: string): EntityAlreadyExistsException {
  return new EntityAlreadyExistsException(`Group with name ${name} already exists.`)
}

async function getGroup(ctx: Context, input: GetGroupRequest): Promise<GetGroupResponse> {
  const group = await groupNamed(ctx, input.GroupName)
  const list = `GetGroup ${group.group_id}`
  const { rows, next } = await listMembers(ctx.store.db, group.group_id, pageRequest(ctx, list, input))
  return { Group: groupMember(group), Users: rows.map(userMember), ...pageMembers(ctx, list, next) }
}

async function listGroupsPage(ctx: Context, input: ListGroupsRequest): Promise<ListGroupsResponse> {
  const list = `ListGroups ${input.PathPrefix ?? '/'}`
  const filter = { accountId: ctx.accountId, pathPrefix: input.PathPrefix }
  const { rows, next } = await listGroups(ctx.store.db, filter, pageRequest(ctx, list, input))
  return { Groups: rows.map(groupMember), ...pageMembers(ctx, list, next) }
}

async function groupsOfUser(
  ctx: Context,
  input: ListGroupsForUserRequest,
): Promise<ListGroupsForUserResponse> {
  const user = await userNamed(ctx, input.UserName)
  const list = `ListGroupsForUser ${user.user_id}`
  const { rows, next } = await listGroupsOfUser(ctx.store.db, user.user_id, pageRequest(ctx, list, input))
  return { Groups: rows.map(groupMember), ...pageMembers(ctx, list, next) }
}

/** A rename is decided on the old ARN and on the new one. */
async function bothNames(ctx: Context, input: UpdateGroupRequest): Promise<string[]> {
  const group = await findGroupByName(ctx.store.db, ctx.accountId, input.GroupName)
  const row = group ?? { account_id: ctx.accountId, path: '/', name: input.GroupName }
  const renamed = { ...row, path: input.NewPath ?? row.path, name: input.NewGroupName ?? row.name }
  return [...new Set([groupArn(row), groupArn(renamed)])]
}

async function changeGroup(ctx: Context, input: UpdateGroupRequest): Promise<Record<never, never>> {
  return await ctx.store.transaction(async (tx) => {
    const group = await groupNamed(ctx, input.GroupName, tx)
    const name = input.NewGroupName ?? group.name
    const holder = await findGroupByName(tx, ctx.accountId, name)
    if (holder !== undefined && holder.group_id !== group.group_id) throw groupExists(name)
    const path = input.NewPath ?? group.path
    await updateGroup(tx, group.group_id, { name, name_lower: name.toLowerCase(), path })
    return {}
  })
}

async function refuseInUse(tx: Queryable, group: GroupTable): Promise<void> {
  const one = { limit: 1 }
  const refuse = (what: string): never => {
    throw new DeleteConflictException(`Cannot delete entity, must ${what} first.`)
  }
  if ((await listMembers(tx, group.group_id, one)).rows.length > 0) refuse('remove users from group')
  if ((await attachmentsOf(tx, group.group_id)).length > 0) refuse('detach all policies')
  if ((await listInlinePolicies(tx, group.group_id, one)).rows.length > 0) refuse('delete policies')
}

function groupMember(row: GroupTable): Group {
  return {
    Path: row.path,
    GroupName: row.name,
    GroupId: row.group_id,
    Arn: groupArn(row),
    CreateDate: new Date(row.created_at),
  }
}
