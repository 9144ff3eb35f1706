import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLog } from '../lib/log.ts'
import { listAudit } from '../store/audit/audit.ts'
import type { StoredAuditRecord } from '../store/audit/audit.ts'
import { openTestChain, testMac } from '../store/audit/audit.fixture.ts'
import { verifyAudit } from '../store/audit/audit-verify.ts'
import { finishJob } from '../store/jobs/claims.ts'
import { claimJob } from '../store/jobs/next-job.ts'
import { saveDecisions } from '../store/audit/decisions.ts'
import {
  ACCOUNT,
  decisionRow,
  NOW,
  planRow,
  pointRow,
  REGION,
  targetOf,
  vaultRow,
} from '../store/contract-rows.ts'
import { putEventTarget } from '../store/events/event-targets.ts'
import { countEventsSetAside, tryEventsAgain } from '../store/events/events.ts'
import { insertJob } from '../store/jobs/jobs.ts'
import { recordPlanRuns } from '../store/plans/due-rules.ts'
import { writePlanVersion } from '../store/plans/plans.ts'
import { deletePointIndex, putPointIndex } from '../store/points/point-index.ts'
import { insertRecoveryPoint } from '../store/points/recovery-points.ts'
import { openStore } from '../store/store.ts'
import type { Store } from '../store/store.ts'
import { insertVault } from '../store/vaults/vaults.ts'
import { cloudTrailRecord } from './cloudtrail.ts'
import { factsOf } from './details.ts'
import type { Event } from './event.ts'
import { eventRow, failedBackup } from './event.fixture.ts'
import type { Message } from './message.ts'
import { notificationOf } from './notification.ts'
import { EventRouter } from './router.ts'

let now = NOW
const clock = { now: () => now, monotonic: () => now }
const routerOf = (store: Store): EventRouter =>
  new EventRouter({ store, clock, log: createLog('silent'), region: REGION })

async function withStore(work: (store: Store) => Promise<void>): Promise<void> {
  now = NOW
  const store = await openStore({ kind: 'sqlite', file: ':memory:' })
  openTestChain(store)
  try {
    await work(store)
  } finally {
    await store.close()
  }
}

async function runJob(store: Store): Promise<void> {
  await insertJob(store.db, {
    account_id: ACCOUNT,
    region: REGION,
    job_id: 'job-1',
    kind: 'backup',
    created_at: NOW,
    caller_arn: 'arn',
    vault_name: 'gold',
    role_arn: `arn:aws:iam::${ACCOUNT}:role/team/dba`,
    role_id: 'AROADBA',
    resource_arn: `arn:aws:rds:${REGION}:${ACCOUNT}:db:orders`,
  })
  const claim = await claimJob(store, { kinds: ['backup'], owner: 'w', now: NOW, leaseMs: 1_000 })
  assert.ok(claim)
  await saveDecisions(store.db, claim, [
    decisionRow(0, { effect: 'Deny', reason: 'no statement allows it', action: 'rds:CreateDBSnapshot' }),
  ])
  await finishJob(store.db, claim, { state: 'FAILED', now: NOW + 1, status_message: 'denied' })
}

async function trail(store: Store): Promise<readonly StoredAuditRecord[]> {
  const { rows } = await listAudit(store.db, { accountId: ACCOUNT }, { limit: 100 })
  return rows.toReversed()
}

test('R24 what a job was allowed and came to is in the chained trail, in CloudTrail’s shape', async () => {
  await withStore(async (store) => {
    await runJob(store)
    await routerOf(store).run()
    const rows = await trail(store)
    assert.deepEqual(
      rows.map(({ action, effect, layer }) => [action, effect, layer]),
      [
        ['backup:BackupJobStateChanged', 'Allow', 'event'],
        ['backup:BackupJobStarted', 'Allow', 'event'],
        ['rds:CreateDBSnapshot', 'Deny', 'job'],
        ['backup:BackupJobCompleted', 'Allow', 'event'],
      ],
    )
    const [, , decision, end] = rows.map((row) => cloudTrailRecord(row, REGION))
    assert.equal(end?.['eventType'], 'AwsServiceEvent')
    assert.deepEqual(end?.['userIdentity'], { type: 'AWSService', invokedBy: 'backup.amazonaws.com' })
    const details = end?.['serviceEventDetails'] as Record<string, unknown>
    assert.equal(details['state'], 'FAILED')
    assert.equal(details['backupJobId'], 'job-1')
    assert.equal(details['statusMessage'], 'denied')
    assert.deepEqual(decision?.['userIdentity'], {
      type: 'AssumedRole',
      principalId: 'AROADBA',
      arn: `arn:aws:sts::${ACCOUNT}:assumed-role/dba/AWSBackup-dba`,
      accountId: ACCOUNT,
      invokedBy: 'backup.amazonaws.com',
    })
    assert.equal(decision?.['errorCode'], 'AccessDenied')
    const left = await store.db.selectFrom('event').selectAll().execute()
    assert.deepEqual(left, [], 'what nobody is to be told of is gone')
    const { findings } = await verifyAudit(store.db, testMac, [], { limit: 1_000, after: undefined })
    assert.deepEqual(findings, [])
  })
})

