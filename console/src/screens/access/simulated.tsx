import type { EvaluationResult } from '@aws-sdk/client-iam'
import StatusIndicator from '@cloudscape-design/components/status-indicator'
import type { ReactNode } from 'react'

/** IAM answers once an action where it was asked about several resources; here it is once a resource. */
export function resultsByResource(result: EvaluationResult): readonly EvaluationResult[] {
  const { ResourceSpecificResults: each = [] } = result
  if (each.length === 0) return [result]
  return each.map(({ EvalResourceName, EvalResourceDecision, MatchedStatements, MissingContextValues }) => ({
    EvalActionName: result.EvalActionName,
    EvalResourceName,
    EvalDecision: EvalResourceDecision,
    MatchedStatements,
    MissingContextValues,
  }))
}

type Verdict = 'Allowed' | 'Denied' | 'Depends' | 'No'

/** What the simulator decided, in a word; `Depends` on circumstances that nobody named. */
export function verdictOf({ EvalDecision, MissingContextValues = [] }: EvaluationResult): Verdict {
  if (EvalDecision === 'allowed') return 'Allowed'
  if (MissingContextValues.length > 0) return 'Depends'
  return EvalDecision === 'explicitDeny' ? 'Denied' : 'No'
}

const TYPES = { Allowed: 'success', Denied: 'error', Depends: 'warning', No: 'stopped' } as const

export function Mark({ of }: { readonly of: EvaluationResult }): ReactNode {
  const verdict = verdictOf(of)
  return (
    <StatusIndicator type={TYPES[verdict]} wrapText={false}>
      {verdict}
    </StatusIndicator>
  )
}

/** The statements that decided, or that none did. */
export function whyOf({ MatchedStatements = [], MissingContextValues = [] }: EvaluationResult): string {
  const by = MatchedStatements.map(
    ({ SourcePolicyId = '', StartPosition }) =>
      `${SourcePolicyId} (line ${StartPosition?.Line ?? 1}, column ${StartPosition?.Column ?? 1})`,
  )
  const missing =
    MissingContextValues.length === 0 ? '' : ` It depends on ${MissingContextValues.join(', ')}.`
  return by.length === 0 ? `no statement allows it.${missing}` : `decided by ${by.join('; ')}.${missing}`
}
