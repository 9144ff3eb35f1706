import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, before, test } from 'node:test'
import { BackupClient, CreateFrameworkCommand, DeleteFrameworkCommand } from '@aws-sdk/client-backup'
import type { CreateFrameworkCommandInput } from '@aws-sdk/client-backup'
import { callerOf } from '../../src/aws/client.ts'
import type { OutputOf } from '../../src/aws/client.ts'
import { roleback } from '../fixtures/command-line.ts'
import { letDaysPass } from '../fixtures/expiry.ts'
import { makeTenant } from '../fixtures/tenant.ts'
import {
  backUpWell,
  makeRole,
  makeVault,
  openWorld,
  policy,
  registerDirectory,
  restore,
  until,
} from '../fixtures/world.ts'
import type { World } from '../fixtures/world.ts'

/**
 * What each control finds, on what backups, copies, restores, plans and vaults really left: each has what complies and what does not.
 *
 *     covered   two plans, backed up now, copied into an air-gapped vault, restored within a minute
 *     stale     one plan that copies nowhere, backed up three days ago, restored in 800 minutes (its job's row says so)
 *     bare      registered, and nothing else
 */

type Finding = OutputOf<'roleback', 'ListFrameworkFindings'>['Findings'][number]
type Control = NonNullable<CreateFrameworkCommandInput['FrameworkControls']>[number]
type Name = 'covered' | 'stale' | 'bare'

const FAR = 'eu-west-1'
let world: World
let client: BackupClient
let role: string
const arns = {} as Record<Name, string>
let otherAccount: string

before(async () => {
  world = await openWorld({ regions: [FAR] })
  client = connect()
  const managed = ['AWSBackupServiceRolePolicyForBackup', 'AWSBackupServiceRolePolicyForRestores']
  role = await makeRole(world, 'AWSBackup-audited', { managed })
  await makeVaults()
  for (const name of ['covered', 'stale', 'bare'] as const) {
    const { arn } = await registerDirectory(world, name, (path) => writeFileSync(join(path, 'a'), name))
    arns[name] = arn
  }
  await world.call('tagging', 'TagResources', { ResourceARNList: [arns.covered], Tags: { env: 'prod' } })
  await makePlans()
  const stale = await backUpWell(world, backupInto('open', arns.stale, 10))
  await restored(stale)
  await letDaysPass(world, 3)
  await inRows((db) => db.exec(`update job set completed_at = started_at + 48000000 where kind = 'restore'`))
  const covered = await backUpWell(world, backupInto('locked', arns.covered, 40))
  await restored(covered)
  await copied(covered)
})
after(async () => {
  client.destroy()
  await world[Symbol.asyncDispose]()
})

function connect(): BackupClient {
  const { accessKeyId, secretAccessKey } = world.rootKey
  return new BackupClient({
    endpoint: world.url,
    region: world.region,
    credentials: { accessKeyId, secretAccessKey },
    maxAttempts: 1,
  })
}

async function makeVaults(): Promise<void> {
  const { call } = world
  for (const name of ['open', 'locked', 'guarded']) await makeVault(world, name)
  await call('backup', 'PutBackupVaultLockConfiguration', {
    BackupVaultName: 'locked',
    MinRetentionDays: 7,
    MaxRetentionDays: 100,
  })
  const denied = [
    'backup:DeleteRecoveryPoint',
    'backup:UpdateRecoveryPointLifecycle',
    'backup:PutBackupVaultAccessPolicy',
  ]
  await call('backup', 'PutBackupVaultAccessPolicy', {
    BackupVaultName: 'guarded',
    Policy: policy({
      Effect: 'Deny',
      Principal: '*',
      Action: denied,
      Resource: '*',
      Condition: { StringNotEquals: { 'aws:PrincipalArn': role } },
    }),
  })
  await call('backup', 'CreateLogicallyAirGappedBackupVault', {
    BackupVaultName: 'away',
    MinRetentionDays: 7,
    MaxRetentionDays: 365,
  })
  await until('the air-gapped vault to be there', async () => {
    const { VaultState } = await call('backup', 'DescribeBackupVault', { BackupVaultName: 'away' })
    return VaultState === 'AVAILABLE' ? true : undefined
  })
  await makeVault({ ...world, call: callerOf(world.url, world.rootKey, FAR) }, 'far')
  const tenant = await makeTenant(world, 'other')
  otherAccount = tenant.accountId
  const theirs = await makeVault(tenant.world, 'theirs')
  await tenant.call('backup', 'PutBackupVaultAccessPolicy', {
    BackupVaultName: 'theirs',
    Policy: policy({
      Effect: 'Allow',
      Principal: { AWS: `arn:aws:iam::${world.accountId}:root` },
      Action: 'backup:CopyIntoBackupVault',
      Resource: '*',
    }),
  })
  await call('backup', 'UpdateGlobalSettings', { GlobalSettings: { isCrossAccountBackupEnabled: 'true' } })
  destinations = [`arn:aws:backup:${FAR}:${world.accountId}:backup-vault:far`, theirs]
}

