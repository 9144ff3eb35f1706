import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as soon } from 'node:timers/promises'
import { TooManyRequestsError, Turns } from './turns.ts'

const [BIG, SMALL] = ['111122223333', '444455556666']

/** Requests that end when they are told to, and the order in which they began. */
function requests(turns: Turns): {
  readonly began: string[]
  readonly send: (name: string, accountId: string, identityId: string, bytes?: number) => Promise<void>
  readonly end: (name: string) => Promise<void>
} {
  const began: string[] = []
  const ends = new Map<string, () => void>()
  return {
    began,
    send: async (name, accountId, identityId, bytes = 0) =>
      await turns.run({ accountId, identityId }, bytes, async () => {
        began.push(name)
        await new Promise<void>((resolve) => ends.set(name, resolve))
      }),
    end: async (name) => {
      ends.get(name)?.()
      await soon()
      await soon()
    },
  }
}

test('a principal waits behind his own requests, and not behind those of others', async () => {
  const turns = new Turns({ atOnce: 4, waiting: 8, waitingBytes: 100 })
  const { began, send, end } = requests(turns)
  const all = ['a1', 'a2', 'a3', 'a4'].map((name) => send(name, BIG, 'loud'))
  all.push(send('b1', BIG, 'admin'), send('c1', SMALL, 'other'))
  assert.deepEqual(began, ['a1', 'a2', 'b1', 'c1'])
  await end('a1')
  await end('c1')
  assert.deepEqual(began.slice(4), ['a3'])
  for (const name of ['a2', 'a3', 'a4', 'b1']) await end(name)
  await Promise.all(all)
  assert.deepEqual(began.slice(4), ['a3', 'a4'])
})

test('what finds no room to wait is refused and counted, by number and by bytes; others find theirs', async () => {
  const turns = new Turns({ atOnce: 2, waiting: 4, waitingBytes: 100 })
  const { began, send, end } = requests(turns)
  const first = [send('1', BIG, 'loud'), send('2', BIG, 'loud', 40)]
  await assert.rejects(send('too large', BIG, 'loud', 11), TooManyRequestsError)
  const third = send('3', BIG, 'loud')
  await assert.rejects(send('too many', BIG, 'loud'), TooManyRequestsError)
  assert.deepEqual([...turns.refused], [[BIG, 2]])
  const others = [send('b', BIG, 'admin', 50), send('c', SMALL, 'loud', 50)]
  assert.deepEqual(began, ['1', 'b', 'c'])
  for (const name of ['1', '2', '3', 'b', 'c']) await end(name)
  await Promise.all([...first, third, ...others])
  // Nothing is left of them that would count against the next.
  const last = send('last', BIG, 'loud')
  await end('last')
  await last
})

test('a request that waits for something else lets the next begin after a second, and counts once', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const turns = new Turns({ atOnce: 2, waiting: 4, waitingBytes: 100 })
  const { began, send, end } = requests(turns)
  const all = ['slow', 'next', 'third'].map((name) => send(name, BIG, 'one'))
  await soon()
  assert.deepEqual(began, ['slow'])
  t.mock.timers.tick(1_000)
  await soon()
  await soon()
  await end('slow')
  assert.deepEqual(began, ['slow', 'next'])
  await end('next')
  await end('third')
  await Promise.all(all)
})
