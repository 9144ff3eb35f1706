import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { cpSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DiskBlobStore } from '../../src/blobs/disk.ts'
import { Coordinator, makeVault, VAULT_KEY } from '../../src/vault/points.fixture.ts'
import { openVault } from '../../src/vault/vault.ts'
import { NumberedPoints } from './numbered-points.ts'
import { startVaultProcess } from './process-harness.ts'

const STRACE = '/usr/bin/strace'
const STEPS = 6
/** Calls that nothing but the vault makes here, and the longest of runs has fewer of each than this. */
const SYSCALLS = ['fsync', 'link', 'unlink', 'rename', 'mkdir', 'getdents64', 'pread64', 'write'] as const
const MAX_CALLS = 120

export interface IoErrors {
  /** Runs in which a call failed. */
  readonly runs: number
  /** Of those, how many ended with an error; in the others it did no harm. */
  readonly failed: number
}

/**
 * Runs the same process again and again on the same vault; in each run the k-th call of one kind fails with EIO, or it and all after
 * it. What it said is done is done, and the vault is whole.
 *
 * @param isChosen Which of all runs, counted from 0, are made. @returns Why it cannot be done here, as text.
 */
export async function failCalls({
  seed,
  isChosen,
  say = () => undefined,
}: {
  readonly seed: number
  readonly isChosen: (syscall: string, call: number) => boolean
  readonly say?: (text: string) => void
}): Promise<IoErrors | string> {
  if (!existsSync(STRACE)) return `${STRACE} is not installed`
  const home = mkdtempSync(join(tmpdir(), 'roleback-eio-'))
  const counts = { runs: 0, failed: 0 }
  try {
    const template = join(home, 'template')
    const known = await makeTemplate(template, seed)
    for (const syscall of SYSCALLS) {
      for (const isLasting of [false, true]) {
        for (let call = 1; call <= MAX_CALLS; call++) {
          if (!isChosen(syscall, call)) continue
          const directory = join(home, 'vault')
          cpSync(template, directory, { recursive: true })
          const when = `${call}${isLasting ? '+' : ''}`
          const outcome = await failCall(directory, { seed, syscall, when, known })
          rmSync(directory, { recursive: true })
          if (outcome === 'untouched') break
          counts.runs++
          if (outcome === 'failed') counts.failed++
        }
      }
      say(`${syscall}: ${JSON.stringify(counts)} so far`)
    }
    return counts
  } finally {
    rmSync(home, { recursive: true, force: true })
  }
}

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
    syscall,
    when,
    known,
  }: {
    readonly seed: number
    readonly syscall: string
    readonly when: string
    readonly known: readonly string[]
  },
): Promise<'untouched' | 'harmless' | 'failed'> {
  const where = `${syscall} ${when} of seed ${seed}`
  const points = new NumberedPoints()
  for (const line of known) points.hear(line)
  const running = startVaultProcess({
    directory,
    seed: seed + 1,
    generation: 2000,
    first: 100,
    steps: STEPS,
    // Calls are counted by thread: one thread makes all that are not made at once.
    env: { UV_THREADPOOL_SIZE: '1' },
    under: [
      STRACE,
      '-f',
      '--seccomp-bpf',
      '-qq',
      '-e',
      `trace=${syscall}`,
      '-e',
      `inject=${syscall}:error=EIO:when=${when}`,
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
