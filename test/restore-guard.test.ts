import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, before, describe, test } from 'node:test'
import { BackupClient, StartRestoreJobCommand } from '@aws-sdk/client-backup'
import { callerOf } from '../src/aws/client.ts'
import type { InputOf } from '../src/aws/client.ts'
import { AwsError } from '../src/aws/error.ts'
import { fillBucket, registerBucket, s3ClientOf } from './fixtures/bucket.ts'
import { roleback } from './fixtures/command-line.ts'
import { EXPLAINED } from './fixtures/denials.ts'
import { registerOrders, startOrders } from './fixtures/orders.ts'
import type { Orders } from './fixtures/orders.ts'
import {
  ALL_RIGHTS,
  allow,
  backUpWell,
  makeRole,
  makeUser,
  makeVault,
  openWorld,
  policy,
  registerDirectory,
  restoreEnd,
  until,
} from './fixtures/world.ts'
import type { User, World } from './fixtures/world.ts'
import { rgwMissing, startRgw } from './servers/ceph-rgw.ts'
import type { RgwServer } from './servers/ceph-rgw.ts'
import { postgresMissing } from './servers/postgres.ts'

/**
 * R16: a restore or export must not hand its caller what he could not read at the source. Every refusal here is made to go away by
 * the statement that its explanation proposes.
 */

const VAULT = 'guarded'
const ROLE = 'arn:aws:iam::123456789012:role/worker'
/** All that a restore takes, but no right to read anything. */
const MAY_RESTORE = [allow('backup:StartRestoreJob'), allow('iam:PassRole', ROLE)] as const
const UNREADABLE = 'roleback:RestoreUnreadable'

let world: World
let users = 0

before(async () => {
  world = await openWorld({ isGuarded: true })
  await makeVault(world, VAULT)
  await makeRole(world, 'worker', { statements: [ALL_RIGHTS] })
})
after(() => world[Symbol.asyncDispose]())

/** A new user who may restore, and what is said besides. */
async function restorer(...statements: readonly object[]): Promise<User & { readonly name: string }> {
  const name = `restorer-${++users}`
  return { ...(await makeUser(world, name, [...MAY_RESTORE, ...statements])), name }
}

async function point(ResourceArn: string): Promise<string> {
  return await backUpWell(world, { BackupVaultName: VAULT, ResourceArn, IamRoleArn: ROLE })
}

/** Starts a restore; what happens to the job is not the guard's matter. */
async function start(
  user: Pick<User, 'call'>,
  RecoveryPointArn: string,
  Metadata: Readonly<Record<string, string>>,
): Promise<string> {
  const { RestoreJobId } = await user.call('backup', 'StartRestoreJob', {
    RecoveryPointArn,
    IamRoleArn: ROLE,
    Metadata,
  })
  return RestoreJobId ?? ''
}

interface Refusal {
  readonly message: string
  readonly id: string
}

async function refused(
  attempt: Promise<unknown>,
  user: User,
  action: string,
  resource: string,
): Promise<Refusal> {
  const error = await attempt.then(
    () => assert.fail(`${action} on ${resource} was not asked for`),
    (reason: unknown) => reason,
  )
  assert.ok(error instanceof AwsError, String(error))
  assert.deepEqual([error.code, error.status], ['AccessDeniedException', 403], error.message)
  const sentence = `User: ${user.arn} is not authorized to perform: ${action} on resource: ${resource} `
  assert.ok(error.message.startsWith(sentence), error.message)
  assert.match(error.message, /\. The restore guard asks for it: /)
  return { message: error.message, id: EXPLAINED.exec(error.message)?.[1] ?? assert.fail(error.message) }
}

/** Gives the user exactly what the explanation proposes. */
async function followAdvice({ id }: Refusal, userName: string): Promise<void> {
  const { Authorization } = await world.call('roleback', 'GetAuthorizationDetails', { AuthorizationId: id })
  assert.ok(Authorization.Notes.some((note) => note.startsWith('The restore guard asks for it')))
  assert.deepEqual(
    Authorization.Proposals.map(({ Change }) => Change),
    ['add'],
  )
  const statement = JSON.parse(Authorization.Proposals[0]?.Statement ?? '') as object
  await world.call('iam', 'PutUserPolicy', {
    UserName: userName,
    PolicyName: 'advice',
    PolicyDocument: policy(statement),
  })
}

