import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

const PROGRAM = join(import.meta.dirname, 'vault-process.ts')
const RUNTIME = ['--disable-warning=ExperimentalWarning']

export interface VaultProcess {
  readonly child: ChildProcess
  /** It has opened the vault, or ended before. */
  readonly ready: Promise<void>
  /** It has ended, and all its lines were heard. */
  readonly ended: Promise<{ readonly code: number | null; readonly stderr: string }>
}

export interface ProcessOptions {
  readonly directory: string
  readonly seed: number
  /** Of the vault: greater than any before. */
  readonly generation: number
  /** Of its first recovery point. */
  readonly first: number
  readonly steps?: number
  /** Starts it, e.g. strace and its arguments. */
  readonly under?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  hear(line: string): void
}

/** Starts vault-process.ts. */
export function startVaultProcess(options: ProcessOptions): VaultProcess {
  const { directory, seed, generation, first, steps, under = [], env = {} } = options
  const numbers = [seed, generation, first, ...(steps === undefined ? [] : [steps])]
  const [command = '', ...args] = [
    ...under,
    process.execPath,
    ...RUNTIME,
    PROGRAM,
    directory,
    ...numbers.map(String),
  ]
  const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const lines = createInterface({ input: child.stdout })
  const heardAll = new Promise<void>((resolve) => lines.once('close', resolve))
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  const ready = new Promise<void>((resolve) => {
    lines.on('line', (line) => {
      if (line === 'ready') resolve()
      else options.hear(line)
    })
    lines.once('close', resolve)
  })
  return {
    child,
    ready,
    ended: ended.then(async (code) => {
      await heardAll
      return { code, stderr }
    }),
  }
}
