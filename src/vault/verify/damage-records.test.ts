import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { DiskBlobStore } from '../../blobs/disk.ts'
import { MemoryBlobStore } from '../../blobs/memory.ts'
import { listDamaged, readDamage } from './damage-records.ts'
import { VaultDamageError } from '../errors.ts'
import { IndexCache } from '../chunks/index-cache.ts'
import {
  Coordinator,
  VAULT_KEY,
  backUp,
  beginPoint,
  blobsOf,
  makeVault,
  randomFiles,
  restore,
} from '../points.fixture.ts'
import { openVault } from '../vault.ts'
import { verifyVault } from './verify.ts'

const foundAt = 1_800_000_000_000

function flip(store: MemoryBlobStore, name: string): void {
  const bytes = store.blobs.get(name) as Buffer
  // Behind the seed: in the first segment.
  bytes[40] = (bytes[40] as number) ^ 1
}

async function rotted() {
  const store = new MemoryBlobStore()
  const vault = await makeVault(store)
  const coordinator = new Coordinator()
  const files = randomFiles(['a', 'b', 'c'], 9000)
  await backUp(vault, coordinator, 'p1', files)
  const [pack] = (await blobsOf(store, 'data/')) as [string]
  flip(store, pack)
  return { store, vault, coordinator, files, pack, record: { pack, reason: 'it rotted', foundAt } }
}

test('a backup after the finding stores again what lay in a pack that rotted, and heals the points before it', async () => {
  const { store, vault, coordinator, files, pack, record } = await rotted()
  await assert.rejects(restore(vault, 'p1'), VaultDamageError)
  assert.equal(await vault.recordDamage([record]), 1)
  await backUp(vault, coordinator, 'p2', files, 'p1')
  assert.deepEqual(await restore(vault, 'p2'), files)
  assert.deepEqual(await restore(vault, 'p1'), files)

  await coordinator.sweep(vault)
  assert.equal(store.blobs.has(pack), false, 'nothing needs the pack any more')
  assert.deepEqual(await blobsOf(store, 'damage/'), [], 'nor what was noted of it')
  assert.deepEqual((await verifyVault(vault, { readData: true })).problems, [])
  assert.deepEqual(await restore(vault, 'p1'), files)
})

test('without the finding a backup would rely on the rot', async () => {
  const { vault, coordinator, files } = await rotted()
  await backUp(vault, coordinator, 'p2', files)
  await assert.rejects(restore(vault, 'p2'), VaultDamageError)
})

test('another process and a start from the index cache know of the finding', async () => {
  const { store, vault, coordinator, files, record } = await rotted()
  const folder = mkdtempSync(join(tmpdir(), 'roleback-damage-'))
  const cache = (): IndexCache => new IndexCache(join(folder, 'index'), (message) => assert.fail(message))
  try {
    const other = await openVault(store, VAULT_KEY, cache())
    // Its memory and its cache are from before.
    await other.refresh()
    await vault.recordDamage([record])
    for (const opened of [other, await openVault(store, VAULT_KEY, cache())]) {
      const { index, damaged } = await opened.refresh()
      assert.deepEqual([...damaged], [record.pack])
      assert.equal(
        index.isLive(vault.keys.chunkId('data', (files['a'] as Buffer).subarray(0, 1024)), 0),
        false,
      )
    }
    await backUp(await openVault(store, VAULT_KEY, cache()), coordinator, 'p2', files)
    assert.deepEqual(await restore(await openVault(store, VAULT_KEY, cache()), 'p1'), files)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

test('a backup under way in the process that finds rot does not rely on it either', async () => {
  const { vault, coordinator, files, record } = await rotted()
  using lease = coordinator.lease()
  await vault.refresh()
  const before = await beginPoint(vault, lease, 'other', randomFiles(['x']))
  await vault.recordDamage([record])
  const id = vault.keys.chunkId('data', (files['a'] as Buffer).subarray(0, 1024))
  assert.equal(before.claims.isNew(id, 0), true)
})

test('a finding is kept once, sealed, and taken back where the pack was read whole again', async () => {
  const { store, vault, coordinator, files, pack, record } = await rotted()
  await vault.recordDamage([record])
  assert.equal(await vault.recordDamage([{ ...record, reason: 'found again' }]), 0)
  assert.deepEqual(await readDamage(store, vault.keys, pack), record)
  flip(store, pack)
  const { healedPacks } = await verifyVault(vault, { readData: true })
  assert.deepEqual(healedPacks, [pack])
  await vault.clearDamage(healedPacks)
  assert.deepEqual([...(await listDamaged(store))], [])
  await backUp(vault, coordinator, 'p2', files)
  assert.equal((await blobsOf(store, 'data/')).length, 1, 'it is relied on again')
})

test('a verify that reads no data names what a known finding hits', async () => {
  const { vault, record } = await rotted()
  assert.deepEqual((await verifyVault(vault)).problems, [])
  await vault.recordDamage([record])
  const { problems, hurt } = await verifyVault(vault)
  assert.deepEqual(problems[0], { blob: record.pack, reason: 'it rotted' })
  assert.deepEqual(
    hurt.map(({ pointId, itemCount }) => [pointId, itemCount]),
    [['p1', 1]],
  )
})

test('a sweep moves nothing out of a pack that rotted, and frees what else is unused', async () => {
  const { store, vault, coordinator, files, pack, record } = await rotted()
  await backUp(vault, coordinator, 'p2', randomFiles(['x'], 9000))
  await vault.recordDamage([record])
  await vault.deletePoint('p2', 'test')
  const { deletedBlobs } = await coordinator.sweep(vault)
  assert.ok(deletedBlobs > 0)
  assert.ok(store.blobs.has(pack))
  await backUp(vault, coordinator, 'p3', { a: files['a'] as Buffer })
  assert.deepEqual(
    await restore(vault, 'p1'),
    files,
    'the one hurt file is healed, the others were never hurt',
  )
})

test('a finding on a disk outlives the process', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'roleback-damage-'))
  try {
    const vault = await makeVault(new DiskBlobStore(folder))
    const files = randomFiles(['a'])
    await backUp(vault, new Coordinator(), 'p1', files)
    const [pack] = (await blobsOf(vault.store, 'data/')) as [string]
    const path = join(folder, pack)
    const bytes = readFileSync(path)
    bytes[40] = (bytes[40] as number) ^ 1
    writeFileSync(path, bytes)
    await vault.recordDamage([{ pack, reason: 'it rotted', foundAt }])
    const reopened = await openVault(new DiskBlobStore(folder), VAULT_KEY)
    await backUp(reopened, new Coordinator(), 'p2', files)
    assert.deepEqual(await restore(reopened, 'p1'), files)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
