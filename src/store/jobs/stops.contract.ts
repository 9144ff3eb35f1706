import assert from 'node:assert/strict'
import type { ContractCase } from '../contract-rows.ts'
import { ACCOUNT, NOW, pointRow, vaultRow } from '../contract-rows.ts'
import type { JobKind } from '../schema.ts'
import { expireUnstarted, finishJob, heartbeat, putBack } from './claims.ts'
import { insertRecoveryPoint } from '../points/recovery-points.ts'
import { insertVault } from '../vaults/vaults.ts'
import { insertJob, requestCancel } from './jobs.ts'
import { claim, claimed, job, LEASE_MS, read } from './queue.fixture.ts'

const stopOf = (callerArn: string, now = NOW + 3): Parameters<typeof requestCancel>[2] => ({
  now,
  message: `stopped by ${callerArn}`,
  callerArn,
})

/** Asking a job to stop, as every engine must do it. */
export const STOPS_CONTRACT: readonly ContractCase[] = [
  {
    name: 'a waiting job is stopped at once, one under way by its worker, an ended one not at all',
    run: async (store) => {
      const stop = async (id: string, kind: JobKind = 'backup'): Promise<string | undefined> =>
        await requestCancel(store.db, { account_id: ACCOUNT, job_id: id, kind }, stopOf('dba'))
      await insertJob(store.db, job({ job_id: 'a' }))
      assert.equal(await stop('a'), 'ABORTED')
      const waiting = await read(store, 'a')
      assert.deepEqual(
        [waiting.status_message, waiting.message_category, waiting.completed_at],
        ['stopped by dba', 'ABORTED', NOW + 3],
      )
      assert.equal(await stop('a'), undefined)
      assert.equal(await claim(store, 'w'), undefined)

      await insertJob(store.db, job({ job_id: 'b' }))
      const held = await claimed(store, 'w')
      assert.equal(await stop('b', 'restore'), undefined)
      assert.equal(await stop('b'), 'ABORTING')
      assert.equal(await requestCancel(store.db, held, stopOf('another', NOW + 5)), 'ABORTING')
      const asked = await read(store, 'b')
      assert.deepEqual([asked.stop_asked_by, asked.stop_asked_at], ['dba', NOW + 3], 'the first who asked')
      assert.equal((await read(store, 'b')).completed_at, null)
      const beat = await heartbeat(store.db, held, { now: NOW, leaseMs: LEASE_MS })
      assert.deepEqual(beat, { stop: 'stopped by dba' })
      assert.equal(await putBack(store.db, held, { runAt: NOW, message: 'again' }), false)
      await finishJob(store.db, held, { state: 'ABORTED', now: NOW + 4, status_message: 'stopped by user' })
      assert.equal((await read(store, 'b')).state, 'ABORTED')

      await insertJob(store.db, job({ job_id: 'c', kind: 'restore' }))
      assert.equal((await read(store, 'c')).state, 'PENDING')
      await claimed(store, 'w', NOW, ['restore'])
      assert.equal(await stop('c', 'restore'), 'RUNNING')
    },
  },
  {
    name: 'a recovery point that its job began and did not finish goes with the end of the job, whoever ends it',
    run: async (store) => {
      await insertVault(store.db, vaultRow('v'))
      const begin = async (id: string, kind: JobKind = 'backup'): Promise<void> => {
        await insertJob(store.db, job({ job_id: id, kind, start_by: NOW + 10 }))
        const own = { job_id: id, status: 'CREATING', completed_at: null } as const
        await insertRecoveryPoint(store.db, pointRow('v', own))
      }
      const left = async (): Promise<string[]> =>
        (await store.db.selectFrom('recovery_point').select('job_id').orderBy('job_id').execute()).map(
          (row) => row.job_id,
        )
      await begin('failed')
      const held = await claimed(store, 'w')
      await finishJob(store.db, held, { state: 'FAILED', now: NOW, status_message: 'refused' })
      assert.deepEqual(await left(), [])
      await begin('stopped', 'copy')
      await requestCancel(store.db, { account_id: ACCOUNT, job_id: 'stopped', kind: 'copy' }, stopOf('dba'))
      assert.deepEqual(await left(), [])
      // Put back by a crash, and never begun again.
      await begin('expired')
      await insertRecoveryPoint(store.db, pointRow('v', { job_id: 'expired' }))
      await expireUnstarted(store.db, 'backup', NOW + 10, 'too late')
      assert.deepEqual(await left(), ['expired'], 'what was finished stays')
    },
  },
  {
    name: 'a job that was to stop when its worker died stays ABORTING for the next worker, under its lock',
    run: async (store) => {
      await insertJob(store.db, job({ job_id: 'a', lock_key: 'k' }))
      await insertJob(store.db, job({ job_id: 'b', lock_key: 'k' }))
      const held = await claimed(store, 'w1')
      await requestCancel(store.db, held, stopOf('dba'))
      assert.equal(await claim(store, 'w2'), undefined)
      const next = await claimed(store, 'w2', NOW + LEASE_MS)
      assert.deepEqual([next.job_id, next.state, next.cancel_requested], [held.job_id, 'ABORTING', 1])
      await finishJob(store.db, next, { state: 'ABORTED', now: NOW })
      assert.notEqual((await claimed(store, 'w2')).job_id, held.job_id)
    },
  },
]
