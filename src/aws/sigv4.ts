import { createHmac, createSecretKey, hash, timingSafeEqual } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import type { AwsError } from './error.ts'
import { badSignature, incompleteSignature, missingToken } from './faults.ts'
import type { ServiceModel } from './model.ts'
import { decode, headerOf, splitTarget } from './wire.ts'
import type { WireRequest } from './wire.ts'

/**
 * Verifies AWS Signature Version 4, in the Authorization header or in the query (presigned). A request is what was signed: method,
 * raw path, query, the signed headers and the exact body. `host` and every `x-amz-*` header sent must be signed.
 *
 * Source: AWS Signature Version 4 for API requests.
 */

const ALGORITHM = 'AWS4-HMAC-SHA256'
/** Clocks may differ by so much, in milliseconds. */
const SKEW_MS = 5 * 60_000
/** A presigned request is good for a week at most, in seconds. */
const MAX_EXPIRES_S = 604_800

const PARTS: ReadonlySet<string> = new Set(['Credential', 'SignedHeaders', 'Signature'])
const SINGLE_HEADERS: ReadonlySet<string> = new Set(['authorization', 'content-type', 'date', 'host'])

/** What a request says of its own signature; nothing of it is verified yet. */
export interface SignatureClaim {
  readonly accessKeyId: string
  /** `YYYYMMDD`. */
  readonly date: string
  readonly region: string
  readonly service: string
  readonly signedHeaders: readonly string[]
  readonly signature: string
  /** `YYYYMMDDTHHMMSSZ`. */
  readonly time: string
  readonly sessionToken: string | undefined
  readonly isPresigned: boolean
  readonly expiresS: number | undefined
}

/**
 * Reads the signature's parts. @throws {AwsError} Missing or incomplete.
 */
export function readClaim(model: ServiceModel | undefined, request: WireRequest): SignatureClaim {
  checkOnce(model, request)
  const authorization = headerOf(request, 'authorization')
  return authorization === undefined ? fromQuery(model, request) : fromHeader(model, request, authorization)
}

/** A signature joins headers of one name by commas, so one of these given twice could be read in two ways. */
function checkOnce(model: ServiceModel | undefined, request: WireRequest): void {
  const seen = new Set<string>()
  for (const [name] of request.headers) {
    if (!name.startsWith('x-amz-') && !SINGLE_HEADERS.has(name)) continue
    if (seen.has(name)) throw incompleteSignature(model, `There is more than one ${name} header`)
    seen.add(name)
  }
}

function fromHeader(
  model: ServiceModel | undefined,
  request: WireRequest,
  authorization: string,
): SignatureClaim {
  if (!authorization.startsWith(`${ALGORITHM} `)) {
    throw incompleteSignature(model, `Unsupported authorization: expected ${ALGORITHM}`)
  }
  const parts = new Map<string, string>()
  for (const part of authorization.slice(ALGORITHM.length + 1).split(',')) {
    const at = part.indexOf('=')
    const name = part.slice(0, Math.max(at, 0)).trim()
    if (!PARTS.has(name) || parts.has(name))
      throw incompleteSignature(model, 'The Authorization header cannot be read')
    parts.set(name, part.slice(at + 1).trim())
  }
  const time = headerOf(request, 'x-amz-date') ?? dateHeader(request)
  return claimOf(model, {
    credential: parts.get('Credential'),
    signedHeaders: parts.get('SignedHeaders'),
    signature: parts.get('Signature'),
    time,
    sessionToken: headerOf(request, 'x-amz-security-token'),
    isPresigned: false,
    expiresS: undefined,
  })
}

function dateHeader(request: WireRequest): string | undefined {
  const date = new Date(headerOf(request, 'date') ?? NaN)
  return Number.isNaN(date.getTime()) ? undefined : basicTime(date.getTime())
}

