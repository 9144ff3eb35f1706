import * as fs from 'node:fs'
import { libc } from './directory-libc.ts'
import type { Libc } from './directory-libc.ts'
import { OpenFolders } from './directory-folders.ts'
import {
  DEVICE_END,
  FILE,
  FIXED_BYTES,
  INODE_AT,
  TIMES_AT,
  areSame,
  encodeMeta,
  kindOfMode,
  splitKey,
} from './directory-meta.ts'
import { KEEP_ATIME, closeAt, openAt } from './directory-open.ts'
import { LIST_FLAGS, codeOf, openPath, reasonOf } from './directory-paths.ts'
import { ReadAhead } from './directory-read-ahead.ts'
import { statOf } from './directory-stat.ts'
import type { Status } from './directory-stat.ts'
import { readXattrs } from './directory-xattrs.ts'
import { ItemError, SMALL_ITEM_BYTES } from '../driver.ts'
import type { Connection, ThreadReader } from '../driver.ts'

/**
 * Reading files in pour threads, and the attributes of what is open, which costs a quarter of asking for them by a path. A task: the
 * fixed part of the metadata as the walk saw it (directory-meta.ts), the size (8 bytes), then the key.
 */
const READ_TASK_BYTES = FIXED_BYTES + 8

/** Never blocks on a FIFO, never follows a link, never takes over a terminal. */
const READ_FLAGS =
  fs.constants.O_RDONLY |
  fs.constants.O_NOFOLLOW |
  fs.constants.O_NONBLOCK |
  fs.constants.O_NOCTTY |
  KEEP_ATIME

/** @param fixed The fixed part of its metadata (see directory-meta.ts). */
export function encodeReadTask(key: string, fixed: Buffer, size: number): Buffer {
  const task = Buffer.allocUnsafe(READ_TASK_BYTES + key.length)
  fixed.copy(task)
  task.writeDoubleLE(size, FIXED_BYTES)
  task.write(key, READ_TASK_BYTES, 'latin1')
  return task
}

const viewOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)

export class FileReader implements ThreadReader {
  readonly #path: string
  readonly #libc: Libc | undefined = libc()
  readonly #ahead: ReadAhead | undefined
  #folders: OpenFolders | undefined
  #task: Buffer = Buffer.alloc(0)
  #fd = -1
  /** Whether nobody had opened the file before, and nothing of it was read yet. */
  #isTimed = false

  constructor(settings: Connection['settings']) {
    this.#path = String(settings['path'])
    this.#ahead =
      this.#libc &&
      new ReadAhead({
        libc: this.#libc,
        open: (task) => this.#openFile(viewOf(task)),
        sizeOf: (task) => viewOf(task).readDoubleLE(FIXED_BYTES),
      })
  }

  expect(tasks: readonly Uint8Array[]): void {
    this.#ahead?.expect(tasks)
  }

  open(task: Uint8Array): void {
    this.#close()
    this.#task = viewOf(task)
    const opened = this.#ahead?.take(task)
    this.#isTimed = opened === undefined
    if (this.#isTimed) this.#ahead?.begin()
    this.#fd = opened ?? this.#openFile(this.#task)
    if (!this.#isSmall) this.#refuseAnother(statOf(this.#fd))
  }

  readInto(buffer: Uint8Array, offset: number, length: number, position: number): number {
    try {
      const read = fs.readSync(this.#fd, buffer, offset, length, position)
      if (this.#isTimed) this.#ahead?.end(read)
      this.#isTimed = false
      return read
    } catch (cause) {
      if (this.#isSmall && OF_NO_FILE.has(codeOf(cause))) this.#refuseAnother(statOf(this.#fd))
      this.#close()
      throw new ItemError(`Cannot read the file at byte ${position}: ${reasonOf(cause)}`, { cause })
    }
  }

  /** Attributes come before the last look at its times: who changes one changes these. */
  close(): { readonly problem?: string; readonly meta?: Uint8Array } {
    const found = this.#libc && readXattrs(this.#libc, this.#fd)
    const stat = statOf(this.#fd)
    if (this.#isSmall) this.#refuseAnother(stat)
    this.#close()
    const isSame = this.#isSeen(stat, TIMES_AT) && stat.sizeBytes === this.#size
    const problems = [...(found?.problems ?? NO_PROBLEMS), ...(isSame ? NO_PROBLEMS : CHANGED)]
    return {
      ...(problems.length > 0 && { problem: problems.join('; ') }),
      ...(found !== undefined &&
        found.xattrs.length > 0 && {
          meta: encodeMeta(this.#task.subarray(0, FIXED_BYTES), '', found.xattrs),
        }),
    }
  }

  end(): void {
    this.#close()
    this.#ahead?.close()
    this.#folders?.close()
    this.#folders = undefined
  }

  get #size(): number {
    return this.#task.readDoubleLE(FIXED_BYTES)
  }

  /** One look is enough for it, when it is closed: nothing of it is kept before. */
  get #isSmall(): boolean {
    return this.#size <= SMALL_ITEM_BYTES
  }

  /** Nothing is kept of what stands in the file's place: the path may have been turned towards somebody else's file. */
  #refuseAnother(stat: Status): void {
    if (kindOfMode(stat.mode) === FILE && this.#isSeen(stat, INODE_AT)) return
    this.#close()
    throw new ItemError('Something else stands in its place since the directory was read')
  }

  /** Whether what is open is as the walk saw it: the fixed part of its metadata from `from` to its device. */
  #isSeen({ fixed }: Status, from: number): boolean {
    return areSame(fixed, this.#task, from, DEVICE_END)
  }

  #openFile(task: Buffer): number {
    const { folder, name } = splitKey(task.toString('latin1', READ_TASK_BYTES), false)
    try {
      this.#folders ??= new OpenFolders(openPath(this.#path, LIST_FLAGS))
      return openAt(this.#folders.enter(folder), name, READ_FLAGS)
    } catch (cause) {
      throw new ItemError(`Cannot open the file: ${reasonOf(cause)}`, { cause })
    }
  }

  #close(): void {
    const fd = this.#fd
    this.#fd = -1
    if (fd >= 0) closeAt(fd)
  }
}

/** What reading a folder and what reading a FIFO say. After other failures looking may fail as well, and that would end the job. */
const OF_NO_FILE: ReadonlySet<unknown> = new Set(['EISDIR', 'ESPIPE'])
const NO_PROBLEMS: readonly string[] = []
const CHANGED: readonly string[] = ['It changed while it was read']
