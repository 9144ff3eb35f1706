import { roleArn } from '../access/identity-arns.ts'
import { showPrincipals } from '../access/principal-ids.ts'
import {
  DeleteConflictException,
  EntityAlreadyExistsException,
  InvalidInputException,
} from '../aws/generated/iam.ts'
import type {
  CreateRoleRequest,
  CreateRoleResponse,
  GetRoleRequest,
  GetRoleResponse,
  IamApi,
  ListRolesRequest,
  ListRolesResponse,
  Role,
  UpdateRoleDescriptionRequest,
  UpdateRoleDescriptionResponse,
  UpdateRoleRequest,
} from '../aws/generated/iam.ts'
import type { Service } from '../aws/operation.ts'
import type { Context } from '../context.ts'
import { iamId } from '../lib/ids.ts'
import { attachmentsOf, listInlinePolicies } from '../store/identity/identities-attachments.ts'
import { listInstanceProfilesOfRole } from '../store/identity/identities-profiles.ts'
import { deleteRole, insertRole, listRoles, updateRole } from '../store/identity/identities.ts'
import type { RoleTable } from '../store/schema.ts'
import type { Queryable } from '../store/store.ts'
import { deleteAllTags, putTags } from '../store/identity/tags.ts'
import { boundaryMember, checkAttachable } from './boundaries.ts'
import { on, requestedBoundary, requestTags, tagKeys } from './conditions.ts'
import { encodedDocument, savedTrustPolicy } from './documents.ts'
import { anyResource, changeableRole, isReservedPath, roleNamed, roleTarget } from './entities.ts'
import { pageMembers, pageRequest } from './paging.ts'
import { addTags, checkedTags, removeTags, tagMembers, tagPage } from './tags.ts'

const DEFAULT_MAX_SESSION_SECONDS = 3_600

type Operations =
  | 'CreateRole'
  | 'GetRole'
  | 'ListRoles'
  | 'UpdateRole'
  | 'UpdateRoleDescription'
  | 'UpdateAssumeRolePolicy'
  | 'DeleteRole'
  | 'TagRole'
  | 'UntagRole'
  | 'ListRoleTags'

export const roles: Pick<Service<IamApi, Context>, Operations> = {
  CreateRole: {
    resource: (ctx, input) =>
      roleArn({ account_id: ctx.accountId, path: input.Path ?? '/', name: input.RoleName }),
    context: (ctx, input) => ({ ...requestTags(ctx, input), ...requestedBoundary(ctx, input) }),
    handler: createRole,
  },
  GetRole: { ...on(roleTarget), handler: getRole },
  ListRoles: { resource: anyResource, handler: listRolesPage },
  UpdateRole: { ...on(roleTarget), handler: changeRole },
  UpdateRoleDescription: { ...on(roleTarget), handler: changeDescription },
  UpdateAssumeRolePolicy: {
    ...on(roleTarget),
    handler: async (ctx, input) =>
      await ctx.store.transaction(async (tx) => {
        const role = await changeableRole(ctx, input.RoleName, tx)
        const trust = await savedTrustPolicy(tx, input.PolicyDocument)
        await updateRole(tx, role.role_id, { trust_policy: trust })
        return {}
      }),
  },
  DeleteRole: {
    ...on(roleTarget),
    handler: async (ctx, input) =>
      await ctx.store.transaction(async (tx) => {
        const role = await changeableRole(ctx, input.RoleName, tx)
        await refuseInUse(tx, role)
        await deleteRole(tx, role.role_id)
        await deleteAllTags(tx, ctx.accountId, roleArn(role))
        return {}
      }),
  },
  TagRole: {
    ...on(roleTarget, requestTags),
    handler: async (ctx, input) =>
      await ctx.store.transaction(async (tx) => {
        const role = await changeableRole(ctx, input.RoleName, tx)
        await addTags(tx, ctx.accountId, roleArn(role), input.Tags)
        return {}
      }),
  },
  UntagRole: {
    ...on(roleTarget, tagKeys),
    handler: async (ctx, input) =>
      await ctx.store.transaction(async (tx) => {
        const role = await changeableRole(ctx, input.RoleName, tx)
        await removeTags(tx, ctx.accountId, roleArn(role), input.TagKeys)
        return {}
      }),
  },
  ListRoleTags: {
    ...on(roleTarget),
    handler: async (ctx, input) => await tagPage(ctx, roleArn(await roleNamed(ctx, input.RoleName)), input),
  },
}

