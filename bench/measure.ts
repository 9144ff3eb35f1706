import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  appendFileSync,
  closeSync,
  openSync,
  readFileSync,
  readSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { loadavg } from 'node:os'
import { join } from 'node:path'

/** What one run of a program took. */
export interface Figure {
  readonly seconds: number
  /** User and system time of all its threads. */
  readonly cpuSeconds: number
  /** Most memory at once: proportional set size, which counts shared pages in proportion. */
  readonly pssMib: number
  /** What it printed after it was ready. */
  readonly output: string
}

/** The environment that the launcher gives Node beside its cache of compiled code. */
export const LAUNCHER_ENV: Readonly<Record<string, string>> = { MALLOC_ARENA_MAX: '1' }
/** What the launcher gives Node before the program. */
export const LAUNCHER_FLAGS: readonly string[] = [
  '--disable-warning=ExperimentalWarning',
  '--max-semi-space-size=4',
]
const SAMPLE_MS = 200
const TICKS_PER_SECOND = 100
const MIB = 1024 * 1024

export interface Run {
  readonly program: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  /** The process says when it is ready and is told when to begin. */
  readonly isWarm?: boolean
}

/** Runs a program to its end. Nothing else may end as a child of this process meanwhile. */
export async function measure({ program, args, env, cwd, isWarm = false }: Run): Promise<Figure> {
  const child = spawn(program, args, {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, ...env },
    ...(cwd !== undefined && { cwd }),
  })
  const exit = exitOf(child, `${program} ${args.join(' ')}`)
  const pid = child.pid as number
  const childrenBefore = cpuOf('self').children
  if (isWarm) await Promise.race([exit, new Promise((resolve) => child.stdout.once('data', resolve))])
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
  const before = isWarm ? cpuOf(pid).own : 0
  let pssMib = 0
  const sample = setInterval(() => (pssMib = Math.max(pssMib, pssMibOf(pid))), SAMPLE_MS)
  const start = performance.now()
  child.stdin.on('error', () => undefined).end('go\n')
  try {
    await exit
  } finally {
    clearInterval(sample)
  }
  const seconds = (performance.now() - start) / 1000
  return { seconds, cpuSeconds: cpuOf('self').children - childrenBefore - before, pssMib, output }
}

/** Runs a program that is no part of a figure. */
export async function runQuietly({ program, args, env, cwd }: Run): Promise<void> {
  const options = { env: { ...process.env, ...env }, ...(cwd !== undefined && { cwd }) }
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'inherit'], ...options })
  await exitOf(child, `${program} ${args.join(' ')}`)
}

async function exitOf(child: ChildProcess, what: string): Promise<void> {
  const code = await new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', resolve)
  })
  if (code !== 0) throw new Error(`Cannot measure "${what}": it ended with code ${String(code)}`)
}

/** CPU seconds of a process, and of its children that have ended. */
export function cpuOf(pid: number | 'self'): { readonly own: number; readonly children: number } {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  const fields = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number)
  const [user = 0, system = 0, childUser = 0, childSystem = 0] = fields.slice(11, 15)
  return { own: (user + system) / TICKS_PER_SECOND, children: (childUser + childSystem) / TICKS_PER_SECOND }
}

/** Memory of a process and of all below it. */
export function pssMibOf(pid: number): number {
  try {
    const kib = /^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1]
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean)
    return children.reduce((sum, child) => sum + pssMibOf(Number(child)), Math.round(Number(kib) / 1024))
  } catch {
    return 0
  }
}

/**
 * The same start for every tool: nothing of the one before is still being written, and the memory that files will be made in was
 * touched before. A virtual machine gets its memory from its host page by page at the first touch, and whoever comes first pays.
 */
export async function settle(memory?: { readonly folder: string; readonly bytes: number }): Promise<void> {
  await runQuietly({ program: 'sync', args: [] })
  if (memory === undefined) return
  const path = join(memory.folder, 'touched')
  const block = Buffer.alloc(16 * MIB)
  for (let done = 0; done < memory.bytes; done += block.length) appendFileSync(path, block)
  rmSync(path)
}

/**
 * Reads every file below `folder`, so that the kernel has it in memory: machines that give only a part of theirs to files forget what
 * was made a moment ago, and whoever comes first would bring it back for all.
 */
export function readAll(folder: string): void {
  const block = Buffer.alloc(MIB)
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const fd = openSync(join(entry.parentPath, entry.name), 'r')
    while (readSync(fd, block) > 0);
    closeSync(fd)
  }
}

/** Forgets what the kernel keeps of files. False where only root may. */
export async function dropCaches(): Promise<boolean> {
  await runQuietly({ program: 'sync', args: [] })
  try {
    writeFileSync('/proc/sys/vm/drop_caches', '3')
    return true
  } catch {
    return false
  }
}

/** Bytes of all files below `path`, in MiB. */
export function diskMib(path: string): number {
  let bytes = 0
  for (const entry of readdirSync(path, { recursive: true, withFileTypes: true }))
    if (entry.isFile()) bytes += statSync(join(entry.parentPath, entry.name)).size
  return Math.round(bytes / MIB)
}

/** How fast this machine is just now. */
export function machine(): string {
  const bytes = Buffer.alloc(64 * MIB)
  const start = performance.now()
  createHash('sha256').update(bytes).digest()
  const speed = Math.round(bytes.length / 1000 / (performance.now() - start))
  return `load ${(loadavg()[0] as number).toFixed(1)}, sha256 ${speed} MB/s`
}

export const say = (line: string): void => void process.stdout.write(`${line}\n`)
