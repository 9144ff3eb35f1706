import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import * as S3 from '@aws-sdk/client-s3'
import type { InputOf } from '../src/aws/client.ts'
import { contentOf, fillBucket, registerBucket, s3ClientOf } from './fixtures/bucket.ts'
import { startOrders } from './fixtures/orders.ts'
import { recordHttp, recordPostgres } from './fixtures/recorders.ts'
import type { HttpRecorder, SeenRequest } from './fixtures/recorders.ts'
import { serverProcess } from './fixtures/server-process.ts'
import {
  ALL_RIGHTS,
  allow,
  backUp,
  backUpWell,
  decisionsOf,
  jobEnd,
  makeRole,
  makeVault,
  openWorld,
  policy,
  restore,
  setRights,
  until,
} from './fixtures/world.ts'
import type { World } from './fixtures/world.ts'
import { rgwMissing, startRgw } from './servers/ceph-rgw.ts'
import type { RgwServer } from './servers/ceph-rgw.ts'
import { postgresMissing } from './servers/postgres.ts'

/** Whatever reaches a resource has been decided and recorded before: seen from the resource's side. */

const VAULT = { BackupVaultName: 'doors' }
const OBJECTS = Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`key ${i}`, `value ${i}`]))

/** The step of the S3 kind that an access needs. */
function stepOf({ method, key, query }: SeenRequest): string {
  if (key === '') {
    if (method === 'PUT') return 'CreateBucket'
    if (query.has('tagging')) return 'GetBucketTagging'
    if (query.has('versioning')) return 'Get*Versioning'
    if (query.has('acl')) return 'GetBucketAcl'
    return 'ListObjects'
  }
  if (query.has('tagging')) return method === 'GET' ? 'ReadObjectTags' : 'TagObject'
  return { GET: 'ReadObject', PUT: 'WriteObject', HEAD: 'CheckObject' }[method] ?? `unknown ${method} ${key}`
}

