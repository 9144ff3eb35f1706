import type { BlobStore } from '../blobs/blob-store.ts'
import { BlobNotFoundError } from '../blobs/blob-store.ts'
import { ChunkIndex } from './chunk-index.ts'
import type { IndexSize } from './chunk-index.ts'
import { readDeadLists } from './dead-list.ts'
import type { DeadList } from './dead-list.ts'
import { VaultDamageError } from './errors.ts'
import { openIndex } from './index-delta.ts'
import type { VaultKeys } from './keys.ts'
import { packName, parseDirectory, parsePackName, readDirectory } from './pack.ts'
import type { FinishedPack, SegmentEntry } from './pack.ts'

/** A vault's index as one job sees it. */
export interface LoadedIndex {
  readonly index: ChunkIndex
  /** Names of index deltas it was made from. */
  readonly deltas: ReadonlySet<string>
  /** Packs that the index names, by blob name. */
  readonly packs: ReadonlySet<string>
  /** Of those, packs that new recovery points must not rely on: on a dead list, gone, or of another size. */
  readonly unusable: ReadonlySet<string>
  readonly deadLists: readonly DeadList[]
  /** Names and sizes of the packs in the store. */
  readonly stored: ReadonlyMap<string, number>
  /** What could not be read; their packs were read instead. */
  readonly damage: readonly VaultDamageError[]
}

/**
 * Reads the index anew, or, where only deltas came, adds them to `previous`. Dead lists are read before deltas: the order that
 * a sweep relies on (docs/vault-format.md, section 11).
 *
 * @param isRebuilt Also reads the directories of packs that no delta names.
 */
export async function loadIndex(
  store: BlobStore,
  keys: VaultKeys,
  previous?: LoadedIndex,
  isRebuilt: boolean = false,
): Promise<LoadedIndex> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await loadOnce(store, keys, previous, isRebuilt)
    } catch (error) {
      // A sweep replaced a delta between the listing and the reading: what replaced it is in the next listing.
      if (!(error instanceof BlobNotFoundError) || attempt === MAX_ATTEMPTS) throw error
    }
  }
}

const MAX_ATTEMPTS = 10

async function loadOnce(
  store: BlobStore,
  keys: VaultKeys,
  previous: LoadedIndex | undefined,
  isRebuilt: boolean,
): Promise<LoadedIndex> {
  const deadLists = await readDeadLists(store, keys)
  const names = await listNames(store, 'index/')
  const stored = await listPacks(store)
  const dead = new Set(deadLists.flatMap((list) => list.blobs))
  const isUnusable = (pack: FinishedPack): boolean => {
    const name = packName(pack.type, pack.id)
    return dead.has(name) || stored.get(name) !== pack.sizeBytes
  }
  if (previous !== undefined && !isRebuilt) {
    const grown = await growIndex(store, keys, previous, { names, isUnusable, dead, stored })
    if (grown !== undefined) return { ...grown, deadLists, stored }
  }
  const { packs, deltas, damage } = await readAll(store, keys, names, stored, isRebuilt)
  return { ...buildIndex(packs, isUnusable), deltas, deadLists, stored, damage }
}

/** Adds new deltas to what is in memory; undefined when that cannot give the same as reading all. */
async function growIndex(
  store: BlobStore,
  keys: VaultKeys,
  previous: LoadedIndex,
  now: {
    readonly names: readonly string[]
    readonly dead: ReadonlySet<string>
    readonly stored: ReadonlyMap<string, number>
    readonly isUnusable: (pack: FinishedPack) => boolean
  },
): Promise<LoadedIndex | undefined> {
  const present = new Set(now.names)
  if (previous.damage.length > 0 || [...previous.deltas].some((name) => !present.has(name))) return undefined
  for (const name of previous.packs) {
    if (previous.unusable.has(name) !== (now.dead.has(name) || !now.stored.has(name))) return undefined
  }
  const added: Parsed[] = []
  for (const name of now.names) {
    if (previous.deltas.has(name)) continue
    const delta = await readDelta(store, keys, name).catch((error: unknown) => {
      if (error instanceof VaultDamageError) return undefined
      throw error
    })
    if (delta === undefined || delta.replaces.length > 0) return undefined
    if (delta.packs.some(({ pack }) => now.isUnusable(pack))) return undefined
    added.push(...delta.packs)
  }
  const fresh = added.filter(({ pack }) => !previous.packs.has(packName(pack.type, pack.id)))
  if (!previous.index.hasRoomFor(sizeOf(fresh))) return undefined
  for (const { pack, segments } of fresh) previous.index.addPack(pack.type, pack.id, false, segments)
  const packs = new Set([...previous.packs, ...fresh.map(({ pack }) => packName(pack.type, pack.id))])
  return { ...previous, deltas: present, packs }
}

interface Parsed {
  readonly pack: FinishedPack
  readonly segments: readonly SegmentEntry[]
}

