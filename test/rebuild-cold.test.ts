import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import * as S3 from '@aws-sdk/client-s3'
import { contentOf, fillBucket, registerBucket, s3ClientOf, writeCredentials } from './fixtures/bucket.ts'
import type { Ended } from './fixtures/command-line.ts'
import { letDaysPass } from './fixtures/expiry.ts'
import { kitOptionsOf, rebuildOf } from './fixtures/rebuild.ts'
import { fillSmallTree, listTree } from './fixtures/small-tree.ts'
import {
  allow,
  backUpWell,
  makeRole,
  makeVault,
  openWorld,
  registerDirectory,
  REGION,
  restore,
  until,
} from './fixtures/world.ts'
import type { World } from './fixtures/world.ts'
import { rgwMissing, startRgw } from './servers/ceph-rgw.ts'
import type { RgwServer } from './servers/ceph-rgw.ts'

/** A server whose data directory is gone, brought back with what its vaults have in cold storage: one on a disk, one in a bucket. */

const RIGHTS = ['AWSBackupServiceRolePolicyForBackup', 'AWSBackupServiceRolePolicyForRestores']
const RECOVER = join(import.meta.dirname, '..', 'tools', 'recover.mjs')
const VAULTS = ['to-disk', 'to-bucket'] as const

describe('vault rebuild with cold storage', { skip: rgwMissing() }, () => {
  const places = mkdtempSync(join(tmpdir(), 'roleback-rebuild-cold-'))
  const coldRoot = join(places, 'slow')
  const moved = join(places, 'moved')
  const asTheyWere = join(places, 'as-they-were')
  const credentialsFile = join(places, 'credentials')
  let rgw: RgwServer
  let client: S3.S3Client
  let world: World
  let tree: Awaited<ReturnType<typeof registerDirectory>>
  let cold: string
  let before_: Awaited<ReturnType<typeof catalogue>>
  let refused: Ended
  let planted: Ended
  /** Of it nothing is left in cold storage. */
  let lost: string
  let lostId: string
  let photos: string
  let rebuilt: { readonly points: number; readonly holds: number; readonly problems: readonly string[] }

  const rebuild = async (...args: readonly string[]): Promise<Ended> =>
    await rebuildOf(world, join(world.scratch, 'storage'), args)

  before(async () => {
    rgw = await startRgw({ dir: join(places, 'rgw') })
    client = s3ClientOf(rgw)
    await client.send(new S3.CreateBucketCommand({ Bucket: 'cold' }))
    writeCredentials(credentialsFile, rgw)
    world = await openWorld({ serve: { coldRoot: [`${REGION}=${coldRoot}`] } })
    await prepare()
    before_ = await catalogue()
    cold = pointId((await coldPoint('to-disk')).RecoveryPointArn)
    lostId = pointId(lost)
    await world.offline(loseAndRebuild)
  })
  after(async () => {
    await world[Symbol.asyncDispose]()
    client.destroy()
    await rgw.stop()
    rmSync(places, { recursive: true, force: true })
  })

  async function prepare(): Promise<void> {
    const { endpoint, accessKeyId, secretAccessKey } = rgw
    await world.call('roleback', 'PutStorage', {
      Name: 'slow',
      Location: 's3://cold/here',
      Endpoint: endpoint,
      AccessKeyId: accessKeyId,
      Secret: secretAccessKey,
    })
    const IamRoleArn = await makeRole(world, 'keeper', { managed: RIGHTS })
    tree = await registerDirectory(world, 'letters', fillSmallTree)
    for (const BackupVaultName of VAULTS) {
      const BackupVaultArn = await makeVault(world, BackupVaultName)
      await world.call('roleback', 'PutVaultColdStorage', {
        BackupVaultArn,
        ...(BackupVaultName === 'to-bucket' && { Storage: 'slow' }),
      })
      const point = { BackupVaultName, ResourceArn: tree.arn, IamRoleArn }
      await backUpWell(world, {
        ...point,
        RecoveryPointTags: { goes: 'cold' },
        Lifecycle: { MoveToColdStorageAfterDays: 7, DeleteAfterDays: 400 },
      })
      await backUpWell(world, point)
    }
    await prepareBucket()
    lost = await backUpWell(world, {
      BackupVaultName: 'to-disk',
      ResourceArn: tree.arn,
      IamRoleArn,
      Lifecycle: { MoveToColdStorageAfterDays: 7, DeleteAfterDays: 400 },
    })
    cpSync(join(world.dataDir, 'vaults'), asTheyWere, { recursive: true })
    await world.call('backup', 'CreateLegalHold', {
      Title: 'the letters case',
      Description: 'nothing of it may go',
      RecoveryPointSelection: { VaultNames: ['to-disk'] },
    })
    await world.call('backup', 'PutBackupVaultLockConfiguration', {
      BackupVaultName: 'to-disk',
      MinRetentionDays: 7,
      MaxRetentionDays: 36_500,
    })
    await letDaysPass(world, 61)
    await until('two to be cold and one tiered, and all jobs to end', () => {
      const [row] = world.rows<{ cold: number; tiered: number; left: number }>(
        `select (select count(*) from recovery_point where moved_to_cold_at is not null) as "cold",
          (select count(*) from recovery_point where tiered_at is not null) as "tiered",
          (select count(*) from job where state in ('CREATED', 'PENDING', 'RUNNING')) as "left"`,
      )
      return row?.cold === 3 && row.tiered === 1 && row.left === 0 ? true : undefined
    })
    await world.call('backup', 'TagResource', {
      ResourceArn: (await coldPoint('to-disk')).RecoveryPointArn ?? '',
      Tags: { changed: 'while cold' },
    })
    await until('the tag to be in the vault', () =>
      world.rows<{ left: number }>(
        `select count(*) as "left" from job where state in ('CREATED', 'RUNNING')`,
      )[0]?.left === 0
        ? true
        : undefined,
    )
  }

  const pointId = (arn: string = ''): string =>
    world.rows<{ id: string }>('select point_id as "id" from recovery_point where arn = ?', arn)[0]?.id ?? ''

  /** A bucket whose recovery point is to be tiered. */
  async function prepareBucket(): Promise<void> {
    const IamRoleArn = await makeRole(world, 'bucket-keeper', { statements: [allow('*')] })
    await fillBucket(client, 'photos', { 'a.jpg': 'first', 'b.jpg': 'second' })
    photos = await registerBucket(rgw, 'photos', world.call)
    await backUpWell(world, { BackupVaultName: 'to-disk', ResourceArn: photos, IamRoleArn })
    await world.call('backup', 'CreateTieringConfiguration', {
      TieringConfiguration: {
        TieringConfigurationName: 'buckets',
        BackupVaultName: '*',
        ResourceSelection: [{ Resources: [photos], ResourceType: 'S3', TieringDownSettingsInDays: 60 }],
      },
    })
  }

  async function pointsIn(BackupVaultName: string) {
    const { RecoveryPoints = [] } = await world.call('backup', 'ListRecoveryPointsByBackupVault', {
      BackupVaultName,
    })
    const described = []
    for (const { RecoveryPointArn = '' } of RecoveryPoints)
      described.push(
        await world.call('backup', 'DescribeRecoveryPoint', { BackupVaultName, RecoveryPointArn }),
      )
    return described
  }

  async function coldPoint(vault: string) {
    const cold = (await pointsIn(vault)).filter(
      ({ StorageClass, RecoveryPointArn }) => StorageClass === 'COLD' && RecoveryPointArn !== lost,
    )
    assert.equal(cold.length, 1)
    return cold[0] as (typeof cold)[number]
  }

  async function catalogue() {
    const points = []
    for (const vault of VAULTS)
      for (const described of await pointsIn(vault)) {
        if (described.RecoveryPointArn === lost) continue
        const { Tags } = await world.call('backup', 'ListTags', {
          ResourceArn: described.RecoveryPointArn ?? '',
        })
        // Its age is left out: only the lost server's rows were made older.
        const { RecoveryPointArn, Status, StorageClass, Lifecycle, ResourceArn, IamRoleArn } = described
        const plain = { ...Tags }
        points.push({
          RecoveryPointArn,
          Status,
          StorageClass,
          Lifecycle,
          ResourceArn,
          IamRoleArn,
          Tags: plain,
        })
      }
    const { Locked, MinRetentionDays } = await world.call('backup', 'DescribeBackupVault', {
      BackupVaultName: 'to-disk',
    })
    const { LegalHolds = [] } = await world.call('backup', 'ListLegalHolds', {})
    const { ColdStorages } = await world.call('roleback', 'ListVaultColdStorages', {})
    return {
      points,
      lock: { Locked, MinRetentionDays },
      holds: LegalHolds.map(({ Title, Status }) => [Title, Status]),
      cold: ColdStorages.map(({ BackupVaultArn }) => BackupVaultArn),
    }
  }

  async function loseAndRebuild(): Promise<void> {
    renameSync(join(world.dataDir, 'vaults'), join(world.scratch, 'storage'))
    rmSync(world.dataDir, { recursive: true })
    const toBucket = ['--cold-credentials-file', credentialsFile]
    const storage = join(world.scratch, 'storage')
    const [folder = ''] = readdirSync(coldRoot)
    const beside = join(storage, folder)
    mkdirSync(beside)
    cpSync(join(coldRoot, folder, 'vault.json'), join(beside, 'vault.json'))
    planted = await rebuild(...toBucket)
    rmSync(beside, { recursive: true })
    // Who can write to the first store alone puts back what lay there before the point was moved.
    const points = ['points', 'twins/points'].map((name) => join(name, cold))
    for (const point of points) {
      const at = join(storage, folder.replace('cold-', ''), point)
      rmSync(at, { recursive: true })
      cpSync(join(asTheyWere, folder.replace('cold-', ''), point), at, { recursive: true })
    }
    for (const twins of ['', 'twins'])
      rmSync(join(coldRoot, folder, twins, 'points', lostId), { recursive: true })
    renameSync(coldRoot, moved)
    refused = await rebuild(...toBucket)
    const ended = await rebuild(...toBucket, '--cold', moved)
    assert.equal(ended.code, 0, ended.stderr)
    rebuilt = JSON.parse(ended.stdout) as typeof rebuilt
  }

  test('cold storage that is not where the vault says is named, and nothing is brought back by half', () => {
    assert.equal(refused.code, 1)
    assert.match(refused.stderr, /were moved to cold storage in .*slow\/cold-[0-9a-f-]+, which is not there/)
    assert.match(refused.stderr, /say with --cold where it lies now/)
  })

  test('a cold store beside the vaults that is not where they say is not taken for it', () => {
    assert.equal(planted.code, 1)
    assert.match(
      planted.stderr,
      /a cold store of it lies in ".*storage\/cold-.*", and it says that .* were moved to .*slow\/cold-/,
    )
  })

  test('what was moved to cold storage and is gone from there is named', () => {
    const [problem = '', ...more] = rebuilt.problems
    assert.deepEqual(more, [])
    assert.ok(problem.includes(`${lostId} in vault to-disk: it was moved to cold storage`), problem)
  })

  test('every recovery point in cold storage comes back with its retention, tags, lock and hold', async () => {
    assert.deepEqual([rebuilt.points, rebuilt.holds], [5, 1])
    const now = await catalogue()
    assert.deepEqual(now, before_)
    const cold = before_.points.filter(({ StorageClass }) => StorageClass === 'COLD')
    assert.deepEqual(
      cold.map(({ Tags }) => Tags['changed']),
      ['while cold', undefined],
    )
    const { RecoveryPointArn = '' } = await coldPoint('to-disk')
    await assert.rejects(
      world.call('backup', 'DeleteRecoveryPoint', { BackupVaultName: 'to-disk', RecoveryPointArn }),
      /the letters case|locked/,
    )
  })

  test('what is cold is restored from the disk and from the bucket, by the server and without it', async () => {
    const IamRoleArn = await makeRole(world, 'keeper', { managed: RIGHTS })
    const target = await registerDirectory(world, 'letters-again', () => undefined)
    for (const vault of VAULTS) {
      const { RecoveryPointArn = '' } = await coldPoint(vault)
      const before = readdirSync(target.path)
      const job = await restore(world, {
        RecoveryPointArn,
        IamRoleArn,
        Metadata: { newFileSystem: 'false', 'file-system-id': target.arn.split('/').at(-1) ?? '' },
      })
      assert.equal(job.Status, 'COMPLETED', job.StatusMessage ?? '')
      const made = readdirSync(target.path).find((name) => !before.includes(name)) ?? ''
      assert.deepEqual(listTree(join(target.path, made)), listTree(tree.path))
    }
    const [folder = ''] = readdirSync(moved)
    const { RecoveryPointArn = '' } = await coldPoint('to-disk')
    const id = RecoveryPointArn.split(':').at(-1) ?? ''
    const out = join(places, 'by-hand')
    execFileSync(process.execPath, [RECOVER, 'restore', join(moved, folder), id, out, ...kitOptionsOf(world)])
    assert.deepEqual(listTree(out), listTree(tree.path))
  })

  test('what was tiered is warm behind the loss, and is restored, copied and made cold from the second store', async () => {
    const [point, ...others] = (await pointsIn('to-disk')).filter(({ ResourceArn }) => ResourceArn === photos)
    assert.deepEqual([others.length, point?.StorageClass, point?.Status], [0, 'WARM', 'COMPLETED'])
    const { ColdStorages } = await world.call('roleback', 'ListVaultColdStorages', {})
    assert.deepEqual(
      ColdStorages.map(({ RecoveryPoints }) => RecoveryPoints),
      [1, 2],
    )
    const { RecoveryPointArn = '' } = point ?? {}
    const IamRoleArn = await makeRole(world, 'bucket-keeper', { statements: [allow('*')] })
    await fillBucket(client, 'back', {})
    await registerBucket(rgw, 'back', world.call)
    const job = await restore(world, {
      RecoveryPointArn,
      IamRoleArn,
      Metadata: { DestinationBucketName: 'back' },
    })
    assert.equal(job.Status, 'COMPLETED', job.StatusMessage ?? '')
    assert.deepEqual(await contentOf(client, 'back'), { 'a.jpg': 'first', 'b.jpg': 'second' })

    const { CopyJobId = '' } = await world.call('backup', 'StartCopyJob', {
      RecoveryPointArn,
      SourceBackupVaultName: 'to-disk',
      DestinationBackupVaultArn: ColdStorages[0]?.BackupVaultArn ?? '',
      IamRoleArn,
    })
    const copy = await until('the copy to end', async () => {
      const { CopyJob } = await world.call('backup', 'DescribeCopyJob', { CopyJobId })
      return ['COMPLETED', 'FAILED'].includes(CopyJob?.State ?? '') ? CopyJob : undefined
    })
    assert.equal(copy.State, 'COMPLETED', copy.StatusMessage ?? '')

    await world.call('backup', 'UpdateRecoveryPointLifecycle', {
      BackupVaultName: 'to-disk',
      RecoveryPointArn,
      Lifecycle: { MoveToColdStorageAfterDays: 1 },
    })
    await letDaysPass(world, 2)
    const becameCold = await until('it to be cold', async () => {
      const described = await world.call('backup', 'DescribeRecoveryPoint', {
        BackupVaultName: 'to-disk',
        RecoveryPointArn,
      })
      return described.StorageClass === 'COLD' ? described : undefined
    })
    assert.deepEqual([becameCold.Status, becameCold.StatusMessage], ['COMPLETED', undefined])
  })
})
