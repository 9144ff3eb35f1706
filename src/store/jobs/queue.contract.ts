import assert from 'node:assert/strict'
import {
  assertClaim,
  expireUnstarted,
  finishJob,
  heartbeat,
  LeaseLostError,
  oldestLiveGeneration,
  putBack,
  takeOverLeases,
  updateClaimed,
} from './claims.ts'
import { claimJob, nextDueAt } from './next-job.ts'
import { hasUnfinishedJob, insertJob, listJobs, pruneJobs } from './jobs.ts'
import type { ContractCase } from '../contract-rows.ts'
import { ACCOUNT, NOW, readPages, REGION, vaultRow } from '../contract-rows.ts'
import { claim, claimed, job, LEASE_MS, read } from './queue.fixture.ts'
import { LIMITS_CONTRACT } from './job-limits.contract.ts'
import { STOPS_CONTRACT } from './stops.contract.ts'
import { bumpGeneration, deleteVault, insertVault, unfinishedUpkeep } from '../vaults/vaults.ts'

/** The jobs' part of what every engine must do alike. */
export const QUEUE_CONTRACT: readonly ContractCase[] = [
  {
    name: 'a job asked for twice with one idempotency token is one job; tokens are apart by account and kind',
    run: async (store, { other }) => {
      const input = { idempotency_token: 'token' }
      const results = await Promise.all(
        Array.from({ length: 10 }, (_, i) => insertJob((i % 2 === 0 ? store : other).db, job(input))),
      )
      assert.equal(results.filter((result) => result.isNew).length, 1)
      assert.equal(new Set(results.map((result) => result.row.job_id)).size, 1)
      const again = await store.transaction(async (tx) => await insertJob(tx, job(input)))
      assert.equal(again.isNew, false)
      assert.equal((await insertJob(store.db, job({ ...input, kind: 'restore' }))).isNew, true)
      assert.equal((await insertJob(store.db, job({ ...input, account_id: '444455556666' }))).isNew, true)
      assert.equal((await insertJob(store.db, job())).isNew, true)
      assert.equal((await insertJob(store.db, job())).isNew, true)
    },
  },
  {
    name: 'eight claimers on 200 jobs claim each exactly once',
    run: async (store, { other }) => {
      for (let i = 0; i < 200; i++) await insertJob(store.db, job({ job_id: `job-${i}`, run_at: NOW + i }))
      const claims: string[] = []
      const work = async (worker: number): Promise<void> => {
        const from = worker % 2 === 0 ? store : other
        for (;;) {
          const row = await claim(from, `w${worker}`, NOW + 1_000)
          if (row === undefined) return
          assert.deepEqual([row.state, row.fence, row.lease_owner], ['RUNNING', 1, `w${worker}`])
          claims.push(row.job_id)
          await finishJob(from.db, row, { state: 'COMPLETED', now: NOW + 1_001 })
        }
      }
      await Promise.all(Array.from({ length: 8 }, (_, worker) => work(worker)))
      assert.equal(claims.length, 200)
      assert.equal(new Set(claims).size, 200)
      const done = await listJobs(
        store.db,
        { accountId: ACCOUNT, kinds: ['backup'], states: ['COMPLETED'] },
        { limit: 500 },
      )
      assert.equal(done.rows.length, 200)
    },
  },
  {
    name: 'the job due longest is claimed first, none before its time, none of another kind',
    run: async (store) => {
      await insertJob(store.db, job({ job_id: 'second', run_at: NOW + 2 }))
      await insertJob(store.db, job({ job_id: 'first', run_at: NOW + 1 }))
      await insertJob(store.db, job({ job_id: 'restore', kind: 'restore' }))
      assert.equal(await claim(store, 'w', NOW), undefined)
      assert.equal(await nextDueAt(store.db, ['backup']), NOW + 1)
      assert.equal((await claimed(store, 'w', NOW + 5)).job_id, 'first')
      assert.equal((await claimed(store, 'w', NOW + 5)).job_id, 'second')
      assert.equal(await claim(store, 'w', NOW + 5), undefined)
      assert.equal((await claimed(store, 'w', NOW + 5, ['restore', 'sweep'])).job_id, 'restore')
    },
  },
  {
    name: 'accounts take turns whoever waits longer: who had none first, then whose turn was longest ago',
    run: async (store) => {
      const [big, small, none] = [ACCOUNT, '444455556666', '777788889999']
      await insertJob(store.db, job({ job_id: 'big', account_id: big, run_at: NOW }))
      await insertJob(store.db, job({ job_id: 'small', account_id: small, run_at: NOW + 1 }))
      await insertJob(store.db, job({ job_id: 'none', account_id: none, run_at: NOW + 2 }))
      await insertJob(store.db, job({ job_id: 'none, later', account_id: none, run_at: NOW + 3 }))
      const request = { kinds: ['backup'], owner: 'w', now: NOW + 5, leaseMs: LEASE_MS } as const
      const turns = [small, big]
      const order = []
      for (let i = 0; i < 3; i++)
        order.push((await claimJob(store, { ...request, turns, notOf: i === 2 ? [none] : [] }))?.job_id)
      assert.deepEqual(order, ['none', 'none, later', 'small'])
      assert.equal(await claimJob(store, { ...request, notOf: [big] }), undefined)
      assert.equal((await claimJob(store, request))?.job_id, 'big')
    },
  },
  {
    name: 'of fifty jobs with one lock key one runs at a time, whoever claims',
    run: async (store, { other }) => {
      for (let i = 0; i < 50; i++) await insertJob(store.db, job({ job_id: `job-${i}`, lock_key: 'arn:db' }))
      await insertJob(store.db, job({ job_id: 'free', run_at: NOW + 1 }))
      let finished = 0
      for (let round = 0; finished < 51; round++) {
        const rows = await Promise.all(
          Array.from({ length: 8 }, (_, i) => claim(i % 2 === 0 ? store : other, `w${i}`, NOW + 1)),
        )
        const held = rows.filter((row) => row !== undefined)
        assert.equal(held.filter((row) => row.lock_key === 'arn:db').length, 1)
        assert.equal(held.length, round === 0 ? 2 : 1)
        for (const row of held) await finishJob(store.db, row, { state: 'COMPLETED', now: NOW })
        finished += held.length
      }
      assert.equal(await claim(store, 'w', NOW + 1), undefined)
    },
  },
  ...LIMITS_CONTRACT,
  {
    name: 'a job whose lease ran out is claimed again, and the one who lost it can write nothing more',
    run: async (store) => {
      await insertJob(store.db, job({ job_id: 'job' }))
      const zombie = await claimed(store, 'w1')
      assert.equal(await claim(store, 'w2', NOW + LEASE_MS - 1), undefined)
      const current = await claimed(store, 'w2', NOW + LEASE_MS)
      assert.deepEqual(
        [current.job_id, current.fence, current.attempts, current.started_at],
        ['job', 2, 2, NOW],
      )
      const later = { now: NOW + LEASE_MS + 1, leaseMs: LEASE_MS }
      const writes = [
        async () => await heartbeat(store.db, zombie, later),
        async () => await updateClaimed(store.db, zombie, { result: '{"stolen":true}' }),
        async () => await assertClaim(store.db, zombie),
        async () => await putBack(store.db, zombie, { runAt: NOW, message: 'again' }),
        async () => await finishJob(store.db, zombie, { state: 'FAILED', now: NOW }),
        // The fence alone is not enough: the owner must be the same too.
        async () => await heartbeat(store.db, { ...zombie, fence: 2 }, later),
      ]
      for (const write of writes) await assert.rejects(write, LeaseLostError)
      await assert.rejects(
        store.transaction(async (tx) => {
          await insertVault(tx, vaultRow('by-zombie'))
          await assertClaim(tx, zombie)
        }),
        LeaseLostError,
      )
      assert.deepEqual(await read(store, 'job'), current)
      await assertClaim(store.db, current)
      await finishJob(store.db, current, { state: 'COMPLETED', now: NOW + 2, result: '{"a":1}' })
      await assert.rejects(finishJob(store.db, current, { state: 'FAILED', now: NOW }), LeaseLostError)
      const done = await read(store, 'job')
      assert.deepEqual(
        [done.state, done.result, done.completed_at, done.lease_until],
        ['COMPLETED', '{"a":1}', NOW + 2, null],
      )
    },
  },
  {
    name: 'heartbeats keep the lease and carry the progress',
    run: async (store) => {
      await insertJob(store.db, job({ job_id: 'job' }))
      const held = await claimed(store, 'w1')
      const progress = { bytesTotal: 100, bytesDone: 40, itemsDone: 3, itemsFailed: 1 }
      const beat = await heartbeat(store.db, held, { now: NOW + 20_000, leaseMs: LEASE_MS, progress })
      assert.deepEqual(beat, { stop: undefined })
      assert.equal(await claim(store, 'w2', NOW + LEASE_MS), undefined)
      assert.equal(await nextDueAt(store.db, ['backup']), NOW + 20_000 + LEASE_MS)
      await heartbeat(store.db, held, { now: NOW + 21_000, leaseMs: LEASE_MS, progress: { bytesDone: 50 } })
      const row = await read(store, 'job')
      assert.deepEqual([row.bytes_total, row.bytes_done, row.items_done, row.items_failed], [100, 50, 3, 1])
    },
  },
  {
    name: 'a job not started inside its window ends EXPIRED with a reason and is never claimed',
    run: async (store) => {
      await insertJob(store.db, job({ job_id: 'late', start_by: NOW + 10 }))
      await insertJob(
        store.db,
        job({ job_id: 'tried', start_by: NOW + 10, status_message: 'it did not answer' }),
      )
      await insertJob(store.db, job({ job_id: 'open', start_by: NOW + 11, run_at: NOW + 20 }))
      await insertJob(store.db, job({ job_id: 'without', run_at: NOW + 20 }))
      assert.deepEqual(await expireUnstarted(store.db, 'backup', NOW + 9, 'too late'), [])
      assert.equal(await claim(store, 'w', NOW + 10), undefined)
      assert.deepEqual((await expireUnstarted(store.db, 'backup', NOW + 10, 'too late')).toSorted(), [
        'late',
        'tried',
      ])
      const late = await read(store, 'late')
      assert.deepEqual(
        [late.state, late.status_message, late.completed_at],
        ['EXPIRED', 'too late', NOW + 10],
      )
      assert.equal((await read(store, 'tried')).status_message, 'it did not answer')
      assert.equal((await claimed(store, 'w', NOW + 20)).job_id, 'without')
    },
  },
  {
    name: 'a job under way is not expired by its start window',
    run: async (store) => {
      await insertJob(store.db, job({ job_id: 'job', start_by: NOW + 10 }))
      await claimed(store, 'w')
      assert.deepEqual(await expireUnstarted(store.db, 'backup', NOW + 10, 'too late'), [])
      assert.equal((await claimed(store, 'w2', NOW + LEASE_MS)).fence, 2)
    },
  },
  {
    name: 'an ended job is gone when it is kept no longer, one that runs or is kept for good is not',
    run: async (store) => {
      await insertJob(store.db, job({ job_id: 'a ended', kept_until: NOW + 10 }))
      await insertJob(store.db, job({ job_id: 'b for good' }))
      await insertJob(store.db, job({ job_id: 'c waits', kept_until: NOW + 10 }))
      for (const id of ['a ended', 'b for good']) {
        const row = await claimed(store, 'w')
        assert.equal(row.job_id, id)
        await finishJob(store.db, row, { state: 'COMPLETED', now: NOW })
      }
      const left = async (): Promise<readonly string[]> =>
        (await listJobs(store.db, { accountId: ACCOUNT, kinds: ['backup'] }, { limit: 9 })).rows
          .map(({ job_id }) => job_id)
          .toSorted()
      await pruneJobs(store.db, NOW + 9)
      assert.deepEqual(await left(), ['a ended', 'b for good', 'c waits'])
      await pruneJobs(store.db, NOW + 10)
      assert.deepEqual(await left(), ['b for good', 'c waits'])
    },
  },
  {
    name: 'leases of a dead process are taken over at once, those of others are left',
    run: async (store) => {
      for (const id of ['a', 'b', 'c']) await insertJob(store.db, job({ job_id: id }))
      const dead = await claimed(store, 'host_1%:17')
      const alive = await claimed(store, 'host_1%2:9')
      const twin = await claimed(store, 'hostX1%:17')
      assert.deepEqual(await takeOverLeases(store.db, 'host_1%:', NOW + 1), [dead.job_id])
      await assert.rejects(heartbeat(store.db, dead, { now: NOW + 1, leaseMs: LEASE_MS }), LeaseLostError)
      for (const row of [alive, twin]) await heartbeat(store.db, row, { now: NOW + 1, leaseMs: LEASE_MS })
      const again = await claimed(store, 'host_1%:18', NOW + 1)
      assert.equal(again.job_id, dead.job_id)
      assert.ok(again.fence > dead.fence)
    },
  },
  ...STOPS_CONTRACT,
  {
    name: 'a job put back waits for its new time and keeps the reason',
    run: async (store) => {
      await insertJob(store.db, job({ job_id: 'job', lock_key: 'k' }))
      const held = await claimed(store, 'w')
      assert.equal(await putBack(store.db, held, { runAt: NOW + 50, message: 'it did not answer' }), true)
      const row = await read(store, 'job')
      assert.deepEqual(
        [row.state, row.status_message, row.lease_owner],
        ['CREATED', 'it did not answer', null],
      )
      await assert.rejects(heartbeat(store.db, held, { now: NOW, leaseMs: LEASE_MS }), LeaseLostError)
      assert.equal(await claim(store, 'w', NOW + 49), undefined)
      assert.equal((await claimed(store, 'w', NOW + 50)).attempts, 2)
    },
  },
  {
    name: 'a copy holds a lease on both of its vaults, and neither goes meanwhile',
    run: async (store) => {
      const from = vaultRow('from', { generation: 4 })
      const into = vaultRow('into', { generation: 7, account_id: '999999999999', arn: 'arn:into' })
      for (const vault of [from, into]) await insertVault(store.db, vault)
      const oldest = async (): Promise<readonly (number | undefined)[]> =>
        await Promise.all([from, into].map((vault) => oldestLiveGeneration(store.db, vault, 'sweep')))
      await insertJob(
        store.db,
        job({ job_id: 'copy', kind: 'copy', vault_name: 'from', destination_vault_arn: 'arn:into' }),
      )
      assert.deepEqual(await oldest(), [undefined, undefined])
      const held = await claimed(store, 'w1', NOW, ['copy'])
      assert.deepEqual([held.lease_generation, held.destination_generation], [4, 7])
      assert.equal(await bumpGeneration(store.db, into), 8)
      assert.deepEqual(await oldest(), [4, 7])
      for (const vault of [from, into])
        assert.equal(await store.transaction(async (tx) => await deleteVault(tx, vault)), 'has-jobs')
      const again = await claimed(store, 'w2', NOW + LEASE_MS, ['copy'])
      assert.deepEqual([again.lease_generation, again.destination_generation], [4, 8])
      await finishJob(store.db, again, { state: 'COMPLETED', now: NOW })
      assert.deepEqual(await oldest(), [undefined, undefined])
      for (const vault of [from, into])
        assert.equal(await store.transaction(async (tx) => await deleteVault(tx, vault)), 'deleted')
    },
  },
  {
    name: 'a job ends only in a state that its kind can come to',
    run: async (store) => {
      await insertJob(store.db, job({ job_id: 'job', kind: 'restore' }))
      const held = await claimed(store, 'w', NOW, ['restore'])
      await assert.rejects(finishJob(store.db, held, { state: 'PARTIAL', now: NOW }), /never becomes PARTIAL/)
      await finishJob(store.db, held, { state: 'FAILED', now: NOW, status_message: 'incomplete' })
      assert.equal((await read(store, 'job')).state, 'FAILED')
    },
  },
  {
    name: 'a lease remembers the generation it began at; a sweep sees the oldest one but its own',
    run: async (store) => {
      const vault = vaultRow('v', { generation: 4 })
      await insertVault(store.db, vault)
      const oldest = async (): Promise<number | undefined> =>
        await oldestLiveGeneration(store.db, vault, 'sweep')
      await insertJob(store.db, job({ job_id: 'a', vault_name: 'v' }))
      const first = await claimed(store, 'w1')
      assert.equal(first.lease_generation, 4)
      assert.equal(await bumpGeneration(store.db, vault), 5)
      await insertJob(
        store.db,
        job({ job_id: 'sweep', kind: 'sweep', vault_name: 'v', lock_key: `sweep ${vault.vault_id}` }),
      )
      const sweep = await claimed(store, 'w2', NOW, ['sweep'])
      assert.equal(sweep.lease_generation, 5)
      assert.equal(await oldest(), 4)
      const again = await claimed(store, 'w3', NOW + LEASE_MS)
      assert.equal(again.lease_generation, 5)
      assert.equal(await oldest(), 5)
      await finishJob(store.db, again, { state: 'COMPLETED', now: NOW })
      assert.equal(await oldest(), undefined)
      // What keeps the vault in order does not keep the vault.
      await insertJob(store.db, job({ job_id: 'check', kind: 'verify', vault_name: 'v' }))
      const remove = async (): Promise<string> =>
        await store.transaction(async (tx) => await deleteVault(tx, vault))
      assert.equal(await remove(), 'has-jobs')
      await finishJob(store.db, await claimed(store, 'w4', NOW, ['verify']), { state: 'COMPLETED', now: NOW })
      assert.deepEqual(
        (await unfinishedUpkeep(store.db, vault)).map(({ job_id }) => job_id),
        ['sweep'],
      )
      assert.equal(await remove(), 'deleted')
    },
  },
  {
    name: 'jobs are listed newest first, each once, by all filters',
    run: async (store) => {
      for (let i = 0; i < 11; i++) {
        const kind = i % 2 === 0 ? 'backup' : 'restore'
        await insertJob(
          store.db,
          job({ kind, created_at: NOW + Math.floor(i / 5), vault_name: `v${i % 3}`, resource_type: 'RDS' }),
        )
      }
      const scope = { accountId: ACCOUNT, region: REGION, kinds: ['backup', 'restore'] as const }
      const all = await readPages(async (page) => await listJobs(store.db, scope, page), 4)
      assert.equal(new Set(all.map((row) => row.job_id)).size, 11)
      assert.deepEqual(
        all.map((row) => row.created_at - NOW),
        [2, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0],
      )
      const count = async (filter: object): Promise<number> =>
        (await listJobs(store.db, { ...scope, ...filter }, { limit: 100 })).rows.length
      assert.equal(await count({ kinds: ['backup'] }), 6)
      assert.equal(await count({ states: ['PENDING'] }), 5)
      assert.equal(await count({ vaultName: 'v0', createdBefore: NOW + 1 }), 2)
      assert.equal(await count({ createdAfter: NOW + 1 }), 1)
      assert.equal(await count({ completedAfter: 0 }), 0)
      assert.equal(await count({ resourceType: 'S3' }), 0)
      assert.equal(await count({ accountId: '444455556666' }), 0)
      assert.equal(await hasUnfinishedJob(store.db, { ...scope, vaultName: 'v0' }), true)
      assert.equal(await hasUnfinishedJob(store.db, { ...scope, vaultName: 'v9' }), false)
    },
  },
  {
    name: 'who waits for work is woken by whoever brings it, also when it came just before',
    run: async (store, { other }) => {
      const never = new AbortController().signal
      const waiting = store.waitForWake(never, 60_000)
      other.wake()
      await waiting
      store.wake()
      await store.waitForWake(never, 60_000)
      const stopping = new AbortController()
      const stopped = store.waitForWake(stopping.signal, 60_000)
      stopping.abort()
      await stopped
    },
  },
]
