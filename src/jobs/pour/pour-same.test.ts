import assert from 'node:assert/strict'
import { setImmediate } from 'node:timers/promises'
import { test } from 'node:test'
import fc from 'fast-check'
import { MemoryBlobStore } from '../../blobs/memory.ts'
import type { BackupSink, Item } from '../../drivers/driver.ts'
import { makeVault } from '../../vault/vault.fixture.ts'
import type { Vault } from '../../vault/vault.ts'
import { memoryHalf, mixedBytes, pourOptions } from './pour.fixture.ts'
import { pourBackup } from './pour.ts'

/** What becomes of items that a later backup takes over as the parent's leaves have them. */

interface Given {
  readonly name: string
  readonly meta: Buffer
  /** 0 has no content. */
  readonly size: number
}

const names = (count: number): string[] =>
  Array.from({ length: count }, (_, i) => `k${String(i).padStart(6, '0')}`)

/** Adds all; those that are the parent's are offered as seen first. @returns How many were taken over so, and what was told. */
async function backUp(
  vault: Vault,
  given: readonly Given[],
  point: { readonly id: string; readonly parent?: string },
): Promise<{ readonly same: number; readonly reused: number; readonly done: readonly [number, number] }> {
  const files = new Map(
    given.map(({ name, size, meta }) => [name, mixedBytes(size, meta.length + (meta[0] ?? 0))]),
  )
  let done: [number, number] = [0, 0]
  const pouring = await pourBackup(
    pourOptions(vault, {
      pointId: point.id,
      parentPointId: point.parent,
      half: memoryHalf(files),
      onProgress: (bytes, items) => (done = [bytes, items]),
    }),
  )
  pouring.sink.readWith({})
  let same = 0
  for (const { name, meta, size } of given) {
    const seen = { key: Buffer.from(name), kind: 1, meta, size }
    const taken = pouring.sink.addSame(seen)
    if (taken !== false) {
      same++
      if (taken !== true) await taken
    } else await pouring.sink.add(seen, size === 0 ? { from: 'none' } : { from: 'range', task: seen.key })
  }
  const { reusedItems } = await pouring.finish({})
  return { same, reused: reusedItems, done }
}

/** Adds an item before all others whose content does not end before what is returned is called. */
function addHeld(sink: BackupSink): () => void {
  const held = Promise.withResolvers<undefined>()
  void sink.add(
    { key: Buffer.from('a'), kind: 1, meta: Buffer.from([1]), size: 0 },
    {
      from: 'stream',
      open: async function* () {
        yield Buffer.from('one')
        await held.promise
        yield Buffer.from('two')
      },
    },
  )
  return () => held.resolve(undefined)
}

async function rootOf(vault: Vault, pointId: string): Promise<string> {
  using point = await vault.openPoint(pointId)
  return point.head.manifest.root?.toString('hex') ?? ''
}

test('what is taken over and what is read again make the very manifest that reading all of it makes', async () => {
  const item = fc.record({
    metaBytes: fc.constantFrom(3, 60, 60, 60, 9000, 70_000),
    size: fc.constantFrom(0, 0, 5, 700),
    fate: fc.constantFrom('same', 'same', 'same', 'same', 'changed', 'gone', 'new'),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(item, { minLength: 1, maxLength: 400 }), async (items) => {
      const given = items.map(({ metaBytes, size }, i) => ({
        name: names(items.length)[i] as string,
        meta: Buffer.alloc(metaBytes, i & 127),
        size,
      }))
      const before = given.filter((_, i) => items[i]?.fate !== 'new')
      const after = given
        .filter((_, i) => items[i]?.fate !== 'gone')
        .map((one) =>
          items[given.indexOf(one)]?.fate === 'changed' ? { ...one, meta: Buffer.alloc(50, 200) } : one,
        )
      const vault = await makeVault()
      await backUp(vault, before, { id: 'p1' })
      const { same, reused, done } = await backUp(vault, after, { id: 'p2', parent: 'p1' })
      await backUp(vault, after, { id: 'p3' })
      assert.equal(await rootOf(vault, 'p2'), await rootOf(vault, 'p3'))
      const kept = given.filter((_, i) => items[i]?.fate === 'same')
      assert.equal(same, kept.length)
      assert.equal(reused, kept.filter(({ size }) => size > 0).length)
      assert.deepEqual(done, [after.reduce((sum, { size }) => sum + size, 0), after.length])
    }),
    { numRuns: 30 },
  )
})

test('only the very item is taken over: not with another key, kind, size or beginning of its metadata', async () => {
  const vault = await makeVault()
  await backUp(vault, [{ name: 'b', meta: Buffer.from([1, 2, 3]), size: 9 }], { id: 'p1' })
  const seen: Item = { key: Buffer.from('b'), kind: 1, meta: Buffer.from([1, 2]), size: 9 }
  const others: readonly (readonly [change: Partial<Item>, isSame: boolean])[] = [
    [{}, true],
    [{ meta: Buffer.from([1, 2, 3]) }, true],
    [{ key: Buffer.from('a') }, false],
    [{ key: Buffer.from('b/') }, false],
    [{ kind: 2 }, false],
    [{ size: 8 }, false],
    [{ size: 0 }, false],
    [{ meta: Buffer.from([1, 3]) }, false],
    [{ meta: Buffer.from([1, 2, 3, 4]) }, false],
  ]
  for (const [change, isSame] of others) {
    const pouring = await pourBackup(pourOptions(vault, { pointId: 'p2', parentPointId: 'p1' }))
    assert.equal(pouring.sink.addSame({ ...seen, ...change }), isSame, JSON.stringify(change))
    if (!isSame && change.key === undefined)
      assert.notEqual(await pouring.sink.parent?.find(seen.key), undefined, 'a refusal uses the item up')
    await pouring.abort()
  }
})

