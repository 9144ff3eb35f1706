import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import * as S3 from '@aws-sdk/client-s3'
import { AwsError } from '../src/aws/error.ts'
import type { Call, InputOf } from '../src/aws/client.ts'
import { listing, nastyTree } from '../src/drivers/directory/directory.fixture.ts'
import { makeKeysCheap, RESTIC_VERSION, WITHOUT_RESTIC } from '../src/restic/restic.fixture.ts'
import { contentOf, registerBucket, s3ClientOf } from './fixtures/bucket.ts'
import { registerOrders, startOrders } from './fixtures/orders.ts'
import type { Orders } from './fixtures/orders.ts'
import {
  allow,
  backUpWell,
  decisionsOf,
  jobEnd,
  makeRole,
  makeUser,
  makeVault,
  openWorld,
  registerDirectory,
  until,
} from './fixtures/world.ts'
import type { World } from './fixtures/world.ts'
import { rgwMissing, startRgw } from './servers/ceph-rgw.ts'
import type { RgwServer } from './servers/ceph-rgw.ts'
import { postgresMissing } from './servers/postgres.ts'

/** Recovery points of all three kinds, exported by a whole server and read back by restic as installed. */

const PASSWORD = 'the planted password of an export'
const VAULT = 'exported'
const BUCKET = 'odd-keys'
const RIGHTS = ['AWSBackupServiceRolePolicyForBackup', 'AWSBackupServiceRolePolicyForRestores']
const VERSION = Number(/^restic 0\.(\d+)/.exec(RESTIC_VERSION ?? '')?.[1] ?? 0)

type ExportInput = Partial<InputOf<'roleback', 'StartExportJob'>>
type Job = Awaited<ReturnType<typeof jobEnd>> & { readonly StatusMessage: string }

/** Objects whose keys no file system takes as they are. */
const OBJECTS: Readonly<Record<string, string>> = {
  plain: 'plain',
  a: 'beside a directory',
  'a-b': 'sorts between a and a/',
  'a/x': 'in the directory',
  'a/': 'named as the directory',
  'deep//empty/part': 'empty part',
  'dots/../up': 'dots',
  '100%': 'percent',
  'grüße/ünï': 'umlauts',
  'line\nbreak': 'newline',
  'roleback-manifest.jsonl': 'named as the manifest',
  [`long/${'n'.repeat(600)}`]: 'longer than names may be',
}

