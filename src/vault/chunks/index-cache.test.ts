import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { MemoryBlobStore } from '../../blobs/memory.ts'
import { IndexCache } from './index-cache.ts'
import { ID_BYTES } from '../keys.ts'
import { loadIndex } from './load-index.ts'
import type { LoadedIndex } from './load-index.ts'
import { parsePackName } from '../format/pack.ts'
import { sweepVault } from '../sweep/sweep.ts'
import { createVault, openVault } from '../vault.ts'
import type { Vault } from '../vault.ts'
import { FIXTURE_KEY, heldLease, makeVault, putPoint } from '../vault.fixture.ts'
import { verifyVault } from '../verify/verify.ts'

/** Counts the index deltas that are read from it. */
class CountingStore extends MemoryBlobStore {
  deltas = 0

  override async get(name: string): Promise<Buffer> {
    if (name.startsWith('index/')) this.deltas++
    return await super.get(name)
  }
}

class World {
  readonly store = new CountingStore()
  readonly folder: string
  readonly path: string
  readonly warnings: string[] = []
  readonly chunks = new Map<string, Buffer>()
  key: Buffer = FIXTURE_KEY

  constructor(t: TestContext) {
    this.folder = mkdtempSync(join(tmpdir(), 'roleback-'))
    t.after(() => rmSync(this.folder, { recursive: true, force: true }))
    this.path = join(this.folder, 'index-cache', 'vault-1')
  }

  cache(path: string = this.path): IndexCache {
    return new IndexCache(path, (message) => this.warnings.push(message))
  }

  async put(vault: Vault, pointId: string, count: number = 4): Promise<void> {
    const chunks = Array.from({ length: count }, () => randomBytes(500))
    this.chunks.set(pointId, Buffer.concat(chunks.map((chunk) => vault.keys.chunkId('data', chunk))))
    await putPoint(vault, pointId, { file: chunks })
  }

  /** Opens the vault as a new process does. */
  async start(): Promise<{ vault: Vault; loaded: LoadedIndex; deltas: number }> {
    const vault = await openVault(this.store, this.key, this.cache())
    this.store.deltas = 0
    const loaded = await vault.refresh()
    return { vault, loaded, deltas: this.store.deltas }
  }

  isKnown({ index }: LoadedIndex, pointId: string): boolean[] {
    const ids = this.chunks.get(pointId) as Buffer
    const known = new Set<boolean>()
    for (let at = 0; at < ids.length; at += ID_BYTES) known.add(index.isLive(ids, at))
    return [...known]
  }
}

/** A vault of five points whose index is in the cache. */
async function filled(t: TestContext): Promise<World> {
  const world = new World(t)
  await makeVault(world.store)
  const vault = await openVault(world.store, FIXTURE_KEY)
  for (const pointId of ['p1', 'p2', 'p3', 'p4', 'p5']) await world.put(vault, pointId)
  const { deltas } = await world.start()
  assert.equal(deltas, 5)
  return world
}

const contentOf = ({ index, packs, unusable, deltas }: LoadedIndex): object => ({
  size: index.size,
  packs: [...packs].sort(),
  unusable: [...unusable].sort(),
  deltas: [...deltas].sort(),
})

test('a start reads only the deltas that came since the index was kept, and has all chunks', async (t) => {
  const world = await filled(t)
  assert.equal((await world.start()).deltas, 0)
  const other = await openVault(world.store, FIXTURE_KEY)
  await world.put(other, 'p6')
  await world.put(other, 'p7')
  const { loaded, deltas } = await world.start()
  assert.equal(deltas, 2)
  assert.deepEqual(contentOf(loaded), contentOf(await loadIndex(world.store, other.keys)))
  for (const pointId of world.chunks.keys()) assert.deepEqual(world.isKnown(loaded, pointId), [true])
  assert.equal(loaded.index.find(randomBytes(ID_BYTES), 0), undefined)
  assert.deepEqual(world.warnings, [])
})