describe('R1 one door to a bucket', { skip: rgwMissing() ?? false }, () => {
  let world: World
  let rgw: RgwServer
  let recorder: HttpRecorder
  let role: string
  let bucket: string
  /** Accesses that came before the record of their decision was on disk. */
  const early: string[] = []
  /** What the bucket's own server does not give or take, e.g. `GET key 3`. */
  let refused: readonly string[] = []

  before(async () => {
    world = await openWorld()
    rgw = await startRgw({ dir: join(world.scratch, 'rgw') })
    recorder = await recordHttp(rgw.endpoint, (seen) => {
      const step = stepOf(seen).replace('*', '%')
      const rows = world.rows(
        `select 1 from job_decision d join job j on j.job_id = d.job_id
         where j.state = 'RUNNING' and d.effect = 'Allow' and d.step like ?`,
        step,
      )
      if (rows.length === 0) early.push(step)
      return refused.includes(`${seen.method} ${seen.key}`) && seen.query.size <= 1 ? 'refuse' : undefined
    })
    await makeVault(world, 'doors')
    role = await makeRole(world, 'worker', { statements: [ALL_RIGHTS] })
    await fillBucket(s3ClientOf(rgw), 'photos', OBJECTS)
    bucket = await registerBucket(rgw, 'photos', world.call, recorder.endpoint)
    // Trying the connection is the registering caller's, not a job's.
    recorder.take()
    early.length = 0
  })
  after(async () => {
    await world[Symbol.asyncDispose]()
    await recorder[Symbol.asyncDispose]()
    await rgw.stop()
  })

  const input = () => ({ ...VAULT, ResourceArn: bucket, IamRoleArn: role })

  function count(accesses: readonly string[]): Record<string, number> {
    return accesses.reduce<Record<string, number>>((sum, one) => ({ ...sum, [one]: (sum[one] ?? 0) + 1 }), {})
  }

  test('R1 each request of a backup has its own recorded Allow, on disk before it', async () => {
    const job = await backUp(world, input())
    assert.equal(job.State, 'COMPLETED', `${job.StatusMessage}`)
    const accesses = count(recorder.take().map(stepOf))
    assert.equal(accesses['ReadObject'], 30)
    assert.equal(accesses['ReadObjectTags'], 30)
    assert.deepEqual(early, [])
    const decisions = await decisionsOf(world, job.BackupJobId ?? '')
    assert.ok(decisions.every(({ Effect }) => Effect === 'Allow'))
    const recorded = Object.fromEntries(
      decisions.map(({ Step, Count }) => [Step.replace('GetBucketVersioning', 'Get*Versioning'), Count]),
    )
    // Decided without an access of its own: the vault's description and the tags are rows of the server.
    delete recorded['DescribeBackupVault']
    delete recorded['TagRecoveryPoint']
    assert.deepEqual(accesses, recorded)
  })

  test('R3 what is unchanged is not read again, but decided again, each object by itself', async () => {
    const job = await backUp(world, input())
    assert.equal(job.State, 'COMPLETED', `${job.StatusMessage}`)
    assert.equal(count(recorder.take().map(stepOf))['ReadObject'], undefined)
    const decisions = await decisionsOf(world, job.BackupJobId ?? '')
    assert.equal(decisions.find(({ Step }) => Step === 'ReadObject')?.Count, 30)

    await setRights(world, 'worker', ALL_RIGHTS, {
      ...allow('s3:GetObject', 'arn:aws:s3:::photos/key 7'),
      Effect: 'Deny',
    })
    const denied = await backUp(world, input())
    assert.equal(denied.State, 'FAILED')
    assert.match(
      denied.StatusMessage ?? '',
      /is not authorized to perform: s3:GetObject on resource: arn:aws:s3:::photos\/key 7 with an explicit deny/,
    )
    assert.equal(count(recorder.take().map(stepOf))['ReadObject'], undefined)
    await setRights(world, 'worker', ALL_RIGHTS)
  })

  test('R1 each request of a restore has its own recorded Allow', async () => {
    const point = await backUpWell(world, input())
    recorder.take()
    const job = await restore(world, {
      RecoveryPointArn: point,
      IamRoleArn: role,
      Metadata: { DestinationBucketName: 'photos2', NewBucket: 'true' },
    })
    assert.equal(job.Status, 'COMPLETED', `${job.StatusMessage}`)
    const accesses = count(recorder.take().map(stepOf))
    assert.equal(accesses['WriteObject'], 30)
    assert.deepEqual(early, [])
    const decisions = await decisionsOf(world, job.RestoreJobId ?? '')
    const recorded = new Map(
      decisions.map(({ Step, Count }) => [Step.replace('GetTargetVersioning', 'Get*Versioning'), Count]),
    )
    for (const [step, times] of Object.entries(accesses)) {
      assert.ok(
        (recorded.get(step) ?? 0) >= times,
        `${step}: ${times} times, ${recorded.get(step)} decisions`,
      )
    }
  })

  test('an object is found without a look at the bucket, by name, size and time, and restored alone', async () => {
    const point = await backUpWell(world, input())
    recorder.take()
    const find = async (filter: Partial<InputOf<'roleback', 'StartItemSearchJob'>>) => {
      const { JobId } = await world.call('roleback', 'StartItemSearchJob', {
        ...VAULT,
        RecoveryPointArns: [point],
        ...filter,
      })
      const { State, StatusMessage } = await jobEnd(world, JobId)
      assert.equal(State, 'COMPLETED', String(StatusMessage))
      return (await world.call('roleback', 'ListItemSearchResults', { JobId })).Items
    }
    const names = async (filter: Parameters<typeof find>[0]) => (await find(filter)).map(({ Name }) => Name)
    const [found, ...others] = await find({ NamePattern: 'KEY 29' })
    assert.deepEqual(others, [])
    assert.deepEqual(
      [found?.Name, found?.Size, found?.ResourceArn, found?.ResourceType],
      ['key 29', 'value 29'.length, bucket, 'S3'],
    )
    const written = found?.ModifiedAt as Date
    assert.ok(Math.abs(written.getTime() - Date.now()) < 600_000, written.toISOString())
    const short = Object.keys(OBJECTS).filter((key) => key.length === 'key 1'.length)
    assert.deepEqual(await names({ MaxSize: 'value 1'.length }), short)
    assert.deepEqual(await names({ NamePattern: 'key 29', ModifiedAfter: written }), ['key 29'])
    const later = new Date(written.getTime() + 600_000)
    assert.deepEqual(await names({ ModifiedAfter: later }), [])
    assert.deepEqual(recorder.take(), [])

    const { Status, StatusMessage } = await restore(world, {
      RecoveryPointArn: point,
      IamRoleArn: role,
      Metadata: {
        DestinationBucketName: 'photos4',
        NewBucket: 'true',
        ItemsToRestore: JSON.stringify([found?.Name]),
      },
    })
    assert.equal(Status, 'COMPLETED', `${StatusMessage}`)
    assert.deepEqual(await contentOf(s3ClientOf(rgw), 'photos4'), { 'key 29': 'value 29' })
    assert.equal(count(recorder.take().map(stepOf))['WriteObject'], 1)
  })

  test('R3 a bucket registered again under the same ARN has no parent: all is read anew', async () => {
    await world.call('roleback', 'DeregisterResource', { ResourceArn: bucket })
    await registerBucket(rgw, 'photos', world.call, recorder.endpoint)
    recorder.take()
    await backUpWell(world, input())
    assert.equal(count(recorder.take().map(stepOf))['ReadObject'], 30)
  })

  test('an object that the source does not give makes backup and point PARTIAL; one that the target does not take fails the restore', async () => {
    refused = ['GET key 3', 'GET key 4']
    await world.call('roleback', 'DeregisterResource', { ResourceArn: bucket })
    await registerBucket(rgw, 'photos', world.call, recorder.endpoint)
    const job = await backUp(world, input())
    refused = ['PUT key 8']
    assert.equal(job.State, 'PARTIAL')
    assert.match(
      job.StatusMessage ?? '',
      /^2 items could not be backed up: "[^"]*key 3[^"]*": .*"[^"]*key 4[^"]*": /,
    )
    const named = { ...VAULT, RecoveryPointArn: job.RecoveryPointArn ?? '' }
    assert.equal((await world.call('backup', 'DescribeRecoveryPoint', named)).Status, 'PARTIAL')
    const restored = await restore(world, {
      RecoveryPointArn: named.RecoveryPointArn,
      IamRoleArn: role,
      Metadata: { DestinationBucketName: 'photos3', NewBucket: 'true' },
    })
    refused = []
    assert.equal(restored.Status, 'FAILED')
    assert.match(restored.StatusMessage ?? '', /1 item could not be restored: .*key 8/)
    const { [`key 3`]: _3, [`key 4`]: _4, [`key 8`]: _8, ...rest } = OBJECTS
    assert.deepEqual(await contentOf(s3ClientOf(rgw), 'photos3'), rest)
  })

  test('R1 a wide role reaches nothing but its own job’s bucket', async () => {
    const client = s3ClientOf(rgw)
    await fillBucket(client, 'others', { a: '1' })
    await client.send(new S3.DeleteObjectCommand({ Bucket: 'photos2', Key: 'key 1' }))
    recorder.take()
    await backUpWell(world, input())
    const buckets = recorder.take()
    assert.ok(buckets.length > 0)
    const rows = world.rows<{ first_arn: string }>(
      `select distinct first_arn from job_decision where step in ('ReadObject', 'ListObjects')`,
    )
    assert.ok(rows.every(({ first_arn }) => /^arn:aws:s3:::photos(\/|$)/.test(first_arn)))
  })
})

