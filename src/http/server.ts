import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { answer, answerError, withWarnings } from '../aws/answer.ts'
import { AwsError } from '../aws/error.ts'
import {
  accessDeniedCode,
  internalFailure,
  malformed,
  missingToken,
  notBuilt,
  throttled,
  tooLarge,
} from '../aws/faults.ts'
import type { ServiceModel } from '../aws/model.ts'
import { serviceSignedAs } from '../aws/model.ts'
import { parseInput } from '../aws/parse-input.ts'
import { route } from '../aws/route.ts'
import { regionScopeOf, scopeOf } from '../aws/scope.ts'
import { MAX_BODY_BYTES } from '../aws/wire.ts'
import type { Routed, WireRequest, WireResponse } from '../aws/wire.ts'
import type { ServerFacts, UnsignedContext } from '../context.ts'
import { TooManyPasswordsError } from '../keyring/passwords.ts'
import type { ServerKey } from '../keyring/server-key.ts'
import type { Issuers } from '../oidc/issuers.ts'
import type { Clock } from '../lib/clock.ts'
import { uuid } from '../lib/ids.ts'
import type { Log } from '../lib/log.ts'
import { InvalidCursorError } from '../store/page.ts'
import type { Store } from '../store/store.ts'
import { authenticate } from './authenticate.ts'
import type { Console } from './console.ts'
import type { GateRequest } from './gate.ts'
import { contextOf, perform } from './perform.ts'
import type { AnyEntry, AnyUnsigned, ServiceTables } from './perform.ts'
import { isForSns, serveSns } from './sns.ts'
import { isUnsigned, routeUnsigned } from './unsigned.ts'

/**
 * The life of a request: read, service, signature, operation, input, authorisation, handler, answer. In this order, here. The few
 * operations that anybody may call go from read to operation, and from input to handler.
 */

export interface HttpOptions {
  readonly issuers: Issuers
  readonly store: Store
  readonly serverKey: ServerKey
  readonly clock: Clock
  readonly log: Log
  readonly facts: ServerFacts
  readonly tables: ServiceTables
  readonly console: Console
  readonly tls: { readonly certFile: string; readonly keyFile: string } | undefined
}

/** A client that sends no more is cut off after so long, in milliseconds. */
const REQUEST_TIMEOUT_MS = 30_000

/**
 * A connection that nobody uses is kept so long, in milliseconds: longer than the minute for which clients and proxies keep theirs, or the next
 * request of one of them meets a connection that is just being closed.
 */
const IDLE_TIMEOUT_MS = 65_000

export function createHttpServer(options: HttpOptions): Server {
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    const startedAt = options.clock.monotonic()
    if (options.console.answer(request, response)) logConsole(options, request, response, startedAt)
    else if (isForSns(request)) void serveSns(options, request, response)
    else void serve(options, request, response)
  }
  const limits = {
    requestTimeout: REQUEST_TIMEOUT_MS,
    headersTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: IDLE_TIMEOUT_MS,
    maxHeaderSize: 32_768,
  }
  if (options.tls === undefined) return createServer(limits, listener)
  const { certFile, keyFile } = options.tls
  return createTlsServer(
    { ...limits, cert: readFileSync(certFile), key: readFileSync(keyFile), minVersion: 'TLSv1.2' },
    listener,
  )
}

/** Without the query: what identity providers hand back stands in it. */
function logConsole(
  { log, clock }: HttpOptions,
  request: IncomingMessage,
  response: ServerResponse,
  startedAt: number,
): void {
  const path = request.url?.split('?')[0]
  response.once('close', () =>
    log.info('request', {
      requestId: uuid(),
      service: 'console',
      operation: request.method,
      path,
      status: response.statusCode,
      ms: Math.round(clock.monotonic() - startedAt),
    }),
  )
}

async function serve(
  options: HttpOptions,
  incoming: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const requestId = uuid()
  const startedAt = options.clock.monotonic()
  const told: Told = {}
  let wire: WireResponse
  try {
    wire = await respond(options, incoming, requestId, told)
  } catch (error) {
    wire = answerError(told.model, asAwsError(options, told, error, requestId), requestId)
  }
  response.writeHead(wire.status, { ...wire.headers, 'content-length': Buffer.byteLength(wire.body) })
  response.end(wire.body)
  options.log.info('request', {
    requestId,
    service: told.model?.metadata.name,
    operation: told.operation,
    principal: told.principal,
    status: wire.status,
    error: wire.headers['x-amzn-errortype'],
    ms: Math.round(options.clock.monotonic() - startedAt),
  })
}

/** Nobody hears the answer, and nothing of ours failed: strangers must not fill the log with errors. */
class ClientGoneError extends Error {
  override name = 'ClientGoneError'
}

/** What is known of a request when something goes wrong with it. */
interface Told {
  model?: ServiceModel | undefined
  operation?: string
  principal?: string | undefined
}

