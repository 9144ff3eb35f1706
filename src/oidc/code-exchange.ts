import { EgressError, pinnedRequest } from '../egress/pinned-request.ts'
import { IssuerError, parsedObject, placeBehind } from './issuers.ts'
import type { Issuer, Issuers } from './issuers.ts'

/** The authorisation code flow with PKCE (OpenID Connect Core, section 3.1; RFC 7636), as its client. */

export interface AuthorizationRequest {
  readonly clientId: string
  readonly redirectUri: string
  readonly state: string
  readonly nonce: string
  /** Of the verifier, by S256. */
  readonly codeChallenge: string
}

/** Where the browser goes. @throws {IssuerError} */
export async function authorizationUrl(
  issuers: Issuers,
  issuer: Issuer,
  request: AuthorizationRequest,
): Promise<string> {
  const { authorizationEndpoint } = await issuers.metadata(issuer)
  if (authorizationEndpoint === undefined)
    throw new IssuerError(`${issuer.url} publishes no authorization_endpoint: nobody can sign in there`)
  const url = new URL(authorizationEndpoint)
  for (const [name, value] of Object.entries({
    response_type: 'code',
    scope: 'openid',
    client_id: request.clientId,
    redirect_uri: request.redirectUri,
    state: request.state,
    nonce: request.nonce,
    code_challenge: request.codeChallenge,
    code_challenge_method: 'S256',
  }))
    url.searchParams.set(name, value)
  return url.href
}

export interface CodeExchange {
  readonly clientId: string
  readonly clientSecret: string | undefined
  readonly redirectUri: string
  readonly code: string
  readonly codeVerifier: string
}

const MAX_ANSWER_BYTES = 64 * 1024

/**
 * Exchanges the code for an ID token, which is still to be verified. @returns Undefined where the issuer refuses the code.
 * @throws {IssuerError}
 */
export async function exchangeCode(
  issuers: Issuers,
  issuer: Issuer,
  exchange: CodeExchange,
): Promise<string | undefined> {
  const { tokenEndpoint: url, tokenAuthMethods } = await issuers.metadata(issuer)
  if (url === undefined)
    throw new IssuerError(`${issuer.url} publishes no token_endpoint: nobody can sign in there`)
  const { status, body } = await post(issuers, issuer, url, formOf(exchange, tokenAuthMethods))
  if (status === 400 || status === 401 || status === 403) return undefined
  const token = status === 200 ? parsedObject(body.toString('utf8'))?.['id_token'] : undefined
  if (typeof token !== 'string') throw new IssuerError(`${url.href} answered ${status} and no ID token`)
  return token
}

interface Form {
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** RFC 6749, section 2.3.1: the secret goes into the header, unless the issuer takes it in the body alone. */
function formOf(exchange: CodeExchange, methods: readonly string[]): Form {
  const { clientId, clientSecret } = exchange
  const form = new URLSearchParams({
    grant_type: 'authorization_code',
    code: exchange.code,
    redirect_uri: exchange.redirectUri,
    code_verifier: exchange.codeVerifier,
    client_id: clientId,
  })
  const headers: Record<string, string> = { 'content-type': 'application/x-www-form-urlencoded' }
  if (clientSecret !== undefined) {
    if (methods.includes('client_secret_basic')) {
      const pair = [clientId, clientSecret].map((text) => encodeURIComponent(text)).join(':')
      headers['authorization'] = `Basic ${Buffer.from(pair).toString('base64')}`
    } else form.set('client_secret', clientSecret)
  }
  return { headers, body: form.toString() }
}

async function post(
  issuers: Issuers,
  issuer: Issuer,
  url: URL,
  form: Form,
): ReturnType<typeof pinnedRequest> {
  const { timeoutMs } = issuers.limits
  try {
    const rules = placeBehind(issuer, url)
    return await pinnedRequest(issuers.reach, {
      url,
      ...rules,
      ...form,
      method: 'POST',
      maxBytes: MAX_ANSWER_BYTES,
      timeoutMs,
    })
  } catch (cause) {
    if (cause instanceof EgressError) throw new IssuerError(cause.message, { cause })
    throw cause
  }
}
