import assert from 'node:assert/strict'
import dns from 'node:dns'
import { createServer } from 'node:http'
import type { RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { mock, test } from 'node:test'
import { s3BucketDriver } from './s3-bucket.ts'

/** Asks a server that answers as `listener` likes. */
async function tryServer(listener: RequestListener): Promise<unknown> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const settings = { endpoint: `http://127.0.0.1:${port}`, bucket: 'bucket', accessKeyId: 'AKIA' }
  try {
    return await s3BucketDriver.test({ settings, secret: 'secret' }, AbortSignal.timeout(120_000))
  } finally {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
}

test('a server that never ends its answer is left before it takes the memory', async () => {
  let sent = 0
  const block = Buffer.alloc(1024 * 1024, 'a')
  const endless = tryServer((_, response) => {
    response.writeHead(200, { 'content-type': 'application/xml' })
    response.write('<ListBucketResult>')
    const goOn = (): void => {
      // The driver must leave long before this; the server ends so that a failing test ends, too.
      for (let more = true; more && !response.destroyed && sent < 200; sent++) more = response.write(block)
      if (sent >= 200) response.end()
    }
    response.on('drain', goOn)
    goOn()
  })
  await assert.rejects(endless, /the answer is longer than 16777216 bytes/)
  assert.ok(sent < 100, `${sent} MiB were taken`)
})

test('a redirect is not followed: it would carry the signature to where nobody registered', async () => {
  let asked = 0
  const redirected = tryServer((request, response) => {
    asked++
    response.writeHead(307, { location: `http://${request.headers.host}/elsewhere` }).end()
  })
  await assert.rejects(redirected, /307/)
  assert.equal(asked, 1)
})

test('R23 a name that means a forbidden address by now is not connected to', async () => {
  let asked = 0
  const server = createServer((_, response) => {
    asked++
    response.end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  // The unspecified address is refused as metadata addresses are, and reaches this host if it is not.
  const { lookup } = dns
  const rebound = mock.method(dns, 'lookup', (host: string, ...rest: [object, () => void]) => {
    lookup(host === 'buckets.test' ? '0.0.0.0' : host, ...rest)
  })
  try {
    const settings = { endpoint: `http://buckets.test:${port}`, bucket: 'bucket', accessKeyId: 'AKIA' }
    const tried = s3BucketDriver.test({ settings, secret: 'secret' }, AbortSignal.timeout(120_000))
    await assert.rejects(tried, /Will not connect to buckets\.test: link-local, unspecified and metadata/)
    assert.equal(asked, 0)
  } finally {
    rebound.mock.restore()
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
})

test('an answer of elements in elements without end fails that one call', async () => {
  await assert.rejects(
    tryServer((_, response) => response.end('<a>'.repeat(1_000_000))),
    /Listing bucket/,
  )
})