let destinations: readonly string[] = []

async function makePlans(): Promise<void> {
  const daily = {
    RuleName: 'daily',
    TargetBackupVaultName: 'locked',
    ScheduleExpression: 'cron(0 5 ? * * *)',
    Lifecycle: { DeleteAfterDays: 40 },
    CopyActions: destinations.map((DestinationBackupVaultArn) => ({ DestinationBackupVaultArn })),
  }
  const weekly = {
    RuleName: 'weekly',
    TargetBackupVaultName: 'open',
    ScheduleExpression: 'cron(0 5 ? * SUN *)',
    Lifecycle: { DeleteAfterDays: 10 },
  }
  for (const [rule, arn] of [
    [daily, arns.covered],
    [weekly, arns.stale],
  ] as const) {
    const { BackupPlanId } = await world.call('backup', 'CreateBackupPlan', {
      BackupPlan: { BackupPlanName: rule.RuleName, Rules: [rule] },
    })
    planNames.set(BackupPlanId ?? '', rule.RuleName)
    await world.call('backup', 'CreateBackupSelection', {
      BackupPlanId: BackupPlanId ?? '',
      BackupSelection: { SelectionName: 's', IamRoleArn: role, Resources: [arn] },
    })
  }
}

const planNames = new Map<string, string>()

const backupInto = (BackupVaultName: string, ResourceArn: string, DeleteAfterDays: number) => ({
  BackupVaultName,
  ResourceArn,
  IamRoleArn: role,
  Lifecycle: { DeleteAfterDays },
})

async function restored(RecoveryPointArn: string): Promise<void> {
  const job = await restore(world, {
    RecoveryPointArn,
    IamRoleArn: role,
    Metadata: { 'file-system-id': 'fs-1', newFileSystem: 'true' },
  })
  assert.equal(job.Status, 'COMPLETED', job.StatusMessage ?? '')
  // What it made is a resource of its own, which these tests do not look at.
  await world.call('roleback', 'DeregisterResource', { ResourceArn: job.CreatedResourceArn ?? '' })
}

async function copied(RecoveryPointArn: string): Promise<void> {
  const { CopyJobId = '' } = await world.call('backup', 'StartCopyJob', {
    RecoveryPointArn,
    SourceBackupVaultName: 'locked',
    DestinationBackupVaultArn: `arn:aws:backup:${world.region}:${world.accountId}:backup-vault:away`,
    IamRoleArn: role,
  })
  const done = await until('the copy to end', async () => {
    const { CopyJob } = await world.call('backup', 'DescribeCopyJob', { CopyJobId })
    return ['CREATED', 'RUNNING'].includes(CopyJob?.State ?? '') ? undefined : CopyJob
  })
  assert.equal(done.State, 'COMPLETED', done.StatusMessage ?? '')
}

async function inRows(work: (db: DatabaseSync) => void): Promise<void> {
  await world.offline(async () => {
    const db = new DatabaseSync(join(world.dataDir, 'roleback.db'))
    work(db)
    db.close()
  })
  // Its connections were to the server that has gone.
  client.destroy()
  client = connect()
}