test('R24 a router that dies between the trail and the queue leaves no second record', async () => {
  await withStore(async (store) => {
    await runJob(store)
    const dying: Store = {
      ...store,
      transaction: async () => {
        throw new Error('killed')
      },
    }
    openTestChain(dying)
    await assert.rejects(routerOf(dying).run(), /killed/)
    assert.equal((await trail(store)).length, 4)
    now += 59_000
    await routerOf(store).run()
    assert.equal((await store.db.selectFrom('event').selectAll().execute()).length, 4, 'still the dead one’s')
    now += 2_000
    await routerOf(store).run()
    assert.equal((await trail(store)).length, 4)
    assert.deepEqual(await store.db.selectFrom('event').selectAll().execute(), [])
  })
})

test('an event that cannot be read keeps no other, is set aside after ten tries, and tried again at the next start', async () => {
  await withStore(async (store) => {
    await runJob(store)
    const [first] = await store.db.selectFrom('event').select('seq').orderBy('seq').execute()
    const seq = Number(first?.seq)
    await store.db.updateTable('event').set({ body: 'torn' }).where('seq', '=', seq).execute()
    const attempts = async (): Promise<number | undefined> =>
      (await store.db.selectFrom('event').select('attempts').where('seq', '=', seq).executeTakeFirst())
        ?.attempts
    for (let round = 1; round <= 12; round += 1, now += 61_000) await routerOf(store).run()
    assert.equal((await trail(store)).length, 3, 'all but that one')
    assert.equal(await attempts(), 10)
    assert.equal(await countEventsSetAside(store.db), 1)
    await tryEventsAgain(store.db)
    assert.equal(await countEventsSetAside(store.db), 0)
    await routerOf(store).run()
    assert.equal(await attempts(), 11)
    assert.equal(await countEventsSetAside(store.db), 1)
  })
})

const TOPIC = 'arn:aws:sns:us-east-1:111122223333:backups'
const BUCKET = 'arn:aws:s3:::photos'

const heard = (event: Event, ...events: readonly string[]) =>
  notificationOf({ notifications: JSON.stringify({ topic: TOPIC, events }) }, event)

const job = (type: 'Backup' | 'Copy' | 'Restore', detail: Readonly<Record<string, unknown>>): Event => ({
  ...failedBackup('id'),
  'detail-type': `${type} Job State Change`,
  detail,
})

