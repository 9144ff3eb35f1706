import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemoryBlobStore } from '../../blobs/memory.ts'
import { DeadListError } from '../errors.ts'
import {
  Coordinator,
  VAULT_KEY,
  backUp,
  blobsOf,
  makeVault,
  randomFiles,
  restore,
} from '../points.fixture.ts'
import { openVault } from '../vault.ts'
import { verifyVault } from '../verify/verify.ts'

test('a dead list that rotted keeps nobody from restoring, stops new points, and goes with the next sweep', async () => {
  const store = new MemoryBlobStore()
  const vault = await makeVault(store)
  const coordinator = new Coordinator()
  const files = randomFiles(['a', 'b'])
  await backUp(vault, coordinator, 'p1', files)
  await backUp(vault, coordinator, 'p2', randomFiles(['c']))
  await vault.deletePoint('p2', 'test')
  using _ = coordinator.lease()
  await coordinator.sweep(vault)
  const [list = ''] = await blobsOf(store, 'dead/')
  const bytes = store.blobs.get(list) as Buffer
  bytes[40] = (bytes[40] as number) ^ 1

  const opened = await openVault(store, VAULT_KEY)
  assert.deepEqual(await restore(opened, 'p1'), files)
  assert.deepEqual(
    (await verifyVault(opened)).problems.map(({ blob }) => blob),
    [list],
  )
  await assert.rejects(backUp(opened, coordinator, 'p3', files, 'p1'), DeadListError)

  await coordinator.sweep(opened)
  assert.ok(!store.blobs.has(list))
  await backUp(opened, coordinator, 'p3', files, 'p1')
  assert.deepEqual(await restore(opened, 'p3'), files)
  assert.deepEqual((await verifyVault(opened, { readData: true })).problems, [])
})

test('a pack in use that lost all of its bytes is never freed as unused', async () => {
  const store = new MemoryBlobStore()
  const vault = await makeVault(store)
  const coordinator = new Coordinator()
  const files = randomFiles(['a', 'b'])
  await backUp(vault, coordinator, 'p1', files)
  const [pack = ''] = await blobsOf(store, 'data/')
  const bytes = store.blobs.get(pack) as Buffer
  store.blobs.set(pack, Buffer.alloc(0))
  await coordinator.sweep(await openVault(store, VAULT_KEY))
  assert.ok(store.blobs.has(pack))
  // Its disk was mended.
  store.blobs.set(pack, bytes)
  assert.deepEqual(await restore(await openVault(store, VAULT_KEY), 'p1'), files)
})
