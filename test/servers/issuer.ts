import { createHash, randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import type { CryptoKey, JWK, JWTPayload } from 'jose'

/** An OpenID Connect provider with key pairs of its own, which can be made to misbehave. */
export interface Issuer extends AsyncDisposable {
  readonly url: string
  /** `HOST:PORT`, as an operator allows it. */
  readonly endpoint: string
  /** Paths that were asked for, in order. */
  readonly asked: string[]
  /** Answers in the place of its own, by path. */
  readonly instead: Map<string, RequestListener>
  /** A key that signs from now on; with `isPublished` false nobody can know it yet. */
  rotate(alg?: string, isPublished?: boolean): Promise<void>
  publish(): void
  /** A token with the present key; `claims` over the usual ones, undefined leaves a claim out. */
  token(claims?: Readonly<Record<string, unknown>>): Promise<string>
  /** Somebody signs in and lets the client in: where his browser is sent back to. */
  signIn(authorizationUrl: string, claims?: Readonly<Record<string, unknown>>): URL
  /** Secret that the token endpoint asks for; none where undefined. */
  clientSecret: string | undefined
  /** What the present key is published as. */
  readonly jwk: JWK
}

/** What somebody allowed when he signed in. */
interface Grant {
  readonly redirectUri: string
  readonly challenge: string
  readonly nonce: string
  readonly claims: Readonly<Record<string, unknown>>
}

export const CLIENT = 'backup-app'

export async function startIssuer(tls?: { readonly key: string; readonly cert: string }): Promise<Issuer> {
  const asked: string[] = []
  const instead = new Map<string, RequestListener>()
  let published: readonly JWK[] = []
  let key: { readonly private: CryptoKey; readonly jwk: JWK } | undefined
  let serial = 0
  const json = (response: ServerResponse, body: object): void => {
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(JSON.stringify(body))
  }
  const codes = new Map<string, Grant>()
  const exchange = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    let body = ''
    for await (const chunk of request) body += String(chunk)
    const form = new URLSearchParams(body)
    const grant = codes.get(form.get('code') ?? '')
    codes.delete(form.get('code') ?? '')
    const challenge = createHash('sha256')
      .update(form.get('code_verifier') ?? '')
      .digest('base64url')
    const secret = `Basic ${Buffer.from(`${CLIENT}:${issuer.clientSecret}`).toString('base64')}`
    const isRight =
      grant !== undefined &&
      form.get('grant_type') === 'authorization_code' &&
      form.get('client_id') === CLIENT &&
      form.get('redirect_uri') === grant.redirectUri &&
      challenge === grant.challenge &&
      (issuer.clientSecret === undefined || request.headers.authorization === secret)
    if (isRight) json(response, { id_token: await issuer.token({ nonce: grant.nonce, ...grant.claims }) })
    else response.writeHead(400, { 'content-type': 'application/json' }).end('{"error":"invalid_grant"}')
  }
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    const [path = ''] = (request.url ?? '').split('?')
    asked.push(path)
    const other = instead.get(path)
    if (other !== undefined) other(request, response)
    else if (path === '/realm/.well-known/openid-configuration') {
      json(response, {
        issuer: url,
        jwks_uri: `${origin}/keys`,
        authorization_endpoint: `${origin}/authorize`,
        token_endpoint: `${origin}/token`,
      })
    } else if (path === '/authorize') {
      // Alice is known here, and has nothing against it.
      response.writeHead(302, { location: issuer.signIn(`${origin}${request.url}`).href }).end()
    } else if (path === '/keys') json(response, { keys: published })
    else if (path === '/token') void exchange(request, response)
    else response.writeHead(404).end()
  }
  const server = tls === undefined ? createServer(answer) : createTlsServer({ ...tls }, answer)
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const endpoint = tls === undefined ? `127.0.0.1:${port}` : `localhost:${port}`
  const origin = `${tls === undefined ? 'http' : 'https'}://${endpoint}`
  const url = `${origin}/realm`
  const present = (): NonNullable<typeof key> => {
    if (key === undefined) throw new Error('the issuer has no key')
    return key
  }
  const issuer: Issuer = {
    url,
    endpoint,
    asked,
    instead,
    get jwk() {
      return present().jwk
    },
    clientSecret: undefined,
    signIn: (authorizationUrl, claims = {}) => {
      const { searchParams: asked } = new URL(authorizationUrl)
      const code = randomUUID()
      const redirectUri = asked.get('redirect_uri') ?? ''
      codes.set(code, {
        redirectUri,
        challenge: asked.get('code_challenge') ?? '',
        nonce: asked.get('nonce') ?? '',
        claims,
      })
      const back = new URL(redirectUri)
      back.searchParams.set('code', code)
      back.searchParams.set('state', asked.get('state') ?? '')
      return back
    },
    rotate: async (alg = 'RS256', isPublished = true) => {
      const pair = await generateKeyPair(alg, { extractable: true })
      key = {
        private: pair.privateKey,
        jwk: { ...(await exportJWK(pair.publicKey)), kid: `k${++serial}`, alg, use: 'sig' },
      }
      if (isPublished) issuer.publish()
    },
    publish: () => {
      published = [present().jwk]
    },
    token: async (claims = {}) => {
      const now = Math.floor(Date.now() / 1000)
      const { kid = '', alg = '' } = present().jwk
      const usual = { iss: url, sub: 'alice', aud: CLIENT, iat: now, exp: now + 300, jti: String(++serial) }
      const payload = Object.fromEntries(
        Object.entries({ ...usual, ...claims }).filter(([, value]) => value !== undefined),
      ) as JWTPayload
      return await new SignJWT(payload).setProtectedHeader({ alg, kid, typ: 'JWT' }).sign(present().private)
    },
    [Symbol.asyncDispose]: async () => {
      await new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      })
    },
  }
  await issuer.rotate()
  return issuer
}