test('what came since is kept, too, once it is much', async (t) => {
  const world = await filled(t)
  const { vault } = await world.start()
  for (let i = 0; i < 70; i++) await world.put(vault, `q${i}`, 1)
  await vault.refresh()
  assert.ok((await world.start()).deltas < 10)
})

test('a cache that anything was changed in is not used, and written anew', async (t) => {
  const world = await filled(t)
  const whole = readFileSync(world.path)
  const variants = [
    ...Array.from({ length: 60 }, (_, i) => Math.floor((whole.length - 1) * (i / 59))),
    ...Array.from({ length: 44 }, (_, i) => i),
  ].map((at) => {
    const bytes = Buffer.from(whole)
    bytes[at] = (bytes[at] as number) ^ 1
    return bytes
  })
  variants.push(whole.subarray(0, -1), whole.subarray(0, 20), Buffer.alloc(0), Buffer.concat([whole, whole]))
  for (const bytes of variants) {
    writeFileSync(world.path, bytes)
    world.warnings.length = 0
    const { deltas, loaded } = await world.start()
    assert.equal(deltas, 5)
    assert.equal(world.warnings.length, 1)
    assert.match(world.warnings[0] as string, /is not used, the whole index is read: /)
    for (const pointId of world.chunks.keys()) assert.deepEqual(world.isKnown(loaded, pointId), [true])
    assert.equal((await world.start()).deltas, 0)
  }
})

test('a cache sealed under another key, or for another vault, is not used', async (t) => {
  const world = await filled(t)
  // Who has not the vault's key makes an index of chunks that lie nowhere.
  const forger = await openVaultLike(world, { key: Buffer.alloc(32, 1) })
  const other = await openVaultLike(world, { vaultId: 'vault-2' })
  for (const bytes of [forger, other]) {
    writeFileSync(world.path, bytes)
    const { deltas, loaded } = await world.start()
    assert.equal(deltas, 5)
    assert.deepEqual(world.isKnown(loaded, 'forged'), [false])
  }
})

/** The cache of a vault that has other chunks under the names of the same deltas. */
async function openVaultLike(
  world: World,
  { key = FIXTURE_KEY, vaultId = 'vault-1' }: { key?: Buffer; vaultId?: string },
): Promise<Buffer> {
  const path = join(world.folder, 'forged')
  const vault = await createVault(new MemoryBlobStore(), { vaultId, key, wrappings: {}, files: {} })
  await world.put(vault, 'forged')
  const { index, ...loaded } = await vault.refresh()
  const deltas = new Set([...world.store.blobs.keys()].filter((name) => name.startsWith('index/')))
  await world.cache(path).keep(vault.keys, { ...loaded, index, deltas })
  return readFileSync(path)
}

test('what a sweep deleted is not known any more, even where an old cache was put back', async (t) => {
  const world = await filled(t)
  const old = readFileSync(world.path)
  const { vault } = await world.start()
  for (const pointId of ['p1', 'p2', 'p3']) await vault.deletePoint(pointId, 'test')
  let generation = 5
  const options = {
    lease: heldLease(1),
    now: 1_000_000,
    graceMs: 0,
    oldestLive: () => Promise.resolve(undefined),
    takeGeneration: () => Promise.resolve(++generation),
  }
  const { deletedBlobs } = await sweepVault(vault, options)
  assert.ok(deletedBlobs > 0)
  for (const bytes of [readFileSync(world.path), old]) {
    writeFileSync(world.path, bytes)
    const { loaded } = await world.start()
    assert.deepEqual(contentOf(loaded), contentOf(await loadIndex(world.store, vault.keys)))
    assert.deepEqual(world.isKnown(loaded, 'p1'), [false])
    assert.deepEqual(world.isKnown(loaded, 'p5'), [true])
  }
})

