import type { PlacedThing } from '../driver.ts'
import { connectDatabase, PostgresqlServerError, serverVersion } from './postgresql-server.ts'
import type { DatabaseFacts, DatabaseSession } from './postgresql-server.ts'
import { quoted } from './postgresql-settings.ts'
import type { PostgresqlSettings } from './postgresql-settings.ts'
import type { ToolLogin } from './postgresql-tools.ts'

/**
 * The database that a restore makes, and how the runs of one job know what those before them made. It is made under a name that only
 * this run has, the job writes down what it is known by, and then it gets its final name: wherever a run is cut off, the next finds
 * it by one of the two, and takes nothing else for it, whatever its name or its comment.
 */
export interface RestoreRun {
  readonly jobId: string
  readonly attempt: number
}

/** Making and dropping a database take seconds. */
const SHORT_WORK_MS = 120_000

/** As of a directory's, which discovery leaves out (plans/discovery.ts). */
const privateName = ({ jobId, attempt }: RestoreRun): string => `.roleback-restore-${jobId}-${attempt}`

/** Private names of the runs before. */
const earlierNames = ({ jobId, attempt }: RestoreRun): readonly string[] =>
  Array.from({ length: attempt - 1 }, (_, index) => privateName({ jobId, attempt: index + 1 }))

export const restoreLogin = (settings: PostgresqlSettings, database: string): ToolLogin => ({
  database,
  user: settings.restoreUser,
  password: settings.restorePassword,
})

/**
 * Names of what the runs before left: databases under their private names, and the one that they had told of with `placed`.
 * @throws {PostgresqlServerError} Where another database has the final name.
 */
export async function lookForEarlier(
  session: DatabaseSession,
  settings: PostgresqlSettings,
  wanted: {
    readonly database: string
    readonly run: RestoreRun | undefined
    readonly placed: PlacedThing | undefined
  },
): Promise<readonly string[]> {
  const { database, run, placed } = wanted
  const left = run === undefined ? [] : await madeOf(session, earlierNames(run), placed)
  const isOurs = left.includes(database)
  const [taken] = await session.query('SELECT oid FROM pg_database WHERE datname = $1', [database])
  if (taken === undefined || isOurs) return left
  throw new PostgresqlServerError(
    `Database ${quoted(database)} exists at ${settings.host}:${settings.port}: restore under another name, or register it and restore into it while it is empty`,
  )
}

/**
 * Makes the database as the restore account, which thereby owns it, with the source's encoding and locale. Until the restore is done
 * its comment says so, for whoever finds it.
 * @param tell What becomes of it: the name that it has, and, right before it gets its final one, what it is known by then. It does not get
 * that name where the latter throws.
 */
export async function createDatabase(
  settings: PostgresqlSettings,
  wanted: { readonly database: string; readonly run: RestoreRun },
  facts: DatabaseFacts,
  tell: {
    readonly isCalled: (name: string) => void
    readonly placing: (thing: PlacedThing) => Promise<void>
  },
): Promise<void> {
  // Not the job's signal: the server goes on making a database whose client has left.
  await using session = await connectServer(settings, AbortSignal.timeout(SHORT_WORK_MS))
  const { major } = await serverVersion(session)
  const icu =
    facts.localeProvider === 'i' && facts.icuLocale !== null && major >= 15
      ? ` LOCALE_PROVIDER icu ICU_LOCALE ${literal(facts.icuLocale)}`
      : ''
  const name = privateName(wanted.run)
  await session.query(
    `CREATE DATABASE ${identifier(name)} TEMPLATE template0 ENCODING ${literal(facts.encoding)}` +
      ` LC_COLLATE ${literal(facts.collate)} LC_CTYPE ${literal(facts.ctype)}${icu}`,
  )
  tell.isCalled(name)
  await session.query(
    `COMMENT ON DATABASE ${identifier(name)} IS ${literal(`Restore job ${wanted.run.jobId} is not done`)}`,
  )
  const [made] = await session.query<{ oid: string }>(
    'SELECT oid::text FROM pg_database WHERE datname = $1',
    [name],
  )
  await tell.placing({
    name: wanted.database,
    identity: identityOf(await serverIdentity(session), made?.oid ?? ''),
  })
  // Refused by the server where something has that name by now.
  await session.query(`ALTER DATABASE ${identifier(name)} RENAME TO ${identifier(wanted.database)}`)
  tell.isCalled(wanted.database)
}

