import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemoryBlobStore } from '../../src/blobs/memory.ts'
import { onCrashpoint } from '../../src/lib/crashpoint.ts'
import { PointNotFoundError, VaultDamageError } from '../../src/vault/errors.ts'
import {
  backUp,
  blobsOf,
  Coordinator,
  randomFiles,
  restore,
  VAULT_ID,
} from '../../src/vault/points.fixture.ts'
import type { Files } from '../../src/vault/points.fixture.ts'
import { repairVault } from '../../src/vault/repair/repair.ts'
import { createVault, openVault } from '../../src/vault/vault.ts'
import type { Vault } from '../../src/vault/vault.ts'
import { verifyVault } from '../../src/vault/verify/verify.ts'
import { SecondReader } from './second-reader.ts'

/** Heads, amendments, tombstones and vault records lie in a vault twice: what of them is lost is put back, and nothing is made up. */

const KEY = Buffer.alloc(32, 7)
const reader = await SecondReader.make()

interface Place {
  readonly store: MemoryBlobStore
  readonly vault: Vault
  readonly coordinator: Coordinator
  readonly files: Files
}

/** One recovery point with two amendments, one that was deleted, and two vault records. */
async function place(): Promise<Place> {
  const store = new MemoryBlobStore()
  const wrappings = reader.wrappings(VAULT_ID, KEY)
  const vault = await createVault(store, { vaultId: VAULT_ID, key: KEY, wrappings, files: {} })
  const coordinator = new Coordinator()
  await vault.addRecord(() => ({ lock: { mode: 'governance', minRetentionDays: 7 } }))
  await vault.addRecord(() => ({ lock: { mode: 'compliance', minRetentionDays: 8 } }))
  const files = randomFiles(['a', 'b'], 2500)
  await backUp(vault, coordinator, 'p1', files)
  await vault.amend('p1', { resourceType: 'S3', deleteAfterDays: 10 })
  await vault.amend('p1', { deleteAfterDays: 4000 })
  await backUp(vault, coordinator, 'gone', randomFiles(['x'], 2500))
  await vault.deletePoint('gone', 'test')
  return { store, vault, coordinator, files }
}

async function repair({ vault, coordinator }: Place): Promise<readonly string[]> {
  using lease = coordinator.lease()
  const none = async function* (): AsyncGenerator<never> {}
  return (await repairVault(vault, { lease, now: 1, sourcesOf: none })).replacedBlobs
}

const verify = async ({ store }: Place): ReturnType<typeof verifyVault> =>
  await verifyVault(await openVault(store, KEY), { readData: true })

const PAIRED = ['points/p1/head', 'points/p1/amendment-00000002', 'points/gone/deleted', 'records/00000002']
const twinOf = (name: string): string => `twins/${name}`

const HURTS: Readonly<Record<string, (bytes: Buffer) => Buffer | undefined>> = {
  gone: () => undefined,
  'with a flipped bit': (bytes) => {
    bytes[60] = (bytes[60] as number) ^ 1
    return bytes
  },
  'cut to nothing': () => Buffer.alloc(0),
}

function hurt({ store }: Place, name: string, how: string): Buffer {
  const bytes = store.blobs.get(name) ?? assert.fail(name)
  const before = Buffer.from(bytes)
  const after = HURTS[how]?.(bytes)
  if (after === undefined) store.blobs.delete(name)
  else store.blobs.set(name, after)
  return before
}

for (const name of PAIRED.flatMap((first) => [first, twinOf(first)])) {
  for (const how of Object.keys(HURTS)) {
    test(`${name} ${how}: nobody misses it, it is named, and its very bytes are put back`, async () => {
      const one = await place()
      const before = hurt(one, name, how)
      const opened = await openVault(one.store, KEY)
      assert.deepEqual(await restore(opened, 'p1'), one.files)
      assert.equal((await opened.head('p1')).record['deleteAfterDays'], 4000)
      assert.equal((await opened.records()).number, 2)
      await assert.rejects(opened.head('gone'), PointNotFoundError)
      const { problems, hurt: hit } = await verify(one)
      // Vaults once had no twins.
      const isNamed = !(name.startsWith('twins/') && how === 'gone')
      assert.deepEqual(
        problems.map(({ blob }) => blob),
        isNamed ? [name] : [],
      )
      assert.deepEqual(hit, [])
      assert.deepEqual(await repair(one), [name])
      assert.deepEqual(one.store.blobs.get(name), before)
      assert.deepEqual((await verify(one)).problems, [])
      await one.coordinator.sweep(one.vault)
      reader.assertAgreesInMemory(one.store.blobs, new Map([['p1', one.files]]))
    })
  }
}

