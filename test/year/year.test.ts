import { test } from 'node:test'
import { simulateYear } from './simulated-year.ts'

test('a simulated month: nothing expires early or is kept late, the lock holds, each due run is accounted for', async (t) => {
  // The year itself: npm run bench -- year
  const { runs, copies, deleted, seconds } = await simulateYear({ days: 30, hourlyDays: 1 })
  t.diagnostic(`${runs} runs, ${copies} copies, ${deleted} deletions in ${seconds.toFixed(1)} s`)
})
