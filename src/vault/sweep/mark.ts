import type { ChunkIndex } from '../chunks/chunk-index.ts'
import { ChunkReader } from '../read/chunk-reader.ts'
import { ChunkMissingError, VaultDamageError } from '../errors.ts'
import { readHeads } from '../points/all-heads.ts'
import type { FoundPoints } from '../points/found-points.ts'
import { checkTombstone, headName } from '../points/heads.ts'
import type { PointHead } from '../points/heads.ts'
import { ID_BYTES } from '../keys.ts'
import type { LoadedIndex } from '../chunks/load-index.ts'
import { Leaf } from '../format/leaf.ts'
import { parseInner, parseList } from '../format/node.ts'
import { packName } from '../format/pack.ts'
import type { Vault } from '../vault.ts'

/** What all recovery points of a vault use, chunk by chunk. */
export interface Marks {
  readonly loaded: LoadedIndex
  readonly points: readonly PointHead[]
  /** One bit for each chunk of the index: see `isUsedFrom`. */
  readonly used: Uint8Array<SharedArrayBuffer>
  /** Raw bytes in use, by number of segment. */
  readonly usedBytes: Uint32Array
}

/**
 * Reads the heads that were listed, then the index (so that it has all of theirs), then every manifest node once. A recovery point that
 * came since the listing is not marked.
 *
 * @throws {VaultDamageError} {ChunkMissingError} When anything of it cannot be read: nothing may be deleted then.
 */
export async function markUsed(
  vault: Vault,
  options: { readonly signal?: AbortSignal },
  listed: FoundPoints,
): Promise<Marks> {
  const points = await headsToMark(vault, listed)
  const loaded = await vault.refresh()
  const damage = loaded.damage[0]
  if (damage !== undefined) throw damage
  const { index } = loaded
  const walk = new ManifestWalk(vault, index)
  try {
    for (const head of points) await walk.point(head, options.signal)
  } finally {
    walk.close()
  }
  return {
    loaded,
    points,
    usedBytes: walk.usedBytes,
    used: walk.used,
  }
}

/**
 * Of all recovery points that count as there. What counts as deleted is not marked, and is freed: never by the mere name of a tombstone.
 * @throws {VaultDamageError}
 */
async function headsToMark(
  { store, keys }: Vault,
  { live, deleted }: FoundPoints,
): Promise<readonly PointHead[]> {
  for (const pointId of deleted) await checkTombstone(store, keys, pointId)
  const points = new Map<string, PointHead>()
  for await (const page of readHeads(store, keys, live))
    for (const head of page) {
      if (head instanceof VaultDamageError) throw head
      points.set(head.pointId, head)
    }
  for (const [pointId] of live) if (!points.has(pointId)) await checkTombstone(store, keys, pointId)
  return [...points.values()]
}

type IsLeftOut = (ids: Buffer, at: number) => boolean

/** Goes through manifests and marks what they use; what several of them share is gone through once. */
export class ManifestWalk {
  /** Raw bytes in use, by number of segment. */
  readonly usedBytes: Uint32Array
  /** One bit for each chunk of the index, in memory that threads share. */
  readonly used: Uint8Array<SharedArrayBuffer>
  readonly #index: ChunkIndex
  readonly #chunks: ChunkReader
  readonly #isLeftOut: IsLeftOut | undefined
  /** What was come by: what is used, where nothing is left out. */
  readonly #met: Uint8Array
  #newSegments: number[] = []

  /** @param isLeftOut What it says of is gone through, but not marked and not counted. */
  constructor(vault: Vault, index: ChunkIndex, isLeftOut?: IsLeftOut) {
    this.#index = index
    this.#isLeftOut = isLeftOut
    this.#chunks = new ChunkReader({ store: vault.store, keys: vault.keys, index })
    this.used = new Uint8Array(new SharedArrayBuffer(Math.ceil(index.capacity / 8)))
    this.#met = isLeftOut === undefined ? this.used : new Uint8Array(this.used.length)
    this.usedBytes = new Uint32Array(index.size.segments)
  }

