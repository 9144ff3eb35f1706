import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { postgresqlDriver } from './postgresql.ts'

/** Message `R` of PostgreSQL's protocol 3.0, "Authentication request": 3 clear, 5 MD5 with a salt. */
const ASKS = {
  'the password in clear': Buffer.from('520000000800000003', 'hex'),
  'an MD5 of the password': Buffer.from('520000000c0000000501020304', 'hex'),
} as const

for (const [what, message] of Object.entries(ASKS)) {
  test(`R8 a server that asks for ${what} instead of SCRAM gets nothing, unless that was allowed`, async () => {
    const received: Buffer[] = []
    const server = createServer((socket) => {
      socket.on('error', () => undefined)
      let isStarted = false
      socket.on('data', (bytes: Buffer) => {
        if (isStarted) {
          received.push(bytes)
          socket.end()
        } else socket.write(message)
        isStarted = true
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const settings = { host: '127.0.0.1', port, database: 'd', user: 'u', tlsMode: 'disable' }
    const signal = new AbortController().signal
    const passwords = (): number => received.filter((bytes) => bytes[0] === 'p'.charCodeAt(0)).length
    await assert.rejects(postgresqlDriver.test({ settings, secret: 'canary' }, signal), (error: Error) => {
      assert.match(error.message, new RegExp(`asks for ${what} instead of SCRAM`))
      return !error.message.includes('canary')
    })
    assert.equal(passwords(), 0)
    const allowed = { settings: { ...settings, allowWeakAuth: true }, secret: 'canary' }
    await assert.rejects(postgresqlDriver.test(allowed, signal))
    assert.equal(passwords(), 1)
    await new Promise((resolve) => server.close(resolve))
  })
}

test('a connection attempt ends when the job is stopped', async () => {
  const server = createServer((socket) => socket.on('error', () => undefined))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const settings = { host: '127.0.0.1', port, database: 'd', user: 'u', tlsMode: 'disable' }
  const controller = new AbortController()
  server.once('connection', () => controller.abort(new Error('stopped by the user')))
  await assert.rejects(
    postgresqlDriver.test({ settings, secret: 's' }, controller.signal),
    /stopped by the user/,
  )
  await new Promise((resolve) => server.close(resolve))
})
