import { createLocalJWKSet } from 'jose'
import type { JWK, LocalJWKSet } from 'jose'
import { EgressError, pinnedRequest } from '../egress/pinned-request.ts'
import type { PlaceRules, Reach } from '../egress/pinned-request.ts'
import type { Clock } from '../lib/clock.ts'

/**
 * What identity providers publish of themselves (OpenID Connect Discovery 1.0): where their keys and endpoints are, and the keys. It
 * is fetched when it is needed and kept for an hour. A key id that is not among the keys has them fetched again, but not more often
 * than once a minute, and what failed is not tried again for some seconds: anybody may send tokens.
 */

/** An identity provider as an account has registered it. */
export interface Issuer {
  /** As its tokens have it in `iss`, with the scheme. */
  readonly url: string
  /** SHA-1 of certificates that its TLS may rest on, where no known authority signed them. */
  readonly thumbprints: readonly string[]
  /** Only what the operator allows may be reached: it is not the management account's. */
  readonly isListedOnly: boolean
}

export interface IssuerMetadata {
  readonly jwksUri: URL
  readonly authorizationEndpoint: URL | undefined
  readonly tokenEndpoint: URL | undefined
  readonly tokenAuthMethods: readonly string[]
}

/** The provider cannot be used: not reached, or what it publishes is no good. */
export class IssuerError extends Error {
  override name = 'IssuerError'
}

export interface IssuerLimits {
  readonly timeoutMs: number
  readonly keepMs: number
  /** Between two fetches because of key ids that are not known. */
  readonly refreshMs: number
  /** Until what failed is tried again. */
  readonly failureMs: number
}

const LIMITS: IssuerLimits = { timeoutMs: 5_000, keepMs: 3_600_000, refreshMs: 60_000, failureMs: 5_000 }
const MAX_ISSUERS = 1_000
const MAX_METADATA_BYTES = 64 * 1024
const MAX_KEYS_BYTES = 128 * 1024
const MAX_KEYS = 100
/** Of a modulus in base64url: 8192 bits. Longer ones take a server too long to compute with. */
const MAX_MODULUS_CHARS = 1_366
const MAX_EXPONENT_CHARS = 8

interface Known {
  readonly metadata: Kept<IssuerMetadata>
  readonly keys: Kept<LocalJWKSet>
}

export class Issuers {
  readonly reach: Reach
  readonly limits: IssuerLimits
  readonly #clock: Clock
  /** By what they are; the first is the one unused for longest. */
  readonly #known = new Map<string, Known>()

  constructor(reach: Reach, clock: Clock, limits: IssuerLimits = LIMITS) {
    this.reach = reach
    this.limits = limits
    this.#clock = clock
  }

  /** @throws {IssuerError} */
  async metadata(issuer: Issuer): Promise<IssuerMetadata> {
    return await this.#of(issuer).metadata.get(async () => await this.#fetchMetadata(issuer))
  }

  /** Its keys as they are known. @throws {IssuerError} */
  async keys(issuer: Issuer): Promise<LocalJWKSet> {
    return await this.#of(issuer).keys.get(async () => await this.#fetchKeys(issuer))
  }

  /** Its keys fetched anew, for a key id that is not among them; undefined where they were fetched just now. @throws {IssuerError} */
  async newerKeys(issuer: Issuer): Promise<LocalJWKSet | undefined> {
    const { keys } = this.#of(issuer)
    if (keys.ageMs < this.limits.refreshMs) return undefined
    return await keys.renew(async () => await this.#fetchKeys(issuer))
  }

  #of({ url, thumbprints, isListedOnly }: Issuer): Known {
    const key = JSON.stringify([url, thumbprints, isListedOnly])
    const known = this.#known.get(key) ?? {
      metadata: new Kept<IssuerMetadata>(this.#clock, this.limits),
      keys: new Kept<LocalJWKSet>(this.#clock, this.limits),
    }
    this.#known.delete(key)
    if (this.#known.size >= MAX_ISSUERS) this.#known.delete(this.#known.keys().next().value as string)
    this.#known.set(key, known)
    return known
  }

  async #fetchMetadata(issuer: Issuer): Promise<IssuerMetadata> {
    const url = new URL(`${issuer.url.replace(/\/$/, '')}/.well-known/openid-configuration`)
    const document = await this.#json(url, placeBehind(issuer, url), MAX_METADATA_BYTES)
    if (document['issuer'] !== issuer.url)
      throw new IssuerError(`${url.href} is the configuration of another issuer than "${issuer.url}"`)
    const jwksUri = endpoint(document, 'jwks_uri')
    if (jwksUri === undefined) throw new IssuerError(`${url.href} names no jwks_uri`)
    const methods = document['token_endpoint_auth_methods_supported']
    return {
      jwksUri,
      authorizationEndpoint: endpoint(document, 'authorization_endpoint'),
      tokenEndpoint: endpoint(document, 'token_endpoint'),
      // OpenID Connect Discovery, section 3: what it is where nothing is said.
      tokenAuthMethods: Array.isArray(methods) ? methods.map(String) : ['client_secret_basic'],
    }
  }

  async #fetchKeys(issuer: Issuer): Promise<LocalJWKSet> {
    const { jwksUri } = await this.metadata(issuer)
    const set = await this.#json(jwksUri, placeBehind(issuer, jwksUri), MAX_KEYS_BYTES)
    const keys: unknown = set['keys']
    if (!Array.isArray(keys)) throw new IssuerError(`${jwksUri.href} is no set of keys`)
    if (keys.length > MAX_KEYS) throw new IssuerError(`${jwksUri.href} has more than ${MAX_KEYS} keys`)
    const usable = keys.filter(isUsable)
    if (usable.length === 0)
      throw new IssuerError(`${jwksUri.href} has no key that signatures are verified with`)
    return createLocalJWKSet({ keys: usable })
  }