/** A refusal that goes away by what it proposes, or else by the right to restore what cannot be read. */
async function guarded(
  recoveryPoint: string,
  metadata: (name: string) => Readonly<Record<string, string>>,
  action: string,
  resource: string,
): Promise<void> {
  const user = await restorer()
  const attempt = () => start(user, recoveryPoint, metadata(user.name))
  await followAdvice(await refused(attempt(), user, action, resource), user.name)
  const jobId = await attempt()
  const job = await restoreEnd(world, jobId)
  assert.deepEqual([job.Status, job.StatusMessage?.includes('guard') ?? false], ['COMPLETED', false])

  const trusted = await restorer(allow(UNREADABLE, recoveryPoint))
  await start(trusted, recoveryPoint, metadata(trusted.name))
  const other = await restorer(allow(UNREADABLE, `${recoveryPoint}x`))
  await refused(start(other, recoveryPoint, metadata(other.name)), other, action, resource)
}

describe('R16 a directory', () => {
  let arn: string
  let recoveryPoint: string
  const toNew = { 'file-system-id': 'fs-1', newFileSystem: 'true' }

  before(async () => {
    arn = (await registerDirectory(world, 'letters', (path) => writeFileSync(join(path, 'a'), 'dear'))).arn
    await world.call('tagging', 'TagResources', { ResourceARNList: [arn], Tags: { team: 'post' } })
    recoveryPoint = await point(arn)
  })

  test('is restored by whom may mount it, or restore what he cannot read', async () => {
    await guarded(recoveryPoint, () => toNew, 'elasticfilesystem:ClientMount', arn)
  })

  test('is asked for with its tags, and an explicit deny at the source holds', async () => {
    const mount = 'elasticfilesystem:ClientMount'
    const tagged = (team: string) => ({
      ...allow(mount),
      Condition: { StringEquals: { 'aws:ResourceTag/team': team } },
    })
    await start(await restorer(tagged('post')), recoveryPoint, toNew)
    const other = await restorer(tagged('web'))
    await refused(start(other, recoveryPoint, toNew), other, mount, arn)
    const denied = await restorer(allow('*'), { ...allow(mount), Effect: 'Deny' })
    // Whoever may restore what he cannot read is not stopped by what he cannot read.
    await start(denied, recoveryPoint, toNew)
    const both = await restorer(allow(mount), { ...tagged('post'), Effect: 'Deny' })
    const { message } = await refused(start(both, recoveryPoint, toNew), both, mount, arn)
    assert.match(message, /with an explicit deny in an identity-based policy: own/)
  })

  test('comes back into itself without a right to read: its content stays where it was', async () => {
    const name = arn.split('/').at(-1) ?? ''
    const user = await restorer()
    const job = await restoreEnd(
      world,
      await start(user, recoveryPoint, { 'file-system-id': name, newFileSystem: 'false' }),
    )
    assert.equal(job.Status, 'COMPLETED', job.StatusMessage ?? '')
    const { arn: another } = await registerDirectory(world, 'another', () => undefined)
    const Metadata = { 'file-system-id': another.split('/').at(-1) ?? '', newFileSystem: 'false' }
    await refused(start(user, recoveryPoint, Metadata), user, 'elasticfilesystem:ClientMount', arn)
  })

  test('is exported by whom may mount it, and every source of a whole vault is asked for', async () => {
    const mine = await registerDirectory(world, 'mine', (path) => writeFileSync(join(path, 'a'), 'my own'))
    const myPoint = await point(mine.arn)
    const user = await restorer(
      allow('roleback:StartExportJob'),
      allow('elasticfilesystem:ClientMount', mine.arn),
    )
    const input = (to: string): InputOf<'roleback', 'StartExportJob'> => ({
      BackupVaultName: VAULT,
      Format: 'restic',
      TargetPath: join(world.scratch, to),
      Password: 'correct horse',
      IamRoleArn: ROLE,
      RecoveryPointArns: [myPoint],
    })
    const { JobId, Warnings } = await user.call('roleback', 'StartExportJob', input('export-mine'))
    assert.ok(JobId)
    assert.deepEqual(Warnings, [])
    const all = { ...input('export-all'), RecoveryPointArns: undefined }
    const whole = user.call('roleback', 'StartExportJob', all)
    await refused(whole, user, 'elasticfilesystem:ClientMount', arn)
  })

  test('that is gone takes the right to restore what cannot be read, and root has every right', async () => {
    const gone = await registerDirectory(world, 'gone', (path) => writeFileSync(join(path, 'a'), 'once'))
    const itsPoint = await point(gone.arn)
    await world.call('roleback', 'DeregisterResource', { ResourceArn: gone.arn })
    const user = await restorer(allow('elasticfilesystem:*'))
    const refusal = await refused(start(user, itsPoint, toNew), user, UNREADABLE, itsPoint)
    assert.match(
      refusal.message,
      /: arn:\S+ is no longer registered, so nobody can read there what this hands out\./,
    )
    await followAdvice(refusal, user.name)
    await start(user, itsPoint, toNew)
    await start(world, itsPoint, toNew)
  })

  test('is kept from a key whose policy does not let it read', async () => {
    const { name } = await restorer(ALL_RIGHTS)
    const limited = async (...statements: readonly object[]): Promise<User> => {
      const { AccessKey, SecretAccessKey } = await world.call('roleback', 'CreateLimitedAccessKey', {
        UserName: name,
        PolicyDocument: policy(...statements),
      })
      const key = { accessKeyId: AccessKey.AccessKeyId, secretAccessKey: SecretAccessKey }
      const arn = `arn:aws:iam::123456789012:user/${name}`
      return { arn, key, call: callerOf(world.url, key, world.region) }
    }
    const robot = await limited(...MAY_RESTORE)
    const { message } = await refused(
      start(robot, recoveryPoint, toNew),
      robot,
      'elasticfilesystem:ClientMount',
      arn,
    )
    assert.match(message, /because no session policy allows/)
  })
})

