import assert from 'node:assert/strict'
import { sql } from 'kysely'
import { openTestChain, testMac } from './audit/audit.fixture.ts'
import { chainIds, chainStarts } from './audit/audit-heads.ts'
import { verifyAudit } from './audit/audit-verify.ts'
import type { PageRequest } from './page.ts'
import type { Store } from './store.ts'
import { appendAudit, listAudit } from './audit/audit.ts'
import { ACCOUNT, NOW, auditRecord, decisionRow, denialRow, readPages } from './contract-rows.ts'
import type { ContractCase } from './contract-rows.ts'
import type { DenialTable } from './audit/schema-denials.ts'
import {
  boundDenials,
  countDenial,
  DENIAL_KEPT_MS,
  findDenial,
  findDenialPolicy,
  insertDenials,
  pruneDenials,
} from './audit/denials.ts'
import type { DenialRecord } from './audit/denials.ts'
import { listDecisions, countDecisions, nextDecisionSeq, saveDecisions } from './audit/decisions.ts'

const OTHER = '999988887777'

const recordsOf = (...rows: readonly DenialTable[]): readonly DenialRecord[] =>
  rows.map((row) => ({ row, policies: [] }))

/** What is kept of decisions. */
export const RECORDS_CONTRACT: readonly ContractCase[] = [
  {
    name: 'the record of a job aggregates: a saved line grows, and what it first said stays',
    run: async (store) => {
      const job = { account_id: ACCOUNT, job_id: 'job-1' }
      assert.equal(await nextDecisionSeq(store.db, 'job-1'), 0)
      const denial = decisionRow(1, { effect: 'Deny', reason: 'no statement allows it' })
      await saveDecisions(store.db, job, [decisionRow(0), denial])
      const later = { count: 41, last_arn: 'arn:aws:s3:::b/9', last_at: NOW + 9 }
      await saveDecisions(store.db, job, [
        decisionRow(0, { ...later, first_arn: 'other', first_at: NOW + 8 }),
      ])
      const page = await listDecisions(store.db, { accountId: ACCOUNT, jobId: 'job-1' }, { limit: 10 })
      assert.deepEqual(page.rows, [
        { ...job, ...decisionRow(0, later) },
        { ...job, ...denial },
      ])
      assert.deepEqual(await countDecisions(store.db, 'job-1'), { allowed: 41, denied: 1 })
      assert.equal(await nextDecisionSeq(store.db, 'job-1'), 2)
      const many = Array.from({ length: 1_200 }, (_, i) => decisionRow(2 + i, { effect: 'Deny' }))
      await saveDecisions(store.db, job, many)
      const denials = await readPages(
        async (request) =>
          await listDecisions(store.db, { accountId: ACCOUNT, jobId: 'job-1', effect: 'Deny' }, request),
        500,
      )
      assert.deepEqual(
        denials.map((row) => row.seq),
        [1, ...many.map((row) => row.seq)],
      )
    },
  },
  {
    name: 'R15 a denial is found by its id in its own account only; met again it is counted, and what it said stays',
    run: async (store) => {
      const kept = recordsOf(denialRow('first'), denialRow('other', { account_id: OTHER }))
      await insertDenials(store.db, kept)
      await insertDenials(store.db, recordsOf(denialRow('first', { reason: 'forged', last_at: NOW + 5 })))
      assert.deepEqual(
        await findDenial(store.db, ACCOUNT, 'first'),
        denialRow('first', { count: 2, last_at: NOW + 5 }),
      )
      assert.equal(await countDenial(store.db, ACCOUNT, 'first', NOW + 9), true)
      assert.equal(await countDenial(store.db, OTHER, 'first', NOW + 9), false)
      const counted = await findDenial(store.db, ACCOUNT, 'first')
      assert.deepEqual([counted?.count, counted?.at, counted?.last_at], [3, NOW, NOW + 9])
      assert.equal(await findDenial(store.db, ACCOUNT, 'other'), undefined)
      assert.equal(await findDenial(store.db, ACCOUNT, 'absent'), undefined)
    },
  },
  {
    name: 'R15 both sides of a refusal across accounts have one id, and the resource’s side tells the newest',
    run: async (store) => {
      const theirs = denialRow('shared', { account_id: OTHER, side: 'resource', reason: 'then' })
      await insertDenials(store.db, recordsOf(denialRow('shared'), theirs))
      await insertDenials(store.db, recordsOf({ ...theirs, reason: 'now', last_at: NOW + 1 }))
      assert.deepEqual(await findDenial(store.db, ACCOUNT, 'shared'), denialRow('shared'))
      const newest = { ...theirs, reason: 'now', count: 2, last_at: NOW + 1 }
      assert.deepEqual(await findDenial(store.db, OTHER, 'shared'), newest)
    },
  },
  {
    name: 'denials are kept for 90 days after the last of them and pruned in batches until none is older',
    run: async (store) => {
      const before = NOW - DENIAL_KEPT_MS - 1
      const old = Array.from({ length: 7 }, (_, i) => denialRow(`old${i}`, { at: before, last_at: before }))
      const kept = denialRow('kept', { at: before, last_at: before })
      const text = { digest: 'd', document: '{}' }
      const ancient = denialRow('ancient', { at: 0, last_at: 0 })
      await insertDenials(store.db, [...recordsOf(...old, kept), { row: ancient, policies: [text] }])
      await insertDenials(store.db, [{ row: denialRow('new'), policies: [{ digest: 'e', document: '[]' }] }])
      assert.equal(await countDenial(store.db, ACCOUNT, 'kept', NOW - DENIAL_KEPT_MS), true)
      assert.equal(await pruneDenials(store.db, NOW, () => true), 0)
      assert.equal(await findDenialPolicy(store.db, ACCOUNT, 'd'), '{}')
      assert.equal(await pruneDenials(store.db, NOW, () => false, 3), 8)
      assert.equal(await findDenial(store.db, ACCOUNT, 'old0'), undefined)
      assert.equal((await findDenial(store.db, ACCOUNT, 'kept'))?.id, 'kept')
      assert.equal(await findDenialPolicy(store.db, ACCOUNT, 'd'), undefined)
      assert.equal(await findDenialPolicy(store.db, ACCOUNT, 'e'), '[]')
      assert.equal(await findDenialPolicy(store.db, OTHER, 'e'), undefined)
    },
  },
  {
    name: 'denials of an account are bounded, the oldest go first, and those of strangers push out none of its own',
    run: async (store) => {
      const own = Array.from({ length: 12 }, (_, i) => denialRow(`own${i}`, { last_at: NOW + i }))
      const strange = Array.from({ length: 9 }, (_, i) =>
        denialRow(`strange${i}`, { side: 'resource', last_at: NOW + 100 + i }),
      )
      await insertDenials(store.db, recordsOf(...own, ...strange, denialRow('far', { account_id: OTHER })))
      await boundDenials(store.db, ACCOUNT, { caller: 10, resource: 4 })
      const left = await store.db.selectFrom('denial').select('id').orderBy('last_at').execute()
      assert.deepEqual(
        left.map(({ id }) => id),
        ['far', ...own.slice(2).map(({ id }) => id), ...strange.slice(5).map(({ id }) => id)],
      )
      // One new row in 64 looks after the bound by itself: the one whose id says so.
      const most = { caller: 10, resource: 4 }
      for (let i = 0; i < 64; i++) {
        const id = `added${i.toString(16).padStart(2, '0')}`
        await insertDenials(store.db, recordsOf(denialRow(id, { last_at: NOW + 200 + i })), most)
      }
      const { count } = await store.db
        .selectFrom('denial')
        .select((eb) => eb.fn.countAll().as('count'))
        .where('account_id', '=', ACCOUNT)
        .where('side', '=', 'caller')
        .executeTakeFirstOrThrow()
      assert.ok(Number(count) >= 10 && Number(count) < 10 + 64, String(count))
    },
  },
  {
    name: 'R24 the audit trail cannot be changed or deleted, not even by the server',
    run: async (store) => {
      await appendAudit(store, auditRecord({ effect: 'Deny' }))
      await assert.rejects(store.db.updateTable('audit').set({ effect: 'Allow' }).execute(), /append-only/)
      await assert.rejects(store.db.deleteFrom('audit').execute(), /append-only/)
      const page = await listAudit(store.db, { accountId: ACCOUNT }, { limit: 10 })
      assert.deepEqual(
        page.rows.map((row) => row.effect),
        ['Deny'],
      )
      for (const [principal, found] of [
        ['USER/Db', 1],
        ['d_a', 0],
        ['user\\dba', 0],
      ] as const) {
        const named = await listAudit(store.db, { accountId: ACCOUNT, principal }, { limit: 10 })
        assert.equal(named.rows.length, found, principal)
      }
    },
  },
  {
    name: 'R24 an acknowledged audit record can be read at once, in the order they were asked for',
    run: async (store, { other }) => {
      const single = auditRecord({ at: NOW - 1 })
      await appendAudit(store, single)
      const records = Array.from({ length: 300 }, (_, i) => auditRecord({ at: NOW + i }))
      await Promise.all(
        records.map(async (record) => {
          await appendAudit(store, record)
          const filter = { accountId: ACCOUNT, requestId: record.request_id }
          if (record.at % 50 === 0)
            assert.equal((await listAudit(other.db, filter, { limit: 2 })).rows.length, 1)
        }),
      )
      const rows = await readPages(
        async (page) => await listAudit(store.db, { accountId: ACCOUNT }, page),
        70,
      )
      assert.deepEqual(
        rows.map((row) => row.request_id).toReversed(),
        [single, ...records].map((record) => record.request_id),
      )
    },
  },
  {
    name: 'R24 chains of several processes that write at once neither fork nor tear, and a later one names their ends',
    run: async (store, { other }) => {
      const append = async (to: Store): Promise<void> =>
        void (await Promise.all(Array.from({ length: 150 }, () => appendAudit(to, auditRecord()))))
      await Promise.all([append(store), append(other)])
      openTestChain(store, 'a later process')
      await appendAudit(store, auditRecord())
      const check = await verifyAudit(store.db, testMac, [], { limit: 1_000 })
      const isOne = store === other
      assert.deepEqual(check, { checked: 301 + (isOne ? 2 : 3), findings: [], next: undefined })
      const ids = await chainIds(store.db)
      const named = [...(await chainStarts(store.db, ids)).values()].flatMap(({ heads }) => heads)
      // A process that was slow to begin names the end of one that was done by then, and no later start does so again.
      for (const chainId of ids.slice(0, -1))
        assert.ok(
          named.some((head) => head.chainId === chainId && head.chainSeq === (isOne ? 301 : 151)),
          `nothing names the end of ${chainId}`,
        )
      // In parts, too, and under no other key.
      let next: readonly string[] | undefined
      let checked = 0
      do {
        const part = await verifyAudit(store.db, testMac, [], { limit: 50, after: next })
        assert.deepEqual(part.findings, [])
        checked += part.checked
        next = part.next
      } while (next !== undefined)
      assert.equal(checked, check.checked)
      const forged = await verifyAudit(store.db, () => 'forged', [], { limit: 10 })
      assert.equal(forged.findings[0]?.kind, 'Changed')
    },
  },
  {
    name: 'a search of the audit trail finds what lies far back, and its pages neither repeat nor hide a record',
    run: async (store) => {
      await sql`insert into audit (at, account_id, request_id, principal_arn, principal_id, service, action, resource, effect, layer,
          reason, chain_id, chain_seq, mac)
        with recursive number (i) as (select 1 union all select i + 1 from number where i < 4500)
        select ${sql.lit(NOW)}, ${sql.lit(ACCOUNT)}, concat('r', i), 'arn', 'id', 'backup', 'backup:ListTags',
          case when i % 500 = 1 then 'rare' else '*' end, 'Allow', 'identity', '', 'none', i, ''
        from number`.execute(store.db)
      const listed = async (filter: object, limit: number): Promise<readonly string[]> => {
        const read = async (page: PageRequest) =>
          await listAudit(store.db, { accountId: ACCOUNT, ...filter }, page)
        return (await readPages(read, limit)).map((row) => row.request_id)
      }
      assert.deepEqual(await listed({ requestId: 'r1' }, 10), ['r1'])
      assert.deepEqual(await listed({ resource: 'nowhere' }, 10), [])
      const rare = Array.from({ length: 9 }, (_, i) => `r${i * 500 + 1}`).toReversed()
      for (const limit of [2, 9, 100]) assert.deepEqual(await listed({ resource: 'rare' }, limit), rare)
      const all = Array.from({ length: 4_500 }, (_, i) => `r${4_500 - i}`)
      assert.deepEqual(await listed({}, 1_999), all)
    },
  },
  {
    name: 'an audit record asked for inside a transaction, where waiting would never end, is refused',
    run: async (store) => {
      const waiting = store.transaction(async () => await appendAudit(store, auditRecord()))
      await assert.rejects(waiting, /beside the transaction/)
      await appendAudit(store, auditRecord())
      assert.equal((await listAudit(store.db, { accountId: ACCOUNT }, { limit: 10 })).rows.length, 1)
    },
  },
]
