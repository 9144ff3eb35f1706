import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { directoryIo } from './directory-io.ts'
import * as layout from './directory-meta.ts'
import { directoryDriver } from './directory.ts'
import { isRoot, listing, makeSource, plainTree, restoredPath, underTest } from './directory.fixture.ts'
import type { TreeSource } from './directory.fixture.ts'
import { backUp, contractSession, restoreInto } from '../driver.contract.ts'
import { MemoryPoint, MemorySink } from '../driver.memory.ts'
import type { Item, ThreadHalf } from '../driver.ts'

const SECRET = 'the secret of somebody else'

/** Metadata as a hostile client would write it. */
function meta(mode: number, target = '', xattrs: { name: string; value: Uint8Array }[] = []): Uint8Array {
  const fixed = layout.fixedPart(fs.statSync('/', { bigint: true }), 0)
  fixed.writeUInt32LE(mode, 2)
  fixed.writeUInt32LE(process.getuid?.() ?? 0, 6)
  fixed.writeUInt32LE(process.getgid?.() ?? 0, 10)
  return layout.encodeMeta(fixed, target, xattrs)
}

const folderMeta = meta(0o040755)
const entry = (key: string, kind: number, bytes: Uint8Array): Omit<Item, 'size'> => ({
  key: layout.bytesOf(key),
  kind,
  meta: bytes,
})

/** Names that an honest walk cannot give, put where a name goes; `%` is a name that would be fine. */
function hostileNames(canaries: string): string[] {
  const parts = [
    '',
    '.',
    '..',
    '../../..',
    './x',
    'a/../..',
    '..\0',
    '\0',
    'x\0y',
    '...'.repeat(100),
    '/',
    '//',
  ]
  const targets = [`${canaries}/new`, `..${canaries}/new`, `../../../../../../..${canaries}/new`]
  const steps = Array.from({ length: 20 }, (_, depth) => `${'../..'.repeat(depth + 1)}canaries/new`)
  const dressed = [...parts, ...targets, ...steps].flatMap((name) => [
    name,
    `%/${name}`,
    `${name}/%`,
    `%/${name}/%`,
    `/${name}`,
    `${name}//`,
    `%//${name}`,
    `./${name}`,
    `${name}/..`,
    `${name}/.`,
  ])
  return [...new Set(dressed.map((name) => name.replaceAll('%', 'fine')))]
}

test('R10 no name in a recovery point leads out of the restore, whatever kind of item bears it', async (t) => {
  await using source = makeSource((path) => {
    fs.mkdirSync(join(path, '../canaries/kept'), { recursive: true })
    fs.writeFileSync(join(path, '../canaries/canary'), 'untouched')
  })
  const canaries = join(source.path, '../canaries')
  const before = listing(canaries)
  const home = listing(join(source.path, '..')).length
  const names = hostileNames(canaries)
  const kinds = [
    layout.FILE,
    layout.SYMLINK,
    layout.HARD_LINK,
    layout.FIFO,
    layout.CHARACTER_DEVICE,
    layout.DIRECTORY,
  ]
  let refused = 0
  for (const kind of kinds) {
    const keys = [...new Set(names.map((name) => `/${name}${kind === layout.DIRECTORY ? '/' : ''}`))]
    keys.push('', 'no slash', '..', '../canaries/new')
    const items = keys
      .filter((key) => key !== '/')
      .sort()
      .map((key) => ({ item: entry(key, kind, meta(0o100644, '/canary')), bytes: Buffer.from('hostile') }))
    const point = MemoryPoint.of(
      [{ item: entry('/', layout.DIRECTORY, folderMeta) }, ...items].sort(byKey),
      directoryIo,
    )
    const { summary, problems } = await restoreInto(underTest, source, point, {
      metadata: { ...source.restore.metadata, CreationToken: `kind-${kind}` },
    })
    refused += problems.length
    assert.equal(summary.itemsRestored, 1, `kind ${kind}: ${listing(restoredPath(summary)).join('\n')}`)
    assert.ok(problems.length >= items.length, `kind ${kind}: ${problems.length} of ${items.length}`)
    fs.rmdirSync(restoredPath(summary))
  }
  t.diagnostic(`${refused} hostile items refused`)
  assert.ok(refused >= 300 * 6)
  assert.deepEqual(listing(canaries), before)
  assert.equal(listing(join(source.path, '..')).length, home)
})

const byKey = (a: { item: { key: Uint8Array } }, b: { item: { key: Uint8Array } }): number =>
  Buffer.compare(a.item.key, b.item.key)

