import assert from 'node:assert/strict'
import { readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, before, test } from 'node:test'
import {
  CreateFrameworkCommand,
  CreateReportPlanCommand,
  DeleteReportPlanCommand,
  DescribeReportJobCommand,
  DescribeReportPlanCommand,
  ListReportJobsCommand,
  ListReportPlansCommand,
  ListTagsCommand,
  StartReportJobCommand,
  UpdateReportPlanCommand,
} from '@aws-sdk/client-backup'
import type { CreateReportPlanCommandInput, ReportJob } from '@aws-sdk/client-backup'
import {
  allow,
  backUpWell,
  decisionsOf,
  jobEnd,
  makeRole,
  makeUser,
  makeVault,
  registerDirectory,
  restore,
  until,
} from '../fixtures/world.ts'
import { sdkError, startTestServer } from '../server.ts'

/** Report plans and their jobs through the SDK: all six templates, as CSV and JSON, delivered into a registered directory. */

const server = await startTestServer()
after(() => server[Symbol.asyncDispose]())
const { world } = server
// Its connections end with the server, where a test turns that off and on.
const client = () => server.clientsOf(world.rootKey).backup
let reports: { readonly arn: string; readonly path: string }
let bucket: string
let docs: string
let framework: string

before(async () => {
  reports = await registerDirectory(world, 'reports', () => undefined)
  bucket = reports.arn.split('/').at(-1) as string
  await makeVault(world, 'vault')
  const managed = ['AWSBackupServiceRolePolicyForBackup', 'AWSBackupServiceRolePolicyForRestores']
  const IamRoleArn = await makeRole(world, 'AWSBackup-reported', { managed })
  const tree = await registerDirectory(world, 'docs', (path) => writeFileSync(join(path, 'a'), 'content'))
  docs = tree.arn
  const RecoveryPointArn = await backUpWell(world, {
    BackupVaultName: 'vault',
    ResourceArn: docs,
    IamRoleArn,
  })
  const Metadata = { 'file-system-id': 'fs-1', newFileSystem: 'true' }
  const { Status } = await restore(world, { RecoveryPointArn, IamRoleArn, Metadata })
  assert.equal(Status, 'COMPLETED')
  const copy = await world.call('backup', 'StartCopyJob', {
    RecoveryPointArn,
    SourceBackupVaultName: 'vault',
    DestinationBackupVaultArn: await makeVault(world, 'second'),
    IamRoleArn,
  })
  assert.equal((await jobEnd(world, copy.CopyJobId ?? '')).State, 'COMPLETED')
  const { FrameworkArn } = await client().send(
    new CreateFrameworkCommand({
      FrameworkName: 'rules',
      FrameworkControls: [{ ControlName: 'BACKUP_RESOURCES_PROTECTED_BY_BACKUP_PLAN' }],
    }),
  )
  framework = FrameworkArn as string
})

const plan = (
  ReportPlanName: string,
  ReportTemplate: string = 'BACKUP_JOB_REPORT',
  more: Partial<CreateReportPlanCommandInput> = {},
): CreateReportPlanCommandInput => ({
  ReportPlanName,
  ReportDeliveryChannel: { S3BucketName: bucket, S3KeyPrefix: 'audit/daily', Formats: ['CSV', 'JSON'] },
  ReportSetting: { ReportTemplate },
  ...more,
})

async function reportEnd(ReportJobId: string): Promise<ReportJob> {
  return await until(`report job ${ReportJobId} to end`, async () => {
    const { ReportJob } = await client().send(new DescribeReportJobCommand({ ReportJobId }))
    return ['CREATED', 'RUNNING'].includes(ReportJob?.Status ?? '') ? undefined : ReportJob
  })
}

async function reportOf(ReportPlanName: string): Promise<ReportJob> {
  const { ReportJobId = '' } = await client().send(new StartReportJobCommand({ ReportPlanName }))
  return await reportEnd(ReportJobId)
}

const fileOf = (key: string): string => readFileSync(join(reports.path, key), 'utf8')

