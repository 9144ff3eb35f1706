import * as fs from 'node:fs'
import { libc } from './directory-libc.ts'
import { OpenFolders } from './directory-folders.ts'
import { HAS_HOLES, splitKey } from './directory-meta.ts'
import { PASS_FLAGS, codeOf, isFatal, pathIn, reasonOf } from './directory-paths.ts'
import { FileReader } from './directory-read.ts'
import { ItemError, WHOLE_ITEM_BYTES } from '../driver.ts'
import type { Connection, ThreadHalf, ThreadWriter } from '../driver.ts'

/**
 * The half of the directory driver that runs in pour threads.
 *
 * A task to write: flags (1 byte), mode, uid, gid (4 each), mtime (8), then the key.
 */
export const directoryIo: ThreadHalf = {
  reader: (settings) => new FileReader(settings),
  writer: (settings) => new FileWriter(settings),
}

const WRITE_TASK_BYTES = 21

const WRITE_FLAGS = fs.constants.O_WRONLY | fs.constants.O_NOFOLLOW
const CREATE_FLAGS = WRITE_FLAGS | fs.constants.O_CREAT | fs.constants.O_EXCL

const viewOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)

export interface FileAttributes {
  /** Only HAS_HOLES counts. */
  readonly flags: number
  /** Permission bits as they shall be. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly mtimeNs: bigint
}

export function encodeWriteTask(key: string, attributes: FileAttributes): Buffer {
  const task = Buffer.allocUnsafe(WRITE_TASK_BYTES + key.length)
  task[0] = attributes.flags
  task.writeUInt32LE(attributes.mode, 1)
  task.writeUInt32LE(attributes.uid, 5)
  task.writeUInt32LE(attributes.gid, 9)
  task.writeBigInt64LE(attributes.mtimeNs, 13)
  task.write(key, WRITE_TASK_BYTES, 'latin1')
  return task
}

/** Settings of a pour: the staging directory, open in the main thread until the pour has ended. */
export const writerSettings = (stagingFd: number): Connection['settings'] => ({ stagingFd })

class FileWriter implements ThreadWriter {
  readonly #stagingFd: number
  #folders: OpenFolders | undefined
  #task: Buffer = Buffer.alloc(0)
  #size = 0
  #fd = -1

  constructor(settings: Connection['settings']) {
    this.#stagingFd = Number(settings['stagingFd'])
  }

  open(task: Uint8Array, size: number): void {
    this.#close()
    this.#task = viewOf(task)
    this.#size = size
    const { folder, name } = splitKey(this.#task.toString('latin1', WRITE_TASK_BYTES), false)
    attempt('make the file', () => {
      this.#folders ??= openAgain(this.#stagingFd)
      const path = pathIn(this.#folders.enter(folder), name)
      try {
        this.#fd = fs.openSync(path, CREATE_FLAGS, 0o600)
      } catch (error) {
        if (codeOf(error) !== 'EEXIST' || size <= WHOLE_ITEM_BYTES) throw error
        this.#fd = fs.openSync(path, WRITE_FLAGS) // another thread writes other ranges of it
      }
      if (this.#hasHoles()) fs.ftruncateSync(this.#fd, size)
    })
  }

  write(buffer: Uint8Array, offset: number, length: number, position: number): void {
    attempt('write the file', () => {
      if (!this.#hasHoles()) return writeAll(this.#fd, buffer, offset, length, position)
      for (const run of dataRuns(buffer, offset, length, position)) {
        writeAll(this.#fd, buffer, offset + run.from, run.to - run.from, position + run.from)
      }
    })
  }

  close(): void {
    attempt('finish the file', () => {
      const size = setAttributes(this.#fd, {
        flags: this.#task[0] as number,
        mode: this.#task.readUInt32LE(1),
        uid: this.#task.readUInt32LE(5),
        gid: this.#task.readUInt32LE(9),
        mtimeNs: this.#task.readBigInt64LE(13),
      })
      if (size !== this.#size && this.#size <= WHOLE_ITEM_BYTES) {
        throw new ItemError(`The file has ${size} bytes instead of ${this.#size}`)
      }
    })
    this.#close()
  }

  end(): void {
    this.#close()
    this.#folders?.close()
    this.#folders = undefined
  }

  #hasHoles(): boolean {
    return ((this.#task[0] as number) & HAS_HOLES) !== 0
  }

  #close(): void {
    if (this.#fd >= 0) fs.closeSync(this.#fd)
    this.#fd = -1
  }
}

/** The staging directory again, by its descriptor and with one of our own. */
export function openAgain(fd: number): OpenFolders {
  return new OpenFolders(fs.openSync(`/proc/self/fd/${fd}`, PASS_FLAGS & ~fs.constants.O_NOFOLLOW))
}

/** Owner, permission bits and time of an open file, in the order in which the kernel keeps all of them. Returns its size. */
export function setAttributes(fd: number, { mode, uid, gid, mtimeNs }: FileAttributes): number {
  const stat = fs.fstatSync(fd)
  if (stat.uid !== uid || stat.gid !== gid) fs.fchownSync(fd, uid, gid)
  fs.fchmodSync(fd, mode)
  const system = libc()
  if (system === undefined) fs.futimesSync(fd, new Date(), dateOf(mtimeNs))
  else if (!system.setFileTimes(fd, mtimeNs)) throw new ItemError('Cannot set the time of the file')
  return stat.size
}

/** To the millisecond, all that node:fs takes for times before 1970. */
export const dateOf = (ns: bigint): Date => new Date(Number(ns / 1_000_000n))

function attempt(what: string, action: () => void): void {
  try {
    action()
  } catch (cause) {
    if (cause instanceof ItemError) throw cause
    const message = `Cannot ${what}: ${reasonOf(cause)}`
    throw isFatal(cause) ? new Error(message, { cause }) : new ItemError(message, { cause })
  }
}

function writeAll(fd: number, buffer: Uint8Array, offset: number, length: number, position: number): void {
  for (let done = 0; done < length;) {
    done += fs.writeSync(fd, buffer, offset + done, length - done, position + done)
  }
}

const BLOCK_BYTES = 4096
const ZEROS = Buffer.alloc(BLOCK_BYTES)

/** Stretches that are not zero, by blocks of the file: what lies between them stays a hole. */
function* dataRuns(buffer: Uint8Array, offset: number, length: number, position: number): Generator<Run> {
  const bytes = viewOf(buffer).subarray(offset, offset + length)
  let run: Run | undefined
  for (let from = 0; from < length;) {
    const to = Math.min(length, from + BLOCK_BYTES - ((position + from) % BLOCK_BYTES))
    if (bytes.compare(ZEROS, 0, to - from, from, to) !== 0) run = { from: run?.from ?? from, to }
    else if (run !== undefined) {
      yield run
      run = undefined
    }
    from = to
  }
  if (run !== undefined) yield run
}

interface Run {
  readonly from: number
  readonly to: number
}
