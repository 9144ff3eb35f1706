import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { changeCorpus, makeCorpus } from './vault-corpus.ts'
import type { Corpus } from './vault-corpus.ts'
import { fetchRestic } from './vault-restic.ts'
import type { Restic } from './vault-restic.ts'

/**
 * Backup and restore of a mixed tree of 1 GiB against restic, in turn, in the same call. Both read back what they stored. Restores go
 * to a memory-backed disk: making files on others measures the machine's kernel.
 *
 * Ours is timed from a running process, as a server's job begins, and opens the vault cold; restic from its start.
 */
const CORPUS_BYTES = 2 ** 30
const ROUNDS = 3
const SAMPLE_MS = 100

/** Name of a step, and how many times restic's time it should at least be. */
const STEPS = [
  ['first', 1.6],
  ['unchanged', 2.5],
  ['changed', 2.2],
  ['restore', 1.8],
] as const
type Step = (typeof STEPS)[number][0]
const REPOSITORY_SHARE = 0.95
const PSS_MIB = 400

interface Figure {
  readonly seconds: number
  readonly pssMib: number
}

interface Round {
  readonly figures: Record<Step, Figure>
  /** After the first backup and after the changed one. */
  readonly firstMib: number
  readonly changedMib: number
}

interface Tool {
  readonly name: string
  init(home: string): Promise<void>
  backup(home: string, source: string, round: number): Promise<Figure>
  restore(home: string, target: string): Promise<Figure>
}

export async function run(): Promise<void> {
  const scratch = mkdtempSync(join(tmpdir(), 'roleback-bench-'))
  const memory = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : scratch, 'roleback-bench-'))
  try {
    const [restic, older] = [fetchRestic(scratch, 'trixie'), fetchRestic(scratch, 'bookworm')]
    const corpus = makeCorpus(join(scratch, 'corpus'), CORPUS_BYTES)
    say(`corpus ${corpus.files} files ${mib(corpus.bytes)} MiB, load ${load()}, sha256 ${sha256Speed()} MB/s`)
    if (restic === undefined) say('restic of Debian trixie cannot be had here: only our own figures')
    await compare(scratch, memory, corpus, restic, older)
  } finally {
    rmSync(scratch, { recursive: true, force: true })
    rmSync(memory, { recursive: true, force: true })
  }
}

async function compare(
  scratch: string,
  memory: string,
  corpus: Corpus,
  restic: Restic | undefined,
  older: Restic | undefined,
): Promise<void> {
  const ours: Round[] = []
  const theirs: Round[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const tools = [roleback(), ...(restic === undefined ? [] : [resticTool(restic)])]
    if (round === ROUNDS - 1 && older !== undefined) tools.push(resticTool(older))
    const results = await playRound(scratch, memory, corpus, round % 2 === 0 ? tools : tools.toReversed())
    for (const [name, result] of results) {
      say(
        `round ${round + 1} ${name}: ${STEPS.map(([step]) => describe(step, result.figures[step])).join(', ')}, ` +
          `repository ${result.firstMib} then ${result.changedMib} MiB, load ${load()}, sha256 ${sha256Speed()} MB/s`,
      )
    }
    ours.push(results.get('roleback') as Round)
    const other = results.get(restic?.version ?? '')
    if (other !== undefined) theirs.push(other)
  }
  if (theirs.length > 0) summarise(ours, theirs)
  const peak = Math.max(...ours.flatMap(({ figures }) => Object.values(figures).map(({ pssMib }) => pssMib)))
  say(`peak PSS ${peak} MiB (target at most ${PSS_MIB})`)
}

function summarise(ours: readonly Round[], theirs: readonly Round[]): void {
  for (const [step, target] of STEPS) {
    const ratio = median(theirs, step) / median(ours, step)
    say(`${step}: ${ratio.toFixed(2)} times restic's speed (target at least ${target})`)
  }
  for (const when of ['firstMib', 'changedMib'] as const) {
    const share = (ours[0] as Round)[when] / (theirs[0] as Round)[when]
    say(
      `repository ${when === 'firstMib' ? 'after the first' : 'after the changed'} backup: ${share.toFixed(2)} of restic's (target at most ${REPOSITORY_SHARE})`,
    )
  }
}

const median = (rounds: readonly Round[], step: Step): number => {
  const seconds = rounds.map(({ figures }) => figures[step].seconds).toSorted((a, b) => a - b)
  return seconds[seconds.length >> 1] as number
}

