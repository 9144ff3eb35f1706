import assert from 'node:assert/strict'
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { AwsError } from '../src/aws/error.ts'
import type { Kind, Step } from '../src/kinds/kind.ts'
import { KINDS } from '../src/kinds/kinds.ts'
import { contentOf, fillBucket, registerBucket, s3ClientOf } from './fixtures/bucket.ts'
import { EXPLAINED } from './fixtures/denials.ts'
import { registerOrders, startOrders } from './fixtures/orders.ts'
import type { Orders } from './fixtures/orders.ts'
import { assertForeseen, checksOf, missingOf, preflightOf } from './fixtures/preflight.ts'
import type { Preflight } from './fixtures/preflight.ts'
import {
  ALL_RIGHTS,
  allow,
  backUp,
  decisionsOf,
  makeRole,
  makeUser,
  makeVault,
  openWorld,
  registerDirectory,
  restore,
  setRights,
} from './fixtures/world.ts'
import type { World } from './fixtures/world.ts'
import { rgwMissing, startRgw } from './servers/ceph-rgw.ts'
import type { RgwServer } from './servers/ceph-rgw.ts'
import { postgresMissing } from './servers/postgres.ts'

/**
 * Each step of each kind's tables is taken away from a role that may do everything else, on real runs: the job ends FAILED with
 * AWS's sentence, having done the steps before it and none after it, and nothing new is at the target. What each job asked, preflight
 * had named, and the action that was taken away, and no other, it had called missing.
 */

const SESSION = 'arn:aws:sts::123456789012:assumed-role/worker/AWSBackup-worker'
const VAULT = { BackupVaultName: 'steps' }

interface Subject {
  readonly arn: string
  /** Restore metadata for a new target. */
  readonly metadata: Readonly<Record<string, string>>
  /** All that a restore could leave at the target's place. */
  target(): Promise<unknown>
}

const LEFT_OUT: Readonly<Record<Kind['type'], string | undefined>> = {
  EFS: undefined,
  RDS: postgresMissing(),
  S3: rgwMissing(),
}

