import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { callService } from '../../aws/client.ts'
import type { Call, Credentials } from '../../aws/client.ts'
import { AwsError } from '../../aws/error.ts'
import { parseProfiles, profileText } from '../aws-profile.ts'
import { CommandError } from '../report.ts'

/**
 * The users and the second role of the quickstart. `admin` does the work, so that the account's root key can be put away; `dba`
 * may back up and restore under the role `rds-backup` only, which can do nothing but databases.
 */
export const ADMIN_PROFILE = 'roleback-admin'
export const DBA_PROFILE = 'roleback-dba'
export const DATABASE_ROLE = 'rds-backup'

const ADMINISTRATOR_ACCESS = 'arn:aws:iam::aws:policy/AdministratorAccess'
const DATABASE_POLICIES = [
  'arn:aws:iam::aws:policy/service-role/AWSBackupServiceRolePolicyForRDSBackup',
  'arn:aws:iam::aws:policy/service-role/AWSBackupServiceRolePolicyForRDSRestore',
] as const

const BACKUP_TRUST = JSON.stringify({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Principal: { Service: 'backup.amazonaws.com' }, Action: 'sts:AssumeRole' }],
})

/**
 * What dba may do: start jobs, look at what the console shows of backups and why he was refused, pass one role, and read databases, since he
 * may restore no other content.
 */
export function dbaPolicy(accountId: string): string {
  return JSON.stringify({
    Version: '2012-10-17',
    Statement: [
      {
        Sid: 'BackUpAndRestore',
        Effect: 'Allow',
        Action: ['backup:StartBackupJob', 'backup:StartRestoreJob'],
        Resource: '*',
      },
      {
        Sid: 'LookAround',
        Effect: 'Allow',
        Action: [
          'backup:Describe*',
          'backup:Get*',
          'backup:List*',
          'roleback:Describe*',
          'roleback:List*',
          'roleback:Preview*',
          'roleback:PreflightJobs',
          'roleback:ValidatePolicy',
          'roleback:GetRestoreGuard',
          'roleback:GetAuthorizationDetails',
          'iam:ListRoles',
        ],
        Resource: '*',
      },
      {
        Sid: 'PassTheDatabaseRole',
        Effect: 'Allow',
        Action: 'iam:PassRole',
        Resource: `arn:aws:iam::${accountId}:role/${DATABASE_ROLE}`,
        Condition: { StringEquals: { 'iam:PassedToService': 'backup.amazonaws.com' } },
      },
      {
        Sid: 'ReadDatabases',
        Effect: 'Allow',
        Action: 'rds-db:connect',
        Resource: `arn:aws:rds-db:*:${accountId}:dbuser:*/*`,
      },
    ],
  })
}

/** A server that the quickstart talks to. */
export interface Target {
  readonly endpoint: string
  readonly region: string
  readonly accountId: string
}

/**
 * Makes `admin` and its access key, as root: the one thing that root does here. A key of an earlier run that still works is kept,
 * and root's is not needed then.
 */
export async function adminCredentials(
  target: Target,
  known: Credentials | undefined,
  rootCall: () => Call,
): Promise<{ readonly credentials: Credentials; readonly isNew: boolean }> {
  if (known !== undefined && (await worksFor(target, known, 'admin')))
    return { credentials: known, isNew: false }
  const call = rootCall()
  await makeUser(call, 'admin')
  await call('iam', 'AttachUserPolicy', { UserName: 'admin', PolicyArn: ADMINISTRATOR_ACCESS })
  return { credentials: await newAccessKey(call, 'admin'), isNew: true }
}

/** Makes the role `rds-backup` and the user `dba` with its policy, as admin, where they are not there yet. */
export async function dbaCredentials(
  target: Target,
  known: Credentials | undefined,
  call: Call,
): Promise<{ readonly credentials: Credentials; readonly isNew: boolean }> {
  await unless('EntityAlreadyExists', () =>
    call('iam', 'CreateRole', {
      RoleName: DATABASE_ROLE,
      AssumeRolePolicyDocument: BACKUP_TRUST,
      Description: 'Backs up and restores databases, nothing else',
    }),
  )
  for (const PolicyArn of DATABASE_POLICIES) {
    await call('iam', 'AttachRolePolicy', { RoleName: DATABASE_ROLE, PolicyArn })
  }
  await makeUser(call, 'dba')
  await call('iam', 'PutUserPolicy', {
    UserName: 'dba',
    PolicyName: 'databases-only',
    PolicyDocument: dbaPolicy(target.accountId),
  })
  if (known !== undefined && (await worksFor(target, known, 'dba')))
    return { credentials: known, isNew: false }
  return { credentials: await newAccessKey(call, 'dba'), isNew: true }
}

async function makeUser(call: Call, name: string): Promise<void> {
  await unless('EntityAlreadyExists', () => call('iam', 'CreateUser', { UserName: name }))
}

/** Whether the key is one of this user on this server, and not of an earlier server in the same place. */
async function worksFor(target: Target, credentials: Credentials, user: string): Promise<boolean> {
  try {
    const { Arn } = await callService(
      target.endpoint,
      credentials,
      target.region,
      'sts',
      'GetCallerIdentity',
      {},
    )
    return Arn === `arn:aws:iam::${target.accountId}:user/${user}`
  } catch (error) {
    if (error instanceof AwsError && error.status === 403) return false
    throw error
  }
}

async function newAccessKey(call: Call, user: string): Promise<Credentials> {
  try {
    const { AccessKey: key } = await call('iam', 'CreateAccessKey', { UserName: user })
    return { accessKeyId: key.AccessKeyId, secretAccessKey: key.SecretAccessKey }
  } catch (cause) {
    if (!(cause instanceof AwsError) || cause.code !== 'LimitExceeded') throw cause
    throw new CommandError(
      `Cannot make an access key for user "${user}": it has two already, and the quickstart's credentials file has neither of them. ` +
        `Bring that file back, or delete one with: aws iam delete-access-key --user-name ${user} --access-key-id …`,
      { cause },
    )
  }
}

/** Runs `action`; an error of this code means that there is nothing left to do. */
export async function unless(code: string, action: () => Promise<unknown>): Promise<void> {
  try {
    await action()
  } catch (error) {
    if (!(error instanceof AwsError) || error.code !== code) throw error
  }
}

/** The keys of one profile in a credentials file; undefined where file, profile or keys are missing. */
export function storedCredentials(file: string, profile: string): Credentials | undefined {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  const found = parseProfiles(text).get(profile)
  const accessKeyId = found?.['aws_access_key_id']
  const secretAccessKey = found?.['aws_secret_access_key']
  return accessKeyId === undefined || secretAccessKey === undefined
    ? undefined
    : { accessKeyId, secretAccessKey }
}

/** Writes the file whole or not at all, for its owner alone. */
export function storeCredentials(
  file: string,
  region: string,
  profiles: Readonly<Record<string, Credentials>>,
): void {
  const text = Object.entries(profiles)
    .map(([name, credentials]) => profileText(name, credentials, region))
    .join('\n')
  writeFileSync(`${file}.new`, text, { mode: 0o600, flush: true })
  renameSync(`${file}.new`, file)
}
