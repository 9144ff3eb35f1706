import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { callService } from '../src/aws/client.ts'
import { AwsError } from '../src/aws/error.ts'
import { awsCliMissing, awsCliOf } from './fixtures/aws-cli.ts'
import type { AwsCli } from './fixtures/aws-cli.ts'
import { fillBucket, registerBucket, s3ClientOf } from './fixtures/bucket.ts'
import { EXPLAINED } from './fixtures/denials.ts'
import { approveHeld, letDaysPass } from './fixtures/expiry.ts'
import { registerOrders, startOrders } from './fixtures/orders.ts'
import type { Orders } from './fixtures/orders.ts'
import {
  allow,
  backupEnd,
  backUpWell,
  decisionsOf,
  makeRole,
  makeUser,
  makeVault,
  openWorld,
  policy,
  registerDirectory,
  removeRole,
  restoreEnd,
  until,
} from './fixtures/world.ts'
import type { User, World } from './fixtures/world.ts'
import { rgwMissing, startRgw } from './servers/ceph-rgw.ts'
import type { RgwServer } from './servers/ceph-rgw.ts'
import { postgresMissing } from './servers/postgres.ts'

/**
 * What the product is for, told once with the aws CLI as installed: a database administrator who may pass one role that can do
 * databases only, and everything he is refused.
 */

const RDS_ONLY = ['AWSBackupServiceRolePolicyForRDSBackup', 'AWSBackupServiceRolePolicyForRDSRestore']
const ROLE = 'arn:aws:iam::123456789012:role/rds-backup'
const DEFAULT_ROLE = 'arn:aws:iam::123456789012:role/service-role/AWSBackupDefaultServiceRole'
const SESSION = 'arn:aws:sts::123456789012:assumed-role/rds-backup/AWSBackup-rds-backup'

const DBA_POLICY = [
  allow([
    'backup:StartBackupJob',
    'backup:StartRestoreJob',
    'backup:UpdateRecoveryPointLifecycle',
    'backup:Describe*',
    'backup:List*',
    'backup:GetRecoveryPointRestoreMetadata',
  ]),
  allow('rds-db:connect', 'arn:aws:rds-db:us-east-1:123456789012:dbuser:*/*'),
  {
    ...allow('iam:PassRole', ROLE),
    Condition: { StringEquals: { 'iam:PassedToService': 'backup.amazonaws.com' } },
  },
]

const missing = awsCliMissing() ?? postgresMissing()

