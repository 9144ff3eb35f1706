import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Credentials } from '../../src/aws/client.ts'
import { dbaPolicy } from '../../src/cli/quickstart/quickstart-identities.ts'
import type { ServerProcess } from '../../test/fixtures/server-process.ts'

/** A server as a small company would have it: what the screens are judged and pictured with. */

export const ACCOUNT = '123456789012'
const DAY_MS = 86_400_000
/** A busy machine works slowly; a job that ends at all does so within this. */
const JOB_MS = 120_000
const ADMINISTRATOR_ACCESS = 'arn:aws:iam::aws:policy/AdministratorAccess'
const TRUST = JSON.stringify({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Principal: { Service: 'backup.amazonaws.com' }, Action: 'sts:AssumeRole' }],
})
const READ_ONLY = JSON.stringify({
  Version: '2012-10-17',
  Statement: [
    { Sid: 'LookOnly', Effect: 'Allow', Action: ['backup:List*', 'backup:Describe*'], Resource: '*' },
  ],
})

/** Tests the newest recovery point of each directory. */
export const TESTING_PLAN = 'monthly_proof'

const DIRECTORIES = ['web-assets', 'customer-files', 'mail-archive', 'wiki', 'accounting', 'photos'] as const

export interface Filled {
  readonly resources: ReadonlyMap<string, string>
  readonly planId: string
  readonly selectionId: string
  /** Of the plan as it was first. */
  readonly planVersionId: string
  readonly doneJobId: string
  readonly deniedJobId: string
  readonly copyJobId: string
  readonly restoreJobId: string
  readonly pointArn: string
  readonly holdId: string
  readonly searchId: string
  /** An authorization id of a refusal. */
  readonly refusalId: string
  readonly dba: Credentials
}

