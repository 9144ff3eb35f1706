import type {
  GroupTable,
  InstanceProfileTable,
  OidcProviderTable,
  RoleTable,
  UserTable,
} from '../store/schema.ts'

/** ARNs of identities; IAM is global, so they have no region. */

type Named = Pick<UserTable, 'account_id' | 'path' | 'name'>

export function userArn(row: Named): string {
  return `arn:aws:iam::${row.account_id}:user${row.path}${row.name}`
}

export function roleArn(row: Pick<RoleTable, 'account_id' | 'path' | 'name'>): string {
  return `arn:aws:iam::${row.account_id}:role${row.path}${row.name}`
}

export function groupArn(row: Pick<GroupTable, 'account_id' | 'path' | 'name'>): string {
  return `arn:aws:iam::${row.account_id}:group${row.path}${row.name}`
}

export function instanceProfileArn(row: Pick<InstanceProfileTable, 'account_id' | 'path' | 'name'>): string {
  return `arn:aws:iam::${row.account_id}:instance-profile${row.path}${row.name}`
}

/** Also the serial number of a virtual MFA device. */
export function mfaDeviceArn(row: Named): string {
  return `arn:aws:iam::${row.account_id}:mfa${row.path}${row.name}`
}

export function rootArn(accountId: string): string {
  return `arn:aws:iam::${accountId}:root`
}

export function oidcProviderArn({
  account_id: accountId,
  url,
}: Pick<OidcProviderTable, 'account_id' | 'url'>): string {
  return `arn:aws:iam::${accountId}:oidc-provider/${url}`
}

/** The form of a federated user, who has no row. */
export function federatedUserArn(accountId: string, name: string): string {
  return `arn:aws:sts::${accountId}:federated-user/${name}`
}

/** `PATH` and `NAME` of a role ARN, or undefined where the text is none. */
export function parseRoleArn(arn: string): { accountId: string; path: string; name: string } | undefined {
  const match = /^arn:aws:iam::(\d{12}):role(\/(?:[\x21-\x7e]*\/)?)([\w+=,.@-]{1,64})$/.exec(arn)
  if (match === null) return undefined
  return { accountId: match[1] as string, path: match[2] as string, name: match[3] as string }
}
