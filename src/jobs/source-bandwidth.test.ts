import assert from 'node:assert/strict'
import { test } from 'node:test'
import { putJobLimits } from '../store/jobs/job-limits.ts'
import { openStore } from '../store/store.ts'
import { SourceBandwidth } from './source-bandwidth.ts'

const KIB = 1024
const NEVER = new AbortController().signal

test('SourceBandwidth lets bytes through as fast as is set, all jobs together, sees a change, and waits for no job that is stopped', async () => {
  const store = await openStore({ kind: 'sqlite', file: ':memory:' })
  try {
    let laterMs = 0
    const clock = { now: () => Date.now(), monotonic: () => performance.now() + laterMs }
    const limit = new SourceBandwidth(store, clock)
    const msOf = async (...takes: readonly number[]): Promise<number> => {
      const begun = performance.now()
      await Promise.all(takes.map(async (bytes) => await limit.take(bytes, NEVER)))
      return performance.now() - begun
    }
    assert.ok((await msOf(1000 * KIB, 1000 * KIB)) < 5_000, 'nothing is set')
    const windows = [{ fromHour: 0, toHour: 24, bytesPerSecond: 64 * KIB }]
    await putJobLimits(store.db, { bandwidth: { timeZone: 'UTC', windows } })
    laterMs += 10_000
    const waited = await msOf(4 * KIB, 4 * KIB, 4 * KIB)
    assert.ok(waited > 100, `two of three waited for those before them: ${waited} ms`)

    await limit.take(1000 * KIB, NEVER)
    const stopped = new AbortController()
    const waiting = limit.take(1, stopped.signal)
    stopped.abort(new Error('stopped by user'))
    await assert.rejects(waiting, /stopped by user/)
    await putJobLimits(store.db, {})
    laterMs += 10_000
    assert.ok((await msOf(1000 * KIB, 1000 * KIB)) < 5_000, 'nothing is set any more')
  } finally {
    await store.close()
  }
})
