import { DEFAULT_ROLE_POLICY_ARNS } from '../access/managed-policies.ts'
import { roleArn } from '../access/identity-arns.ts'
import type { CreateDefaultServiceRoleOutput } from '../aws/generated/roleback.ts'
import type { Context } from '../context.ts'
import { iamId } from '../lib/ids.ts'
import { attachPolicy } from '../store/identity/identities-attachments.ts'
import { findRoleByName, insertRole } from '../store/identity/identities.ts'
import type { RoleTable } from '../store/schema.ts'

/** Name and path that AWS's console gives it; the managed operator policies name it so. */
const NAME = 'AWSBackupDefaultServiceRole'
const PATH = '/service-role/'

const TRUST_POLICY = JSON.stringify({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Principal: { Service: 'backup.amazonaws.com' }, Action: 'sts:AssumeRole' }],
})

export function defaultRoleArn(accountId: string): string {
  return `arn:aws:iam::${accountId}:role${PATH}${NAME}`
}

/**
 * Makes the default service role with its two managed policies, once; what is there already stays as it is. The caller needs the
 * IAM rights that doing it by hand would take.
 */
export async function createDefaultServiceRole(ctx: Context): Promise<CreateDefaultServiceRoleOutput> {
  const arn = defaultRoleArn(ctx.accountId)
  await ctx.authorize('iam:CreateRole', arn)
  for (const policy of DEFAULT_ROLE_POLICY_ARNS)
    await ctx.authorize('iam:AttachRolePolicy', arn, { 'iam:PolicyARN': policy })
  await ctx.authorize('iam:PassRole', arn, { 'iam:PassedToService': 'backup.amazonaws.com' })
  const role: RoleTable = {
    account_id: ctx.accountId,
    role_id: iamId('AROA'),
    name: NAME,
    name_lower: NAME.toLowerCase(),
    path: PATH,
    created_at: ctx.now,
    description:
      'Provides AWS Backup permission to create backups and perform restores on your behalf across AWS services.',
    trust_policy: TRUST_POLICY,
    max_session_seconds: 3600,
    boundary_arn: null,
    last_used_at: null,
    last_used_region: null,
    revoked_before: null,
  }
  return await ctx.store.transaction(async (tx) => {
    const existing = await findRoleByName(tx, ctx.accountId, NAME)
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
