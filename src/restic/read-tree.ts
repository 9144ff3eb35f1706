import { printable } from '../lib/log.ts'
import { ResticDamageError } from './blob-index.ts'
import type { BlobReader } from './blob-reader.ts'
import { goUnquote, parseGoTime } from './go-text.ts'
import { nameProblem } from './names.ts'
import { TYPE_BITS } from './node.ts'
import type { ResticNode } from './node.ts'

/** One entry of a tree as it was read; what it holds is named by ids. */
export interface ReadNode extends Omit<ResticNode, 'path' | 'type' | 'content' | 'size'> {
  readonly name: Buffer
  /** Undefined for what restic could not save either ("irregular"). */
  readonly type: ResticNode['type'] | undefined
  /** IDs of a file's data blobs, in order. */
  readonly content: readonly string[]
  /** ID of a directory's tree. */
  readonly subtree: string | undefined
}

type Members = Readonly<Record<string, unknown>>

/** Numbers that a double cannot hold. */
const LARGE = /"(?:inode|device_id|device)":\d{16}/
const UNSIGNED = new Set(['inode', 'device_id', 'device'])

/**
 * A directory of a snapshot, in the order of its tree.
 * @throws {ResticDamageError} For a tree that is missing, changed, or holds what no directory holds.
 */
export async function readTree(blobs: BlobReader, id: string): Promise<readonly ReadNode[]> {
  const text = (await blobs.read('tree', id)).toString()
  const refuse = (reason: string): never => {
    throw new ResticDamageError(`the tree ${id} of the restic repository is damaged: ${reason}`)
  }
  let tree: unknown
  try {
    tree = LARGE.test(text) ? JSON.parse(text, exact) : JSON.parse(text)
  } catch {
    return refuse('it is no JSON')
  }
  const nodes = isObject(tree) ? tree['nodes'] : undefined
  if (!Array.isArray(nodes)) return refuse('it has no nodes')
  const read = (nodes as readonly unknown[]).map((node) => readNode(isObject(node) ? node : {}, refuse))
  const names = new Set(read.map(({ name }) => name.toString('latin1')))
  if (names.size !== read.length) refuse('a name comes twice')
  return read
}

function isObject(value: unknown): value is Members {
  return typeof value === 'object' && value !== null
}

function exact(key: string, value: unknown, context?: { readonly source?: string }): unknown {
  return typeof value === 'number' && UNSIGNED.has(key) ? (context?.source ?? String(value)) : value
}

function readNode(node: Members, refuse: (reason: string) => never): ReadNode {
  const name = readName(node['name'], refuse)
  const shown = printable(name.toString())
  const field = (key: string): number => {
    const value = node[key] ?? 0
    return Number.isInteger(value) && Number(value) >= 0 && Number(value) < 2 ** 32
      ? Number(value)
      : refuse(`"${shown}" has ${JSON.stringify(value).slice(0, 40)} as ${key}`)
  }
  const time = (key: string): bigint =>
    parseGoTime(String(node[key])) ?? refuse(`"${shown}" has no readable ${key}`)
  const type =
    typeof node['type'] === 'string' && node['type'] in TYPE_BITS
      ? (node['type'] as ResticNode['type'])
      : undefined
  const target = linkTarget(node)
  const subtree = node['subtree']
  if (type === 'dir' && typeof subtree !== 'string') refuse(`the directory "${shown}" has no tree`)
  return {
    name,
    type,
    mode: posixMode(field('mode')),
    uid: field('uid'),
    gid: field('gid'),
    mtimeNs: time('mtime'),
    ctimeNs: time('ctime'),
    links: field('links'),
    inode: unsigned(node['inode']) ?? refuse(`"${shown}" has no readable inode`),
    deviceId: unsigned(node['device_id']) ?? refuse(`"${shown}" has no readable device_id`),
    device: unsigned(node['device']) ?? refuse(`"${shown}" has no readable device`),
    ...(target !== undefined && { linkTarget: target }),
    xattrs: xattrsOf(node['extended_attributes']) ?? refuse(`"${shown}" has attributes that cannot be read`),
    content: contentOf(node['content']) ?? refuse(`"${shown}" has content that cannot be read`),
    subtree: typeof subtree === 'string' ? subtree : undefined,
  }
}

function readName(quoted: unknown, refuse: (reason: string) => never): Buffer {
  if (typeof quoted !== 'string') return refuse('a node has no name')
  let name: Buffer
  try {
    name = goUnquote(quoted)
  } catch (error) {
    return refuse(`the name "${printable(quoted)}" cannot be read: ${(error as Error).message}`)
  }
  const problem = nameProblem(name)
  return problem === undefined ? name : refuse(`the name "${printable(quoted)}" is refused: ${problem}`)
}

/** POSIX's bits of Go's os.FileMode. */
function posixMode(mode: number): number {
  const bit = (at: number, posix: number): number => (Math.floor(mode / 2 ** at) % 2 === 1 ? posix : 0)
  return (mode % 0o1000) + bit(23, 0o4000) + bit(22, 0o2000) + bit(20, 0o1000)
}

function unsigned(value: unknown): bigint | undefined {
  if (value === undefined) return 0n
  if (typeof value !== 'number' && typeof value !== 'string') return undefined
  const text = `${value}`
  return /^\d{1,20}$/.test(text) ? BigInt.asUintN(64, BigInt(text)) : undefined
}

function linkTarget(node: Members): Uint8Array | undefined {
  const { linktarget: text, linktarget_raw: raw } = node
  if (typeof raw === 'string') return Buffer.from(raw, 'base64')
  return typeof text === 'string' ? Buffer.from(text) : undefined
}

function xattrsOf(value: unknown): ReadNode['xattrs'] {
  if (value === undefined || value === null) return []
  if (!Array.isArray(value)) return undefined
  const found: { readonly name: string; readonly value: Uint8Array }[] = []
  for (const each of value as readonly unknown[]) {
    const { name, value: bytes } = isObject(each) ? each : {}
    if (typeof name !== 'string' || (typeof bytes !== 'string' && bytes !== null)) return undefined
    found.push({ name, value: Buffer.from(bytes ?? '', 'base64') })
  }
  return found
}

function contentOf(value: unknown): readonly string[] | undefined {
  if (value === undefined || value === null) return []
  const isGood = Array.isArray(value) && (value as readonly unknown[]).every((id) => typeof id === 'string')
  return isGood ? (value as readonly string[]) : undefined
}
