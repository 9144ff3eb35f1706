import { accessSync, chmodSync, closeSync, constants, existsSync, mkdirSync } from 'node:fs'
import { openSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

/** The server's directory, held by one process at a time. */
export interface DataDir {
  readonly path: string
  release(): void
}

export class DataDirInUseError extends Error {
  override name = 'DataDirInUseError'
}

/**
 * Makes the directory (0700) and takes it. The lock is the kernel's, through SQLite on a file of its own, so it is gone with the
 * process that held it, however that ended.
 *
 * @throws {DataDirInUseError} Naming the process that holds it.
 * @throws {Error} Where it cannot be made or written; `cause` is the system's error.
 */
export function takeDataDir(path: string): DataDir {
  makeWritable(path)
  const lock = lockOf(path)
  if (lock === undefined) {
    throw new DataDirInUseError(
      `Cannot use the data directory "${path}": another process holds it (${ownerOf(path)}). ` +
        'Stop that one, or give this one another --data-dir',
    )
  }
  writeFileSync(
    join(path, 'owner'),
    `process ${process.pid} on ${hostname()}, since ${new Date().toISOString()}\n`,
    { mode: 0o600 },
  )
  return { path, release: () => lock.close() }
}

function makeWritable(path: string): void {
  try {
    // Asked of what is there first: on a read-only file system mkdir tells of a missing file.
    accessSync(nearestThere(path), constants.W_OK | constants.X_OK)
    mkdirSync(path, { recursive: true, mode: 0o700 })
    // One that was there already may be open to others: who may write here may give the server another key.
    if ((statSync(path).mode & 0o077) !== 0) chmodSync(path, 0o700)
    closeSync(openSync(join(path, 'lock'), 'a', 0o600))
  } catch (cause) {
    throw new Error(`Cannot use the data directory "${path}": ${reasonOf(cause as NodeJS.ErrnoException)}`, {
      cause,
    })
  }
}

function reasonOf(error: NodeJS.ErrnoException): string {
  if (error.code === 'EACCES') return 'this user may not write there'
  if (error.code === 'EROFS') return 'its file system is read-only'
  return error.message
}

/** `path`, or the nearest directory above it that exists. */
function nearestThere(path: string): string {
  let folder = resolve(path)
  while (!existsSync(folder) && dirname(folder) !== folder) folder = dirname(folder)
  return folder
}

/** The process that holds the directory, in words; undefined where none does. */
export function holderOf(path: string): string | undefined {
  makeWritable(path)
  if (!existsSync(join(path, 'lock'))) return undefined
  const lock = lockOf(path)
  if (lock === undefined) return ownerOf(path)
  lock.close()
  return undefined
}

const SQLITE_BUSY = 5

/** The lock, taken; undefined where another process has it. */
function lockOf(path: string): DatabaseSync | undefined {
  const lock = new DatabaseSync(join(path, 'lock'))
  try {
    lock.exec('PRAGMA busy_timeout = 200; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE;')
    return lock
  } catch (error) {
    lock.close()
    if ((error as { errcode?: number }).errcode === SQLITE_BUSY) return undefined
    throw error
  }
}

function ownerOf(path: string): string {
  try {
    return readFileSync(join(path, 'owner'), 'utf8').trim()
  } catch {
    return 'unknown'
  }
}
