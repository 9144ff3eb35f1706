import { readdir, realpath } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { createRepository, idsIn, loadSealed, openRepository } from '../restic/repository.ts'
import type { Repository } from '../restic/repository.ts'
import { JobFailedError } from './errors.ts'

export interface ExportPlace {
  readonly targetPath: string
  readonly dataDir: string
  readonly vaultRoots: readonly string[]
  /** Undefined for the account that manages the server: its exports go anywhere but into the server's own data. */
  readonly allowedRoots: readonly string[] | undefined
}

const isBelow = (path: string, root: string): boolean =>
  path === root || root === '/' || path.startsWith(`${root}/`)

/**
 * Where an export really goes, all symbolic links followed; what the call was allowed may have been swapped since.
 * @throws {JobFailedError} For a place in the server's own data, outside the allowed roots, or without a parent directory.
 */
export async function exportDirectory(place: ExportPlace): Promise<string> {
  const { targetPath } = place
  const parent = await realpath(dirname(targetPath)).catch((cause: NodeJS.ErrnoException) => {
    throw new JobFailedError(
      `Export job failed: the directory that "${targetPath}" is to lie in cannot be used (${cause.code}). Make it first`,
      'FAILURE',
      { cause },
    )
  })
  const named = join(parent, basename(targetPath))
  const path = await realpath(named).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return named
    throw new JobFailedError(`Export job failed: "${targetPath}" cannot be used (${error.code})`, 'FAILURE', {
      cause: error,
    })
  })
  const own = await Promise.all([place.dataDir, ...place.vaultRoots].map((one) => realpath(one)))
  if (own.some((one) => isBelow(path, one) || isBelow(one, path))) {
    throw new JobFailedError(
      `Export job failed: "${targetPath}" overlaps the server's own data directory. Name another place`,
      'AccessDenied',
    )
  }
  if (place.allowedRoots !== undefined) {
    const roots = await Promise.all(place.allowedRoots.map((root) => realpath(root).catch(() => undefined)))
    if (!roots.some((root) => root !== undefined && isBelow(path, root))) {
      throw new JobFailedError(
        `Export job failed: "${targetPath}" lies under none of the server's allowed roots (serve --allow-root)`,
        'AccessDenied',
      )
    }
  }
  return path
}

/** Opens the repository that lies there, or makes one in a directory that is empty or missing. */
export async function openOrCreate(directory: string, password: string): Promise<Repository> {
  const found = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw error
  })
  return found.length === 0
    ? await createRepository(directory, password)
    : await openRepository(directory, password)
}

/**
 * Recovery points that the repository has whole snapshots of already, by their tags. A job that begins again after a crash, or a
 * second export into the same place, does not write them twice. What restic rewrote since does not count.
 */
export async function exportedBefore(repository: Repository): Promise<ReadonlySet<string>> {
  const found = new Set<string>()
  for (const id of await idsIn(repository.directory, 'snapshots')) {
    const snapshot = (await loadSealed(repository, 'snapshots', id)) as {
      readonly tags?: readonly unknown[]
      readonly original?: string
      readonly program_version?: string
    }
    if (snapshot.original !== undefined || snapshot.program_version !== 'roleback') continue
    for (const tag of snapshot.tags ?? []) if (typeof tag === 'string') found.add(tag)
  }
  return found
}
