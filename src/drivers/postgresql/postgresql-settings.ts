import { isIP } from 'node:net'
import type { Connection } from '../driver.ts'

/**
 * What the connection of one PostgreSQL database holds. Everything is checked before it comes near a command line: pg_dump
 * takes a database name of `--file=/x` for an option, and one of `host=evil dbname=x` or `postgresql://evil/x` for a whole
 * connection, password included (CVE-2026-86864 is that fault in pgAdmin).
 *
 * The secret is either the password, or a JSON object `{"password": …, "restorePassword": …}` where restores use an account of
 * their own. A password that begins with `{` must be given in the JSON form.
 */
export interface PostgresqlSettings {
  readonly host: string
  readonly port: number
  readonly database: string
  readonly user: string
  readonly password: string
  /** Account of restores: creates the database and owns what is restored. */
  readonly restoreUser: string
  readonly restorePassword: string
  /** `verify-full` checks certificate and name; `require` encrypts to anybody; `disable` does not encrypt. */
  readonly tlsMode: 'verify-full' | 'require' | 'disable'
  /** Authorities that may sign the server's certificate; the runtime's own where absent. */
  readonly tlsCaPem: string | undefined
  readonly allowSuperuser: boolean
  /** False: a server that asks for the password itself or for its MD5, instead of SCRAM, is refused. */
  readonly allowWeakAuth: boolean
}

/** Settings or a secret that cannot be used; the message names the field, never a secret. */
export class PostgresqlSettingsError extends Error {
  override name = 'PostgresqlSettingsError'
}

/** @throws {PostgresqlSettingsError} Naming the first setting that cannot be used. */
export function parsePostgresqlSettings(connection: Connection): PostgresqlSettings {
  const { settings, secret } = connection
  const user = requireName('user', settings['user'])
  const restoreUser =
    settings['restoreUser'] === undefined ? user : requireName('restoreUser', settings['restoreUser'])
  const { password, restorePassword = password } = parseSecret(secret)
  return {
    host: requireHost(settings['host']),
    port: requirePort(settings['port'] ?? 5432),
    database: requireDatabaseName('database', settings['database']),
    user,
    // One account has one password: `restorePassword` is that of `restoreUser`, whatever else it does.
    password: user === restoreUser ? restorePassword : password,
    restoreUser,
    restorePassword,
    tlsMode: requireTlsMode(settings['tlsMode'] ?? 'verify-full'),
    tlsCaPem: requireOptionalPem(settings['tlsCaPem']),
    allowSuperuser: requireFlag('allowSuperuser', settings['allowSuperuser']),
    allowWeakAuth: requireFlag('allowWeakAuth', settings['allowWeakAuth']),
  }
}

/**
 * A name that can be the value of `--dbname=` and nothing else.
 * @throws {PostgresqlSettingsError}
 */
export function requireDatabaseName(field: string, value: unknown): string {
  const name = requireName(field, value)
  if (name.includes('=') || /^postgres(?:ql)?:\/\//i.test(name)) {
    throw new PostgresqlSettingsError(
      `The ${field} ${quoted(name)} looks like a connection string: give the bare name of a database`,
    )
  }
  return name
}

function requireName(field: string, value: unknown): string {
  if (typeof value !== 'string' || value === '') {
    throw new PostgresqlSettingsError(`The setting ${field} of a PostgreSQL connection is missing`)
  }
  // Identifiers are cut at 63 bytes by the server: a longer one would name another thing than it says.
  if (Buffer.byteLength(value) > 63) {
    throw new PostgresqlSettingsError(`The ${field} ${quoted(value)} is longer than PostgreSQL's 63 bytes`)
  }
  // oxlint-disable-next-line no-control-regex
  if (value.startsWith('-') || /[\u0000-\u001f\u007f]/.test(value)) {
    throw new PostgresqlSettingsError(
      `The ${field} ${quoted(value)} begins with "-" or holds a control character`,
    )
  }
  return value
}

function requireHost(value: unknown): string {
  if (typeof value !== 'string' || value === '') {
    throw new PostgresqlSettingsError('The setting host of a PostgreSQL connection is missing')
  }
  // One host name or address: no socket path, no list, no scope id.
  const isName = /^[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9_])?\.?$/.test(value)
  if (!isName && isIP(value) === 0) {
    throw new PostgresqlSettingsError(`The host ${quoted(value)} is neither a host name nor an IP address`)
  }
  if (value.includes('%')) {
    throw new PostgresqlSettingsError(
      `The host ${quoted(value)} is an address with a scope, which is not served`,
    )
  }
  return value
}

function requirePort(value: unknown): number {
  const port = typeof value === 'string' && /^\d{1,5}$/.test(value) ? Number(value) : value
  if (typeof port !== 'number' || !Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new PostgresqlSettingsError(`The port ${quoted(String(value))} is not a number from 1 to 65535`)
  }
  return port
}

function requireTlsMode(value: unknown): PostgresqlSettings['tlsMode'] {
  if (value === 'verify-full' || value === 'require' || value === 'disable') return value
  throw new PostgresqlSettingsError(
    `The tlsMode ${quoted(String(value))} is not one of verify-full, require and disable`,
  )
}

function requireOptionalPem(value: unknown): string | undefined {
  if (value === undefined || value === '') return undefined
  if (typeof value === 'string' && value.includes('-----BEGIN CERTIFICATE-----')) return value
  throw new PostgresqlSettingsError('The setting tlsCaPem holds no certificate in PEM form')
}

function requireFlag(field: string, value: unknown): boolean {
  if (value === undefined || typeof value === 'boolean') return value ?? false
  throw new PostgresqlSettingsError(`The setting ${field} is neither true nor false`)
}

function parseSecret(secret: string | undefined): { password: string; restorePassword: string | undefined } {
  if (secret === undefined || secret === '') {
    throw new PostgresqlSettingsError('The PostgreSQL connection has no password')
  }
  if (!secret.startsWith('{')) return { password: requirePassword(secret), restorePassword: undefined }
  let parsed: unknown
  try {
    parsed = JSON.parse(secret)
  } catch {
    // No cause: the parser's message quotes the secret.
    throw new PostgresqlSettingsError(
      'The secret begins with "{" and is not valid JSON: give {"password": …}',
    )
  }
  const { password, restorePassword } = parsed as Record<string, unknown>
  return {
    password: requirePassword(password),
    restorePassword: restorePassword === undefined ? undefined : requirePassword(restorePassword),
  }
}

function requirePassword(value: unknown): string {
  if (typeof value !== 'string' || value === '') {
    throw new PostgresqlSettingsError('The secret of the PostgreSQL connection holds no password')
  }
  // A password file is read line by line; libpq cannot take these from it.
  if (/[\0\r\n]/.test(value)) {
    throw new PostgresqlSettingsError('The password holds a line break or NUL, which libpq cannot take')
  }
  return value
}

/** For messages: hostile values keep to one line and a bounded length. */
export function quoted(value: string): string {
  return JSON.stringify(value.length > 200 ? `${value.slice(0, 200)}…` : value)
}
