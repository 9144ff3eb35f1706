import assert from 'node:assert/strict'
import dns from 'node:dns'
import { createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { mock, test } from 'node:test'
import { postgresqlDriver } from './postgresql.ts'

const BLOCK = Buffer.alloc(1024 * 1024, 'a')
/** A test that fails ends here, not when the memory does. */
const MOST_BLOCKS = 200

/** A message of PostgreSQL's protocol: its type and a body whose length is told, truly or not. */
function message(type: string, body: Buffer, toldLength: number = body.length): Buffer {
  const head = Buffer.alloc(5)
  head.write(type)
  head.writeInt32BE(toldLength + 4, 1)
  return Buffer.concat([head, body])
}

const COLUMN = Buffer.concat([
  Buffer.from('a\0'),
  Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 25, 255, 255, 255, 255, 255, 255, 0, 0]),
])
const ROW_DESCRIPTION = message('T', Buffer.concat([Buffer.from([0, 1]), COLUMN]))
const ROW = message('D', Buffer.concat([Buffer.from([0, 1, 0, 16, 0, 0]), BLOCK]))

/** Lets anybody in, and answers the first question with `first` and then blocks of `rest` without end. */
async function tryServer(first: Buffer, rest: Buffer): Promise<number> {
  let sent = 0
  const flood = (socket: Socket): void => {
    const goOn = (): void => {
      for (let more = true; more && !socket.destroyed && sent < MOST_BLOCKS; sent++) more = socket.write(rest)
      if (sent >= MOST_BLOCKS) socket.destroy()
    }
    socket.write(first)
    socket.on('drain', goOn)
    goOn()
  }
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.once('data', () => {
      socket.write(Buffer.concat([message('R', Buffer.alloc(4)), message('Z', Buffer.from('I'))]))
      socket.once('data', () => flood(socket))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const settings = { host: '127.0.0.1', port, database: 'd', user: 'u', tlsMode: 'disable' }
  try {
    const tried = postgresqlDriver.test({ settings, secret: 'p' }, AbortSignal.timeout(120_000))
    await assert.rejects(tried, /the server answered with more than 67108864 bytes/)
    return sent
  } finally {
    server.close()
  }
}

test('a PostgreSQL server that sends rows without end is left before they take the memory', async () => {
  assert.ok((await tryServer(ROW_DESCRIPTION, ROW)) < MOST_BLOCKS)
})

test('a PostgreSQL server that announces a message of 2 GiB is left before it takes the memory', async () => {
  assert.ok((await tryServer(message('D', Buffer.alloc(0), 0x7f_ff_ff_00), BLOCK)) < MOST_BLOCKS)
})

test('R23 a name that means a forbidden address by now is not connected to', async () => {
  let asked = 0
  const server = createServer((socket) => {
    asked++
    socket.destroy()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  // The unspecified address is refused as metadata addresses are, and reaches this host if it is not.
  const { lookup } = dns
  const rebound = mock.method(dns, 'lookup', (host: string, ...rest: [object, () => void]) => {
    lookup(host === 'database.test' ? '0.0.0.0' : host, ...rest)
  })
  try {
    const settings = { host: 'database.test', port, database: 'd', user: 'u', tlsMode: 'disable' }
    const tried = postgresqlDriver.test({ settings, secret: 'canary' }, AbortSignal.timeout(120_000))
    await assert.rejects(tried, /Will not connect to database\.test: link-local, unspecified and metadata/)
    assert.equal(asked, 0)
  } finally {
    rebound.mock.restore()
    server.close()
  }
})