test('a sweep takes nothing of a point whose head is gone, and puts it back', async () => {
  const one = await place()
  const before = hurt(one, 'points/p1/head', 'gone')
  await one.coordinator.sweep(one.vault)
  assert.deepEqual(one.store.blobs.get('points/p1/head'), before)
  assert.deepEqual(await restore(one.vault, 'p1'), one.files)
})

test('where neither opens nothing is made up: it is named and stays so', async () => {
  for (const name of ['points/p1/head', 'points/p1/amendment-00000001', 'records/00000001']) {
    const one = await place()
    hurt(one, name, 'with a flipped bit')
    hurt(one, twinOf(name), 'with a flipped bit')
    assert.deepEqual(await repair(one), [])
    assert.ok(
      (await verify(one)).problems.some(({ blob }) => blob === name),
      name,
    )
  }
})

test('what is sealed for another name, or by another vault, stands for nothing', async () => {
  const one = await place()
  const other = await place()
  const name = 'points/p1/amendment-00000002'
  for (const bytes of [one, other].map(({ store }) => store.blobs.get('points/p1/amendment-00000001'))) {
    one.store.blobs.delete(name)
    one.store.blobs.set(twinOf(name), bytes as Buffer)
    await assert.rejects(one.vault.head('p1'), VaultDamageError)
    assert.deepEqual(await repair(one), [])
    assert.ok(!one.store.blobs.has(name))
  }
})

test('of two that open and are not the same neither is touched', async () => {
  const [one, other] = [await place(), await place()]
  const name = 'points/p1/amendment-00000002'
  one.store.blobs.set(twinOf(name), other.store.blobs.get(name) as Buffer)
  assert.deepEqual(await repair(one), [])
  assert.deepEqual(
    (await verify(one)).problems.map(({ blob }) => blob),
    [twinOf(name)],
  )
})

test('a tombstone that opens nowhere deletes nothing, and a repair takes it away', async () => {
  const one = await place()
  for (const name of ['points/p1/deleted', 'twins/points/p1/deleted'])
    one.store.blobs.set(name, Buffer.from('planted'))
  await assert.rejects(one.coordinator.sweep(one.vault), VaultDamageError)
  assert.deepEqual(await repair(one), ['points/p1/deleted'])
  assert.deepEqual(await restore(one.vault, 'p1'), one.files)
  assert.deepEqual((await verify(one)).problems, [])
})

test('a tombstone whose first was taken away still deletes what is put back', async () => {
  const one = await place()
  const head = one.store.blobs.get('points/p1/head') as Buffer
  await one.vault.deletePoint('p1', 'test')
  one.store.blobs.delete('points/p1/deleted')
  one.store.blobs.set('points/p1/head', head)
  await assert.rejects(one.vault.head('p1'), PointNotFoundError)
  await one.coordinator.sweep(one.vault)
  await one.coordinator.sweep(one.vault)
  assert.deepEqual(await blobsOf(one.store, 'points/p1/'), ['points/p1/deleted'])
  assert.deepEqual(await blobsOf(one.store, 'twins/points/p1/'), ['twins/points/p1/deleted'])
})

test('deleting deletes both', async () => {
  const one = await place()
  await one.vault.deletePoint('p1', 'test')
  assert.deepEqual(await blobsOf(one.store, 'points/p1/'), ['points/p1/deleted'])
  assert.deepEqual(await blobsOf(one.store, 'twins/points/p1/'), ['twins/points/p1/deleted'])
})

for (const at of ['twin.first-to-be-put-back', 'twin.first-put-back']) {
  test(`a point that is deleted while its head is put back (${at}) stays deleted`, async () => {
    const one = await place()
    hurt(one, 'points/p1/head', 'gone')
    let deleting: Promise<void> | undefined
    using _ = onCrashpoint((name) => {
      if (name === at) deleting ??= one.vault.deletePoint('p1', 'test')
    })
    await repair(one)
    await deleting
    assert.notEqual(deleting, undefined)
    await one.coordinator.sweep(one.vault)
    await assert.rejects(one.vault.head('p1'), PointNotFoundError)
    assert.deepEqual(await blobsOf(one.store, 'points/p1/'), ['points/p1/deleted'])
    assert.deepEqual(await blobsOf(one.store, 'twins/points/p1/'), ['twins/points/p1/deleted'])
  })
}

test('a vault without twins is read as ever, and the next sweep gives it some', async () => {
  const one = await place()
  for (const name of await blobsOf(one.store, 'twins/')) one.store.blobs.delete(name)
  assert.deepEqual(await restore(one.vault, 'p1'), one.files)
  assert.deepEqual((await verify(one)).problems, [])
  await one.coordinator.sweep(one.vault)
  for (const name of [...(await blobsOf(one.store, 'points/')), ...(await blobsOf(one.store, 'records/'))])
    assert.deepEqual(one.store.blobs.get(twinOf(name)), one.store.blobs.get(name), name)
})
