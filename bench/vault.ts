import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { diskMib, dropCaches, machine, measure, readAll, runQuietly, say, settle } from './measure.ts'
import type { Figure } from './measure.ts'
import { fetchBorg, fetchRestic } from './peers.ts'
import { sayColdLimit } from './vault-cold.ts'
import { changeCorpus, makeCorpus } from './vault-corpus.ts'
import type { Corpus, SetName } from './vault-corpus.ts'
import { borgTool, resticTool, roleback } from './vault-tools.ts'
import type { Tool } from './vault-tools.ts'

/**
 * Backups of data sets of 1 GiB against restic and borg, in turn, in the same call. Restores go to a memory-backed disk: making
 * files on others measures the machine's kernel. Medians of the rounds, of each round's ratio where tools are compared; which tool
 * begins changes from round to round.
 */
const CORPUS_BYTES = 2 ** 30
const ROUNDS = Number(process.env['BENCH_ROUNDS'] ?? 3)
/** Which of them: all together take several minutes. The share of the limit needs the warm pass. */
const PASSES = (process.env['BENCH_PASSES'] ?? 'warm,cold,limit').split(',')

const STEPS = ['first', 'unchanged', 'changed', 'restore'] as const
const MORE_STEPS = ['one file', 'check', 'sweep'] as const
/** They read the source, the others what they wrote. */
const BACKUPS: readonly Step[] = ['first', 'unchanged', 'changed']
type Step = (typeof STEPS)[number] | (typeof MORE_STEPS)[number]

/** How many times restic's speed each step should have at least; shares and memory should be at most what is said. */
interface Targets {
  readonly speed: Readonly<Partial<Record<Step, number>>>
  readonly firstShare: number
  readonly changedShare: number
  readonly pssMib: number
  /** Also with a cold page cache, the further steps, borg, and the physical limit. */
  readonly isFull: boolean
}

const EVERYWHERE = { unchanged: 3, changed: 2.7, check: 2, sweep: 5 }
const TARGETS: Readonly<Record<SetName, Targets>> = {
  mixed: {
    speed: { first: 1.6, unchanged: 2.5, changed: 2.2, restore: 1.8 },
    firstShare: 0.95,
    changedShare: 0.95,
    pssMib: 400,
    isFull: false,
  },
  small: {
    speed: { ...EVERYWHERE, first: 2.3, restore: 2.3, 'one file': 2 },
    firstShare: 0.9,
    changedShare: 0.88,
    pssMib: 220,
    isFull: true,
  },
  large: {
    speed: { ...EVERYWHERE, first: 1.6, restore: 1.3 },
    firstShare: 0.98,
    changedShare: 0.88,
    pssMib: 220,
    isFull: true,
  },
}
const LIMIT_SHARE = 0.8

interface Round {
  readonly figures: Map<Step, Figure>
  firstMib: number
  changedMib: number
  limitSeconds?: number
}

interface Place {
  readonly scratch: string
  /** On a memory-backed disk, where there is one. */
  readonly memory: string
}

export async function run(sets: readonly SetName[]): Promise<void> {
  const scratch = mkdtempSync(join(tmpdir(), 'roleback-bench-'))
  const memory = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : scratch, 'roleback-bench-'))
  try {
    const restic = fetchRestic(scratch, 'trixie')
    const borg = fetchBorg(scratch)
    if (restic === undefined) say('restic of Debian trixie cannot be had here')
    if (borg === undefined) say('borg of Debian bookworm-backports cannot be had here')
    for (const set of sets) {
      const peers = restic === undefined ? [] : [resticTool(restic)]
      if (borg !== undefined && TARGETS[set].isFull) peers.push(borgTool(borg))
      await compareOn(set, { scratch, memory }, [roleback(), ...peers])
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true })
    rmSync(memory, { recursive: true, force: true })
  }
}

async function compareOn(set: SetName, place: Place, tools: readonly Tool[]): Promise<void> {
  const corpus = await makeCorpus(set, join(place.scratch, 'corpus'), CORPUS_BYTES)
  const { isFull } = TARGETS[set]
  say(`${set}: ${corpus.files} files, ${Math.round(corpus.bytes / 2 ** 20)} MiB, ${machine()}`)
  if (PASSES.includes('warm')) {
    const takesLimit = isFull && PASSES.includes('limit')
    const warm = await rounds(place, corpus, tools, { isCold: false, isFull, takesLimit })
    summarise(set, warm, tools)
    if (takesLimit) summariseLimit(warm)
  }
  if (isFull && PASSES.includes('cold')) {
    const cold = await rounds(place, corpus, tools, { isCold: true, isFull: false, takesLimit: false })
    summariseSpeed(`${set}, cold page cache`, set, cold, tools)
    await sayColdLimit(`${set}, cold page cache, what the disk takes`, corpus.path)
  }
  rmSync(corpus.path, { recursive: true })
}

