import { decodeJwt, errors, jwtVerify } from 'jose'
import type { JWTPayload, LocalJWKSet } from 'jose'
import { IssuerError } from './issuers.ts'
import type { Issuer, Issuers } from './issuers.ts'

/** What AWS takes (IAM User Guide, "Create an OpenID Connect identity provider"): no shared secrets, and never none at all. */
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'ES512']
/** Clocks differ by as much, in seconds. */
const SKEW_SECONDS = 60
const REQUIRED = ['iss', 'sub', 'aud', 'exp', 'iat']

/** `expired` and `unreachable` may go better another time, `invalid` will not. */
export class IdTokenError extends Error {
  override name = 'IdTokenError'
  readonly kind: 'invalid' | 'expired' | 'unreachable'

  constructor(kind: IdTokenError['kind'], message: string, cause?: unknown) {
    super(message, { cause })
    this.kind = kind
  }
}

/** Who a token speaks of, once it was verified. */
export interface VerifiedIdentity {
  readonly subject: string
  /** The client id that the token is for. */
  readonly audience: string
  readonly claims: Readonly<Record<string, unknown>>
}

/** What a token says of its issuer before anything was verified: only to find out who that would be. @throws {IdTokenError} */
export function claimedIssuer(token: string): string {
  let payload: JWTPayload
  try {
    payload = decodeJwt(token)
  } catch (cause) {
    throw new IdTokenError('invalid', 'The ID Token provided is not a valid JWT', cause)
  }
  if (typeof payload.iss === 'string') return payload.iss
  throw new IdTokenError('invalid', 'Missing a required claim: iss')
}

/**
 * Verifies signature, issuer, audience and times of an ID token (OpenID Connect Core, section 3.1.3.7). Where the token has `azp` that
 * is what must be a client id, as AWS has it; else one of its audiences.
 *
 * @throws {IdTokenError}
 */
export async function verifyIdToken(
  issuers: Issuers,
  issuer: Issuer,
  token: string,
  expected: { readonly clientIds: readonly string[]; readonly now: number; readonly nonce?: string },
): Promise<VerifiedIdentity> {
  const claims = await verified(issuers, issuer, token, expected.now)
  const { sub: subject } = claims
  if (typeof subject !== 'string' || subject === '')
    throw new IdTokenError('invalid', 'Missing a required claim: sub')
  const audience = audienceOf(claims, expected.clientIds)
  if (audience === undefined) throw new IdTokenError('invalid', 'Incorrect token audience')
  if (expected.nonce !== undefined && claims['nonce'] !== expected.nonce)
    throw new IdTokenError('invalid', 'The token was not made for this sign-in: its nonce is another')
  return { subject, audience, claims }
}

function audienceOf(claims: JWTPayload, clientIds: readonly string[]): string | undefined {
  const azp = claims['azp']
  const offered = typeof azp === 'string' ? [azp] : [claims.aud ?? []].flat()
  return offered.find((id) => clientIds.includes(id))
}

async function verified(issuers: Issuers, issuer: Issuer, token: string, now: number): Promise<JWTPayload> {
  try {
    const keys = await issuers.keys(issuer)
    try {
      return await verifyWith(keys, issuer, token, now)
    } catch (error) {
      const newer = error instanceof errors.JWKSNoMatchingKey ? await issuers.newerKeys(issuer) : undefined
      if (newer === undefined) throw error
      return await verifyWith(newer, issuer, token, now)
    }
  } catch (error) {
    throw asIdTokenError(error, issuer)
  }
}

async function verifyWith(
  keys: LocalJWKSet,
  issuer: Issuer,
  token: string,
  now: number,
): Promise<JWTPayload> {
  const { payload } = await jwtVerify(token, keys, {
    algorithms: ALGORITHMS,
    // Google leaves the scheme out.
    issuer: [issuer.url, issuer.url.replace(/^https:\/\//, '')],
    requiredClaims: REQUIRED,
    clockTolerance: SKEW_SECONDS,
    currentDate: new Date(now),
  })
  if ((payload.iat as number) > now / 1000 + SKEW_SECONDS)
    throw new IdTokenError('invalid', 'The token was issued in the future')
  return payload
}

function asIdTokenError(error: unknown, issuer: Issuer): IdTokenError {
  if (error instanceof IdTokenError) return error
  if (error instanceof IssuerError) return new IdTokenError('unreachable', error.message, error)
  if (error instanceof errors.JWTExpired)
    return new IdTokenError('expired', 'Token expired: the present time must be before its expiration', error)
  if (error instanceof errors.JWTClaimValidationFailed) {
    const isMissing = error.reason === 'missing'
    const message = isMissing
      ? `Missing a required claim: ${error.claim}`
      : `The claim ${error.claim} cannot be accepted`
    return new IdTokenError('invalid', message, error)
  }
  if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys)
    return new IdTokenError('invalid', `No single key of ${issuer.url} fits the token's kid and alg`, error)
  if (error instanceof errors.JOSEAlgNotAllowed)
    return new IdTokenError('invalid', `The token is signed by none of ${ALGORITHMS.join(', ')}`, error)
  if (error instanceof errors.JWSSignatureVerificationFailed)
    return new IdTokenError('invalid', "The token's signature does not verify", error)
  if (error instanceof errors.JOSEError)
    return new IdTokenError('invalid', 'The ID Token provided is not a valid JWT', error)
  // What is left is a key that cannot be read, such as a point that is not on its curve.
  return new IdTokenError('invalid', `A key of ${issuer.url} cannot be used`, error)
}
