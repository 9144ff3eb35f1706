import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import * as S3 from '@aws-sdk/client-s3'
import { makeSource } from '../../../test/fixtures/bucket-sources.ts'
import { rgwMissing, startRgw } from '../../../test/servers/ceph-rgw.ts'
import type { RgwServer, RgwUser } from '../../../test/servers/ceph-rgw.ts'
import { backUp, contractSession, driverContract, restoreInto } from '../driver.contract.ts'
import type { DriverUnderTest } from '../driver.contract.ts'
import type { Content, Item, PlacedThing } from '../driver.ts'
import { MemoryPoint, MemorySink } from '../driver.memory.ts'
import { s3BucketDriver } from './s3-bucket.ts'
import { encodeMeta } from './s3-bucket-objects.ts'

const missing = rgwMissing()

/** Left out of the contract, with the reason. */
const LEFT_OUT: Readonly<Record<string, string>> = {
  'a job told to stop rejects, and a stopped restore leaves nothing':
    'a restore deletes nothing (its role has no s3:DeleteObject to need): whole objects stay, see the test of its own',
}

const ODD_KEYS = [
  '../x', '..', '.', 'a/../b', 'a//b', '/lead', 'dir/', 'sp ace', ' lead', 'trail ', 'a+b%20c', '%2F', 'é日本', '😀', '\uFFFD',
  'new\nline', 'tab\tx', '\u0001ctl', '<&>"\'', 'q?x=1&y', '#h', 'a\\b', 'c:d', '~', '*', 'x'.repeat(1024), 'é'.repeat(512),
] // prettier-ignore