/** What one control finds, by the framework that has it alone. */
async function findingsOf(control: Control): Promise<readonly Finding[]> {
  const FrameworkName = 'under_test'
  await client.send(new CreateFrameworkCommand({ FrameworkName, FrameworkControls: [control] }))
  try {
    const found: Finding[] = []
    let NextToken: string | undefined
    do {
      const page = await world.call('roleback', 'ListFrameworkFindings', {
        FrameworkName,
        NextToken,
        MaxResults: 2,
      })
      found.push(...page.Findings)
      NextToken = page.NextToken
    } while (NextToken !== undefined)
    return found
  } finally {
    await client.send(new DeleteFrameworkCommand({ FrameworkName }))
  }
}

/** `NAME STATUS`, in order of names: what a reader of a report looks for. */
function told(findings: readonly Finding[]): readonly string[] {
  const nameOf = ({ ResourceArn }: Finding): string => {
    const resource = Object.entries(arns).find(([, arn]) => arn === ResourceArn)
    const last = ResourceArn.split(':').at(-1) as string
    return resource?.[0] ?? planNames.get(last) ?? last
  }
  return findings.map((one) => `${nameOf(one)} ${one.Status}`).toSorted()
}

const parameters = (given: Readonly<Record<string, string>>) => ({
  ControlInputParameters: Object.entries(given).map(([ParameterName, ParameterValue]) => ({
    ParameterName,
    ParameterValue,
  })),
})

type Expected = Readonly<Record<string, 'COMPLIANT' | 'NON_COMPLIANT' | 'NOT_APPLICABLE'>>
const YES = 'COMPLIANT'
const NO = 'NON_COMPLIANT'

interface Case {
  readonly what: string
  readonly control: () => Control
  readonly expected: Expected
}

