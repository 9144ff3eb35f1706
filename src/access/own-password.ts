import type { CompiledPolicy } from '../policy/compile.ts'
import { findAccount } from '../store/identity/accounts.ts'
import type { Queryable } from '../store/store.ts'
import { compiledPolicy } from './compiled.ts'
import { passwordPolicyOf } from './password-policy.ts'
import type { Principal } from './principal.ts'

const ACTIONS: ReadonlySet<string> = new Set(['iam:ChangePassword', 'iam:GetAccountPasswordPolicy'])

/**
 * What the account's password policy grants each of its users, where it lets users change their passwords: to change their own,
 * and to read what it asks of a new one (IAM User Guide, "Allow users to change their own password"). It is one more identity policy
 * beside theirs, so a deny, a boundary or a session policy still holds.
 */
export async function ownPasswordPolicy(
  db: Queryable,
  principal: Principal,
  action: string,
): Promise<CompiledPolicy | undefined> {
  if (principal.kind !== 'user' || !ACTIONS.has(action)) return undefined
  const policy = passwordPolicyOf(await findAccount(db, principal.accountId))
  if (policy?.AllowUsersToChangePassword !== true) return undefined
  const document = JSON.stringify({
    Version: '2012-10-17',
    Statement: [
      { Effect: 'Allow', Action: 'iam:ChangePassword', Resource: principal.arn },
      { Effect: 'Allow', Action: 'iam:GetAccountPasswordPolicy', Resource: '*' },
    ],
  })
  return compiledPolicy(document, 'identity', { type: 'inline', name: 'account password policy' })
}
