import { managedDocument } from '../access/layers.ts'
import {
  InvalidInputException,
  NoSuchEntityException,
  PolicyNotAttachableException,
} from '../aws/generated/iam.ts'
import type { AttachedPermissionsBoundary, IamApi } from '../aws/generated/iam.ts'
import type { Service } from '../aws/operation.ts'
import type { Context } from '../context.ts'
import { updateRole, updateUser } from '../store/identity/identities.ts'
import type { Queryable } from '../store/store.ts'
import { boundaryOfRole, boundaryOfUser, on, requestedBoundary } from './conditions.ts'
import { changeableRole, roleTarget, userNamed, userTarget } from './entities.ts'

type Operations =
  | 'PutUserPermissionsBoundary'
  | 'DeleteUserPermissionsBoundary'
  | 'PutRolePermissionsBoundary'
  | 'DeleteRolePermissionsBoundary'

export const boundaries: Pick<Service<IamApi, Context>, Operations> = {
  PutUserPermissionsBoundary: {
    ...on(userTarget, requestedBoundary),
    handler: async (ctx, input) =>
      await ctx.store.transaction(async (tx) => {
        const user = await userNamed(ctx, input.UserName, tx)
        await checkAttachable(ctx, input.PermissionsBoundary, 'boundary', tx)
        await updateUser(tx, user.user_id, { boundary_arn: input.PermissionsBoundary })
        return {}
      }),
  },
  DeleteUserPermissionsBoundary: {
    ...on(userTarget, boundaryOfUser),
    handler: async (ctx, input) => {
      const user = await userNamed(ctx, input.UserName)
      if (user.boundary_arn === null) throw noBoundary(`user ${user.name}`)
      await updateUser(ctx.store.db, user.user_id, { boundary_arn: null })
      return {}
    },
  },
  PutRolePermissionsBoundary: {
    ...on(roleTarget, requestedBoundary),
    handler: async (ctx, input) =>
      await ctx.store.transaction(async (tx) => {
        const role = await changeableRole(ctx, input.RoleName, tx)
        await checkAttachable(ctx, input.PermissionsBoundary, 'boundary', tx)
        await updateRole(tx, role.role_id, { boundary_arn: input.PermissionsBoundary })
        return {}
      }),
  },
  DeleteRolePermissionsBoundary: {
    ...on(roleTarget, boundaryOfRole),
    handler: async (ctx, input) => {
      const role = await changeableRole(ctx, input.RoleName)
      if (role.boundary_arn === null) throw noBoundary(`role ${role.name}`)
      await updateRole(ctx.store.db, role.role_id, { boundary_arn: null })
      return {}
    },
  },
}

function noBoundary(whose: string): NoSuchEntityException {
  return new NoSuchEntityException(`No permissions boundary is set on ${whose}.`)
}

/** A managed policy, built in or of this account, that may be put on an identity. */
export async function checkAttachable(
  ctx: Context,
  arn: string,
  as: 'attached' | 'boundary',
  db: Queryable,
): Promise<void> {
  const owner = /^arn:aws:iam::(aws|\d{12}):policy\//.exec(arn)?.[1]
  if (owner === undefined) throw new InvalidInputException(`ARN ${arn} is not valid.`)
  const isOurs = owner === 'aws' || owner === ctx.accountId
  if (!isOurs || (await managedDocument(db, arn)) === undefined) {
    const what = as === 'boundary' ? 'Scope ARN:' : 'Policy'
    throw new NoSuchEntityException(`${what} ${arn} does not exist or is not attachable.`)
  }
  if (arn.startsWith('arn:aws:iam::aws:policy/aws-service-role/')) {
    throw new PolicyNotAttachableException('Cannot attach a Service Role Policy to a Customer Role.')
  }
}

export function boundaryMember(arn: string | null): AttachedPermissionsBoundary | undefined {
  if (arn === null) return undefined
  return { PermissionsBoundaryType: 'PermissionsBoundaryPolicy', PermissionsBoundaryArn: arn }
}
