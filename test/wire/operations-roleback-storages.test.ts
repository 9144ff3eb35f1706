import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import * as S3 from '@aws-sdk/client-s3'
import { startServer } from '../../src/app.ts'
import { loadConfig } from '../../src/config.ts'
import { createLog } from '../../src/lib/log.ts'
import { awsError } from '../fixtures/aws-error.ts'
import { roleback } from '../fixtures/command-line.ts'
import { s3ClientOf } from '../fixtures/bucket.ts'
import { letDaysPass, sweepNow } from '../fixtures/expiry.ts'
import { exportedNow } from '../fixtures/identity-export.ts'
import { fillSmallTree, listTree } from '../fixtures/small-tree.ts'
import { KIT_COST } from '../fixtures/kit-cost.ts'
import {
  allow,
  backUpWell,
  jobEnd,
  letVaultGo,
  makeRole,
  makeUser,
  makeVault,
  openWorld,
  registerDirectory,
  restore,
  until,
} from '../fixtures/world.ts'
import type { World } from '../fixtures/world.ts'
import { rgwMissing, startRgw } from '../servers/ceph-rgw.ts'
import type { RgwServer } from '../servers/ceph-rgw.ts'

/** Buckets that vaults lie in: set by operations of our own, used by everything that touches a vault. */

const RIGHTS = ['AWSBackupServiceRolePolicyForBackup', 'AWSBackupServiceRolePolicyForRestores']
const RECOVER = join(import.meta.dirname, '..', '..', 'tools', 'recover.mjs')

/** The vault that identities are exported into. */
const SYSTEM = /^here\/system-[0-9a-f]{32}\//

