import assert from 'node:assert/strict'
import { appendAudit, appendAuditGrouped, listAudit } from './audit.ts'
import { ACCOUNT, NOW, auditRecord, decisionRow, denialRow, readPages } from './contract-rows.ts'
import type { ContractCase } from './contract-rows.ts'
import { DENIAL_KEPT_MS, findDenial, insertDenials, pruneDenials } from './denials.ts'
import { listDecisions, countDecisions, nextDecisionSeq, saveDecisions } from './decisions.ts'

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
    name: 'R15 a denial is found by its id in its own account only, and a second one of the same id changes nothing',
    run: async (store) => {
      await insertDenials(store.db, [denialRow('first'), denialRow('other', { account_id: '999988887777' })])
      await insertDenials(store.db, [denialRow('first', { reason: 'forged' })])
      assert.deepEqual(await findDenial(store.db, ACCOUNT, 'first'), denialRow('first'))
      assert.equal(await findDenial(store.db, ACCOUNT, 'other'), undefined)
      assert.equal(await findDenial(store.db, ACCOUNT, 'absent'), undefined)
    },
  },
  {
    name: 'denials are kept for 90 days and pruned in batches until none is older',
    run: async (store) => {
      const old = Array.from({ length: 7 }, (_, i) => denialRow(`old${i}`, { at: NOW - DENIAL_KEPT_MS - 1 }))
      await insertDenials(store.db, [...old, denialRow('kept', { at: NOW - DENIAL_KEPT_MS })])
      assert.equal(await pruneDenials(store.db, NOW, () => true), 0)
      assert.equal(await pruneDenials(store.db, NOW, () => false, 3), 7)
      assert.equal(await findDenial(store.db, ACCOUNT, 'old0'), undefined)
      assert.equal((await findDenial(store.db, ACCOUNT, 'kept'))?.id, 'kept')
    },
  },
  {
    name: 'R24 the audit trail cannot be changed or deleted, not even by the server',
    run: async (store) => {
      await appendAudit(store.db, auditRecord({ effect: 'Deny' }))
      await assert.rejects(store.db.updateTable('audit').set({ effect: 'Allow' }).execute(), /append-only/)
      await assert.rejects(store.db.deleteFrom('audit').execute(), /append-only/)
      const page = await listAudit(store.db, { accountId: ACCOUNT }, { limit: 10 })
      assert.deepEqual(
        page.rows.map((row) => row.effect),
        ['Deny'],
      )
    },
  },
  {
    name: 'R24 an acknowledged audit record can be read at once, in the order they were asked for, singly and in groups',
    run: async (store, { other }) => {
      const single = auditRecord({ at: NOW - 1 })
      await appendAudit(store.db, single)
      const records = Array.from({ length: 300 }, (_, i) => auditRecord({ at: NOW + i }))
      await Promise.all(
        records.map(async (record) => {
          await appendAuditGrouped(store, record)
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
    name: 'an audit record asked for inside a transaction, where waiting would never end, is refused',
    run: async (store) => {
      const waiting = store.transaction(async () => await appendAuditGrouped(store, auditRecord()))
      await assert.rejects(waiting, /beside the transaction/)
      await appendAuditGrouped(store, auditRecord())
      assert.equal((await listAudit(store.db, { accountId: ACCOUNT }, { limit: 10 })).rows.length, 1)
    },
  },
]
