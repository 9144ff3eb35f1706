import * as fs from 'node:fs'
import { dirname, join } from 'node:path'

/**
 * The folders of a store on disk: made where they are needed, and synced behind the blobs that are named in them. Syncs that are
 * asked for at once cost a disk little more than one, so none is waited for before the next.
 */
export class Folders {
  readonly #root: string
  /** Known to exist, durably. */
  readonly #durable = new Set<string>()

  constructor(root: string) {
    this.#root = root
  }

  /** Makes a folder and those above it. @returns Its path. */
  make(folder: string): string {
    const path = join(this.#root, folder)
    if (!this.#durable.has(path)) this.#make(path)
    return path
  }

  #make(path: string): void {
    if (path.length > this.#root.length && !this.#durable.has(dirname(path))) this.#make(dirname(path))
    try {
      fs.mkdirSync(path, { mode: 0o700, recursive: path === this.#root })
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error
    }
  }

  /**
   * Makes the names in a folder durable, and those of the folders above that are not known to be. @param withAbove That of the folder
   * itself in any case. @throws {Error} Where there is no such folder.
   */
  async sync(path: string, withAbove: boolean): Promise<void> {
    const fresh: string[] = []
    for (let each = path; !this.#durable.has(each); each = dirname(each)) {
      fresh.push(each)
      if (each.length <= this.#root.length) break
    }
    // Also where they existed: whoever made them may have crashed before this.
    const all = new Set([path, ...fresh.map((each) => dirname(each))])
    if (withAbove) all.add(dirname(path))
    await Promise.all([...all].map(async (each) => await syncFolder(each)))
    for (const each of fresh) this.#durable.add(each)
  }

  /** A folder that others may have removed. */
  forget(path: string): void {
    for (let each = path; each.length > this.#root.length; each = dirname(each)) this.#durable.delete(each)
  }

  /** All are gone. */
  clear(): void {
    this.#durable.clear()
  }
}

/** Makes the names in a folder as durable as the content of its files. @throws {Error} Where there is no such folder. */
export async function syncFolder(path: string): Promise<void> {
  const handle = await fs.promises.open(path, fs.constants.O_RDONLY)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

export const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code