async function readAll(
  store: BlobStore,
  keys: VaultKeys,
  names: readonly string[],
  stored: ReadonlyMap<string, number>,
  isRebuilt: boolean,
): Promise<{ packs: Map<string, Parsed>; deltas: Set<string>; damage: VaultDamageError[] }> {
  const read = new Map<string, ParsedDelta>()
  const damage: VaultDamageError[] = []
  for (const name of names) {
    try {
      read.set(name, await readDelta(store, keys, name))
    } catch (error) {
      if (!(error instanceof VaultDamageError)) throw error
      damage.push(error)
    }
  }
  const replaced = new Set([...read.values()].flatMap((delta) => delta.replaces))
  const packs = new Map<string, Parsed>()
  for (const [name, delta] of read) {
    if (replaced.has(name)) continue
    for (const parsed of delta.packs) packs.set(packName(parsed.pack.type, parsed.pack.id), parsed)
  }
  if (damage.length > 0 || isRebuilt) readUnindexed(store, keys, stored, packs, damage)
  return { packs, deltas: new Set(names), damage }
}

/** Packs describe themselves: what no delta names is read from their ends. */
function readUnindexed(
  store: BlobStore,
  keys: VaultKeys,
  stored: ReadonlyMap<string, number>,
  packs: Map<string, Parsed>,
  damage: VaultDamageError[],
): void {
  for (const [name, sizeBytes] of stored) {
    const parsed = parsePackName(name)
    if (parsed === undefined || packs.has(name)) continue
    try {
      const directory = readPackDirectory(store, keys, name)
      packs.set(name, parsePack(name, { ...parsed, sizeBytes, directory }))
    } catch (error) {
      if (!(error instanceof VaultDamageError)) throw error
      damage.push(error)
    }
  }
}

/** @throws {VaultDamageError} */
export function readPackDirectory(store: BlobStore, keys: VaultKeys, name: string): Buffer {
  const type = parsePackName(name)?.type
  if (type === undefined) throw new VaultDamageError(name, 'it is no pack')
  const blob = store.open(name)
  try {
    return readDirectory(keys, name, type, blob)
  } finally {
    blob.close()
  }
}

interface ParsedDelta {
  readonly replaces: readonly string[]
  readonly packs: readonly Parsed[]
}

/** @throws {BlobNotFoundError} {VaultDamageError} */
async function readDelta(store: BlobStore, keys: VaultKeys, name: string): Promise<ParsedDelta> {
  const { replaces, packs } = openIndex(keys, name, await store.get(name))
  return { replaces, packs: packs.map((pack) => parsePack(name, pack)) }
}

function parsePack(blob: string, pack: FinishedPack): Parsed {
  try {
    return { pack, segments: parseDirectory(pack.directory, pack.sizeBytes) }
  } catch (cause) {
    throw new VaultDamageError(blob, `what it says of pack ${packName(pack.type, pack.id)} is impossible`, {
      cause,
    })
  }
}

function buildIndex(
  packs: ReadonlyMap<string, Parsed>,
  isUnusable: (pack: FinishedPack) => boolean,
): Pick<LoadedIndex, 'index' | 'packs' | 'unusable'> {
  const size = sizeOf([...packs.values()])
  // Half as much again and some, so that most jobs' deltas can be added in place.
  const index = ChunkIndex.make({
    chunks: Math.ceil(size.chunks * 1.5) + 4096,
    segments: Math.ceil(size.segments * 1.5) + 1024,
    packs: Math.ceil(size.packs * 1.5) + 256,
  })
  const unusable = new Set<string>()
  for (const [name, { pack }] of packs) if (isUnusable(pack)) unusable.add(name)
  for (const isDead of [false, true]) {
    for (const [name, { pack, segments }] of packs) {
      if (unusable.has(name) === isDead) index.addPack(pack.type, pack.id, isDead, segments)
    }
  }
  return { index, packs: new Set(packs.keys()), unusable }
}

function sizeOf(packs: readonly Parsed[]): IndexSize {
  let chunks = 0
  let segments = 0
  for (const pack of packs) {
    segments += pack.segments.length
    for (const segment of pack.segments) chunks += segment.lengths.length
  }
  return { chunks, segments, packs: packs.length }
}

async function listNames(store: BlobStore, prefix: string): Promise<string[]> {
  const names: string[] = []
  for await (const page of store.list(prefix)) for (const { name } of page) names.push(name)
  return names
}

async function listPacks(store: BlobStore): Promise<Map<string, number>> {
  const packs = new Map<string, number>()
  for (const prefix of ['data/', 'meta/']) {
    for await (const page of store.list(prefix)) {
      for (const { name, sizeBytes } of page)
        if (parsePackName(name) !== undefined) packs.set(name, sizeBytes)
    }
  }
  return packs
}