test('a topic hears of each end of a job that it asked for, in AWS’s words', () => {
  const backup = { backupJobId: 'J', resourceArn: BUCKET, resourceType: 'S3', recoveryPointArn: 'P' }
  const restore = { restoreJobId: 'J', resourceType: 'S3', recoveryPointArn: 'P', createdResourceArn: BUCKET }
  const copy = { copyJobId: 'J', resourceArn: BUCKET, destinationRecoveryPointArn: 'P' }
  const cases: readonly (readonly [string, Event, string, string])[] = [
    [
      'BACKUP_JOB_COMPLETED',
      job('Backup', { ...backup, state: 'COMPLETED' }),
      'BACKUP_JOB',
      `An AWS Backup job was completed successfully. Recovery point ARN: P. Resource ARN : ${BUCKET}. BackupJob ID : J`,
    ],
    [
      'BACKUP_JOB_FAILED',
      job('Backup', { ...backup, state: 'FAILED' }),
      'BACKUP_JOB',
      `An AWS Backup job failed. Resource ARN : ${BUCKET}. BackupJob ID : J`,
    ],
    [
      'BACKUP_JOB_EXPIRED',
      job('Backup', { ...backup, state: 'EXPIRED' }),
      'BACKUP_JOB',
      `An AWS Backup job failed to complete in time. Resource ARN : ${BUCKET}. BackupJob ID : J`,
    ],
    [
      'S3_BACKUP_OBJECT_FAILED',
      job('Backup', { ...backup, state: 'PARTIAL', itemsFailed: 2 }),
      'S3_BACKUP_OBJECT_FAILED',
      `An AWS Backup job was completed with some items left out. 2 objects could not be backed up. Recovery point ARN: P. Resource ARN : ${BUCKET}. BackupJob ID : J`,
    ],
    [
      'S3_RESTORE_OBJECT_FAILED',
      job('Restore', { ...restore, status: 'COMPLETED', itemsFailed: 1 }),
      'S3_RESTORE_OBJECT_FAILED',
      `An AWS Backup restore job was completed successfully. 1 object could not be restored. Recovery point ARN: P. Resource ARN : ${BUCKET}. RestoreJob ID : J`,
    ],
    [
      'COPY_JOB_SUCCESSFUL',
      job('Copy', { ...copy, state: 'COMPLETED' }),
      'COPY_JOB',
      `An AWS Backup copy job was completed successfully. Recovery point ARN: P. Resource ARN : ${BUCKET}. CopyJob ID : J`,
    ],
  ]
  for (const [name, event, eventType, text] of cases) {
    const told = heard(event, name)
    assert.deepEqual(
      [told?.topicArn, told?.attributes['EventType'], told?.text],
      [TOPIC, eventType, text],
      name,
    )
  }
  const partial = job('Backup', { ...backup, state: 'PARTIAL', itemsFailed: 2 })
  const both = heard(partial, 'BACKUP_JOB_COMPLETED', 'S3_BACKUP_OBJECT_FAILED')
  assert.equal(both?.attributes['EventType'], 'BACKUP_JOB')
})

test('a topic hears of objects only where objects of a bucket failed, and once the job has ended', () => {
  const detail = { backupJobId: 'J', resourceType: 'S3', state: 'PARTIAL', itemsFailed: 2 }
  const asked = 'S3_BACKUP_OBJECT_FAILED'
  assert.ok(heard(job('Backup', detail), asked))
  for (const other of [
    job('Backup', { ...detail, resourceType: 'EFS' }),
    job('Backup', { ...detail, itemsFailed: undefined }),
    job('Backup', { ...detail, state: 'RUNNING' }),
    job('Copy', detail),
    job('Restore', detail),
  ])
    assert.equal(heard(other, asked), undefined)
})

test('what became of an index is in AWS’s shape, and told to the topic that asked for it', () => {
  const arn = `arn:aws:backup:${REGION}:${ACCOUNT}:recovery-point:1`
  const indexEvent = (isGone: boolean): Event => {
    const { detailType, resources, detail, eventName } = factsOf({
      ...eventRow('index', {
        arn,
        vault_name: 'gold',
        resource_arn: BUCKET,
        resource_type: 'S3',
        point_created_at: NOW - 5,
        role_arn: 'role',
        created_at: NOW - 2,
        ...(isGone && { is_gone: 1 }),
      }),
    })
    assert.equal(eventName, 'backup:RecoveryPointIndexStateChanged')
    return { ...failedBackup('id'), 'detail-type': detailType, resources, detail }
  }
  const iso = (ms: number): string => new Date(ms).toISOString()
  const common = {
    recoveryPointArn: arn,
    accountId: ACCOUNT,
    iamRoleArn: 'role',
    resourceType: 'S3',
    backupVaultArn: `arn:aws:backup:${REGION}:${ACCOUNT}:backup-vault:gold`,
    sourceResourceArn: BUCKET,
    backupCreationTime: iso(NOW - 5),
    isIndexingContinuous: false,
    indexCreationTime: iso(NOW - 2),
  }
  const made = indexEvent(false)
  assert.equal(made['detail-type'], 'Recovery Point Index State Change')
  assert.deepEqual(made.detail, {
    ...common,
    indexStatus: 'ACTIVE',
    indexStatusMessage: `An AWS Backup recovery point index was successfully completed. Indexed recovery point arn : ${arn}`,
    indexCompletionTime: iso(NOW - 2),
  })
  const gone = indexEvent(true)
  assert.deepEqual(gone.detail, {
    ...common,
    indexStatus: 'DELETED',
    indexStatusMessage: `An AWS Backup recovery point index was deleted. Indexed recovery point arn : ${arn}`,
    indexDeletionTime: iso(NOW),
  })
  assert.deepEqual(heard(made, 'RECOVERY_POINT_INDEX_COMPLETED'), {
    topicArn: TOPIC,
    subject: 'Notification from AWS Backup',
    text: `An AWS Backup backup index job was completed. Indexed recovery point arn: ${arn}`,
    attributes: {
      EventType: 'RECOVERY_POINT_INDEXING_COMPLETED',
      AccountId: ACCOUNT,
      IndexStatus: 'ACTIVE',
      IsIndexingContinuous: 'false',
      RecoveryPointArn: arn,
    },
  })
  assert.equal(
    heard(gone, 'RECOVERY_POINT_INDEX_DELETED')?.attributes['EventType'],
    'RECOVERY_POINT_INDEX_DELETED',
  )
  assert.equal(heard(gone, 'RECOVERY_POINT_INDEX_COMPLETED', 'RECOVERY_POINT_MODIFIED'), undefined)
})

