import { createHash, timingSafeEqual } from 'node:crypto'
import { addressSubject, countGuess, takeBack } from '../access/back-off.ts'
import { oidcProviderArn, roleArn } from '../access/identity-arns.ts'
import { recordAssumption, recordDecision } from '../access/own-decisions.ts'
import { sealSession, answeredCredentials } from '../access/session.ts'
import { decideWebAssumption, webCaller, webSession } from '../access/web-identity.ts'
import type { WebAssumption, WebIdentity } from '../access/web-identity.ts'
import { SignInFailedException } from '../aws/generated/roleback.ts'
import type {
  BeginSignInInput,
  BeginSignInOutput,
  OidcCredentials,
  SignInOutput,
} from '../aws/generated/roleback.ts'
import type { UnsignedContext } from '../context.ts'
import { SealError } from '../keyring/server-key.ts'
import { parseArn } from '../lib/arn.ts'
import { randomHex } from '../lib/ids.ts'
import { authorizationUrl, exchangeCode } from '../oidc/code-exchange.ts'
import { IdTokenError, verifyIdToken } from '../oidc/id-token.ts'
import type { VerifiedIdentity } from '../oidc/id-token.ts'
import { IssuerError } from '../oidc/issuers.ts'
import type { Issuer } from '../oidc/issuers.ts'
import { findRoleById, updateRole } from '../store/identity/identities.ts'
import { findOidcProvider } from '../store/identity/oidc-providers.ts'
import type { OidcProviderTable, RoleTable } from '../store/schema.ts'
import type { SignInProviderTable } from '../store/identity/schema-credentials.ts'
import { findSignInProvider, finishSignIn } from '../store/identity/sign-in-providers.ts'
import { insertSignInSession } from '../store/identity/sign-in.ts'
import { secretOwner, urlOfProvider } from './sign-in-providers.ts'

/**
 * Signing in with an identity provider (R25):
 *
 * | step | who | what |
 * |---|---|---|
 * | 1 | client | makes a code verifier, calls BeginSignIn with its SHA-256 and one of the provider's redirect URIs |
 * | 2 | server | answers where the browser goes, with `state` and `nonce` of its own: nothing is kept, the state is sealed |
 * | 3 | provider | sends the browser back to the redirect URI with a code and the state |
 * | 4 | client | calls SignIn with state, code and verifier |
 * | 5 | server | uses the state up, compares the verifier, exchanges the code, verifies the ID token and its nonce |
 * | 6 | server | asks the role's trust policy, and hands out a session of an hour at most |
 */

/** How long somebody may take at his provider, in milliseconds. */
const SIGN_IN_MS = 600_000

/** What a state holds, sealed under the server's key. */
interface SignInState {
  readonly id: string
  readonly accountId: string
  readonly url: string
  readonly clientId: string
  readonly redirectUri: string
  readonly nonce: string
  readonly codeChallenge: string
  readonly expiresAt: number
}

/** A provider with what signing in with it takes. */
interface Provider {
  readonly row: OidcProviderTable
  readonly signIn: SignInProviderTable
  readonly issuer: Issuer
}

export async function beginSignIn(ctx: UnsignedContext, input: BeginSignInInput): Promise<BeginSignInOutput> {
  const accountId = parseArn(input.OpenIDConnectProviderArn)?.accountId ?? ''
  const url = urlOfProvider(accountId, input.OpenIDConnectProviderArn)
  const provider = url === undefined ? undefined : await providerOf(ctx, accountId, url)
  const redirects = provider === undefined ? [] : (JSON.parse(provider.signIn.redirect_uris) as string[])
  if (provider === undefined || !redirects.includes(input.RedirectUri)) {
    throw failed('there is no such provider to sign in with, or the redirect URI is none of its own')
  }
  const state: SignInState = {
    id: randomHex(16),
    accountId,
    url: provider.row.url,
    clientId: provider.signIn.client_id,
    redirectUri: input.RedirectUri,
    nonce: randomHex(16),
    codeChallenge: input.CodeChallenge,
    expiresAt: ctx.now + SIGN_IN_MS,
  }
  const sealed = ctx.serverKey.seal('sign-in-state', 'state', Buffer.from(JSON.stringify(state)))
  const AuthorizationUrl = await atIssuer(
    ctx,
    async () => await authorizationUrl(ctx.issuers, provider.issuer, { ...state, state: sealed }),
  )
  return { AuthorizationUrl, State: sealed, ExpirationDate: new Date(state.expiresAt) }
}

