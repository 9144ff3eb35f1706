import { assumeForService } from '../../access/assume.ts'
import { jobRequests } from '../../access/job-request.ts'
import type { JobFacts } from '../../access/job-request.ts'
import { layersOf } from '../../access/layers.ts'
import { BACKUP_SERVICE, SERVICE_LINKED_ROLE_ID } from '../../access/passed-role.ts'
import type { Principal } from '../../access/principal.ts'
import type { Question } from '../../access/proposal.ts'
import { keepRefusal, refusalMessage } from '../../access/refusal.ts'
import type { JobCall } from '../../kinds/job-calls.ts'
import type { Decision } from '../../policy/evaluate.ts'
import { evaluate } from '../../policy/evaluate.ts'
import { appendAudit } from '../../store/audit/audit.ts'
import type { RecoveryPointTable } from '../../store/schema.ts'
import { tagsOfAll } from '../../store/identity/tags.ts'
import type { JobTools } from '../tools.ts'

/** What the server itself does with a recovery point when its time has come: decided for the role recorded on it (R5). */

/** A point that is held for long is explained by one id a month, not by one an hour, in milliseconds. */
const HELD_WINDOW_MS = 30 * 24 * 3_600_000
/** What stands in for the recorded role when that no longer exists. */
const SERVICE_LINKED = 'the service-linked role AWSServiceRoleForBackup'

export interface LifecycleStep {
  /** Before the point's id in the audit trail and in what explains a refusal. */
  readonly name: 'expiry' | 'move'
  readonly calls: readonly JobCall[]
  /** What is recorded where the service-linked role stands in. */
  readonly action: string
  /** Told with a refusal: what the point waits for. */
  readonly note: string
}

/**
 * Why the recorded role may not do that to the point; undefined when it may. Only where that role no longer exists does the
 * service-linked role stand in.
 */
export async function refusalOf(
  tools: JobTools,
  point: RecoveryPointTable,
  step: LifecycleStep,
  now: number,
): Promise<string | undefined> {
  const { store } = tools
  if (point.role_id === SERVICE_LINKED_ROLE_ID) {
    const why = `it was copied from another account, ${point.source_vault_arn}`
    await record(
      tools,
      point,
      step,
      { principal: SERVICE_LINKED, action: step.action, isAllowed: true, reason: why },
      now,
    )
    return undefined
  }
  const role = { roleId: point.role_id, roleArn: point.role_arn }
  const assumed = await assumeForService(store.db, role, {
    service: BACKUP_SERVICE,
    sourceAccount: point.account_id,
    sourceArn: point.arn,
    now,
  })
  if (!assumed.ok) {
    if (assumed.isGone !== true)
      return `IAM Role ${point.role_arn} cannot be assumed by AWS Backup: ${assumed.reason}`
    const reason = `the recorded role no longer exists (${point.role_id})`
    await record(
      tools,
      point,
      step,
      { principal: SERVICE_LINKED, action: step.action, isAllowed: true, reason },
      now,
    )
    return undefined
  }
  const layers = await layersOf(store.db, assumed.session)
  const arns = step.calls.flatMap(({ target }) => target.destinationVaultArn ?? [])
  const facts: JobFacts = {
    principal: assumed.session,
    region: point.region,
    now,
    resource: { arn: point.resource_arn, tags: {} },
    recoveryPointArn: point.arn,
    tags: await tagsOfAll(store.db, point.account_id, [point.arn, ...arns]),
  }
  for (const call of step.calls) {
    for (const request of jobRequests(facts, call.step, call.target)) {
      const decision = evaluate(request, layers)
      const { allowed: isAllowed, reason } = decision
      const told = { principal: assumed.session.arn, action: request.action, isAllowed, reason }
      await record(tools, point, step, told, now)
      if (!isAllowed)
        return await explained(tools, point, step, assumed.session, { request, layers }, decision)
    }
  }
  return undefined
}

/** AWS's sentence with the id that the refusal is explained by. */
async function explained(
  tools: JobTools,
  point: RecoveryPointTable,
  step: LifecycleStep,
  session: Principal,
  question: Question,
  decision: Decision,
): Promise<string> {
  const { store, clock } = tools
  const facts = {
    at: clock.now(),
    requestId: `${step.name} ${point.point_id}`,
    windowMs: HELD_WINDOW_MS,
    notes: [`The recovery point ${point.arn} ${step.note}`],
  }
  const id = await store.transaction(async (tx) => await keepRefusal(tx, session, question, decision, facts))
  return refusalMessage(session, question, decision, id)
}

async function record(
  tools: JobTools,
  point: RecoveryPointTable,
  step: LifecycleStep,
  told: {
    readonly principal: string
    readonly action: string
    readonly isAllowed: boolean
    readonly reason: string
  },
  now: number,
): Promise<void> {
  await appendAudit(tools.store, {
    at: now,
    account_id: point.account_id,
    request_id: `${step.name} ${point.point_id}`,
    principal_arn: told.principal,
    principal_id: point.role_id,
    source_ip: null,
    service: 'backup',
    action: told.action,
    resource: point.arn,
    effect: told.isAllowed ? 'Allow' : 'Deny',
    layer: 'identity',
    reason: told.reason,
    policy: null,
    statement: null,
  })
}
