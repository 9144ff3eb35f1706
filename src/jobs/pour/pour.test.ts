import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { MemoryBlobStore } from '../../blobs/memory.ts'
import { ItemError } from '../../drivers/driver.ts'
import type { Content, ItemProblem } from '../../drivers/driver.ts'
import { makeVault } from '../../vault/vault.fixture.ts'
import { DEFAULT_CHUNK_SIZES } from '../../vault/write/chunker.ts'
import { assertSame, memoryHalf, mixedBytes, pourFiles, pourOptions, restoreFiles } from './pour.fixture.ts'
import { pourBackup } from './pour.ts'

const BOUNDARIES = [
  0,
  1,
  255,
  256,
  4096,
  128 * 1024,
  512 * 1024,
  1024 * 1024,
  3 * 1024 * 1024,
  4 * 1024 * 1024,
]
const SIZES = [...new Set(BOUNDARIES.flatMap((size) => [size - 1, size, size + 1]))].filter(
  (size) => size >= 0,
)

for (const chunkSizes of [DEFAULT_CHUNK_SIZES, { min: 256, average: 1024, max: 4096 }]) {
  test(`pour gives back files of every size around a boundary (chunks of ${chunkSizes.average})`, async () => {
    const vault = await makeVault(new MemoryBlobStore(), chunkSizes)
    const files = new Map(SIZES.map((size, i) => [`f${String(i).padStart(3, '0')}`, mixedBytes(size, i)]))
    await pourFiles(vault, files)
    assertSame(await restoreFiles(vault, 'p1'), files)
  })

  test(`pour gives back streams of every size around a boundary (chunks of ${chunkSizes.average})`, async () => {
    const vault = await makeVault(new MemoryBlobStore(), chunkSizes)
    const sizes = [...SIZES, 16 * 1024 * 1024, 16 * 1024 * 1024 + 1, 35 * 1024 * 1024]
    const files = new Map(sizes.map((size, i) => [`f${String(i).padStart(3, '0')}`, mixedBytes(size, i)]))
    await pourFiles(vault, files, {}, (_name, bytes) => ({
      from: 'stream',
      open: async function* () {
        await Promise.resolve()
        for (let at = 0; at < bytes.length; at += 333_333) yield bytes.subarray(at, at + 333_333)
      },
    }))
    assertSame(await restoreFiles(vault, 'p1'), files)
  })
}

test('pour stores nothing of a small item that is refused when it is closed, and its neighbours whole', async () => {
  const vault = await makeVault(new MemoryBlobStore(), DEFAULT_CHUNK_SIZES)
  const files = new Map(['a', 'refused', 'z'].map((name) => [name, randomBytes(100_000)]))
  const half = memoryHalf(files)
  const problems: ItemProblem[] = []
  let closed = 0
  const result = await pourFiles(vault, files, {
    half: {
      ...half,
      reader: (settings) => ({
        ...half.reader(settings),
        close: () => {
          if (++closed === 2) throw new ItemError('Something else stands in its place')
          return {}
        },
      }),
    },
    onProblem: (problem) => problems.push(problem),
  })
  assert.deepEqual(problems, [{ item: 'refused', reason: 'Something else stands in its place' }])
  assert.deepEqual([result.itemCount, result.contentBytes], [2, 200_000])
  const again = await pourFiles(vault, files, { pointId: 'p2' })
  assert.ok(
    again.storedBytes > 100_000,
    `The refused one was stored already: ${again.storedBytes} bytes are new`,
  )
  assertSame(await restoreFiles(vault, 'p2'), files)
})

test('pour cuts an item above 64 MiB into ranges and writes it in ranges', async () => {
  const vault = await makeVault(new MemoryBlobStore(), DEFAULT_CHUNK_SIZES)
  const files = new Map([['big', mixedBytes(130 * 1024 * 1024 + 5, 3)]])
  const first = await pourFiles(vault, files)
  assert.equal(first.contentBytes, 130 * 1024 * 1024 + 5)
  assertSame(await restoreFiles(vault, 'p1'), files)
  const again = await pourFiles(vault, files, { pointId: 'p2' })
  assert.ok(again.storedBytes < 10_000, `An unchanged item was stored again: ${again.storedBytes} bytes`)
})

