import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Forerunner, Pace } from './directory-forerunner.ts'
import { libc } from './directory-libc.ts'
import { makeSource } from './directory.fixture.ts'
import { LIST_FLAGS, openPath } from './directory-paths.ts'

const WAITED = new Int32Array(new SharedArrayBuffer(4))
const wait = (): void => void Atomics.wait(WAITED, 0, 0, 2)
const compute = (): void => {
  for (const start = performance.now(); performance.now() - start < 2;) continue
}

/** @param slow The first so many of 16 take 2 ms, by `how`. */
function told(pace: Pace, slow: number, how: () => void, parts: number = 10): boolean[] {
  return Array.from({ length: 16 }, (_, i) => {
    pace.begin()
    if (i < slow) how()
    return pace.end(parts)
  })
}

test('folders are slow where half of them take long for what is in them, twice', () => {
  const pace = new Pace(1, 0.003, undefined)
  assert.ok(!told(pace, 16, wait).includes(true))
  assert.equal(told(pace, 8, wait).indexOf(true), 15)
  assert.equal(told(pace, 8, wait).indexOf(true), 15, 'again')
  assert.ok(!told(pace, 1, wait).includes(true))
  assert.ok(!told(pace, 8, wait).includes(true), 'what was before does not count again')
  assert.ok(!told(pace, 16, wait, 10_000).includes(true))
})

test('folders that took long without waiting for anything are not slow', (t) => {
  const system = libc()
  if (system === undefined) return t.skip('this Node has no node:ffi')
  const pace = new Pace(1, 0.003, system.waits)
  for (let i = 0; i < 2; i++) assert.ok(!told(pace, 10, compute).includes(true))
  assert.ok(!told(pace, 10, wait).includes(true))
  assert.ok(told(pace, 10, wait).includes(true))
})

const LONG_AGO = new Date('2001-01-01')

test('a forerunner lists what the walk will come to, follows no link, leaves the file system never, and ends', async (t) => {
  const folders = [
    'a',
    'a/in',
    'b',
    'b/a',
    'b/here',
    'b/here/deep',
    'b/its own',
    'c\u00e4',
    'c\u00e4/next',
    'z',
  ]
  await using source = makeSource((path) => {
    for (const folder of folders) fs.mkdirSync(join(path, folder))
    fs.mkdirSync(join(path, '../outside'))
    fs.symlinkSync('../../outside', join(path, 'b/link'))
  })
  const mount = spawnSync('mount', ['-t', 'tmpfs', 'roleback-test', join(source.path, 'b/its own')])
  if (mount.status !== 0) t.diagnostic('nothing is mounted in the tree: that needs root')
  const root = openPath(source.path, LIST_FLAGS)
  try {
    // Listing a folder moves its time of access where that lies before its change (relatime).
    const all = [...folders, '../outside']
    for (const folder of all) fs.utimesSync(join(source.path, folder), LONG_AGO, new Date())
    const wasListed = (folder: string): boolean =>
      fs.statSync(join(source.path, folder)).atimeMs > LONG_AGO.getTime()
    fs.readdirSync(join(source.path, 'a'))
    if (!wasListed('a')) return t.skip('the file system keeps no time of access')

    const threads = fs.readdirSync('/proc/self/task').length
    const forerunner = new Forerunner()
    forerunner.start({ root, from: '/b/here/' })
    const own = mount.status === 0 ? [] : ['b/its own']
    const wanted = ['a', 'b', 'b/here', 'b/here/deep', ...own, 'c\u00e4', 'c\u00e4/next', 'z']
    while (!wanted.every(wasListed)) await new Promise((resolve) => setTimeout(resolve, 5))
    await forerunner.stop()
    assert.deepEqual(all.filter(wasListed), wanted)
    const left = fs.readdirSync('/proc/self/task').length
    assert.ok(left <= threads + 4, 'none but the pool of threads')
  } finally {
    fs.closeSync(root)
    if (mount.status === 0) spawnSync('umount', [join(source.path, 'b/its own')])
  }
})
