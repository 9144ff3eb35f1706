import type { EventEmitter } from 'node:events'
import { Socket } from 'node:net'
import { checkServerIdentity } from 'node:tls'
import type { Duplex } from 'node:stream'
import type { ConnectionOptions } from 'node:tls'
import pg from 'pg'
import { judgedLookup } from '../../egress/addresses.ts'
import type { QueryRows } from '../driver.ts'
import { mask } from './postgresql-child.ts'
import { quoted } from './postgresql-settings.ts'
import type { PostgresqlSettings } from './postgresql-settings.ts'
import type { ToolLogin } from './postgresql-tools.ts'

/** What was tried at the server and failed; the message names server, database and account, never a password. */
export class PostgresqlServerError extends Error {
  override name = 'PostgresqlServerError'
}

export interface DatabaseSession extends AsyncDisposable {
  /** Address of the server, judged as it was connected to: a tool that follows goes there, whatever the name means by then. */
  readonly address: string
  query<Row extends pg.QueryResultRow>(text: string, values?: readonly unknown[]): Promise<Row[]>
  /** One statement by the extended protocol, which takes no second one; values as the server writes them as text. */
  answer(text: string): Promise<QueryRows>
}

/** Facts of one database that a restore needs, kept beside the dump as `database.json`. */
export interface DatabaseFacts {
  readonly version: 1
  readonly database: string
  readonly serverVersion: string
  readonly serverMajor: number
  readonly owner: string
  readonly encoding: string
  readonly collate: string
  readonly ctype: string
  /** `c` libc, `i` ICU, `b` built in. */
  readonly localeProvider: string
  readonly icuLocale: string | null
  readonly sizeBytes: number
  readonly extensions: readonly { readonly name: string; readonly version: string; readonly schema: string }[]
  /** Roles that own or are granted something inside: a restore leaves both away, they are named for whoever grants again. */
  readonly roles: readonly string[]
}

const CONNECT_TIMEOUT_MS = 20_000
const STATEMENT_TIMEOUT_MS = 120_000

/** Relations, functions, types and schemas that are not the system's and do not belong to an extension. */
const OWN_OBJECTS = `
  WITH own_schema AS (
    SELECT oid, nspname FROM pg_namespace
    WHERE nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') AND nspname !~ '^pg_(toast_)?temp_'
  ), of_extension AS (
    SELECT classid, objid FROM pg_depend WHERE deptype = 'e'
  )
  SELECT 'relation' AS kind, s.nspname || '.' || c.relname AS name, c.oid, 'pg_class'::regclass::oid AS classid, c.relkind::text
    FROM pg_class c JOIN own_schema s ON s.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f', 'c')
  UNION ALL
  SELECT 'function', s.nspname || '.' || p.proname, p.oid, 'pg_proc'::regclass::oid, ''
    FROM pg_proc p JOIN own_schema s ON s.oid = p.pronamespace
  UNION ALL
  SELECT 'type', s.nspname || '.' || t.typname, t.oid, 'pg_type'::regclass::oid, ''
    FROM pg_type t JOIN own_schema s ON s.oid = t.typnamespace WHERE t.typtype IN ('e', 'd', 'r')
  UNION ALL
  SELECT 'schema', s.nspname, s.oid, 'pg_namespace'::regclass::oid, '' FROM own_schema s WHERE s.nspname <> 'public'`

const NOT_OF_EXTENSION = `NOT EXISTS (SELECT FROM pg_depend d WHERE d.deptype = 'e' AND d.classid = o.classid AND d.objid = o.oid)`

/** What to do about what PostgreSQL says in words of its own. */
const ADVICE: readonly (readonly [RegExp, string])[] = [
  [/ECONNREFUSED/, ': nothing listens there. Is it started, and are host and port right?'],
  [/ENOTFOUND/, ': no host of this name is known'],
  [
    /not support SSL/,
    ': turn TLS on there, or register with TLS mode "disable" where nobody can listen between',
  ],
  [/database ".*" already exists/, ': restore under another name'],
  [
    /permission denied to create database/,
    ': give the account CREATEDB there (ALTER ROLE … CREATEDB), or register the resource with a restore user that has it',
  ],
]

/**
 * Connects to one database. A server that asks for the password in clear or as MD5 gets neither unless the settings allow it.
 * @throws {PostgresqlServerError}
 */
