import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { MemoryBlobStore } from '../../blobs/memory.ts'
import { PointNotFoundError, VaultDamageError } from '../errors.ts'
import {
  Coordinator,
  backUp,
  beginPoint,
  blobsOf,
  makeVault,
  randomFiles,
  restore,
} from '../points.fixture.ts'
import type { Files } from '../points.fixture.ts'
import { openVault } from '../vault.ts'
import type { Vault } from '../vault.ts'
import { verifyVault } from '../verify/verify.ts'

interface Bench {
  readonly store: MemoryBlobStore
  readonly vault: Vault
  readonly coordinator: Coordinator
}

async function bench(): Promise<Bench> {
  const store = new MemoryBlobStore()
  return { store, vault: await makeVault(store), coordinator: new Coordinator() }
}

async function packsOf(store: MemoryBlobStore): Promise<string[]> {
  return [...(await blobsOf(store, 'data/')), ...(await blobsOf(store, 'meta/'))]
}

async function assertWhole(vault: Vault): Promise<void> {
  const { problems } = await verifyVault(vault, { readData: true })
  assert.deepEqual(problems, [])
}

test('a sweep of a vault in use changes nothing of its packs', async () => {
  const { store, vault, coordinator } = await bench()
  const files = randomFiles(['a', 'b', 'c'])
  await backUp(vault, coordinator, 'p1', files)
  const before = await packsOf(store)
  const result = await coordinator.sweep(vault)
  assert.deepEqual(await packsOf(store), before)
  assert.equal(result.deletedBlobs, 0)
  assert.deepEqual(await restore(vault, 'p1'), files)
})

test('a sweep frees everything once the last recovery point is deleted', async () => {
  const { store, vault, coordinator } = await bench()
  await backUp(vault, coordinator, 'p1', randomFiles(['a', 'b']))
  await vault.deletePoint('p1', 'test')
  const result = await coordinator.sweep(vault)
  assert.deepEqual(await packsOf(store), [])
  assert.deepEqual(await blobsOf(store, 'dead/'), [])
  assert.equal(result.deletedBlobs, 2)
  assert.equal(result.storedBytes, 0)
  await assert.rejects(vault.openPoint('p1'), PointNotFoundError)
})

test('what another recovery point shares stays', async () => {
  const { vault, coordinator } = await bench()
  const shared = randomFiles(['a', 'b'])
  const later = { ...shared, ...randomFiles(['c']) }
  await backUp(vault, coordinator, 'p1', { ...shared, ...randomFiles(['x', 'y']) })
  await backUp(vault, coordinator, 'p2', later, 'p1')
  await vault.deletePoint('p1', 'test')
  await coordinator.sweep(vault)
  assert.deepEqual(await restore(vault, 'p2'), later)
  await assertWhole(vault)
})

test('packs in use in small part are written anew, and disk use ends near what is used', async () => {
  const { vault, coordinator } = await bench()
  const names = Array.from({ length: 60 }, (_, i) => `f${String(i).padStart(2, '0')}`)
  const all = randomFiles(names, 8000)
  const kept = Object.fromEntries(Object.entries(all).filter((_, i) => i % 5 === 0))
  await backUp(vault, coordinator, 'p1', all)
  await backUp(vault, coordinator, 'p2', kept, 'p1')
  await vault.deletePoint('p1', 'test')
  const result = await coordinator.sweep(vault)
  assert.ok(result.repackedPacks > 0)
  assert.ok(result.storedBytes <= result.usedBytes * 1.1, `${result.storedBytes} of ${result.usedBytes}`)
  assert.deepEqual(await restore(vault, 'p2'), kept)
  await assertWhole(vault)
})

test('many small packs become few', async () => {
  const { store, vault, coordinator } = await bench()
  const files: Record<string, Files> = {}
  for (let i = 0; i < 12; i++) {
    const files1 = randomFiles([`only-${i}`])
    files[`p${i}`] = files1
    await backUp(vault, coordinator, `p${i}`, files1)
  }
  assert.equal((await packsOf(store)).length, 24)
  await coordinator.sweep(vault)
  assert.equal((await packsOf(store)).length, 2)
  for (const [pointId, expected] of Object.entries(files))
    assert.deepEqual(await restore(vault, pointId), expected)
  const again = await coordinator.sweep(vault)
  assert.equal(again.repackedPacks, 0)
})

test('packs wait on their list while a job holds a lease from before it', async () => {
  const { store, vault, coordinator } = await bench()
  const files = randomFiles(['a'])
  await backUp(vault, coordinator, 'p1', files)
  {
    using reader = coordinator.lease()
    using point = await vault.openPoint('p1')
    await vault.deletePoint('p1', 'test')
    const waiting = await coordinator.sweep(vault)
    assert.equal(waiting.deletedBlobs, 0)
    assert.equal(waiting.waitingBlobs, 2)
    assert.equal(reader.generation, 1)
    for await (const page of point.items()) {
      for (const item of page) for await (const bytes of point.read(item)) assert.ok(bytes.length > 0)
    }
  }
  const result = await coordinator.sweep(vault)
  assert.equal(result.deletedBlobs, 2)
  assert.deepEqual(await packsOf(store), [])
})

