import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
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
