import { RDS_SOURCE_INFO, rds } from '../../kinds/rds.ts'
import { TARGET_RESOURCE } from '../../kinds/target-resource.ts'
import { factsOf } from '../driver.ts'
import type { BackupRequest, BackupSummary, Connection, Driver, PlacedThing } from '../driver.ts'
import type { RestoreRequest, RestoreSummary } from '../driver.ts'
import { discoverDatabases } from './postgresql-discovery.ts'
import { ArchiveReader, DumpDamagedError } from './postgresql-archive.ts'
import { chooseTables, DUMP_KIND, parseTables, readContents } from './postgresql-tables.ts'
import type { TableChoice } from './postgresql-tables.ts'
import { readFromTool } from './postgresql-child.ts'
import {
  PostgresqlServerError,
  connectDatabase,
  missingRights,
  readFacts,
  refuseSuperuser,
  serverVersion,
} from './postgresql-server.ts'
import type { DatabaseFacts } from './postgresql-server.ts'
import { removeRestoredDatabase } from './postgresql-removal.ts'
import { databaseValidation } from './postgresql-validation.ts'
import { createDatabase, dropEarlier, dropOwn, unmark } from './postgresql-place.ts'
import { checkPlace, loadDump } from './postgresql-restore.ts'
import type { RestorePlace } from './postgresql-restore.ts'
import { checkRestore, KIND_FACTS, newName, readPoint } from './postgresql-restore-look.ts'
import { parsePostgresqlSettings, quoted } from './postgresql-settings.ts'
import type { PostgresqlSettings } from './postgresql-settings.ts'
import { findTool, openToolFolder, toolArguments, toolWarning } from './postgresql-tools.ts'

/**
 * RDS: one PostgreSQL database by pg_dump and pg_restore. A recovery point holds two items:
 *
 * | key             | kind | content                                                                              |
 * |-----------------|------|--------------------------------------------------------------------------------------|
 * | `database.json` | 1    | DatabaseFacts: server version, owner, encoding, locale, extensions, roles            |
 * | `dump.pgc`      | 2    | `pg_dump --format=custom --compress=0`, streamed; the vault compresses               |
 *
 * Metadata is one byte, the version 1. There is no unchanged state to take over from a parent: PostgreSQL does not say whether a
 * database changed, so every backup dumps, and the vault keeps what is new.
 */
export interface PostgresqlOptions {
  /** Folders to look for pg_dump and pg_restore in, instead of the usual ones. */
  readonly toolDirectories?: readonly string[]
  /** Milliseconds without output, while it is waited for, after which pg_dump or pg_restore is ended. */
  readonly stallMs?: number
}

const FACTS_KEY = Buffer.from('database.json')
const DUMP_KEY = Buffer.from('dump.pgc')
const META = Uint8Array.of(1)
/** pg_dump is silent while it waits for locks (10 min at most) and reads a big catalogue. */
const STALL_MS = 30 * 60_000

export function createPostgresqlDriver(options: PostgresqlOptions = {}): Driver {
  return {
    kind: rds,
    test: (connection, signal) => testConnection(connection, signal, options),
    discover: discoverDatabases,
    backup: (request) => backUp(request, options),
    restore: (request) => restore(request, options),
    checkRestore: (wish, checks) => checkRestore(wish, checks, toolsOf(options)),
    removeRestored: removeRestoredDatabase,
    validation: databaseValidation,
  }
}

export const postgresqlDriver: Driver = createPostgresqlDriver()

const toolsOf = ({ toolDirectories, stallMs = STALL_MS }: PostgresqlOptions) => ({
  directories: toolDirectories,
  stallMs,
})

async function testConnection(
  connection: Connection,
  signal: AbortSignal,
  options: PostgresqlOptions,
): Promise<{ warnings: readonly string[] }> {
  const settings = parsePostgresqlSettings(connection)
  await using database = await connectDatabase(settings, settings, signal)
  await refuseSuperuser(database, settings, settings.user)
  const warnings = [...(await missingRights(database))]
  if (settings.allowSuperuser) {
    warnings.push('Superuser connections are allowed: functions that users planted may run with full power')
  }
  const [row] = await database.query<{ creates: boolean }>(
    'SELECT rolcreatedb OR rolsuper AS creates FROM pg_roles WHERE rolname = $1',
    [settings.restoreUser],
  )
  if (row?.creates !== true) {
    warnings.push(
      `The account ${quoted(settings.restoreUser)} may not create databases: restores under a new name need CREATEDB`,
    )
  }
  const { major } = await serverVersion(database)
  for (const tool of ['pg_dump', 'pg_restore'] as const) {
    try {
      const found = await findTool(tool, major, options.toolDirectories)
      const warning = toolWarning(tool, found)
      if (warning !== undefined) warnings.push(warning)
    } catch (error) {
      warnings.push((error as Error).message)
    }
  }
  return { warnings }
}

