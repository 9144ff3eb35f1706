import { ArchiveReader, DumpDamagedError } from './postgresql-archive.ts'
import type { ArchiveEntry } from './postgresql-archive.ts'
import type { PointReader, StoredItem } from '../driver.ts'

/** The tables in a dump, and which of its entries make some of them whole. */

/** Of the item that is the dump. */
export const DUMP_KIND = 2

const MAX_TABLES = 1000
/** Of what is named in a note. */
const MAX_TOLD = 10

/** The tables that a restore names cannot be restored. */
export class TableChoiceError extends Error {
  override name = 'TableChoiceError'
}

/** What of a dump is restored. */
export interface TableChoice {
  /** Ids of entries, in the dump's order. */
  readonly entries: readonly number[]
  /** How many of them are tables. */
  readonly tables: number
  /** Sentences for the job's message. */
  readonly notes: readonly string[]
}

/** As a search tells it and `ItemsToRestore` takes it. */
export const tableName = ({ namespace, tag }: ArchiveEntry): string => `${namespace}.${tag}`

/**
 * Reads `ItemsToRestore`: a JSON array of tables, each as SCHEMA.TABLE.
 * @returns Undefined where everything is wanted.
 * @throws {TableChoiceError}
 */
export function parseTables(text: string | undefined): readonly string[] | undefined {
  if (text === undefined || text === '') return undefined
  let names: unknown
  try {
    names = JSON.parse(text)
  } catch {
    // Said below.
  }
  const isList = Array.isArray(names) && names.length > 0 && names.length <= MAX_TABLES
  if (!isList || !(names as unknown[]).every((name) => typeof name === 'string'))
    throw new TableChoiceError(
      `ItemsToRestore must be a JSON array of 1 to ${MAX_TABLES} tables, e.g. ["public.orders"]`,
    )
  return names as string[]
}

/** The dump's table of contents, which lies before all data: no more is read. @throws {DumpDamagedError} */
export async function readContents(
  point: Pick<PointReader, 'read'>,
  dump: StoredItem,
  signal: AbortSignal,
): Promise<readonly ArchiveEntry[]> {
  const entries: ArchiveEntry[] = []
  const reader = new ArchiveReader((entry) => entries.push(entry))
  for await (const chunk of point.read(dump, { signal })) {
    reader.feed(chunk)
    if (reader.hasContents) return entries
  }
  throw new DumpDamagedError('The dump ends inside its table of contents: it is cut off')
}

/** What belongs to a table, and comes with it as long as it needs no table that does not come. */
const OF_TABLES: ReadonlySet<string> = new Set([
  'CHECK CONSTRAINT',
  'COMMENT',
  'CONSTRAINT',
  'DEFAULT',
  'FK CONSTRAINT',
  'INDEX',
  'INDEX ATTACH',
  'POLICY',
  'ROW SECURITY',
  'RULE',
  'SEQUENCE',
  'SEQUENCE OWNED BY',
  'SEQUENCE SET',
  'STATISTICS',
  'TABLE ATTACH',
  'TABLE DATA',
  'TRIGGER',
])

/**
 * The entries that make these tables whole: the tables with their partitions, what they need (schemas, types, extensions, functions),
 * and what belongs to them (data, defaults, sequences, keys, indexes, triggers). What ties them to a table that is not restored, such
 * as a foreign key, is left away and told.
 * @throws {TableChoiceError} Naming a table that the dump does not hold.
 */
export function chooseTables(entries: readonly ArchiveEntry[], names: readonly string[]): TableChoice {
  const byId = new Map(entries.map((entry) => [entry.id, entry]))
  const tables = withPartitions(entries, new Set(names))
  const missing = names.find((name) => !tables.some((table) => tableName(table) === name))
  if (missing !== undefined)
    throw new TableChoiceError(
      `ItemsToRestore names ${JSON.stringify(missing.slice(0, 200))}, and the recovery point holds no such table: search it for names`,
    )
  const chosen = new Set<number>()
  for (const { id } of tables) for (const needed of closure(byId, id)) chosen.add(needed)
  /** The tables themselves and what belongs to them; not the schemas and extensions that others need as well. */
  const own = new Set(tables.map(({ id }) => id))
  const waiting = new Set(entries.filter(({ type, id }) => OF_TABLES.has(type) && !own.has(id)))
  let before: number
  do {
    before = own.size
    for (const entry of waiting) {
      if (!entry.dependencies.some((id) => own.has(id))) continue
      const needed = closure(byId, entry.id)
      if ([...needed].some((id) => byId.get(id)?.type === 'TABLE' && !chosen.has(id))) continue
      for (const id of needed) chosen.add(id)
      own.add(entry.id)
      waiting.delete(entry)
    }
  } while (own.size > before)
  return {
    entries: entries.filter(({ id }) => chosen.has(id)).map(({ id }) => id),
    tables: [...chosen].filter((id) => byId.get(id)?.type === 'TABLE').length,
    notes: [`Only ${told(tables.map(tableName))} of the database was restored`, ...leftAway(waiting, own)],
  }
}

/** A partition is told by the entry that attaches it, which has its name and needs both tables. */
function withPartitions(
  entries: readonly ArchiveEntry[],
  wanted: ReadonlySet<string>,
): readonly ArchiveEntry[] {
  const tables = entries.filter(({ type }) => type === 'TABLE')
  const byName = new Map(tables.map((table) => [tableName(table), table]))
  const found = new Set(tables.filter((table) => wanted.has(tableName(table))))
  const ids = new Set([...found].map(({ id }) => id))
  const attached = entries.filter(({ type }) => type === 'TABLE ATTACH')
  let before: number
  do {
    before = found.size
    for (const entry of attached) {
      const partition = byName.get(tableName(entry))
      if (partition === undefined || found.has(partition)) continue
      if (!entry.dependencies.some((id) => id !== partition.id && ids.has(id))) continue
      found.add(partition)
      ids.add(partition.id)
    }
  } while (found.size > before)
  return [...found]
}

/** An entry and all that it needs, however far. */
function closure(byId: ReadonlyMap<number, ArchiveEntry>, from: number): ReadonlySet<number> {
  const found = new Set<number>()
  const open = [from]
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    const entry = byId.get(id)
    if (entry === undefined || found.has(id)) continue
    found.add(id)
    open.push(...entry.dependencies)
  }
  return found
}

function leftAway(waiting: ReadonlySet<ArchiveEntry>, own: ReadonlySet<number>): readonly string[] {
  const tied = [...waiting].filter(({ dependencies }) => dependencies.some((id) => own.has(id)))
  if (tied.length === 0) return []
  return [`Left away, since it needs other tables: ${told(tied.map(({ type, tag }) => `${type} ${tag}`))}`]
}

function told(names: readonly string[]): string {
  const more = names.length - MAX_TOLD
  return `${names.slice(0, MAX_TOLD).join(', ')}${more > 0 ? ` and ${more} more` : ''}`
}
