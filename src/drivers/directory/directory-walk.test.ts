import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { makeSource, nastyTree, plainTree } from './directory.fixture.ts'
import { directoryIo } from './directory-io.ts'
import { FILE, HARD_LINK } from './directory-meta.ts'
import { walkTree } from './directory-walk.ts'
import { MemorySink } from '../driver.memory.ts'
import type { MemoryPoint } from '../driver.memory.ts'
import type { Content, Item } from '../driver.ts'

/** What a walk told, item by item; a thread looks at the tree where `manyItems` is 0. */
async function walk(
  path: string,
  options: {
    readonly manyItems: number
    readonly rangeItems?: number
    readonly parent?: MemoryPoint
    readonly signal?: AbortSignal
    readonly onAdd?: (item: Item) => void
    readonly now?: number
  },
): Promise<{ readonly told: readonly unknown[]; readonly sink: MemorySink }> {
  const told: unknown[] = []
  const onAdd = (item: Item, content: Content): void => {
    told.push([Buffer.from(item.key), item.kind, Buffer.from(item.meta), item.size, content.from])
    options.onAdd?.(item)
  }
  const sink = new MemorySink({
    thread: directoryIo,
    ...(options.parent && { parent: options.parent }),
    onAdd,
  })
  sink.readWith({ path })
  await walkTree({
    path,
    sink,
    signal: options.signal ?? new AbortController().signal,
    now: () => new Date(options.now ?? Date.now() + 60_000),
    manyItems: options.manyItems,
    ...(options.rangeItems !== undefined && { rangeItems: options.rangeItems }),
  })
  return { told, sink }
}

test('threads that look ahead see the very same, of first points and of later ones', async () => {
  await using source = makeSource((path) => nastyTree(path))
  const here = await walk(source.path, { manyItems: Infinity })
  const there = await walk(source.path, { manyItems: 0 })
  assert.deepEqual(there.told, here.told)
  assert.deepEqual(there.sink.problems, here.sink.problems)
  fs.writeFileSync(join(source.path, 'changed'), 'now with other bytes')
  fs.symlinkSync('elsewhere', join(source.path, 'a/b/new link'))
  const parent = here.sink.point()
  const same = await walk(source.path, { manyItems: Infinity, parent })
  for (const rangeItems of [1, 2, 7, 1000]) {
    const later = await walk(source.path, { manyItems: 0, rangeItems, parent })
    assert.deepEqual(later.told, same.told, `ranges of ${rangeItems} items`)
    assert.deepEqual(later.sink.problems, same.sink.problems)
    assert.ok(later.sink.itemsReused > 0)
    assert.equal(later.sink.itemsRead, 1)
  }
})

test('what changed just before it was seen is read again, though it looks as it did', async () => {
  await using source = makeSource((path) => fs.writeFileSync(join(path, 'file'), 'bytes'))
  const now = fs.statSync(join(source.path, 'file')).ctimeMs + 1000
  const parent = (await walk(source.path, { manyItems: Infinity, now })).sink.point()
  for (const later of [now, now + 60_000]) {
    const { sink } = await walk(source.path, { manyItems: Infinity, parent, now: later })
    assert.deepEqual([sink.itemsRead, sink.itemsReused], [1, 0], `seen ${later - now} ms later`)
  }
  const settled = await walk(source.path, { manyItems: Infinity, now: now + 60_000 })
  const { sink } = await walk(source.path, {
    manyItems: Infinity,
    parent: settled.sink.point(),
    now: now + 61_000,
  })
  assert.deepEqual([sink.itemsRead, sink.itemsReused], [0, 1])
})