/** All tools take each step in turn, on the same state of the source. */
async function playRound(
  scratch: string,
  memory: string,
  corpus: Corpus,
  tools: readonly Tool[],
): Promise<Map<string, Round>> {
  const source = join(scratch, 'source')
  await runQuietly('cp', ['-a', '--reflink=auto', corpus.path, source])
  const results = new Map(tools.map(({ name }) => [name, {} as Record<Step, Figure>]))
  const sizes = new Map<string, number[]>(tools.map(({ name }) => [name, []]))
  for (const tool of tools) await tool.init(homeOf(scratch, tool))
  for (const [number, [step]] of STEPS.entries()) {
    if (step === 'changed') changeCorpus({ ...corpus, path: source })
    for (const tool of tools) {
      const home = homeOf(scratch, tool)
      const target = join(memory, 'restored')
      mkdirSync(target, { recursive: true })
      const figure =
        step === 'restore' ? await tool.restore(home, target) : await tool.backup(home, source, number)
      ;(results.get(tool.name) as Record<Step, Figure>)[step] = figure
      if (step !== 'restore') (sizes.get(tool.name) as number[]).push(diskMib(join(home, 'repository')))
      rmSync(target, { recursive: true, force: true })
    }
  }
  for (const tool of tools) rmSync(homeOf(scratch, tool), { recursive: true, force: true })
  rmSync(source, { recursive: true, force: true })
  return new Map(
    tools.map(({ name }) => {
      const [firstMib = 0, , changedMib = 0] = sizes.get(name) ?? []
      return [name, { figures: results.get(name) as Record<Step, Figure>, firstMib, changedMib }]
    }),
  )
}

const homeOf = (scratch: string, tool: Tool): string => join(scratch, tool.name.replace(' ', '-'))

function roleback(): Tool {
  const script = join(import.meta.dirname, 'vault-job.ts')
  const vault = (home: string): string => join(home, 'repository')
  return {
    name: 'roleback',
    init: async (home) => void (await Promise.resolve(mkdirSync(home, { recursive: true }))),
    backup: (home, source, round) => {
      const parent = round === 0 ? [] : [`p${round - 1}`]
      return measure(process.execPath, [script, 'backup', vault(home), source, `p${round}`, ...parent], true)
    },
    restore: (home, target) =>
      measure(process.execPath, [script, 'restore', vault(home), target, 'p2'], true),
  }
}

function resticTool({ program, version }: Restic): Tool {
  const common = (home: string): string[] => [
    '-q',
    '-r',
    join(home, 'repository'),
    '--cache-dir',
    join(home, 'cache'),
  ]
  return {
    name: version,
    init: async (home) => {
      mkdirSync(home, { recursive: true })
      await runQuietly(program, [...common(home), 'init'])
    },
    backup: (home, source) => measure(program, [...common(home), 'backup', source], false),
    restore: (home, target) =>
      measure(program, [...common(home), 'restore', 'latest', '--target', target], false),
  }
}

/** As the launcher starts the server: with compiled code kept beside the code. */
const COMPILE_CACHE = join(import.meta.dirname, '..', '.cache', 'node')
const ENVIRONMENT = { ...process.env, RESTIC_PASSWORD: 'bench', NODE_COMPILE_CACHE: COMPILE_CACHE }

async function runQuietly(program: string, args: readonly string[]): Promise<void> {
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'inherit'], env: ENVIRONMENT })
  await exitOf(child, program)
}

/** Wall time and peak PSS. @param isWarm The process says when it is ready and is told when to begin. */
async function measure(program: string, args: readonly string[], isWarm: boolean): Promise<Figure> {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'], env: ENVIRONMENT })
  const exit = exitOf(child, `${program} ${args.join(' ')}`)
  if (isWarm) await Promise.race([exit, new Promise((resolve) => child.stdout.once('data', resolve))])
  else child.stdout.resume()
  let pssMib = 0
  const sample = setInterval(() => (pssMib = Math.max(pssMib, pssOf(child.pid as number))), SAMPLE_MS)
  const start = performance.now()
  child.stdin.end('go\n')
  try {
    await exit
  } finally {
    clearInterval(sample)
  }
  return { seconds: (performance.now() - start) / 1000, pssMib }
}

async function exitOf(child: ChildProcess, what: string): Promise<void> {
  const code = await new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', resolve)
  })
  if (code !== 0) throw new Error(`Cannot measure "${what}": it ended with code ${String(code)}`)
}

/** Proportional set size: what the process has in memory, shared pages in proportion. */
function pssOf(pid: number): number {
  try {
    const kib = /^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1]
    return Math.round(Number(kib) / 1024)
  } catch {
    return 0
  }
}

function diskMib(path: string): number {
  let bytes = 0
  for (const entry of readdirSync(path, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) bytes += statSync(join(entry.parentPath, entry.name)).size
  }
  return mib(bytes)
}

/** How fast this machine is just now. */
function sha256Speed(): number {
  const bytes = Buffer.alloc(64 * 1024 * 1024)
  const start = performance.now()
  createHash('sha256').update(bytes).digest()
  return Math.round(bytes.length / 1000 / (performance.now() - start))
}

const mib = (bytes: number): number => Math.round(bytes / 1024 / 1024)
const load = (): string => (loadavg()[0] as number).toFixed(1)
const describe = (step: Step, { seconds, pssMib }: Figure): string =>
  `${step} ${seconds.toFixed(2)} s ${pssMib} MiB`
const say = (line: string): void => void process.stdout.write(`${line}\n`)
