import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BlobNotFoundError } from '../../blobs/blob-store.ts'
import type { BlobStore } from '../../blobs/blob-store.ts'
import { MemoryBlobStore } from '../../blobs/memory.ts'
import { onCrashpoint } from '../../lib/crashpoint.ts'
import { copyToCold, leaveWarm, markTier, mirrorVault, TIERED_AT } from './cold.ts'
import { PointNotFoundError, VaultClaimError, VaultDamageError } from '../errors.ts'
import { checkTombstone, MOVED, MOVED_AT } from '../points/heads.ts'
import { mendDocuments } from '../repair/mend.ts'
import { backUp, Coordinator, makeVault, randomFiles, restore, VAULT_KEY } from '../points.fixture.ts'
import { twinName } from '../points/twins.ts'
import { createVault, openVault } from '../vault.ts'
import type { Vault } from '../vault.ts'
import { verifyVault } from '../verify/verify.ts'

const MOVED_AT_MS = 1_80_000_000_000

async function openBoth(): Promise<{ warm: Vault; cold: Vault; coordinator: Coordinator }> {
  const warm = await makeVault(new MemoryBlobStore())
  const coldStore = new MemoryBlobStore()
  await mirrorVault(warm.store, coldStore)
  return { warm, cold: await openVault(coldStore, VAULT_KEY), coordinator: new Coordinator() }
}

async function move(
  { warm, cold, coordinator }: Awaited<ReturnType<typeof openBoth>>,
  pointId: string,
): Promise<number> {
  using lease = coordinator.lease()
  const storedBytes = await copyToCold(warm, cold, {
    pointId,
    jobId: `move-${pointId}`,
    fence: 1,
    lease,
    movedAt: MOVED_AT_MS,
  })
  await leaveWarm(warm, cold, pointId)
  return storedBytes
}

async function assertWhole(vault: Vault): Promise<void> {
  assert.deepEqual((await verifyVault(vault, { readData: true })).problems, [])
}

test('markTier() has a head say that its point is tiered, or cold and since when, and leaves one alone that says so', async () => {
  const vaults = await openBoth()
  const { warm, cold, coordinator } = vaults
  await backUp(warm, coordinator, 'p1', randomFiles(['a'], 1_000))
  await move(vaults, 'p1')
  const said = async (): Promise<unknown> => {
    const { record } = await cold.head('p1')
    return [record[MOVED_AT], record[TIERED_AT]]
  }
  await markTier(cold, 'p1', 'cold', MOVED_AT_MS + 1)
  assert.deepEqual(await said(), [MOVED_AT_MS, undefined])
  await markTier(cold, 'p1', 'tiered', MOVED_AT_MS + 1)
  assert.deepEqual(await said(), [MOVED_AT_MS, MOVED_AT_MS + 1])
  await markTier(cold, 'p1', 'cold', MOVED_AT_MS + 2)
  assert.deepEqual(await said(), [MOVED_AT_MS + 2, undefined])
})

test('copyToCold() stores what the cold store lacks, and a sweep frees what no warm point uses any more', async () => {
  const vaults = await openBoth()
  const { warm, cold, coordinator } = vaults
  const old = randomFiles(['a', 'b'], 40_000)
  // Another size: the fixture takes over what has its parent's.
  const newer = { ...old, ...randomFiles(['b', 'c'], 40_001) }
  const newest = { ...newer, ...randomFiles(['d'], 40_000) }
  await backUp(warm, coordinator, 'p1', old)
  await backUp(warm, coordinator, 'p2', newer, 'p1')
  await backUp(warm, coordinator, 'p3', newest, 'p2')
  await warm.amend('p1', { tags: { team: 'storage' } })

  const first = await move(vaults, 'p1')
  assert.ok(first > 80_000 && first < 100_000, String(first))
  await assert.rejects(warm.head('p1'), PointNotFoundError)
  assert.equal(await checkTombstone(warm.store, warm.keys, 'p1'), MOVED)
  const { record } = await cold.head('p1')
  assert.deepEqual([record['tags'], record[MOVED_AT]], [{ team: 'storage' }, MOVED_AT_MS])
  assert.deepEqual(await restore(cold, 'p1'), old)
  assert.deepEqual(await restore(warm, 'p2'), newer)

  const second = await move(vaults, 'p2')
  assert.ok(second > 80_000 && second < 100_000, `what p1 brought there is not stored again: ${second}`)
  const { usedBytes, storedBytes } = await coordinator.sweep(warm)
  assert.ok(usedBytes > 150_000 && storedBytes < usedBytes * 1.1, `${storedBytes} of ${usedBytes}`)
  await coordinator.sweep(cold)
  assert.deepEqual(await restore(cold, 'p1'), old)
  assert.deepEqual(await restore(cold, 'p2'), newer)
  assert.deepEqual(await restore(warm, 'p3'), newest)

  await cold.deletePoint('p1', 'test')
  await coordinator.sweep(cold)
  assert.deepEqual(await restore(cold, 'p2'), newer)
  for (const vault of [warm, cold]) await assertWhole(vault)
})

