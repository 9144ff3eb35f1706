import { iamId } from '../lib/ids.ts'
import { attachPolicy } from '../store/identity/identities-attachments.ts'
import { findRoleByName, insertRole } from '../store/identity/identities.ts'
import type { RoleTable } from '../store/schema.ts'
import type { Queryable } from '../store/store.ts'

/** Makes AWS Backup's reports. */
export const REPORTS_SERVICE = 'reports.backup.amazonaws.com'

interface LinkedRole {
  readonly name: string
  readonly policyArn: string
}

/** Services that have a role of their own here. */
export const LINKED_ROLES: ReadonlyMap<string, LinkedRole> = new Map([
  [
    'backup.amazonaws.com',
    {
      name: 'AWSServiceRoleForBackup',
      policyArn: 'arn:aws:iam::aws:policy/aws-service-role/AWSBackupServiceLinkedRolePolicyForBackup',
    },
  ],
  [
    REPORTS_SERVICE,
    {
      name: 'AWSServiceRoleForBackupReports',
      policyArn: 'arn:aws:iam::aws:policy/aws-service-role/AWSServiceRolePolicyForBackupReports',
    },
  ],
])

/** The ARN that making or using a service's role is decided on. */
export function linkedRoleArn(accountId: string, service: string): string {
  return `arn:aws:iam::${accountId}:role/aws-service-role/${service}/${LINKED_ROLES.get(service)?.name ?? '*'}`
}

/** The role of a service in an account; undefined where it was never made, or is gone. */
export async function findLinkedRole(
  db: Queryable,
  accountId: string,
  service: string,
): Promise<RoleTable | undefined> {
  const name = LINKED_ROLES.get(service)?.name
  const role = name === undefined ? undefined : await findRoleByName(db, accountId, name)
  return role?.path === `/aws-service-role/${service}/` ? role : undefined
}

/** Makes it. Undefined where the account has a role of its name. */
export async function insertLinkedRole(
  tx: Queryable,
  made: { readonly accountId: string; readonly now: number },
  service: string,
  description: string | null,
): Promise<RoleTable | undefined> {
  const linked = LINKED_ROLES.get(service)
  if (linked === undefined) throw new Error(`no service-linked role is known for ${service}`)
  const row: RoleTable = {
    account_id: made.accountId,
    role_id: iamId('AROA'),
    name: linked.name,
    name_lower: linked.name.toLowerCase(),
    path: `/aws-service-role/${service}/`,
    created_at: made.now,
    description,
    max_session_seconds: 3_600,
    boundary_arn: null,
    last_used_at: null,
    last_used_region: null,
    revoked_before: null,
    trust_policy: JSON.stringify({
      Version: '2012-10-17',
      Statement: [{ Effect: 'Allow', Principal: { Service: service }, Action: 'sts:AssumeRole' }],
    }),
  }
  if (!(await insertRole(tx, row))) return undefined
  await attachPolicy(tx, {
    account_id: made.accountId,
    identity_id: row.role_id,
    policy_arn: linked.policyArn,
    attached_at: made.now,
  })
  return row
}
