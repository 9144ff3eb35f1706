import { callWorker } from '../session/session.ts'

/**
 * Signing in at an identity provider: authorization code with PKCE. The verifier waits in this tab's session storage while the browser
 * is at the provider; it is worth nothing without the code, and the code nothing without the server's sealed state.
 */

const WAITING = 'roleback-sign-in'

interface OidcAnswer {
  readonly state: string
  readonly code: string
  readonly codeVerifier: string
}

export async function beginOidc(providerArn: string): Promise<void> {
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
  if (!response.ok || answer.AuthorizationUrl === undefined) throw new Error(answer.message ?? 'It failed')
  sessionStorage.setItem(WAITING, JSON.stringify({ state: answer.State, codeVerifier }))
  location.assign(answer.AuthorizationUrl)
}

/** What the provider sent the browser back with; undefined where it did not, or not to this tab. */
export function oidcAnswer(): OidcAnswer | undefined {
  const query = new URLSearchParams(location.search)
  const code = query.get('code')
  const state = query.get('state')
  const kept = sessionStorage.getItem(WAITING)
  if (code === null || state === null || kept === null) return undefined
  sessionStorage.removeItem(WAITING)
  history.replaceState(null, '', location.pathname)
  const waiting = JSON.parse(kept) as { readonly state: string; readonly codeVerifier: string }
  return waiting.state === state ? { state, code, codeVerifier: waiting.codeVerifier } : undefined
}

export async function finishOidc(answer: OidcAnswer, region: string): Promise<void> {
  await callWorker('signInWithOidc', { ...answer, region })
}

function base64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '')
}
