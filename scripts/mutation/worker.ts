/**
 * Tries mutants one after the other in one process: loads the mutated file and whatever imports it anew, runs the tests against
 * it, and says which test failed first. The parent ends this process when a mutant does not end by itself.
 */
import { readFileSync } from 'node:fs'
import { registerHooks, stripTypeScriptTypes } from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { runDeclared } from './node-test.ts'

export type Task = {
  readonly id: string
  /** Absolute paths: the file that is mutated, what must be loaded anew with it, and the tests. */
  readonly file: string
  readonly source: string
  readonly fresh: readonly string[]
  readonly tests: readonly string[]
}
export type Outcome = {
  readonly id: string
  readonly killedBy: string | undefined
  /** What each test file took, in seconds of the processor. */
  readonly tookS: readonly number[]
}
/** Sent as each test file begins, so that the parent knows how long it has been at it. */
export type Begun = { readonly begun: number }

const STAND_INS: ReadonlyMap<string, string> = new Map([
  ['node:test', new URL('node-test.ts', import.meta.url).href],
  ['fast-check', new URL('fast-check.ts', import.meta.url).href],
])
const stripped = new Map<string, string>()
let task: Task | undefined
let round = 0

registerHooks({
  resolve(specifier, context, next) {
    const url = STAND_INS.get(specifier)
    if (url !== undefined && url !== context.parentURL) return { url, shortCircuit: true }
    const found = next(specifier, context)
    if (task === undefined || !found.url.startsWith('file:')) return found
    const path = fileURLToPath(found.url)
    return task.fresh.includes(path) ? { ...found, url: `${pathToFileURL(path).href}?round=${round}` } : found
  },
  load(url, context, next) {
    if (task === undefined || !url.includes('?round=')) return next(url, context)
    const path = fileURLToPath(url)
    const source = path === task.file ? stripTypeScriptTypes(task.source) : strippedFile(path)
    return { format: 'module', source, shortCircuit: true }
  },
})

function strippedFile(path: string): string {
  const known = stripped.get(path) ?? stripTypeScriptTypes(readFileSync(path, 'utf8'))
  stripped.set(path, known)
  return known
}

async function tryMutant(next: Task, tookS: number[]): Promise<string | undefined> {
  task = next
  round++
  for (const [i, file] of next.tests.entries()) {
    const begun: Begun = { begun: i }
    process.send!(begun)
    const before = process.cpuUsage()
    try {
      await import(`${pathToFileURL(file).href}?round=${round}`)
    } catch {
      return 'it cannot be loaded'
    }
    const failed = await runDeclared()
    const { user, system } = process.cpuUsage(before)
    tookS.push((user + system) / 1_000_000)
    if (failed !== undefined) return failed
  }
  return undefined
}

// A rejection that nobody waits for is a failure of the mutant, not of this process.
let stray = false
process.on('unhandledRejection', () => (stray = true))
process.on('message', (message: Task) => {
  stray = false
  const tookS: number[] = []
  void tryMutant(message, tookS).then((failed) => {
    const killedBy = failed ?? (stray ? 'a stray rejection' : undefined)
    const outcome: Outcome = { id: message.id, killedBy, tookS }
    process.send!(outcome)
  })
})
