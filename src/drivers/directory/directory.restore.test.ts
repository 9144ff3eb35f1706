import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { directoryIo } from './directory-io.ts'
import { directoryDriver } from './directory.ts'
import { isRoot, listing, makeSource, plainTree, restoredPath, underTest } from './directory.fixture.ts'
import type { TreeSource } from './directory.fixture.ts'
import { backUp, contractSession, restoreInto } from '../driver.contract.ts'
import type { PlacedThing } from '../driver.ts'
import { MemorySink } from '../driver.memory.ts'
import type { RestoreTarget } from '../../kinds/restore-target.ts'

const intoItself = (source: TreeSource): RestoreTarget => ({
  arn: source.resource.arn,
  name: source.resource.name,
  isNew: false,
})
const INTO_ITSELF = { 'file-system-id': 'fs-source', newFileSystem: 'false' }

const printableKeys = (held: readonly { item: { key: Uint8Array } }[]): string[] =>
  held.map(({ item }) => Buffer.from(item.key).toString())

test('a walk gives keys in byte order, each directory right before what is in it', async () => {
  await using source = makeSource(plainTree)
  const { point } = await backUp(underTest, source)
  assert.deepEqual(printableKeys(point.held), [
    '/',
    '/a-b',
    '/a/',
    '/a/b/',
    '/a/b/big',
    '/a/one',
    '/changed',
    '/empty',
    '/link',
  ])
})

test('a restore into the original goes into a directory of its own and touches nothing', async () => {
  await using source = makeSource(plainTree)
  const { point } = await backUp(underTest, source)
  fs.writeFileSync(join(source.path, 'changed'), 'after the backup')
  const before = fs.readdirSync(source.path)
  const { summary, problems } = await restoreInto(underTest, source, point, {
    metadata: INTO_ITSELF,
    target: intoItself(source),
    now: () => new Date('2026-11-24T02:22:04.123Z'),
  })
  assert.deepEqual(problems, [])
  assert.equal(summary.created, undefined)
  assert.equal(summary.createdResourceArn, source.resource.arn)
  const name = 'aws-backup-restore_2026-11-24T02-22-04-123Z'
  assert.deepEqual(fs.readdirSync(source.path).sort(), [...before, name].sort())
  assert.equal(fs.readFileSync(join(source.path, 'changed'), 'utf8'), 'after the backup')
  assert.equal(fs.readFileSync(join(source.path, name, 'changed'), 'utf8'), 'before')
})

test('ItemsToRestore restores these paths with the directories above them, and nothing else', async () => {
  await using source = makeSource((path) => {
    plainTree(path)
    fs.chmodSync(join(path, 'a'), 0o751)
  })
  const { point } = await backUp(underTest, source)
  const metadata = { ...source.restore.metadata, ItemsToRestore: '["/a/b/", "link", "a/b/big"]' }
  const { summary, problems } = await restoreInto(underTest, source, point, { metadata })
  assert.deepEqual(problems, [])
  const path = restoredPath(summary)
  assert.deepEqual(fs.readdirSync(path, { recursive: true, encoding: 'utf8' }).sort(), [
    'a',
    'a/b',
    'a/b/big',
    'link',
  ])
  assert.equal(fs.statSync(join(path, 'a')).mode & 0o777, 0o751)
  assert.equal(summary.itemsRestored, 5)
})

test('a hard link whose first name is not selected comes back with its content', async () => {
  await using source = makeSource((path) => {
    plainTree(path)
    fs.mkdirSync(join(path, 'z'))
    for (const name of ['z/second', 'z/third']) fs.linkSync(join(path, 'a/one'), join(path, name))
  })
  const { point } = await backUp(underTest, source)
  const metadata = { ...source.restore.metadata, ItemsToRestore: '["/z"]' }
  const { summary, problems } = await restoreInto(underTest, source, point, { metadata })
  assert.deepEqual(problems, [])
  const [second, third] = ['z/second', 'z/third'].map((name) =>
    fs.statSync(join(restoredPath(summary), name)),
  )
  assert.equal(fs.readFileSync(join(restoredPath(summary), 'z/second'), 'utf8'), 'one')
  assert.equal(second?.ino, third?.ino)
  assert.equal(second?.nlink, 2)
})

