import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { DiskBlobStore } from '../../blobs/disk.ts'
import { MemoryBlobStore } from '../../blobs/memory.ts'
import type { BlobStore } from '../../blobs/blob-store.ts'
import { PointNotFoundError, VaultDamageError } from '../../vault/errors.ts'
import { Coordinator, blobsOf } from '../../vault/points.fixture.ts'
import { heldLease, makeVault, SMALL_CHUNKS } from '../../vault/vault.fixture.ts'
import { createVault, openVault } from '../../vault/vault.ts'
import type { Vault } from '../../vault/vault.ts'
import { verifyVault } from '../../vault/verify/verify.ts'
import { copyPoint, SourceDamageError } from './pour-copy.ts'
import type { CopyPointOptions, CopyResult } from './pour-copy.ts'
import { assertSame, mixedBytes, NEVER, pourFiles, restoreFiles } from './pour.fixture.ts'

const TARGET_KEY = Buffer.alloc(32, 0x33)
const KiB = 1024
const MiB = 1024 * KiB

async function makeTarget(store: BlobStore = new MemoryBlobStore()): Promise<Vault> {
  return await createVault(store, {
    vaultId: 'vault-2',
    key: TARGET_KEY,
    wrappings: {},
    files: {},
    chunkSizes: SMALL_CHUNKS,
  })
}

async function copy(
  source: Vault,
  target: Vault,
  options: Partial<CopyPointOptions> & { readonly sourcePointId: string; readonly pointId: string },
): Promise<CopyResult> {
  return await copyPoint(
    {
      source,
      target,
      jobId: 'copy-job',
      fence: 1,
      lease: heldLease(),
      resourceType: 'EFS',
      signal: NEVER,
      onProgress: () => undefined,
      threads: 0,
      ...options,
    },
    { a: 2 },
  )
}

/** Small files, one with what another has, and a large one with lists of chunks. */
function someFiles(seed: number = 0): Map<string, Buffer> {
  const files = new Map(
    Array.from({ length: 300 }, (_, i) => [`f${String(i).padStart(4, '0')}`, mixedBytes(i * 97, seed + i)]),
  )
  files.set('empty', Buffer.alloc(0))
  files.set('large', mixedBytes(5 * MiB, seed + 1000))
  files.set('twin', mixedBytes(5 * MiB, seed + 1000))
  return files
}

test('a copy restores to the very bytes, under keys and ids of its own, and says where it came from', async () => {
  const source = await makeVault()
  const target = await makeTarget()
  const files = someFiles()
  const { contentBytes } = await pourFiles(source, files)
  let bytes = 0
  let items = 0
  const result = await copy(source, target, {
    sourcePointId: 'p1',
    pointId: 'c1',
    onProgress: (more, done) => {
      bytes += more
      items += done
    },
  })
  assert.equal(result.contentBytes, contentBytes)
  assert.equal(bytes, contentBytes)
  assert.equal(items, files.size)
  // What two files share is read once.
  assert.ok(
    result.readBytes < contentBytes - 4 * MiB,
    `${result.readBytes} of ${contentBytes} bytes were read`,
  )
  assertSame(await restoreFiles(target, 'c1'), files)
  assert.deepEqual((await verifyVault(target, { readData: true })).problems, [])
  const { head } = await target.openPoint('c1')
  assert.deepEqual(head.record, { a: 2, copiedFrom: { vaultId: source.id, pointId: 'p1' } })
  const own = new Set(await blobsOf(source.store, 'data/'))
  for (const name of await blobsOf(target.store, 'data/')) assert.ok(!own.has(name))
})

test('the next copy reads and stores what changed, and takes over the rest unread', async () => {
  const source = await makeVault()
  const target = await makeTarget()
  const files = someFiles()
  await pourFiles(source, files)
  await copy(source, target, { sourcePointId: 'p1', pointId: 'c1' })
  const large = Buffer.from(files.get('large') as Buffer)
  mixedBytes(64 * KiB, 77).copy(large, 3 * MiB)
  files.set('large', large)
  files.set('f0200', mixedBytes(5000, 99))
  files.set('new', mixedBytes(20 * KiB, 98))
  files.delete('f0100')
  await pourFiles(source, files, { pointId: 'p2' })
  const result = await copy(source, target, { sourcePointId: 'p2', pointId: 'c2', parentPointId: 'c1' })
  assertSame(await restoreFiles(target, 'c2'), files)
  assert.ok(result.readBytes < 200 * KiB, `${result.readBytes} bytes were read for 89 KiB changed`)
  assert.ok(result.storedBytes < 300 * KiB, `${result.storedBytes} bytes were stored`)
})

