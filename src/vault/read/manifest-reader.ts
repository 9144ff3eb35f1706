import type { ChunkReader } from './chunk-reader.ts'
import { ChunkMissingError, VaultDamageError } from '../errors.ts'
import { ID_BYTES } from '../keys.ts'
import { Leaf } from '../format/leaf.ts'
import { parseInner, parseList } from '../format/node.ts'
import type { Child, ManifestItem } from '../format/node.ts'
import type { ManifestRoot } from '../write/manifest-writer.ts'

/** Where a manifest is read from; `blob` names its head in errors. */
export interface ManifestSource {
  readonly chunks: Pick<ChunkReader, 'read'>
  readonly blob: string
  readonly manifest: ManifestRoot
  /** Told of a part that cannot be read, which is left out then; without it, reading ends there. */
  readonly onHurt?: ((error: VaultDamageError | ChunkMissingError) => void) | undefined
}

/**
 * The items of a manifest in key order, a leaf at a time; only parts that may hold one of `prefixes` are read. Sums and order
 * are checked against what parents say.
 * @throws {VaultDamageError} {ChunkMissingError}
 */
export function* readItems(
  source: ManifestSource,
  prefixes?: readonly Uint8Array[],
): Generator<ManifestItem[]> {
  for (const leaf of readLeaves(source, prefixes)) {
    const items: ManifestItem[] = []
    for (let i = 0; i < leaf.count; i++) {
      const item = leaf.item(i)
      if (prefixes === undefined || isUnder(item.key, prefixes)) items.push(item)
    }
    if (items.length > 0) yield items
  }
}

/** The same as whole leaves: those that may hold an item under one of `prefixes`. @throws {VaultDamageError} {ChunkMissingError} */
export function* readLeaves(source: ManifestSource, prefixes?: readonly Uint8Array[]): Generator<Leaf> {
  const { root, items, contentBytes } = source.manifest
  if (root === undefined) {
    if (items !== 0 || contentBytes !== 0) throw damaged(source, 'its sums are wrong')
    return
  }
  yield* readSubtree(source, rootOf(source.manifest, root), prefixes)
}

/**
 * Keys of items of a manifest, ascending, at least `every` items apart and seldom much more: where nodes begin. Reads no leaf.
 * @throws {VaultDamageError} {ChunkMissingError}
 */
export function marksOf(source: ManifestSource, every: number): Buffer[] {
  const marks: Buffer[] = []
  let since = 0
  const visit = (tree: Subtree): void => {
    if (tree.level > 0 && tree.items > every) {
      for (const child of childrenOf(source, tree)) visit(child)
      return
    }
    if (since >= every) {
      marks.push(tree.firstKey as Buffer)
      since = 0
    }
    since += tree.items
  }
  const { root } = source.manifest
  if (root !== undefined) visit(rootOf(source.manifest, root))
  return marks
}

interface Subtree {
  readonly id: Buffer
  readonly level: number
  readonly items: number
  readonly contentBytes: number
  /** The parent's word for the first key; undefined at the root. */
  readonly firstKey: Buffer | undefined
  /** All keys are below it. */
  readonly end: Buffer | undefined
}

function rootOf({ height, items, contentBytes }: ManifestRoot, root: Buffer): Subtree {
  return { id: root, level: height, items, contentBytes, firstKey: undefined, end: undefined }
}

function* readSubtree(
  source: ManifestSource,
  tree: Subtree,
  prefixes: readonly Uint8Array[] | undefined,
): Generator<Leaf> {
  if (tree.level === 0) {
    const node = readNode(source, tree.id)
    if (node === undefined) return
    const leaf = parse(source, () => new Leaf(node))
    const { count, contentBytes } = leaf
    check(source, tree, { first: leaf.key(0), last: leaf.key(count - 1), items: count, contentBytes })
    yield leaf
    return
  }
  for (const child of childrenOf(source, tree))
    if (prefixes === undefined || mayHold(child.firstKey as Buffer, child.end, prefixes))
      yield* readSubtree(source, child, prefixes)
}

/** Of an inner node; none where it cannot be read and `onHurt` was told. */
function childrenOf(source: ManifestSource, tree: Subtree): Subtree[] {
  const node = readNode(source, tree.id)
  if (node === undefined) return []
  const children = parse(source, () => parseInner(node, tree.level))
  check(source, tree, {
    first: (children[0] as Child).firstKey,
    last: (children.at(-1) as Child).firstKey,
    items: sumOf(children, (child) => child.items),
    contentBytes: sumOf(children, (child) => child.contentBytes),
  })
  const level = tree.level - 1
  return children.map((child, i) => ({ ...child, level, end: children[i + 1]?.firstKey ?? tree.end }))
}

/** A copy, since the chunk's memory holds a whole segment and items may be kept for long. */
function readNode({ chunks, onHurt }: ManifestSource, id: Buffer): Buffer | undefined {
  try {
    return Buffer.from(chunks.read('meta', id, 0))
  } catch (error) {
    const isDamage = error instanceof VaultDamageError || error instanceof ChunkMissingError
    if (!isDamage || onHurt === undefined) throw error
    onHurt(error)
    return undefined
  }
}

function check(
  source: ManifestSource,
  tree: Subtree,
  found: {
    readonly first: Buffer
    readonly last: Buffer
    readonly items: number
    readonly contentBytes: number
  },
): void {
  if (tree.firstKey !== undefined && !found.first.equals(tree.firstKey))
    throw damaged(source, 'a node has another first key')
  if (tree.end !== undefined && Buffer.compare(found.last, tree.end) >= 0)
    throw damaged(source, 'keys do not ascend')
  if (found.items !== tree.items || found.contentBytes !== tree.contentBytes)
    throw damaged(source, 'its sums are wrong')
}

function isUnder(key: Uint8Array, prefixes: readonly Uint8Array[]): boolean {
  return prefixes.some((prefix) => startsWith(key, prefix))
}

function startsWith(key: Uint8Array, prefix: Uint8Array): boolean {
  return key.length >= prefix.length && Buffer.compare(key.subarray(0, prefix.length), prefix) === 0
}

/** Whether keys from `first` to before `end` may begin with one of `prefixes`: such keys stand together, from the prefix on. */
function mayHold(first: Buffer, end: Buffer | undefined, prefixes: readonly Uint8Array[]): boolean {
  return prefixes.some(
    (prefix) =>
      (end === undefined || Buffer.compare(end, prefix) > 0) &&
      (Buffer.compare(first, prefix) <= 0 || startsWith(first, prefix)),
  )
}

/** Ids of the chunks of an item's content, 32 bytes each. @throws {VaultDamageError} {ChunkMissingError} */
export function contentIds(source: ManifestSource, item: Pick<ManifestItem, 'depth' | 'ids'>): Buffer {
  if (item.depth === 0) return item.ids
  const lists: Buffer[] = []
  for (let at = 0; at < item.ids.length; at += ID_BYTES) {
    lists.push(parse(source, () => Buffer.from(parseList(source.chunks.read('meta', item.ids, at)))))
  }
  return Buffer.concat(lists)
}

function parse<T>(source: ManifestSource, action: () => T): T {
  try {
    return action()
  } catch (cause) {
    if (cause instanceof RangeError) throw damaged(source, cause.message, cause)
    throw cause
  }
}

function damaged(source: ManifestSource, found: string, cause?: unknown): VaultDamageError {
  return new VaultDamageError(source.blob, `its manifest is not whole: ${found}`, { cause })
}

const sumOf = <T>(list: readonly T[], of: (one: T) => number): number =>
  list.reduce((sum, one) => sum + of(one), 0)