const REFUSED: readonly { readonly metadata: Record<string, string>; readonly reason: RegExp }[] = [
  { metadata: { ItemsToRestore: '["/a/../.."]' }, reason: /without "\." or "\.\."/ },
  {
    metadata: { ItemsToRestore: '["/not there"]' },
    reason: /"\/not there", which the recovery point does not hold/,
  },
  { metadata: { ItemsToRestore: '"/a"' }, reason: /must be a JSON array/ },
  { metadata: { ItemsToRestore: '[' }, reason: /not JSON/ },
  { metadata: { ItemsToRestore: '[7]' }, reason: /not a path/ },
  { metadata: { CreationToken: '../evil' }, reason: /cannot name a directory/ },
  { metadata: { CreationToken: '.hidden' }, reason: /cannot name a directory/ },
  { metadata: { newFileSystem: 'maybe' }, reason: /write "true" or "false"/ },
]

test('restore metadata that makes no sense is refused with the reason, and nothing is left', async () => {
  await using source = makeSource(plainTree)
  const { point } = await backUp(underTest, source)
  for (const { metadata, reason } of REFUSED) {
    const restored = restoreInto(underTest, source, point, {
      metadata: { ...source.restore.metadata, ...metadata },
    })
    await assert.rejects(restored, reason)
    assert.deepEqual(fs.readdirSync(source.restoreRoot), [])
  }
})

test('a restore never takes the place of something, not even of an empty directory', async () => {
  await using source = makeSource(plainTree)
  const { point } = await backUp(underTest, source)
  fs.mkdirSync(join(source.restoreRoot, 'fs-target'))
  await assert.rejects(restoreInto(underTest, source, point), /something of that name is there already/)
  assert.deepEqual(fs.readdirSync(source.restoreRoot, { recursive: true }), ['fs-target'])
})

test('nothing has the final name before what was restored has it, so that one who is cut off leaves nothing in the way', async () => {
  await using source = makeSource(plainTree)
  const { point } = await backUp(underTest, source)
  const ended = Promise.withResolvers<void>()
  let appeared = 0
  const watcher = fs.watch(source.restoreRoot, (_event, name) => {
    if (name === 'fs-target') appeared++
    if (name === 'end') ended.resolve()
  })
  await restoreInto(underTest, source, point)
  fs.mkdirSync(join(source.restoreRoot, 'end'))
  await ended.promise
  watcher.close()
  assert.equal(appeared, 1)
})

test('a job that runs again removes what its first run left, whatever modes that had', async () => {
  await using source = makeSource(plainTree)
  const { point } = await backUp(underTest, source)
  const left = join(source.restoreRoot, `.roleback-restore-${contractSession(source).jobId}-1`)
  fs.mkdirSync(join(left, 'closed/inner'), { recursive: true })
  fs.writeFileSync(join(left, 'closed/inner/file'), 'half')
  fs.symlinkSync(source.path, join(left, 'link'))
  fs.chmodSync(join(left, 'closed'), 0)
  const before = listing(source.path)
  const { summary } = await restoreInto(underTest, source, point, { run: { attempt: 2 } })
  await source.assertSame(summary)
  assert.deepEqual(listing(source.path), before)
  assert.deepEqual(fs.readdirSync(source.restoreRoot), ['fs-target'])
})

