import assert from 'node:assert/strict'
import { ACCOUNT, NOW, REGION } from './contract-rows.ts'
import type { ContractCase } from './contract-rows.ts'
import {
  boundDeliveries,
  claimDeliveries,
  deliveryCounts,
  failDelivery,
  insertDeliveries,
  retryDeliveries,
} from './event-deliveries.ts'
import { putEventTarget } from './event-targets.ts'
import { claimEvents, recordNotice } from './events.ts'
import type { Store } from './store.ts'

/** A target that is owed so many messages, a second apart. */
async function owe(store: Store, targetId: string, count: number): Promise<void> {
  const target = { account_id: ACCOUNT, name: targetId, target_id: targetId, kind: 'WEBHOOK' as const }
  await putEventTarget(
    store.db,
    { ...target, settings: '{}', secret: 'sealed', pattern: '{}', topic_arn: null, wants_calls: 0 },
    { arn: 'arn', now: NOW },
  )
  await recordNotice(store.db, {
    accountId: ACCOUNT,
    region: REGION,
    at: NOW,
    detailType: 'Test',
    resources: [],
    detail: {},
    cause: targetId,
  })
  const [event] = await claimEvents(store, { now: NOW, leaseMs: 1, limit: 1 })
  assert.ok(event)
  for (let i = 0; i < count; i++)
    await store.transaction(async (tx) => {
      await insertDeliveries(tx, [{ eventSeq: event.seq, targetId, message: '{}' }], NOW + i * 1_000)
    })
}

const sequences = async ({ db }: Store, targetId: string, isGivenUp: boolean): Promise<readonly number[]> => {
  const rows = await db
    .selectFrom('event_delivery')
    .select('sequence')
    .where('target_id', '=', targetId)
    .where('given_up_at', isGivenUp ? 'is not' : 'is', null)
    .orderBy('sequence')
    .execute()
  return rows.map(({ sequence }) => Number(sequence))
}

/** What targets are owed. */
export const EVENT_DELIVERIES_CONTRACT: readonly ContractCase[] = [
  {
    name: 'of a target that is away all that waited too long is given up at once, and can be owed again',
    run: async (store) => {
      await owe(store, 't1', 5)
      const [first] = await claimDeliveries(store, { owner: 'o', now: NOW + 9_000, leaseMs: 1_000, limit: 8 })
      assert.equal(first?.delivery.sequence, 1)
      await failDelivery(store, first.delivery, {
        now: NOW + 9_000,
        problem: 'away',
        retryAt: NOW + 10_000,
        giveUpBefore: NOW + 2_000,
        isHopeless: false,
      })
      assert.deepEqual(await sequences(store, 't1', true), [1, 2, 3])
      const counts = await deliveryCounts(store.db, ['t1'])
      assert.deepEqual(counts.get('t1'), { owed: 2, givenUp: 3 })
      const [next] = await claimDeliveries(store, { owner: 'o', now: NOW + 10_000, leaseMs: 1, limit: 8 })
      assert.equal(next?.delivery.sequence, 4)
      assert.equal(await retryDeliveries(store, 't1', NOW + 11_000), 3)
      assert.deepEqual(await sequences(store, 't1', false), [1, 2, 3, 4, 5])
    },
  },
  {
    name: 'no more than the bound waits for a target: older messages are given up, and then gone; others keep theirs',
    run: async (store) => {
      await owe(store, 't1', 7)
      await owe(store, 't2', 2)
      await boundDeliveries(store.db, 3, NOW)
      assert.deepEqual(await sequences(store, 't1', true), [2, 3, 4])
      assert.deepEqual(await sequences(store, 't1', false), [5, 6, 7])
      assert.deepEqual(await sequences(store, 't2', false), [1, 2])
    },
  },
]