test('folders that vanish or are swapped behind the thread that looked are problems, and nothing of others is read', async () => {
  await using source = makeSource((path) => {
    plainTree(path)
    fs.mkdirSync(join(path, 'z'))
    fs.mkdirSync(join(path, 'zz'))
    fs.symlinkSync('of the tree', join(path, 'z/link'))
    fs.symlinkSync('of the tree', join(path, 'zz/link'))
  })
  fs.mkdirSync(join(source.path, '../other'))
  fs.symlinkSync('SECRET', join(source.path, '../other/link'))
  let isSwapped = false
  const { told, sink } = await walk(source.path, {
    manyItems: 0,
    onAdd: () => {
      // The whole tree fits into the first batch: it was looked at before the first item came.
      if (isSwapped) return
      isSwapped = true
      fs.renameSync(join(source.path, 'z'), join(source.path, '../moved'))
      fs.renameSync(join(source.path, '../other'), join(source.path, 'z'))
      fs.rmSync(join(source.path, 'zz'), { recursive: true })
    },
  })
  assert.ok(!JSON.stringify(told.map(String)).includes('SECRET'))
  const about = sink.problems.filter(({ item }) => item.startsWith('/z')).map(({ item }) => item)
  assert.deepEqual(about, ['/z/', '/z/link', '/zz/', '/zz/link'])
})

test('a walk that is told to stop ends its thread, also where that waits for room', async () => {
  await using source = makeSource((path) => {
    for (let i = 0; i < 20; i++) {
      fs.mkdirSync(join(path, `d${i}`))
      for (let j = 0; j < 150; j++) fs.writeFileSync(join(path, `d${i}`, `${'n'.repeat(200)}${j}`), '')
    }
  })
  const stop = new AbortController()
  const before = fs.readdirSync('/proc/self/task').length
  const walking = walk(source.path, {
    manyItems: 0,
    signal: stop.signal,
    onAdd: () => stop.abort(new Error('stopped by the test')),
  })
  await assert.rejects(walking, /stopped by the test/)
  assert.ok(fs.readdirSync('/proc/self/task').length <= before)
})

test('a new file under the inode number of one that went away during the walk keeps its own bytes', async (t) => {
  await using source = makeSource((path) => {
    fs.writeFileSync(join(path, 'a1'), 'the first file')
    fs.linkSync(join(path, 'a1'), join(path, 'a2'))
    fs.writeFileSync(join(path, 'm'), 'in between')
    fs.mkdirSync(join(path, 'z'))
  })
  const at = (name: string): string => join(source.path, name)
  const { ino } = fs.statSync(at('a1'))
  let again: string | undefined
  const { told } = await walk(source.path, {
    manyItems: Infinity,
    onAdd: ({ key }) => {
      if (Buffer.from(key).toString() !== '/m') return
      fs.rmSync(at('a1'))
      fs.rmSync(at('a2'))
      for (let i = 0; i < 100 && again === undefined; i++) {
        fs.writeFileSync(at(`z/f${i}`), 'something else entirely')
        if (fs.statSync(at(`z/f${i}`)).ino !== ino) continue
        again = `/z/f${i}`
        fs.linkSync(at(`z/f${i}`), at(`z/g${i}`))
      }
    },
  })
  if (again === undefined) return t.skip('the file system of the tests gives no inode number out again')
  const kindOf = (name: string): unknown =>
    (told as [Buffer, number][]).find(([key]) => key.toString() === name)?.[1]
  assert.equal(kindOf('/a2'), HARD_LINK)
  assert.equal(kindOf(again), FILE)
  assert.equal(kindOf(again.replace('f', 'g')), HARD_LINK)
})

test('times that no recovery point can hold end no backup: folders and files are kept with the last one that it can', async () => {
  await using source = makeSource((path) => {
    fs.mkdirSync(join(path, 'd'))
    fs.writeFileSync(join(path, 'd/file'), 'bytes')
    for (const name of ['d/file', 'd']) execFileSync('touch', ['-d', '2300-01-01', join(path, name)])
  })
  const { told, sink } = await walk(source.path, { manyItems: Infinity })
  assert.deepEqual(sink.problems, [])
  assert.deepEqual(
    (told as [Buffer][]).map(([key]) => key.toString()),
    ['/', '/d/', '/d/file'],
  )
  const again = await walk(source.path, { manyItems: Infinity, parent: sink.point() })
  assert.deepEqual([again.sink.itemsRead, again.sink.itemsReused], [0, 1])
})
