import type { DenialDetails, ExplainedPolicy, LayerName, MatchedStatement } from '../access/explain.ts'
import { openPage, sealPage } from '../access/page-token.ts'
import { showPrincipals } from '../access/principal-ids.ts'
import { ResourceNotFoundException, ValidationException } from '../aws/generated/iam-toolbox.ts'
import type {
  Evaluation,
  GetRequestAuthorizationDetailsInput,
  GetRequestAuthorizationDetailsOutput,
  GetRequestAuthorizationPolicyInput,
  GetRequestAuthorizationPolicyOutput,
  IamToolboxApi,
  MatchedPolicy,
  PolicyInfo,
} from '../aws/generated/iam-toolbox.ts'
import type { Service } from '../aws/operation.ts'
import type { Context } from '../context.ts'
import { listDecisions } from '../store/audit/decisions.ts'
import { findDenial, findDenialPolicy } from '../store/audit/denials.ts'
import type { JobDecisionTable } from '../store/audit/schema-decisions.ts'
import type { DenialTable } from '../store/audit/schema-denials.ts'

/**
 * AWS's own contract for "why was this denied?" (IAM Toolbox, preview, 2026): what was kept of a refusal, to those of the account that
 * it is kept in. A refused request is its evaluations up to the refusal; a refused job also everything else it asked for.
 */
export const iamToolbox: Service<IamToolboxApi, Context> = {
  GetRequestAuthorizationDetails: { resource: () => '*', handler: getRequestAuthorizationDetails },
  GetRequestAuthorizationPolicy: { resource: () => '*', handler: getRequestAuthorizationPolicy },
}

/** Decisions of a job on one page. */
const PAGE = 100

async function getRequestAuthorizationDetails(
  ctx: Context,
  { authorizationId, nextToken }: GetRequestAuthorizationDetailsInput,
): Promise<GetRequestAuthorizationDetailsOutput> {
  const row = await denialNamed(ctx, authorizationId)
  const owner = { accountId: ctx.accountId, list: `GetRequestAuthorizationDetails ${row.id}` }
  const after = nextToken === undefined ? undefined : openPage(ctx.serverKey, owner, nextToken)
  if (nextToken !== undefined && after === undefined) {
    throw new ValidationException('nextToken is not one that was given for this authorization id')
  }
  const context = read(row, 'context')
  const policies = read(row, 'policies')
  const page = await evaluationsOf(ctx, row, after)
  return {
    requestContext: context,
    evaluations: page.evaluations,
    policies: policies.map((policy) => policyInfo(row, context, policy)),
    nextToken: page.next === undefined ? undefined : sealPage(ctx.serverKey, owner, page.next),
  }
}

async function getRequestAuthorizationPolicy(
  ctx: Context,
  { authorizationId, policyUri }: GetRequestAuthorizationPolicyInput,
): Promise<GetRequestAuthorizationPolicyOutput> {
  const row = await denialNamed(ctx, authorizationId)
  const policy = read(row, 'policies').find(({ uri }) => uri === policyUri)
  const text =
    policy?.digest === undefined
      ? undefined
      : await findDenialPolicy(ctx.store.db, ctx.accountId, policy.digest)
  if (policy === undefined || text === undefined) {
    throw new ResourceNotFoundException(
      `No policy "${policyUri}" was kept with the authorization ${authorizationId}; GetRequestAuthorizationDetails lists those that were`,
    )
  }
  // Trust policies are kept with unique ids for principals.
  const shown = policy.layer === 'trust' ? await showPrincipals(ctx.store.db, text) : text
  return { policyDocument: JSON.parse(shown) as unknown }
}

async function denialNamed(ctx: Context, id: string): Promise<DenialTable> {
  const row = await findDenial(ctx.store.db, ctx.accountId, id)
  if (row === undefined) {
    throw new ResourceNotFoundException(
      `Cannot find the authorization "${id}" in this account: refusals can be explained for 90 days, by those of the account that was refused`,
    )
  }
  return row
}

interface EvaluationPage {
  readonly evaluations: readonly Evaluation[]
  readonly next: readonly string[] | undefined
}

/** The refused request's own first; of a job, its record follows in pages. */
async function evaluationsOf(
  ctx: Context,
  row: DenialTable,
  after: readonly string[] | undefined,
): Promise<EvaluationPage> {
  if (after === undefined) {
    const own = read(row, 'evaluations').map(({ action, resource, effect, matched }) => ({
      action,
      resource,
      evaluatedEffect: EFFECTS[effect],
      matchedPolicies: matchedPolicies(matched),
    }))
    return { evaluations: own, next: row.job_id === null ? undefined : ['0'] }
  }
  const [started = '0', ...cursor] = after
  const filter = { accountId: ctx.accountId, jobId: row.job_id as string }
  const page = await listDecisions(ctx.store.db, filter, {
    limit: PAGE,
    ...(started === '1' && { after: cursor }),
  })
  return {
    evaluations: page.rows.map(evaluationOfJob),
    next: page.next === undefined ? undefined : ['1', ...page.next],
  }
}

const EFFECTS = { Allow: 'ALLOW', ExplicitDeny: 'EXPLICIT_DENY', ImplicitDeny: 'IMPLICIT_DENY' } as const

/** A line of a job's record: its first ARN stands for all that it counts. */
function evaluationOfJob(decision: JobDecisionTable): Evaluation {
  const { action, first_arn, effect, policy, statement } = decision
  const isExplicit = effect === 'Deny' && policy !== null
  const matched: readonly MatchedPolicy[] =
    policy === null
      ? []
      : [
          {
            uri: policy,
            matchedStatements: [
              { sid: statement ?? undefined, evaluatedEffect: effect === 'Allow' ? 'ALLOW' : 'DENY' },
            ],
          },
        ]
  return {
    action,
    resource: first_arn,
    evaluatedEffect: effect === 'Allow' ? 'ALLOW' : isExplicit ? 'EXPLICIT_DENY' : 'IMPLICIT_DENY',
    matchedPolicies: matched,
  }
}

function matchedPolicies(matched: readonly MatchedStatement[]): readonly MatchedPolicy[] {
  return [...Map.groupBy(matched, ({ uri }) => uri)].map(([uri, statements]) => ({
    uri,
    matchedStatements: statements.map(({ statement, effect }) => ({
      sid: statement,
      evaluatedEffect: effect === 'Allow' ? 'ALLOW' : 'DENY',
    })),
  }))
}

const TYPES: Readonly<Record<LayerName, NonNullable<PolicyInfo['type']>>> = {
  identity: 'IDENTITY_BASED_POLICY',
  boundary: 'PERMISSIONS_BOUNDARY',
  session: 'SESSION_POLICY',
  resource: 'RESOURCE_BASED_POLICY',
  trust: 'RESOURCE_BASED_POLICY',
}

function policyInfo(
  row: DenialTable,
  context: DenialDetails['context'],
  policy: ExplainedPolicy,
): PolicyInfo {
  const { uri, layer, arn, attachedTo } = policy
  const isOfResource = layer === 'resource' || layer === 'trust'
  const isInline = isOfResource || arn === undefined
  const holder = context['aws:principalarn']
  const owner = typeof holder === 'string' && layer !== 'session' ? holder : row.principal_arn
  return {
    type: TYPES[layer],
    inline: isInline,
    uri,
    attachedTo: [{ arn: isOfResource ? arn : (attachedTo ?? owner) }],
  }
}

const read = <K extends keyof DenialDetails>(row: DenialTable, column: K): DenialDetails[K] =>
  JSON.parse(row[column]) as DenialDetails[K]
