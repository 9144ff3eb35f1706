import { createHash } from 'node:crypto'
import type { BlobInfo, BlobStore } from '../src/blobs/blob-store.ts'
import { openBlobStore } from '../src/blobs/open.ts'
import { sealIndex } from '../src/vault/chunks/index-delta.ts'
import { ID_BYTES } from '../src/vault/keys.ts'
import { loadIndex } from '../src/vault/chunks/load-index.ts'
import { DirectoryWriter, packName } from '../src/vault/format/pack.ts'
import type { FinishedPack } from '../src/vault/format/pack.ts'
import { VaultKeys } from '../src/vault/keys.ts'

/**
 * `vault-large-index.ts make|read VAULT CHUNKS`: real index deltas for generated packs, of which only names and sizes exist; then
 * reads them as a server does. Prints what the index takes and how fast chunks are found.
 */
const [action, path, count] = process.argv.slice(2) as [string, string, string]
process.stdout.write('ready\n')
await new Promise((resolve) => process.stdin.once('data', resolve))
process.stdin.destroy()

const CHUNKS_PER_SEGMENT = 8
const SEGMENTS_PER_PACK = 32
const CHUNKS_PER_PACK = CHUNKS_PER_SEGMENT * SEGMENTS_PER_PACK
const CHUNK_BYTES = 128 * 1024
const PACKS_AT_ONCE = 2000
const LOOKUPS = 2_000_000
const packs = Math.ceil(Number(count) / CHUNKS_PER_PACK)
const keys = new VaultKeys('large', Buffer.alloc(32, 7))
const store = openBlobStore({ kind: 'directory', path })

const idOf = (what: string, number: number): Buffer =>
  createHash('sha256').update(`${what} ${number}`).digest()

/** Ids of a pack's chunks: as good as random, at a tenth of the price. */
function chunkIds(pack: number): Buffer {
  const ids = Buffer.allocUnsafe(CHUNKS_PER_PACK * ID_BYTES)
  for (let at = 0; at < ids.length; at += 512)
    createHash('sha512').update(`${pack} ${at}`).digest().copy(ids, at)
  for (let at = 0; at < ids.length; at += 64) {
    if (at % 512 === 0) continue
    // Another 64 bytes from the ones before: xorshift on 32-bit words.
    for (let word = at; word < at + 64; word += 4) {
      let x = ids.readUInt32LE(word - 64) ^ (word * 0x9e37_79b1)
      x ^= x << 13
      x ^= x >>> 17
      x ^= x << 5
      ids.writeUInt32LE(x >>> 0, word)
    }
  }
  return ids
}

function generate(number: number): FinishedPack {
  const out = new DirectoryWriter()
  const ids = chunkIds(number)
  let rest = number * 2_654_435_761
  let sizeBytes = 32
  for (let segment = 0; segment < SEGMENTS_PER_PACK; segment++) {
    const lengths = Array.from({ length: CHUNKS_PER_SEGMENT }, () => {
      rest = (Math.imul(rest, 1_103_515_245) + 12_345) >>> 0
      return (CHUNK_BYTES >> 1) + (rest % CHUNK_BYTES)
    })
    const rawLength = lengths.reduce((sum, length) => sum + length, 0)
    const from = segment * CHUNKS_PER_SEGMENT * ID_BYTES
    out.add(rawLength >> 1, rawLength, 1, ids.subarray(from, from + CHUNKS_PER_SEGMENT * ID_BYTES), lengths)
    sizeBytes += rawLength >> 1
  }
  const directory = out.take()
  return { type: 'data', id: idOf('pack', number), sizeBytes: sizeBytes + directory.length + 32, directory }
}

async function make(): Promise<void> {
  const sizes = new Uint32Array(packs)
  for (let from = 0; from < packs; from += PACKS_AT_ONCE) {
    const some = Array.from({ length: Math.min(PACKS_AT_ONCE, packs - from) }, (_, i) => generate(from + i))
    for (const { name, bytes } of sealIndex(keys, some)) await store.put(name, bytes)
    for (const [i, { sizeBytes }] of some.entries()) sizes[from + i] = sizeBytes
  }
  await store.put('sizes', Buffer.from(sizes.buffer))
}

/** The store with the packs that its deltas name. */
function withPacks(sizes: Uint32Array): BlobStore {
  async function* list(prefix: string): AsyncIterable<readonly BlobInfo[]> {
    if (prefix !== 'data/') return yield* store.list(prefix)
    for (let from = 0; from < sizes.length; from += 1000) {
      yield Array.from(sizes.subarray(from, from + 1000), (sizeBytes, i) => ({
        name: packName('data', idOf('pack', from + i)),
        sizeBytes,
      }))
    }
  }
  return new Proxy(store, {
    get: (of, name) => {
      if (name === 'list') return list
      const value: unknown = Reflect.get(of, name)
      return typeof value === 'function' ? value.bind(of) : value
    },
  })
}

async function read(): Promise<void> {
  const bytes = await store.get('sizes')
  const sizes = new Uint32Array(Uint8Array.from(bytes).buffer)
  const { index, unusable } = await loadIndex(withPacks(sizes), keys)
  if (index.size.chunks !== packs * CHUNKS_PER_PACK || unusable.size > 0)
    throw new Error('The index is not whole')
  const { chunks, segments, packs: packCount } = index.size
  // What lies behind the last chunk, segment and pack is address space without memory; slots are strewn over all of theirs.
  const indexBytes = index.memory.slots.byteLength + chunks * 15 + segments * 20 + packCount * 37
  let seconds = 0
  let found = 0
  for (let i = 0; found < LOOKUPS; i++) {
    const ids = chunkIds((i * 7919) % packs)
    const start = performance.now()
    for (let at = 0; at < ids.length; at += ID_BYTES) {
      if (index.find(ids, at) === undefined) throw new Error('A chunk of the index is not found')
      found++
    }
    seconds += (performance.now() - start) / 1000
  }
  process.stdout.write(JSON.stringify({ indexBytes, lookups: Math.round(found / seconds) }))
}

if (action === 'make') await make()
else await read()
