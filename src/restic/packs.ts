import { createHash, hash } from 'node:crypto'
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { zstdCompress, zstdCompressSync } from 'node:zlib'

import { BlobSet } from './blob-set.ts'
import { ensureDirectory, writeDurably } from './durable-file.ts'
import type { Repository } from './repository.ts'
import { idsIn, loadSealed, saveSealed } from './repository.ts'
import { seal, SEAL_BYTES } from './sealing.ts'

/**
 * Packs: sealed blobs back to back, then the sealed header, then its length (u32 little-endian). An entry of the header:
 *
 * | bytes | what |
 * |---|---|
 * | 1 | 0 data, 1 tree, 2 compressed data, 3 compressed tree |
 * | 4 | length of the sealed blob, u32 little-endian |
 * | 4 | length of the plain blob, only where it is compressed |
 * | 32 | SHA-256 of the plain blob |
 */

export type BlobType = 'data' | 'tree'

interface Entry {
  readonly id: Buffer
  readonly offset: number
  readonly length: number
  /** 0 where the blob is not compressed. */
  readonly plainLength: number
}

interface Pack {
  readonly type: BlobType
  readonly parts: Buffer[]
  readonly entries: Entry[]
  bytes: number
}

const PACK_BYTES = 16 * 1024 * 1024
/** Keeps the header, at most 41 bytes an entry, far below restic's limit of 16 MiB. */
const MAX_PACK_BLOBS = 100_000
/** restic's own indexes hold at most 50,000 blobs. */
const INDEX_BLOBS = 40_000
/** From here the thread pool compresses, so that the event loop goes on. */
const ASYNC_BYTES = 64 * 1024

const compressAsync = promisify(zstdCompress)

function headerOf(pack: Pack): Buffer {
  const entries = pack.entries.map(({ id, length, plainLength }) => {
    const isCompressed = plainLength > 0
    const entry = Buffer.alloc(isCompressed ? 9 : 5)
    entry[0] = (isCompressed ? 2 : 0) + (pack.type === 'tree' ? 1 : 0)
    entry.writeUInt32LE(length, 1)
    if (isCompressed) entry.writeUInt32LE(plainLength, 5)
    return Buffer.concat([entry, id])
  })
  return Buffer.concat(entries)
}

function indexOf(id: string, pack: Pack): string {
  const blobs = pack.entries.map((entry) =>
    JSON.stringify({
      id: entry.id.toString('hex'),
      type: pack.type,
      offset: entry.offset,
      length: entry.length,
      ...(entry.plainLength > 0 && { uncompressed_length: entry.plainLength }),
    }),
  )
  return `{"id":"${id}","blobs":[${blobs.join(',')}]}`
}

interface Index {
  readonly packs?: readonly {
    readonly id: string
    readonly blobs: readonly { readonly id: string; readonly type: BlobType }[]
  }[]
}

/** What the repository's index names, less the packs whose files are gone. */
async function knownBlobs(repository: Repository): Promise<Record<BlobType, BlobSet>> {
  const { directory } = repository
  const packs = new Set<string>()
  for (const folder of await readdir(join(directory, 'data'))) {
    for (const id of await idsIn(directory, `data/${folder}`)) packs.add(id)
  }
  const known = { data: new BlobSet(), tree: new BlobSet() }
  for (const indexId of await idsIn(directory, 'index')) {
    const index = (await loadSealed(repository, 'index', indexId)) as Index
    for (const pack of index.packs ?? []) {
      if (!packs.has(pack.id)) continue
      for (const blob of pack.blobs) known[blob.type].add(Buffer.from(blob.id, 'hex'))
    }
  }
  return known
}

/**
 * Puts blobs that the repository lacks into packs and packs into indexes. Order on the disk: pack, then index; the caller's
 * snapshot comes after `finish`. Holds at most two packs of each type and one index in memory.
 */
