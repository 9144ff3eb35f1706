import * as fs from 'node:fs'
import { dateOf, encodeWriteTask, openAgain, setAttributes, writerSettings } from './directory-io.ts'
import type { FileAttributes } from './directory-io.ts'
import { libc } from './directory-libc.ts'
import * as layout from './directory-meta.ts'
import type { TreeMeta } from './directory-meta.ts'
import { LIST_FLAGS, cPathIn, isFatal, pathIn, reasonOf } from './directory-paths.ts'
import type { OpenFolders } from './directory-folders.ts'
import { WHOLE_ITEM_BYTES } from '../driver.ts'
import type { ItemProblem, PointReader, StoredItem } from '../driver.ts'

/**
 * Fills a private directory (0700, empty, ours) with items of a recovery point. Nothing in a key or in metadata is trusted, not
 * even when the recovery point was sealed with the right key: every name is one plain part, every folder was made here and is
 * opened from its parent's descriptor without following links, and nothing is ever overwritten.
 *
 * Order: directories (0700), files through pour threads, links and special files; then hard links, which may point anywhere in
 * the tree; then, from the leaves up, a count of what lies in each directory and its owner, attributes, mode and time.
 */
export interface TreeRestore {
  readonly point: PointReader
  /** Pages of items in key order, parents before what is in them. */
  readonly items: AsyncIterable<readonly StoredItem[]>
  /** Whether an item of this key is among `items`. */
  isSelected(key: string): boolean
  /** Descriptor of the directory to fill. */
  readonly folder: number
  /**
   * False leaves away setuid and setgid bits of files, devices and file capabilities (they would outlive the role). Asked only where
   * there are some: a refusal that takes nothing away would be told as one.
   */
  mayRestorePrivileges(): boolean
  readonly signal: AbortSignal
  problem(problem: ItemProblem): void
  progress(bytes: number, items: number): void
}

export interface TreeRestored {
  readonly items: number
  readonly skipped: number
  readonly bytes: number
  readonly notes: readonly string[]
}

export async function restoreTree(restore: TreeRestore): Promise<TreeRestored> {
  const tree = new Tree(restore)
  try {
    return await tree.restore()
  } finally {
    tree.close()
  }
}

const CAPABILITY = 'security.capability'
const SET_ID_BITS = 0o6000
const PERMISSION_BITS = 0o7777
const BLOCK_MS = 8

interface Placed {
  readonly key: string
  readonly meta: TreeMeta
}

/** A file that is not finished when its content is written. */
interface PlacedFile extends Placed {
  /** Bytes it must have. */
  readonly size: number
}

interface Counts {
  names: number
  folders: number
}

