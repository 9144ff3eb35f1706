import { Pace } from './directory-forerunner.ts'
import type { Libc } from './directory-libc.ts'
import { closeAt } from './directory-open.ts'

/**
 * Opens files ahead of the one that is read and has the disk bring their bytes meanwhile, as long as files come from a disk and not
 * from the kernel's memory: a disk gives many small files at once in little more time than one. What it opens is what would be
 * opened later, in the same way; nothing is read from it here.
 */
export interface ReadAheadOptions {
  readonly libc: Libc
  /** @throws Where it cannot be opened; the reader meets that again when its turn comes. */
  readonly open: (task: Uint8Array) => number
  readonly sizeOf: (task: Uint8Array) => number
}

/** Descriptors that a thread holds at most. */
const FILES_AHEAD = 32
/** What a disk is asked for: for larger files the kernel reads ahead by itself. */
const MAX_BYTES = 128 * 1024
/** Files until it is seen again whether they still come from a disk. */
const FILES_UNTIL_SEEN = 4096
/** More than opening a file and its first read take where all is in memory, less than a quick disk does. */
const FILE_MS = 0.08
const BYTE_MS = 1e-6

export class ReadAhead {
  readonly #options: ReadAheadOptions
  readonly #pace: Pace
  #tasks: readonly Uint8Array[] = []
  /** Number of the task that is opened next. */
  #next = 0
  /** Descriptors of the tasks from `#next` on, in order; -1 where it could not be opened. */
  #opened: number[] = []
  #filesLeft = 0

  constructor(options: ReadAheadOptions) {
    this.#options = options
    this.#pace = new Pace(FILE_MS, BYTE_MS, options.libc.waits)
  }

  expect(tasks: readonly Uint8Array[]): void {
    this.close()
    this.#tasks = tasks
    this.#next = 0
  }

  /** The descriptor of a task that was opened before, which the caller closes from now on; undefined where it was not. */
  take(task: Uint8Array): number | undefined {
    if (this.#tasks[this.#next] !== task) return undefined
    this.#open()
    this.#next++
    const fd = this.#opened.shift() ?? -1
    return fd < 0 ? undefined : fd
  }

  /** A file that was not opened before is about to be opened. */
  begin(): void {
    this.#pace.begin()
  }

  /** Its first bytes are there. */
  end(bytes: number): void {
    if (this.#pace.end(bytes)) this.#filesLeft = FILES_UNTIL_SEEN
  }

  close(): void {
    for (const fd of this.#opened.splice(0)) if (fd >= 0) closeAt(fd)
    this.#tasks = []
  }

  #open(): void {
    const options = this.#options
    while (this.#filesLeft > 0 && this.#opened.length < FILES_AHEAD) {
      const task = this.#tasks[this.#next + this.#opened.length]
      if (task === undefined) return
      this.#filesLeft--
      try {
        const fd = options.open(task)
        this.#opened.push(fd)
        options.libc.willRead(fd, Math.min(options.sizeOf(task), MAX_BYTES))
      } catch {
        this.#opened.push(-1)
      }
    }
  }
}