export async function connectDatabase(
  settings: PostgresqlSettings,
  login: ToolLogin,
  signal: AbortSignal,
): Promise<DatabaseSession> {
  signal.throwIfAborted()
  const place = `database ${quoted(login.database)} at ${settings.host}:${settings.port} as ${quoted(login.user)}`
  let weak: string | undefined
  const socket = new JudgedSocket()
  let address = ''
  // Once TLS has taken the socket over it does not tell.
  socket.once('connect', () => (address = socket.remoteAddress ?? ''))
  const client = new pg.Client({
    host: settings.host,
    port: settings.port,
    stream: () => socket,
    database: login.database,
    user: login.user,
    password: () => {
      if (weak !== undefined && !settings.allowWeakAuth) {
        throw new Error(
          `the server asks for ${weak} instead of SCRAM; change its pg_hba.conf, or set allowWeakAuth`,
        )
      }
      return login.password
    },
    ssl: tlsOptions(settings),
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    query_timeout: STATEMENT_TIMEOUT_MS + 5000,
    application_name: 'roleback',
  })
  // The package gives the wire's events no types; without a listener ahead of its own the password would be on its way.
  const wire = (client as unknown as { connection: EventEmitter }).connection
  wire.prependListener('authenticationCleartextPassword', () => (weak = 'the password in clear'))
  wire.prependListener('authenticationMD5Password', () => (weak = 'an MD5 of the password'))
  limitAnswers(wire as Wire, settings.tlsMode !== 'disable')
  client.on('error', () => undefined)
  const explain = (error: unknown): Error => {
    if (signal.aborted) return signal.reason instanceof Error ? signal.reason : new Error('stopped')
    const { message, code } = error as { message: string; code?: string }
    const text = mask(message, [login.password])
    const advice = ADVICE.find(([pattern]) => pattern.test(message))?.[1] ?? ''
    return new PostgresqlServerError(
      `PostgreSQL refused at ${place}: ${text}${code ? ` (${code})` : ''}${advice}`,
      { cause: error },
    )
  }
  const onAbort = (): void => {
    ;(client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy()
  }
  signal.addEventListener('abort', onAbort)
  const close = async (): Promise<void> => {
    signal.removeEventListener('abort', onAbort)
    await client.end().catch(() => undefined)
  }
  try {
    await client.connect()
  } catch (error) {
    await close()
    throw explain(error)
  }
  return {
    address,
    async query<Row extends pg.QueryResultRow>(
      text: string,
      values: readonly unknown[] = [],
    ): Promise<Row[]> {
      try {
        const result = await client.query<Row>(text, [...values])
        return result.rows
      } catch (error) {
        throw explain(error)
      }
    },
    async answer(text: string): Promise<QueryRows> {
      try {
        // The package's types do not know `queryMode`.
        const asked = { text, rowMode: 'array', queryMode: 'extended', types: AS_TEXT } as pg.QueryArrayConfig
        const { rows } = await client.query<(string | null)[]>(asked)
        return rows
      } catch (error) {
        throw explain(error)
      }
    },
    [Symbol.asyncDispose]: close,
  }
}

/** The package connects by name: it is looked up where forbidden addresses are refused. */
class JudgedSocket extends Socket {
  override connect(...to: unknown[]): this {
    const [port, host] = to
    if (typeof port !== 'number' || typeof host !== 'string') throw new Error('a server is a host and a port')
    return super.connect({ port, host, lookup: judgedLookup })
  }
}

const AS_TEXT = { getTypeParser: () => String } as unknown as pg.CustomTypesConfig

/** The package's own connection: it gives its events and its socket no types. */
interface Wire extends EventEmitter {
  readonly stream: Duplex
}

/** All that our questions are answered with in one session stays far below this; the data itself comes through pg_dump. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024

/** The package gathers rows and messages whole: a server that never ends one would take all memory. */
function limitAnswers(wire: Wire, isTls: boolean): void {
  wire.once(isTls ? 'sslconnect' : 'connect', () => {
    const { stream } = wire
    let bytes = 0
    stream.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > MAX_ANSWER_BYTES)
        stream.destroy(new Error(`the server answered with more than ${MAX_ANSWER_BYTES} bytes`))
    })
  })
}

function tlsOptions(settings: PostgresqlSettings): ConnectionOptions | false {
  if (settings.tlsMode === 'disable') return false
  if (settings.tlsMode === 'require') return { rejectUnauthorized: false }
  return {
    rejectUnauthorized: true,
    ...(settings.tlsCaPem === undefined ? {} : { ca: settings.tlsCaPem }),
    // Without this Node would compare with "localhost" where the host is an address.
    checkServerIdentity: (_name, certificate) => checkServerIdentity(settings.host, certificate),
  }
}

/** @throws {PostgresqlServerError} When the account is a superuser and the settings do not allow that. */
export async function refuseSuperuser(
  database: DatabaseSession,
  settings: PostgresqlSettings,
  user: string,
): Promise<void> {
  const [row] = await database.query<{ rolsuper: boolean }>(
    'SELECT rolsuper FROM pg_roles WHERE rolname = current_user',
  )
  if (row?.rolsuper === false || settings.allowSuperuser) return
  throw new PostgresqlServerError(
    `The account ${quoted(user)} is a superuser of ${settings.host}:${settings.port}: functions that users planted would run with all its power. Use the owner of the database, or register with --allow-superuser (AllowSuperuser) where you trust everybody who may write to it`,
  )
}