describe('Refusal demo', { skip: missing ?? false }, () => {
  let world: World
  let orders: Orders
  let rgw: RgwServer | undefined
  let dba: User
  let aws: AwsCli
  let database: string
  /** A bucket where this machine can serve one, else a directory: something that is no database. */
  let other: string
  let firstPoint: string

  before(async () => {
    world = await openWorld({ isGuarded: true })
    const [startedOrders, startedRgw] = await Promise.all([
      startOrders(world),
      rgwMissing() === undefined ? startRgw({ dir: join(world.scratch, 'rgw') }) : undefined,
    ])
    orders = startedOrders
    rgw = startedRgw
    await makeVault(world, 'databases')
    await world.call('roleback', 'CreateDefaultServiceRole', {})
    await makeRole(world, 'rds-backup', { managed: RDS_ONLY })
    dba = await makeUser(world, 'dba', DBA_POLICY)
    aws = awsCliOf(world, dba.key)
    database = await registerOrders(orders, world.call)
    other = await somethingElse()
  })

  after(async () => {
    await world?.[Symbol.asyncDispose]()
    await orders?.[Symbol.asyncDispose]()
    await rgw?.stop()
  })

  async function somethingElse(): Promise<string> {
    if (rgw === undefined) {
      const { arn } = await registerDirectory(world, 'photos', (path) =>
        writeFileSync(join(path, 'a'), 'not for the dba'),
      )
      return arn
    }
    await fillBucket(s3ClientOf(rgw), 'photos', { a: 'not for the dba' })
    return await registerBucket(rgw, 'photos', world.call)
  }

  const start = (resource: string, role: string, cli: AwsCli = aws): ReturnType<AwsCli> =>
    cli(
      `backup start-backup-job --backup-vault-name databases --resource-arn ${resource} --iam-role-arn ${role}`,
    )

  test('dba backs up orders under rds-backup and restores it as orders2 with the same rows', async () => {
    const started = await start(database, ROLE)
    assert.equal(started.exitCode, 0, started.errors)
    await backupEnd(world, started.output.BackupJobId)
    const described = await aws(`backup describe-backup-job --backup-job-id ${started.output.BackupJobId}`)
    assert.equal(described.output.State, 'COMPLETED', described.output.StatusMessage)
    assert.equal(described.output.IamRoleArn, ROLE)
    firstPoint = described.output.RecoveryPointArn

    const metadata = await aws(
      `backup get-recovery-point-restore-metadata --backup-vault-name databases --recovery-point-arn ${firstPoint}`,
    )
    assert.equal(metadata.output.RestoreMetadata.DBInstanceIdentifier, 'orders', metadata.errors)
    const restoring = await aws(
      `backup start-restore-job --recovery-point-arn ${firstPoint} --iam-role-arn ${ROLE}`,
      '--metadata',
      JSON.stringify({ ...metadata.output.RestoreMetadata, DBInstanceIdentifier: 'orders2' }),
    )
    assert.equal(restoring.exitCode, 0, restoring.errors)
    await restoreEnd(world, restoring.output.RestoreJobId)
    const restored = await aws(
      `backup describe-restore-job --restore-job-id ${restoring.output.RestoreJobId}`,
    )
    assert.equal(restored.output.Status, 'COMPLETED', restored.output.StatusMessage)
    assert.equal(restored.output.CreatedResourceArn, 'arn:aws:rds:us-east-1:123456789012:db:orders2')
    const content = await orders.content('orders')
    assert.match(content, /^500 rows /)
    assert.equal(await orders.content('orders2'), content)
  })

  test('passing the default role is refused with 403, naming iam:PassRole and why', async () => {
    const sentence =
      `User: arn:aws:iam::123456789012:user/dba is not authorized to perform: iam:PassRole on resource: ${DEFAULT_ROLE} ` +
      'because no identity-based policy allows the iam:PassRole action'
    const refused = await start(database, DEFAULT_ROLE)
    assert.notEqual(refused.exitCode, 0)
    assert.match(refused.errors, /\(AccessDeniedException\) when calling the StartBackupJob operation/)
    assert.ok(refused.errors.includes(sentence), refused.errors)
    const input = { BackupVaultName: 'databases', ResourceArn: database, IamRoleArn: DEFAULT_ROLE }
    await assert.rejects(
      callService(world.url, dba.key, world.region, 'backup', 'StartBackupJob', input),
      (error: unknown) =>
        error instanceof AwsError &&
        error.status === 403 &&
        error.code === 'AccessDeniedException' &&
        EXPLAINED.test(error.message) &&
        error.message.startsWith(`${sentence}. `),
    )
    const { BackupJobs } = await world.call('backup', 'ListBackupJobs', {})
    assert.equal(BackupJobs?.length, 1, 'no job was made')
  })

  test('rds-backup on something else ends the job FAILED, naming action, resource and session', async () => {
    const started = await start(other, ROLE)
    assert.equal(started.exitCode, 0, started.errors)
    const { BackupJobId } = started.output
    const job = await backupEnd(world, BackupJobId)
    assert.equal(job.State, 'FAILED')
    const denied = (await decisionsOf(world, BackupJobId)).filter(({ Effect }) => Effect === 'Deny')
    assert.equal(denied.length, 1)
    const { Action, ResourceArn } = denied[0] ?? assert.fail()
    assert.equal(
      job.StatusMessage?.replace(EXPLAINED, ''),
      `User: ${SESSION} is not authorized to perform: ${Action} on resource: ${ResourceArn} ` +
        `because no identity-based policy allows the ${Action} action`,
    )
    assert.match(job.StatusMessage ?? '', EXPLAINED)
    const { RecoveryPoints } = await world.call('backup', 'ListRecoveryPointsByResource', {
      ResourceArn: other,
    })
    assert.deepEqual(RecoveryPoints, [])
  })

  test('R16 dba restores no content that he could not read at its source', async () => {
    const read = other.startsWith('arn:aws:s3:')
      ? ['s3:GetObject', `${other}/*`]
      : ['elasticfilesystem:ClientMount', other]
    const started = await start(other, DEFAULT_ROLE, awsCliOf(world, world.rootKey))
    const job = await backupEnd(world, started.output.BackupJobId)
    assert.equal(job.State, 'COMPLETED', job.StatusMessage ?? '')
    const metadata = other.startsWith('arn:aws:s3:')
      ? { DestinationBucketName: 'stolen', NewBucket: 'true' }
      : { 'file-system-id': 'fs-1', newFileSystem: 'true' }
    const refused = await aws(
      `backup start-restore-job --recovery-point-arn ${job.RecoveryPointArn} --iam-role-arn ${ROLE}`,
      '--metadata',
      JSON.stringify(metadata),
    )
    assert.notEqual(refused.exitCode, 0)
    assert.ok(
      refused.errors.includes(
        `User: arn:aws:iam::123456789012:user/dba is not authorized to perform: ${read[0]} on resource: ${read[1]} because ` +
          `no identity-based policy allows the ${read[0]} action. The restore guard asks for it`,
      ),
      refused.errors,
    )
  })

  test('a role that does not trust AWS Backup cannot be assumed, with the reason', async () => {
    const Principal = { Service: 'ec2.amazonaws.com' }
    const trust = { Effect: 'Allow', Principal, Action: 'sts:AssumeRole' }
    const role = await makeRole(world, 'machines', { managed: RDS_ONLY, trust })
    const refused = await start(database, role, awsCliOf(world, world.rootKey))
    assert.notEqual(refused.exitCode, 0)
    assert.match(refused.errors, /\(InvalidParameterValueException\)/)
    assert.ok(
      refused.errors.includes(
        `IAM Role ${role} cannot be assumed by AWS Backup: its trust policy does not name the service principal backup.amazonaws.com`,
      ),
      refused.errors,
    )
  })

  test('R4 after the role was made again, a job still CREATED does not run under its namesake', async () => {
    const running = await (async () => {
      await using _held = await orders.hold()
      const first = await start(database, ROLE)
      await until('the first job to run', async () => {
        const { BackupJobId } = first.output
        const { State } = await world.call('backup', 'DescribeBackupJob', { BackupJobId })
        return State === 'RUNNING' ? State : undefined
      })
      const second = await start(database, ROLE)
      const { BackupJobId } = second.output
      const { State } = await world.call('backup', 'DescribeBackupJob', { BackupJobId })
      assert.equal(State, 'CREATED')
      await removeRole(world, 'rds-backup')
      await makeRole(world, 'rds-backup', { managed: RDS_ONLY })
      return { first: first.output.BackupJobId as string, second: BackupJobId as string }
    })()
    await backupEnd(world, running.first)
    const job = await backupEnd(world, running.second)
    assert.equal(job.State, 'FAILED')
    assert.match(
      job.StatusMessage ?? '',
      /^IAM Role arn:aws:iam::123456789012:role\/rds-backup cannot be assumed by AWS Backup: the role with id AROA\w+ no longer exists/,
    )
    assert.deepEqual(await decisionsOf(world, running.second), [])
    // The new role itself works.
    await backUpWell(
      world,
      { BackupVaultName: 'databases', ResourceArn: database, IamRoleArn: ROLE },
      dba.call,
    )
  })

  test('R5 the expiry of an old point does not run under the namesake, and a denied role holds its point', async () => {
    const input = { BackupVaultName: 'databases', ResourceArn: database, IamRoleArn: ROLE }
    const secondPoint = await backUpWell(world, input, dba.call)
    for (const point of [firstPoint, secondPoint]) {
      const changed = await aws(
        `backup update-recovery-point-lifecycle --backup-vault-name databases --recovery-point-arn ${point} --lifecycle DeleteAfterDays=1`,
      )
      assert.equal(changed.exitCode, 0, changed.errors)
    }
    await world.call('iam', 'PutRolePolicy', {
      RoleName: 'rds-backup',
      PolicyName: 'keep',
      PolicyDocument: policy({ ...allow('rds:DeleteDBSnapshot'), Effect: 'Deny' }),
    })
    // Neither is the last of the database: that would be held whatever its role may. Both at once are more than may go unasked.
    await backUpWell(world, input, dba.call)
    await letDaysPass(world, 2)
    await until('both points to be held', async () => {
      const { HeldDeletions } = await world.call('roleback', 'ListHeldDeletions', {})
      return HeldDeletions.length === 2 ? true : undefined
    })
    await approveHeld(world)

    // Its role is gone for good, so the service's own role stands in.
    await until('the first point to be deleted', () =>
      statusOf(firstPoint) === undefined ? true : undefined,
    )
    const gone = auditOf(firstPoint)
    assert.equal(gone.length, 1)
    assert.match(gone[0]?.principal_arn ?? '', /AWSServiceRoleForBackup/)
    assert.match(gone[0]?.reason ?? '', /the recorded role no longer exists/)

    // This one's role exists and is denied: the point is held, and says why.
    const { StatusMessage } = await until('the second point to be held', async () => {
      const point = await world.call('backup', 'DescribeRecoveryPoint', {
        BackupVaultName: 'databases',
        RecoveryPointArn: secondPoint,
      })
      return point.StatusMessage?.startsWith('User: ') === true ? point : undefined
    })
    assert.equal(
      StatusMessage?.replace(EXPLAINED, ''),
      `User: ${SESSION} is not authorized to perform: rds:DeleteDBSnapshot on resource: ${secondPoint} ` +
        'with an explicit deny in an identity-based policy: keep',
    )
    const [, AuthorizationId = assert.fail(StatusMessage)] = EXPLAINED.exec(StatusMessage ?? '') ?? []
    const { Authorization } = await world.call('roleback', 'GetAuthorizationDetails', { AuthorizationId })
    assert.match(
      Authorization.Notes.join(),
      /is past its retention, and the role that made it may not delete it/,
    )
    assert.deepEqual(
      Authorization.Proposals.map(({ Change, Where }) => [
        Change,
        /explicit deny in the inline policy keep/.test(Where),
      ]),
      [['remove', true]],
    )
    // Approved while a round was under way it is asked in that one, too.
    const asked = auditOf(secondPoint).map(({ principal_arn, effect }) => `${principal_arn} ${effect}`)
    assert.deepEqual([...new Set(asked)], [`${SESSION} Deny`])

    await world.call('iam', 'DeleteRolePolicy', { RoleName: 'rds-backup', PolicyName: 'keep' })
    await letDaysPass(world, 2)
    await until('the second point to be deleted', () =>
      statusOf(secondPoint) === undefined ? true : undefined,
    )
    const all = auditOf(secondPoint).map(({ principal_arn, effect }) => `${principal_arn} ${effect}`)
    assert.deepEqual([...new Set(all)], [`${SESSION} Deny`, `${SESSION} Allow`])
    assert.equal(all.filter((told) => told.endsWith('Allow')).length, 1)
  })

  test('a trust policy that named a deleted user does not admit his namesake', async () => {
    const Principal = { AWS: 'arn:aws:iam::123456789012:user/anna' }
    const assume = async (anna: User): ReturnType<AwsCli> => {
      const cli = awsCliOf(world, anna.key)
      return await cli(`sts assume-role --role-arn ${role} --role-session-name work`)
    }
    const first = await makeUser(world, 'anna')
    const role = await makeRole(world, 'deploy', {
      trust: { Effect: 'Allow', Principal, Action: 'sts:AssumeRole' },
    })
    assert.equal((await assume(first)).exitCode, 0)
    await world.call('iam', 'DeleteAccessKey', { UserName: 'anna', AccessKeyId: first.key.accessKeyId })
    await world.call('iam', 'DeleteUser', { UserName: 'anna' })
    const second = await makeUser(world, 'anna', [allow('sts:AssumeRole', '*')])
    const refused = await assume(second)
    assert.notEqual(refused.exitCode, 0)
    assert.match(
      refused.errors,
      /\(AccessDenied\).*user\/anna is not authorized to perform: sts:AssumeRole on resource: .*role\/deploy/,
    )
  })

  function statusOf(point: string): string | undefined {
    return world.rows<{ status: string }>('select status from recovery_point where arn = ?', point)[0]?.status
  }

  function auditOf(point: string): readonly { principal_arn: string; effect: string; reason: string }[] {
    return world.rows(
      `select principal_arn, effect, reason from audit where resource = ? and request_id like 'expiry %' order by seq`,
      point,
    )
  }
})
