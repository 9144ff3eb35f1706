import { ArchiveReader } from './postgresql-archive.ts'
import type { ArchiveSummary } from './postgresql-archive.ts'
import { writeToTool } from './postgresql-child.ts'
import {
  connectDatabase,
  countTables,
  ownObjects,
  refuseSuperuser,
  serverVersion,
} from './postgresql-server.ts'
import type { DatabaseFacts, DatabaseSession } from './postgresql-server.ts'
import { PostgresqlServerError } from './postgresql-server.ts'
import { quoted } from './postgresql-settings.ts'
import type { PostgresqlSettings } from './postgresql-settings.ts'
import type { TableChoice } from './postgresql-tables.ts'
import { findTool, openToolFolder, toolArguments } from './postgresql-tools.ts'
import type { ToolLogin } from './postgresql-tools.ts'

/** Where a restore goes: a database to make, or one that is there and empty. */
export interface RestorePlace {
  readonly database: string
  readonly isNew: boolean
}

/** A database that a restore job makes, and the comment by which a later run of the job knows it. */
export interface HalfMade {
  readonly database: string
  readonly mark: string
  /** True where this very run made it: then it is ours even without the comment. */
  readonly isSurelyOurs?: boolean
}

export interface RestoreTools {
  readonly directories: readonly string[] | undefined
  readonly stallMs: number
  readonly signal: AbortSignal
}

/** Making and dropping a database take seconds. */
const SHORT_WORK_MS = 120_000

const restoreLogin = (settings: PostgresqlSettings, database: string): ToolLogin => ({
  database,
  user: settings.restoreUser,
  password: settings.restorePassword,
})

/**
 * Checks, before anything is made, that the restore can be done there.
 * @returns {Promise<boolean>} True where an earlier run of the same job left its half-made database.
 * @throws {PostgresqlServerError} Naming what is in the way: a database of that name, objects in it, a superuser.
 */
export async function checkPlace(
  settings: PostgresqlSettings,
  place: RestorePlace,
  options: RestoreTools & { readonly mark: string },
): Promise<boolean> {
  await using session = await (place.isNew
    ? connectServer(settings, options.signal)
    : connectDatabase(settings, restoreLogin(settings, place.database), options.signal))
  await refuseSuperuser(session, settings, settings.restoreUser)
  const { major } = await serverVersion(session)
  await findTool('pg_restore', major, options.directories)
  if (!place.isNew) {
    await refuseFilled(session, settings, place.database)
    return false
  }
  const existing = await markOf(session, place.database)
  if (existing.exists && existing.mark !== options.mark) {
    throw new PostgresqlServerError(
      `Database ${quoted(place.database)} exists at ${settings.host}:${settings.port}: restore under another name, or register it and restore into it while it is empty`,
    )
  }
  return existing.exists
}

/** @throws {PostgresqlServerError} Where the restore account may make no database. */
export async function requireCreation(settings: PostgresqlSettings, signal: AbortSignal): Promise<void> {
  await using session = await connectServer(settings, signal)
  const [row] = await session.query<{ creates: boolean }>(
    'SELECT rolcreatedb OR rolsuper AS creates FROM pg_roles WHERE rolname = current_user',
  )
  if (row?.creates === true) return
  throw new PostgresqlServerError(
    `The account ${quoted(settings.restoreUser)} at ${settings.host}:${settings.port} may not create databases: grant it CREATEDB, or restore into an empty database that is registered`,
  )
}

async function refuseFilled(
  session: DatabaseSession,
  settings: PostgresqlSettings,
  database: string,
): Promise<void> {
  const objects = await ownObjects(session, 3)
  if (objects.length === 0) return
  throw new PostgresqlServerError(
    `Database ${quoted(database)} at ${settings.host}:${settings.port} is not empty (${objects.join(', ')}): a restore never writes over anything`,
  )
}

/**
 * Makes the database as the restore account, which thereby owns it, with the source's encoding and locale. It carries `mark` as
 * its comment until the restore is done: a job that starts again after a crash knows its own half-made database by it.
 */
export async function createDatabase(
  settings: PostgresqlSettings,
  place: HalfMade,
  facts: DatabaseFacts,
  onCreated: () => void,
): Promise<void> {
  // Not the job's signal: the server goes on making a database whose client has left, and nobody would know it as ours.
  await using session = await connectServer(settings, AbortSignal.timeout(SHORT_WORK_MS))
  const { major } = await serverVersion(session)
  const icu =
    facts.localeProvider === 'i' && facts.icuLocale !== null && major >= 15
      ? ` LOCALE_PROVIDER icu ICU_LOCALE ${literal(facts.icuLocale)}`
      : ''
  await session.query(
    `CREATE DATABASE ${identifier(place.database)} TEMPLATE template0 ENCODING ${literal(facts.encoding)}` +
      ` LC_COLLATE ${literal(facts.collate)} LC_CTYPE ${literal(facts.ctype)}${icu}`,
  )
  onCreated()
  await session.query(`COMMENT ON DATABASE ${identifier(place.database)} IS ${literal(place.mark)}`)
}