describe('An export job', () => {
  let world: World
  let role: string
  let passwordFile: string
  let tree: { arn: string; path: string; restoreRoot: string }
  let treePoint: string

  before(async () => {
    world = await openWorld()
    role = await makeRole(world, 'exporter', { managed: RIGHTS })
    await makeVault(world, VAULT)
    passwordFile = join(world.scratch, 'password')
    writeFileSync(passwordFile, PASSWORD, { mode: 0o600 })
    tree = await registerDirectory(world, 'nasty', (path) => {
      nastyTree(path)
      // A GiB of nothing shows nothing here: restic writes holes out.
      rmSync(join(path, 'sparse'))
      if (VERSION < 17) rmSync(join(path, 'link not UTF-8'))
    })
    treePoint = await backUp(tree.arn)
  })
  after(() => world[Symbol.asyncDispose]())

  const backUp = (ResourceArn: string): Promise<string> =>
    backUpWell(world, { BackupVaultName: VAULT, ResourceArn, IamRoleArn: role })

  const start = async (target: string, input: ExportInput = {}, call: Call = world.call): Promise<string> => {
    const { JobId } = await call('roleback', 'StartExportJob', {
      BackupVaultName: VAULT,
      RecoveryPointArns: [treePoint],
      Format: 'restic',
      TargetPath: target,
      Password: PASSWORD,
      IamRoleArn: role,
      ...input,
    })
    return JobId
  }

  const end = async (jobId: string): Promise<Job> => {
    const job = await jobEnd(world, jobId)
    return { ...job, StatusMessage: job.StatusMessage ?? '' }
  }

  const run = async (target: string, input: ExportInput = {}): Promise<Job> =>
    await end(await start(target, input))

  const inScratch = (name: string): string => join(world.scratch, name)

  /** Not in the way of the server, which lives in this process: it must see when a connection has been idle for long. */
  const restic = async (repository: string, ...args: readonly string[]): Promise<string> => {
    const all = ['--repo', repository, '--password-file', passwordFile, '--no-cache', ...args]
    const { stdout } = await promisify(execFile)('restic', all, { encoding: 'utf8', maxBuffer: 1 << 28 })
    return stdout
  }

  /** What restic makes of the snapshot of one recovery point, after it has read every byte of the repository. */
  const checkAndRestore = async (repository: string, point: string, target: string): Promise<string> => {
    await makeKeysCheap(repository, PASSWORD)
    assert.match(await restic(repository, 'check', '--read-data'), /no errors were found/)
    await restic(repository, 'restore', 'latest', '--tag', point, '--target', target)
    return target
  }

  const withRestic = { skip: WITHOUT_RESTIC }

  test('of a directory gives restic the same tree', withRestic, async () => {
    const repository = inScratch('tree-repository')
    const job = await run(repository)
    assert.equal(job.State, 'COMPLETED', job.StatusMessage)
    assert.equal(job.Result?.['snapshots'], '1')
    assert.ok((job.BytesDone ?? 0) > 5_000_000, `${job.BytesDone} bytes`)
    const [snapshot] = JSON.parse(await restic(repository, 'snapshots', '--json')) as Record<
      string,
      unknown
    >[]
    assert.deepEqual(snapshot?.['tags'], [treePoint, tree.arn])
    const restored = await checkAndRestore(repository, treePoint, inScratch('tree-restored'))
    const expected = comparable(tree.path)
    assert.ok(expected.length > 25, `${expected.length} entries`)
    assert.deepEqual(comparable(restored), expected)
  })

  test('again into the same repository writes nothing twice', withRestic, async () => {
    const repository = inScratch('twice')
    assert.equal((await run(repository)).State, 'COMPLETED')
    const job = await run(repository)
    assert.equal(job.State, 'COMPLETED', job.StatusMessage)
    assert.match(job.StatusMessage, /1 of 1 recovery points were in the repository already/)
    assert.equal((JSON.parse(await restic(repository, 'snapshots', '--json')) as unknown[]).length, 1)
  })

  test('that the server was stopped under begins again and writes every point once', async () => {
    const points = [treePoint, await backUp(tree.arn), await backUp(tree.arn)]
    const repository = inScratch('stopped')
    const jobId = await start(repository, { RecoveryPointArns: points })
    const snapshots = join(repository, 'snapshots')
    await until('the first snapshot', () =>
      existsSync(snapshots) && readdirSync(snapshots).length > 0 ? true : undefined,
    )
    await world.offline(() => Promise.resolve())
    const job = await end(jobId)
    assert.equal(job.State, 'COMPLETED', job.StatusMessage)
    assert.equal(readdirSync(snapshots).length, 3)
    assert.deepEqual(readdirSync(join(repository, 'locks')), [])
  })

  test('into a foreign directory or under a wrong password fails with the reason', async () => {
    const foreign = inScratch('foreign')
    mkdirSync(foreign)
    writeFileSync(join(foreign, 'precious'), '')
    const refused = await run(foreign)
    assert.equal(refused.State, 'FAILED')
    assert.match(refused.StatusMessage, /its config cannot be read\. Name an empty directory/)
    assert.deepEqual(readdirSync(foreign), ['precious'])
    const repository = inScratch('other-password')
    assert.equal((await run(repository)).State, 'COMPLETED')
    const wrong = await run(repository, { Password: 'not this one' })
    assert.equal(wrong.State, 'FAILED')
    assert.match(wrong.StatusMessage, /check the password/)
    const orphan = await run(inScratch('no/such/place'))
    assert.match(orphan.StatusMessage, /Make it first/)
  })

  test('of a damaged recovery point fails and leaves no snapshot', async () => {
    const vaults = join(world.dataDir, 'vaults')
    const others = readdirSync(vaults)
    await makeVault(world, 'damaged')
    const job = { BackupVaultName: 'damaged', ResourceArn: tree.arn, IamRoleArn: role }
    const point = await backUpWell(world, job)
    const [folder = ''] = readdirSync(vaults).filter((name) => !others.includes(name))
    const files = readdirSync(join(vaults, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.startsWith('data/'))
      .map((name) => ({ path: join(vaults, folder, name), stat: statSync(join(vaults, folder, name)) }))
      .filter(({ stat }) => stat.isFile())
      .toSorted((one, other) => other.stat.size - one.stat.size)
    // The biggest is the pack with the files' content, which begins behind its seed; its directory, at its end, is not read.
    const { path } = files[0] as (typeof files)[number]
    const bytes = readFileSync(path)
    bytes.fill(0, 128, 192)
    chmodSync(path, 0o600)
    writeFileSync(path, bytes)
    const repository = inScratch('from-damaged')
    const input = { BackupVaultName: 'damaged', RecoveryPointArns: [point] }
    const failed = await run(repository, input)
    assert.equal(failed.State, 'FAILED', failed.StatusMessage)
    assert.match(failed.StatusMessage, /^Export job failed: Cannot use "/)
    assert.deepEqual(readdirSync(join(repository, 'snapshots')), [])
  })

  describe('of a database', { skip: postgresMissing() ?? WITHOUT_RESTIC }, () => {
    let orders: Orders
    before(async () => {
      orders = await startOrders(world)
    })
    after(() => orders[Symbol.asyncDispose]())

    test('gives a dump that pg_restore brings back with the same rows', async () => {
      const point = await backUp(await registerOrders(orders, world.call))
      const repository = inScratch('database-repository')
      const job = await run(repository, { RecoveryPointArns: [point] })
      assert.equal(job.State, 'COMPLETED', job.StatusMessage)
      const restored = await checkAndRestore(repository, point, inScratch('database-restored'))
      assert.deepEqual(readdirSync(join(restored, 'orders')).toSorted(), ['orders.dump', 'orders.json'])
      const facts = JSON.parse(readFileSync(join(restored, 'orders', 'orders.json'), 'utf8')) as object
      assert.equal((facts as { owner?: string }).owner, 'shop')
      const { server } = orders
      await server.sql('CREATE DATABASE by_hand')
      const args = ['--no-owner', '-h', server.host, '-p', `${server.port}`, '-U', server.superuser]
      const done = spawnSync(
        join(server.toolsDir, 'pg_restore'),
        [...args, '-d', 'by_hand', join(restored, 'orders', 'orders.dump')],
        { encoding: 'utf8', env: { PGPASSWORD: server.password } },
      )
      assert.equal(done.status, 0, done.stderr)
      assert.equal(await orders.content('by_hand'), await orders.content('orders'))
    })
  })

  describe('of a bucket', { skip: rgwMissing() ?? WITHOUT_RESTIC }, () => {
    let rgw: RgwServer
    let point: string
    before(async () => {
      rgw = await startRgw({ dir: inScratch('rgw') })
      const client = s3ClientOf(rgw)
      await client.send(new S3.CreateBucketCommand({ Bucket: BUCKET }))
      for (const [Key, Body] of Object.entries(OBJECTS)) {
        const headers = { ContentType: 'text/plain', Metadata: { by: 'tests' }, Tagging: 'team=orders' }
        await client.send(new S3.PutObjectCommand({ Bucket: BUCKET, Key, Body, ...headers }))
      }
      client.destroy()
      point = await backUp(await registerBucket(rgw, BUCKET, world.call))
    })
    after(() => rgw.stop())

    test('takes the reports of a report plan, each decided for the service on the object', async () => {
      const { call } = world
      const client = s3ClientOf(rgw)
      await client.send(new S3.CreateBucketCommand({ Bucket: 'reports' }))
      await registerBucket(rgw, 'reports', call)
      const ReportPlanName = 'into_a_bucket'
      await call('backup', 'CreateReportPlan', {
        ReportPlanName,
        ReportDeliveryChannel: { S3BucketName: 'reports', S3KeyPrefix: 'audit', Formats: ['JSON'] },
        ReportSetting: { ReportTemplate: 'BACKUP_JOB_REPORT' },
      })
      const { ReportJobId = '' } = await call('backup', 'StartReportJob', { ReportPlanName })
      const job = await until('the report', async () => {
        const { ReportJob } = await call('backup', 'DescribeReportJob', { ReportJobId })
        return ['CREATED', 'RUNNING'].includes(ReportJob?.Status ?? '') ? undefined : ReportJob
      })
      assert.equal(job.Status, 'COMPLETED', job.StatusMessage ?? '')
      const [key = '', ...more] = job.ReportDestination?.S3Keys ?? []
      assert.deepEqual([job.ReportDestination?.S3BucketName, more], ['reports', []])
      const content = (await contentOf(client, 'reports')) ?? {}
      client.destroy()
      assert.deepEqual(Object.keys(content), [key])
      const { reportItems } = JSON.parse(content[key] ?? '') as { reportItems: { backupJobId: string }[] }
      assert.ok(reportItems.length > 0)
      const decisions = await decisionsOf(world, ReportJobId)
      assert.deepEqual(
        decisions.map((one) => [one.Action, one.Effect, one.ResourceArn]),
        [['s3:PutObject', 'Allow', `arn:aws:s3:::reports/${key}`]],
      )
    })

    test('gives every object as a file, and a manifest that has every key', async () => {
      const repository = inScratch('bucket-repository')
      const job = await run(repository, { RecoveryPointArns: [point] })
      assert.equal(job.State, 'COMPLETED', job.StatusMessage)
      const restored = await checkAndRestore(repository, point, inScratch('bucket-restored'))
      const manifest = readFileSync(join(restored, 'roleback-manifest.jsonl'), 'utf8').trimEnd().split('\n')
      const found: Record<string, string> = {}
      for (const line of manifest) {
        const { key, path, ...about } = JSON.parse(line) as Record<string, unknown> & {
          readonly key: string
          readonly path: string
        }
        found[key] = readFileSync(join(restored, path), 'utf8')
        assert.equal(about['contentType'], 'text/plain', key)
        assert.deepEqual([about['user'], about['tags']], [{ by: 'tests' }, { team: 'orders' }], key)
      }
      assert.deepEqual(found, OBJECTS)
      assert.equal(readFileSync(join(restored, 'plain'), 'utf8'), 'plain')
      assert.equal(readFileSync(join(restored, 'a', 'x'), 'utf8'), 'in the directory')
      const read = (await decisionsOf(world, job.JobId)).find(({ Action }) => Action === 's3:GetObject')
      assert.equal(read?.Count, Object.keys(OBJECTS).length)
    })

    test('R17 asks for every object: a Deny on one key ends the job before a byte is read', async () => {
      const statements = [
        allow('*'),
        { Effect: 'Deny', Action: 's3:GetObject', Resource: `arn:aws:s3:::${BUCKET}/plain` },
      ]
      const IamRoleArn = await makeRole(world, 'all-but-one', { statements })
      const repository = inScratch('denied-bucket')
      const job = await run(repository, { RecoveryPointArns: [point], IamRoleArn })
      assert.equal(job.State, 'FAILED')
      assert.match(job.StatusMessage, /not authorized to perform: s3:GetObject on resource: \S+\/plain/)
      assert.ok(!existsSync(repository))
    })
  })

  const refusedAs = (action: string) => (error: unknown) => {
    assert.ok(error instanceof AwsError, String(error))
    assert.match(error.code, /AccessDenied/)
    assert.ok(error.message.includes(`not authorized to perform: ${action}`), error.message)
    return true
  }

  test('R17 is refused to a caller who may not pass the role', async () => {
    const rights = ['roleback:*', 'backup:*']
    const user = await makeUser(world, 'no-pass', [allow(rights)])
    await assert.rejects(start(inScratch('refused'), {}, user.call), refusedAs('iam:PassRole'))
    assert.ok(!existsSync(inScratch('refused')))
  })

  test('R17 is refused to a caller who may not restore one of the recovery points', async () => {
    const second = await backUp(tree.arn)
    const user = await makeUser(world, 'one-point', [
      allow(['roleback:*', 'iam:PassRole']),
      allow('backup:StartRestoreJob', treePoint),
    ])
    const both = { RecoveryPointArns: [treePoint, second] }
    await assert.rejects(start(inScratch('refused'), both, user.call), refusedAs('backup:StartRestoreJob'))
    const whole: ExportInput = { BackupVaultName: VAULT, RecoveryPointArns: undefined }
    await assert.rejects(start(inScratch('refused'), whole, user.call), refusedAs('backup:StartRestoreJob'))
    const job = await end(await start(inScratch('one-point'), {}, user.call))
    assert.equal(job.State, 'COMPLETED', job.StatusMessage)
  })

  test('R17 never writes into the data directory, named or behind a symbolic link', async () => {
    for (const path of [world.dataDir, join(world.dataDir, 'export')]) {
      await assert.rejects(start(path), /data directory/, path)
    }
    symlinkSync(world.dataDir, inScratch('innocent'))
    for (const path of [join(inScratch('innocent'), 'export'), inScratch('innocent')]) {
      const job = await run(path)
      assert.equal(job.State, 'FAILED', path)
      assert.match(job.StatusMessage, /overlaps the server's own data directory/)
    }
    assert.ok(!readdirSync(world.dataDir).includes('export'))
  })

  test('R17 ends FAILED, naming the action, where the role may not turn the point into data', async () => {
    const managed = ['AWSBackupServiceRolePolicyForBackup']
    const IamRoleArn = await makeRole(world, 'backup-only', { managed })
    const job = await run(inScratch('denied'), { IamRoleArn })
    assert.equal(job.State, 'FAILED')
    assert.ok(
      job.StatusMessage.includes(
        `assumed-role/backup-only/AWSBackup-backup-only is not authorized to perform: elasticfilesystem:Restore on resource: ${tree.arn}`,
      ),
      job.StatusMessage,
    )
    assert.ok(!existsSync(inScratch('denied')))
    const denied = (await decisionsOf(world, job.JobId)).filter(({ Effect }) => Effect === 'Deny')
    assert.deepEqual(
      denied.map(({ Action, ResourceArn }) => [Action, ResourceArn]),
      [['elasticfilesystem:Restore', tree.arn]],
    )
  })

  test('R17 is in the record with caller, role and decision', async () => {
    const job = await run(inScratch('recorded'))
    assert.equal(job.State, 'COMPLETED', job.StatusMessage)
    assert.deepEqual([job.JobType, job.IamRoleArn], ['export', role])
    assert.match(job.CallerArn ?? '', /:root$/)
    const decisions = await decisionsOf(world, job.JobId)
    assert.deepEqual(
      decisions.map(({ Action, Effect, ResourceArn }) => [Action, Effect, ResourceArn]),
      [['elasticfilesystem:Restore', 'Allow', tree.arn]],
    )
  })

  test('R9 keeps the repository’s password out of rows, log and record', () => {
    const rows = JSON.stringify(world.rows('SELECT * FROM job'))
    assert.ok(rows.includes('targetPath'))
    assert.ok(!rows.includes(PASSWORD))
    assert.ok(!world.lines.join('\n').includes(PASSWORD))
  })
})

/**
 * The tree as `listing` shows it, without what no snapshot has: the root itself, and sockets, which restic does not make.
 */
function comparable(path: string): readonly string[] {
  return listing(path).filter((line) => !line.startsWith(' | ') && !line.includes(' | s | '))
}
