import type { Call } from '../../aws/client.ts'

/** The one role whose path people do not know: consoles make it, AWS's and ours. */
const DEFAULT_ROLE = 'AWSBackupDefaultServiceRole'

/** A role's ARN from its ARN, or from its name with the path where it has one: `service-role/NAME`. */
export async function roleArnOf(call: Call, role: string): Promise<string> {
  if (role.startsWith('arn:')) return role
  const { Account } = await call('sts', 'GetCallerIdentity', {})
  return `arn:aws:iam::${Account}:role/${role === DEFAULT_ROLE ? 'service-role/' : ''}${role.replace(/^\//, '')}`
}
