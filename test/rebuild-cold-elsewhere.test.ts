import assert from 'node:assert/strict'
import { cpSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, before, describe, test } from 'node:test'
import * as S3 from '@aws-sdk/client-s3'
import { s3ClientOf, writeCredentials } from './fixtures/bucket.ts'
import type { Ended } from './fixtures/command-line.ts'
import { approveHeld, letDaysPass, sweepNow } from './fixtures/expiry.ts'
import { exportedNow } from './fixtures/identity-export.ts'
import { rebuildOf } from './fixtures/rebuild.ts'
import { fillSmallTree, listTree } from './fixtures/small-tree.ts'
import {
  backUpWell,
  jobEnd,
  makeRole,
  makeUser,
  makeVault,
  openWorld,
  registerDirectory,
  restore,
  until,
} from './fixtures/world.ts'
import type { World } from './fixtures/world.ts'
import { rgwMissing, startRgw } from './servers/ceph-rgw.ts'
import type { RgwServer } from './servers/ceph-rgw.ts'

/** A server whose data directory is gone and whose cold storage was carried into another bucket, or is to be gone on without. */

const RIGHTS = ['AWSBackupServiceRolePolicyForBackup', 'AWSBackupServiceRolePolicyForRestores']
const BackupVaultName = 'kept'
const STORAGE = 'cold'

interface Rebuilt {
  readonly points: number
  readonly problems: readonly string[]
  readonly identity: { readonly problems: readonly string[] }
}

