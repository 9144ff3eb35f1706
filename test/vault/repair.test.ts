import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { before, test } from 'node:test'
import { MemoryBlobStore } from '../../src/blobs/memory.ts'
import { copyPoint } from '../../src/jobs/pour/pour-copy.ts'
import { onCrashpoint } from '../../src/lib/crashpoint.ts'
import { writeDeadList } from '../../src/vault/chunks/dead-list.ts'
import { ChunkMissingError, VaultDamageError } from '../../src/vault/errors.ts'
import { beginPoint, blobsOf, Coordinator, randomFiles, restore } from '../../src/vault/points.fixture.ts'
import type { Files } from '../../src/vault/points.fixture.ts'
import { repairVault } from '../../src/vault/repair/repair.ts'
import type { RepairResult, RepairSource } from '../../src/vault/repair/repair.ts'
import { createVault, openVault } from '../../src/vault/vault.ts'
import type { Vault } from '../../src/vault/vault.ts'
import { verifyVault } from '../../src/vault/verify/verify.ts'
import { SecondReader } from './second-reader.ts'

/** A vault that lost something, and another one with a copy. */

const NOW = 1_800_000_000_000
const RECORD = { resourceType: 'S3' }

let reader: SecondReader
before(async () => (reader = await SecondReader.make()))

interface Place {
  readonly store: MemoryBlobStore
  readonly vault: Vault
  readonly key: Buffer
  readonly coordinator: Coordinator
}

async function makePlace(vaultId: string): Promise<Place> {
  const store = new MemoryBlobStore()
  const key = randomBytes(32)
  const wrappings = reader.wrappings(vaultId, key)
  const vault = await createVault(store, { vaultId, key, wrappings, files: {} })
  return { store, vault, key, coordinator: new Coordinator() }
}

async function backUp({ vault, coordinator }: Place, pointId: string, files: Files): Promise<void> {
  using lease = coordinator.lease()
  const writer = await beginPoint(vault, lease, pointId, files)
  await writer.commit(RECORD)
}

async function copy(from: Place, into: Place, sourcePointId: string, pointId: string): Promise<void> {
  using lease = into.coordinator.lease()
  await copyPoint(
    {
      source: from.vault,
      sourcePointId,
      target: into.vault,
      pointId,
      jobId: `job-${pointId}`,
      fence: 1,
      lease,
      resourceType: 'S3',
      signal: new AbortController().signal,
      onProgress: () => undefined,
      threads: 0,
    },
    RECORD,
  )
}

/** The sources that there are for a point, as the server would offer them. */
function sources(...all: readonly RepairSource[]): (pointId: string) => AsyncIterable<RepairSource> {
  return async function* () {
    yield* await Promise.resolve(all)
  }
}

async function repair(
  { vault, coordinator }: Place,
  sourcesOf: (pointId: string) => AsyncIterable<RepairSource>,
): Promise<RepairResult> {
  using lease = coordinator.lease()
  return await repairVault(vault, { lease, now: NOW, sourcesOf })
}

/** Enough for packs of several segments; `twice` has one chunk again and again. */
const FILES: Files = {
  ...randomFiles(['a', 'b', 'c', 'deep/d', 'deep/e', 'f', 'g'], 9000),
  empty: Buffer.alloc(0),
  twice: Buffer.alloc(6000, 'x'),
}

/** The vault to be hurt, a copy of its one point elsewhere, and that copy as a source. */
async function pair(
  files: Files = FILES,
): Promise<{ place: Place; source: RepairSource; original: RepairSource; other: Place }> {
  const place = await makePlace('11111111111111111111111111111111')
  const other = await makePlace('22222222222222222222222222222222')
  await backUp(place, 'p1', files)
  await copy(place, other, 'p1', 'c1')
  return {
    place,
    other,
    source: { vault: other.vault, pointId: 'c1', isCopy: true },
    original: { vault: place.vault, pointId: 'p1', isCopy: true },
  }
}

const flip = (place: Place, name: string, at: number): void => {
  const bytes = place.store.blobs.get(name) as Buffer
  bytes[at] = (bytes[at] as number) ^ 1
}

