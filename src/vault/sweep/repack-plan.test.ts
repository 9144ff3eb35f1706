import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { MemoryBlobStore } from '../../blobs/memory.ts'
import { ChunkIndex } from '../chunks/chunk-index.ts'
import { packUse } from './mark.ts'
import type { PackUse } from './mark.ts'
import { packName } from '../format/pack.ts'
import { PackWriter } from '../write/pack-writer.ts'
import { Coordinator, makeVault, restore } from '../points.fixture.ts'
import { planRepack } from './repack-plan.ts'
import type { RepackPlan } from './repack-plan.ts'
import type { Vault } from '../vault.ts'
import { verifyVault } from '../verify/verify.ts'

const MIB = 1024 * 1024
const CHUNKS = 8

/** Packs of segments of a MiB, of which so many eighths are in use. */
interface Planned {
  readonly uses: readonly PackUse[]
  readonly plan: RepackPlan
  /** Of all packs once the plan was followed: unused over used bytes. */
  readonly unusedShare: number
}

function planFor(packs: readonly (readonly number[])[], isLocal: boolean = true): Planned {
  const segments = packs.flat().length
  const index = ChunkIndex.make({ chunks: segments * CHUNKS, segments, packs: packs.length })
  const stored = new Map<string, number>()
  for (const eighths of packs) {
    const id = randomBytes(32)
    const entries = eighths.map((_, i) => ({
      offset: 32 + i * (MIB / 2),
      sealedLength: MIB / 2,
      rawLength: MIB,
      flags: 1,
      ids: randomBytes(CHUNKS * 32),
      lengths: new Uint32Array(CHUNKS).fill(MIB / CHUNKS),
    }))
    index.addPack('data', id, false, entries)
    stored.set(packName('data', id), 32 + eighths.length * (MIB / 2))
  }
  const usedBytes = Uint32Array.from(packs.flat(), (eighths) => (eighths * MIB) / CHUNKS)
  const marks = { loaded: { index, stored }, usedBytes }
  const uses = packUse(marks)
  const plan = planRepack(
    marks,
    uses.filter(({ usedShare }) => usedShare > 0),
    isLocal,
  )
  const used = uses.reduce((sum, use) => sum + use.usedBytes, 0)
  const left = uses.map((use) => {
    if (use.usedShare === 0) return 0
    if (!plan.packs.includes(use)) return use.storedBytes - use.usedBytes
    const [first, end] = index.segmentsOf(use.number)
    const whole = Array.from({ length: end - first }, (_, i) => first + i).filter((n) => plan.whole.has(n))
    return whole.reduce((sum, n) => sum + (MIB / 2) * (1 - (usedBytes[n] as number) / MIB), 0)
  })
  return { uses, plan, unusedShare: left.reduce((sum, bytes) => sum + bytes, 0) / used }
}

/** As many segments in use whole as make a pack that is large. */
const WHOLE = Array.from({ length: 20 }, () => 8)

test('a plan writes nothing anew while little enough is unused', () => {
  const { plan } = planFor([[...WHOLE, 1], WHOLE])
  assert.deepEqual(plan, { packs: [], whole: new Set() })
})

test('a plan takes the packs that free most for what they take, and leaves the others', () => {
  const { uses, plan } = planFor([
    WHOLE.with(0, 7),
    [...WHOLE.slice(10), ...WHOLE.slice(10).map(() => 1)],
    WHOLE,
  ])
  assert.deepEqual(plan.packs, [uses[1]])
})

test('a plan lets a segment go over whole of which little is unused, and packs again one of which much is', () => {
  // Segments 0 to 19, then twelve of which an eighth is in use, then two of which an eighth is not.
  const { plan, unusedShare } = planFor([[...WHOLE, ...Array.from({ length: 12 }, () => 1), 7, 7]])
  assert.deepEqual([...plan.whole].slice(-2), [32, 33])
  assert.ok(plan.whole.size <= 3)
  assert.ok(unusedShare <= 0.0527)
})