describe('R16 a restore test', () => {
  const RestoreTestingPlanName = 'weekly'
  const mount = 'elasticfilesystem:ClientMount'

  /** Has the plan run now. @returns How its restore ended. */
  async function runNow(): Promise<Awaited<ReturnType<typeof restoreEnd>>> {
    const known = await testJobs()
    using db = new DatabaseSync(join(world.dataDir, 'roleback.db'), { timeout: 60_000 })
    db.prepare('update restore_testing_plan set next_run_at = ?').run(Date.now() - 1000)
    const id = await until('the plan to run', async () =>
      (await testJobs()).find((one) => !known.includes(one)),
    )
    return await restoreEnd(world, id)
  }

  async function testJobs(): Promise<readonly string[]> {
    const { RestoreJobs = [] } = await world.call('backup', 'ListRestoreJobs', {})
    return RestoreJobs.filter(({ CreatedBy }) => CreatedBy !== undefined).map(
      ({ RestoreJobId }) => RestoreJobId ?? '',
    )
  }

  async function rights(user: { readonly name: string }, ...statements: readonly object[]): Promise<void> {
    await world.call('iam', 'PutUserPolicy', {
      UserName: user.name,
      PolicyName: 'own',
      PolicyDocument: policy(...statements),
    })
  }

  test('asks at each run whether who had it done may still read what it hands out', async () => {
    const { arn } = await registerDirectory(world, 'tested', (path) => writeFileSync(join(path, 'a'), 'dear'))
    await point(arn)
    const isHere = { IpAddress: { 'aws:SourceIp': '127.0.0.0/8' } }
    const user = await restorer(allow('backup:*RestoreTesting*'), { ...allow(mount, arn), Condition: isHere })
    await user.call('backup', 'CreateRestoreTestingPlan', {
      RestoreTestingPlan: {
        RestoreTestingPlanName,
        ScheduleExpression: 'cron(0 3 ? * SUN *)',
        RecoveryPointSelection: {
          Algorithm: 'LATEST_WITHIN_WINDOW',
          IncludeVaults: ['*'],
          RecoveryPointTypes: ['SNAPSHOT'],
        },
      },
    })
    await user.call('backup', 'CreateRestoreTestingSelection', {
      RestoreTestingPlanName,
      RestoreTestingSelection: {
        RestoreTestingSelectionName: 'letters',
        ProtectedResourceType: 'EFS',
        IamRoleArn: ROLE,
        ProtectedResourceArns: [arn],
      },
    })
    // From where the call came was decided with it.
    const first = await runNow()
    assert.equal(first.Status, 'COMPLETED', first.StatusMessage ?? '')

    await rights(user, ...MAY_RESTORE)
    const second = await runNow()
    assert.equal(second.Status, 'FAILED')
    const sentence = `User: ${user.arn} is not authorized to perform: ${mount} on resource: ${arn} `
    const told = second.StatusMessage ?? ''
    assert.ok(told.startsWith(sentence), told)
    assert.match(told, /The restore guard asks for it: /)
    const id = EXPLAINED.exec(told)?.[1] ?? ''
    await world.call('roleback', 'GetAuthorizationDetails', { AuthorizationId: id })

    await rights(user, ...MAY_RESTORE, allow(UNREADABLE))
    assert.equal((await runNow()).Status, 'COMPLETED')

    await world.call('iam', 'DeleteUserPolicy', { UserName: user.name, PolicyName: 'own' })
    await world.call('iam', 'DeleteAccessKey', { UserName: user.name, AccessKeyId: user.key.accessKeyId })
    await world.call('iam', 'DeleteUser', { UserName: user.name })
    // Another one, who has his name now.
    await makeUser(world, user.name, [ALL_RIGHTS])
    const last = await runNow()
    assert.equal(last.Status, 'FAILED')
    assert.match(last.StatusMessage ?? '', /cannot be asked any more whether he may read what it hands out/)
    assert.deepEqual(
      world.rows(`select kind from job where kind = 'delete-restore-test' and resource_arn = ?`, arn).length,
      2,
    )
  })
})

