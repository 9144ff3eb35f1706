import { createHash } from 'node:crypto'
import * as layout from '../../drivers/directory/directory-meta.ts'
import type { BackupSink, Content, Item, StoredItem } from '../../drivers/driver.ts'
import { ResticDamageError } from '../../restic/blob-index.ts'
import type { BlobReader } from '../../restic/blob-reader.ts'
import { readTree } from '../../restic/read-tree.ts'
import type { ReadNode } from '../../restic/read-tree.ts'
import type { FoundDirectory, StoredSnapshot } from '../../restic/snapshots.ts'
import { MAX_KEY_BYTES, MAX_META_BYTES } from '../../vault/format/node.ts'

/** Kinds of items, and the type's bits of their modes. */
const TYPES: Readonly<
  Record<NonNullable<ReadNode['type']>, { readonly kind: number; readonly bits: number }>
> = {
  dir: { kind: layout.DIRECTORY, bits: 0o040000 },
  file: { kind: layout.FILE, bits: 0o100000 },
  symlink: { kind: layout.SYMLINK, bits: 0o120000 },
  fifo: { kind: layout.FIFO, bits: 0o010000 },
  socket: { kind: layout.SOCKET, bits: 0o140000 },
  chardev: { kind: layout.CHARACTER_DEVICE, bits: 0o020000 },
  dev: { kind: layout.BLOCK_DEVICE, bits: 0o060000 },
}

export interface TreeImportOptions {
  readonly blobs: BlobReader
  readonly snapshot: StoredSnapshot
  readonly from: FoundDirectory
  /** The directory that the sink's parent was imported from. */
  readonly before: FoundDirectory | undefined
  readonly sink: BackupSink
  readonly signal: AbortSignal
}

/**
 * Adds a directory of a snapshot to a recovery point, as a backup of it would have: modes, owners, times, links, devices, the
 * extended attributes that backups keep. Where the parent's snapshot has the same blobs for a file, nothing is read. Holds the
 * directories from the root to where it is, and one name of every file that has several.
 *
 * @returns How many extended attributes were left away.
 * @throws {ResticDamageError} At the first thing that is not as restic wrote it, with its path.
 */
export async function importTree(options: TreeImportOptions): Promise<{ readonly droppedXattrs: number }> {
  const tree = new TreeImport(options)
  await tree.root()
  return { droppedXattrs: tree.droppedXattrs }
}

class TreeImport {
  readonly #options: TreeImportOptions
  /** By device and inode: the first name, and what is behind it. */
  readonly #firstNames = new Map<string, { readonly key: string; readonly content: string }>()
  droppedXattrs = 0

  constructor(options: TreeImportOptions) {
    this.#options = options
  }

  async root(): Promise<void> {
    const { from, before, snapshot } = this.#options
    await this.#add('/', from.node ?? rootNode(snapshot), undefined)
    await this.#folder('/', from.tree, before?.tree)
  }