describe('R1 one door to a database', { skip: postgresMissing() ?? false }, () => {
  test('R1 each login of a backup and a restore comes behind a recorded Allow, and none behind a denial', async () => {
    await using world = await openWorld()
    await using orders = await startOrders(world)
    const early: string[] = []
    const needs: Readonly<Record<string, string>> = {
      'tool orders': 'CreateSnapshot',
      'tool orders2': 'RestoreDatabase',
    }
    await using recorder = await recordPostgres(orders.server.port, (login) => {
      const step = needs[login] ?? '%'
      const rows = world.rows(
        `select 1 from job_decision d join job j on j.job_id = d.job_id
         where j.state = 'RUNNING' and d.effect = 'Allow' and d.step like ? and d.step <> 'DescribeBackupVault'`,
        step,
      )
      if (rows.length === 0) early.push(login)
    })
    await makeVault(world, 'doors')
    const role = await makeRole(world, 'worker', { statements: [ALL_RIGHTS] })
    const { ResourceArn } = await world.call('roleback', 'RegisterResource', {
      ResourceType: 'RDS',
      Name: 'orders',
      Connection: { ...orders.connection, Port: recorder.port },
      Secret: orders.password,
    })
    recorder.take()
    early.length = 0
    const input = { ...VAULT, ResourceArn, IamRoleArn: role }
    const point = await backUpWell(world, input)
    assert.ok(recorder.take().includes('tool orders'))
    const restored = await restore(world, {
      RecoveryPointArn: point,
      IamRoleArn: role,
      Metadata: { DBInstanceIdentifier: 'orders2' },
    })
    assert.equal(restored.Status, 'COMPLETED', `${restored.StatusMessage}`)
    assert.ok(recorder.take().includes('tool orders2'))
    assert.deepEqual(early, [])

    await setRights(world, 'worker', { Effect: 'Allow', NotAction: 'rds:CreateDBSnapshot', Resource: '*' })
    assert.equal((await backUp(world, input)).State, 'FAILED')
    assert.deepEqual(new Set(recorder.take()), new Set(['client orders']))
    await setRights(world, 'worker', { Effect: 'Allow', NotAction: 'rds:DescribeDBInstances', Resource: '*' })
    assert.equal((await backUp(world, input)).State, 'FAILED')
    assert.deepEqual(recorder.take(), [])
  })
})

