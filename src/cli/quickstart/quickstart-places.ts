import { cpSync, existsSync, lstatSync, mkdirSync, realpathSync, statSync } from 'node:fs'
import { basename, dirname, isAbsolute, join, relative, resolve } from 'node:path'
import { kitDirectory } from '../server/first-start.ts'
import { CommandError, CommandUsageError } from '../report.ts'

/** The folders of one quickstart, all with their links resolved. */
export interface Places {
  /** What is backed up. */
  readonly source: string
  readonly dataDir: string
  /** Where restores make new directories; beside the data directory. */
  readonly restored: string
  /** Credentials of the users that the quickstart makes. */
  readonly credentials: string
  /** The server's log, so that the terminal stays readable. */
  readonly log: string
}

/** The folder that is backed up where the user names none. */
export const SAMPLE: string = resolve(import.meta.dirname, '..', '..', '..', 'sample')

/**
 * Finds the folders and makes sure that what is backed up and what the server writes do not overlap.
 *
 * @throws {CommandUsageError} Where they do, or there is no such directory.
 */
export function placesOf(given: string | undefined, dataDirGiven: string): Places {
  const dataDir = realPathToBe(dataDirGiven)
  const source = realDirectory(given ?? sampleFor(dataDir))
  const restored = `${dataDir}-restored`
  for (const written of [dataDir, restored, kitDirectory(dataDir)]) {
    if (!overlap(source, written)) continue
    throw new CommandUsageError(
      `Cannot back up "${source}": it overlaps "${written}", which the server writes to. ` +
        'Give another directory, or put the data elsewhere with --data-dir',
    )
  }
  return {
    source,
    dataDir,
    restored,
    credentials: join(dataDir, 'quickstart-credentials'),
    log: join(dataDir, 'server.log'),
  }
}

/** Only root can restore files of other owners, so a sample that is not ours is copied beside the data first. */
function sampleFor(dataDir: string): string {
  const user = process.getuid?.()
  if (user === 0 || statSync(SAMPLE).uid === user) return SAMPLE
  const copy = `${dataDir}-sample`
  if (!existsSync(copy)) {
    cpSync(SAMPLE, copy, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true })
  }
  return copy
}

function realDirectory(path: string): string {
  let real: string
  try {
    real = realpathSync(path)
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code
    const found = code === 'ENOENT' ? 'it does not exist' : `it cannot be opened (${code ?? 'unknown error'})`
    throw new CommandUsageError(
      `Cannot back up "${path}": ${found}. Name a directory that this user can read`,
      { cause },
    )
  }
  if (!statSync(real).isDirectory()) {
    throw new CommandUsageError(
      `Cannot back up "${path}": it is not a directory. The quickstart backs up a directory`,
    )
  }
  return real
}

/** The real path of something that may not be there yet: links are resolved as far as it exists. */
export function realPathToBe(path: string): string {
  const whole = resolve(path)
  try {
    return realpathSync(whole)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || dirname(whole) === whole) throw error
    return join(realPathToBe(dirname(whole)), basename(whole))
  }
}

export function overlap(a: string, b: string): boolean {
  return isInside(a, b) || isInside(b, a)
}

function isInside(inner: string, outer: string): boolean {
  const way = relative(outer, inner)
  return way === '' || (way !== '..' && !way.startsWith('../') && !isAbsolute(way))
}

/** A private directory of ours, made where it is missing. @throws {CommandError} Where something else is there. */
export function makePrivateDirectory(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o700 })
  if (!lstatSync(path).isDirectory()) {
    throw new CommandError(
      `Cannot restore below "${path}": it is a link. Remove it, or give another --data-dir`,
    )
  }
}
