import { callerOf } from '../../src/aws/client.ts'
import type { Credentials, OutputOf } from '../../src/aws/client.ts'
import { dbaPolicy } from '../../src/cli/quickstart/quickstart-identities.ts'
import type { ApiServer } from '../servers/api.ts'
import { REGION } from '../servers/api.ts'

/** Those who call every operation in the matrix of rights. */
export const PRINCIPALS = ['root', 'admin', 'operator', 'dba', 'job', 'federated'] as const
export type PrincipalName = (typeof PRINCIPALS)[number]

const AWS_POLICY = 'arn:aws:iam::aws:policy/'
const JOB_POLICIES = [
  'service-role/AWSBackupServiceRolePolicyForBackup',
  'service-role/AWSBackupServiceRolePolicyForRestores',
  'AWSBackupServiceRolePolicyForS3Backup',
  'AWSBackupServiceRolePolicyForS3Restore',
]

/**
 * Makes them, as root, and the default service role:
 *
 * | name | who |
 * |---|---|
 * | root | the account's root user |
 * | admin | a user with AdministratorAccess |
 * | operator | a user with AWSBackupOperatorAccess |
 * | dba | the quickstart's user: may start jobs and look, and pass one role, `rds-backup` |
 * | job | a session of a role with the default service role's policies: what somebody has who gets hold of a job's session |
 * | federated | a federated user of the administrator with a session policy of everything: the most that one can be |
 */
export async function openPrincipals(
  server: ApiServer,
): Promise<Readonly<Record<PrincipalName, Credentials>>> {
  const { call } = server
  const user = async (UserName: string): Promise<Credentials> => {
    await call('iam', 'CreateUser', { UserName })
    const { AccessKey } = await call('iam', 'CreateAccessKey', { UserName })
    return { accessKeyId: AccessKey.AccessKeyId, secretAccessKey: AccessKey.SecretAccessKey }
  }
  await call('roleback', 'CreateDefaultServiceRole', {})
  const admin = await user('admin')
  const ofAdmin = `${AWS_POLICY}AdministratorAccess`
  await call('iam', 'AttachUserPolicy', { UserName: 'admin', PolicyArn: ofAdmin })
  const operator = await user('operator')
  const ofOperator = `${AWS_POLICY}AWSBackupOperatorAccess`
  await call('iam', 'AttachUserPolicy', { UserName: 'operator', PolicyArn: ofOperator })
  const dba = await user('dba')
  const PolicyDocument = dbaPolicy(server.accountId)
  await call('iam', 'PutUserPolicy', { UserName: 'dba', PolicyName: 'databases-only', PolicyDocument })
  const job = await jobSession(server, admin)
  return { root: server.root, admin, operator, dba, job, federated: await federatedUser(server, admin) }
}

async function jobSession(
  { call, endpoint, accountId }: ApiServer,
  admin: Credentials,
): Promise<Credentials> {
  const AssumeRolePolicyDocument = JSON.stringify({
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Principal: { AWS: accountId }, Action: 'sts:AssumeRole' }],
  })
  const { Role } = await call('iam', 'CreateRole', { RoleName: 'job', AssumeRolePolicyDocument })
  for (const name of JOB_POLICIES) {
    await call('iam', 'AttachRolePolicy', { RoleName: 'job', PolicyArn: AWS_POLICY + name })
  }
  const asAdmin = callerOf(endpoint, admin, REGION)
  const session = { RoleArn: Role.Arn, RoleSessionName: 'AWSBackup-job' }
  return credentialsOf(await asAdmin('sts', 'AssumeRole', session))
}

async function federatedUser({ endpoint }: ApiServer, admin: Credentials): Promise<Credentials> {
  const Policy = JSON.stringify({
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }],
  })
  const asAdmin = callerOf(endpoint, admin, REGION)
  return credentialsOf(await asAdmin('sts', 'GetFederationToken', { Name: 'fred', Policy }))
}

function credentialsOf({ Credentials: made }: OutputOf<'sts', 'GetFederationToken'>): Credentials {
  if (made === undefined) throw new Error('there are no credentials in the answer')
  return {
    accessKeyId: made.AccessKeyId,
    secretAccessKey: made.SecretAccessKey,
    sessionToken: made.SessionToken,
  }
}
