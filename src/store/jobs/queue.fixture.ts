import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { ACCOUNT, NOW, REGION } from '../contract-rows.ts'
import type { JobKind, JobTable } from '../schema.ts'
import type { Store } from '../store.ts'
import { claimJob } from './next-job.ts'
import { findJob } from './jobs.ts'
import type { NewJob } from './jobs.ts'

/** Jobs as the contract of the queue puts, claims and reads them. */

export const LEASE_MS: number = 30_000

export function job(more: Partial<NewJob> = {}): NewJob {
  return {
    account_id: ACCOUNT,
    region: REGION,
    job_id: randomUUID(),
    kind: 'backup',
    created_at: NOW,
    caller_arn: `arn:aws:iam::${ACCOUNT}:user/dba`,
    ...more,
  }
}

export async function claim(
  store: Store,
  owner: string,
  now: number = NOW,
  kinds: JobKind[] = ['backup'],
): Promise<JobTable | undefined> {
  return await claimJob(store, { kinds, owner, now, leaseMs: LEASE_MS })
}

export async function claimed(
  store: Store,
  owner: string,
  now: number = NOW,
  kinds?: JobKind[],
): Promise<JobTable> {
  const row = await claim(store, owner, now, kinds)
  assert.ok(row, `${owner} gets a job`)
  return row
}

export async function read(store: Store, jobId: string): Promise<JobTable> {
  const row = await findJob(store.db, ACCOUNT, jobId)
  assert.ok(row)
  return row
}
