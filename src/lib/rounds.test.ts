import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLog } from './log.ts'
import { Rounds } from './rounds.ts'

test('rounds come one after another, also after one that failed, until they are stopped', async () => {
  const lines: string[] = []
  const rounds = new Rounds({
    log: createLog('json', (line) => void lines.push(line)),
    failed: 'it could not be looked at',
    waitMs: 1,
  })
  const enough = Promise.withResolvers<void>()
  const last = Promise.withResolvers<void>()
  let begun = 0
  let running = 0
  const round = async (): Promise<number | void> => {
    begun++
    assert.equal(++running, 1, 'two rounds at a time')
    try {
      await Promise.resolve()
      if (begun === 1) throw new Error('the first one fails')
      if (begun === 2) return 0
      if (begun < 4) return
      enough.resolve()
      await last.promise
    } finally {
      running--
    }
  }
  rounds.start(round)
  rounds.start(round)
  await enough.promise
  const stopped = rounds.stop()
  assert.ok(rounds.signal.aborted)
  last.resolve()
  await stopped
  assert.deepEqual([begun, running, lines.length], [4, 0, 1])
  assert.match(lines[0] ?? '', /"it could not be looked at".*the first one fails/)
})

test('stop() waits for no round that is not there yet', async () => {
  const rounds = new Rounds({ log: createLog('silent'), failed: 'it failed', waitMs: 86_400_000 })
  const begun = Promise.withResolvers<void>()
  rounds.start(() => Promise.resolve(begun.resolve()))
  await begun.promise
  await rounds.stop()
  await new Rounds({ log: createLog('silent'), failed: 'it failed', waitMs: 1 }).stop()
})
