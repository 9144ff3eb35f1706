import type { StatementRef } from './compile.ts'
import type { DecisionLayer } from './decision.ts'

/** What AWS answers root who calls sts:AssumeRole. */
export const ROOT_CANNOT_ASSUME = 'Roles may not be assumed by root accounts.'

/** sts:GetCallerIdentity needs no permission and cannot be denied. */
export const UNDENIABLE = 'because sts:GetCallerIdentity needs no permission'

const KIND: Readonly<Record<DecisionLayer, string>> = {
  root: 'identity-based policy',
  identity: 'identity-based policy',
  resource: 'resource-based policy',
  boundary: 'permissions boundary',
  session: 'session policy',
}

/** AWS's words for a missing Allow (IAM User Guide, "Troubleshoot access denied error messages"). */
export function implicitReason(layer: DecisionLayer, action: string, isTrust: boolean): string {
  const kind = layer === 'resource' && isTrust ? 'role trust policy' : KIND[layer]
  return `because no ${kind} allows the ${action} action`
}

/** AWS's words for a Deny, with the policy's ARN, or its name where it has none. */
export function explicitReason(layer: DecisionLayer, statement: StatementRef | undefined): string {
  if (statement?.policy.type === 'trust') return 'with an explicit deny in the role trust policy'
  const article = layer === 'identity' ? 'an' : 'a'
  const where = `with an explicit deny in ${article} ${KIND[layer]}`
  const named = statement?.policy.arn ?? statement?.policy.name
  return named === undefined || layer === 'resource' ? where : `${where}: ${named}`
}

/** Ours, in the same pattern: AWS explains refusals only. */
export function allowedReason(layer: DecisionLayer, statements: readonly StatementRef[]): string {
  if (layer === 'root') return 'because the account root user has every permission in its own account'
  const policy = statements[0]?.policy
  if (policy === undefined) return ''
  const kind = policy.type === 'trust' ? 'role trust policy' : KIND[layer]
  return `because the ${kind} ${policy.arn ?? policy.name} allows it`
}