interface Pass {
  readonly isCold: boolean
  readonly isFull: boolean
  /** Whether the limit is measured beside our first backups: machines change their speed within minutes. */
  readonly takesLimit: boolean
}

/** By tool, its rounds. */
async function rounds(
  place: Place,
  corpus: Corpus,
  tools: readonly Tool[],
  pass: Pass,
): Promise<Map<string, Round[]>> {
  const all = new Map<string, Round[]>(tools.map(({ name }) => [name, []]))
  for (let number = 0; number < ROUNDS; number++) {
    const order = number % 2 === 0 ? tools : tools.toReversed()
    for (const [name, round] of await playRound(place, corpus, order, pass)) {
      all.get(name)?.push(round)
      const steps = [...round.figures].map(([step, figure]) => describe(step, figure))
      const sizes = `repository ${round.firstMib} then ${round.changedMib} MiB`
      say(
        `round ${number + 1}${pass.isCold ? ' cold' : ''} ${name}: ${steps.join(', ')}, ${sizes}, ${machine()}`,
      )
    }
  }
  return all
}

/** All tools take each step in turn, on the same state of the source. */
async function playRound(
  { scratch, memory }: Place,
  corpus: Corpus,
  tools: readonly Tool[],
  { isCold, isFull, takesLimit }: Pass,
): Promise<Map<string, Round>> {
  const source = join(scratch, 'source')
  await runQuietly({ program: 'cp', args: ['-a', '--reflink=auto', corpus.path, source] })
  const found = new Map<string, Round>(
    tools.map(({ name }) => [name, { figures: new Map(), firstMib: 0, changedMib: 0 }]),
  )
  for (const tool of tools) await tool.init(homeOf(scratch, tool))
  for (const step of isFull ? [...STEPS, ...MORE_STEPS] : STEPS) {
    if (step === 'changed' || step === 'sweep') changeCorpus({ ...corpus, path: source })
    for (const tool of tools) {
      const home = homeOf(scratch, tool)
      const target = join(memory, 'restored')
      mkdirSync(target, { recursive: true })
      if (step === 'sweep') await tool.backup(home, source, 3)
      const round = found.get(tool.name) as Round
      if (!isCold) readAll(BACKUPS.includes(step) ? source : home)
      await settle({ folder: memory, bytes: corpus.bytes * 1.2 })
      if (isCold && !(await dropCaches())) throw new Error('Only root can empty the page cache')
      round.figures.set(step, await playStep(tool, step, { home, source, target, oneFile: corpus.oneFile }))
      if (step === 'first') round.firstMib = diskMib(join(home, 'repository'))
      if (step === 'first' && takesLimit && tool.name === 'roleback') {
        readAll(source)
        await settle({ folder: memory, bytes: corpus.bytes * 1.2 })
        round.limitSeconds = await limitOn(scratch, source)
      }
      if (step === 'changed') round.changedMib = diskMib(join(home, 'repository'))
      rmSync(target, { recursive: true, force: true })
    }
  }
  for (const tool of tools) rmSync(homeOf(scratch, tool), { recursive: true, force: true })
  rmSync(source, { recursive: true, force: true })
  return found
}

function playStep(
  tool: Tool,
  step: Step,
  at: { readonly home: string; readonly source: string; readonly target: string; readonly oneFile: string },
): Promise<Figure> {
  const { home, source, target, oneFile } = at
  switch (step) {
    case 'first':
      return tool.backup(home, source, 0)
    case 'unchanged':
      return tool.backup(home, source, 1)
    case 'changed':
      return tool.backup(home, source, 2)
    case 'restore':
      return tool.restore(home, target, 2)
    case 'one file':
      return tool.restoreOne(home, target, 2, source, source + oneFile)
    case 'check':
      return tool.check(home)
    case 'sweep':
      return tool.sweep(home)
  }
}

const homeOf = (scratch: string, tool: Tool): string => join(scratch, tool.name.replace(' ', '-'))