const hasStrace = spawnSync('strace', ['-V'], { stdio: 'ignore' }).status === 0

describe('R1 one door to a directory', { skip: hasStrace ? false : 'strace is not installed' }, () => {
  test('R1 the system calls of a server show no file of a tree opened whose backup was denied', async () => {
    const scratch = mkdtempSync(join(tmpdir(), 'roleback-trace-'))
    const server = await serverProcess(join(scratch, 'data'))
    try {
      await server.start()
      const path = join(scratch, 'tree')
      for (const folder of ['', 'inner-folder']) mkdirSync(join(path, folder))
      writeFileSync(join(path, 'inner-folder', 'marked-file'), 'some')
      const { ResourceArn } = await server.call('roleback', 'RegisterResource', {
        ResourceType: 'EFS',
        Name: 'tree',
        Connection: { Path: path, RestoreRoot: scratch },
      })
      const RoleName = 'worker'
      const { Role } = await server.call('iam', 'CreateRole', {
        RoleName,
        AssumeRolePolicyDocument: policy({
          Effect: 'Allow',
          Principal: { Service: 'backup.amazonaws.com' },
          Action: 'sts:AssumeRole',
        }),
      })
      await server.call('backup', 'CreateBackupVault', VAULT)
      const run = async (statement: object): Promise<{ State: string | undefined; calls: string }> => {
        const PolicyDocument = policy(statement)
        await server.call('iam', 'PutRolePolicy', { RoleName, PolicyName: 'own', PolicyDocument })
        const trace = join(scratch, 'trace')
        const args = ['-f', '-qq', '-e', 'trace=open,openat,openat2', '-o', trace, '-p', `${server.pid()}`]
        const strace = spawn('strace', args, { stdio: ['ignore', 'ignore', 'pipe'] })
        await until('strace to be attached', () =>
          /TracerPid:\s+[1-9]/.test(readFileSync(`/proc/${server.pid()}/status`, 'utf8')) ? true : undefined,
        )
        const { BackupJobId = '' } = await server.call('backup', 'StartBackupJob', {
          ...VAULT,
          ResourceArn,
          IamRoleArn: Role.Arn,
        })
        const State = await until('the job to end', async () => {
          const job = await server.call('backup', 'DescribeBackupJob', { BackupJobId })
          return ['CREATED', 'RUNNING'].includes(job.State ?? '') ? undefined : job.State
        })
        const ended = once(strace, 'exit')
        strace.kill('SIGINT')
        await ended
        return { State, calls: readFileSync(trace, 'utf8') }
      }
      const denied = await run({ Effect: 'Allow', NotAction: 'elasticfilesystem:Backup', Resource: '*' })
      assert.equal(denied.State, 'FAILED')
      assert.doesNotMatch(denied.calls, /inner-folder|marked-file/)
      const allowed = await run(ALL_RIGHTS)
      assert.equal(allowed.State, 'COMPLETED')
      assert.match(allowed.calls, /inner-folder/)
      assert.match(allowed.calls, /marked-file/)
    } finally {
      await server.kill('SIGKILL')
      await rm(scratch, { recursive: true, force: true })
    }
  })
})
