import { candidatesFor, refOf } from './compile.ts'
import type { CompiledPolicy, CompiledStatement, StatementRef } from './compile.ts'
import type { AuthorizationRequest, Decision, DecisionLayer, Explanation, PolicyLayers } from './decision.ts'
import { nearMisses } from './near.ts'
import { ACCOUNT, FULL, NOT_NAMED, ROLE, USER } from './principals.ts'
import type { Grade } from './principals.ts'
import { allowedReason, explicitReason, implicitReason, ROOT_CANNOT_ASSUME, UNDENIABLE } from './reasons.ts'

export { contextOf } from './context.ts'
export type { AuthorizationRequest, Decision, Explanation, PolicyLayers, PrincipalView } from './decision.ts'

/**
 * Decides one request. An explicit Deny in any layer wins; then, within one account, identity policies or the
 * resource's policy must allow, across accounts both; boundary and session policy only ever take away. A role's trust
 * policy must name the principal even within the account. Who escapes boundary and session: see principals.ts.
 *
 * Root needs no Allow in its own account and has neither boundary nor session, but a resource's Deny binds it, and it
 * cannot assume roles. sts:GetCallerIdentity cannot be denied to anybody who signed.
 */
export function evaluate(request: AuthorizationRequest, layers: PolicyLayers): Decision {
  const action = request.action.toLowerCase()
  const { kind } = request.principal
  if (action === 'sts:getcalleridentity' && kind !== 'anonymous') return allow('identity', NONE, UNDENIABLE)
  const isRoot = kind === 'root'
  const hasIdentity = kind === 'user' || kind === 'assumed-role' || kind === 'federated-user'
  const identity = hasIdentity ? scan(layers.identity, action, request) : NOTHING
  const resource = scanResource(action, request, layers)
  const boundary = hasIdentity ? scanLimit(layers.boundary, action, request) : UNLIMITED
  // A federated user has what the session policy gives it out of the user's rights; without one that is nothing.
  const sessionPolicies = kind === 'federated-user' ? (layers.session ?? []) : layers.session
  const session = hasIdentity ? scanLimit(sessionPolicies, action, request) : UNLIMITED
  if (
    identity.denies !== NONE ||
    resource.denies !== NONE ||
    boundary.denies !== NONE ||
    session.denies !== NONE
  ) {
    return denyExplicitly(identity, resource, boundary, session)
  }
  if (isRoot && action === 'sts:assumerole') return denyImplicitly('root', ROOT_CANNOT_ASSUME)

  const isTrust = layers.trust !== undefined
  const isSameAccount = belongsToCaller(request)
  if (isRoot && isSameAccount) return allow('root', NONE, allowedReason('root', NONE))
  if (!hasIdentity || isRoot) {
    if (resource.grade !== NOT_NAMED)
      return allow('resource', resource.allows, allowedReason('resource', resource.allows))
    return refuse('resource', request, isTrust)
  }
  if (isSameAccount) {
    // What limits a key limits whoever holds it: it binds an Allow for everybody, too.
    if (resource.grade === FULL && layers.isSessionStrict === true)
      return limit(request, isTrust, UNLIMITED, session, 'resource', resource.allows)
    return decideWithin(request, isTrust, identity, resource, boundary, session)
  }
  if (identity.allows === NONE) return refuse('identity', request, isTrust)
  if (resource.grade === NOT_NAMED) return refuse('resource', request, isTrust)
  return limit(request, isTrust, boundary, session, 'resource', [...identity.allows, ...resource.allows])
}

/**
 * Decides like evaluate and adds the statements that nearly applied: their action matched, another element did not.
 * Slower by far than evaluate; meant for the refusal a person is looking at.
 */
export function explain(request: AuthorizationRequest, layers: PolicyLayers): Explanation {
  return { ...evaluate(request, layers), near: nearMisses(request, layers) }
}

/** What one layer says. */
type Verdict = {
  allows: readonly StatementRef[]
  denies: readonly StatementRef[]
  grade: Grade
  limits: boolean
}

const NONE: readonly StatementRef[] = Object.freeze([])
const NOTHING: Verdict = Object.freeze({ allows: NONE, denies: NONE, grade: NOT_NAMED, limits: false })
const UNLIMITED = NOTHING

function decideWithin(
  request: AuthorizationRequest,
  isTrust: boolean,
  identity: Verdict,
  resource: Verdict,
  boundary: Verdict,
  session: Verdict,
): Decision {
  const { grade } = resource
  if (grade === FULL) return allow('resource', resource.allows, allowedReason('resource', resource.allows))
  if (grade === USER) return limit(request, isTrust, UNLIMITED, session, 'resource', resource.allows)
  if (grade === ROLE) return limit(request, isTrust, boundary, session, 'resource', resource.allows)
  if (isTrust && grade !== ACCOUNT) return refuse('resource', request, isTrust)
  if (identity.allows === NONE) return refuse('identity', request, isTrust)
  return limit(request, isTrust, boundary, session, 'identity', identity.allows)
}

/** The last step of an Allow: boundary and session must have one too, where they limit. */
function limit(
  request: AuthorizationRequest,
  isTrust: boolean,
  boundary: Verdict,
  session: Verdict,
  layer: DecisionLayer,
  allows: readonly StatementRef[],
): Decision {
  if (boundary.limits && boundary.allows === NONE) return refuse('boundary', request, isTrust)
  if (session.limits && session.allows === NONE) return refuse('session', request, isTrust)
  return allow(layer, allows, allowedReason(layer, allows))
}

