import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BlobNotFoundError } from '../../blobs/blob-store.ts'
import { MemoryBlobStore } from '../../blobs/memory.ts'
import { checkHash } from '../verify/check-pack.ts'
import { checkDocument } from './document.ts'
import { ChunkMissingError, PointNotFoundError, VaultDamageError } from '../errors.ts'
import { parsePackName } from './pack.ts'
import {
  Coordinator,
  VAULT_KEY,
  backUp,
  blobsOf,
  makeVault,
  randomFiles,
  restore,
} from '../points.fixture.ts'
import type { Files } from '../points.fixture.ts'
import { openVault } from '../vault.ts'
import { verifyVault } from '../verify/verify.ts'

/** A vault of 64 KiB with some of each kind of blob, and what can happen to blobs without a key. */

// Half a million errors are told apart by what they are: to note where they were made costs more than all else.
Error.stackTraceLimit = 0

const POINTS = 7
/** Bits between two that are not only looked for but restored over; prime, so that all places of a byte come. */
const STRIDE = 2999
const VAULT_BYTES = 65_536

interface Filled {
  readonly store: MemoryBlobStore
  readonly points: ReadonlyMap<string, Files>
}

async function filled(): Promise<Filled> {
  const store = new MemoryBlobStore()
  const vault = await makeVault(store)
  const coordinator = new Coordinator()
  const points = new Map<string, Files>()
  await vault.addRecord(() => ({ note: 1 }))
  await vault.addRecord(() => ({ note: 2 }))
  for (let i = 1; i <= POINTS; i++) {
    const files = { ...randomFiles(['a', 'b', 'c'], 2800), same: Buffer.from('in each point') }
    await backUp(vault, coordinator, `p${i}`, files)
    points.set(`p${i}`, files)
  }
  await vault.amend('p1', { note: 'first' })
  await vault.amend('p1', { note: 'second' })
  await backUp(vault, coordinator, 'gone', { x: Buffer.from('x') })
  await vault.deletePoint('gone', 'test')
  return { store, points }
}

const flip = (bytes: Buffer, bit: number): void => {
  bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7))
}

const isDamage = (error: unknown): boolean =>
  [VaultDamageError, ChunkMissingError, PointNotFoundError, BlobNotFoundError].some(
    (kind) => error instanceof kind,
  )

/** Whether a scrub without keys finds the blob damaged. */
function isFound(store: MemoryBlobStore, name: string): boolean {
  try {
    const pack = parsePackName(name)
    if (pack === undefined) checkDocument(name, store.blobs.get(name) as Buffer)
    else for (const _ of checkHash(name, pack.id, store.open(name)));
    return false
  } catch (error) {
    assert.ok(error instanceof VaultDamageError, String(error))
    return true
  }
}

/** Restores all: each gives its very bytes or an error that says so. @returns How many were restored. */
async function restoreAll({ store, points }: Filled): Promise<number> {
  const vault = await openVault(store, VAULT_KEY)
  let whole = 0
  for (const [id, files] of points) {
    const found = await restore(vault, id).catch((error: unknown) => {
      assert.ok(isDamage(error), String(error instanceof Error ? error.stack : error))
      return undefined
    })
    if (found === undefined) continue
    assert.deepEqual(found, files)
    whole++
  }
  return whole
}

test('every bit of a vault of 64 KiB is found without keys once it is flipped, and never gives a wrong byte', async (t) => {
  const vault = await filled()
  const names = (await blobsOf(vault.store)).filter((name) => name !== 'vault.json')
  let [bits, restores, next] = [0, 0, 0]
  for (const name of names) {
    const bytes = vault.store.blobs.get(name) as Buffer
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      flip(bytes, bit)
      assert.ok(isFound(vault.store, name), `bit ${bit} of ${name}`)
      if (bits++ === next) {
        next += STRIDE
        restores++
        // One blob is no more than one recovery point's here, or the chunk that all share.
        const whole = await restoreAll(vault)
        assert.ok(whole >= POINTS - 1 || name.startsWith('data/'), `bit ${bit} of ${name}: ${whole} whole`)
      }
      flip(bytes, bit)
    }
    assert.ok(!isFound(vault.store, name), name)
  }
  t.diagnostic(`${bits} bits, ${restores} restores of all points`)
  assert.ok(bits >= VAULT_BYTES * 8)
})

test('blobs of every kind under a further name of their kind are refused or change nothing', async () => {
  const { store, points } = await filled()
  const copies: Readonly<Record<string, string>> = {
    'points/p1/head': 'points/p9/head',
    'points/p1/amendment-00000002': 'points/p1/amendment-00000003',
    'points/gone/deleted': 'points/p2/deleted',
    'records/00000002': 'records/00000003',
    [(await blobsOf(store, 'index/'))[0] as string]: `index/${'ab'.repeat(32)}`,
    [(await blobsOf(store, 'data/'))[0] as string]: `data/ab/${'ab'.repeat(32)}`,
    [(await blobsOf(store, 'meta/'))[0] as string]: `meta/ab/${'ab'.repeat(32)}`,
  }
  for (const [from, to] of Object.entries(copies)) {
    store.blobs.set(to, Buffer.from(store.blobs.get(from) as Buffer))
    const { problems } = await verifyVault(await openVault(store, VAULT_KEY), { readData: true })
    assert.ok(
      problems.some(({ blob }) => blob === to),
      `${from} as ${to}: ${JSON.stringify(problems)}`,
    )
    assert.ok((await restoreAll({ store, points })) >= POINTS - 1, `${from} as ${to}`)
    store.blobs.delete(to)
  }
})

test('whatever was deleted and is put back changes nothing: what was deleted stays so, what is there is whole', async () => {
  const { store, points } = await filled()
  const vault = await openVault(store, VAULT_KEY)
  const coordinator = new Coordinator()
  await backUp(vault, coordinator, 'old', randomFiles(['y', 'z'], 4000))
  const deleted = new Map<string, Buffer>()
  const remove = store.delete.bind(store)
  store.delete = async (name) => {
    deleted.set(name, Buffer.from(store.blobs.get(name) ?? []))
    return await remove(name)
  }
  await vault.deletePoint('old', 'test')
  await coordinator.sweep(vault)
  const kinds = new Set([...deleted.keys()].map((name) => name.split('/')[0]))
  assert.deepEqual(kinds, new Set(['points', 'twins', 'dead', 'index', 'data', 'meta']))
  for (const [name, bytes] of deleted) {
    store.blobs.set(name, bytes)
    const opened = await openVault(store, VAULT_KEY)
    await assert.rejects(restore(opened, 'old'), PointNotFoundError)
    assert.equal(await restoreAll({ store, points }), POINTS, name)
  }
  const opened = await openVault(store, VAULT_KEY)
  await coordinator.sweep(opened)
  await coordinator.sweep(opened)
  assert.equal(await restoreAll({ store, points }), POINTS)
  assert.deepEqual((await verifyVault(opened, { readData: true })).problems, [])
  assert.ok(!store.blobs.has('points/old/head'))
})
