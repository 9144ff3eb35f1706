import { closeSync, readlinkSync } from 'node:fs'
import { FoldersAround } from './directory-around.ts'
import type { FolderAround } from './directory-around.ts'
import { Forerunner } from './directory-forerunner.ts'
import { OpenFolders } from './directory-folders.ts'
import { look } from './directory-look.ts'
import type { Seen } from './directory-look.ts'
import * as layout from './directory-meta.ts'
import type { Xattr } from './directory-meta.ts'
import { LIST_FLAGS, cPathIn, openPath, pathIn, reasonOf } from './directory-paths.ts'
import { encodeReadTask } from './directory-read.ts'
import { libc } from './directory-libc.ts'
import type { Libc } from './directory-libc.ts'
import { lookAhead } from './directory-scout.ts'
import { statOf } from './directory-stat.ts'
import { readXattrs } from './directory-xattrs.ts'
import type { BackupSink, Content, Item, StoredItem } from '../driver.ts'

/**
 * The walk of a backup: one pass, in key order, with a pause for the event loop every few milliseconds. Files are never opened here:
 * what is unchanged is taken over from the parent, the rest goes to the pour threads as tasks.
 *
 * Where the parent was large, threads look at the tree, ahead of what is done with it here: then most of the work of a backup of
 * little change is to look. The parent's keys say how to divide it. A first backup has more to do for its content than there are
 * processors, and looks by itself.
 *
 * It stays on the file system of the root. Where another one is mounted inside, the mount point is kept as an empty directory
 * and reported as a problem, so that the backup ends PARTIAL instead of silently without it: register it as a resource of its own.
 */
export interface WalkOptions {
  readonly path: string
  readonly sink: BackupSink
  readonly signal: AbortSignal
  now(): Date
  /** Items of the parent from which on threads look ahead. */
  readonly manyItems?: number
  /** Items of the parent that a thread looks at before it takes the next. */
  readonly rangeItems?: number
}

/** How long other work may wait; checked every few entries. */
const BLOCK_MS = 8
const ENTRIES_BETWEEN_CHECKS = 64
const MANY_ITEMS = 10_000
/** Less than a thread may be ahead, so that it need not wait for those before it; more where there would be too many ranges. */
const RANGE_ITEMS = 2048
const MOST_RANGES = 8192

/** Adds everything under `path` to the sink. @throws When the root itself cannot be read, or `signal` says stop. */
export async function walkTree(options: WalkOptions): Promise<void> {
  const { path, sink, signal, manyItems = MANY_ITEMS, rangeItems = RANGE_ITEMS } = options
  signal.throwIfAborted()
  const root = openPath(path, LIST_FLAGS)
  const walk = new Walk(options)
  const forerunner = new Forerunner()
  try {
    const isWithoutXattrs = libc() === undefined
    const slow = (): void => forerunner.start({ root, from: walk.folder })
    const itemsBefore = sink.parent?.itemCount ?? 0
    if (itemsBefore < manyItems)
      await walk.take(look({ root, isWithoutXattrs, now: () => options.now().getTime(), slow }))
    else {
      const aheadMs = options.now().getTime() - Date.now()
      const every = Math.max(rangeItems, Math.ceil(itemsBefore / MOST_RANGES))
      const marks = sink.parent?.marks(every).map((key) => layout.latin1Of(key)) ?? []
      for await (const seen of lookAhead({ root, isWithoutXattrs, aheadMs, marks }, { signal, slow }))
        await walk.take(seen)
    }
    signal.throwIfAborted()
  } finally {
    walk.close()
    await forerunner.stop()
    closeSync(root)
  }
}