test('a job that began after the list does not hold it up', async () => {
  const { vault, coordinator } = await bench()
  await backUp(vault, coordinator, 'p1', randomFiles(['a']))
  {
    using early = coordinator.lease()
    await vault.deletePoint('p1', 'test')
    await coordinator.sweep(vault)
    assert.ok(early.generation < coordinator.generation)
  }
  using late = coordinator.lease()
  assert.equal((await coordinator.sweep(vault)).deletedBlobs, 2)
  assert.ok(late.generation > 1)
})

test('packs lie on their list for the grace time', async () => {
  const { vault, coordinator } = await bench()
  await backUp(vault, coordinator, 'p1', randomFiles(['a']))
  await vault.deletePoint('p1', 'test')
  const first = await coordinator.sweep(vault, { graceMs: 1000, now: 5000 })
  assert.equal(first.deletedBlobs, 0)
  assert.equal((await coordinator.sweep(vault, { graceMs: 1000, now: 5999 })).deletedBlobs, 0)
  assert.equal((await coordinator.sweep(vault, { graceMs: 1000, now: 6000 })).deletedBlobs, 2)
})

test('a writer that relied on a pack before it was listed commits, and the pack comes off the list', async () => {
  const { vault, coordinator } = await bench()
  const files = randomFiles(['a', 'b'])
  await backUp(vault, coordinator, 'p1', files)
  {
    using lease = coordinator.lease()
    const writer = await beginPoint(vault, lease, 'p2', files, 'p1')
    await vault.deletePoint('p1', 'test')
    const { waitingBlobs } = await coordinator.sweep(vault)
    assert.ok(waitingBlobs > 0)
    await writer.commit({})
  }
  const result = await coordinator.sweep(vault)
  assert.equal(result.waitingBlobs, 0)
  assert.deepEqual(await restore(vault, 'p2'), files)
  await assertWhole(vault)
})

test('a writer that begins after the list stores again what only listed packs have', async () => {
  const { vault, coordinator } = await bench()
  const files = randomFiles(['a', 'b'])
  await backUp(vault, coordinator, 'p1', files)
  {
    using holding = coordinator.lease()
    await vault.deletePoint('p1', 'test')
    assert.equal((await coordinator.sweep(vault)).waitingBlobs, 2)
    assert.equal(holding.generation, 1)
    await backUp(vault, coordinator, 'p2', files)
  }
  await coordinator.sweep(vault)
  assert.deepEqual(await restore(vault, 'p2'), files)
  await assertWhole(vault)
})

test('packs of a running job are not touched before its index delta', async () => {
  const { store, vault, coordinator } = await bench()
  const files = randomFiles(['a'])
  using lease = coordinator.lease()
  const writer = await beginPoint(vault, lease, 'p1', files)
  assert.equal((await packsOf(store)).length, 1)
  const result = await coordinator.sweep(vault)
  assert.deepEqual([result.deletedBlobs, result.waitingBlobs], [0, 0])
  await writer.commit({})
  assert.deepEqual(await restore(vault, 'p1'), files)
})

test('packs of a job that ended without a head are freed', async () => {
  const { store, vault, coordinator } = await bench()
  {
    using lease = coordinator.lease()
    const writer = await beginPoint(vault, lease, 'p1', randomFiles(['a']))
    await writer.abort()
  }
  assert.equal((await packsOf(store)).length, 1)
  assert.equal((await coordinator.sweep(vault)).deletedBlobs, 1)
  assert.deepEqual(await packsOf(store), [])
})

test('nothing is deleted while a head or a manifest cannot be read', async () => {
  const { store, vault, coordinator } = await bench()
  await backUp(vault, coordinator, 'p1', randomFiles(['a']))
  await backUp(vault, coordinator, 'p2', randomFiles(['b']))
  await vault.deletePoint('p2', 'test')
  for (const name of ['points/p1/head', 'twins/points/p1/head']) {
    const head = store.blobs.get(name) as Buffer
    head[60] = (head[60] as number) ^ 1
  }
  const before = await packsOf(store)
  await assert.rejects(coordinator.sweep(vault), VaultDamageError)
  assert.deepEqual(await packsOf(store), before)
})

test('a sweep ends the deletion of a point that was interrupted behind its tombstone', async () => {
  const { store, vault, coordinator } = await bench()
  await backUp(vault, coordinator, 'p1', randomFiles(['a']))
  const head = store.blobs.get('points/p1/head') as Buffer
  await vault.deletePoint('p1', 'test')
  store.blobs.set('points/p1/head', head)
  await coordinator.sweep(vault)
  assert.deepEqual(await blobsOf(store, 'points/'), ['points/p1/deleted'])
  assert.deepEqual(await packsOf(store), [])
})

