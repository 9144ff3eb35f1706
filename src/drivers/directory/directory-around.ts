/** A folder that what is seen lies in. */
export interface FolderAround {
  readonly key: string
  /** See identityOf. */
  readonly identity: Buffer
  /** Names of its files that a folder which comes yet may have, too: each begins with the one before it. */
  readonly files: string[]
}

/**
 * The folders around what a walk is told of, in the order of keys. What was seen in a folder is remembered when another thread goes on
 * with it: that one has its own list of the folder's names, perhaps made later.
 */
export class FoldersAround {
  /** Those behind the first `#depth` were left, and may be entered again. */
  readonly #folders: FolderAround[] = []
  #depth = 0

  /** The innermost; undefined before the root. */
  get innermost(): FolderAround | undefined {
    return this.#folders[this.#depth - 1]
  }

  enter(key: string, identity: Buffer): void {
    const before = this.#folders[this.#depth]
    this.#folders[this.#depth++] = { key, identity, files: before?.key === key ? before.files : [] }
  }

  leave(): void {
    this.#depth--
  }

  leaveAll(): void {
    this.#depth = 0
  }

  /** @param name Of something in the innermost folder that is none itself. */
  noteFile(name: string): void {
    const files = this.innermost?.files
    if (files === undefined) return
    forgetBefore(files, name)
    files.push(name)
  }

  /** Whether there is something else by the name of a folder in the innermost one. @param name With its slash. */
  isTaken(name: string): boolean {
    const files = this.innermost?.files
    if (files === undefined || files.length === 0) return false
    const own = name.slice(0, -1)
    forgetBefore(files, own)
    return files.at(-1) === own
  }
}

/** Drops the names that no folder can have which comes at or after `name`: all of `n`, `n-`, `n-1` come before `n/`, and what follows does not. */
function forgetBefore(files: string[], name: string): void {
  while (files.length > 0 && !name.startsWith(files.at(-1) as string)) files.pop()
}
