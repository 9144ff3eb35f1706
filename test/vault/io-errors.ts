import assert from 'node:assert/strict'
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DiskBlobStore } from '../../src/blobs/disk.ts'
import { Coordinator, makeVault, VAULT_KEY } from '../../src/vault/points.fixture.ts'
import { openVault } from '../../src/vault/vault.ts'
import { NumberedPoints } from './numbered-points.ts'
import { startVaultProcess } from './process-harness.ts'
import type { ProcessOptions } from './process-harness.ts'

const STRACE = '/usr/bin/strace'
const STEPS = 6
const SYSCALLS = ['pread64', 'write', 'fsync', 'link', 'unlink', 'rename', 'mkdir', 'getdents64'] as const
type Syscall = (typeof SYSCALLS)[number]

export interface IoErrors {
  /** Runs in which a call failed. */
  readonly runs: number
  /** Of those, how many ended with an error; in the others it did no harm. */
  readonly failed: number
}

/** The k-th calls of a kind that are tried, counted from 1 in each thread. */
export type FailingCalls = Readonly<Partial<Record<Syscall, readonly number[]>>>

/**
 * Runs the same process again and again on the same vault; in each run the k-th call of one kind fails with an error, or it and all
 * after it. What it said is done is done, and the vault is whole.
 *
 * @param calls Which are tried; absent, all that are of a file or folder of the vault in a run where none fails.
 * @param kindMs How long one kind is tried, in milliseconds: of more calls than fit it takes some from all parts of the run.
 * @returns Why it cannot be done here, as text.
 */
export async function failCalls({
  seed,
  error = 'EIO',
  calls,
  kindMs = Infinity,
  say = () => undefined,
}: {
  readonly seed: number
  readonly error?: 'EIO' | 'ENOSPC'
  readonly calls?: FailingCalls
  readonly kindMs?: number
  readonly say?: (text: string) => void
}): Promise<IoErrors | string> {
  if (!existsSync(STRACE)) return `${STRACE} is not installed`
  const home = mkdtempSync(join(tmpdir(), 'roleback-eio-'))
  const counts = { runs: 0, failed: 0 }
  try {
    const template = join(home, 'template')
    const known = await makeTemplate(template, seed)
    const chosen = calls ?? (await callsOfVault(home, template, seed))
    for (const syscall of SYSCALLS) {
      const all = (chosen[syscall] ?? []).flatMap((call) => [String(call), `${call}+`])
      const own = { runs: 0, failed: 0, untouched: 0 }
      const until = performance.now() + kindMs
      for (const when of spread(all)) {
        if (performance.now() > until) break
        const directory = join(home, 'vault')
        cpSync(template, directory, { recursive: true })
        const outcome = await failCall(directory, { seed, error, syscall, when, known })
        rmSync(directory, { recursive: true })
        if (outcome === 'untouched') own.untouched++
        else own.runs++
        if (outcome === 'failed') own.failed++
      }
      counts.runs += own.runs
      counts.failed += own.failed
      if (all.length > 0) say(`${error} of ${syscall}: ${JSON.stringify(own)} of ${all.length} ways`)
    }
    return counts
  } finally {
    rmSync(home, { recursive: true, force: true })
  }
}

/** Which calls of each thread are of the vault, in a run where none fails. Most calls of `write` are Node's own, to wake its threads. */
async function callsOfVault(home: string, template: string, seed: number): Promise<FailingCalls> {
  const directory = join(home, 'vault')
  const log = join(home, 'calls')
  cpSync(template, directory, { recursive: true })
  const under = [STRACE, '-f', '--seccomp-bpf', '-qq', '-y', '-e', 'signal=none']
  const { ended } = startVaultProcess({
    ...second(directory, seed),
    under: [...under, '-e', `trace=${SYSCALLS.join()}`, '-o', log],
    hear: () => undefined,
  })
  assert.equal((await ended).code, 0)
  rmSync(directory, { recursive: true })
  const counted = new Map<string, number>()
  const found = new Map<string, Set<number>>()
  for (const line of readFileSync(log, 'utf8').split('\n')) {
    const [, thread, syscall = ''] = /^(\d+)\s+(\w+)\(/.exec(line) ?? []
    if (thread === undefined) continue
    const number = (counted.get(`${thread} ${syscall}`) ?? 0) + 1
    counted.set(`${thread} ${syscall}`, number)
    if (line.includes(directory)) found.set(syscall, (found.get(syscall) ?? new Set()).add(number))
  }
  return Object.fromEntries([...found].map(([syscall, numbers]) => [syscall, [...numbers]]))
}

/** All, in an order whose every beginning has some of all parts. */
function spread<T>(all: readonly T[]): readonly T[] {
  const GOLDEN = 0.618_033_988_749_895
  return all
    .map((one, i) => ({ one, at: (i * GOLDEN) % 1 }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ one }) => one)
}

/** The process whose calls fail. */
const second = (directory: string, seed: number): Omit<ProcessOptions, 'hear'> => ({
  directory,
  seed: seed + 1,
  generation: 2000,
  first: 100,
  steps: STEPS,
  // Calls are counted by thread: one thread makes all that are not made at once.
  env: { UV_THREADPOOL_SIZE: '1' },
})

async function makeTemplate(directory: string, seed: number): Promise<string[]> {
  await makeVault(new DiskBlobStore(directory))
  const known: string[] = []
  const running = startVaultProcess({
    directory,
    seed,
    generation: 1000,
    first: 1,
    steps: STEPS,
    hear: (line) => known.push(line),
  })
  assert.equal((await running.ended).code, 0)
  return known
}

async function failCall(
  directory: string,
  {
    seed,
    error,
    syscall,
    when,
    known,
  }: {
    readonly seed: number
    readonly error: string
    readonly syscall: Syscall
    readonly when: string
    readonly known: readonly string[]
  },
): Promise<'untouched' | 'harmless' | 'failed'> {
  const where = `${error} of ${syscall} ${when} of seed ${seed}`
  const points = new NumberedPoints()
  for (const line of known) points.hear(line)
  const running = startVaultProcess({
    ...second(directory, seed),
    under: [
      STRACE,
      '-f',
      '--seccomp-bpf',
      '-qq',
      '-e',
      `trace=${syscall}`,
      '-e',
      `inject=${syscall}:error=${error}:when=${when}`,
      '-e',
      'signal=none',
    ],
    hear: (line) => points.hear(line),
  })
  const { code, stderr } = await running.ended
  const isTouched = stderr.includes('(INJECTED)')
  assert.ok(isTouched || code === 0, `${where}: ended with ${code}: ${stderr}`)
  const vault = await openVault(new DiskBlobStore(directory), VAULT_KEY)
  await points.check(vault, where)
  const coordinator = new Coordinator()
  coordinator.generation = 3000
  await coordinator.sweep(vault)
  await points.check(vault, `${where}, swept`)
  if (!isTouched) return 'untouched'
  return code === 0 ? 'harmless' : 'failed'
}
