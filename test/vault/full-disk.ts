import assert from 'node:assert/strict'
import { closeSync, openSync, rmSync, statSync, truncateSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { StoreFullError } from '../../src/blobs/blob-store.ts'
import { DiskBlobStore } from '../../src/blobs/disk.ts'
import {
  backUp,
  Coordinator,
  makeVault,
  randomFiles,
  restore,
  VAULT_KEY,
} from '../../src/vault/points.fixture.ts'
import type { Files } from '../../src/vault/points.fixture.ts'
import { openVault } from '../../src/vault/vault.ts'
import { verifyVault } from '../../src/vault/verify/verify.ts'
import { mountTmpfs } from './mounts.ts'

/** What a backup here takes, with its index and head, and more. */
const BACKUP_BYTES = 96 * 1024
const DISK_BYTES = 4 * 1024 * 1024

export interface FullDiskCounts {
  readonly failed: number
  readonly done: number
}

/**
 * Backs up into a vault whose disk has room for 0 bytes, and for more and more up to enough. Where that fails it says so, and nothing
 * is harmed. Then, with no byte left, a recovery point is deleted and swept, and the next backup has room again.
 *
 * @returns Why it cannot be done here, as text.
 */
export async function fillDisks(sizes: number): Promise<FullDiskCounts | string> {
  const counts = { failed: 0, done: 0 }
  for (let i = 0; i < sizes; i++) {
    using disk = mountTmpfsOr(DISK_BYTES)
    if (typeof disk.path !== 'string') return disk.reason
    const isDone = await fillDisk(disk.path, Math.floor((BACKUP_BYTES * i) / (sizes - 1)))
    counts[isDone ? 'done' : 'failed']++
  }
  return counts
}

type Tried = Disposable & ({ readonly path: string } | { readonly path: undefined; readonly reason: string })

function mountTmpfsOr(bytes: number): Tried {
  const disk = mountTmpfs(bytes)
  return typeof disk === 'string'
    ? { path: undefined, reason: disk, [Symbol.dispose]: () => undefined }
    : disk
}

/** @returns Whether the backup had room enough. */
async function fillDisk(path: string, free: number): Promise<boolean> {
  const where = `${free} bytes free`
  const directory = join(path, 'vault')
  const store = new DiskBlobStore(directory)
  const coordinator = new Coordinator()
  const [old, doomed] = [randomFiles(['a', 'b'], 20_000), randomFiles(['c', 'd'], 20_000)]
  const vault = await makeVault(store)
  await backUp(vault, coordinator, 'old', old)
  await backUp(vault, coordinator, 'doomed', doomed)
  await store.keepReserve()
  assert.ok(statSync(join(directory, 'tmp', 'reserve')).size > 64 * 1024)
  const filler = join(path, 'filler')
  fill(filler)
  truncateSync(filler, statSync(filler).size - free)

  const files = randomFiles(['e', 'f'], 20_000)
  await tryBackUp(directory, coordinator, files, where)
  // Where there was room for its head and not for the head's twin, it failed and is whole: the server's rows know that it is nobody's.
  const there = await openVault(new DiskBlobStore(directory), VAULT_KEY)
  const isDone = (await there.listPoints()).points.some(({ pointId }) => pointId === 'new')
  await assertWhole(directory, { old, doomed, ...(isDone && { new: files }) }, where)

  fill(join(path, 'filler-too'))
  const full = await openVault(new DiskBlobStore(directory), VAULT_KEY)
  await full.deletePoint('doomed', 'test')
  const { deletedBytes } = await coordinator.sweep(full)
  assert.ok(deletedBytes > 40_000, `${where}: ${deletedBytes} bytes were freed`)
  await assertWhole(directory, { old, ...(isDone && { new: files }) }, where)
  rmSync(filler)
  await coordinator.sweep(full)
  assert.ok(statSync(join(directory, 'tmp', 'reserve')).size > 64 * 1024, `${where}: nothing is kept back`)
  await backUp(full, coordinator, 'after', files)
  await assertWhole(directory, { old, after: files, ...(isDone && { new: files }) }, where)
  return isDone
}

async function tryBackUp(
  directory: string,
  coordinator: Coordinator,
  files: Files,
  where: string,
): Promise<void> {
  const store = new DiskBlobStore(directory)
  const vault = await openVault(store, VAULT_KEY)
  try {
    await backUp(vault, coordinator, 'new', files)
  } catch (error) {
    assert.ok(error instanceof StoreFullError, `${where}: ${String((error as Error).stack)}`)
    assert.match(error.message, /no room is left there \(ENOSPC\)/)
  }
}

async function assertWhole(
  directory: string,
  points: Readonly<Record<string, Files>>,
  where: string,
): Promise<void> {
  const vault = await openVault(new DiskBlobStore(directory), VAULT_KEY)
  assert.deepEqual((await verifyVault(vault, { readData: true })).problems, [], where)
  const { points: found } = await vault.listPoints()
  assert.deepEqual(found.map(({ pointId }) => pointId).toSorted(), Object.keys(points).toSorted(), where)
  for (const [id, files] of Object.entries(points)) assert.deepEqual(await restore(vault, id), files, where)
}

/** Takes all that is free. */
function fill(path: string): void {
  const fd = openSync(path, 'w')
  try {
    for (let size = 256 * 1024; size >= 1; size = size >> 1) {
      const block = Buffer.alloc(size, 1)
      for (;;) {
        try {
          if (writeSync(fd, block) === 0) break
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
          break
        }
      }
    }
  } finally {
    closeSync(fd)
  }
}
