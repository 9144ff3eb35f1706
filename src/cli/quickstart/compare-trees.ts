import * as fs from 'node:fs'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { printable } from '../../lib/log.ts'

/** What two directory trees have in common, found by reading both. */
export interface TreeComparison {
  /** Regular files that were compared, and their bytes. */
  readonly files: number
  readonly bytes: number
  /** Everything that was compared, with directories and links. */
  readonly items: number
  /** Empty where the trees are identical; at most so many are kept. */
  readonly differences: readonly string[]
}

export interface CompareOptions {
  /** Whether owner and group count: only root can give files away. */
  readonly comparesOwners: boolean
}

const MAX_DIFFERENCES = 20
const BLOCK_BYTES = 1 << 20
/** How long the comparison keeps other work of the process waiting, in milliseconds: the server may run in it. */
const TURN_MS = 50

interface Comparing {
  readonly options: CompareOptions
  readonly links: Map<string, string>
  readonly mirrored: Map<string, string>
  readonly differences: string[]
  /** One block of each side, for all files: making them anew takes longer than reading small files. */
  readonly blocks: readonly [Buffer, Buffer]
  files: number
  bytes: number
  items: number
  turnBegan: number
}

/**
 * Compares names, types, modes, owners, modification times in nanoseconds, link targets, hard links and contents of the trees at
 * `left` and `right`. It shares no code with the backup, so that a mistake there cannot hide here. Names may be any bytes.
 */
export async function compareTrees(
  left: string,
  right: string,
  options: CompareOptions,
): Promise<TreeComparison> {
  const state: Comparing = {
    options,
    links: new Map(),
    mirrored: new Map(),
    differences: [],
    blocks: [Buffer.allocUnsafe(BLOCK_BYTES), Buffer.allocUnsafe(BLOCK_BYTES)],
    files: 0,
    bytes: 0,
    items: 0,
    turnBegan: performance.now(),
  }
  await compareItem(state, Buffer.from(left), Buffer.from(right), '.')
  const { files, bytes, items, differences } = state
  return { files, bytes, items, differences }
}

/** Lets others have their turn when this one has been long. */
async function takeTurns(state: Comparing): Promise<void> {
  if (performance.now() - state.turnBegan < TURN_MS) return
  await nextTurn()
  state.turnBegan = performance.now()
}

async function compareItem(state: Comparing, left: Buffer, right: Buffer, name: string): Promise<void> {
  await takeTurns(state)
  const a = statOf(state, left, name, 'the original')
  const b = statOf(state, right, name, 'the restored tree')
  if (a === undefined || b === undefined) return
  state.items++
  if ((a.mode & TYPE_BITS) !== (b.mode & TYPE_BITS)) return differ(state, name, 'is of another type')
  compareFacts(state, a, b, name)
  if (a.isDirectory()) await compareFolders(state, left, right, name)
  else if (a.isSymbolicLink()) compareLinks(state, left, right, name)
  else if (a.isFile()) await compareFiles(state, left, right, { a, b, name })
  else if (a.rdev !== b.rdev) differ(state, name, 'is another device')
}

const TYPE_BITS = BigInt(fs.constants.S_IFMT)

function statOf(state: Comparing, path: Buffer, name: string, where: string): fs.BigIntStats | undefined {
  try {
    return fs.lstatSync(path, { bigint: true })
  } catch (error) {
    differ(state, name, `cannot be found in ${where} (${codeOf(error)})`)
    return undefined
  }
}

function compareFacts(state: Comparing, a: fs.BigIntStats, b: fs.BigIntStats, name: string): void {
  if (!a.isSymbolicLink() && a.mode !== b.mode) {
    differ(state, name, `has mode ${octal(b.mode)} instead of ${octal(a.mode)}`)
  }
  if (a.mtimeNs !== b.mtimeNs) {
    differ(state, name, `was modified ${b.mtimeNs} instead of ${a.mtimeNs} (nanoseconds since 1970)`)
  }
  if (state.options.comparesOwners && (a.uid !== b.uid || a.gid !== b.gid)) {
    differ(state, name, `belongs to ${b.uid}:${b.gid} instead of ${a.uid}:${a.gid}`)
  }
}

