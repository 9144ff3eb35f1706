import { InvalidInputException } from '../aws/generated/iam.ts'
import type {
  CreateServiceLinkedRoleRequest,
  CreateServiceLinkedRoleResponse,
  IamApi,
} from '../aws/generated/iam.ts'
import type { Service } from '../aws/operation.ts'
import type { Context } from '../context.ts'
import { attachPolicy } from '../store/identities-attachments.ts'
import { insertRole } from '../store/identities.ts'
import type { RoleTable } from '../store/schema.ts'
import { newRole, roleDetails } from './roles.ts'

/** Services that have a role of their own here. */
const LINKED_ROLES: ReadonlyMap<string, { readonly name: string; readonly policyArn: string }> = new Map([
  [
    'backup.amazonaws.com',
    {
      name: 'AWSServiceRoleForBackup',
      policyArn: 'arn:aws:iam::aws:policy/aws-service-role/AWSBackupServiceLinkedRolePolicyForBackup',
    },
  ],
])

export const serviceLinkedRoles: Pick<Service<IamApi, Context>, 'CreateServiceLinkedRole'> = {
  CreateServiceLinkedRole: {
    resource: (ctx, input) =>
      `arn:aws:iam::${ctx.accountId}:role/aws-service-role/${input.AWSServiceName}/${LINKED_ROLES.get(input.AWSServiceName)?.name ?? '*'}`,
    context: (_, input) => ({ 'iam:AWSServiceName': input.AWSServiceName }),
    handler: createServiceLinkedRole,
  },
}

async function createServiceLinkedRole(
  ctx: Context,
  input: CreateServiceLinkedRoleRequest,
): Promise<CreateServiceLinkedRoleResponse> {
  const linked = LINKED_ROLES.get(input.AWSServiceName)
  if (linked === undefined) {
    throw new InvalidInputException(
      `Cannot make a service-linked role for "${input.AWSServiceName}": only ${[...LINKED_ROLES.keys()].join(', ')} has one here`,
    )
  }
  if (input.CustomSuffix !== undefined) {
    throw new InvalidInputException(`Custom suffix is not allowed for ${input.AWSServiceName}`)
  }
  const row: RoleTable = {
    ...newRole(ctx, `/aws-service-role/${input.AWSServiceName}/`, linked.name),
    description: input.Description ?? null,
    trust_policy: JSON.stringify({
      Version: '2012-10-17',
      Statement: [
        { Effect: 'Allow', Principal: { Service: input.AWSServiceName }, Action: 'sts:AssumeRole' },
      ],
    }),
  }
  return await ctx.store.transaction(async (tx) => {
    if (!(await insertRole(tx, row))) {
      throw new InvalidInputException(
        `Service role name ${row.name} has been taken in this account, please try a different suffix.`,
      )
    }
    await attachPolicy(tx, {
      account_id: ctx.accountId,
      identity_id: row.role_id,
      policy_arn: linked.policyArn,
      attached_at: ctx.now,
    })
    return { Role: await roleDetails(ctx, row, tx) }
  })
}
