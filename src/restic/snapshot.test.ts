import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { rm, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'

import type { ResticNode } from './node.ts'
import { createRepository, openRepository, RepositoryError, saveSealed } from './repository.ts'
import { CHEAP_COSTS, node, openScratch, PASSWORD, request, streamOf, TIME } from './restic.fixture.ts'
import { writeSnapshot } from './snapshot.ts'
import { ResticNodeError } from './tree.ts'

const filesOf = (directory: string): readonly string[] =>
  readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => entry.name)

describe('createRepository()', () => {
  it('refuses a directory that holds anything and leaves it alone', async () => {
    await using scratch = await openScratch()
    mkdirSync(scratch.repository)
    writeFileSync(join(scratch.repository, 'foreign'), 'not ours')
    await assert.rejects(createRepository(scratch.repository, PASSWORD), (error: Error) => {
      assert.ok(error instanceof RepositoryError)
      assert.match(error.message, /holds "foreign"/)
      return true
    })
    assert.deepEqual(readdirSync(scratch.repository), ['foreign'])
  })

  it('refuses a directory that is a repository already, and an empty password', async () => {
    await using scratch = await openScratch()
    await assert.rejects(createRepository(scratch.repository, ''), RepositoryError)
    await createRepository(scratch.repository, PASSWORD)
    await assert.rejects(createRepository(scratch.repository, PASSWORD), RepositoryError)
  })

  it('lets nobody else read what it writes', async () => {
    await using scratch = await openScratch()
    await writeSnapshot(await createRepository(scratch.repository, PASSWORD), request([node('a', 'file')]))
    const entries = readdirSync(scratch.repository, { recursive: true, encoding: 'utf8' })
    for (const entry of ['.', ...entries]) {
      assert.equal(statSync(join(scratch.repository, entry)).mode & 0o077, 0, entry)
    }
  })
})

describe('openRepository()', () => {
  it('refuses a wrong password and a directory that is none', async () => {
    await using scratch = await openScratch()
    await assert.rejects(openRepository(scratch.directory, PASSWORD), /Name an empty directory/)
    await createRepository(scratch.repository, PASSWORD, CHEAP_COSTS)
    await assert.rejects(openRepository(scratch.repository, 'another'), /check the password/)
  })

  it('gives the same repository as was made', async () => {
    await using scratch = await openScratch()
    const made = await createRepository(scratch.repository, PASSWORD, CHEAP_COSTS)
    const opened = await openRepository(scratch.repository, PASSWORD)
    assert.equal(opened.id, made.id)
    assert.deepEqual(opened.gear, made.gear)
  })
})

