import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { MemoryBlobStore } from '../../blobs/memory.ts'
import { CHUNKER_FREE, createChunker } from '../write/chunker.ts'
import { VaultKeys } from '../keys.ts'
import { Coordinator, backUp, restore } from '../points.fixture.ts'
import { openVault } from '../vault.ts'
import { scrubBlobs } from '../verify/scrub.ts'
import { verifyVault } from '../verify/verify.ts'

/** Numbers computed by a few lines of Python from docs/vault-format.md, and a vault that was written once and is never written again. */

const SEED = Buffer.from(Array.from({ length: 32 }, (_, i) => 100 + i))
const keys = new VaultKeys('vault-1', Buffer.from(Array.from({ length: 32 }, (_, i) => i)))
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

test('keys are derived as section 2 of the format says', () => {
  assert.equal(hex(keys.idKey('data')), '3702c64ac96e1a03c2a4e5ad87f34ace6f4bfb292f537432569d76882722a55f')
  assert.equal(hex(keys.idKey('meta')), '748a438513e1cf100722c17b84d589b6ef85d0536ae32010d1e693a1d839a3d5')
  assert.equal(
    hex(keys.headerMac(Buffer.from('line'))),
    '0cf7f184c0b146da4f9c322cd2ba0d5acabd64c144025659e2005b1e9cb1d888',
  )
  assert.equal(
    hex(keys.sealKey('data', SEED, 'pack').export()),
    'b797168c145207ca9dc5635ef041db8eaab7d4417f65b9e1668a4958c0b66c71',
  )
  assert.equal(
    hex(keys.sealKey('head', SEED, 'document').export()),
    '1a28cbfdd3f72ad336a7c8ec2ed74d8267069427baf690e0698d7b6b70670d63',
  )
  assert.equal(
    hex(keys.sealKey('record', SEED, 'document').export()),
    'cd73d2fa3653e36ed02462690c96bc26a606b09e204e12db2a167bb1fb08ed0d',
  )
})

test('what a later vault key seals is derived from it, and chunk ids from the first for ever', () => {
  const second = Buffer.from(Array.from({ length: 32 }, (_, i) => 0x20 + i))
  const both = new VaultKeys('vault-1', Buffer.concat([keys.export(), second]))
  assert.equal(
    hex(both.sealKey('head', SEED, 'document').export()),
    '403569a66c0ec73b1e4efa31c0cdce4da787e7f787b91aefd383227acddb677f',
  )
  assert.equal(
    hex(both.sealKey('data', SEED, 'pack').export()),
    'e6ba156d8d7de9813adf70bb7cd04a3e689fd5cfd89f92bf340757cebea2b296',
  )
  assert.deepEqual(both.sealKey('data', SEED, 'pack', 1), keys.sealKey('data', SEED, 'pack'))
  assert.deepEqual(both.idKey('data'), keys.idKey('data'))
  assert.deepEqual(both.gearTable(), keys.gearTable())
  assert.throws(
    () => keys.sealKey('data', SEED, 'pack', 2),
    /sealed under vault key 2, and only keys up to 1/,
  )
})

test('a chunk’s id is the SHA-256 of the id key and its bytes', () => {
  assert.equal(
    hex(keys.chunkId('data', Buffer.from('hello'))),
    '5dec8487faf9274ff2cf4039129f0baf6f3ee338f7eb25a6e233d9d5d892f0e7',
  )
})

test('content is cut where section 12 of the format says, byte for byte', () => {
  const table = keys.gearTable()
  assert.equal(hash('sha256', table), '28045e721327430436294d571ac49f9fe9b42984a453fe1039d5650da44161ff')
  const blocks = Array.from({ length: 6251 }, (_, i) => hash('sha256', `gear ${i}`, 'buffer'))
  const content = Buffer.concat(blocks).subarray(0, 200_001)
  const chunker = createChunker(table, { min: 256, average: 1024, max: 4096 }, 512 * 1024)
  content.copy(chunker.memory, CHUNKER_FREE)
  const lengths: number[] = []
  for (let at = 0; at < content.length;) {
    const length = chunker.cut(CHUNKER_FREE + at, content.length - at)
    lengths.push(length)
    at += length
  }
  assert.deepEqual(lengths.slice(0, 6), [1875, 1370, 1036, 823, 1063, 980])
  assert.equal(lengths.length, 170)
  assert.equal(
    hash('sha256', lengths.join(',')),
    '62110a1e671125de7c4af5ab2c6c391937fc3de364d488cecc94bdc47dd41ab7',
  )
})

interface GoldenKeys {
  readonly vaultKeys: string
  readonly kits: readonly { readonly points: readonly string[] }[]
}

interface Golden {
  readonly vaultId: string
  readonly vaultKey: string
  /** Base64 by name. */
  readonly blobs: Readonly<Record<string, string>>
  readonly points: Readonly<Record<string, Readonly<Record<string, string>>>>
  readonly records: Readonly<Record<string, unknown>>
  /** What its vault records give together. */
  readonly vaultRecord?: Readonly<Record<string, unknown>>
}

