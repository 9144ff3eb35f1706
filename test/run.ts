/**
 * `npm test`: sets up what the tests need, says what it does before doing it, runs everything, and names what it left out.
 *
 *   npm test                     all
 *   npm test -- src/vault        only test files whose path begins so
 */
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { run as runFiles } from 'node:test'
import { spec } from 'node:test/reporters'
import { DENIALS_REPORT } from './fixtures/denials.ts'
import type { DenialOutcome } from './fixtures/denials.ts'
import { SHARED_SERVERS } from './servers/run-tool.ts'
import { shareServers } from './servers/shared.ts'

const root = join(import.meta.dirname, '..')
const say = (text: string): void => void process.stdout.write(`${text}\n`)

/** Debian packages that the tests use, each with the program that shows it is there. */
const PACKAGES: readonly (readonly [pkg: string, program: string])[] = [
  ['postgresql-15', '/usr/lib/postgresql/15/bin/initdb'],
  ['restic', '/usr/bin/restic'],
  ['ceph-mon', '/usr/bin/ceph-mon'],
  ['ceph-osd', '/usr/bin/ceph-osd'],
  ['radosgw', '/usr/bin/radosgw'],
  ['ceph-common', '/usr/bin/ceph'],
  ['strace', '/usr/bin/strace'],
  ['rsync', '/usr/bin/rsync'],
  ['xfsprogs', '/usr/sbin/xfs_io'],
  ['attr', '/usr/bin/setfattr'],
  ['chromium', '/usr/bin/chromium'],
  ['fonts-liberation', '/usr/share/fonts/truetype/liberation'],
]

function run(command: string, args: readonly string[], options: { cwd?: string } = {}): boolean {
  return (
    spawnSync(command, args, { stdio: ['ignore', 'inherit', 'inherit'], cwd: options.cwd ?? root }).status ===
    0
  )
}

function installDependencies(): void {
  if (existsSync(join(root, 'node_modules', '.bin', 'tsc'))) return
  say('set-up: installing the dependencies for development (npm ci)')
  if (!run('npm', ['ci', '--no-fund', '--no-audit', '--loglevel=error'])) process.exit(1)
}

/** The packages that are missing and that this account may install. */
function installServers(): void {
  const missing = PACKAGES.filter(([, program]) => !existsSync(program)).map(([pkg]) => pkg)
  if (!hasBoto3()) missing.push('python3-boto3')
  if (missing.length === 0) return
  const isDebian = existsSync('/etc/debian_version')
  if (!isDebian || process.getuid?.() !== 0) {
    say(
      `set-up: not root on Debian, so these are not installed and their suites are left out: ${missing.join(' ')}`,
    )
    return
  }
  say(`set-up: installing servers and tools for the tests with apt-get: ${missing.join(' ')}`)
  // Debian would make and start a cluster of its own; the tests start theirs.
  const noCluster = '/etc/postgresql-common/createcluster.conf'
  if (missing.includes('postgresql-15') && !existsSync(noCluster)) {
    mkdirSync('/etc/postgresql-common', { recursive: true })
    writeFileSync(noCluster, 'create_main_cluster = false\n')
  }
  const quiet = ['-qq', '-o', 'Dpkg::Use-Pty=0']
  const isInstalled =
    run('apt-get', [...quiet, 'update']) &&
    run('env', [
      'DEBIAN_FRONTEND=noninteractive',
      'apt-get',
      ...quiet,
      'install',
      '-y',
      '--no-install-recommends',
      ...missing,
    ])
  if (!isInstalled)
    say('set-up: apt-get failed; suites that need what is missing are left out and named below')
}

function hasBoto3(): boolean {
  return spawnSync('python3', ['-c', 'import boto3'], { stdio: 'ignore' }).status === 0
}

function testFiles(prefixes: readonly string[]): string[] {
  const all = globSync(['src/**/*.test.ts', 'test/**/*.test.ts', 'console/test/**/*.test.ts'], {
    cwd: root,
  }).toSorted()
  return prefixes.length === 0
    ? all
    : all.filter((file) => prefixes.some((prefix) => file.startsWith(prefix)))
}

/**
 * How many files at once: they wait for disks, servers and each other's locks for a good part of their time, so four more than there
 * are cores: of the thirty longest a core does work half of the time, of all together two fifths.
 */
const AT_ONCE = availableParallelism() + 4

