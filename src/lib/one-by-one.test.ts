import assert from 'node:assert/strict'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { test } from 'node:test'
import { OneByOne } from './one-by-one.ts'

test('work of one key goes one after the other, also behind what failed, and keeps nobody else waiting', async () => {
  const line = new OneByOne()
  const said: string[] = []
  const work = (key: string, name: string) =>
    line.run(key, async () => {
      said.push(`${name} begins`)
      await nextTurn()
      said.push(`${name} ends`)
      if (name === 'a1') throw new Error('a1 failed')
      return name
    })
  const all = await Promise.allSettled([work('a', 'a1'), work('a', 'a2'), work('a', 'a3'), work('b', 'b1')])
  assert.deepEqual(
    all.map((one) => (one.status === 'fulfilled' ? one.value : (one.reason as Error).message)),
    ['a1 failed', 'a2', 'a3', 'b1'],
  )
  const ofA = said.filter((line) => line.startsWith('a'))
  assert.deepEqual(ofA, ['a1 begins', 'a1 ends', 'a2 begins', 'a2 ends', 'a3 begins', 'a3 ends'])
  assert.ok(said.indexOf('b1 begins') < said.indexOf('a1 ends'))
})
