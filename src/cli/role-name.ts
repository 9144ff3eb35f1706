import type { Call } from '../aws/client.ts'

/** A role's ARN from its ARN, or from its name with the path where it has one: `service-role/NAME`. */
export async function roleArnOf(call: Call, role: string): Promise<string> {
  if (role.startsWith('arn:')) return role
  const { Account } = await call('sts', 'GetCallerIdentity', {})
  return `arn:aws:iam::${Account}:role/${role.replace(/^\//, '')}`
}
