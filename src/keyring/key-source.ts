import { spawn } from 'node:child_process'
import { readFileSync, statSync } from 'node:fs'
import { isAbsolute, join, resolve } from 'node:path'
import { readersOf, ServerKey } from './server-key.ts'

/** Where the server's key, or an encryption key of vaults, comes from. Only who starts the server says it: a command is run as the server. */
export type KeySource =
  | { readonly kind: 'file'; readonly file: string }
  /** A credential that systemd handed to this unit (systemd.exec(5), LoadCredential, LoadCredentialEncrypted). */
  | { readonly kind: 'credential'; readonly name: string; readonly file: string }
  /** A program that unwraps it and writes it to its standard output. */
  | { readonly kind: 'command'; readonly program: string; readonly args: readonly string[] }

export class KeySourceError extends Error {
  override name = 'KeySourceError'
}

const COMMAND_TIMEOUT_MS = 60_000
/** Base64 of 32 bytes and its end of line are 45; more is not a key. */
const LONGEST_OUTPUT = 1024
const LONGEST_COMPLAINT = 4096
const MAKE_ONE = 'one is made with: openssl rand -base64 32'

/**
 * @param text `file:PATH`, `credential:NAME` or `command:/PROGRAM ARGUMENT…` (parted at spaces; no shell reads it).
 * @param option What of the command line gave it, for errors.
 * @throws {KeySourceError} Naming what it was and what it takes.
 */
export function parseKeySource(
  text: string,
  env: NodeJS.ProcessEnv,
  option: string = '--server-key',
): KeySource {
  const [, kind, rest = ''] = /^(file|credential|command):(.+)$/s.exec(text) ?? []
  if (kind === 'file') return { kind, file: resolve(rest) }
  if (kind === 'credential') return credentialOf(rest, env['CREDENTIALS_DIRECTORY'], option)
  if (kind === 'command') {
    const [program = '', ...args] = rest.split(' ').filter((word) => word !== '')
    if (isAbsolute(program)) return { kind, program, args }
    throw new KeySourceError(
      `${option} "${text}" does not name its program by its whole path: what PATH finds could be somebody else's`,
    )
  }
  throw new KeySourceError(
    `${option} "${text}" is not file:PATH, credential:NAME or command:/PROGRAM ARGUMENTS`,
  )
}

function credentialOf(name: string, directory: string | undefined, option: string): KeySource {
  if (!/^[A-Za-z0-9_.-]{1,255}$/.test(name) || name === '.' || name === '..') {
    throw new KeySourceError(`${option} "credential:${name}" is not the name of a systemd credential`)
  }
  if (directory !== undefined) return { kind: 'credential', name, file: join(directory, name) }
  throw new KeySourceError(
    `Cannot read the credential "${name}": systemd hands none to this process ($CREDENTIALS_DIRECTORY is not set). ` +
      `Give the unit LoadCredentialEncrypted=${name}:FILE; for a command by hand: systemd-run --pty --property=LoadCredentialEncrypted=${name}:FILE …`,
  )
}

/**
 * Reads the key. None is made: what the key would open may exist already.
 *
 * @throws {KeySourceError} With what was tried, why it failed and what to do; never with what the key or the command's output was.
 */
export async function serverKeyFrom(source: KeySource): Promise<ServerKey> {
  return new ServerKey(await keyFrom(source, 'the server key'))
}

/**
 * 32 bytes.
 * @param what Names the key in errors. @throws {KeySourceError} As `serverKeyFrom`.
 */
export async function keyFrom(source: KeySource, what: string): Promise<Buffer> {
  const text =
    source.kind === 'command' ? await outputOf(source, what) : readKeyFile(source.file, source.kind, what)
  const key = Buffer.from(text.trim(), 'base64')
  if (key.length !== 32 || key.toString('base64') !== text.trim()) {
    throw new KeySourceError(
      `Cannot use ${what} of ${inWords(source)}: it is not one line with the base64 of 32 bytes; ${MAKE_ONE}`,
    )
  }
  return key
}

export function inWords(source: KeySource): string {
  if (source.kind === 'file') return `the file "${source.file}"`
  if (source.kind === 'credential') return `the systemd credential "${source.name}"`
  return `the command "${source.program}"`
}

function readKeyFile(file: string, kind: 'file' | 'credential', what: string): string {
  try {
    const stats = statSync(file)
    // A pipe would be waited for, and with it everything that this server does.
    if (!stats.isFile() || stats.size > LONGEST_OUTPUT) {
      throw new KeySourceError(
        `Cannot use ${what} "${file}": it is ${stats.isFile() ? `${stats.size} bytes long` : 'no file'}, not one line with the base64 of 32 bytes; ${MAKE_ONE}`,
      )
    }
    // systemd lets its user in by an access control list, whose mask shows as the group's mode.
    const readers = readersOf(stats, kind === 'credential' ? 0o007 : 0o077)
    if (readers !== undefined) throw new KeySourceError(`Cannot use ${what} "${file}": ${readers}`)
    return readFileSync(file, 'utf8')
  } catch (cause) {
    if (cause instanceof KeySourceError) throw cause
    const reason =
      (cause as NodeJS.ErrnoException).code === 'ENOENT' ? 'it is not there' : (cause as Error).message
    throw new KeySourceError(
      `Cannot read ${what} "${file}": ${reason}. Bring it back from your copy; for a first start ${MAKE_ONE}`,
      { cause },
    )
  }
}

async function outputOf(
  { program, args }: Extract<KeySource, { kind: 'command' }>,
  what: string,
): Promise<string> {
  const child = spawn(program, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: withoutOwn(process.env),
    timeout: COMMAND_TIMEOUT_MS,
    killSignal: 'SIGKILL',
  })
  const [out, complaint]: [Buffer[], Buffer[]] = [[], []]
  child.stdout.on('data', (bytes: Buffer) => sizeOf(out) <= LONGEST_OUTPUT && out.push(bytes))
  child.stderr.on('data', (bytes: Buffer) => sizeOf(complaint) <= LONGEST_COMPLAINT && complaint.push(bytes))
  const { promise, resolve: ended, reject } = Promise.withResolvers<string>()
  child.once('error', (cause) => reject(failed(what, program, cause.message, cause)))
  child.once('close', (code, signal) => {
    if (code === 0) return ended(Buffer.concat(out).toString('latin1'))
    const said = Buffer.concat(complaint).toString('utf8', 0, LONGEST_COMPLAINT).trim()
    const how =
      signal === 'SIGKILL' && child.killed
        ? `it took longer than ${COMMAND_TIMEOUT_MS / 1000} seconds`
        : `it ended with ${code ?? signal}`
    reject(failed(what, program, said === '' ? how : `${how}: ${said}`))
  })
  return await promise
}

/** The server's own settings hold secrets (the root key of a first start) that are nobody else's. */
function withoutOwn(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('ROLEBACK_')))
}

function sizeOf(parts: readonly Buffer[]): number {
  return parts.reduce((sum, part) => sum + part.length, 0)
}

function failed(what: string, program: string, reason: string, cause?: unknown): KeySourceError {
  return new KeySourceError(
    `Cannot unwrap ${what} with "${program}": ${reason}. Run it by hand as the server's user; nothing was changed`,
    { cause },
  )
}
