import { principalView } from '../access/request-context.ts'
import type { EvaluationResult, ResourceSpecificResult, Statement } from '../aws/generated/iam.ts'
import { compilePolicy } from '../policy/compile.ts'
import type { CompiledPolicy, PolicySource, StatementRef } from '../policy/compile.ts'
import type { ConditionContext } from '../policy/context.ts'
import { contextOf, evaluate } from '../policy/evaluate.ts'
import type { AuthorizationRequest, Decision, PolicyLayers } from '../policy/evaluate.ts'
import { parsePolicy } from '../policy/parse.ts'
import { statementPositions } from '../policy/positions.ts'
import type { StatementPosition } from '../policy/positions.ts'
import { missingKeys } from './simulate-context.ts'
import type { SimulatedPolicy } from './simulate-policies.ts'
import type { SimulatedCaller } from './simulate-principals.ts'

/** Everything that decides a simulation but action and resource. */
export interface Simulation {
  readonly caller: SimulatedCaller
  readonly identity: readonly SimulatedPolicy[]
  /** Undefined where nothing bounds. */
  readonly boundary: readonly SimulatedPolicy[] | undefined
  /** Service control policies, a list a level from the organization's root; undefined where there is no organization. */
  readonly organization: readonly (readonly SimulatedPolicy[])[] | undefined
  /** Statement positions by policy, found once. */
  readonly positions: Map<SimulatedPolicy, readonly StatementPosition[]>
}

/** One resource of a simulation. */
export interface SimulatedResource {
  /** An ARN, or `*`. */
  readonly arn: string
  readonly accountId: string
  readonly context: ConditionContext
  /** Its policy, as far as the simulation knows one. */
  readonly policy: SimulatedPolicy | undefined
  /** The trust policy of a role; bears on sts:AssumeRole* alone. */
  readonly trust: SimulatedPolicy | undefined
  /** Where a role is passed: whether the service it is passed to could assume it then. */
  readonly passing?: Passing | undefined
}

/** The step behind iam:PassRole, which AWS's simulator leaves out. */
export interface Passing {
  readonly trust: SimulatedPolicy
  /** Such as `backup.amazonaws.com`: what `iam:PassedToService` says. */
  readonly service: string
}

type EvalDecision = EvaluationResult['EvalDecision']

/** What one action on one resource comes to. */
export interface Outcome {
  readonly result: ResourceSpecificResult & {
    readonly MatchedStatements: readonly Statement[]
    readonly MissingContextValues: readonly string[]
  }
  /** Undefined where there is no organization. */
  readonly isAllowedByOrganization: boolean | undefined
}

const EFFECTS = { Allow: 'allowed', ExplicitDeny: 'explicitDeny', ImplicitDeny: 'implicitDeny' } as const

/**
 * Decides one action on one resource as the server would. Where the resource belongs to another account and its policy is not
 * given, that account's side is unknown and left out, as AWS does: an Allow is then the caller's side only.
 */
