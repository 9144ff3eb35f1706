import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import { askShared, freePort, runTool, SHARED_SERVERS } from './run-tool.ts'

const TOOLS_ROOT = '/usr/lib/postgresql'

export interface PostgresServer {
  readonly host: string
  readonly port: number
  readonly superuser: string
  readonly password: string
  /** PEM of the authority that signed the server's certificate; with `tls` only. */
  readonly caPem: string | undefined
  /** Folder of the server's own pg_dump and pg_restore. */
  readonly toolsDir: string
  /** Runs SQL as superuser in `database` (default: postgres); several statements may be given at once. */
  sql<Row extends pg.QueryResultRow>(text: string, database?: string): Promise<Row[]>
  stop(): Promise<void>
}

/** Why no PostgreSQL server can be started here; undefined where one can. */
export function postgresMissing(): string | undefined {
  return newestTools() === undefined
    ? `no PostgreSQL server under ${TOOLS_ROOT} (Debian: apt-get install postgresql-15)`
    : undefined
}

function newestTools(): string | undefined {
  if (!existsSync(TOOLS_ROOT)) return undefined
  return readdirSync(TOOLS_ROOT)
    .filter((name) => existsSync(join(TOOLS_ROOT, name, 'bin', 'initdb')))
    .toSorted((a, b) => Number(b) - Number(a))
    .map((name) => join(TOOLS_ROOT, name, 'bin'))[0]
}

/**
 * Starts a private PostgreSQL server below `dir` (made, and removed by stop(); its parents must let others through) on a free port of 127.0.0.1. Passwords are
 * checked with SCRAM; fsync is off, the data dies with the test. As root the server runs as the account `postgres`.
 */
export async function startPostgres(options: {
  readonly dir: string
  readonly tls?: boolean
}): Promise<PostgresServer> {
  const { dir } = options
  const { toolsDir, account } = await installed()
  const data = join(dir, 'data')
  const shared = process.env[SHARED_SERVERS]
  let password: string
  if (shared === undefined) ({ password } = await makeCluster(dir))
  else {
    makeFolder(dir, account)
    const cluster = await askShared<Cluster>(shared, '/postgres')
    await runTool('cp', ['-a', cluster.data, data])
    ;({ password } = cluster)
  }
  const caPem = options.tls ? await makeCertificate(dir, account) : undefined

  const port = await freePort()
  const tls = caPem ? [`ssl=on`, `ssl_cert_file=${dir}/server.crt`, `ssl_key_file=${dir}/server.key`] : []
  const settings = [
    `port=${port}`,
    'listen_addresses=127.0.0.1',
    `unix_socket_directories=${dir}`,
    'fsync=off',
    ...tls,
  ]
  const server = spawn(
    join(toolsDir, 'postgres'),
    ['-D', data, ...settings.flatMap((setting) => ['-c', setting])],
    { cwd: dir, stdio: ['ignore', 'ignore', 'pipe'], env: { PATH: toolsDir, LC_ALL: 'C.UTF-8' }, ...account },
  )
  let log = ''
  await new Promise<void>((resolve, reject) => {
    server.stderr.setEncoding('utf8').on('data', (text: string) => {
      log = (log + text).slice(-20_000)
      if (log.includes('ready to accept connections')) resolve()
    })
    server.once('exit', () => reject(new Error(`The PostgreSQL server in ${dir} did not start: ${log}`)))
  })

  const sql = async <Row extends pg.QueryResultRow>(text: string, database = 'postgres'): Promise<Row[]> => {
    const client = new pg.Client({ host: '127.0.0.1', port, user: 'super', password, database })
    await client.connect()
    try {
      const result = await client.query<Row>(text)
      return result.rows
    } finally {
      await client.end()
    }
  }
  const stop = async (): Promise<void> => {
    if (server.exitCode === null && server.signalCode === null) {
      const ended = once(server, 'exit')
      server.kill('SIGQUIT')
      await ended
    }
    await rm(dir, { recursive: true, force: true })
  }
  return { host: '127.0.0.1', port, superuser: 'super', password, caPem, toolsDir, sql, stop }
}

interface Account {
  readonly uid: number
  readonly gid: number
}

async function installed(): Promise<{ toolsDir: string; account: Account | undefined }> {
  const toolsDir = newestTools()
  if (toolsDir === undefined) throw new Error(postgresMissing())
  return { toolsDir, account: process.getuid?.() === 0 ? await accountOf('postgres') : undefined }
}

function makeFolder(dir: string, account: Account | undefined): void {
  mkdirSync(dir, { recursive: true, mode: 0o755 })
  if (account) chownSync(dir, account.uid, account.gid)
}

/** The files of a server that was never started. */
export interface Cluster {
  readonly data: string
  /** Of the superuser. */
  readonly password: string
}

/** Makes a cluster in `data` below `dir`. */
export async function makeCluster(dir: string): Promise<Cluster> {
  const { toolsDir, account } = await installed()
  makeFolder(dir, account)
  const password = randomBytes(12).toString('hex')
  const passwordFile = join(dir, 'password')
  writeFileSync(passwordFile, password, { mode: 0o600 })
  if (account) chownSync(passwordFile, account.uid, account.gid)
  const data = join(dir, 'data')
  const initdb = ['-D', data, '-U', 'super', '-A', 'scram-sha-256', `--pwfile=${passwordFile}`]
  await runTool(join(toolsDir, 'initdb'), [...initdb, '-N', '--locale=C.UTF-8', '-E', 'UTF8'], {
    cwd: dir,
    ...account,
  })
  return { data, password }
}

async function accountOf(name: string): Promise<Account> {
  const [, , uid, gid] = (await runTool('getent', ['passwd', name])).split(':')
  return { uid: Number(uid), gid: Number(gid) }
}

/** An authority and a certificate for `localhost` only, so that 127.0.0.1 is a wrong name for it. */
async function makeCertificate(dir: string, account: Account | undefined): Promise<string> {
  const key = join(dir, 'server.key')
  const files = ['-keyout', key, '-out', join(dir, 'server.crt')]
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost']
  await runTool('openssl', [
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-days',
    '2',
    ...files,
    ...names,
  ])
  chmodSync(key, 0o600)
  if (account) chownSync(key, account.uid, account.gid)
  return runTool('cat', [join(dir, 'server.crt')])
}
