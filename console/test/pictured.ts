import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { fillBucket, registerBucket, s3ClientOf } from '../../test/fixtures/bucket.ts'
import { recordHttp } from '../../test/fixtures/recorders.ts'
import type { HttpRecorder } from '../../test/fixtures/recorders.ts'
import type { ServerProcess } from '../../test/fixtures/server-process.ts'
import { rgwMissing, startRgw } from '../../test/servers/ceph-rgw.ts'
import type { RgwServer } from '../../test/servers/ceph-rgw.ts'
import { startReceiver } from '../../test/servers/receiver.ts'
import { ACCOUNT, TESTING_PLAN, backupEnded, ended } from './filled.ts'
import type { Filled } from './filled.ts'

/** What pictures show beside a filled server, and no test waits for: who is told, a bucket, tests of restores, reports. */

/** What the server speaks to; a bucket only where a Ceph gateway can be started. */
interface Surroundings extends AsyncDisposable {
  /** `HOST:PORT` of each, as an operator allows them. */
  readonly endpoints: readonly string[]
  /** Address of what takes every message. */
  readonly hook: string
  readonly buckets: { readonly rgw: RgwServer; readonly moody: HttpRecorder } | undefined
}

export async function startSurroundings(folder: string): Promise<Surroundings> {
  const receiver = await startReceiver(204)
  const rgw = rgwMissing() === undefined ? await startRgw({ dir: join(folder, 'rgw') }) : undefined
  // It gives every object but one, so that a backup is partial.
  const moody =
    rgw &&
    (await recordHttp(rgw.endpoint, ({ method, key, query }) =>
      method === 'GET' && key === 'invoices/2026-07.pdf' && query.size <= 1 ? 'refuse' : undefined,
    ))
  const buckets = rgw && moody && { rgw, moody }
  return {
    endpoints: [
      receiver.place,
      ...[rgw, moody].flatMap((one) => (one === undefined ? [] : [new URL(one.endpoint).host])),
    ],
    hook: `http://${receiver.place}`,
    buckets,
    [Symbol.asyncDispose]: async () => {
      await receiver[Symbol.asyncDispose]()
      await moody?.[Symbol.asyncDispose]()
      await rgw?.stop()
    },
  }
}

/** @returns Screens that only these pictures have, by their names. */
export async function fillPictures(
  server: ServerProcess,
  filled: Filled,
  { hook, buckets }: Surroundings,
): Promise<ReadonlyMap<string, string>> {
  const { call } = server
  await tell(server, filled, hook)
  await testRestores(server)
  for (let n = 0; n < 2; n++) {
    const { ReportJobId = '' } = await call('backup', 'StartReportJob', { ReportPlanName: 'daily_jobs' })
    await ended(async () => (await call('backup', 'DescribeReportJob', { ReportJobId })).ReportJob?.Status)
  }
  const { JobId } = await call('roleback', 'StartVerifyJob', {
    BackupVaultName: 'production',
    ReadData: true,
  })
  await ended(async () => (await call('roleback', 'DescribeJob', { JobId })).Job.State)
  if (buckets === undefined) return new Map()
  const client = s3ClientOf(buckets.rgw)
  const month = (number: number): string => `invoices/2026-${String(number).padStart(2, '0')}.pdf`
  await fillBucket(
    client,
    'invoices',
    Object.fromEntries(Array.from({ length: 11 }, (_, at) => [month(at + 1), 'invoice '.repeat(20_000)])),
  )
  await fillBucket(client, 'backups', {})
  client.destroy()
  await call('roleback', 'PutStorage', {
    Name: 'second-site',
    Location: 's3://backups/roleback',
    Endpoint: buckets.rgw.endpoint,
    AccessKeyId: buckets.rgw.accessKeyId,
    Secret: buckets.rgw.secretAccessKey,
  })
  const { BackupJobId = '' } = await call('backup', 'StartBackupJob', {
    BackupVaultName: 'offsite',
    ResourceArn: await registerBucket(buckets.rgw, 'invoices', call, buckets.moody.endpoint),
    IamRoleArn: DEFAULT_ROLE,
  })
  await backupEnded(server, BackupJobId)
  return new Map([['job-partial', `/jobs/backup/${BackupJobId}`]])
}

const DEFAULT_ROLE = `arn:aws:iam::${ACCOUNT}:role/service-role/AWSBackupDefaultServiceRole`

/** A webhook that hears all, a chat that hears of failures, one with a pattern of its own, and the switch of a plan. */
async function tell({ call }: ServerProcess, { planId }: Filled, hook: string): Promise<void> {
  const failed = {
    $or: [{ state: ['FAILED', 'EXPIRED', 'ABORTED'] }, { status: ['FAILED', 'EXPIRED', 'ABORTED'] }],
  }
  const targets = [
    { Name: 'on-call', Type: 'WEBHOOK' },
    {
      Name: 'team-chat',
      Type: 'SLACK',
      EventPattern: JSON.stringify({ 'detail-type': ['Backup Job State Change'], detail: failed }),
    },
    { Name: 'databases', Type: 'WEBHOOK', EventPattern: '{"detail":{"resourceType":["RDS"]}}' },
    { Name: 'night-watch', Type: 'PING', BackupPlanId: planId },
  ]
  for (const target of targets) {
    await call('roleback', 'PutEventTarget', { ...target, Url: `${hook}/${target.Name}` })
    await call('roleback', 'TestEventTarget', { Name: target.Name })
  }
}

/** Each directory's latest recovery point, and what its test must find. */
async function testRestores({ call }: ServerProcess): Promise<void> {
  await call('iam', 'PutRolePolicy', {
    RoleName: 'AWSBackupDefaultServiceRole',
    PolicyName: 'look-at-what-was-restored',
    PolicyDocument: JSON.stringify({
      Version: '2012-10-17',
      Statement: [
        {
          Effect: 'Allow',
          Action: [
            'elasticfilesystem:ClientMount',
            'elasticfilesystem:ClientRootAccess',
            'elasticfilesystem:DeleteFileSystem',
          ],
          Resource: '*',
        },
      ],
    }),
  })
  await call('roleback', 'PutRestoreTestValidators', {
    RestoreTestingPlanName: TESTING_PLAN,
    RestoreTestingSelectionName: 'directories',
    Validators: [{ Name: 'not empty', ObjectCount: { Min: 10 } }],
  })
}

/** Lets the tests of restores be due. The server must not run. */
export function letTestsBeDue(dataDir: string): void {
  const db = new DatabaseSync(join(dataDir, 'roleback.db'))
  db.prepare('update restore_testing_plan set next_run_at = ?').run(Date.now() - 60_000)
  db.close()
}

/** Resolves when the tests that were due have a verdict. */
export async function testsEnded({ call }: ServerProcess): Promise<void> {
  await ended(async () => {
    const { Tests } = await call('roleback', 'ListRestoreTests', {})
    const areEnded = Tests.length > 0 && Tests.every(({ ValidationStatus }) => ValidationStatus !== undefined)
    return areEnded ? 'COMPLETED' : 'RUNNING'
  })
}
