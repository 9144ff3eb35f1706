import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemoryBlobStore } from '../../blobs/memory.ts'
import { VaultDamageError } from '../errors.ts'
import { Coordinator, backUp, blobsOf, makeVault, randomFiles, restore } from '../points.fixture.ts'
import { openVault } from '../vault.ts'
import type { Vault } from '../vault.ts'
import { scrubBlobs } from './scrub.ts'
import { verifyVault } from './verify.ts'

async function filled(): Promise<{ store: MemoryBlobStore; vault: Vault; coordinator: Coordinator }> {
  const store = new MemoryBlobStore()
  const vault = await makeVault(store)
  const coordinator = new Coordinator()
  const files = randomFiles(['a', 'b', 'c'], 5000)
  await backUp(vault, coordinator, 'p1', files)
  await backUp(vault, coordinator, 'p2', { ...files, ...randomFiles(['d']) }, 'p1')
  await vault.amend('p2', { note: 'kept' })
  await backUp(vault, coordinator, 'p3', randomFiles(['x']))
  await vault.deletePoint('p3', 'test')
  return { store, vault, coordinator }
}

const again = async (store: MemoryBlobStore, vault: Vault): Promise<Vault> =>
  await openVault(store, vault.keys.export())

async function packOf(store: MemoryBlobStore, type: 'data' | 'meta'): Promise<string> {
  return (await blobsOf(store, `${type}/`))[0] as string
}

/** Flips a bit in the middle of a blob. */
function flip(store: MemoryBlobStore, name: string, at?: number): void {
  const bytes = store.blobs.get(name) as Buffer
  const where = at ?? bytes.length >> 1
  bytes[where] = (bytes[where] as number) ^ 1
}

test('verifyVault() finds nothing in a whole vault, and counts what it looked at', async () => {
  const { vault } = await filled()
  let read = 0
  const result = await verifyVault(vault, { readData: true, progress: (bytes) => (read += bytes) })
  assert.deepEqual(result.problems, [])
  assert.deepEqual([result.points, result.items], [2, 7])
  assert.equal(result.blobs, 6)
  assert.equal(read, result.bytes)
})

test('scrubBlobs() finds nothing in a whole vault, without keys', async () => {
  const { store } = await filled()
  const result = await scrubBlobs(store)
  assert.deepEqual(result.problems, [])
  assert.ok(result.blobs >= 10 && result.bytes > 15_000)
})

test('scrubBlobs() names every blob that rotted', async () => {
  const { store } = await filled()
  for (const name of await blobsOf(store)) {
    if (name === 'vault.json') continue
    flip(store, name)
    const { problems } = await scrubBlobs(store)
    assert.deepEqual(
      problems.map(({ blob }) => blob),
      [name],
    )
    flip(store, name)
  }
})

test('verifyVault() names a pack whose bytes rotted once it reads the data, and not before', async () => {
  const { store, vault } = await filled()
  const name = await packOf(store, 'data')
  flip(store, name, 100)
  assert.deepEqual((await verifyVault(await again(store, vault))).problems, [])
  const { problems } = await verifyVault(await again(store, vault), { readData: true })
  assert.deepEqual(new Set(problems.map(({ blob }) => blob)), new Set([name]))
})

test('verifyVault() names the points that a lost pack hits', async () => {
  const { store, vault } = await filled()
  const { index } = await vault.refresh()
  assert.ok(index.size.packs > 0)
  for (const name of await blobsOf(store, 'data/')) {
    const bytes = store.blobs.get(name) as Buffer
    store.blobs.delete(name)
    const { problems } = await verifyVault(await again(store, vault))
    for (const problem of problems) assert.equal(problem.blob, name)
    store.blobs.set(name, bytes)
  }
  store.blobs.delete(await packOf(store, 'data'))
  for (const name of await blobsOf(store, 'data/')) store.blobs.delete(name)
  const { problems } = await verifyVault(await again(store, vault))
  assert.deepEqual(new Set(problems.map(({ pointId }) => pointId)), new Set(['p1', 'p2']))
})

test('verifyVault() names a pack that was cut short', async () => {
  const { store, vault } = await filled()
  for (const name of [...(await blobsOf(store, 'data/')), ...(await blobsOf(store, 'meta/'))]) {
    const bytes = store.blobs.get(name) as Buffer
    store.blobs.set(name, bytes.subarray(0, bytes.length - 1))
    const { problems } = await verifyVault(await again(store, vault), { readData: true })
    assert.ok(
      problems.some(({ blob }) => blob === name),
      name,
    )
    store.blobs.set(name, bytes)
  }
})

test('verifyVault() names a damaged head, amendment and tombstone', async () => {
  const { store, vault } = await filled()
  for (const name of ['points/p1/head', 'points/p2/amendment-00000001', 'points/p3/deleted']) {
    flip(store, name)
    const { problems } = await verifyVault(await again(store, vault))
    assert.deepEqual(
      problems.map(({ blob }) => blob),
      [name],
    )
    flip(store, name)
  }
})

test('a vault that lost index deltas restores from what packs say of themselves, and verifyVault() says so', async () => {
  const { store, vault } = await filled()
  const names = await blobsOf(store, 'index/')
  flip(store, names[0] as string)
  const opened = await again(store, vault)
  const { problems } = await verifyVault(opened, { readData: true })
  assert.deepEqual(
    problems.map(({ blob }) => blob),
    [names[0]],
  )
})

test('verifyVault() names the points and items that a rotted segment hits, and no others', async () => {
  const store = new MemoryBlobStore()
  const vault = await makeVault(store)
  const coordinator = new Coordinator()
  const files = randomFiles(['a', 'b', 'c', 'd'], 9000)
  await backUp(vault, coordinator, 'p1', files)
  const [name] = await blobsOf(store, 'data/')
  await backUp(vault, coordinator, 'p2', { ...files, ...randomFiles(['e']) }, 'p1')
  await backUp(vault, coordinator, 'p3', randomFiles(['x']))
  // In the first of its segments of 9 KiB: only the first file, which both have.
  flip(store, name as string, 100)
  const { hurt } = await verifyVault(await again(store, vault), { readData: true })
  const found = hurt.map(({ pointId, itemCount, keys }) => [
    pointId,
    itemCount,
    keys.map((key) => Buffer.from(key).toString()).join(),
  ])
  assert.deepEqual(found, [
    ['p1', 1, 'a'],
    ['p2', 1, 'a'],
  ])
  const opened = await again(store, vault)
  assert.ok((await restore(opened, 'p3'))['x'])
  await assert.rejects(restore(opened, 'p1'), VaultDamageError)
})

test('verifyVault() says of a point whose manifest rotted that its items are not known', async () => {
  const { store, vault } = await filled()
  for (const name of await blobsOf(store, 'meta/')) flip(store, name, 60)
  const { hurt } = await verifyVault(await again(store, vault), { readData: true })
  assert.deepEqual(
    hurt.map(({ pointId, isUnlisted }) => [pointId, isUnlisted]),
    [
      ['p1', true],
      ['p2', true],
    ],
  )
})

test('verifyVault() stops when told to', async () => {
  const { vault } = await filled()
  await assert.rejects(verifyVault(vault, { signal: AbortSignal.abort(new Error('stopped')) }), /stopped/)
  await assert.rejects(
    scrubBlobs(vault.store, { signal: AbortSignal.abort(new Error('stopped')) }),
    /stopped/,
  )
})