/** What a verify does with what it finds. */
async function find(place: Place): Promise<void> {
  const { damagedPacks } = await verifyVault(place.vault, { readData: true })
  await place.vault.recordDamage(
    damagedPacks.map(({ blob, reason }) => ({ pack: blob, reason, foundAt: NOW })),
  )
}

/** Repaired, all is as it was: for us, for a process that comes to it, and once swept for the second reader. */
async function assertWhole(place: Place, points: ReadonlyMap<string, Files>): Promise<void> {
  for (const opened of [place.vault, await openVault(place.store, place.key)]) {
    for (const [pointId, files] of points) assert.deepEqual(await restore(opened, pointId), files)
  }
  await place.coordinator.sweep(place.vault)
  const { problems, hurt } = await verifyVault(await openVault(place.store, place.key), { readData: true })
  assert.deepEqual([problems, hurt], [[], []])
  assert.deepEqual(
    await blobsOf(place.store, 'damage/'),
    [],
    'the sweep took what was damaged, and the record of it',
  )
  reader.assertAgreesInMemory(place.store.blobs, points)
}

const P1 = new Map([['p1', FILES]])

/** Each takes something away from a vault, and says whether more than salvage is needed. */
const HURTS: Readonly<Record<string, (place: Place) => Promise<boolean> | boolean>> = {
  'a flipped byte in a data pack': async (place) => {
    const [pack = ''] = await blobsOf(place.store, 'data/')
    flip(place, pack, 40)
    return true
  },
  'a flipped byte in the directory of a data pack': async (place) => {
    const [pack = ''] = await blobsOf(place.store, 'data/')
    flip(place, pack, (place.store.blobs.get(pack) as Buffer).length - 60)
    return false
  },
  'a flipped byte in the seed of a data pack': async (place) => {
    const [pack = ''] = await blobsOf(place.store, 'data/')
    flip(place, pack, 3)
    return true
  },
  'a data pack cut in the middle': async (place) => {
    const [pack = ''] = await blobsOf(place.store, 'data/')
    const bytes = place.store.blobs.get(pack) as Buffer
    place.store.blobs.set(pack, bytes.subarray(0, bytes.length >> 1))
    return true
  },
  'a data pack cut to nothing': async (place) => {
    const [pack = ''] = await blobsOf(place.store, 'data/')
    place.store.blobs.set(pack, Buffer.alloc(0))
    return true
  },
  'all data packs deleted': async (place) => {
    for (const pack of await blobsOf(place.store, 'data/')) place.store.blobs.delete(pack)
    return true
  },
  'a flipped byte in the list of items': async (place) => {
    const [pack = ''] = await blobsOf(place.store, 'meta/')
    flip(place, pack, 40)
    return true
  },
  'the pack with the list of items deleted': async (place) => {
    for (const pack of await blobsOf(place.store, 'meta/')) place.store.blobs.delete(pack)
    return true
  },
  'every pack deleted': async (place) => {
    for (const type of ['data/', 'meta/'])
      for (const pack of await blobsOf(place.store, type)) place.store.blobs.delete(pack)
    return true
  },
  'an index delta with a flipped byte': async (place) => {
    const [delta = ''] = await blobsOf(place.store, 'index/')
    flip(place, delta, 50)
    return false
  },
  'all index deltas with a flipped byte, and every pack deleted': async (place) => {
    for (const delta of await blobsOf(place.store, 'index/')) flip(place, delta, 50)
    for (const type of ['data/', 'meta/'])
      for (const pack of await blobsOf(place.store, type)) place.store.blobs.delete(pack)
    return true
  },
  'a dead list with a flipped byte': async (place) => {
    await writeDeadList(place.store, place.vault.keys, { generation: 1, createdAtMs: NOW, blobs: [] })
    const [list = ''] = await blobsOf(place.store, 'dead/')
    flip(place, list, 50)
    return false
  },
  'two packs that changed places': async (place) => {
    await backUp(place, 'p2', randomFiles(['z'], 30_000))
    const [one = '', other = ''] = await blobsOf(place.store, 'data/')
    const [first, second] = [one, other].map((name) => place.store.blobs.get(name) as Buffer)
    place.store.blobs.set(one, second as Buffer)
    place.store.blobs.set(other, first as Buffer)
    return false
  },
}

