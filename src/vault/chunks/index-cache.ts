import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { ChunkIndex } from './chunk-index.ts'
import type { IndexSize } from './chunk-index.ts'
import { SEED_BYTES, TAG_BYTES } from '../keys.ts'
import type { VaultKeys } from '../keys.ts'
import type { LoadedIndex } from './load-index.ts'
import { packName } from '../format/pack.ts'

/**
 * A vault's index as it was last read, in a file of this machine, so that a start reads only the deltas that came since. It is no part
 * of the vault and may be deleted at any time.
 *
 * It is believed only where it opens under a key that comes from the newest vault key: who can write the file, but has not that key,
 * could otherwise have backups rely on chunks that are nowhere. An old one that is put back is held against what lies in the store,
 * as an index in memory is (load-index.ts).
 *
 *     "RLBKIDX1" | 32 bytes seed | u32 length of the header | header (JSON) | the arrays of the index | u32 size for each pack
 *
 * Header and arrays are AES-256-GCM in frames of up to 4 MiB, each with its tag behind it; the nonce is the frame's number.
 */
export class IndexCache {
  readonly #path: string
  readonly #warn: (message: string) => void
  /** What the file has, as far as this process knows. */
  #kept: { readonly index: ChunkIndex; readonly chunks: number; readonly deltas: number } | undefined

  /**
   * @param path Of the file; its folder is made where it is missing.
   * @param warn Told of what went wrong: nothing is lost but time.
   */
  constructor(path: string, warn: (message: string) => void) {
    this.#path = path
    this.#warn = warn
  }

