import { QueryRefusedError } from '../driver.ts'
import type { QueryRows } from '../driver.ts'
import { namesIn } from './postgresql-query-text.ts'
import { serverVersion } from './postgresql-server.ts'
import type { DatabaseSession } from './postgresql-server.ts'

/**
 * Runs a query that somebody wrote on a database that a restore made, so that it can change nothing and reach nothing else:
 *
 * - the account is no superuser and in no role that reads files, runs programs or ends sessions; one that is, is refused, also where
 *   the connection allows superusers;
 * - the database has no foreign server, no untrusted language, and no extension but those that any user may install;
 * - the query names no function of PostgreSQL or of an extension that does more than read (those are VOLATILE: they send signals,
 *   change settings, run other SQL, read files, move sequences);
 * - it is one statement inside a SELECT of ours, sent by the extended protocol, which takes no second one, in a transaction that is
 *   READ ONLY, has a time limit, and is rolled back.
 *
 * What is left: functions that are content of the database itself run as the account, as they do while it is restored. They can end its
 * other sessions. Restores should have an account of their own.
 */
export async function queryRestored(
  database: DatabaseSession,
  text: string,
  limits: { readonly rows: number; readonly milliseconds: number },
): Promise<QueryRows> {
  const query = text.replace(/;\s*$/, '')
  const names = namesIn(query)
  await refuseAccount(database)
  await refuseOpenings(database)
  await refuseFunctions(database, names)
  await database.query('BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY')
  try {
    await database.query('SET LOCAL standard_conforming_strings = on')
    await database.query(`SET LOCAL statement_timeout = ${limits.milliseconds}`)
    return await database.answer(`SELECT * FROM (\n${query}\n) AS validated LIMIT ${limits.rows}`)
  } catch (error) {
    throw told(error, limits.milliseconds)
  } finally {
    await database.query('ROLLBACK').catch(() => undefined)
  }
}

/** Roles of PostgreSQL's that reach beyond one database. */
const POWERS = [
  'pg_read_server_files',
  'pg_write_server_files',
  'pg_execute_server_program',
  'pg_signal_backend',
  'pg_create_subscription',
]

async function refuseAccount(database: DatabaseSession): Promise<void> {
  const [row] = await database.query<{ user: string; super: boolean; replicates: boolean; powers: string[] }>(
    `SELECT rolname AS "user", rolsuper AS super, rolreplication AS replicates, ARRAY(
       SELECT p.rolname::text FROM pg_roles p WHERE p.rolname = ANY($1) AND pg_has_role(current_user, p.oid, 'MEMBER')
     ) AS powers FROM pg_roles WHERE rolname = current_user`,
    [POWERS],
  )
  if (row === undefined) throw new QueryRefusedError('The server does not list the account that queries')
  const powers = [
    ...(row.super ? ['superuser'] : []),
    ...(row.replicates ? ['REPLICATION'] : []),
    ...row.powers,
  ]
  if (powers.length === 0) return
  throw new QueryRefusedError(
    `No query is run as ${JSON.stringify(row.user)}, which is ${powers.join(', ')}: it could reach beyond the restored database. ` +
      'Register the resource with a restore user (--restore-user) that may only create databases',
  )
}

async function refuseOpenings(database: DatabaseSession): Promise<void> {
  const { major } = await serverVersion(database)
  const isTrusted =
    major >= 13
      ? `EXISTS (SELECT FROM pg_available_extension_versions v
           WHERE v.name = e.extname AND v.version = e.extversion AND v.trusted)`
      : 'false'
  const openings = await database.query<{ what: string }>(
    `SELECT 'extension ' || extname AS what FROM pg_extension e WHERE extname <> 'plpgsql' AND NOT ${isTrusted}
     UNION ALL SELECT 'foreign server ' || srvname FROM pg_foreign_server
     UNION ALL SELECT 'language ' || lanname FROM pg_language
       WHERE NOT lanpltrusted AND lanname NOT IN ('internal', 'c')
     LIMIT 3`,
  )
  if (openings.length === 0) return
  throw new QueryRefusedError(
    `No query is run on a database that could lead elsewhere: it has ${openings.map(({ what }) => what).join(', ')}`,
  )
}

/** Volatile, and reading all the same. */
const HARMLESS = [
  'clock_timestamp',
  'gen_random_uuid',
  'pg_database_size',
  'pg_indexes_size',
  'pg_relation_size',
  'pg_table_size',
  'pg_total_relation_size',
  'random',
]
/** Not volatile, and telling of other databases' sessions. */
const TELLING = ['pg_stat_activity', 'pg_stat_get_activity', 'pg_stat_get_backend_activity']

async function refuseFunctions(database: DatabaseSession, names: readonly string[]): Promise<void> {
  const telling = names.filter((name) => TELLING.includes(name))
  const asked = names.filter((name) => !HARMLESS.includes(name))
  // Those of tablefunc run the SQL that they are given as text.
  const found = await database.query<{ name: string }>(
    `SELECT DISTINCT p.proname AS name FROM pg_proc p
     LEFT JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
     LEFT JOIN pg_extension e ON e.oid = d.refobjid
     WHERE p.proname = ANY($1) AND (
       (p.pronamespace = 'pg_catalog'::regnamespace AND p.provolatile = 'v')
       OR (e.oid IS NOT NULL AND (p.provolatile = 'v' OR e.extname = 'tablefunc')))
     ORDER BY 1`,
    [asked],
  )
  const refused = [...telling, ...found.map(({ name }) => name)]
  if (refused.length === 0) return
  throw new QueryRefusedError(
    `It names ${refused.slice(0, 3).join(', ')}, which may do more than read this database. A validator's query may not; a column of ` +
      'that name can be reached through a view of the database',
  )
}

/** SQLSTATE classes of what passes by itself: connection, resources, operator intervention. */
const PASSING = /^(?:08|53|57P)/

/** What the query itself is to blame for is its answer; the rest is left as it is. */
function told(error: unknown, milliseconds: number): unknown {
  const { cause } = error as { cause?: { code?: unknown; message?: unknown } }
  const code = typeof cause?.code === 'string' ? cause.code : ''
  if (!/^[0-9A-Z]{5}$/.test(code) || PASSING.test(code)) return error
  const why =
    code === '57014'
      ? `It took longer than ${milliseconds / 1000} s`
      : `PostgreSQL says: ${String(cause?.message)}`
  return new QueryRefusedError(`${why} (${code})`, { cause: error })
}
