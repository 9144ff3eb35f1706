import assert from 'node:assert/strict'
import { test } from 'node:test'
import { expectedMinutes } from './restore-estimate.ts'

const MINUTE = 60_000

test('expectedMinutes() goes by what a restore did so far, then by the last one, and knows nothing of what has ended', () => {
  const latest = { createdAt: 0, startedAt: MINUTE, completedAt: 13 * MINUTE, pointCreatedAt: 0 }
  const job = { started_at: 0, completed_at: null, bytes_total: 1_000, bytes_done: 250 }
  for (const [change, last, expected] of [
    [{}, latest, 40],
    [{ bytes_done: 1_200 }, latest, 10],
    [{ bytes_done: 0 }, latest, 12],
    [{ started_at: null, bytes_total: null, bytes_done: 0 }, latest, 12],
    [{ bytes_done: 0 }, undefined, undefined],
    [{ completed_at: 10 * MINUTE }, latest, undefined],
  ] as const)
    assert.equal(expectedMinutes({ ...job, ...change }, 10 * MINUTE, last), expected, JSON.stringify(change))
  assert.equal(expectedMinutes({ ...job, bytes_done: 999 }, 1, latest), 1)
})
