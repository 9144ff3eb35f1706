import type { PlacedThing } from '../driver.ts'
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
import type { DatabaseSession } from './postgresql-server.ts'
import { PostgresqlServerError } from './postgresql-server.ts'
import { connectServer, lookForEarlier, restoreLogin } from './postgresql-place.ts'
import type { RestoreRun } from './postgresql-place.ts'
import { quoted } from './postgresql-settings.ts'
import type { PostgresqlSettings } from './postgresql-settings.ts'
import type { TableChoice } from './postgresql-tables.ts'
import { findTool, openToolFolder, toolArguments } from './postgresql-tools.ts'

/** Where a restore goes: a database to make, or one that is there and empty. */
export interface RestorePlace {
  readonly database: string
  readonly isNew: boolean
}

export interface RestoreTools {
  readonly directories: readonly string[] | undefined
  readonly stallMs: number
  readonly signal: AbortSignal
}

/**
 * Checks, before anything is made, that the restore can be done there.
 * @param earlier What runs of the same job may have left; without it anything of the name is in the way.
 * @returns Names of databases that they left.
 * @throws {PostgresqlServerError} Naming what is in the way: a database of that name, objects in it, a superuser.
 */
export async function checkPlace(
  settings: PostgresqlSettings,
  place: RestorePlace,
  options: RestoreTools & {
    readonly earlier?: { readonly run: RestoreRun; readonly placed: PlacedThing | undefined }
  },
): Promise<readonly string[]> {
  await using session = await (place.isNew
    ? connectServer(settings, options.signal)
    : connectDatabase(settings, restoreLogin(settings, place.database), options.signal))
  await refuseSuperuser(session, settings, settings.restoreUser)
  const { major } = await serverVersion(session)
  await findTool('pg_restore', major, options.directories)
  if (!place.isNew) {
    await refuseFilled(session, settings, place.database)
    return []
  }
  const { run, placed } = options.earlier ?? {}
  return await lookForEarlier(session, settings, { database: place.database, run, placed })
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
