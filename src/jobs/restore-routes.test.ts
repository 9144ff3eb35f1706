import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RestoreRoutes } from './restore-routes.ts'

const KIB = 1024

test('items of one segment go to one thread, and segments to the least busy', () => {
  const routes = new RestoreRoutes(2)
  const threads = new Map<number, Set<number>>()
  // As two backup threads fill segments: neighbours in order lie in two segments by turns.
  for (let item = 0; item < 1000; item++) {
    const segment = Math.floor(item / 100) * 2 + (Math.floor(item / 10) % 2)
    const thread = routes.route(segment, segment, 10 * KIB)
    threads.set(segment, (threads.get(segment) ?? new Set()).add(thread))
  }
  assert.equal(threads.size, 20)
  assert.ok([...threads.values()].every((of) => of.size === 1))
  const [a = 0, b = 0] = [0, 1].map((thread) => [...threads.values()].filter((of) => of.has(thread)).length)
  assert.ok(a >= 8 && b >= 8, `${a} and ${b}`)
})

test('a thread keeps the segment in which its item ends, and gives one away when it has far more to do', () => {
  const routes = new RestoreRoutes(2)
  const first = routes.route(1, 9, KIB)
  assert.equal(routes.route(9, 9, KIB), first)
  for (let i = 0; i < 40; i++) routes.route(9, 9, 1024 * KIB)
  assert.ok(routes.leastWaiting > 8 * 1024 * KIB)
})

test('what is done counts no more, and items without content go to the least busy', () => {
  const routes = new RestoreRoutes(3)
  for (const expected of [0, 1, 2, 0]) assert.equal(routes.route(undefined, undefined, KIB), expected)
  routes.done(0, 2 * KIB)
  assert.equal(routes.leastWaiting, 0)
  assert.equal(routes.route(undefined, undefined, KIB), 0)
})