/** @param folder Where the directories that are backed up lie; made. */
export async function fill(server: ServerProcess, folder: string): Promise<Filled> {
  const { call } = server
  const restoreRoot = join(folder, 'restored')
  mkdirSync(restoreRoot, { recursive: true })
  for (const BackupVaultName of ['production', 'offsite', 'archive'])
    await call('backup', 'CreateBackupVault', { BackupVaultName })
  const { RoleArn: role } = await call('roleback', 'CreateDefaultServiceRole', {})
  const resources = new Map<string, string>()
  for (const [index, name] of DIRECTORIES.entries()) {
    const path = join(folder, name)
    mkdirSync(path)
    for (let file = 0; file < 12; file++)
      writeFileSync(join(path, `file-${file}.dat`), `${name} ${file}\n`.repeat(2_000 * (index + 1)))
    const { ResourceArn } = await call('roleback', 'RegisterResource', {
      ResourceType: 'EFS',
      Name: name,
      Connection: { Path: path, RestoreRoot: restoreRoot },
      Tags: [
        { Key: 'Name', Value: name },
        { Key: 'env', Value: index < 4 ? 'production' : 'office' },
      ],
    })
    resources.set(name, ResourceArn)
  }
  const shares = join(folder, 'shares')
  for (const name of ['team-red', 'team-blue']) mkdirSync(join(shares, name), { recursive: true })
  await call('roleback', 'PutDiscoveryRule', {
    Name: 'shares',
    ResourceType: 'EFS',
    Connection: { Path: shares, RestoreRoot: restoreRoot },
    IamRoleArn: role,
    Include: ['team-*'],
  })
  const dba = await makeIdentities(server)
  const backUp = async (name: string, IamRoleArn: string): Promise<string> => {
    const { BackupJobId = '' } = await call('backup', 'StartBackupJob', {
      BackupVaultName: 'production',
      ResourceArn: resources.get(name) ?? '',
      IamRoleArn,
      Lifecycle: { DeleteAfterDays: 35 },
    })
    return BackupJobId
  }
  const jobs = await Promise.all(DIRECTORIES.slice(0, 5).map(async (name) => await backUp(name, role)))
  const deniedJobId = await backUp('accounting', `arn:aws:iam::${ACCOUNT}:role/rds-backup`)
  for (const id of [...jobs, deniedJobId]) await backupEnded(server, id)
  const doneJobId = jobs[0] as string
  const pointArn =
    (await call('backup', 'DescribeBackupJob', { BackupJobId: doneJobId })).RecoveryPointArn ?? ''
  const { CopyJobId: copyJobId = '' } = await call('backup', 'StartCopyJob', {
    RecoveryPointArn: pointArn,
    SourceBackupVaultName: 'production',
    DestinationBackupVaultArn: `arn:aws:backup:us-east-1:${ACCOUNT}:backup-vault:offsite`,
    IamRoleArn: role,
  })
  const { RestoreJobId: restoreJobId = '' } = await call('backup', 'StartRestoreJob', {
    RecoveryPointArn: pointArn,
    Metadata: {
      'file-system-id': (resources.get('web-assets') ?? '').split('/').at(-1) ?? '',
      newFileSystem: 'true',
      CreationToken: 'web-assets-back',
    },
    IamRoleArn: role,
    ResourceType: 'EFS',
  })
  await ended(async () => (await call('backup', 'DescribeCopyJob', { CopyJobId: copyJobId })).CopyJob?.State)
  await ended(async () => (await call('backup', 'DescribeRestoreJob', { RestoreJobId: restoreJobId })).Status)
  const plan = await makePlan(server, role)
  await makeTestingPlan(server, role)
  const { LegalHoldId: holdId = '' } = await call('backup', 'CreateLegalHold', {
    Title: 'Case 4711',
    Description: 'Keep the accounts of 2026 until the court has decided',
    RecoveryPointSelection: {
      VaultNames: ['production'],
      ResourceIdentifiers: [resources.get('accounting') ?? ''],
    },
  })
  await call('backup', 'PutBackupVaultNotifications', {
    BackupVaultName: 'production',
    SNSTopicArn: `arn:aws:sns:us-east-1:${ACCOUNT}:backups`,
    BackupVaultEvents: ['BACKUP_JOB_FAILED', 'COPY_JOB_FAILED', 'RESTORE_JOB_COMPLETED'],
  })
  await call('backup', 'CreateFramework', {
    FrameworkName: 'house_rules',
    FrameworkDescription: 'What we promised our customers',
    FrameworkControls: [
      { ControlName: 'BACKUP_RESOURCES_PROTECTED_BY_BACKUP_PLAN' },
      { ControlName: 'BACKUP_LAST_RECOVERY_POINT_CREATED' },
    ],
  })
  await call('backup', 'CreateReportPlan', {
    ReportPlanName: 'daily_jobs',
    ReportDeliveryChannel: { S3BucketName: (resources.get('photos') ?? '').split('/').at(-1) ?? '' },
    ReportSetting: { ReportTemplate: 'BACKUP_JOB_REPORT' },
  })
  const { JobId: searchId } = await call('roleback', 'StartItemSearchJob', {
    BackupVaultName: 'production',
    NamePattern: 'file-1*',
  })
  await ended(async () => (await call('roleback', 'DescribeJob', { JobId: searchId })).Job.State)
  const refusalId = await refusal(server, dba, resources.get('wiki') ?? '', role)
  return {
    resources,
    ...plan,
    doneJobId,
    deniedJobId,
    copyJobId,
    restoreJobId,
    pointArn,
    holdId,
    searchId,
    refusalId,
    dba,
  }
}

