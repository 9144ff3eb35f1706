import assert from 'node:assert/strict'
import { ACCOUNT, NOW, REGION, targetOf } from '../contract-rows.ts'
import type { ContractCase } from '../contract-rows.ts'
import {
  boundDeliveries,
  claimDeliveries,
  deliveryCounts,
  endDeliveries,
  failDeliveries,
  insertDeliveries,
  retryDeliveries,
} from './event-deliveries.ts'
import type { GivenUp } from './event-deliveries.ts'
import { putEventTarget } from './event-targets.ts'
import { claimEvents, pruneEvents, recordNotice } from './events.ts'
import type { Notice } from './events.ts'
import type { Store } from '../store.ts'

/** A target that is owed so many messages, a second apart. */
async function owe(store: Store, targetId: string, count: number): Promise<void> {
  await putEventTarget(store.db, targetOf(targetId), { arn: 'arn', now: NOW })
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

/** What was given up, as it is told. */
const tell = ({ target, messages, problem, at }: GivenUp): Notice => ({
  accountId: target.account_id,
  region: REGION,
  at,
  detailType: 'Given Up',
  resources: [],
  detail: { said: `${messages} of ${target.name}: ${problem}` },
  cause: `${messages} of ${target.name}`,
})

async function told({ db }: Store): Promise<readonly string[]> {
  const rows = await db.selectFrom('event').select('body').orderBy('seq').execute()
  return rows
    .map(({ body }) => JSON.parse(body) as Notice)
    .filter(({ detailType }) => detailType === 'Given Up')
    .map(({ detail }) => String(detail['said']))
}

/** What targets are owed. */
export const EVENT_DELIVERIES_CONTRACT: readonly ContractCase[] = [
  {
    name: 'of a target that is away all that waited too long is given up at once, and can be owed again',
    run: async (store) => {
      await owe(store, 't1', 5)
      const [first] = await claimDeliveries(store, { owner: 'o', now: NOW + 9_000, leaseMs: 1_000, limit: 8 })
      assert.equal(first?.delivery.sequence, 1)
      await failDeliveries(store, first.target, [first.delivery], {
        now: NOW + 9_000,
        problem: 'away',
        retryAt: NOW + 10_000,
        giveUpBefore: NOW + 2_000,
        isRefused: false,
        isHopeless: false,
        tell,
      })
      assert.deepEqual(await told(store), ['3 of t1: away'])
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
      await boundDeliveries(store, { ofTarget: 3, ofAccount: 100 }, { now: NOW, tell })
      assert.deepEqual(await sequences(store, 't1', true), [2, 3, 4])
      assert.deepEqual(await sequences(store, 't1', false), [5, 6, 7])
      assert.deepEqual(await sequences(store, 't2', false), [1, 2])
      // Two targets share three of the account.
      await boundDeliveries(store, { ofTarget: 3, ofAccount: 3 }, { now: NOW, tell })
      assert.deepEqual(await told(store), [
        '4 of t1: more than 3 messages waited',
        '2 of t1: more than 1 messages waited',
        '1 of t2: more than 1 messages waited',
      ])
      assert.deepEqual(await sequences(store, 't1', false), [7])
      assert.deepEqual(await sequences(store, 't2', false), [2])
    },
  },
  {
    name: 'a target has one who tells it at a time, and targets that others tell do not hide those that wait',
    run: async (store, { other }) => {
      for (let i = 0; i < 9; i++) await owe(store, `t${i}`, 2)
      const claim = { owner: 'o', now: NOW + 9_000, leaseMs: 1_000 }
      const both = await Promise.all([
        claimDeliveries(store, { ...claim, limit: 4 }),
        claimDeliveries(other, { ...claim, limit: 4 }),
      ])
      const one = await claimDeliveries(store, { ...claim, limit: 1 })
      const claimed = [...both.flat(), ...one]
      assert.equal(new Set(claimed.map(({ target }) => target.target_id)).size, claimed.length)
      assert.deepEqual(new Set(claimed.map(({ delivery }) => Number(delivery.sequence))), new Set([1]))
      const rest = await claimDeliveries(other, { ...claim, limit: 9 })
      assert.equal(claimed.length + rest.length, 9)
      for (const { delivery } of [...claimed, ...rest])
        await endDeliveries(store, [delivery], { now: claim.now, nextAt: claim.now })
      assert.equal((await claimDeliveries(store, { ...claim, limit: 9 })).length, 9)
    },
  },
  {
    name: 'pruning goes through all that is old, and leaves what is owed or was given up lately with its event',
    run: async (store) => {
      const old = Array.from({ length: 2_500 }, (_, i) => ({
        event_id: `old ${i}`,
        at: NOW,
        account_id: ACCOUNT,
        region: REGION,
        kind: 'notice' as const,
        body: '{}',
        cause: null,
        claimed_until: 0,
        attempts: 1,
        routed_at: NOW,
      }))
      for (let at = 0; at < old.length; at += 500)
        await store.db
          .insertInto('event')
          .values(old.slice(at, at + 500))
          .execute()
      await owe(store, 't1', 3)
      await owe(store, 't2', 2)
      await boundDeliveries(store, { ofTarget: 2, ofAccount: 100 }, { now: NOW + 5_000, tell })
      const [owed] = await claimDeliveries(store, { owner: 'o', now: NOW + 9_000, leaseMs: 1, limit: 1 })
      assert.ok(owed)
      await store.db.updateTable('event').set({ routed_at: NOW }).execute()
      let rounds = 1
      for (let at = await pruneEvents(store, NOW + 1); at !== undefined; rounds++)
        at = await pruneEvents(store, NOW + 1, at)
      assert.equal(rounds, 3)
      assert.deepEqual(
        [await sequences(store, 't1', true), await sequences(store, 't1', false)],
        [[1], [2, 3]],
      )
      assert.equal((await store.db.selectFrom('event').select('seq').execute()).length, 2)
      for (let i = 0; i < 2; i++) {
        const claimed = await claimDeliveries(store, { owner: 'o', now: NOW + 20_000, leaseMs: 1, limit: 9 })
        for (const { delivery } of claimed) await endDeliveries(store, [delivery], { now: NOW, nextAt: NOW })
      }
      await pruneEvents(store, NOW + 5_000)
      assert.deepEqual(
        await sequences(store, 't1', true),
        [1],
        'given up at that moment or later it can be sent again',
      )
      await pruneEvents(store, NOW + 5_001)
      assert.deepEqual(await store.db.selectFrom('event').select('seq').execute(), [])
    },
  },
]
