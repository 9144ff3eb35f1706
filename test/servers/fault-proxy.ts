import { once } from 'node:events'
import { createServer, request as send } from 'node:http'
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads'

/** One request as the proxy sees it, whole. */
export interface SeenRequest {
  readonly method: string
  /** Path and query as sent. */
  readonly url: string
  readonly query: URLSearchParams
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  readonly body: Buffer
}

export interface ServerAnswer {
  readonly status: number
  readonly headers: OutgoingHttpHeaders
  readonly body: Buffer
}

/** What a fault may do: ask the real server, as often as it likes, and answer, or break. */
export interface FaultTools {
  /** Asks the server behind; what it did stays done. */
  readonly forward: (changed?: { readonly body?: Buffer }) => Promise<ServerAnswer>
  readonly answer: (answer: ServerAnswer) => void
  /** Sends the first bytes of an answer and resets the connection. */
  readonly cut: (answer: ServerAnswer, bytes: number) => void
  /** Resets the connection without an answer. */
  readonly reset: () => void
}

/** Undefined lets the request through as it is. A promise of it may resolve when the fault is over. */
export type Fault = (seen: SeenRequest, tools: FaultTools) => Promise<void> | undefined

export interface FaultProxy extends AsyncDisposable {
  readonly endpoint: string
  /** What happens to requests from now on, by its name in the module of faults; forgets what was seen. */
  use(fault: string | undefined): Promise<void>
  /** Requests since `use`, without their bodies. */
  seen(): Promise<readonly Omit<SeenRequest, 'query' | 'body'>[]>
  /** How many of them the fault hit. */
  hits(): Promise<number>
}

/** A module of faults: `export const FAULTS`. Each is made anew when it comes into use. */
export type Faults = Readonly<Record<string, () => Fault>>

export const answerOf = (status: number, body: string, headers: OutgoingHttpHeaders = {}): ServerAnswer => ({
  status,
  headers: { 'content-type': 'application/xml', date: new Date().toUTCString(), ...headers },
  body: Buffer.from(body),
})

export const errorAnswer = (status: number, code: string): ServerAnswer =>
  answerOf(status, `<?xml version="1.0"?><Error><Code>${code}</Code><Message>made up</Message></Error>`)

/**
 * An HTTP proxy in front of a real server that does to its traffic what networks and busy services do. It has a thread of its own:
 * tests wait for their stores synchronously.
 * @param faults URL of a module of faults.
 */
export async function startFaultProxy(target: string, faults: string): Promise<FaultProxy> {
  const worker = new Worker(new URL(import.meta.url), { workerData: { target, faults } })
  const [port] = (await once(worker, 'message')) as [number]
  const ask = async <T>(question: object): Promise<T> => {
    worker.postMessage(question)
    return ((await once(worker, 'message')) as [T])[0]
  }
  return {
    endpoint: `http://127.0.0.1:${port}`,
    use: async (fault) => await ask({ use: fault }),
    seen: async () => await ask({ what: 'seen' }),
    hits: async () => await ask({ what: 'hits' }),
    async [Symbol.asyncDispose]() {
      await worker.terminate()
    },
  }
}

async function serve(target: string, faults: Faults): Promise<void> {
  let seen: Omit<SeenRequest, 'query' | 'body'>[] = []
  let hits = 0
  let fault: Fault | undefined
  const server = createServer((incoming, outgoing) => void handle(incoming, outgoing))

  async function handle(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    try {
      const body = await readAll(incoming)
      const url = incoming.url ?? '/'
      const { searchParams: query } = new URL(url, target)
      const one: SeenRequest = { method: incoming.method ?? '', url, query, headers: incoming.headers, body }
      seen.push({ method: one.method, url, headers: one.headers })
      const tools = toolsFor(one, outgoing)
      const faulted = fault?.(one, tools)
      if (faulted === undefined) return tools.answer(await tools.forward())
      hits++
      await faulted
    } catch {
      outgoing.destroy()
    }
  }

  function toolsFor(one: SeenRequest, outgoing: ServerResponse): FaultTools {
    const head = ({ status, headers, body }: ServerAnswer): void => {
      const kept = Object.entries(headers).filter(([name]) => !/^(connection|transfer-encoding)$/.test(name))
      const length = one.method === 'HEAD' ? (headers['content-length'] ?? 0) : body.length
      outgoing.writeHead(status, { ...Object.fromEntries(kept), 'content-length': length })
    }
    return {
      forward: async ({ body = one.body } = {}) => await ask(target, one, body),
      answer: (answer) => {
        head(answer)
        outgoing.end(one.method === 'HEAD' ? undefined : answer.body)
      },
      cut: (answer, bytes) => {
        head(answer)
        outgoing.write(answer.body.subarray(0, bytes), () => outgoing.socket?.resetAndDestroy())
      },
      reset: () => void outgoing.socket?.resetAndDestroy(),
    }
  }

  parentPort?.on('message', ({ use, what }: { use?: string; what?: 'seen' | 'hits' }) => {
    if (what === 'seen') return parentPort?.postMessage(seen)
    if (what === 'hits') return parentPort?.postMessage(hits)
    seen = []
    hits = 0
    fault = use === undefined ? undefined : faults[use]?.()
    parentPort?.postMessage(undefined)
  })
  server.listen(0, '127.0.0.1', () => parentPort?.postMessage((server.address() as AddressInfo).port))
  await once(server, 'close')
}

async function ask(
  target: string,
  { method, url, headers }: SeenRequest,
  body: Buffer,
): Promise<ServerAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<ServerAnswer>()
  const outgoing = send(new URL(url, target), {
    method,
    headers: { ...(headers as OutgoingHttpHeaders), connection: 'close' },
  })
  outgoing.on('error', reject)
  outgoing.on('response', (incoming) => {
    readAll(incoming).then(
      (bytes) => resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, body: bytes }),
      reject,
    )
  })
  outgoing.end(body)
  return await promise
}

async function readAll(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const parts: Buffer[] = []
  for await (const part of stream) parts.push(part)
  return Buffer.concat(parts)
}

if (!isMainThread) {
  const { target, faults } = workerData as { target: string; faults: string }
  // Not awaited here: the module of faults imports this one.
  void import(faults).then((module: { FAULTS: Faults }) => serve(target, module.FAULTS))
}