const CASES: readonly Case[] = [
  {
    what: 'BACKUP_RESOURCES_PROTECTED_BY_BACKUP_PLAN finds what no plan selects',
    control: () => ({ ControlName: 'BACKUP_RESOURCES_PROTECTED_BY_BACKUP_PLAN' }),
    expected: { covered: YES, stale: YES, bare: NO },
  },
  {
    what: 'a scope of ids leaves everything else out',
    control: () => ({
      ControlName: 'BACKUP_RESOURCES_PROTECTED_BY_BACKUP_PLAN',
      ControlScope: { ComplianceResourceIds: [arns.bare.split('/').at(-1) as string] },
    }),
    expected: { bare: NO },
  },
  {
    what: 'a scope of one tag leaves everything else out',
    control: () => ({
      ControlName: 'BACKUP_RESOURCES_PROTECTED_BY_BACKUP_PLAN',
      ControlScope: { Tags: { env: '' } },
    }),
    expected: { covered: YES },
  },
  {
    what: 'a scope of types leaves everything else out',
    control: () => ({
      ControlName: 'BACKUP_RESOURCES_PROTECTED_BY_BACKUP_PLAN',
      ControlScope: { ComplianceResourceTypes: ['RDS'] },
    }),
    expected: {},
  },
  {
    what: 'BACKUP_PLAN_MIN_FREQUENCY_AND_MIN_RETENTION_CHECK finds plans that run too seldom or keep too short',
    control: () => ({
      ControlName: 'BACKUP_PLAN_MIN_FREQUENCY_AND_MIN_RETENTION_CHECK',
      ...parameters({
        requiredFrequencyUnit: 'days',
        requiredFrequencyValue: '1',
        requiredRetentionDays: '35',
      }),
    }),
    expected: { daily: YES, weekly: NO },
  },
  {
    what: 'BACKUP_PLAN_MIN_FREQUENCY_AND_MIN_RETENTION_CHECK counts hours',
    control: () => ({
      ControlName: 'BACKUP_PLAN_MIN_FREQUENCY_AND_MIN_RETENTION_CHECK',
      ...parameters({
        requiredFrequencyUnit: 'hours',
        requiredFrequencyValue: '12',
        requiredRetentionDays: '1',
      }),
    }),
    expected: { daily: NO, weekly: NO },
  },
  {
    what: 'BACKUP_PLAN_MIN_FREQUENCY_AND_MIN_RETENTION_CHECK takes a weekly plan where a week is enough',
    control: () => ({
      ControlName: 'BACKUP_PLAN_MIN_FREQUENCY_AND_MIN_RETENTION_CHECK',
      ...parameters({
        requiredFrequencyUnit: 'days',
        requiredFrequencyValue: '7',
        requiredRetentionDays: '10',
      }),
    }),
    expected: { daily: YES, weekly: YES },
  },
  {
    what: 'BACKUP_RECOVERY_POINT_MANUAL_DELETION_DISABLED finds vaults that people may delete from',
    control: () => ({
      ControlName: 'BACKUP_RECOVERY_POINT_MANUAL_DELETION_DISABLED',
      ...parameters({ principalArnList: role }),
    }),
    // A governance lock can be taken off; that of an air-gapped vault cannot.
    expected: { away: YES, guarded: YES, locked: NO, open: NO },
  },
  {
    what: 'BACKUP_RECOVERY_POINT_MANUAL_DELETION_DISABLED takes no exception that it does not name',
    control: () => ({ ControlName: 'BACKUP_RECOVERY_POINT_MANUAL_DELETION_DISABLED' }),
    expected: { away: YES, guarded: NO, locked: NO, open: NO },
  },
  {
    what: 'BACKUP_RESOURCES_PROTECTED_BY_CROSS_REGION finds what is copied into no other region',
    control: () => ({ ControlName: 'BACKUP_RESOURCES_PROTECTED_BY_CROSS_REGION' }),
    expected: { covered: YES, stale: NO, bare: NO },
  },
  {
    what: 'BACKUP_RESOURCES_PROTECTED_BY_CROSS_REGION asks for each region of its list',
    control: () => ({
      ControlName: 'BACKUP_RESOURCES_PROTECTED_BY_CROSS_REGION',
      ...parameters({ crossRegionList: `${FAR},ap-south-1` }),
    }),
    expected: { covered: NO, stale: NO, bare: NO },
  },
  {
    what: 'BACKUP_RESOURCES_PROTECTED_BY_CROSS_ACCOUNT finds what is copied into no other account',
    control: () => ({
      ControlName: 'BACKUP_RESOURCES_PROTECTED_BY_CROSS_ACCOUNT',
      ...parameters({ crossAccountList: otherAccount }),
    }),
    expected: { covered: YES, stale: NO, bare: NO },
  },
  {
    what: 'BACKUP_RESOURCES_PROTECTED_BY_BACKUP_VAULT_LOCK finds what no locked vault keeps',
    control: () => ({
      ControlName: 'BACKUP_RESOURCES_PROTECTED_BY_BACKUP_VAULT_LOCK',
      ...parameters({ minRetentionDays: '7', maxRetentionDays: '100' }),
    }),
    expected: { covered: YES, stale: NO, bare: NO },
  },
  {
    what: 'BACKUP_RESOURCES_PROTECTED_BY_BACKUP_VAULT_LOCK asks for the limits it was given',
    control: () => ({
      ControlName: 'BACKUP_RESOURCES_PROTECTED_BY_BACKUP_VAULT_LOCK',
      ...parameters({ minRetentionDays: '30' }),
    }),
    expected: { covered: NO, stale: NO, bare: NO },
  },
  {
    what: 'BACKUP_LAST_RECOVERY_POINT_CREATED finds what was not backed up lately',
    control: () => ({ ControlName: 'BACKUP_LAST_RECOVERY_POINT_CREATED' }),
    expected: { covered: YES, stale: NO, bare: NO },
  },
  {
    what: 'BACKUP_LAST_RECOVERY_POINT_CREATED takes the age it was given',
    control: () => ({
      ControlName: 'BACKUP_LAST_RECOVERY_POINT_CREATED',
      ...parameters({ recoveryPointAgeUnit: 'hours', recoveryPointAgeValue: '73' }),
    }),
    expected: { covered: YES, stale: YES, bare: NO },
  },
  {
    what: 'RESTORE_TIME_FOR_RESOURCES_MEET_TARGET finds what took longer, and judges nothing that was never restored',
    control: () => ({
      ControlName: 'RESTORE_TIME_FOR_RESOURCES_MEET_TARGET',
      ...parameters({ maxRestoreTime: '720' }),
    }),
    expected: { covered: YES, stale: NO, bare: 'NOT_APPLICABLE' },
  },
  {
    what: 'RESOURCES_IN_LOGICALLY_AIR_GAPPED_VAULT finds what no air-gapped vault has',
    control: () => ({ ControlName: 'RESOURCES_IN_LOGICALLY_AIR_GAPPED_VAULT' }),
    expected: { covered: YES, stale: NO, bare: NO },
  },
]