function fromQuery(model: ServiceModel | undefined, request: WireRequest): SignatureClaim {
  const query = queryOf(request, (name) => {
    if (/^x-amz-/i.test(name)) throw incompleteSignature(model, `${name} is given more than once`)
  })
  if (!query.has('X-Amz-Signature') && !query.has('X-Amz-Credential')) throw missingToken(model)
  if (query.get('X-Amz-Algorithm') !== ALGORITHM)
    throw incompleteSignature(model, `Unsupported X-Amz-Algorithm: expected ${ALGORITHM}`)
  const expires = query.get('X-Amz-Expires') ?? ''
  const expiresS = /^\d{1,6}$/.test(expires) ? Number(expires) : 0
  if (expiresS < 1 || expiresS > MAX_EXPIRES_S)
    throw incompleteSignature(model, 'X-Amz-Expires must be from 1 to 604800 seconds')
  return claimOf(model, {
    credential: query.get('X-Amz-Credential'),
    signedHeaders: query.get('X-Amz-SignedHeaders'),
    signature: query.get('X-Amz-Signature'),
    time: query.get('X-Amz-Date'),
    sessionToken: query.get('X-Amz-Security-Token') ?? headerOf(request, 'x-amz-security-token'),
    isPresigned: true,
    expiresS,
  })
}

/** Query parameters, decoded; the first of each name, and `onRepeated` for every other. */
export function queryOf(request: WireRequest, onRepeated?: (name: string) => void): Map<string, string> {
  const query = new Map<string, string>()
  for (const pair of splitTarget(request.rawTarget).query.split('&')) {
    const at = pair.indexOf('=')
    const name = decode(at < 0 ? pair : pair.slice(0, at))
    const value = decode(at < 0 ? '' : pair.slice(at + 1))
    if (name === undefined || value === undefined) continue
    if (query.has(name)) onRepeated?.(name)
    else query.set(name, value)
  }
  return query
}

interface ClaimParts {
  readonly credential: string | undefined
  readonly signedHeaders: string | undefined
  readonly signature: string | undefined
  readonly time: string | undefined
  readonly sessionToken: string | undefined
  readonly isPresigned: boolean
  readonly expiresS: number | undefined
}

function claimOf(model: ServiceModel | undefined, parts: ClaimParts): SignatureClaim {
  const { credential, signedHeaders, signature, time, ...rest } = parts
  for (const [name, value] of Object.entries({
    Credential: credential,
    SignedHeaders: signedHeaders,
    Signature: signature,
    'X-Amz-Date': time,
  })) {
    if (value === undefined || value === '')
      throw incompleteSignature(model, `The request's signature has no ${name}`)
  }
  const scope = (credential as string).split('/')
  const [accessKeyId, date, region, service, terminator] = [scope.slice(0, -4).join('/'), ...scope.slice(-4)]
  if (scope.length < 5 || terminator !== 'aws4_request' || !accessKeyId || !date || !region || !service) {
    throw incompleteSignature(model, 'Credential must be KEY/YYYYMMDD/REGION/SERVICE/aws4_request')
  }
  if (!/^\d{8}T\d{6}Z$/.test(time as string))
    throw incompleteSignature(model, 'X-Amz-Date must be YYYYMMDDTHHMMSSZ')
  if ((time as string).slice(0, 8) !== date)
    throw badSignature(
      model,
      `Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '${date}' != '${(time as string).slice(0, 8)}'`,
    )
  return {
    accessKeyId,
    date,
    region,
    service,
    signedHeaders: (signedHeaders as string).split(';'),
    signature: signature as string,
    time: time as string,
    ...rest,
  }
}

/**
 * Verifies a request's signature with the secret of the key it names.
 *
 * @param now Milliseconds since 1970.
 * @returns The error to answer with, or undefined when the signature is right.
 */
export function verifySignature(
  model: ServiceModel | undefined,
  request: WireRequest,
  claim: SignatureClaim,
  secret: string,
  now: number,
): AwsError | undefined {
  return (
    checkTime(model, claim, now) ??
    checkSigned(model, request, claim) ??
    checkBody(model, request) ??
    (isSignatureRight(request, claim, secret)
      ? undefined
      : badSignature(
          model,
          'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.',
        ))
  )
}

