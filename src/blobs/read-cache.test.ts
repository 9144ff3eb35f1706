import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { ReadCache } from './read-cache.ts'

const KIB = 1024
const MIB = 1024 * KIB

/** Packs, and what was asked of them. */
class Bucket {
  readonly packs = new Map<string, Buffer>()
  asked = 0

  pack(bytes: number): string {
    const content = randomBytes(bytes)
    const hex = createHash('sha256').update(content).digest('hex')
    const name = `data/${hex.slice(0, 2)}/${hex}`
    this.packs.set(name, content)
    return name
  }

  readonly fetch = async (name: string, from: number, length: number) => {
    this.asked++
    const content = this.packs.get(name) as Buffer
    await sleep(0)
    return { bytes: Uint8Array.from(content.subarray(from, from + length)), sizeBytes: content.length }
  }
}

function folder(): { readonly path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), 'roleback-cache-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

function filesIn(path: string): string[] {
  if (!existsSync(path)) return []
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name))
    .toSorted()
}

/** It writes behind the reader's back. */
async function settled(path: string, files: number): Promise<readonly string[]> {
  for (let i = 0; i < 2_000; i++) {
    const found = filesIn(path)
    if (found.length === files && found.every((name) => !name.endsWith('.unfinished'))) return found
    await sleep(1)
  }
  return assert.fail(`${filesIn(path).length} files lie in the cache, not ${files}`)
}

test('what was read of a pack is not asked for again, by other processes neither, and is its owner’s alone', async () => {
  using at = folder()
  const bucket = new Bucket()
  const pack = bucket.pack(300 * KIB)
  const settings = { path: join(at.path, 'cache'), maxBytes: 16 * MIB }
  const cache = new ReadCache(settings)
  const first = await cache.read('s', pack, 1000, 100 * KIB, bucket.fetch)
  const [file] = await settled(settings.path, 1)
  for (const one of [cache, new ReadCache(settings)])
    assert.deepEqual(await one.read('s', pack, 1000, 100 * KIB, bucket.fetch), first)
  assert.equal(bucket.asked, 1)
  assert.equal(statSync(file as string).mode & 0o777, 0o600)
  assert.equal(statSync(settings.path).mode & 0o777, 0o700)
  // Another part, and the same pack of another store.
  await cache.read('s', pack, 1001, 100 * KIB, bucket.fetch)
  await cache.read('t', pack, 1000, 100 * KIB, bucket.fetch)
  assert.equal(bucket.asked, 3)
})

test('only packs are kept: other blobs may come again under their names', async () => {
  using at = folder()
  const bucket = new Bucket()
  bucket.packs.set('points/p/head', randomBytes(100))
  const cache = new ReadCache({ path: at.path, maxBytes: 16 * MIB })
  for (let i = 0; i < 2; i++) await cache.read('s', 'points/p/head', 0, 100, bucket.fetch)
  assert.equal(bucket.asked, 2)
  assert.deepEqual(filesIn(at.path), [])
})

test('a file of the cache that rotted, was cut off or is another’s is never believed', async () => {
  using at = folder()
  const bucket = new Bucket()
  const [pack, other] = [bucket.pack(64 * KIB), bucket.pack(64 * KIB)]
  const cache = new ReadCache({ path: at.path, maxBytes: 16 * MIB })
  const read = async (name: string): Promise<void> => {
    const { bytes, sizeBytes } = await cache.read('s', name, 0, 64 * KIB, bucket.fetch)
    assert.ok(Buffer.from(bytes).equals(bucket.packs.get(name) as Buffer))
    assert.equal(sizeBytes, 64 * KIB)
  }
  await read(pack)
  const [file] = (await settled(at.path, 1)) as [string]
  await read(other)
  const [theirs] = (await settled(at.path, 2)).filter((name) => name !== file) as [string]
  const good = readFileSync(file)
  const harms: (() => void)[] = [0, 8, good.length >> 1, good.length - 1].map((byte) => () => {
    const bytes = Buffer.from(good)
    bytes[byte] = (bytes[byte] as number) ^ 1
    writeFileSync(file, bytes)
  })
  harms.push(
    () => truncateSync(file, good.length - 1),
    () => truncateSync(file, 0),
    () => writeFileSync(file, readFileSync(theirs)),
  )
  for (const harm of harms) {
    harm()
    const before = bucket.asked
    await read(pack)
    assert.equal(bucket.asked, before + 1)
    await settled(at.path, 2)
    assert.ok(readFileSync(file).equals(good))
  }
})

test('the cache stays below its bound with what several processes write, and what was used longest ago goes first', async () => {
  using at = folder()
  const bucket = new Bucket()
  const maxBytes = 4 * MIB
  const caches = [new ReadCache({ path: at.path, maxBytes }), new ReadCache({ path: at.path, maxBytes })]
  const packs = Array.from({ length: 60 }, () => bucket.pack(100 * KIB))
  const sizeOf = (): number =>
    filesIn(at.path).reduce((sum, file) => sum + (statSync(file, { throwIfNoEntry: false })?.size ?? 0), 0)
  await caches[0]?.read('s', packs[0] as string, 0, 100 * KIB, bucket.fetch)
  const [kept] = (await settled(at.path, 1)) as [string]
  for (const [i, pack] of packs.slice(1).entries()) {
    await caches[i % 2]?.read('s', pack, 0, 100 * KIB, bucket.fetch)
    const file = `/${createHash('sha256').update(`s\n${pack}`).digest('hex')}-0-${100 * KIB}`
    while (!filesIn(at.path).some((name) => name.endsWith(file))) await sleep(1)
    // Used all the time.
    utimesSync(kept, new Date(), new Date(Date.now() + 60_000))
    assert.ok(sizeOf() <= maxBytes, `${sizeOf()} bytes of ${maxBytes}`)
  }
  assert.ok(filesIn(at.path).includes(kept))
  const asked = bucket.asked
  await caches[0]?.read('s', packs[1] as string, 0, 100 * KIB, bucket.fetch)
  assert.equal(bucket.asked, asked + 1, 'the oldest is gone')
})

test('what is forgotten of a pack is asked for again, and a cache that cannot be written costs nothing', async () => {
  using at = folder()
  const bucket = new Bucket()
  const pack = bucket.pack(64 * KIB)
  const cache = new ReadCache({ path: join(at.path, 'cache'), maxBytes: 16 * MIB })
  for (const from of [0, 1]) await cache.read('s', pack, from, KIB, bucket.fetch)
  await settled(at.path, 2)
  await cache.forget('s', pack)
  assert.deepEqual(filesIn(at.path), [])
  writeFileSync(join(at.path, 'file'), '')
  const broken = new ReadCache({ path: join(at.path, 'file'), maxBytes: 16 * MIB })
  for (let i = 0; i < 2; i++) {
    const { bytes } = await broken.read('s', pack, 5, KIB, bucket.fetch)
    assert.ok(Buffer.from(bytes).equals((bucket.packs.get(pack) as Buffer).subarray(5, 5 + KIB)))
  }
  await broken.forget('s', pack)
})