describe('Steps of jobs', () => {
  let world: World
  let role: string
  let orders: Orders | undefined
  let rgw: RgwServer | undefined
  const subjects = new Map<string, Subject>()

  before(async () => {
    world = await openWorld()
    const [startedOrders, startedRgw] = await Promise.all([
      LEFT_OUT.RDS === undefined ? startOrders(world) : undefined,
      LEFT_OUT.S3 === undefined ? startRgw({ dir: join(world.scratch, 'rgw') }) : undefined,
    ])
    orders = startedOrders
    rgw = startedRgw
    await makeVault(world, 'steps')
    role = await makeRole(world, 'worker', { statements: [ALL_RIGHTS] })
    subjects.set('EFS', await directory())
    if (orders !== undefined) subjects.set('RDS', await database(orders))
    if (rgw !== undefined) subjects.set('S3', await bucket(rgw))
  })

  after(async () => {
    await world[Symbol.asyncDispose]()
    await orders?.[Symbol.asyncDispose]()
    await rgw?.stop()
  })

  async function directory(): Promise<Subject> {
    const { arn, restoreRoot } = await registerDirectory(world, 'files', (path) =>
      writeFileSync(join(path, 'a'), 'some'),
    )
    return {
      arn,
      metadata: { 'file-system-id': 'fs-1', newFileSystem: 'true' },
      target: async () => readdirSync(restoreRoot),
    }
  }

  async function database(from: Orders): Promise<Subject> {
    const arn = await registerOrders(from, world.call)
    return { arn, metadata: { DBInstanceIdentifier: 'orders2' }, target: async () => await from.databases() }
  }

  async function bucket(from: RgwServer): Promise<Subject> {
    const client = s3ClientOf(from)
    await fillBucket(client, 'photos', { a: '1', 'b/c': '2' })
    const arn = await registerBucket(from, 'photos', world.call)
    const metadata = { DestinationBucketName: 'photos2', NewBucket: 'true' }
    return { arn, metadata, target: async () => (await contentOf(client, 'photos2')) ?? 'no such bucket' }
  }

  const everythingBut = (action: string): object => ({ Effect: 'Allow', NotAction: [action], Resource: '*' })

  const ofBackup = async ({ arn }: Subject): Promise<Preflight> =>
    await preflightOf(world, {
      Operation: 'StartBackupJob',
      ...VAULT,
      ResourceArns: [arn],
      IamRoleArn: role,
      DeleteAfterDays: 1,
    })

  const ofRestore = async ({ metadata }: Subject, point: string): Promise<Preflight> =>
    await preflightOf(world, {
      Operation: 'StartRestoreJob',
      RecoveryPointArns: [point],
      IamRoleArn: role,
      Metadata: metadata,
    })

  /** Of everything that is asked, all that needs this action is missing and nothing else is. */
  function assertMissing(foreseen: Preflight, action: string): void {
    assert.equal(foreseen.Verdict, 'denied')
    const asked = checksOf(foreseen).filter(
      ({ Layer, Action }) => Action === action && (Layer === 'job' || Layer === 'expiry'),
    )
    assert.deepEqual(
      missingOf(foreseen).toSorted(),
      [...new Set(asked.map(({ Action, ResourceArn }) => `${Action} ${ResourceArn}`))].toSorted(),
    )
  }

  /** The whole sentence, as it is in the job's own record; after the refusal nothing but tidying up was allowed. */
  async function assertDenied(
    jobId: string,
    message: string | undefined,
    denied: Step,
    all: Kind['backup'],
  ): Promise<void> {
    const decisions = await decisionsOf(world, jobId)
    const first = decisions.findIndex(({ Effect }) => Effect === 'Deny')
    const denials = decisions.filter(({ Effect }) => Effect === 'Deny')
    assert.deepEqual([...new Set(denials.map((one) => one.Step))], [denied.name])
    const later = decisions.slice(first).filter(({ Effect }) => Effect === 'Allow')
    assert.ok(later.every((one) => all[one.Step]?.optional === true))
    const sentences = denials.map(
      ({ ResourceArn }) =>
        `User: ${SESSION} is not authorized to perform: ${denied.action} on resource: ${ResourceArn} ` +
        `because no identity-based policy allows the ${denied.action} action`,
    )
    assert.ok(sentences.includes(`${message}`.replace(EXPLAINED, '')), message ?? 'no message')
    assert.match(`${message}`, EXPLAINED)
  }

  for (const kind of KINDS) {
    describe(kind.type, { skip: LEFT_OUT[kind.type] ?? false }, () => {
      let subject: Subject
      let point: string

      before(async () => {
        subject = subjects.get(kind.type) ?? assert.fail()
        await setRights(world, 'worker', ALL_RIGHTS)
        const foreseen = await ofBackup(subject)
        assert.equal(foreseen.Verdict, 'allowed')
        const job = await backUp(world, { ...VAULT, ResourceArn: subject.arn, IamRoleArn: role })
        assert.equal(job.State, 'COMPLETED', job.StatusMessage ?? '')
        point = job.RecoveryPointArn ?? ''
        await assertForeseen(world, foreseen, job.BackupJobId ?? '')
      })

      for (const step of Object.values(kind.backup).filter(({ optional }) => optional !== true)) {
        test(`a backup without ${step.action} fails at ${step.name}`, async () => {
          await setRights(world, 'worker', everythingBut(step.action))
          const foreseen = await ofBackup(subject)
          assertMissing(foreseen, step.action)
          const job = await backUp(world, { ...VAULT, ResourceArn: subject.arn, IamRoleArn: role })
          assert.equal(job.State, 'FAILED', job.StatusMessage ?? '')
          assert.equal(job.MessageCategory, 'AccessDenied')
          await assertDenied(job.BackupJobId ?? '', job.StatusMessage, step, kind.backup)
          await assertForeseen(world, foreseen, job.BackupJobId ?? '')
          const { RecoveryPoints = [] } = await world.call('backup', 'ListRecoveryPointsByResource', {
            ResourceArn: subject.arn,
          })
          assert.deepEqual(
            RecoveryPoints.map(({ RecoveryPointArn }) => RecoveryPointArn),
            [point],
          )
        })
      }

      for (const step of Object.values(kind.restore).filter(({ optional }) => optional !== true)) {
        test(`a restore without ${step.action} fails at ${step.name}`, async () => {
          await setRights(world, 'worker', everythingBut(step.action))
          const foreseen = await ofRestore(subject, point)
          assertMissing(foreseen, step.action)
          const before = await subject.target()
          const job = await restore(world, {
            RecoveryPointArn: point,
            IamRoleArn: role,
            Metadata: subject.metadata,
          })
          assert.equal(job.Status, 'FAILED', job.StatusMessage ?? '')
          assert.equal(job.CreatedResourceArn, undefined)
          await assertDenied(job.RestoreJobId ?? '', job.StatusMessage, step, kind.restore)
          await assertForeseen(world, foreseen, job.RestoreJobId ?? '')
          assert.deepEqual(await subject.target(), before)
        })
      }

      test('the same restore with every right comes through', async () => {
        await setRights(world, 'worker', ALL_RIGHTS)
        const foreseen = await ofRestore(subject, point)
        assert.equal(foreseen.Verdict, 'allowed')
        const before = await subject.target()
        const job = await restore(world, {
          RecoveryPointArn: point,
          IamRoleArn: role,
          Metadata: subject.metadata,
        })
        assert.equal(job.Status, 'COMPLETED', job.StatusMessage ?? '')
        assert.notDeepEqual(await subject.target(), before)
        await assertForeseen(world, foreseen, job.RestoreJobId ?? '')
      })

      test('a restore under the type’s own built-in policies copies the tags of the source', async () => {
        const { type } = kind
        const path = type === 'S3' ? '' : 'service-role/'
        const managed = ['Backup', 'Restore'].map(
          (half) => `arn:aws:iam::aws:policy/${path}AWSBackupServiceRolePolicyFor${type}${half}`,
        )
        const IamRoleArn = await makeRole(world, `only-${type}`, { managed })
        const tags = { ResourceARNList: [subject.arn], Tags: { team: 'web' } }
        await world.call('tagging', 'TagResources', tags)
        const another = {
          RDS: { DBInstanceIdentifier: 'orders3' },
          S3: { DestinationBucketName: 'photos3' },
          EFS: {},
        }
        const job = await restore(world, {
          RecoveryPointArn: point,
          IamRoleArn,
          Metadata: { ...subject.metadata, ...another[type] },
          CopySourceTagsToRestoredResource: true,
        })
        assert.equal(job.Status, 'COMPLETED', job.StatusMessage ?? '')
        const made = { ResourceArn: job.CreatedResourceArn ?? '' }
        const { Resource } = await world.call('roleback', 'DescribeResource', made)
        assert.deepEqual(
          Resource.Tags?.filter(({ Key }) => Key === 'team'),
          [{ Key: 'team', Value: 'web' }],
        )
      })

      const removal = [
        'backup:DeleteRecoveryPoint',
        ...Object.values(kind.remove).map(({ action }) => action),
      ]
      for (const action of removal) {
        test(`R5 a caller without ${action} cannot delete the recovery point`, async () => {
          const name = `deleter-${action.replace(':', '-')}-${kind.type}`
          const deleter = await makeUser(world, name, [everythingBut(action)])
          await assert.rejects(
            deleter.call('backup', 'DeleteRecoveryPoint', { ...VAULT, RecoveryPointArn: point }),
            (error: unknown) =>
              error instanceof AwsError &&
              error.status === 403 &&
              EXPLAINED.test(error.message) &&
              error.message.replace(EXPLAINED, '') ===
                `User: ${deleter.arn} is not authorized to perform: ${action} on resource: ${point} ` +
                  `because no identity-based policy allows the ${action} action`,
          )
          const named = { ...VAULT, RecoveryPointArn: point }
          assert.equal((await world.call('backup', 'DescribeRecoveryPoint', named)).Status, 'COMPLETED')
        })
      }

      test('R5 a caller with just these rights deletes it', async () => {
        const deleter = await makeUser(world, `deleter-${kind.type}`, [allow(removal)])
        await deleter.call('backup', 'DeleteRecoveryPoint', { ...VAULT, RecoveryPointArn: point })
        const { RecoveryPoints = [] } = await world.call('backup', 'ListRecoveryPointsByResource', {
          ResourceArn: subject.arn,
        })
        assert.ok(RecoveryPoints.every(({ Status }) => Status === 'DELETING'))
      })
    })
  }
})