test('packs that are gone or have lost bytes since the index was kept are not relied on', async (t) => {
  for (const hurt of ['gone', 'short'] as const) {
    const world = await filled(t)
    const { loaded, vault } = await world.start()
    const place = loaded.index.find(world.chunks.get('p2') as Buffer, 0)
    const { type, id } = loaded.index.pack(loaded.index.segment(place?.segment as number).pack)
    const name = [...world.store.blobs.keys()].find((blob) => parsePackName(blob)?.id.equals(id)) as string
    assert.equal(type, 'data')
    const bytes = world.store.blobs.get(name) as Buffer
    if (hurt === 'gone') world.store.blobs.delete(name)
    else world.store.blobs.set(name, bytes.subarray(0, -1))
    const { loaded: now } = await world.start()
    assert.deepEqual(world.isKnown(now, 'p2'), [false])
    assert.deepEqual(world.isKnown(now, 'p3'), [true])
    // A server that runs sees it, too.
    assert.deepEqual(world.isKnown(await vault.refresh(), 'p2'), [false])
  }
})

test('after a key was added the cache of the key before is not used', async (t) => {
  const world = await filled(t)
  world.key = Buffer.concat([FIXTURE_KEY, Buffer.alloc(32, 9)])
  assert.equal((await world.start()).deltas, 5)
  assert.equal((await world.start()).deltas, 0)
  world.key = FIXTURE_KEY
  assert.equal((await world.start()).deltas, 5)
})

test('an index that packs were read for is not kept and not built on: what no delta names is no part of it', async (t) => {
  const world = await filled(t)
  rmSync(world.path)
  const vault = await openVault(world.store, FIXTURE_KEY, world.cache())
  assert.equal((await vault.refresh(true)).isOfDeltas, false)
  assert.deepEqual(readdirSync(join(world.folder, 'index-cache')), [])
  await world.put(vault, 'p6')
  assert.equal((await vault.refresh()).isOfDeltas, true)
  assert.deepEqual(readdirSync(join(world.folder, 'index-cache')), ['vault-1'])
})

test('verifyVault() names a delta that rotted behind the cache', async (t) => {
  const world = await filled(t)
  const { vault } = await world.start()
  assert.deepEqual((await verifyVault(vault)).problems, [])
  const name = [...world.store.blobs.keys()].find((blob) => blob.startsWith('index/')) as string
  const bytes = world.store.blobs.get(name) as Buffer
  bytes[60] = (bytes[60] as number) ^ 1
  const problems = (await verifyVault(vault)).problems
  assert.deepEqual(
    problems.map(({ blob }) => blob),
    [name],
  )
})

test('several processes keep the index of one vault at once, readable by nobody else', async (t) => {
  const world = await filled(t)
  rmSync(world.path)
  const starts = await Promise.all(Array.from({ length: 8 }, () => world.start()))
  for (const { loaded } of starts) assert.equal(loaded.deltas.size, 5)
  assert.equal((await world.start()).deltas, 0)
  assert.deepEqual(readdirSync(join(world.folder, 'index-cache')), ['vault-1'])
  assert.equal(statSync(world.path).mode & 0o777, 0o600)
  assert.equal(statSync(join(world.folder, 'index-cache')).mode & 0o777, 0o700)
})

test('what a process left that ended while it wrote is removed, what another is writing is not', async (t) => {
  const world = await filled(t)
  const [old, fresh] = [`${world.path}.aa.unfinished`, `${world.path}.bb.unfinished`]
  for (const path of [old, fresh]) writeFileSync(path, 'part')
  utimesSync(old, 1, 1)
  rmSync(world.path)
  await world.start()
  assert.deepEqual(readdirSync(join(world.folder, 'index-cache')).sort(), [
    'vault-1',
    'vault-1.bb.unfinished',
  ])
})

test('a folder that cannot be written costs a warning and no job', async (t) => {
  const world = new World(t)
  writeFileSync(join(world.folder, 'index-cache'), 'a file in its place')
  await makeVault(world.store)
  const { vault } = await world.start()
  await world.put(vault, 'p1')
  assert.deepEqual(world.isKnown(await vault.refresh(), 'p1'), [true])
  assert.ok(world.warnings.some((warning) => warning.includes('cannot be written')))
  chmodSync(join(world.folder, 'index-cache'), 0o600)
})
