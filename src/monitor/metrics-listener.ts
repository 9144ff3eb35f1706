import { createHash, timingSafeEqual } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { Clock } from '../lib/clock.ts'
import { stackOf } from '../lib/log.ts'
import type { Log } from '../lib/log.ts'
import type { Store } from '../store/store.ts'
import { EXPOSITION_TYPE, exposition } from './exposition.ts'
import { collectMetrics } from './metrics.ts'
import type { Throttled } from './metrics.ts'

/** Scrapes within so long get the same answer: whoever may scrape must not load the store with it. In milliseconds. */
const KEEP_MS = 5_000
const REQUEST_TIMEOUT_MS = 10_000

export interface MetricsOptions {
  readonly store: Store
  readonly clock: Clock
  readonly log: Log
  readonly version: string
  /** Requests that this process refused, by kind and account. */
  readonly throttled: Throttled
  /** What scrapers must show as bearer token; undefined on loopback, where none is asked for. */
  readonly token: string | undefined
  readonly tls: { readonly certFile: string; readonly keyFile: string } | undefined
}

/** `GET /metrics` and nothing else, on a listener of its own: what it tells is of all accounts, and for the operator alone. */
export function createMetricsServer(options: MetricsOptions): Server {
  const scrape = scraper(options)
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    void answer(options, scrape, request, response)
  }
  const limits = { requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: REQUEST_TIMEOUT_MS }
  if (options.tls === undefined) return createServer(limits, listener)
  const { certFile, keyFile } = options.tls
  return createTlsServer(
    { ...limits, cert: readFileSync(certFile), key: readFileSync(keyFile), minVersion: 'TLSv1.2' },
    listener,
  )
}

async function answer(
  options: MetricsOptions,
  scrape: () => Promise<string>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const refuse = (status: number, text: string, headers: Record<string, string> = {}): void => {
    response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', ...headers })
    response.end(`${text}\n`)
  }
  // One answer for what is there and what is not: whoever has no token learns nothing.
  if (!isAllowed(options.token, request))
    return refuse(401, 'A bearer token is needed', { 'www-authenticate': 'Bearer realm="metrics"' })
  if (options.token === undefined && !isLoopbackName(request.headers.host))
    return refuse(421, 'This listener answers to the names of loopback only')
  if (request.url?.split('?')[0] !== '/metrics')
    return refuse(404, 'There is /metrics here, and nothing else')
  if (request.method !== 'GET') return refuse(405, 'GET only', { allow: 'GET' })
  try {
    const text = await scrape()
    response.writeHead(200, { 'content-type': EXPOSITION_TYPE, 'cache-control': 'no-store' })
    response.end(text)
  } catch (error) {
    options.log.error('metrics could not be collected', {
      error: stackOf(error),
    })
    refuse(500, 'The metrics could not be collected; the log says why')
  }
}

function isAllowed(token: string | undefined, request: IncomingMessage): boolean {
  if (token === undefined) return true
  const shown = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1] ?? ''
  return timingSafeEqual(hash(shown), hash(token))
}

function hash(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

/** A web page whose name was made to resolve to loopback asks under that name. */
function isLoopbackName(host: string | undefined): boolean {
  return /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])(?::\d+)?$/i.test(host ?? '')
}

function scraper({ store, clock, ...process }: MetricsOptions): () => Promise<string> {
  let kept: { readonly at: number; readonly text: Promise<string> } | undefined
  return async () => {
    const at = clock.monotonic()
    if (kept !== undefined && at - kept.at < KEEP_MS) return await kept.text
    const text = collectMetrics(store, process, clock.now()).then(exposition)
    kept = { at, text }
    text.catch(() => (kept = undefined))
    return await text
  }
}
