import { LimitExceededException, NoSuchEntityException } from '../aws/generated/iam.ts'
import type { IamApi } from '../aws/generated/iam.ts'
import type { Service } from '../aws/operation.ts'
import type { Context } from '../context.ts'
import { countedSize, GROUP_INLINE_LIMIT, ROLE_INLINE_LIMIT, USER_INLINE_LIMIT } from '../policy/parse.ts'
import {
  deleteInlinePolicy,
  findInlinePolicy,
  listInlinePolicies,
  putInlinePolicy,
} from '../store/identity/identities-attachments.ts'
import type { Queryable } from '../store/store.ts'
import { boundaryOfRole, boundaryOfUser, on } from './conditions.ts'
import { checkIdentityPolicy, encodedDocument } from './documents.ts'
import {
  changeableRole,
  groupNamed,
  groupTarget,
  roleNamed,
  roleTarget,
  userNamed,
  userTarget,
} from './entities.ts'
import { pageMembers, pageRequest } from './paging.ts'
import type { PageInput, PageMembers } from './paging.ts'

type Operations =
  | 'PutUserPolicy'
  | 'GetUserPolicy'
  | 'DeleteUserPolicy'
  | 'ListUserPolicies'
  | 'PutGroupPolicy'
  | 'GetGroupPolicy'
  | 'DeleteGroupPolicy'
  | 'ListGroupPolicies'
  | 'PutRolePolicy'
  | 'GetRolePolicy'
  | 'DeleteRolePolicy'
  | 'ListRolePolicies'

export const inlinePolicies: Pick<Service<IamApi, Context>, Operations> = {
  PutUserPolicy: {
    ...on(userTarget, boundaryOfUser),
    handler: async (ctx, input) =>
      await put(ctx, input, async (tx) => {
        const { user_id: id, name } = await userNamed(ctx, input.UserName, tx)
        return { kind: 'user', id, name }
      }),
  },
  GetUserPolicy: {
    ...on(userTarget),
    handler: async (ctx, input) => {
      const { user_id: id, name } = await userNamed(ctx, input.UserName)
      return { UserName: name, ...(await get(ctx, { kind: 'user', id, name }, input.PolicyName)) }
    },
  },
  DeleteUserPolicy: {
    ...on(userTarget, boundaryOfUser),
    handler: async (ctx, input) => {
      const { user_id: id, name } = await userNamed(ctx, input.UserName)
      return await remove(ctx, { kind: 'user', id, name }, input.PolicyName)
    },
  },
  ListUserPolicies: {
    ...on(userTarget),
    handler: async (ctx, input) => await names(ctx, (await userNamed(ctx, input.UserName)).user_id, input),
  },
  PutGroupPolicy: {
    ...on(groupTarget),
    handler: async (ctx, input) =>
      await put(ctx, input, async (tx) => {
        const { group_id: id, name } = await groupNamed(ctx, input.GroupName, tx)
        return { kind: 'group', id, name }
      }),
  },
  GetGroupPolicy: {
    ...on(groupTarget),
    handler: async (ctx, input) => {
      const { group_id: id, name } = await groupNamed(ctx, input.GroupName)
      return { GroupName: name, ...(await get(ctx, { kind: 'group', id, name }, input.PolicyName)) }
    },
  },
  DeleteGroupPolicy: {
    ...on(groupTarget),
    handler: async (ctx, input) => {
      const { group_id: id, name } = await groupNamed(ctx, input.GroupName)
      return await remove(ctx, { kind: 'group', id, name }, input.PolicyName)
    },
  },
  ListGroupPolicies: {
    ...on(groupTarget),
    handler: async (ctx, input) => await names(ctx, (await groupNamed(ctx, input.GroupName)).group_id, input),
  },
  PutRolePolicy: {
    ...on(roleTarget, boundaryOfRole),
    handler: async (ctx, input) =>
      await put(ctx, input, async (tx) => {
        const { role_id: id, name } = await changeableRole(ctx, input.RoleName, tx)
        return { kind: 'role', id, name }
      }),
  },
  GetRolePolicy: {
    ...on(roleTarget),
    handler: async (ctx, input) => {
      const { role_id: id, name } = await roleNamed(ctx, input.RoleName)
      return { RoleName: name, ...(await get(ctx, { kind: 'role', id, name }, input.PolicyName)) }
    },
  },
  DeleteRolePolicy: {
    ...on(roleTarget, boundaryOfRole),
    handler: async (ctx, input) => {
      const { role_id: id, name } = await changeableRole(ctx, input.RoleName)
      return await remove(ctx, { kind: 'role', id, name }, input.PolicyName)
    },
  },
  ListRolePolicies: {
    ...on(roleTarget),
    handler: async (ctx, input) => await names(ctx, (await roleNamed(ctx, input.RoleName)).role_id, input),
  },
}

interface Holder {
  readonly kind: 'user' | 'group' | 'role'
  readonly id: string
  readonly name: string
}

/** All inline policies of one identity together, in characters as countedSize counts them. */
const LIMITS: Readonly<Record<Holder['kind'], number>> = {
  user: USER_INLINE_LIMIT,
  group: GROUP_INLINE_LIMIT,
  role: ROLE_INLINE_LIMIT,
}

async function put(
  ctx: Context,
  input: { readonly PolicyName: string; readonly PolicyDocument: string },
  holderOf: (tx: Queryable) => Promise<Holder>,
): Promise<Record<never, never>> {
  return await ctx.store.transaction(async (tx) => {
    const holder = await holderOf(tx)
    checkIdentityPolicy(input.PolicyDocument)
    // Each takes some 40 characters at least, so that no more than these fit under the limit.
    const { rows } = await listInlinePolicies(tx, holder.id, { limit: 1_000 })
    const others = rows.filter((row) => row.name !== input.PolicyName)
    const size = [...others.map((row) => row.document), input.PolicyDocument]
      .map(countedSize)
      .reduce((sum, each) => sum + each, 0)
    if (size > LIMITS[holder.kind]) {
      throw new LimitExceededException(
        `Maximum policy size of ${LIMITS[holder.kind]} bytes exceeded for ${holder.kind} ${holder.name}`,
      )
    }
    await putInlinePolicy(tx, {
      account_id: ctx.accountId,
      identity_id: holder.id,
      name: input.PolicyName,
      document: input.PolicyDocument,
    })
    return {}
  })
}

async function get(
  ctx: Context,
  holder: Holder,
  policyName: string,
): Promise<{ readonly PolicyName: string; readonly PolicyDocument: string }> {
  const row = await findInlinePolicy(ctx.store.db, holder.id, policyName)
  if (row === undefined) throw noSuchPolicy(holder, policyName)
  return { PolicyName: row.name, PolicyDocument: encodedDocument(row.document) }
}

async function remove(ctx: Context, holder: Holder, policyName: string): Promise<Record<never, never>> {
  if (!(await deleteInlinePolicy(ctx.store.db, holder.id, policyName))) {
    throw noSuchPolicy(holder, policyName)
  }
  return {}
}

function noSuchPolicy(holder: Holder, policyName: string): NoSuchEntityException {
  return new NoSuchEntityException(`The ${holder.kind} policy with name ${policyName} cannot be found.`)
}

async function names(
  ctx: Context,
  identityId: string,
  input: PageInput,
): Promise<PageMembers & { readonly PolicyNames: readonly string[] }> {
  const list = `Inline ${identityId}`
  const { rows, next } = await listInlinePolicies(ctx.store.db, identityId, pageRequest(ctx, list, input))
  return { PolicyNames: rows.map((row) => row.name), ...pageMembers(ctx, list, next) }
}
