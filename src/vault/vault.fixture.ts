import { MemoryBlobStore } from '../blobs/memory.ts'
import type { BlobStore } from '../blobs/blob-store.ts'
import type { ChunkSizes } from './write/chunker.ts'
import type { Lease } from './lease.ts'
import { PackWriter } from './write/pack-writer.ts'
import { SegmentBuffer } from './write/segment-buffer.ts'
import { createVault } from './vault.ts'
import type { Vault } from './vault.ts'
import type { CommittedPoint, PointWriter } from './write/writer.ts'

/** Small vaults for tests, written through the engine's own parts without threads. */

export const FIXTURE_KEY: Buffer = Buffer.alloc(32, 0x5a)
export const FIXTURE_ID = 'vault-1'
/** Small chunks, so that little content has many. */
export const SMALL_CHUNKS: ChunkSizes = { min: 256, average: 1024, max: 4096 }

export const heldLease = (generation: number = 1): Lease => ({ generation, check: () => Promise.resolve() })

export async function makeVault(
  store: BlobStore = new MemoryBlobStore(),
  chunkSizes: ChunkSizes = SMALL_CHUNKS,
): Promise<Vault> {
  return await createVault(store, {
    vaultId: FIXTURE_ID,
    key: FIXTURE_KEY,
    wrappings: { 'keys/server.json': Buffer.from('{"wrapping":"server"}\n') },
    files: { 'README.txt': Buffer.from('A vault of the tests.\n') },
    chunkSizes,
  })
}

/** Items by key; a value is the content's bytes, already in the chunks that it is to have. */
export type Tree = Readonly<Record<string, readonly Buffer[]>>

export interface PutOptions {
  readonly jobId?: string
  readonly fence?: number
  readonly lease?: Lease
  readonly record?: Readonly<Record<string, unknown>>
  readonly parentPointId?: string
}

/** Writes a point but for its commit: for tests that do something in between. */
export async function preparePoint(
  vault: Vault,
  pointId: string,
  tree: Tree,
  options: PutOptions = {},
): Promise<PointWriter> {
  const { jobId = 'job-1', fence = 1, lease = heldLease(), parentPointId } = options
  const point = await vault.beginPoint({ pointId, jobId, fence, lease, parentPointId })
  const packs = new PackWriter({ store: vault.store, keys: vault.keys, type: 'data', tag: point.tag })
  const segments = new SegmentBuffer(Buffer.alloc(64 * 1024), 32 * 1024, packs)
  for (const key of Object.keys(tree).sort()) {
    const ids: Buffer[] = []
    const chunks = tree[key] as readonly Buffer[]
    for (const chunk of chunks) {
      const id = vault.keys.chunkId('data', chunk)
      if (point.claims.isNew(id, 0)) segments.add(id, 0, chunk)
      ids.push(id)
    }
    const size = chunks.reduce((sum, chunk) => sum + chunk.length, 0)
    point.add({
      key: Buffer.from(key),
      kind: 1,
      meta: Buffer.from([1]),
      size,
      depth: 0,
      ids: Buffer.concat(ids),
    })
  }
  segments.flush()
  point.addPacks(await packs.end())
  return point
}

export async function putPoint(
  vault: Vault,
  pointId: string,
  tree: Tree,
  options: PutOptions = {},
): Promise<CommittedPoint> {
  const point = await preparePoint(vault, pointId, tree, options)
  return await point.commit(options.record ?? { name: pointId })
}
