import type { ResourceType } from '../kinds/kind.ts'
import { printable } from '../lib/log.ts'
import { DIRECTORY, FILE, SYMLINK, decodeMeta, displayKey, latin1Of } from './directory/directory-meta.ts'
import { decodeMeta as decodeObject } from './s3-bucket/s3-bucket-objects.ts'
import type { Item, PointReader } from './driver.ts'
import { DUMP_KIND, readContents, tableName } from './postgresql/postgresql-tables.ts'

/** An item of a recovery point in words that people search by. */
export interface ItemFacts {
  /** A path, or an object's key: what `ItemsToRestore` takes, where it is UTF-8 without control characters. */
  readonly name: string
  readonly type: 'file' | 'directory' | 'folder' | 'link' | 'object' | 'table' | 'other'
  /** Bytes of content; undefined for a table: a dump does not say it. */
  readonly size?: number
  /** Milliseconds since 1970; undefined for a table: PostgreSQL does not know it. */
  readonly modifiedAt?: number
}

const TYPES: ReadonlyMap<number, ItemFacts['type']> = new Map([
  [DIRECTORY, 'directory'],
  [FILE, 'file'],
  [SYMLINK, 'link'],
])

/** Undefined for kinds whose recovery points hold no items that can be found one by one: a database is one dump, see `tablesIn`. */
export const ITEM_FACTS: Readonly<Record<ResourceType, ((item: Item) => ItemFacts) | undefined>> = {
  EFS: ({ key, kind, meta, size }) => ({
    name: displayKey(latin1Of(key)),
    type: TYPES.get(kind) ?? 'other',
    size,
    modifiedAt: Number(decodeMeta(meta).mtimeNs / 1_000_000n),
  }),
  S3: ({ key, meta, size }) => ({
    name: printable(Buffer.from(key).toString()),
    type: 'object',
    size,
    modifiedAt: decodeObject(meta).modifiedAt,
  }),
  RDS: undefined,
}

/** A table in words that people search by. */
export interface TableFacts extends ItemFacts {
  /** Its name without the schema. */
  readonly ownName: string
}

/** The tables of a database's recovery point, from its dump's table of contents, which lies before all data. */
export async function tablesIn(
  point: Pick<PointReader, 'items' | 'read'>,
  signal: AbortSignal,
): Promise<readonly TableFacts[]> {
  for await (const page of point.items()) {
    const dump = page.find(({ kind }) => kind === DUMP_KIND)
    if (dump === undefined) continue
    const entries = await readContents(point, dump, signal)
    const tables = entries.filter(({ type }) => type === 'TABLE')
    const named = tables.map((entry): TableFacts => ({
      name: printable(tableName(entry)),
      ownName: printable(entry.tag),
      type: 'table',
    }))
    // A dump has them in the order in which they can be made.
    return named.toSorted((a, b) => (a.name < b.name ? -1 : 1))
  }
  return []
}
