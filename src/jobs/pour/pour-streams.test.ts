import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { DiskBlobStore } from '../../blobs/disk.ts'
import { MemoryBlobStore } from '../../blobs/memory.ts'
import type { BlobStore } from '../../blobs/blob-store.ts'
import { ItemError } from '../../drivers/driver.ts'
import type { Content, ItemProblem } from '../../drivers/driver.ts'
import { createVault } from '../../vault/vault.ts'
import type { Vault } from '../../vault/vault.ts'
import { verifyVault } from '../../vault/verify/verify.ts'
import { openPointReader } from './pour-restore.ts'
import type { TakeBytes } from './pour-stream.ts'
import { pourBackup } from './pour.ts'

/** Streams of every size that has an edge, through one thread or several, come back as they were. */

const MIB = 1024 * 1024
const META = Buffer.from([1])
const LEASE = { generation: 1, check: async (): Promise<void> => await Promise.resolve() }
const NEVER = new AbortController().signal

async function makeVault(store: BlobStore): Promise<Vault> {
  return await createVault(store, { vaultId: 'test', key: Buffer.alloc(32, 3), wrappings: {}, files: {} })
}

/** Bytes that neither compress nor repeat, the same for the same name. */
function* bytesOf(name: string, size: number, step: number): Generator<Buffer> {
  let left = size
  for (let i = 0; left > 0; i++) {
    const block = createHash('sha512').update(`${name} ${i}`).digest()
    const part = Buffer.concat(Array.from({ length: Math.ceil(Math.min(step, left) / 64) }, () => block))
    for (let at = 0; at < part.length; at += 64) part.writeUInt32LE(at, at)
    yield part.subarray(0, Math.min(step, left))
    left -= Math.min(step, left)
  }
}

const stream = (name: string, size: number, step: number = 100_000): Content => ({
  from: 'stream',
  open: async function* () {
    for (const part of bytesOf(name, size, step)) {
      await Promise.resolve()
      yield part
    }
  },
})

function digestOf(parts: Iterable<Uint8Array>): string {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest('hex')
}

interface Poured {
  readonly problems: ItemProblem[]
  readonly contentBytes: number
  readonly itemCount: number
}

async function pour(
  vault: Vault,
  pointId: string,
  contents: readonly (readonly [string, number, Content])[],
  threads: number,
  take?: TakeBytes,
): Promise<Poured> {
  const problems: ItemProblem[] = []
  const pouring = await pourBackup({
    vault,
    pointId,
    jobId: 'job',
    fence: 1,
    lease: LEASE,
    resourceType: 'S3',
    signal: NEVER,
    threads,
    take,
    onProblem: (problem) => problems.push(problem),
    onProgress: () => undefined,
  })
  try {
    for (const [key, size, content] of contents) {
      await pouring.sink.add({ key: Buffer.from(key), kind: 1, meta: META, size }, content)
    }
    return { problems, ...(await pouring.finish({})) }
  } catch (error) {
    await pouring.abort()
    throw error
  }
}

/** Size and SHA-256 of each item. */
async function read(
  vault: Vault,
  pointId: string,
  take?: TakeBytes,
): Promise<Map<string, readonly [number, string]>> {
  const point = await openPointReader({
    vault,
    pointId,
    resourceType: 'S3',
    signal: NEVER,
    threads: 0,
    take,
    onProgress: () => undefined,
  })
  const found = new Map<string, readonly [number, string]>()
  try {
    for await (const page of point.items()) {
      for (const item of page) {
        const hash = createHash('sha256')
        for await (const bytes of point.read(item)) hash.update(bytes)
        found.set(Buffer.from(item.key).toString(), [item.size, hash.digest('hex')])
      }
    }
  } finally {
    point.close()
  }
  return found
}

const SIZES = [0, 1, 32_767, 131_072, 131_073, 524_287, 524_288, 524_289, MIB - 1, MIB, MIB + 1, 16 * MIB - 1]
const LARGE = [16 * MIB, 16 * MIB + 1, 40 * MIB]

async function assertStreams(store: BlobStore, sizes: readonly number[], threads: number): Promise<void> {
  const vault = await makeVault(store)
  const contents = sizes.map((size) => {
    const key = `size-${String(size).padStart(10, '0')}`
    return [key, size, stream(key, size)] as const
  })
  const { problems, contentBytes, itemCount } = await pour(vault, 'p1', contents, threads)
  assert.deepEqual(problems, [])
  assert.equal(itemCount, sizes.length)
  assert.equal(
    contentBytes,
    sizes.reduce((sum, size) => sum + size, 0),
  )
  const found = await read(vault, 'p1')
  for (const [key, size] of contents) {
    assert.deepEqual(found.get(key), [size, digestOf(bytesOf(key, size, 100_000))], key)
  }
  assert.deepEqual((await verifyVault(vault, { readData: true })).problems, [])
}

test('streams of every size come back whole through one thread', async () => {
  await assertStreams(new MemoryBlobStore(), SIZES, 0)
})

test('streams of more than one run come back whole through pour threads', async () => {
  const path = mkdtempSync(join(tmpdir(), 'roleback-pour-'))
  try {
    await assertStreams(new DiskBlobStore(path), [...SIZES.slice(0, 6), ...LARGE], 2)
  } finally {
    rmSync(path, { recursive: true, force: true })
  }
})

