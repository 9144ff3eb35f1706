import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { sign } from '../src/aws/sigv4.ts'
import type { WireRequest } from '../src/aws/wire.ts'

/**
 * The load of bench/http.ts, in a process of its own: `http-load.ts PORT CONNECTIONS SECONDS SERVICE METHOD TARGET BODY`, the key in
 * AWS's variables. Each connection sends its next signed request when the answer to the last is whole. Prints JSON: answers a second
 * and latencies in milliseconds.
 */
const [port, connections, seconds, service, method, target, body] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
  string,
  string,
  string,
]
const credentials = {
  accessKeyId: process.env['AWS_ACCESS_KEY_ID'] as string,
  secretAccessKey: process.env['AWS_SECRET_ACCESS_KEY'] as string,
}
const bytes = Buffer.from(body)
const host = `127.0.0.1:${port}`

function requestBytes(): Buffer {
  const request: WireRequest = {
    method,
    rawTarget: target,
    headers: [
      ['host', host],
      ['content-type', service === 'sts' ? 'application/x-www-form-urlencoded' : 'application/json'],
    ],
    body: bytes,
  }
  const headers = sign(request, credentials, { region: 'us-east-1', service }, Date.now())
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  const head = `${method} ${target} HTTP/1.1\r\n${lines}content-length: ${bytes.length}\r\n\r\n`
  return Buffer.concat([Buffer.from(head), bytes])
}

const latencies: number[] = []
const deadline = performance.now() + Number(seconds) * 1000
let counted = 0

async function run(socket: Socket): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    let sentAt = 0
    let got = ''
    const send = (): void => {
      if (performance.now() >= deadline) {
        socket.end()
        return resolve()
      }
      got = ''
      sentAt = performance.now()
      socket.write(requestBytes())
    }
    socket.on('data', (chunk) => {
      got += chunk.toString('latin1')
      const end = got.indexOf('\r\n\r\n')
      if (end < 0) return
      const length = Number(/content-length: (\d+)/i.exec(got)?.[1])
      if (got.length < end + 4 + length) return
      if (!got.startsWith('HTTP/1.1 200')) return reject(new Error(got))
      latencies.push(performance.now() - sentAt)
      counted++
      send()
    })
    socket.on('error', reject)
    socket.once('connect', send)
  })
}

const sockets = Array.from({ length: Number(connections) }, () => connect(Number(port), '127.0.0.1'))
await Promise.all(sockets.map(run))
latencies.sort((a, b) => a - b)
const at = (share: number): number => latencies[Math.floor(latencies.length * share)] as number
process.stdout.write(
  JSON.stringify({ perSecond: counted / Number(seconds), p50: at(0.5), p99: at(0.99) }) + '\n',
)
