import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { RequestListener, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { S3Objects } from './s3-objects.ts'
import { StorageError } from './storage-error.ts'

const MIB = 1024 * 1024
/** Long before this the store must have left; the server ends so that a failing test ends, too. */
const MAX_SENT = 200 * MIB

/** Asks a server that answers as `listener` likes. */
async function ask<T>(listener: RequestListener, action: (objects: S3Objects) => Promise<T>): Promise<T> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const objects = new S3Objects({
    endpoint: `http://127.0.0.1:${port}`,
    region: 'us-east-1',
    bucket: 'vaults',
    accessKeyId: 'AKIA',
    secretAccessKey: 'secret',
    forcePathStyle: true,
    silenceMs: 10_000,
  })
  try {
    return await action(objects)
  } finally {
    objects.close()
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
}

/** Sends without end. @returns Bytes sent so far. */
function pourInto(response: ServerResponse): () => number {
  const block = Buffer.alloc(MIB, 'a')
  let sent = 0
  const goOn = (): void => {
    for (let more = true; more && !response.destroyed && sent < MAX_SENT; sent += MIB)
      more = response.write(block)
    if (sent >= MAX_SENT) response.end()
  }
  response.on('drain', goOn)
  goOn()
  return () => sent
}

const refused = (text: RegExp) => (error: unknown) => {
  assert.ok(error instanceof StorageError, String(error))
  assert.match(error.message, text)
  assert.ok(!error.message.includes('secret'))
  return true
}

for (const [what, status, action] of [
  ['a listing', 200, (objects: S3Objects) => objects.list('points/', undefined)],
  ['a list of uploads', 200, (objects: S3Objects) => objects.listUploads('')],
  ['a refusal', 403, (objects: S3Objects) => objects.get('a', { maxBytes: MIB })],
] as const)
  test(`a storage that never ends ${what} is left before it takes the memory`, async () => {
    let sent = (): number => 0
    const asked = ask(
      (_, response) => {
        response.writeHead(status, { 'content-type': 'application/xml' })
        response.write('<Answer>')
        sent = pourInto(response)
      },
      (objects): Promise<unknown> => action(objects),
    )
    await assert.rejects(asked, refused(/vaults failed with .*the answer is longer than 16777216 bytes/))
    assert.ok(sent() < MAX_SENT / 2, `${sent() / MIB} MiB were taken`)
  })

test('a storage that gives a blob no length, or another than was asked for, is not listened to', async () => {
  let sent = (): number => 0
  const endless: RequestListener = (_, response) => {
    response.writeHead(200, { etag: '"x"' })
    sent = pourInto(response)
  }
  await assert.rejects(
    ask(endless, (objects) => objects.get('a', { maxBytes: MIB })),
    refused(/Read "a" in bucket vaults failed: the answer has no length/),
  )
  assert.ok(sent() < MAX_SENT / 2, `${sent() / MIB} MiB were taken`)
  const huge: RequestListener = (_, response) => {
    response.writeHead(206, {
      'content-length': 2 ** 40,
      'content-range': `bytes 0-${2 ** 40 - 1}/${2 ** 40}`,
    })
    sent = pourInto(response)
  }
  await assert.rejects(
    ask(huge, (objects) => objects.get('a', { from: 0, length: 100 })),
    refused(/bytes 0-1099511627775\/1099511627776 came for bytes=0-99/),
  )
  assert.ok(sent() < MAX_SENT / 2, `${sent() / MIB} MiB were taken`)
})

test('a storage that says where else to go, packs its answers or sends headers without end is refused', async () => {
  let asked = 0
  const redirect: RequestListener = (request, response) => {
    asked++
    response.writeHead(307, { location: `http://${request.headers.host}/elsewhere` }).end()
  }
  const read = (objects: S3Objects): Promise<unknown> => objects.get('a', { from: 0, length: 4 })
  await assert.rejects(ask(redirect, read), refused(/\(307\)/))
  assert.equal(asked, 1)
  const headers: RequestListener = (_, response) => {
    response.writeHead(
      200,
      Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`x-${i}`, 'a'.repeat(MIB / 100)])),
    )
    response.end()
  }
  await assert.rejects(ask(headers, read), refused(/HPE_HEADER_OVERFLOW/))
  // What says that it is packed is what was stored, byte for byte: nothing is unpacked.
  const bytes = Buffer.from('four')
  const packed: RequestListener = (_, response) => {
    response.writeHead(206, {
      'content-length': 4,
      'content-range': 'bytes 0-3/4',
      'content-encoding': 'gzip',
    })
    response.end(bytes)
  }
  const got = (await ask(packed, read)) as { readonly bytes: Uint8Array }
  assert.ok(bytes.equals(got.bytes))
})
