import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { takeDataDir } from '../src/cli/server/data-dir.ts'
import { openWorld, until } from './fixtures/world.ts'
import type { World } from './fixtures/world.ts'

/** Sends bytes and takes what comes back until the server closes; leaves at once where `leave` says so. */
async function exchange(url: string, bytes: string, leave = false): Promise<string> {
  const { hostname, port } = new URL(url)
  return await new Promise((resolve) => {
    let answer = ''
    const socket = connect(Number(port), hostname, () => {
      socket.write(bytes, () => leave && socket.destroy())
    })
    socket.on('data', (data) => (answer += data.toString('latin1')))
    socket.on('error', () => undefined)
    socket.on('close', () => resolve(answer))
  })
}

/** Of buffers, without what only waits to be collected. */
function heldBytes(): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  return process.memoryUsage().arrayBuffers
}

describe('strangers', () => {
  let world: World
  before(async () => void (world = await openWorld()))
  after(async () => await world[Symbol.asyncDispose]())

  test('requests that mean two things, or none, get no further than the door', async () => {
    const close = 'Host: a\r\nConnection: close\r\n'
    const refused: readonly (readonly [string, RegExp])[] = [
      [`GET / HTTP/1.1\r\n${close}\r\n`, /^HTTP\/1\.1 403/],
      [`OPTIONS * HTTP/1.1\r\n${close}\r\n`, /^HTTP\/1\.1 403/],
      [`GET http://elsewhere/backup-vaults HTTP/1.1\r\n${close}\r\n`, /^HTTP\/1\.1 403/],
      [
        `POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n${close}\r\n0\r\n\r\n`,
        /^HTTP\/1\.1 400/,
      ],
      [`POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n${close}\r\nabcdef`, /^HTTP\/1\.1 400/],
      [`GET / HTTP/1.1\r\n${close}${'a: b\r\n'.repeat(10_000)}\r\n`, /^HTTP\/1\.1 431/],
      [`GET / HTTP/1.1\r\nX y: b\r\n${close}\r\n`, /^HTTP\/1\.1 400/],
      [`CONNECT elsewhere:443 HTTP/1.1\r\n${close}\r\n`, /^$/],
    ]
    for (const [bytes, answer] of refused) {
      const got = await exchange(world.url, bytes)
      assert.match(got, answer, bytes.slice(0, 60))
      assert.equal(got.split('HTTP/1.1 ').length, answer.source === '^$' ? 1 : 2, 'one answer at most')
    }
  })

  test('strangers who leave in the middle of a request write no errors into the log', async () => {
    const before = world.lines.length
    await exchange(world.url, 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc', true)
    const lines = await until('the request to be logged', () => {
      const more = world.lines.slice(before)
      return more.some((line) => line.includes('"message":"request"')) ? more : undefined
    })
    assert.deepEqual(
      lines.filter((line) => line.includes('"level":"error"')),
      [],
    )
  })

  test('large bodies that never end take bounded memory from the server, and its callers wait for none of them', async () => {
    const { hostname, port } = new URL(world.url)
    const before = heldBytes()
    const most = 1024 * 1024
    const body = Buffer.alloc(most - 1)
    const sockets = await Promise.all(
      Array.from(
        { length: 120 },
        () =>
          new Promise<Socket>((resolve) => {
            const socket = connect(Number(port), hostname, () => {
              socket.write(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${most}\r\n\r\n`)
              socket.write(body, () => resolve(socket))
            })
          }),
      ),
    )
    await world.call('sts', 'GetCallerIdentity', {})
    // What was collected is given back by another thread, a little later.
    const grown = await until('their memory to be given back', () => {
      const held = (heldBytes() - before) / most
      return held < 90 ? held : undefined
    })
    let answer = ''
    const last = sockets.at(-1) as Socket
    last.on('data', (data) => (answer += data.toString()))
    last.write('x')
    await until('its answer', () => (answer.includes('\r\n\r\n') ? true : undefined))
    for (const socket of sockets) socket.destroy()
    assert.ok(grown > 30, `of 120 bodies of 1 MiB ${grown.toFixed(0)} MiB are held: they are not there yet`)
    assert.match(answer, /^HTTP\/1\.1 (?:400|403)/)
  })
})

test('a data directory that others could write to is closed to them before a key lies in it', () => {
  const path = mkdtempSync(join(tmpdir(), 'roleback-lax-'))
  const before = process.umask(0)
  try {
    mkdirSync(join(path, 'data'))
    chmodSync(join(path, 'data'), 0o777)
    const taken = takeDataDir(join(path, 'data'))
    assert.equal(statSync(taken.path).mode & 0o777, 0o700)
    for (const name of ['lock', 'owner'])
      assert.equal(statSync(join(taken.path, name)).mode & 0o777, 0o600, name)
    taken.release()
  } finally {
    process.umask(before)
    rmSync(path, { recursive: true, force: true })
  }
})