/** Name and major version of the server behind an open session. */
export async function serverVersion(database: DatabaseSession): Promise<{ version: string; major: number }> {
  const [row] = await database.query<{ version: string; number: string }>(
    `SELECT current_setting('server_version') AS version, current_setting('server_version_num') AS number`,
  )
  return { version: row?.version ?? '', major: Math.floor(Number(row?.number ?? 0) / 10_000) }
}

/** Reads what `database.json` holds. */
export async function readFacts(database: DatabaseSession): Promise<DatabaseFacts> {
  const { version, major } = await serverVersion(database)
  const provider = major >= 15 ? 'datlocprovider::text' : `'c'`
  const icu = major >= 17 ? 'datlocale' : major >= 15 ? 'daticulocale' : 'NULL::text'
  const [row] = await database.query<Record<string, string>>(
    `SELECT datname AS name, pg_get_userbyid(datdba) AS owner, pg_encoding_to_char(encoding) AS encoding, datcollate AS collate,
       datctype AS ctype, ${provider} AS provider, ${icu} AS icu, pg_database_size(oid)::text AS size
     FROM pg_database WHERE datname = current_database()`,
  )
  if (row === undefined)
    throw new PostgresqlServerError('The server does not list the database that it opened')
  const extensions = await database.query<{ name: string; version: string; schema: string }>(
    `SELECT extname AS name, extversion AS version, nspname AS schema
     FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE extname <> 'plpgsql' ORDER BY 1`,
  )
  const roles = await database.query<{ name: string }>(
    `SELECT DISTINCT pg_get_userbyid(refobjid) AS name FROM pg_shdepend
     WHERE refclassid = 'pg_authid'::regclass AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
     ORDER BY 1 LIMIT 1000`,
  )
  return {
    version: 1,
    database: row['name'] ?? '',
    serverVersion: version,
    serverMajor: major,
    owner: row['owner'] ?? '',
    encoding: row['encoding'] ?? 'UTF8',
    collate: row['collate'] ?? 'C',
    ctype: row['ctype'] ?? 'C',
    localeProvider: row['provider'] ?? 'c',
    icuLocale: row['icu'] ?? null,
    sizeBytes: Number(row['size'] ?? 0),
    extensions,
    roles: roles.map(({ name }) => name),
  }
}

/** Names of what lies in the database, at most `limit`; empty where it is as CREATE DATABASE makes it. */
export async function ownObjects(database: DatabaseSession, limit: number): Promise<readonly string[]> {
  const objects = await database.query<{ kind: string; name: string }>(
    `SELECT kind, name FROM (${OWN_OBJECTS}) o WHERE ${NOT_OF_EXTENSION} ORDER BY kind, name LIMIT $1`,
    [limit],
  )
  const large = await database.query<{ oid: string }>(`SELECT oid::text FROM pg_largeobject_metadata LIMIT 1`)
  return [
    ...objects.map(({ kind, name }) => `${kind} ${name}`),
    ...large.map(({ oid }) => `large object ${oid}`),
  ].slice(0, limit)
}

/** Ordinary and partitioned tables that do not belong to an extension: what a dump's contents call TABLE. */
export async function countTables(database: DatabaseSession): Promise<number> {
  const [row] = await database.query<{ count: string }>(
    `SELECT count(*)::text AS count FROM (${OWN_OBJECTS}) o WHERE o.relkind IN ('r', 'p') AND ${NOT_OF_EXTENSION}`,
  )
  return Number(row?.count ?? 0)
}

/** Sentences about what this account cannot read: a dump by it would fail. */
export async function missingRights(database: DatabaseSession): Promise<readonly string[]> {
  const unreadable = await database.query<{ name: string }>(
    `SELECT name FROM (${OWN_OBJECTS}) o WHERE ${NOT_OF_EXTENSION} AND (
       (o.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT has_table_privilege(o.oid, 'SELECT'))
       OR (o.relkind = 'S' AND NOT has_sequence_privilege(o.oid, 'SELECT'))
       OR (o.kind = 'schema' AND NOT has_schema_privilege(o.oid, 'USAGE')))
     ORDER BY name`,
  )
  const secured = await database.query<{ name: string }>(
    `SELECT s.nspname || '.' || c.relname AS name FROM pg_class c JOIN pg_namespace s ON s.oid = c.relnamespace
     WHERE c.relrowsecurity AND row_security_active(c.oid) ORDER BY 1`,
  )
  const warnings: string[] = []
  if (unreadable.length > 0) {
    warnings.push(
      `The account may not read ${unreadable.length} tables, sequences or schemas (${sample(unreadable)}): backups will fail until it has SELECT and USAGE`,
    )
  }
  if (secured.length > 0) {
    warnings.push(
      `Row-level security hides rows of ${secured.length} tables (${sample(secured)}) from the account: backups will fail until it owns them or has BYPASSRLS`,
    )
  }
  return warnings
}

function sample(rows: readonly { readonly name: string }[]): string {
  const shown = rows.slice(0, 3).map(({ name }) => name)
  return rows.length > 3 ? `${shown.join(', ')}, …` : shown.join(', ')
}
