import { closeAt, openAt } from './directory-open.ts'
import { PASS_FLAGS } from './directory-paths.ts'

/** Descriptors of one folder and of those above it, moved from folder to folder; neighbours share what is open already. */
export class OpenFolders {
  readonly #root: number
  readonly #names: string[] = []
  readonly #fds: number[] = []
  /** Of the folder that is open now; undefined where opening failed on the way. */
  #key: string | undefined = '/'

  /** Takes over `root`. */
  constructor(root: number) {
    this.#root = root
  }

  /** Descriptor of the folder with `key` ("/", "/a/"), valid until the next call. */
  enter(key: string): number {
    if (key === this.#key) return this.#fds.at(-1) ?? this.#root
    const wanted = key.slice(1).split('/').slice(0, -1)
    let shared = 0
    while (shared < this.#names.length && this.#names[shared] === wanted[shared]) shared++
    this.#leave(shared)
    for (const name of wanted.slice(shared)) {
      this.#fds.push(openAt(this.#fds.at(-1) ?? this.#root, name, PASS_FLAGS))
      this.#names.push(name)
    }
    this.#key = key
    return this.#fds.at(-1) ?? this.#root
  }

  close(): void {
    this.#leave(0)
    closeAt(this.#root)
  }

  #leave(depth: number): void {
    for (const fd of this.#fds.splice(depth)) closeAt(fd)
    this.#names.length = this.#fds.length
    this.#key = undefined
  }
}
