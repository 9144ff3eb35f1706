import { ByteWriter } from '../format/binary.ts'
import type { Claims } from './claims.ts'
import { ID_BYTES } from '../keys.ts'
import type { VaultKeys } from '../keys.ts'
import {
  LEAF,
  LIST,
  MAX_KEY_BYTES,
  MAX_LEVEL,
  MAX_META_BYTES,
  MAX_NODE_BYTES,
  writeChild,
  writeItem,
} from '../format/node.ts'
import type { Child, ManifestItem } from '../format/node.ts'
import type { Leaf } from '../format/leaf.ts'
import type { SegmentBuffer } from './segment-buffer.ts'

/** What the manifest becomes: the root of its tree and its sums. */
export interface ManifestRoot {
  readonly root: Buffer | undefined
  readonly height: number
  readonly items: number
  readonly contentBytes: number
}

/** Where nodes end: docs/vault-format.md, section 12. Content decides, so equal stretches become equal nodes. */
const LEAF_BYTES = 128 * 1024
const LEAF_MASK = 127
const INNER_ENTRIES = 512
const INNER_MASK = 63
/** Content with more chunks than this gets lists. */
const DIRECT_CHUNKS = 4096
const LIST_CHUNKS = 8192
const LIST_MASK = 2047

interface OpenNode {
  readonly bytes: ByteWriter
  firstKey: Buffer | undefined
  entries: number
  items: number
  contentBytes: number
}

/** Writes the items of one recovery point, in ascending key order, as a tree of nodes. */
export class ManifestWriter {
  readonly #keys: VaultKeys
  readonly #claims: Pick<Claims, 'isNew'>
  readonly #segments: SegmentBuffer
  readonly #levels: OpenNode[] = []
  #last: Buffer | undefined
  #items = 0
  #contentBytes = 0

  constructor(keys: VaultKeys, claims: Pick<Claims, 'isNew'>, segments: SegmentBuffer) {
    this.#keys = keys
    this.#claims = claims
    this.#segments = segments
  }

  get items(): number {
    return this.#items
  }

  get contentBytes(): number {
    return this.#contentBytes
  }

  /** @throws {RangeError} When its key does not follow the one before, or anything is out of bounds. */
  add(item: ManifestItem): void {
    this.#check(item)
    const kept = item.depth === 0 && item.ids.length > DIRECT_CHUNKS * ID_BYTES ? this.#withLists(item) : item
    const node = this.#open(0, LEAF)
    node.firstKey ??= this.#last as Buffer
    writeItem(node.bytes, kept)
    this.#count(node, item.size)
    if (node.bytes.length >= LEAF_BYTES || isLast(item.key, 0, item.key.length)) this.#close(0)
  }

  /** Items `first` to before `end` of another manifest's leaf, as they are. @throws {RangeError} When they do not follow. */
  addFrom(leaf: Leaf, first: number, end: number): void {
    this.#checkFollows(leaf.key(first))
    for (let i = first; i < end;) i = this.#addRun(leaf, i, end)
    this.#last = Buffer.from(leaf.key(end - 1))
  }

