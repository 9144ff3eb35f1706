import assert from 'node:assert/strict'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { makeSource } from './directory.fixture.ts'
import { directoryIo } from './directory-io.ts'
import { Looker } from './directory-look.ts'
import type { Seen } from './directory-look.ts'
import { LIST_FLAGS, openPath } from './directory-paths.ts'
import { lookAhead } from './directory-scout.ts'
import { Walk } from './directory-walk.ts'
import { MemorySink } from '../driver.memory.ts'

/** A tree looked at in ranges of its keys, by several lookers in turn, as threads do. */

const now = (): Date => new Date(Date.now() + 60_000)

/** One looker of a tree. Closed with it. */
class Opened {
  readonly looker: Looker
  readonly #root: number

  constructor(path: string) {
    this.#root = openPath(path, LIST_FLAGS)
    this.looker = new Looker({ root: this.#root, isWithoutXattrs: false, now: () => now().getTime() })
  }

  [Symbol.dispose](): void {
    this.looker.close()
    fs.closeSync(this.#root)
  }
}

/** What a walk of a tree adds: range after range, each with the looker whose turn it is. */
async function walked(
  path: string,
  marks: readonly string[],
  lookers: number,
  before: (range: number) => void = () => undefined,
): Promise<{ readonly keys: string[]; readonly problems: string[] }> {
  const sink = new MemorySink({ thread: directoryIo })
  sink.readWith({ path })
  const walk = new Walk({ path, sink, now, signal: new AbortController().signal })
  const opened = Array.from({ length: lookers }, () => new Opened(path))
  try {
    for (let range = 0; range <= marks.length; range++) {
      before(range)
      const { looker } = opened[range % lookers] as Opened
      await walk.take(looker.range({ from: marks[range - 1] ?? '/', end: marks[range] }))
    }
  } finally {
    walk.close()
    for (const one of opened) one[Symbol.dispose]()
  }
  return {
    keys: sink.point().held.map(({ item }) => Buffer.from(item.key).toString('latin1')),
    problems: sink.problems.map(({ item, reason }) => `${item}: ${reason}`),
  }
}

test('ranges cut anywhere give the very same items, whoever looks at which', async () => {
  const names = ['a', 'a-', 'a-b', 'b', 'b ', 'c0']
  const part = fc.constantFrom(...names)
  const path = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'))
  const mark = fc.tuple(path, fc.constantFrom('', '/', '0', '\u00ff')).map(([key, end]) => `/${key}${end}`)
  await fc.assert(
    fc.asyncProperty(
      fc.array(path, { maxLength: 25 }),
      fc.uniqueArray(mark, { maxLength: 12 }),
      fc.integer({ min: 1, max: 4 }),
      async (paths, marks, lookers) => {
        await using source = makeSource((root) => {
          for (const one of paths) fs.mkdirSync(join(root, one), { recursive: true })
          for (const one of paths) fs.writeFileSync(join(root, one, 'file'), '')
        })
        const whole = await walked(source.path, [], 1)
        assert.ok(whole.keys.length > paths.length / 25)
        const cut = await walked(source.path, marks.toSorted(), lookers)
        assert.deepEqual(cut, whole)
      },
    ),
    { numRuns: 60 },
  )
})

test('a folder that only the looker of a later range finds is added before what is in it', async () => {
  await using source = makeSource((path) => fs.writeFileSync(join(path, 'a'), ''))
  const { keys, problems } = await walked(source.path, ['/b/c/x', '/d'], 2, (range) => {
    if (range !== 1) return
    fs.mkdirSync(join(source.path, 'b/c'), { recursive: true })
    for (const name of ['a', 'x', 'y']) fs.writeFileSync(join(source.path, 'b/c', name), '')
  })
  assert.deepEqual(keys, ['/', '/a', '/b/', '/b/c/', '/b/c/x', '/b/c/y'])
  assert.deepEqual(problems, [])
})

test('a folder that vanishes between two ranges loses what is in the later ones, as if deleted a moment before', async () => {
  await using source = makeSource((path) => {
    fs.mkdirSync(join(path, 'b'))
    for (const name of ['b/1', 'b/2', 'b/3', 'c']) fs.writeFileSync(join(path, name), '')
  })
  const { keys, problems } = await walked(source.path, ['/b/2'], 2, (range) => {
    if (range === 1) fs.rmSync(join(source.path, 'b'), { recursive: true })
  })
  assert.deepEqual(keys, ['/', '/b/', '/b/1', '/c'])
  assert.deepEqual(problems, [])
})

test('a file that becomes a folder between two ranges is in the point once, and the folder a problem', async () => {
  const names = ['p/a', 'p/b', 'p/b-', 'p/b-1', 'p/b-1-', 'p/b.d', 'p/c']
  for (const marks of [['/p/b-'], ['/p/b-1', '/p/b/', '/p/b/2', '/p/c'], ['/p/b-0', '/p/b/1/x', '/q']]) {
    await using source = makeSource((path) => {
      fs.mkdirSync(join(path, 'p'))
      for (const name of names) fs.writeFileSync(join(path, name), '')
    })
    const { keys, problems } = await walked(source.path, marks, 2, (range) => {
      if (range !== 1) return
      fs.rmSync(join(source.path, 'p/b'))
      fs.mkdirSync(join(source.path, 'p/b/1'), { recursive: true })
      for (const name of ['0', '1/x', '1/y', '2']) fs.writeFileSync(join(source.path, 'p/b', name), '')
    })
    assert.deepEqual(keys, ['/', '/p/', ...names.map((name) => `/${name}`)], marks.join())
    assert.deepEqual(problems, ['/p/b/: It changed its type while the directory was read'], marks.join())
  }
})

test('a file that becomes a folder after all else of its folder was seen is in the point once, too', async () => {
  await using source = makeSource((path) => {
    fs.mkdirSync(join(path, 'p'))
    for (const name of ['p/a', 'p/b', 'q']) fs.writeFileSync(join(path, name), '')
  })
  const { keys, problems } = await walked(source.path, ['/p/b-'], 2, (range) => {
    if (range !== 1) return
    fs.rmSync(join(source.path, 'p/b'))
    fs.mkdirSync(join(source.path, 'p/b'))
    fs.writeFileSync(join(source.path, 'p/b/c'), '')
  })
  assert.deepEqual(keys, ['/', '/p/', '/p/a', '/p/b', '/q'])
  assert.deepEqual(problems, ['/p/b/: It changed its type while the directory was read'])
})

test('a folder that is swapped for a link before a later range is a problem once, and is not followed', async () => {
  await using source = makeSource((path) => {
    fs.mkdirSync(join(path, 'b'))
    for (let i = 0; i < 9; i++) fs.writeFileSync(join(path, `b/${i}`), '')
    fs.mkdirSync(join(path, '../other'))
    fs.writeFileSync(join(path, '../other/8'), 'SECRET')
  })
  using first = new Opened(source.path)
  using second = new Opened(source.path)
  const sink = new MemorySink({ thread: directoryIo })
  const walk = new Walk({ path: source.path, sink, now, signal: new AbortController().signal })
  sink.readWith({ path: source.path })
  const ranges = ['/', '/b/2', '/b/4', '/b/6', undefined].map((from, i, all) => ({
    from: from as string,
    end: all[i + 1],
  }))
  await walk.take(first.looker.range(ranges[0] as { from: string; end: string }))
  // It has listed the root, but has not opened the folder yet.
  const later = second.looker.range(ranges[1] as { from: string; end: string })
  const begun: Seen = { ...(later.next().value as Seen) }
  begun.fixed = Buffer.from(begun.fixed)
  fs.renameSync(join(source.path, 'b'), join(source.path, '../moved'))
  fs.symlinkSync('../other', join(source.path, 'b'))
  await walk.take([begun])
  await walk.take(later)
  for (const range of ranges.slice(2, 4))
    await walk.take(second.looker.range(range as { from: string; end: string | undefined }))
  walk.close()
  const keys = sink.point().held.map(({ item }) => Buffer.from(item.key).toString('latin1'))
  assert.deepEqual(keys, ['/', '/b/', '/b/0', '/b/1'])
  assert.deepEqual(
    sink.problems.map(({ item, reason }) => [item, reason.slice(0, 25)]),
    [['/b/', 'Cannot open the directory']],
  )
})

test('threads that list the same root at the same moment each get all of it', async () => {
  // More than one answer of the kernel holds.
  const names = Array.from(
    { length: 1500 },
    (_, i) => `a file of a rather long name ${String(i).padStart(5, '0')}`,
  )
  await using source = makeSource((path) => {
    for (const name of names) fs.writeFileSync(join(path, name), '')
  })
  const marks = names.filter((_, i) => i > 0 && i % 200 === 0).map((name) => `/${name}`)
  for (let run = 0; run < 20; run++) {
    const root = openPath(source.path, LIST_FLAGS)
    const found: string[] = []
    try {
      const tree = { root, isWithoutXattrs: false, aheadMs: 0, marks }
      const options = { signal: new AbortController().signal, slow: () => undefined }
      for await (const all of lookAhead(tree, options))
        for (const { what, name } of all) if (what === 'item') found.push(name)
    } finally {
      fs.closeSync(root)
    }
    assert.deepEqual(found, names, `run ${run}`)
  }
})
