import type { EvaluationResult } from '@aws-sdk/client-iam'
import StatusIndicator from '@cloudscape-design/components/status-indicator'
import type { ReactNode } from 'react'
import { statementName } from './statements.ts'

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

/**
 * The statements that decided, or that none did.
 *
 * @param holderArn The user, group or role that was simulated.
 */
export async function whyOf(holderArn: string, result: EvaluationResult): Promise<string> {
  const { MatchedStatements = [], MissingContextValues = [] } = result
  const by = await Promise.all(
    MatchedStatements.map(async (statement) => await statementName(holderArn, statement)),
  )
  const missing =
    MissingContextValues.length === 0 ? '' : ` It depends on ${MissingContextValues.join(', ')}.`
  return by.length === 0 ? `no statement allows it.${missing}` : `decided by ${by.join('; ')}.${missing}`
}