for (const [what, hurt] of Object.entries(HURTS)) {
  test(`${what}: the vault is repaired, with the copy in another vault where its own bytes do not do`, async () => {
    const { place, source } = await pair()
    const needsSource = await hurt(place)
    await find(place)
    const alone = await repair(place, sources())
    assert.equal(alone.fetchedChunks + alone.rebuiltLists, 0)
    assert.equal(
      (await verifyVault(place.vault)).hurt.length,
      needsSource ? 1 : 0,
      'what is lost is still lost',
    )
    const result = await repair(place, sources(source))
    assert.equal(result.fetchedChunks > 0, needsSource, JSON.stringify(result))
    if (!needsSource) {
      const { points } = await place.vault.listPoints()
      const whole = new Map<string, Files>()
      for (const { pointId } of points) whole.set(pointId, await restore(place.vault, pointId))
      assert.deepEqual(whole.get('p1'), FILES)
      return await assertWhole(place, whole)
    }
    await assertWhole(place, P1)
  })
}

test('of a pack with one bad segment all others are saved without reading another vault', async () => {
  const { place, source } = await pair()
  const [pack = ''] = await blobsOf(place.store, 'data/')
  flip(place, pack, 40)
  await find(place)
  const alone = await repair(place, sources())
  assert.ok(alone.salvagedChunks > 50, JSON.stringify(alone))
  const { fetchedChunks, salvagedChunks } = await repair(place, sources(source))
  assert.equal(salvagedChunks, 0, 'they were saved before')
  assert.ok(fetchedChunks > 0 && fetchedChunks <= 9, String(fetchedChunks))
  await assertWhole(place, P1)
})

test('content of so many chunks that they are in lists is repaired, and the lists', async () => {
  const files = { large: randomBytes(4200 * 1024) }
  const { place, source } = await pair(files)
  for (const type of ['data/', 'meta/'])
    for (const pack of await blobsOf(place.store, type)) place.store.blobs.delete(pack)
  await repair(place, sources(source))
  assert.ok((await restore(place.vault, 'p1'))['large']?.equals(files.large))
})

test('a copy is repaired from what it was copied of', async () => {
  const { other, original } = await pair()
  for (const type of ['data/', 'meta/'])
    for (const pack of await blobsOf(other.store, type)) other.store.blobs.delete(pack)
  await repair(other, sources(original))
  await assertWhole(other, new Map([['c1', FILES]]))
})

test('content comes from any recovery point that has the item, also where it was cut otherwise; its list does not', async () => {
  const { place } = await pair()
  const third = await makePlace('33333333333333333333333333333333')
  // As one chunk each, and one file longer by something at its end.
  const grown = { ...FILES, a: Buffer.concat([FILES['a'] as Buffer, Buffer.from('more')]) }
  await backUp(third, 'x1', grown)
  for (const pack of await blobsOf(place.store, 'data/')) place.store.blobs.delete(pack)
  await repair(place, sources({ vault: third.vault, pointId: 'x1', isCopy: false }))
  await assertWhole(place, P1)

  for (const pack of await blobsOf(place.store, 'meta/')) place.store.blobs.delete(pack)
  const { rebuiltLists } = await repair(place, sources({ vault: third.vault, pointId: 'x1', isCopy: false }))
  assert.equal(rebuiltLists, 0)
  await assert.rejects(restore(place.vault, 'p1'), VaultDamageError)
})

