import type { BlobStore } from '../../blobs/blob-store.ts'
import { BlobNotFoundError } from '../../blobs/blob-store.ts'
import { ChunkIndex } from './chunk-index.ts'
import type { IndexSize } from './chunk-index.ts'
import { listDamaged } from '../verify/damage-records.ts'
import { readDeadLists } from './dead-list.ts'
import type { DeadList } from './dead-list.ts'
import { VaultDamageError } from '../errors.ts'
import type { IndexCache } from './index-cache.ts'
import { openIndex } from './index-delta.ts'
import { ID_BYTES } from '../keys.ts'
import type { VaultKeys } from '../keys.ts'
import { packName, parseDirectory, parsePackName, readDirectory } from '../format/pack.ts'
import type { FinishedPack, SegmentEntry } from '../format/pack.ts'

/** A vault's index as one job sees it. */
export interface LoadedIndex {
  readonly index: ChunkIndex
  /** Names of index deltas it was made from. */
  readonly deltas: ReadonlySet<string>
  /** Packs that the index names, by blob name. */
  readonly packs: ReadonlySet<string>
  /** Of those, packs that new recovery points must not rely on: on a dead list, gone, of another size, or found damaged. */
  readonly unusable: ReadonlySet<string>
  readonly deadLists: readonly DeadList[]
  /** Dead lists that do not open. */
  readonly listDamage: readonly VaultDamageError[]
  /** Packs that were found damaged (damage-records.ts), whether the index names them or not. */
  readonly damaged: ReadonlySet<string>
  /** Names and sizes of the packs in the store. */
  readonly stored: ReadonlyMap<string, number>
  /** What could not be read; their packs were read instead. */
  readonly damage: readonly VaultDamageError[]
  /** No pack is in it that only its own end names. */
  readonly isOfDeltas: boolean
}

/**
 * Reads the index anew, or, where only deltas came, adds them to `previous` or else to what `cache` holds. Dead lists are read before deltas: the order that
 * a sweep relies on (docs/vault-format.md, section 11).
 *
 * @param isRebuilt Also reads the directories of packs that no delta names.
 */
export async function loadIndex(
  store: BlobStore,
  keys: VaultKeys,
  previous?: LoadedIndex,
  isRebuilt: boolean = false,
  cache?: IndexCache,
): Promise<LoadedIndex> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await loadOnce(store, keys, previous, isRebuilt, cache)
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
  cache: IndexCache | undefined,
): Promise<LoadedIndex> {
  const { lists: deadLists, damage: listDamage } = await readDeadLists(store, keys)
  const damaged = await listDamaged(store)
  const names = await listDeltas(store)
  const stored = await listPacks(store)
  const dead = new Set([...deadLists.flatMap((list) => list.blobs), ...damaged])
  const isUnusable = (pack: FinishedPack): boolean => {
    const name = packName(pack.type, pack.id)
    return dead.has(name) || stored.get(name) !== pack.sizeBytes
  }
  if (!isRebuilt) {
    const known = previous ?? (await cache?.read(keys, names))
    const grown = known && (await growIndex(store, keys, known, { names, isUnusable, dead, stored }))
    if (grown !== undefined) return { ...grown, deadLists, listDamage, damaged, stored }
  }
  const read = await readAll({ store, keys, names, stored, isUnusable, isRebuilt })
  const isOfDeltas = read.damage.length === 0 && !isRebuilt
  return { ...read, deltas: new Set(names.keys()), deadLists, listDamage, damaged, stored, isOfDeltas }
}