test('a copy whose parent is no copy of this vault, or of a point that is gone, is read whole and stored once', async () => {
  const source = await makeVault()
  const target = await makeTarget()
  const files = someFiles()
  await pourFiles(source, files)
  const { contentBytes } = await pourFiles(source, files, { pointId: 'p2' })
  await pourFiles(target, new Map([['f0001', mixedBytes(97, 4)]]), { pointId: 'other' })
  const first = await copy(source, target, { sourcePointId: 'p1', pointId: 'c1', parentPointId: 'other' })
  assert.ok(first.readBytes > 5 * MiB && first.readBytes < contentBytes)
  await source.deletePoint('p1', 'test')
  const second = await copy(source, target, { sourcePointId: 'p2', pointId: 'c2', parentPointId: 'c1' })
  assert.equal(second.readBytes, first.readBytes)
  assert.ok(second.storedBytes < 10 * KiB, `${second.storedBytes} bytes were stored again`)
  assertSame(await restoreFiles(target, 'c2'), files)
})

test('damage in an older copy makes the next one read more, and not fail', async () => {
  const source = await makeVault()
  const store = new MemoryBlobStore()
  const target = await makeTarget(store)
  const files = someFiles()
  await pourFiles(source, files)
  await copy(source, target, { sourcePointId: 'p1', pointId: 'c1' })
  for (const name of await blobsOf(store, 'meta/')) {
    const bytes = await store.get(name)
    await store.delete(name)
    bytes.writeUInt8(bytes.readUInt8(100) ^ 1, 100)
    await store.put(name, bytes)
  }
  const reopened = await openVault(store, TARGET_KEY)
  const again = await copy(source, reopened, { sourcePointId: 'p1', pointId: 'c2', parentPointId: 'c1' })
  assert.ok(again.readBytes > 0)
})

test('a copy by threads is the same', async () => {
  const at = mkdtempSync(join(tmpdir(), 'roleback-copy-'))
  try {
    const source = await makeVault(new DiskBlobStore(join(at, 'a')))
    const target = await makeTarget(new DiskBlobStore(join(at, 'b')))
    const files = someFiles()
    await pourFiles(source, files)
    await copy(source, target, { sourcePointId: 'p1', pointId: 'c1', threads: 2 })
    assertSame(await restoreFiles(target, 'c1'), files)
    assert.deepEqual((await verifyVault(target, { readData: true })).problems, [])
  } finally {
    rmSync(at, { recursive: true, force: true })
  }
})