describe('writeSnapshot()', () => {
  const refused: readonly (readonly [what: string, nodes: readonly ResticNode[], message: RegExp])[] = [
    ['a file without its directory', [node('a/b', 'file')], /must come right before/],
    [
      'a file apart from its directory',
      [node('a', 'dir'), node('b', 'dir'), node('a/late', 'file')],
      /directory "a" is not open/,
    ],
    ['a file in a file', [node('a', 'file'), node('a/b', 'file')], /is not open/],
    ['a name twice', [node('a', 'file'), node('b', 'file'), node('a', 'dir')], /"a" came twice/],
    ['the name ".."', [node('..', 'file')], /escapeName/],
    ['an empty name', [node('a', 'dir'), node('a/', 'file')], /it is empty/],
    ['a slash in a name', [node([Buffer.from('a/b')], 'file')], /contains "\/"/],
    ['an empty path', [node([], 'dir')], /0 names/],
    [
      'content that is too short',
      [node('a', 'file', { bytes: Buffer.from('abc'), size: 4 })],
      /3 bytes, its size says 4/,
    ],
    ['size without content', [node('a', 'file', { size: 4 })], /0 bytes, its size says 4/],
  ]
  for (const [what, nodes, message] of refused) {
    it(`refuses ${what} and leaves no snapshot`, async () => {
      await using scratch = await openScratch()
      const repository = await createRepository(scratch.repository, PASSWORD, CHEAP_COSTS)
      await assert.rejects(writeSnapshot(repository, request(nodes)), (error: Error) => {
        assert.ok(error instanceof ResticNodeError)
        assert.match(error.message, message)
        return true
      })
      for (const folder of ['snapshots', 'index', 'locks']) {
        assert.deepEqual(readdirSync(join(scratch.repository, folder)), [], folder)
      }
      assert.deepEqual(filesOf(join(scratch.repository, 'data')), [])
    })
  }

  it('leaves no snapshot, pack or lock when it is aborted in the middle of a file', async () => {
    await using scratch = await openScratch()
    const repository = await createRepository(scratch.repository, PASSWORD, CHEAP_COSTS)
    const abort = new AbortController()
    let isClosed = false
    const content = async function* (): AsyncGenerator<Uint8Array> {
      try {
        for (let i = 0; i < 64; i++) {
          if (i === 40) abort.abort(new Error('stopped by the test'))
          yield randomBytes(1 << 20)
        }
      } finally {
        isClosed = true
      }
    }
    const nodes = [node('big', 'file', { size: 64 << 20, content })]
    await assert.rejects(
      writeSnapshot(repository, request(nodes, { signal: abort.signal })),
      /stopped by the test/,
    )
    assert.ok(isClosed, 'the content was closed')
    for (const folder of ['snapshots', 'index', 'locks', 'data']) {
      assert.deepEqual(filesOf(join(scratch.repository, folder)), [], folder)
    }
  })

  it('passes on what a source throws and leaves no snapshot', async () => {
    await using scratch = await openScratch()
    const repository = await createRepository(scratch.repository, PASSWORD, CHEAP_COSTS)
    const nodes = (async function* () {
      yield* streamOf(node('a', 'file', { bytes: Buffer.from('a') }))
      throw new Error('the point is damaged')
    })()
    await assert.rejects(writeSnapshot(repository, request(nodes)), /the point is damaged/)
    assert.deepEqual(readdirSync(join(scratch.repository, 'snapshots')), [])
  })

  it('fails with the disk, without a snapshot', async () => {
    await using scratch = await openScratch()
    const repository = await createRepository(scratch.repository, PASSWORD, CHEAP_COSTS)
    await rm(join(scratch.repository, 'index'), { recursive: true })
    await symlink('/dev/null', join(scratch.repository, 'index'))
    await assert.rejects(writeSnapshot(repository, request([node('a', 'file')])), { code: 'ENOTDIR' })
    assert.deepEqual(readdirSync(join(scratch.repository, 'snapshots')), [])
  })

  it('is refused while somebody prunes, and not by a lock left behind', async () => {
    await using scratch = await openScratch()
    const repository = await createRepository(scratch.repository, PASSWORD, CHEAP_COSTS)
    const lock = { exclusive: true, hostname: 'elsewhere', username: 'u', pid: 1 }
    await saveSealed(repository, 'locks', JSON.stringify({ ...lock, time: TIME.toISOString() }))
    await writeSnapshot(repository, request([]))
    await saveSealed(repository, 'locks', JSON.stringify({ ...lock, time: new Date().toISOString() }))
    await assert.rejects(
      writeSnapshot(repository, request([])),
      /locked exclusively by process 1 on "elsewhere"/,
    )
    assert.equal(readdirSync(join(scratch.repository, 'locks')).length, 2, 'ours is gone again')
  })

  it('writes packs again whose files are gone', async () => {
    await using scratch = await openScratch()
    const repository = await createRepository(scratch.repository, PASSWORD, CHEAP_COSTS)
    const nodes = [node('a', 'file', { bytes: Buffer.from('content') })]
    const first = await writeSnapshot(repository, request(nodes))
    assert.equal((await writeSnapshot(repository, request(nodes))).addedBytes, 0)
    for (const folder of readdirSync(join(scratch.repository, 'data'))) {
      await rm(join(scratch.repository, 'data', folder), { recursive: true })
    }
    const { addedBytes } = await writeSnapshot(repository, request(nodes))
    assert.ok(addedBytes > 0 && first.addedBytes > 0)
  })
})