describe('vaults in buckets', { skip: rgwMissing() }, () => {
  let rgw: RgwServer
  let world: World
  let client: S3.S3Client
  const scratch = mkdtempSync(join(tmpdir(), 'roleback-storages-'))
  const credentialsFile = join(scratch, 'credentials')
  const serve = (): Parameters<typeof loadConfig>[0] => ({
    storage: 's3://vaults/here',
    storageEndpoint: rgw.endpoint,
    storageCredentialsFile: credentialsFile,
  })

  before(async () => {
    rgw = await startRgw({ dir: join(scratch, 'rgw') })
    client = s3ClientOf(rgw)
    for (const Bucket of ['vaults', 'others', 'resource'])
      await client.send(new S3.CreateBucketCommand({ Bucket }))
    const lines = [
      '[default]',
      `aws_access_key_id = ${rgw.accessKeyId}`,
      `aws_secret_access_key = ${rgw.secretAccessKey}`,
    ]
    writeFileSync(credentialsFile, `${lines.join('\n')}\n`, { mode: 0o600 })
    world = await openWorld({ serve: serve() })
  })
  after(async () => {
    await world[Symbol.asyncDispose]()
    client.destroy()
    await rgw.stop()
    rmSync(scratch, { recursive: true, force: true })
  })

  async function keysIn(Bucket: string): Promise<string[]> {
    return (await allKeysIn(Bucket)).filter((key) => !SYSTEM.test(key))
  }

  async function allKeysIn(Bucket: string): Promise<string[]> {
    const { Contents = [] } = await client.send(new S3.ListObjectsV2Command({ Bucket }))
    return Contents.map(({ Key = '' }) => Key)
  }

  const own = (Name: string, Location: string) => ({
    Name,
    Location,
    Endpoint: rgw.endpoint,
    AccessKeyId: rgw.accessKeyId,
    Secret: rgw.secretAccessKey,
  })

  test('a file that is applied declares a bucket, changes where it lies, and takes its secret from elsewhere', async () => {
    const file = join(scratch, 'apply.yaml')
    const env = {
      AWS_ENDPOINT_URL: world.url,
      AWS_ACCESS_KEY_ID: world.rootKey.accessKeyId,
      AWS_SECRET_ACCESS_KEY: world.rootKey.secretAccessKey,
      BUCKET_SECRET: rgw.secretAccessKey,
    }
    const apply = async (Location: string, ...args: string[]) => {
      const storage = { ...own('declared', Location), Secret: { Environment: 'BUCKET_SECRET' } }
      writeFileSync(file, JSON.stringify({ Version: 1, Storages: [storage] }))
      const ended = await roleback(['apply', '-f', file, ...args], { env })
      assert.ok(!(ended.stdout + ended.stderr).includes(rgw.secretAccessKey))
      return ended
    }
    const declared = async () => {
      const { Storages } = await world.call('roleback', 'ListStorages', {})
      return Storages.filter(({ Name }) => Name !== 'serve')
    }
    const dry = await apply('s3://others/declared', '--dry-run')
    assert.match(dry.stdout, /^\+ storage declared: create$/m, dry.stderr)
    assert.deepEqual(await declared(), [])
    const made = await apply('s3://others/declared')
    assert.match(made.stdout, /^created storage declared$/m, made.stderr)
    assert.match((await apply('s3://others/declared')).stdout, /^no changes: 1 unchanged$/m)
    const moved = await apply('s3://others/elsewhere')
    assert.match(moved.stdout, /Location: "s3:\/\/others\/declared\/" -> "s3:\/\/others\/elsewhere\/"/)
    assert.deepEqual(
      (await declared()).map(({ Name, Location }) => [Name, Location]),
      [['declared', 's3://others/elsewhere/']],
      moved.stderr,
    )
    const nowhere = await apply('s3://no-such-bucket/here')
    assert.equal(nowhere.code, 1)
    assert.match(nowhere.stderr, /Cannot update storage declared: .*no-such-bucket/)
    assert.equal((await declared())[0]?.Location, 's3://others/elsewhere/')
    await world.call('roleback', 'DeleteStorage', { Name: 'declared' })
  })

  test('backup, restart, restore, verify, delete, sweep: a vault in a bucket does what one in a directory does', async () => {
    await makeVault(world, 'in-bucket')
    const role = await makeRole(world, 'keeper', { managed: RIGHTS })
    const tree = await registerDirectory(world, 'tree', fillSmallTree)
    const input = { BackupVaultName: 'in-bucket', ResourceArn: tree.arn, IamRoleArn: role }
    const point = await backUpWell(world, input)
    assert.ok((await keysIn('vaults')).every((key) => /^here\/[0-9a-f]{32}\//.test(key)))
    assert.ok((await keysIn('vaults')).some((key) => /\/points\/[^/]+\/head$/.test(key)))
    assert.ok(
      !existsSync(join(world.dataDir, 'vaults')) || readdirSync(join(world.dataDir, 'vaults')).length === 0,
    )
    assert.ok(!world.lines.join('\n').includes(rgw.secretAccessKey))
    assert.ok((await allKeysIn('vaults')).some((key) => SYSTEM.test(key) && key.endsWith('/manifest')))

    await world.offline(() => Promise.resolve())
    writeFileSync(join(tree.path, 'later'), 'later')
    const second = await backUpWell(world, input)
    const { RestoreMetadata } = await world.call('backup', 'GetRecoveryPointRestoreMetadata', {
      BackupVaultName: 'in-bucket',
      RecoveryPointArn: second,
    })
    const { CreatedResourceArn, Status, StatusMessage } = await restore(world, {
      RecoveryPointArn: second,
      Metadata: { ...RestoreMetadata, newFileSystem: 'true', CreationToken: 'again' },
      IamRoleArn: role,
    })
    assert.equal(Status, 'COMPLETED', String(StatusMessage))
    const { Resource } = await world.call('roleback', 'DescribeResource', {
      ResourceArn: CreatedResourceArn ?? '',
    })
    assert.deepEqual(listTree(Resource.Connection?.Path ?? ''), listTree(tree.path))

    const vault = { BackupVaultName: 'in-bucket' }
    const verify = await world.call('roleback', 'StartVerifyJob', { ...vault, ReadData: true })
    const verified = await jobEnd(world, verify.JobId)
    assert.equal(verified.State, 'COMPLETED', String(verified.StatusMessage))

    const before = (await keysIn('vaults')).length
    for (const RecoveryPointArn of [point, second])
      await world.call('backup', 'DeleteRecoveryPoint', { ...vault, RecoveryPointArn })
    await until('the bytes to go', async () => {
      const { JobId } = await world.call('roleback', 'StartSweepJob', vault)
      await jobEnd(world, JobId)
      return (await keysIn('vaults')).some((key) => /\/(data|meta)\//.test(key)) ? undefined : true
    })
    assert.ok((await keysIn('vaults')).length < before)
    await letVaultGo(world, 'in-bucket')
    await until('the vault to go', async () => ((await keysIn('vaults')).length === 0 ? true : undefined))
  })

  test('the second reader opens a downloaded copy of a vault in a bucket with the kit alone', async () => {
    await makeVault(world, 'downloaded')
    const role = await makeRole(world, 'downloader', { managed: RIGHTS })
    const tree = await registerDirectory(world, 'downloaded', fillSmallTree)
    await backUpWell(world, { BackupVaultName: 'downloaded', ResourceArn: tree.arn, IamRoleArn: role })
    const copy = join(scratch, 'copy')
    for (const Key of await keysIn('vaults')) {
      const { Body } = await client.send(new S3.GetObjectCommand({ Bucket: 'vaults', Key }))
      const file = join(copy, Key.split('/').slice(2).join('/'))
      mkdirSync(dirname(file), { recursive: true })
      writeFileSync(file, (await Body?.transformToByteArray()) ?? '')
    }
    const kit = ['--kit', join(`${world.dataDir}-recovery`, 'recovery-kit.txt')]
    const passphrase = ['--passphrase-file', join(`${world.dataDir}-recovery`, 'recovery-passphrase.txt')]
    const answer = execFileSync(process.execPath, [RECOVER, 'verify', copy, '--json', ...kit, ...passphrase])
    const { isWhole, points } = JSON.parse(answer.toString()) as { isWhole: boolean; points: number }
    assert.deepEqual([isWhole, points], [true, 1])
  })

  test('PutStorage, ListStorages and DeleteStorage: new vaults of a region or account lie in its storage, the rest where serve says', async () => {
    const { Storage } = await world.call('roleback', 'PutStorage', {
      ...own('others', 's3://others/a/b'),
      NewVaults: { AccountId: world.accountId, Region: world.region },
      Bandwidth: {
        TimeZone: 'Europe/Berlin',
        Windows: [{ FromHour: 8, ToHour: 18, BytesPerSecond: 1_000_000_000 }],
      },
    })
    assert.deepEqual(
      [Storage.Location, Storage.Vaults, Storage.ForcePathStyle],
      ['s3://others/a/b/', 0, true],
    )
    await makeVault(world, 'elsewhere')
    const { Storages } = await world.call('roleback', 'ListStorages', {})
    assert.deepEqual(
      Storages.map(({ Name, Vaults }) => [Name, Vaults]),
      [
        ['others', 1],
        ['serve', 1],
      ],
    )
    assert.deepEqual(Storages[0]?.NewVaults, { AccountId: world.accountId, Region: world.region })
    assert.equal(Storages[0]?.Bandwidth?.Windows[0]?.BytesPerSecond, 1_000_000_000)
    assert.ok(!JSON.stringify(Storages).includes(rgw.secretAccessKey))
    assert.ok((await keysIn('others')).every((key) => /^a\/b\/[0-9a-f]{32}\//.test(key)))

    const used = awsError('InvalidRequestException', '1 vault lies in it')
    await assert.rejects(world.call('roleback', 'DeleteStorage', { Name: 'others' }), used)
    await assert.rejects(world.call('roleback', 'PutStorage', own('others', 's3://vaults/b')), used)
    // Another name of the same service is the same place; a bucket's own host is one only where it leads there.
    const named = { Endpoint: `http://localhost:${new URL(rgw.endpoint).port}` }
    await world.call('roleback', 'PutStorage', { ...own('others', 's3://others/a/b'), ...named })
    const hosts = { ...own('others', 's3://others/a/b'), ForcePathStyle: false }
    await assert.rejects(
      world.call('roleback', 'PutStorage', hosts),
      awsError('InvalidParameterValueException', '"others.127.0.0.1" does not resolve to an address'),
    )
    await world.call('roleback', 'PutStorage', own('others', 's3://others/a/b'))
    // The same place, for no new vaults any more, with the secret that is there.
    const { Secret: _, ...kept } = own('others', 's3://others/a/b')
    await world.call('roleback', 'PutStorage', kept)
    await makeVault(world, 'here-again')
    assert.ok((await keysIn('vaults')).some((key) => key.endsWith('/vault.json')))
    await letVaultGo(world, 'elsewhere')
    await until('the storage to be free', async () => {
      const [others] = (await world.call('roleback', 'ListStorages', {})).Storages
      return others?.Vaults === 0 ? true : undefined
    })
    await world.call('roleback', 'DeleteStorage', { Name: 'others' })
    assert.deepEqual(await keysIn('others'), [])
    await assert.rejects(
      world.call('roleback', 'DeleteStorage', { Name: 'others' }),
      awsError('ResourceNotFoundException', 'There is no storage others'),
    )
  })

  test('cold storage in a bucket: what rots there is found, and repaired from the first store and from a copy', async () => {
    const role = await makeRole(world, 'mover', { managed: RIGHTS })
    const BackupVaultName = 'two-places'
    const BackupVaultArn = await makeVault(world, BackupVaultName)
    const copies = await makeVault(world, 'copies')
    await world.call('roleback', 'PutStorage', own('cold', 's3://others/cold'))
    await world.call('roleback', 'PutVaultColdStorage', { BackupVaultArn, Storage: 'cold' })
    const tree = await registerDirectory(world, 'archive', fillSmallTree)
    const point = await backUpWell(world, {
      BackupVaultName,
      ResourceArn: tree.arn,
      IamRoleArn: role,
      Lifecycle: { MoveToColdStorageAfterDays: 7, DeleteAfterDays: 400 },
    })
    await world.call('backup', 'StartCopyJob', {
      RecoveryPointArn: point,
      SourceBackupVaultName: BackupVaultName,
      DestinationBackupVaultArn: copies,
      IamRoleArn: role,
    })
    const settled = async (): Promise<void> =>
      void (await until('all jobs to end', async () => {
        await sweepNow(world)
        const open = world.rows(`select 1 from job where state in ('CREATED', 'PENDING', 'RUNNING')`)
        return open.length === 0 ? true : undefined
      }))
    await settled()
    await letDaysPass(world, 8)
    await until('the point to be cold', () =>
      world.rows('select 1 from recovery_point where moved_to_cold_at is not null').length === 1
        ? true
        : undefined,
    )
    await settled()
    const keys = (await keysIn('others')).filter((key) => key.startsWith('cold/'))
    for (const kind of ['data', 'meta', 'index']) {
      const Key = keys.find((key) => key.includes(`/${kind}/`)) ?? assert.fail(`no ${kind} in ${keys.join()}`)
      const { Body } = await client.send(new S3.GetObjectCommand({ Bucket: 'others', Key }))
      const bytes = Buffer.from((await Body?.transformToByteArray()) ?? '')
      bytes[40] = (bytes[40] ?? 0) ^ 1
      await client.send(new S3.PutObjectCommand({ Bucket: 'others', Key, Body: bytes }))
    }
    const verified = async () => {
      const { JobId } = await world.call('roleback', 'StartVerifyJob', { BackupVaultName, ReadData: true })
      return await jobEnd(world, JobId)
    }
    const found = await verified()
    assert.equal(found.State, 'FAILED')
    for (const kind of ['data', 'meta', 'index'])
      assert.ok((found.StatusMessage ?? '').includes(`cold storage: ${kind}/`), found.StatusMessage ?? '')
    const repair = await jobEnd(world, found.Result?.['repairJobId'] ?? '')
    assert.equal(repair.State, 'COMPLETED', repair.StatusMessage ?? '')
    await settled()
    const again = await verified()
    assert.equal(again.State, 'COMPLETED', again.StatusMessage ?? '')
    const { RestoreMetadata } = await world.call('backup', 'GetRecoveryPointRestoreMetadata', {
      BackupVaultName,
      RecoveryPointArn: point,
    })
    const Metadata = { ...RestoreMetadata, newFileSystem: 'true', CreationToken: 'from-cold' }
    const job = await restore(world, { RecoveryPointArn: point, IamRoleArn: role, Metadata })
    assert.equal(job.Status, 'COMPLETED', String(job.StatusMessage))
    assert.deepEqual(listTree(join(tree.restoreRoot, 'from-cold')).slice(1), listTree(tree.path).slice(1))
  })

  test('a storage that cannot be reached, or is no place for vaults, is refused with the reason', async () => {
    const refusals: readonly (readonly [object, string, string])[] = [
      [{ Secret: 'wrong' }, 'InvalidRequestException', 'SignatureDoesNotMatch'],
      [{ Location: 's3://no-such-bucket' }, 'InvalidRequestException', 'NoSuchBucket'],
      [{ Secret: undefined }, 'InvalidRequestException', 'needs the secret access key'],
      [{ Endpoint: world.url }, 'InvalidParameterValueException', "the server's own address"],
      [{ Endpoint: 'http://169.254.169.254' }, 'InvalidParameterValueException', 'link-local'],
      [{ Endpoint: `${rgw.endpoint}/path` }, 'InvalidParameterValueException', 'HOST[:PORT] alone'],
      [{ Bandwidth: { TimeZone: 'Nowhere', Windows: [] } }, 'InvalidParameterValueException', 'no time zone'],
    ]
    for (const [change, code, says] of refusals) {
      const input = { ...own('refused', 's3://others'), ...change }
      await assert.rejects(world.call('roleback', 'PutStorage', input), awsError(code, says), says)
    }
  })

  test('R7 what vaults lie in is no resource, however its service is called, and a resource is no place for vaults', async () => {
    const register = async (Name: string, Endpoint: string) =>
      await world.call('roleback', 'RegisterResource', {
        ResourceType: 'S3',
        Name,
        Connection: { Endpoint, AccessKeyId: rgw.accessKeyId },
        Secret: rgw.secretAccessKey,
      })
    const { port } = new URL(rgw.endpoint)
    for (const endpoint of [rgw.endpoint, `http://localhost:${port}`])
      await assert.rejects(
        register('vaults', endpoint),
        awsError('InvalidParameterValueException', 'vaults lie in it (storage serve)'),
      )
    const { ResourceArn } = await register('resource', rgw.endpoint)
    for (const Endpoint of [rgw.endpoint, `http://localhost:${port}`])
      await assert.rejects(
        world.call('roleback', 'PutStorage', { ...own('refused', 's3://resource/x'), Endpoint }),
        awsError('InvalidParameterValueException', `is registered as ${ResourceArn}`),
      )
  })

  test('a discovery rule registers a new bucket of an access key, and none that vaults lie in', async () => {
    const IamRoleArn = await makeRole(world, 'finder', {
      statements: [allow(['s3:ListAllMyBuckets', 'roleback:RegisterResource'])],
    })
    await client.send(new S3.CreateBucketCommand({ Bucket: 'found-1' }))
    await world.call('roleback', 'PutDiscoveryRule', {
      Name: 'buckets',
      ResourceType: 'S3',
      Connection: { Endpoint: rgw.endpoint, AccessKeyId: rgw.accessKeyId },
      Secret: rgw.secretAccessKey,
      IamRoleArn,
      Mode: 'REGISTER',
      Include: ['found-*', 'vaults'],
      Tags: [{ Key: 'found', Value: 'yes' }],
    })
    const found = async (): Promise<string[]> => {
      const { DiscoveredResources } = await world.call('roleback', 'ListDiscoveredResources', {})
      return DiscoveredResources.map(({ Name, Status }) => `${Name} ${Status}`)
    }
    const first = ['found-1 REGISTERED', 'vaults REFUSED']
    await until('the first round', async () => ((await found()).length < 2 ? undefined : true))
    assert.deepEqual(await found(), first)
    await client.send(new S3.CreateBucketCommand({ Bucket: 'found-2' }))
    await world.call('roleback', 'StartDiscovery', { Name: 'buckets' })
    await until('the second round', async () => ((await found()).length < 3 ? undefined : true))
    assert.ok((await found()).includes('found-2 REGISTERED'))
    const { Resource } = await world.call('roleback', 'DescribeResource', {
      ResourceArn: 'arn:aws:s3:::found-2',
    })
    assert.deepEqual([Resource.Name, Resource.Tags], ['found-2', [{ Key: 'found', Value: 'yes' }]])
    await world.call('roleback', 'DeleteDiscoveryRule', { Name: 'buckets' })
    await world.call('roleback', 'DescribeResource', { ResourceArn: 'arn:aws:s3:::found-1' })
  })

  test('doctor storage says of a bucket and of a directory what holds, and leaves nothing behind', async () => {
    const args = ['--endpoint', rgw.endpoint, '--credentials-file', credentialsFile]
    const before = (await keysIn('others')).length
    const bucket = await roleback(['doctor', 'storage', 's3://others/try', ...args])
    assert.equal(bucket.code, 0, bucket.stdout + bucket.stderr)
    assert.match(bucket.stdout, /^hint {2}Object Lock: the bucket has none/m)
    assert.match(bucket.stdout, /^ok {4}of many who put one blob at once exactly one succeeds: holds$/m)
    assert.ok(!(bucket.stdout + bucket.stderr).includes(rgw.secretAccessKey))
    assert.equal((await keysIn('others')).length, before)
    const nowhere = await roleback(['doctor', 'storage', 's3://no-such-bucket', '--json', ...args])
    assert.equal(nowhere.code, 1)
    assert.match((JSON.parse(nowhere.stdout) as { found: string }[])[0]?.found ?? '', /NoSuchBucket/)
    mkdirSync(join(scratch, 'folder'))
    const folder = await roleback(['doctor', 'storage', join(scratch, 'folder')])
    assert.equal(folder.code, 0, folder.stdout + folder.stderr)
    assert.deepEqual(readdirSync(join(scratch, 'folder')), [])
  })

  test('R12 a first start on a storage that holds vaults refuses and makes nothing', async () => {
    const dataDir = join(scratch, 'second')
    const start = async (isNew: boolean) =>
      await startServer(
        loadConfig({ ...serve(), dataDir, listen: '127.0.0.1:0', new: isNew }, {}),
        createLog('silent'),
        { kitCost: KIT_COST },
      )
    for (let i = 0; i < 2; i++)
      await assert.rejects(start(false), /s3:\/\/vaults\/here\/ holds vaults of an earlier server/)
    assert.ok(!existsSync(`${dataDir}-recovery`))
    await (await start(true)).stop()
  })

  test('a lost server comes back from its bucket, users, roles and keys too, and goes on there', async () => {
    const place = 's3://others/lost'
    await using lost = await openWorld({ serve: { ...serve(), storage: place } })
    const role = await makeRole(lost, 'keeper', { managed: RIGHTS })
    const operator = await makeUser(lost, 'operator', [allow('*')])
    const tree = await registerDirectory(lost, 'tree', fillSmallTree)
    await makeVault(lost, 'far')
    const number = await exportedNow(lost)
    const input = { BackupVaultName: 'far', ResourceArn: tree.arn, IamRoleArn: role }
    const RecoveryPointArn = await backUpWell(lost, input)
    const kit = (name: string): string => join(`${lost.dataDir}-recovery`, name)
    const rebuild = async (from: string, ...more: readonly string[]) =>
      await roleback(
        [
          'vault',
          'rebuild',
          from,
          '--json',
          '--data-dir',
          lost.dataDir,
          '--kit',
          kit('recovery-kit.txt'),
          ...more,
        ].concat(
          ['--passphrase-file', kit('recovery-passphrase.txt'), '--storage-endpoint', rgw.endpoint],
          ['--storage-credentials-file', credentialsFile],
        ),
        {
          env: {
            ROLEBACK_ROOT_ACCESS_KEY_ID: lost.rootKey.accessKeyId,
            ROLEBACK_ROOT_SECRET_ACCESS_KEY: lost.rootKey.secretAccessKey,
          },
        },
      )
    await lost.offline(async () => {
      rmSync(lost.dataDir, { recursive: true })
      const nothing = await rebuild('s3://others/nothing')
      assert.equal(nothing.code, 1)
      assert.match(nothing.stderr, /Cannot rebuild from "s3:\/\/others\/nothing\/": no vault lies there/)
      await client.send(
        new S3.PutObjectCommand({ Bucket: 'others', Key: 'headerless/x/keys/server.json', Body: 'x' }),
      )
      const headerless = await rebuild('s3://others/headerless')
      assert.equal(headerless.code, 1)
      assert.match(
        headerless.stderr,
        /the vault in "s3:\/\/others\/headerless\/x\/" has lost its vault\.json/,
      )
      const ended = await rebuild(place, '--with-identity', String(number))
      assert.equal(ended.code, 0, ended.stderr)
      assert.ok(!(ended.stdout + ended.stderr).includes(rgw.secretAccessKey))
      const { points, problems } = JSON.parse(ended.stdout) as { points: number; problems: string[] }
      assert.deepEqual([points, problems], [1, []])
    })
    const key = { UserName: 'operator', AccessKeyId: operator.key.accessKeyId, Status: 'Active' } as const
    await lost.call('iam', 'UpdateAccessKey', key)
    const { RestoreMetadata } = await operator.call('backup', 'GetRecoveryPointRestoreMetadata', {
      BackupVaultName: 'far',
      RecoveryPointArn,
    })
    const Metadata = { ...RestoreMetadata, newFileSystem: 'true', CreationToken: 'again' }
    const job = await restore(lost, { RecoveryPointArn, IamRoleArn: role, Metadata }, operator.call)
    assert.equal(job.Status, 'COMPLETED', String(job.StatusMessage))
    const { Resource } = await lost.call('roleback', 'DescribeResource', {
      ResourceArn: job.CreatedResourceArn ?? '',
    })
    assert.deepEqual(listTree(Resource.Connection?.Path ?? ''), listTree(tree.path))
    await backUpWell(lost, input)
    await makeVault(lost, 'made-later')
    const folders = new Set((await allKeysIn('others')).map((name) => name.split('/').slice(0, 2).join('/')))
    assert.equal([...folders].filter((name) => name.startsWith('lost/')).length, 3)
  })
})
