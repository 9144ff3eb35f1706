import { randomBytes } from 'node:crypto'
import * as fs from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { crashpoint } from '../lib/crashpoint.ts'
import { codeOf } from './disk-folders.ts'
import type { Folders } from './disk-folders.ts'
import { BlobExistsError, checkBlobName } from './blob-store.ts'

const RANDOM_BYTES = 16
/** How often a folder is made anew for a blob, while others remove it as empty. */
const MAX_FOLDERS = 10

const fsync = promisify(fs.fsync)

/** A blob while it is written, in `tmp/`: it gets its name once all of it is durable. */
export class Draft {
  readonly #root: string
  readonly #temporary: string
  readonly #folders: Folders
  #fd: number

  constructor(root: string, tag: string, folders: Folders) {
    this.#root = root
    this.#folders = folders
    // What lies in it is unfinished, so nobody minds if a power cut takes it.
    this.#temporary = join(folders.make('tmp'), `${tag}.${randomBytes(RANDOM_BYTES).toString('hex')}`)
    this.#fd = fs.openSync(this.#temporary, 'wx', 0o600)
    crashpoint('blob.begun')
  }

  append(bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length;) done += fs.writeSync(this.#fd, bytes, done)
  }

  async publish(name: string, isExclusive: boolean): Promise<void> {
    checkBlobName(name)
    const path = join(this.#root, name)
    const fd = this.#fd
    this.#fd = -1
    crashpoint('blob.written')
    try {
      await fsync(fd)
    } finally {
      fs.closeSync(fd)
    }
    crashpoint('blob.synced')
    await this.#name(name, path, isExclusive)
    crashpoint('blob.named')
    // The folder may be another one than was known: removed as empty, and made anew by somebody who crashed before syncing it.
    await this.#folders.sync(dirname(path), isRemovedEmpty(name))
    crashpoint('blob.durable')
  }

  async #name(name: string, path: string, isExclusive: boolean): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        if (attempt > 1) this.#folders.forget(dirname(path))
        this.#folders.make(dirname(name))
        crashpoint('blob.folder-made')
        if (isExclusive) await this.#link(name, path)
        else await fs.promises.rename(this.#temporary, path)
        return
      } catch (error) {
        if (!isRemovedEmpty(name) || codeOf(error) !== 'ENOENT' || attempt === MAX_FOLDERS) throw error
      }
    }
  }

  async #link(name: string, path: string): Promise<void> {
    try {
      await fs.promises.link(this.#temporary, path)
    } catch (cause) {
      if (codeOf(cause) === 'EEXIST') throw new BlobExistsError(name, { cause })
      throw cause
    }
    crashpoint('blob.linked')
    await fs.promises.unlink(this.#temporary)
  }

  abort(): void {
    if (this.#fd >= 0) fs.closeSync(this.#fd)
    this.#fd = -1
    fs.rmSync(this.#temporary, { force: true })
  }
}

/** Whether a blob's folder goes with its last blob: those in which packs are spread, which every listing looks into. */
export function isRemovedEmpty(name: string): boolean {
  return name.split('/').length > 2
}
