import { readdir, realpath } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { createRepository, idsIn, loadSealed, openRepository } from '../../restic/repository.ts'
import type { Repository } from '../../restic/repository.ts'
import { allResourcesOfType } from '../../store/resources/resources.ts'
import type { JobTable } from '../../store/schema.ts'
import type { Store } from '../../store/store.ts'
import { JobFailedError } from '../errors.ts'
import type { JobTools } from '../tools.ts'

export interface OutsidePlace {
  readonly path: string
  /** Begins the messages: `Export job`. */
  readonly jobNoun: string
  readonly dataDir: string
  readonly vaultRoots: readonly string[]
  /** Undefined for the account that manages the server: it may name any place but the server's own data. */
  readonly allowedRoots: readonly string[] | undefined
}

/** What the job's account may name. */
export async function placeFor(
  { store, dataDir, vaultRoots, allowedRoots }: JobTools,
  row: JobTable,
  path: string,
  jobNoun: string,
): Promise<OutsidePlace> {
  const server = await store.db.selectFrom('server').select('management_account_id').executeTakeFirst()
  const isManagement = server?.management_account_id === row.account_id
  return { path, jobNoun, dataDir, vaultRoots, allowedRoots: isManagement ? undefined : allowedRoots }
}

const isBelow = (path: string, root: string): boolean =>
  path === root || root === '/' || path.startsWith(`${root}/`)

/**
 * Where an export really goes or an import comes from, all symbolic links followed; what the call was allowed may have been swapped
 * since.
 * @throws {JobFailedError} For a place in the server's own data, outside the allowed roots, or without a parent directory.
 */
export async function outsideDirectory(place: OutsidePlace): Promise<string> {
  const { path: asked, jobNoun } = place
  const parent = await realpath(dirname(asked)).catch((cause: NodeJS.ErrnoException) => {
    throw new JobFailedError(
      `${jobNoun} failed: the directory that "${asked}" is to lie in cannot be used (${cause.code}). Make it first`,
      'FAILURE',
      { cause },
    )
  })
  const named = join(parent, basename(asked))
  const path = await realpath(named).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return named
    throw new JobFailedError(`${jobNoun} failed: "${asked}" cannot be used (${error.code})`, 'FAILURE', {
      cause: error,
    })
  })
  const own = await Promise.all([place.dataDir, ...place.vaultRoots].map((one) => realpath(one)))
  if (own.some((one) => isBelow(path, one) || isBelow(one, path))) {
    throw new JobFailedError(
      `${jobNoun} failed: "${asked}" overlaps the server's own data directory. Name another place`,
      'AccessDenied',
    )
  }
  if (place.allowedRoots !== undefined) {
    const roots = await Promise.all(place.allowedRoots.map((root) => realpath(root).catch(() => undefined)))
    if (!roots.some((root) => root !== undefined && isBelow(path, root))) {
      throw new JobFailedError(
        `${jobNoun} failed: "${asked}" lies under none of the server's allowed roots (serve --allow-root)`,
        'AccessDenied',
      )
    }
  }
  return path
}

/** A directory that is registered is read by backups and written by restores alone, which are decided on its ARN. */
export async function refuseResources(store: Store, directory: string, jobNoun: string): Promise<void> {
  for (const resource of await allResourcesOfType(store.db, 'EFS')) {
    const { path } = JSON.parse(resource.settings) as { readonly path: string }
    if (!isBelow(directory, path)) continue
    throw new JobFailedError(
      `${jobNoun} failed: "${directory}" lies in a directory that is registered as a resource. Name another place`,
      'AccessDenied',
    )
  }
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