const STEPS = [
  'pack.finished',
  'move.packs-stored',
  'move.index-stored',
  'move.head-stored',
  'move.amended',
  'point.tombstoned',
  'point.head-deleted',
]

for (const step of STEPS) {
  test(`a move that ends at ${step} loses nothing, and doing it again finishes it`, async () => {
    const vaults = await openBoth()
    const { warm, cold, coordinator } = vaults
    const files = randomFiles(['a', 'b'])
    await backUp(warm, coordinator, 'p1', files)
    await backUp(warm, coordinator, 'p2', randomFiles(['x']))
    class Crash extends Error {}
    let isOver = false
    {
      using _ = onCrashpoint((name) => {
        if (name !== step || isOver) return
        isOver = true
        throw new Crash(name)
      })
      await assert.rejects(move(vaults, 'p1'), Crash)
    }
    const holders = (await Promise.allSettled([restore(warm, 'p1'), restore(cold, 'p1')])).filter(
      (one) => one.status === 'fulfilled',
    )
    assert.ok(holders.length > 0)
    for (const { value } of holders) assert.deepEqual(value, files)
    // Between the two tries something is amended where the point counts as being, and both stores are swept.
    const isLeft = ['move.amended', 'point.tombstoned', 'point.head-deleted'].includes(step)
    await (isLeft ? cold : warm).amend('p1', { tags: { late: 'yes' } })
    for (const vault of [warm, cold]) await coordinator.sweep(vault)
    await move(vaults, 'p1').catch((error: unknown) => assert.ok(error instanceof PointNotFoundError))
    assert.deepEqual(await restore(cold, 'p1'), files)
    await assert.rejects(warm.head('p1'), PointNotFoundError)
    assert.deepEqual((await cold.head('p1')).record['tags'], { late: 'yes' })
    for (const vault of [warm, cold]) {
      await coordinator.sweep(vault)
      await assertWhole(vault)
    }
  })
}

test('a sweep of the cold store that is stopped at any access to it, and goes on once another has moved and swept there, frees nothing in use', async () => {
  const old = randomFiles(['a', 'b'])
  // Another size: the fixture takes over what has its parent's.
  const newer = { ...old, ...randomFiles(['b', 'c'], 3_001) }
  class ClaimLostError extends Error {}
  let stops = 0
  for (let isOver = false; !isOver;) {
    const vaults = await openBoth()
    const { warm, cold, coordinator } = vaults
    await backUp(warm, coordinator, 'p1', old)
    await backUp(warm, coordinator, 'p2', newer, 'p1')
    await backUp(warm, coordinator, 'p3', old, 'p2')
    await move(vaults, 'p1')
    await move(vaults, 'p2')
    // What the third one needs is in packs of the first: unused, or used in part, for as long as it is not there.
    await cold.deletePoint('p1', 'test')
    const stopped = stoppedAt(cold.store)
    const opened = await openVault(stopped.store, VAULT_KEY)
    stopped.stopAt(++stops)
    let isHeld = true
    const sweep = coordinator.sweep(opened, {
      lease: {
        generation: coordinator.generation,
        check: async () => {
          if (!isHeld) throw new ClaimLostError()
          await Promise.resolve()
        },
      },
    })
    sweep.catch(() => undefined)
    isOver = await Promise.race([stopped.reached.then(() => false), sweep.then(() => true)])
    isHeld = false
    await move(vaults, 'p3')
    await coordinator.sweep(cold)
    stopped.goOn()
    // Or it misses what the other has replaced.
    await sweep.catch((error: unknown) =>
      assert.ok(error instanceof ClaimLostError || error instanceof BlobNotFoundError, String(error)),
    )
    for (let round = 0; round < 2; round++) {
      const fresh = await openVault(cold.store, VAULT_KEY)
      assert.deepEqual(await restore(fresh, 'p2'), newer, `stopped at access ${stops}`)
      assert.deepEqual(await restore(fresh, 'p3'), old, `stopped at access ${stops}`)
      await assertWhole(fresh)
      await coordinator.sweep(fresh)
    }
  }
  assert.ok(stops > 20, String(stops))
})

