import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createCipheriv, createHash, randomBytes } from 'node:crypto'
import { createReadStream, lstatSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'

import type { ResticNode } from './node.ts'
import { createRepository, openRepository } from './repository.ts'
import {
  CHEAP_COSTS,
  describeNodes,
  describeTree,
  node,
  openScratch,
  PASSWORD,
  request,
  RESTIC_VERSION,
  TIME,
  WITHOUT_RESTIC,
} from './restic.fixture.ts'
import { writeSnapshot } from './snapshot.ts'

const IS_ROOT = process.getuid?.() === 0
/** The minor version: raw link targets came with 0.17, `rewrite` with 0.15. */
const VERSION = Number(/restic 0\.(\d+)/.exec(RESTIC_VERSION ?? '')?.[1] ?? 0)

/** Random bytes of any length, never held whole. */
async function* randomContent(seed: number, length: number): AsyncGenerator<Uint8Array> {
  const cipher = createCipheriv('aes-128-ctr', Buffer.alloc(16, seed), Buffer.alloc(16))
  for (let at = 0; at < length; at += 1 << 20)
    yield cipher.update(Buffer.alloc(Math.min(1 << 20, length - at)))
}

const raw = (...names: readonly (string | readonly number[])[]): readonly Uint8Array[] =>
  names.map((name) => (typeof name === 'string' ? Buffer.from(name) : Uint8Array.from(name)))

/** One of everything that a file system can hold. */
function everything(): readonly ResticNode[] {
  const linked = { bytes: Buffer.from('linked'), inode: 77n, deviceId: 9n, links: 2 }
  return [
    node('empty-dir', 'dir', { mode: 0o700 }),
    node('zero', 'file', { bytes: Buffer.alloc(0) }),
    node('no-content', 'file'),
    node('zebra', 'file', { bytes: Buffer.from('stripes'), mtimeNs: 1n }),
    node('before-1970', 'file', { mtimeNs: -1_500_000_000n }),
    node('a', 'dir', { mode: 0o1777 }),
    node('a/setuid', 'file', { bytes: Buffer.from('#!'), mode: 0o4755 }),
    node('a/setgid', 'dir', { mode: 0o2755 }),
    node('a/setgid/deep', 'dir'),
    node('a/setgid/deep/file', 'file', { bytes: Buffer.from('deep'), mode: 0o400 }),
    node('a/link', 'symlink', { mode: 0o777, linkTarget: Buffer.from('../zébra <&>') }),
    node('a/fifo', 'fifo', { mode: 0o622 }),
    node('a/hard-1', 'file', linked),
    node('a-b', 'dir'),
    node('a-b/hard-2', 'file', linked),
    node(raw('a-b', [0xff, 0xfe, 0x41]), 'file', { bytes: Buffer.from('not UTF-8') }),
    node(raw('a-b', [0xc3]), 'file', { bytes: Buffer.from('cut off') }),
    node(raw('a-b', 'quote"back\\slash\nnew\tline\u0001 <&> \u2028 \u00a0 😀'), 'file'),
    node(raw('a-b', ' '), 'file'),
    node(raw('a-b', '...'), 'file'),
    ...(IS_ROOT ? [node('owned', 'file', { uid: 12_345, gid: 54_321, bytes: Buffer.from('mine') })] : []),
    ...(VERSION >= 17
      ? [node('raw-link', 'symlink', { mode: 0o777, linkTarget: Uint8Array.of(0x78, 0xff) })]
      : []),
  ]
}

describe(`a snapshot read by ${RESTIC_VERSION ?? 'restic'}`, { skip: WITHOUT_RESTIC }, () => {
  it('checks clean and is restored as it was', async () => {
    await using scratch = await openScratch()
    const nodes = everything()
    const result = await writeSnapshot(
      await createRepository(scratch.repository, PASSWORD, CHEAP_COSTS),
      request(nodes),
    )
    assert.equal(result.files, nodes.filter(({ type }) => type === 'file').length)
    assert.match(await scratch.restic('check', '--read-data'), /no errors were found/)
    const target = join(scratch.directory, 'restored')
    await scratch.restic('restore', result.snapshotId, '--target', target)
    assert.deepEqual(describeTree(target), await describeNodes(nodes))
    const [first, second] = ['a/hard-1', 'a-b/hard-2'].map((path) => lstatSync(join(target, path)))
    assert.equal(first?.ino, second?.ino, 'hard links are one file')
    assert.equal(first?.nlink, 2)
  })

  it('tells its time, host, paths, tags and user', async () => {
    await using scratch = await openScratch()
    const repository = await createRepository(scratch.repository, PASSWORD, CHEAP_COSTS)
    const { snapshotId } = await writeSnapshot(repository, request([], { tags: ['one', 'two'] }))
    assert.match(await scratch.restic('check', '--read-data'), /no errors were found/)
    const [snapshot] = JSON.parse(await scratch.restic('snapshots', '--json')) as Record<string, unknown>[]
    assert.equal(snapshot?.['id'], snapshotId)
    assert.equal(snapshot?.['time'], '2026-02-03T04:05:06.789Z')
    assert.equal(snapshot?.['hostname'], 'test-host')
    assert.equal(snapshot?.['username'], 'test-user')
    assert.deepEqual(snapshot?.['paths'], ['/exported'])
    assert.deepEqual(snapshot?.['tags'], ['one', 'two'])
  })

  it('is not disturbed by what a crash leaves behind', async () => {
    await using scratch = await openScratch()
    const repository = await createRepository(scratch.repository, PASSWORD, CHEAP_COSTS)
    await writeSnapshot(repository, request([node('a', 'file', { bytes: Buffer.from('a') })]))
    const [folder] = readdirSync(join(scratch.repository, 'data'))
    for (const place of ['index', 'snapshots', 'locks', 'keys', `data/${folder}`]) {
      writeFileSync(join(scratch.repository, place, `${'ab'.repeat(32)}-tmp-1`), 'half a fi')
    }
    await writeSnapshot(await openRepository(scratch.repository, PASSWORD), request([]))
    assert.match(await scratch.restic('check', '--read-data'), /no errors were found/)
    assert.equal(JSON.parse(await scratch.restic('snapshots', '--json')).length, 2)
  })

  it('keeps extended attributes', async (t) => {
    await using scratch = await openScratch()
    const value = Uint8Array.of(0, 1, 254, 255)
    const xattrs = [{ name: 'user.roleback.test', value }]
    const repository = await createRepository(scratch.repository, PASSWORD, CHEAP_COSTS)
    await writeSnapshot(
      repository,
      request([node('file', 'file', { xattrs }), node('dir', 'dir', { xattrs })]),
    )
    const target = join(scratch.directory, 'restored')
    await scratch.restic('restore', 'latest', '--target', target)
    const read = 'import os,sys;print(os.getxattr(sys.argv[1],"user.roleback.test").hex())'
    for (const name of ['file', 'dir']) {
      try {
        const hex = execFileSync('python3', ['-c', read, join(target, name)], { encoding: 'utf8' })
        assert.equal(hex.trim(), '0001feff', name)
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
        t.skip('there is no python3 to read extended attributes with')
      }
    }
  })

  it('has device files and sockets in its listing', async () => {
    await using scratch = await openScratch()
    const repository = await createRepository(scratch.repository, PASSWORD, CHEAP_COSTS)
    const nodes = [
      node('null', 'chardev', { device: 0x103n }),
      node('disk', 'dev', { device: 0x800n }),
      node('socket', 'socket'),
    ]
    await writeSnapshot(repository, request(nodes))
    assert.match(await scratch.restic('check', '--read-data'), /no errors were found/)
    const lines = (await scratch.restic('ls', '--json', 'latest')).trim().split('\n').slice(1)
    const types = lines.map((line) => JSON.parse(line) as { name: string; type: string })
    assert.deepEqual(
      types.map(({ name, type }) => `${name} ${type}`),
      ['disk dev', 'null chardev', 'socket socket'],
    )
  })

  it('holds 20,000 small files in one directory', async () => {
    await using scratch = await openScratch()
    const repository = await createRepository(scratch.repository, PASSWORD, CHEAP_COSTS)
    const nodes = (async function* () {
      yield node('many', 'dir')
      for (let i = 0; i < 20_000; i++) yield node(`many/${i}`, 'file', { bytes: Buffer.from(`content ${i}`) })
    })()
    const result = await writeSnapshot(repository, request(nodes))
    assert.equal(result.files, 20_000)
    assert.match(await scratch.restic('check', '--read-data'), /no errors were found/)
    assert.equal((await scratch.restic('ls', 'latest')).match(/^\/many\/\d+$/gm)?.length, 20_000)
    assert.equal(await scratch.restic('dump', 'latest', '/many/19999'), 'content 19999')
  })

  it('holds a file of 100 MiB, and a second snapshot adds only what changed', async () => {
    await using scratch = await openScratch()
    const size = 100 << 20
    const big = (name: string): ResticNode =>
      node(name, 'file', { size, content: () => randomContent(1, size) })
    const first = await writeSnapshot(
      await createRepository(scratch.repository, PASSWORD, CHEAP_COSTS),
      request([big('big')]),
    )
    assert.equal(first.bytes, size)
    assert.ok(first.addedBytes > size, 'random bytes do not shrink')
    const reopened = await openRepository(scratch.repository, PASSWORD)
    const again = await writeSnapshot(
      reopened,
      request([big('renamed'), node('new', 'file', { bytes: randomBytes(1000) })]),
    )
    assert.ok(again.addedBytes < 10_000, `${again.addedBytes} bytes were added`)
    assert.match(await scratch.restic('check', '--read-data'), /no errors were found/)
    const target = join(scratch.directory, 'restored')
    await scratch.restic('restore', again.snapshotId, '--target', target)
    const [expected, restored] = [createHash('sha256'), createHash('sha256')]
    for await (const part of randomContent(1, size)) expected.update(part)
    for await (const part of createReadStream(join(target, 'renamed'))) restored.update(part as Buffer)
    assert.equal(restored.digest('hex'), expected.digest('hex'))
  })

  it(
    'is rewritten by restic without loss: trees are spelled byte for byte alike',
    { skip: VERSION < 15 && '`restic rewrite` came with 0.15' },
    async () => {
      await using scratch = await openScratch()
      await writeSnapshot(
        await createRepository(scratch.repository, PASSWORD, CHEAP_COSTS),
        request(everything()),
      )
      await scratch.restic('rewrite', '--exclude', 'zebra', '--forget', 'latest')
      assert.match(await scratch.restic('check', '--read-data'), /no errors were found/)
      assert.doesNotMatch(await scratch.restic('ls', 'latest'), /zebra/)
    },
  )

  it('lies beside snapshots that restic adds, prunes and leaves', async () => {
    await using scratch = await openScratch()
    await writeSnapshot(
      await createRepository(scratch.repository, PASSWORD, CHEAP_COSTS),
      request(everything()),
    )
    await scratch.restic('backup', '--quiet', join(scratch.directory, 'password'))
    const repository = await openRepository(scratch.repository, PASSWORD)
    const third = [node('third', 'file', { bytes: Buffer.from('three') })]
    await writeSnapshot(repository, request(third, { time: new Date(TIME.getTime() + 1000) }))
    await scratch.restic('forget', '--prune', '--keep-last', '1', '--group-by', 'host,paths')
    assert.match(await scratch.restic('check', '--read-data'), /no errors were found/)
    assert.equal(await scratch.restic('dump', '--host', 'test-host', 'latest', '/third'), 'three')
  })
})
