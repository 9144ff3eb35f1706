import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { backUp, restoreInto } from '../driver.contract.ts'
import type { ContractSource, DriverUnderTest } from '../driver.contract.ts'
import { MemoryPoint } from '../driver.memory.ts'
import { s3BucketDriver } from './s3-bucket.ts'
import { decodeKey, decodeMeta, encodeMeta, mapInOrder } from './s3-bucket-objects.ts'
import { partSize } from './s3-bucket-upload.ts'

/** A server that answers as a test tells it to, for what a real one does once in a million requests. */
type Answer = (request: IncomingMessage, response: ServerResponse, url: URL) => boolean

interface FaultyServer extends ContractSource {
  readonly asked: string[]
}

const tested: DriverUnderTest = {
  driver: s3BucketDriver,
  makeSource: () => Promise.reject(new Error('not used')),
}

async function faulty(answer: Answer): Promise<FaultyServer> {
  const asked: string[] = []
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://x')
    asked.push(`${request.method} ${url.pathname}${url.search}`)
    request.resume()
    if (answer(request, response, url)) return
    if (url.searchParams.has('versioning')) return void response.end('<VersioningConfiguration/>')
    if (url.searchParams.has('acl')) return void response.end('<AccessControlPolicy/>')
    if (url.searchParams.has('tagging')) return void response.end('<Tagging><TagSet/></Tagging>')
    response.statusCode = 404
    response.end('<Error><Code>NoSuchKey</Code></Error>')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const resource = { arn: 'arn:aws:s3:::faulty', uniqueId: 'r', name: 'faulty', tags: {} }
  return {
    asked,
    resource,
    connection: () => ({
      settings: { endpoint: `http://127.0.0.1:${port}`, bucket: 'faulty', accessKeyId: 'AK' },
      secret: 'SK',
    }),
    change: () => Promise.resolve(),
    restore: {
      metadata: { DestinationBucketName: 'faulty' },
      target: { arn: resource.arn, name: 'faulty', isNew: false },
    },
    assertSame: () => Promise.resolve(),
    restored: () => Promise.resolve([]),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

const etagOf = (body: Uint8Array | string): string => `"${createHash('md5').update(body).digest('hex')}"`

const listing = (
  objects: readonly { key: string; body: Uint8Array | string }[],
  tail = '<IsTruncated>false</IsTruncated>',
): string =>
  `<ListBucketResult><EncodingType>url</EncodingType>${objects
    .map(
      ({ key, body }) =>
        `<Contents><Key>${key}</Key><LastModified>2026-01-02T03:04:05.000Z</LastModified><ETag>${etagOf(body)}</ETag><Size>${body.length}</Size></Contents>`,
    )
    .join('')}${tail}</ListBucketResult>`

const one = { key: 'one', body: 'x' }
const two = { key: 'two', body: 'y' }
const cut = (token: string): string => `<IsTruncated>true</IsTruncated>${token}`
const token = (text: string): string => `<NextContinuationToken>${text}</NextContinuationToken>`

const BAD_LISTINGS: readonly { name: string; pages: readonly string[]; says: RegExp }[] = [
  {
    name: 'is cut off without a token',
    pages: [listing([one], cut(''))],
    says: /without a continuation token/,
  },
  {
    name: 'is cut off with a blank token',
    pages: [listing([one], cut(token('')))],
    says: /without a continuation token/,
  },
  {
    name: 'gives the same token again',
    pages: [listing([one], cut(token('t'))), listing([two], cut(token('t')))],
    says: /same continuation token/,
  },
  { name: 'gives empty pages for ever', pages: [listing([], cut(token('t')))], says: /empty page/ },
  {
    name: 'repeats a page',
    pages: [listing([one], cut(token('t'))), listing([one])],
    says: /not in order: "one" came after "one"/,
  },
  { name: 'is out of order', pages: [listing([two, one])], says: /not in order: "one" came after "two"/ },
  { name: 'answers HTML', pages: ['<html><body>proxy</body>'], says: /Listing bucket/ },
  { name: 'answers nothing', pages: [''], says: /no listing/ },
  { name: 'answers another document', pages: ['<Other><Key>x</Key></Other>'], says: /no listing/ },
]

for (const { name, pages, says } of BAD_LISTINGS) {
  test(`a backup fails when the listing ${name}`, async () => {
    let page = 0
    await using source = await faulty((_request, response, url) => {
      if (url.searchParams.get('list-type') !== '2') {
        if (url.pathname.length <= '/faulty/'.length || url.search.includes('tagging')) return false
        const body = url.pathname.endsWith('one') ? one.body : two.body
        response.setHeader('ETag', etagOf(body)).end(body)
        return true
      }
      response.end(pages[Math.min(page++, pages.length - 1)])
      return true
    })
    await assert.rejects(backUp(tested, source), says)
    assert.ok(page <= 3)
  })
}

test('a backup of a bucket whose every object is refused fails, and one refused object is a problem', async () => {
  let refused = /one|two/
  await using source = await faulty((_request, response, url) => {
    if (url.searchParams.get('list-type') === '2') return response.end(listing([one, two])) !== undefined
    if (url.search.includes('tagging') || !/one|two/.test(url.pathname)) return false
    if (refused.test(url.pathname)) {
      response.statusCode = 403
      response.end('<Error><Code>AccessDenied</Code><Message>no</Message></Error>')
      return true
    }
    response.setHeader('ETag', etagOf('y')).end('y')
    return true
  })
  await assert.rejects(
    backUp(tested, source),
    /No objects were backed up from the source bucket faulty: none of 2/,
  )
  refused = /one/
  const { sink, point } = await backUp(tested, source)
  assert.equal(point.itemCount, 1)
  assert.match(sink.problems[0]?.reason ?? '', /AccessDenied \(403\): no/)
})

test('a body that breaks off is read on from the same byte of the same object', async () => {
  const body = Buffer.alloc(3 * 1024 * 1024, 'abc')
  const big = { key: 'big', body }
  const ranges: (string | undefined)[] = []
  await using source = await faulty((request, response, url) => {
    if (url.searchParams.get('list-type') === '2') return response.end(listing([big])) !== undefined
    if (url.search.includes('tagging') || !url.pathname.endsWith('/big')) return false
    const { range } = request.headers
    ranges.push(range)
    assert.equal(request.headers['if-match'], etagOf(body))
    const start = Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0)
    response.statusCode = start > 0 ? 206 : 200
    response.setHeader('Content-Length', body.length - start)
    response.write(body.subarray(start, start + 1024 * 1024), () => {
      if (ranges.length < 3) response.destroy()
      else response.end(body.subarray(start + 1024 * 1024))
    })
    return true
  })
  const { sink, point } = await backUp(tested, source)
  assert.deepEqual(sink.problems, [])
  assert.ok(Buffer.concat(point.held[0]?.chunks ?? []).equals(body))
  assert.ok(ranges.length === 3 && ranges[1]?.startsWith('bytes='))
})

test('an object shorter than the listing said is a problem', async () => {
  await using source = await faulty((_request, response, url) => {
    if (url.searchParams.get('list-type') === '2')
      return response.end(listing([{ key: 'one', body: 'xyz' }, two])) !== undefined
    if (url.search.includes('tagging') || !/one|two/.test(url.pathname)) return false
    response.end(url.pathname.endsWith('one') ? 'x' : 'y')
    return true
  })
  const { sink, point } = await backUp(tested, source)
  assert.deepEqual(sink.problems, [{ item: 'one', reason: 'it was listed with 3 bytes and came with 1' }])
  assert.equal(point.itemCount, 1)
})

test('R1 a step that is denied sends nothing, and every request belongs to a call that was decided', async () => {
  const requestOf: Readonly<Record<string, RegExp>> = {
    GetBucketTagging: /^GET \/faulty\/?\?tagging/,
    GetBucketVersioning: /\?versioning/,
    GetBucketAcl: /\?acl/,
    ListObjects: /list-type=2/,
    ReadObjectTags: /^GET \/faulty\/\w+\?tagging/,
    ReadObject: /^GET \/faulty\/\w+\?x-id=GetObject/,
  }
  await using source = await faulty((_request, response, url) => {
    if (url.searchParams.get('list-type') === '2') return response.end(listing([one, two])) !== undefined
    if (url.search.includes('tagging') || !/one|two/.test(url.pathname)) return false
    const body = url.pathname.endsWith('one') ? 'x' : 'y'
    response.setHeader('ETag', etagOf(body)).end(body)
    return true
  })
  const { session } = await backUp(tested, source)
  for (const [name, form] of Object.entries(requestOf)) {
    const requests = source.asked.filter((line) => form.test(line)).length
    assert.ok(requests > 0, name)
    assert.equal(session.calls.filter(({ step }) => step.name === name).length, requests, name)
  }
  assert.equal(
    source.asked.filter((line) => !Object.values(requestOf).some((form) => form.test(line))).length,
    0,
  )
  for (const [name, form] of Object.entries(requestOf)) {
    source.asked.length = 0
    await assert.rejects(backUp(tested, source, { denied: [name] }), { name: 'AccessDeniedError' })
    assert.deepEqual(
      source.asked.filter((line) => form.test(line)),
      [],
      name,
    )
  }
})

test('a server that is busy at first is asked again', async () => {
  let listings = 0
  await using source = await faulty((_request, response, url) => {
    if (url.searchParams.get('list-type') !== '2') return false
    if (++listings < 3) {
      response.statusCode = 503
      response.end('<Error><Code>SlowDown</Code></Error>')
    } else response.end(listing([]))
    return true
  })
  const { point } = await backUp(tested, source)
  assert.equal(point.itemCount, 0)
  assert.equal(listings, 3)
})

test('redirects are not followed', async () => {
  await using source = await faulty((_request, response, url) => {
    if (url.searchParams.get('list-type') !== '2') return false
    response.writeHead(307, { Location: 'http://169.254.169.254/', 'x-amz-bucket-region': 'eu-west-1' }).end()
    return true
  })
  await assert.rejects(backUp(tested, source), /Listing bucket "faulty" failed/)
})

const meta = encodeMeta({ modifiedAt: 0 })

test('an upload in parts whose end answers 200 with an error is taken away and is a problem', async () => {
  await using source = await faulty((request, response, url) => {
    if (url.searchParams.get('list-type') === '2') return response.end(listing([])) !== undefined
    if (url.searchParams.has('uploads')) {
      response.end('<InitiateMultipartUploadResult><UploadId>u1</UploadId></InitiateMultipartUploadResult>')
    } else if (request.method === 'PUT') response.setHeader('ETag', '"e"').end()
    else if (request.method === 'DELETE') response.writeHead(204).end()
    else if (request.method === 'POST')
      response.end('<Error><Code>InvalidPart</Code><Message>late</Message></Error>')
    else return false
    return true
  })
  const bytes = Buffer.alloc(9 * 1024 * 1024, 7)
  const point = MemoryPoint.of([{ item: { key: Buffer.from('big'), kind: 1, meta }, bytes }])
  const outcome = await restoreInto(tested, source, point).catch((error: unknown) => error as Error)
  if (!(outcome instanceof Error)) assert.equal(outcome.problems.length, 1)
  assert.ok(source.asked.some((line) => line.startsWith('DELETE /faulty/big?uploadId=u1')))
})

test('an object that the server has in another size after the restore is a problem', async () => {
  await using source = await faulty((request, response, url) => {
    if (url.searchParams.get('list-type') === '2') return response.end(listing([])) !== undefined
    if (request.method === 'HEAD') response.setHeader('Content-Length', 3).end()
    else if (request.method === 'PUT') response.setHeader('ETag', '"e"').end()
    else return false
    return true
  })
  const point = MemoryPoint.of([
    { item: { key: Buffer.from('k'), kind: 1, meta }, bytes: Buffer.from('four') },
  ])
  const { problems, summary } = await restoreInto(tested, source, point)
  assert.deepEqual(problems, [{ item: 'k', reason: 'it has 3 bytes after the restore instead of 4' }])
  assert.equal(summary.itemsRestored, 0)
})

test('a restore that asks for what is not served is refused before any request', async () => {
  await using source = await faulty(() => false)
  const point = MemoryPoint.of([])
  for (const [key, value, says] of [
    ['RestoreACLs', 'true', /not part of recovery points/],
    ['EncryptionType', 'rot13', /none of original, SSE-S3 and SSE-KMS/],
    ['RestoreLatestVersionsUpTo', '0', /neither a number nor all/],
  ] as const) {
    await assert.rejects(restoreInto(tested, source, point, { metadata: { [key]: value } }), says)
  }
  assert.deepEqual(source.asked, [])
})

test('test() refuses settings that cannot be used, without repeating the secret', async () => {
  const good = { endpoint: 'http://127.0.0.1:1', bucket: 'abc', accessKeyId: 'AK' }
  const signal = new AbortController().signal
  for (const bad of [
    { endpoint: 'ftp://x' },
    { endpoint: 'http://user:pw@x' },
    { endpoint: 'http://x/?a=b' },
    { bucket: '../x' },
    { bucket: 'a/b' },
    { bucket: 'a..b' },
    { accessKeyId: 'a b' },
    { region: 'x\ny' },
    { forcePathStyle: 'yes' },
  ]) {
    const refused = s3BucketDriver.test({ settings: { ...good, ...bad }, secret: 'canary' }, signal)
    await assert.rejects(
      refused,
      (error: Error) => error.name === 'BucketSettingsError' && !/canary|pw@/.test(error.message),
    )
  }
  await assert.rejects(
    s3BucketDriver.test({ settings: good, secret: undefined }, signal),
    /no secret access key/,
  )
})

test('decodeKey() takes percent and plus as S3 writes them, and any bytes', () => {
  assert.equal(Buffer.from(decodeKey('a+b%2Bc%0A')).toString(), 'a b+c\n')
  assert.deepEqual([...decodeKey('%FF%00x')], [255, 0, 120])
  assert.equal(Buffer.from(decodeKey('%C3%A9 é %zz')).toString(), 'é é %zz')
})

test('metadata of a later version is refused', () => {
  assert.deepEqual(decodeMeta(meta), { modifiedAt: 0 })
  assert.throws(() => decodeMeta(Uint8Array.of(2, 123, 125)), /newer version/)
})

test('partSize() keeps every size within 10,000 parts', () => {
  assert.equal(partSize(1), 8 * 1024 * 1024)
  for (const size of [80e9, 5e12]) assert.ok(Math.ceil(size / partSize(size)) <= 10_000)
})

test('mapInOrder() keeps the order, its limit and the first error', async () => {
  let running = 0
  let most = 0
  const source = (async function* () {
    for (let value = 0; value < 50; value++) yield value
  })()
  const seen: number[] = []
  const work = async (value: number): Promise<number> => {
    most = Math.max(most, ++running)
    await new Promise((resolve) => setImmediate(resolve))
    if (value % 3 === 0) await new Promise((resolve) => setImmediate(resolve))
    running--
    if (value === 40) throw new Error('forty')
    return value
  }
  await assert.rejects(async () => {
    for await (const value of mapInOrder(source, 4, work)) seen.push(value)
  }, /forty/)
  assert.deepEqual(
    seen,
    Array.from({ length: 40 }, (_, index) => index),
  )
  assert.ok(most <= 4)
})
