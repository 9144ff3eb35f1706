import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { DiskBlobStore } from '../blobs/disk.ts'
import { PointNotFoundError } from './errors.ts'
import { Coordinator, VAULT_KEY, backUp, blobsOf, makeVault, restore } from './points.fixture.ts'
import type { Files } from './points.fixture.ts'
import { openVault } from './vault.ts'
import { verifyVault } from './verify/verify.ts'

/** Bytes that do not compress and are the same in every process. */
function bytesOf(name: string, blocks: number = 160): Buffer {
  return Buffer.concat(
    Array.from({ length: blocks }, (_, i) => createHash('sha512').update(`${name} ${i}`).digest()),
  )
}

const filesOf = (names: string): Files =>
  Object.fromEntries(Array.from(names).map((name) => [name, bytesOf(name)]))

const BEFORE = filesOf('abcd')
const AFTER = filesOf('aefgh')

/** What a process of its own does to the vault until it is killed at `point`. */
function killedAt(point: string, path: string, code: string): void {
  const url = (file: string): string => JSON.stringify(join(import.meta.dirname, file))
  const script = `
    import { createHash } from 'node:crypto'
    import { DiskBlobStore } from ${url('../blobs/disk.ts')}
    import { Coordinator, VAULT_KEY, backUp } from ${url('points.fixture.ts')}
    import { openVault } from ${url('vault.ts')}
    const vault = await openVault(new DiskBlobStore(${JSON.stringify(path)}), VAULT_KEY)
    const bytesOf = ${bytesOf.toString()}
    const filesOf = (names) => Object.fromEntries(Array.from(names).map((name) => [name, bytesOf(name, 160)]))
    ${code}
    process.stdout.write('not killed')
  `
  const child = spawnSync(process.execPath, ['--input-type=module-typescript', '-e', script], {
    env: { ROLEBACK_CRASH_AT: point },
    encoding: 'utf8',
  })
  assert.equal(child.signal, 'SIGKILL', `${point}: ${child.stdout}${child.stderr}`)
}

async function withVault(run: (path: string) => Promise<void>): Promise<void> {
  const path = mkdtempSync(join(tmpdir(), 'roleback-vault-'))
  try {
    await run(path)
  } finally {
    rmSync(path, { recursive: true, force: true })
  }
}

/** Everything as it must be after a crash: `p1` whole, backups and a sweep possible, nothing left behind. */
async function assertUsable(path: string, p1: Files): Promise<void> {
  const store = new DiskBlobStore(path)
  const vault = await openVault(store, VAULT_KEY)
  const coordinator = new Coordinator()
  coordinator.generation = 10
  assert.deepEqual(await restore(vault, 'p1'), p1)
  await backUp(vault, coordinator, 'p9', AFTER, 'p1')
  assert.deepEqual(await restore(vault, 'p9'), AFTER)
  const { storedBytes, usedBytes, waitingBlobs } = await coordinator.sweep(vault)
  assert.equal(waitingBlobs, 0)
  assert.ok(storedBytes <= usedBytes * 1.1, `${storedBytes} of ${usedBytes}`)
  assert.deepEqual((await verifyVault(vault, { readData: true })).problems, [])
  assert.deepEqual(await restore(vault, 'p1'), p1)
  assert.equal(await store.removeUnfinished((tag) => tag !== 'put'), 0)
}

for (const point of [
  'pack.finished',
  'pack.finished:2',
  'blob.synced:2',
  'blob.named:3',
  'point.packs-stored',
  'index.stored',
  'point.head-stored',
]) {
  test(`a backup killed at ${point} exists whole or not at all, and its leavings are swept`, async () => {
    await withVault(async (path) => {
      const vault = await makeVault(new DiskBlobStore(path))
      await backUp(vault, new Coordinator(), 'p1', BEFORE)
      killedAt(point, path, `await backUp(vault, new Coordinator(), 'p2', filesOf('aefgh'), 'p1')`)
      const reopened = await openVault(new DiskBlobStore(path), VAULT_KEY)
      if (point === 'point.head-stored') assert.deepEqual(await restore(reopened, 'p2'), AFTER)
      else await assert.rejects(restore(reopened, 'p2'), PointNotFoundError)
      await assertUsable(path, BEFORE)
    })
  })
}

for (const point of [
  'sweep.repacked',
  'sweep.repacked-index',
  'sweep.listed',
  'sweep.index-stored',
  'sweep.index-rewritten',
  'sweep.pack-deleted',
  'sweep.pack-deleted:2',
  'blob.unlinked',
]) {
  test(`a sweep killed at ${point} loses nothing, and the next one finishes it`, async () => {
    await withVault(async (path) => {
      const vault = await makeVault(new DiskBlobStore(path))
      const coordinator = new Coordinator()
      const kept = filesOf('a')
      await backUp(vault, coordinator, 'p0', BEFORE)
      await backUp(vault, coordinator, 'p1', kept, 'p0')
      await vault.deletePoint('p0', 'test')
      killedAt(point, path, `await new Coordinator().sweep(vault)`)
      await assertUsable(path, kept)
    })
  })
}

for (const point of ['point.tombstoned', 'point.head-deleted']) {
  test(`a deletion killed at ${point} is done, and the next sweep frees its bytes`, async () => {
    await withVault(async (path) => {
      const vault = await makeVault(new DiskBlobStore(path))
      const coordinator = new Coordinator()
      await backUp(vault, coordinator, 'p0', BEFORE)
      await backUp(vault, coordinator, 'p1', AFTER)
      killedAt(point, path, `await vault.deletePoint('p0', 'test')`)
      const reopened = await openVault(new DiskBlobStore(path), VAULT_KEY)
      await assert.rejects(restore(reopened, 'p0'), PointNotFoundError)
      await assertUsable(path, AFTER)
      assert.deepEqual(await blobsOf(new DiskBlobStore(path), 'points/p0/'), ['points/p0/deleted'])
    })
  })
}