test('R10 an item below a link, a file or a directory that was refused is refused too', async () => {
  await using source = makeSource((path) => fs.mkdirSync(join(path, '../canaries')))
  const canaries = join(source.path, '../canaries')
  const items = [
    { item: entry('/', layout.DIRECTORY, folderMeta) },
    { item: entry('/link', layout.SYMLINK, meta(0o120777, canaries)) },
    { item: entry('/link/', layout.DIRECTORY, folderMeta) },
    { item: entry('/link/new', layout.FILE, meta(0o100644)), bytes: Buffer.from('hostile') },
    { item: entry('/linkfile', layout.HARD_LINK, meta(0o100644, '/link/../../canaries/canary')) },
    { item: entry('/missing/new', layout.FILE, meta(0o100644)), bytes: Buffer.from('hostile') },
    { item: entry('/version', layout.FILE, Buffer.from([9, 9, 9])), bytes: Buffer.from('hostile') },
    { item: entry('/wild', 77, meta(0o100644)), bytes: Buffer.from('hostile') },
  ]
  const { problems, summary } = await restoreInto(underTest, source, MemoryPoint.of(items, directoryIo))
  assert.deepEqual(fs.readdirSync(canaries), [])
  assert.deepEqual(fs.readdirSync(restoredPath(summary)), ['link'])
  assert.deepEqual(problems.map(({ item }) => item).sort(), [
    '/link/',
    '/link/new',
    '/linkfile',
    '/missing/new',
    '/version',
    '/wild',
  ])
})

test('R10 setuid bits, devices and file capabilities come back only with ClientRootAccess', async (t) => {
  if (!isRoot) return t.skip('only root can make devices and file capabilities')
  await using source = makeSource(() => undefined)
  const items = [
    { item: entry('/', layout.DIRECTORY, folderMeta) },
    {
      item: entry('/capable', layout.FILE, meta(0o100755, '', [CAPABILITY])),
      bytes: Buffer.from('binary'),
    },
    { item: entry('/device', layout.CHARACTER_DEVICE, meta(0o020666)) },
    { item: entry('/setgid/', layout.DIRECTORY, meta(0o042775)) },
    { item: entry('/setuid', layout.FILE, meta(0o106755)), bytes: Buffer.from('binary') },
  ]
  const point = MemoryPoint.of(items, directoryIo)
  const denied = await restoreInto(underTest, source, point, { denied: ['ClientRootAccess'] })
  const path = restoredPath(denied.summary)
  assert.deepEqual(denied.problems, [])
  assert.deepEqual(fs.readdirSync(path).sort(), ['capable', 'setgid', 'setuid'])
  assert.equal(fs.statSync(join(path, 'setuid')).mode & 0o7777, 0o755)
  assert.equal(fs.statSync(join(path, 'setgid')).mode & 0o7777, 0o2775)
  assert.ok(!listing(path).join().includes('security.capability'))
  assert.match(
    String(denied.summary.notes?.at(-1)),
    /1 setuid or setgid bits, 1 devices and 1 file capabilities/,
  )
  assert.equal(denied.summary.itemsSkipped, 1)
  const allowed = await restoreInto(underTest, source, point, {
    metadata: { ...source.restore.metadata, CreationToken: 'allowed' },
  })
  const full = restoredPath(allowed.summary)
  assert.equal(fs.statSync(join(full, 'setuid')).mode & 0o7777, 0o6755)
  assert.ok(fs.statSync(join(full, 'device')).isCharacterDevice())
  assert.ok(listing(full).join().includes('security.capability'))
})

const CAPABILITY = {
  name: 'security.capability',
  value: Buffer.from('0100000200200000000000000000000000000000', 'hex'),
}

interface Race {
  readonly name: string
  /** Done once, when `victim` is about to be opened or after its first bytes. */
  readonly act: (source: TreeSource, victim: string) => void
  readonly reason: RegExp
}

const secretOf = (source: TreeSource): string => join(source.path, '../secret')
const RACES: readonly Race[] = [
  { name: 'truncated', act: (_, victim) => fs.truncateSync(victim, 10), reason: /changed while it was read/ },
  {
    name: 'grown',
    act: (_, victim) => fs.appendFileSync(victim, 'more'),
    reason: /changed while it was read/,
  },
  {
    name: 'rewritten in its size and time',
    act: (_, victim) => {
      const { atime, mtime, size } = fs.statSync(victim)
      fs.writeFileSync(victim, Buffer.alloc(size, 'x'), { flag: 'r+' })
      fs.utimesSync(victim, atime, mtime)
    },
    reason: /changed while it was read/,
  },
  { name: 'deleted', act: (_, victim) => fs.rmSync(victim), reason: /not there|changed while/ },
  {
    name: 'replaced by a link',
    act: (source, victim) => {
      fs.rmSync(victim)
      fs.symlinkSync(secretOf(source), victim)
    },
    reason: /symbolic link|changed while/,
  },
  {
    name: 'replaced by another file',
    act: (source, victim) => {
      fs.renameSync(victim, join(source.path, '../away'))
      fs.copyFileSync(secretOf(source), victim)
    },
    reason: /Something else stands in its place|changed while/,
  },
  {
    name: 'replaced by a folder',
    act: (_, victim) => {
      fs.rmSync(victim)
      fs.mkdirSync(victim)
    },
    reason: /Something else stands in its place|changed while/,
  },
  {
    name: 'replaced by a FIFO',
    act: (_, victim) => {
      fs.rmSync(victim)
      execFileSync('mkfifo', [victim])
    },
    reason: /Something else stands in its place|changed while/,
  },
  {
    name: 'its folder replaced by a link',
    act: (source, victim) => {
      fs.renameSync(join(victim, '..'), join(source.path, '../moved'))
      fs.mkdirSync(join(source.path, '../trap'))
      fs.copyFileSync(secretOf(source), join(source.path, '../trap/victim'))
      fs.symlinkSync(join(source.path, '../trap'), join(victim, '..'))
    },
    reason: /symbolic link|not there|changed while/,
  },
]

