import { contextOf, evaluate } from '../policy/evaluate.ts'
import type { PrincipalView } from '../policy/evaluate.ts'
import type { RoleTable } from '../store/schema.ts'
import type { Queryable } from '../store/store.ts'
import { tagsOf } from '../store/identity/tags.ts'
import type { AssumptionDecision, AssumptionTarget, SessionLimits } from './assume-role.ts'
import { compiledTrustPolicy } from './compiled.ts'
import type { Caller, FederatedFacts } from './principal.ts'
import { NO_ROLE } from './proposal.ts'
import type { SessionContent } from './session.ts'

/** Somebody for whom an identity provider of an account vouches, by a token that was verified. */
export interface WebIdentity {
  /** The account that has registered the provider. */
  readonly accountId: string
  readonly providerArn: string
  /** The issuer without its scheme: what its condition keys begin with. */
  readonly providerUrl: string
  readonly subject: string
  readonly audience: string
  readonly claims: Readonly<Record<string, unknown>>
}

/** His wish to work under a role. */
export interface WebAssumption {
  readonly identity: WebIdentity
  readonly sessionName: string
  readonly region: string
  readonly now: number
  readonly sourceIp: string | undefined
  /** These three come from the token. */
  readonly sourceIdentity?: string | undefined
  readonly tags: Readonly<Record<string, string>>
  readonly transitiveTagKeys: readonly string[]
}

/** Claims that are of the protocol or of one token alone: nobody writes policies with them. */
const OF_THE_TOKEN = new Set([
  'iss',
  'exp',
  'nbf',
  'iat',
  'jti',
  'nonce',
  'auth_time',
  'sid',
  'at_hash',
  'c_hash',
  's_hash',
])
/** What this server has made of claims: `https://aws.amazon.com/tags` and its like. */
const SESSION_CLAIMS = 'https://aws.amazon.com/'

/** How records and explanations call him: no account's principal, so the provider stands for him. */
export function webCaller({ accountId, providerArn, audience, subject }: WebIdentity): Caller {
  return { accountId, arn: providerArn, uniqueId: `${providerArn}:${audience}:${subject}` }
}

/**
 * Decides every action that taking on a role with a token consists of. The role's trust policy alone decides, and it must name the
 * provider.
 */
export async function decideWebAssumption(
  db: Queryable,
  assumption: WebAssumption,
  target: AssumptionTarget,
): Promise<readonly AssumptionDecision[]> {
  const trust = target.role === undefined ? NO_ROLE : compiledTrustPolicy(target.role)
  const layers = { identity: [], trust }
  const context = contextOf(await webContext(db, assumption, target))
  const actions: AssumptionDecision['action'][] = ['sts:AssumeRoleWithWebIdentity']
  if (Object.keys(assumption.tags).length > 0) actions.push('sts:TagSession')
  if (assumption.sourceIdentity !== undefined) actions.push('sts:SetSourceIdentity')
  return actions.map((action) => {
    const request = {
      principal: viewOf(assumption.identity),
      action,
      resource: target.arn,
      resourceAccountId: target.accountId,
      context,
    }
    return { action, decision: evaluate(request, layers), question: { request, layers } }
  })
}

function viewOf(identity: WebIdentity): PrincipalView {
  const { accountId, arn, uniqueId } = webCaller(identity)
  return { kind: 'web-identity', accountId, arn, uniqueId, provider: identity.providerArn }
}