const goldenOf = (name: string): Golden =>
  JSON.parse(readFileSync(new URL(`../../../test/golden/${name}.json`, import.meta.url), 'utf8')) as Golden
const golden = goldenOf('version-1')

const goldenKeys = goldenOf('version-1-keys') as Golden & GoldenKeys

function goldenStore({ blobs }: Golden = golden): MemoryBlobStore {
  const store = new MemoryBlobStore()
  for (const [name, bytes] of Object.entries(blobs)) store.blobs.set(name, Buffer.from(bytes, 'base64'))
  return store
}

test('the golden vault of version 1 opens, verifies and restores to the same bytes', async () => {
  const store = goldenStore()
  const vault = await openVault(store, Buffer.from(golden.vaultKey, 'base64'))
  assert.equal(vault.id, golden.vaultId)
  assert.deepEqual((await scrubBlobs(store)).problems, [])
  assert.deepEqual((await verifyVault(vault, { readData: true })).problems, [])
  const { points, damage } = await vault.listPoints()
  assert.deepEqual(damage, [])
  assert.deepEqual(Object.fromEntries(points.map(({ pointId, record }) => [pointId, record])), golden.records)
  for (const [pointId, expected] of Object.entries(golden.points)) {
    const files = Object.entries(await restore(vault, pointId))
    assert.deepEqual(
      Object.fromEntries(files.map(([name, bytes]) => [name, bytes.toString('base64')])),
      expected,
    )
  }
})

test('the golden vault of version 1 takes backups and sweeps of this version', async () => {
  const store = goldenStore()
  const vault = await openVault(store, Buffer.from(golden.vaultKey, 'base64'))
  const coordinator = new Coordinator()
  coordinator.generation = 10
  const first = await restore(vault, 'first')
  const files = { ...first, more: Buffer.from('more') }
  await backUp(vault, coordinator, 'third', files, 'second')
  const before = store.blobs.size
  assert.ok((await coordinator.sweep(vault)).deletedBlobs >= 2)
  assert.ok(store.blobs.size < before)
  assert.deepEqual(await restore(vault, 'third'), files)
  assert.deepEqual(await restore(vault, 'first'), first)
  assert.deepEqual((await verifyVault(vault, { readData: true })).problems, [])
})

test('the golden vault with a lock, which a program written from the text alone made, says what it is locked by', async () => {
  const locked = goldenOf('version-1-locked')
  const store = goldenStore(locked)
  const vault = await openVault(store, Buffer.from(locked.vaultKey, 'base64'))
  const { number, record, damage } = await vault.records()
  assert.deepEqual({ number, record, damage }, { number: 2, record: locked.vaultRecord, damage: undefined })
  assert.deepEqual((await verifyVault(vault)).problems, [])
  assert.deepEqual((await scrubBlobs(store)).problems, [])
  assert.deepEqual((await vault.listPoints()).points[0]?.record, locked.records['empty'])

  store.blobs.delete('records/00000002')
  const { problems } = await verifyVault(vault)
  assert.deepEqual(
    problems.map(({ blob, pointId }) => [blob, pointId]),
    [['records/00000002', 'empty']],
  )
})

test('the golden vault of version 1 has no vault records, and takes some', async () => {
  const vault = await openVault(goldenStore(), Buffer.from(golden.vaultKey, 'base64'))
  assert.deepEqual((await vault.records()).states, [{}])
  await vault.addRecord(() => ({ lock: { mode: 'governance' } }))
  assert.deepEqual((await vault.records()).record, { lock: { mode: 'governance' } })
  assert.deepEqual((await verifyVault(vault)).problems, [])
})

test('the golden vault with two keys opens with both, takes backups, and the first key alone opens what it sealed', async () => {
  const store = goldenStore(goldenKeys)
  const vaultKeys = Buffer.from(goldenKeys.vaultKeys, 'base64')
  const vault = await openVault(store, vaultKeys)
  assert.deepEqual((await verifyVault(vault, { readData: true })).problems, [])
  assert.deepEqual((await scrubBlobs(store)).problems, [])
  const { points } = await vault.listPoints()
  assert.deepEqual(
    Object.fromEntries(points.map(({ pointId, record }) => [pointId, record])),
    goldenKeys.records,
  )
  for (const [pointId, expected] of Object.entries(goldenKeys.points)) {
    const files = Object.entries(await restore(vault, pointId))
    assert.deepEqual(
      Object.fromEntries(files.map(([name, bytes]) => [name, bytes.toString('base64')])),
      expected,
    )
  }
  const old = await openVault(store, vaultKeys.subarray(0, 32))
  const { points: open, damage } = await old.listPoints()
  assert.deepEqual(
    open.map(({ pointId }) => pointId),
    goldenKeys.kits[0]?.points,
  )
  assert.match(damage[0]?.message ?? '', /sealed under vault key 2, and only keys up to 1 are here/)
  await backUp(vault, new Coordinator(), 'fourth', { one: Buffer.from('one') }, 'third')
  assert.deepEqual(await restore(vault, 'fourth'), { one: Buffer.from('one') })
})
