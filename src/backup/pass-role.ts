import { findPassedRole, passRoleContext } from '../access/passed-role.ts'
import { InvalidParameterValueException } from '../aws/generated/backup.ts'
import type { Context } from '../context.ts'
import type { RoleTable } from '../store/schema.ts'

/**
 * Checks that the caller may pass `arn` to AWS Backup and that AWS Backup may assume it, in AWS's order: the caller's PassRole,
 * the role's existence, its trust policy.
 *
 * @throws {AwsError} 403 AccessDeniedException, or 400 InvalidParameterValueException with "cannot be assumed by AWS Backup".
 */
export async function passRole(ctx: Context, arn: string, sourceArn: string): Promise<RoleTable> {
  await ctx.authorize('iam:PassRole', arn, passRoleContext(sourceArn))
  const passed = await findPassedRole(ctx.store.db, ctx.accountId, arn, { sourceArn, now: ctx.now })
  if (!passed.ok) throw new InvalidParameterValueException(passed.message, { Context: arn })
  return passed.role
}
