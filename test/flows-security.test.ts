import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, before, describe, mock, test } from 'node:test'
import { managedPolicies } from '../src/access/managed-policies.ts'
import { callerOf } from '../src/aws/client.ts'
import { AwsError } from '../src/aws/error.ts'
import type { InputOf } from '../src/aws/client.ts'
import { letDaysPass } from './fixtures/expiry.ts'
import { registerOrders, startOrders } from './fixtures/orders.ts'
import type { Orders } from './fixtures/orders.ts'
import { fillSmallTree } from './fixtures/small-tree.ts'
import {
  ALL_RIGHTS,
  allow,
  backUp,
  backUpWell,
  backupEnd,
  jobEnd,
  makeRole,
  makeUser,
  makeVault,
  openWorld,
  policy,
  registerDirectory,
  removeRole,
  restore,
  setRights,
  until,
} from './fixtures/world.ts'
import type { World } from './fixtures/world.ts'
import { postgresMissing } from './servers/postgres.ts'

/** Security rules that only a whole server can show. */

const VAULT = { BackupVaultName: 'rules' }

const fails =
  (code: string, text: string | RegExp) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof AwsError, String(error))
    assert.equal(error.code, code, error.message)
    if (typeof text === 'string') assert.ok(error.message.includes(text), error.message)
    else assert.match(error.message, text)
    return true
  }

describe('Rules on running jobs', { skip: postgresMissing() ?? false }, () => {
  let world: World
  let orders: Orders
  let database: string

  before(async () => {
    world = await openWorld()
    orders = await startOrders(world)
    await makeVault(world, 'rules')
    database = await registerOrders(orders, world.call)
  })
  after(async () => {
    await world[Symbol.asyncDispose]()
    await orders[Symbol.asyncDispose]()
  })

  /** A backup whose dump waits; then `change`, and less than a minute on the job's own clock; the job's end while it still waits. */
  async function changedWhileRunning(role: string, change: () => Promise<void>): Promise<string> {
    mock.timers.enable({ apis: ['setInterval'] })
    try {
      await using _held = await orders.hold()
      const IamRoleArn = await makeRole(world, role, { statements: [ALL_RIGHTS] })
      const input = { ...VAULT, ResourceArn: database, IamRoleArn }
      const { BackupJobId = '' } = await world.call('backup', 'StartBackupJob', input)
      await until('the dump to wait', async () => {
        const waiting = await orders.server.sql('SELECT 1 FROM pg_locks WHERE NOT granted')
        return waiting.length > 0 ? true : undefined
      })
      mock.timers.tick(21_000)
      const { State } = await world.call('backup', 'DescribeBackupJob', { BackupJobId })
      assert.equal(State, 'RUNNING', 'nothing has changed yet')
      await change()
      mock.timers.tick(59_000)
      const job = await backupEnd(world, BackupJobId)
      assert.equal(job.State, 'FAILED')
      assert.equal(job.RecoveryPointArn, undefined)
      // Its clock stands still for its lease, too: a second run would ask anew, whether the first one did or not.
      const [row] = world.rows<{ attempts: number }>('select attempts from job where job_id = ?', BackupJobId)
      assert.equal(row?.attempts, 1, 'the run that was under way ended it')
      return job.StatusMessage ?? ''
    } finally {
      mock.timers.reset()
    }
  }

  test('R2 a job whose role loses a right it uses ends within a minute, with the reason', async () => {
    const message = await changedWhileRunning('loses-right', async () => {
      await setRights(world, 'loses-right', ALL_RIGHTS, { ...allow('rds:CreateDBSnapshot'), Effect: 'Deny' })
    })
    assert.match(
      message,
      /^User: \S+\/AWSBackup-loses-right is not authorized to perform: rds:CreateDBSnapshot on resource: \S+ with an explicit deny/,
    )
  })

  test('R2 a job whose role no longer trusts AWS Backup ends within a minute, with the reason', async () => {
    const message = await changedWhileRunning('loses-trust', async () => {
      const Principal = { Service: 'ec2.amazonaws.com' }
      const PolicyDocument = policy({ Effect: 'Allow', Principal, Action: 'sts:AssumeRole' })
      await world.call('iam', 'UpdateAssumeRolePolicy', { RoleName: 'loses-trust', PolicyDocument })
    })
    assert.match(
      message,
      /cannot be assumed by AWS Backup: its trust policy does not name the service principal/,
    )
  })

  test('R2 a job whose role is made again under the same name ends within a minute, with the reason', async () => {
    const message = await changedWhileRunning('made-again', async () => {
      await removeRole(world, 'made-again')
      await makeRole(world, 'made-again', { statements: [ALL_RIGHTS] })
    })
    assert.match(message, /cannot be assumed by AWS Backup: the role with id AROA\w+ no longer exists/)
  })

  test('R8 changing host, port, user or TLS of a connection asks for the secret again', async () => {
    for (const Connection of [
      { Host: 'localhost' },
      { Port: orders.server.port + 1 },
      { User: 'other' },
      { TlsMode: 'require' as const },
    ]) {
      await assert.rejects(
        world.call('roleback', 'UpdateResource', { ResourceArn: database, Connection }),
        fails('InvalidRequestException', /needs the secret again/),
      )
    }
    const Connection = { Host: 'localhost' }
    await world.call('roleback', 'UpdateResource', {
      ResourceArn: database,
      Connection,
      Secret: orders.password,
    })
    const { Resource } = await world.call('roleback', 'DescribeResource', { ResourceArn: database })
    assert.equal(Resource.Connection?.Host, 'localhost')
    const role = await makeRole(world, 'after-update', { statements: [ALL_RIGHTS] })
    await backUpWell(world, { ...VAULT, ResourceArn: database, IamRoleArn: role })
  })
})

