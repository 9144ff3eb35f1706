import { roleArn } from '../access/identity-arns.ts'
import {
  DEFAULT_ROLE_NAME,
  DEFAULT_ROLE_RIGHTS,
  defaultRoleArn,
  newDefaultRole,
} from '../access/default-role.ts'
import { DEFAULT_ROLE_POLICY_ARNS } from '../access/managed-policies.ts'
import type { CreateDefaultServiceRoleOutput } from '../aws/generated/roleback.ts'
import type { Context } from '../context.ts'
import { attachPolicy } from '../store/identity/identities-attachments.ts'
import { findRoleByName, insertRole } from '../store/identity/identities.ts'

/**
 * Makes the default service role with its two managed policies, once; what is there already stays as it is. The caller needs the
 * IAM rights that doing it by hand would take.
 */
export async function createDefaultServiceRole(ctx: Context): Promise<CreateDefaultServiceRoleOutput> {
  const arn = defaultRoleArn(ctx.accountId)
  for (const { action, context } of DEFAULT_ROLE_RIGHTS) await ctx.authorize(action, arn, context)
  await ctx.authorize('iam:PassRole', arn, { 'iam:PassedToService': 'backup.amazonaws.com' })
  const role = newDefaultRole(ctx.accountId, ctx.now)
  return await ctx.store.transaction(async (tx) => {
    const existing = await findRoleByName(tx, ctx.accountId, DEFAULT_ROLE_NAME)
    if (existing !== undefined) return { RoleArn: roleArn(existing), Created: false }
    await insertRole(tx, role)
    for (const policy of DEFAULT_ROLE_POLICY_ARNS) {
      await attachPolicy(tx, {
        account_id: ctx.accountId,
        identity_id: role.role_id,
        policy_arn: policy,
        attached_at: ctx.now,
      })
    }
    return { RoleArn: arn, Created: true }
  })
}
