import { S3Client } from '@aws-sdk/client-s3'
import { judgedLookup } from '../../egress/addresses.ts'
import { BEFORE_ANSWERS, limitAnswers } from '../../lib/answer-limit.ts'
import type { Connection } from '../driver.ts'

/** How one bucket is reached; the connection's secret is the secret access key. */
export interface BucketSettings {
  readonly endpoint: string
  readonly bucket: string
  readonly region: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
  /** `http://HOST/BUCKET/KEY` instead of `http://BUCKET.HOST/KEY`; what most servers but AWS's need. */
  readonly forcePathStyle: boolean
}

/** Settings that cannot be used; the message names the field, never a secret. */
export class BucketSettingsError extends Error {
  override name = 'BucketSettingsError'
}

/** A request that the S3 server refused or did not answer. */
export class S3RequestError extends Error {
  override name = 'S3RequestError'
  /** S3's error code, e.g. `NoSuchKey`, or the network's. */
  readonly code: string
  /** HTTP status; undefined where no answer came. */
  readonly status: number | undefined

  constructor(message: string, options: { code: string; status: number | undefined; cause: unknown }) {
    super(message, { cause: options.cause })
    this.code = options.code
    this.status = options.status
  }
}

const CONNECT_TIMEOUT_MS = 10_000
/** Without a byte either way. */
const SILENCE_TIMEOUT_MS = 120_000
const MAX_ATTEMPTS = 6
const MAX_SOCKETS = 64

/** @throws {BucketSettingsError} Naming the first setting that cannot be used. */
export function parseBucketSettings({ settings, secret }: Connection): BucketSettings {
  const text = (field: string, form: RegExp): string => {
    const value = settings[field]
    if (typeof value === 'string' && form.test(value)) return value
    const shown = value === undefined ? 'is missing' : `${JSON.stringify(value).slice(0, 200)} cannot be used`
    throw new BucketSettingsError(`The setting ${field} of the S3 connection ${shown}`)
  }
  if (secret === undefined || secret === '') {
    throw new BucketSettingsError('The S3 connection has no secret access key')
  }
  const forcePathStyle = settings['forcePathStyle'] ?? true
  if (typeof forcePathStyle !== 'boolean') {
    throw new BucketSettingsError('The setting forcePathStyle is neither true nor false')
  }
  return {
    endpoint: requireEndpoint(text('endpoint', /^https?:\/\/[^\s]+$/)),
    bucket: requireBucketName(text('bucket', /^[A-Za-z0-9._-]{3,255}$/)),
    region: settings['region'] === undefined ? 'us-east-1' : text('region', /^[A-Za-z0-9-]{1,64}$/),
    accessKeyId: text('accessKeyId', /^[\x21-\x7e]{1,256}$/),
    secretAccessKey: secret,
    forcePathStyle,
  }
}

/** @throws {BucketSettingsError} */
export function requireBucketName(name: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]$/.test(name) && !name.includes('..')) return name
  throw new BucketSettingsError(`${JSON.stringify(name).slice(0, 200)} is no name of a bucket`)
}

function requireEndpoint(endpoint: string): string {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined
  if (url && url.username === '' && url.password === '' && url.search === '' && url.hash === '')
    return endpoint
  throw new BucketSettingsError(
    `The endpoint ${JSON.stringify(endpoint.replace(/\/\/[^@/]*@/, '//***@')).slice(0, 200)} is not http(s)://HOST[:PORT] alone`,
  )
}

/**
 * The clients of one run. They share their sockets; a client, which holds the secret, lives no longer than the connection that
 * the session opened for it.
 */
export class S3Clients implements Disposable {
  readonly #clients = new WeakMap<Connection, S3Client>()
  #first: S3Client | undefined

