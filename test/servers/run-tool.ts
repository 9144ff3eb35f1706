import { spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'

export interface ToolOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  readonly uid?: number
  readonly gid?: number
  readonly timeoutMs?: number
}

/** Runs a command to its end; returns what it printed. @throws {Error} With both outputs when it fails. */
export async function runTool(
  command: string,
  args: readonly string[],
  options: ToolOptions = {},
): Promise<string> {
  const { timeoutMs = 120_000, ...rest } = options
  const child = spawn(command, args, {
    ...rest,
    env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', LC_ALL: 'C', ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
  })
  let output = ''
  let complaints = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (complaints += text))
  const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (...ended) => resolve(ended))
  })
  if (code !== 0) {
    throw new Error(`${command} ${args.join(' ')} ended with ${code ?? signal}: ${output}${complaints}`)
  }
  return output
}

/** Linux gives connections ports from 32768 up: one of these may be taken by any of them before a server begins to listen, or comes back. */
const SERVER_PORTS = [10_240, 32_767] as const

/** A TCP port of 127.0.0.1 that was free a moment ago, and that no connection is given. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(...SERVER_PORTS)
    const server = createServer()
    const isFree = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false))
      server.listen(port, '127.0.0.1', () => resolve(true))
    })
    if (!isFree) continue
    await new Promise((resolve) => server.close(resolve))
    return port
  }
}

/** Variable with the URL under which a run of the tests shares servers among its files (shared.ts). */
export const SHARED_SERVERS = 'ROLEBACK_TEST_SERVERS'

/** @throws {Error} With what the run says where it cannot start the server. */
export async function askShared<T>(url: string, path: string): Promise<T> {
  const response = await fetch(url + path, { method: 'POST' })
  if (!response.ok) throw new Error(`The server shared by all tests: ${await response.text()}`)
  return (await response.json()) as T
}