/** Drops what the runs before left, and nothing else. */
export async function dropEarlier(
  settings: PostgresqlSettings,
  run: RestoreRun,
  placed: PlacedThing | undefined,
): Promise<void> {
  await dropMade(settings, earlierNames(run), placed)
}

/** Drops what this run made, `placed` by then, and nothing else; also when the job was told to stop. */
export async function dropOwn(
  settings: PostgresqlSettings,
  run: RestoreRun,
  placed: PlacedThing | undefined,
): Promise<void> {
  await dropMade(settings, [privateName(run)], placed)
}

async function dropMade(
  settings: PostgresqlSettings,
  names: readonly string[],
  placed: PlacedThing | undefined,
): Promise<void> {
  await using session = await connectServer(settings, AbortSignal.timeout(SHORT_WORK_MS))
  // Those of private names first: once they are gone none of them gets the final name any more.
  for (const name of await madeOf(session, names, undefined)) await drop(session, name)
  for (const name of await madeOf(session, [], placed)) await drop(session, name)
}

/** Drops a database of the restore account's; nothing where there is none of that name. */
export async function dropDatabase(settings: PostgresqlSettings, database: string): Promise<void> {
  await using session = await connectServer(settings, AbortSignal.timeout(SHORT_WORK_MS))
  const [found] = await session.query('SELECT oid FROM pg_database WHERE datname = $1', [database])
  if (found !== undefined) await drop(session, database)
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

/** A session on any database of the server that surely exists: `postgres`, else the registered one. */
export async function connectServer(
  settings: PostgresqlSettings,
  signal: AbortSignal,
): Promise<DatabaseSession> {
  try {
    return await connectDatabase(settings, restoreLogin(settings, 'postgres'), signal)
  } catch (error) {
    signal.throwIfAborted()
    if (settings.database === 'postgres') throw error
    return connectDatabase(settings, restoreLogin(settings, settings.database), signal)
  }
}

/** Of the restore account's databases those of `names`, and the one that `placed` tells of if it is that very one. */
async function madeOf(
  session: DatabaseSession,
  names: readonly string[],
  placed: PlacedThing | undefined,
): Promise<readonly string[]> {
  const found = await session.query<{ name: string; oid: string }>(
    `SELECT datname AS name, oid::text FROM pg_database
     WHERE datname = ANY($1) AND datdba = (SELECT oid FROM pg_roles WHERE rolname = current_user)`,
    [[...names, ...(placed === undefined ? [] : [placed.name])]],
  )
  const server = placed === undefined ? '' : await serverIdentity(session)
  const isOurs = ({ name, oid }: { name: string; oid: string }): boolean =>
    names.includes(name) || (name === placed?.name && identityOf(server, oid) === placed.identity)
  return found.filter(isOurs).map(({ name }) => name)
}

const identityOf = (server: string, oid: string): string => `${server}:${oid}`

/**
 * Numbers of databases are given out again by other servers, and begin at the same. A server's own number outlives its restarts; where
 * the account may not read it, the time of its start tells it from others until then.
 */
async function serverIdentity(session: DatabaseSession): Promise<string> {
  const [right] = await session.query<{ may: boolean }>(
    `SELECT has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE') AS may`,
  )
  const [row] = await session.query<{ identity: string }>(
    right?.may === true
      ? 'SELECT system_identifier::text AS identity FROM pg_catalog.pg_control_system()'
      : `SELECT 'since ' || extract(epoch FROM pg_postmaster_start_time())::text AS identity`,
  )
  if (row === undefined) throw new PostgresqlServerError('The server does not say which one it is')
  return row.identity
}

function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** E'' would be needed only for escapes: standard_conforming_strings is on in every served version. */
function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}
