import { lstatSync, readdirSync, realpathSync } from 'node:fs'
import { dirname, isAbsolute, join, relative } from 'node:path'
import type { ServerFacts } from '../context.ts'

/** Where the server keeps keys, vaults and credentials: no resource, no restore root, whatever way leads there. */
export function ownPlaces(server: ServerFacts): readonly string[] {
  const kit = server.recoveryKitPath
  return [
    server.dataDir,
    ...server.vaultRoots,
    ...(kit === undefined ? [] : [dirname(kit)]),
    ...(server.keyFiles ?? []),
  ].map(realOrGiven)
}

function realOrGiven(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return path
  }
}

export function isInside(inner: string, outer: string): boolean {
  const way = relative(outer, inner)
  return way === '' || (!(way === '..' || way.startsWith('../')) && !isAbsolute(way))
}

export function overlaps(a: string, b: string): boolean {
  return isInside(a, b) || isInside(b, a)
}

/**
 * True where `path` lies in `place` by name, or is mounted from there: a bind mount has another name and the same files.
 *
 * @param path With its links resolved.
 */
export function liesIn(path: string, place: string): boolean {
  if (isInside(path, place)) return true
  const ids = new Set([identityOf(place), ...foldersIn(place).map(identityOf)])
  ids.delete(undefined)
  return upwards(path).some((folder) => ids.has(identityOf(folder)))
}

/** True where `path` holds `place`, by name or by a mount. */
export function holds(path: string, place: string): boolean {
  if (isInside(place, path)) return true
  const id = identityOf(path)
  return id !== undefined && upwards(dirname(place)).some((folder) => identityOf(folder) === id)
}

/** Device and inode: the same behind every mount of a file system. */
function identityOf(path: string): string | undefined {
  const stat = lstatSync(path, { bigint: true, throwIfNoEntry: false })
  return stat === undefined ? undefined : `${stat.dev}:${stat.ino}`
}

/** What could be mounted elsewhere by itself, such as the folder of all vaults. */
function foldersIn(place: string): readonly string[] {
  try {
    return readdirSync(place, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => join(place, entry.name))
  } catch {
    return []
  }
}

function upwards(path: string): readonly string[] {
  const parent = dirname(path)
  return parent === path ? [path] : [path, ...upwards(parent)]
}
