import { createServer } from 'node:http'
import type { IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What was sent to a receiver, and what it answered. */
export interface Received {
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly text: string
  readonly status: number
}

/** A server on loopback that notes what it is sent, as webhooks and endpoints of topics are. */
export interface Receiver extends AsyncDisposable {
  /** `127.0.0.1:PORT`. */
  readonly place: string
  readonly received: readonly Received[]
  /** By path, the statuses that come next; the one that it was started with behind them. */
  readonly answers: Map<string, number[]>
}

export async function startReceiver(status: number): Promise<Receiver> {
  const received: Received[] = []
  const answers = new Map<string, number[]>()
  const server = createServer((request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      const path = request.url ?? ''
      const answer = answers.get(path)?.shift() ?? status
      const text = Buffer.concat(parts).toString()
      received.push({ path, headers: request.headers, text, status: answer })
      // Who follows it ends nowhere.
      response.writeHead(answer, { location: 'http://127.0.0.1:1/' }).end()
    })
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  return {
    place: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    answers,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise<void>((resolve) => void server.close(() => resolve()))
    },
  }
}