function octal(mode: bigint): string {
  return (mode & 0o7777n).toString(8).padStart(4, '0')
}

async function compareFolders(state: Comparing, left: Buffer, right: Buffer, name: string): Promise<void> {
  const [mine, theirs] = [namesIn(state, left, name), namesIn(state, right, name)]
  // Latin-1 carries every byte there and back.
  for (const entry of new Set([...mine, ...theirs].toSorted())) {
    const bytes = Buffer.from(`/${entry}`, 'latin1')
    const shown = join(name, printable(bytes.subarray(1).toString('utf8')))
    await compareItem(state, Buffer.concat([left, bytes]), Buffer.concat([right, bytes]), shown)
  }
}

function namesIn(state: Comparing, folder: Buffer, name: string): readonly string[] {
  try {
    return fs.readdirSync(folder, { encoding: 'latin1' })
  } catch (error) {
    differ(state, name, `cannot be listed (${codeOf(error)})`)
    return []
  }
}

function compareLinks(state: Comparing, left: Buffer, right: Buffer, name: string): void {
  const [a, b] = [left, right].map((path) => fs.readlinkSync(path, { encoding: 'buffer' })) as [
    Buffer,
    Buffer,
  ]
  if (!a.equals(b))
    differ(state, name, `links to "${printable(b.toString())}" instead of "${printable(a.toString())}"`)
}

async function compareFiles(
  state: Comparing,
  left: Buffer,
  right: Buffer,
  { a, b, name }: { readonly a: fs.BigIntStats; readonly b: fs.BigIntStats; readonly name: string },
): Promise<void> {
  state.files++
  state.bytes += Number(a.size)
  if (a.nlink > 1n || b.nlink > 1n) compareHardLinks(state, a, b, name)
  if (a.size !== b.size) return differ(state, name, `has ${b.size} bytes instead of ${a.size}`)
  try {
    const at = await firstDifference(state, left, right)
    if (at !== undefined) differ(state, name, `differs in content from byte ${at} on`)
  } catch (error) {
    differ(state, name, `cannot be read (${codeOf(error)})`)
  }
}

/** Names of one file on the left must be names of one file on the right, and of no other. */
function compareHardLinks(state: Comparing, a: fs.BigIntStats, b: fs.BigIntStats, name: string): void {
  const [mine, theirs] = [`${a.dev}:${a.ino}`, `${b.dev}:${b.ino}`]
  const isSame = (state.links.get(mine) ?? theirs) === theirs && (state.mirrored.get(theirs) ?? mine) === mine
  if (!isSame) differ(state, name, 'is hard-linked to other names')
  state.links.set(mine, theirs)
  state.mirrored.set(theirs, mine)
}

async function firstDifference(state: Comparing, left: Buffer, right: Buffer): Promise<number | undefined> {
  const a = fs.openSync(left, 'r')
  try {
    const b = fs.openSync(right, 'r')
    try {
      return await firstDifferenceOf(state, a, b)
    } finally {
      fs.closeSync(b)
    }
  } finally {
    fs.closeSync(a)
  }
}

async function firstDifferenceOf(state: Comparing, a: number, b: number): Promise<number | undefined> {
  const [mine, theirs] = state.blocks
  for (let offset = 0; ;) {
    await takeTurns(state)
    const got = readBlock(a, mine, offset)
    const length = readBlock(b, theirs, offset)
    const common = Math.min(got, length)
    if (got !== length || mine.compare(theirs, 0, common, 0, common) !== 0) {
      let at = 0
      while (at < common && mine[at] === theirs[at]) at++
      return offset + at
    }
    if (got === 0) return undefined
    offset += got
  }
}

function readBlock(fd: number, buffer: Buffer, offset: number): number {
  let filled = 0
  while (filled < buffer.length) {
    const got = fs.readSync(fd, buffer, filled, buffer.length - filled, offset + filled)
    if (got === 0) break
    filled += got
  }
  return filled
}

function differ(state: Comparing, name: string, how: string): void {
  if (state.differences.length < MAX_DIFFERENCES) state.differences.push(`${name} ${how}`)
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? String(error)
}
