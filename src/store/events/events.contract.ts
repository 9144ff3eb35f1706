import assert from 'node:assert/strict'
import { finishJob } from '../jobs/claims.ts'
import { claimJob } from '../jobs/next-job.ts'
import { ACCOUNT, decisionRow, NOW, pointRow, REGION, vaultRow } from '../contract-rows.ts'
import type { ContractCase } from '../contract-rows.ts'
import { saveDecisions } from '../audit/decisions.ts'
import { claimEvents, finishEvents, isInTrail, pruneEvents, recordNotice } from './events.ts'
import type { EventRow } from './events.ts'
import { insertJob } from '../jobs/jobs.ts'
import { putPause, deletePause } from '../jobs/pauses.ts'
import {
  deleteRecoveryPoint,
  insertRecoveryPoint,
  setRecoveryPointStatus,
  updateLifecycle,
} from '../points/recovery-points.ts'
import { putPointIndex } from '../points/point-index.ts'
import { updateRegionSettings } from '../region-settings.ts'
import type { Store } from '../store.ts'
import { insertVault, setNotifications, setVaultState } from '../vaults/vaults.ts'

const CALLER = { account_id: ACCOUNT, region: REGION, caller_arn: 'arn', created_at: NOW } as const

async function take(store: Store): Promise<readonly EventRow[]> {
  return await claimEvents(store, { now: NOW, leaseMs: 1_000, limit: 1_000 })
}

/** Kind, what the state was, what it is, and what the trigger adds. */
const told = ({ kind, body }: EventRow): readonly unknown[] => {
  const row = JSON.parse(body) as Record<string, unknown>
  return [
    kind,
    row['before'],
    row['state'] ?? row['status'],
    row['changed'] ?? row['is_changed'] ?? row['is_gone'],
  ]
}

