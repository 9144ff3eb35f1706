import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { MemoryBlobStore } from '../blobs/memory.ts'
import { ChunkReader } from './chunk-reader.ts'
import { VaultDamageError } from './errors.ts'
import { packName } from './pack.ts'
import { makeVault, putPoint } from './vault.fixture.ts'

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
