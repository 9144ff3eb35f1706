import { spawn } from 'node:child_process'
import type { ChildProcessByStdio } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import { finished } from 'node:stream/promises'

/** The tool did not do its work; the message ends with what it said last, secrets masked. */
export class ToolFailedError extends Error {
  override name = 'ToolFailedError'
}

export interface ChildOptions {
  /** Name for messages. */
  readonly tool: string
  readonly path: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  /** Never shown, wherever they turn up in what the tool says. */
  readonly secrets: readonly string[]
  readonly signal: AbortSignal
  /** Milliseconds without any sign of life, while we wait for it, after which the tool is ended. */
  readonly stallMs: number
}

/** What of the complaints is kept: a tool may write gigabytes there. */
const KEPT_STDERR_BYTES = 16_384
const SHOWN_LINES = 5
const SHOWN_CHARACTERS = 1000
/** Between the request to end, which lets pg_dump cancel its query at the server, and the kill. */
const KILL_AFTER_MS = 3000

/**
 * Runs a tool and passes on its output. The iteration ends normally only when the tool ended with code 0, by no signal.
 * @throws {ToolFailedError}
 */
export async function* readFromTool(options: ChildOptions): AsyncGenerator<Uint8Array, void, void> {
  const child = start(options, 'ignore')
  try {
    const output = child.process.stdout[Symbol.asyncIterator]() as AsyncIterator<Buffer>
    for (;;) {
      const next = await child.alive(output.next())
      if (next.done) break
      yield next.value
    }
    await child.ended()
  } finally {
    child.kill()
  }
}

/**
 * Runs a tool and feeds `input` to it. The input is closed only after `input` has ended without an error: a tool that works
 * in one transaction then undoes everything.
 * @returns {Promise<void>} When the tool ended with code 0, by no signal.
 * @throws {ToolFailedError} Or whatever `input` threw.
 */
export async function writeToTool(options: ChildOptions, input: AsyncIterable<Uint8Array>): Promise<void> {
  const child = start(options, 'pipe')
  const stdin = child.process.stdin as Writable
  // Swallowed here: a tool that ends early makes EPIPE, and what it said is the better message.
  let broken = false
  stdin.on('error', () => (broken = true))
  child.process.stdout.resume()
  try {
    for await (const chunk of input) {
      if (broken || child.hasEnded()) break
      if (!stdin.write(chunk)) await child.alive(drained(stdin))
    }
    if (!broken && !child.hasEnded()) stdin.end()
    // Building the indexes of a big table takes hours in silence: only the job's own signal limits that.
    await child.ended({ patient: true })
  } finally {
    child.kill()
  }
}

async function drained(stdin: Writable): Promise<void> {
  if (!stdin.writableNeedDrain || stdin.destroyed) return
  const { promise, resolve } = Promise.withResolvers<void>()
  const events = ['drain', 'close', 'error'] as const
  for (const event of events) stdin.once(event, resolve)
  await promise
  for (const event of events) stdin.off(event, resolve)
}

interface RunningChild {
  readonly process: ChildProcessByStdio<Writable | null, Readable, Readable>
  /** Waits for `step`, but no longer than the tool may stay silent. */
  alive<T>(step: Promise<T>): Promise<T>
  /** Resolves when the tool has ended well and everything it wrote was taken in. */
  ended(options?: { readonly patient: boolean }): Promise<void>
  hasEnded(): boolean
  kill(): void
}

