/** Signing requests with AWS Signature Version 4 by WebCrypto. What needs the secret is `signatureOf`; the worker has the key. */

const encoder = new TextEncoder()

export interface RequestToSign {
  readonly method: string
  readonly host: string
  /** As it is sent, percent-encoded. */
  readonly path: string
  /** Values as they are, not encoded. */
  readonly query: Readonly<Record<string, string | readonly string[] | null>>
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Uint8Array
}

export interface Scope {
  readonly accessKeyId: string
  readonly region: string
  readonly service: string
}

/** What of a prepared request is still to be signed. */
export interface Prepared {
  readonly stringToSign: string
  readonly date: string
  /** The authorization header up to its signature, and the headers that were added. */
  readonly authorization: string
  readonly headers: Readonly<Record<string, string>>
}

/** @param now Milliseconds since 1970, as the server's clock is believed to go. */
export async function prepare(
  request: RequestToSign,
  scope: Scope & { readonly sessionToken?: string | undefined },
  now: number,
): Promise<Prepared> {
  const timestamp = new Date(now).toISOString().replaceAll(/[-:]|\.\d{3}/g, '')
  const date = timestamp.slice(0, 8)
  const bodyHash = hex(await crypto.subtle.digest('SHA-256', bytesOf(request.body)))
  const headers: Record<string, string> = {
    ...request.headers,
    host: request.host,
    'x-amz-date': timestamp,
    'x-amz-content-sha256': bodyHash,
    ...(scope.sessionToken !== undefined && { 'x-amz-security-token': scope.sessionToken }),
  }
  const names = Object.keys(headers).toSorted()
  const signedHeaders = names.join(';')
  const canonical = [
    request.method,
    request.path.split('/').map(encode).join('/') || '/',
    canonicalQuery(request.query),
    ...names.map((name) => `${name}:${(headers[name] as string).trim().replaceAll(/\s+/g, ' ')}`),
    '',
    signedHeaders,
    bodyHash,
  ].join('\n')
  const credentialScope = `${date}/${scope.region}/${scope.service}/aws4_request`
  const hash = hex(await crypto.subtle.digest('SHA-256', encoder.encode(canonical)))
  delete headers['host']
  return {
    stringToSign: ['AWS4-HMAC-SHA256', timestamp, credentialScope, hash].join('\n'),
    date,
    authorization: `AWS4-HMAC-SHA256 Credential=${scope.accessKeyId}/${credentialScope}, SignedHeaders=${signedHeaders}, Signature=`,
    headers,
  }
}

/** The key of a secret, which nobody can read back from it. */
export async function importSecret(secretAccessKey: string): Promise<CryptoKey> {
  return await importKey(encoder.encode(`AWS4${secretAccessKey}`))
}

/** @returns Lower-case hexadecimal. */
export async function signatureOf(
  key: CryptoKey,
  of: {
    readonly stringToSign: string
    readonly date: string
    readonly region: string
    readonly service: string
  },
): Promise<string> {
  let current = key
  for (const part of [of.date, of.region, of.service, 'aws4_request']) {
    current = await importKey(await hmac(current, part))
  }
  return hex(await hmac(current, of.stringToSign))
}

async function importKey(bytes: BufferSource): Promise<CryptoKey> {
  return await crypto.subtle.importKey('raw', bytes, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign'])
}

async function hmac(key: CryptoKey, text: string): Promise<ArrayBuffer> {
  return await crypto.subtle.sign('HMAC', key, encoder.encode(text))
}

function bytesOf(body: string | Uint8Array): BufferSource {
  return typeof body === 'string' ? encoder.encode(body) : (body as Uint8Array<ArrayBuffer>)
}

function canonicalQuery(query: RequestToSign['query']): string {
  return Object.entries(query)
    .flatMap(([name, value]) =>
      (Array.isArray(value) ? (value as readonly string[]) : [value as string | null]).map(
        (one) => `${encode(name)}=${encode(one ?? '')}`,
      ),
    )
    .toSorted()
    .join('&')
}

/** Everything but unreserved characters (RFC 3986) is percent-encoded. */
export function encode(text: string): string {
  return encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}

function hex(buffer: ArrayBuffer): string {
  return Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, '0')).join('')
}