test('an item whose content lies in a pack that rotted is read again', async () => {
  const store = new MemoryBlobStore()
  const vault = await makeVault(store)
  const given = names(40).map((name) => ({ name, meta: Buffer.from([7]), size: 3000 }))
  await backUp(vault, given, { id: 'p1' })
  assert.equal((await backUp(vault, given, { id: 'p2', parent: 'p1' })).same, 40)
  const packs = [...store.blobs.keys()].filter((name) => name.startsWith('data/'))
  await vault.recordDamage(packs.map((pack) => ({ pack, reason: 'it rotted', foundAt: Date.now() })))
  assert.equal((await backUp(vault, given, { id: 'p3', parent: 'p2' })).same, 0)
})

test('a parent whose manifest is lost is left, and the point is whole', async () => {
  const store = new MemoryBlobStore()
  const vault = await makeVault(store)
  const given = names(3000).map((name) => ({ name, meta: Buffer.alloc(58, 7), size: 0 }))
  await backUp(vault, given, { id: 'p1' })
  for (const name of store.blobs.keys()) if (name.startsWith('meta/')) store.blobs.delete(name)
  const { same, done } = await backUp(vault, given, { id: 'p2', parent: 'p1' })
  assert.equal(same, 0)
  assert.deepEqual(done, [0, 3000])
})

test('the marks of a parent divide it into parts of about as many items as asked for', async () => {
  const vault = await makeVault()
  const given = names(20_000).map((name) => ({ name, meta: Buffer.alloc(58, 7), size: 0 }))
  await backUp(vault, given, { id: 'p1' })
  const pouring = await pourBackup(pourOptions(vault, { pointId: 'p2', parentPointId: 'p1' }))
  for (const every of [1, 500, 2048, 19_999, 20_000, 1_000_000]) {
    const marks = (pouring.sink.parent?.marks(every) ?? []).map((key) => Number(Buffer.from(key).subarray(1)))
    const parts = [...marks, given.length].map((end, i) => end - (marks[i - 1] ?? 0))
    assert.ok(
      parts.slice(0, -1).every((items) => items >= every),
      `parts of ${every}`,
    )
    if (every >= 20_000) assert.deepEqual(marks, [])
    else if (every <= 2048)
      assert.ok(Math.max(...parts) < every + 2048, `parts of ${every}: ${Math.max(...parts)}`)
  }
  await pouring.abort()
})

test('what is taken over waits its turn behind an item that is still read, and counts in what may wait', async () => {
  const vault = await makeVault()
  const given = names(40_000).map((name) => ({ name, meta: Buffer.alloc(1200, 7), size: 0 }))
  await backUp(vault, given, { id: 'p1' })
  let done = 0
  const pouring = await pourBackup(
    pourOptions(vault, {
      pointId: 'p2',
      parentPointId: 'p1',
      onProgress: (_, items) => (done = items),
    }),
  )
  const release = addHeld(pouring.sink)
  let taken = 0
  let full: Promise<void> | undefined
  while (full === undefined && taken < given.length) {
    const { name, meta, size } = given[taken++] as Given
    const added = pouring.sink.addSame({ key: Buffer.from(name), kind: 1, meta, size })
    assert.notEqual(added, false)
    if (typeof added === 'object') full = added
  }
  assert.ok(full !== undefined, 'all of it may wait')
  assert.ok(taken * 1200 >= 30 * 1024 * 1024, `only ${taken} may wait`)
  assert.equal(done, 0)
  let isReady = false
  void full.then(() => (isReady = true))
  for (let i = 0; i < 50; i++) await setImmediate()
  assert.equal(isReady, false)
  release()
  await full
  assert.ok(done > 1000)
  const { itemCount } = await pouring.finish({})
  assert.equal(itemCount, taken + 1)
})

test('a leaf of which little is left counts as a whole while it waits', async () => {
  const vault = await makeVault()
  const given = names(40_000).map((name) => ({ name, meta: Buffer.alloc(1200, 7), size: 0 }))
  await backUp(vault, given, { id: 'p1' })
  const pouring = await pourBackup(pourOptions(vault, { pointId: 'p2', parentPointId: 'p1' }))
  const release = addHeld(pouring.sink)
  let taken = 0
  let full: Promise<void> | undefined
  for (let i = 0; i < given.length && full === undefined; i += 50) {
    const { name, meta, size } = given[i] as Given
    const added = pouring.sink.addSame({ key: Buffer.from(name), kind: 1, meta, size })
    if (typeof added === 'object') full = added
    taken++
  }
  assert.ok(full !== undefined && taken > 400, `${taken} of 800 wait`)
  release()
  await full
  assert.equal((await pouring.finish({})).itemCount, taken + 1)
})
