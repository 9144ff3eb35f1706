import type { StoredItem } from '../../drivers/driver.ts'
import * as layout from '../../drivers/directory/directory-meta.ts'
import type { TreeMeta } from '../../drivers/directory/directory-meta.ts'
import type { ResticNode } from '../../restic/node.ts'
import type { ExportSource } from './export-source.ts'
import { ExportDamageError } from './export-source.ts'

const TYPES: ReadonlyMap<number, ResticNode['type']> = new Map([
  [layout.DIRECTORY, 'dir'],
  [layout.FILE, 'file'],
  [layout.SYMLINK, 'symlink'],
  [layout.FIFO, 'fifo'],
  [layout.SOCKET, 'socket'],
  [layout.CHARACTER_DEVICE, 'chardev'],
  [layout.BLOCK_DEVICE, 'dev'],
])

/**
 * The tree of a directory as restic nodes, everything as it was: modes with their special bits, owners, times in nanoseconds,
 * links, extended attributes, devices. The root itself has no node in a snapshot; the access time is not in recovery points.
 * Every name of a hard link becomes the file again, with the content; restic makes them one file by inode and device. A hard link
 * whose file is not in the recovery point (it could not be read) is a problem.
 *
 * Names of extended attributes that are not UTF-8 are exported with U+FFFD in them: restic cannot write them otherwise.
 */
export async function* directoryNodes(source: ExportSource): AsyncGenerator<ResticNode, void, void> {
  /** First names of what has more than one: their links come later. */
  const firstNames = new Map<string, StoredItem>()
  for await (const page of source.reader.items()) {
    for (const item of page) {
      const key = layout.latin1Of(item.key)
      if (key === '/') continue
      const meta = layout.decodeMeta(item.meta)
      let content = item
      if (item.kind === layout.HARD_LINK) {
        const first = firstNames.get(meta.target)
        if (first === undefined) {
          const reason = `the file it is a link to, "${layout.displayKey(meta.target)}", is not in the recovery point`
          source.problem({ item: layout.displayKey(key), reason })
          continue
        }
        content = first
      } else if (item.kind !== layout.DIRECTORY && meta.links > 1) firstNames.set(key, item)
      yield nodeOf(source, key, content)
    }
  }
}

/** `item` under the name `key`; for a hard link it is the item of its first name. */
function nodeOf(source: ExportSource, key: string, item: StoredItem): ResticNode {
  const type = TYPES.get(item.kind)
  if (type === undefined) {
    throw new ExportDamageError(
      `"${layout.displayKey(key)}" is of kind ${item.kind}, which this server does not know: use a later one`,
    )
  }
  const meta = layout.decodeMeta(item.meta)
  return {
    path: pathOf(key, type === 'dir'),
    type,
    mode: meta.mode & 0o7777,
    uid: meta.uid,
    gid: meta.gid,
    mtimeNs: meta.mtimeNs,
    ctimeNs: meta.ctimeNs,
    size: item.size,
    links: type === 'dir' ? 0 : meta.links,
    inode: meta.inode,
    deviceId: meta.device,
    device: meta.rdev,
    ...(type === 'symlink' && { linkTarget: layout.bytesOf(meta.target) }),
    ...xattrsOf(meta),
    ...(item.size > 0 && { content: () => source.reader.read(item, { signal: source.signal }) }),
  }
}

function pathOf(key: string, isDirectory: boolean): readonly Uint8Array[] {
  const { folder, name } = layout.splitKey(key, isDirectory)
  return `${folder}${name}`.slice(1).split('/').map(layout.bytesOf)
}

function xattrsOf({ xattrs }: TreeMeta): Pick<ResticNode, 'xattrs'> {
  if (xattrs.length === 0) return {}
  return { xattrs: xattrs.map(({ name, value }) => ({ name: layout.bytesOf(name).toString(), value })) }
}