test('a target whose pattern asks for missed runs of plans is owed those, and no started one', async () => {
  await withStore(async (store) => {
    const pattern = JSON.stringify({
      'detail-type': ['Backup Plan Run State Change'],
      detail: { state: ['MISSED'] },
    })
    await putEventTarget(store.db, targetOf('t1', { pattern }), { arn: 'arn', now })
    const plan = planRow('p', { version_id: '1' })
    await store.transaction(async (tx) => await writePlanVersion(tx, plan, { document: '{}' }, []))
    const rule = { accountId: ACCOUNT, region: REGION, planId: 'p', ruleId: 'r', dueAt: NOW, writtenAt: NOW }
    const run = { rule, versionId: '1', jobs: 0, message: 'No server ran', now: NOW }
    await recordPlanRuns(store.db, [
      { ...run, dueAt: NOW, outcome: 'MISSED' },
      { ...run, dueAt: NOW + 1, outcome: 'STARTED' },
    ])
    await routerOf(store).run()
    const owed = await store.db.selectFrom('event_delivery').select('message').execute()
    assert.deepEqual(
      owed.map(({ message }) => {
        const { event } = JSON.parse(message) as Message
        return [event.detail['backupPlanId'], event.detail['state'], event.detail['statusMessage']]
      }),
      [['p', 'MISSED', 'No server ran']],
    )
  })
})

test('a topic is owed what becomes of the indexes of its vault', async () => {
  await withStore(async (store) => {
    const asked = ['RECOVERY_POINT_INDEX_COMPLETED', 'RECOVERY_POINT_INDEX_DELETED']
    const vault = vaultRow('gold', { notifications: JSON.stringify({ topic: TOPIC, events: asked }) })
    await insertVault(store.db, vault)
    const point = pointRow('gold')
    await insertRecoveryPoint(store.db, point)
    const hook = targetOf('t1', { pattern: null, topic_arn: TOPIC })
    await putEventTarget(store.db, hook, { arn: 'arn', now })
    const index = { account_id: ACCOUNT, region: REGION, recovery_point_arn: point.arn, created_at: NOW }
    await putPointIndex(store.db, { ...index, role_arn: null })
    await deletePointIndex(store.db, ACCOUNT, point.arn)
    await routerOf(store).run()
    const owed = await store.db.selectFrom('event_delivery').select('message').orderBy('sequence').execute()
    const states = owed.map(({ message }) => {
      const { notification } = JSON.parse(message) as Message
      return notification?.attributes['IndexStatus']
    })
    assert.deepEqual(states, ['ACTIVE', 'DELETED'])
  })
})

test('a move to cold storage is named as CloudTrail names it, another change of a cold point is not', () => {
  const names = [
    { before: null },
    { before: 'COMPLETED', is_changed: 1, was_moved_to_cold_at: null, moved_to_cold_at: NOW },
    { before: 'COMPLETED', is_changed: 1, was_moved_to_cold_at: NOW, moved_to_cold_at: NOW },
    { before: 'COMPLETED', is_changed: 1, was_moved_to_cold_at: null, moved_to_cold_at: null },
    { before: 'DELETING', is_gone: 1 },
  ].map((changed) => factsOf(eventRow('point', { ...pointRow('gold'), ...changed })).eventName)
  assert.deepEqual(names, [
    'backup:RecoveryPointCreated',
    'backup:BackupTransitionedToCold',
    'backup:RecoveryPointStateChanged',
    'backup:RecoveryPointStateChanged',
    'backup:BackupDeleted',
  ])
})
