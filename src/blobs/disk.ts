import * as fs from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { crashpoint } from '../lib/crashpoint.ts'
import {
  BlobNotFoundError,
  BlobTooLargeError,
  BlobTooShortError,
  GET_BYTES,
  RetentionError,
  StoreFullError,
  checkBlobName,
} from './blob-store.ts'
import type {
  BlobAppender,
  BlobFeatures,
  BlobInfo,
  BlobReader,
  BlobStore,
  DirectoryLocation,
  Retention,
} from './blob-store.ts'
import { Draft, isRemovedEmpty } from './disk-draft.ts'
import { Folders, codeOf, syncFolder } from './disk-folders.ts'
import { isFull, keepReserve, releaseReserve } from './disk-reserve.ts'

/**
 * Blobs as files below one directory. A blob is written to `tmp/`, synced, and linked or renamed to its name, whose folder is
 * synced then: whoever sees the name sees all of the bytes, and after a crash as well.
 */

/** Tag of what `put` writes. */
const PUT_TAG = 'put'
/** Names of what is unfinished: the writer's tag, and random bytes. */
const DRAFT = /^([A-Za-z0-9-]+)\.[0-9a-f]{32}$/
const PAGE_BLOBS = 1000
/** Files and folders that are looked at together when listing: 32 take a fifth of the time, and a third of the CPU, of one by one. */
const AT_ONCE = 32
const READ_FLAGS = fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW

/** A sixth less CPU than that of `fs.promises`, which is much where a vault has some hundred folders. */
const readFolder = promisify(fs.readdir)

/**
 * Blobs as files below a directory, which is made with the first of them. A blob comes to be by a rename of a draft that was synced, and its
 * folder is synced behind it: what is there is whole, also after a power cut. Drafts lie in `tmp` until their writer, or a sweep, removes them.
 */
export class DiskBlobStore implements BlobStore {
  readonly #path: string
  readonly #folders: Folders

  constructor(path: string) {
    this.#path = path
    this.#folders = new Folders(path)
  }