async function createRole(ctx: Context, input: CreateRoleRequest): Promise<CreateRoleResponse> {
  const path = input.Path ?? '/'
  if (isReservedPath(path)) {
    throw new InvalidInputException(`Cannot make a role in the path ${path}: it is reserved for services`)
  }
  const tags = checkedTags(input.Tags)
  return await ctx.store.transaction(async (tx) => {
    if (input.PermissionsBoundary !== undefined) {
      await checkAttachable(ctx, input.PermissionsBoundary, 'boundary', tx)
    }
    const row = {
      ...newRole(ctx, path, input.RoleName),
      description: input.Description ?? null,
      trust_policy: await savedTrustPolicy(tx, input.AssumeRolePolicyDocument),
      max_session_seconds: input.MaxSessionDuration ?? DEFAULT_MAX_SESSION_SECONDS,
      boundary_arn: input.PermissionsBoundary ?? null,
    }
    if (!(await insertRole(tx, row))) {
      throw new EntityAlreadyExistsException(`Role with name ${row.name} already exists.`)
    }
    await putTags(tx, ctx.accountId, roleArn(row), tags)
    return { Role: await roleDetails(ctx, row, tx) }
  })
}

/** A role that trusts nobody yet. */
function newRole(ctx: Context, path: string, name: string): Omit<RoleTable, 'trust_policy'> {
  return {
    account_id: ctx.accountId,
    role_id: iamId('AROA'),
    name,
    name_lower: name.toLowerCase(),
    path,
    created_at: ctx.now,
    description: null,
    max_session_seconds: DEFAULT_MAX_SESSION_SECONDS,
    boundary_arn: null,
    last_used_at: null,
    last_used_region: null,
    revoked_before: null,
  }
}

async function getRole(ctx: Context, input: GetRoleRequest): Promise<GetRoleResponse> {
  return { Role: await roleDetails(ctx, await roleNamed(ctx, input.RoleName)) }
}

async function listRolesPage(ctx: Context, input: ListRolesRequest): Promise<ListRolesResponse> {
  const list = `ListRoles ${input.PathPrefix ?? '/'}`
  const filter = { accountId: ctx.accountId, pathPrefix: input.PathPrefix }
  const { rows, next } = await listRoles(ctx.store.db, filter, pageRequest(ctx, list, input))
  const known = new Map<string, string>()
  const members: Role[] = []
  for (const row of rows) members.push(await roleMember(ctx, row, known))
  return { Roles: members, ...pageMembers(ctx, list, next) }
}

async function changeRole(ctx: Context, input: UpdateRoleRequest): Promise<Record<never, never>> {
  const role = await changeableRole(ctx, input.RoleName)
  await updateRole(ctx.store.db, role.role_id, {
    description: input.Description ?? role.description,
    max_session_seconds: input.MaxSessionDuration ?? role.max_session_seconds,
  })
  return {}
}

async function changeDescription(
  ctx: Context,
  input: UpdateRoleDescriptionRequest,
): Promise<UpdateRoleDescriptionResponse> {
  const role = await changeableRole(ctx, input.RoleName)
  await updateRole(ctx.store.db, role.role_id, { description: input.Description })
  return { Role: await roleDetails(ctx, { ...role, description: input.Description }) }
}

async function refuseInUse(tx: Queryable, role: RoleTable): Promise<void> {
  const one = { limit: 1 }
  const refuse = (what: string): never => {
    throw new DeleteConflictException(`Cannot delete entity, must ${what} first.`)
  }
  if ((await listInstanceProfilesOfRole(tx, role.role_id, one)).rows.length > 0) {
    refuse('remove roles from instance profile')
  }
  if ((await attachmentsOf(tx, role.role_id)).length > 0) refuse('detach all policies')
  if ((await listInlinePolicies(tx, role.role_id, one)).rows.length > 0) refuse('delete policies')
}

/** With tags and last use, as answers about one role have it. */
export async function roleDetails(ctx: Context, row: RoleTable, db: Queryable = ctx.store.db): Promise<Role> {
  const used = row.last_used_at
  return {
    ...(await roleMember(ctx, row, new Map(), db)),
    Tags: await tagMembers(db, ctx.accountId, roleArn(row)),
    RoleLastUsed:
      used === null ? {} : { LastUsedDate: new Date(used), Region: row.last_used_region ?? undefined },
  }
}

/** As lists answer it. */
export async function roleMember(
  ctx: Context,
  row: RoleTable,
  known: Map<string, string> = new Map(),
  db: Queryable = ctx.store.db,
): Promise<Role> {
  return {
    Path: row.path,
    RoleName: row.name,
    RoleId: row.role_id,
    Arn: roleArn(row),
    CreateDate: new Date(row.created_at),
    AssumeRolePolicyDocument: encodedDocument(await showPrincipals(db, row.trust_policy, known)),
    Description: row.description ?? undefined,
    MaxSessionDuration: row.max_session_seconds,
    PermissionsBoundary: boundaryMember(row.boundary_arn),
  }
}
