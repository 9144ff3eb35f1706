import type { PrincipalView } from '../policy/evaluate.ts'
import type { Principal } from './principal.ts'

/** Facts of one request beside its principal. */
export interface RequestFacts {
  /** The region that the request is for: `aws:RequestedRegion`. */
  readonly region: string
  readonly now: number
  /** Account that owns the resource. */
  readonly resourceAccountId: string
  readonly sourceIp?: string | undefined
  readonly isSecure?: boolean | undefined
  readonly userAgent?: string | undefined
}

/** The global condition keys that every decision has (docs/condition-keys.md). */
export function requestContext(
  principal: Principal,
  facts: RequestFacts,
): Record<string, string | readonly string[]> {
  const context: Record<string, string | readonly string[]> = {
    'aws:CurrentTime': new Date(facts.now).toISOString(),
    'aws:EpochTime': String(Math.floor(facts.now / 1000)),
    'aws:RequestedRegion': facts.region,
    'aws:ResourceAccount': facts.resourceAccountId,
    'aws:PrincipalAccount': principal.accountId,
    'aws:PrincipalArn': principal.roleArn ?? principal.arn,
    'aws:PrincipalType': principalType(principal),
    'aws:PrincipalIsAWSService': String(principal.kind === 'service'),
    'aws:ViaAWSService': 'false',
    'aws:userid': principal.uniqueId,
  }
  if (principal.userArn !== undefined && principal.identityId !== undefined)
    context['roleback:FederatedBy'] = principal.identityId
  if (principal.userName !== undefined) context['aws:username'] = principal.userName
  if (facts.sourceIp !== undefined) context['aws:SourceIp'] = facts.sourceIp
  if (facts.userAgent !== undefined) context['aws:UserAgent'] = facts.userAgent
  if (facts.isSecure !== undefined) context['aws:SecureTransport'] = String(facts.isSecure)
  for (const [key, value] of Object.entries(principal.tags)) context[`aws:PrincipalTag/${key}`] = value
  const session = principal.session
  if (session !== undefined) {
    context['aws:TokenIssueTime'] = new Date(session.issuedAt).toISOString()
    if (session.mfaAuthenticated !== undefined)
      context['aws:MultiFactorAuthPresent'] = String(session.mfaAuthenticated)
    if (session.mfaAt !== undefined) context['aws:MultiFactorAuthAge'] = mfaAge(session.mfaAt, facts.now)
    if (session.sourceIdentity !== undefined) context['aws:SourceIdentity'] = session.sourceIdentity
    if (session.federated !== undefined) {
      context['aws:FederatedProvider'] = session.federated.provider
      Object.assign(context, session.federated.keys)
    }
  }
  return context
}

/** Condition keys of the tags that something has: `aws:ResourceTag/KEY`. */
export function resourceTagKeys(tags: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(tags).map(([key, value]) => [`aws:ResourceTag/${key}`, value]))
}

/** Whole seconds; a clock that was set back does not make it negative. */
function mfaAge(mfaAt: number, now: number): string {
  return String(Math.max(0, Math.floor((now - mfaAt) / 1000)))
}

function principalType(principal: Principal): string {
  switch (principal.kind) {
    case 'root':
      return 'Account'
    case 'user':
      return 'User'
    case 'assumed-role':
      return 'AssumedRole'
    case 'federated-user':
      return 'FederatedUser'
    case 'service':
      return 'Service'
  }
}

/** The principal as the policy engine looks at it. */
export function principalView(principal: Principal): PrincipalView {
  return {
    kind: principal.kind,
    arn: principal.arn,
    accountId: principal.accountId,
    uniqueId: principal.uniqueId,
    ...(principal.roleArn !== undefined && { roleArn: principal.roleArn }),
    ...(principal.kind === 'assumed-role' &&
      principal.identityId !== undefined && { roleId: principal.identityId }),
    ...(principal.userArn !== undefined && { userArn: principal.userArn, userId: principal.identityId }),
    ...(principal.service !== undefined && { service: principal.service }),
  }
}
