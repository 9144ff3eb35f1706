import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { OutputOf } from '../src/aws/client.ts'
import { fillBucket, registerBucket, s3ClientOf } from './fixtures/bucket.ts'
import { approveHeld, letDaysPass } from './fixtures/expiry.ts'
import { registerOrders, startOrders } from './fixtures/orders.ts'
import type { Orders } from './fixtures/orders.ts'
import {
  backUp,
  makeRole,
  makeVault,
  openWorld,
  registerDirectory,
  restore,
  until,
} from './fixtures/world.ts'
import type { World } from './fixtures/world.ts'
import { rgwMissing, startRgw } from './servers/ceph-rgw.ts'
import type { RgwServer } from './servers/ceph-rgw.ts'
import { postgresMissing } from './servers/postgres.ts'

/**
 * The policy generated for a directory, a database and a bucket is all that a role needs for their real backups, restores and
 * expiry; without any one of its statements a job of theirs fails.
 */

const missing = postgresMissing() ?? rgwMissing()

describe('Generated role policies', { skip: missing ?? false }, () => {
  let world: World
  let orders: Orders
  let rgw: RgwServer
  let role: string
  let subjects: readonly {
    readonly arn: string
    readonly metadata: (run: string) => Record<string, string>
  }[]

  before(async () => {
    world = await openWorld()
    ;[orders, rgw] = await Promise.all([startOrders(world), startRgw({ dir: join(world.scratch, 'rgw') })])
    await makeVault(world, 'safe')
    role = await makeRole(world, 'worker', {})
    const { arn: tree } = await registerDirectory(world, 'files', (path) =>
      writeFileSync(join(path, 'a'), 'a'),
    )
    const database = await registerOrders(orders, world.call)
    await fillBucket(s3ClientOf(rgw), 'photos', { a: '1', 'b/c': '2' })
    const bucket = await registerBucket(rgw, 'photos', world.call)
    subjects = [
      { arn: tree, metadata: () => ({ 'file-system-id': 'fs-1', newFileSystem: 'true' }) },
      { arn: database, metadata: (run) => ({ DBInstanceIdentifier: `orders-${run}` }) },
      { arn: bucket, metadata: (run) => ({ DestinationBucketName: `photos-${run}`, NewBucket: 'true' }) },
    ]
  })

  after(async () => {
    await world[Symbol.asyncDispose]()
    await orders?.[Symbol.asyncDispose]()
    await rgw?.stop()
  })

  async function generate(more: object = {}): Promise<OutputOf<'roleback', 'GenerateRolePolicy'>> {
    return await world.call('roleback', 'GenerateRolePolicy', {
      ResourceArns: subjects.map(({ arn }) => arn),
      BackupVaultNames: ['safe'],
      Backup: true,
      Restore: true,
      RestoreToNew: true,
      ...more,
    })
  }

  async function put(PolicyDocument: string): Promise<void> {
    await world.call('iam', 'PutRolePolicy', { RoleName: 'worker', PolicyName: 'generated', PolicyDocument })
  }

  /** Backs each up and restores each beside; the messages of what failed. */
  async function runAll(run: string, points: readonly string[] = []): Promise<readonly string[]> {
    const results = subjects.map(async ({ arn, metadata }, i) => {
      const job = await backUp(world, {
        BackupVaultName: 'safe',
        ResourceArn: arn,
        IamRoleArn: role,
        Lifecycle: { DeleteAfterDays: 1 },
      })
      const point = points[i] ?? job.RecoveryPointArn ?? ''
      const back = await restore(world, {
        RecoveryPointArn: point,
        IamRoleArn: role,
        Metadata: metadata(run),
      })
      return [
        ...(job.State === 'COMPLETED' ? [] : [`backup: ${job.StatusMessage}`]),
        ...(back.Status === 'COMPLETED' ? [] : [`restore: ${back.StatusMessage}`]),
      ]
    })
    return (await Promise.all(results)).flat()
  }

  async function pointsOf(): Promise<
    readonly {
      RecoveryPointArn?: string | undefined
      Status?: string | undefined
      StatusMessage?: string | undefined
    }[]
  > {
    const { RecoveryPoints = [] } = await world.call('backup', 'ListRecoveryPointsByBackupVault', {
      BackupVaultName: 'safe',
    })
    return RecoveryPoints
  }

  test('the policy is enough, and no statement of it can be left out', async (t) => {
    const { PolicyDocument, FitsInline, Characters, StatementCount, Notes } = await generate()
    t.diagnostic(`${StatementCount} statements, ${Characters} characters`)
    assert.deepEqual([FitsInline, Notes], [true, []])
    assert.doesNotMatch(PolicyDocument, /iam:/)
    await put(PolicyDocument)
    assert.deepEqual(await runAll('all'), [])
    const points = await pointsOf()
    const known = subjects.map(({ arn }) => {
      const found = points.find(({ RecoveryPointArn = '' }) =>
        arn.includes(':db:')
          ? RecoveryPointArn.includes(':rds:')
          : RecoveryPointArn.includes('photos') === arn.includes('photos') &&
            !RecoveryPointArn.includes(':rds:'),
      )
      return found?.RecoveryPointArn ?? assert.fail(arn)
    })
    const { Statement } = JSON.parse(PolicyDocument) as { Statement: { Action: string | string[] }[] }
    for (const [left, { Action }] of Statement.entries()) {
      const rest = Statement.filter((_, i) => i !== left)
      await put(JSON.stringify({ Version: '2012-10-17', Statement: rest }))
      const failed = await runAll(`without-${left}`, known)
      assert.ok(failed.length > 0, `nothing failed without ${JSON.stringify(Action)}`)
      assert.ok(
        failed.every((text) => text.includes('not authorized to perform')),
        failed.join('\n'),
      )
    }
  })

  test('R5 recovery points expire under the policy where it was made for it, and are held where it was not', async () => {
    await put((await generate()).PolicyDocument)
    await letDaysPass(world, 2)
    await until('the points to be held', async () =>
      (await pointsOf()).every(({ Status }) => Status === 'EXPIRED') ? true : undefined,
    )
    // The last of each resource wait for somebody before their role is asked.
    await approveHeld(world)
    await until('the role to hold them all', async () =>
      (await pointsOf()).every(({ StatusMessage = '' }) => /is not authorized to perform/.test(StatusMessage))
        ? true
        : undefined,
    )
    await put((await generate({ Expire: true })).PolicyDocument)
    await letDaysPass(world, 2)
    await until('the points to be gone', async () => ((await pointsOf()).length === 0 ? true : undefined))
  })
})
