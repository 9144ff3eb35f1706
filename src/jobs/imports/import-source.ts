import { createHash } from 'node:crypto'
import { access, constants } from 'node:fs/promises'
import { join } from 'node:path'
import { printable } from '../../lib/log.ts'
import { BlobReader } from '../../restic/blob-reader.ts'
import { takeLock } from '../../restic/lock.ts'
import type { Lock } from '../../restic/lock.ts'
import { openToRead } from '../../restic/repository.ts'
import type { Repository } from '../../restic/repository.ts'
import { findDirectory, listSnapshots } from '../../restic/snapshots.ts'
import type { FoundDirectory, StoredSnapshot } from '../../restic/snapshots.ts'
import { JobFailedError } from '../errors.ts'

/** Which snapshots are imported, and what of them. */
export interface SnapshotChoice {
  /** IDs or the first eight digits or more of them. */
  readonly snapshotIds: readonly string[] | undefined
  readonly hostname: string | undefined
  /** The directory in the snapshots that becomes the root. */
  readonly path: string | undefined
}

/** A repository open for an import, locked against `restic prune` where it can be written to. */
export interface ImportSource extends AsyncDisposable {
  readonly repository: Repository
  readonly blobs: BlobReader
  /** Chosen, the oldest first. */
  readonly snapshots: readonly StoredSnapshot[]
}

/** @throws {JobFailedError} Where a snapshot that was asked for is not there. */
export async function openSource(
  directory: string,
  password: string,
  choice: SnapshotChoice,
  signal: AbortSignal,
): Promise<ImportSource> {
  const repository = await openToRead(directory, password)
  const lock = await lockIfWritable(repository)
  try {
    const snapshots = chosen(await listSnapshots(repository), choice)
    const blobs = await BlobReader.open(repository, signal)
    return {
      repository,
      blobs,
      snapshots,
      [Symbol.asyncDispose]: async () => {
        await blobs[Symbol.asyncDispose]()
        await lock?.[Symbol.asyncDispose]()
      },
    }
  } catch (error) {
    await lock?.[Symbol.asyncDispose]()
    throw error
  }
}

/** On a medium that cannot be written to nobody prunes either. */
async function lockIfWritable(repository: Repository): Promise<Lock | undefined> {
  const isWritable = await access(join(repository.directory, 'locks'), constants.W_OK).then(
    () => true,
    () => false,
  )
  return isWritable ? await takeLock(repository) : undefined
}

function chosen(
  all: readonly StoredSnapshot[],
  { snapshotIds, hostname }: SnapshotChoice,
): readonly StoredSnapshot[] {
  for (const id of snapshotIds ?? []) {
    const found = all.filter((snapshot) => snapshot.id.startsWith(id))
    if (found.length === 1) continue
    const what = found.length === 0 ? 'has no snapshot' : `has ${found.length} snapshots whose id begins with`
    throw new JobFailedError(
      `Import job failed: the restic repository ${what} ${printable(id)}. \`restic snapshots\` lists them`,
    )
  }
  return all.filter(
    (snapshot) =>
      (snapshotIds === undefined || snapshotIds.some((id) => snapshot.id.startsWith(id))) &&
      (hostname === undefined || snapshot.hostname === hostname),
  )
}

/** What of a snapshot becomes a recovery point; undefined where it has no such directory. */
export async function directoryOf(
  { blobs }: ImportSource,
  snapshot: StoredSnapshot,
  { path = '/' }: SnapshotChoice,
): Promise<FoundDirectory | undefined> {
  return await findDirectory(blobs, snapshot, path)
}

/** An id that the same snapshot has in the same vault, for the same resource and path, whenever it is imported. */
export function importedId(parts: readonly string[]): string {
  const hex = createHash('sha256').update(JSON.stringify(parts)).digest('hex')
  // Version 8 of RFC 9562: made by the writer's own rule.
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `8${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join('-')
}

/** AWS's longest value of a tag. */
const MAX_TAG_CHARACTERS = 256

/** What restic said of a snapshot, under keys of our own: a snapshot must not bring tags that policies ask for. */
export function tagsOfSnapshot(snapshot: StoredSnapshot): Readonly<Record<string, string>> {
  const tags = {
    'restic:snapshot': snapshot.id,
    'restic:host': snapshot.hostname,
    'restic:paths': snapshot.paths.join(', '),
    'restic:tags': snapshot.tags.join(','),
  }
  return Object.fromEntries(
    Object.entries(tags)
      .filter(([, value]) => value !== '')
      .map(([key, value]) => [key, printable(value).slice(0, MAX_TAG_CHARACTERS)]),
  )
}
