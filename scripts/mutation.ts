/**
 * Mutation testing, by hand:
 *
 *   npm run mutation -- src/policy            all files of the engine
 *   npm run mutation -- src/aws/sigv4.ts
 *   npm run mutation -- src/policy/parse.ts   one file of them
 *
 * With --survivors, mutants that a test has killed before are not tried again: tests only come on top, and a changed file is another.
 *
 * Makes every mutant that Stryker's instrumenter knows, one at a time, runs the tests that guard the file, and lists the mutants
 * that no test noticed. docs/mutation-testing.md explains those that stay. Ends with 1 below the score that must be reached.
 */
import { hash } from 'node:crypto'
import { fork, spawnSync } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import type { Begun, Outcome, Task } from './mutation/worker.ts'

const root = join(import.meta.dirname, '..')
const own = join(import.meta.dirname, 'mutation')
const say = (text: string): void => void process.stdout.write(`${text}\n`)

/** Tests by what they guard, the quickest first. */
const GUARDS: readonly (readonly [prefix: string, ...tests: string[]])[] = [
  [
    'src/policy/lint',
    'src/policy/lint-statement.test.ts',
    'src/policy/lint.test.ts',
    'src/roleback/policy-lint.test.ts',
  ],
  ['src/policy/reference.ts', 'src/policy/lint-statement.test.ts', 'src/roleback/policy-lint.test.ts'],
  [
    'src/policy/open-issuers.ts',
    'src/policy/open-issuers.test.ts',
    'src/roleback/policy-lint.test.ts',
    'src/roleback/sign-in.test.ts',
  ],
  ['src/policy/overlap.ts', 'src/policy/overlap.test.ts', 'src/policy/outlook.test.ts'],
  ['src/policy/outlook.ts', 'src/policy/outlook.test.ts'],
  ['src/policy/positions.ts', 'src/policy/positions.test.ts'],
  ['src/policy/below.ts', 'src/policy/below.test.ts', 'src/policy/cases.test.ts'],
  [
    'src/policy',
    'src/policy/cases.test.ts',
    'src/policy/grammar.test.ts',
    'src/policy/json.test.ts',
    'src/policy/ip.test.ts',
    'src/policy/values.test.ts',
    'src/policy/reasons.test.ts',
    'src/policy/pattern.test.ts',
    'src/policy/explain.test.ts',
    'scripts/mutation/differential.ts',
    'src/policy/below.test.ts',
    'src/policy/parse.test.ts',
  ],
  [
    'src/aws/sigv4.ts',
    'src/aws/sigv4-claims.test.ts',
    'src/aws/sigv4-verify.test.ts',
    'src/aws/sigv4.test.ts',
    'src/aws/sigv4-mutants.test.ts',
  ],
]
const MUST_SCORE = 90
/** A mutant may take so many times what a test file takes without it, and a second; what takes longer runs for ever. */
const PATIENCE = 3
/** Modules stay loaded for ever, so a process is for so many mutants only. */
const MUTANTS_A_PROCESS = 100

type Mutant = {
  readonly id: string
  readonly fileName: string
  readonly mutatorName: string
  readonly replacement: string
  readonly location: { readonly start: Position; readonly end: Position }
}
type Position = { readonly line: number; readonly column: number }
type Result = { readonly mutant: Mutant; readonly killedBy: string | undefined }

async function makeMutants(files: readonly string[]): Promise<readonly Mutant[]> {
  if (!existsSync(join(own, 'node_modules'))) {
    say('installing the instrumenter into scripts/mutation')
    const args = ['ci', '--no-fund', '--no-audit', '--loglevel=error']
    if (spawnSync('npm', args, { cwd: own, stdio: 'inherit' }).status !== 0) process.exit(1)
  }
  const { Instrumenter } = (await import(
    join(own, 'node_modules/@stryker-mutator/instrumenter/dist/src/index.js')
  )) as {
    readonly Instrumenter: new (logger: object) => { instrument(...args: unknown[]): Promise<unknown> }
  }
  const quiet = { debug() {}, info() {}, isDebugEnabled: () => false }
  const input = files.map((name) => ({ name, mutate: true, content: readFileSync(name, 'utf8') }))
  const options = { excludedMutations: [], ignorers: [], plugins: null, noHeader: true }
  const { mutants } = (await new Instrumenter(quiet).instrument(input, options)) as {
    readonly mutants: readonly Mutant[]
  }
  return mutants
}

function offsetOf(text: string, { line, column }: Position): number {
  let at = 0
  for (let i = 0; i < line; i++) at = text.indexOf('\n', at) + 1
  return at + column
}