function summarise(set: SetName, all: ReadonlyMap<string, readonly Round[]>, tools: readonly Tool[]): void {
  const targets = TARGETS[set]
  summariseSpeed(set, set, all, tools)
  const [ours = [], theirs = []] = tools.map(({ name }) => all.get(name) as readonly Round[])
  if (theirs.length > 0) {
    const share = (size: 'firstMib' | 'changedMib'): number =>
      (ours[0] as Round)[size] / (theirs[0] as Round)[size]
    say(`${set} repository, first: ${atMost(share('firstMib'), targets.firstShare)} of restic's`)
    say(`${set} repository, changed: ${atMost(share('changedMib'), targets.changedShare)} of restic's`)
  }
  const peak = Math.max(...ours.flatMap(({ figures }) => [...figures.values()].map(({ pssMib }) => pssMib)))
  say(`${set} peak PSS: ${atMost(peak, targets.pssMib, 0)} MiB`)
}

/** Tools: ours, restic, borg. */
function summariseSpeed(
  title: string,
  set: SetName,
  all: ReadonlyMap<string, readonly Round[]>,
  tools: readonly Tool[],
): void {
  const [ours, ...peers] = tools as [Tool, ...Tool[]]
  const rounds = all.get(ours.name) as [Round, ...Round[]]
  for (const step of rounds[0].figures.keys()) {
    const secondsOf = (round: Round): number => (round.figures.get(step) as Figure).seconds
    const median = (tool: Tool, of: 'seconds' | 'cpuSeconds'): number =>
      medianOf((all.get(tool.name) as Round[]).map(({ figures }) => (figures.get(step) as Figure)[of]))
    const [own, ownCpu] = [median(ours, 'seconds'), median(ours, 'cpuSeconds')]
    // Of the rounds' ratios, not of their seconds: machines change their speed within minutes.
    const ratioTo = (peer: Tool): number =>
      medianOf(
        (all.get(peer.name) as Round[]).map((theirs, i) => secondsOf(theirs) / secondsOf(rounds[i] as Round)),
      )
    const ratios = peers.map((peer, i) => {
      const target = i === 0 ? TARGETS[set].speed[step] : 1
      const cpu = (median(peer, 'cpuSeconds') / Math.max(0.01, ownCpu)).toFixed(2)
      return `${atLeast(ratioTo(peer), target)} times ${peer.name} (CPU ${cpu})`
    })
    say(`${title}, ${step}: ${own.toFixed(2)} s, CPU ${ownCpu.toFixed(2)} s: ${ratios.join(', ')}`)
  }
}

const IN_LIMIT =
  'In the limit: listing, one stat, open, read and close of each file, cutting, hashing chunks and packs, compressing, sealing, writing and reading back; ' +
  'not in it: attributes, the looks for changes while reading, items and manifest, threads and their starts, syncs beyond one'

/** CPU seconds of the primitives alone on the same data, in one thread. */
async function limitOn(scratch: string, source: string): Promise<number> {
  const output = join(scratch, 'primitives')
  const script = join(import.meta.dirname, 'vault-primitives.ts')
  const args = ['--disable-warning=ExperimentalWarning', script, source, output]
  const { cpuSeconds } = await measure({ program: process.execPath, args, isWarm: true })
  rmSync(output)
  return cpuSeconds
}

/** Of rounds that took the limit along. */
function summariseLimit(all: ReadonlyMap<string, readonly Round[]>): void {
  const rounds = (all.get('roleback') as readonly Round[]).map(({ limitSeconds, figures }) => ({
    limit: limitSeconds as number,
    own: (figures.get('first') as Figure).cpuSeconds,
  }))
  const share = medianOf(rounds.map(({ limit, own }) => limit / own))
  const seconds = rounds.map(({ limit, own }) => `${limit.toFixed(2)} of ${own.toFixed(2)} s`).join(', ')
  say(`share of the physical limit: ${atLeast(share, LIMIT_SHARE)}: CPU ${seconds}. ${IN_LIMIT}`)
}

function medianOf(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b)
  const half = sorted.length >> 1
  const [low, high] = [sorted[sorted.length % 2 === 1 ? half : half - 1], sorted[half]] as [number, number]
  return (low + high) / 2
}

function atLeast(value: number, target: number | undefined): string {
  if (target === undefined) return value.toFixed(2)
  return `${value.toFixed(2)} (target at least ${target}${value >= target ? '' : ': MISSED'})`
}

function atMost(value: number, target: number, digits: number = 2): string {
  return `${value.toFixed(digits)} (target at most ${target}${value <= target ? '' : ': MISSED'})`
}

const describe = (step: Step, { seconds, cpuSeconds, pssMib }: Figure): string =>
  `${step} ${seconds.toFixed(2)} s CPU ${cpuSeconds.toFixed(2)} s ${pssMib} MiB`
