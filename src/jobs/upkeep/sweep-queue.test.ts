import assert from 'node:assert/strict'
import { test } from 'node:test'
import { StoreFullError } from '../../blobs/blob-store.ts'
import { uuid } from '../../lib/ids.ts'
import { findJob, insertJob } from '../../store/jobs/jobs.ts'
import type { JobTable } from '../../store/schema.ts'
import { openStore } from '../../store/store.ts'
import type { Store } from '../../store/store.ts'
import { RetryLaterError } from '../errors.ts'
import { behindRoom, queueSweep, SWEEP_OF_EXPIRED_MS } from './sweep-queue.ts'

const ACCOUNT = '111122223333'
const NOW = 1_000_000_000_000
const vaultOf = (region: string) => ({
  account_id: ACCOUNT,
  region,
  name: 'vault',
  vault_id: `vault of ${region}`,
})
const HERE = vaultOf('us-east-1')
const THERE = vaultOf('eu-west-1')
const by = (now: number, waitMs = 0) => ({
  callerArn: 'arn:aws:iam::111122223333:root',
  now,
  runAt: now + waitMs,
})

async function withStore(
  work: (store: Store, times: () => Promise<readonly number[]>) => Promise<void>,
): Promise<void> {
  const store = await openStore({ kind: 'sqlite', file: ':memory:' })
  try {
    await work(store, async () => {
      const sweeps = await store.db.selectFrom('job').select('run_at').where('kind', '=', 'sweep').execute()
      return sweeps.map((row) => row.run_at)
    })
  } finally {
    await store.close()
  }
}

/** A job of this vault that met the end of its storage. */
async function fullJob({ db }: Store, more: Partial<JobTable>): Promise<JobTable> {
  const job_id = uuid()
  const { kind = 'backup', vault_name = null, destination_vault_arn = null } = more
  await insertJob(db, {
    account_id: ACCOUNT,
    region: HERE.region,
    job_id,
    kind,
    created_at: NOW,
    caller_arn: 'arn:aws:iam::111122223333:root',
    vault_name,
    destination_vault_arn,
  })
  return (await findJob(db, ACCOUNT, job_id)) as JobTable
}

test('a sweep of what expired is one for all that expires meanwhile, and one that somebody waits for goes first', async () => {
  await withStore(async (store, times) => {
    await queueSweep(store.db, HERE, by(NOW, SWEEP_OF_EXPIRED_MS))
    await queueSweep(store.db, HERE, by(NOW + 3_600_000, SWEEP_OF_EXPIRED_MS))
    assert.deepEqual(await times(), [NOW + SWEEP_OF_EXPIRED_MS])
    await queueSweep(store.db, HERE, by(NOW + 5_000_000))
    assert.deepEqual(await times(), [NOW + 5_000_000])
  })
})

test('where no room is left, what expired there is swept now and the job begins again behind it; elsewhere it fails', async () => {
  await withStore(async (store, times) => {
    const tools = { store, clock: { now: () => NOW, monotonic: () => 0 } }
    const full = new StoreFullError('/vault', { cause: Object.assign(new Error('full'), { code: 'ENOSPC' }) })
    const copy = await fullJob(store, {
      kind: 'copy',
      vault_name: 'vault',
      destination_vault_arn: 'arn:aws:backup:eu-west-1:111122223333:backup-vault:vault',
    })
    await queueSweep(store.db, HERE, by(NOW, SWEEP_OF_EXPIRED_MS))
    assert.equal(await behindRoom(tools, copy, full), full, 'nothing expired where the copy goes')
    assert.deepEqual(await times(), [NOW + SWEEP_OF_EXPIRED_MS])
    await queueSweep(store.db, THERE, by(NOW, SWEEP_OF_EXPIRED_MS))
    assert.ok((await behindRoom(tools, copy, full)) instanceof RetryLaterError)
    assert.deepEqual(
      (await times()).toSorted((a, b) => a - b),
      [NOW, NOW + SWEEP_OF_EXPIRED_MS],
    )
    const backup = await fullJob(store, { vault_name: 'vault' })
    const other = new Error('another')
    assert.equal(await behindRoom(tools, backup, other), other)
    assert.ok((await behindRoom(tools, backup, full)) instanceof RetryLaterError)
    assert.deepEqual(await times(), [NOW, NOW])
    assert.equal(await behindRoom(tools, backup, full), full, 'that sweep could free nothing more')
  })
})
