import { isUtf8 } from 'node:buffer'
import type { StoredItem } from '../../drivers/driver.ts'
import { KIND_OBJECT } from '../../drivers/s3-bucket/s3-bucket-backup.ts'
import { decodeMeta, printable } from '../../drivers/s3-bucket/s3-bucket-objects.ts'
import type { ResticNode } from '../../restic/node.ts'
import { keysBesideDirectories, MANIFEST_NAME, pathOfKey } from './export-bucket-names.ts'
import type { ExportSource } from './export-source.ts'
import { ExportDamageError, plainNode } from './export-source.ts'

/** Lines of the manifest are handed on in parts of about so many bytes. */
const PART_BYTES = 256 * 1024

/**
 * A bucket as restic nodes: each object a file with its time of modification, at the path that `pathOfKey` gives its key, below
 * directories made up for the key's parts; and at the top the manifest, one JSON object a line and object:
 *
 * | member | what |
 * |---|---|
 * | `key`, or `keyBase64` where it is not UTF-8 | the object's key |
 * | `path`, or `pathBase64` | where the snapshot has it |
 * | `size`, `etag`, `modifiedAt` | bytes; as S3 gave it, with quotes; ISO 8601 |
 * | `contentType`, `contentEncoding`, `cacheControl` …, `user`, `tags` | headers, user metadata and tags; absent where there are none |
 */
export async function* bucketNodes(source: ExportSource): AsyncGenerator<ResticNode, void, void> {
  const beside = await keysBesideDirectories(source.reader)
  let open: readonly Uint8Array[] = []
  for await (const page of source.reader.items()) {
    for (const item of page) {
      const path = pathOfItem(item, beside)
      const folders = path.slice(0, -1)
      let depth = 0
      while (depth < folders.length && isSame(folders[depth], open[depth])) depth++
      for (; depth < folders.length; depth++) {
        yield plainNode('dir', folders.slice(0, depth + 1), { mtimeMs: source.createdAt.getTime() })
      }
      open = folders
      yield {
        ...plainNode('file', path, { mtimeMs: decodeMeta(item.meta).modifiedAt, size: item.size }),
        ...(item.size > 0 && { content: () => source.reader.read(item, { signal: source.signal }) }),
      }
    }
  }
  yield await manifestNode(source, beside)
}

const isSame = (a: Uint8Array | undefined, b: Uint8Array | undefined): boolean =>
  a !== undefined && b !== undefined && Buffer.compare(a, b) === 0

function pathOfItem(item: StoredItem, beside: ReadonlySet<string>): readonly Uint8Array[] {
  if (item.kind !== KIND_OBJECT) {
    throw new ExportDamageError(
      `${printable(item.key)} is of kind ${item.kind}, which this server does not know: use a later one`,
    )
  }
  return pathOfKey(item.key, beside.has(Buffer.from(item.key).toString('latin1')))
}

/** Made twice, once to learn its size: with millions of objects it is too big to hold. */
async function manifestNode(source: ExportSource, beside: ReadonlySet<string>): Promise<ResticNode> {
  let size = 0
  for await (const part of manifest(source, beside)) size += part.length
  return {
    ...plainNode('file', [Buffer.from(MANIFEST_NAME)], { mtimeMs: source.createdAt.getTime(), size }),
    content: () => manifest(source, beside),
  }
}

async function* manifest(
  source: ExportSource,
  beside: ReadonlySet<string>,
): AsyncGenerator<Uint8Array, void, void> {
  let text = ''
  for await (const page of source.reader.items()) {
    source.signal.throwIfAborted()
    for (const item of page) {
      text += manifestLine(item, beside)
      if (text.length < PART_BYTES) continue
      yield Buffer.from(text)
      text = ''
    }
  }
  if (text !== '') yield Buffer.from(text)
}

function manifestLine(item: StoredItem, beside: ReadonlySet<string>): string {
  const { etag, modifiedAt, ...others } = decodeMeta(item.meta)
  const path = Buffer.concat(
    pathOfItem(item, beside).flatMap((name, at) => (at === 0 ? [name] : [Uint8Array.of(0x2f), name])),
  )
  const line = {
    ...named('key', item.key),
    ...named('path', path),
    size: item.size,
    etag,
    modifiedAt: new Date(modifiedAt).toISOString(),
    ...others,
  }
  return `${JSON.stringify(line)}\n`
}

function named(member: string, bytes: Uint8Array): Record<string, string> {
  const buffer = Buffer.from(bytes)
  return isUtf8(buffer) ? { [member]: buffer.toString() } : { [`${member}Base64`]: buffer.toString('base64') }
}
