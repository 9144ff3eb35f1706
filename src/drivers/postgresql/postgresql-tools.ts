import { execFile } from 'node:child_process'
import { chmod, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { getCACertificates } from 'node:tls'
import { promisify } from 'node:util'
import { quoted, requireDatabaseName } from './postgresql-settings.ts'
import type { PostgresqlSettings } from './postgresql-settings.ts'

/** Which of PostgreSQL's two programs; both must be at least as new as the server. */
export type PostgresqlTool = 'pg_dump' | 'pg_restore'

/** The account and database that a tool works as and in. */
export interface ToolLogin {
  readonly database: string
  readonly user: string
  readonly password: string
}

export interface FoundTool {
  readonly path: string
  readonly major: number
  /** As the tool prints it, e.g. `15.18`. */
  readonly version: string
}

/** No fitting pg_dump or pg_restore; the message says which version is needed. */
export class ToolMissingError extends Error {
  override name = 'ToolMissingError'
}

/** Debian and RPM packages keep every version here; the wrapper in /usr/bin reads files of the user's, so it comes last. */
const PACKAGE_ROOTS = ['/usr/lib/postgresql', '/usr/local/pgsql', '/opt/homebrew/opt/libpq'] as const

/** Longest wait for a table that somebody holds ACCESS EXCLUSIVE, instead of for ever. */
const LOCK_WAIT_MS = 10 * 60_000

const run = promisify(execFile)

/**
 * The one place where command lines of PostgreSQL's tools are made. Their length is fixed and every value is joined to its
 * option, so that no value can be read as an option of its own.
 * @param list A file of our own with the entries of the dump that pg_restore is to restore; without it all are.
 */
export function toolArguments(
  tool: PostgresqlTool,
  settings: Pick<PostgresqlSettings, 'host' | 'port'>,
  login: Pick<ToolLogin, 'database' | 'user'>,
  list?: string,
): readonly string[] {
  const target = [
    `--dbname=${requireDatabaseName('database', login.database)}`,
    `--host=${settings.host}`,
    `--port=${settings.port}`,
    `--username=${login.user}`,
    '--no-password',
  ]
  const only = list === undefined ? [] : [`--use-list=${list}`]
  return tool === 'pg_dump'
    ? ['--format=custom', '--compress=0', `--lock-wait-timeout=${LOCK_WAIT_MS}`, ...target]
    : [
        '--format=custom',
        '--exit-on-error',
        '--single-transaction',
        '--no-owner',
        '--no-acl',
        ...only,
        ...target,
      ]
}

export interface ToolFolder extends AsyncDisposable {
  /** The child's whole environment, made from nothing. */
  readonly env: Readonly<Record<string, string>>
  /** Puts a file of ours beside the others. @returns Its path. */
  put(name: 'entries', text: string): Promise<string>
}

/**
 * A private folder with the password file (0600) and the certificates that a tool reads, and the environment that points
 * there. Removed on disposal. libpq cannot take the password any other way that neither argv nor environment shows.
 *
 * @param address Where the tool connects: libpq looks the host's name up no more, and holds certificates against it.
 */
export async function openToolFolder(
  settings: PostgresqlSettings,
  login: ToolLogin,
  address: string,
): Promise<ToolFolder> {
  const dir = await mkdtemp(join(tmpdir(), 'roleback-pg-'))
  try {
    await chmod(dir, 0o700)
    const passFile = join(dir, 'pgpass')
    const password = login.password.replaceAll(/[\\:]/g, (special) => `\\${special}`)
    await writeFile(passFile, `*:*:*:*:${password}\n`, { mode: 0o600 })
    const absent = join(dir, 'absent')
    const authorities = join(dir, 'authorities.pem')
    if (settings.tlsMode === 'verify-full') {
      const pem = settings.tlsCaPem ?? getCACertificates('default').join('\n')
      await writeFile(authorities, pem, { mode: 0o600 })
    }
    const env: Record<string, string> = {
      PATH: '/usr/bin:/bin',
      LC_ALL: 'C.UTF-8',
      HOME: dir,
      PGHOSTADDR: address,
      PGPASSFILE: passFile,
      PGSSLMODE: settings.tlsMode,
      // With a root certificate in sight libpq would check it in mode `require` too.
      PGSSLROOTCERT: settings.tlsMode === 'verify-full' ? authorities : absent,
      PGSSLCERT: absent,
      PGSSLKEY: absent,
      PGGSSENCMODE: 'disable',
      PGCONNECT_TIMEOUT: '20',
      PGAPPNAME: 'roleback',
    }
    // Heeded from libpq 16 on; for older ones our own client has refused such a server just before.
    if (!settings.allowWeakAuth) env['PGREQUIREAUTH'] = 'scram-sha-256'
    const put = async (name: string, text: string): Promise<string> => {
      const path = join(dir, name)
      await writeFile(path, text, { mode: 0o600 })
      return path
    }
    return { env, put, [Symbol.asyncDispose]: () => rm(dir, { recursive: true, force: true }) }
  } catch (error) {
    await rm(dir, { recursive: true, force: true })
    throw error
  }
}

/**
 * The oldest installed version of `tool` that is not older than the server: pg_dump refuses newer servers, and what a much
 * newer one writes an older pg_restore may refuse.
 * @throws {ToolMissingError} Naming what was found and what is needed.
 */
export async function findTool(
  tool: PostgresqlTool,
  serverMajor: number,
  directories: readonly string[] | undefined,
): Promise<FoundTool> {
  const found: FoundTool[] = []
  const stages = directories === undefined ? [await packageDirectories(), pathDirectories()] : [directories]
  for (const stage of stages) {
    for (const directory of stage) {
      const candidate = await versionOf(join(directory, tool))
      if (candidate) found.push(candidate)
    }
    const fitting = found.filter(({ major }) => major >= serverMajor).toSorted((a, b) => a.major - b.major)[0]
    if (fitting) return fitting
  }
  const newest = found.toSorted((a, b) => b.major - a.major)[0]
  throw new ToolMissingError(
    newest
      ? `${tool} ${newest.version} (${newest.path}) is older than the server, which is PostgreSQL ${serverMajor}: install the PostgreSQL ${serverMajor} client programs or newer ones`
      : `${tool} was not found on this host: install the PostgreSQL ${serverMajor} client programs (Debian: postgresql-client)`,
  )
}

async function packageDirectories(): Promise<readonly string[]> {
  const directories: string[] = []
  for (const root of PACKAGE_ROOTS) {
    directories.push(join(root, 'bin'))
    try {
      for (const name of await readdir(root)) {
        if (/^\d+$/.test(name)) directories.push(join(root, name, 'bin'))
      }
    } catch {
      // No such packages here.
    }
  }
  return directories
}

function pathDirectories(): readonly string[] {
  return process.env['PATH']?.split(delimiter).filter((entry) => entry.startsWith('/')) ?? []
}

async function versionOf(path: string): Promise<FoundTool | undefined> {
  try {
    const options = { env: { PATH: '/usr/bin:/bin', LC_ALL: 'C' }, timeout: 10_000, maxBuffer: 4096 }
    const { stdout } = await run(path, ['--version'], options)
    const version = /\(PostgreSQL\) (\d+)(\.\d+)?/.exec(stdout)
    if (!version) return undefined
    return { path, major: Number(version[1]), version: `${version[1]}${version[2] ?? ''}` }
  } catch {
    // Not there, or not runnable: as if it were not installed.
    return undefined
  }
}

/** Fix levels below which a dump can run code while it is restored (CVE-2025-8714 and CVE-2025-8715). */
const FIXED_MINOR: Readonly<Record<number, number>> = { 13: 22, 14: 19, 15: 14, 16: 10, 17: 6 }

/** A warning where the tool has a known hole; undefined else. */
export function toolWarning(tool: PostgresqlTool, found: FoundTool): string | undefined {
  const minor = Number(found.version.split('.')[1] ?? 0)
  const fixed = FIXED_MINOR[found.major]
  const isSafe = found.major > 17 || (fixed !== undefined && minor >= fixed)
  if (isSafe) return undefined
  return `${tool} ${found.version} (${quoted(found.path)}) is affected by CVE-2025-8714: install a newer PostgreSQL client`
}