function allow(layer: DecisionLayer, statements: readonly StatementRef[], reason: string): Decision {
  return { allowed: true, effect: 'Allow', layer, statements, reason }
}

function refuse(layer: DecisionLayer, request: AuthorizationRequest, isTrust: boolean): Decision {
  return denyImplicitly(layer, implicitReason(layer, request.action, isTrust))
}

function denyImplicitly(layer: DecisionLayer, reason: string): Decision {
  return { allowed: false, effect: 'ImplicitDeny', layer, statements: NONE, reason }
}

function denyExplicitly(identity: Verdict, resource: Verdict, boundary: Verdict, session: Verdict): Decision {
  const layer =
    identity.denies !== NONE
      ? 'identity'
      : resource.denies !== NONE
        ? 'resource'
        : boundary.denies !== NONE
          ? 'boundary'
          : 'session'
  const statements = [...identity.denies, ...resource.denies, ...boundary.denies, ...session.denies]
  return {
    allowed: false,
    effect: 'ExplicitDeny',
    layer,
    statements,
    reason: explicitReason(layer, statements[0]),
  }
}

/** AWS's own managed policies belong to no customer: they can be read, and changing them is another account's matter. */
function belongsToCaller(request: AuthorizationRequest): boolean {
  const { resourceAccountId, principal, resource, action } = request
  if (
    resourceAccountId !== undefined &&
    resourceAccountId !== principal.accountId &&
    resourceAccountId !== 'aws'
  ) {
    return false
  }
  if (!AWS_MANAGED.test(resource)) return true
  return !CHANGES_POLICY.test(action)
}

const AWS_MANAGED = /^arn:[^:]*:iam::aws:policy\//
const CHANGES_POLICY =
  /^iam:(?:DeletePolicy|CreatePolicyVersion|DeletePolicyVersion|SetDefaultPolicyVersion|TagPolicy|UntagPolicy)$/i

/** Boundary or session: if there is one it limits, even if it is empty. */
function scanLimit(
  policies: readonly CompiledPolicy[] | undefined,
  action: string,
  request: AuthorizationRequest,
): Verdict {
  if (policies === undefined) return UNLIMITED
  const verdict = scan(policies, action, request)
  verdict.limits = true
  return verdict
}

function scan(policies: readonly CompiledPolicy[], action: string, request: AuthorizationRequest): Verdict {
  const { resource, context } = request
  let allows: StatementRef[] | undefined
  let denies: StatementRef[] | undefined
  for (let p = 0; p < policies.length; p++) {
    const policy = policies[p]!
    const candidates = candidatesFor(policy, action)
    for (let c = 0; c < candidates.length; c++) {
      const { statement, matchesAction } = candidates[c]!
      if (matchesAction !== undefined && !matchesAction(action)) continue
      if (!applies(statement, resource, context)) continue
      if (statement.isDeny) {
        if (denies === undefined) denies = [refOf(policy, statement)]
        else denies.push(refOf(policy, statement))
      } else if (allows === undefined) allows = [refOf(policy, statement)]
      else allows.push(refOf(policy, statement))
    }
  }
  return { allows: allows ?? NONE, denies: denies ?? NONE, grade: NOT_NAMED, limits: false }
}

function applies(
  statement: CompiledStatement,
  resource: string,
  context: AuthorizationRequest['context'],
): boolean {
  if (statement.matchesResource !== undefined && !statement.matchesResource(resource, context)) return false
  const { conditions } = statement
  for (let i = 0; i < conditions.length; i++) if (!conditions[i]!.isMet(context)) return false
  return true
}

/** The resource's policy and the trust policy; of the Allows that apply, the closest naming counts. */
function scanResource(action: string, request: AuthorizationRequest, layers: PolicyLayers): Verdict {
  const verdict: Verdict = { allows: NONE, denies: NONE, grade: NOT_NAMED, limits: false }
  for (const policy of [layers.resource, layers.trust]) {
    if (policy === undefined || isOutOfScope(policy, action)) continue
    for (const { statement, matchesAction } of candidatesFor(policy, action)) {
      if (matchesAction !== undefined && !matchesAction(action)) continue
      const grade = statement.gradePrincipal(request.principal, layers.boundary !== undefined)
      if (grade === NOT_NAMED || !applies(statement, request.resource, request.context)) continue
      if (statement.isDeny) verdict.denies = [...verdict.denies, refOf(policy, statement)]
      else if (isGrantable(policy, action, request)) {
        verdict.allows = [...verdict.allows, refOf(policy, statement)]
        if (grade > verdict.grade) verdict.grade = grade
      }
    }
  }
  return verdict
}

/** A vault's access policy governs AWS Backup's operations and nothing else that touches the vault's resources. */
function isOutOfScope(policy: CompiledPolicy, action: string): boolean {
  return policy.kind === 'vault' && !action.startsWith('backup:')
}

/** Across accounts a vault's access policy can grant copying into the vault, and AWS rejects the rest whatever it says. */
function isGrantable(policy: CompiledPolicy, action: string, request: AuthorizationRequest): boolean {
  if (policy.kind !== 'vault' || action === 'backup:copyintobackupvault') return true
  const { accountId } = request.principal
  return request.resourceAccountId === undefined || request.resourceAccountId === accountId
}