/** @throws {SignInFailedException} */
export async function oidcSignIn(
  ctx: UnsignedContext,
  given: OidcCredentials,
  durationSeconds: number,
): Promise<SignInOutput> {
  const address = addressSubject(ctx.sourceIp)
  if (address !== undefined && !(await countGuess(ctx.store.db, address, ctx.now)))
    throw failed('there were too many attempts. Wait a moment')
  const state = await usedState(ctx, given)
  const provider = await providerOf(ctx, state.accountId, state.url)
  if (provider === undefined || provider.signIn.client_id !== state.clientId)
    throw failed('the provider was changed meanwhile')
  const verified = await recorded(ctx, provider, async () => await identityOf(ctx, provider, state, given))
  if (address !== undefined) await takeBack(ctx.store.db, address)
  return await openRoleSession(ctx, provider, verified, durationSeconds)
}

/** The state that BeginSignIn gave, used up; with the verifier it was begun with. */
async function usedState(ctx: UnsignedContext, given: OidcCredentials): Promise<SignInState> {
  const state = openState(ctx, given.State)
  if (state === undefined || state.expiresAt <= ctx.now)
    throw failed('the state is none of this server, or it took longer than ten minutes')
  if (!(await finishSignIn(ctx.store.db, state.id, state.expiresAt)))
    throw failed('this sign-in was finished before')
  const challenge = createHash('sha256').update(given.CodeVerifier).digest()
  const begun = Buffer.from(state.codeChallenge, 'base64url')
  if (begun.length !== challenge.length || !timingSafeEqual(begun, challenge))
    throw failed('the code verifier is not the one that it was begun with')
  return state
}

function openState(ctx: UnsignedContext, sealed: string): SignInState | undefined {
  try {
    // Sealed by beginSignIn alone, so its shape is known.
    return JSON.parse(ctx.serverKey.open('sign-in-state', 'state', sealed).toString()) as SignInState
  } catch (error) {
    if (error instanceof SealError) return undefined
    throw error
  }
}

async function providerOf(
  ctx: UnsignedContext,
  accountId: string,
  url: string,
): Promise<Provider | undefined> {
  const row = await findOidcProvider(ctx.store.db, accountId, url)
  const signIn = await findSignInProvider(ctx.store.db, accountId, url)
  if (row === undefined || signIn === undefined) return undefined
  // Taken from the provider since: it is for nobody here.
  if (!(JSON.parse(row.client_ids) as string[]).includes(signIn.client_id)) return undefined
  const issuer = {
    url: row.issuer,
    thumbprints: JSON.parse(row.thumbprints) as string[],
    isListedOnly: accountId !== ctx.server.managementAccountId,
  }
  return { row, signIn, issuer }
}

async function identityOf(
  ctx: UnsignedContext,
  { row, signIn, issuer }: Provider,
  state: SignInState,
  { Code, CodeVerifier }: OidcCredentials,
): Promise<VerifiedIdentity> {
  const { client_id: clientId, client_secret: sealed } = signIn
  const token = await exchangeCode(ctx.issuers, issuer, {
    clientId,
    clientSecret:
      sealed === null ? undefined : ctx.serverKey.open('client-secret', secretOwner(row), sealed).toString(),
    redirectUri: state.redirectUri,
    code: Code,
    codeVerifier: CodeVerifier,
  })
  if (token === undefined) throw failed('the identity provider refuses the code')
  const expected = { clientIds: [clientId], now: ctx.now, nonce: state.nonce }
  return await verifyIdToken(ctx.issuers, issuer, token, expected)
}