test('a tombstone that the vault did not seal deletes nothing: neither a sweep nor a deletion goes by its name', async () => {
  const { store, vault, coordinator } = await bench()
  const files = randomFiles(['a', 'b'])
  await backUp(vault, coordinator, 'p1', files)
  await backUp(vault, coordinator, 'p2', randomFiles(['c']))
  await vault.deletePoint('p2', 'test')
  const sealed = await store.get('points/p2/deleted')
  const before = await blobsOf(store, '')
  for (const planted of [Buffer.from('{}'), sealed]) {
    await store.put('points/p1/deleted', planted)
    await assert.rejects(coordinator.sweep(vault), VaultDamageError)
    await assert.rejects(vault.deletePoint('p1', 'test'), VaultDamageError)
    await store.delete('points/p1/deleted')
    assert.deepEqual(await blobsOf(store, ''), before)
  }
  assert.deepEqual(await restore(vault, 'p1'), files)
})

test('a sweep that lost its lease deletes nothing', async () => {
  const { store, vault, coordinator } = await bench()
  await backUp(vault, coordinator, 'p1', randomFiles(['a']))
  await vault.deletePoint('p1', 'test')
  let checks = 0
  const lease = {
    generation: 1,
    check: async () => {
      await Promise.resolve()
      if (++checks > 2) throw new Error('lease lost')
    },
  }
  const before = await packsOf(store)
  await assert.rejects(coordinator.sweep(vault, { lease }), /lease lost/)
  assert.deepEqual(await packsOf(store), before)
})

test('a sweep interrupted at any change leaves every point whole, and the next one finishes', async () => {
  const files = randomFiles(['a', 'b', 'c', 'd', 'e'], 9000)
  const kept = Object.fromEntries(Object.entries(files).slice(0, 1))
  let isFinished = false
  for (let failAt = 1; !isFinished; failAt++) {
    let isArmed = false
    let changes = 0
    const store = new MemoryBlobStore((operation) => {
      if (isArmed && ++changes === failAt) throw new Error(`failed at ${operation}`)
    })
    const vault = await makeVault(store)
    const coordinator = new Coordinator()
    await backUp(vault, coordinator, 'p1', files)
    await backUp(vault, coordinator, 'p2', kept, 'p1')
    await vault.deletePoint('p1', 'test')
    isArmed = true
    const outcome = await coordinator.sweep(vault).catch((error: unknown) => error)
    isFinished = !(outcome instanceof Error)
    isArmed = false
    const again = await openVault(store, vault.keys.export())
    assert.deepEqual(await restore(again, 'p2'), kept, `after failing at change ${failAt}`)
    await assertWhole(again)
    const result = await coordinator.sweep(again)
    assert.equal(result.waitingBlobs, 0)
    assert.ok(result.storedBytes <= result.usedBytes * 1.1)
    assert.deepEqual(await restore(again, 'p2'), kept, `after finishing from change ${failAt}`)
    assert.ok(failAt < 100)
  }
})

test('whatever comes in whatever order, acknowledged points restore and deleted ones are freed', async () => {
  const step = fc.oneof(
    fc.record({
      do: fc.constant('backup' as const),
      files: fc.uniqueArray(fc.nat(11), { maxLength: 6 }),
      parent: fc.boolean(),
    }),
    fc.record({
      do: fc.constant('begin' as const),
      files: fc.uniqueArray(fc.nat(11), { maxLength: 6 }),
      parent: fc.boolean(),
    }),
    fc.record({ do: fc.constant('commit' as const) }),
    fc.record({ do: fc.constant('delete' as const), which: fc.nat(20) }),
    fc.record({ do: fc.constant('sweep' as const) }),
  )
  const contents = Array.from({ length: 12 }, () => randomBytes(2500))
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 16 }), async (steps) => {
      const { vault, coordinator } = await bench()
      const live = new Map<string, Files>()
      const open: {
        id: string
        files: Files
        lease: Disposable
        writer: Awaited<ReturnType<typeof beginPoint>>
      }[] = []
      for (const [number, now] of steps.entries()) {
        const id = `p${number}`
        if (now.do === 'backup' || now.do === 'begin') {
          const files = Object.fromEntries(now.files.map((i) => [`f${i}`, contents[i] as Buffer]))
          const parent = now.parent ? [...live.keys()].at(-1) : undefined
          const lease = coordinator.lease()
          const writer = await beginPoint(vault, lease, id, files, parent)
          open.push({ id, files, lease, writer })
        }
        if (now.do === 'backup' || now.do === 'commit') {
          const last = open.pop()
          if (last === undefined) continue
          await last.writer.commit({})
          last.lease[Symbol.dispose]()
          live.set(last.id, last.files)
        }
        if (now.do === 'delete') {
          const victim = [...live.keys()][now.which % Math.max(1, live.size)]
          if (victim === undefined) continue
          await vault.deletePoint(victim, 'test')
          live.delete(victim)
        }
        if (now.do === 'sweep') await coordinator.sweep(vault)
      }
      for (const { lease, writer } of open) {
        await writer.abort()
        lease[Symbol.dispose]()
      }
      const result = await coordinator.sweep(vault)
      assert.equal(result.waitingBlobs, 0)
      for (const [id, files] of live) assert.deepEqual(await restore(vault, id), files)
      await assertWhole(vault)
    }),
    { numRuns: 60 },
  )
})
