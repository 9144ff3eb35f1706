import { findRoleByName } from '../store/identity/identities.ts'
import type { RoleTable } from '../store/schema.ts'
import type { Queryable } from '../store/store.ts'
import { assumeForService } from './assume.ts'
import { parseRoleArn, roleArn } from './identity-arns.ts'

/** The service that roles are passed to. */
export const BACKUP_SERVICE = 'backup.amazonaws.com'

/** The service's own role in an account, which nobody passes: where it acts and no role of the account is recorded. */
export function backupServiceRoleArn(accountId: string): string {
  return `arn:aws:iam::${accountId}:role/aws-service-role/${BACKUP_SERVICE}/AWSServiceRoleForBackup`
}

/** Recorded with that ARN; no role has it. */
export const SERVICE_LINKED_ROLE_ID = 'AWSServiceRoleForBackup'

export type PassedRole =
  | { readonly ok: true; readonly role: RoleTable }
  /** `message` is AWS's sentence (Terraform retries on it) with the reason behind it. */
  | { readonly ok: false; readonly message: string }

/** Condition keys of the caller's `iam:PassRole`. */
export function passRoleContext(sourceArn: string): Readonly<Record<string, string>> {
  return { 'iam:PassedToService': BACKUP_SERVICE, 'iam:AssociatedResourceArn': sourceArn }
}

/** The role of this account that an ARN names. Its message is as that of findPassedRole. */
export async function roleToPass(db: Queryable, accountId: string, arn: string): Promise<PassedRole> {
  const parsed = parseRoleArn(arn)
  if (parsed === undefined)
    return refuse(arn, 'it is not the ARN of a role. Expected arn:aws:iam::ACCOUNT:role/NAME')
  if (parsed.accountId !== accountId) {
    return refuse(
      arn,
      `it belongs to account ${parsed.accountId}, and a role can be passed within its own account only`,
    )
  }
  const role = await findRoleByName(db, accountId, parsed.name)
  if (role === undefined || roleArn(role) !== arn) return refuse(arn, 'there is no such role')
  return { ok: true, role }
}

function refuse(arn: string, reason: string): PassedRole {
  return { ok: false, message: `IAM Role ${arn} cannot be assumed by AWS Backup: ${reason}` }
}

/**
 * Looks up a role that the caller may pass and asks its trust policy whether AWS Backup may assume it. To be called after the
 * caller's `iam:PassRole` was decided: what is wrong with a role is told only to those who may pass it.
 *
 * @param sourceArn `aws:SourceArn` of the assumption: what the role is passed for.
 */
export async function findPassedRole(
  db: Queryable,
  accountId: string,
  arn: string,
  { sourceArn, now }: { readonly sourceArn: string; readonly now: number },
): Promise<PassedRole> {
  const found = await roleToPass(db, accountId, arn)
  if (!found.ok) return found
  const assumed = await assumeForService(
    db,
    { roleId: found.role.role_id, roleArn: arn },
    { service: BACKUP_SERVICE, sourceAccount: accountId, sourceArn, now },
  )
  return assumed.ok ? found : refuse(arn, assumed.reason)
}