  async #json(url: URL, rules: PlaceRules, maxBytes: number): Promise<Readonly<Record<string, unknown>>> {
    const { status, body } = await this.#get(url, rules, maxBytes)
    if (status !== 200) throw new IssuerError(`${url.href} answered ${status}, where 200 is needed`)
    const parsed = parsedObject(body.toString('utf8'))
    if (parsed === undefined) throw new IssuerError(`${url.href} did not answer a JSON object`)
    return parsed
  }

  async #get(url: URL, rules: PlaceRules, maxBytes: number): ReturnType<typeof pinnedRequest> {
    const { timeoutMs } = this.limits
    try {
      return await pinnedRequest(this.reach, { url, ...rules, maxBytes, timeoutMs })
    } catch (cause) {
      if (cause instanceof EgressError) throw new IssuerError(cause.message, { cause })
      throw cause
    }
  }
}

/** A value that is fetched when it is needed: once for all who wait for it, and kept for a time; a failure for a shorter one. */
class Kept<T> {
  readonly #clock: Clock
  readonly #limits: IssuerLimits
  #value: Promise<T> | undefined
  #at = -Infinity
  #hasFailed = false

  constructor(clock: Clock, limits: IssuerLimits) {
    this.#clock = clock
    this.#limits = limits
  }

  /** Since the last fetch began, or failed. */
  get ageMs(): number {
    return this.#clock.monotonic() - this.#at
  }

  async get(fetch: () => Promise<T>): Promise<T> {
    const keepMs = this.#hasFailed ? this.#limits.failureMs : this.#limits.keepMs
    if (this.#value !== undefined && this.ageMs < keepMs) return await this.#value
    return await this.renew(fetch)
  }

  async renew(fetch: () => Promise<T>): Promise<T> {
    const value = fetch()
    this.#value = value
    this.#hasFailed = false
    this.#at = this.#clock.monotonic()
    try {
      return await value
    } catch (error) {
      if (this.#value === value) {
        this.#hasFailed = true
        this.#at = this.#clock.monotonic()
      }
      throw error
    }
  }
}

/** How a place that the issuer names may be reached: on another host it must not send us into the networks around the server. */
export function placeBehind(issuer: Issuer, url: URL): PlaceRules {
  const { thumbprints, isListedOnly } = issuer
  const isOwn = url.host === new URL(issuer.url).host
  return isOwn ? { thumbprints, isListedOnly } : { isListedOnly, isPublicOnly: true }
}

function endpoint(document: Readonly<Record<string, unknown>>, name: string): URL | undefined {
  const written = document[name]
  if (written === undefined) return undefined
  const url = typeof written === 'string' && URL.canParse(written) ? new URL(written) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '')
    throw new IssuerError(`"${name}" of the issuer's configuration is no URL to use`)
  return url
}

/** Undefined where it is anything else. */
export function parsedObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const parsed: unknown = JSON.parse(text)
    const isObject = typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)
    return isObject ? (parsed as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

/** Public keys that signatures can be verified with in a bounded time. */
function isUsable(key: unknown): key is JWK {
  if (typeof key !== 'object' || key === null) return false
  const { kty, n, e, d } = key as JWK
  if (d !== undefined) return false
  if (kty === 'EC') return true
  if (kty !== 'RSA' || typeof n !== 'string' || typeof e !== 'string') return false
  return n.length <= MAX_MODULUS_CHARS && e.length <= MAX_EXPONENT_CHARS
}