test('a plan packs again no more than it must', () => {
  const { plan, unusedShare } = planFor([
    [...WHOLE, ...WHOLE.map(() => 6)],
    [...WHOLE, ...WHOLE.map(() => 6)],
    ...Array.from({ length: 3 }, () => WHOLE),
  ])
  assert.ok(plan.packs.length > 0 && plan.whole.size > 0)
  assert.ok(unusedShare > 0.051 && unusedShare < 0.0527, `${unusedShare} stays unused`)
})

test('a plan frees enough, whatever is in use', () => {
  const eighths = fc.oneof(fc.constant(8), fc.constant(0), fc.integer({ min: 0, max: 8 }))
  const packs = fc.array(fc.array(eighths, { minLength: 1, maxLength: 70 }), { minLength: 1, maxLength: 12 })
  fc.assert(
    fc.property(packs, fc.boolean(), (packs, isLocal) => {
      const { uses, plan, unusedShare } = planFor(packs, isLocal)
      if (uses.every(({ usedShare }) => usedShare === 0)) return
      // Heads and ends of packs are no part of a plan.
      assert.ok(unusedShare <= 0.0527, `${unusedShare} stays unused`)
      for (const use of plan.packs) assert.ok(uses.includes(use))
    }),
  )
})

/** Stores files of chunks of 128 KiB in segments of eight, and a point of those named in `keeps`. */
async function pour(
  vault: Vault,
  coordinator: Coordinator,
  files: ReadonlyMap<string, Buffer>,
  points: Readonly<Record<string, readonly string[]>>,
): Promise<void> {
  const { store, keys } = vault
  using lease = coordinator.lease()
  const packs = new PackWriter({ store, keys, type: 'data', tag: 'g1-0000000000000000' })
  const idOf = (name: string): Buffer => keys.chunkId('data', files.get(name) as Buffer)
  const names = [...files.keys()]
  for (let at = 0; at < names.length; at += CHUNKS) {
    const some = names.slice(at, at + CHUNKS)
    const raw = Buffer.concat(some.map((name) => files.get(name) as Buffer))
    packs.put(
      raw,
      Buffer.concat(some.map(idOf)),
      some.map((name) => (files.get(name) as Buffer).length),
    )
  }
  let finished = await packs.end()
  for (const [pointId, kept] of Object.entries(points)) {
    const writer = await vault.beginPoint({ pointId, jobId: pointId, fence: 1, lease })
    writer.addPacks(finished)
    finished = []
    for (const name of kept.toSorted()) {
      const meta = Buffer.from('\u0001{}')
      const size = (files.get(name) as Buffer).length
      writer.add({ key: Buffer.from(name), kind: 1, meta, size, depth: 0, ids: idOf(name) })
    }
    await writer.commit({ pointId })
  }
}

test('what went over whole restores, is checked, and is not moved again', async () => {
  const vault = await makeVault(new MemoryBlobStore())
  const coordinator = new Coordinator()
  const names = Array.from({ length: 30 * CHUNKS }, (_, i) => `f${String(i).padStart(3, '0')}`)
  const files = new Map(names.map((name) => [name, randomBytes(MIB / CHUNKS)]))
  // Of segments 0 to 3 an eighth is in use, of 4 and 5 all but that, of the others everything.
  const kept = names.filter((_, i) => {
    const [segment, chunk] = [Math.floor(i / CHUNKS), i % CHUNKS]
    return segment < 4 ? chunk === 0 : segment > 5 || chunk > 0
  })
  await pour(vault, coordinator, files, { all: names, kept })
  await vault.deletePoint('all', 'test')
  const swept = await coordinator.sweep(vault)
  assert.equal(swept.repackedPacks, 1)
  const unused = (swept.storedBytes - swept.usedBytes) / (MIB / CHUNKS)
  assert.ok(unused > 1.9 && unused < 2.5, `${unused} chunks are unused`)
  assert.deepEqual(
    await restore(vault, 'kept'),
    Object.fromEntries(kept.map((name) => [name, files.get(name)])),
  )
  assert.deepEqual((await verifyVault(vault, { readData: true })).problems, [])
  assert.equal((await coordinator.sweep(vault)).repackedPacks, 0)
})