function checkTime(
  model: ServiceModel | undefined,
  claim: SignatureClaim,
  now: number,
): AwsError | undefined {
  const t = claim.time
  const signedAt = Date.parse(
    `${t.slice(0, 4)}-${t.slice(4, 6)}-${t.slice(6, 8)}T${t.slice(9, 11)}:${t.slice(11, 13)}:${t.slice(13, 15)}Z`,
  )
  if (Number.isNaN(signedAt)) return badSignature(model, `X-Amz-Date ${t} is not a time`)
  const validFor = claim.expiresS === undefined ? SKEW_MS : claim.expiresS * 1000
  if (now > signedAt + validFor) {
    return badSignature(
      model,
      `Signature expired: ${t} is now earlier than ${basicTime(now - validFor)} (${basicTime(now)} - ${validFor / 60_000} min.)`,
    )
  }
  if (signedAt > now + SKEW_MS) {
    return badSignature(
      model,
      `Signature not yet current: ${t} is still later than ${basicTime(now + SKEW_MS)} (${basicTime(now)} + 5 min.)`,
    )
  }
  return undefined
}

function basicTime(ms: number): string {
  return new Date(ms).toISOString().replace(/[-:]|\.\d{3}/g, '')
}

function checkSigned(
  model: ServiceModel | undefined,
  request: WireRequest,
  claim: SignatureClaim,
): AwsError | undefined {
  const signed = new Set(claim.signedHeaders)
  if (!signed.has('host'))
    return badSignature(model, "'Host' must be a 'SignedHeader' in the AWS Authorization")
  const sorted = claim.signedHeaders.toSorted(byBytes)
  if (
    signed.size !== claim.signedHeaders.length ||
    sorted.some((name, i) => name !== claim.signedHeaders[i] || name !== name.toLowerCase())
  ) {
    return badSignature(model, 'SignedHeaders must be in lower case, sorted, each once')
  }
  const present = new Set(request.headers.map(([name]) => name))
  for (const name of signed) {
    if (!present.has(name)) return badSignature(model, `The signed header '${name}' is not in the request`)
  }
  for (const name of present) {
    if (name.startsWith('x-amz-') && !signed.has(name))
      return badSignature(model, `The header '${name}' is not signed`)
  }
  return undefined
}

function checkBody(model: ServiceModel | undefined, request: WireRequest): AwsError | undefined {
  const claimed = headerOf(request, 'x-amz-content-sha256')
  if (claimed === undefined || claimed === hash('sha256', request.body, 'hex')) return undefined
  return badSignature(
    model,
    'The x-amz-content-sha256 header does not match the body: unsigned and streamed payloads are not accepted',
  )
}

function isSignatureRight(request: WireRequest, claim: SignatureClaim, secret: string): boolean {
  const canonical = hash('sha256', canonicalRequest(request, claim), 'hex')
  const scope = `${claim.date}/${claim.region}/${claim.service}/aws4_request`
  const expected = createHmac('sha256', signingKey(secret, claim))
    .update(`${ALGORITHM}\n${claim.time}\n${scope}\n${canonical}`)
    .digest('hex')
  const [a, b] = [Buffer.from(expected), Buffer.from(claim.signature)]
  return a.length === b.length && timingSafeEqual(a, b)
}

function canonicalRequest(
  request: WireRequest,
  claim: Pick<SignatureClaim, 'signedHeaders' | 'isPresigned'>,
): string {
  const { path, query } = splitTarget(request.rawTarget)
  const headers = new Map<string, string>()
  for (const [name, value] of request.headers) {
    const tidy = value.trim().replace(/\s+/g, ' ')
    const before = headers.get(name)
    headers.set(name, before === undefined ? tidy : `${before},${tidy}`)
  }
  const lines = claim.signedHeaders.map((name) => `${name}:${headers.get(name) ?? ''}\n`).join('')
  return [
    request.method,
    canonicalPath(path),
    canonicalQuery(query, claim.isPresigned),
    lines,
    claim.signedHeaders.join(';'),
    hash('sha256', request.body, 'hex'),
  ].join('\n')
}