test('a candidate of the same keys and sizes with other content is never accepted', async () => {
  const { place } = await pair()
  const wrong = await makePlace('44444444444444444444444444444444')
  const others = Object.fromEntries(
    Object.entries(FILES).map(([name, { length }]) => [name, randomBytes(length)]),
  )
  await backUp(wrong, 'w1', others)
  const liar = sources({ vault: wrong.vault, pointId: 'w1', isCopy: true })
  for (const type of ['data/', 'meta/']) {
    for (const pack of await blobsOf(place.store, type)) place.store.blobs.delete(pack)
    const packs = await blobsOf(place.store, type)
    const { fetchedChunks, rebuiltLists, storedBytes } = await repair(place, liar)
    assert.deepEqual([fetchedChunks, rebuiltLists, storedBytes], [0, 0, 0])
    assert.deepEqual(await blobsOf(place.store, type), packs, 'nothing of it came into the vault')
    await assert.rejects(
      restore(place.vault, 'p1'),
      (error) => error instanceof VaultDamageError || error instanceof ChunkMissingError,
    )
  }
})

test('of two half candidates each gives what it has', async () => {
  const { place } = await pair()
  const names = Object.keys(FILES)
  const halves: RepairSource[] = []
  for (const half of [0, 1]) {
    const at = await makePlace(String(half + 5).repeat(32))
    await backUp(
      at,
      'h',
      Object.fromEntries(names.filter((_, i) => i % 2 === half).map((name) => [name, FILES[name] as Buffer])),
    )
    halves.push({ vault: at.vault, pointId: 'h', isCopy: false })
  }
  for (const pack of await blobsOf(place.store, 'data/')) place.store.blobs.delete(pack)
  await repair(place, sources(...halves))
  await assertWhole(place, P1)
})

test('a source that is hurt itself, or is gone, is passed over', async () => {
  const { place, source, other } = await pair()
  const hurt = await makePlace('77777777777777777777777777777777')
  await copy(place, hurt, 'p1', 'h1')
  for (const pack of await blobsOf(hurt.store, 'meta/')) hurt.store.blobs.delete(pack)
  for (const pack of await blobsOf(place.store, 'data/')) place.store.blobs.delete(pack)
  const gone = { vault: other.vault, pointId: 'never', isCopy: true }
  await repair(place, sources(gone, { vault: hurt.vault, pointId: 'h1', isCopy: true }, source))
  await assertWhole(place, P1)
})

test('a recovery point whose loss cannot be made good costs no other one anything', async () => {
  const { place, source } = await pair()
  const only = randomFiles(['only', 'here'], 9000)
  await backUp(place, 'p2', only)
  for (const pack of await blobsOf(place.store, 'data/')) place.store.blobs.delete(pack)
  await repair(place, (pointId) => sources(...(pointId === 'p1' ? [source] : []))(pointId))
  assert.deepEqual(await restore(place.vault, 'p1'), FILES)
  const { hurt } = await verifyVault(place.vault)
  assert.deepEqual(
    hurt.map(({ pointId, itemCount }) => [pointId, itemCount]),
    [['p2', 2]],
  )
})

test('a repair that dies at any of its steps is begun again, and has harmed nothing', async () => {
  const passed = new Set<string>()
  for (let dieAt = 1, isDone = false; !isDone; dieAt++) {
    const { place, source } = await pair()
    const [pack = ''] = await blobsOf(place.store, 'data/')
    flip(place, pack, 40)
    await find(place)
    for (const meta of await blobsOf(place.store, 'meta/')) place.store.blobs.delete(meta)
    for (const delta of await blobsOf(place.store, 'index/')) flip(place, delta, 50)
    let steps = 0
    {
      using _ = onCrashpoint((name) => {
        passed.add(name)
        if (++steps === dieAt) throw new Error('died')
      })
      isDone = await repair(place, sources(source)).then(
        () => true,
        (error: unknown) => {
          assert.equal((error as Error).message, 'died')
          return false
        },
      )
    }
    // As by the next process.
    const next = { ...place, vault: await openVault(place.store, place.key) }
    await repair(next, sources(source))
    await assertWhole(next, P1)
  }
  assert.deepEqual([...passed].filter((name) => name.startsWith('repair.')).toSorted(), [
    'repair.delta-deleted',
    'repair.delta-stored',
    'repair.index-stored',
    'repair.packs-stored',
  ])
})