test('a job that runs again replaces what its first run had put in place, and nothing else of that name', async () => {
  await using source = makeSource(plainTree)
  const { point } = await backUp(underTest, source)
  let placed: PlacedThing | undefined
  const placing = (thing: PlacedThing): Promise<void> => Promise.resolve(void (placed = thing))
  await restoreInto(underTest, source, point, { run: { placing } })
  const target = join(source.restoreRoot, 'fs-target')
  fs.writeFileSync(join(target, 'of the first run'), '')
  fs.mkdirSync(join(source.restoreRoot, 'beside'))
  const { summary } = await restoreInto(underTest, source, point, { run: { attempt: 2, placed, placing } })
  await source.assertSame(summary)
  assert.deepEqual(fs.readdirSync(source.restoreRoot).sort(), ['beside', 'fs-target'])

  // Somebody else's of the same name.
  fs.renameSync(target, join(source.restoreRoot, 'elsewhere'))
  fs.mkdirSync(target)
  fs.writeFileSync(join(target, 'foreign'), '')
  const again = restoreInto(underTest, source, point, { run: { attempt: 3, placed } })
  await assert.rejects(again, /something of that name is there already/)
  assert.deepEqual(fs.readdirSync(target), ['foreign'])
  // The same directory by its number alone.
  const [device, , born] = String(placed?.identity).split(':')
  const inode = fs.statSync(target, { bigint: true }).ino
  const alike = { name: 'fs-target', identity: `${device}:${inode}:${born}` }
  const refused = restoreInto(underTest, source, point, { run: { attempt: 4, placed: alike } })
  await assert.rejects(refused, /something of that name is there already/)
  assert.deepEqual(fs.readdirSync(source.restoreRoot).sort(), ['beside', 'elsewhere', 'fs-target'])
})

test('a run that comes too late puts nothing in place', async () => {
  await using source = makeSource(plainTree)
  const { point } = await backUp(underTest, source)
  const told = Promise.withResolvers<PlacedThing>()
  const resumed = Promise.withResolvers<void>()
  const late = restoreInto(underTest, source, point, {
    run: {
      placing: async (thing) => {
        told.resolve(thing)
        await resumed.promise
      },
    },
  })
  const lateEnds = assert.rejects(late, /Cannot move what was restored to .*: it is not there/)
  let there: readonly string[] = []
  const begin = async (): Promise<void> => {
    resumed.resolve()
    await lateEnds
    there = fs.readdirSync(source.restoreRoot)
  }
  const run = { attempt: 2, placed: await told.promise, begin }
  const { summary } = await restoreInto(underTest, source, point, { run })
  assert.deepEqual(there, [`.roleback-restore-${contractSession(source).jobId}-2`])
  await source.assertSame(summary)
  assert.deepEqual(fs.readdirSync(source.restoreRoot), ['fs-target'])
})

test('without DeleteFileSystem a failed restore stays in its private directory, and that is said', async () => {
  await using source = makeSource(plainTree)
  const { point } = await backUp(underTest, source)
  const session = contractSession(source, { denied: ['Restore', 'DeleteFileSystem'] })
  const told: string[] = []
  const restored = directoryDriver.restore({
    session,
    point,
    metadata: source.restore.metadata,
    restoreMetadata: {},
    target: source.restore.target,
    attempt: 1,
    placed: undefined,
    placing: () => Promise.resolve(),
    begin: () => Promise.resolve(),
    left: (what) => told.push(what),
    problem: () => undefined,
    progress: () => undefined,
  })
  await assert.rejects(restored, { name: 'AccessDeniedError' })
  const [left = ''] = fs.readdirSync(source.restoreRoot)
  assert.equal(fs.statSync(join(source.restoreRoot, left)).mode & 0o777, 0o700)
  assert.equal(told.length, 1)
  assert.ok(
    told[0]?.startsWith(
      `What was restored by then stays in "${join(source.restoreRoot, left)}": the role may not`,
    ),
  )
})

test('a full disk ends a restore, and what it had written is removed', async (t) => {
  if (!isRoot) return t.skip('only root can mount a small disk')
  await using source = makeSource(plainTree)
  const { point } = await backUp(underTest, source)
  mount(source.restoreRoot, 'size=1m')
  try {
    await assert.rejects(restoreInto(underTest, source, point), /no space left on the device/)
    assert.deepEqual(fs.readdirSync(source.restoreRoot), [])
  } finally {
    execFileSync('umount', [source.restoreRoot])
  }
})

test('a disk without inodes ends a restore, and what it had written is removed', async (t) => {
  if (!isRoot) return t.skip('only root can mount a small disk')
  await using source = makeSource((path) => {
    for (let at = 0; at < 40; at++) fs.writeFileSync(join(path, `file ${at}`), 'x')
  })
  const { point } = await backUp(underTest, source)
  mount(source.restoreRoot, 'nr_inodes=20')
  try {
    await assert.rejects(restoreInto(underTest, source, point), /no space left on the device/)
    assert.deepEqual(fs.readdirSync(source.restoreRoot), [])
  } finally {
    execFileSync('umount', [source.restoreRoot])
  }
})

