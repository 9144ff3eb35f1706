import { createHash, createHmac } from 'node:crypto'
import { SignatureV4 } from '@smithy/signature-v4'
import fc from 'fast-check'
import { AwsError } from './error.ts'
import { invalidToken } from './faults.ts'
import { modelOf } from './model.ts'
import type { ServiceModel } from './model.ts'
import { readClaim, sign, verifySignature } from './sigv4.ts'
import type { WireRequest } from './wire.ts'

/** Requests that the SDK's signer signs, and what the server says of them. */

export const SECRET = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY'
export const KEY_ID = 'AKIAIOSFODNN7EXAMPLE'
export const NOW: number = Date.parse('2026-11-24T03:00:00Z')
export const backup: ServiceModel = modelOf('backup')

export class Sha256 {
  readonly #hash
  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash = secret === undefined ? createHash('sha256') : createHmac('sha256', bytesOf(secret))
  }
  update(data: string | ArrayBuffer | ArrayBufferView): void {
    this.#hash.update(bytesOf(data))
  }
  digest(): Promise<Uint8Array> {
    return Promise.resolve(this.#hash.digest())
  }
}

function bytesOf(data: string | ArrayBuffer | ArrayBufferView): Buffer {
  if (typeof data === 'string') return Buffer.from(data)
  return ArrayBuffer.isView(data)
    ? Buffer.from(data.buffer, data.byteOffset, data.byteLength)
    : Buffer.from(data)
}

export interface Plain {
  readonly method: string
  readonly path: string
  readonly query: Record<string, string | string[]>
  readonly headers: Record<string, string>
  readonly body: string
}

const escape = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)

function targetOf(path: string, query: Record<string, string | string[] | null>): string {
  const pairs = Object.entries(query).flatMap(([name, value]) =>
    [value ?? ''].flat().map((one) => `${escape(name)}=${escape(one)}`),
  )
  return pairs.length === 0 ? path : `${path}?${pairs.join('&')}`
}

export async function signedBySdk(
  plain: Plain,
  form: 'header' | 'presigned',
  token?: string,
): Promise<WireRequest> {
  const signer = new SignatureV4({
    credentials: {
      accessKeyId: KEY_ID,
      secretAccessKey: SECRET,
      ...(token === undefined ? {} : { sessionToken: token }),
    },
    region: 'eu-central-1',
    service: 'backup',
    sha256: Sha256 as never,
  })
  const request = {
    ...plain,
    protocol: 'http:',
    hostname: 'localhost',
    headers: { host: 'localhost:1', ...plain.headers },
  }
  const options = { signingDate: new Date(NOW) }
  const signed =
    form === 'header'
      ? await signer.sign(request, options)
      : await signer.presign(request, { ...options, expiresIn: 900 })
  return {
    method: signed.method,
    rawTarget: targetOf(signed.path, (signed.query ?? {}) as Record<string, string | string[]>),
    headers: Object.entries(signed.headers).map(([name, value]) => [name.toLowerCase(), value] as const),
    body: Buffer.from(plain.body),
  }
}

/** As the server does it: the key that is named is looked up first. */
export function refusalOf(
  request: WireRequest,
  secret: string = SECRET,
  now: number = NOW,
): AwsError | undefined {
  try {
    const claim = readClaim(backup, request)
    if (claim.accessKeyId !== KEY_ID) return invalidToken(backup)
    return verifySignature(backup, request, claim, secret, now)
  } catch (error) {
    if (error instanceof AwsError) return error
    throw error
  }
}

const oddText = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 12 }).map((text) => text.toWellFormed()),
  fc.constantFrom(
    '',
    ' ',
    '%2F',
    '%',
    '+',
    '*',
    "!'()*",
    '~',
    'a b',
    'ü/é',
    '=&?#',
    '🗄',
    'arn:aws:ec2:r::snapshot/s-1',
  ),
)
const oddPath = fc
  .array(fc.oneof(oddText.map(escape), fc.constantFrom('.', '..', '', 'a%2Fb', 'backup-vaults', '%20')), {
    maxLength: 5,
  })
  .chain((segments) => fc.constantFrom('', '/').map((end) => `/${segments.join('/')}${end}`))
const headerValue = fc.oneof(
  fc.stringMatching(/^[!-~]([ -~]{0,20}[!-~])?$/),
  fc.constantFrom('a  b', 'a\tb', '   x   y  ', 'a , b', '"quoted  text"'),
)
export const plainRequest: fc.Arbitrary<Plain> = fc.record({
  method: fc.constantFrom('GET', 'POST', 'PUT', 'DELETE'),
  path: oddPath,
  query: fc.dictionary(
    oddText.filter((name) => name !== '' && !/^x-amz-/i.test(name) && name !== '__proto__'),
    fc.oneof(oddText, fc.array(oddText, { minLength: 1, maxLength: 4 })),
    { maxKeys: 4 },
  ),
  headers: fc.dictionary(fc.stringMatching(/^x-[a-z]{3,8}$/), headerValue, {
    maxKeys: 3,
    noNullPrototype: true,
  }),
  body: fc.oneof(oddText, fc.json({ maxDepth: 2 })),
})

export function signedHere(
  target: string,
  body: string,
  more: readonly (readonly [string, string])[] = [],
  now: number = NOW,
): WireRequest {
  const bare = {
    method: 'POST',
    rawTarget: target,
    headers: [['host', 'localhost:1'], ...more] as const,
    body: Buffer.from(body),
  }
  const scope = { region: 'eu-central-1', service: 'backup' }
  return { ...bare, headers: sign(bare, { accessKeyId: KEY_ID, secretAccessKey: SECRET }, scope, now) }
}
