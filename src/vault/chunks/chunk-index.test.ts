import assert from 'node:assert/strict'
import { randomBytes, randomInt } from 'node:crypto'
import { test } from 'node:test'
import { MemoryBlobStore } from '../../blobs/memory.ts'
import { ChunkIndex } from './chunk-index.ts'
import { sealIndex } from './index-delta.ts'
import { ID_BYTES } from '../keys.ts'
import { loadIndex } from './load-index.ts'
import type { SegmentEntry } from '../format/pack.ts'
import { makeVault, putPoint } from '../vault.fixture.ts'

function segmentOf(chunks: readonly (readonly [id: Buffer, length: number])[], offset: number): SegmentEntry {
  const lengths = Uint32Array.from(chunks, ([, length]) => length)
  const rawLength = lengths.reduce((sum, length) => sum + length, 0)
  return {
    offset,
    sealedLength: rawLength + 16,
    rawLength,
    flags: 0,
    ids: Buffer.concat(chunks.map(([id]) => id)),
    lengths,
  }
}

test('an index finds every chunk where it lies first, in any order, and no other', () => {
  const index = ChunkIndex.make({ chunks: 6000, segments: 700, packs: 40 })
  const places = new Map<string, { segment: number; offset: number; length: number }>()
  const known: Buffer[] = []
  let segments = 0
  for (let pack = 0; pack < 40; pack++) {
    const entries: SegmentEntry[] = []
    for (let n = 0; n < 15; n++) {
      let offset = 0
      const chunks = Array.from({ length: randomInt(1, 10) }, () => {
        // Some are copies of what lies elsewhere.
        const isCopy = known.length > 0 && randomInt(10) === 0
        const id = isCopy ? (known[randomInt(known.length)] as Buffer) : randomBytes(ID_BYTES)
        const length = randomInt(1, 2 ** 21)
        const hex = id.toString('hex')
        if (!places.has(hex)) places.set(hex, { segment: segments, offset, length })
        known.push(id)
        offset += length
        return [id, length] as const
      })
      entries.push(segmentOf(chunks, 32 + n * 1000))
      segments++
    }
    index.addPack(pack % 3 === 0 ? 'meta' : 'data', randomBytes(32), false, entries)
  }
  const order = known.toSorted(() => randomInt(3) - 1)
  for (const id of [...known, ...order, ...known.toReversed()]) {
    const expected = places.get(id.toString('hex')) as { segment: number; length: number }
    assert.deepEqual(index.find(id, 0), expected)
    assert.equal(index.lengthOf(id, 0), expected.length)
    assert.equal(index.segmentOf(id, 0), expected.segment)
    assert.ok(index.isLive(id, 0))
    const { pack, number } = index.segment(expected.segment)
    assert.deepEqual([pack, number], [Math.floor(expected.segment / 15), expected.segment % 15])
  }
  for (let i = 0; i < 1000; i++) assert.equal(index.find(randomBytes(ID_BYTES), 0), undefined)
  assert.equal(index.size.chunks, known.length)
})

test('ids that differ in any of their first 128 bits are two', () => {
  const index = ChunkIndex.make({ chunks: 200, segments: 2, packs: 1 })
  const id = Buffer.alloc(ID_BYTES, 0xff)
  index.addPack('data', randomBytes(32), false, [segmentOf([[id, 5]], 32)])
  let taken = 0
  for (let bit = 0; bit < 128; bit++) {
    const other = Buffer.from(id)
    other[bit >> 3] = (other[bit >> 3] as number) ^ (1 << (bit & 7))
    if (index.chunkOf(other, 0) >= 0) taken++
  }
  // Word 0 only says where to look: ids that agree in the other three and look in the same place are one.
  assert.ok(taken <= 32, String(taken))
  for (let bit = 32; bit < 128; bit++) {
    const other = Buffer.from(id)
    other[bit >> 3] = (other[bit >> 3] as number) ^ (1 << (bit & 7))
    assert.equal(index.chunkOf(other, 0), -1)
  }
})