  /**
   * The index that the file holds; undefined where there is none, it does not open, or it was made from deltas that are gone.
   * @param present Names of the deltas in the store.
   */
  async read(keys: VaultKeys, present: ReadonlyMap<string, number>): Promise<LoadedIndex | undefined> {
    try {
      await using file = await open(this.#path, 'r')
      const found = await readIndex(keys, file, present)
      if (found !== undefined) this.#note(found)
      return found
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
        this.#warn(`Index cache "${this.#path}" is not used, the whole index is read: ${reasonOf(error)}`)
      return undefined
    }
  }

  /** Writes the file anew where reading what came since it was written would take long. */
  async keep(keys: VaultKeys, loaded: LoadedIndex): Promise<void> {
    if (!loaded.isOfDeltas || loaded.damage.length > 0 || this.#hasNearly(loaded)) return
    const unfinished = `${this.#path}.${randomBytes(8).toString('hex')}${UNFINISHED}`
    try {
      await mkdir(dirname(this.#path), { recursive: true, mode: 0o700 })
      await this.#removeUnfinished()
      {
        await using file = await open(unfinished, 'wx', 0o600)
        await writeIndex(keys, file, loaded)
      }
      // Not synced: what a power cut leaves of it does not open.
      await rename(unfinished, this.#path)
      this.#note(loaded)
    } catch (error) {
      await rm(unfinished, { force: true }).catch(() => undefined)
      this.#warn(`Index cache "${this.#path}" cannot be written: ${reasonOf(error)}`)
    }
  }

  /** Removes the file. */
  async remove(): Promise<void> {
    this.#kept = undefined
    await rm(this.#path, { force: true })
  }

  #note({ index, deltas }: LoadedIndex): void {
    this.#kept = { index, chunks: index.size.chunks, deltas: deltas.size }
  }

  #hasNearly({ index, deltas }: LoadedIndex): boolean {
    if (this.#kept?.index !== index) return false
    const chunks = index.size.chunks - this.#kept.chunks
    return (
      deltas.size - this.#kept.deltas < MAX_NEW_DELTAS &&
      chunks <= Math.max(MAX_NEW_CHUNKS, index.size.chunks * MAX_NEW_SHARE)
    )
  }

  /** What processes left that ended while they wrote. */
  async #removeUnfinished(): Promise<void> {
    const folder = dirname(this.#path)
    for (const name of await readdir(folder)) {
      if (!name.startsWith(`${basename(this.#path)}.`) || !name.endsWith(UNFINISHED)) continue
      const path = join(folder, name)
      const changedAt = (await stat(path).catch(() => undefined))?.mtimeMs ?? Infinity
      if (changedAt < Date.now() - STALE_MS) await rm(path, { force: true })
    }
  }
}

const MAGIC = Buffer.from('RLBKIDX1')
const VERSION = 1
const PREFIX_BYTES: number = MAGIC.length + SEED_BYTES + 4
const FRAME_BYTES: number = 4 * 1024 * 1024
const MAX_HEADER_BYTES: number = 64 * 1024 * 1024
const MAX_NEW_DELTAS = 64
const MAX_NEW_CHUNKS = 16_384
const MAX_NEW_SHARE: number = 1 / 16
const UNFINISHED = '.unfinished'
const STALE_MS: number = 60 * 60 * 1000

interface Header {
  readonly version: number
  readonly room: IndexSize
  readonly size: IndexSize
  readonly deltas: readonly string[]
}

async function writeIndex(keys: VaultKeys, file: FileHandle, loaded: LoadedIndex): Promise<void> {
  const { index, deltas } = loaded
  const seed = randomBytes(SEED_BYTES)
  const content: Header = { version: VERSION, room: index.room, size: index.size, deltas: [...deltas] }
  const header = Buffer.from(JSON.stringify(content))
  const prefix = Buffer.concat([MAGIC, seed, Buffer.alloc(4)])
  prefix.writeUInt32LE(header.length, MAGIC.length + SEED_BYTES)
  await file.appendFile(prefix)
  const key = keys.indexCacheKey(seed)
  let number = 0
  for (const part of [header, ...index.filled(), packSizes(loaded)]) {
    for (const [from, end] of framesOf(part.length)) {
      const cipher = createCipheriv('aes-256-gcm', key, nonceOf(number++), { authTagLength: TAG_BYTES })
      const sealed = cipher.update(part.subarray(from, end))
      cipher.final()
      await file.appendFile(Buffer.concat([sealed, cipher.getAuthTag()]))
    }
  }
}

/** @throws {RangeError} Where the file is not whole or not of this vault and its newest key. */
async function readIndex(
  keys: VaultKeys,
  file: FileHandle,
  present: ReadonlyMap<string, number>,
): Promise<LoadedIndex | undefined> {
  const prefix = Buffer.alloc(PREFIX_BYTES)
  const { bytesRead } = await file.read(prefix, 0, PREFIX_BYTES, 0)
  const headerBytes = prefix.readUInt32LE(MAGIC.length + SEED_BYTES)
  if (bytesRead < PREFIX_BYTES || !prefix.subarray(0, MAGIC.length).equals(MAGIC))
    throw new RangeError('it is no index cache')
  if (headerBytes > MAX_HEADER_BYTES) throw new RangeError('its header is too long')
  const key = keys.indexCacheKey(prefix.subarray(MAGIC.length, MAGIC.length + SEED_BYTES))
  const frames = new FrameReader(file, key)
  const header = Buffer.alloc(headerBytes)
  await frames.read(header)
  // Sealed by this engine, so that it has the shape it was given.
  const { version, room, size, deltas } = JSON.parse(header.toString()) as Header
  if (version !== VERSION) throw new RangeError(`it is of version ${version}`)
  if (deltas.some((name) => !present.has(name))) return undefined
  const index = ChunkIndex.make(room)
  for (const part of index.filled(size)) await frames.read(part)
  const sizes = new Uint32Array(size.packs)
  await frames.read(new Uint8Array(sizes.buffer))
  await frames.end()
  return {
    index,
    deltas: new Set(deltas),
    ...packsOf(index, sizes),
    deadLists: [],
    listDamage: [],
    damaged: new Set(),
    damage: [],
    isOfDeltas: true,
  }
}

class FrameReader {
  readonly #file: FileHandle
  readonly #key: KeyObject
  readonly #sealed = Buffer.allocUnsafeSlow(FRAME_BYTES + TAG_BYTES)
  #number = 0
  #at = PREFIX_BYTES

  constructor(file: FileHandle, key: KeyObject) {
    this.#file = file
    this.#key = key
  }

  async read(into: Uint8Array): Promise<void> {
    for (const [from, end] of framesOf(into.length)) {
      const length = end - from + TAG_BYTES
      const { bytesRead } = await this.#file.read(this.#sealed, 0, length, this.#at)
      if (bytesRead < length) throw new RangeError('it ends too early')
      this.#at += length
      const nonce = nonceOf(this.#number++)
      const decipher = createDecipheriv('aes-256-gcm', this.#key, nonce, { authTagLength: TAG_BYTES })
      decipher.setAuthTag(this.#sealed.subarray(length - TAG_BYTES, length))
      const plain = decipher.update(this.#sealed.subarray(0, length - TAG_BYTES))
      try {
        decipher.final()
      } catch (cause) {
        throw new RangeError('it does not open under the vault’s newest key', { cause })
      }
      into.set(plain, from)
    }
  }

  async end(): Promise<void> {
    if ((await this.#file.stat()).size !== this.#at) throw new RangeError('it does not end where it should')
  }
}

function* framesOf(length: number): Generator<readonly [from: number, end: number]> {
  for (let from = 0; from < length; from += FRAME_BYTES) yield [from, Math.min(length, from + FRAME_BYTES)]
}

function nonceOf(number: number): Buffer {
  const nonce = Buffer.alloc(12)
  nonce.writeUInt32LE(number, 0)
  return nonce
}

/** By number of a pack: what it had in the store; 0 where it was not there. */
function packSizes({ index, stored }: LoadedIndex): Uint8Array {
  const sizes = new Uint32Array(index.size.packs)
  for (const number of sizes.keys()) {
    const { type, id } = index.pack(number)
    sizes[number] = stored.get(packName(type, id)) ?? 0
  }
  return new Uint8Array(sizes.buffer)
}

function packsOf(index: ChunkIndex, sizes: Uint32Array): Pick<LoadedIndex, 'packs' | 'unusable' | 'stored'> {
  const packs = new Set<string>()
  const unusable = new Set<string>()
  const stored = new Map<string, number>()
  for (const [number, sizeBytes] of sizes.entries()) {
    const { type, id, isDead } = index.pack(number)
    const name = packName(type, id)
    packs.add(name)
    if (isDead) unusable.add(name)
    if (sizeBytes > 0) stored.set(name, sizeBytes)
  }
  return { packs, unusable, stored }
}

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
