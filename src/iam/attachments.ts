import { LimitExceededException, NoSuchEntityException } from '../aws/generated/iam.ts'
import type { AttachedPolicy, IamApi } from '../aws/generated/iam.ts'
import type { Service } from '../aws/operation.ts'
import type { Context } from '../context.ts'
import { attachmentsOf, attachPolicy, detachPolicy } from '../store/identity/identities-attachments.ts'
import type { Queryable } from '../store/store.ts'
import { checkAttachable } from './boundaries.ts'
import { boundaryOfRole, boundaryOfUser, on, policyArn } from './conditions.ts'
import {
  changeableRole,
  groupNamed,
  groupTarget,
  roleNamed,
  roleTarget,
  userNamed,
  userTarget,
} from './entities.ts'
import { pageOfItems } from './paging.ts'
import type { PageInput, PageMembers } from './paging.ts'

const MAX_ATTACHMENTS = 10

type Operations =
  | 'AttachUserPolicy'
  | 'AttachGroupPolicy'
  | 'AttachRolePolicy'
  | 'DetachUserPolicy'
  | 'DetachGroupPolicy'
  | 'DetachRolePolicy'
  | 'ListAttachedUserPolicies'
  | 'ListAttachedGroupPolicies'
  | 'ListAttachedRolePolicies'

export const attachments: Pick<Service<IamApi, Context>, Operations> = {
  AttachUserPolicy: {
    ...on(userTarget, policyArn, boundaryOfUser),
    handler: async (ctx, input) =>
      await attach(
        ctx,
        input.PolicyArn,
        'User',
        async (tx) => (await userNamed(ctx, input.UserName, tx)).user_id,
      ),
  },
  AttachGroupPolicy: {
    ...on(groupTarget, policyArn),
    handler: async (ctx, input) =>
      await attach(
        ctx,
        input.PolicyArn,
        'Group',
        async (tx) => (await groupNamed(ctx, input.GroupName, tx)).group_id,
      ),
  },
  AttachRolePolicy: {
    ...on(roleTarget, policyArn, boundaryOfRole),
    handler: async (ctx, input) =>
      await attach(
        ctx,
        input.PolicyArn,
        'Role',
        async (tx) => (await changeableRole(ctx, input.RoleName, tx)).role_id,
      ),
  },
  DetachUserPolicy: {
    ...on(userTarget, policyArn, boundaryOfUser),
    handler: async (ctx, input) =>
      await detach(ctx, (await userNamed(ctx, input.UserName)).user_id, input.PolicyArn),
  },
  DetachGroupPolicy: {
    ...on(groupTarget, policyArn),
    handler: async (ctx, input) =>
      await detach(ctx, (await groupNamed(ctx, input.GroupName)).group_id, input.PolicyArn),
  },
  DetachRolePolicy: {
    ...on(roleTarget, policyArn, boundaryOfRole),
    handler: async (ctx, input) =>
      await detach(ctx, (await changeableRole(ctx, input.RoleName)).role_id, input.PolicyArn),
  },
  ListAttachedUserPolicies: {
    ...on(userTarget),
    handler: async (ctx, input) =>
      await attachedPage(ctx, (await userNamed(ctx, input.UserName)).user_id, input),
  },
  ListAttachedGroupPolicies: {
    ...on(groupTarget),
    handler: async (ctx, input) =>
      await attachedPage(ctx, (await groupNamed(ctx, input.GroupName)).group_id, input),
  },
  ListAttachedRolePolicies: {
    ...on(roleTarget),
    handler: async (ctx, input) =>
      await attachedPage(ctx, (await roleNamed(ctx, input.RoleName)).role_id, input),
  },
}

async function attach(
  ctx: Context,
  arn: string,
  kind: 'User' | 'Group' | 'Role',
  identityOf: (tx: Queryable) => Promise<string>,
): Promise<Record<never, never>> {
  return await ctx.store.transaction(async (tx) => {
    const identityId = await identityOf(tx)
    await checkAttachable(ctx, arn, 'attached', tx)
    const present = await attachmentsOf(tx, identityId)
    if (present.length >= MAX_ATTACHMENTS && !present.some((row) => row.policy_arn === arn)) {
      throw new LimitExceededException(`Cannot exceed quota for PoliciesPer${kind}: ${MAX_ATTACHMENTS}`)
    }
    await attachPolicy(tx, {
      account_id: ctx.accountId,
      identity_id: identityId,
      policy_arn: arn,
      attached_at: ctx.now,
    })
    return {}
  })
}

async function detach(ctx: Context, identityId: string, arn: string): Promise<Record<never, never>> {
  if (!(await detachPolicy(ctx.store.db, identityId, arn))) {
    throw new NoSuchEntityException(`Policy ${arn} was not found.`)
  }
  return {}
}

async function attachedPage(
  ctx: Context,
  identityId: string,
  input: PageInput & { readonly PathPrefix?: string | undefined },
): Promise<PageMembers & { readonly AttachedPolicies: readonly AttachedPolicy[] }> {
  const rows = await attachmentsOf(ctx.store.db, identityId)
  const arns = rows
    .map((row) => row.policy_arn)
    .filter((arn) => pathOf(arn).startsWith(input.PathPrefix ?? '/'))
  const { items, page } = pageOfItems(ctx, `Attached ${identityId}`, input, arns, (arn) => arn)
  return {
    AttachedPolicies: items.map((arn) => ({
      PolicyName: arn.slice(arn.lastIndexOf('/') + 1),
      PolicyArn: arn,
    })),
    ...page,
  }
}

/** `/PATH/` of a policy's ARN. */
function pathOf(arn: string): string {
  return arn.slice(arn.indexOf('/'), arn.lastIndexOf('/') + 1)
}
