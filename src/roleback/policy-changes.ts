import { splitPolicies, statementsOf } from '../access/grants.ts'
import type { Grant } from '../access/grants.ts'
import type { Check } from '../access/preflight-checks.ts'
import type { Proposal } from '../access/proposal.ts'
import type { PolicyChange } from '../aws/generated/roleback.ts'

/** All changes that the checks propose, each place once, its statements merged into as few documents as they fit into. */
export function changesOf(checks: readonly Check[]): PolicyChange[] {
  const places = new Map<
    string,
    { readonly proposal: Proposal; readonly grants: Grant[]; readonly others: object[] }
  >()
  for (const { proposals, source } of checks) {
    for (const proposal of proposals) {
      const { change, where, policyType, target, statementId, statement } = proposal
      const key = [change, where, policyType, target, statementId].join('\0')
      const place = places.get(key) ?? { proposal, grants: [], others: [] }
      places.set(key, place)
      const grant = grantOf(statement, source)
      if (grant !== undefined) place.grants.push(grant)
      else if (statement !== undefined && place.others.length === 0) place.others.push(statement)
    }
  }
  return [...places.values()].map(({ proposal, grants, others }) => ({
    Change: proposal.change,
    Where: proposal.where,
    PolicyType: proposal.policyType,
    TargetArn: proposal.target,
    PolicyDocuments: documentsOf(grants, others),
    StatementId: proposal.statementId,
  }))
}

/** A statement of a trust policy is no grant on a resource: it is the same for all who ask for it. */
function grantOf(statement: object | undefined, source: string | undefined): Grant | undefined {
  if (statement === undefined || !('Resource' in statement) || !('Action' in statement)) return undefined
  const { Action, Resource, Condition } = statement as {
    Action: string
    Resource: string
    Condition?: object
  }
  return {
    action: Action,
    resource: Resource,
    source,
    condition: source === undefined ? Condition : undefined,
  }
}

function documentsOf(grants: readonly Grant[], others: readonly object[]): string[] {
  if (others.length > 0) return [JSON.stringify({ Version: '2012-10-17', Statement: others })]
  if (grants.length === 0) return []
  return splitPolicies(statementsOf(grants)).map(({ document }) => document)
}