/** The store, for a process that is stopped at one of its next accesses to it, and with it all that it does there, until it is told to go on. */
function stoppedAt(store: BlobStore): {
  readonly store: BlobStore
  readonly stopAt: (access: number) => void
  readonly reached: Promise<void>
  readonly goOn: () => void
} {
  const reached = Promise.withResolvers<void>()
  const goingOn = Promise.withResolvers<void>()
  let left = Infinity
  const wait = async (): Promise<void> => {
    if (--left === 0) reached.resolve()
    if (left <= 0) await goingOn.promise
  }
  const stopping = new Proxy(store, {
    get: (target, name): unknown => {
      const member: unknown = Reflect.get(target, name, target)
      if (typeof member !== 'function') return member
      if (name !== 'get' && name !== 'put' && name !== 'delete') return member.bind(target) as unknown
      return async (...args: unknown[]): Promise<unknown> => {
        await wait()
        return await (member.apply(target, args) as Promise<unknown>)
      }
    },
  })
  const stopAt = (access: number): void => void (left = access)
  return { store: stopping, stopAt, reached: reached.promise, goOn: goingOn.resolve }
}

test('mirrorVault() brings keys and records that came later, and leaves another vault’s store alone', async () => {
  const { warm, cold } = await openBoth()
  await warm.addRecord(() => ({ lock: { mode: 'governance', setAt: 1 } }))
  await warm.store.put('keys/kit-0011223344556677.json', Buffer.from('a wrapping'))
  assert.equal((await cold.records()).number, 0)
  await mirrorVault(warm.store, cold.store)
  assert.deepEqual((await cold.records()).record, { lock: { mode: 'governance', setAt: 1 } })
  assert.equal((await cold.store.get('keys/kit-0011223344556677.json')).toString(), 'a wrapping')
  const other = new MemoryBlobStore()
  await createVault(other, { vaultId: 'another', key: VAULT_KEY, wrappings: {}, files: {} })
  await assert.rejects(mirrorVault(warm.store, other), VaultClaimError)
})

test('leaveWarm() takes nothing from a head that was put back once the point had left, and takes that away again', async () => {
  const vaults = await openBoth()
  const { warm, cold, coordinator } = vaults
  await backUp(warm, coordinator, 'p1', randomFiles(['a']))
  await warm.amend('p1', { legalHolds: [{ holdId: 'first' }] })
  const old = await blobsOf(warm, 'p1')
  await move(vaults, 'p1')
  await cold.amend('p1', { legalHolds: [{ holdId: 'first' }, { holdId: 'second' }], deleteAfterDays: 900 })
  const { record } = await cold.head('p1')
  await putBack(warm, 'p1', old)
  await leaveWarm(warm, cold, 'p1')
  assert.deepEqual((await cold.head('p1')).record, record)
  await assert.rejects(warm.head('p1'), PointNotFoundError)
})

test('the first store’s tombstone of a moved point deletes nothing in the cold store: it is told, and a repair takes it away', async () => {
  const vaults = await openBoth()
  const { warm, cold, coordinator } = vaults
  const files = randomFiles(['a'])
  await backUp(warm, coordinator, 'p1', files)
  await move(vaults, 'p1')
  for (const [name, bytes] of await blobsOf(warm, 'p1')) await cold.store.put(name, bytes)
  await assert.rejects(coordinator.sweep(cold), /it is that of the vault’s first store/)
  await assert.rejects(cold.deletePoint('p1', 'test'), /it is that of the vault’s first store/)
  await assert.rejects(cold.head('p1'), VaultDamageError)
  const { problems } = await verifyVault(cold, {})
  assert.deepEqual(
    problems.map(({ blob }) => blob),
    ['points/p1/deleted'],
  )
  using lease = coordinator.lease()
  assert.deepEqual(await mendDocuments(cold, lease), ['points/p1/deleted'])
  await coordinator.sweep(cold)
  assert.deepEqual(await restore(cold, 'p1'), files)
})

/** What lies in a vault of a recovery point, by name, with twins. */
async function blobsOf({ store }: Vault, pointId: string): Promise<ReadonlyMap<string, Buffer>> {
  const blobs = new Map<string, Buffer>()
  for (const folder of [`points/${pointId}/`, twinName(`points/${pointId}/`)])
    for await (const page of store.names(folder))
      for (const name of page) blobs.set(name, Buffer.from(await store.get(name)))
  return blobs
}

async function putBack(vault: Vault, pointId: string, blobs: ReadonlyMap<string, Buffer>): Promise<void> {
  for (const name of (await blobsOf(vault, pointId)).keys()) await vault.store.delete(name)
  for (const [name, bytes] of blobs) await vault.store.put(name, bytes)
}