test('damage in the source is named with its item, and the target has no such point', async () => {
  for (const threads of [0, 2]) {
    const at = mkdtempSync(join(tmpdir(), 'roleback-copy-'))
    try {
      const store = new DiskBlobStore(join(at, 'a'))
      const source = await makeVault(store)
      const target = await makeTarget(new DiskBlobStore(join(at, 'b')))
      await pourFiles(source, someFiles())
      const [pack] = await blobsOf(store, 'data/')
      const bytes = await store.get(pack as string)
      await store.delete(pack as string)
      bytes.writeUInt8(bytes.readUInt8(5000) ^ 1, 5000)
      await store.put(pack as string, bytes)
      await assert.rejects(
        copy(source, target, { sourcePointId: 'p1', pointId: 'c1', threads }),
        (error: Error) => {
          assert.ok(error instanceof SourceDamageError, String(error.stack))
          assert.match(error.message, /^"f\d{4}" is damaged: Cannot use "data\/.*segment 0/)
          return true
        },
      )
      await assert.rejects(target.openPoint('c1'), PointNotFoundError)
      assert.equal(await target.store.removeUnfinished((tag) => tag !== 'put'), 0)
    } finally {
      rmSync(at, { recursive: true, force: true })
    }
  }
})

test('a damaged manifest of the source ends the copy', async () => {
  const store = new MemoryBlobStore()
  const source = await makeVault(store)
  const target = await makeTarget()
  await pourFiles(source, someFiles())
  for (const name of await blobsOf(store, 'meta/')) await store.delete(name)
  await assert.rejects(copy(source, target, { sourcePointId: 'p1', pointId: 'c1' }), VaultDamageError)
  await assert.rejects(target.openPoint('c1'), PointNotFoundError)
})

test('a copy that is stopped leaves no point and no unfinished file', async () => {
  const at = mkdtempSync(join(tmpdir(), 'roleback-copy-'))
  try {
    const source = await makeVault(new DiskBlobStore(join(at, 'a')))
    const target = await makeTarget(new DiskBlobStore(join(at, 'b')))
    await pourFiles(source, new Map([['large', mixedBytes(40 * MiB, 5)]]))
    const controller = new AbortController()
    const stopped = new Error('stopped')
    await assert.rejects(
      copy(source, target, {
        sourcePointId: 'p1',
        pointId: 'c1',
        threads: 2,
        signal: controller.signal,
        onProgress: (bytes) => {
          if (bytes > 0) controller.abort(stopped)
        },
      }),
      stopped,
    )
    await assert.rejects(target.openPoint('c1'), PointNotFoundError)
    assert.equal(await target.store.removeUnfinished((tag) => tag !== 'put'), 0)
  } finally {
    rmSync(at, { recursive: true, force: true })
  }
})

test('sweeps of both vaults while a copy runs take nothing that it needs', async () => {
  const source = await makeVault()
  const target = await makeTarget()
  const leases = { source: new Coordinator(), target: new Coordinator() }
  const files = someFiles()
  await pourFiles(source, files)
  await pourFiles(source, new Map([['gone', mixedBytes(MiB, 42)]]), { pointId: 'p0' })
  await copy(source, target, { sourcePointId: 'p0', pointId: 'c0' })
  await copy(source, target, { sourcePointId: 'p1', pointId: 'c1' })
  {
    using reading = leases.source.lease()
    using writing = leases.target.lease()
    assert.ok(reading.generation > 0)
    let sweeping: Promise<unknown> | undefined
    const sweepAll = async (): Promise<void> => {
      // The source of the copy and its parent go while it runs.
      await source.deletePoint('p1', 'test')
      await target.deletePoint('c1', 'test')
      await leases.source.sweep(source)
      await leases.target.sweep(target)
    }
    await copy(source, target, {
      sourcePointId: 'p1',
      pointId: 'c2',
      parentPointId: 'c1',
      lease: writing,
      onProgress: () => {
        sweeping ??= sweepAll()
      },
    })
    await sweeping
  }
  await leases.target.sweep(target)
  await leases.source.sweep(source)
  assertSame(await restoreFiles(target, 'c2'), files)
  assert.deepEqual((await verifyVault(target, { readData: true })).problems, [])
  await assert.rejects(source.openPoint('p1'), PointNotFoundError)
})

for (const point of ['pack.finished', 'point.packs-stored', 'index.stored', 'point.head-stored']) {
  test(`a copy killed at ${point} harms nothing, and the next try makes it whole`, async () => {
    const at = mkdtempSync(join(tmpdir(), 'roleback-copy-'))
    try {
      const source = await makeVault(new DiskBlobStore(join(at, 'a')))
      const store = new DiskBlobStore(join(at, 'b'))
      const target = await makeTarget(store)
      const files = someFiles()
      await pourFiles(source, files)
      const url = (file: string): string => JSON.stringify(join(import.meta.dirname, file))
      const script = `
        import { DiskBlobStore } from ${url('../../blobs/disk.ts')}
        import { openVault } from ${url('../../vault/vault.ts')}
        import { FIXTURE_KEY, heldLease } from ${url('../../vault/vault.fixture.ts')}
        import { copyPoint } from ${url('pour-copy.ts')}
        const source = await openVault(new DiskBlobStore(${JSON.stringify(join(at, 'a'))}), FIXTURE_KEY)
        const target = await openVault(new DiskBlobStore(${JSON.stringify(join(at, 'b'))}), Buffer.alloc(32, 0x33))
        await copyPoint({ source, target, sourcePointId: 'p1', pointId: 'c1', jobId: 'copy-job', fence: 1, lease: heldLease(),
          resourceType: 'EFS', signal: new AbortController().signal, onProgress: () => undefined, threads: 0 }, {})
      `
      const child = spawnSync(process.execPath, ['--input-type=module-typescript', '-e', script], {
        env: { ROLEBACK_CRASH_AT: point },
        encoding: 'utf8',
      })
      assert.equal(child.signal, 'SIGKILL', child.stdout + child.stderr)
      const hasHead = point === 'point.head-stored'
      const reopened = await openVault(store, TARGET_KEY)
      if (hasHead) assertSame(await restoreFiles(reopened, 'c1'), files)
      else await assert.rejects(reopened.openPoint('c1'), PointNotFoundError)
      await copy(source, reopened, { sourcePointId: 'p1', pointId: 'c2' })
      assertSame(await restoreFiles(reopened, 'c2'), files)
      const { storedBytes, usedBytes } = await new Coordinator().sweep(reopened)
      assert.ok(storedBytes < usedBytes * 1.1, `${storedBytes} of ${usedBytes}`)
      assert.deepEqual(readdirSync(join(at, 'b', 'tmp')), ['reserve'])
      assert.deepEqual((await verifyVault(reopened, { readData: true })).problems, [])
      assert.equal(target.id, reopened.id)
    } finally {
      rmSync(at, { recursive: true, force: true })
    }
  })
}
