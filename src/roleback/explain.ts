import type { DenialDetails, ExplainedPolicy } from '../access/explain.ts'
import type { Proposal } from '../access/proposal.ts'
import { ResourceNotFoundException } from '../aws/generated/roleback.ts'
import type {
  AuthorizationDetails,
  GetAuthorizationDetailsInput,
  GetAuthorizationDetailsOutput,
  InvolvedPolicy,
  ProposedChange,
} from '../aws/generated/roleback.ts'
import type { Context } from '../context.ts'
import { findDenial } from '../store/audit/denials.ts'
import type { DenialTable } from '../store/audit/schema-denials.ts'

/**
 * What is kept of a refusal in the caller's own account: another account's id is answered like one that never was.
 *
 * @throws {ResourceNotFoundException} 400
 */
export async function getAuthorizationDetails(
  ctx: Context,
  { AuthorizationId }: GetAuthorizationDetailsInput,
): Promise<GetAuthorizationDetailsOutput> {
  const row = await findDenial(ctx.store.db, ctx.accountId, AuthorizationId)
  if (row === undefined) {
    throw new ResourceNotFoundException(
      `Cannot find the authorization "${AuthorizationId}" in this account: refusals can be explained for 90 days, by those of ` +
        'the account that was refused',
      { Context: AuthorizationId },
    )
  }
  return { Authorization: toDetails(row) }
}

function toDetails(row: DenialTable): AuthorizationDetails {
  const { layers, near, policies, context, evaluations, proposals, notes } = detailsOf(row)
  return {
    AuthorizationId: row.id,
    At: new Date(row.at),
    LastAt: new Date(row.last_at),
    Count: row.count,
    RequestId: row.request_id ?? undefined,
    JobId: row.job_id ?? undefined,
    PrincipalArn: row.principal_arn,
    PrincipalId: row.principal_id,
    Action: row.action,
    ResourceArn: row.resource,
    Effect: row.effect,
    Layer: row.layer,
    Reason: row.reason,
    Side: row.side,
    Evaluations: evaluations.map((one) => ({
      Action: one.action,
      ResourceArn: one.resource,
      Effect: one.effect,
      MatchedStatements: one.matched.map(({ uri, statement, effect }) => ({
        Policy: uri,
        StatementId: statement,
        Effect: effect,
      })),
    })),
    Layers: layers.map((one) => ({
      Layer: one.layer,
      Verdict: one.verdict,
      PolicyCount: one.policies,
      Statements: [...one.statements],
    })),
    NearMisses: near.map((one) => ({
      Layer: one.layer,
      Policy: one.policy,
      PolicyType: one.policyType,
      AttachedTo: one.attachedTo,
      StatementId: one.statement,
      Effect: one.effect,
      Failed: one.failed,
      Detail: one.detail,
      MissingKeys: [...one.missingKeys],
    })),
    Policies: policies.map(toPolicy),
    Context: Object.entries(context).map(([Key, value]) => ({
      Key,
      Values: typeof value === 'string' ? [value] : [...value],
    })),
    Proposals: proposals.map(toProposedChange),
    Notes: [...notes],
  }
}

function toPolicy(policy: ExplainedPolicy): InvolvedPolicy {
  return {
    Layer: policy.layer,
    PolicyType: policy.type,
    PolicyArn: policy.arn,
    PolicyName: policy.name,
    AttachedTo: policy.attachedTo,
    StatementCount: policy.statements,
    OtherActionCount: policy.otherActions,
  }
}

export function toProposedChange(one: Proposal): ProposedChange {
  return {
    Change: one.change,
    Where: one.where,
    PolicyType: one.policyType,
    TargetArn: one.target,
    Statement: one.statement === undefined ? undefined : JSON.stringify(one.statement),
    StatementId: one.statementId,
  }
}

/** The JSON columns, as access/explain.ts wrote them. */
function detailsOf(row: DenialTable): DenialDetails {
  const read = <K extends keyof DenialDetails>(column: K): DenialDetails[K] =>
    JSON.parse(row[column]) as DenialDetails[K]
  return {
    layers: read('layers'),
    near: read('near'),
    policies: read('policies'),
    context: read('context'),
    evaluations: read('evaluations'),
    proposals: read('proposals'),
    notes: read('notes'),
  }
}
