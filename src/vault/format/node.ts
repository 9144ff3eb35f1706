import { ByteReader } from './binary.ts'
import type { ByteWriter } from './binary.ts'
import { ID_BYTES } from '../keys.ts'

/** Manifest nodes: docs/vault-format.md, section 8. */
export const LEAF = 0
export const LIST = 0xff
export const MAX_LEVEL = 0x20
export const MAX_NODE_BYTES: number = 4 * 1024 * 1024
export const MAX_KEY_BYTES = 65_535
export const MAX_META_BYTES: number = 1024 * 1024

/** One item of a recovery point as the manifest holds it. */
export interface ManifestItem {
  readonly key: Uint8Array
  readonly kind: number
  readonly meta: Uint8Array
  readonly size: number
  /** 0: `ids` are the content's chunks; 1: they are list nodes. */
  readonly depth: number
  /** 32 bytes each. */
  readonly ids: Buffer
}

export interface Child {
  readonly firstKey: Buffer
  readonly id: Buffer
  readonly items: number
  readonly contentBytes: number
}

export function writeItem(out: ByteWriter, item: ManifestItem): void {
  out.varint(item.key.length)
  out.bytes(item.key)
  out.u8(item.kind)
  out.varint(item.meta.length)
  out.bytes(item.meta)
  out.varint(item.size)
  out.u8(item.depth)
  out.varint(item.ids.length / ID_BYTES)
  out.bytes(item.ids)
}

export function writeChild(out: ByteWriter, child: Child): void {
  out.varint(child.firstKey.length)
  out.bytes(child.firstKey)
  out.bytes(child.id)
  out.varint(child.items)
  out.varint(child.contentBytes)
}

/** @throws {RangeError} When the node is not an inner one of exactly this level. */
export function parseInner(node: Uint8Array, level: number): Child[] {
  const reader = new ByteReader(node)
  if (level < 1 || level > MAX_LEVEL || reader.u8() !== level)
    throw new RangeError(`an inner node of level ${level} was expected`)
  const children: Child[] = []
  while (reader.left > 0) {
    const firstKey = parseKey(reader)
    const id = reader.bytes(ID_BYTES)
    children.push({ firstKey, id, items: reader.varint(), contentBytes: reader.varint() })
  }
  if (children.length === 0) throw new RangeError('an inner node is empty')
  for (let i = 1; i < children.length; i++) {
    const { firstKey } = children[i - 1] as Child
    if (firstKey.compare((children[i] as Child).firstKey) >= 0) throw new RangeError('keys do not ascend')
  }
  return children
}

/** Ids of content chunks. @throws {RangeError} */
export function parseList(node: Uint8Array): Buffer {
  const reader = new ByteReader(node)
  if (reader.u8() !== LIST || reader.left === 0 || reader.left % ID_BYTES !== 0)
    throw new RangeError('a list of chunks was expected')
  return reader.bytes(reader.left)
}

function parseKey(reader: ByteReader): Buffer {
  return reader.bytes(parseKeyLength(reader))
}

/** @throws {RangeError} */
export function parseKeyLength(reader: ByteReader): number {
  const length = reader.varint()
  if (length === 0 || length > MAX_KEY_BYTES) throw new RangeError('a key is out of bounds')
  return length
}