function textOf(text: string, { location }: Mutant): string {
  return text.slice(offsetOf(text, location.start), offsetOf(text, location.end))
}

function mutated(text: string, mutant: Mutant): string {
  const { start, end } = mutant.location
  return text.slice(0, offsetOf(text, start)) + mutant.replacement + text.slice(offsetOf(text, end))
}

/** What of ours a file imports, by absolute path. */
function importsOf(file: string): readonly string[] {
  const text = readFileSync(file, 'utf8')
  return [...text.matchAll(/^(?:import|export)\s(?!type\b)[^'"`]*?from\s+'(\.[^']+\.ts)'/gm)].map(
    ([, spec]) => resolve(dirname(file), spec as string),
  )
}

/** The files among those the tests load that depend on a mutated file: they have to be loaded anew with it. */
function dependents(file: string, tests: readonly string[]): readonly string[] {
  const dependsOn = new Map<string, boolean>()
  const visit = (path: string): boolean => {
    const known = dependsOn.get(path)
    if (known !== undefined) return known
    dependsOn.set(path, path === file)
    const found = importsOf(path).map(visit)
    dependsOn.set(path, path === file || found.includes(true))
    return dependsOn.get(path)!
  }
  tests.forEach(visit)
  return [...dependsOn].filter(([, depends]) => depends).map(([path]) => path)
}

/** Seconds of the processor that a process has used. */
function processorTime(pid: number): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
    return (Number(fields[11]) + Number(fields[12])) / 100
  } catch {
    return 0
  }
}

/**
 * Runs tasks in one process at a time, until there are none; two of these share the list. `limitsS` are those of the test files, in
 * seconds of the processor: on a busy machine the clock says nothing.
 */
async function work(
  tasks: Task[],
  limitsS: readonly number[] | undefined,
  onOutcome: (outcome: Outcome) => void,
): Promise<void> {
  while (tasks.length > 0) {
    const child = fork(join(own, 'worker.ts'), { execArgv: ['--disable-warning=ExperimentalWarning'] })
    for (let i = 0; i < MUTANTS_A_PROCESS && tasks.length > 0 && child.connected; i++) {
      onOutcome(await askFor(child, tasks.shift()!, limitsS))
    }
    child.kill('SIGKILL')
  }
}

function askFor(child: ChildProcess, task: Task, limitsS: readonly number[] | undefined): Promise<Outcome> {
  return new Promise((done) => {
    let limitS = Infinity
    let since = 0
    const end = (outcome: Outcome): void => {
      clearInterval(timer)
      child.off('message', onMessage).off('exit', onExit)
      done(outcome)
    }
    const onMessage = (message: Outcome | Begun): void => {
      if ('id' in message) return end(message)
      since = processorTime(child.pid!)
      limitS = limitsS?.[message.begun] ?? Infinity
    }
    const onExit = (): void => end({ id: task.id, killedBy: 'its process ended', tookS: [] })
    const timer = setInterval(() => {
      if (processorTime(child.pid!) - since < limitS) return
      child.off('message', onMessage).off('exit', onExit).kill('SIGKILL')
      child.once('exit', () => end({ id: task.id, killedBy: 'it did not end', tookS: [] }))
      limitS = Infinity
    }, 200)
    child.on('message', onMessage).on('exit', onExit)
    child.send(task)
  })
}

function guardOf(file: string): (typeof GUARDS)[number] | undefined {
  return GUARDS.find(([prefix]) => relative(root, file).startsWith(prefix))
}

function taskOf(file: string, source: string, id: string): Task {
  const [, ...names] = guardOf(file)!
  const tests = names.map((test) => join(root, test))
  return { id, file, source, fresh: [...new Set([...dependents(file, tests), ...tests])], tests }
}

/** The files of a target that are mutated; all of them have the same tests. */
function sourcesOf(target: string): readonly string[] {
  const files = target.endsWith('.ts') ? [target] : globSync(`${target}/*.ts`, { cwd: root }).toSorted()
  return files
    .map((file) => join(root, file))
    .filter((file) => !file.endsWith('.test.ts') && guardOf(file) !== undefined)
}

async function mutate(sources: readonly string[], killed: Killed, isAgain: boolean): Promise<void> {
  const texts = new Map(sources.map((file) => [file, readFileSync(file, 'utf8')]))
  const [first = ''] = sources
  const limitsS: number[] = []
  await work([taskOf(first, texts.get(first)!, first)], undefined, ({ killedBy, tookS }) => {
    if (killedBy !== undefined) throw new Error(`a test fails without any mutant: ${killedBy}`)
    limitsS.push(...tookS.map((seconds) => PATIENCE * seconds + 1))
  })
  const mutants = await makeMutants(sources)
  const nameOf = (mutant: Mutant): string => mutantName(mutant, texts.get(mutant.fileName)!)
  const results: Result[] = mutants
    .map((mutant) => ({ mutant, killedBy: isAgain ? killed[nameOf(mutant)] : undefined }))
    .filter(({ killedBy }) => killedBy !== undefined)
  const known = new Set(results.map(({ mutant }) => mutant.id))
  say(`${mutants.length} mutants of ${sources.length} files, ${known.size} of them killed before`)
  const byId = new Map(mutants.map((mutant) => [mutant.id, mutant]))
  const tasks = mutants
    .filter(({ id }) => !known.has(id))
    .map((mutant) => taskOf(mutant.fileName, mutated(texts.get(mutant.fileName)!, mutant), mutant.id))
  const startedAt = performance.now()
  const note = ({ id, killedBy }: Outcome): void => {
    const mutant = byId.get(id)!
    results.push({ mutant, killedBy })
    if (killedBy !== undefined) killed[nameOf(mutant)] = killedBy
    if (results.length % 100 !== 0) return
    keep(killed)
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(0)
    const survived = results.filter((one) => one.killedBy === undefined).length
    say(`${results.length} tried after ${seconds} s, ${survived} survived`)
  }
  await Promise.all([work(tasks, limitsS, note), work(tasks, limitsS, note)])
  keep(killed)
  report(results, texts)
}

function report(results: readonly Result[], texts: ReadonlyMap<string, string>): void {
  const survivors = results.filter(({ killedBy }) => killedBy === undefined)
  const lines = survivors
    .map(({ mutant }) => {
      const { fileName, location, mutatorName, replacement } = mutant
      const original = textOf(texts.get(fileName)!, mutant)
      const short = (text: string): string =>
        JSON.stringify(text.replace(/\s+/g, ' ')).slice(1, -1).slice(0, 160)
      const line = String(location.start.line + 1).padStart(4, '0')
      return `${relative(root, fileName)}:${line}:${location.start.column + 1} ${mutatorName}: ${short(original)} -> ${short(replacement)}`
    })
    .toSorted()
  for (const line of lines) say(line.replace(/:0+(\d)/, ':$1'))
  for (const file of texts.keys()) {
    const ofFile = results.filter(({ mutant }) => mutant.fileName === file)
    if (ofFile.length > 0) say(`${scoreOf(ofFile)}\t${relative(root, file)}`)
  }
  say(`${scoreOf(results)}\tall`)
  if ((100 * (results.length - survivors.length)) / results.length < MUST_SCORE) process.exitCode = 1
}

/** What killed each mutant, by the mutant's name. */
type Killed = Record<string, string>
const KILLED_FILE = join(root, '.cache', 'mutation.json')

/** The same for a mutant of the same text of the same file, in any run. */
function mutantName({ fileName, location, mutatorName, replacement }: Mutant, text: string): string {
  const { start, end } = location
  const place = [start.line, start.column, end.line, end.column].join(':')
  return hash('sha256', [relative(root, fileName), text, place, mutatorName, replacement].join('\0'))
}

function keep(killed: Killed): void {
  mkdirSync(dirname(KILLED_FILE), { recursive: true })
  writeFileSync(KILLED_FILE, JSON.stringify(killed, null, 1))
}

function scoreOf(results: readonly Result[]): string {
  const killed = results.filter(({ killedBy }) => killedBy !== undefined).length
  return `${((100 * killed) / results.length).toFixed(1)} % (${killed} of ${results.length})`
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { survivors: { type: 'boolean', default: false } },
})
if (positionals.length === 0 || positionals.some((target) => sourcesOf(target).length === 0)) {
  const names = GUARDS.map(([prefix]) => prefix).join('|')
  process.stderr.write(`usage: npm run mutation -- [--survivors] ${names}\n`)
  process.exit(2)
}
const killedBefore = (existsSync(KILLED_FILE) ? JSON.parse(readFileSync(KILLED_FILE, 'utf8')) : {}) as Killed
// Files with the same tests are tried together: the tests' own time is taken once.
const chosen = positionals.flatMap(sourcesOf)
for (const [, ...sources] of GUARDS.map(
  (guard) => [guard, ...chosen.filter((file) => guardOf(file) === guard)] as const,
)) {
  if (sources.length > 0) await mutate(sources, killedBefore, values.survivors)
}