describe('Rules on roles and calls', () => {
  let world: World
  let directory: { arn: string; path: string }
  let role: string

  before(async () => {
    world = await openWorld()
    await makeVault(world, 'rules')
    directory = await registerDirectory(world, 'files', fillSmallTree)
    role = await makeRole(world, 'worker', { statements: [ALL_RIGHTS] })
  })
  after(() => world[Symbol.asyncDispose]())

  test('R4 only a role of the caller’s account that exists and is nobody’s service-linked role is taken', async () => {
    await world.call('iam', 'CreateServiceLinkedRole', { AWSServiceName: 'backup.amazonaws.com' })
    const linked = `arn:aws:iam::${world.accountId}:role/aws-service-role/backup.amazonaws.com/AWSServiceRoleForBackup`
    // Nothing in its own account lets root pass a role of another one.
    await assert.rejects(
      world.call('backup', 'StartBackupJob', {
        ...VAULT,
        ResourceArn: directory.arn,
        IamRoleArn: 'arn:aws:iam::999988887777:role/worker',
      }),
      fails('AccessDeniedException', 'iam:PassRole on resource: arn:aws:iam::999988887777:role/worker'),
    )
    for (const [IamRoleArn, why] of [
      [`arn:aws:iam::${world.accountId}:role/nobody`, /there is no such role/],
      [`arn:aws:iam::${world.accountId}:role/other-path/worker`, /there is no such role/],
      [linked, /service-linked role cannot be passed/],
    ] as const) {
      await assert.rejects(
        world.call('backup', 'StartBackupJob', { ...VAULT, ResourceArn: directory.arn, IamRoleArn }),
        fails('InvalidParameterValueException', why),
      )
    }
    const point = await backUpWell(world, { ...VAULT, ResourceArn: directory.arn, IamRoleArn: role })
    const Metadata = { 'file-system-id': 'fs-1', newFileSystem: 'true' }
    await assert.rejects(
      world.call('backup', 'StartRestoreJob', { RecoveryPointArn: point, Metadata }),
      fails('MissingParameterValueException', 'no default is assumed'),
    )
    const jobs = await world.call('backup', 'ListBackupJobs', {})
    assert.equal(jobs.BackupJobs?.length, 1)
    assert.deepEqual((await world.call('backup', 'ListRestoreJobs', {})).RestoreJobs, [])
  })

  test('R3 a parent that the present role may not read is no shortcut for it', async () => {
    const input = { ...VAULT, ResourceArn: directory.arn, IamRoleArn: role }
    await backUpWell(world, input)
    const narrow = await makeRole(world, 'narrow', {
      statements: [{ Effect: 'Allow', NotAction: 'elasticfilesystem:Backup', Resource: '*' }],
    })
    const job = await backUp(world, { ...input, IamRoleArn: narrow })
    assert.equal(job.State, 'FAILED')
    assert.match(job.StatusMessage ?? '', /elasticfilesystem:Backup/)
  })

  test('R5 a point expires under the built-in policies of the role that made it, and its space comes back', async () => {
    await makeVault(world, 'expiring')
    const { arn } = await registerDirectory(world, 'expiring', (path) =>
      writeFileSync(join(path, 'bytes'), randomBytes(3_000_000)),
    )
    const { RoleArn } = await world.call('roleback', 'CreateDefaultServiceRole', {})
    const input = { BackupVaultName: 'expiring', ResourceArn: arn, IamRoleArn: RoleArn }
    const kept = await backUpWell(world, input)
    writeFileSync(join(world.scratch, 'trees', 'expiring', 'bytes'), randomBytes(3_000_000))
    const expiring = await backUpWell(world, { ...input, Lifecycle: { DeleteAfterDays: 3 } })
    const [vault] = world.rows<{ vault_id: string }>('select vault_id from vault where name = ?', 'expiring')
    // Its packs: what it keeps back of the disk beside them is no content.
    const folder = join(world.dataDir, 'vaults', vault?.vault_id ?? '', 'data')
    assert.ok(sizeOf(folder) > 6_000_000)

    await letDaysPass(world, 2)
    await letDaysPass(world, 2)
    await until('the point to be deleted', async () => {
      const left = await world.call('backup', 'ListRecoveryPointsByResource', { ResourceArn: arn })
      return left.RecoveryPoints?.length === 1 ? true : undefined
    })
    const decided = world.rows<{ principal_arn: string; action: string; effect: string }>(
      `select principal_arn, action, effect from audit where resource = ? and request_id like 'expiry %'`,
      expiring,
    )
    assert.deepEqual(
      decided.map(({ principal_arn, action, effect }) => [principal_arn, action, effect]),
      [
        [
          'arn:aws:sts::123456789012:assumed-role/AWSBackupDefaultServiceRole/AWSBackup-AWSBackupDefaultServiceRole',
          'backup:DeleteRecoveryPoint',
          'Allow',
        ],
      ],
    )
    assert.ok(sizeOf(folder) > 6_000_000, 'what expired waits for what else expires')
    await letDaysPass(world, 1)
    await until('the space to be free', () => (sizeOf(folder) < 1.1 * 3_000_000 ? true : undefined))
    const job = await restore(world, {
      RecoveryPointArn: kept,
      IamRoleArn: RoleArn,
      Metadata: { 'file-system-id': arn, newFileSystem: 'true' },
    })
    assert.equal(job.Status, 'COMPLETED', `${job.StatusMessage}`)
  })

  /** Bytes below a folder. */
  function sizeOf(folder: string): number {
    const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    return files.reduce((sum, file) => {
      const stat = statSync(join(folder, file), { throwIfNoEntry: false })
      return sum + (stat?.isFile() === true ? stat.size : 0)
    }, 0)
  }

  test('R7 a pattern on the path is held by the path that is led to, not by the one that is written', async () => {
    const allowed = join(world.scratch, 'allowed')
    const other = join(world.scratch, 'other')
    for (const folder of [allowed, join(other, 'inner')]) mkdirSync(folder, { recursive: true })
    symlinkSync(other, join(allowed, 'link'))
    const limited = await makeUser(world, 'limited', [
      {
        ...allow('roleback:RegisterResource'),
        Condition: { StringLike: { 'roleback:Path': `${allowed}/*` } },
      },
    ])
    for (const Path of [
      `${allowed}/../other/inner`,
      `${allowed}/link/inner`,
      `${allowed}/./../other/inner`,
    ]) {
      const input: InputOf<'roleback', 'RegisterResource'> = {
        ResourceType: 'EFS',
        Name: 'x',
        Connection: { Path, RestoreRoot: world.scratch },
      }
      await assert.rejects(
        limited.call('roleback', 'RegisterResource', input),
        fails('AccessDeniedException', 'roleback:RegisterResource'),
      )
    }
  })

  test('R11 of the built-in policies only AdministratorAccess lets a user administer the server', async () => {
    const { key } = await makeUser(world, 'tried')
    const tried = callerOf(world.url, key, world.region)
    const path = join(world.scratch, 'tried')
    mkdirSync(path)
    const calls = [
      () => tried('roleback', 'CreateDefaultServiceRole', {}),
      () =>
        tried('roleback', 'RegisterResource', {
          ResourceType: 'EFS',
          Name: 'tried',
          Connection: { Path: path, RestoreRoot: world.scratch },
        }),
      () => tried('roleback', 'UpdateResource', { ResourceArn: directory.arn, Connection: { Path: path } }),
      () => tried('roleback', 'StartSweepJob', VAULT),
      () => tried('roleback', 'DeregisterResource', { ResourceArn: directory.arn }),
    ]
    const attachable = [...managedPolicies.values()].filter(({ path: at }) => at !== '/aws-service-role/')
    assert.ok(attachable.length > 25)
    for (const { arn: PolicyArn, name } of attachable.filter((one) => one.name !== 'AdministratorAccess')) {
      await world.call('iam', 'AttachUserPolicy', { UserName: 'tried', PolicyArn })
      for (const call of calls) {
        await assert.rejects(
          call(),
          fails('AccessDeniedException', 'is not authorized to perform: roleback:'),
          name,
        )
      }
      await world.call('iam', 'DetachUserPolicy', { UserName: 'tried', PolicyArn })
    }
    const PolicyArn = 'arn:aws:iam::aws:policy/AdministratorAccess'
    await world.call('iam', 'AttachUserPolicy', { UserName: 'tried', PolicyArn })
    // Allowed is enough here: two of these would overlap.
    for (const call of calls) await call().catch(fails('InvalidParameterValueException', 'overlaps'))
  })
})

