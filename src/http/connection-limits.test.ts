import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { connect } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { networkInterfaces } from 'node:os'
import { after, test } from 'node:test'
import { limitConnections } from './connection-limits.ts'

const outside = Object.values(networkInterfaces())
  .flatMap((entries) => entries ?? [])
  .find(({ family, internal }) => family === 'IPv4' && !internal)?.address

const server = createServer((_, response) => response.end('heard'))
limitConnections(server, { all: 100, ofOne: 3 })
await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve))
after(() => server.close())
const { port } = server.address() as AddressInfo

/** Connects and asks. @returns The socket where it was answered, undefined where the server closed it. */
async function ask(host: string): Promise<Socket | undefined> {
  const socket = connect(port, host)
  socket.on('error', () => undefined)
  socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n')
  const [answer] = (await Promise.race([once(socket, 'data'), once(socket, 'close')])) as [Buffer | boolean]
  return Buffer.isBuffer(answer) ? socket : undefined
}

test(
  'one address has so many connections at most, and one that is closed makes room; the loopback is not counted',
  { skip: outside === undefined && 'this machine has no address beside the loopback' },
  async () => {
    const held: Socket[] = []
    for (let i = 0; i < 3; i++) held.push((await ask(outside as string)) as Socket)
    assert.ok(!held.includes(undefined as never))
    assert.equal(await ask(outside as string), undefined)
    for (let i = 0; i < 5; i++) {
      const socket = await ask('127.0.0.1')
      assert.ok(socket !== undefined)
      held.push(socket)
    }
    const [first] = held
    first?.end()
    await once(first as Socket, 'close')
    const again = await ask(outside as string)
    assert.ok(again !== undefined)
    for (const socket of [...held, again]) socket.destroy()
  },
)