test('another file system inside the tree is not read, and that is said', async (t) => {
  if (!isRoot) return t.skip('only root can mount')
  await using source = makeSource((path) => {
    plainTree(path)
    fs.mkdirSync(join(path, 'mounted'))
  })
  mount(join(source.path, 'mounted'), 'size=1m')
  try {
    fs.writeFileSync(join(source.path, 'mounted/inside'), 'not ours')
    const { sink, point } = await backUp(underTest, source)
    assert.deepEqual(
      sink.problems.map(({ item }) => item),
      ['/mounted/'],
    )
    assert.ok(printableKeys(point.held).includes('/mounted/'))
    assert.ok(!printableKeys(point.held).includes('/mounted/inside'))
  } finally {
    execFileSync('umount', [join(source.path, 'mounted')])
  }
})

function mount(path: string, options: string): void {
  execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'roleback-test', path])
}

test('a tree that holds what may not be read is backed up without it, and each of it is named', async (t) => {
  await using source = makeSource((path) => {
    plainTree(path)
    fs.chmodSync(join(path, 'a/b'), 0)
    fs.chmodSync(join(path, 'changed'), 0)
    fs.chmodSync(join(path, '..'), 0o755)
  })
  const script = join(source.path, '../program.ts')
  fs.writeFileSync(
    script,
    `
    import { backUp } from ${JSON.stringify(join(import.meta.dirname, '../driver.contract.ts'))}
    import { directoryDriver } from ${JSON.stringify(join(import.meta.dirname, 'directory.ts'))}
    import { directoryIo } from ${JSON.stringify(join(import.meta.dirname, 'directory-io.ts'))}
    const settings = ${JSON.stringify({ path: source.path })}
    const resource = ${JSON.stringify(source.resource)}
    const connection = () => ({ settings, secret: undefined })
    const { sink, point } = await backUp({ driver: directoryDriver, thread: directoryIo }, { resource, connection })
    const { warnings } = await directoryDriver.test(connection(), new AbortController().signal)
    const keys = point.held.map(({ item }) => Buffer.from(item.key).toString())
    process.stdout.write(JSON.stringify({ problems: sink.problems, keys, warnings }))
  `,
  )
  // Root may read everything, so a child does it as the user nobody.
  const asNobody = isRoot ? { uid: 65_534, gid: 65_534 } : {}
  const reads = spawnSync(
    process.execPath,
    ['-e', `fs.readFileSync(${JSON.stringify(import.meta.filename)})`],
    asNobody,
  )
  if (reads.status !== 0) return t.skip('the user nobody may not read this checkout')
  const { stdout, stderr, status } = spawnSync(process.execPath, [script], { encoding: 'utf8', ...asNobody })
  assert.equal(status, 0, stderr)
  const { problems, keys, warnings } = JSON.parse(stdout) as {
    problems: { item: string; reason: string }[]
    keys: string[]
    warnings: string[]
  }
  assert.deepEqual(problems, [
    { item: '/a/b/', reason: 'Cannot open the directory: permission denied' },
    { item: '/changed', reason: 'Cannot open the file: permission denied' },
  ])
  assert.deepEqual(keys, ['/', '/a-b', '/a/', '/a/b/', '/a/one', '/empty', '/link'])
  assert.deepEqual(warnings.slice(0, 2), [
    `Cannot read "${source.path}/changed": permission denied`,
    `Cannot read "${source.path}/a/b": permission denied`,
  ])
})

