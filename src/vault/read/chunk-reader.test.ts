import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { MemoryBlobStore } from '../../blobs/memory.ts'
import { ChunkIndex } from '../chunks/chunk-index.ts'
import { ChunkReader } from './chunk-reader.ts'
import { VaultDamageError } from '../errors.ts'
import { readPackDirectory } from '../chunks/load-index.ts'
import { FOOTER_BYTES, packName, parseDirectory } from '../format/pack.ts'
import type { SegmentEntry } from '../format/pack.ts'
import { makeVault, putPoint } from '../vault.fixture.ts'
import type { Vault } from '../vault.ts'

test('a reader with few slots gives the right bytes, also around segments that do not open', async () => {
  const store = new MemoryBlobStore()
  const vault = await makeVault(store)
  // Each larger than half a segment, so that each is a segment of its own.
  const chunks = Array.from({ length: 12 }, () => randomBytes(20_000))
  await putPoint(vault, 'p1', { file: chunks })
  const { index } = await vault.refresh()
  const ids = chunks.map((chunk) => vault.keys.chunkId('data', chunk))
  const { segment } = index.find(ids[5] as Buffer, 0) ?? assert.fail()
  const { pack, offset } = index.segment(segment)
  const bytes = store.blobs.get(packName('data', index.pack(pack).id)) as Buffer
  bytes[offset + 100] = (bytes[offset + 100] as number) ^ 1

  using reader = new ChunkReader({ store, keys: vault.keys, index, cachedSegments: 3 })
  for (const at of [0, 1, 2, 5, 0, 1, 2, 3, 5, 5, 4, 3, 2, 1, 0, 5, 6, 7, 5, 7, 6, 8, 9, 10, 11, 5, 0]) {
    const read = (): Buffer => reader.read('data', ids[at] as Buffer, 0)
    if (at === 5) assert.throws(read, VaultDamageError)
    else assert.ok(read().equals(chunks[at] as Buffer), `chunk ${at}`)
  }
})

/** Two points of one incompressible chunk each: their packs differ in nothing but what they hold. */
async function twins(): Promise<{ store: MemoryBlobStore; vault: Vault; chunks: Buffer[]; packs: string[] }> {
  const store = new MemoryBlobStore()
  const vault = await makeVault(store)
  const chunks = [randomBytes(20_000), randomBytes(20_000)]
  for (const [i, chunk] of chunks.entries()) await putPoint(vault, `p${i}`, { file: [chunk] })
  const { index } = await vault.refresh()
  const packs = chunks.map((chunk) => {
    const { segment } = index.find(vault.keys.chunkId('data', chunk), 0) ?? assert.fail()
    return packName('data', index.pack(index.segment(segment).pack).id)
  })
  assert.notEqual(packs[0], packs[1])
  return { store, vault, chunks, packs }
}

for (const trustsDirectories of [false, true]) {
  const reading = trustsDirectories ? 'trusts directories' : 'hashes every chunk'

  test(`a reader that ${reading} finds two packs that have changed places`, async () => {
    const { store, vault, chunks, packs } = await twins()
    const [one, other] = packs.map((name) => store.blobs.get(name) as Buffer) as [Buffer, Buffer]
    store.blobs.set(packs[0] as string, other)
    store.blobs.set(packs[1] as string, one)
    const { index } = await vault.refresh()
    using reader = new ChunkReader({ store, keys: vault.keys, index, trustsDirectories })
    for (const chunk of chunks)
      assert.throws(() => reader.read('data', vault.keys.chunkId('data', chunk), 0), VaultDamageError)
  })

  test(`a reader that ${reading} gives what is whole of a pack whose directory is not`, async () => {
    const { store, vault, chunks, packs } = await twins()
    const bytes = store.blobs.get(packs[0] as string) as Buffer
    const at = bytes.length - FOOTER_BYTES - 20
    bytes[at] = (bytes[at] as number) ^ 1
    const { index } = await vault.refresh()
    using reader = new ChunkReader({ store, keys: vault.keys, index, trustsDirectories })
    for (const chunk of chunks)
      assert.ok(reader.read('data', vault.keys.chunkId('data', chunk), 0).equals(chunk))
  })
}

test('a reader that trusts directories hashes the chunks of a pack that the index describes otherwise', async () => {
  const { store, vault, chunks, packs } = await twins()
  const [chunk, other] = chunks as [Buffer, Buffer]
  const { index } = await vault.refresh()
  const pack = index.segment((index.find(vault.keys.chunkId('data', chunk), 0) ?? assert.fail()).segment).pack
  const directory = readPackDirectory(store, vault.keys, packs[0] as string)
  const [segment] = parseDirectory(directory, store.blobs.get(packs[0] as string)?.length ?? 0)
  const wrong = ChunkIndex.make({ chunks: 10, segments: 10, packs: 10 })
  const ids = vault.keys.chunkId('data', other)
  wrong.addPack('data', index.pack(pack).id, false, [{ ...(segment as SegmentEntry), ids }])
  using reader = new ChunkReader({ store, keys: vault.keys, index: wrong, trustsDirectories: true })
  assert.throws(() => reader.read('data', ids, 0), VaultDamageError)
})
