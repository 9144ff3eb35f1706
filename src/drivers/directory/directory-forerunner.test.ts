import assert from 'node:assert/strict'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Forerunner, Pace } from './directory-forerunner.ts'
import { makeSource } from './directory.fixture.ts'
import { LIST_FLAGS, openPath } from './directory-paths.ts'

test('folders are slow where half of them take long for what is in them', () => {
  const pace = new Pace(0.2, 0.003)
  const told = (slow: number): boolean[] =>
    Array.from({ length: 16 }, (_, i) => pace.isSlow(i < slow ? 0.5 : 0.05, 10))
  assert.ok(!told(7).includes(true))
  assert.equal(told(8).indexOf(true), 15)
  assert.ok(!told(7).includes(true), 'what was before does not count again')
  assert.ok(!Array.from({ length: 16 }, () => pace.isSlow(20, 10_000)).includes(true))
})

test('a forerunner lists what the walk will come to, follows no link, and leaves no thread', async (t) => {
  await using source = makeSource((path) => {
    for (const folder of ['a/passed', 'b/here/deep', 'c\u00e4/next', 'z'])
      fs.mkdirSync(join(path, folder), { recursive: true })
    fs.writeFileSync(join(path, 'b/here/file'), 'x')
  })
  const outside = join(source.path, '../outside')
  fs.mkdirSync(outside)
  fs.symlinkSync(outside, join(source.path, 'b/link'))
  const all = [
    'a',
    'a/passed',
    'b',
    'b/here',
    'b/here/deep',
    'b/a',
    'c\u00e4',
    'c\u00e4/next',
    'z',
    '../outside',
  ]
  fs.mkdirSync(join(source.path, 'b/a'))
  const long = new Date('2001-01-01')
  // Listing a folder moves its time of access where that lies before its change (relatime).
  for (const folder of all) fs.utimesSync(join(source.path, folder), long, new Date())
  const wasListed = (folder: string): boolean =>
    fs.statSync(join(source.path, folder)).atimeMs > long.getTime()
  fs.readdirSync(join(source.path, 'a'))
  if (!wasListed('a')) return t.skip('the file system keeps no time of access')

  const threads = fs.readdirSync('/proc/self/task').length
  const root = openPath(source.path, LIST_FLAGS)
  const forerunner = new Forerunner()
  forerunner.start({ root, device: fs.fstatSync(root).dev, from: '/b/here/' })
  while (!wasListed('z')) await new Promise((resolve) => setTimeout(resolve, 5))
  await forerunner.stop()
  fs.closeSync(root)
  assert.deepEqual(all.filter(wasListed), ['a', 'b', 'b/here', 'b/here/deep', 'c\u00e4', 'c\u00e4/next', 'z'])
  assert.ok(
    fs.readdirSync('/proc/self/task').length <= threads + 4,
    'beside the pool of threads, none is left',
  )
})