describe('R16 a database', { skip: postgresMissing() ?? false }, () => {
  let orders: Orders
  let recoveryPoint: string
  let connect: string

  before(async () => {
    orders = await startOrders(world)
    const ResourceArn = await registerOrders(orders, world.call)
    const { Resource } = await world.call('roleback', 'DescribeResource', { ResourceArn })
    connect = `arn:aws:rds-db:us-east-1:123456789012:dbuser:db-${Resource.ResourceId}/shop`
    recoveryPoint = await point(ResourceArn)
  })
  after(() => orders[Symbol.asyncDispose]())

  const metadata = (name: string) => ({ DBInstanceIdentifier: name })

  test('is restored by whom may connect to it as the user that backups are made as', async () => {
    await guarded(recoveryPoint, metadata, 'rds-db:connect', connect)
    const another = await restorer(allow('rds-db:connect', connect.replace(/shop$/, 'reader')))
    await refused(start(another, recoveryPoint, metadata('x')), another, 'rds-db:connect', connect)
    const anyDatabase = await restorer(allow('rds-db:connect', 'arn:aws:rds-db:*:*:dbuser:*/shop'))
    await start(anyDatabase, recoveryPoint, metadata('any-database'))
  })

  test('that was registered again under its name is another one', async () => {
    const ResourceArn = 'arn:aws:rds:us-east-1:123456789012:db:orders'
    const user = await restorer(allow('rds-db:connect'))
    await world.call('roleback', 'DeregisterResource', { ResourceArn })
    await registerOrders(orders, world.call)
    await refused(start(user, recoveryPoint, metadata('y')), user, UNREADABLE, recoveryPoint)
    // Not even back into what has its name now.
    await refused(start(user, recoveryPoint, metadata('orders')), user, UNREADABLE, recoveryPoint)
  })
})