/** Normalised by RFC 3986, then each segment, which is encoded once already, encoded a second time: all services but S3. */
function canonicalPath(path: string): string {
  const out: string[] = []
  for (const segment of path.split('/')) {
    if (segment === '' || segment === '.') continue
    if (segment === '..') out.pop()
    else out.push(encode(segment))
  }
  const isFolder = out.length > 0 && path.endsWith('/')
  return `/${out.join('/')}${isFolder ? '/' : ''}`
}

function canonicalQuery(query: string, isPresigned: boolean): string {
  if (query === '') return ''
  const pairs: (readonly [string, string])[] = []
  for (const pair of query.split('&')) {
    if (pair === '') continue
    const at = pair.indexOf('=')
    const name = recode(at < 0 ? pair : pair.slice(0, at))
    if (isPresigned && name === 'X-Amz-Signature') continue
    pairs.push([name, recode(at < 0 ? '' : pair.slice(at + 1))])
  }
  pairs.sort((a, b) => byBytes(a[0], b[0]) || byBytes(a[1], b[1]))
  return pairs.map(([name, value]) => `${name}=${value}`).join('&')
}

/** One spelling for what may be percent-encoded in several; broken encoding stays as it is and so fits no signature of a client. */
function recode(text: string): string {
  const plain = decode(text)
  return plain === undefined ? text : encode(plain)
}

export function encode(text: string): string {
  return encodeURIComponent(text.toWellFormed()).replace(
    /[!'()*]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}

function byBytes(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

const MAX_KEYS = 10_000
const keys = new Map<string, KeyObject>()

/** The key of one secret, day, region and service; cached, since it costs four HMACs. */
function signingKey(secret: string, scope: Pick<SignatureClaim, 'date' | 'region' | 'service'>): KeyObject {
  // The secret itself is no part of the cache's key: it would be spread over memory.
  const id = hash('sha256', `${secret}\n${scope.date}\n${scope.region}\n${scope.service}`, 'base64')
  let key = keys.get(id)
  if (key === undefined) {
    const mac = (k: Buffer | string, text: string): Buffer => createHmac('sha256', k).update(text).digest()
    key = createSecretKey(
      mac(mac(mac(mac(`AWS4${secret}`, scope.date), scope.region), scope.service), 'aws4_request'),
    )
    if (keys.size >= MAX_KEYS) keys.clear()
    keys.set(id, key)
  }
  return key
}

/** Signs a request in the Authorization header, as our own command line does. Adds `x-amz-date`, `host` must be there. */
export function sign(
  request: WireRequest,
  credentials: {
    readonly accessKeyId: string
    readonly secretAccessKey: string
    readonly sessionToken?: string | undefined
  },
  scope: { readonly region: string; readonly service: string },
  now: number,
): (readonly [name: string, value: string])[] {
  const time = basicTime(now)
  const headers = [...request.headers, ['x-amz-date', time] as const]
  if (credentials.sessionToken !== undefined)
    headers.push(['x-amz-security-token', credentials.sessionToken] as const)
  const signedHeaders = headers.map(([name]) => name).toSorted(byBytes)
  const place = { ...scope, date: time.slice(0, 8) }
  const canonical = hash(
    'sha256',
    canonicalRequest({ ...request, headers }, { signedHeaders, isPresigned: false }),
    'hex',
  )
  const scopeText = `${place.date}/${scope.region}/${scope.service}/aws4_request`
  const signature = createHmac('sha256', signingKey(credentials.secretAccessKey, place))
    .update(`${ALGORITHM}\n${time}\n${scopeText}\n${canonical}`)
    .digest('hex')
  const authorization = `${ALGORITHM} Credential=${credentials.accessKeyId}/${scopeText}, SignedHeaders=${signedHeaders.join(';')}, Signature=${signature}`
  return [...headers, ['authorization', authorization] as const]
}