test('a stream’s true length counts, not the one it was listed with', async () => {
  const vault = await makeVault(new MemoryBlobStore())
  const { contentBytes } = await pour(vault, 'p1', [['a', 5, stream('a', 70_000)]], 0)
  assert.equal(contentBytes, 70_000)
  assert.equal((await read(vault, 'p1')).get('a')?.[0], 70_000)
})

test('each byte of a stream is asked for before the next is read, and so is each that goes back', async () => {
  const vault = await makeVault(new MemoryBlobStore())
  const asked = { bytes: 0 }
  const handed = { bytes: 0 }
  const take = async (bytes: number): Promise<void> => {
    asked.bytes += bytes
    await Promise.resolve()
  }
  const content: Content = {
    from: 'stream',
    open: async function* () {
      for (const part of bytesOf('a', 2 * MIB, 100_000)) {
        assert.equal(asked.bytes, handed.bytes)
        handed.bytes += part.length
        await Promise.resolve()
        yield part
      }
    },
  }
  await pour(vault, 'p1', [['a', 2 * MIB, content]], 0, take)
  assert.equal(asked.bytes, 2 * MIB)
  await read(vault, 'p1', take)
  assert.equal(asked.bytes, 4 * MIB)
})

test('the same streams again cost next to nothing', async () => {
  const store = new MemoryBlobStore()
  const vault = await makeVault(store)
  const contents = [['a', 0, stream('same', 3 * MIB)] as const]
  await pour(vault, 'p1', contents, 0)
  const before = store.blobs.values().reduce((sum, { length }) => sum + length, 0)
  await pour(vault, 'p2', contents, 0)
  const after = store.blobs.values().reduce((sum, { length }) => sum + length, 0)
  assert.ok(after - before < 4096, `${after - before} bytes more`)
})

for (const size of [100, 3 * MIB, 20 * MIB]) {
  test(`a stream that fails after ${size} bytes is left out with its reason, and the others are kept`, async () => {
    const vault = await makeVault(new MemoryBlobStore())
    const failing: Content = {
      from: 'stream',
      open: async function* () {
        for (const part of bytesOf('failing', size, 100_000)) {
          await Promise.resolve()
          yield part
        }
        throw new ItemError('It went away')
      },
    }
    const contents = [
      ['a', 0, stream('a', 2 * MIB)],
      ['b', 0, failing],
      ['c', 0, stream('c', 1000)],
    ] as const
    const { problems, itemCount } = await pour(vault, 'p1', contents, 0)
    assert.deepEqual(problems, [{ item: 'b', reason: 'It went away' }])
    assert.equal(itemCount, 2)
    const found = await read(vault, 'p1')
    assert.deepEqual([...found.keys()], ['a', 'c'])
    assert.equal(found.get('a')?.[1], digestOf(bytesOf('a', 2 * MIB, 100_000)))
  })
}

test('a stream that fails for another reason ends the backup with it, and no point is left', async () => {
  const vault = await makeVault(new MemoryBlobStore())
  const failing: Content = {
    from: 'stream',
    // oxlint-disable-next-line require-yield
    open: async function* () {
      await Promise.resolve()
      throw new TypeError('connection lost')
    },
  }
  await assert.rejects(pour(vault, 'p1', [['a', 0, failing]], 0), /connection lost/)
  assert.deepEqual((await vault.listPoints()).points, [])
})

test('a store that fails while the manifest is written ends the backup with the reason', async () => {
  let isFull = false
  const store = new MemoryBlobStore((operation) => {
    if (isFull && operation === 'append') throw new Error('no space left')
  })
  const vault = await makeVault(store)
  isFull = true
  const long = Buffer.alloc(60_000, 1)
  const pouring = await pourBackup({
    vault,
    pointId: 'p1',
    jobId: 'job',
    fence: 1,
    lease: LEASE,
    resourceType: 'S3',
    signal: NEVER,
    threads: 0,
    onProblem: () => undefined,
    onProgress: () => undefined,
  })
  await assert.rejects(async () => {
    for (let i = 0; i < 200; i++) {
      const key = Buffer.concat([Buffer.from(String(i).padStart(4, '0')), long])
      await pouring.sink.add({ key, kind: 1, meta: META, size: 0 }, stream(`tiny ${i}`, i % 2))
    }
    await pouring.finish({})
  }, /no space left/)
  await pouring.abort()
})

test('streams that break off after a part of a slab keep no slab: the next one comes through', async () => {
  const broken = (name: string): Content => ({
    from: 'stream',
    open: async function* () {
      await Promise.resolve()
      yield Buffer.alloc(600_000, name)
      throw new ItemError('It vanished')
    },
  })
  const names = Array.from({ length: 30 }, (_, i) => `broken-${String(i).padStart(2, '0')}`)
  const vault = await makeVault(new MemoryBlobStore())
  const { problems } = await pour(
    vault,
    'p1',
    [
      ...names.map((name) => [name, 5_000_000, broken(name)] as const),
      ['whole', 5_000_000, stream('whole', 5_000_000)],
    ],
    0,
  )
  assert.deepEqual(
    problems.map(({ item }) => item),
    names,
  )
  assert.deepEqual([...(await read(vault, 'p1')).keys()], ['whole'])
})
