import { instanceProfileArn, roleArn } from '../access/identity-arns.ts'
import {
  DeleteConflictException,
  EntityAlreadyExistsException,
  LimitExceededException,
  NoSuchEntityException,
} from '../aws/generated/iam.ts'
import type {
  AddRoleToInstanceProfileRequest,
  CreateInstanceProfileRequest,
  CreateInstanceProfileResponse,
  IamApi,
  InstanceProfile,
  ListInstanceProfilesForRoleRequest,
  ListInstanceProfilesForRoleResponse,
  ListInstanceProfilesRequest,
  ListInstanceProfilesResponse,
} from '../aws/generated/iam.ts'
import type { Service } from '../aws/operation.ts'
import type { Context } from '../context.ts'
import { iamId } from '../lib/ids.ts'
import {
  deleteInstanceProfile,
  insertInstanceProfile,
  listInstanceProfiles,
  listInstanceProfilesOfRole,
  setInstanceProfileRole,
} from '../store/identity/identities-profiles.ts'
import { findRoleById } from '../store/identity/identities.ts'
import type { InstanceProfileTable } from '../store/schema.ts'
import type { Queryable } from '../store/store.ts'
import { deleteAllTags, putTags } from '../store/identity/tags.ts'
import { on, requestTags, tagKeys } from './conditions.ts'
import {
  anyResource,
  changeableRole,
  profileNamed,
  profileTarget,
  roleNamed,
  roleTarget,
} from './entities.ts'
import { pageMembers, pageRequest } from './paging.ts'
import { roleMember } from './roles.ts'
import { addTags, checkedTags, removeTags, tagMembers, tagPage } from './tags.ts'

type Operations =
  | 'CreateInstanceProfile'
  | 'GetInstanceProfile'
  | 'ListInstanceProfiles'
  | 'ListInstanceProfilesForRole'
  | 'DeleteInstanceProfile'
  | 'AddRoleToInstanceProfile'
  | 'RemoveRoleFromInstanceProfile'
  | 'TagInstanceProfile'
  | 'UntagInstanceProfile'
  | 'ListInstanceProfileTags'

export const instanceProfiles: Pick<Service<IamApi, Context>, Operations> = {
  CreateInstanceProfile: {
    resource: (ctx, input) =>
      instanceProfileArn({
        account_id: ctx.accountId,
        path: input.Path ?? '/',
        name: input.InstanceProfileName,
      }),
    context: requestTags,
    handler: createProfile,
  },
  GetInstanceProfile: {
    ...on(profileTarget),
    handler: async (ctx, input) => ({
      InstanceProfile: await profileDetails(ctx, await profileNamed(ctx, input.InstanceProfileName)),
    }),
  },
  ListInstanceProfiles: { resource: anyResource, handler: listProfiles },
  ListInstanceProfilesForRole: { ...on(roleTarget), handler: profilesOfRole },
  DeleteInstanceProfile: {
    ...on(profileTarget),
    handler: async (ctx, input) =>
      await ctx.store.transaction(async (tx) => {
        const profile = await profileNamed(ctx, input.InstanceProfileName, tx)
        if (profile.role_id !== null) {
          throw new DeleteConflictException(
            'Cannot delete entity, must remove roles from instance profile first.',
          )
        }
        await deleteInstanceProfile(tx, profile.profile_id)
        await deleteAllTags(tx, ctx.accountId, instanceProfileArn(profile))
        return {}
      }),
  },
  AddRoleToInstanceProfile: { ...on(profileTarget), handler: addRole },
  RemoveRoleFromInstanceProfile: {
    ...on(profileTarget),
    handler: async (ctx, input) =>
      await ctx.store.transaction(async (tx) => {
        const profile = await profileNamed(ctx, input.InstanceProfileName, tx)
        const role = await roleNamed(ctx, input.RoleName, tx)
        if (profile.role_id !== role.role_id) {
          throw new NoSuchEntityException(
            `Role ${role.name} in Instance Profile ${profile.name} cannot be found.`,
          )
        }
        await setInstanceProfileRole(tx, profile.profile_id, null)
        return {}
      }),
  },
  TagInstanceProfile: {
    ...on(profileTarget, requestTags),
    handler: async (ctx, input) =>
      await ctx.store.transaction(async (tx) => {
        const profile = await profileNamed(ctx, input.InstanceProfileName, tx)
        await addTags(tx, ctx.accountId, instanceProfileArn(profile), input.Tags)
        return {}
      }),
  },
  UntagInstanceProfile: {
    ...on(profileTarget, tagKeys),
    handler: async (ctx, input) =>
      await ctx.store.transaction(async (tx) => {
        const profile = await profileNamed(ctx, input.InstanceProfileName, tx)
        await removeTags(tx, ctx.accountId, instanceProfileArn(profile), input.TagKeys)
        return {}
      }),
  },
  ListInstanceProfileTags: {
    ...on(profileTarget),
    handler: async (ctx, input) =>
      await tagPage(ctx, instanceProfileArn(await profileNamed(ctx, input.InstanceProfileName)), input),
  },
}