/** Longest first, so that none of them is begun last; what these take is printed at the end. */
const LONG: readonly string[] = [
  'test/delete-table.test.ts',
  'test/terraform.test.ts',
  'src/store/store.contract.test.ts',
  'test/wire/operations-roleback-storages.test.ts',
  'console/test/accessible.test.ts',
  'test/workers/kill.test.ts',
  'console/test/flows.test.ts',
  'test/recover/recover.test.ts',
  'src/drivers/postgresql/postgresql.tools.test.ts',
  'test/wire/operations-restore-tests.test.ts',
  'test/serve.test.ts',
  'test/refusal-demo.test.ts',
  'console/test/records.test.ts',
  'console/test/restore.test.ts',
  'src/drivers/postgresql/postgresql.contract.test.ts',
  'src/restic/restic.test.ts',
  'test/import.test.ts',
  'console/test/first-run.test.ts',
  'console/test/plans.test.ts',
  'console/test/access.test.ts',
  'console/test/overview.test.ts',
  'console/test/keyboard.test.ts',
  'src/blobs/s3.test.ts',
  'test/export.test.ts',
  'src/drivers/s3-bucket/s3-bucket.contract.test.ts',
  'test/apply.test.ts',
  'test/rebuild-cold-elsewhere.test.ts',
]

function inOrder(files: readonly string[]): string[] {
  const first = LONG.filter((file) => files.includes(file))
  return [...first, ...files.filter((file) => !LONG.includes(file))]
}

/** Only where a test looks at it: it takes seconds. */
function buildConsole(): void {
  say('set-up: building the console')
  if (!run(process.execPath, [join(root, 'scripts', 'build-console.mjs')])) process.exit(1)
}

installDependencies()
installServers()
const files = inOrder(testFiles(process.argv.slice(2)))
if (files.some((file) => file.startsWith('console/'))) buildConsole()
rmSync(DENIALS_REPORT, { force: true })
const isGreen = await runTests()
const isExplained = tellDenials()
process.exit(isGreen && isExplained ? 0 : 1)

/** Runs the files, each in a process of its own; prints as it goes, then what was left out. Resolves with whether all is well. */
async function runTests(): Promise<boolean> {
  const scratch = mkdtempSync(join(tmpdir(), 'roleback-run-'))
  chmodSync(scratch, 0o755)
  // Compiled code is kept where the launcher keeps it: hundreds of processes load the same sources.
  process.env['NODE_COMPILE_CACHE'] ??= join(root, '.cache', 'node')
  mkdirSync(process.env['NODE_COMPILE_CACHE'], { recursive: true, mode: 0o700 })
  const servers = await shareServers(scratch)
  process.env[SHARED_SERVERS] = servers.url
  const stop = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort())
  try {
    const leftOut: string[] = []
    const seconds = new Map<string, number>()
    let isGreen = false
    const tests = runFiles({
      files: files.map((file) => join(root, file)),
      cwd: root,
      concurrency: AT_ONCE,
      execArgv: ['--disable-warning=ExperimentalWarning'],
      signal: stop.signal,
    })
    tests.on('test:pass', ({ name, skip }) => {
      if (skip !== undefined && skip !== false) leftOut.push(`${name} because ${skip}`)
    })
    tests.on('test:summary', ({ file, success, duration_ms }) => {
      if (file === undefined) isGreen = success
      else seconds.set(relative(root, file), duration_ms / 1000)
    })
    await pipeline(tests.compose(new spec()), process.stdout, { end: false })
    tellSlowest(seconds)
    for (const line of leftOut) say(`left out: ${line}`)
    if (leftOut.length === 0) say('left out: nothing')
    return isGreen
  } finally {
    await servers[Symbol.asyncDispose]()
    rmSync(scratch, { recursive: true, force: true })
  }
}

function tellSlowest(seconds: ReadonlyMap<string, number>): void {
  const slowest = [...seconds].toSorted(([, a], [, b]) => b - a).slice(0, 20)
  for (const [file, took] of slowest) say(`took ${took.toFixed(1).padStart(6)} s ${file}`)
}

/**
 * Adds up what the servers of the tests refused (test/fixtures/denials.ts): every refusal is explained by its id, and of those that a
 * statement can allow, 99 in 100 are allowed once the proposed change is made. Servers that run as processes of their own are not
 * among them: their tests end them in ways that leave nobody to ask.
 */
function tellDenials(): boolean {
  if (!existsSync(DENIALS_REPORT)) return true
  const outcomes = readFileSync(DENIALS_REPORT, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as DenialOutcome)
  const explained = outcomes.filter((one) => one.isExplained)
  const answerable = outcomes.filter((one) => one.proposal !== 'beyond')
  const enough = answerable.filter((one) => one.proposal === 'enough')
  const share = answerable.length === 0 ? 1 : enough.length / answerable.length
  for (const one of outcomes) {
    if (one.isExplained && one.proposal !== 'not enough') continue
    say(`denial ${one.id} of ${one.file}: ${one.what}: ${one.detail}`)
  }
  say(
    `denials ${outcomes.length} explained ${explained.length} proposals ${answerable.length} enough ${(share * 100).toFixed(2)} %` +
      ` (beyond any statement ${outcomes.length - answerable.length}; met ${outcomes.reduce((sum, one) => sum + one.count, 0)} times)`,
  )
  return explained.length === outcomes.length && share >= 0.99
}
