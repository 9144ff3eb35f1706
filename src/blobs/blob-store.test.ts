import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { blobContract } from './blob-store.contract.ts'
import { DiskBlobStore } from './disk.ts'
import { MemoryBlobStore } from './memory.ts'
import { openBlobStore } from './open.ts'

function folder(): { path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), 'roleback-blobs-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

for (const { name, run } of blobContract) {
  test(`in memory, ${name}`, async () => await run(new MemoryBlobStore()))
  test(`on disk, ${name}`, async () => {
    using home = folder()
    await run(new DiskBlobStore(join(home.path, 'store')))
  })
}

test('a disk store opened again at its location has the same blobs', async () => {
  using home = folder()
  const store = new DiskBlobStore(home.path)
  await store.put('a/b', Buffer.from('x'))
  assert.equal((await openBlobStore(store.locate()).get('a/b', 10)).toString(), 'x')
})

test('removeUnfinished() removes what crashed writers left, by tag, and nothing that is being written', async () => {
  using home = folder()
  const store = new DiskBlobStore(home.path)
  const dead = store.append('job-dead')
  dead.append(Buffer.from('x'))
  const live = store.append('job-live')
  live.append(Buffer.from('y'))
  assert.equal(readdirSync(join(home.path, 'tmp')).length, 2)
  const again = new DiskBlobStore(home.path)
  assert.equal(await again.removeUnfinished((tag) => tag === 'job-dead'), 1)
  await live.finish('data/aa/live')
  assert.equal((await again.get('data/aa/live', 10)).toString(), 'y')
  assert.deepEqual(readdirSync(join(home.path, 'tmp')), [])
})

test('what is kept back on a disk is no blob and nothing unfinished, and is gone once it is released', async () => {
  using home = folder()
  const store = new DiskBlobStore(home.path)
  await store.keepReserve()
  const { size } = statSync(join(home.path, 'tmp', 'reserve'))
  assert.ok(size > 0 && size <= 16 * 1024 * 1024)
  assert.equal(await store.removeUnfinished(() => true), 0)
  assert.deepEqual(await Array.fromAsync(store.list('')), [])
  await store.keepReserve()
  assert.equal(statSync(join(home.path, 'tmp', 'reserve')).size, size)
  await store.releaseReserve()
  assert.deepEqual(readdirSync(join(home.path, 'tmp')), [])
  await store.releaseReserve()
})

test('a folder that packs are spread in goes with its last blob, and comes again for a writer that knew it', async () => {
  using home = folder()
  const [one, other] = [new DiskBlobStore(home.path), new DiskBlobStore(home.path)]
  await one.put('data/ab/first', Buffer.from('1'))
  await one.put('data/ab/second', Buffer.from('2'))
  await one.put('index/only', Buffer.from('i'))
  await other.delete('data/ab/first')
  assert.deepEqual(readdirSync(join(home.path, 'data')), ['ab'])
  for (const name of ['data/ab/second', 'index/only']) await other.delete(name)
  assert.deepEqual(readdirSync(join(home.path, 'data')), [])
  assert.deepEqual(readdirSync(home.path).toSorted(), ['data', 'index', 'tmp'])
  await one.put('data/ab/third', Buffer.from('3'))
  await other.delete('data/ab/third')
  const appender = one.append('job-1')
  appender.append(Buffer.from('4'))
  await appender.finish('data/ab/fourth')
  assert.equal((await other.get('data/ab/fourth')).toString(), '4')

  for (const name of ['a/b/c/d', 'a/b/e']) await one.put(name, Buffer.from('x'))
  for (const name of ['a/b/c/d', 'a/b/e']) await other.delete(name)
  assert.deepEqual(readdirSync(join(home.path, 'a')), [])
  await one.put('a/b/c/d', Buffer.from('y'))
  assert.equal((await other.get('a/b/c/d')).toString(), 'y')
})

test('writers lose nothing to others that remove folders as empty', async () => {
  using home = folder()
  const work = async (writer: number): Promise<void> => {
    const store = new DiskBlobStore(home.path)
    for (let round = 0; round < 100; round++) {
      const name = `data/ab/${writer}-${round}`
      await store.put(name, Buffer.from(name))
      assert.equal((await store.get(name)).toString(), name)
      assert.equal(await store.delete(name), true)
    }
  }
  await Promise.all([0, 1, 2, 3].map(work))
  assert.deepEqual(readdirSync(join(home.path, 'data')), [])
})

test('a link in the place of a blob is not followed', async () => {
  using home = folder()
  writeFileSync(join(home.path, 'secret'), 'secret')
  const store = new DiskBlobStore(join(home.path, 'store'))
  await store.put('a', Buffer.from('x'))
  symlinkSync(join(home.path, 'secret'), join(home.path, 'store', 'b'))
  await assert.rejects(store.get('b', 100), { code: 'ELOOP' })
  assert.throws(() => store.open('b'), { code: 'ELOOP' })
})

test('files of a disk store are its owner’s alone', async () => {
  using home = folder()
  const store = new DiskBlobStore(join(home.path, 'store'))
  await store.put('keys/server.json', Buffer.from('{}'))
  assert.equal(statSync(join(home.path, 'store', 'keys')).mode & 0o777, 0o700)
  assert.equal(statSync(join(home.path, 'store', 'keys/server.json')).mode & 0o777, 0o600)
  assert.equal(readFileSync(join(home.path, 'store', 'keys/server.json'), 'utf8'), '{}')
})

test('a memory store fails the operation it is told to fail, and stays as it was', async () => {
  const failing = new MemoryBlobStore((operation) => {
    if (operation === 'finish') throw new Error('disk full')
  })
  const appender = failing.append('job-1')
  appender.append(Buffer.from('x'))
  await assert.rejects(appender.finish('a'), /disk full/)
  assert.equal(failing.blobs.size, 0)
})
