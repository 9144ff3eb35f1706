import { createHash } from 'node:crypto'
import { request as httpRequest } from 'node:http'
import type { IncomingMessage, RequestOptions } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { isIP } from 'node:net'
import { connect as tlsConnect } from 'node:tls'
import type { DetailedPeerCertificate, TLSSocket } from 'node:tls'
import { addressesOf, isLoopbackAddress, isPrivateAddress, refusalOfAddresses } from './addresses.ts'
import type { OwnEndpoint } from './addresses.ts'

/**
 * Requests of the server to places that users name. Each goes to an address that was looked up once and judged, and no other; no
 * redirect is followed; time and size are bounded.
 */

/** Whom requests may reach. */
export interface Reach {
  readonly own: readonly OwnEndpoint[]
  /** `HOST:PORT` that the operator named: only these may be on loopback, or speak plain HTTP there. */
  readonly allowedEndpoints: readonly string[]
}

/** How one place may be reached, by what is known of who named it. */
export interface PlaceRules {
  /** Only what the operator named. */
  readonly isListedOnly?: boolean | undefined
  /** Not the networks around the server: the place was named by an outsider. */
  readonly isPublicOnly?: boolean | undefined
  /** SHA-1 of certificates, in hexadecimal, that a chain which no known authority signed may end in. */
  readonly thumbprints?: readonly string[] | undefined
}

export interface PinnedRequest extends PlaceRules {
  readonly url: URL
  readonly method?: 'GET' | 'POST'
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** An answer that is longer is refused, in bytes. */
  readonly maxBytes: number
  /** For everything from the lookup of the name to the last byte. */
  readonly timeoutMs: number
}

export interface PinnedAnswer {
  readonly status: number
  readonly body: Buffer
}

/** The place was not reached, or may not be; the message names it and why. */
export class EgressError extends Error {
  override name = 'EgressError'
  /** True where the rules forbid the place; another attempt would end alike. */
  readonly isForbidden: boolean

  constructor(message: string, options: { readonly isForbidden?: boolean; readonly cause?: unknown } = {}) {
    super(message, { cause: options.cause })
    this.isForbidden = options.isForbidden === true
  }
}

/** @throws {EgressError} */
export async function pinnedRequest(reach: Reach, asked: PinnedRequest): Promise<PinnedAnswer> {
  const signal = AbortSignal.timeout(asked.timeoutMs)
  const address = await withinTime(pin(reach, asked.url, asked), signal, asked.url)
  try {
    return await send(asked, address, signal)
  } catch (error) {
    const { thumbprints = [] } = asked
    if (thumbprints.length === 0 || !isUnknownAuthority(error)) throw asEgressError(asked.url, error, signal)
    try {
      const ca = await pinnedCertificate(asked.url, address, thumbprints, signal)
      return await send(asked, address, signal, ca)
    } catch (second) {
      throw asEgressError(asked.url, second, signal)
    }
  }
}

/**
 * SHA-1 of the last certificate of the chain that a server shows, in lower-case hexadecimal, as AWS has it: of the authority that
 * is highest in what it sends. The chain itself must be one that this host trusts.
 * @throws {EgressError}
 */
export async function topThumbprint(
  reach: Reach,
  url: URL,
  rules: PlaceRules,
  timeoutMs: number,
): Promise<string> {
  const signal = AbortSignal.timeout(timeoutMs)
  const address = await withinTime(pin(reach, url, rules), signal, url)
  try {
    const chain = await shownChain(url, address, signal, true)
    return sha1((chain.at(-1) as DetailedPeerCertificate).raw)
  } catch (error) {
    throw asEgressError(url, error, signal)
  }
}

/** What is spoken here, and its port; smtp is secured by STARTTLS (pinned-mail.ts). */
const PORTS: Readonly<Record<string, number>> = { 'https:': 443, 'http:': 80, 'smtps:': 465, 'smtp:': 587 }

/** Looks the name up, and judges every address that it has. @throws {EgressError} */
export async function pin(reach: Reach, url: URL, rules: PlaceRules): Promise<string> {
  const port = portOf(url)
  const isListed = reach.allowedEndpoints.includes(`${url.hostname}:${port}`)
  const forbidden = (reason: string): EgressError =>
    new EgressError(`Will not connect to ${url.host}: ${reason}`, { isForbidden: true })
  if (!Object.hasOwn(PORTS, url.protocol)) throw forbidden('it is neither https nor http, smtps nor smtp')
  if (rules.isListedOnly === true && !isListed)
    throw forbidden('the operator has not named it (serve --allow-endpoint)')
  const addresses = await addressesOf(url.hostname)
  const [first] = addresses
  if (first === undefined) throw new EgressError(`${url.hostname} does not resolve to an address`)
  const reason = await refusalOfAddresses(addresses, port, reach.own)
  if (reason !== undefined) throw forbidden(reason)
  const isLoopback = addresses.some(isLoopbackAddress)
  if (isLoopback && !isListed)
    throw forbidden("it is this host's loopback, which the operator has not named (serve --allow-endpoint)")
  if (url.protocol === 'http:' && !(isLoopback && addresses.every(isLoopbackAddress)))
    throw forbidden('without TLS only loopback is spoken to')
  if (rules.isPublicOnly === true && !isListed && addresses.some(isPrivateAddress))
    throw forbidden('an address of a private network that was named from outside')
  return first
}

