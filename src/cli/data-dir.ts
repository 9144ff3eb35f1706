import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
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
 */
export function takeDataDir(path: string): DataDir {
  mkdirSync(path, { recursive: true, mode: 0o700 })
  const lock = new DatabaseSync(join(path, 'lock'))
  const owner = join(path, 'owner')
  try {
    lock.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA busy_timeout = 200; BEGIN EXCLUSIVE;')
  } catch (cause) {
    lock.close()
    throw new DataDirInUseError(
      `Cannot use the data directory "${path}": another process holds it (${ownerOf(owner)}). ` +
        'Stop that one, or give this one another --data-dir',
      { cause },
    )
  }
  writeFileSync(owner, `process ${process.pid} on ${hostname()}, since ${new Date().toISOString()}\n`, {
    mode: 0o600,
  })
  return { path, release: () => lock.close() }
}

function ownerOf(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim()
  } catch {
    return 'unknown'
  }
}
