import { principalView } from '../access/request-context.ts'
import { serviceReference } from '../access/service-reference.ts'
import type { OwnService } from '../access/service-reference.ts'
import type { PolicyFinding, ValidatePolicyInput, ValidatePolicyOutput } from '../aws/generated/roleback.ts'
import { modelOf } from '../aws/model.ts'
import type { Context } from '../context.ts'
import { lintPolicy } from '../policy/lint.ts'
import type { Finding, LintOptions } from '../policy/lint.ts'
import type { PolicyKind } from '../policy/policy.ts'
import type { ServiceReference } from '../policy/reference.ts'

export type PolicyType = ValidatePolicyInput['PolicyType']

const KINDS: Readonly<Record<PolicyType, PolicyKind>> = {
  IDENTITY: 'identity',
  TRUST: 'trust',
  SESSION: 'session',
  BACKUP_VAULT: 'vault',
  RESOURCE: 'resource',
}

/** Rights of our own that are no operation, and our own condition keys (docs/condition-keys.md). */
const OWN_RIGHTS = ['RestoreUnreadable']
const OWN_KEYS = [
  'roleback:Bucket',
  'roleback:DiscoveryMode',
  'roleback:Endpoint',
  'roleback:FederatedBy',
  'roleback:Host',
  'roleback:JobType',
  'roleback:Path',
  'roleback:ResourceType',
  'roleback:RestoreGuard',
  'roleback:RestoreRoot',
  'roleback:TargetResourceArn',
]

/** What a linter finds in a policy; a finding is never a reason to refuse it. */
export async function validatePolicy(
  ctx: Context,
  { PolicyDocument, PolicyType, ResourceArn }: ValidatePolicyInput,
): Promise<ValidatePolicyOutput> {
  const options = { author: principalView(ctx.principal), resourceArn: ResourceArn }
  return { Findings: lintedAs(PolicyDocument, PolicyType, options).map(toMember) }
}

/** Lints a policy with everything that is known of services, ours among them. */
export function lintedAs(
  document: string,
  type: PolicyType,
  options: Omit<LintOptions, 'reference'> = {},
): readonly Finding[] {
  return lintPolicy(document, KINDS[type], { ...options, reference: knownActions() })
}

/** AWS's services and our own, as policies name them. */
export function knownActions(): ServiceReference {
  const own: OwnService = {
    prefix: 'roleback',
    actions: [...Object.keys(modelOf('roleback').operations), ...OWN_RIGHTS],
    keys: OWN_KEYS,
  }
  return serviceReference([own])
}

const toMember = ({ severity, code, message, Line, Column, path }: Finding): PolicyFinding => ({
  Severity: severity,
  Code: code,
  Message: message,
  Line,
  Column,
  Path: path,
})