test('a report plan is made, read, changed, listed and deleted', async () => {
  const input = plan('jobs', 'BACKUP_JOB_REPORT', {
    ReportPlanDescription: 'each day',
    ReportPlanTags: { team: 'audit' },
    IdempotencyToken: 'once',
  })
  const made = await client().send(new CreateReportPlanCommand(input))
  assert.match(made.ReportPlanArn ?? '', /:report-plan:jobs-[0-9a-f-]{36}$/)
  assert.equal((await client().send(new CreateReportPlanCommand(input))).ReportPlanArn, made.ReportPlanArn)
  await assert.rejects(
    client().send(new CreateReportPlanCommand(plan('jobs'))),
    sdkError('AlreadyExistsException', 400, 'Report plan jobs exists already'),
  )
  const { ReportPlan } = await client().send(new DescribeReportPlanCommand({ ReportPlanName: 'jobs' }))
  assert.deepEqual(ReportPlan?.ReportDeliveryChannel, input.ReportDeliveryChannel)
  assert.deepEqual(ReportPlan?.ReportSetting, input.ReportSetting)
  assert.deepEqual(
    [ReportPlan?.DeploymentStatus, ReportPlan?.ReportPlanDescription],
    ['COMPLETED', 'each day'],
  )
  const { Tags } = await client().send(new ListTagsCommand({ ResourceArn: made.ReportPlanArn }))
  assert.deepEqual(Tags, { team: 'audit' })
  await client().send(
    new UpdateReportPlanCommand({
      ReportPlanName: 'jobs',
      ReportSetting: { ReportTemplate: 'COPY_JOB_REPORT' },
    }),
  )
  const { ReportPlans } = await client().send(new ListReportPlansCommand({}))
  assert.deepEqual(
    ReportPlans?.map((one) => one.ReportSetting?.ReportTemplate),
    ['COPY_JOB_REPORT'],
  )
  await client().send(new DeleteReportPlanCommand({ ReportPlanName: 'jobs' }))
  await assert.rejects(
    client().send(new DescribeReportPlanCommand({ ReportPlanName: 'jobs' })),
    sdkError('ResourceNotFoundException', 400, 'Cannot find report plan jobs'),
  )
})

/** What the first item of each template says. */
const TEMPLATES: Readonly<Record<string, () => Readonly<Record<string, unknown>> | undefined>> = {
  BACKUP_JOB_REPORT: () => ({ resourceArn: docs, jobStatus: 'COMPLETED', backupVaultName: 'vault' }),
  COPY_JOB_REPORT: () => ({ resourceArn: docs, jobStatus: 'COMPLETED' }),
  RESTORE_JOB_REPORT: () => ({ sourceResourceArn: docs, jobStatus: 'COMPLETED', percentDone: '100.00%' }),
  SCAN_JOB_REPORT: () => undefined,
  RESOURCE_COMPLIANCE_REPORT: () => ({ frameworkName: 'rules', resourceComplianceStatus: 'NON_COMPLIANT' }),
  CONTROL_COMPLIANCE_REPORT: () => ({
    controlName: 'BACKUP_RESOURCES_PROTECTED_BY_BACKUP_PLAN',
    controlComplianceStatus: 'NON_COMPLIANT',
    numResourcesCompliant: 0,
  }),
}

for (const [template, expected] of Object.entries(TEMPLATES))
  test(`${template} is delivered as CSV and JSON, under the names that AWS gives`, async () => {
    const FrameworkArns = template.includes('COMPLIANCE') ? [framework] : undefined
    const ReportSetting = { ReportTemplate: template, ...(FrameworkArns && { FrameworkArns }) }
    await client().send(new CreateReportPlanCommand(plan('one', template, { ReportSetting })))
    const job = await reportOf('one')
    assert.equal(job.Status, 'COMPLETED', job.StatusMessage ?? '')
    assert.equal(job.ReportTemplate, template)
    const [csv = '', json = ''] = job.ReportDestination?.S3Keys ?? []
    const day = job.CreationTime?.toISOString().slice(0, 10).replaceAll('-', '/')
    assert.match(csv, new RegExp(`^audit/daily/Backup/us-east-1/${day}/one_\\S+\\.csv$`))
    assert.equal(csv.replace(/csv$/, 'json'), json)
    const { reportItems } = JSON.parse(fileOf(json)) as { reportItems: Record<string, unknown>[] }
    const lines = fileOf(csv).trimEnd().split('\r\n')
    assert.equal(lines.length, reportItems.length + 1)
    const wanted = expected()
    assert.equal(reportItems.length > 0, wanted !== undefined)
    for (const [member, value] of Object.entries(wanted ?? {})) assert.equal(reportItems[0]?.[member], value)
    if (wanted !== undefined) assert.equal(lines[0], Object.keys(reportItems[0] ?? {}).join(','))
    const decisions = await decisionsOf(world, job.ReportJobId ?? '')
    assert.deepEqual(
      decisions.map(({ Action, Effect }) => `${Action} ${Effect}`),
      ['elasticfilesystem:ClientWrite Allow', 'elasticfilesystem:ClientWrite Allow'],
    )
    const { ReportJobs } = await client().send(new ListReportJobsCommand({ ByReportPlanName: 'one' }))
    assert.deepEqual(
      ReportJobs?.map((one) => one.ReportJobId),
      [job.ReportJobId],
    )
    await client().send(new DeleteReportPlanCommand({ ReportPlanName: 'one' }))
  })

test('R23 a report plan is refused to whoever may not write there himself', async () => {
  const rights = [allow(['backup:*', 'iam:CreateServiceLinkedRole'])]
  const auditor = await makeUser(world, 'auditor', rights)
  const { backup } = server.clientsOf(auditor.key)
  await assert.rejects(
    backup.send(new CreateReportPlanCommand(plan('theirs'))),
    sdkError('AccessDeniedException', 403, 'elasticfilesystem:ClientWrite'),
  )
  const writer = await makeUser(world, 'writer', [
    ...rights,
    allow('elasticfilesystem:ClientWrite', reports.arn),
  ])
  await server.clientsOf(writer.key).backup.send(new CreateReportPlanCommand(plan('theirs')))
  await client().send(new DeleteReportPlanCommand({ ReportPlanName: 'theirs' }))
})

