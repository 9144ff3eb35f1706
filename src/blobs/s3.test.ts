import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import * as S3 from '@aws-sdk/client-s3'
import { rgwMissing, startRgw } from '../../test/servers/ceph-rgw.ts'
import type { RgwServer } from '../../test/servers/ceph-rgw.ts'
import { startFaultProxy } from '../../test/servers/fault-proxy.ts'
import type { FaultProxy } from '../../test/servers/fault-proxy.ts'
import { blobContract } from './blob-store.contract.ts'
import { BlobExistsError, BlobNotFoundError, RetentionError } from './blob-store.ts'
import type { BlobStore } from './blob-store.ts'
import { openBlobStore } from './open.ts'
import { OF_PARTS, WORKED_THROUGH } from '../../test/servers/s3-faults.ts'
import { StorageError } from './storage-error.ts'
import { StorageHost } from './storage-host.ts'
import type { S3StoreSettings } from './thread-wire.ts'

const MIB = 1024 * 1024
/** More than one request takes. */
const LARGE = randomBytes(17 * MIB)
/** Patience of a test: the same number of tries, without the waiting. */
const SOON = { attempts: 8, minDelayMs: 1, maxDelayMs: 4, withinMs: 60_000 }

describe('blobs in a bucket of a Ceph RADOS gateway', { skip: rgwMissing() }, () => {
  let rgw: RgwServer
  let proxy: FaultProxy
  let settings: S3StoreSettings
  let client: S3.S3Client
  const host = new StorageHost()
  const cachePath = mkdtempSync(join(tmpdir(), 'roleback-read-cache-'))
  const cached = new StorageHost({ path: cachePath, maxBytes: 64 * MIB })
  let stores = 0

  before(async () => {
    rgw = await startRgw({ dir: mkdtempSync(join(tmpdir(), 'roleback-blobs-rgw-')) })
    proxy = await startFaultProxy(
      rgw.endpoint,
      new URL('../../test/servers/s3-faults.ts', import.meta.url).href,
    )
    const { accessKeyId, secretAccessKey, region, endpoint } = rgw
    client = new S3.S3Client({
      endpoint,
      region,
      forcePathStyle: true,
      credentials: { accessKeyId, secretAccessKey },
    })
    await client.send(new S3.CreateBucketCommand({ Bucket: 'vaults' }))
    await client.send(new S3.CreateBucketCommand({ Bucket: 'locked', ObjectLockEnabledForBucket: true }))
    settings = {
      endpoint: proxy.endpoint,
      region,
      bucket: 'vaults',
      prefix: '',
      accessKeyId,
      secretAccessKey,
      forcePathStyle: true,
      silenceMs: 2_000,
      retry: SOON,
    }
  })
  after(async () => {
    await host.close()
    await cached.close()
    rmSync(cachePath, { recursive: true })
    await proxy[Symbol.asyncDispose]()
    client.destroy()
    await rgw.stop()
  })

  /** A store of its own, reached through the proxy. */
  async function store(
    other: Partial<S3StoreSettings> = {},
    fault?: string,
    by: StorageHost = host,
  ): Promise<BlobStore> {
    await proxy.use(fault)
    return by.open({ ...settings, prefix: `store-${++stores}/`, ...other })
  }

  /** Keys of the bucket as another client sees them. */
  async function keysIn(bucket: string, prefix: string): Promise<string[]> {
    const { Contents = [] } = await client.send(
      new S3.ListObjectsV2Command({ Bucket: bucket, Prefix: prefix }),
    )
    return Contents.map(({ Key = '' }) => Key)
  }

  async function append(to: BlobStore, name: string, bytes: Buffer): Promise<void> {
    const appender = to.append('g1-0000000000000000')
    for (let at = 0; at < bytes.length; at += MIB) appender.append(bytes.subarray(at, at + MIB))
    await appender.finish(name)
  }

  const UNLIMITED = { timeZone: 'UTC', windows: [{ fromHour: 0, toHour: 0, bytesPerSecond: 1e12 }] }
  for (const { name, run } of blobContract) {
    test(`in a bucket, ${name}`, async () => {
      const blobs = await store()
      await run(blobs)
      await blobs.removeAll()
      assert.deepEqual(await keysIn('vaults', `store-${stores}/`), [], 'something is left')
      blobs.close()
    })
    test(`in a bucket, with every second request failing, a limited line and a read cache, ${name}`, async () => {
      const blobs = await store({ bandwidth: UNLIMITED }, 'every second request fails', cached)
      await run(blobs)
      blobs.close()
    })
  }

  test('a limit of the line keeps whoever writes next waiting, in whichever of its stores', async () => {
    const bandwidth = { timeZone: 'UTC', windows: [{ fromHour: 0, toHour: 0, bytesPerSecond: 64 * 1024 }] }
    const [blobs, others] = [await store({ bandwidth }), await store({ bandwidth })]
    // Connections first: they take their time without a limit, too.
    for (const one of [blobs, others]) await one.put('data/ab/none', randomBytes(1))
    const start = performance.now()
    await blobs.put('data/ab/first', randomBytes(64 * 1024))
    await others.put('data/ab/second', randomBytes(1))
    const tookMs = performance.now() - start
    assert.ok(tookMs >= 990, `64 KiB at 64 KiB a second took ${tookMs} ms`)
    for (const one of [blobs, others]) one.close()
  })

  test('a blob larger than one request goes up in parts, each with its MD5, and reads back from any thread', async () => {
    const blobs = await store()
    const bytes = randomBytes(18 * MIB + 5)
    await append(blobs, 'data/ab/large', bytes)
    const parts = (await proxy.seen()).filter(({ url }) => url.includes('partNumber='))
    assert.equal(parts.length, 3)
    assert.ok(parts.every(({ headers }) => headers['content-md5'] !== undefined))
    using other = disposable(openBlobStore(blobs.locate?.() ?? assert.fail('it cannot be shared')))
    const reader = other.store.open('data/ab/large')
    const read = Buffer.alloc(reader.sizeBytes)
    for (let at = 0; at < read.length; at += 700_001)
      reader.readInto(read, at, Math.min(700_001, read.length - at), at)
    assert.ok(read.equals(bytes))
    blobs.close()
  })

  test('a pack that is read again comes from the read cache, and from the bucket for who reads afresh', async () => {
    const cache = { path: join(cachePath, 'again'), maxBytes: 1024 * MIB }
    const hosts = [new StorageHost(cache), new StorageHost(cache)] as const
    const blobs = await store({}, undefined, hosts[0])
    const bytes = randomBytes(3 * MIB)
    const id = createHash('sha256').update(bytes).digest('hex')
    const pack = `data/${id.slice(0, 2)}/${id}`
    await append(blobs, pack, bytes)
    const requestsOf = async (from: BlobStore, isAfresh: boolean): Promise<number> => {
      const before = (await proxy.seen()).length
      const reader = from.open(pack, { isAfresh })
      const read = Buffer.alloc(reader.sizeBytes)
      for (let at = 0; at < read.length; at += MIB) reader.readInto(read, at, MIB, at)
      reader.close()
      assert.ok(read.equals(bytes))
      return (await proxy.seen()).length - before
    }
    const first = await requestsOf(blobs, false)
    const isKept = (): boolean =>
      readdirSync(cache.path, { recursive: true }).filter((name) => /-\d+-\d+$/.test(String(name))).length ===
      first - 1
    while (!isKept()) await sleep(1)
    const others = hosts[1].open({ ...settings, prefix: `store-${stores}/` })
    // That it is there, and how large it is, the bucket says each time.
    assert.equal(await requestsOf(others, false), 1)
    assert.equal(await requestsOf(others, true), first)
    for (const one of [blobs, others]) one.close()
    for (const host of hosts) await host.close()
  })

  test('two machines that create one blob at once: exactly one of them succeeds, and its bytes are there', async () => {
    const others = new StorageHost()
    const one = await store()
    const two = others.open({ ...settings, prefix: `store-${stores}/` })
    try {
      for (let round = 0; round < 5; round++) {
        const name = `points/p${round}/amendment-00000001`
        const results = await Promise.allSettled([
          one.put(name, Buffer.from('one')),
          two.put(name, Buffer.from('two')),
        ])
        const winners = results.flatMap(({ status }, i) => (status === 'fulfilled' ? [i] : []))
        const lost = results.find((result) => result.status === 'rejected')
        assert.equal(winners.length, 1)
        assert.ok(lost?.reason instanceof BlobExistsError)
        assert.equal((await one.get(name)).toString(), ['one', 'two'][winners[0] as number])
      }
      assert.ok(
        (await proxy.seen()).every(({ headers }) => headers['if-none-match'] === undefined),
        'nothing relies on conditional puts',
      )
    } finally {
      one.close()
      two.close()
      await others.close()
    }
  })

  test('an upload that a dead process left is given up once it is stale, and none before', async () => {
    const blobs = await store()
    const Key = `store-${stores}/data/aa/dead`
    await client.send(new S3.CreateMultipartUploadCommand({ Bucket: 'vaults', Key }))
    await client.send(
      new S3.PutObjectCommand({
        Bucket: 'vaults',
        Key: `store-${stores}/tmp/claims/x/y`,
        Body: Buffer.alloc(0),
      }),
    )
    assert.equal(await blobs.removeUnfinished((_, begunAt) => begunAt < Date.now() - 86_400_000), 0)
    assert.equal(await blobs.removeUnfinished((tag) => tag === 'put'), 2)
    const { Uploads = [] } = await client.send(
      new S3.ListMultipartUploadsCommand({ Bucket: 'vaults', Prefix: `store-${stores}/` }),
    )
    assert.deepEqual(Uploads, [])
    blobs.close()
  })

  test('a bucket with Object Lock says so, and keeps what it was told to keep from everybody until then', async () => {
    const blobs = await store({ bucket: 'locked' })
    assert.deepEqual(await blobs.features(), { objectLock: true, versioning: true })
    const retainUntil = Date.now() + 3_600_000
    await blobs.put('points/p/head', Buffer.from('kept'), { retainUntil })
    const appender = blobs.append('g1-0000000000000000')
    appender.append(Buffer.from('kept, too'))
    await appender.finish('data/aa/pack', { retainUntil })
    const Bucket = 'locked'
    for (const name of ['points/p/head', 'data/aa/pack']) {
      const Key = `store-${stores}/${name}`
      const { VersionId } = await client.send(new S3.HeadObjectCommand({ Bucket, Key }))
      await assert.rejects(client.send(new S3.DeleteObjectCommand({ Bucket, Key, VersionId })), {
        name: 'AccessDenied',
      })
      await blobs.extendRetention(name, retainUntil + 3_600_000)
      // Shorter is none: it stays as it is.
      await blobs.extendRetention(name, retainUntil)
      const { Retention } = await client.send(new S3.GetObjectRetentionCommand({ Bucket, Key }))
      assert.equal(Retention?.Mode, 'COMPLIANCE')
      const until = Retention?.RetainUntilDate?.getTime() ?? 0
      assert.ok(Math.abs(until - retainUntil - 3_600_000) < 1_000)
    }
    // By the bucket's default, say: whoever may bypass governance could end it.
    const Key = `store-${stores}/data/aa/governed`
    const ObjectLockRetainUntilDate = new Date(retainUntil + 7_200_000)
    await client.send(
      new S3.PutObjectCommand({
        Bucket,
        Key,
        Body: 'x',
        ObjectLockMode: 'GOVERNANCE',
        ObjectLockRetainUntilDate,
      }),
    )
    await blobs.extendRetention('data/aa/governed', retainUntil)
    const { VersionId } = await client.send(new S3.HeadObjectCommand({ Bucket, Key }))
    await assert.rejects(
      client.send(new S3.DeleteObjectCommand({ Bucket, Key, VersionId, BypassGovernanceRetention: true })),
      { name: 'AccessDenied' },
    )
    blobs.close()
    const plain = await store()
    await assert.rejects(plain.put('a', Buffer.from('x'), { retainUntil }), RetentionError)
    await assert.rejects(plain.extendRetention('a', retainUntil), RetentionError)
    plain.close()
  })

  /** Does all that a vault asks of a store, and looks with another client whether all is as it was said to be. */
  async function exercise(blobs: BlobStore, isInParts: boolean): Promise<void> {
    const small = LARGE.subarray(7, 100_007)
    const large = isInParts ? LARGE : LARGE.subarray(0, MIB)
    await blobs.put('points/p/head', small)
    await assert.rejects(blobs.put('points/p/head', large), BlobExistsError)
    await append(blobs, 'data/aa/large', large)
    await append(blobs, 'data/aa/small', small)
    const names: string[] = []
    for await (const page of blobs.list('data/')) names.push(...page.map(({ name }) => name))
    assert.deepEqual(names.toSorted(), ['data/aa/large', 'data/aa/small'])
    assert.ok((await blobs.get('points/p/head')).equals(small))
    const reader = blobs.open('data/aa/large')
    const read = Buffer.alloc(reader.sizeBytes)
    reader.readInto(read, 0, read.length, 0)
    assert.ok(read.equals(large), 'other bytes were read')
    reader.close()
    await blobs.delete('data/aa/small')
    assert.equal(await blobs.stat('data/aa/small'), undefined)
    assert.deepEqual(await keysIn('vaults', `store-${stores}/data/`), [`store-${stores}/data/aa/large`])
  }

  for (const name of WORKED_THROUGH) {
    test(`F9 a store works through ${name}`, async () => {
      const blobs = await store({ silenceMs: 500 }, name)
      await exercise(blobs, OF_PARTS.test(name))
      assert.ok((await proxy.hits()) > 0, 'the fault hit nothing')
      blobs.close()
    })
  }

  test('F9 a listing of one object a page, with one twice, names all; one that turns in circles ends', async () => {
    const blobs = await store({ retry: { ...SOON, attempts: 2 } })
    await proxy.use('a listing of one object a page, one of them twice')
    const names: string[] = []
    for await (const page of blobs.list('points/')) names.push(...page.map(({ name }) => name))
    assert.deepEqual([...new Set(names)], ['points/p0', 'points/p2'])
    await proxy.use('the same continuation token again')
    await assert.rejects(Array.fromAsync(blobs.list('points/')), { code: 'BadAnswer' })
    assert.ok((await proxy.seen()).length <= 4)
    blobs.close()
  })

  test('F9 a reset at each 64 KiB of a blob gives an error, never other bytes', async () => {
    const blobs = await store({ retry: { ...SOON, attempts: 1 } })
    const bytes = randomBytes(256 * 1024 + 1)
    await append(blobs, 'data/aa/one', bytes)
    for (const kib of [0, 64, 128, 192, 256]) {
      await proxy.use(`a reset after ${kib} KiB`)
      await assert.rejects(blobs.get('data/aa/one'), StorageError)
      assert.equal(await proxy.hits(), 1)
    }
    await proxy.use(undefined)
    assert.ok((await blobs.get('data/aa/one')).equals(bytes))
    blobs.close()
  })

  test('F9 an expired token ends at once, saying what was asked, of what, and why', async () => {
    const blobs = await store({}, 'an expired token')
    await assert.rejects(append(blobs, 'data/aa/one', Buffer.from('x')), (error: unknown) => {
      assert.ok(error instanceof StorageError)
      assert.deepEqual([error.code, error.status, error.isTransient], ['ExpiredToken', 403, false])
      assert.match(
        error.message,
        /Write "store-\d+\/data\/aa\/one" to bucket vaults failed with ExpiredToken \(403\)/,
      )
      return true
    })
    assert.equal(await proxy.hits(), 1, 'a refusal is not asked for again')
    blobs.close()
  })

  test('F9 a service that stays down is given up, and what was begun in parts is given back', async () => {
    const blobs = await store({}, 'parts that are never taken')
    await assert.rejects(append(blobs, 'data/aa/one', LARGE), { code: 'SlowDown' })
    const seen = await proxy.seen()
    assert.equal(seen.filter(({ url }) => url.includes('partNumber=1&')).length, SOON.attempts)
    const Prefix = `store-${stores}/`
    const { Uploads = [] } = await client.send(
      new S3.ListMultipartUploadsCommand({ Bucket: 'vaults', Prefix }),
    )
    assert.deepEqual(Uploads, [])
    blobs.close()
  })

  test('F9 where a service never lists what was written, nothing is created that others could create, too', async () => {
    const blobs = await store({ retry: { ...SOON, attempts: 1 } }, 'listings that never show anything')
    await assert.rejects(blobs.put('vault.json', Buffer.from('x')), { code: 'OperationAborted' })
    assert.deepEqual(await keysIn('vaults', `store-${stores}/`), [])
    blobs.close()
  })

  test('F9 a deletion that is said to be done and is not leaves the blob listed, and removing all goes on until it is gone', async () => {
    const blobs = await store()
    await blobs.put('a', Buffer.from('x'))
    await proxy.use('two deletions that are said to be done and are not')
    assert.equal(await blobs.delete('a'), true)
    assert.equal((await blobs.stat('a'))?.sizeBytes, 1)
    await blobs.removeAll()
    assert.deepEqual(await keysIn('vaults', `store-${stores}/`), [])
    assert.equal(await proxy.hits(), 2)
    blobs.close()
  })

  test('a bucket that is not there is told from a blob that is not there', async () => {
    const blobs = await store({ bucket: 'no-such-bucket' })
    await assert.rejects(blobs.get('a'), { code: 'NoSuchBucket' })
    await assert.rejects((await store()).get('a'), BlobNotFoundError)
    blobs.close()
  })
})

function disposable(store: BlobStore): { store: BlobStore } & Disposable {
  return { store, [Symbol.dispose]: () => store.close() }
}