class Tree {
  readonly #restore: TreeRestore
  readonly #folders: OpenFolders
  readonly #otherFolders: OpenFolders
  /** Directories made, in key order. */
  readonly #made = new Map<string, TreeMeta>()
  readonly #links: Placed[] = []
  /** Files that need more than a pour thread does. */
  readonly #unfinished: PlacedFile[] = []
  /** Where the content of a hard link's first name went, when the first name itself is not restored. */
  readonly #standIns = new Map<string, string>()
  readonly #left = { setIds: 0, devices: 0, capabilities: 0, attributes: 0, owners: 0 }
  /** Who this process is; the first group is the one that new files get. */
  readonly #account = {
    user: process.geteuid?.() ?? 0,
    groups: [process.getegid?.() ?? 0, ...(process.getgroups?.() ?? [])],
  }
  #others = 0
  #lastKey: string | undefined
  #pausedAt = performance.now()

  constructor(restore: TreeRestore) {
    this.#restore = restore
    this.#folders = openAgain(restore.folder)
    this.#otherFolders = openAgain(restore.folder)
  }

  async restore(): Promise<TreeRestored> {
    const { point, folder, signal } = this.#restore
    const poured = await point.pour(this.#tasks(), { writer: writerSettings(folder), signal })
    for (const problem of poured.problems) this.#restore.problem(problem)
    for (const link of this.#links) await this.#each(link.key, () => this.#link(link))
    for (const file of this.#unfinished) await this.#each(file.key, () => this.#finishFile(file))
    const found: Counts = { names: 0, folders: 1 }
    for (const [key, meta] of [...this.#made].reverse())
      await this.#each(key, () => this.#finishFolder(key, meta, found))
    this.#compare(found, { names: poured.written + this.#others, folders: this.#made.size })
    return {
      items: poured.written + this.#made.size + this.#others,
      skipped: this.#left.devices,
      bytes: poured.bytes,
      notes: this.#notes(),
    }
  }

  close(): void {
    this.#folders.close()
    this.#otherFolders.close()
  }

  /** Makes directories, links and special files on the way and hands the files on. */
  async *#tasks(): AsyncGenerator<readonly { readonly item: StoredItem; readonly task: Uint8Array }[]> {
    for await (const page of this.#restore.items) {
      const tasks: { item: StoredItem; task: Uint8Array }[] = []
      let bytes = 0
      for (const item of page) {
        const key = layout.latin1Of(item.key)
        await this.#each(key, async () => {
          const task = await this.#place(key, item)
          if (task === undefined) return
          tasks.push(task)
          bytes += task.item.size
        })
      }
      if (tasks.length > 0) yield tasks
      this.#restore.progress(bytes, page.length)
    }
  }

  async #place(key: string, item: StoredItem): Promise<{ item: StoredItem; task: Uint8Array } | undefined> {
    if (this.#lastKey !== undefined && key <= this.#lastKey)
      throw new RangeError('Its name does not follow the one before')
    this.#lastKey = key
    const { folder, name } = layout.splitKey(key, item.kind === layout.DIRECTORY)
    const meta = this.#owned(layout.decodeMeta(item.meta), item.kind)
    if (name === '') return void this.#made.set(key, meta)
    if (!this.#made.has(folder)) throw new RangeError('The directory it belongs in was not restored')
    switch (item.kind) {
      case layout.DIRECTORY:
        fs.mkdirSync(pathIn(this.#folders.enter(folder), name), 0o700)
        return void this.#made.set(key, meta)
      case layout.FILE:
        return { item, task: this.#fileTask(key, item.size, meta) }
      case layout.HARD_LINK:
        return await this.#placeLink(key, meta)
      case layout.SYMLINK:
        fs.symlinkSync(layout.bytesOf(meta.target), pathIn(this.#folders.enter(folder), name))
        return this.#finishSpecial(folder, name, meta)
      case layout.CHARACTER_DEVICE:
      case layout.BLOCK_DEVICE:
        if (!this.#restore.mayRestorePrivileges()) return void this.#left.devices++
        return this.#makeSpecial(folder, name, meta)
      case layout.FIFO:
      case layout.SOCKET:
        return this.#makeSpecial(folder, name, meta)
      default:
        throw new RangeError(`It is of kind ${item.kind}, which this server does not know: use a later one`)
    }
  }

  /**
   * Only root can give things away: elsewhere what belonged to somebody else becomes ours, is counted, and keeps no set-id bit,
   * which would now be ours, too.
   */
  #owned(meta: TreeMeta, kind: number): TreeMeta {
    const { user, groups } = this.#account
    if (user === 0 || kind === layout.HARD_LINK || (meta.uid === user && groups.includes(meta.gid)))
      return meta
    this.#left.owners++
    const gid = groups.includes(meta.gid) ? meta.gid : (groups[0] as number)
    return { ...meta, uid: user, gid, mode: meta.mode & ~SET_ID_BITS }
  }

  #fileTask(key: string, size: number, meta: TreeMeta): Uint8Array {
    const kept = this.#kept(meta)
    if (kept.xattrs.length === 0 && size <= WHOLE_ITEM_BYTES) return encodeWriteTask(key, attributesOf(kept))
    this.#unfinished.push({ key, meta: kept, size })
    return encodeWriteTask(key, { ...attributesOf(kept), mode: 0o600 })
  }

  /** A link waits for the end; where its first name is not among the restored, its content is restored in its place. */
  async #placeLink(key: string, meta: TreeMeta): Promise<{ item: StoredItem; task: Uint8Array } | undefined> {
    const first = meta.target
    const isWritten = this.#made.has(layout.splitKey(first, false).folder) && this.#restore.isSelected(first)
    if (isWritten || this.#standIns.has(first)) return void this.#links.push({ key, meta })
    const item = await this.#find(first)
    if (item?.kind !== layout.FILE) return void this.#links.push({ key, meta })
    this.#standIns.set(first, key)
    return {
      item,
      task: this.#fileTask(key, item.size, this.#owned(layout.decodeMeta(item.meta), item.kind)),
    }
  }

  async #find(key: string): Promise<StoredItem | undefined> {
    for await (const page of this.#restore.point.items({ prefixes: [layout.bytesOf(key)] })) {
      const first = page[0]
      return first !== undefined && layout.latin1Of(first.key) === key ? first : undefined
    }
    return undefined
  }

  #makeSpecial(folder: string, name: string, meta: TreeMeta): undefined {
    const system = libc()
    if (system === undefined) throw new Error('Special files need the node:ffi of Node 26 or newer')
    const path = cPathIn(this.#folders.enter(folder), name)
    if (!system.makeNode(path, (meta.mode & 0o170000) | 0o600, meta.rdev)) {
      throw new Error('The system refused to make the special file')
    }
    return this.#finishSpecial(folder, name, meta)
  }

  /** Owner, mode and time of what cannot be opened, by its name in a directory that only we may enter. */
  #finishSpecial(folder: string, name: string, meta: TreeMeta): undefined {
    const kept = this.#kept(meta)
    const fd = this.#folders.enter(folder)
    const path = pathIn(fd, name)
    const stat = fs.lstatSync(path)
    if (stat.uid !== kept.uid || stat.gid !== kept.gid) fs.lchownSync(path, kept.uid, kept.gid)
    this.#setXattrs(fd, name, kept)
    if (!stat.isSymbolicLink()) fs.chmodSync(path, kept.mode & PERMISSION_BITS)
    const system = libc()
    if (system === undefined) fs.lutimesSync(path, new Date(), dateOf(kept.mtimeNs))
    else if (!system.setTimes(cPathIn(fd, name), kept.mtimeNs)) throw new Error('Cannot set its time')
    this.#others++
    return undefined
  }

  #link({ key, meta }: Placed): void {
    const first = layout.splitKey(this.#standIns.get(meta.target) ?? meta.target, false)
    if (!this.#made.has(first.folder))
      throw new RangeError('The first name of the hard link was not restored')
    const { folder, name } = layout.splitKey(key, false)
    const from = pathIn(this.#otherFolders.enter(first.folder), first.name)
    fs.linkSync(from, pathIn(this.#folders.enter(folder), name))
    this.#others++
  }

  #finishFile({ key, meta, size }: PlacedFile): void {
    const { folder, name } = layout.splitKey(key, false)
    const parent = this.#folders.enter(folder)
    if (fs.lstatSync(pathIn(parent, name), { throwIfNoEntry: false }) === undefined) return // the pour reported it
    const fd = fs.openSync(pathIn(parent, name), fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW)
    try {
      const written = fs.fstatSync(fd).size
      if (written !== size) throw new RangeError(`The file has ${written} bytes instead of ${size}`)
      this.#setXattrs(parent, name, meta)
      setAttributes(fd, attributesOf(meta))
    } finally {
      fs.closeSync(fd)
    }
  }

  /** Counts what lies in a folder, whose files are done, then gives it its owner, attributes, mode and time. */
  #finishFolder(key: string, meta: TreeMeta, found: Counts): void {
    const fd = this.#openFolder(key)
    try {
      for (const entry of fs.readdirSync(`/proc/self/fd/${fd}`, { encoding: 'latin1', withFileTypes: true }))
        found[entry.isDirectory() ? 'folders' : 'names']++
      const stat = fs.fstatSync(fd)
      if (stat.uid !== meta.uid || stat.gid !== meta.gid) fs.fchownSync(fd, meta.uid, meta.gid)
      this.#setXattrs(fd, '.', this.#kept(meta))
      setAttributes(fd, attributesOf(meta))
    } finally {
      fs.closeSync(fd)
    }
  }

  #openFolder(key: string): number {
    if (key === '/')
      return fs.openSync(`/proc/self/fd/${this.#folders.enter(key)}`, LIST_FLAGS & ~fs.constants.O_NOFOLLOW)
    const { folder, name } = layout.splitKey(key, true)
    return fs.openSync(pathIn(this.#folders.enter(folder), name), LIST_FLAGS)
  }

  #setXattrs(fd: number, name: string, meta: TreeMeta): void {
    if (meta.xattrs.length === 0) return
    const system = libc()
    if (system === undefined) return void (this.#left.attributes += meta.xattrs.length)
    for (const { name: attribute, value } of meta.xattrs) {
      if (system.setXattr(cPathIn(fd, name), attribute, value)) continue
      throw new Error(`The file system refused the attribute "${layout.displayKey(attribute)}"`)
    }
  }

  /** What may be restored of `meta`. The setgid bit of a directory gives no right and stays. */
  #kept(meta: TreeMeta): TreeMeta {
    const hasSetId = (meta.mode & SET_ID_BITS) !== 0
    const hasCapability = meta.xattrs.some(({ name }) => name === CAPABILITY)
    if ((meta.mode & 0o170000) === 0o040000 || !(hasSetId || hasCapability)) return meta
    if (this.#restore.mayRestorePrivileges()) return meta
    const xattrs = meta.xattrs.filter(({ name }) => name !== CAPABILITY)
    if (hasCapability) this.#left.capabilities++
    if (hasSetId) this.#left.setIds++
    return { ...meta, xattrs, mode: meta.mode & ~SET_ID_BITS }
  }

  /** Does one thing for one item; what fails is that item's problem, unless nothing more can be written at all. */
  async #each(key: string, action: () => void | Promise<void>): Promise<void> {
    if (performance.now() - this.#pausedAt > BLOCK_MS) await this.#pause() // no promise for each item
    try {
      await action()
    } catch (cause) {
      if (isFatal(cause)) throw new Error(`Cannot go on restoring: ${reasonOf(cause)}`, { cause })
      this.#restore.problem({
        item: layout.displayKey(key),
        reason: `Cannot restore it: ${messageOf(cause)}`,
      })
    }
  }

  async #pause(): Promise<void> {
    if (performance.now() - this.#pausedAt <= BLOCK_MS) return
    await new Promise((resolve) => setImmediate(resolve))
    this.#restore.signal.throwIfAborted()
    this.#pausedAt = performance.now()
  }

  /** Names against what was made: a file system may take two names for one. Sizes were checked as files were closed. */
  #compare(found: Counts, expected: Counts): void {
    for (const what of ['names', 'folders'] as const) {
      // More is no loss: what was written but could not be given its owner or attributes has been reported.
      if (found[what] >= expected[what]) continue
      const reason = `Restored ${expected[what]} ${what} but found ${found[what]}: names may fall together on this file system`
      this.#restore.problem({ item: '/', reason })
    }
  }

  #notes(): string[] {
    const { setIds, devices, capabilities, attributes, owners } = this.#left
    const notes: string[] = []
    if (setIds + devices + capabilities > 0) {
      notes.push(
        `${setIds} setuid or setgid bits, ${devices} devices and ${capabilities} file capabilities were not restored: ` +
          'the role may not elasticfilesystem:ClientRootAccess',
      )
    }
    if (owners > 0) {
      notes.push(
        `${owners} items belong to the server's own account now: only a server that runs as root can restore owners`,
      )
    }
    if (attributes > 0) {
      notes.push(
        `${attributes} extended attributes were not restored: that needs the node:ffi of Node 26 or newer`,
      )
    }
    return notes
  }
}

const attributesOf = (meta: TreeMeta): FileAttributes => ({ ...meta, mode: meta.mode & PERMISSION_BITS })

function messageOf(cause: unknown): string {
  return cause instanceof Error && !('code' in cause) ? cause.message : reasonOf(cause)
}
