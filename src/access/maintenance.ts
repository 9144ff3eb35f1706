import type { PolicyLayers } from '../policy/evaluate.ts'
import { backupSessionName } from './assume.ts'
import { compiledPolicy } from './compiled.ts'
import { backupServiceRoleArn, SERVICE_LINKED_ROLE_ID } from './passed-role.ts'
import type { Principal } from './principal.ts'

/**
 * What the server may do in an account by itself to keep its vaults whole, where no role was passed to it: docs/adr/0024. It is decided
 * like everything else, so an access policy of a vault that denies it does.
 */
export const MAINTENANCE_POLICY = 'RolebackVaultMaintenance'

export const MAINTENANCE_LAYERS: PolicyLayers = {
  identity: [
    compiledPolicy(
      JSON.stringify({
        Version: '2012-10-17',
        Statement: {
          Sid: 'RepairFromOwnVaults',
          Effect: 'Allow',
          Action: ['backup:CopyFromBackupVault', 'backup:CopyIntoBackupVault'],
          Resource: '*',
          Condition: { StringEquals: { 'aws:ResourceAccount': '${aws:PrincipalAccount}' } },
        },
      }),
      'identity',
      { type: 'inline', name: MAINTENANCE_POLICY },
    ),
  ],
}

const ROLE_NAME = SERVICE_LINKED_ROLE_ID
/** Of a session that is made anew whenever it is asked. */
const SESSION_MS = 3_600_000

/** The service's session in an account, under the name that vault policies can name it by. */
export function maintenancePrincipal(accountId: string, now: number): Principal {
  const name = backupSessionName(ROLE_NAME)
  return {
    kind: 'assumed-role',
    accountId,
    arn: `arn:aws:sts::${accountId}:assumed-role/${ROLE_NAME}/${name}`,
    uniqueId: `${ROLE_NAME}:${name}`,
    identityId: ROLE_NAME,
    roleArn: backupServiceRoleArn(accountId),
    tags: {},
    session: { name, issuedAt: now, expiresAt: now + SESSION_MS, mfaAuthenticated: false },
  }
}