function start(options: ChildOptions, stdin: 'ignore' | 'pipe'): RunningChild {
  const { tool, path, args, env, signal, stallMs } = options
  signal.throwIfAborted()
  const child = spawn(path, args, {
    env,
    cwd: '/',
    stdio: [stdin, 'pipe', 'pipe'],
    // A group of its own: whatever the tool starts ends with it.
    detached: true,
  }) as ChildProcessByStdio<Writable | null, Readable, Readable>
  const complaints = new Tail(KEPT_STDERR_BYTES)
  child.stderr.on('data', (chunk: Buffer) => complaints.add(chunk))
  let failure: Error | undefined
  let killer: NodeJS.Timeout | undefined
  const exit = new Promise<{ code: number | null; by: NodeJS.Signals | null }>((resolve, reject) => {
    child.once('error', (cause) =>
      reject(new ToolFailedError(`${tool} (${path}) could not be started: ${cause.message}`, { cause })),
    )
    child.once('exit', (code, by) => resolve({ code, by }))
  })
  exit.catch(() => undefined)

  const signalGroup = (name: NodeJS.Signals): void => {
    if (child.pid === undefined) return
    try {
      process.kill(-child.pid, name)
    } catch {
      // The whole group is gone.
    }
  }
  const kill = (): void => {
    signal.removeEventListener('abort', onAbort)
    if (child.exitCode !== null || child.signalCode !== null) {
      // Where it failed, what it started may still run and hold our pipes.
      if (failure !== undefined || child.exitCode !== 0) signalGroup('SIGKILL')
      child.stdout.destroy()
      child.stderr.destroy()
      return
    }
    signalGroup('SIGTERM')
    killer ??= setTimeout(() => signalGroup('SIGKILL'), KILL_AFTER_MS)
    child.once('exit', () => {
      clearTimeout(killer)
      signalGroup('SIGKILL')
    })
    child.stdin?.destroy()
    child.stdout.destroy()
    child.stderr.destroy()
  }
  const onAbort = (): void => {
    failure ??= signal.reason instanceof Error ? signal.reason : new ToolFailedError(`${tool} was stopped`)
    kill()
  }
  signal.addEventListener('abort', onAbort)

  const alive = async <T>(step: Promise<T>): Promise<T> => {
    const { promise: silent, reject } = Promise.withResolvers<never>()
    const timer = setTimeout(() => {
      failure ??= new ToolFailedError(
        withComplaints(`${tool} gave no sign of life for ${stallMs} ms`, complaints, options),
      )
      reject(failure)
    }, stallMs)
    try {
      return await Promise.race([step, silent])
    } catch (error) {
      throw failure ?? error
    } finally {
      clearTimeout(timer)
    }
  }
  const ended = async (how?: { readonly patient: boolean }): Promise<void> => {
    const { code, by } = await (how?.patient ? exit : alive(exit))
    await alive(finished(child.stderr).catch(() => undefined))
    if (failure) throw failure
    if (code === 0 && by === null) return
    const outcome = by === null ? `ended with code ${code}` : `was ended by ${by}`
    throw new ToolFailedError(withComplaints(`${tool} ${outcome}`, complaints, options))
  }
  return {
    process: child,
    alive,
    ended,
    hasEnded: () => child.exitCode !== null || child.signalCode !== null,
    kill,
  }
}

function withComplaints(message: string, complaints: Tail, options: ChildOptions): string {
  const lines = mask(complaints.text(), options.secrets)
    .split('\n')
    // oxlint-disable-next-line no-control-regex
    .map((line) => line.replaceAll(/[\u0000-\u001f\u007f]+/g, ' ').trim())
    .filter((line) => line !== '')
  const shown = lines.slice(-SHOWN_LINES).join('; ').slice(-SHOWN_CHARACTERS)
  return shown === '' ? `${message} and said nothing` : `${message}: ${shown}`
}

/** Replaces every secret in `text`. */
export function mask(text: string, secrets: readonly string[]): string {
  return secrets
    .filter((secret) => secret !== '')
    .reduce((masked, secret) => masked.replaceAll(secret, '***'), text)
}

/** The last bytes of a stream, however long it is. */
class Tail {
  readonly #limit: number
  #kept: Buffer = Buffer.alloc(0)

  constructor(limit: number) {
    this.#limit = limit
  }

  add(chunk: Buffer): void {
    this.#kept =
      chunk.length >= this.#limit
        ? Buffer.from(chunk.subarray(-this.#limit))
        : Buffer.concat([this.#kept, chunk]).subarray(-this.#limit)
  }

  text(): string {
    return this.#kept.toString('utf8')
  }
}
