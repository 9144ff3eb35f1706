import { contextOf, evaluate } from '../policy/evaluate.ts'
import type { Queryable } from '../store/store.ts'
import { assumeForService } from './assume.ts'
import type { ServiceAssumption } from './assume.ts'
import { layersOf } from './layers.ts'
import { principalView, requestContext } from './request-context.ts'

export type ServiceDecision =
  | { readonly allowed: true }
  /** `isAssumed` false: the role itself cannot be assumed, for `reason`. */
  | { readonly allowed: false; readonly isAssumed: boolean; readonly reason: string }

/** Decides one action for the session that a service has under a role, without doing anything under it. */
export async function decideForService(
  db: Queryable,
  role: { readonly roleId: string; readonly roleArn: string },
  assumption: ServiceAssumption,
  asked: {
    readonly action: string
    readonly resource: string
    readonly region: string
    /** Condition keys beside those that every request has. */
    readonly context?: Readonly<Record<string, string>>
  },
): Promise<ServiceDecision> {
  const assumed = await assumeForService(db, role, assumption)
  if (!assumed.ok) return { allowed: false, isAssumed: false, reason: assumed.reason }
  const facts = {
    region: asked.region,
    now: assumption.now,
    resourceAccountId: assumption.sourceAccount,
  }
  const { allowed, reason } = evaluate(
    {
      principal: principalView(assumed.session),
      action: asked.action,
      resource: asked.resource,
      resourceAccountId: assumption.sourceAccount,
      context: contextOf({ ...requestContext(assumed.session, facts), ...asked.context }),
    },
    await layersOf(db, assumed.session),
  )
  return allowed ? { allowed } : { allowed, isAssumed: true, reason }
}