test('an unchanged file is never opened, as a trace of system calls shows', async (t) => {
  if (spawnSync('strace', ['-V']).status !== 0) return t.skip('strace is missing')
  await using source = makeSource(plainTree)
  const program = `
    import { backUp } from ${JSON.stringify(join(import.meta.dirname, '../driver.contract.ts'))}
    import { directoryDriver } from ${JSON.stringify(join(import.meta.dirname, 'directory.ts'))}
    import { directoryIo } from ${JSON.stringify(join(import.meta.dirname, 'directory-io.ts'))}
    import { accessSync, writeFileSync } from 'node:fs'
    const settings = ${JSON.stringify({ path: source.path, restoreRoot: source.restoreRoot })}
    const resource = ${JSON.stringify(source.resource)}
    const tested = { driver: directoryDriver, thread: directoryIo }
    const origin = { resource, connection: () => ({ settings, secret: undefined }), now: () => new Date(Date.now() + 60_000) }
    const first = await backUp(tested, origin)
    try { accessSync('/first backup done') } catch {}
    writeFileSync(settings.path + '/a/one', 'changed meanwhile')
    const second = await backUp(tested, origin, { parent: first.point })
    process.stdout.write(second.sink.itemsRead + ' ' + second.sink.itemsReused)
  `
  const script = join(source.path, '../program.ts')
  const trace = join(source.path, '../trace')
  fs.writeFileSync(script, program)
  const calls = 'trace=open,openat,openat2,access,faccessat,faccessat2'
  const args = ['-f', '-qq', '-s', '4096', '-e', calls, '-o', trace, process.execPath, script]
  const { stdout, stderr, status } = spawnSync('strace', args, { encoding: 'utf8' })
  assert.equal(status, 0, stderr)
  assert.equal(stdout, '1 3')
  const [first = '', second = ''] = fs.readFileSync(trace, 'latin1').split('/first backup done')
  for (const name of ['a-b', 'big', 'changed']) {
    const opened = new RegExp(`open[a-z0-9]*\\(.*[/"]${name}"`)
    assert.match(first, opened)
    assert.doesNotMatch(second, opened)
  }
  assert.match(second, /openat\(.*[/"]one"/)
})

test('a connection test names what cannot work, and what could not be read', async () => {
  await using source = makeSource(plainTree)
  const { path, restoreRoot } = source
  const tested = (settings: Record<string, string>): Promise<{ readonly warnings: readonly string[] }> =>
    directoryDriver.test({ settings, secret: undefined }, new AbortController().signal)
  assert.deepEqual(await tested({ path, restoreRoot }), { warnings: [] })
  assert.match(String((await tested({ path })).warnings), /no restoreRoot/)
  await assert.rejects(tested({ restoreRoot }), /has no path/)
  await assert.rejects(tested({ path: 'relative', restoreRoot }), /must be an absolute path/)
  await assert.rejects(tested({ path: `${path}/../source`, restoreRoot }), /without "\." or "\.\."/)
  await assert.rejects(tested({ path: `${path}/missing`, restoreRoot }), /at "missing": it is not there/)
  await assert.rejects(tested({ path: `${path}/a-b`, restoreRoot }), /not a directory/)
  await assert.rejects(tested({ path, restoreRoot: `${path}/a` }), /lies inside/)
  fs.symlinkSync(path, join(path, '../shortcut'))
  await assert.rejects(
    tested({ path: join(path, '../shortcut'), restoreRoot }),
    new RegExp(`register "${path}" instead`),
  )
})

test('a root that became a link since it was registered is not read', async () => {
  await using source = makeSource(plainTree)
  fs.renameSync(source.path, `${source.path}-moved`)
  fs.symlinkSync('/etc', source.path)
  const sink = new MemorySink({ thread: directoryIo })
  await assert.rejects(
    directoryDriver.backup({ session: contractSession(source), sink }),
    /Cannot open directory/,
  )
  assert.equal(sink.point().itemCount, 0)
})

test('backups and restores leave no descriptor open, whether they succeed or fail', async () => {
  await using source = makeSource(plainTree)
  const open = (): number => fs.readdirSync('/proc/self/fd').length
  const { point } = await backUp(underTest, source)
  const before = open()
  await backUp(underTest, source, { parent: point })
  await restoreInto(underTest, source, point)
  await assert.rejects(restoreInto(underTest, source, point))
  point.damaged.add('/a/b/big')
  await restoreInto(underTest, source, point, {
    metadata: { ...source.restore.metadata, CreationToken: 'damaged' },
  })
  assert.equal(open(), before)
})
