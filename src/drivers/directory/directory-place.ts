import * as fs from 'node:fs'
import { libc, renameToNew } from './directory-libc.ts'
import { LIST_FLAGS, PASS_FLAGS, codeOf, openPath, pathIn, reasonOf } from './directory-paths.ts'
import type { PlacedThing } from '../driver.ts'

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

/** One run of a restore job: each has a private directory of its own, lest an earlier one that is still at work moves its successor's. */
export interface StagingRun {
  readonly jobId: string
  readonly attempt: number
}

const jobsPrefix = (jobId: string): string => `.roleback-restore-${jobId}`
const nameOf = ({ jobId, attempt }: StagingRun): string => `${jobsPrefix(jobId)}-${attempt}`

/** Makes the private directory of a run in `path`. */
export function openStaging(path: string, run: StagingRun): Staging {
  const parent = openPath(path, LIST_FLAGS)
  try {
    const name = nameOf(run)
    fs.mkdirSync(pathIn(parent, name), 0o700)
    const folder = fs.openSync(pathIn(parent, name), LIST_FLAGS)
    try {
      closeToOthers(folder)
    } catch (cause) {
      fs.closeSync(folder)
      throw cause
    }
    return { folder, parent, path, name }
  } catch (cause) {
    fs.closeSync(parent)
    throw new Error(`Cannot make a directory in "${path}": ${reasonOf(cause)}`, { cause })
  }
}

const ACCESS_LISTS = ['system.posix_acl_access', 'system.posix_acl_default']

/**
 * Makes an open directory one that nobody else may enter, nor what is made in it. Whoever may write beside it can have put one of his own in
 * the place of ours since it was made; and what the directory above it lets others do is inherited (`setfacl -d`), which no mode takes
 * away from files that get theirs later.
 *
 * @throws Where something lies in it.
 */
export function closeToOthers(folder: number): void {
  const [user, group] = [process.geteuid?.() ?? 0, process.getegid?.() ?? 0]
  if (fs.fstatSync(folder).uid !== user) {
    try {
      fs.fchownSync(folder, user, group)
    } catch (cause) {
      // File systems without owners (CIFS, FAT) and those where root is nobody (NFS) say whose everything is.
      if (codeOf(cause) !== 'EPERM') throw cause
    }
  }
  for (const list of ACCESS_LISTS) libc()?.removeXattr(folder, list)
  fs.fchmodSync(folder, 0o700)
  if (fs.readdirSync(`/proc/self/fd/${folder}`).length > 0)
    throw new Error('somebody put something else in its place')
}

/**
 * Removes what earlier runs of the same job left in `path`: their private directories, and what one of them had put in place already,
 * `placed`, before it was cut off. Anything else that has its name by now stays.
 */
export async function removeEarlier(
  path: string,
  run: StagingRun,
  placed: PlacedThing | undefined,
): Promise<void> {
  const parent = openPath(path, LIST_FLAGS)
  const aside = `${nameOf(run)}-earlier`
  try {
    await removeTree(parent, aside)
    for (const entry of fs.readdirSync(`/proc/self/fd/${parent}`, { encoding: 'latin1' })) {
      if (!entry.startsWith(jobsPrefix(run.jobId))) continue
      // Under another name at once: a run that is still at work must not put in place what is half removed.
      if (renameThere(parent, entry, aside)) await removeTree(parent, aside)
    }
    // Only now can none of them put anything in place any more.
    if (placed !== undefined && takeBack(parent, placed, aside)) await removeTree(parent, aside)
  } catch (cause) {
    throw new Error(`Cannot remove what an earlier run of the job left in "${path}": ${reasonOf(cause)}`, {
      cause,
    })
  } finally {
    fs.closeSync(parent)
  }
}

/** What the filled directory is called and known by once it lies under `name`. */
export function placedAs(staging: Staging, name: string): PlacedThing {
  return { name, identity: identityOf(fs.fstatSync(staging.folder, { bigint: true })) }
}

/** A number of an inode is given out again: its birth tells whose it is. */
const identityOf = ({ dev, ino, birthtimeNs }: fs.BigIntStats): string => `${dev}:${ino}:${birthtimeNs}`

/** Moves to `aside` what lies under the final name, if it is what the earlier run put there. */
function takeBack(parent: number, { name, identity }: PlacedThing, aside: string): boolean {
  const isIt = (at: string): boolean => {
    const stat = fs.lstatSync(pathIn(parent, at), { bigint: true, throwIfNoEntry: false })
    // Where the file system keeps no time of birth nothing is known for sure.
    return stat !== undefined && stat.birthtimeNs > 0n && identityOf(stat) === identity
  }
  if (!isIt(name) || !renameThere(parent, name, aside)) return false
  if (isIt(aside)) return true
  // Somebody put another in its place between the two.
  fs.renameSync(pathIn(parent, aside), pathIn(parent, name))
  return false
}

/** False where nothing is called `from`. */
function renameThere(parent: number, from: string, to: string): boolean {
  try {
    fs.renameSync(pathIn(parent, from), pathIn(parent, to))
    return true
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT') return false
    throw cause
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
  if (!renameToNew(parent, staging.name, name)) moveOverOwn(staging, name)
  const moved = fs.lstatSync(wanted, { bigint: true })
  const filled = fs.fstatSync(staging.folder, { bigint: true })
  if (moved.ino !== filled.ino || moved.dev !== filled.dev) {
    throw new Error(`Cannot restore to "${path}/${name}": something else was moved there meanwhile`)
  }
  fs.fsyncSync(parent)
  return `${path === '/' ? '' : path}/${name}`
}

/** In two steps, where it cannot be done in one; whatever is in the way of that is told. */
function moveOverOwn({ parent, path, name: staged }: Staging, name: string): void {
  const wanted = pathIn(parent, name)
  try {
    // Taking the name first makes the rename replace our own empty directory and nothing else.
    fs.mkdirSync(wanted, 0o700)
  } catch (cause) {
    throw new Error(`Cannot restore to "${path}/${name}": ${reasonOf(cause)}`, { cause })
  }
  try {
    fs.renameSync(pathIn(parent, staged), wanted)
  } catch (cause) {
    fs.rmdirSync(wanted)
    throw new Error(`Cannot move what was restored to "${path}/${name}": ${reasonOf(cause)}`, { cause })
  }
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