/** What became of things: written by the database in the transaction of the change. */
export const EVENTS_CONTRACT: readonly ContractCase[] = [
  {
    name: 'each state of a job is one event, and a change that is rolled back is none',
    run: async (store) => {
      await insertJob(store.db, {
        ...CALLER,
        job_id: 'j1',
        kind: 'backup',
        vault_name: 'v',
        status_message: 'a "b"\n<c>',
      })
      const claim = await claimJob(store, { kinds: ['backup'], owner: 'w', now: NOW, leaseMs: 1_000 })
      assert.ok(claim)
      await assert.rejects(
        store.transaction(async (tx) => {
          await finishJob(tx, claim, { state: 'FAILED', now: NOW })
          throw new Error('rolled back')
        }),
        /rolled back/,
      )
      await finishJob(store.db, claim, { state: 'COMPLETED', now: NOW + 5 })
      const events = await take(store)
      assert.deepEqual(events.map(told), [
        ['job', null, 'CREATED', undefined],
        ['job', 'CREATED', 'RUNNING', undefined],
        ['job', 'RUNNING', 'COMPLETED', undefined],
      ])
      assert.equal(new Set(events.map(({ event_id }) => event_id)).size, 3)
      const [first] = events as [EventRow]
      assert.match(first.event_id, /^[0-9a-f]{32}$/)
      assert.ok(Math.abs(first.at - Date.now()) < 60_000, 'the database knows the time')
      const body = JSON.parse(first.body) as Record<string, unknown>
      assert.equal(body['status_message'], 'a "b"\n<c>')
      assert.equal(body['created_at'], NOW)
      assert.equal(body['input'], undefined, 'what a job is given may hold secrets')
    },
  },
  {
    name: 'vaults, recovery points, pauses, settings and decisions tell what became of them',
    run: async (store) => {
      const vault = vaultRow('v1')
      await insertVault(store.db, vault)
      await setVaultState(store.db, vault, 'AVAILABLE')
      await setNotifications(store.db, vault, '{"topic":"t","events":[]}')
      assert.deepEqual((await take(store)).map(told), [
        ['vault', null, 'CREATING', undefined],
        ['vault', 'CREATING', 'AVAILABLE', undefined],
        ['vault', 'AVAILABLE', 'AVAILABLE', 'notifications'],
      ])
      const point = pointRow('v1')
      await insertRecoveryPoint(store.db, point)
      await updateLifecycle(store.db, point, {
        delete_after_days: 7,
        cold_after_days: null,
        delete_at: NOW + 7,
      })
      await store.db.updateTable('recovery_point').set({ moved_to_cold_at: NOW }).execute()
      const index = { account_id: ACCOUNT, region: REGION, recovery_point_arn: point.arn, created_at: NOW }
      await putPointIndex(store.db, { ...index, role_arn: null })
      // There already: no event.
      await putPointIndex(store.db, { ...index, role_arn: 'role' })
      await setRecoveryPointStatus(store.db, point, ['COMPLETED'], { status: 'DELETING', message: 'm' })
      await deleteRecoveryPoint(store.db, point)
      const events = await take(store)
      assert.deepEqual(events.map(told), [
        ['point', null, 'COMPLETED', undefined],
        ['point', 'COMPLETED', 'COMPLETED', 1],
        ['point', 'COMPLETED', 'COMPLETED', 1],
        ['index', undefined, undefined, undefined],
        ['point', 'COMPLETED', 'DELETING', undefined],
        ['index', undefined, undefined, 1],
        ['point', 'DELETING', 'DELETING', 1],
      ])
      const { was_moved_to_cold_at, moved_to_cold_at } = JSON.parse(events[2]?.body ?? '')
      assert.deepEqual([was_moved_to_cold_at, moved_to_cold_at], [null, NOW])
      const gone = {
        arn: point.arn,
        vault_name: point.vault_name,
        resource_arn: point.resource_arn,
        resource_type: point.resource_type,
        point_created_at: point.created_at,
        role_arn: 'role',
        created_at: NOW,
        is_gone: 1,
      }
      assert.deepEqual(
        JSON.parse(events[5]?.body ?? ''),
        gone,
        'while its recovery point is there to be told of',
      )
      const place = { accountId: ACCOUNT, region: REGION }
      const pause = { account_id: ACCOUNT, region: REGION, target_arn: '*', until: NOW, reason: null }
      await putPause(store.db, { ...pause, paused_by: 'me', paused_at: NOW })
      await deletePause(store.db, place, '*', NOW)
      await store.transaction(async (tx) => {
        await updateRegionSettings(tx, ACCOUNT, REGION, { optIn: { EFS: true } })
      })
      await store.transaction(async (tx) => {
        // Nothing changes: no event.
        await updateRegionSettings(tx, ACCOUNT, REGION, { optIn: { EFS: true } })
      })
      const job = { account_id: ACCOUNT, job_id: 'job-1' }
      await saveDecisions(store.db, job, [decisionRow(0)])
      await saveDecisions(store.db, job, [decisionRow(0, { count: 9 })])
      assert.deepEqual(
        (await take(store)).map(({ kind }) => kind),
        ['pause', 'pause', 'region', 'decision'],
      )
    },
  },
  {
    name: 'an event has one claimer at a time, and one cause is one event',
    run: async (store, { other }) => {
      const notice = {
        accountId: ACCOUNT,
        region: REGION,
        at: NOW,
        detailType: 'Test',
        resources: [],
        detail: {},
      }
      for (let i = 0; i < 40; i++) await recordNotice(store.db, { ...notice, cause: `c${i}` })
      await recordNotice(other.db, { ...notice, cause: 'c0' })
      const both = await Promise.all([
        claimEvents(store, { now: NOW, leaseMs: 1_000, limit: 20 }),
        claimEvents(other, { now: NOW, leaseMs: 1_000, limit: 20 }),
        claimEvents(store, { now: NOW, leaseMs: 1_000, limit: 20 }),
      ])
      const rest = await take(store)
      const seqs = [...both.flat(), ...rest].map(({ seq }) => seq)
      assert.equal(seqs.length, 40)
      assert.equal(new Set(seqs).size, 40)
      const again = await claimEvents(other, { now: NOW + 1_000, leaseMs: 1_000, limit: 100 })
      assert.equal(again.length, 40, 'whoever claimed them is dead')
      assert.ok(again.every(({ attempts }) => attempts === 2))
      await finishEvents(store.db, again, new Set(), NOW)
      await recordNotice(store.db, { ...notice, cause: 'c1' })
      assert.deepEqual(await take(store), [], 'a cause is remembered')
      assert.equal(await pruneEvents(store, NOW + 1), undefined)
      await recordNotice(store.db, { ...notice, cause: 'c1' })
      assert.equal((await take(store)).length, 1)
      assert.equal(await isInTrail(store.db, ACCOUNT, 'nothing'), false)
    },
  },
]
