import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import * as S3 from '@aws-sdk/client-s3'
import { s3ClientOf, writeCredentials } from './fixtures/bucket.ts'
import { letServerRun, sealingDone } from './fixtures/locks.ts'
import {
  ALL_RIGHTS,
  backUpWell,
  jobEnd,
  makeRole,
  makeVault,
  openWorld,
  registerDirectory,
  restoreEnd,
  until,
} from './fixtures/world.ts'
import type { World } from './fixtures/world.ts'
import { runTool } from './servers/run-tool.ts'
import { rgwMissing, startRgw } from './servers/ceph-rgw.ts'
import type { RgwServer } from './servers/ceph-rgw.ts'

/** Locked vaults in a bucket with Object Lock, against somebody who has the bucket's own keys. */

const Bucket = 'safe'

describe('R21 vaults in a bucket with Object Lock', { skip: rgwMissing() }, () => {
  let rgw: RgwServer
  let world: World
  let client: S3.S3Client
  let role: string
  let source: Awaited<ReturnType<typeof registerDirectory>>
  const scratch = mkdtempSync(join(tmpdir(), 'roleback-object-lock-'))

  before(async () => {
    rgw = await startRgw({ dir: join(scratch, 'rgw') })
    client = s3ClientOf(rgw)
    await client.send(new S3.CreateBucketCommand({ Bucket, ObjectLockEnabledForBucket: true }))
    const storageCredentialsFile = join(scratch, 'credentials')
    writeCredentials(storageCredentialsFile, rgw)
    world = await openWorld({
      serve: { storage: `s3://${Bucket}/here`, storageEndpoint: rgw.endpoint, storageCredentialsFile },
    })
    role = await makeRole(world, 'keeper', { statements: [ALL_RIGHTS] })
    source = await registerDirectory(world, 'tree', (path) => {
      for (let i = 0; i < 20; i++) writeFileSync(join(path, `f${i}`), `file ${i} `.repeat(5000))
    })
  })
  after(async () => {
    await world[Symbol.asyncDispose]()
    client.destroy()
    await rgw.stop()
    rmSync(scratch, { recursive: true, force: true })
  })

  const prefixOf = (vault: string): string => {
    const [row] = world.rows<{ vault_id: string }>('select vault_id from vault where name = ?', vault)
    return `here/${row?.vault_id ?? ''}/`
  }

  /** By name within the vault, until when its storage keeps each blob; 0 where it does not. */
  async function keptIn(vault: string): Promise<Map<string, number>> {
    const Prefix = prefixOf(vault)
    const { Contents = [] } = await client.send(new S3.ListObjectsV2Command({ Bucket, Prefix }))
    const kept = new Map<string, number>()
    for (const { Key = '' } of Contents) {
      const found = await client
        .send(new S3.GetObjectRetentionCommand({ Bucket, Key }))
        .catch(() => undefined)
      if (found !== undefined) assert.equal(found.Retention?.Mode, 'COMPLIANCE')
      kept.set(Key.slice(Prefix.length), found?.Retention?.RetainUntilDate?.getTime() ?? 0)
    }
    return kept
  }

  const backUp = (BackupVaultName: string, DeleteAfterDays?: number): Promise<string> =>
    backUpWell(world, {
      BackupVaultName,
      ResourceArn: source.arn,
      IamRoleArn: role,
      ...(DeleteAfterDays !== undefined && { Lifecycle: { DeleteAfterDays } }),
    })

  async function endOf(BackupVaultName: string, RecoveryPointArn: string): Promise<number> {
    const { CalculatedLifecycle } = await world.call('backup', 'DescribeRecoveryPoint', {
      BackupVaultName,
      RecoveryPointArn,
    })
    return CalculatedLifecycle?.DeleteAt?.getTime() ?? Infinity
  }

  const IN_NEED = /^(?:data|meta|keys|records|twins)\/|^points\/|^vault\.json$/

  test('what somebody may still unlock is not kept by the bucket', async () => {
    await makeVault(world, 'open')
    await makeVault(world, 'locked')
    await world.call('backup', 'PutBackupVaultLockConfiguration', {
      BackupVaultName: 'locked',
      ChangeableForDays: 3,
    })
    await backUp('open', 100)
    await backUp('locked', 100)
    for (const vault of ['open', 'locked'])
      for (const [name, until] of await keptIn(vault)) assert.equal(until, 0, `${vault}: ${name}`)
  })

  test('once the lock is final, points that were there and new ones are kept to their end, packs of both as long as the longer', async () => {
    await sealingDone(world)
    await letServerRun(world, 4)
    await until('the lock to be final', () => {
      const [row] = world.rows<{ sealed_records: string }>(
        `select sealed_records from vault where name = 'locked'`,
      )
      return row?.sealed_records.includes('"isFinal":true') === true ? true : undefined
    })
    // A start looks at once; a server that goes on running does each day.
    await world.offline(() => Promise.resolve())
    const [first] = world.rows<{ arn: string }>(`select arn from recovery_point where vault_name = 'locked'`)
    const firstEnd = await endOf('locked', first?.arn ?? '')
    const isKept = ([name, kept]: [string, number]): boolean => !IN_NEED.test(name) || kept > firstEnd - 2000
    await until('the first point to be kept', async () =>
      [...(await keptIn('locked'))].every(isKept) ? true : undefined,
    )

    writeFileSync(join(source.path, 'more'), 'what only the second one has')
    const second = await backUp('locked', 200)
    const secondEnd = await endOf('locked', second)
    const kept = await keptIn('locked')
    const [row] = world.rows<{ point_id: string }>(
      'select point_id from recovery_point where arn = ?',
      second,
    )
    assert.ok((kept.get(`points/${row?.point_id ?? ''}/head`) ?? 0) > secondEnd - 2000)
    // Its content is that of the first point, and one file.
    for (const [name, end] of kept) if (name.startsWith('data/')) assert.ok(end > secondEnd - 2000, name)
    const heads = [...kept].filter(([name]) => name.endsWith('/head')).map(([, end]) => end)
    assert.ok(
      Math.min(...heads) < secondEnd - 80 * 86_400_000,
      'the first point is not kept longer than it is',
    )

    for (const [name] of kept) {
      if (!IN_NEED.test(name)) continue
      const Key = prefixOf('locked') + name
      const { VersionId } = await client.send(new S3.HeadObjectCommand({ Bucket, Key }))
      await assert.rejects(
        client.send(new S3.DeleteObjectCommand({ Bucket, Key, VersionId })),
        { name: 'AccessDenied' },
        name,
      )
    }
    for (const [, end] of await keptIn('open')) assert.equal(end, 0)
  })

  test('a sweep leaves what the bucket keeps where it is', async () => {
    // Packs that no index names are in nobody's use.
    const [kept, loose] = ['a'.repeat(64), 'b'.repeat(64)].map((id) => `data/${id.slice(0, 2)}/${id}`) as [
      string,
      string,
    ]
    for (const name of [kept, loose])
      await client.send(
        new S3.PutObjectCommand({
          Bucket,
          Key: prefixOf('locked') + name,
          Body: 'left by a job that ended badly',
          ...(name === kept && {
            ObjectLockMode: 'COMPLIANCE',
            ObjectLockRetainUntilDate: new Date(Date.now() + 86_400_000),
          }),
        }),
      )
    const before = [...(await keptIn('locked')).keys()].filter((name) => /^(?:data|meta)\//.test(name))
    const { JobId } = await world.call('roleback', 'StartSweepJob', { BackupVaultName: 'locked' })
    assert.equal((await jobEnd(world, JobId)).State, 'COMPLETED')
    const now = new Set((await keptIn('locked')).keys())
    assert.ok(before.includes(kept) && !now.has(loose))
    for (const name of before) assert.equal(now.has(name), name !== loose, name)
  })

  test('what a repair puts again, of wrapped keys and of heads, is kept as long as before', async () => {
    const before = await keptIn('locked')
    const nameOf = (pattern: RegExp): string =>
      before.keys().find((name) => pattern.test(name)) ?? assert.fail(`${pattern}`)
    const [wrapping, head] = [nameOf(/^keys\/kit-/), nameOf(/^points\/[^/]+\/head$/)]
    const keyOf = (name: string): string => prefixOf('locked') + name
    await client.send(new S3.PutObjectCommand({ Bucket, Key: keyOf(wrapping), Body: 'rot' }))
    // Without a version it is hidden, which nothing forbids.
    await client.send(new S3.DeleteObjectCommand({ Bucket, Key: keyOf(head) }))
    const { JobId } = await world.call('roleback', 'StartVerifyJob', {
      BackupVaultName: 'locked',
      ReadData: false,
    })
    const { State, StatusMessage = '' } = await jobEnd(world, JobId)
    assert.equal(State, 'FAILED')
    for (const name of [wrapping, head]) assert.ok(StatusMessage.includes(name), StatusMessage)
    const repaired = await until('the repair', () => {
      const [job] = world.rows<{ state: string; message: string }>(
        `select state, status_message as message from job where kind = 'repair' and vault_name = 'locked'`,
      )
      return job === undefined || ['CREATED', 'RUNNING'].includes(job.state) ? undefined : job
    })
    assert.equal(repaired.state, 'COMPLETED', repaired.message)
    const now = await keptIn('locked')
    for (const name of [wrapping, head])
      assert.ok((now.get(name) ?? 0) >= (before.get(name) ?? Infinity), `${name} until ${now.get(name)}`)
  })

  test('a vault that somebody hid behind delete markers is all there once they are removed, and nothing is freed meanwhile', async () => {
    const Prefix = prefixOf('locked')
    const before = await keptIn('locked')
    for (const name of before.keys())
      await client.send(new S3.DeleteObjectCommand({ Bucket, Key: Prefix + name }))
    const jobOf = async (operation: 'StartSweepJob' | 'StartVerifyJob') => {
      const input = { BackupVaultName: 'locked', ReadData: false }
      const { JobId } = await world.call('roleback', operation, input)
      return await jobEnd(world, JobId)
    }
    assert.equal((await jobOf('StartSweepJob')).State, 'FAILED')
    const manual = readFileSync(join(import.meta.dirname, '..', 'docs', 'operations.md'), 'utf8')
    const [, commands = ''] = /```sh\n(while aws s3api list-object-versions[^`]*)```/.exec(manual) ?? []
    const { endpoint, accessKeyId, secretAccessKey } = rgw
    await runTool('sh', ['-c', commands.replaceAll('BUCKET', Bucket).replaceAll('PREFIX', Prefix)], {
      env: {
        AWS_ENDPOINT_URL: endpoint,
        AWS_ACCESS_KEY_ID: accessKeyId,
        AWS_SECRET_ACCESS_KEY: secretAccessKey,
        AWS_DEFAULT_REGION: 'us-east-1',
      },
      cwd: scratch,
    })
    const { State, StatusMessage } = await jobOf('StartVerifyJob')
    assert.equal(State, 'COMPLETED', StatusMessage ?? '')
    const now = await keptIn('locked')
    for (const [name, until] of before) if (until > 0) assert.equal(now.get(name), until, name)
  })

  test('a recovery point without an end is kept a month ahead', async () => {
    const arn = await backUp('locked')
    const [row] = world.rows<{ point_id: string }>('select point_id from recovery_point where arn = ?', arn)
    const end = (await keptIn('locked')).get(`points/${row?.point_id ?? ''}/head`) ?? 0
    assert.ok(end > Date.now() + 29 * 86_400_000 && end < Date.now() + 31 * 86_400_000)
  })

  test('rot in a vault in a bucket is repaired: packs from another vault, index and wrapped keys from what is there', async () => {
    const [point] = world.rows<{ arn: string }>(`select arn from recovery_point where vault_name = 'open'`)
    const names = (await keptIn('open')).keys().toArray()
    const rotten = [/^data\//, /^index\//, /^keys\/kit-/].map(
      (one) => names.find((name) => one.test(name)) ?? assert.fail(`${one}`),
    )
    for (const name of rotten) {
      const Key = prefixOf('open') + name
      const { Body } = await client.send(new S3.GetObjectCommand({ Bucket, Key }))
      const bytes = Buffer.from((await Body?.transformToByteArray()) ?? [])
      bytes[40] = (bytes[40] ?? 0) ^ 1
      await client.send(new S3.PutObjectCommand({ Bucket, Key, Body: bytes }))
    }
    const verify = async (): Promise<{ state: string; message: string }> => {
      const input = { BackupVaultName: 'open', ReadData: true }
      const { JobId } = await world.call('roleback', 'StartVerifyJob', input)
      const { State, StatusMessage = '' } = await jobEnd(world, JobId)
      return { state: State, message: StatusMessage }
    }
    const found = await verify()
    assert.equal(found.state, 'FAILED')
    for (const name of rotten) assert.ok(found.message.includes(name), `${name}: ${found.message}`)
    const repaired = await until('the repair', () => {
      const [job] = world.rows<{ state: string; message: string }>(
        `select state, status_message as message from job where kind = 'repair' and vault_name = 'open'`,
      )
      return job === undefined || ['CREATED', 'RUNNING'].includes(job.state) ? undefined : job
    })
    assert.equal(repaired.state, 'COMPLETED', repaired.message)
    assert.match(repaired.message, /fetched from \d+ recovery points in other vaults/)
    const whole = await verify()
    assert.equal(whole.state, 'COMPLETED', whole.message)
    const { RestoreJobId = '' } = await world.call('backup', 'StartRestoreJob', {
      RecoveryPointArn: point?.arn ?? '',
      IamRoleArn: role,
      Metadata: { 'file-system-id': 'any', newFileSystem: 'true', CreationToken: 'repaired' },
    })
    const job = await restoreEnd(world, RestoreJobId)
    assert.equal(job.Status, 'COMPLETED', job.StatusMessage ?? '')
    for (let i = 0; i < 20; i++)
      assert.equal(
        readFileSync(join(source.restoreRoot, 'repaired', `f${i}`), 'utf8'),
        `file ${i} `.repeat(5000),
      )
  })
})
