import { printable } from '../lib/log.ts'
import { ResticDamageError } from './blob-index.ts'
import type { BlobReader } from './blob-reader.ts'
import { parseGoTime } from './go-text.ts'
import { readTree } from './read-tree.ts'
import type { ReadNode } from './read-tree.ts'
import { idsIn, loadSealed } from './repository.ts'
import type { Repository } from './repository.ts'

/** A snapshot as its file describes it. */
export interface StoredSnapshot {
  readonly id: string
  /** Milliseconds since 1970. */
  readonly time: number
  /** ID of the root's tree. */
  readonly tree: string
  readonly hostname: string
  readonly paths: readonly string[]
  readonly tags: readonly string[]
  readonly uid: number
  readonly gid: number
}

/** All snapshots, the oldest first. @throws {ResticDamageError} Where one cannot be read; it says which. */
export async function listSnapshots(repository: Repository): Promise<readonly StoredSnapshot[]> {
  const found: StoredSnapshot[] = []
  for (const id of await idsIn(repository.directory, 'snapshots')) {
    found.push(snapshotOf(id, await loadSealed(repository, 'snapshots', id)))
  }
  return found.toSorted((one, other) => one.time - other.time || (one.id < other.id ? -1 : 1))
}

function snapshotOf(id: string, value: unknown): StoredSnapshot {
  const snapshot = (typeof value === 'object' && value !== null ? value : {}) as Readonly<
    Record<string, unknown>
  >
  const { tree, hostname } = snapshot
  const ns = parseGoTime(String(snapshot['time']))
  if (ns === undefined || typeof tree !== 'string') {
    throw new ResticDamageError(
      `the snapshot ${id} of the restic repository is damaged: it has no time or no tree`,
    )
  }
  return {
    id,
    time: Number(ns / 1_000_000n),
    tree,
    hostname: typeof hostname === 'string' ? hostname : '',
    paths: textsIn(snapshot['paths']),
    tags: textsIn(snapshot['tags']),
    uid: ownerIn(snapshot['uid']),
    gid: ownerIn(snapshot['gid']),
  }
}

const textsIn = (value: unknown): readonly string[] =>
  Array.isArray(value) ? (value as unknown[]).filter((each) => typeof each === 'string') : []

const ownerIn = (value: unknown): number =>
  Number.isInteger(value) && Number(value) >= 0 && Number(value) < 2 ** 32 ? Number(value) : 0

/** A directory in a snapshot; the node is undefined for the snapshot's root. */
export interface FoundDirectory {
  readonly node: ReadNode | undefined
  readonly tree: string
}

/**
 * The directory of an absolute path in a snapshot.
 * @returns Undefined where the snapshot has no such directory.
 */
export async function findDirectory(
  blobs: BlobReader,
  snapshot: StoredSnapshot,
  path: string,
): Promise<FoundDirectory | undefined> {
  let found: FoundDirectory = { node: undefined, tree: snapshot.tree }
  for (const name of path.split('/').filter((part) => part !== '')) {
    const bytes = Buffer.from(name)
    const node = (await readTree(blobs, found.tree)).find((each) => each.name.equals(bytes))
    if (node?.type !== 'dir') return undefined
    found = { node, tree: node.subtree as string }
  }
  return found
}

/** For people: `3f2a91c0 of 2026-02-03T04:05:06.789Z (host)`. */
export function describeSnapshot({ id, time, hostname }: StoredSnapshot): string {
  return `${id.slice(0, 8)} of ${new Date(time).toISOString()} (${printable(hostname)})`
}
