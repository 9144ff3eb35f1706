import * as fs from 'node:fs'
import { LIST_FLAGS, PASS_FLAGS, codeOf, openPath, pathIn, reasonOf } from './directory-paths.ts'

/**
 * Where a restore goes: a private directory beside its final place, filled there and moved with one rename, so that nobody ever
 * meets a half-made tree and nothing that exists is touched.
 */
export interface Staging {
  /** Descriptor of the private directory. */
  readonly folder: number
  /** Descriptor of the directory that it and the final place lie in. */
  readonly parent: number
  readonly path: string
  /** Its name in `parent`. */
  readonly name: string
}

/** Makes the private directory for `jobId` in `path`; one that an earlier run of the same job left is removed first. */
export async function openStaging(path: string, jobId: string): Promise<Staging> {
  const parent = openPath(path, LIST_FLAGS)
  try {
    const name = `.roleback-restore-${jobId}`
    await removeTree(parent, name)
    fs.mkdirSync(pathIn(parent, name), 0o700)
    const folder = fs.openSync(pathIn(parent, name), LIST_FLAGS)
    fs.fchmodSync(folder, 0o700)
    return { folder, parent, path, name }
  } catch (cause) {
    fs.closeSync(parent)
    throw new Error(`Cannot make a directory in "${path}": ${reasonOf(cause)}`, { cause })
  }
}

/**
 * Moves the filled directory to `name`.
 * @returns Its path.
 * @throws When something of that name is there.
 */
export function moveIntoPlace(staging: Staging, name: string): string {
  const { parent, path } = staging
  const wanted = pathIn(parent, name)
  try {
    // Taking the name first makes the rename replace our own empty directory and nothing else.
    fs.mkdirSync(wanted, 0o700)
  } catch (cause) {
    throw new Error(`Cannot restore to "${path}/${name}": ${reasonOf(cause)}`, { cause })
  }
  try {
    fs.renameSync(pathIn(parent, staging.name), wanted)
  } catch (cause) {
    fs.rmdirSync(wanted)
    throw new Error(`Cannot move what was restored to "${path}/${name}": ${reasonOf(cause)}`, { cause })
  }
  const moved = fs.lstatSync(wanted, { bigint: true })
  const filled = fs.fstatSync(staging.folder, { bigint: true })
  if (moved.ino !== filled.ino || moved.dev !== filled.dev) {
    throw new Error(`Cannot restore to "${path}/${name}": something else was moved there meanwhile`)
  }
  fs.fsyncSync(parent)
  return `${path === '/' ? '' : path}/${name}`
}

/** Removes what was staged, unless it was moved. */
export async function discardStaging(staging: Staging): Promise<void> {
  await removeTree(staging.parent, staging.name)
}

export function closeStaging(staging: Staging): void {
  fs.closeSync(staging.folder)
  fs.closeSync(staging.parent)
}

const BLOCK_MS = 8

/** Removes `name` in the directory that `parent` holds with all that is in it, following no link; nothing where it is absent. */
export async function removeTree(parent: number, name: string): Promise<void> {
  let pausedAt = performance.now()
  const empty = async (fd: number): Promise<void> => {
    for (const entry of fs.readdirSync(`/proc/self/fd/${fd}`, { encoding: 'latin1' })) {
      await remove(fd, entry)
      if (performance.now() - pausedAt < BLOCK_MS) continue
      await new Promise((resolve) => setImmediate(resolve))
      pausedAt = performance.now()
    }
  }
  const remove = async (folder: number, entry: string): Promise<void> => {
    const path = pathIn(folder, entry)
    const stat = fs.lstatSync(path, { throwIfNoEntry: false })
    if (stat === undefined) return
    if (!stat.isDirectory()) return fs.unlinkSync(path)
    // Its final mode may shut us out already.
    const fd = fs.openSync(path, PASS_FLAGS)
    try {
      fs.chmodSync(`/proc/self/fd/${fd}`, 0o700)
      await empty(fd)
    } finally {
      fs.closeSync(fd)
    }
    fs.rmdirSync(path)
  }
  try {
    await remove(parent, name)
  } catch (cause) {
    if (codeOf(cause) !== 'ENOENT') throw cause
  }
}