describe('R16 a bucket', { skip: rgwMissing() ?? false }, () => {
  let rgw: RgwServer
  let recoveryPoint: string

  before(async () => {
    rgw = await startRgw({ dir: join(world.scratch, 'rgw') })
    const client = s3ClientOf(rgw)
    await fillBucket(client, 'photos', { 'public/a': '1', 'secret/b': '2', 'secret*/c': '3' })
    recoveryPoint = await point(await registerBucket(rgw, 'photos', world.call))
  })
  after(() => rgw.stop())

  const toNew = (name: string, ...items: readonly string[]): Readonly<Record<string, string>> => ({
    DestinationBucketName: name,
    NewBucket: 'true',
    ...(items.length > 0 && { ItemsToRestore: JSON.stringify(items) }),
  })
  const read = (...keys: readonly string[]): object =>
    allow(
      's3:GetObject',
      keys.map((key) => `arn:aws:s3:::photos/${key}`),
    )

  test('is restored by whom may read all of its objects', async () => {
    await guarded(recoveryPoint, toNew, 's3:GetObject', 'arn:aws:s3:::photos/*')
  })

  test('is restored in parts by whom may read these', async () => {
    const items = (name: string) => toNew(name, 'public/', 's3://photos/secret*/')
    const user = await restorer(read('public/*'))
    const first = await refused(
      start(user, recoveryPoint, items(user.name)),
      user,
      's3:GetObject',
      'arn:aws:s3:::photos/secret*/*',
    )
    // What is proposed is that prefix and no pattern: `secret/b` stays closed.
    await followAdvice(first, user.name)
    const job = await restoreEnd(world, await start(user, recoveryPoint, items(user.name)))
    assert.equal(job.Status, 'COMPLETED', job.StatusMessage ?? '')
    await refused(
      start(user, recoveryPoint, toNew('z', 'secret/')),
      user,
      's3:GetObject',
      'arn:aws:s3:::photos/secret/*',
    )
    await refused(start(user, recoveryPoint, toNew('z')), user, 's3:GetObject', 'arn:aws:s3:::photos/*')
  })

  test('is not restored whole past a deny on some objects, by name or by tag', async () => {
    const all = 'arn:aws:s3:::photos/*'
    const named = await restorer(read('*'), { ...read('secret/*'), Effect: 'Deny' })
    await refused(start(named, recoveryPoint, toNew(named.name)), named, 's3:GetObject', all)
    await start(named, recoveryPoint, toNew(named.name, 'public/'))
    const tagged = await restorer(read('*'), {
      ...read('*'),
      Effect: 'Deny',
      Condition: { StringEquals: { 's3:ExistingObjectTag/class': 'secret' } },
    })
    const { message } = await refused(
      start(tagged, recoveryPoint, toNew(tagged.name)),
      tagged,
      's3:GetObject',
      all,
    )
    assert.match(message, /with an explicit deny in an identity-based policy: own/)
    const byTag = await restorer({
      ...read('*'),
      Condition: { StringEquals: { 's3:ExistingObjectTag/team': 'orders' } },
    })
    await refused(start(byTag, recoveryPoint, toNew(byTag.name)), byTag, 's3:GetObject', all)
  })

  test('comes back into itself without a right to read', async () => {
    const user = await restorer()
    const job = await restoreEnd(world, await start(user, recoveryPoint, { DestinationBucketName: 'photos' }))
    assert.equal(job.Status, 'COMPLETED', job.StatusMessage ?? '')
    await refused(
      start(user, recoveryPoint, { DestinationBucketName: 'photos', NewBucket: 'true' }),
      user,
      's3:GetObject',
      'arn:aws:s3:::photos/*',
    )
  })
})

