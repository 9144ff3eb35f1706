import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemoryBlobStore } from '../../blobs/memory.ts'
import { PointNotFoundError } from '../errors.ts'
import { Coordinator, backUp, blobsOf, makeVault, randomFiles, restore } from '../points.fixture.ts'
import type { Vault } from '../vault.ts'

const FILES = randomFiles(['a', 'b', 'c'])

async function withParent(): Promise<{ vault: Vault; store: MemoryBlobStore; coordinator: Coordinator }> {
  const store = new MemoryBlobStore()
  const vault = await makeVault(store)
  const coordinator = new Coordinator()
  await backUp(vault, coordinator, 'p1', FILES)
  return { vault, store, coordinator }
}

function flip(store: MemoryBlobStore, name: string, at: number): void {
  const bytes = store.blobs.get(name) as Buffer
  bytes[at] = (bytes[at] as number) ^ 1
}

test('a parent that was deleted since it was chosen does not stop a backup', async () => {
  const { vault, coordinator } = await withParent()
  await vault.deletePoint('p1', 'test')
  await backUp(vault, coordinator, 'p2', FILES, 'p1')
  assert.deepEqual(await restore(vault, 'p2'), FILES)
})

test('a parent whose head is damaged does not stop a backup', async () => {
  const { vault, store, coordinator } = await withParent()
  flip(store, 'points/p1/head', 60)
  await backUp(vault, coordinator, 'p2', FILES, 'p1')
  assert.deepEqual(await restore(vault, 'p2'), FILES)
})

test('a parent whose manifest is damaged does not stop a backup', async () => {
  const { vault, store, coordinator } = await withParent()
  for (const name of await blobsOf(store, 'meta/')) store.blobs.delete(name)
  await backUp(vault, coordinator, 'p2', FILES, 'p1')
  assert.deepEqual(await restore(vault, 'p2'), FILES)
  assert.deepEqual(await restore(vault, 'p1'), FILES, 'the same manifest was stored again')
})

test('a recovery point that another deletes at the same moment is deleted, and neither fails', async () => {
  const { vault } = await withParent()
  await Promise.all([vault.deletePoint('p1', 'one'), vault.deletePoint('p1', 'other')])
  await assert.rejects(restore(vault, 'p1'), PointNotFoundError)
})

test('a recovery point that is deleted while all are listed is no error', async () => {
  const { store, coordinator } = await withParent()
  const other = await makeVault(store)
  await backUp(other, coordinator, 'p2', FILES)
  const list = store.list.bind(store)
  store.list = async function* (prefix) {
    for await (const page of list(prefix)) yield page
    if (prefix === 'points/') await other.deletePoint('p1', 'meanwhile')
  }
  const vault = await makeVault(store)
  assert.deepEqual(
    (await vault.listPoints()).points.map(({ pointId }) => pointId),
    ['p2'],
  )
  assert.ok((await coordinator.sweep(vault)).storedBytes > 0)
})