/** People, a group, a second role, a policy of one's own; `dba` as the quickstart makes him. */
async function makeIdentities({ call }: ServerProcess): Promise<Credentials> {
  await call('iam', 'CreateGroup', { GroupName: 'administrators' })
  await call('iam', 'AttachGroupPolicy', { GroupName: 'administrators', PolicyArn: ADMINISTRATOR_ACCESS })
  for (const UserName of ['ada', 'grace', 'dba']) await call('iam', 'CreateUser', { UserName })
  await call('iam', 'AddUserToGroup', { GroupName: 'administrators', UserName: 'ada' })
  const { Policy } = await call('iam', 'CreatePolicy', {
    PolicyName: 'look-at-backups',
    Description: 'Sees what is backed up, changes nothing',
    PolicyDocument: READ_ONLY,
  })
  await call('iam', 'AttachUserPolicy', { UserName: 'grace', PolicyArn: Policy?.Arn ?? '' })
  await call('iam', 'CreateRole', {
    RoleName: 'rds-backup',
    AssumeRolePolicyDocument: TRUST,
    Description: 'Backs up and restores databases, nothing else',
  })
  for (const name of ['Backup', 'Restore'])
    await call('iam', 'AttachRolePolicy', {
      RoleName: 'rds-backup',
      PolicyArn: `arn:aws:iam::aws:policy/service-role/AWSBackupServiceRolePolicyForRDS${name}`,
    })
  await call('iam', 'PutUserPolicy', {
    UserName: 'dba',
    PolicyName: 'databases-only',
    PolicyDocument: dbaPolicy(ACCOUNT),
  })
  const { AccessKey: key } = await call('iam', 'CreateAccessKey', { UserName: 'dba' })
  return { accessKeyId: key.AccessKeyId, secretAccessKey: key.SecretAccessKey }
}

async function makePlan(
  { call }: ServerProcess,
  role: string,
): Promise<Pick<Filled, 'planId' | 'planVersionId' | 'selectionId'>> {
  const nightly = {
    RuleName: 'nightly',
    TargetBackupVaultName: 'production',
    ScheduleExpression: 'cron(30 1 * * ? *)',
    ScheduleExpressionTimezone: 'Europe/Berlin',
    Lifecycle: { DeleteAfterDays: 35 },
  }
  const monthly = {
    RuleName: 'monthly',
    TargetBackupVaultName: 'archive',
    ScheduleExpression: 'cron(0 4 1 * ? *)',
    Lifecycle: { DeleteAfterDays: 400 },
  }
  const BackupPlanName = 'production-daily'
  const { BackupPlanId: planId = '', VersionId: planVersionId = '' } = await call(
    'backup',
    'CreateBackupPlan',
    {
      BackupPlan: { BackupPlanName, Rules: [{ ...nightly, Lifecycle: { DeleteAfterDays: 14 } }] },
    },
  )
  await call('backup', 'UpdateBackupPlan', {
    BackupPlanId: planId,
    BackupPlan: { BackupPlanName, Rules: [nightly, monthly] },
  })
  const { SelectionId: selectionId = '' } = await call('backup', 'CreateBackupSelection', {
    BackupPlanId: planId,
    BackupSelection: {
      SelectionName: 'tagged-production',
      IamRoleArn: role,
      ListOfTags: [{ ConditionType: 'STRINGEQUALS', ConditionKey: 'env', ConditionValue: 'production' }],
    },
  })
  await call('backup', 'PutBackupVaultLockConfiguration', {
    BackupVaultName: 'archive',
    MinRetentionDays: 30,
    MaxRetentionDays: 3650,
  })
  return { planId, planVersionId, selectionId }
}

async function makeTestingPlan({ call }: ServerProcess, IamRoleArn: string): Promise<void> {
  await call('backup', 'CreateRestoreTestingPlan', {
    RestoreTestingPlan: {
      RestoreTestingPlanName: TESTING_PLAN,
      ScheduleExpression: 'cron(0 3 1 * ? *)',
      RecoveryPointSelection: {
        Algorithm: 'LATEST_WITHIN_WINDOW',
        IncludeVaults: ['*'],
        RecoveryPointTypes: ['SNAPSHOT'],
      },
    },
  })
  await call('backup', 'CreateRestoreTestingSelection', {
    RestoreTestingPlanName: TESTING_PLAN,
    RestoreTestingSelection: {
      RestoreTestingSelectionName: 'directories',
      ProtectedResourceType: 'EFS',
      ProtectedResourceArns: ['*'],
      IamRoleArn,
    },
  })
}