  /** The items of one node. @returns The one after them. */
  #addRun(leaf: Leaf, first: number, end: number): number {
    const node = this.#open(0, LEAF)
    node.firstKey ??= Buffer.from(leaf.key(first))
    const start = leaf.start(first)
    const room = LEAF_BYTES - node.bytes.length
    for (let i = first; i < end; i++) {
      this.#count(node, leaf.size(i))
      if (leaf.end(i) - start < room && !isLast(leaf.bytes, leaf.keyStart(i), leaf.keyEnd(i))) continue
      node.bytes.copy(leaf.bytes, start, leaf.end(i))
      this.#close(0)
      return i + 1
    }
    node.bytes.copy(leaf.bytes, start, leaf.end(end - 1))
    return end
  }

  #count(node: OpenNode, size: number): void {
    node.entries++
    node.items++
    node.contentBytes += size
    this.#items++
    this.#contentBytes += size
  }

  /** Ends all open nodes. The caller flushes the segments afterwards. */
  end(): ManifestRoot {
    const sums = { items: this.#items, contentBytes: this.#contentBytes }
    if (this.#items === 0) return { root: undefined, height: 0, ...sums }
    for (let level = 0; ; level++) {
      const node = this.#levels[level] as OpenNode
      const isTop = level === this.#levels.length - 1
      if (isTop && level > 0 && node.entries === 1) {
        // A root with one child says nothing: the child is the root.
        return { root: this.#onlyChild as Buffer, height: level - 1, ...sums }
      }
      if (isTop) return { root: this.#store(node), height: level, ...sums }
      if (node.entries > 0) this.#close(level)
    }
  }

  #onlyChild: Buffer | undefined

  #check(item: ManifestItem): void {
    const { key, kind, meta, size, ids } = item
    if (
      key.length === 0 ||
      key.length > MAX_KEY_BYTES ||
      meta.length > MAX_META_BYTES ||
      kind < 1 ||
      kind > 255
    )
      throw new RangeError('Cannot keep an item: its key, kind or metadata is out of bounds')
    if ((size === 0) !== (ids.length === 0))
      throw new RangeError('Cannot keep an item: size and chunks disagree')
    this.#checkFollows(key)
    this.#last = Buffer.from(key)
  }

  #checkFollows(key: Uint8Array): void {
    if (this.#last !== undefined && Buffer.compare(this.#last, key) >= 0)
      throw new RangeError('Cannot keep an item: its key does not follow the one before')
  }

  #open(level: number, mark: number): OpenNode {
    let node = this.#levels[level]
    if (node === undefined) {
      node = { bytes: new ByteWriter(LEAF_BYTES), firstKey: undefined, entries: 0, items: 0, contentBytes: 0 }
      this.#levels[level] = node
    }
    if (node.entries === 0) node.bytes.u8(mark)
    return node
  }

  #close(level: number): void {
    const node = this.#levels[level] as OpenNode
    const { items, contentBytes } = node
    const firstKey = node.firstKey as Buffer
    const id = this.#store(node)
    this.#addChild(level + 1, { firstKey, id, items, contentBytes })
  }

  #addChild(level: number, child: Child): void {
    if (level > MAX_LEVEL) throw new RangeError('Cannot keep a manifest: it is too deep')
    const node = this.#open(level, level)
    node.firstKey ??= child.firstKey
    writeChild(node.bytes, child)
    node.entries++
    node.items += child.items
    node.contentBytes += child.contentBytes
    if (level === this.#levels.length - 1) this.#onlyChild = child.id
    const isCut = node.entries > 1 && (child.id.readUInt32LE(0) & INNER_MASK) === 0
    if (isCut || node.entries >= INNER_ENTRIES || node.bytes.length > MAX_NODE_BYTES / 4) this.#close(level)
  }

  #store(node: OpenNode): Buffer {
    const bytes = node.bytes.take()
    node.firstKey = undefined
    node.entries = 0
    node.items = 0
    node.contentBytes = 0
    return this.#keep(bytes)
  }

  #keep(bytes: Buffer): Buffer {
    if (bytes.length > MAX_NODE_BYTES) throw new RangeError('Cannot keep an item: it has too many chunks')
    const id = this.#keys.chunkId('meta', bytes)
    if (this.#claims.isNew(id, 0)) this.#segments.add(id, 0, bytes)
    return id
  }

  #withLists(item: ManifestItem): ManifestItem {
    const lists: Buffer[] = []
    let from = 0
    for (let at = 0; at < item.ids.length; at += ID_BYTES) {
      const count = (at - from) / ID_BYTES + 1
      const isCut = count > 1 && (item.ids.readUInt32LE(at) & LIST_MASK) === 0
      if (isCut || count === LIST_CHUNKS || at + ID_BYTES === item.ids.length) {
        lists.push(this.#keep(Buffer.concat([Buffer.from([LIST]), item.ids.subarray(from, at + ID_BYTES)])))
        from = at + ID_BYTES
      }
    }
    return { ...item, depth: 1, ids: Buffer.concat(lists) }
  }
}

/** Whether a leaf ends behind the item whose key is `bytes[from]` to before `bytes[end]`. */
function isLast(bytes: Uint8Array, from: number, end: number): boolean {
  return (keyHash(bytes, from, end) & LEAF_MASK) === 0
}

/** FNV-1a, mixed so that its low bits depend on all of the key. */
function keyHash(bytes: Uint8Array, from: number, end: number): number {
  let hash = 0x811c9dc5
  for (let i = from; i < end; i++) hash = Math.imul(hash ^ (bytes[i] as number), 0x01000193)
  hash ^= hash >>> 16
  hash = Math.imul(hash, 0x85ebca6b)
  return (hash ^ (hash >>> 13)) >>> 0
}
