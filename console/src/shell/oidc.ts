import { callWorker } from '../session/session.ts'

/**
 * Signing in at an identity provider: authorization code with PKCE. The verifier waits in this tab's session storage while the browser
 * is at the provider; it is worth nothing without the code, and the code nothing without the server's sealed state.
 */

const WAITING = 'roleback-sign-in'

/** What a tab keeps while its browser is at the provider. */
interface Waiting {
  readonly state: string
  readonly codeVerifier: string
  readonly providerArn: string
  readonly region: string
  /** The screen that was asked for. */
  readonly path: string
}

interface OidcAnswer extends Waiting {
  readonly kind: 'code'
  readonly code: string
}

/** Why the way back from the provider leads nowhere; with what the tab had begun, if anything. */
interface OidcFailure {
  readonly kind: 'failed'
  readonly reason: string
  readonly begun?: Waiting
}

export async function beginOidc(providerArn: string, region: string, path: string): Promise<void> {
  const codeVerifier = base64url(crypto.getRandomValues(new Uint8Array(32)))
  const hash = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(codeVerifier))
  const response = await fetch('/', {
    method: 'POST',
    headers: {
      'content-type': 'application/x-amz-json-1.1',
      'x-amz-target': 'Roleback_20261101.BeginSignIn',
    },
    body: JSON.stringify({
      OpenIDConnectProviderArn: providerArn,
      RedirectUri: `${location.origin}/console/`,
      CodeChallenge: base64url(new Uint8Array(hash)),
    }),
  })
  const answer = (await response.json()) as { AuthorizationUrl?: string; State?: string; message?: string }
  if (!response.ok || answer.AuthorizationUrl === undefined || answer.State === undefined)
    throw new Error(answer.message ?? 'It failed')
  const waiting: Waiting = { state: answer.State, codeVerifier, providerArn, region, path }
  sessionStorage.setItem(WAITING, JSON.stringify(waiting))
  location.assign(answer.AuthorizationUrl)
}

/**
 * What the provider sent the browser back with, once; undefined where nobody comes from there. Its words (RFC 6749, section 4.1.2.1) are
 * told only with the state that this tab began with: any link could carry words of its author.
 */
export function takeOidcAnswer(): OidcAnswer | OidcFailure | undefined {
  // Whoever comes back without an answer has given it up.
  const kept = sessionStorage.getItem(WAITING)
  sessionStorage.removeItem(WAITING)
  const query = new URLSearchParams(location.search)
  const [state, code, error] = ['state', 'code', 'error'].map((name) => query.get(name))
  if (typeof state !== 'string' || (typeof code !== 'string' && typeof error !== 'string')) return undefined
  history.replaceState(null, '', location.pathname)
  if (kept === null)
    return {
      kind: 'failed',
      reason: 'This tab began no sign-in at an identity provider, or has ended it before. Begin it here.',
    }
  const begun = JSON.parse(kept) as Waiting
  if (begun.state !== state)
    return {
      kind: 'failed',
      reason:
        'The browser came back with the state of another sign-in than this tab began: somebody may have wanted to slip in his own. Nothing was sent to the server. Begin again.',
      begun,
    }
  if (typeof code === 'string') return { kind: 'code', ...begun, code }
  const words = query.get('error_description')
  return {
    kind: 'failed',
    reason: `The identity provider answered ${error}${words === null ? '' : `: ${words}`}`.slice(0, 500),
    begun,
  }
}

export async function finishOidc({ state, code, codeVerifier, region }: OidcAnswer): Promise<void> {
  await callWorker('signInWithOidc', { state, code, codeVerifier, region })
}

function base64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '')
}
