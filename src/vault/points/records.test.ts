import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemoryBlobStore } from '../../blobs/memory.ts'
import { VaultDamageError } from '../errors.ts'
import { lockInHead } from './records.ts'
import { makeVault, putPoint } from '../vault.fixture.ts'
import { verifyVault } from '../verify/verify.ts'

const LOCK = { mode: 'compliance', minRetentionDays: 7 }

test('vault records replace members whole, in the order of their numbers', async () => {
  const vault = await makeVault()
  assert.deepEqual(await vault.records(), { number: 0, record: {}, states: [{}], damage: undefined })
  await vault.addRecord(() => ({ lock: { mode: 'governance', maxRetentionDays: 9 }, other: 1 }))
  await vault.addRecord(() => ({ lock: LOCK }))
  const { number, record } = await vault.addRecord(() => ({ other: null }))
  assert.deepEqual({ number, record }, { number: 3, record: { lock: LOCK } })
  const read = await vault.records()
  assert.deepEqual(read.states[1], { lock: { mode: 'governance', maxRetentionDays: 9 }, other: 1 })
  assert.deepEqual(read.record, { lock: LOCK })
})

test('vault records of many writers at once all count, and each was decided on what came before it', async () => {
  const vault = await makeVault()
  const count = (record: Readonly<Record<string, unknown>>): number =>
    (record['count'] as number | undefined) ?? 0
  await Promise.all(
    Array.from({ length: 8 }, () => vault.addRecord(({ record }) => ({ count: count(record) + 1 }))),
  )
  const { number, record } = await vault.records()
  assert.deepEqual({ number, record }, { number: 8, record: { count: 8 } })
  assert.equal((await vault.addRecord(() => undefined)).number, 8)
})

const both = (name: string): readonly string[] => [name, `twins/${name}`]

test('a vault record that is missing in between, changed or another’s is damage, and nothing is added behind it', async () => {
  const spoilt: Readonly<Record<string, (blobs: Map<string, Buffer>) => void>> = {
    'records/00000001': (blobs) => both('records/00000001').forEach((name) => blobs.delete(name)),
    'records/00000002': (blobs) =>
      both('records/00000002').forEach((name) =>
        blobs.set(name, blobs.get('records/00000001') ?? Buffer.alloc(0)),
      ),
    'records/00000003': (blobs) =>
      both('records/00000003').forEach((name) => blobs.set(name, Buffer.from('cut'))),
  }
  for (const [blob, spoil] of Object.entries(spoilt)) {
    const store = new MemoryBlobStore()
    const vault = await makeVault(store)
    for (let n = 1; n <= 3; n++) await vault.addRecord(() => ({ lock: { ...LOCK, n } }))
    spoil(store.blobs)
    const { damage, number } = await vault.records()
    assert.equal(damage?.blob, blob)
    assert.equal(number, Number(blob.slice(-1)) - 1)
    await assert.rejects(
      vault.addRecord(() => ({ lock: null })),
      VaultDamageError,
    )
    assert.deepEqual(
      (await verifyVault(vault)).problems.map((problem) => problem.blob),
      [blob],
    )
  }
})

test('R21 every head written under a lock says so: an older or missing lock record shows', async () => {
  const store = new MemoryBlobStore()
  const vault = await makeVault(store)
  await putPoint(vault, 'before', { a: [Buffer.from('a')] })
  await vault.addRecord(() => ({ lock: { mode: 'governance' } }))
  await vault.addRecord(() => ({ lock: LOCK }))
  await putPoint(vault, 'under', { a: [Buffer.from('a')] }, { record: { name: 'under' } })
  await vault.addRecord(() => ({ lock: null }))
  await putPoint(vault, 'after', { a: [Buffer.from('a')] })
  const { points } = await vault.listPoints()
  const said = Object.fromEntries(points.map((head) => [head.pointId, head.record['vaultLock']]))
  assert.deepEqual(said, { before: undefined, under: { number: 2, lock: LOCK }, after: undefined })
  assert.deepEqual(points.map(lockInHead), [undefined, undefined, LOCK])
  assert.deepEqual((await verifyVault(vault)).problems, [])

  // The storage put back to before the second record, and to before any.
  for (const number of [3, 2]) both(`records/0000000${number}`).forEach((name) => store.blobs.delete(name))
  for (const left of ['records/00000001', 'none']) {
    const { problems } = await verifyVault(vault)
    assert.deepEqual(
      problems.map(({ blob, pointId }) => [blob, pointId]),
      [['records/00000002', 'under']],
      left,
    )
    both('records/00000001').forEach((name) => store.blobs.delete(name))
  }
})

test('backups go on while a vault record is damaged, and say what is known of the lock', async () => {
  const store = new MemoryBlobStore()
  const vault = await makeVault(store)
  await vault.addRecord(() => ({ lock: LOCK }))
  await vault.addRecord(() => ({ holds: 1 }))
  both('records/00000002').forEach((name) => store.blobs.set(name, Buffer.from('rot')))
  await putPoint(vault, 'p', { a: [Buffer.from('a')] })
  const [head] = (await vault.listPoints()).points
  assert.deepEqual(head?.record['vaultLock'], { number: 1, lock: LOCK })
})
