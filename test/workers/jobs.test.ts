import assert from 'node:assert/strict'
import { randomFillSync } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, before, describe, mock, test } from 'node:test'
import { AwsError } from '../../src/aws/error.ts'
import { awsError } from '../fixtures/aws-error.ts'
import { registerOrders, startOrders } from '../fixtures/orders.ts'
import type { Orders } from '../fixtures/orders.ts'
import { fillSmallTree, listTree } from '../fixtures/small-tree.ts'
import {
  ALL_RIGHTS,
  backUp,
  backupEnd,
  jobEnd,
  makeRole,
  makeVault,
  openWorld,
  registerDirectory,
  restoreEnd,
  until,
} from '../fixtures/world.ts'
import type { World } from '../fixtures/world.ts'
import { postgresMissing } from '../servers/postgres.ts'

/** How jobs wait, stop, expire and keep out of each other's way. A locked table holds a backup of `orders` for as long as wanted. */

const VAULT = { BackupVaultName: 'jobs' }

describe('Jobs', { skip: postgresMissing() ?? false }, () => {
  let world: World
  let orders: Orders
  let role: string
  let database: string
  const keys = mkdtempSync(join(tmpdir(), 'roleback-jobs-'))
  const stick = join(keys, 'stick.key')

  before(async () => {
    writeFileSync(stick, Buffer.alloc(32, 4).toString('base64'), { mode: 0o400 })
    world = await openWorld({ serve: { encryptionKey: [`stick=file:${stick}`] } })
    orders = await startOrders(world)
    await makeVault(world, 'jobs')
    role = await makeRole(world, 'worker', { statements: [ALL_RIGHTS] })
    database = await registerOrders(orders, world.call)
  })
  after(async () => {
    await world[Symbol.asyncDispose]()
    await orders[Symbol.asyncDispose]()
    rmSync(keys, { recursive: true, force: true })
  })

  const input = (ResourceArn: string) => ({ ...VAULT, ResourceArn, IamRoleArn: role })

  async function start(): Promise<string> {
    return (await world.call('backup', 'StartBackupJob', input(database))).BackupJobId ?? ''
  }

  async function running(BackupJobId: string): Promise<void> {
    await until('the dump to wait for the lock', async () => {
      const { State } = await world.call('backup', 'DescribeBackupJob', { BackupJobId })
      if (State !== 'RUNNING') return undefined
      const waiting = await orders.server.sql(`SELECT 1 FROM pg_locks WHERE NOT granted`)
      return waiting.length > 0 ? true : undefined
    })
  }

  // First of all: a server that has read what is set looks again after ten seconds.
  test('a backup reads its database no faster than the limit of bandwidth', async () => {
    await orders.server.sql(
      `CREATE TABLE noise AS SELECT md5(random()::text) || md5(random()::text) AS text FROM generate_series(1, 6000);
       ALTER TABLE noise OWNER TO shop`,
      'orders',
    )
    const rate = 256 * 1024
    const Windows = [{ FromHour: 0, ToHour: 24, BytesPerSecond: rate }]
    await world.call('roleback', 'PutJobLimits', { Bandwidth: { TimeZone: 'UTC', Windows } })
    await makeVault(world, 'line')
    const job = await backUp(world, { ...input(database), BackupVaultName: 'line' })
    await world.call('roleback', 'PutJobLimits', {})
    await orders.server.sql('DROP TABLE noise', 'orders')
    assert.equal(job.State, 'COMPLETED', String(job.StatusMessage))
    const seconds = ((job.CompletionDate as Date).getTime() - (job.CreationDate as Date).getTime()) / 1000
    // What a pipe gives at once goes ahead of its time.
    const bytes = (job.BackupSizeInBytes ?? 0) - 64 * 1024
    assert.ok(bytes > rate / 2, `${bytes} bytes`)
    assert.ok(seconds >= bytes / rate, `${bytes} bytes in ${seconds} s are more than ${rate} a second`)
  })

  test('a stopped backup ends ABORTED with AWS’s message, leaves no recovery point and no pg_dump', async () => {
    await using _held = await orders.hold()
    const BackupJobId = await start()
    await running(BackupJobId)
    await world.call('backup', 'StopBackupJob', { BackupJobId })
    const { State } = await world.call('backup', 'DescribeBackupJob', { BackupJobId })
    assert.match(State ?? '', /^ABORT(ING|ED)$/)
    const job = await backupEnd(world, BackupJobId)
    assert.equal(job.State, 'ABORTED')
    assert.equal(job.StatusMessage, 'Backup job was stopped by user.')
    assert.equal(job.RecoveryPointArn, undefined)
    const listed = await world.call('backup', 'ListRecoveryPointsByBackupVault', VAULT)
    assert.deepEqual(listed.RecoveryPoints, [])
    await until('pg_dump to be gone', async () => {
      const dumps = await orders.server.sql(`SELECT 1 FROM pg_stat_activity WHERE usename = 'shop'`)
      return dumps.length === 0 ? true : undefined
    })
    await assert.rejects(
      world.call('backup', 'StopBackupJob', { BackupJobId }),
      (error: unknown) => error instanceof AwsError && error.code === 'InvalidRequestException',
    )
  })

  /** Has a job run whose heartbeats wait until it was asked to stop. */
  async function stopMidway(JobId: string): Promise<void> {
    await until('the job to run', async () => {
      const { Job } = await world.call('roleback', 'DescribeJob', { JobId })
      return Job.State === 'RUNNING' ? true : undefined
    })
    await world.call('roleback', 'StopJob', { JobId })
    mock.timers.tick(1_000)
  }

  test('a backup, a copy and a restore stopped while their bytes are on their way end ABORTED, and the next ones come through', async () => {
    const { arn, restoreRoot } = await registerDirectory(world, 'large', (path) => {
      const bytes = Buffer.alloc(4 * 1024 * 1024)
      for (let i = 0; i < 30; i++) writeFileSync(join(path, `file-${i}`), randomFillSync(bytes))
    })
    mock.timers.enable({ apis: ['setInterval'] })
    const { BackupJobId = '' } = await world.call('backup', 'StartBackupJob', input(arn))
    await until('the job to run', async () => {
      const { State } = await world.call('backup', 'DescribeBackupJob', { BackupJobId })
      return State === 'RUNNING' ? true : undefined
    })
    await world.call('backup', 'StopBackupJob', { BackupJobId })
    // The job's next heartbeat, which tells it.
    mock.timers.tick(1_000)
    mock.timers.reset()
    const job = await backupEnd(world, BackupJobId)
    assert.equal(job.State, 'ABORTED')
    assert.equal(job.StatusMessage, 'Backup job was stopped by user.')
    const next = await backUp(world, input(arn))
    assert.equal(next.State, 'COMPLETED', `${next.StatusMessage}`)
    assert.equal(next.BackupSizeInBytes, 30 * 4 * 1024 * 1024)
    const { RecoveryPoints = [] } = await world.call('backup', 'ListRecoveryPointsByResource', {
      ResourceArn: arn,
    })
    assert.equal(RecoveryPoints.length, 1)
    const { RecoveryPointArn = '' } = next

    const elsewhere = await makeVault(world, 'copied')
    mock.timers.enable({ apis: ['setInterval'] })
    const { CopyJobId = '' } = await world.call('backup', 'StartCopyJob', {
      RecoveryPointArn,
      SourceBackupVaultName: VAULT.BackupVaultName,
      DestinationBackupVaultArn: elsewhere,
      IamRoleArn: role,
    })
    await stopMidway(CopyJobId)
    const copied = await jobEnd(world, CopyJobId)
    const root = `arn:aws:iam::${world.accountId}:root`
    assert.deepEqual([copied.State, copied.StopRequestedBy], ['ABORTED', root])
    assert.ok(copied.StopRequestedAt !== undefined)
    const stopped = `was stopped by ${root}. `
    assert.match(copied.StatusMessage ?? '', new RegExp(`^Copy job ${stopped}No recovery point was made`))
    // AWS has no such state of copies.
    const { CopyJob } = await world.call('backup', 'DescribeCopyJob', { CopyJobId })
    assert.deepEqual([CopyJob?.State, CopyJob?.MessageCategory], ['FAILED', 'ABORTED'])
    const copies = await world.call('backup', 'ListRecoveryPointsByBackupVault', {
      BackupVaultName: 'copied',
    })
    assert.deepEqual(copies.RecoveryPoints, [])

    const { RestoreJobId = '' } = await world.call('backup', 'StartRestoreJob', {
      RecoveryPointArn,
      IamRoleArn: role,
      Metadata: {
        newFileSystem: 'true',
        'file-system-id': 'fs-0',
        Encrypted: 'false',
        PerformanceMode: 'generalPurpose',
        CreationToken: 'half',
      },
    })
    await stopMidway(RestoreJobId)
    mock.timers.reset()
    const restored = await restoreEnd(world, RestoreJobId)
    assert.equal(restored.Status, 'ABORTED')
    assert.match(
      restored.StatusMessage ?? '',
      new RegExp(`^Restore job ${stopped}Nothing of it stays at arn:`),
    )
    assert.deepEqual(readdirSync(restoreRoot), [])

    // Its server dies after the stop, and before the restore heard of it.
    await world.offline(async () => {
      const db = new DatabaseSync(join(world.dataDir, 'roleback.db'))
      db.prepare(
        "update job set state = 'RUNNING', completed_at = null, lease_until = 0 where job_id = ?",
      ).run(RestoreJobId)
      db.close()
      mkdirSync(join(restoreRoot, `.roleback-restore-${RestoreJobId}-1`, 'half'), { recursive: true })
    })
    const again = await restoreEnd(world, RestoreJobId)
    assert.equal(again.Status, 'ABORTED', again.StatusMessage ?? '')
    assert.deepEqual(readdirSync(restoreRoot), [])
    await assert.rejects(
      world.call('roleback', 'StopJob', { JobId: RestoreJobId }),
      awsError('InvalidRequestException', 'it is ABORTED already'),
    )

    await world.call('backup', 'DeleteRecoveryPoint', { ...VAULT, RecoveryPointArn })
    await until('the recovery point to go', async () => {
      const left = await world.call('backup', 'ListRecoveryPointsByBackupVault', VAULT)
      return left.RecoveryPoints?.length === 0 ? true : undefined
    })
  })

  test('a backup that waits for its source ends within 20 s of its vault’s encryption key being taken away, and comes through once it is back', async () => {
    const { EncryptionKey } = await world.call('roleback', 'CreateEncryptionKey', { Name: 'stick' })
    const under = { BackupVaultName: 'under', EncryptionKeyArn: EncryptionKey.KeyArn }
    await world.call('backup', 'CreateBackupVault', under)
    // A job under way cannot end its own timer while timers are not real: it would keep this process from ending.
    await until('what runs to end', () => {
      const left = world.rows(
        `select 1 from job where state in ('RUNNING', 'ABORTING') or (kind = 'create-vault' and state = 'CREATED')`,
      )
      return left.length === 0 ? true : undefined
    })
    mock.timers.enable({ apis: ['setInterval'] })
    const held = await orders.hold()
    const { BackupJobId = '' } = await world.call('backup', 'StartBackupJob', {
      ...input(database),
      BackupVaultName: 'under',
    })
    await running(BackupJobId)
    mock.timers.tick(20_000)
    assert.equal((await world.call('backup', 'DescribeBackupJob', { BackupJobId })).State, 'RUNNING')
    renameSync(stick, `${stick}.away`)
    mock.timers.tick(20_000)
    const waiting = await until('the job to end', async () => {
      const job = await world.call('backup', 'DescribeBackupJob', { BackupJobId })
      return job.State === 'RUNNING' ? undefined : job
    })
    mock.timers.reset()
    assert.match(
      `${waiting.State} ${waiting.StatusMessage}`,
      /^CREATED Encryption key stick cannot be had: .* It is tried again at /,
    )
    assert.deepEqual(
      await orders.server.sql('SELECT 1 FROM pg_locks WHERE NOT granted'),
      [],
      'no dump is left',
    )
    renameSync(`${stick}.away`, stick)
    await held[Symbol.asyncDispose]()
    const db = new DatabaseSync(join(world.dataDir, 'roleback.db'), { timeout: 60_000 })
    db.prepare('update job set run_at = 0 where job_id = ?').run(BackupJobId)
    db.close()
    // Whatever is new wakes the worker, which would look in five seconds.
    await world.call('backup', 'CreateBackupVault', { BackupVaultName: 'another' })
    assert.equal((await backupEnd(world, BackupJobId)).State, 'COMPLETED')
  })

  test('a backup that is not done inside its completion window ends EXPIRED', async () => {
    await using _held = await orders.hold()
    const BackupJobId = await start()
    await running(BackupJobId)
    // A minute is the shortest window: this one's has passed when the job is taken up for the second time.
    await world.offline(async () => {
      const db = new DatabaseSync(join(world.dataDir, 'roleback.db'))
      db.prepare('update job set complete_by = created_at where job_id = ?').run(BackupJobId)
      db.close()
    })
    const job = await backupEnd(world, BackupJobId)
    assert.equal(job.State, 'EXPIRED')
    assert.equal(job.StatusMessage, 'Backup job expired before completion.')
    const listed = await world.call('backup', 'ListRecoveryPointsByBackupVault', VAULT)
    assert.deepEqual(listed.RecoveryPoints, [])
  })

  test('a backup that nobody could start inside its start window ends EXPIRED', async () => {
    await using _held = await orders.hold()
    const first = await start()
    await running(first)
    const BackupJobId = await start()
    await world.offline(async () => {
      const db = new DatabaseSync(join(world.dataDir, 'roleback.db'))
      db.prepare('update job set start_by = created_at where job_id = ?').run(BackupJobId)
      db.close()
    })
    const job = await backupEnd(world, BackupJobId)
    assert.equal(job.State, 'EXPIRED')
    assert.equal(job.StatusMessage, 'Backup job expired: no worker could start it inside its start window.')
    await world.call('backup', 'StopBackupJob', { BackupJobId: first })
    await backupEnd(world, first)
  })

  test('a job that still waits is stopped at once', async () => {
    await using _held = await orders.hold()
    const first = await start()
    await running(first)
    const BackupJobId = await start()
    await world.call('backup', 'StopBackupJob', { BackupJobId })
    const { State } = await world.call('backup', 'DescribeBackupJob', { BackupJobId })
    assert.equal(State, 'ABORTED')

    await world.call('roleback', 'PutJobLimits', { PerServer: 1 })
    const { JobId } = await world.call('roleback', 'StartVerifyJob', VAULT)
    const answer = await world.call('roleback', 'StopJob', { JobId })
    assert.deepEqual(answer, { JobId, JobType: 'verify', State: 'ABORTED' })
    const { Job } = await world.call('roleback', 'DescribeJob', { JobId })
    const root = `arn:aws:iam::${world.accountId}:root`
    assert.equal(Job.StatusMessage, `Verification was stopped by ${root}.`)
    await world.call('roleback', 'PutJobLimits', {})
    await world.call('backup', 'StopBackupJob', { BackupJobId: first })
    await backupEnd(world, first)
  })

  test('a restore that is cut off once its directory is in place, before that is written down, comes through at the next start', async () => {
    const { arn, path, restoreRoot } = await registerDirectory(world, 'placed', fillSmallTree)
    const { RecoveryPointArn = '' } = await backUp(world, input(arn))
    const query = (sql: string): void => {
      using db = new DatabaseSync(join(world.dataDir, 'roleback.db'), { timeout: 60_000 })
      db.exec(sql)
    }
    query(
      `create trigger cut_off before update of state on job when new.kind = 'restore' and new.completed_at is not null
         begin select raise(abort, 'cut off'); end`,
    )
    const { RestoreJobId = '' } = await world.call('backup', 'StartRestoreJob', {
      RecoveryPointArn,
      IamRoleArn: role,
      Metadata: { 'file-system-id': arn, newFileSystem: 'true', CreationToken: 'whole' },
    })
    const whole = join(restoreRoot, 'whole')
    await until('the directory to be in place', async () => (existsSync(whole) ? true : undefined))
    const { Job } = await world.call('roleback', 'DescribeJob', { JobId: RestoreJobId })
    assert.deepEqual([Job.State, Object.keys(Job.Result ?? {})], ['RUNNING', []])
    await world.offline(async () => query('drop trigger cut_off'))
    const restored = await restoreEnd(world, RestoreJobId)
    assert.equal(restored.Status, 'COMPLETED', restored.StatusMessage ?? '')
    const [row] = world.rows<{ attempts: number }>('select attempts from job where job_id = ?', RestoreJobId)
    assert.equal(row?.attempts, 2)
    assert.deepEqual(readdirSync(restoreRoot), ['whole'])
    assert.deepEqual(listTree(whole), listTree(path))
  })

  test('the same idempotency token is the same job, also for calls at the same time; with another resource it is refused', async () => {
    const { arn } = await registerDirectory(world, 'tokens', fillSmallTree)
    const request = { ...input(arn), IdempotencyToken: 'once' }
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => world.call('backup', 'StartBackupJob', request)),
    )
    const ids = new Set(answers.map(({ BackupJobId }) => BackupJobId))
    assert.equal(ids.size, 1)
    await backupEnd(world, [...ids][0] ?? '')
    const later = await world.call('backup', 'StartBackupJob', request)
    assert.ok(ids.has(later.BackupJobId))
    const { RecoveryPoints } = await world.call('backup', 'ListRecoveryPointsByResource', {
      ResourceArn: arn,
    })
    assert.equal(RecoveryPoints?.length, 1)
    await assert.rejects(
      world.call('backup', 'StartBackupJob', { ...request, ResourceArn: database }),
      /IdempotencyToken "once" was used already/,
    )
  })

  test('twenty backups of one resource started at the same time run one after the other', async () => {
    const { arn } = await registerDirectory(world, 'twenty', fillSmallTree)
    const jobs = await Promise.all(Array.from({ length: 20 }, () => backUp(world, input(arn))))
    assert.deepEqual([...new Set(jobs.map(({ State }) => State))], ['COMPLETED'])
    const times = world.rows<{ started_at: number; completed_at: number }>(
      'select started_at, completed_at from job where resource_arn = ? and kind = ? order by started_at, completed_at',
      arn,
      'backup',
    )
    assert.equal(times.length, 20)
    for (const [at, { started_at }] of times.entries()) {
      assert.ok(
        at === 0 || started_at >= (times[at - 1]?.completed_at ?? 0),
        'one began before the other had ended',
      )
    }
    const { RecoveryPoints } = await world.call('backup', 'ListRecoveryPointsByResource', {
      ResourceArn: arn,
    })
    assert.equal(RecoveryPoints?.length, 20)
  })
})
