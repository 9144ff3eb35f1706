import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fillDisks } from './full-disk.ts'
import { failCalls } from './io-errors.ts'
import { killVaultProcesses } from './kills.ts'
import { writeAtOnce } from './many-writers.ts'
import { cutPower } from './power-cuts.ts'

/**
 * What a machine does to a vault on its disk, with real processes and file systems. The same seeds in each run, so that it fails only
 * for a reason; `npm run torture -- vault` has more of each. test/workers/kill.test.ts kills whole servers.
 */

const SEED = 1
const KILLS = 6
const SIZES = 16
const WRITERS = 3
const CUTS = 2

test(`${KILLS} processes killed at any moment leave a whole vault with all they had acknowledged`, async (t) => {
  const counts = await killVaultProcesses({ seed: SEED, kills: KILLS })
  t.diagnostic(JSON.stringify(counts))
  assert.ok(counts.amidst > 0)
})

test(`a disk that fills up at ${SIZES} sizes harms nothing, and what is deleted makes room again`, async (t) => {
  const counts = await fillDisks(SIZES)
  if (typeof counts === 'string') return t.skip(`no file system can be mounted here: ${counts}`)
  t.diagnostic(JSON.stringify(counts))
  assert.ok(counts.failed >= 5 && counts.done >= 2)
})

test('a call that fails with EIO makes no lie of what was acknowledged', async (t) => {
  const counts = await failCalls({ seed: SEED, calls: { fsync: [9], link: [2], unlink: [3] } })
  if (typeof counts === 'string') return t.skip(counts)
  t.diagnostic(JSON.stringify(counts))
  assert.ok(counts.failed >= 4)
})

test(`what was acknowledged outlives ${CUTS} power cuts`, async (t) => {
  const counts = await cutPower({ seed: SEED, cuts: CUTS })
  if (typeof counts === 'string') return t.skip(`no disk can be made and cut off here: ${counts}`)
  t.diagnostic(JSON.stringify(counts))
  assert.ok(counts.acknowledged > 0)
})

test(`${WRITERS} processes that write one vault while a fourth sweeps it lose nothing and stop nobody`, async (t) => {
  const counts = await writeAtOnce({ seed: SEED, writers: WRITERS })
  t.diagnostic(JSON.stringify(counts))
  assert.ok(counts.sweeps > 0 && counts.points > WRITERS)
})
