import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerOptions as HttpServerOptions, ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { Principal } from '../access/principal.ts'
import { answer, answerError, withWarnings } from '../aws/answer.ts'
import { AwsError } from '../aws/error.ts'
import {
  accessDeniedCode,
  internalFailure,
  malformed,
  missingToken,
  notBuilt,
  throttled,
} from '../aws/faults.ts'
import type { ServiceModel } from '../aws/model.ts'
import { serviceSignedAs } from '../aws/model.ts'
import { parseInput } from '../aws/parse-input.ts'
import { route } from '../aws/route.ts'
import { regionScopeOf, scopeOf } from '../aws/scope.ts'
import type { Routed, WireRequest, WireResponse } from '../aws/wire.ts'
import type { ServerFacts, UnsignedContext } from '../context.ts'
import { TooManyPasswordsError } from '../keyring/passwords.ts'
import type { ServerKey } from '../keyring/server-key.ts'
import type { Issuers } from '../oidc/issuers.ts'
import type { Clock } from '../lib/clock.ts'
import { uuid } from '../lib/ids.ts'
import { stackOf } from '../lib/log.ts'
import type { Log } from '../lib/log.ts'
import { InvalidCursorError } from '../store/page.ts'
import type { Store } from '../store/store.ts'
import { authenticate } from './authenticate.ts'
import { limitConnections } from './connection-limits.ts'
import type { Console } from './console.ts'
import type { GateRequest } from './gate.ts'
import { contextOf, perform } from './perform.ts'
import type { AnyEntry, AnyUnsigned, ServiceTables } from './perform.ts'
import { ClientGoneError, RequestReader } from './read-request.ts'
import { isForSns, serveSns } from './sns.ts'
import { TooManyRequestsError } from './turns.ts'
import type { AllTurns } from './turns.ts'
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
  readonly turns: AllTurns
  readonly tls: { readonly certFile: string; readonly keyFile: string } | undefined
}

interface Serving extends HttpOptions {
  readonly bodies: RequestReader
}

/** A client that sends no more is cut off after so long, in milliseconds. */
const REQUEST_TIMEOUT_MS = 30_000

/**
 * A connection that nobody uses is kept so long, in milliseconds: longer than the minute for which clients and proxies keep theirs, or the next
 * request of one of them meets a connection that is just being closed.
 */
const IDLE_TIMEOUT_MS = 65_000

/** Half of them are left to others, whatever one neighbour does. */
const MAX_CONNECTIONS = { all: 2048, ofOne: 1024 }

/** The server of API and console, with its limits; whoever gets it listens and closes it. @throws {Error} Where certificate and key cannot be read. */
export function createHttpServer(options: HttpOptions): Server {
  const bodies = new RequestReader()
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    const startedAt = options.clock.monotonic()
    if (options.console.answer(request, response)) logConsole(options, request, response, startedAt)
    else if (isForSns(request)) void serveSns(options, request, response)
    else void serve({ ...options, bodies }, request, response)
  }
  const limits = {
    requestTimeout: REQUEST_TIMEOUT_MS,
    headersTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: IDLE_TIMEOUT_MS,
    maxHeaderSize: 32_768,
  }
  const server = serverOf(options, limits, listener)
  limitConnections(server, MAX_CONNECTIONS)
  return server
}

function serverOf(
  { tls }: HttpOptions,
  limits: HttpServerOptions,
  listener: (request: IncomingMessage, response: ServerResponse) => void,
): Server {
  if (tls === undefined) return createServer(limits, listener)
  const { certFile, keyFile } = tls
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

async function serve(options: Serving, incoming: IncomingMessage, response: ServerResponse): Promise<void> {
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

/** What is known of a request when something goes wrong with it. */
interface Told {
  model?: ServiceModel | undefined
  operation?: string
  principal?: string | undefined
}

async function respond(
  options: Serving,
  incoming: IncomingMessage,
  requestId: string,
  told: Told,
): Promise<WireResponse> {
  const request = await options.bodies.read(incoming)
  const unsigned = routeUnsigned(options.tables, request)
  told.model = unsigned?.model ?? serviceSignedAs(scopeOf(request) ?? '', request.rawTarget)
  const { model } = told
  if (model === undefined) throw missingToken(undefined)
  const { store, serverKey, clock } = options
  const now = clock.now()
  const region = regionOf(options.facts, request)
  const principal =
    unsigned === undefined
      ? await authenticate(
          { db: store.db, serverKey, region, regions: options.facts.regions, now },
          model,
          request,
        )
      : undefined
  told.principal = principal?.arn
  const routed = unsigned ?? route(model, request)
  told.operation = routed.operation.name
  const entry = entryOf(options.tables, routed)
  const call = unsignedContextOf(options, incoming, { requestId, region, now })
  const known = { call, routed, entry, principal, userAgent: incoming.headers['user-agent'] }
  if (principal === undefined) return await answered(options, known, request)
  const turns = options.turns['isCostly' in entry ? 'costly' : 'ordinary']
  return await turns.run(principal, request.body.length, () => answered(options, known, request))
}

interface Known {
  readonly call: UnsignedContext
  readonly routed: Routed
  readonly entry: AnyEntry | AnyUnsigned
  readonly principal: Principal | undefined
  readonly userAgent: string | undefined
}

async function answered(
  { tables, tls }: HttpOptions,
  { call, routed, entry, principal, userAgent }: Known,
  request: WireRequest,
): Promise<WireResponse> {
  const input = parseInput(routed, request)
  const { requestId } = call
  if ('unsigned' in entry) return answer(routed, await performUnsigned(call, routed, entry, input), requestId)
  if (principal === undefined) throw missingToken(routed.model)
  const gate: GateRequest = {
    store: call.store,
    principal,
    requestId,
    service: routed.model.metadata.name,
    now: call.now,
    region: call.region,
    sourceIp: call.sourceIp,
    userAgent,
    isSecure: tls !== undefined,
    accessDeniedCode: accessDeniedCode(routed.model),
    granted: [],
  }
  const warnings: string[] = []
  const ctx = contextOf(call, gate, tables, (text) => void warnings.push(text))
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

/** The one place where errors become answers; what is not meant for clients is logged and stays here. */
function asAwsError(options: HttpOptions, told: Told, error: unknown, requestId: string): AwsError {
  if (error instanceof AwsError) return error
  if (error instanceof InvalidCursorError)
    return malformed(told.model, 'The page token is not one of this list')
  if (error instanceof TooManyPasswordsError || error instanceof TooManyRequestsError)
    return throttled(told.model)
  if (error instanceof ClientGoneError) return internalFailure(told.model, requestId)
  options.log.error('request failed', {
    requestId,
    operation: told.operation,
    error: stackOf(error),
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