async function backUp(request: BackupRequest, options: PostgresqlOptions): Promise<BackupSummary> {
  const { session, sink } = request
  const { backup } = rds
  const target = rds.backupTarget(factsOf(session))
  const step = (name: keyof typeof backup) => backup[name] as NonNullable<(typeof backup)[string]>
  await session.call(step('DescribeBackupVault'), target, () => undefined)
  const { facts, address } = await session.call(step('DescribeDatabase'), target, async (connection) => {
    const settings = parsePostgresqlSettings(connection)
    await using database = await connectDatabase(settings, settings, session.signal)
    await refuseSuperuser(database, settings, settings.user)
    return { facts: await readFacts(database), address: database.address }
  })
  session.expect(facts.sizeBytes)
  await session.call(step('ListTags'), target, () => undefined)
  await session.call(step('TagSnapshot'), target, () => undefined)
  await session.call(step('CreateSnapshot'), target, async (connection) => {
    const settings = parsePostgresqlSettings(connection)
    const content = Buffer.from(JSON.stringify(facts))
    await sink.add(
      { key: FACTS_KEY, kind: KIND_FACTS, meta: META, size: content.length },
      { from: 'stream', open: () => once(content) },
    )
    const dump = { whole: false }
    // The size is the vault's to count: nobody knows that of a dump beforehand.
    await sink.add(
      { key: DUMP_KEY, kind: DUMP_KIND, meta: META, size: 0 },
      {
        from: 'stream',
        open: (signal) =>
          dumpDatabase(
            { settings, address, major: facts.serverMajor },
            AbortSignal.any([signal, session.signal]),
            options,
            () => {
              dump.whole = true
            },
          ),
      },
    )
    if (!dump.whole) throw new DumpDamagedError('The dump was not read to its end')
  })
  return { restoreMetadata: describe(session.resource.name, facts) }
}

/**
 * The dump as it comes. It ends normally only when all of these hold: pg_dump ended with code 0 and by no signal, and the data of
 * every entry in the dump's own table of contents has passed whole.
 */