test('pour gives back random trees, read or taken over', async () => {
  const tree = fc.dictionary(
    fc.string({ minLength: 1, maxLength: 12 }),
    fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.uint8Array({ minLength: 1000, maxLength: 9000 })),
    { maxKeys: 30 },
  )
  await fc.assert(
    fc.asyncProperty(tree, tree, async (before, after) => {
      const vault = await makeVault()
      const toFiles = (given: Record<string, Uint8Array>) =>
        new Map(
          Object.entries(given).map(([name, bytes]) => [Buffer.from(name).toString(), Buffer.from(bytes)]),
        )
      const old = toFiles(before)
      const now = new Map([...toFiles(after), ...[...old].slice(0, 5)])
      await pourFiles(vault, old)
      const byKey = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b))
      const pouring = await pourBackup(
        pourOptions(vault, { pointId: 'p2', parentPointId: 'p1', half: memoryHalf(now) }),
      )
      pouring.sink.readWith({})
      for (const name of [...now.keys()].sort(byKey)) {
        const key = Buffer.from(name)
        const parent = await pouring.sink.parent?.find(key)
        const bytes = now.get(name) as Buffer
        const isSame = parent !== undefined && old.get(name)?.equals(bytes) === true
        const content: Content = isSame ? { from: 'parent', item: parent } : { from: 'range', task: key }
        await pouring.sink.add({ key, kind: 1, meta: Buffer.from([1]), size: bytes.length }, content)
      }
      await pouring.finish({})
      assertSame(await restoreFiles(vault, 'p1'), old)
      assertSame(await restoreFiles(vault, 'p2'), now)
    }),
    { numRuns: 25 },
  )
})

for (const items of [0, 1, 127, 128, 129, 511, 512, 513, 16_383, 16_384, 32_768, 32_769, 65_537]) {
  test(`a manifest of ${items} items comes back whole, in order`, async () => {
    const vault = await makeVault()
    const pouring = await pourBackup(pourOptions(vault))
    for (let i = 0; i < items; i++) {
      const key = Buffer.from(`k${String(i).padStart(7, '0')}`)
      await pouring.sink.add({ key, kind: 2, meta: Buffer.from([1, i & 255]), size: 0 }, { from: 'none' })
    }
    const result = await pouring.finish({})
    assert.equal(result.itemCount, items)
    using point = await vault.openPoint('p1')
    let seen = 0
    for (const page of point.pages()) {
      for (const item of page) {
        assert.equal(Buffer.from(item.key).toString(), `k${String(seen).padStart(7, '0')}`)
        assert.equal(item.meta[1], seen & 255)
        seen++
      }
    }
    assert.equal(seen, items)
  })
}

test('items are found by prefixes, whichever nodes they lie in', async () => {
  const vault = await makeVault()
  const files = new Map(
    Array.from({ length: 3000 }, (_, i) => [`d${String(i).padStart(4, '0')}/x`, Buffer.from([1])]),
  )
  await pourFiles(vault, files)
  using point = await vault.openPoint('p1')
  for (const prefixes of [['d0'], ['d01', 'd2999/'], ['d0005/x'], ['e'], ['c', 'd1234'], ['']]) {
    const found = [...point.pages(prefixes.map((prefix) => Buffer.from(prefix)))]
      .flat()
      .map((item) => Buffer.from(item.key).toString())
    const expected = [...files.keys()].filter((name) => prefixes.some((prefix) => name.startsWith(prefix)))
    assert.deepEqual(found, expected, prefixes.join())
  }
})