async function respond(
  options: HttpOptions,
  incoming: IncomingMessage,
  requestId: string,
  told: Told,
): Promise<WireResponse> {
  const request = await readRequest(incoming)
  const unsigned = routeUnsigned(options.tables, request)
  told.model = unsigned?.model ?? serviceSignedAs(scopeOf(request) ?? '', request.rawTarget)
  if (told.model === undefined) throw missingToken(undefined)
  const { store, serverKey, clock } = options
  const now = clock.now()
  const region = regionOf(options.facts, request)
  const principal =
    unsigned === undefined
      ? await authenticate(
          { db: store.db, serverKey, region, regions: options.facts.regions, now },
          told.model,
          request,
        )
      : undefined
  told.principal = principal?.arn
  const routed = unsigned ?? route(told.model, request)
  told.operation = routed.operation.name
  const input = parseInput(routed, request)
  const entry = entryOf(options.tables, routed)
  const call = unsignedContextOf(options, incoming, { requestId, region, now })
  if ('unsigned' in entry) return answer(routed, await performUnsigned(call, routed, entry, input), requestId)
  if (principal === undefined) throw missingToken(told.model)
  const gate: GateRequest = {
    store,
    principal,
    requestId,
    service: told.model.metadata.name,
    now,
    region,
    sourceIp: call.sourceIp,
    userAgent: incoming.headers['user-agent'],
    isSecure: options.tls !== undefined,
    accessDeniedCode: accessDeniedCode(told.model),
    granted: [],
  }
  const warnings: string[] = []
  const ctx = contextOf(call, gate, options.tables, (text) => void warnings.push(text))
  return withWarnings(answer(routed, await perform(ctx, gate, routed, entry, input), requestId), warnings)
}

/** The region that a request is signed for, where this server serves it; else the server's own. */
function regionOf({ regions }: ServerFacts, request: WireRequest): string {
  const claimed = regionScopeOf(request)
  return regions.find((region) => region === claimed) ?? (regions[0] as string)
}

async function performUnsigned(
  ctx: UnsignedContext,
  { model, operation }: Routed,
  entry: AnyUnsigned,
  input: unknown,
): Promise<unknown> {
  if ('unbuilt' in entry) throw notBuilt(model, operation)
  return (await entry.handler(ctx, input)) ?? {}
}

function entryOf(tables: ServiceTables, routed: Routed): AnyEntry | AnyUnsigned {
  const table = tables[routed.model.metadata.name] as Readonly<Record<string, AnyEntry | AnyUnsigned>>
  return table[routed.operation.name] as AnyEntry | AnyUnsigned
}

function unsignedContextOf(
  options: HttpOptions,
  incoming: IncomingMessage,
  of: Pick<UnsignedContext, 'requestId' | 'region' | 'now'>,
): UnsignedContext {
  return {
    ...of,
    clock: options.clock,
    store: options.store,
    serverKey: options.serverKey,
    issuers: options.issuers,
    log: options.log,
    sourceIp: incoming.socket.remoteAddress?.replace(/^::ffff:/, ''),
    server: options.facts,
  }
}

/** The request as it came; the body whole, within its limit. */
async function readRequest(incoming: IncomingMessage): Promise<WireRequest> {
  const headers: [string, string][] = []
  for (let i = 0; i < incoming.rawHeaders.length; i += 2) {
    headers.push([(incoming.rawHeaders[i] as string).toLowerCase(), incoming.rawHeaders[i + 1] as string])
  }
  const chunks: Buffer[] = []
  let size = 0
  try {
    for await (const chunk of incoming as AsyncIterable<Buffer>) {
      size += chunk.length
      // Read to the end all the same, so that the client hears the answer; nothing of it is kept.
      if (size <= MAX_BODY_BYTES) chunks.push(chunk)
      else if (size > 64 * MAX_BODY_BYTES) incoming.destroy()
    }
  } catch (cause) {
    throw new ClientGoneError('The client left before its request was whole', { cause })
  }
  const request = {
    method: incoming.method ?? '',
    rawTarget: incoming.url ?? '/',
    headers,
    body: Buffer.concat(chunks),
  }
  if (size > MAX_BODY_BYTES)
    throw tooLarge(serviceSignedAs(scopeOf(request) ?? '', request.rawTarget), MAX_BODY_BYTES)
  return request
}

/** The one place where errors become answers; what is not meant for clients is logged and stays here. */
function asAwsError(options: HttpOptions, told: Told, error: unknown, requestId: string): AwsError {
  if (error instanceof AwsError) return error
  if (error instanceof InvalidCursorError)
    return malformed(told.model, 'The page token is not one of this list')
  if (error instanceof TooManyPasswordsError) return throttled(told.model)
  if (error instanceof ClientGoneError) return internalFailure(told.model, requestId)
  options.log.error('request failed', {
    requestId,
    operation: told.operation,
    error: error instanceof Error ? (error.stack ?? error.message) : String(error),
  })
  return internalFailure(told.model, requestId)
}

/**
 * Every operation of every model must have an action and a resource, or say that anybody may call it. @throws Naming those that
 * do neither.
 */
export function checkTables(tables: ServiceTables, models: readonly ServiceModel[]): void {
  const missing: string[] = []
  for (const model of models) {
    const table = tables[model.metadata.name] as Readonly<Record<string, Partial<AnyEntry> | undefined>>
    for (const name of Object.keys(model.operations)) {
      if (isUnsigned(table, name)) continue
      if (typeof table[name]?.resource !== 'function') missing.push(`${model.metadata.name}:${name}`)
    }
  }
  if (missing.length > 0) throw new Error(`Cannot start: no resource mapping for ${missing.join(', ')}`)
}