async function webContext(
  db: Queryable,
  assumption: WebAssumption,
  { arn, accountId }: AssumptionTarget,
): Promise<Record<string, string | readonly string[]>> {
  const { identity, now, sourceIp, sourceIdentity } = assumption
  const context: Record<string, string | readonly string[]> = {
    ...claimKeys(identity),
    'aws:CurrentTime': new Date(now).toISOString(),
    'aws:EpochTime': String(Math.floor(now / 1000)),
    'aws:RequestedRegion': assumption.region,
    'aws:ResourceAccount': accountId,
    'aws:FederatedProvider': identity.providerArn,
    'aws:PrincipalIsAWSService': 'false',
    'aws:ViaAWSService': 'false',
    'sts:RoleSessionName': assumption.sessionName,
  }
  if (sourceIp !== undefined) context['aws:SourceIp'] = sourceIp
  if (sourceIdentity !== undefined) context['sts:SourceIdentity'] = sourceIdentity
  const tags = Object.entries(assumption.tags)
  if (tags.length > 0) context['aws:TagKeys'] = tags.map(([key]) => key)
  if (assumption.transitiveTagKeys.length > 0) context['sts:TransitiveTagKeys'] = assumption.transitiveTagKeys
  for (const [key, value] of tags) context[`aws:RequestTag/${key}`] = value
  for (const [key, value] of Object.entries(await tagsOf(db, accountId, arn))) {
    context[`aws:ResourceTag/${key}`] = value
    context[`iam:ResourceTag/${key}`] = value
  }
  return context
}

/** Names that no other claim may take in another spelling. */
const VERIFIED: readonly string[] = ['sub', 'aud', 'oaud']

/**
 * The token's claims as condition keys: `PROVIDER:aud` is the client id that the token is for, `PROVIDER:oaud` what it says in `aud`,
 * and every other claim that is a text, a number, a truth value or a list of such has its own name.
 */
function claimKeys({
  providerUrl,
  audience,
  subject,
  claims,
}: WebIdentity): Record<string, string | readonly string[]> {
  const keys: Record<string, string | readonly string[]> = {}
  const seen = new Set(VERIFIED)
  for (const [name, claim] of Object.entries(claims)) {
    if (OF_THE_TOKEN.has(name) || name.startsWith(SESSION_CLAIMS)) continue
    // Keys are compared without regard to case: a claim called "Sub" would stand for the verified one.
    const key = name.toLowerCase()
    if (name !== 'aud' && seen.has(key)) continue
    seen.add(key)
    const value = claimValue(claim)
    if (value !== undefined) keys[`${providerUrl}:${name === 'aud' ? 'oaud' : name}`] = value
  }
  // Whatever the claims are called, these two are what was verified.
  keys[`${providerUrl}:aud`] = audience
  keys[`${providerUrl}:sub`] = subject
  return keys
}

function claimValue(claim: unknown): string | readonly string[] | undefined {
  if (!Array.isArray(claim)) return scalar(claim)
  const texts = claim.map(scalar)
  return texts.every((text) => text !== undefined) ? texts : undefined
}

function scalar(claim: unknown): string | undefined {
  if (typeof claim === 'string') return claim
  return typeof claim === 'number' || typeof claim === 'boolean' ? String(claim) : undefined
}

/** The session that an allowed assumption leads to, ready to be sealed. */
export function webSession(
  assumption: WebAssumption,
  role: RoleTable,
  limits: SessionLimits & { readonly isSignedIn?: boolean },
): Omit<SessionContent, 'secretAccessKey'> {
  const { identity, now, sessionName, tags, transitiveTagKeys, sourceIdentity } = assumption
  return {
    kind: 'assumed-role',
    accountId: role.account_id,
    identityId: role.role_id,
    tags,
    session: {
      name: sessionName,
      issuedAt: now,
      expiresAt: now + limits.durationSeconds * 1000,
      policies: limits.policies,
      policyArns: limits.policyArns,
      transitiveTagKeys,
      sourceIdentity,
      mfaAuthenticated: false,
      federated: federatedFacts(identity),
      ...(limits.isSignedIn === true && { isSignedIn: true }),
    },
  }
}

/** What stays known of the token in its session (IAM User Guide, "Available keys for AWS OIDC federation"). */
function federatedFacts(identity: WebIdentity): FederatedFacts {
  const kept = ['aud', 'sub', 'amr'].map((name) => `${identity.providerUrl}:${name}`.toLowerCase())
  const keys = Object.entries(claimKeys(identity)).filter(([key]) => kept.includes(key.toLowerCase()))
  return { provider: identity.providerArn, keys: Object.fromEntries(keys) }
}