async function createProfile(
  ctx: Context,
  input: CreateInstanceProfileRequest,
): Promise<CreateInstanceProfileResponse> {
  const tags = checkedTags(input.Tags)
  const row: InstanceProfileTable = {
    account_id: ctx.accountId,
    profile_id: iamId('AIPA'),
    name: input.InstanceProfileName,
    name_lower: input.InstanceProfileName.toLowerCase(),
    path: input.Path ?? '/',
    created_at: ctx.now,
    role_id: null,
  }
  return await ctx.store.transaction(async (tx) => {
    if (!(await insertInstanceProfile(tx, row))) {
      throw new EntityAlreadyExistsException(`Instance Profile ${row.name} already exists.`)
    }
    await putTags(tx, ctx.accountId, instanceProfileArn(row), tags)
    return { InstanceProfile: await profileDetails(ctx, row, tx) }
  })
}

/** Whoever puts a role into a profile passes it to EC2. */
async function addRole(ctx: Context, input: AddRoleToInstanceProfileRequest): Promise<Record<never, never>> {
  const passed = roleArn(await changeableRole(ctx, input.RoleName))
  await ctx.authorize('iam:PassRole', passed, { 'iam:PassedToService': 'ec2.amazonaws.com' })
  return await ctx.store.transaction(async (tx) => {
    const profile = await profileNamed(ctx, input.InstanceProfileName, tx)
    const role = await changeableRole(ctx, input.RoleName, tx)
    if (profile.role_id !== null) {
      throw new LimitExceededException('Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1')
    }
    await setInstanceProfileRole(tx, profile.profile_id, role.role_id)
    return {}
  })
}

async function listProfiles(
  ctx: Context,
  input: ListInstanceProfilesRequest,
): Promise<ListInstanceProfilesResponse> {
  const list = `ListInstanceProfiles ${input.PathPrefix ?? '/'}`
  const filter = { accountId: ctx.accountId, pathPrefix: input.PathPrefix }
  const { rows, next } = await listInstanceProfiles(ctx.store.db, filter, pageRequest(ctx, list, input))
  return { InstanceProfiles: await members(ctx, rows), ...pageMembers(ctx, list, next) }
}

async function profilesOfRole(
  ctx: Context,
  input: ListInstanceProfilesForRoleRequest,
): Promise<ListInstanceProfilesForRoleResponse> {
  const role = await roleNamed(ctx, input.RoleName)
  const list = `ListInstanceProfilesForRole ${role.role_id}`
  const page = pageRequest(ctx, list, input)
  const { rows, next } = await listInstanceProfilesOfRole(ctx.store.db, role.role_id, page)
  return { InstanceProfiles: await members(ctx, rows), ...pageMembers(ctx, list, next) }
}

async function members(ctx: Context, rows: readonly InstanceProfileTable[]): Promise<InstanceProfile[]> {
  const found: InstanceProfile[] = []
  for (const row of rows) found.push(await profileMember(ctx, row))
  return found
}

async function profileDetails(
  ctx: Context,
  row: InstanceProfileTable,
  db: Queryable = ctx.store.db,
): Promise<InstanceProfile> {
  return {
    ...(await profileMember(ctx, row, db)),
    Tags: await tagMembers(db, ctx.accountId, instanceProfileArn(row)),
  }
}

async function profileMember(
  ctx: Context,
  row: InstanceProfileTable,
  db: Queryable = ctx.store.db,
): Promise<InstanceProfile> {
  const role = row.role_id === null ? undefined : await findRoleById(db, row.role_id)
  return {
    Path: row.path,
    InstanceProfileName: row.name,
    InstanceProfileId: row.profile_id,
    Arn: instanceProfileArn(row),
    CreateDate: new Date(row.created_at),
    Roles: role === undefined ? [] : [await roleMember(ctx, role, new Map(), db)],
  }
}