test('an item that cannot be read is a problem and left out', async () => {
  const vault = await makeVault()
  const problems: ItemProblem[] = []
  const files = new Map([['a', Buffer.from('one')]])
  const pouring = await pourBackup(
    pourOptions(vault, { half: memoryHalf(files), onProblem: (problem) => problems.push(problem) }),
  )
  pouring.sink.readWith({})
  const add = (name: string, content: Content) =>
    pouring.sink.add({ key: Buffer.from(name), kind: 1, meta: Buffer.from([1]), size: 3 }, content)
  await add('a', { from: 'range', task: Buffer.from('a') })
  await add('b', { from: 'range', task: Buffer.from('b') })
  await add('c', {
    from: 'stream',
    open: async function* () {
      yield Buffer.alloc(900_000)
      await Promise.resolve()
      throw new ItemError('The other side hung up')
    },
  })
  await add('d', {
    from: 'stream',
    open: async function* () {
      yield await Promise.resolve(Buffer.from('four'))
    },
  })
  const result = await pouring.finish({})
  assert.deepEqual(
    problems.toSorted((x, y) => (x.item < y.item ? -1 : 1)),
    [
      { item: 'b', reason: 'It is gone' },
      { item: 'c', reason: 'The other side hung up' },
    ],
  )
  assert.equal(result.itemCount, 2)
  assertSame(await restoreFiles(vault, 'p1'), new Map([...files, ['d', Buffer.from('four')]]))
})

test('a stream has been read to its end when its add() resolves', async () => {
  const pouring = await pourBackup(pourOptions(await makeVault()))
  for (const size of [10, 3_000_000]) {
    let isRead = false
    const open = async function* () {
      yield await Promise.resolve(Buffer.alloc(size, 7))
      isRead = true
    }
    const item = { key: Buffer.from(`${size}`), kind: 1, meta: Buffer.from([1]), size: 0 }
    await pouring.sink.add(item, { from: 'stream', open })
    assert.ok(isRead, `${size} bytes`)
  }
  assert.equal((await pouring.finish({})).contentBytes, 3_000_010)
})

test('a stream that fails ends the backup, and nothing of it can be seen', async () => {
  const store = new MemoryBlobStore()
  const vault = await makeVault(store)
  const pouring = await pourBackup(pourOptions(vault))
  const open = async function* () {
    yield await Promise.resolve(Buffer.alloc(2_000_000, 7))
    throw new Error('The dump broke off')
  }
  const item = { key: Buffer.from('a'), kind: 1, meta: Buffer.from([1]), size: 0 }
  await assert.rejects(
    async () => await pouring.sink.add(item, { from: 'stream', open }),
    /The dump broke off/,
  )
  await assert.rejects(pouring.finish({}), /The dump broke off/)
  assert.deepEqual((await vault.listPoints()).points, [])
  assert.deepEqual(
    [...store.blobs.keys()].filter((name) => name.startsWith('points/')),
    [],
  )
})

test('keys that do not ascend are refused', async () => {
  const vault = await makeVault()
  const pouring = await pourBackup(pourOptions(vault))
  const item = { key: Buffer.from('b'), kind: 1, meta: Buffer.from([1]), size: 0 }
  await pouring.sink.add(item, { from: 'none' })
  assert.throws(
    () => pouring.sink.add({ ...item, key: Buffer.from('a') }, { from: 'none' }),
    /does not follow/,
  )
  await pouring.abort()
})

test('a store that takes no more bytes ends the backup with its reason', async () => {
  for (const fails of ['append', 'finish', 'put'] as const) {
    let isFull = false
    const vault = await makeVault(
      new MemoryBlobStore((operation) => {
        if (isFull && operation === fails) throw new Error('No space left')
      }),
    )
    isFull = true
    await assert.rejects(pourFiles(vault, new Map([['a', mixedBytes(300_000, 1)]])), /No space left/)
    isFull = false
    assert.deepEqual((await vault.listPoints()).points, [])
  }
})
