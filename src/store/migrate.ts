import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Kysely, Transaction } from 'kysely'
import { sql } from 'kysely'
import type { Database } from './database.ts'
import type { Queryable, Store } from './store.ts'

/**
 * Migrations are the files `migrations/NNNN_name.sql`, numbered from 1 without gaps, each run once, in one transaction, together
 * with its row in schema_version: a server killed in the middle starts again from the last whole one. One text serves both
 * engines; the words in braces stand for what they write differently, and a statement that begins with {sqlite} or {postgres}
 * is for that engine alone. A statement ends with a semicolon at the end of a line.
 */
const OTHER_ENGINE = '--other engine--'
const WORDS = {
  sqlite: {
    text: 'text',
    int: 'integer',
    serial: 'integer primary key autoincrement',
    strict: 'strict',
    json_object: 'json_object',
    // In triggers only: everything else gets its ids and times from the server.
    new_id: 'lower(hex(randomblob(16)))',
    now_ms: "cast(unixepoch('subsec') * 1000 as integer)",
    sqlite: '',
    postgres: OTHER_ENGINE,
  },
  postgres: {
    // Byte order, as SQLite's: pages and uniqueness must not depend on the database's locale.
    text: 'text collate "C"',
    int: 'bigint',
    serial: 'bigint generated always as identity primary key',
    strict: '',
    json_object: 'json_build_object',
    new_id: "replace(cast(gen_random_uuid() as text), '-', '')",
    now_ms: 'cast(extract(epoch from clock_timestamp()) * 1000 as bigint)',
    sqlite: OTHER_ENGINE,
    postgres: '',
  },
} as const

/** One key for all servers that start on one database at a time: the first migrates, the others find it done. */
const MIGRATION_LOCK = 7_265_326_423

export interface Migration {
  readonly version: number
  readonly name: string
  readonly text: string
}

/** The database was migrated by a newer Roleback than this one. */
export class SchemaTooNewError extends Error {
  override name = 'SchemaTooNewError'
  readonly found: number
  readonly known: number

  constructor(found: number, known: number) {
    super(
      `the database has schema version ${found}, but this Roleback knows only versions up to ${known}; run the version that migrated it, or a newer one`,
    )
    this.found = found
    this.known = known
  }
}

/** Applies what is missing, in order. Its statements must see what others have committed since `transaction` began. */
export async function migrate(
  engine: Store['engine'],
  transaction: Store['transaction'],
  migrations: readonly Migration[] = readMigrations(),
): Promise<void> {
  const known = migrations.at(-1)?.version ?? 0
  const found = await transaction(async (tx) => await currentVersion(tx, engine))
  if (found > known) throw new SchemaTooNewError(found, known)
  for (const migration of migrations) {
    if (migration.version <= found) continue
    await transaction(async (tx) => {
      // Another server may have been first, and may be newer.
      const now = await currentVersion(tx, engine)
      if (now >= migration.version) return
      await apply(tx, engine, migration)
    })
  }
}

async function currentVersion(tx: Transaction<Database>, engine: Store['engine']): Promise<number> {
  if (engine === 'postgres') await sql`select pg_advisory_xact_lock(${sql.lit(MIGRATION_LOCK)})`.execute(tx)
  await sql`create table if not exists schema_version (version integer primary key, name text not null, applied_at text not null)`.execute(
    tx,
  )
  return await schemaVersion(tx)
}

/** Version of the database's schema. */
export async function schemaVersion(db: Queryable): Promise<number> {
  const { rows } = await sql<{
    version: number | null
  }>`select max(version) as version from schema_version`.execute(db)
  return rows[0]?.version ?? 0
}

async function apply(tx: Kysely<Database>, engine: Store['engine'], migration: Migration): Promise<void> {
  for (const statement of statementsOf(migration.text, engine)) {
    try {
      await sql.raw(statement).execute(tx)
    } catch (error) {
      const head = statement.slice(0, 60).replaceAll(/\s+/g, ' ')
      throw new Error(`migration ${migration.version} (${migration.name}) failed at "${head}…"`, {
        cause: error,
      })
    }
  }
  await sql`insert into schema_version (version, name, applied_at)
    values (${migration.version}, ${migration.name}, ${sql.raw('current_timestamp')})`.execute(tx)
}

function statementsOf(text: string, engine: Store['engine']): string[] {
  const words: Readonly<Record<string, string>> = WORDS[engine]
  return text
    .replaceAll(/^\s*--.*$/gm, '')
    .replaceAll(/\{(\w+)\}/g, (_, word: string) => {
      const replacement = words[word]
      if (replacement === undefined) throw new Error(`a migration uses the unknown word {${word}}`)
      return replacement
    })
    .split(/;[ \t]*$/m)
    .map((statement) => statement.trim())
    .filter((statement) => statement !== '' && !statement.startsWith(OTHER_ENGINE))
}

/** The migrations of this version, in order. */
export function readMigrations(): readonly Migration[] {
  const folder = join(import.meta.dirname, 'migrations')
  const files = readdirSync(folder)
    .filter((file) => file.endsWith('.sql'))
    .sort()
  return files.map((file, index) => {
    const match = /^(\d{4})_([a-z0-9_]+)\.sql$/.exec(file)
    if (match === null || Number(match[1]) !== index + 1) {
      throw new Error(`migrations must be numbered without gaps, but number ${index + 1} is "${file}"`)
    }
    return { version: index + 1, name: match[2] as string, text: readFileSync(join(folder, file), 'utf8') }
  })
}
