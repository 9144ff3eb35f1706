import { argon2Sync } from 'node:crypto'
import { existsSync, statfsSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { ToolMissingError, findTool, toolWarning } from '../../drivers/postgresql/postgresql-tools.ts'
import type { PostgresqlTool } from '../../drivers/postgresql/postgresql-tools.ts'
import { awsCliWarning, findAwsCli } from '../aws-cli.ts'
import { clientFrom, endpointFrom } from '../connect.ts'
import { holderOf } from './data-dir.ts'
import { humanBytes } from '../output.ts'
import { describeError } from '../report.ts'

/** One thing that was looked at. `hint`: worth knowing; `bad`: something will not work. */
export interface Check {
  readonly name: string
  readonly status: 'ok' | 'hint' | 'bad'
  readonly found: string
}

/** The oldest Node that Roleback runs on, and the oldest SQLite whose write-ahead log is sound. */
const MIN_NODE = [24, 15] as const
const MIN_SQLITE = [3, 51, 3] as const
const LOW_SPACE_BYTES = 5 * 1024 ** 3
const NO_SPACE_BYTES = 256 * 1024 ** 2
/** Signed requests are refused beyond five minutes; a clock that is out by less still deserves a word. */
const MAX_SKEW_MS = 5 * 60_000
const NOTED_SKEW_MS = 2_000
const PATIENCE_MS = 5_000

export async function runChecks(dataDir: string, env: NodeJS.ProcessEnv): Promise<readonly Check[]> {
  return [
    nodeCheck(process.versions.node),
    passwordsCheck(),
    sqliteCheck(),
    dataDirCheck(dataDir),
    spaceCheck(dataDir),
    ...(await serverChecks(env)),
    await toolCheck('pg_dump'),
    await toolCheck('pg_restore'),
    await awsCheck(env),
  ]
}

export function isAtLeast(version: string, minimum: readonly number[]): boolean {
  const parts = version.split('.').map((part) => Number.parseInt(part, 10))
  for (const [at, least] of minimum.entries()) {
    const part = parts[at] ?? 0
    if (part !== least) return part > least
  }
  return true
}

export function nodeCheck(version: string): Check {
  return isAtLeast(version, MIN_NODE)
    ? { name: 'Node', status: 'ok', found: version }
    : { name: 'Node', status: 'bad', found: `${version}: Roleback needs ${MIN_NODE.join('.')} or newer` }
}

/** A Node that was built on an OpenSSL before 3.2 starts the server, and then can give nobody a password. */
function passwordsCheck(): Check {
  const name = 'passwords'
  try {
    const smallest = { nonce: Buffer.alloc(8), parallelism: 1, tagLength: 4, memory: 8, passes: 1 }
    argon2Sync('argon2id', { message: '', ...smallest })
    return { name, status: 'ok', found: 'argon2id' }
  } catch {
    const found = `this Node has no argon2id (OpenSSL ${process.versions.openssl}): nobody can have a password or sign in with one`
    return { name, status: 'bad', found }
  }
}

function sqliteCheck(): Check {
  const db = new DatabaseSync(':memory:')
  const { version } = db.prepare('select sqlite_version() as version').get() as { version: string }
  db.close()
  return isAtLeast(version, MIN_SQLITE)
    ? { name: 'SQLite', status: 'ok', found: version }
    : {
        name: 'SQLite',
        status: 'bad',
        found: `${version}: its write-ahead log has a flaw before ${MIN_SQLITE.join('.')}`,
      }
}

function dataDirCheck(dataDir: string): Check {
  if (!existsSync(dataDir)) {
    return {
      name: 'data directory',
      status: 'ok',
      found: `${dataDir} is not there yet; the first start makes it`,
    }
  }
  try {
    const holder = holderOf(dataDir)
    const found =
      holder === undefined ? `${dataDir} is free: no server runs on it` : `${dataDir} is held by ${holder}`
    return { name: 'data directory', status: 'ok', found }
  } catch (error) {
    return {
      name: 'data directory',
      status: 'bad',
      found: `${dataDir} cannot be opened: ${describeError(error)}`,
    }
  }
}

function spaceCheck(dataDir: string): Check {
  let folder = dataDir
  while (!existsSync(folder)) folder = dirname(folder)
  const { bavail, bsize } = statfsSync(folder)
  const free = bavail * bsize
  const found = `${humanBytes(free)} free at ${folder}`
  if (free < NO_SPACE_BYTES)
    return { name: 'disk', status: 'bad', found: `${found}: too little to back anything up` }
  return { name: 'disk', status: free < LOW_SPACE_BYTES ? 'hint' : 'ok', found }
}

async function serverChecks(env: NodeJS.ProcessEnv): Promise<readonly Check[]> {
  const endpoint = endpointFrom(env)
  let serverDate: string | undefined
  try {
    serverDate = await dateOf(endpoint)
  } catch (error) {
    return [{ name: 'server', status: 'bad', found: `${endpoint} does not answer: ${describeError(error)}` }]
  }
  return [await credentialsCheck(env), skewCheck(serverDate, Date.now())]
}

async function credentialsCheck(env: NodeJS.ProcessEnv): Promise<Check> {
  try {
    const { call, endpoint } = clientFrom(env)
    const { Arn } = await call('sts', 'GetCallerIdentity', {})
    return { name: 'server', status: 'ok', found: `${endpoint} answers, as ${Arn ?? 'nobody'}` }
  } catch (error) {
    return { name: 'server', status: 'bad', found: describeError(error) }
  }
}

/** The time of any answer, also of a refusal. */
async function dateOf(endpoint: string): Promise<string | undefined> {
  const url = new URL(endpoint)
  const { promise, resolve, reject } = Promise.withResolvers<string | undefined>()
  const send = url.protocol === 'https:' ? httpsRequest : httpRequest
  // Whether the certificate is right is the signed call's question; here only the clock is read.
  const options = { method: 'GET', timeout: PATIENCE_MS, rejectUnauthorized: false }
  const outgoing = send(url, options, (incoming) => {
    incoming.resume()
    resolve(incoming.headers.date)
  })
  outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer within ${PATIENCE_MS / 1000} s`)))
  outgoing.on('error', reject)
  outgoing.end()
  return await promise
}

/** The Date header counts whole seconds. */
export function skewCheck(serverDate: string | undefined, now: number): Check {
  const at = Date.parse(serverDate ?? '')
  if (Number.isNaN(at)) return { name: 'clock', status: 'hint', found: 'the server does not tell its time' }
  const skew = Math.abs(now - at)
  const found = `${(skew / 1000).toFixed(0)} s apart from the server's`
  if (skew >= MAX_SKEW_MS) {
    return { name: 'clock', status: 'bad', found: `${found}: signed requests are refused beyond 5 minutes` }
  }
  return { name: 'clock', status: skew > NOTED_SKEW_MS ? 'hint' : 'ok', found }
}

async function toolCheck(tool: PostgresqlTool): Promise<Check> {
  try {
    const found = await findTool(tool, 0, undefined)
    const warning = toolWarning(tool, found)
    if (warning !== undefined) return { name: tool, status: 'hint', found: warning }
    return { name: tool, status: 'ok', found: `${found.version} (${found.path})` }
  } catch (error) {
    if (!(error instanceof ToolMissingError)) throw error
    return {
      name: tool,
      status: 'hint',
      found: 'not found: PostgreSQL databases need it (Debian: postgresql-client)',
    }
  }
}

async function awsCheck(env: NodeJS.ProcessEnv): Promise<Check> {
  const cli = await findAwsCli(env)
  const warning = awsCliWarning(cli)
  if (warning !== undefined) return { name: 'aws CLI', status: 'hint', found: warning }
  return { name: 'aws CLI', status: 'ok', found: cli.kind === 'found' ? cli.version : '' }
}