export function simulate(simulation: Simulation, action: string, resource: SimulatedResource): Outcome {
  const { caller, identity, boundary } = simulation
  const policy = resource.policy ?? (isAssumption(action) ? resource.trust : undefined)
  const isCrossAccount = policy !== undefined && resource.accountId !== caller.principal.accountId
  const request: AuthorizationRequest = {
    principal: principalView(caller.principal),
    action,
    resource: resource.arn,
    resourceAccountId: isCrossAccount ? resource.accountId : caller.principal.accountId,
    context: resource.context,
  }
  const layers: PolicyLayers = {
    identity: compiled(identity),
    ...(boundary !== undefined && { boundary: compiled(boundary) }),
    ...(policy !== undefined && layerOf(policy)),
  }
  const involved = [...identity, ...(boundary ?? []), ...(policy === undefined ? [] : [policy])]
  const shared = {
    EvalResourceName: resource.arn,
    MissingContextValues: missingKeys(involved, {
      action,
      resource: resource.arn,
      context: resource.context,
    }),
    ...(boundary !== undefined && {
      PermissionsBoundaryDecisionDetail: {
        AllowedByPermissionsBoundary: evaluateAlone(request, compiled(boundary)).allowed,
      },
    }),
  }
  const organization = decideOrganization(simulation, request)
  if (organization !== undefined && !organization.allowed) {
    const EvalResourceDecision = EFFECTS[organization.effect]
    return {
      result: { ...shared, EvalResourceDecision, MatchedStatements: [] },
      isAllowedByOrganization: false,
    }
  }
  const decision = evaluate(request, layers)
  const result = {
    ...shared,
    EvalResourceDecision: EFFECTS[decision.effect],
    MatchedStatements: decision.statements.map((ref) => statementMember(simulation, involved, ref)),
    EvalDecisionDetails: {
      ...(isCrossAccount && detailsOf(request, layers)),
      ...(isPassing(action, resource) && { [ROLE_TRUST]: decidePassing(resource, resource.passing) }),
    },
  }
  return { result, isAllowedByOrganization: organization?.allowed }
}

/** What EvalDecisionDetails calls it; the decision on iam:PassRole itself is the caller's policies' alone, as at the gate. */
const ROLE_TRUST = 'Role Trust Policy'

function isPassing(
  action: string,
  resource: SimulatedResource,
): resource is SimulatedResource & { readonly passing: Passing } {
  return resource.passing !== undefined && action.toLowerCase() === 'iam:passrole'
}

/** Whether the service may assume the role, as a job that is given it will ask (access/assume.ts). */
function decidePassing(
  { arn, accountId, context }: SimulatedResource,
  { trust, service }: Passing,
): EvalDecision {
  const ofService = new Map<string, string | readonly string[]>([
    ['aws:sourceaccount', accountId],
    ...[...context].filter(([key]) => !key.startsWith('aws:principal') && !/^aws:user(?:id|name)$/.test(key)),
    ['aws:principalisawsservice', 'true'],
    ['aws:principalservicename', service],
  ])
  const decision = evaluate(
    {
      principal: { kind: 'service', arn: service, accountId, uniqueId: service, service },
      action: 'sts:AssumeRole',
      resource: arn,
      resourceAccountId: accountId,
      context: contextOf(Object.fromEntries(ofService)),
    },
    { identity: [], trust: trust.compiled },
  )
  return EFFECTS[decision.effect]
}

const ASSUMPTION = /^sts:(?:AssumeRole\w*|TagSession|SetSourceIdentity)$/i

/** What a role's trust policy decides with. */
export function isAssumption(action: string): boolean {
  return ASSUMPTION.test(action)
}

function compiled(policies: readonly SimulatedPolicy[]): CompiledPolicy[] {
  return policies.map((policy) => policy.compiled)
}

function layerOf({ compiled: policy }: SimulatedPolicy): Pick<PolicyLayers, 'resource' | 'trust'> {
  return policy.kind === 'trust' ? { trust: policy } : { resource: policy }
}

/** By these policies alone, as within one account. */
function evaluateAlone(request: AuthorizationRequest, identity: readonly CompiledPolicy[]): Decision {
  return evaluate({ ...request, resourceAccountId: undefined }, { identity })
}

/** Every level must allow; undefined without an organization. */
function decideOrganization(simulation: Simulation, request: AuthorizationRequest): Decision | undefined {
  const decisions = simulation.organization?.map((level) => evaluateAlone(request, compiled(level))) ?? []
  return (
    decisions.find(({ effect }) => effect === 'ExplicitDeny') ??
    decisions.find(({ allowed }) => !allowed) ??
    decisions[0]
  )
}

const EVERYTHING = compilePolicy(
  parsePolicy(
    '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}',
    'identity',
  ),
  { type: 'inline', name: 'everything' },
)