describe('S3 driver', { skip: missing ?? false }, () => {
  let server: RgwServer
  let stranger: RgwUser
  before(async () => {
    server = await startRgw({ dir: mkdtempSync(join(tmpdir(), 'roleback-test-rgw-')) })
    stranger = await server.addUser('stranger')
  })
  after(() => server.stop())

  const tested: DriverUnderTest = { driver: s3BucketDriver, makeSource: () => makeSource(server) }

  for (const { name, run } of driverContract) {
    test(name, { skip: LEFT_OUT[name] ?? false }, () => run(tested))
  }

  test('keys as odd as S3 allows come through a backup and a restore byte for byte', async () => {
    await using source = await makeSource(server)
    for (const key of ODD_KEYS) await source.put(key, `value of ${key}`)
    const { point, sink } = await backUp(tested, source)
    assert.deepEqual(sink.problems, [])
    const keys = point.held.map(({ item }) => Buffer.from(item.key).toString())
    assert.deepEqual(
      ODD_KEYS.filter((key) => !keys.includes(key)),
      [],
    )
    const { summary } = await restoreInto(tested, source, point)
    await source.assertSame(summary)
  })

  test('an object in parts comes through, and one that breaks in the middle leaves no part behind', async () => {
    await using source = await makeSource(server)
    const big = randomBytes(21 * 1024 * 1024 + 13)
    await source.put('big', big)
    const { point } = await backUp(tested, source)
    point.damaged.add('big')
    const { summary, problems } = await restoreInto(tested, source, point)
    assert.match(problems[0]?.reason ?? '', /is damaged/)
    assert.equal(problems[0]?.item, 'big')
    assert.equal(summary.itemsRestored, point.itemCount - 1)
    const uploads = await source.client.send(
      new S3.ListMultipartUploadsCommand({ Bucket: source.restoredBucket }),
    )
    assert.deepEqual(uploads.Uploads ?? [], [])
    // The same bucket, now registered: what is there is skipped and counted, what is missing comes.
    point.damaged.clear()
    const again = await restoreInto(tested, source.into(source.restoredBucket), point, {
      target: source.existing(source.restoredBucket),
    })
    assert.deepEqual(again.problems, [])
    assert.equal(again.summary.itemsRestored, 1)
    assert.equal(again.summary.itemsSkipped, point.itemCount - 1)
    assert.equal(again.summary.created, undefined)
    assert.deepEqual(await source.contents(source.restoredBucket), await source.contents(source.bucket))
  })

  test('a restore into the source itself brings back what was deleted and leaves what was changed', async () => {
    await using source = await makeSource(server)
    const { point } = await backUp(tested, source)
    await source.client.send(new S3.DeleteObjectCommand({ Bucket: source.bucket, Key: 'a' }))
    await source.put('b', 'changed since')
    const { summary } = await restoreInto(tested, source, point, { target: source.existing(source.bucket) })
    assert.equal(summary.itemsRestored, 1)
    assert.equal(summary.itemsSkipped, point.itemCount - 1)
    assert.equal(await source.get('b'), 'changed since')
    assert.equal(await source.get('a'), 'value of a')
  })

  test('ItemsToRestore limits a restore to at most five prefixes, and names that match nothing are refused', async () => {
    await using source = await makeSource(server)
    const { point } = await backUp(tested, source)
    const metadata = (items: unknown): Record<string, string> => ({
      ...source.restore.metadata,
      ItemsToRestore: JSON.stringify(items),
    })
    await assert.rejects(
      restoreInto(tested, source, point, { metadata: metadata(['nowhere/']) }),
      /names no object/,
    )
    await assert.rejects(restoreInto(tested, source, point, { metadata: metadata([1]) }), /no JSON array/)
    await assert.rejects(
      restoreInto(tested, source, point, { metadata: metadata(['1', '2', '3', '4', '5', '6']) }),
      /1 to 5 are served/,
    )
    assert.deepEqual(await source.restored(), [])
    const items = ['docs/', `s3://${source.bucket}/b`]
    const { summary } = await restoreInto(tested, source, point, { metadata: metadata(items) })
    assert.equal(summary.itemsRestored, 4)
    assert.deepEqual(
      (await source.contents(source.restoredBucket)).map(({ key }) => key),
      ['b', 'bare', 'docs/one', 'docs/two'],
    )
  })

  test('a restore that must make a bucket refuses one that is there, and one into a bucket that is not there fails', async () => {
    await using source = await makeSource(server)
    const { point } = await backUp(tested, source)
    const metadata = { DestinationBucketName: source.bucket, NewBucket: 'true' }
    await assert.rejects(
      restoreInto(tested, source, point, { metadata }),
      /exists: restore into it with NewBucket false/,
    )
    const nowhere = source.into('no-such-bucket-here')
    await assert.rejects(
      restoreInto(tested, nowhere, point, { target: source.existing('no-such-bucket-here') }),
      /NoSuchBucket/,
    )
  })

  test('a job that runs again goes on in the bucket of the run before, wherever that was cut off, and in no other', async () => {
    await using source = await makeSource(server)
    const { point } = await backUp(tested, source)
    const Bucket = source.restoredBucket
    let placed: PlacedThing | undefined
    const placing = (thing: PlacedThing): Promise<void> => Promise.resolve(void (placed = thing))
    const again = (attempt: number): ReturnType<typeof restoreInto> =>
      restoreInto(tested, source, point, { run: { attempt, placed, placing } })
    const remove = (...keys: string[]): Promise<unknown> =>
      Promise.all(keys.map((Key) => source.client.send(new S3.DeleteObjectCommand({ Bucket, Key }))))
    const empty = async (): Promise<unknown> =>
      await remove(...(await source.contents(Bucket)).map(({ key }) => key))
    // Its first object written, and not yet told of.
    const cut = restoreInto(tested, source, point, {
      run: {
        placing: async (thing) => {
          if (placed !== undefined) throw new Error('cut off')
          await placing(thing)
        },
      },
    })
    await assert.rejects(cut, /cut off/)
    assert.deepEqual(
      (await source.contents(Bucket)).map(({ key }) => key),
      ['a'],
    )
    const isAnnounced = placed
    const second = await again(2)
    await source.assertSame(second.summary)
    assert.deepEqual([second.summary.itemsRestored, second.summary.itemsSkipped], [6, 0])
    // In its midst, and somebody changed one.
    await remove('docs/two', 'empty')
    await source.client.send(new S3.PutObjectCommand({ Bucket, Key: 'b', Body: 'somebody else’s' }))
    const third = await again(3)
    assert.deepEqual([third.summary.itemsRestored, third.summary.itemsSkipped], [5, 1])
    assert.equal((await source.contents(Bucket)).length, 6)
    // Right after it was made.
    await empty()
    const known = placed
    placed = isAnnounced
    await source.assertSame((await again(4)).summary)

    const refused = /exists: restore into it with NewBucket false/
    // Another of the same name: what lies in it is not what was written, or nothing is told of it.
    await source.client.send(new S3.PutObjectCommand({ Bucket, Key: 'a', Body: 'value of z' }))
    for (const told of [known, isAnnounced, undefined]) {
      placed = told
      await assert.rejects(again(5), refused)
    }
    await empty()
    placed = known
    await assert.rejects(again(5), refused)
    await source.client.send(new S3.DeleteBucketCommand({ Bucket }))
    // Another account's, which lets us do anything in it.
    const theirs = new S3.S3Client({
      endpoint: server.endpoint,
      region: server.region,
      forcePathStyle: true,
      credentials: stranger,
    })
    await theirs.send(new S3.CreateBucketCommand({ Bucket }))
    const Policy = JSON.stringify({
      Version: '2012-10-17',
      Statement: [
        {
          Effect: 'Allow',
          Principal: '*',
          Action: 's3:*',
          Resource: [`arn:aws:s3:::${Bucket}`, `arn:aws:s3:::${Bucket}/*`],
        },
      ],
    })
    await theirs.send(new S3.PutBucketPolicyCommand({ Bucket, Policy }))
    placed = isAnnounced
    await assert.rejects(again(6), /Making bucket ".*" failed with BucketAlreadyExists/)
    assert.deepEqual(await source.contents(Bucket), [])
    await theirs.send(new S3.DeleteBucketCommand({ Bucket }))
    theirs.destroy()
  })

  test('objects that vanish or are replaced while the bucket is read are problems, the rest is kept', async () => {
    await using source = await makeSource(server)
    await source.put('z-gone', randomBytes(2 * 1024 * 1024))
    await source.put('z-replaced', randomBytes(2 * 1024 * 1024))
    const done: Promise<unknown>[] = []
    const sink = new MemorySink({
      onAdd(item: Item, _content: Content) {
        if (Buffer.from(item.key).toString() !== 'docs/two') return
        done.push(
          source.client.send(new S3.DeleteObjectCommand({ Bucket: source.bucket, Key: 'z-gone' })),
          source.put('z-replaced', 'now another'),
        )
      },
    })
    const session = contractSession(source)
    const inner = sink.add.bind(sink)
    sink.add = async (item, content) => {
      await inner(item, content)
      await Promise.all(done)
    }
    await s3BucketDriver.backup({ session, sink })
    const reasons = sink.problems.map(({ item, reason }) => `${item} ${reason}`)
    assert.deepEqual(reasons, [
      'z-gone it was deleted while the bucket was read',
      'z-replaced it was replaced while the bucket was read',
    ])
    assert.equal(sink.point().itemCount, 6)
  })

  test('a bucket of more than one page comes through whole, and a second restore skips all of it', async () => {
    await using source = await makeSource(server)
    const keys = Array.from({ length: 150 }, (_, index) => `many/${index}`)
    for (let at = 0; at < keys.length; at += 50) {
      await Promise.all(keys.slice(at, at + 50).map((key) => source.put(key, key)))
    }
    const { point, sink, session } = await backUp(tested, source)
    assert.deepEqual(sink.problems, [])
    assert.equal(point.itemCount, keys.length + 6)
    assert.equal(session.calls.filter(({ step }) => step.name === 'ListObjects').length, 2)
    const { summary } = await restoreInto(tested, source, point)
    assert.equal(summary.itemsRestored, point.itemCount)
    const registered = source.into(source.restoredBucket)
    const target = source.existing(source.restoredBucket)
    const again = await restoreInto(tested, registered, point, { target })
    assert.equal(again.summary.itemsSkipped, point.itemCount)
    assert.equal(again.summary.itemsRestored, 0)
  })

  test('tags that changed since the parent are taken anew', async () => {
    await using source = await makeSource(server)
    const first = await backUp(tested, source)
    await source.client.send(
      new S3.PutObjectTaggingCommand({
        Bucket: source.bucket,
        Key: 'a',
        Tagging: { TagSet: [{ Key: 'fresh', Value: 'y' }] },
      }),
    )
    const second = await backUp(tested, source, { parent: first.point })
    // Ceph gives a tagged object a new time, AWS does not.
    assert.ok(second.sink.itemsRead <= 1)
    const { summary } = await restoreInto(tested, source, second.point)
    await source.assertSame(summary)
  })

  test('R3 the right to read one object is asked with its own ARN and tags, also where it is unchanged', async () => {
    await using source = await makeSource(server)
    const { point } = await backUp(tested, source)
    const { session } = await backUp(tested, source, { parent: point })
    const asked = session.calls
      .filter(({ step }) => step.action === 's3:GetObject')
      .flatMap(({ arns }) => arns)
    assert.deepEqual(
      asked.toSorted(),
      (await source.contents(source.bucket))
        .map(({ key }) => `arn:aws:s3:::${source.bucket}/${key}`)
        .toSorted(),
    )
  })

  test('a restore that is stopped ends with the reason and leaves only whole objects', async () => {
    await using source = await makeSource(server)
    const { point } = await backUp(tested, source)
    const controller = new AbortController()
    const options = {
      signal: controller.signal,
      onCall: (step: { name: string }) =>
        void (step.name === 'CheckObject' && calls++ === 1 && controller.abort(new Error('stopped'))),
    }
    let calls = 0
    await assert.rejects(restoreInto(tested, source, point, options), /stopped/)
    const there = await source.contents(source.restoredBucket)
    const whole = await source.contents(source.bucket)
    for (const object of there)
      assert.deepEqual(
        object,
        whole.find(({ key }) => key === object.key),
      )
  })

  test('a point with a key that is no text, or an item of another kind, is never written', async () => {
    await using source = await makeSource(server)
    const meta = encodeMeta({ modifiedAt: 0 })
    const point = MemoryPoint.of([
      { item: { key: Buffer.from('ok'), kind: 1, meta }, bytes: Buffer.from('fine') },
      { item: { key: Buffer.from('other'), kind: 9, meta }, bytes: Buffer.from('x') },
      { item: { key: Buffer.from('ff', 'hex'), kind: 1, meta }, bytes: Buffer.from('x') },
    ])
    const { summary, problems } = await restoreInto(tested, source, point)
    assert.equal(summary.itemsRestored, 1)
    assert.equal(problems.length, 2)
  })

  test('test() names what the source does not allow, and refuses a wrong secret and a missing bucket', async () => {
    await using source = await makeSource(server)
    const signal = new AbortController().signal
    const connection = source.connection({ resourceArn: '' })
    assert.deepEqual(await s3BucketDriver.test(connection, signal), { warnings: [] })
    const settings = { ...connection.settings, accessKeyId: stranger.accessKeyId }
    const { warnings } = await s3BucketDriver.test({ settings, secret: stranger.secretAccessKey }, signal)
    assert.match(warnings.join('\n'), /s3:ListBucket.*AccessDenied/)
    const wrong = s3BucketDriver.test({ ...connection, secret: 'wrong-secret' }, signal)
    await assert.rejects(
      wrong,
      (error: Error) =>
        /SignatureDoesNotMatch/.test(error.message) && !error.message.includes('wrong-secret'),
    )
    const nowhere = { ...connection.settings, bucket: 'no-such-bucket-here' }
    await assert.rejects(s3BucketDriver.test({ ...connection, settings: nowhere }, signal), /NoSuchBucket/)
  })
})
