import { MAX_DISCOVERED } from '../driver.ts'
import type { Connection, Discovered } from '../driver.ts'
import { connectDatabase, refuseSuperuser } from './postgresql-server.ts'
import { parsePostgresqlSettings } from './postgresql-settings.ts'

/**
 * Databases of the server that the account may connect to. A database that a restore is filling says so in its comment, and is left out
 * until it is whole.
 */
export async function discoverDatabases(connection: Connection, signal: AbortSignal): Promise<Discovered> {
  const settings = parsePostgresqlSettings(connection)
  await using database = await connectDatabase(settings, settings, signal)
  await refuseSuperuser(database, settings, settings.user)
  const rows = await database.query<{ name: string }>(
    `SELECT datname AS name FROM pg_database
     WHERE datallowconn AND NOT datistemplate AND has_database_privilege(datname, 'CONNECT')
       AND coalesce(shobj_description(oid, 'pg_database'), '') !~ '^Restore job [0-9A-Fa-f-]+ is not done$'
     ORDER BY datname LIMIT $1`,
    [MAX_DISCOVERED + 1],
  )
  return {
    names: rows.slice(0, MAX_DISCOVERED).map(({ name }) => name),
    isCut: rows.length > MAX_DISCOVERED,
  }
}
