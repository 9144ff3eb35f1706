import type { Step, StepTarget } from '../kinds/kind.ts'
import { parseArn } from '../lib/arn.ts'
import { contextOf } from '../policy/context.ts'
import type { ConditionContext } from '../policy/context.ts'
import type { AuthorizationRequest, PrincipalView } from '../policy/evaluate.ts'
import type { Principal } from './principal.ts'
import { principalView, requestContext } from './request-context.ts'

/** What a job's questions have in common. */
export interface JobFacts {
  /** The session under the passed role. */
  readonly principal: Principal
  readonly region: string
  /** Milliseconds since 1970. */
  readonly now: number
  readonly resource: { readonly arn: string; readonly tags: Readonly<Record<string, string>> }
  readonly recoveryPointArn: string
  /** Tags as they are kept, by ARN: of a recovery point and a target that exist. */
  readonly tags?: ReadonlyMap<string, Readonly<Record<string, string>>> | undefined
}

/**
 * What a step of a job asks the policy engine: one request for each ARN that the step's action must be allowed on. Running jobs,
 * expiry and preflight all ask by this, so that what preflight answers is what the job will hear.
 */
export function jobRequests(
  facts: JobFacts,
  step: Step,
  target: StepTarget,
): readonly AuthorizationRequest[] {
  const own = { ...step.context?.(target), ...requestTags(target) }
  const base = baseOf(facts)
  const { view } = base
  return step.arns(target).map((resource) => {
    const resourceAccountId = accountOf(facts, resource, target)
    const keys: Record<string, string | readonly string[]> = { ...own }
    if (resourceAccountId !== view.accountId) keys['aws:ResourceAccount'] = resourceAccountId
    for (const [key, value] of Object.entries(tagsOf(facts, resource, target) ?? {}))
      keys[`aws:ResourceTag/${key}`] = value
    const context = contextOf(keys, base.context)
    return { principal: view, action: step.action, resource, resourceAccountId, context }
  })
}

/** The role's own account, but for the vault that a copy goes to. */
function accountOf({ principal }: JobFacts, resource: string, target: StepTarget): string {
  const other = resource === target.destinationVaultArn ? parseArn(resource)?.accountId : undefined
  return other ?? principal.accountId
}

interface Base {
  readonly region: string
  readonly now: number
  readonly view: PrincipalView
  readonly context: ConditionContext
}

/** What is the same in every question of a session at one moment: thousands of objects are asked for in one. */
const bases = new WeakMap<Principal, Base>()

function baseOf({ principal, region, now }: JobFacts): Base {
  const known = bases.get(principal)
  if (known?.now === now && known.region === region) return known
  const facts = { region, now, resourceAccountId: principal.accountId }
  const base = {
    region,
    now,
    view: principalView(principal),
    context: contextOf(requestContext(principal, facts)),
  }
  bases.set(principal, base)
  return base
}

/** Tags of what the step acts on: the recovery point and the target have their own, whatever the source's are. */
function tagsOf(
  { tags, recoveryPointArn, resource }: JobFacts,
  arn: string,
  target: StepTarget,
): Readonly<Record<string, string>> | undefined {
  const kept = tags?.get(arn)
  if (kept !== undefined) return kept
  if (arn === target.targetArn) return target.targetTags
  if (arn === recoveryPointArn) return { ...resource.tags, 'aws:backup:source-resource': resource.arn }
  return target.resourceTags
}

function requestTags(target: StepTarget): Record<string, string | readonly string[]> {
  if (target.requestTags === undefined) return {}
  const context: Record<string, string | readonly string[]> = {
    'aws:TagKeys': Object.keys(target.requestTags),
  }
  for (const [key, value] of Object.entries(target.requestTags)) context[`aws:RequestTag/${key}`] = value
  return context
}