/** Both sides of a request across accounts, each as if the other allowed everything. */
function detailsOf(request: AuthorizationRequest, layers: PolicyLayers): Record<string, EvalDecision> {
  const own = evaluate(
    { ...request, resourceAccountId: undefined },
    { identity: layers.identity, ...(layers.boundary !== undefined && { boundary: layers.boundary }) },
  )
  // A boundary that allows everything, since a Deny with NotPrincipal asks whether there is one.
  const boundary = layers.boundary === undefined ? {} : { boundary: [EVERYTHING] }
  const other = evaluate(request, { ...layers, identity: [EVERYTHING], ...boundary })
  return { 'IAM Policy': EFFECTS[own.effect], 'Resource Policy': EFFECTS[other.effect] }
}

function statementMember(
  { positions }: Simulation,
  involved: readonly SimulatedPolicy[],
  ref: StatementRef,
): Statement {
  const policy = policyOf(involved, ref.policy)
  if (policy === undefined) return { SourcePolicyId: ref.policy.name, SourcePolicyType: 'none' }
  const known = positions.get(policy) ?? statementPositions(policy.document)
  positions.set(policy, known)
  const position = known[ref.index]
  return {
    SourcePolicyId: policy.id,
    SourcePolicyType: policy.type,
    StartPosition: position?.start,
    EndPosition: position?.end,
  }
}

function policyOf(involved: readonly SimulatedPolicy[], source: PolicySource): SimulatedPolicy | undefined {
  return involved.find((policy) => policy.compiled.source === source)
}

const STRICTNESS: Readonly<Record<EvalDecision, number>> = { allowed: 0, implicitDeny: 1, explicitDeny: 2 }

/**
 * One action over all its resources, as AWS answers since 2026: on top the strictest decision with what led to it, below it each
 * resource. AWS names the form of the action's ARNs on top; here it is the resource, or `*` for several.
 */
export function aggregate(action: string, outcomes: readonly Outcome[]): EvaluationResult {
  const results = outcomes.map((outcome) => outcome.result)
  const decision = strictest(results.map((result) => result.EvalResourceDecision))
  const decisive = results.filter((result) => result.EvalResourceDecision === decision)
  const [only] = results
  const isSpecific = results.some((result) => result.EvalResourceName !== '*')
  const bounded = results.flatMap(({ PermissionsBoundaryDecisionDetail: detail }) => detail ?? [])
  const organized = outcomes.flatMap(({ isAllowedByOrganization: isAllowed }) => isAllowed ?? [])
  return {
    EvalActionName: action,
    EvalResourceName: results.length === 1 && only !== undefined ? only.EvalResourceName : '*',
    EvalDecision: decision,
    MatchedStatements: distinct(decisive.flatMap((result) => result.MatchedStatements)),
    MissingContextValues: [...new Set(results.flatMap((result) => result.MissingContextValues))],
    ...(bounded.length > 0 && {
      PermissionsBoundaryDecisionDetail: {
        AllowedByPermissionsBoundary: bounded.every((detail) => detail.AllowedByPermissionsBoundary === true),
      },
    }),
    ...(organized.length > 0 && {
      OrganizationsDecisionDetail: { AllowedByOrganizations: organized.every((isAllowed) => isAllowed) },
    }),
    ...(isSpecific && { EvalDecisionDetails: mergedDetails(results), ResourceSpecificResults: results }),
  }
}

function strictest(decisions: readonly EvalDecision[]): EvalDecision {
  return decisions.reduce((worst, each) => (STRICTNESS[each] > STRICTNESS[worst] ? each : worst), 'allowed')
}

function mergedDetails(results: readonly ResourceSpecificResult[]): Record<string, EvalDecision> {
  const merged: Record<string, EvalDecision> = {}
  for (const { EvalDecisionDetails } of results) {
    for (const [type, decision] of Object.entries(EvalDecisionDetails ?? {})) {
      merged[type] = strictest([merged[type] ?? 'allowed', decision])
    }
  }
  return merged
}

function distinct(statements: readonly Statement[]): Statement[] {
  return [...new Map(statements.map((statement) => [JSON.stringify(statement), statement])).values()]
}
