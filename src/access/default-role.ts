import { iamId } from '../lib/ids.ts'
import type { PolicyLayers } from '../policy/evaluate.ts'
import type { RoleTable } from '../store/schema.ts'
import { builtInLayer } from './layers.ts'
import { DEFAULT_ROLE_POLICY_ARNS } from './managed-policies.ts'

/** Name and path that AWS's console gives it; the managed operator policies name it so. */
export const DEFAULT_ROLE_NAME = 'AWSBackupDefaultServiceRole'
const PATH = '/service-role/'

const TRUST_POLICY = JSON.stringify({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Principal: { Service: 'backup.amazonaws.com' }, Action: 'sts:AssumeRole' }],
})

export function defaultRoleArn(accountId: string): string {
  return `arn:aws:iam::${accountId}:role${PATH}${DEFAULT_ROLE_NAME}`
}

/** The default service role as it is made. */
export function newDefaultRole(accountId: string, now: number): RoleTable {
  return {
    account_id: accountId,
    role_id: iamId('AROA'),
    name: DEFAULT_ROLE_NAME,
    name_lower: DEFAULT_ROLE_NAME.toLowerCase(),
    path: PATH,
    created_at: now,
    description:
      'Provides AWS Backup permission to create backups and perform restores on your behalf across AWS services.',
    trust_policy: TRUST_POLICY,
    max_session_seconds: 3600,
    boundary_arn: null,
    last_used_at: null,
    last_used_region: null,
    revoked_before: null,
  }
}

/** The policies that it has once it is made. */
export function newDefaultRoleLayers(accountId: string): PolicyLayers {
  return { identity: builtInLayer(DEFAULT_ROLE_POLICY_ARNS, defaultRoleArn(accountId)) }
}

/** What its maker is asked for, beside the right to pass it: what doing it by hand would take. */
export const DEFAULT_ROLE_RIGHTS: readonly {
  readonly action: string
  readonly context: Readonly<Record<string, string>>
}[] = [
  { action: 'iam:CreateRole', context: {} },
  ...DEFAULT_ROLE_POLICY_ARNS.map((policy) => ({
    action: 'iam:AttachRolePolicy',
    context: { 'iam:PolicyARN': policy },
  })),
]