export class BlobWriter {
  readonly #repository: Repository
  readonly #known: Record<BlobType, BlobSet>
  readonly #open: Partial<Record<BlobType, Pack>> = {}
  #writing: Promise<void> = Promise.resolve()
  /** Packs that last but that no index names yet. */
  #unindexed: { readonly id: string; readonly json: string }[] = []
  #unindexedBlobs = 0
  #addedBytes = 0

  private constructor(repository: Repository, known: Record<BlobType, BlobSet>) {
    this.#repository = repository
    this.#known = known
  }

  static async open(repository: Repository): Promise<BlobWriter> {
    return new BlobWriter(repository, await knownBlobs(repository))
  }

  /** Bytes of the packs so far. */
  get addedBytes(): number {
    return this.#addedBytes
  }

  /** Stores `plain` unless it is there; it may be reused once the promise is kept. Returns the id in hexadecimal. */
  async put(type: BlobType, plain: Uint8Array): Promise<string> {
    const id = hash('sha256', plain, 'buffer')
    if (this.#known[type].add(id)) {
      const packed = plain.length < ASYNC_BYTES ? zstdCompressSync(plain) : await compressAsync(plain)
      const isSmaller = packed.length < plain.length
      await this.#append(
        type,
        id,
        seal(this.#repository.keys, isSmaller ? packed : plain),
        isSmaller ? plain.length : 0,
      )
    }
    return id.toString('hex')
  }

  async #append(type: BlobType, id: Buffer, sealed: Buffer, plainLength: number): Promise<void> {
    const pack = (this.#open[type] ??= { type, parts: [], entries: [], bytes: 0 })
    pack.entries.push({ id, offset: pack.bytes, length: sealed.length, plainLength })
    pack.parts.push(sealed)
    pack.bytes += sealed.length
    if (pack.bytes >= PACK_BYTES || pack.entries.length >= MAX_PACK_BLOBS) await this.#close(type)
  }

  /** Gives the pack to the disk; waits only for the pack before. */
  async #close(type: BlobType): Promise<void> {
    const pack = this.#open[type]
    if (pack === undefined) return
    delete this.#open[type]
    await this.#writing
    this.#writing = this.#write(pack)
    // Whoever waits next gets the error; until then it is not unhandled.
    this.#writing.catch(() => undefined)
  }

  async #write(pack: Pack): Promise<void> {
    const header = headerOf(pack)
    const length = Buffer.alloc(4)
    length.writeUInt32LE(header.length + SEAL_BYTES)
    const file = Buffer.concat([...pack.parts, seal(this.#repository.keys, header), length])
    const id = createHash('sha256').update(file).digest('hex')
    const folder = join(this.#repository.directory, 'data', id.slice(0, 2))
    await ensureDirectory(folder)
    await writeDurably(folder, id, file)
    this.#addedBytes += file.length
    this.#unindexed.push({ id, json: indexOf(id, pack) })
    this.#unindexedBlobs += pack.entries.length
    if (this.#unindexedBlobs >= INDEX_BLOBS) await this.#writeIndex()
  }

  async #writeIndex(): Promise<void> {
    if (this.#unindexed.length === 0) return
    await saveSealed(
      this.#repository,
      'index',
      `{"packs":[${this.#unindexed.map((pack) => pack.json).join(',')}]}`,
    )
    this.#unindexed = []
    this.#unindexedBlobs = 0
  }

  /** Writes what is still held; afterwards a snapshot may name every blob. */
  async finish(): Promise<void> {
    await this.#close('data')
    await this.#close('tree')
    await this.#writing
    await this.#writeIndex()
  }

  /** Takes back the packs that no index names; those with an index stay, and the next export need not write them again. */
  async abandon(): Promise<void> {
    await this.#writing.catch(() => undefined)
    for (const { id } of this.#unindexed) {
      await rm(join(this.#repository.directory, 'data', id.slice(0, 2), id), { force: true })
    }
    this.#unindexed = []
  }
}
