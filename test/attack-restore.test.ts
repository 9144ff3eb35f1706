import assert from 'node:assert/strict'
import { readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { contentOf, fillBucket, registerBucket, s3ClientOf } from './fixtures/bucket.ts'
import { registerOrders, startOrders } from './fixtures/orders.ts'
import type { Orders } from './fixtures/orders.ts'
import {
  allow,
  backUpWell,
  decisionsOf,
  jobEnd,
  makeRole,
  makeVault,
  openWorld,
  registerDirectory,
  restore,
} from './fixtures/world.ts'
import type { World } from './fixtures/world.ts'
import { rgwMissing, startRgw } from './servers/ceph-rgw.ts'
import { postgresMissing } from './servers/postgres.ts'

/**
 * Restores by somebody who may do them in one place and tries to reach another: the place that is written to must be the one that
 * the role's decisions name.
 */

const TARGET = 'roleback:TargetResourceArn'
const db = (name: string): string => `arn:aws:rds:us-east-1:123456789012:db:${name}`
const RESTORE = ['rds:Describe*', 'rds:AddTagsToResource', 'rds:RestoreDBInstanceFromDBSnapshot']

describe(
  'Restores of a database reach what their decisions name',
  { skip: postgresMissing() ?? false },
  () => {
    let world: World
    let orders: Orders
    let point: string

    before(async () => {
      world = await openWorld()
      orders = await startOrders(world)
      await makeVault(world, 'databases')
      const role = await makeRole(world, 'all', { statements: [allow('*')] })
      const arn = await registerOrders(orders, world.call)
      point = await backUpWell(world, { BackupVaultName: 'databases', ResourceArn: arn, IamRoleArn: role })
      for (const name of ['mine', 'theirs']) {
        await orders.server.sql(`CREATE DATABASE ${name} OWNER shop`)
        await world.call('roleback', 'RegisterResource', {
          ResourceType: 'RDS',
          Name: name,
          Connection: orders.connection,
          Secret: orders.password,
        })
      }
      await makeRole(world, 'mine-only', {
        statements: [allow(RESTORE, [db('mine'), db('new-*'), 'arn:aws:rds:*:*:snapshot:*'])],
      })
    })

    after(async () => {
      await orders?.[Symbol.asyncDispose]()
      await world?.[Symbol.asyncDispose]()
    })

    const tablesIn = async (database: string): Promise<number> =>
      (await orders.server.sql(`SELECT 1 FROM pg_tables WHERE schemaname = 'public'`, database)).length

    const restoreAsMine = async (Metadata: Record<string, string>) =>
      await restore(world, {
        RecoveryPointArn: point,
        IamRoleArn: 'arn:aws:iam::123456789012:role/mine-only',
        Metadata,
      })

    test('a registered database is filled through its own connection and no other', async () => {
      const job = await restoreAsMine({ DBInstanceIdentifier: 'mine', [TARGET]: db('theirs') })
      assert.equal(await tablesIn('theirs'), 0, 'a database that the role has no right on was written to')
      assert.equal(job.Status, 'FAILED')
      assert.match(job.StatusMessage ?? '', /db:mine is registered.*leave roleback:TargetResourceArn out/i)
    })

    test('another resource’s server and credentials are used only where the role may restore on it', async () => {
      const job = await restoreAsMine({ DBInstanceIdentifier: 'new-one', [TARGET]: db('theirs') })
      assert.equal(job.Status, 'FAILED')
      assert.match(
        job.StatusMessage ?? '',
        /not authorized to perform: rds:RestoreDBInstanceFromDBSnapshot on resource: arn:aws:rds:us-east-1:123456789012:db:theirs/,
      )
      assert.ok(!(await orders.databases()).includes('new-one'))
      const denied = (await decisionsOf(world, job.RestoreJobId ?? '')).filter(
        ({ Effect }) => Effect === 'Deny',
      )
      assert.deepEqual(
        denied.map(({ ResourceArn }) => ResourceArn),
        [db('theirs')],
      )
    })

    test('a role with the right on that resource, too, may use its server', async () => {
      const job = await restoreAsMine({ DBInstanceIdentifier: 'new-two', [TARGET]: db('mine') })
      assert.equal(job.Status, 'COMPLETED', job.StatusMessage ?? '')
      assert.equal(job.CreatedResourceArn, db('new-two'))
    })

    test('tags are copied to a restored database only where the role may set them with these values', async () => {
      await world.call('tagging', 'TagResources', { ResourceARNList: [db('orders')], Tags: { tier: 'gold' } })
      await makeRole(world, 'no-gold', {
        statements: [
          allow('*'),
          {
            Effect: 'Deny',
            Action: 'rds:AddTagsToResource',
            Resource: '*',
            Condition: { StringEquals: { 'aws:RequestTag/tier': 'gold' } },
          },
        ],
      })
      const job = await restore(world, {
        RecoveryPointArn: point,
        IamRoleArn: 'arn:aws:iam::123456789012:role/no-gold',
        Metadata: { DBInstanceIdentifier: 'gilded' },
        CopySourceTagsToRestoredResource: true,
      })
      assert.equal(job.Status, 'FAILED')
      assert.match(
        job.StatusMessage ?? '',
        /rds:AddTagsToResource on resource: .*:db:gilded .* explicit deny/,
      )
      assert.ok(!(await orders.databases()).includes('gilded'))
    })

    test('a token that was used for another lifecycle is refused: a backup kept for a day is not one kept for a year', async () => {
      const start = {
        BackupVaultName: 'databases',
        ResourceArn: db('orders'),
        IamRoleArn: 'arn:aws:iam::123456789012:role/all',
        IdempotencyToken: 'nightly',
      }
      await backUpWell(world, { ...start, Lifecycle: { DeleteAfterDays: 1 } })
      await assert.rejects(
        world.call('backup', 'StartBackupJob', { ...start, Lifecycle: { DeleteAfterDays: 365 } }),
        /used already for job .* with another lifecycle or tags/,
      )
    })

    test('a refusal by tags meets the recovery point’s own tags, not those of its source', async () => {
      await world.call('backup', 'TagResource', { ResourceArn: point, Tags: { secret: 'yes' } })
      await makeRole(world, 'no-secrets', {
        statements: [
          allow('*'),
          {
            Effect: 'Deny',
            Action: 'rds:RestoreDBInstanceFromDBSnapshot',
            Resource: '*',
            Condition: { StringEquals: { 'aws:ResourceTag/secret': 'yes' } },
          },
        ],
      })
      const job = await restore(world, {
        RecoveryPointArn: point,
        IamRoleArn: 'arn:aws:iam::123456789012:role/no-secrets',
        Metadata: { DBInstanceIdentifier: 'leaked' },
      })
      assert.equal(job.Status, 'FAILED')
      assert.match(job.StatusMessage ?? '', /on resource: arn:aws:rds:.*:snapshot:.* explicit deny/)
      assert.ok(!(await orders.databases()).includes('leaked'))
    })

    test('a name that would bend the ARN of the restored resource is refused', async () => {
      for (const name of ['new-/../x', 'new-a:b', 'new-*', 'new-\n', `new-${'x'.repeat(80)}`]) {
        const job = await restoreAsMine({ DBInstanceIdentifier: name, DBName: 'bent' })
        assert.equal(job.Status, 'FAILED', JSON.stringify(name))
        assert.match(job.StatusMessage ?? '', /cannot name a resource of type RDS/)
      }
      assert.ok(!(await orders.databases()).includes('bent'))
    })
  },
)

describe('Restores of a directory reach what their decisions name', () => {
  test('an export writes into no registered directory: that is what restores are decided for', async () => {
    await using world = await openWorld()
    const source = await registerDirectory(world, 'source', (path) => writeFileSync(join(path, 'a'), 'a'))
    const target = await registerDirectory(world, 'target', (path) => symlinkSync(path, `${path}-link`))
    await makeVault(world, 'files')
    const role = await makeRole(world, 'all', { statements: [allow('*')] })
    await backUpWell(world, { BackupVaultName: 'files', ResourceArn: source.arn, IamRoleArn: role })
    for (const place of [target.path, join(target.path, 'inner'), join(`${target.path}-link`, 'inner')]) {
      const { JobId } = await world.call('roleback', 'StartExportJob', {
        BackupVaultName: 'files',
        Format: 'restic',
        TargetPath: place,
        Password: 'a long enough password',
        IamRoleArn: role,
      })
      const job = await jobEnd(world, JobId)
      assert.equal(job.State, 'FAILED', place)
      assert.match(job.StatusMessage ?? '', /registered as a resource/)
    }
    assert.deepEqual(readdirSync(target.path), [])
  })

  test('a refusal by tags meets the tags of the file system that is filled', async () => {
    await using world = await openWorld()
    const source = await registerDirectory(world, 'source', (path) => writeFileSync(join(path, 'a'), 'a'))
    const target = await registerDirectory(world, 'target', () => undefined)
    await world.call('tagging', 'TagResources', { ResourceARNList: [target.arn], Tags: { frozen: 'yes' } })
    await makeVault(world, 'files')
    const role = await makeRole(world, 'no-frozen', {
      statements: [
        allow('*'),
        {
          Effect: 'Deny',
          Action: 'elasticfilesystem:Restore',
          Resource: '*',
          Condition: { StringEquals: { 'aws:ResourceTag/frozen': 'yes' } },
        },
      ],
    })
    const point = await backUpWell(world, {
      BackupVaultName: 'files',
      ResourceArn: source.arn,
      IamRoleArn: role,
    })
    const job = await restore(world, {
      RecoveryPointArn: point,
      IamRoleArn: role,
      Metadata: { 'file-system-id': target.arn.split('/')[1] ?? '', newFileSystem: 'false' },
    })
    assert.equal(job.Status, 'FAILED')
    assert.match(job.StatusMessage ?? '', /elasticfilesystem:Restore on resource: .* explicit deny/)
    assert.deepEqual(readdirSync(target.path), [])
  })
})

describe('Restores of a bucket reach what their decisions name', { skip: rgwMissing() ?? false }, () => {
  test('objects go into the bucket of the decisions, whatever other bucket is named beside it', async () => {
    await using world = await openWorld()
    const rgw = await startRgw({ dir: join(world.scratch, 'rgw') })
    try {
      const client = s3ClientOf(rgw)
      await fillBucket(client, 'source', { report: 'ours' })
      await fillBucket(client, 'mine', {})
      await fillBucket(client, 'theirs', {})
      const arn = await registerBucket(rgw, 'source', world.call)
      await registerBucket(rgw, 'mine', world.call)
      await registerBucket(rgw, 'theirs', world.call)
      await makeVault(world, 'buckets')
      const all = await makeRole(world, 'all', { statements: [allow('*')] })
      const point = await backUpWell(world, { BackupVaultName: 'buckets', ResourceArn: arn, IamRoleArn: all })
      const role = await makeRole(world, 'mine-only', {
        statements: [
          allow('s3:*', ['arn:aws:s3:::mine', 'arn:aws:s3:::mine/*', 'arn:aws:s3:::new*']),
          allow('s3:*', 'arn:aws:s3:::unregistered*'),
        ],
      })
      const attempts = [
        [{ DestinationBucketName: 'mine' }, /s3:::mine is registered/],
        [{ DestinationBucketName: 'unregistered' }, /s3:::unregistered is not registered/],
        [{ DestinationBucketName: 'mine', NewBucket: 'true' }, /s3:::mine is registered/],
        [
          { DestinationBucketName: 'new-one', NewBucket: 'true' },
          /s3:CreateBucket on resource: arn:aws:s3:::theirs/,
        ],
        [{ DestinationBucketName: 'mine/x', NewBucket: 'true' }, /cannot name a resource of type S3/],
      ] as const
      for (const [given, reason] of attempts) {
        const job = await restore(world, {
          RecoveryPointArn: point,
          IamRoleArn: role,
          Metadata: { ...given, [TARGET]: 'arn:aws:s3:::theirs' },
        })
        assert.equal(job.Status, 'FAILED', JSON.stringify(given))
        assert.match(job.StatusMessage ?? '', reason)
      }
      assert.deepEqual(await contentOf(client, 'theirs'), {})
      assert.equal(await contentOf(client, 'new-one'), undefined)
    } finally {
      await rgw.stop()
    }
  })
})
