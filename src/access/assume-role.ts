import { contextOf, evaluate } from '../policy/evaluate.ts'
import type { Decision, PolicyLayers } from '../policy/evaluate.ts'
import type { RoleTable } from '../store/schema.ts'
import type { Queryable } from '../store/store.ts'
import { tagsOf } from '../store/identity/tags.ts'
import type { Tags } from '../store/identity/tags.ts'
import { compiledTrustPolicy } from './compiled.ts'
import { NO_ROLE } from './proposal.ts'
import { layersOf } from './layers.ts'
import type { Principal } from './principal.ts'
import type { Question } from './proposal.ts'
import { principalView, requestContext } from './request-context.ts'
import { keyEnd, sessionEnd } from './session.ts'
import type { SessionContent } from './session.ts'

/** A caller's wish to work under a role. */
export interface AssumptionRequest {
  readonly principal: Principal
  readonly sessionName: string
  readonly region: string
  readonly now: number
  readonly sourceIp: string | undefined
  readonly externalId?: string | undefined
  /** A code of one of the caller's MFA devices came with the call, and was right. */
  readonly isMfaGiven?: boolean | undefined
  /** Asked for now; a chained session keeps the one it has. */
  readonly sourceIdentity?: string | undefined
  /** Session tags: those passed now and those inherited through role chaining. */
  readonly tags: Readonly<Record<string, string>>
  readonly transitiveTagKeys: readonly string[]
}

export interface RoleAssumption extends AssumptionRequest {
  readonly role: RoleTable
}

/** The role that is asked for; one that is not there admits nobody. */
export interface AssumptionTarget {
  readonly arn: string
  readonly accountId: string
  readonly role: RoleTable | undefined
}

export interface AssumptionDecision {
  readonly action:
    | 'sts:AssumeRole'
    | 'sts:AssumeRoleWithWebIdentity'
    | 'sts:TagSession'
    | 'sts:SetSourceIdentity'
  readonly decision: Decision
  readonly question: Question
}

/**
 * Decides every action that an AssumeRole call consists of, in AWS's order; it may go on only when all are allowed. Each needs
 * the role's trust policy to name the caller, and, across accounts or where it names but the account, the caller's own policies.
 */
export async function decideAssumption(
  db: Queryable,
  assumption: AssumptionRequest,
  target: AssumptionTarget,
): Promise<readonly AssumptionDecision[]> {
  const own = await layersOf(db, assumption.principal)
  const tags = await tagsOf(db, target.accountId, target.arn)
  const actions: AssumptionDecision['action'][] = ['sts:AssumeRole']
  if (Object.keys(assumption.tags).length > 0) actions.push('sts:TagSession')
  if (assumption.sourceIdentity !== undefined) actions.push('sts:SetSourceIdentity')
  return actions.map((action) => {
    const question = assumptionQuestion(assumption, target, action, { own, tags })
    return { action, decision: evaluate(question.request, question.layers), question }
  })
}

/** One of those questions: the caller's own policies and the role's trust policy, and the role's tags. */
export function assumptionQuestion(
  assumption: AssumptionRequest,
  target: AssumptionTarget,
  action: AssumptionDecision['action'],
  { own, tags }: { readonly own: PolicyLayers; readonly tags: Tags },
): Question {
  const trust = target.role === undefined ? NO_ROLE : compiledTrustPolicy(target.role)
  return {
    request: {
      principal: principalView(assumption.principal),
      action,
      resource: target.arn,
      resourceAccountId: target.accountId,
      context: contextOf(assumptionContext(assumption, target, tags)),
    },
    layers: { ...own, trust },
  }
}

function assumptionContext(
  assumption: AssumptionRequest,
  target: AssumptionTarget,
  tags: Tags,
): Record<string, string | readonly string[]> {
  const { principal, region, now, sourceIp } = assumption
  const context = requestContext(principal, { region, now, sourceIp, resourceAccountId: target.accountId })
  context['sts:RoleSessionName'] = assumption.sessionName
  if (assumption.isMfaGiven === true) {
    context['aws:MultiFactorAuthPresent'] = 'true'
    context['aws:MultiFactorAuthAge'] = '0'
  }
  if (assumption.externalId !== undefined) context['sts:ExternalId'] = assumption.externalId
  if (assumption.sourceIdentity !== undefined) context['sts:SourceIdentity'] = assumption.sourceIdentity
  const keys = Object.keys(assumption.tags)
  if (keys.length > 0) context['aws:TagKeys'] = keys
  if (assumption.transitiveTagKeys.length > 0) context['sts:TransitiveTagKeys'] = assumption.transitiveTagKeys
  for (const [key, value] of Object.entries(assumption.tags)) context[`aws:RequestTag/${key}`] = value
  for (const [key, value] of Object.entries(tags)) {
    context[`aws:ResourceTag/${key}`] = value
    context[`iam:ResourceTag/${key}`] = value
  }
  return context
}

/** What narrows a session, and how long it lives. */
export interface SessionLimits {
  readonly policies?: readonly string[] | undefined
  readonly policyArns?: readonly string[] | undefined
  readonly durationSeconds: number
}

/** The session that an allowed assumption leads to, ready to be sealed. */
export function roleSession(
  assumption: RoleAssumption,
  limits: SessionLimits,
): Omit<SessionContent, 'secretAccessKey'> {
  const { principal, role, now } = assumption
  return {
    kind: 'assumed-role',
    accountId: role.account_id,
    identityId: role.role_id,
    tags: assumption.tags,
    session: {
      name: assumption.sessionName,
      issuedAt: now,
      expiresAt: sessionEnd(principal, now, limits.durationSeconds),
      endsWithKeyAt: keyEnd(principal),
      policies: limits.policies,
      policyArns: limits.policyArns,
      transitiveTagKeys: assumption.transitiveTagKeys,
      sourceIdentity: assumption.sourceIdentity,
      mfaAuthenticated: false,
      isChained: principal.kind === 'assumed-role',
    },
  }
}