/** Drops a database that this job made, and no other; also when the job was told to stop. */
export async function dropHalfMade(settings: PostgresqlSettings, place: HalfMade): Promise<void> {
  await using session = await connectServer(settings, AbortSignal.timeout(SHORT_WORK_MS))
  const { exists, mark } = await markOf(session, place.database)
  if (!exists || (mark !== place.mark && place.isSurelyOurs !== true)) return
  await drop(session, place.database)
}

/** Drops a database of the restore account's; nothing where there is none of that name. */
export async function dropDatabase(settings: PostgresqlSettings, database: string): Promise<void> {
  await using session = await connectServer(settings, AbortSignal.timeout(SHORT_WORK_MS))
  const { exists } = await markOf(session, database)
  if (exists) await drop(session, database)
}

async function drop(session: DatabaseSession, database: string): Promise<void> {
  const { major } = await serverVersion(session)
  await session.query(`DROP DATABASE ${identifier(database)}${major >= 13 ? ' WITH (FORCE)' : ''}`)
}

/** Takes the comment away again. */
export async function unmark(
  settings: PostgresqlSettings,
  database: string,
  signal: AbortSignal,
): Promise<void> {
  await using session = await connectDatabase(settings, restoreLogin(settings, database), signal)
  await session.query(`COMMENT ON DATABASE ${identifier(database)} IS NULL`)
}

/**
 * Feeds a dump to pg_restore, in one transaction: it is there whole, or not at all. The dump is followed as it passes; when it
 * ends early pg_restore is ended before it can commit. Of some tables pg_restore reads no further than the last of them.
 * @returns How many tables were restored.
 * @throws {DumpDamagedError} Or ToolFailedError, or PostgresqlServerError where the tables are fewer than the dump's.
 */
export async function loadDump(
  settings: PostgresqlSettings,
  database: string,
  dump: AsyncIterable<Uint8Array>,
  options: RestoreTools & {
    readonly only: TableChoice | undefined
    readonly onBytes: (bytes: number) => void
  },
): Promise<number> {
  const { only } = options
  const login = restoreLogin(settings, database)
  let major: number
  let tablesBefore: number
  let address: string
  {
    await using session = await connectDatabase(settings, login, options.signal)
    await refuseSuperuser(session, settings, login.user)
    await refuseFilled(session, settings, database)
    major = (await serverVersion(session)).major
    tablesBefore = await countTables(session)
    address = session.address
  }
  const tool = await findTool('pg_restore', major, options.directories)
  const reader = new ArchiveReader()
  const seen: { summary: ArchiveSummary | undefined } = { summary: undefined }
  await using folder = await openToolFolder(settings, login, address)
  const list = only && (await folder.put('entries', only.entries.map((id) => `${id};\n`).join('')))
  await writeToTool(
    {
      tool: 'pg_restore',
      path: tool.path,
      args: toolArguments('pg_restore', settings, login, list),
      env: folder.env,
      secrets: [settings.password, settings.restorePassword],
      signal: options.signal,
      stallMs: options.stallMs,
    },
    followed(dump, reader, (summary) => (seen.summary = summary), options.onBytes),
  )
  const expected = only?.tables ?? seen.summary?.tables
  if (expected === undefined) {
    throw new PostgresqlServerError('pg_restore ended before it was given the whole dump')
  }
  await using session = await connectDatabase(settings, login, options.signal)
  const tables = (await countTables(session)) - tablesBefore
  if (tables !== expected) {
    throw new PostgresqlServerError(
      `Database ${quoted(database)} has ${tables} tables after the restore, ${expected} were to be restored`,
    )
  }
  return tables
}

async function* followed(
  dump: AsyncIterable<Uint8Array>,
  reader: ArchiveReader,
  onWhole: (summary: ArchiveSummary) => void,
  onBytes: (bytes: number) => void,
): AsyncGenerator<Uint8Array, void, void> {
  // The last bytes are held back until the dump is known to be whole: pg_restore commits as soon as it has read enough.
  let held: Uint8Array | undefined
  for await (const chunk of dump) {
    if (chunk.length === 0) continue
    reader.feed(chunk)
    if (held !== undefined) {
      yield held
      onBytes(held.length)
    }
    held = chunk
  }
  onWhole(reader.finish())
  if (held !== undefined) {
    yield held
    onBytes(held.length)
  }
}

/** A session on any database of the server that surely exists: `postgres`, else the registered one. */
async function connectServer(settings: PostgresqlSettings, signal: AbortSignal): Promise<DatabaseSession> {
  try {
    return await connectDatabase(settings, restoreLogin(settings, 'postgres'), signal)
  } catch (error) {
    signal.throwIfAborted()
    if (settings.database === 'postgres') throw error
    return connectDatabase(settings, restoreLogin(settings, settings.database), signal)
  }
}

async function markOf(
  session: DatabaseSession,
  database: string,
): Promise<{ exists: boolean; mark: string | undefined }> {
  const [row] = await session.query<{ mark: string | null }>(
    `SELECT shobj_description(oid, 'pg_database') AS mark FROM pg_database WHERE datname = $1`,
    [database],
  )
  return { exists: row !== undefined, mark: row?.mark ?? undefined }
}

function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** E'' would be needed only for escapes: standard_conforming_strings is on in every served version. */
function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}