for (const { what, control, expected } of CASES)
  test(what, async () => {
    const wanted = Object.entries(expected).map(([name, status]) => `${name} ${status}`)
    assert.deepEqual(told(await findingsOf(control())), wanted.toSorted())
  })

test('BACKUP_RECOVERY_POINT_MINIMUM_RETENTION_CHECK finds recovery points that are kept too short', async () => {
  const found = await findingsOf({ ControlName: 'BACKUP_RECOVERY_POINT_MINIMUM_RETENTION_CHECK' })
  const statuses = new Map(found.map(({ Reason, Status }) => [Reason, Status]))
  // One in `locked` and its copy, kept 40 days; one in `open`, kept 10.
  assert.equal(found.length, 3)
  assert.deepEqual(
    [...statuses],
    [
      ['It is kept 40 days', YES],
      ['It is kept 10 days, not 35', NO],
    ].toSorted(
      (a, b) => [...statuses.keys()].indexOf(a[0] as string) - [...statuses.keys()].indexOf(b[0] as string),
    ),
  )
})

test('the findings are told on the command line, with the reason of each', async () => {
  const FrameworkControls = [{ ControlName: 'BACKUP_RESOURCES_PROTECTED_BY_BACKUP_PLAN' }]
  await client.send(new CreateFrameworkCommand({ FrameworkName: 'told', FrameworkControls }))
  const { stdout } = await roleback(['framework', 'findings', 'told'], {
    env: {
      AWS_ENDPOINT_URL: world.url,
      AWS_REGION: world.region,
      AWS_ACCESS_KEY_ID: world.rootKey.accessKeyId,
      AWS_SECRET_ACCESS_KEY: world.rootKey.secretAccessKey,
    },
  })
  assert.match(stdout, /BACKUP_RESOURCES_PROTECTED_BY_BACKUP_PLAN\s+2\s+1\s+0/)
  assert.match(stdout, new RegExp(`NON_COMPLIANT +${arns.bare} +No backup plan selects it`))
  assert.ok(!stdout.includes(arns.covered))
  await client.send(new DeleteFrameworkCommand({ FrameworkName: 'told' }))
})

test('BACKUP_RECOVERY_POINT_ENCRYPTED finds recovery points of a vault without a key', async () => {
  const control = { ControlName: 'BACKUP_RECOVERY_POINT_ENCRYPTED' }
  assert.deepEqual([...new Set((await findingsOf(control)).map(({ Status }) => Status))], [YES])
  // No call makes such a vault.
  let key: unknown
  await inRows((db) => {
    key = db.prepare(`select wrapped_key from vault where name = 'open'`).get()?.['wrapped_key']
    db.exec(`update vault set wrapped_key = null where name = 'open'`)
  })
  const found = await findingsOf(control)
  assert.deepEqual(
    found.filter(({ Status }) => Status === NO).map(({ Reason }) => Reason),
    ['Its backup vault has no key'],
  )
  assert.equal(found.length, 3)
  await inRows((db) => db.prepare(`update vault set wrapped_key = ? where name = 'open'`).run(key as string))
})
