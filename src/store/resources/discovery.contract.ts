import assert from 'node:assert/strict'
import { ACCOUNT, NOW, REGION } from '../contract-rows.ts'
import type { ContractCase } from '../contract-rows.ts'
import {
  claimDiscovery,
  deleteDiscoveryRule,
  discoveryMeasures,
  discoveryRounds,
  extendDiscovery,
  finishDiscovery,
  listDiscovered,
  makeDiscoveryDue,
  markVanished,
  nextDiscoveryAt,
  putDiscovered,
  putDiscoveryRule,
} from './discovery.ts'
import type { DiscoveredTable, DiscoveryRuleTable } from './schema-discovery.ts'

const ruleRow = (name: string, more: Partial<DiscoveryRuleTable> = {}): DiscoveryRuleTable => ({
  account_id: ACCOUNT,
  region: REGION,
  name,
  rule_id: `id-${name}`,
  type: 'EFS',
  settings: '{}',
  secret: null,
  version: 1,
  document: '{}',
  role_arn: 'arn',
  role_id: 'AROA',
  created_at: NOW,
  created_by: 'arn',
  ...more,
})

const foundRow = (name: string, seenAt: number): DiscoveredTable => ({
  rule_id: 'id-a',
  name,
  status: 'DISCOVERED',
  resource_arn: null,
  resource_unique_id: null,
  message: null,
  first_seen_at: seenAt,
  last_seen_at: seenAt,
  vanished_at: null,
})

const LEASE_MS = 1_000
const LATER = NOW + 60_000

export const DISCOVERY_CONTRACT: readonly ContractCase[] = [
  {
    name: 'of two servers one works on a discovery rule, until its lease ends; a run asked for meanwhile stays due',
    run: async ({ db, transaction }, { other }) => {
      assert.equal(await nextDiscoveryAt(db), undefined)
      assert.ok(await putDiscoveryRule(db, ruleRow('a')))
      assert.ok(!(await putDiscoveryRule(db, ruleRow('a', { version: 3 }))), 'a version was left out')
      // Brought back with the identity export, which has no rounds, it is due.
      assert.equal(await nextDiscoveryAt(db), 0)
      const claim = async (owner: string, now: number, store = { transaction }) =>
        await store.transaction((tx) => claimDiscovery(tx, { owner, now, until: now + LEASE_MS }))
      const first = await claim('one', NOW)
      assert.equal(first?.rule.name, 'a')
      assert.equal(await claim('two', NOW + 1, other), undefined)
      assert.equal(await nextDiscoveryAt(db), NOW + LEASE_MS)
      const second = await claim('two', NOW + LEASE_MS, other)
      assert.ok(second !== undefined, 'the lease had ended')
      assert.ok(!(await extendDiscovery(db, 'id-a', { owner: 'one', until: LATER })))
      const end = { now: NOW + 2_000, nextRunAt: LATER, failed: true, message: 'm' }
      await finishDiscovery(db, first as NonNullable<typeof first>, { owner: 'one', ...end })
      assert.equal((await discoveryRounds(db, ['id-a'])).get('id-a')?.lease_owner, 'two')
      await makeDiscoveryDue(db, 'id-a', NOW + 1_500)
      await finishDiscovery(db, second, { owner: 'two', ...end })
      assert.equal(await nextDiscoveryAt(db), NOW + 1_500)
      const third = await claim('one', NOW + 3_000)
      await finishDiscovery(db, third as NonNullable<typeof third>, { owner: 'one', ...end, failed: false })
      const round = (await discoveryRounds(db, ['id-a'])).get('id-a')
      assert.deepEqual([round?.next_run_at, round?.failed, round?.lease_owner], [LATER, 0, null])
    },
  },
  {
    name: 'what was discovered comes in pages by rule and name, keeps when it was first seen, and is marked when it vanishes',
    run: async ({ db, transaction }) => {
      await putDiscoveryRule(db, ruleRow('a'))
      await putDiscoveryRule(db, ruleRow('b'))
      for (const name of ['x', 'y', 'z']) await putDiscovered(db, foundRow(name, NOW))
      await putDiscovered(db, { ...foundRow('x', NOW + 1), status: 'REGISTERED' })
      await putDiscovered(db, { ...foundRow('o', NOW), rule_id: 'id-b' })
      assert.equal(await markVanished(db, 'id-a', NOW + 1), 2)
      assert.equal(await markVanished(db, 'id-a', NOW + 1), 0)
      const owner = { account_id: ACCOUNT, region: REGION }
      const first = await listDiscovered(db, owner, undefined, { limit: 3 })
      const rest = await listDiscovered(db, owner, undefined, { limit: 3, after: first.next })
      assert.deepEqual(
        [...first.rows, ...rest.rows].map((row) => [row.rule_name, row.name, row.vanished_at]),
        [
          ['a', 'x', null],
          ['a', 'y', NOW + 1],
          ['a', 'z', NOW + 1],
          ['b', 'o', null],
        ],
      )
      assert.deepEqual([first.rows[0]?.first_seen_at, first.rows[0]?.last_seen_at], [NOW, NOW + 1])
      assert.deepEqual(
        (await discoveryMeasures(db, 10)).map(({ name, unregistered, failed }) => [
          name,
          unregistered,
          failed,
        ]),
        [
          ['a', 0, 0],
          ['b', 1, 0],
        ],
      )
      await transaction((tx) => deleteDiscoveryRule(tx, 'id-a'))
      const left = await listDiscovered(db, owner, undefined, { limit: 10 })
      assert.deepEqual(
        left.rows.map(({ name }) => name),
        ['o'],
      )
    },
  },
]