export function portOf(url: URL): number {
  return Number(url.port) || (PORTS[url.protocol] ?? 0)
}

async function send(
  asked: PinnedRequest,
  address: string,
  signal: AbortSignal,
  ca?: readonly string[],
): Promise<PinnedAnswer> {
  const { url } = asked
  const options: RequestOptions & { ca?: string[]; allowPartialTrustChain?: boolean } = {
    method: asked.method ?? 'GET',
    host: bareHost(url),
    port: portOf(url),
    path: url.pathname + url.search,
    headers: {
      accept: 'application/json',
      'user-agent': 'roleback',
      ...asked.headers,
      host: url.host,
      ...(asked.body !== undefined && { 'content-length': String(Buffer.byteLength(asked.body)) }),
    },
    agent: false,
    signal,
    lookup: (_, lookupOptions, callback) => {
      const family = isIP(address)
      if (lookupOptions.all === true) callback(null, [{ address, family }])
      else callback(null, address, family)
    },
    ...(ca !== undefined && { ca: [...ca], allowPartialTrustChain: true }),
  }
  const incoming = await new Promise<IncomingMessage>((resolve, reject) => {
    const outgoing =
      url.protocol === 'https:' ? httpsRequest(options, resolve) : httpRequest(options, resolve)
    outgoing.once('error', reject)
    outgoing.end(asked.body)
  })
  return { status: incoming.statusCode ?? 0, body: await readAll(incoming, asked) }
}

async function readAll(incoming: IncomingMessage, { url, maxBytes }: PinnedRequest): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > maxBytes) {
      incoming.destroy()
      throw new EgressError(`The answer of ${url.host} is longer than ${maxBytes} bytes`)
    }
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** OpenSSL's reasons for a chain that ends in nobody this host knows. */
const UNKNOWN_AUTHORITY = new Set([
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
])

function isUnknownAuthority(error: unknown): boolean {
  return error instanceof Error && 'code' in error && UNKNOWN_AUTHORITY.has(String(error.code))
}

/**
 * The certificates of the shown chain that are pinned, to be trusted as authorities in the request itself: there OpenSSL verifies
 * the whole chain below them, names and dates included.
 */
async function pinnedCertificate(
  url: URL,
  address: string,
  thumbprints: readonly string[],
  signal: AbortSignal,
): Promise<readonly string[]> {
  const wanted = new Set(thumbprints.map((thumbprint) => thumbprint.toLowerCase()))
  const chain = await shownChain(url, address, signal, false)
  const pinned = chain.filter(({ raw }) => wanted.has(sha1(raw)))
  if (pinned.length === 0)
    throw new EgressError(
      `No certificate that ${url.host} shows is trusted here or has one of the thumbprints`,
    )
  return pinned.map(
    ({ raw }) => `-----BEGIN CERTIFICATE-----\n${raw.toString('base64')}\n-----END CERTIFICATE-----\n`,
  )
}

/** The certificates that a server shows, its own first. Nothing is sent to it. */
async function shownChain(
  url: URL,
  address: string,
  signal: AbortSignal,
  rejectUnauthorized: boolean,
): Promise<readonly DetailedPeerCertificate[]> {
  const host = bareHost(url)
  const socket = await new Promise<TLSSocket>((resolve, reject) => {
    const opened = tlsConnect(
      {
        host: address,
        port: portOf(url),
        rejectUnauthorized,
        ...(isIP(host) === 0 && { servername: host }),
        ...(!rejectUnauthorized && { checkServerIdentity: () => undefined }),
      },
      () => resolve(opened),
    )
    opened.once('error', reject)
    signal.addEventListener('abort', () => opened.destroy(signal.reason as Error), { once: true })
  })
  const chain: DetailedPeerCertificate[] = []
  let next: DetailedPeerCertificate | undefined = socket.getPeerCertificate(true)
  while (
    next?.raw !== undefined &&
    !chain.some(({ raw }) => raw.equals((next as DetailedPeerCertificate).raw))
  ) {
    chain.push(next)
    next = next.issuerCertificate as DetailedPeerCertificate | undefined
  }
  socket.destroy()
  return chain
}

export function bareHost(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, '')
}

function sha1(bytes: Buffer): string {
  return createHash('sha1').update(bytes).digest('hex')
}

export async function withinTime<T>(work: Promise<T>, signal: AbortSignal, url: URL): Promise<T> {
  const late = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(tooSlow(url)), { once: true })
  })
  return await Promise.race([work, late])
}

function asEgressError(url: URL, error: unknown, signal: AbortSignal): EgressError {
  if (error instanceof EgressError) return error
  if (signal.aborted) return tooSlow(url)
  const why = error instanceof Error ? error.message || (error as NodeJS.ErrnoException).code : String(error)
  return new EgressError(`Cannot reach ${url.host}: ${why}`, { cause: error })
}

function tooSlow(url: URL): EgressError {
  return new EgressError(`${url.host} did not answer in time`)
}
