import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { openBlobStore } from '../../blobs/open.ts'
import { VaultDamageError } from '../../vault/errors.ts'
import { copyToCold, mirrorVault } from '../../vault/sweep/cold.ts'
import {
  Coordinator,
  VAULT_KEY,
  backUp,
  blobsOf,
  makeVault,
  randomFiles,
  restore,
} from '../../vault/points.fixture.ts'
import type { Files } from '../../vault/points.fixture.ts'
import { repackHere } from '../../vault/sweep/repack.ts'
import { openVault } from '../../vault/vault.ts'
import type { Vault } from '../../vault/vault.ts'
import { verifyVault } from '../../vault/verify/verify.ts'
import { RepackThreads, repackInThreads } from './repack-packs.ts'

interface Case extends Disposable {
  readonly path: string
  readonly vault: Vault
  readonly coordinator: Coordinator
  readonly kept: ReadonlyMap<string, Files>
}

/** A vault on disk with three packs of 10 MiB, of which a half is in use. */
async function halfUsed(): Promise<Case> {
  const path = mkdtempSync(join(tmpdir(), 'roleback-repack-'))
  const vault = await makeVault(openBlobStore({ kind: 'directory', path }))
  const coordinator = new Coordinator()
  const kept = new Map<string, Files>()
  for (const number of [1, 2, 3]) {
    const names = Array.from({ length: 20 }, (_, i) => `f${i}`)
    const all = randomFiles(names, 512 * 1024)
    const some = Object.fromEntries(Object.entries(all).filter((_, i) => i % 2 === 0))
    await backUp(vault, coordinator, `all-${number}`, all)
    await backUp(vault, coordinator, `kept-${number}`, some, `all-${number}`)
    await vault.deletePoint(`all-${number}`, 'test')
    kept.set(`kept-${number}`, some)
  }

  return {
    path,
    vault,
    coordinator,
    kept,
    [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }),
  }
}

const unfinishedIn = (path: string): string[] =>
  readdirSync(join(path, 'tmp')).filter((name) => name !== 'reserve')

test('packs written anew in threads hold what is used, and nothing else is left', async () => {
  using at = await halfUsed()
  const { vault, coordinator, kept } = at
  await using threads = new RepackThreads()
  threads.start()
  const result = await coordinator.sweep(vault, { repack: threads.repack })
  assert.ok(result.repackedPacks >= 2, `${result.repackedPacks} packs were written`)
  assert.ok(result.storedBytes <= result.usedBytes * 1.06, `${result.storedBytes} of ${result.usedBytes}`)
  for (const [pointId, files] of kept) assert.deepEqual(await restore(vault, pointId), files)
  assert.deepEqual((await verifyVault(vault, { readData: true })).problems, [])
  assert.deepEqual(unfinishedIn(at.path), [])
  // What was started and is not needed keeps this process alive until it is ended.
  threads.start()
})

test('damage that a thread meets is told as in this one, and nothing is freed', async () => {
  using at = await halfUsed()
  const { vault, coordinator } = at
  const packs = await blobsOf(vault.store, 'data/')
  const file = join(at.path, packs[1] as string)
  const bytes = readFileSync(file)
  // The middle of a segment near the start: the directory, and so the plan, stay as they were.
  bytes[100] = (bytes[100] as number) ^ 1
  writeFileSync(file, bytes, { mode: 0o600 })
  for (const repack of [repackInThreads, repackHere]) {
    await assert.rejects(
      coordinator.sweep(vault, { repack }),
      (error) => error instanceof VaultDamageError && error.blob === packs[1],
    )
    assert.deepEqual(unfinishedIn(at.path), [])
    for (const name of packs) assert.ok(existsSync(join(at.path, name)), name)
  }
})

test('a sweep that is stopped leaves nothing unfinished of its threads', async () => {
  using at = await halfUsed()
  const stopped = new AbortController()
  const reason = new Error('the server stops')
  const sweep = at.coordinator.sweep(at.vault, {
    signal: stopped.signal,
    repack: async (...args) => {
      setImmediate(() => stopped.abort(reason))
      return await repackInThreads(...args)
    },
  })
  await assert.rejects(sweep, reason)
  assert.deepEqual(unfinishedIn(at.path), [])
  for (const [pointId, files] of at.kept) assert.deepEqual(await restore(at.vault, pointId), files)
})

test('a recovery point that moves to cold storage is copied in threads, in parts of its packs', async () => {
  const path = mkdtempSync(join(tmpdir(), 'roleback-repack-'))
  try {
    const [warm, cold] = [join(path, 'warm'), join(path, 'cold')]
    const vault = await makeVault(openBlobStore({ kind: 'directory', path: warm }))
    const coordinator = new Coordinator()
    const names = Array.from({ length: 26 }, (_, i) => `f${i}`)
    const files = randomFiles(names, 512 * 1024)
    await backUp(vault, coordinator, 'p1', files)
    const coldStore = openBlobStore({ kind: 'directory', path: cold })
    await mirrorVault(vault.store, coldStore)
    const coldVault = await openVault(coldStore, VAULT_KEY)
    using lease = coordinator.lease()
    const reports: number[] = []
    const storedBytes = await copyToCold(vault, coldVault, {
      pointId: 'p1',
      jobId: 'move',
      fence: 1,
      lease,
      movedAt: 1,
      onProgress: (bytes) => void reports.push(bytes),
      repack: repackInThreads,
    })
    // Two parts of the pack with its content, and the one with its manifest.
    assert.equal(reports.length, 3)
    const told = reports.reduce((sum, bytes) => sum + bytes, 0)
    assert.ok(told > 13 * 2 ** 20 && storedBytes > told * 0.99, `${told} of ${storedBytes}`)
    assert.deepEqual(await restore(coldVault, 'p1'), files)
    for (const each of [warm, cold]) assert.deepEqual(unfinishedIn(each), [])
  } finally {
    rmSync(path, { recursive: true, force: true })
  }
})
