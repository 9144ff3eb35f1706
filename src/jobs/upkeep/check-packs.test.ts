import assert from 'node:assert/strict'
import { cpSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { openBlobStore } from '../../blobs/open.ts'
import {
  Coordinator,
  VAULT_KEY,
  backUp,
  blobsOf,
  makeVault,
  randomFiles,
} from '../../vault/points.fixture.ts'
import { openVault } from '../../vault/vault.ts'
import { checkPacksHere, verifyVault } from '../../vault/verify/verify.ts'
import type { VerifyResult } from '../../vault/verify/verify.ts'
import { checkPacksInThreads } from './check-packs.ts'

interface Case extends Disposable {
  readonly path: string
  readonly packs: readonly string[]
}

/** A vault on disk of several packs of content and of manifests. */
async function filled(): Promise<Case> {
  const path = mkdtempSync(join(tmpdir(), 'roleback-check-'))
  const store = openBlobStore({ kind: 'directory', path })
  const vault = await makeVault(store)
  for (const pointId of ['p1', 'p2', 'p3'])
    await backUp(vault, new Coordinator(), pointId, randomFiles(['a', 'b', 'c'], 30_000))
  return {
    path,
    packs: await blobsOf(store, 'data/'),
    [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }),
  }
}

async function verify(path: string, checkPacks: typeof checkPacksHere): Promise<VerifyResult> {
  const vault = await openVault(openBlobStore({ kind: 'directory', path }), VAULT_KEY)
  return await verifyVault(vault, { readData: true, checkPacks })
}

function flip(file: string, at: number): void {
  const bytes = readFileSync(file)
  bytes[at] = (bytes[at] as number) ^ 1
  writeFileSync(file, bytes, { mode: 0o600 })
}

const byBlob = ({ problems }: VerifyResult) => problems.toSorted((a, b) => (a.blob < b.blob ? -1 : 1))

test('packs checked in threads give the same result as in this one, whole or damaged', async () => {
  using vault = await filled()
  const whole = await verify(vault.path, checkPacksInThreads)
  assert.deepEqual(whole, await verify(vault.path, checkPacksHere))
  assert.deepEqual([whole.problemCount, whole.blobs], [0, 6])

  const [rotten, one, other] = vault.packs.map((name) => join(vault.path, name)) as [string, string, string]
  flip(rotten, 100)
  renameSync(one, `${one}.away`)
  renameSync(other, one)
  renameSync(`${one}.away`, other)
  const stranger = join('data', 'ab', 'ab'.repeat(32))
  cpSync(rotten, join(vault.path, stranger), { recursive: true })
  const damaged = await verify(vault.path, checkPacksInThreads)
  const names = new Set(byBlob(damaged).map(({ blob }) => blob))
  assert.deepEqual([...names], [...vault.packs, stranger].toSorted())
  assert.deepEqual(byBlob(damaged), byBlob(await verify(vault.path, checkPacksHere)))
  assert.equal(damaged.blobs, 3)
})

test('a check in threads ends when it is stopped, and when a pack cannot be read for a reason that is no damage', async () => {
  using vault = await filled()
  const opened = await openVault(openBlobStore({ kind: 'directory', path: vault.path }), VAULT_KEY)
  const { index } = await opened.refresh()
  const controller = new AbortController()
  const reports: string[] = []
  const on = {
    bytes: () => undefined,
    report: ({ name }: { readonly name: string }) => {
      reports.push(name)
      controller.abort(new Error('Stopped by the user'))
    },
  }
  const many = Array.from({ length: 1000 }, () => vault.packs).flat()
  await assert.rejects(checkPacksInThreads(opened, index, many, on, controller.signal), /Stopped by the user/)
  assert.ok(reports.length < many.length)

  const linked = join(vault.path, vault.packs[1] as string)
  rmSync(linked)
  symlinkSync('/etc/hostname', linked)
  const check = checkPacksInThreads(opened, index, vault.packs, { ...on, report: () => undefined }, undefined)
  await assert.rejects(check, { code: 'ELOOP' })
})