  of(connection: Connection): { readonly client: S3Client; readonly settings: BucketSettings } {
    const settings = parseBucketSettings(connection)
    let client = this.#clients.get(connection)
    if (client === undefined) {
      client = makeClient(settings, this.#first)
      this.#first ??= client
      this.#clients.set(connection, client)
    }
    return { client, settings }
  }

  [Symbol.dispose](): void {
    this.#first?.destroy()
  }
}

function makeClient(settings: BucketSettings, first: S3Client | undefined): S3Client {
  const sockets = { keepAlive: true, maxSockets: MAX_SOCKETS, lookup: judgedLookup }
  const client = new S3Client({
    endpoint: settings.endpoint,
    region: settings.region,
    forcePathStyle: settings.forcePathStyle,
    credentials: { accessKeyId: settings.accessKeyId, secretAccessKey: settings.secretAccessKey },
    // Checksums that the SDK adds by itself make streamed puts fail with 411 on Ceph.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    followRegionRedirects: false,
    retryMode: 'standard',
    maxAttempts: MAX_ATTEMPTS,
    requestHandler: first?.config.requestHandler ?? {
      connectionTimeout: CONNECT_TIMEOUT_MS,
      socketTimeout: SILENCE_TIMEOUT_MS,
      httpAgent: sockets,
      httpsAgent: sockets,
    },
  })
  client.middlewareStack.add(writeHeadersAsUtf8, {
    step: 'deserialize',
    priority: 'high',
    name: 'writeHeadersAsUtf8',
  })
  client.middlewareStack.add(limitAnswers, BEFORE_ANSWERS)
  return client
}

/**
 * The SDK signs the UTF-8 of a header, Node sends its Latin-1: user metadata beyond ASCII would be refused with
 * SignatureDoesNotMatch. Runs behind signing; bodies must be bytes, for a string would change how Node writes the headers.
 */
function writeHeadersAsUtf8<Args extends object, Result>(next: (args: Args) => Promise<Result>) {
  return (args: Args): Promise<Result> => {
    const { request: signed } = args as { request?: { headers?: Record<string, string> } }
    for (const [name, value] of Object.entries(signed?.headers ?? {})) {
      // oxlint-disable-next-line no-control-regex
      if (signed?.headers && /[^\u0000-\u007f]/.test(value)) {
        signed.headers[name] = Buffer.from(value).toString('latin1')
      }
    }
    return next(args)
  }
}

/** Runs one request; an S3Client's many kinds of error become one, with what was tried on what. */
export async function request<T>(what: string, signal: AbortSignal, send: () => Promise<T>): Promise<T> {
  signal.throwIfAborted()
  try {
    return await send()
  } catch (error) {
    signal.throwIfAborted()
    throw requestError(what, error)
  }
}

export function requestError(what: string, error: unknown): S3RequestError {
  if (error instanceof S3RequestError) return error
  const { name, code, message, $metadata } = error as {
    name: string
    code?: string
    message: string
    $metadata?: { httpStatusCode?: number }
  }
  const status = $metadata?.httpStatusCode
  const reason = code ?? name
  const detail = message === '' || message === 'UnknownError' ? '' : `: ${message}`
  return new S3RequestError(`${what} failed with ${reason}${status ? ` (${status})` : ''}${detail}`, {
    code: reason,
    status,
    cause: error,
  })
}

/** Refusals of the credentials themselves: they hit every object alike and end the job. */
const OF_CREDENTIALS = new Set([
  'AuthorizationHeaderMalformed',
  'ExpiredToken',
  'InvalidAccessKeyId',
  'InvalidToken',
  'NoSuchBucket',
  'RequestTimeTooSkewed',
  'SignatureDoesNotMatch',
])

/** True where the error concerns one object only, so that the job goes on without it. */
export function isObjectError(error: unknown): error is S3RequestError {
  if (!(error instanceof S3RequestError) || error.status === undefined) return false
  if (OF_CREDENTIALS.has(error.code)) return false
  return error.status >= 400 && error.status < 500 && error.status !== 408 && error.status !== 429
}
