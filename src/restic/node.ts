import { goJsonString, goQuote, goTime, isUtf8Text } from './go-text.ts'

/** One file, directory or other thing of a tree. */
export interface ResticNode {
  /** Components as raw bytes. A directory comes right before everything in it; siblings may come in any order. */
  readonly path: readonly Uint8Array[]
  readonly type: 'dir' | 'file' | 'symlink' | 'fifo' | 'socket' | 'dev' | 'chardev'
  /** POSIX's bits: permissions, setuid, setgid, sticky; those of the type are taken from `type`. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly mtimeNs: bigint
  /** Both default to `mtimeNs`. */
  readonly atimeNs?: bigint
  readonly ctimeNs?: bigint
  /** Bytes of content; a file whose content has others is refused. */
  readonly size: number
  readonly links: number
  /** Files of one inode and device with more than one link are restored as hard links; each carries the content. */
  readonly inode: bigint
  readonly deviceId: bigint
  /** The device that a device file stands for. */
  readonly device: bigint
  readonly linkTarget?: Uint8Array
  readonly xattrs?: readonly { readonly name: string; readonly value: Uint8Array }[]
  /** Opened once, for files only; a file without has no bytes. */
  readonly content?: () => AsyncIterable<Uint8Array>
}

/** Go's os.FileMode: the type's bit. */
export const TYPE_BITS: Readonly<Record<ResticNode['type'], number>> = {
  dir: 2 ** 31,
  symlink: 2 ** 27,
  dev: 2 ** 26,
  chardev: 2 ** 26 + 2 ** 21,
  fifo: 2 ** 25,
  socket: 2 ** 24,
  file: 0,
}

/** Go's os.FileMode of POSIX's bits and a type. */
export function goFileMode(type: ResticNode['type'], mode: number): number {
  const special =
    (mode & 0o4000 ? 2 ** 23 : 0) + (mode & 0o2000 ? 2 ** 22 : 0) + (mode & 0o1000 ? 2 ** 20 : 0)
  return TYPE_BITS[type] + special + (mode & 0o777)
}

const unsigned = (value: bigint): bigint => BigInt.asUintN(64, value)

function linkTargetFields(target: Uint8Array): string[] {
  const text = `"linktarget":${goJsonString(target)}`
  // linktarget_raw is read since restic 0.17; older ones make the link with U+FFFD in it.
  return isUtf8Text(target) ? [text] : [text, `"linktarget_raw":"${Buffer.from(target).toString('base64')}"`]
}

function xattrsField(xattrs: NonNullable<ResticNode['xattrs']>): string {
  const fields = xattrs.map(
    ({ name, value }) =>
      `{"name":${goJsonString(Buffer.from(name))},"value":"${Buffer.from(value).toString('base64')}"}`,
  )
  return `"extended_attributes":[${fields.join(',')}]`
}

/** The node as JSON, byte for byte as restic writes it (order of fields, absent zeroes). `content` has the ids of a file's blobs. */
export function nodeJson(
  node: ResticNode,
  found: { readonly content?: readonly string[]; readonly subtree?: string },
): string {
  const { type, mtimeNs } = node
  const name = node.path.at(-1) as Uint8Array
  const mode = goFileMode(type, node.mode)
  const fields = [`"name":${goJsonString(Buffer.from(goQuote(name)))}`, `"type":"${type}"`]
  if (mode !== 0) fields.push(`"mode":${mode}`)
  fields.push(
    `"mtime":"${goTime(mtimeNs)}"`,
    `"atime":"${goTime(node.atimeNs ?? mtimeNs)}"`,
    `"ctime":"${goTime(node.ctimeNs ?? mtimeNs)}"`,
    `"uid":${node.uid}`,
    `"gid":${node.gid}`,
  )
  if (node.inode !== 0n) fields.push(`"inode":${unsigned(node.inode)}`)
  if (node.deviceId !== 0n) fields.push(`"device_id":${unsigned(node.deviceId)}`)
  if (type === 'file' && node.size !== 0) fields.push(`"size":${node.size}`)
  if (type !== 'dir' && node.links !== 0) fields.push(`"links":${node.links}`)
  if (type === 'symlink') fields.push(...linkTargetFields(node.linkTarget ?? new Uint8Array(0)))
  if (node.xattrs !== undefined && node.xattrs.length > 0) fields.push(xattrsField(node.xattrs))
  if ((type === 'dev' || type === 'chardev') && node.device !== 0n) {
    fields.push(`"device":${unsigned(node.device)}`)
  }
  const { content } = found
  fields.push(`"content":${content === undefined ? 'null' : `[${content.map((id) => `"${id}"`).join(',')}]`}`)
  if (found.subtree !== undefined) fields.push(`"subtree":"${found.subtree}"`)
  return `{${fields.join(',')}}`
}