async function* dumpDatabase(
  from: { readonly settings: PostgresqlSettings; readonly address: string; readonly major: number },
  signal: AbortSignal,
  options: PostgresqlOptions,
  onWhole: () => void,
): AsyncGenerator<Uint8Array, void, void> {
  const { settings, address, major } = from
  const tool = await findTool('pg_dump', major, options.toolDirectories)
  const reader = new ArchiveReader()
  await using folder = await openToolFolder(settings, settings, address)
  const output = readFromTool({
    tool: 'pg_dump',
    path: tool.path,
    args: toolArguments('pg_dump', settings, settings),
    env: folder.env,
    secrets: [settings.password, settings.restorePassword],
    signal,
    stallMs: options.stallMs ?? STALL_MS,
  })
  for await (const chunk of output) {
    reader.feed(chunk)
    yield chunk
  }
  reader.finish()
  onWhole()
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, void> {
  yield bytes
}

/** In RestoreDBInstanceFromDBSnapshot's words, so that it can be given back to StartRestoreJob with a new name. */
function describe(name: string, facts: DatabaseFacts): Record<string, string> {
  return {
    DBInstanceIdentifier: name,
    Engine: 'postgres',
    EngineVersion: facts.serverVersion,
    [RDS_SOURCE_INFO]: JSON.stringify({
      encoding: facts.encoding,
      owner: facts.owner,
      extensions: facts.extensions.map(({ name, version }) => `${name} ${version}`),
      roles: facts.roles,
    }).slice(0, 4096),
  }
}

async function restore(request: RestoreRequest, options: PostgresqlOptions): Promise<RestoreSummary> {
  const { session, point, target, metadata } = request
  const step = (name: string) => rds.restore[name] as NonNullable<(typeof rds.restore)[string]>
  const stepTarget = rds.restoreTarget({ ...factsOf(session), targetArn: target.arn })
  const earlier = { run: { jobId: session.jobId, attempt: request.attempt }, placed: request.placed }
  const tools = { ...toolsOf(options), signal: session.signal }

  const names = parseTables(metadata['ItemsToRestore'])
  await session.call(step('DescribeSnapshot'), stepTarget, () => undefined)
  const { facts, dump } = await readPoint(point, session.signal)
  const only = names && chooseTables(await readContents(point, dump, session.signal), names)
  const placeOf = (settings: PostgresqlSettings): RestorePlace =>
    target.isNew ? { database: newName(request), isNew: true } : { database: settings.database, isNew: false }
  const leftover = await session.call(step('DescribeTarget'), stepTarget, (connection) => {
    const settings = parsePostgresqlSettings(connection)
    return checkPlace(settings, placeOf(settings), { ...tools, earlier })
  })
  await session.call(step('TagTarget'), stepTarget, () => undefined)
  return session.call(step('RestoreDatabase'), stepTarget, async (connection) => {
    const settings = parsePostgresqlSettings(connection)
    const place = placeOf(settings)
    const mayDelete = (): boolean => session.may(step('DeleteHalfMade'), stepTarget)
    const work = async (): Promise<number> => {
      let bytes = 0
      const onBytes = (more: number): void => {
        bytes += more
        request.progress(more, 0)
      }
      const content = point.read(dump, { signal: session.signal })
      await loadDump(settings, place.database, content, { ...tools, only, onBytes })
      if (place.isNew) await unmark(settings, place.database, session.signal)
      request.progress(0, only?.tables ?? 1)
      return bytes
    }
    if (!place.isNew) await request.begin()
    const bytes = await (place.isNew
      ? inNewDatabase(request, settings, place.database, { facts, leftover, mayDelete, work })
      : work())
    return {
      createdResourceArn: target.arn,
      created: place.isNew
        ? {
            name: target.name,
            // Registered as its owner's: the account that only reads the source has no rights there.
            settings: {
              ...connection.settings,
              database: place.database,
              ...(settings.restoreUser === settings.user ? {} : { user: settings.restoreUser }),
            },
          }
        : undefined,
      itemsRestored: only?.tables ?? 1,
      itemsSkipped: 0,
      bytes,
      notes: notesOf(facts, metadata, only),
    }
  })
}

/** Runs `work` in a database made for it; when it fails the database goes away again, if the role may delete it. */
async function inNewDatabase<T>(
  request: RestoreRequest,
  settings: PostgresqlSettings,
  database: string,
  options: {
    readonly facts: DatabaseFacts
    /** Names of databases that earlier runs of the job left. */
    readonly leftover: readonly string[]
    readonly mayDelete: () => boolean
    readonly work: () => Promise<T>
  },
): Promise<T> {
  const run = { jobId: request.session.jobId, attempt: request.attempt }
  const left = (name: string): string =>
    `The half-made database ${quoted(name)} at ${settings.host}:${settings.port} is still there`
  const mayNot = (name: string): string =>
    `${left(name)}, since the role may not perform rds:DeleteDBInstance on it`
  const [leftover] = options.leftover
  if (leftover !== undefined) {
    if (!options.mayDelete())
      throw new PostgresqlServerError(`An earlier run of this job was cut off. ${mayNot(leftover)}`)
    await dropEarlier(settings, run, request.placed)
  }
  await request.begin()
  let name: string | undefined
  let placed: PlacedThing | undefined
  try {
    await createDatabase(settings, { database, run }, options.facts, {
      isCalled: (now) => (name = now),
      placing: async (thing) => {
        await request.placing(thing)
        placed = thing
      },
    })
    return await options.work()
  } catch (error) {
    if (name === undefined) throw error
    const stays = name
    if (!options.mayDelete()) request.left(mayNot(stays))
    else {
      await dropOwn(settings, run, placed).catch((cause: unknown) =>
        request.left(`${left(stays)}: ${(cause as Error).message}`),
      )
    }
    throw error
  }
}

function notesOf(
  facts: DatabaseFacts,
  metadata: Readonly<Record<string, string>>,
  only: TableChoice | undefined,
): readonly string[] {
  const notes = ['Owners and grants were left away: everything belongs to the account that restored it']
  const others = facts.roles.filter((role) => role !== facts.owner)
  if (only !== undefined) notes.push(...only.notes)
  if (others.length > 0) notes.push(`Roles with rights at the source: ${others.slice(0, 10).join(', ')}`)
  const server = metadata[TARGET_RESOURCE]
  if (server !== undefined && server !== '') notes.push(`Restored on the server of ${server}`)
  return notes
}