test('a chunk in a dead pack is found and not relied on, unless it lies elsewhere, too', () => {
  const index = ChunkIndex.make({ chunks: 10, segments: 4, packs: 4 })
  const [both, dead] = [randomBytes(ID_BYTES), randomBytes(ID_BYTES)]
  index.addPack('data', randomBytes(32), false, [segmentOf([[both, 7]], 32)])
  index.addPack('data', randomBytes(32), true, [
    segmentOf(
      [
        [dead, 3],
        [both, 7],
      ],
      32,
    ),
  ])
  assert.ok(index.isLive(both, 0))
  assert.ok(!index.isLive(dead, 0))
  assert.deepEqual(index.find(dead, 0), { segment: 1, offset: 0, length: 3 })
})

test('an index says when it is full, and nothing is lost by reading one that needs more room than its deltas promise', async () => {
  const small = ChunkIndex.make({ chunks: 2, segments: 9, packs: 9 })
  const three = segmentOf(
    [1, 2, 3].map((length) => [randomBytes(ID_BYTES), length] as const),
    32,
  )
  assert.ok(!small.hasRoomFor({ chunks: 3, segments: 1, packs: 1 }))
  assert.throws(() => small.addPack('data', randomBytes(32), false, [three]), RangeError)

  // All chunks of one content have one id, so that the delta packs to next to nothing.
  const store = new MemoryBlobStore()
  const vault = await makeVault(store)
  const chunk = Buffer.alloc(100, 7)
  await putPoint(vault, 'p1', { file: [chunk] })
  const id = vault.keys.chunkId('data', chunk)
  const count = 60_000
  const directory = Buffer.alloc(4 + 13 + count * (ID_BYTES + 4))
  let at = directory.writeUInt32LE(1)
  at = directory.writeUInt32LE(count + 16, at)
  at = directory.writeUInt32LE(count, at)
  at = directory.writeUInt8(0, at)
  at = directory.writeUInt32LE(count, at)
  for (let i = 0; i < count; i++) {
    at += id.copy(directory, at)
    at = directory.writeUInt32LE(1, at)
  }
  const pack = {
    type: 'data',
    id: randomBytes(32),
    sizeBytes: 32 + count + 16 + directory.length + 32,
    directory,
  } as const
  for (const { name, bytes } of sealIndex(vault.keys, [pack])) await store.put(name, bytes)
  const { index, damage } = await loadIndex(store, vault.keys)
  assert.deepEqual(damage, [])
  assert.ok(index.size.chunks > count)
  assert.equal(index.find(id, 0)?.length, 100)
})

test('an index describes a pack by every id, length and place of it', () => {
  const index = ChunkIndex.make({ chunks: 100, segments: 10, packs: 5 })
  const segment = (offset: number): SegmentEntry =>
    segmentOf(
      [1, 2, 3].map((length) => [randomBytes(ID_BYTES), length * 70_000] as const),
      offset,
    )
  const packs = [[segment(32), segment(5000)], [segment(32)], [segment(32), segment(7000), segment(9000)]]
  for (const segments of packs) index.addPack('data', randomBytes(32), false, segments)
  for (const [pack, segments] of packs.entries()) {
    assert.ok(index.describes(pack, segments))
    assert.ok(!index.describes(pack, packs[(pack + 1) % 3] as SegmentEntry[]))
    assert.ok(!index.describes(pack, segments.slice(1)))
    assert.ok(!index.describes(pack, [...segments, segment(20_000)]))
    const last = segments.at(-1) as SegmentEntry
    const flipped = Buffer.from(last.ids)
    flipped[ID_BYTES * 2 + 5] = (flipped[ID_BYTES * 2 + 5] as number) ^ 1
    const variants: Partial<SegmentEntry>[] = [
      { offset: last.offset + 1 },
      { sealedLength: last.sealedLength + 1 },
      { rawLength: last.rawLength + 1 },
      { flags: 1 },
      { ids: flipped },
      { lengths: Uint32Array.from([last.lengths[1] as number, ...last.lengths.subarray(0, 2)]) },
      { ids: last.ids.subarray(ID_BYTES), lengths: last.lengths.subarray(1) },
    ]
    for (const variant of variants)
      assert.ok(
        !index.describes(pack, [...segments.slice(0, -1), { ...last, ...variant }]),
        JSON.stringify(variant),
      )
  }
})