export class Walk {
  readonly #options: WalkOptions
  readonly #sink: BackupSink
  readonly #libc: Libc | undefined = libc()
  /** Key of the first name of each file that has several, and its times then, by inode. */
  readonly #firstNames = new Map<bigint, { readonly key: string; readonly times: string }>()
  readonly #around = new FoldersAround()
  /** How many folders are open of one that is left out, with itself. */
  #leftOut = 0
  /** Begins with the key of the folder that is open. */
  readonly #key = Buffer.alloc(KEY_BYTES)
  /** What is asked of the parent, in one object: it is asked for everything that is seen. */
  readonly #asked: { -readonly [Part in keyof Item]: Item[Part] } = {
    key: NO_BYTES,
    kind: 0,
    meta: NO_BYTES,
    size: 0,
  }
  /** Key of what came last. */
  #last = ''
  #lastProblem = { key: '', reason: '' }
  #reopened: OpenFolders | undefined
  #untilCheck = ENTRIES_BETWEEN_CHECKS
  #pausedAt = performance.now()

  constructor(options: WalkOptions) {
    this.#options = options
    this.#sink = options.sink
  }

  async take(all: Iterable<Seen>): Promise<void> {
    for (const seen of all) {
      const full = this.#take(seen)
      if (full !== undefined) await full
      if (--this.#untilCheck <= 0) await this.#pause()
    }
  }

  /** Key of the folder that it is in. */
  get folder(): string {
    return this.#around.innermost?.key ?? '/'
  }

  close(): void {
    this.#reopened?.close()
  }

  #take(seen: Seen): void | Promise<void> {
    // A range begins anew at the root.
    if (seen.what === 'again' && seen.name === '') {
      this.#around.leaveAll()
      this.#leftOut = 0
    }
    if (this.#leftOut > 0) return this.#leaveOut(seen)
    if (seen.what === 'end') return this.#around.leave()
    const key = (this.#around.innermost?.key ?? '') + seen.name
    switch (seen.what) {
      case 'problem':
        return this.#problem(key, seen.reason)
      case 'folder':
      case 'again':
        return this.#enter(key, seen)
      case 'item': {
        if (seen.kind === layout.DIRECTORY && this.#around.isTaken(seen.name)) return this.#changedType(key)
        if (seen.kind !== layout.DIRECTORY) this.#around.noteFile(seen.name)
        this.#last = key
        const first = seen.kind === layout.DIRECTORY ? undefined : this.#firstNameOf(key, seen.fixed)
        if (first === undefined) return this.#add(key, seen)
        const meta = layout.encodeMeta(layout.withoutFlags(seen.fixed), first)
        const item = { key: layout.bytesOf(key), kind: layout.HARD_LINK, meta, size: 0 }
        return this.#sink.add(item, { from: 'none' })
      }
    }
  }

  #enter(key: string, seen: Seen): void | Promise<void> {
    if (seen.name !== '' && this.#around.isTaken(seen.name)) {
      this.#leftOut = 1
      return this.#changedType(key)
    }
    const folder = key === '' ? '/' : key
    this.#around.enter(folder, layout.identityOf(seen.fixed))
    // A thread may have missed a folder that another one finds a moment later: then it is added before what is in it.
    if (seen.what === 'again' && this.#last >= folder) return void this.#bytesOf(folder, seen)
    this.#last = folder
    return this.#add(folder, seen)
  }

  #leaveOut({ what }: Seen): void {
    if (what === 'folder' || what === 'again') this.#leftOut++
    else if (what === 'end') this.#leftOut--
  }

  /** One thread saw a file, and a later one that lists the same folder a folder in its place: a point holds one thing of each name. */
  #changedType(key: string): void {
    this.#problem(key, 'It changed its type while the directory was read')
  }

  /**
   * Of a file with several names: the key of another one that came before this. A file that went away since may have left its inode's
   * number to a new one, which has other times.
   */
  #firstNameOf(key: string, fixed: Buffer): string | undefined {
    if (layout.linksOf(fixed) <= 1) return undefined
    const inode = layout.inodeOf(fixed)
    const times = layout.timesOf(fixed)
    const first = this.#firstNames.get(inode)
    if (first?.times === times) return first.key
    this.#firstNames.set(inode, { key, times })
    return undefined
  }

  /** Adds one item, with its content from the parent where nothing changed. A promise only where one has to be waited for. */
  #add(key: string, seen: Seen): void | Promise<void> {
    const same = this.#addSame(key, seen)
    if (same !== false) return same === true ? undefined : same
    const bytes = layout.bytesOf(key)
    const found = this.#sink.parent?.find(bytes)
    if (!(found instanceof Promise)) return this.#addBeside(found, key, bytes, seen)
    // What is seen is overwritten by the next; nothing is taken before this is done.
    return found.then((parent) => this.#addBeside(parent, key, bytes, seen))
  }

  /** Adds what the parent has just so, without making anything of it here, not even its key. False where it has not. */
  #addSame(key: string, seen: Seen): boolean | Promise<void> {
    if (this.#sink.parent === undefined) return false
    const bytes = this.#bytesOf(key, seen)
    if (bytes === undefined || layout.isUnsettled(seen.fixed)) return false
    const asked = this.#asked
    asked.key = bytes
    asked.kind = seen.kind
    asked.meta = seen.fixed
    asked.size = seen.size
    return this.#sink.addSame(asked)
  }

  /** The bytes of its key, until the next one's; undefined where it is too long for any parent. Keys of folders stay for what is in them. */
  #bytesOf(key: string, { name }: Seen): Buffer | undefined {
    if (key.length > KEY_BYTES) return undefined
    // The root's key is not its name.
    if (name === '') this.#key.write(key, 'latin1')
    else this.#key.write(name, key.length - name.length, 'latin1')
    return this.#key.subarray(0, key.length)
  }

  #addBeside(parent: StoredItem | undefined, key: string, bytes: Buffer, seen: Seen): void | Promise<void> {
    const { kind, size, fixed } = seen
    const isUntouched =
      parent !== undefined &&
      parent.kind === kind &&
      parent.size === size &&
      layout.isUntouched(fixed, parent.meta)
    // A file that is read has its attributes read along, by the thread that opens it.
    if (size > 0 && !isUntouched) {
      const item = { key: bytes, kind, meta: layout.encodeMeta(fixed), size }
      return this.#sink.add(item, { from: 'range', task: encodeReadTask(key, fixed, size) })
    }
    const known = isUntouched ? layout.reusedMeta(fixed, parent.meta) : undefined
    const meta = known ?? this.#meta(key, seen)
    if (meta === undefined) return
    const item = { key: bytes, kind, meta, size }
    return this.#sink.add(item, size > 0 && isUntouched ? { from: 'parent', item: parent } : NO_CONTENT)
  }

  /** Undefined where it is left out. */
  #meta(key: string, seen: Seen): Buffer | undefined {
    const { kind, fixed } = seen
    try {
      if (seen.what !== 'item' && seen.fd >= 0)
        return layout.encodeMeta(fixed, '', this.#xattrs(seen.fd, key))
      const at = this.#placeOf(seen)
      const target =
        kind === layout.SYMLINK ? readlinkSync(pathIn(at.fd, at.name), 'buffer').toString('latin1') : ''
      return layout.encodeMeta(fixed, target, this.#xattrs(cPathIn(at.fd, at.name), key))
    } catch (error) {
      this.#problem(
        key,
        `Cannot read ${kind === layout.SYMLINK ? 'the link' : 'its attributes'}: ${reasonOf(error)}`,
      )
      return undefined
    }
  }

  /** Where a thing is looked at: its folder's descriptor and its name there, or `.` and its own descriptor. */
  #placeOf({ what, name, kind, fd }: Seen): { readonly fd: number; readonly name: string } {
    const own = what !== 'item' ? '.' : kind === layout.DIRECTORY ? name.slice(0, -1) : name
    return { fd: fd >= 0 ? fd : this.#reopen(), name: own }
  }

  /** The folder that is open now, from the root on without following links. @throws Where another one stands in its place. */
  #reopen(): number {
    const { key, identity } = this.#around.innermost as FolderAround
    this.#reopened ??= new OpenFolders(openPath(this.#options.path, LIST_FLAGS))
    const fd = this.#reopened.enter(key)
    const now = layout.identityOf(statOf(fd).fixed)
    if (!now.equals(identity)) throw new Error('another directory stands in its place since it was read')
    return fd
  }

  /** @param of See readXattrs: a folder that is open is asked four times as fast as a path. */
  #xattrs(of: Buffer | number, key: string): readonly Xattr[] {
    if (this.#libc === undefined) return []
    const { xattrs, problems } = readXattrs(this.#libc, of)
    for (const problem of problems) this.#problem(key, problem)
    return xattrs
  }

  #problem(key: string, reason: string): void {
    // Each thread that comes by a folder says what is wrong with it.
    if (key === this.#lastProblem.key && reason === this.#lastProblem.reason) return
    this.#lastProblem = { key, reason }
    this.#sink.problem({ item: layout.displayKey(key), reason })
  }

  async #pause(): Promise<void> {
    this.#untilCheck = ENTRIES_BETWEEN_CHECKS
    if (performance.now() - this.#pausedAt < BLOCK_MS) return
    await new Promise((resolve) => setImmediate(resolve))
    this.#options.signal.throwIfAborted()
    this.#pausedAt = performance.now()
  }
}

const NO_CONTENT: Content = { from: 'none' }
const NO_BYTES = Buffer.alloc(0)
/** Longer than any key that a recovery point holds. */
const KEY_BYTES = 64 * 1024