describe('vault rebuild with cold storage that lies elsewhere', { skip: rgwMissing() }, () => {
  const places = mkdtempSync(join(tmpdir(), 'roleback-cold-elsewhere-'))
  const credentialsFile = join(places, 'credentials')
  let rgw: RgwServer
  let client: S3.S3Client
  let world: World
  let role: string
  let tree: Awaited<ReturnType<typeof registerDirectory>>
  let cold: string
  let warm: string
  let number: number
  let rebuilt: Rebuilt
  const ended = new Map<string, Ended>()

  const storage = (): string => join(world.scratch, 'storage')
  const without = (): string => join(world.scratch, 'without')
  const rebuild = async (from: string, ...args: readonly string[]): Promise<Ended> =>
    await rebuildOf(world, from, ['--with-identity', String(number), ...args])

  before(async () => {
    rgw = await startRgw({ dir: join(places, 'rgw') })
    client = s3ClientOf(rgw)
    for (const Bucket of ['here', 'there']) await client.send(new S3.CreateBucketCommand({ Bucket }))
    writeCredentials(credentialsFile, rgw)
    world = await openWorld()
    await prepare()
    await world.offline(loseAndRebuild)
  })
  after(async () => {
    await world[Symbol.asyncDispose]()
    client.destroy()
    await rgw.stop()
    rmSync(places, { recursive: true, force: true })
  })

  async function prepare(): Promise<void> {
    await world.call('roleback', 'PutStorage', {
      Name: STORAGE,
      Location: 's3://here/of/old',
      Endpoint: rgw.endpoint,
      AccessKeyId: rgw.accessKeyId,
      Secret: rgw.secretAccessKey,
    })
    role = await makeRole(world, 'keeper', { managed: RIGHTS })
    await makeUser(world, 'operator')
    tree = await registerDirectory(world, 'letters', fillSmallTree)
    const BackupVaultArn = await makeVault(world, BackupVaultName)
    await world.call('roleback', 'PutVaultColdStorage', { BackupVaultArn, Storage: STORAGE })
    const point = { BackupVaultName, ResourceArn: tree.arn, IamRoleArn: role }
    const Lifecycle = { MoveToColdStorageAfterDays: 7, DeleteAfterDays: 400 }
    cold = await backUpWell(world, { ...point, Lifecycle })
    warm = await backUpWell(world, point)
    await letDaysPass(world, 8)
    await until('the point to be cold, and all jobs to end', () => {
      const [row] = world.rows<{ cold: number; left: number }>(
        `select (select count(*) from recovery_point where moved_to_cold_at is not null) as "cold",
          (select count(*) from job where state in ('CREATED', 'PENDING', 'RUNNING')) as "left"`,
      )
      return row?.cold === 1 && row.left === 0 ? true : undefined
    })
    number = await exportedNow(world)
  }

  /** Keys of a bucket. */
  async function keysIn(Bucket: string): Promise<string[]> {
    const keys: string[] = []
    for await (const { Contents = [] } of S3.paginateListObjectsV2({ client }, { Bucket }))
      keys.push(...Contents.map(({ Key = '' }) => Key))
    return keys
  }

  async function carryOver(): Promise<void> {
    for (const Key of await keysIn('here')) {
      const to = { Bucket: 'there', Key: Key.replace('of/old/', 'moved/in/') }
      await client.send(new S3.CopyObjectCommand({ ...to, CopySource: `here/${Key}` }))
      await client.send(new S3.DeleteObjectCommand({ Bucket: 'here', Key }))
    }
  }

  async function loseAndRebuild(): Promise<void> {
    renameSync(join(world.dataDir, 'vaults'), storage())
    rmSync(world.dataDir, { recursive: true })
    await carryOver()
    const copy = join(world.scratch, 'copy')
    cpSync(storage(), copy, { recursive: true })
    const credentials = ['--cold-credentials-file', credentialsFile]
    const refused = join(world.scratch, 'refused')
    ended.set('not there', await rebuild(copy, '--data-dir', refused, ...credentials))
    ended.set(
      'the vaults themselves',
      await rebuild(copy, '--data-dir', refused, ...credentials, '--cold', copy),
    )
    ended.set('no credentials', await rebuild(copy, '--data-dir', refused, '--cold', 's3://there/moved/in'))
    ended.set('without', await rebuild(copy, '--data-dir', without(), '--cold', 'none'))
    const there = ['--cold', 's3://there/moved/in', '--cold-endpoint', rgw.endpoint]
    const done = await rebuild(storage(), ...credentials, ...there)
    assert.equal(done.code, 0, done.stderr)
    rebuilt = JSON.parse(done.stdout) as Rebuilt
  }

  const describePoint = async (RecoveryPointArn: string) =>
    await world.call('backup', 'DescribeRecoveryPoint', { BackupVaultName, RecoveryPointArn })

  test('where it is not there any more, or --cold names the vaults’ own place, nothing is changed', () => {
    for (const [name, why] of [
      [
        'not there',
        /s3:\/\/here\/of\/old\/cold-[0-9a-f-]+\/ at .*, which is not there\. Nothing was changed/,
      ],
      ['the vaults themselves', /which is not there\. Nothing was changed/],
      ['no credentials', /Give --cold-credentials-file FILE/],
    ] as const) {
      const { code, stderr } = ended.get(name) as Ended
      assert.equal(code, 1, `${name}: ${stderr}`)
      assert.match(stderr, why)
    }
  })

  test('--cold none brings back what is warm, says what is left out, and names no cold storage for what comes', () => {
    const { code, stderr, stdout } = ended.get('without') as Ended
    assert.equal(code, 0, stderr)
    const { points, problems } = JSON.parse(stdout) as Rebuilt
    assert.equal(points, 1)
    assert.match(
      problems.join('\n'),
      /vault kept: recovery points of it that were moved to cold storage in s3:\/\/here\/of\/old\/cold-.* were left out/,
    )
    const db = new DatabaseSync(join(without(), 'roleback.db'), { readOnly: true })
    const rows = db.prepare('select name, cold_storage from vault').all()
    const arns = db.prepare('select arn from recovery_point').all()
    db.close()
    assert.deepEqual(
      rows.map((row) => ({ ...row })),
      [{ name: BackupVaultName, cold_storage: null }],
    )
    assert.deepEqual(
      arns.map((row) => row['arn']),
      [warm],
    )
  })

  test('--cold s3://BUCKET/PREFIX with --with-identity brings both back, each storage under a name of its own', async () => {
    assert.deepEqual([rebuilt.points, rebuilt.problems, rebuilt.identity.problems], [2, [], []])
    assert.equal((await describePoint(cold)).StorageClass, 'COLD')
    assert.equal((await describePoint(warm)).StorageClass, 'WARM')
    const { Storages } = await world.call('roleback', 'ListStorages', {})
    const at = (location: string): string | undefined =>
      Storages.find(({ Location }) => Location === location)?.Name
    assert.equal(at('s3://here/of/old/'), STORAGE)
    assert.match(at('s3://there/moved/in/') ?? '', /^cold-[0-9a-f]{8}$/)
    const { Users } = await world.call('iam', 'ListUsers', {})
    assert.deepEqual(
      Users.map(({ UserName }) => UserName),
      ['operator'],
    )
  })

  test('the cold point is restored from the other bucket under its old role, and a check finds all of it', async () => {
    const { RestoreMetadata } = await world.call('backup', 'GetRecoveryPointRestoreMetadata', {
      BackupVaultName,
      RecoveryPointArn: cold,
    })
    const Metadata = { ...RestoreMetadata, newFileSystem: 'true', CreationToken: 'again' }
    const job = await restore(world, { RecoveryPointArn: cold, IamRoleArn: role, Metadata })
    assert.equal(job.Status, 'COMPLETED', job.StatusMessage ?? '')
    const { Resource } = await world.call('roleback', 'DescribeResource', {
      ResourceArn: job.CreatedResourceArn ?? '',
    })
    assert.deepEqual(listTree(Resource.Connection?.Path ?? ''), listTree(tree.path))
    const { JobId } = await world.call('roleback', 'StartVerifyJob', { BackupVaultName, ReadData: true })
    const { State, StatusMessage = '' } = await jobEnd(world, JobId)
    assert.equal(State, 'COMPLETED', StatusMessage)
    assert.match(StatusMessage, /^2 recovery points/)
  })

  test('the vault says where its cold storage lies now, for the next loss', async () => {
    const { JobId } = await world.call('roleback', 'StartSweepJob', { BackupVaultName })
    assert.equal((await jobEnd(world, JobId)).State, 'COMPLETED')
    const [row] = world.rows<{ sealed: string }>('select sealed_records as "sealed" from vault')
    const { record } = JSON.parse(row?.sealed ?? '{}') as { record: { coldStorage: unknown } }
    assert.match(JSON.stringify(record.coldStorage), /"bucket":"there","prefix":"moved\/in\/"/)
  })

  test('what was cold expires where it lies, and its bytes go', async () => {
    await letDaysPass(world, 401)
    await approveHeld(world)
    await until('the cold point to be gone with its bytes', async () => {
      if (world.rows('select 1 from recovery_point where arn = ?', cold).length > 0) return undefined
      await sweepNow(world)
      const keys = await keysIn('there')
      return keys.some((key) => key.includes('/data/')) ? undefined : true
    })
    assert.equal((await describePoint(warm)).StorageClass, 'WARM')
  })
})
