import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { mountTmpfs } from '../../../test/vault/mounts.ts'
import { StoreFullError } from '../../blobs/blob-store.ts'
import type { BlobStore } from '../../blobs/blob-store.ts'
import { openBlobStore } from '../../blobs/open.ts'
import { contractSession } from '../../drivers/driver.contract.ts'
import { listing, makeSource, nastyTree, restoredPath } from '../../drivers/directory/directory.fixture.ts'
import type { TreeSource } from '../../drivers/directory/directory.fixture.ts'
import { directoryDriver } from '../../drivers/directory/directory.ts'
import { DEFAULT_CHUNK_SIZES } from '../../vault/write/chunker.ts'
import { makeVault } from '../../vault/vault.fixture.ts'
import type { Vault } from '../../vault/vault.ts'
import { openPointReader } from './pour-restore.ts'
import { pourBackup } from './pour.ts'
import type { PourBackupOptions, PourResult } from './pour.ts'
import { NEVER, mixedBytes, pourOptions } from './pour.fixture.ts'

interface DiskCase extends Disposable {
  readonly path: string
  readonly store: BlobStore
}

function diskCase(): DiskCase {
  const path = mkdtempSync(join(tmpdir(), 'roleback-pour-'))
  return {
    path,
    store: openBlobStore({ kind: 'directory', path: join(path, 'vault') }),
    [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }),
  }
}

async function backUpTree(
  vault: Vault,
  source: TreeSource,
  extra: Partial<PourBackupOptions>,
): Promise<PourResult> {
  const pouring = await pourBackup(pourOptions(vault, { threads: 2, ...extra }))
  await directoryDriver.backup({ session: contractSession(source), sink: pouring.sink })
  return await pouring.finish({ resourceType: 'EFS' })
}

async function restoreTree(
  vault: Vault,
  source: TreeSource,
  pointId: string,
  options: { readonly threads?: number } = { threads: 2 },
): Promise<string> {
  const reader = await openPointReader({
    vault,
    pointId,
    resourceType: 'EFS',
    signal: NEVER,
    onProgress: () => undefined,
    ...options,
  })
  const summary = await directoryDriver.restore({
    session: contractSession(source),
    point: reader,
    metadata: source.restore.metadata,
    restoreMetadata: {},
    target: source.restore.target,
    attempt: 1,
    placed: undefined,
    placing: () => Promise.resolve(),
    begin: () => Promise.resolve(),
    left: () => undefined,
    problem: (problem) => assert.fail(`${problem.item}: ${problem.reason}`),
    progress: () => undefined,
  })
  reader.close()
  return restoredPath(summary)
}

test('a nasty tree goes through two threads into a vault on disk and back', async () => {
  using disk = diskCase()
  await using source = makeSource((path) => {
    nastyTree(path)
    writeFileSync(join(path, 'large'), mixedBytes(70 * 1024 * 1024, 1))
    mkdirSync(join(path, 'many'))
    for (let i = 0; i < 700; i++) writeFileSync(join(path, 'many', String(i)), mixedBytes(i * 37, i))
  })
  const vault = await makeVault(disk.store, DEFAULT_CHUNK_SIZES)
  await backUpTree(vault, source, {})
  const second = await backUpTree(vault, source, { pointId: 'p2', parentPointId: 'p1' })
  assert.ok(second.reusedItems > 700)
  assert.ok(second.storedBytes < 20_000, `An unchanged tree added ${second.storedBytes} bytes`)
  assert.deepEqual(listing(await restoreTree(vault, source, 'p2')), listing(source.path))
  assert.deepEqual(readdirSync(join(disk.path, 'vault', 'tmp')), [])
})

/** What this process has open below `path`. */
function openBelow(path: string): string[] {
  return readdirSync('/proc/self/fd')
    .map((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`)
      } catch {
        return '' // the one that listed them
      }
    })
    .filter((at) => at.startsWith(path))
}

test('a backup that is stopped ends its threads and leaves no unfinished files and nothing open', async () => {
  using disk = diskCase()
  await using source = makeSource((path) => {
    mkdirSync(join(path, 'in'))
    for (let i = 0; i < 40; i++) writeFileSync(join(path, 'in', String(i)), randomBytes(1024 * 1024))
  })
  const vault = await makeVault(disk.store, DEFAULT_CHUNK_SIZES)
  const controller = new AbortController()
  const pouring = await pourBackup(
    pourOptions(vault, {
      threads: 2,
      signal: controller.signal,
      onProgress: (_bytes, items) => {
        if (items >= 5) controller.abort(new Error('Stopped by the user'))
      },
    }),
  )
  const backup = async () => {
    await directoryDriver.backup({ session: contractSession(source), sink: pouring.sink })
    await pouring.finish({})
  }
  await assert.rejects(backup(), /Stopped by the user/)
  await pouring.abort()
  assert.deepEqual(readdirSync(join(disk.path, 'vault', 'tmp')), [])
  assert.deepEqual((await vault.listPoints()).points, [])
  assert.deepEqual(openBelow(source.path), [])
})

test('a full disk that a pour thread meets is told as one', async (t) => {
  const mounted = mountTmpfs(2 * 1024 * 1024)
  if (typeof mounted === 'string') return t.skip(`no file system of its own: ${mounted}`)
  using disk = mounted
  await using source = makeSource((path) => {
    for (let i = 0; i < 40; i++) writeFileSync(join(path, String(i)), randomBytes(64 * 1024))
  })
  const store = openBlobStore({ kind: 'directory', path: join(disk.path, 'vault') })
  const vault = await makeVault(store, DEFAULT_CHUNK_SIZES)
  await assert.rejects(
    backUpTree(vault, source, {}),
    (error) => error instanceof StoreFullError && (error.cause as NodeJS.ErrnoException).code === 'ENOSPC',
  )
})

test('a restore of little starts no thread, one of more does, and both give everything', async () => {
  using disk = diskCase()
  let started = 0
  const onWorker = (): void => void started++
  process.on('worker', onWorker)
  try {
    const vault = await makeVault(disk.store, DEFAULT_CHUNK_SIZES)
    for (const [pointId, files] of [
      ['little', 60],
      ['more', 400],
    ] as const) {
      await using source = makeSource((path) => {
        for (let i = 0; i < files; i++) writeFileSync(join(path, String(i)), mixedBytes(i * 37, i))
      })
      await backUpTree(vault, source, { pointId })
      started = 0
      assert.deepEqual(listing(await restoreTree(vault, source, pointId, {})), listing(source.path))
      assert.equal(started > 0, pointId === 'more', `${started} threads for ${pointId}`)
    }
  } finally {
    process.off('worker', onWorker)
  }
})