async function refusal(
  server: ServerProcess,
  dba: Credentials,
  ResourceArn: string,
  IamRoleArn: string,
): Promise<string> {
  try {
    await server.callAs(dba)('backup', 'StartBackupJob', {
      BackupVaultName: 'production',
      ResourceArn,
      IamRoleArn,
    })
  } catch (error) {
    const id = /Authorization id: (\S+)/.exec((error as Error).message)?.[1]
    if (id !== undefined) return id
    throw error
  }
  throw new Error('User dba was not refused')
}

export async function backupEnded({ call }: ServerProcess, BackupJobId: string): Promise<void> {
  await ended(async () => (await call('backup', 'DescribeBackupJob', { BackupJobId })).State)
}

/** Resolves when it is none of a job's states before its end; a job that hangs must not hang the tests. */
export async function ended(stateOf: () => Promise<string | undefined>): Promise<void> {
  const since = performance.now()
  for (;;) {
    const state = await stateOf()
    if (performance.now() - since > JOB_MS) throw new Error(`After ${JOB_MS / 1000} s the job is ${state}`)
    if (state !== undefined && !['CREATED', 'PENDING', 'RUNNING', 'ABORTING'].includes(state)) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/**
 * A month of nightly backups, for pictures: copies of the jobs and recovery points that there are, with the times that they would have
 * had. The server must not run.
 */
export function backdate(dataDir: string): void {
  const db = new DatabaseSync(join(dataDir, 'roleback.db'))
  const now = Date.now()
  const jobs = db.prepare("select * from job where kind = 'backup' and state = 'COMPLETED'").all()
  for (const [index, job] of jobs.entries()) {
    const point = db.prepare('select * from recovery_point where job_id = ?').get(job['job_id'] as string)
    for (let day = 1; day < 30 - index * 3; day++) {
      // One of them was away for two nights.
      const isFailed = index === 2 && (day === 9 || day === 10)
      const at = now - day * DAY_MS - 3_600_000
      const id = crypto.randomUUID()
      const arn = point === undefined ? null : String(point['arn']).replace(/[^/:]*$/, `edfb${id}`)
      insert(db, 'job', {
        ...job,
        job_id: id,
        state: isFailed ? 'FAILED' : 'COMPLETED',
        status_message: isFailed ? 'The directory could not be opened: no such file or directory' : null,
        recovery_point_arn: isFailed ? null : arn,
        created_at: at,
        run_at: at,
        started_at: at + 900,
        completed_at: at + 42_000,
        idempotency_token: null,
      })
      if (point !== undefined && !isFailed)
        insert(db, 'recovery_point', {
          ...point,
          arn,
          point_id: id.replaceAll('-', ''),
          job_id: id,
          created_at: at,
          completed_at: at + 42_000,
          delete_at: at + 35 * DAY_MS,
        })
    }
  }
  // What the server would have written down each night.
  const usage = db.prepare(
    `insert into vault_usage
     select vault.vault_id, ?, sum(point.size_bytes), sum(point.size_bytes) / 9, count(*)
     from vault join recovery_point as point on point.vault_name = vault.name
     where point.created_at < ? group by vault.vault_id on conflict do nothing`,
  )
  const today = Math.floor(now / DAY_MS)
  for (let day = today - 30; day < today; day++) usage.run(day, (day + 1) * DAY_MS)
  db.close()
}

function insert(db: DatabaseSync, table: string, row: Readonly<Record<string, unknown>>): void {
  const names = Object.keys(row)
  db.prepare(`insert into ${table} (${names.join(', ')}) values (${names.map(() => '?').join(', ')})`).run(
    ...(Object.values(row) as string[]),
  )
}