/** What fails with a state of our own was begun here: it is written down. */
async function recorded<T>(ctx: UnsignedContext, { row }: Provider, work: () => Promise<T>): Promise<T> {
  try {
    return await atIssuer(ctx, work)
  } catch (error) {
    if (!(error instanceof SignInFailedException)) throw error
    const { account_id: accountId } = row
    const arn = oidcProviderArn(row)
    const asked = { ...ctx, accountId, principal: { accountId, arn, uniqueId: arn } }
    const decision = { action: 'roleback:SignIn', resource: arn, effect: 'Deny', layer: 'sign-in' } as const
    await recordDecision(asked, { ...decision, reason: error.message })
    throw error
  }
}

/** Why a provider cannot be used is for the operator: strangers must not learn from it what is where. */
async function atIssuer<T>(ctx: UnsignedContext, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const isUnreachable =
      error instanceof IssuerError || (error instanceof IdTokenError && error.kind === 'unreachable')
    if (isUnreachable) {
      ctx.log.info('identity provider cannot be used', { requestId: ctx.requestId, reason: error.message })
      throw failed("the identity provider cannot be used now; the server's log says why")
    }
    if (error instanceof IdTokenError)
      throw failed(`the identity provider's token is not good: ${error.message}`)
    throw error
  }
}

async function openRoleSession(
  ctx: UnsignedContext,
  { row, signIn }: Provider,
  verified: VerifiedIdentity,
  durationSeconds: number,
): Promise<SignInOutput> {
  const { account_id: accountId, url: providerUrl } = row
  const identity: WebIdentity = { ...verified, accountId, providerUrl, providerArn: oidcProviderArn(row) }
  const assumption: WebAssumption = {
    identity,
    sessionName: sessionName(identity.subject),
    region: ctx.region,
    now: ctx.now,
    sourceIp: ctx.sourceIp,
    tags: {},
    transitiveTagKeys: [],
  }
  const role = await admittedTo(ctx, assumption, await findRoleById(ctx.store.db, signIn.role_id))
  const content = webSession(assumption, role, { durationSeconds, isSignedIn: true })
  const sealed = sealSession(ctx.serverKey, content)
  await ctx.store.transaction(async (tx) => {
    await updateRole(tx, role.role_id, { last_used_at: ctx.now, last_used_region: ctx.region })
    await insertSignInSession(tx, {
      access_key_id: sealed.accessKeyId,
      account_id: accountId,
      user_id: role.role_id,
      created_at: ctx.now,
      expires_at: content.session.expiresAt,
      source_ip: ctx.sourceIp ?? null,
      mfa: 0,
      ended_at: null,
      session_name: assumption.sessionName,
    })
  })
  return {
    Credentials: answeredCredentials(sealed, content.session.expiresAt),
    AccountId: accountId,
    PrincipalArn: `arn:aws:sts::${accountId}:assumed-role/${role.name}/${assumption.sessionName}`,
  }
}

/** The role, where its trust policy admits the subject; asked, recorded and explained as for AssumeRoleWithWebIdentity. */
async function admittedTo(
  ctx: UnsignedContext,
  assumption: WebAssumption,
  role: RoleTable | undefined,
): Promise<RoleTable> {
  if (role === undefined) throw failed('the role that the provider is set up with no longer exists')
  const { accountId } = assumption.identity
  const target = { arn: roleArn(role), accountId, role }
  const decisions = await decideWebAssumption(ctx.store.db, assumption, target)
  const asked = { ...ctx, accountId, principal: webCaller(assumption.identity) }
  const outcome = await recordAssumption(asked, target, decisions)
  if (outcome.allowed) return outcome.role
  throw new SignInFailedException(`Signing in failed: ${outcome.message}`)
}

/** The subject, where it can be a session's name; else what tells it from every other. Other claims people can choose themselves. */
function sessionName(subject: string): string {
  if (/^[\w+=,.@-]{2,64}$/.test(subject)) return subject
  return `sub-${createHash('sha256').update(subject).digest('hex').slice(0, 40)}`
}

function failed(reason: string): SignInFailedException {
  return new SignInFailedException(`Signing in failed: ${reason}`)
}