describe('R16 the setting', () => {
  let recoveryPoint: string
  let arn: string
  const Metadata = { 'file-system-id': 'fs-1', newFileSystem: 'true' }

  before(async () => {
    arn = (await registerDirectory(world, 'set', (path) => writeFileSync(join(path, 'ä'), 'x'))).arn
    recoveryPoint = await point(arn)
    mkdirSync(join(world.scratch, 'warned'))
  })

  const guardIs = async (RestoreGuard: 'off' | 'warn' | 'enforce'): Promise<void> => {
    await world.call('roleback', 'PutRestoreGuard', { RestoreGuard })
  }

  test('is enforce in a new account', async () => {
    const { RestoreGuard } = await world.call('roleback', 'GetRestoreGuard', {})
    assert.equal(RestoreGuard, 'enforce')
  })

  test('warn lets through, and tells: the answer, the job, the audit log and the explanation', async () => {
    await guardIs('warn')
    const user = await restorer(allow('roleback:StartExportJob'))
    const { accessKeyId, secretAccessKey } = user.key
    const credentials = { accessKeyId, secretAccessKey }
    const client = new BackupClient({ endpoint: world.url, region: world.region, credentials })
    let header: unknown
    client.middlewareStack.add(
      (next) => async (args) => {
        const result = await next(args)
        header = (result.response as { headers: Record<string, string> }).headers['x-roleback-warning']
        return result
      },
      { step: 'deserialize' },
    )
    const { RestoreJobId = '' } = await client.send(
      new StartRestoreJobCommand({ RecoveryPointArn: recoveryPoint, IamRoleArn: ROLE, Metadata }),
    )
    const warning = new RegExp(
      `\\bThe restore guard only warns here: User: ${user.arn} is not authorized to perform: elasticfilesystem:ClientMount on resource: ${arn} .*`,
    )
    assert.match(String(header), warning)
    const job = await restoreEnd(world, RestoreJobId)
    assert.equal(job.Status, 'COMPLETED')
    assert.match(job.StatusMessage ?? '', warning)
    const id = EXPLAINED.exec(job.StatusMessage ?? '')?.[1] ?? assert.fail(job.StatusMessage)
    const { Authorization } = await world.call('roleback', 'GetAuthorizationDetails', { AuthorizationId: id })
    assert.equal(Authorization.Action, 'elasticfilesystem:ClientMount')
    const audit = world.rows<{ action: string; effect: string }>(
      `select action, effect from audit where principal_arn = ? order by seq`,
      user.arn,
    )
    assert.deepEqual(
      audit.map(({ action, effect }) => `${action} ${effect}`),
      [
        'backup:StartRestoreJob Allow',
        'iam:PassRole Allow',
        'elasticfilesystem:ClientMount Deny',
        `${UNREADABLE} Deny`,
      ],
    )
    const { JobId, Warnings = [] } = await user.call('roleback', 'StartExportJob', {
      BackupVaultName: VAULT,
      RecoveryPointArns: [recoveryPoint],
      Format: 'restic',
      TargetPath: join(world.scratch, 'warned', 'repository'),
      Password: 'correct horse',
      IamRoleArn: ROLE,
    })
    assert.match(Warnings[0] ?? '', warning)
    const { Job } = await world.call('roleback', 'DescribeJob', { JobId })
    assert.deepEqual(Job.Warnings, Warnings)
  })

  test('off asks for nothing', async () => {
    await guardIs('off')
    const user = await restorer()
    await start(user, recoveryPoint, Metadata)
    const asked = world.rows(
      `select action from audit where principal_arn = ? and action = 'elasticfilesystem:ClientMount'`,
      user.arn,
    )
    assert.deepEqual(asked, [])
  })

  test('enforce holds from the next call on, and a job that was let through goes on', async () => {
    await guardIs('warn')
    const user = await restorer()
    const jobId = await start(user, recoveryPoint, Metadata)
    await guardIs('enforce')
    await refused(start(user, recoveryPoint, Metadata), user, 'elasticfilesystem:ClientMount', arn)
    assert.equal((await restoreEnd(world, jobId)).Status, 'COMPLETED')
  })

  test('R11 is read and changed only with IAM’s rights on the account’s rules, too', async () => {
    const half = await makeUser(world, 'half', [allow('roleback:*')])
    await assert.rejects(
      half.call('roleback', 'PutRestoreGuard', { RestoreGuard: 'off' }),
      /not authorized to perform: iam:UpdateAccountPasswordPolicy/,
    )
    await assert.rejects(
      half.call('roleback', 'GetRestoreGuard', {}),
      /not authorized to perform: iam:GetAccountPasswordPolicy .*Reading the restore guard takes the right to read the account's security rules, too/,
    )
    const other = await makeUser(world, 'other-half', [allow('iam:*')])
    await assert.rejects(
      other.call('roleback', 'PutRestoreGuard', { RestoreGuard: 'off' }),
      /not authorized to perform: roleback:PutRestoreGuard/,
    )
    const { RestoreGuard } = await world.call('roleback', 'GetRestoreGuard', {})
    assert.equal(RestoreGuard, 'enforce')
  })

  test('is shown and changed by roleback guard', async () => {
    const env = {
      AWS_ENDPOINT_URL: world.url,
      AWS_ACCESS_KEY_ID: world.rootKey.accessKeyId,
      AWS_SECRET_ACCESS_KEY: world.rootKey.secretAccessKey,
    }
    const shown = await roleback(['guard'], { env })
    assert.match(shown.stdout, /^restore guard: enforce \(nobody is handed /)
    const changed = await roleback(['guard', 'warn'], { env })
    assert.match(changed.stdout, /^restore guard: warn \(.*\), was enforce\n$/)
    assert.equal((await roleback(['guard', 'sometimes'], { env })).code, 2)
    await guardIs('enforce')
  })
})

test('R18 what deduplication saved is told only to whom everything may be restored', async () => {
  const usage = { BackupVaultName: VAULT, IncludeStoredBytes: true }
  const reader = await makeUser(world, 'usage-reader', [allow('roleback:ListVaultUsage')])
  const { Usage } = await reader.call('roleback', 'ListVaultUsage', { BackupVaultName: VAULT })
  assert.equal(Usage.at(-1)?.StoredBytes, undefined)
  await assert.rejects(reader.call('roleback', 'ListVaultUsage', usage), (error) => {
    assert.ok(error instanceof AwsError)
    assert.match(error.message, new RegExp(UNREADABLE))
    return error.code === 'AccessDeniedException'
  })
  const all = await makeUser(world, 'usage-all', [allow('roleback:ListVaultUsage'), allow(UNREADABLE)])
  const told = await all.call('roleback', 'ListVaultUsage', usage)
  assert.equal(typeof told.Usage.at(-1)?.StoredBytes, 'number')
})