  async #folder(key: string, tree: string, treeBefore: string | undefined): Promise<void> {
    const nodes = await this.#tree(key, tree)
    const before = treeBefore === tree ? nodes : await this.#treeBefore(treeBefore)
    const byName = new Map(before.map((node) => [layout.latin1Of(node.name), node]))
    const entries = nodes.map((node) => {
      const name = layout.latin1Of(node.name)
      return { node, name, entry: node.type === 'dir' ? `${name}/` : name }
    })
    for (const { node, name, entry } of entries.sort((a, b) => (a.entry < b.entry ? -1 : 1))) {
      this.#options.signal.throwIfAborted()
      const inner = key + entry
      const problem = problemOf(node, inner)
      if (problem !== undefined) this.#problem(inner, problem)
      else {
        await this.#add(inner, node, byName.get(name))
        if (node.subtree !== undefined) await this.#folder(inner, node.subtree, byName.get(name)?.subtree)
      }
    }
  }

  async #tree(key: string, id: string): Promise<readonly ReadNode[]> {
    return await readTree(this.#options.blobs, id).catch((error: unknown) => at(key, error))
  }

  /** What is wrong with a snapshot imported before must not keep this one from being imported. */
  async #treeBefore(id: string | undefined): Promise<readonly ReadNode[]> {
    if (id === undefined) return []
    return await readTree(this.#options.blobs, id).catch((error: unknown) => {
      if (error instanceof ResticDamageError) return []
      throw error
    })
  }

  async #add(key: string, node: ReadNode, before: ReadNode | undefined): Promise<void> {
    const { kind, bits } = TYPES[node.type as keyof typeof TYPES]
    const first = this.#firstName(key, node)
    const stat: layout.KeptStat = {
      mode: BigInt(node.mode + bits),
      uid: BigInt(node.uid),
      gid: BigInt(node.gid),
      nlink: BigInt(node.links),
      mtimeNs: node.mtimeNs,
      ctimeNs: node.ctimeNs ?? node.mtimeNs,
      ino: node.inode,
      dev: node.deviceId,
      rdev: node.device,
    }
    if (first !== undefined) {
      const meta = layout.encodeMeta(layout.fixedPart(stat, 0), first)
      return await this.#options.sink.add(
        { key: layout.bytesOf(key), kind: layout.HARD_LINK, meta, size: 0 },
        { from: 'none' },
      )
    }
    const size = node.type === 'file' ? this.#sizeOf(key, node) : 0
    const target = node.type === 'symlink' ? layout.latin1Of(node.linkTarget ?? new Uint8Array()) : ''
    const fixed = layout.fixedPart(stat, hasRepeats(node) ? layout.HAS_HOLES : 0)
    const meta = layout.encodeMeta(fixed, target, this.#xattrs(node))
    if (meta.length > MAX_META_BYTES) return this.#problem(key, 'Its attributes are larger than 1 MiB')
    const item = { key: layout.bytesOf(key), kind, meta, size }
    await this.#options.sink.add(item, await this.#content(key, item, node, before))
  }

  /** The key of the name that this is a hard link to. Other content under one inode is another file, whatever restic saw. */
  #firstName(key: string, node: ReadNode): string | undefined {
    if (node.type === 'dir' || node.links < 2 || node.inode === 0n) return undefined
    const id = `${node.deviceId} ${node.inode}`
    const content = createHash('sha256')
      .update(JSON.stringify([node.type, node.content, Buffer.from(node.linkTarget ?? []).toString('hex')]))
      .digest('latin1')
    const known = this.#firstNames.get(id)
    if (known === undefined) this.#firstNames.set(id, { key, content })
    return known?.content === content ? known.key : undefined
  }

  /** By the blobs: the size that a node says counts for nothing. */
  #sizeOf(key: string, node: ReadNode): number {
    try {
      return node.content.reduce((sum, id) => sum + this.#options.blobs.sizeOf('data', id), 0)
    } catch (error) {
      return at(key, error)
    }
  }

  #xattrs(node: ReadNode): layout.Xattr[] {
    const all = node.xattrs ?? []
    const kept = all.filter(
      ({ name }) => layout.KEPT_XATTR.test(name) && Buffer.byteLength(name) <= layout.MAX_NAME_BYTES,
    )
    this.droppedXattrs += all.length - kept.length
    return kept
      .map(({ name, value }) => ({ name: layout.latin1Of(Buffer.from(name)), value }))
      .sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  async #content(key: string, item: Item, node: ReadNode, before: ReadNode | undefined): Promise<Content> {
    if (item.size === 0) return { from: 'none' }
    const isSame = before?.type === 'file' && isEqual(before.content, node.content)
    const found = isSame ? await this.#inParent(item) : undefined
    if (found !== undefined) return { from: 'parent', item: found }
    return { from: 'stream', open: (signal) => this.#read(key, node.content, signal) }
  }

  async #inParent(item: Item): Promise<StoredItem | undefined> {
    const found = await this.#options.sink.parent?.find(item.key)
    return found?.kind === layout.FILE && found.size === item.size ? found : undefined
  }

  /** Reads the next blob while the one before is taken. */
  async *#read(
    key: string,
    ids: readonly string[],
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array, void, void> {
    const { blobs } = this.#options
    let next: Promise<Buffer> | undefined
    try {
      for (const [i, id] of ids.entries()) {
        signal.throwIfAborted()
        const bytes = await (next ?? blobs.read('data', id))
        const following = ids[i + 1]
        next = following === undefined ? undefined : blobs.read('data', following)
        // Whoever waits for it gets the error; where nobody does any more, it is not unhandled.
        next?.catch(() => undefined)
        yield bytes
      }
    } catch (error) {
      at(key, error)
    } finally {
      await next?.catch(() => undefined)
    }
  }

  #problem(key: string, reason: string): void {
    this.#options.sink.problem({ item: layout.displayKey(key), reason })
  }
}

/** What no recovery point can hold. */
function problemOf({ name, type }: ReadNode, key: string): string | undefined {
  if (type === undefined) return 'It is of a type that restic could not save'
  if (name.length > layout.MAX_NAME_BYTES) return `Its name is longer than ${layout.MAX_NAME_BYTES} bytes`
  return key.length > MAX_KEY_BYTES ? `Its path is longer than ${MAX_KEY_BYTES} bytes` : undefined
}

/** A snapshot has no node for its root: it belongs to whoever made the snapshot, and nobody else may look into it. */
function rootNode({ time, tree, uid, gid }: StoredSnapshot): ReadNode {
  return {
    name: Buffer.alloc(0),
    type: 'dir',
    mode: 0o700,
    uid,
    gid,
    mtimeNs: BigInt(time) * 1_000_000n,
    links: 0,
    inode: 0n,
    deviceId: 0n,
    device: 0n,
    content: [],
    subtree: tree,
  }
}

const isEqual = (one: readonly string[], other: readonly string[]): boolean =>
  one.length === other.length && one.every((id, i) => id === other[i])

/** restic does not say where holes are; it cuts them into blobs that are all the same. */
const hasRepeats = ({ content }: ReadNode): boolean => content.some((id, i) => i > 0 && id === content[i - 1])

function at(key: string, error: unknown): never {
  if (!(error instanceof ResticDamageError)) throw error
  throw new ResticDamageError(`"${layout.displayKey(key)}": ${error.message}`, { cause: error })
}