/** One that is looked at when it is closed, and one that is looked at when it is opened, too. */
const VICTIM_SIZES = [70_000, 700_000]

for (const race of RACES) {
  test(`R10 a file ${race.name} before or while it is read is never stored as something else`, async () => {
    for (const [moment, size] of VICTIM_SIZES.flatMap(
      (bytes) =>
        [
          ['before', bytes],
          ['while', bytes],
        ] as const,
    )) {
      await using source = makeSource((path) => {
        fs.mkdirSync(join(path, 'folder'))
        fs.writeFileSync(join(path, 'folder/victim'), Buffer.alloc(size, 'mine'))
        fs.writeFileSync(join(path, 'folder/witness'), 'witness')
        fs.writeFileSync(join(path, '../secret'), SECRET)
      })
      const victim = join(source.path, 'folder/victim')
      let acted = 0
      const act = (): void => void (acted++ === 0 && race.act(source, victim))
      const sink = new MemorySink({
        thread: moment === 'while' ? actingOnRead(act) : directoryIo,
        onAdd: (item) => moment === 'before' && String(Buffer.from(item.key)).endsWith('victim') && act(),
      })
      await directoryDriver.backup({ session: contractSession(source), sink })
      assert.ok(acted > 0)
      const problem = sink.problems.find(({ item }) => item === '/folder/victim')
      const stored = sink.point().held
      assert.ok(stored.every(({ chunks }) => !Buffer.concat(chunks).includes(SECRET)))
      const kept = stored.find(({ item }) => Buffer.from(item.key).toString() === '/folder/victim')
      if (problem === undefined) {
        // A file that lost its name while it was open is read whole all the same.
        assert.equal(Buffer.concat(kept?.chunks ?? []).toString(), 'mine'.repeat(size / 4))
        continue
      }
      assert.match(problem.reason, race.reason)
    }
  })
}

/** The driver's own reader, with something happening after each first read. */
function actingOnRead(act: () => void): ThreadHalf {
  return {
    writer: (settings) => directoryIo.writer(settings),
    reader(settings) {
      const inner = directoryIo.reader(settings)
      return {
        open: (task) => inner.open(task),
        readInto(buffer, offset, length, position) {
          const read = inner.readInto(buffer, offset, length, position)
          act()
          return read
        },
        close: () => inner.close(),
        end: () => inner.end(),
      }
    },
  }
}

test('a file changed after it was stored is read again, though its time and size were set back', async () => {
  await using source = makeSource((path) => plainTree(path))
  const victim = join(source.path, 'changed')
  const first = await backUp(underTest, source)
  const { atime, mtime } = fs.statSync(victim)
  fs.writeFileSync(victim, 'BEFORE')
  fs.utimesSync(victim, atime, mtime)
  const second = await backUp(underTest, source, { parent: first.point })
  assert.equal(second.sink.itemsRead, 1)
})

test('a file that the parent holds with fewer bytes than it has is read again', async () => {
  await using source = makeSource((path) => plainTree(path))
  const { point } = await backUp(underTest, source)
  const held = point.held.map(({ item, chunks }) =>
    String(Buffer.from(item.key)) === '/changed' ? { item: { ...item, size: 3 }, chunks } : { item, chunks },
  )
  const second = await backUp(underTest, source, { parent: new MemoryPoint(held, directoryIo) })
  assert.equal(second.sink.itemsRead, 1)
  assert.equal(second.point.contentBytes, point.contentBytes)
})

test('a file changed less than 2 s before its scan is read again', async () => {
  await using source = makeSource((path) => plainTree(path))
  const first = await backUp(underTest, source, { now: () => new Date() })
  const second = await backUp(underTest, source, { parent: first.point })
  const third = await backUp(underTest, source, { parent: second.point })
  assert.equal(second.sink.itemsRead, first.sink.itemsRead)
  assert.equal(third.sink.itemsRead, 0)
})