  readonly isLocal = true
  readonly locate = (): DirectoryLocation => ({ kind: 'directory', path: this.#path })

  async *list(prefix: string): AsyncIterable<readonly BlobInfo[]> {
    const page: BlobInfo[] = []
    let names: string[] = []
    const look = async (): Promise<void> => {
      const found = await Promise.all(names.map(async (name) => await this.stat(name)))
      for (const info of found) if (info !== undefined) page.push(info)
      names = []
    }
    for await (const name of this.#filesAmong(prefix, await entriesOf(join(this.#path, prefix)))) {
      if (names.push(name) < AT_ONCE) continue
      await look()
      if (page.length >= PAGE_BLOBS) yield page.splice(0)
    }
    await look()
    if (page.length > 0) yield page
  }

  async *names(prefix: string, without?: ReadonlySet<string>): AsyncIterable<readonly string[]> {
    let page: string[] = []
    const all = await entriesOf(join(this.#path, prefix))
    const entries = without === undefined ? all : all.filter(({ name }) => !without.has(name))
    for await (const name of this.#filesAmong(prefix, entries)) {
      if (page.push(name) < PAGE_BLOBS) continue
      yield page
      page = []
    }
    if (page.length > 0) yield page
  }

  /** Files among the entries of a folder, and of those below it: the next few folders are read at once. */
  async *#filesAmong(prefix: string, entries: readonly fs.Dirent[]): AsyncGenerator<string> {
    for (let at = 0; at < entries.length; at += AT_ONCE) {
      const some = entries.slice(at, at + AT_ONCE).filter((entry) => prefix + entry.name !== 'tmp')
      const below = await Promise.all(
        some.map(async (entry) =>
          entry.isDirectory() ? await entriesOf(join(this.#path, prefix, entry.name)) : undefined,
        ),
      )
      for (const [i, entry] of some.entries()) {
        const inner = below[i]
        if (inner !== undefined) yield* this.#filesAmong(`${prefix}${entry.name}/`, inner)
        else if (entry.isFile()) yield prefix + entry.name
      }
    }
  }

  async stat(name: string): Promise<BlobInfo | undefined> {
    checkBlobName(name)
    const stat = await unlessGone(fs.promises.lstat(join(this.#path, name)))
    return stat?.isFile() === true ? { name, sizeBytes: stat.size } : undefined
  }

  async get(name: string, maxBytes: number = GET_BYTES): Promise<Buffer> {
    checkBlobName(name)
    const file = await unlessGone(fs.promises.open(join(this.#path, name), READ_FLAGS))
    if (file === undefined) throw new BlobNotFoundError(name)
    try {
      const { size } = await file.stat()
      if (size > maxBytes) {
        throw new BlobTooLargeError(`Cannot read blob "${name}": it has ${size} bytes, over ${maxBytes}`)
      }
      return await file.readFile()
    } finally {
      await file.close()
    }
  }

  open(name: string): BlobReader {
    checkBlobName(name)
    try {
      return new DiskReader(name, fs.openSync(join(this.#path, name), READ_FLAGS))
    } catch (cause) {
      if (isGone(cause)) throw new BlobNotFoundError(name, { cause })
      throw cause
    }
  }

  async put(name: string, bytes: Uint8Array, retention?: Retention): Promise<void> {
    if (retention !== undefined) throw new RetentionError(name)
    let draft: Draft | undefined
    try {
      draft = this.#begin(PUT_TAG)
      draft.append(bytes)
      await draft.publish(name, true)
    } catch (error) {
      draft?.abort()
      throw this.#told(error)
    }
  }

  append(tag: string): BlobAppender {
    const now = <T>(action: () => T): T => {
      try {
        return action()
      } catch (error) {
        throw this.#told(error)
      }
    }
    const draft = now(() => this.#begin(tag))
    return {
      append: (bytes) => now(() => draft.append(bytes)),
      finish: async (name, retention) => {
        if (retention !== undefined) throw new RetentionError(name)
        await draft.publish(name, false).catch((error: unknown) => {
          throw this.#told(error)
        })
      },
      abort: () => draft.abort(),
    }
  }

  async delete(name: string): Promise<boolean> {
    checkBlobName(name)
    const path = join(this.#path, name)
    const isDeleted = await unlessGone(fs.promises.unlink(path).then(() => true))
    if (isDeleted === undefined) return false
    crashpoint('blob.unlinked')
    const isSynced = await unlessGone(syncFolder(dirname(path)).then(() => true))
    // Somebody else deleted the last blob beside it: what makes this deletion durable is that the folder is gone durably.
    if (isSynced === undefined) await syncFolder(dirname(dirname(path)))
    crashpoint('blob.deleted')
    // Only tidying: where others are in it, or came back to it, it stays.
    if (isRemovedEmpty(name)) await fs.promises.rmdir(dirname(path)).catch(() => undefined)
    return true
  }

  async removeUnfinished(isStale: (tag: string, changedAt: number) => boolean): Promise<number> {
    let removed = 0
    for (const { name } of await entriesOf(join(this.#path, 'tmp'))) {
      const tag = DRAFT.exec(name)?.[1]
      if (tag === undefined) continue
      const path = join(this.#path, 'tmp', name)
      const stat = await unlessGone(fs.promises.lstat(path))
      if (stat === undefined || !isStale(tag, stat.mtimeMs)) continue
      await fs.promises.rm(path, { force: true })
      crashpoint('blob.leaving-removed')
      removed++
    }
    return removed
  }

  async keepReserve(): Promise<void> {
    await keepReserve(this.#folders.make('tmp'))
  }

  async releaseReserve(): Promise<void> {
    await releaseReserve(join(this.#path, 'tmp'))
  }

  async removeAll(): Promise<void> {
    await fs.promises.rm(this.#path, { recursive: true, force: true })
    this.#folders.clear()
  }

  features(): Promise<BlobFeatures> {
    return Promise.resolve({ objectLock: false, versioning: false })
  }

  extendRetention(name: string): Promise<void> {
    return Promise.reject(new RetentionError(name))
  }

  retainedUntil(): Promise<undefined> {
    return Promise.resolve(undefined)
  }

  close(): void {}

  #told(error: unknown): unknown {
    return isFull(error) ? new StoreFullError(this.#path, { cause: error }) : error
  }

  #begin(tag: string): Draft {
    if (!/^[A-Za-z0-9-]+$/.test(tag)) throw new Error(`Cannot tag an unfinished blob "${tag}"`)
    return new Draft(this.#path, tag, this.#folders)
  }
}

class DiskReader implements BlobReader {
  readonly sizeBytes: number
  readonly #name: string
  #fd: number

  constructor(name: string, fd: number) {
    this.#name = name
    this.#fd = fd
    this.sizeBytes = fs.fstatSync(fd).size
  }

  readInto(buffer: Uint8Array, offset: number, length: number, position: number): void {
    for (let done = 0; done < length;) {
      const read = fs.readSync(this.#fd, buffer, offset + done, length - done, position + done)
      if (read === 0) {
        throw new BlobTooShortError(
          `Cannot read ${length} bytes at ${position} of blob "${this.#name}": it ends at ${position + done}`,
        )
      }
      done += read
    }
  }

  ready(): Promise<void> {
    return Promise.resolve()
  }

  close(): void {
    if (this.#fd >= 0) fs.closeSync(this.#fd)
    this.#fd = -1
  }
}

async function entriesOf(folder: string): Promise<fs.Dirent[]> {
  return (await unlessGone(readFolder(folder, { withFileTypes: true }))) ?? []
}

async function unlessGone<T>(promise: Promise<T>): Promise<T | undefined> {
  try {
    return await promise
  } catch (error) {
    if (isGone(error)) return undefined
    throw error
  }
}

const isGone = (error: unknown): boolean => codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR'