describe('R24 audit', () => {
  test('R24 the record of every mutating call is on disk before its effect', async () => {
    await using world = await openWorld()
    // When a key was last used is noted of whoever asks, whatever the answer is.
    const isNote = (table: string, change: string): boolean =>
      table === 'iam_access_key' && change === 'update'
    // Whatever changes a table notes down how far the audit trail reached at that moment.
    const tables = (
      'job vault recovery_point resource tag region_settings ' +
      'iam_user iam_role iam_access_key iam_policy iam_attachment iam_inline_policy iam_group'
    ).split(' ')
    await world.offline(async () => {
      const db = new DatabaseSync(join(world.dataDir, 'roleback.db'))
      db.exec('create table effect (name text not null, audit_seq integer not null) strict')
      for (const table of tables)
        for (const change of ['insert', 'update', 'delete'].filter((one) => !isNote(table, one)))
          db.exec(
            `create trigger see_${table}_${change} after ${change} on ${table} begin
               insert into effect select '${table} ${change}', coalesce(max(seq), 0) from audit; end`,
          )
      db.close()
    })
    const lastSeq = (): number =>
      world.rows<{ seq: number }>('select coalesce(max(seq), 0) as seq from audit')[0]?.seq ?? 0
    const effects = (): number => world.rows('select 1 from effect').length

    /** One call by itself: its record must have been there before the first change. */
    async function recorded<T>(action: string, call: () => Promise<T>): Promise<T> {
      await until('jobs to rest', () =>
        world.rows(`select 1 from job where state in ('CREATED', 'PENDING', 'RUNNING')`).length === 0
          ? true
          : undefined,
      )
      const [seqBefore, effectsBefore] = [lastSeq(), effects()]
      const answer = await call()
      const [record] = world.rows<{ seq: number; action: string; effect: string }>(
        'select seq, action, effect from audit where seq > ? and action = ? order by seq limit 1',
        seqBefore,
        action,
      )
      assert.equal(record?.effect, 'Allow', action)
      const made = world
        .rows<{ name: string; audit_seq: number }>('select * from effect')
        .slice(effectsBefore)
      assert.ok(made.length > 0, `${action} changed something`)
      const early = made.filter(({ audit_seq }) => audit_seq < (record?.seq ?? 0))
      assert.deepEqual(early, [], `${action} changed something before its record`)
      return answer
    }

    const trust = policy({
      Effect: 'Allow',
      Principal: { Service: 'backup.amazonaws.com' },
      Action: 'sts:AssumeRole',
    })
    const { call } = world
    await recorded('backup:CreateBackupVault', () => call('backup', 'CreateBackupVault', VAULT))
    await recorded('iam:CreateUser', () => call('iam', 'CreateUser', { UserName: 'anna' }))
    await recorded('iam:CreateAccessKey', () => call('iam', 'CreateAccessKey', { UserName: 'anna' }))
    await recorded('iam:CreateGroup', () => call('iam', 'CreateGroup', { GroupName: 'group' }))
    const role = await recorded('iam:CreateRole', () =>
      call('iam', 'CreateRole', { RoleName: 'worker', AssumeRolePolicyDocument: trust }),
    )
    const own = { RoleName: 'worker', PolicyName: 'own', PolicyDocument: policy(ALL_RIGHTS) }
    await recorded('iam:PutRolePolicy', () => call('iam', 'PutRolePolicy', own))
    const PolicyArn = 'arn:aws:iam::aws:policy/ReadOnlyAccess'
    await recorded('iam:AttachUserPolicy', () =>
      call('iam', 'AttachUserPolicy', { UserName: 'anna', PolicyArn }),
    )
    await recorded('iam:DetachUserPolicy', () =>
      call('iam', 'DetachUserPolicy', { UserName: 'anna', PolicyArn }),
    )
    await recorded('iam:TagRole', () =>
      call('iam', 'TagRole', { RoleName: 'worker', Tags: [{ Key: 'a', Value: 'b' }] }),
    )
    const made = { PolicyName: 'made', PolicyDocument: policy(ALL_RIGHTS) }
    await recorded('iam:CreatePolicy', () => call('iam', 'CreatePolicy', made))
    await recorded('roleback:CreateDefaultServiceRole', () =>
      call('roleback', 'CreateDefaultServiceRole', {}),
    )
    const { arn } = await recorded('roleback:RegisterResource', () =>
      registerDirectory(world, 'files', fillSmallTree),
    )
    await recorded('backup:UpdateRegionSettings', () =>
      call('backup', 'UpdateRegionSettings', { ResourceTypeOptInPreference: { EFS: true } }),
    )
    const input = { ...VAULT, ResourceArn: arn, IamRoleArn: role.Role.Arn }
    const point = await recorded('backup:StartBackupJob', () => backUpWell(world, input))
    await recorded('backup:TagResource', () =>
      call('backup', 'TagResource', { ResourceArn: point, Tags: { a: 'b' } }),
    )
    const named = { ...VAULT, RecoveryPointArn: point }
    await recorded('backup:UpdateRecoveryPointLifecycle', () =>
      call('backup', 'UpdateRecoveryPointLifecycle', { ...named, Lifecycle: { DeleteAfterDays: 9 } }),
    )
    await recorded('backup:StartRestoreJob', () =>
      restore(world, {
        RecoveryPointArn: point,
        IamRoleArn: role.Role.Arn,
        Metadata: { 'file-system-id': arn, newFileSystem: 'true' },
      }),
    )
    await recorded('roleback:StartVerifyJob', async () =>
      jobEnd(world, (await call('roleback', 'StartVerifyJob', VAULT)).JobId),
    )
    await recorded('backup:DeleteRecoveryPoint', () => call('backup', 'DeleteRecoveryPoint', named))
    await recorded('roleback:DeregisterResource', () =>
      call('roleback', 'DeregisterResource', { ResourceArn: arn }),
    )
    await recorded('backup:DeleteBackupVault', () => call('backup', 'DeleteBackupVault', VAULT))
  })
})