  /** Marks all that a recovery point uses. @throws {VaultDamageError} {ChunkMissingError} */
  async point(
    { pointId, manifest: { root, height } }: Pick<PointHead, 'pointId' | 'manifest'>,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    if (root === undefined) return
    for (const _ of this.#node(headName(pointId), root, 0, height)) {
      signal?.throwIfAborted()
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  /** Numbers of the segments of which something was marked for the first time since the last call. */
  takeNewSegments(): readonly number[] {
    const taken = this.#newSegments
    this.#newSegments = []
    return taken
  }

  /** Marks a node and all below it; stops between nodes, so that others have their turn. Equal nodes are walked once. */
  *#node(blob: string, ids: Buffer, at: number, level: number): Generator<void> {
    if (!this.#mark(blob, ids, at)) return
    const node = Buffer.from(this.#chunks.read('meta', ids, at))
    yield
    if (level > 0) {
      for (const { id } of parsed(blob, () => parseInner(node, level)))
        yield* this.#node(blob, id, 0, level - 1)
      return
    }
    const leaf = parsed(blob, () => new Leaf(node))
    for (let item = 0; item < leaf.count; item++) {
      for (let i = leaf.idsStart(item); i < leaf.end(item); i += ID_BYTES) {
        if (!this.#mark(blob, leaf.bytes, i) || leaf.depth(item) === 0) continue
        const list = parsed(blob, () => parseList(this.#chunks.read('meta', leaf.bytes, i)))
        for (let j = 0; j < list.length; j += ID_BYTES) this.#mark(blob, list, j)
        yield
      }
    }
  }

  close(): void {
    this.#chunks.close()
  }

  /** True the first time. */
  #mark(blob: string, ids: Buffer, at: number): boolean {
    const entry = this.#index.chunkOf(ids, at)
    const place = this.#index.find(ids, at)
    if (entry < 0 || place === undefined) {
      const id = ids.toString('hex', at, at + ID_BYTES)
      throw new ChunkMissingError(`Cannot find chunk ${id} of "${blob}": no pack of the vault has it`)
    }
    const bit = 1 << (entry & 7)
    const byte = this.#met[entry >> 3] as number
    if ((byte & bit) !== 0) return false
    this.#met[entry >> 3] = byte | bit
    if (this.#isLeftOut?.(ids, at) === true) return true
    this.used[entry >> 3] = (this.used[entry >> 3] as number) | bit
    if (this.usedBytes[place.segment] === 0) this.#newSegments.push(place.segment)
    this.usedBytes[place.segment] = (this.usedBytes[place.segment] ?? 0) + place.length
    return true
  }
}

/** Whether what `used` marks is the copy of a chunk that lies in a pack (its number in the index). */
export function isUsedFrom(
  index: ChunkIndex,
  used: Uint8Array,
  { ids, at, pack }: { readonly ids: Buffer; readonly at: number; readonly pack: number },
): boolean {
  const entry = index.chunkOf(ids, at)
  if (entry < 0 || ((used[entry >> 3] as number) & (1 << (entry & 7))) === 0) return false
  const place = index.find(ids, at)
  return place !== undefined && index.segment(place.segment).pack === pack
}

function parsed<T>(blob: string, parse: () => T): T {
  try {
    return parse()
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause
    throw new VaultDamageError(blob, `its manifest is not whole: ${cause.message}`, { cause })
  }
}

/** How much of each pack is in use: as large a share of its bytes as of its segments, of which parts count by raw bytes. */
export interface PackUse {
  readonly name: string
  /** Its number in the index. */
  readonly number: number
  readonly storedBytes: number
  readonly usedBytes: number
  /** Of its content, 0 to 1: also where it lost its bytes. */
  readonly usedShare: number
}

/** Every pack of the index that is in the store. */
export function packUse({
  loaded,
  usedBytes,
}: Pick<Marks, 'usedBytes'> & { readonly loaded: Pick<LoadedIndex, 'index' | 'stored'> }): PackUse[] {
  const { index, stored } = loaded
  const { packs } = index.size
  const sealed = new Float64Array(packs)
  const used = new Float64Array(packs)
  for (const [number, bytes] of usedBytes.entries()) {
    const { pack, sealedLength, rawLength } = index.segment(number)
    sealed[pack] = (sealed[pack] as number) + sealedLength
    used[pack] = (used[pack] as number) + (sealedLength * bytes) / rawLength
  }
  const uses: PackUse[] = []
  for (let number = 0; number < packs; number++) {
    const { type, id } = index.pack(number)
    const name = packName(type, id)
    const storedBytes = stored.get(name)
    if (storedBytes === undefined) continue
    // A pack that came into the index since the marking is some running job's.
    const share = sealed[number] === 0 ? 1 : (used[number] as number) / (sealed[number] as number)
    uses.push({ name, number, storedBytes, usedBytes: storedBytes * share, usedShare: share })
  }
  return uses
}
