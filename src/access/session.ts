import { secretAccessKey, iamId } from '../lib/ids.ts'
import type { ServerKey } from '../keyring/server-key.ts'
import { SealError } from '../keyring/server-key.ts'
import type { Principal, SessionFacts } from './principal.ts'

/**
 * Temporary credentials without a row: the session token holds the secret and the principal, sealed under the server's key and
 * bound to the access key id. That the identity behind it still exists, and was not revoked since, is checked at each request.
 */
export interface SessionContent {
  /** Whose session: the root user's and users' by GetSessionToken, a role's by AssumeRole, another's by GetFederationToken. */
  readonly kind: 'root' | 'user' | 'assumed-role' | 'federated-user'
  readonly accountId: string
  /** AIDA… or AROA…; undefined for the root user, and where he called for a federated one. */
  readonly identityId?: string | undefined
  /** Session tags only; the identity's own are read at each request. */
  readonly tags: Readonly<Record<string, string>>
  readonly session: SessionFacts
  readonly secretAccessKey: string
  /** The long-term key that a session of GetSessionToken or GetFederationToken was made with; undefined for role sessions. */
  readonly madeWithKeyId?: string | undefined
}

export interface SealedSession {
  /** ASIA… */
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken: string
}

/** When a session of `seconds` made now ends: not after the access key that it is made with. Milliseconds since 1970. */
export function sessionEnd(principal: Principal, now: number, seconds: number): number {
  return Math.min(now + seconds * 1000, keyEnd(principal) ?? Infinity)
}

/** When the access key ends that a principal has, or that the session began with, whatever roles were taken on since. */
export function keyEnd({ keyLimits, session }: Principal): number | undefined {
  return keyLimits?.expiresAt ?? session?.endsWithKeyAt
}

/** As STS answers them; `expiresAt` in milliseconds since 1970. */
export function answeredCredentials(
  { accessKeyId, secretAccessKey: secret, sessionToken }: SealedSession,
  expiresAt: number,
): {
  readonly AccessKeyId: string
  readonly SecretAccessKey: string
  readonly SessionToken: string
  readonly Expiration: Date
} {
  return {
    AccessKeyId: accessKeyId,
    SecretAccessKey: secret,
    SessionToken: sessionToken,
    Expiration: new Date(expiresAt),
  }
}

/** Makes temporary credentials for `content`, with a new key id and secret. */
export function sealSession(key: ServerKey, content: Omit<SessionContent, 'secretAccessKey'>): SealedSession {
  const accessKeyId = iamId('ASIA')
  const secret = secretAccessKey()
  const plain: SessionContent = { ...content, secretAccessKey: secret }
  const token = key.seal('session-token', accessKeyId, Buffer.from(JSON.stringify(plain)))
  return { accessKeyId, secretAccessKey: secret, sessionToken: token }
}

/** What a token was sealed with; undefined where it is damaged, forged, another server's, or another key id's. Expiry is not checked. */
export function openSession(key: ServerKey, accessKeyId: string, token: string): SessionContent | undefined {
  try {
    // Sealed by sealSession alone, so its shape is known.
    return JSON.parse(key.open('session-token', accessKeyId, token).toString()) as SessionContent
  } catch (error) {
    if (error instanceof SealError) return undefined
    throw error
  }
}

/**
 * Why a session may change no identities; undefined where it may. Credentials of GetSessionToken call no IAM operation without a
 * second factor, and those of GetFederationToken none at all (STS API Reference), so that a stolen session cannot make itself a
 * lasting key. Operations of our own that make keys or roles keep to it, too.
 */
export function whyNoIam({ kind, session }: Principal): string | undefined {
  if (kind === 'assumed-role' || session === undefined) return undefined
  if (session.mfaAuthenticated === true || session.isSignedIn === true) return undefined
  return kind === 'federated-user'
    ? 'sessions of GetFederationToken cannot call IAM. Use the long-term key, or a role'
    : 'sessions of GetSessionToken cannot call IAM without a second factor. Use the long-term key, a role, or give SerialNumber and TokenCode'
}