/** Adds new deltas to what is in memory; undefined when that cannot give the same as reading all. */
async function growIndex(
  store: BlobStore,
  keys: VaultKeys,
  previous: LoadedIndex,
  now: {
    readonly names: ReadonlyMap<string, number>
    readonly dead: ReadonlySet<string>
    readonly stored: ReadonlyMap<string, number>
    readonly isUnusable: (pack: FinishedPack) => boolean
  },
): Promise<LoadedIndex | undefined> {
  // What only packs themselves told must not be built on: a new point's delta would name nothing of it, and others could not read that.
  if (!previous.isOfDeltas) return undefined
  const present = new Set(now.names.keys())
  if (previous.damage.length > 0 || [...previous.deltas].some((name) => !present.has(name))) return undefined
  for (const name of previous.packs) {
    if (previous.unusable.has(name) !== (now.dead.has(name) || !now.stored.has(name))) return undefined
    if (previous.stored.get(name) !== now.stored.get(name)) return undefined
  }
  const added: Parsed[] = []
  for (const name of present) {
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
  // A chunk keeps its place in the index: one whose only pack may not be relied on must get the new one's.
  if (previous.unusable.size > 0 && fresh.some((pack) => isStoredAgain(pack, previous.index)))
    return undefined
  for (const { pack, segments } of fresh) previous.index.addPack(pack.type, pack.id, false, segments)
  const packs = new Set([...previous.packs, ...fresh.map(({ pack }) => packName(pack.type, pack.id))])
  return { ...previous, deltas: present, packs }
}

/** Whether the pack has a chunk that lay only in packs that may not be relied on. */
function isStoredAgain({ segments }: Parsed, index: ChunkIndex): boolean {
  return segments.some(({ ids }) => {
    for (let at = 0; at < ids.length; at += ID_BYTES)
      if (index.chunkOf(ids, at) >= 0 && !index.isLive(ids, at)) return true
    return false
  })
}

interface Parsed {
  readonly pack: FinishedPack
  readonly segments: readonly SegmentEntry[]
}

interface ReadAll {
  readonly store: BlobStore
  readonly keys: VaultKeys
  /** Sizes of the index deltas, by name. */
  readonly names: ReadonlyMap<string, number>
  readonly stored: ReadonlyMap<string, number>
  readonly isUnusable: (pack: FinishedPack) => boolean
  readonly isRebuilt: boolean
}

type BuiltIndex = Pick<LoadedIndex, 'index' | 'packs' | 'unusable' | 'damage'>

/**
 * Reads delta after delta straight into an index of the size that theirs promise, and again where that did not do or one of them
 * turned out to be replaced: both are rare, and nothing but the index is ever held in memory.
 */
async function readAll(what: ReadAll): Promise<BuiltIndex> {
  let room = roomFor(await estimate(what))
  let skipped: ReadonlySet<string> = new Set()
  for (;;) {
    const build = new IndexBuild(ChunkIndex.make(room), what.isUnusable)
    const replaced = await build.readDeltas(what, skipped)
    if (replaced.size > skipped.size) {
      skipped = replaced
      continue
    }
    if (build.damage.length > 0 || what.isRebuilt) build.readUnindexed(what)
    const built = build.finish()
    if (built !== undefined) return built
    room = roomFor(build.size)
  }
}

/** Each chunk takes at least its id's 32 bytes of a delta; where that may be much too large a guess, a few deltas are asked. */
async function estimate({ store, keys, names, stored }: ReadAll): Promise<IndexSize> {
  const bytes = [...names.values()].reduce((sum, size) => sum + size, 0)
  let bytesPerChunk = ID_BYTES
  if (bytes > LARGE_CHUNKS * ID_BYTES) {
    const sample = { bytes: 0, chunks: 0 }
    for (const [name, size] of [...names].slice(0, SAMPLED_DELTAS)) {
      const { packs } = await readDelta(store, keys, name).catch(() => NO_DELTA)
      sample.chunks += sizeOf(packs).chunks
      sample.bytes += packs.length === 0 ? 0 : size
    }
    bytesPerChunk = Math.max(ID_BYTES, (sample.bytes / Math.max(1, sample.chunks)) * 0.98)
  }
  const chunks = Math.ceil(bytes / bytesPerChunk)
  return { chunks, segments: Math.ceil(chunks / 3), packs: stored.size }
}

/** Some more, so that most jobs' deltas can be added in place; less than that where it would be much memory. */
function roomFor({ chunks, segments, packs }: IndexSize): IndexSize {
  const more = chunks > LARGE_CHUNKS ? 1.02 : 1.5
  return {
    chunks: Math.ceil(chunks * more) + 4096,
    segments: Math.ceil(segments * more) + 1024,
    packs: Math.ceil(packs * more) + 256,
  }
}

const LARGE_CHUNKS = 1_000_000
const SAMPLED_DELTAS = 3
const NO_DELTA: ParsedDelta = { replaces: [], packs: [] }

class IndexBuild {
  readonly damage: VaultDamageError[] = []
  readonly #index: ChunkIndex
  readonly #isUnusable: (pack: FinishedPack) => boolean
  readonly #packs = new Set<string>()
  readonly #unusable = new Set<string>()
  /** What may not be relied on is added last: a chunk that lies elsewhere, too, is found there. */
  readonly #last: Parsed[] = []
  readonly #size = { chunks: 0, segments: 0, packs: 0 }
  #isFull = false

  constructor(index: ChunkIndex, isUnusable: (pack: FinishedPack) => boolean) {
    this.#index = index
    this.#isUnusable = isUnusable
  }

  /** Of all that was added. */
  get size(): IndexSize {
    return this.#size
  }

  /** Reads all deltas but `skipped`. @returns Those that one of them replaces, of those that are there. */
  async readDeltas({ store, keys, names }: ReadAll, skipped: ReadonlySet<string>): Promise<Set<string>> {
    const replaced = new Set<string>()
    for (const name of names.keys()) {
      try {
        const { replaces, packs } = openIndex(keys, name, await store.get(name))
        for (const other of replaces) if (names.has(other)) replaced.add(other)
        if (!skipped.has(name)) for (const pack of packs) this.#add(parsePack(name, pack))
      } catch (error) {
        if (!(error instanceof VaultDamageError)) throw error
        this.damage.push(error)
      }
    }
    return replaced
  }

  /** Packs describe themselves: what no delta names is read from their ends. */
  readUnindexed({ store, keys, stored }: ReadAll): void {
    for (const [name, sizeBytes] of stored) {
      const parsed = parsePackName(name)
      if (parsed === undefined || this.#packs.has(name)) continue
      try {
        const directory = readPackDirectory(store, keys, name)
        this.#add(parsePack(name, { ...parsed, sizeBytes, directory }))
      } catch (error) {
        if (!(error instanceof VaultDamageError)) throw error
        this.damage.push(error)
      }
    }
  }

  /** The index; undefined where it was too small. */
  finish(): BuiltIndex | undefined {
    for (const parsed of this.#last) this.#place(parsed, true)
    if (this.#isFull) return undefined
    return { index: this.#index, packs: this.#packs, unusable: this.#unusable, damage: this.damage }
  }

  #add(parsed: Parsed): void {
    const name = packName(parsed.pack.type, parsed.pack.id)
    if (this.#packs.has(name)) return
    this.#packs.add(name)
    const size = sizeOf([parsed])
    this.#size.chunks += size.chunks
    this.#size.segments += size.segments
    this.#size.packs += size.packs
    if (!this.#isUnusable(parsed.pack)) return this.#place(parsed, false)
    this.#unusable.add(name)
    this.#last.push(parsed)
  }

  #place(parsed: Parsed, isDead: boolean): void {
    const { pack, segments } = parsed
    if (this.#index.hasRoomFor(sizeOf([parsed]))) this.#index.addPack(pack.type, pack.id, isDead, segments)
    else this.#isFull = true
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

function sizeOf(packs: readonly Parsed[]): IndexSize {
  let chunks = 0
  let segments = 0
  for (const pack of packs) {
    segments += pack.segments.length
    for (const segment of pack.segments) chunks += segment.lengths.length
  }
  return { chunks, segments, packs: packs.length }
}

async function listDeltas(store: BlobStore): Promise<Map<string, number>> {
  const names = new Map<string, number>()
  for await (const page of store.list('index/'))
    for (const { name, sizeBytes } of page) names.set(name, sizeBytes)
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
