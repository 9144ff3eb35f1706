import * as fs from 'node:fs'
import { DEVICE_AT, INODE_AT, TIMES_AT, splitKey } from './directory-meta.ts'
import { LIST_FLAGS, OpenFolders, openPath, pathIn, reasonOf } from './directory-paths.ts'
import { ItemError } from '../driver.ts'
import type { Connection, ThreadReader } from '../driver.ts'

/**
 * Reading files in pour threads. A task: device, inode, size, mtime and ctime as the walk saw them (8 bytes each), then the key.
 */
const READ_TASK_BYTES = 40

/** Never blocks on a FIFO, never follows a link, never takes over a terminal. */
const READ_FLAGS =
  fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW | fs.constants.O_NONBLOCK | fs.constants.O_NOCTTY

/** @param fixed The fixed part of its metadata (see directory-meta.ts). */
export function encodeReadTask(key: string, fixed: Buffer, size: number): Buffer {
  const task = Buffer.allocUnsafe(READ_TASK_BYTES + key.length)
  fixed.copy(task, 0, DEVICE_AT, DEVICE_AT + 8)
  fixed.copy(task, 8, INODE_AT, INODE_AT + 8)
  task.writeBigInt64LE(BigInt(size), 16)
  fixed.copy(task, 24, TIMES_AT, TIMES_AT + 16)
  task.write(key, READ_TASK_BYTES, 'latin1')
  return task
}

function writeIdentity(into: Buffer, stat: fs.BigIntStats): Buffer {
  into.writeBigUInt64LE(BigInt.asUintN(64, stat.dev), 0)
  into.writeBigUInt64LE(stat.ino, 8)
  into.writeBigInt64LE(stat.size, 16)
  into.writeBigInt64LE(stat.mtimeNs, 24)
  into.writeBigInt64LE(stat.ctimeNs, 32)
  return into
}

const viewOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)

export class FileReader implements ThreadReader {
  readonly #path: string
  readonly #seen = Buffer.alloc(READ_TASK_BYTES)
  #folders: OpenFolders | undefined
  #task: Buffer = Buffer.alloc(0)
  #fd = -1

  constructor(settings: Connection['settings']) {
    this.#path = String(settings['path'])
  }

  open(task: Uint8Array): void {
    this.#close()
    this.#task = viewOf(task)
    const { folder, name } = splitKey(this.#task.toString('latin1', READ_TASK_BYTES), false)
    try {
      this.#folders ??= new OpenFolders(openPath(this.#path, LIST_FLAGS))
      this.#fd = fs.openSync(pathIn(this.#folders.enter(folder), name), READ_FLAGS)
    } catch (cause) {
      throw new ItemError(`Cannot open the file: ${reasonOf(cause)}`, { cause })
    }
    const stat = fs.fstatSync(this.#fd, { bigint: true })
    // What stands in the file's place is not read at all: the path may have been turned towards somebody else's file.
    if (!stat.isFile() || writeIdentity(this.#seen, stat).compare(this.#task, 0, 16, 0, 16) !== 0) {
      this.#close()
      throw new ItemError('Something else stands in its place since the directory was read')
    }
  }

  readInto(buffer: Uint8Array, offset: number, length: number, position: number): number {
    try {
      return fs.readSync(this.#fd, buffer, offset, length, position)
    } catch (cause) {
      this.#close()
      throw new ItemError(`Cannot read the file at byte ${position}: ${reasonOf(cause)}`, { cause })
    }
  }

  close(): { readonly problem?: string } {
    const stat = fs.fstatSync(this.#fd, { bigint: true })
    this.#close()
    const isSame = writeIdentity(this.#seen, stat).compare(this.#task, 0, READ_TASK_BYTES) === 0
    return isSame ? {} : { problem: 'It changed while it was read' }
  }

  end(): void {
    this.#close()
    this.#folders?.close()
    this.#folders = undefined
  }

  #close(): void {
    if (this.#fd >= 0) fs.closeSync(this.#fd)
    this.#fd = -1
  }
}
