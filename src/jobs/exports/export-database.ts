import type { StoredItem } from '../../drivers/driver.ts'
import { escapeName } from '../../restic/names.ts'
import type { ResticNode } from '../../restic/node.ts'
import type { ExportSource } from './export-source.ts'
import { ExportDamageError, plainNode } from './export-source.ts'

/** What the items of a database's recovery point are called in a snapshot. */
const SUFFIXES: ReadonlyMap<number, string> = new Map([
  [1, 'json'],
  [2, 'dump'],
])

/**
 * A database as restic nodes: the directory NAME with `NAME.dump` (pg_dump's custom format: `pg_restore --dbname=… NAME.dump`)
 * and `NAME.json` (server version, owner, encoding, extensions, roles). All have the recovery point's time.
 *
 * @throws {ExportDamageError} Where one of the two is missing or there is more: no half database is exported.
 */
export async function* databaseNodes(source: ExportSource): AsyncGenerator<ResticNode, void, void> {
  const found = new Map<number, StoredItem>()
  for await (const page of source.reader.items()) {
    for (const item of page) {
      if (!SUFFIXES.has(item.kind) || item.meta[0] !== 1 || found.has(item.kind)) {
        throw new ExportDamageError(
          `the recovery point of database "${source.name}" holds an item of kind ${item.kind} that this server cannot read`,
        )
      }
      found.set(item.kind, item)
    }
  }
  const mtimeMs = source.createdAt.getTime()
  const name = escapeName(Buffer.from(source.name))
  yield plainNode('dir', [name], { mtimeMs })
  for (const [kind, suffix] of SUFFIXES) {
    const item = found.get(kind)
    if (item === undefined) {
      throw new ExportDamageError(
        `the recovery point of database "${source.name}" holds no whole dump: ${source.name}.${suffix} is missing`,
      )
    }
    yield {
      ...plainNode('file', [name, Buffer.concat([name, Buffer.from(`.${suffix}`)])], {
        mtimeMs,
        size: item.size,
      }),
      content: () => source.reader.read(item, { signal: source.signal }),
    }
  }
}
