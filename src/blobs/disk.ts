import { randomBytes } from 'node:crypto'
import * as fs from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { crashpoint } from '../lib/crashpoint.ts'
import {
  BlobExistsError,
  BlobNotFoundError,
  BlobTooLargeError,
  BlobTooShortError,
  checkBlobName,
} from './blob-store.ts'
import type { BlobDraft, BlobInfo, BlobLocation, BlobStore } from './blob-store.ts'

/**
 * Blobs as files below one directory. A blob is written to `tmp/`, synced, and linked or renamed to its name, whose folder is
 * synced then: whoever sees the name sees all of the bytes, and after a crash as well.
 */

/** Files kept open for reading ranges. */
const MAX_OPEN = 48

const fsync = promisify(fs.fsync)
const readInto = promisify(fs.read)

export class DiskBlobStore implements BlobStore {
  readonly location: BlobLocation
  readonly #path: string
  readonly #open = new Map<string, number>()
  /** Folders known to exist, durably. */
  readonly #folders = new Set<string>()
  /** Ranges being read; a file is not closed under them. */
  readonly #busy = new Map<number, number>()

  constructor(path: string) {
    this.#path = path
    this.location = { kind: 'directory', path }
  }

  async *list(prefix: string): AsyncIterable<BlobInfo> {
    const folder = prefix.replace(/\/$/, '')
    let entries: fs.Dirent[]
    try {
      entries = await fs.promises.readdir(join(this.#path, folder), { withFileTypes: true })
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return
      throw error
    }
    for (const entry of entries) {
      const name = prefix + entry.name
      if (name === 'tmp') continue
      if (entry.isDirectory()) yield* this.list(`${name}/`)
      else if (entry.isFile()) {
        const size = await this.size(name).catch(() => undefined) // deleted meanwhile
        if (size !== undefined) yield { name, size }
      }
    }
  }

  async read(name: string, maxBytes: number): Promise<Buffer> {
    const size = await this.size(name)
    if (size > maxBytes) {
      throw new BlobTooLargeError(`Cannot read blob "${name}": it has ${size} bytes, over ${maxBytes}`)
    }
    return await this.readRange(name, 0, size)
  }

  async readRange(name: string, offset: number, length: number): Promise<Buffer> {
    const fd = this.#openFile(name)
    const buffer = Buffer.allocUnsafeSlow(length)
    this.#busy.set(fd, (this.#busy.get(fd) ?? 0) + 1)
    try {
      for (let done = 0; done < length;) {
        const { bytesRead } = await readInto(fd, buffer, done, length - done, offset + done)
        if (bytesRead === 0) {
          throw new BlobTooShortError(
            `Cannot read ${length} bytes at ${offset} of blob "${name}": it ends at ${offset + done}`,
          )
        }
        done += bytesRead
      }
    } finally {
      this.#release(fd)
    }
    return buffer
  }

  async size(name: string): Promise<number> {
    checkBlobName(name)
    try {
      return (await fs.promises.stat(join(this.#path, name))).size
    } catch (cause) {
      if (codeOf(cause) === 'ENOENT') throw new BlobNotFoundError(name, { cause })
      throw cause
    }
  }

  async create(name: string, bytes: Uint8Array): Promise<void> {
    const draft = this.#newDraft()
    try {
      draft.append(bytes)
      await draft.publishAs(name, true)
    } catch (error) {
      draft.discard()
      throw error
    }
  }

  draft(): BlobDraft {
    const draft = this.#newDraft()
    return {
      append: (bytes) => draft.append(bytes),
      publish: (name) => draft.publishAs(name, false),
      discard: () => draft.discard(),
    }
  }

  async delete(name: string): Promise<boolean> {
    checkBlobName(name)
    const path = join(this.#path, name)
    const fd = this.#open.get(name)
    if (fd !== undefined) {
      this.#open.delete(name)
      this.#closeIdle(fd)
    }
    try {
      await fs.promises.unlink(path)
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return false
      throw error
    }
    await syncFolder(dirname(path))
    crashpoint('blob-deleted')
    return true
  }

  async removeDrafts(before: number): Promise<number> {
    let removed = 0
    const folder = join(this.#path, 'tmp')
    const names = await fs.promises.readdir(folder).catch(() => [] as string[])
    for (const name of names) {
      const path = join(folder, name)
      const stat = await fs.promises.stat(path).catch(() => undefined)
      if (stat === undefined || stat.mtimeMs >= before) continue
      await fs.promises.rm(path, { force: true })
      removed++
    }
    return removed
  }

  close(): void {
    for (const fd of this.#open.values()) this.#closeIdle(fd)
    this.#open.clear()
  }

  #openFile(name: string): number {
    const known = this.#open.get(name)
    if (known !== undefined) {
      this.#open.delete(name)
      this.#open.set(name, known)
      return known
    }
    checkBlobName(name)
    let fd: number
    try {
      fd = fs.openSync(join(this.#path, name), fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW)
    } catch (cause) {
      if (codeOf(cause) === 'ENOENT') throw new BlobNotFoundError(name, { cause })
      throw cause
    }
    this.#open.set(name, fd)
    const oldest = this.#open.size > MAX_OPEN ? this.#open.entries().next().value : undefined
    if (oldest !== undefined) {
      this.#open.delete(oldest[0])
      this.#closeIdle(oldest[1])
    }
    return fd
  }

  /** Closes now, or once the last range of it is read. */
  #closeIdle(fd: number): void {
    if (this.#busy.has(fd)) this.#closing.add(fd)
    else fs.closeSync(fd)
  }

  readonly #closing = new Set<number>()

  #release(fd: number): void {
    const left = (this.#busy.get(fd) ?? 1) - 1
    if (left > 0) this.#busy.set(fd, left)
    else {
      this.#busy.delete(fd)
      if (this.#closing.delete(fd)) fs.closeSync(fd)
    }
  }

  #newDraft(): DiskDraft {
    this.#makeFolder(join(this.#path, 'tmp'))
    return new DiskDraft(this.#path, (folder) => this.#makeFolder(folder))
  }

  /** Makes a folder and those above it, each durable in the one above. */
  #makeFolder(folder: string): void {
    if (this.#folders.has(folder) || folder.length < this.#path.length) return
    this.#makeFolder(dirname(folder))
    try {
      fs.mkdirSync(folder, { mode: 0o700, recursive: folder === this.#path })
      syncFolderNow(dirname(folder))
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error
    }
    this.#folders.add(folder)
  }
}

class DiskDraft {
  readonly #root: string
  readonly #temporary: string
  readonly #makeFolder: (folder: string) => void
  #fd: number

  constructor(root: string, makeFolder: (folder: string) => void) {
    this.#root = root
    this.#makeFolder = makeFolder
    this.#temporary = join(root, 'tmp', randomBytes(16).toString('hex'))
    this.#fd = fs.openSync(this.#temporary, 'wx', 0o600)
  }

  append(bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length;) done += fs.writeSync(this.#fd, bytes, done)
  }

  async publishAs(name: string, isExclusive: boolean): Promise<void> {
    checkBlobName(name)
    const path = join(this.#root, name)
    await fsync(this.#fd)
    fs.closeSync(this.#fd)
    this.#fd = -1
    crashpoint('blob-synced')
    this.#makeFolder(dirname(path))
    if (isExclusive) await this.#link(name, path)
    else await fs.promises.rename(this.#temporary, path)
    crashpoint('blob-renamed')
    await syncFolder(dirname(path))
  }

  async #link(name: string, path: string): Promise<void> {
    try {
      await fs.promises.link(this.#temporary, path)
    } catch (cause) {
      if (codeOf(cause) === 'EEXIST') throw new BlobExistsError(name, { cause })
      throw cause
    }
    await fs.promises.unlink(this.#temporary)
  }

  discard(): void {
    if (this.#fd >= 0) fs.closeSync(this.#fd)
    this.#fd = -1
    fs.rmSync(this.#temporary, { force: true })
  }
}

async function syncFolder(path: string): Promise<void> {
  const handle = await fs.promises.open(path, fs.constants.O_RDONLY)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

function syncFolderNow(path: string): void {
  const fd = fs.openSync(path, fs.constants.O_RDONLY)
  try {
    fs.fsyncSync(fd)
  } finally {
    fs.closeSync(fd)
  }
}

const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code
