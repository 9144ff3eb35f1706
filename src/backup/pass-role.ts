import { assumeForService } from '../access/assume.ts'
import { parseRoleArn, roleArn } from '../access/identity-arns.ts'
import { InvalidParameterValueException } from '../aws/generated/backup.ts'
import type { Context } from '../context.ts'
import { findRoleByName } from '../store/identities.ts'
import type { RoleTable } from '../store/schema.ts'

/** The service that roles are passed to. */
export const BACKUP_SERVICE = 'backup.amazonaws.com'

/**
 * Checks that the caller may pass `arn` to AWS Backup and that AWS Backup may assume it, in AWS's order: the caller's PassRole,
 * the role's existence, its trust policy.
 *
 * @param sourceArn `aws:SourceArn` of the assumption: what the role is passed for.
 * @throws {AwsError} 403 AccessDeniedException, or 400 InvalidParameterValueException with "cannot be assumed by AWS Backup".
 */
export async function passRole(ctx: Context, arn: string, sourceArn: string): Promise<RoleTable> {
  const parsed = parseRoleArn(arn)
  if (parsed === undefined) {
    throw new InvalidParameterValueException(
      `Invalid IAM role ARN: "${arn}". Expected arn:aws:iam::ACCOUNT:role/NAME`,
      {
        Context: 'IamRoleArn',
      },
    )
  }
  await ctx.authorize('iam:PassRole', arn, {
    'iam:PassedToService': BACKUP_SERVICE,
    'iam:AssociatedResourceArn': sourceArn,
  })
  if (parsed.accountId !== ctx.accountId) {
    throw notAssumable(
      arn,
      `it belongs to account ${parsed.accountId}, and a role can be passed within its own account only`,
    )
  }
  const role = await findRoleByName(ctx.store.db, ctx.accountId, parsed.name)
  if (role === undefined || roleArn(role) !== arn) throw notAssumable(arn, 'there is no such role')
  const assumed = await assumeForService(
    ctx.store.db,
    { roleId: role.role_id, roleArn: arn },
    { service: BACKUP_SERVICE, sourceAccount: ctx.accountId, sourceArn, now: ctx.now },
  )
  if (!assumed.ok) throw notAssumable(arn, assumed.reason)
  return role
}

/** AWS's sentence (Terraform retries on it), with the reason behind it. */
function notAssumable(arn: string, reason: string): InvalidParameterValueException {
  return new InvalidParameterValueException(`IAM Role ${arn} cannot be assumed by AWS Backup: ${reason}`, {
    Context: arn,
  })
}
