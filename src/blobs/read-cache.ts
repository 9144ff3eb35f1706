import { createHash, randomBytes } from 'node:crypto'
import { mkdir, readFile, readdir, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ObjectBytes } from './object-store.ts'

/** Where the cache lies, and how large it may become. */
export interface ReadCacheSettings {
  readonly path: string
  readonly maxBytes: number
}

/**
 * Parts of packs as a bucket gave them, in files of this machine, so that what is read again crosses no network: manifests with each
 * sweep, a recovery point that is restored or searched twice. Packs are named by their content and never change; nothing else is kept.
 *
 * It is no part of a vault and may be deleted at any time. What it holds is sealed as in the bucket. A file that rotted, was cut off or
 * is another's shows in its own SHA-256, is removed, and its bytes are asked for again. Several processes may have one folder.
 *
 *     FOLDER/ab/<SHA-256 of store and pack, hex>-<from>-<length>: u64 size of the pack | bytes | SHA-256 of name, size and bytes
 */
export class ReadCache {
  readonly #settings: ReadCacheSettings
  /** Bytes that may have come since it was last looked how many there are; infinite before the first time. */
  #unseen = Infinity
  #waiting = 0
  /** One file is written at a time. */
  #last: Promise<void> = Promise.resolve()

  constructor(settings: ReadCacheSettings) {
    this.#settings = settings
  }

  /** Bytes of a pack; from `fetch` where they are not here, and then kept. @param store Tells its packs from those of all others. */
  async read(store: string, name: string, from: number, length: number, fetch: Fetch): Promise<ObjectBytes> {
    if (!isPack(name)) return await fetch(name, from, length)
    const at = this.#placeOf(store, name)
    const file = `${at.name}-${from}-${length}`
    const kept = await this.#kept(at.folder, file)
    if (kept !== undefined) return kept
    const found = await fetch(name, from, length)
    // What is asked for goes on; where the disk is slower than the network, less is kept.
    if (this.#waiting < MOST_WAITING) {
      this.#waiting++
      this.#last = this.#last.then(async () => await this.#keep(at.folder, file, found))
    }
    return found
  }

  /** Drops what is here of a pack: whoever looks for damage must not leave behind what hid it, or seemed to be it. */
  async forget(store: string, name: string): Promise<void> {
    const at = this.#placeOf(store, name)
    for (const file of await namesIn(at.folder))
      if (file.startsWith(`${at.name}-`)) await rm(join(at.folder, file), { force: true })
  }

  #placeOf(store: string, name: string): { readonly folder: string; readonly name: string } {
    const hash = createHash('sha256').update(`${store}\n${name}`).digest('hex')
    return { folder: join(this.#settings.path, hash.slice(0, 2)), name: hash }
  }

  async #kept(folder: string, file: string): Promise<ObjectBytes | undefined> {
    const path = join(folder, file)
    const all = await readFile(path).catch(() => undefined)
    if (all === undefined) return undefined
    const end = all.length - HASH_BYTES
    if (end < SIZE_BYTES || !hashOf(file, all.subarray(0, end)).equals(all.subarray(end))) {
      await rm(path, { force: true }).catch(() => undefined)
      return undefined
    }
    const now = new Date()
    await utimes(path, now, now).catch(() => undefined)
    // Memory of its own, which can be handed over.
    return {
      bytes: Uint8Array.from(all.subarray(SIZE_BYTES, end)),
      sizeBytes: Number(all.readBigUInt64LE(0)),
    }
  }

  /** What goes wrong with it costs nothing but time: the next read asks the bucket. */
  async #keep(folder: string, file: string, { bytes, sizeBytes }: ObjectBytes): Promise<void> {
    const all = SIZE_BYTES + bytes.length + HASH_BYTES
    const size = Buffer.alloc(SIZE_BYTES)
    size.writeBigUInt64LE(BigInt(sizeBytes))
    const body = Buffer.concat([size, bytes])
    const unfinished = join(folder, `${randomBytes(16).toString('hex')}${UNFINISHED}`)
    try {
      if (all > this.#settings.maxBytes / LEAST_FILES) return
      await this.#makeRoom(all)
      await mkdir(folder, { recursive: true, mode: 0o700 })
      // Not synced: what a power cut leaves of it has not its SHA-256.
      await writeFile(unfinished, Buffer.concat([body, hashOf(file, body)]), { flag: 'wx', mode: 0o600 })
      await rename(unfinished, join(folder, file))
    } catch {
      await rm(unfinished, { force: true }).catch(() => undefined)
    } finally {
      this.#waiting--
    }
  }

  /** Others write into the folder, too, so that now and then it is looked at itself. */
  async #makeRoom(bytes: number): Promise<void> {
    if (this.#unseen + bytes > this.#settings.maxBytes / LEAST_FILES) await this.#removeOldest()
    this.#unseen += bytes
  }

  async #removeOldest(): Promise<void> {
    const { path, maxBytes } = this.#settings
    const files = await filesBelow(path)
    this.#unseen = 0
    // Room for what four processes write before their next look.
    let left = maxBytes - (4 * maxBytes) / LEAST_FILES
    for (const { path: file, sizeBytes, usedAt } of files.toSorted(
      (one, other) => other.usedAt - one.usedAt,
    )) {
      left -= sizeBytes
      const isLeft = file.endsWith(UNFINISHED) && usedAt < Date.now() - STALE_MS
      if (left < 0 || isLeft) await rm(file, { force: true })
    }
  }
}

type Fetch = (name: string, from: number, length: number) => Promise<ObjectBytes>

const SIZE_BYTES = 8
const HASH_BYTES = 32
const UNFINISHED = '.unfinished'
const STALE_MS = 3_600_000
/** What is larger than one such part of the cache is not kept, and after as much it is looked how large the cache is. */
const LEAST_FILES = 32
const MOST_WAITING = 4

const isPack = (name: string): boolean => /^(data|meta)\/[0-9a-f]{2}\/[0-9a-f]{64}$/.test(name)

const hashOf = (file: string, body: Uint8Array): Buffer =>
  createHash('sha256').update(file).update(body).digest()

async function namesIn(folder: string): Promise<readonly string[]> {
  return await readdir(folder).catch(() => [])
}

interface CacheFile {
  readonly path: string
  readonly sizeBytes: number
  readonly usedAt: number
}

async function filesBelow(path: string): Promise<readonly CacheFile[]> {
  const files: CacheFile[] = []
  for (const folder of await namesIn(path)) {
    for (const name of await namesIn(join(path, folder))) {
      const file = join(path, folder, name)
      const found = await stat(file).catch(() => undefined)
      if (found !== undefined) files.push({ path: file, sizeBytes: found.size, usedAt: found.mtimeMs })
    }
  }
  return files
}
