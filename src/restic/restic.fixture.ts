import { execFile, spawnSync } from 'node:child_process'
import { createHash, hash, randomBytes } from 'node:crypto'
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

import type { ResticNode } from './node.ts'
import { keysFromPassword, seal, unseal } from './sealing.ts'
import type { ScryptCosts } from './sealing.ts'
import type { SnapshotRequest } from './snapshot.ts'

/** Runs the restic that is on PATH against repositories that tests make. */

const run = promisify(execFile)

export const PASSWORD = 'a password only of tests'

/** What users get takes half a second of each command that opens a repository. */
export const CHEAP_COSTS: ScryptCosts = { N: 16, r: 1, p: 1 }

/** Puts keys that are cheap to open into the place of those of a repository, whoever made it. */
export async function makeKeysCheap(repository: string, password: string): Promise<void> {
  const folder = join(repository, 'keys')
  for (const name of await readdir(folder)) {
    const key = JSON.parse(await readFile(join(folder, name), 'utf8')) as ScryptCosts & {
      readonly salt: string
      readonly data: string
    }
    const dear = await keysFromPassword(password, Buffer.from(key.salt, 'base64'), key)
    const salt = randomBytes(64)
    const cheap = await keysFromPassword(password, salt, CHEAP_COSTS)
    const data = seal(cheap, unseal(dear, Buffer.from(key.data, 'base64')))
    const text = JSON.stringify({
      ...key,
      ...CHEAP_COSTS,
      salt: salt.toString('base64'),
      data: data.toString('base64'),
    })
    await writeFile(join(folder, hash('sha256', text)), text, { mode: 0o600 })
    await rm(join(folder, name))
  }
}

const found = spawnSync('restic', ['version'], { encoding: 'utf8' })
export const RESTIC_VERSION: string | undefined = found.status === 0 ? found.stdout.trim() : undefined
/** For `skip`: false, or why tests with restic are left out. */
export const WITHOUT_RESTIC: string | false =
  RESTIC_VERSION === undefined ? 'there is no restic on PATH (Debian: apt-get install restic)' : false

/** A scratch directory with a password file (0600) for restic; goes away when disposed. */
export interface Scratch extends AsyncDisposable {
  readonly directory: string
  readonly repository: string
  /** Runs restic on the repository; its standard output. @throws When it fails, with what it said. */
  restic(...args: readonly string[]): Promise<string>
}

export async function openScratch(): Promise<Scratch> {
  const directory = await mkdtemp(join(tmpdir(), 'roleback-restic-'))
  const passwordFile = join(directory, 'password')
  await writeFile(passwordFile, `${PASSWORD}\n`, { mode: 0o600 })
  const repository = join(directory, 'repository')
  return {
    directory,
    repository,
    restic: async (...args) => {
      const options = ['--repo', repository, '--password-file', passwordFile, '--no-cache']
      const { stdout } = await run('restic', [...options, ...args], { maxBuffer: 256 * 1024 * 1024 })
      return stdout
    },
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  }
}

export const TIME: Date = new Date('2026-02-03T04:05:06.789Z')
const MTIME_NS = 1_700_000_000_123_456_789n

type NodeFields = Partial<Omit<ResticNode, 'path'>> & { readonly bytes?: Uint8Array }

/** A node with plain defaults; `path` is split at slashes, or given as raw names; `bytes` are a file's content. */
export function node(
  path: string | readonly Uint8Array[],
  type: ResticNode['type'],
  { bytes, ...fields }: NodeFields = {},
): ResticNode {
  return {
    path: typeof path === 'string' ? path.split('/').map((name) => Buffer.from(name)) : path,
    type,
    mode: type === 'dir' ? 0o755 : 0o644,
    uid: process.getuid?.() ?? 0,
    gid: process.getgid?.() ?? 0,
    mtimeNs: MTIME_NS,
    size: bytes?.length ?? 0,
    links: 1,
    inode: 0n,
    deviceId: 1n,
    device: 0n,
    ...(bytes !== undefined && { content: () => streamOf(bytes) }),
    ...fields,
  }
}

// oxlint-disable-next-line require-await
export async function* streamOf<T>(...values: readonly T[]): AsyncGenerator<T> {
  yield* values
}

/** A request with plain defaults. */
export function request(
  nodes: readonly ResticNode[] | AsyncIterable<ResticNode>,
  others: Partial<SnapshotRequest> = {},
): SnapshotRequest {
  return {
    nodes: Symbol.asyncIterator in nodes ? nodes : streamOf(...nodes),
    paths: ['/exported'],
    hostname: 'test-host',
    username: 'test-user',
    time: TIME,
    tags: ['test'],
    signal: new AbortController().signal,
    ...others,
  }
}

const TYPES: Readonly<Record<number, ResticNode['type']>> = {
  0o040000: 'dir',
  0o100000: 'file',
  0o120000: 'symlink',
  0o010000: 'fifo',
  0o140000: 'socket',
  0o060000: 'dev',
  0o020000: 'chardev',
}

/** What lies below a directory, one line an entry: path (latin1), type, mode, owner, mtime, content or link target. */
export function describeTree(root: string): readonly string[] {
  const lines: string[] = []
  const walk = (folder: Buffer, shown: string): void => {
    for (const name of readdirSync(folder, { encoding: 'buffer' }).toSorted((a, b) => Buffer.compare(a, b))) {
      const path = Buffer.concat([folder, Buffer.from('/'), name])
      const stat = lstatSync(path, { bigint: true })
      const type = TYPES[Number(stat.mode) & 0o170000] as ResticNode['type']
      const label = shown + name.toString('latin1')
      const mode = (Number(stat.mode) & 0o7777).toString(8)
      lines.push(`${label} ${type} ${mode} ${stat.uid}:${stat.gid} ${stat.mtimeNs} ${contentOf(path, type)}`)
      if (type === 'dir') walk(path, `${label}/`)
    }
  }
  walk(Buffer.from(root), '')
  return lines
}

function contentOf(path: Buffer, type: ResticNode['type']): string {
  if (type === 'symlink') return readlinkSync(path, { encoding: 'buffer' }).toString('latin1')
  return type === 'file' ? createHash('sha256').update(readFileSync(path)).digest('hex') : '-'
}

/** The lines that `describeTree` gives for restored nodes. */
export async function describeNodes(nodes: readonly ResticNode[]): Promise<readonly string[]> {
  const lines: { readonly path: readonly Uint8Array[]; readonly line: string }[] = []
  for (const each of nodes) {
    let content = '-'
    if (each.type === 'symlink') content = Buffer.from(each.linkTarget ?? []).toString('latin1')
    if (each.type === 'file') {
      const hash = createHash('sha256')
      if (each.content !== undefined) for await (const part of each.content()) hash.update(part)
      content = hash.digest('hex')
    }
    const path = each.path.map((name) => Buffer.from(name).toString('latin1')).join('/')
    // Linux gives every link the mode 777.
    const mode = each.type === 'symlink' ? '777' : (each.mode & 0o7777).toString(8)
    const owner = `${each.uid}:${each.gid}`
    lines.push({ path: each.path, line: `${path} ${each.type} ${mode} ${owner} ${each.mtimeNs} ${content}` })
  }
  return lines.toSorted((a, b) => comparePaths(a.path, b.path)).map(({ line }) => line)
}

function comparePaths(a: readonly Uint8Array[], b: readonly Uint8Array[]): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const order = Buffer.compare(a[i] as Uint8Array, b[i] as Uint8Array)
    if (order !== 0) return order
  }
  return a.length - b.length
}
