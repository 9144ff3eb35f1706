import { createChunker } from './chunks.ts'
import { takeLock } from './lock.ts'
import type { ResticNode } from './node.ts'
import { BlobWriter } from './packs.ts'
import type { Repository } from './repository.ts'
import { saveSealed } from './repository.ts'
import { ResticNodeError, showPath, TreeWriter } from './tree.ts'

export interface SnapshotRequest {
  /**
   * Depth-first: each directory right before everything in it, siblings in any order; a path of one name lies at the top of the
   * snapshot. No name twice in a directory, no directory left out.
   */
  readonly nodes: AsyncIterable<ResticNode>
  /** What restic shows and groups snapshots by; it need not be in the tree. */
  readonly paths: readonly string[]
  readonly hostname: string
  readonly username: string
  readonly time: Date
  readonly tags: readonly string[]
  readonly signal: AbortSignal
}

export interface SnapshotResult {
  readonly snapshotId: string
  readonly files: number
  /** Bytes of content, before deduplication and compression. */
  readonly bytes: number
  /** Bytes of the packs that had to be written. */
  readonly addedBytes: number
}

type Chunker = ReturnType<typeof createChunker>

/** Stores a file's content; returns the ids of its blobs. */
async function writeContent(
  blobs: BlobWriter,
  chunker: Chunker,
  node: ResticNode,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const ids: string[] = []
  let bytes = 0
  if (node.content !== undefined) {
    for await (const chunk of chunker(node.content())) {
      signal.throwIfAborted()
      bytes += chunk.length
      ids.push(await blobs.put('data', chunk))
    }
  }
  if (bytes !== node.size) {
    throw new ResticNodeError(
      `exporting "${showPath(node.path)}" to restic failed: its content has ${bytes} bytes, its size says ${node.size}`,
    )
  }
  return ids
}

async function writeTree(
  blobs: BlobWriter,
  repository: Repository,
  { nodes, signal }: SnapshotRequest,
): Promise<{ readonly tree: string; readonly files: number; readonly bytes: number }> {
  const trees = new TreeWriter(blobs)
  const chunker = createChunker(repository.gear)
  let files = 0
  let bytes = 0
  for await (const node of nodes) {
    signal.throwIfAborted()
    await trees.enter(node)
    if (node.type === 'file') {
      trees.add(node, await writeContent(blobs, chunker, node, signal))
      files++
      bytes += node.size
    } else {
      trees.add(node, undefined)
    }
  }
  signal.throwIfAborted()
  return { tree: await trees.finish(), files, bytes }
}

function snapshotJson(request: SnapshotRequest, tree: string): string {
  return JSON.stringify({
    time: request.time.toISOString(),
    tree,
    paths: request.paths,
    hostname: request.hostname,
    username: request.username,
    ...(request.tags.length > 0 && { tags: request.tags }),
    program_version: 'roleback',
  })
}

/**
 * Writes one snapshot. It is there once the promise is kept; after an error or an abort there is none, only packs that the next
 * export may use and `restic prune` takes away. Holds a shared lock meanwhile. Memory: about 60 MiB of buffers, 54 to 107 bytes
 * a blob of the repository, and the JSON of the open directories.
 * @throws {ResticNodeError} For a node that is out of order, twice there, not restorable, or not as long as it says.
 * @throws {RepositoryError} While somebody else holds the repository exclusively.
 */
export async function writeSnapshot(
  repository: Repository,
  request: SnapshotRequest,
): Promise<SnapshotResult> {
  request.signal.throwIfAborted()
  await using lock = await takeLock(repository)
  const blobs = await BlobWriter.open(repository)
  try {
    const { tree, files, bytes } = await writeTree(blobs, repository, request)
    await blobs.finish()
    lock.assertHeld()
    request.signal.throwIfAborted()
    const snapshotId = await saveSealed(repository, 'snapshots', snapshotJson(request, tree))
    return { snapshotId, files, bytes, addedBytes: blobs.addedBytes }
  } catch (error) {
    await blobs.abandon()
    throw error
  }
}
