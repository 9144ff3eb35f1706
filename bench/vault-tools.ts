import { mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { LAUNCHER_ENV, LAUNCHER_FLAGS, measure, runQuietly } from './measure.ts'
import type { Figure } from './measure.ts'
import type { Peer } from './peers.ts'

/**
 * The tools that are compared, each with a repository and whatever it caches below a home of its own. All use zstd level 3, ours with
 * smaller tables for short segments (docs/adr/0011); ours and restic read back what they wrote. Recovery points are numbered from 0.
 *
 * Ours is timed from a running process, as a server's job begins, and opens the vault cold; the others from their start.
 */
export interface Tool {
  readonly name: string
  init(home: string): Promise<void>
  backup(home: string, source: string, point: number): Promise<Figure>
  restore(home: string, target: string, point: number): Promise<Figure>
  /** @param file Absolute path as it was when it was backed up; `source` is what it lies below. */
  restoreOne(home: string, target: string, point: number, source: string, file: string): Promise<Figure>
  /** Reads and checks everything. */
  check(home: string): Promise<Figure>
  /** Deletes points 0 and 1 of four and frees what only they used. */
  sweep(home: string): Promise<Figure>
}

const PASSWORD = 'bench'

export function roleback(): Tool {
  const script = join(import.meta.dirname, 'vault-job.ts')
  // As the launcher starts the server: with compiled code kept beside the code.
  const cache = join(import.meta.dirname, '..', '.cache', 'node')
  const job = (action: string, home: string, ...args: readonly string[]): Promise<Figure> =>
    measure({
      program: process.execPath,
      args: [...LAUNCHER_FLAGS, script, action, join(home, 'repository'), ...args],
      env: { ...LAUNCHER_ENV, NODE_COMPILE_CACHE: cache },
      isWarm: true,
    })
  return {
    name: 'roleback',
    init: async (home) => void (await Promise.resolve(mkdirSync(home, { recursive: true }))),
    backup: async (home, source, point) => {
      const parent = point === 0 ? [] : [`p${point - 1}`]
      const figure = await job('backup', home, source, `p${point}`, ...parent)
      checkItems(Number(figure.output), source)
      return figure
    },
    restore: (home, target, point) => job('restore', home, target, `p${point}`),
    restoreOne: (home, target, point, source, file) =>
      job('restore', home, target, `p${point}`, file.slice(source.length)),
    check: (home) => job('check', home),
    sweep: (home) => job('sweep', home, 'p0', 'p1'),
  }
}

/** @throws Where a backup left something out: a figure of it would be worth nothing. */
function checkItems(items: number, source: string): void {
  const expected = readdirSync(source, { recursive: true }).length + 1
  if (items !== expected) throw new Error(`A backup has ${items} items of the ${expected} in "${source}"`)
}

export function resticTool({ program, version }: Peer): Tool {
  const common = (home: string): string[] => [
    '-q',
    '-r',
    join(home, 'repository'),
    '--cache-dir',
    join(home, 'cache'),
  ]
  const env = { RESTIC_PASSWORD: PASSWORD }
  const run = (home: string, ...args: readonly string[]): Promise<Figure> =>
    measure({ program, args: [...common(home), ...args], env })
  return {
    name: version,
    init: async (home) => {
      mkdirSync(home, { recursive: true })
      await runQuietly({ program, args: [...common(home), 'init'], env })
    },
    backup: (home, source) => run(home, 'backup', source),
    restore: (home, target) => run(home, 'restore', 'latest', '--target', target),
    restoreOne: (home, target, _point, _source, file) =>
      run(home, 'restore', 'latest', '--target', target, '--include', file),
    check: (home) => run(home, 'check', '--read-data'),
    sweep: (home) => run(home, 'forget', '--keep-last', '2', '--group-by', '', '--prune'),
  }
}

/** borg does not read back what it wrote, and its program is told the truth about the machine's Python. */
export function borgTool(peer: Peer): Tool {
  const { program, version } = peer
  const env = (home: string): Record<string, string> => ({
    ...peer.env,
    BORG_PASSPHRASE: PASSWORD,
    BORG_BASE_DIR: home,
  })
  const repository = (home: string): string => join(home, 'repository')
  const run = (home: string, ...args: readonly string[]): Promise<Figure> =>
    measure({ program, args, env: env(home) })
  const extract = (
    home: string,
    target: string,
    point: number,
    ...paths: readonly string[]
  ): Promise<Figure> =>
    measure({
      program,
      args: ['extract', `${repository(home)}::p${point}`, ...paths],
      env: env(home),
      cwd: target,
    })
  return {
    name: version,
    init: async (home) => {
      mkdirSync(home, { recursive: true })
      const args = ['init', '--encryption', 'repokey-blake2', repository(home)]
      await runQuietly({ program, args, env: env(home) })
    },
    backup: (home, source, point) =>
      run(home, 'create', '--compression', 'zstd,3', `${repository(home)}::p${point}`, source),
    restore: (home, target, point) => extract(home, target, point),
    restoreOne: (home, target, point, _source, file) => extract(home, target, point, file.slice(1)),
    check: (home) => run(home, 'check', '--verify-data', repository(home)),
    sweep: async (home) => {
      const deleted = await run(home, 'delete', repository(home), 'p0', 'p1')
      const compacted = await run(home, 'compact', repository(home))
      return {
        seconds: deleted.seconds + compacted.seconds,
        cpuSeconds: deleted.cpuSeconds + compacted.cpuSeconds,
        pssMib: Math.max(deleted.pssMib, compacted.pssMib),
        output: '',
      }
    },
  }
}
