import { ByteReader, bufferOf } from './binary.ts'
import { ID_BYTES } from '../keys.ts'
import { LEAF, MAX_META_BYTES, parseKeyLength } from './node.ts'
import type { ManifestItem } from './node.ts'

/** What is known of an item: where its parts lie in the leaf's bytes, and how deep its chunks are. */
const WORDS = 7
const KEY = 0
const KEY_END = 1
const META = 2
const META_END = 3
const IDS = 4
const END = 5
const DEPTH = 6

/**
 * A leaf of a manifest whose items stay where they lie (docs/vault-format.md, section 8). Objects are made only of those that are
 * asked for: a backup of little change looks at each item of its parent and needs none of them.
 */
export class Leaf {
  readonly bytes: Buffer
  /** At least one. */
  readonly count: number
  readonly contentBytes: number
  readonly #words: Uint32Array
  readonly #sizes: Float64Array

  /** @throws {RangeError} When the node is no leaf, or anything in it is out of bounds or order. */
  constructor(node: Uint8Array) {
    this.bytes = bufferOf(node)
    const reader = new ByteReader(node)
    if (reader.u8() !== LEAF) throw new RangeError('a leaf was expected')
    let count = 0
    let contentBytes = 0
    while (reader.left > 0) {
      const size = readItem(reader, count)
      contentBytes += size
      count++
    }
    if (count === 0) throw new RangeError('a leaf is empty')
    this.count = count
    this.contentBytes = contentBytes
    this.#words = scratch.words.slice(0, count * WORDS)
    this.#sizes = scratch.sizes.slice(0, count)
    this.#checkOrder()
  }

  #checkOrder(): void {
    for (let i = 1; i < this.count; i++)
      if (this.compareKey(i - 1, this.bytes, this.keyStart(i), this.keyEnd(i)) >= 0)
        throw new RangeError('keys do not ascend')
  }

  /** Views into the leaf. @param i From 0 to before `count`. */
  item(i: number): ManifestItem {
    return {
      key: this.key(i),
      kind: this.kind(i),
      meta: this.bytes.subarray(this.metaStart(i), this.metaEnd(i)),
      size: this.size(i),
      depth: this.depth(i),
      ids: this.bytes.subarray(this.idsStart(i), this.end(i)),
    }
  }

  /** A view. */
  key(i: number): Buffer {
    return this.bytes.subarray(this.keyStart(i), this.keyEnd(i))
  }

  /** Where all of the item begins; it ends where the next one begins, which `end` says also of the last. */
  start(i: number): number {
    return i === 0 ? 1 : this.end(i - 1)
  }

  end(i: number): number {
    return this.#words[i * WORDS + END] as number
  }

  keyStart(i: number): number {
    return this.#words[i * WORDS + KEY] as number
  }

  keyEnd(i: number): number {
    return this.#words[i * WORDS + KEY_END] as number
  }

  kind(i: number): number {
    return this.bytes[this.keyEnd(i)] as number
  }

  metaStart(i: number): number {
    return this.#words[i * WORDS + META] as number
  }

  metaEnd(i: number): number {
    return this.#words[i * WORDS + META_END] as number
  }

  size(i: number): number {
    return this.#sizes[i] as number
  }

  depth(i: number): number {
    return this.#words[i * WORDS + DEPTH] as number
  }

  /** Ids end with the item. */
  idsStart(i: number): number {
    return this.#words[i * WORDS + IDS] as number
  }

  /** Below 0 where the item's key comes before the one at `bytes[from]` to before `bytes[end]`, 0 where it is the same. */
  compareKey(i: number, bytes: Uint8Array, from: number = 0, end: number = bytes.length): number {
    const start = this.keyStart(i)
    const length = this.keyEnd(i) - start
    const common = Math.min(length, end - from)
    for (let at = 0; at < common; at++) {
      const order = (this.bytes[start + at] as number) - (bytes[from + at] as number)
      if (order !== 0) return order
    }
    return length - (end - from)
  }

  /** Whether the item's metadata begins with `meta`. */
  beginsMeta(i: number, meta: Uint8Array): boolean {
    const start = this.metaStart(i)
    if (this.metaEnd(i) - start < meta.length) return false
    for (let at = 0; at < meta.length; at++) if (this.bytes[start + at] !== meta[at]) return false
    return true
  }
}

/** Filled by one leaf after the other. */
const scratch = { words: new Uint32Array(256 * WORDS), sizes: new Float64Array(256) }

/** Reads item number `i` into `scratch`. @returns Its size. */
function readItem(reader: ByteReader, i: number): number {
  if (i === scratch.sizes.length) growScratch()
  const { words, sizes } = scratch
  const at = i * WORDS
  const keyLength = parseKeyLength(reader)
  const key = reader.skip(keyLength)
  const kind = reader.u8()
  const metaLength = reader.varint()
  if (kind === 0 || metaLength > MAX_META_BYTES) throw new RangeError('an item is out of bounds')
  const meta = reader.skip(metaLength)
  const size = reader.varint()
  const depth = reader.u8()
  const idBytes = reader.varint() * ID_BYTES
  const ids = reader.skip(idBytes)
  if (depth > 1 || (size === 0) !== (idBytes === 0) || (size === 0 && depth !== 0))
    throw new RangeError('an item contradicts itself')
  words[at + KEY] = key
  words[at + KEY_END] = key + keyLength
  words[at + META] = meta
  words[at + META_END] = meta + metaLength
  words[at + IDS] = ids
  words[at + END] = ids + idBytes
  words[at + DEPTH] = depth
  sizes[i] = size
  return size
}

function growScratch(): void {
  const { words, sizes } = scratch
  scratch.words = new Uint32Array(words.length * 2)
  scratch.words.set(words)
  scratch.sizes = new Float64Array(sizes.length * 2)
  scratch.sizes.set(sizes)
}