test('R23 each write is decided for the service: without its role nothing is delivered', async () => {
  await client().send(new CreateReportPlanCommand(plan('unserved')))
  await world.call('iam', 'DeleteServiceLinkedRole', { RoleName: 'AWSServiceRoleForBackupReports' })
  const job = await reportOf('unserved')
  assert.equal(job.Status, 'FAILED')
  assert.match(job.StatusMessage ?? '', /there is no role \S+AWSServiceRoleForBackupReports/)
  await world.call('iam', 'CreateServiceLinkedRole', { AWSServiceName: 'reports.backup.amazonaws.com' })
  assert.equal((await reportOf('unserved')).Status, 'COMPLETED')
  await client().send(new DeleteReportPlanCommand({ ReportPlanName: 'unserved' }))
})

test('R10 a link in the directory leads no report out of it', async () => {
  const outside = join(world.scratch, 'data')
  symlinkSync(outside, join(reports.path, 'linked'))
  const ReportDeliveryChannel = { S3BucketName: bucket, S3KeyPrefix: 'linked' }
  await client().send(new CreateReportPlanCommand(plan('led_astray', undefined, { ReportDeliveryChannel })))
  const job = await reportOf('led_astray')
  assert.equal(job.Status, 'FAILED')
  assert.ok(!readdirSync(outside).includes('Backup'))
  await client().send(new DeleteReportPlanCommand({ ReportPlanName: 'led_astray' }))
})

const REFUSED: readonly (readonly [Partial<CreateReportPlanCommandInput>, string])[] = [
  [{ ReportDeliveryChannel: { S3BucketName: 'nowhere' } }, 'is registered as "nowhere"'],
  [{ ReportSetting: { ReportTemplate: 'NOVEL' } }, '"NOVEL" is not known'],
  [{ ReportSetting: { ReportTemplate: 'CONTROL_COMPLIANCE_REPORT' } }, 'needs FrameworkArns'],
  [
    { ReportSetting: { ReportTemplate: 'BACKUP_JOB_REPORT', Accounts: ['210987654321'] } },
    'no organizations',
  ],
  [{ ReportSetting: { ReportTemplate: 'BACKUP_JOB_REPORT', Regions: ['mars-1'] } }, '"mars-1" is not served'],
]

for (const [more, text] of REFUSED)
  test(`a report plan is refused where ${text}`, async () => {
    await assert.rejects(
      client().send(new CreateReportPlanCommand(plan('refused', undefined, more))),
      sdkError('InvalidParameterValueException', 400, text),
    )
  })

for (const prefix of ['../up', 'a//b', '/top', 'a/../b'])
  test(`a report plan is refused the prefix ${prefix}`, async () => {
    const ReportDeliveryChannel = { S3BucketName: bucket, S3KeyPrefix: prefix }
    await assert.rejects(
      client().send(new CreateReportPlanCommand(plan('refused', undefined, { ReportDeliveryChannel }))),
      sdkError('InvalidParameterValueException', 400, 'S3KeyPrefix'),
    )
  })

test('a report that is due is delivered once, also where no server ran when it was', async () => {
  await client().send(new CreateReportPlanCommand(plan('daily')))
  await world.offline(async () => {
    const db = new DatabaseSync(join(world.dataDir, 'roleback.db'))
    db.exec(`update report_plan set next_run_at = next_run_at - 3 * 86400000`)
    db.close()
  })
  const jobs = await until('the daily report', async () => {
    const { ReportJobs } = await client().send(new ListReportJobsCommand({ ByReportPlanName: 'daily' }))
    return ReportJobs?.[0]?.Status === 'COMPLETED' ? ReportJobs : undefined
  })
  assert.equal(jobs.length, 1)
  const { ReportPlan } = await client().send(new DescribeReportPlanCommand({ ReportPlanName: 'daily' }))
  assert.deepEqual(ReportPlan?.LastSuccessfulExecutionTime, jobs[0]?.CreationTime)
  const [due] = world.rows<{ next_run_at: number }>(
    `select next_run_at from report_plan where name = 'daily'`,
  )
  assert.ok((due?.next_run_at ?? 0) > Date.now())
})

test('an account has 20 report plans at most', async () => {
  const { ReportPlans = [] } = await client().send(new ListReportPlansCommand({}))
  const make = (i: number) => client().send(new CreateReportPlanCommand(plan(`plan_${i}`)))
  for (let i = ReportPlans.length; i < 20; i++) await make(i)
  await assert.rejects(
    make(20),
    sdkError('LimitExceededException', 400, 'the account has 20, which is the limit'),
  )
})
