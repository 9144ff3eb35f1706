import { assumeForService } from '../access/assume.ts'
import { jobRequests } from '../access/job-request.ts'
import type { JobFacts } from '../access/job-request.ts'
import { layersOf } from '../access/layers.ts'
import { BACKUP_SERVICE, SERVICE_LINKED_ROLE_ID } from '../access/passed-role.ts'
import type { Principal } from '../access/principal.ts'
import type { Question } from '../access/proposal.ts'
import { keepRefusal, refusalMessage } from '../access/refusal.ts'
import { deletionCalls } from '../kinds/job-calls.ts'
import type { Kind } from '../kinds/kind.ts'
import { kindOfType } from '../kinds/kinds.ts'
import { uuid } from '../lib/ids.ts'
import type { Decision } from '../policy/evaluate.ts'
import { evaluate } from '../policy/evaluate.ts'
import { appendAudit } from '../store/audit.ts'
import { insertJob } from '../store/jobs.ts'
import { setRecoveryPointStatus } from '../store/recovery-points.ts'
import type { RecoveryPointTable } from '../store/schema.ts'
import { tagsOf } from '../store/tags.ts'
import { findVault } from '../store/vaults.ts'
import { heldFor } from './held-deletions.ts'
import { protectionOf, whyKept } from './protection.ts'
import type { JobTools } from './tools.ts'

/** A point that is held for long is explained by one id a month, not by one an hour, in milliseconds. */
const HELD_WINDOW_MS = 30 * 24 * 3_600_000

const EXPIRABLE = ['AVAILABLE', 'COMPLETED', 'PARTIAL', 'STOPPED', 'EXPIRED'] as const
/** What stands in for the recorded role when that no longer exists. */
const SERVICE_LINKED = 'the service-linked role AWSServiceRoleForBackup'

/** Why the server itself removes a recovery point. */
export interface Removal {
  /** Told with the point while it goes, and kept with its tombstone. */
  readonly reason: string
  /** Its retention is not over: counts do not keep it. Held, it is no EXPIRED point. */
  readonly isCounted: boolean
}

/**
 * Lets a recovery point go, decided for the role recorded on it; a lock, a hold, a denial or what somebody must approve first
 * (held-deletions.ts) holds it and says why. Only where that role no longer exists does the service-linked role stand in.
 */
export async function expirePoint(
  tools: JobTools,
  point: RecoveryPointTable,
  removal: Removal,
  now: number,
): Promise<void> {
  const refusal =
    (await keptBy(tools, point)) ??
    (await heldFor(tools, point, removal, now)) ??
    (await refusalOf(tools, point, now))
  if (refusal !== undefined) return await holdPoint(tools, point, removal, refusal)
  await tools.store.transaction(async (tx) => {
    const going = { status: 'DELETING', message: removal.reason } as const
    if (!(await setRecoveryPointStatus(tx, point, EXPIRABLE, going))) return
    await insertJob(tx, {
      account_id: point.account_id,
      region: point.region,
      job_id: uuid(),
      kind: 'delete-point',
      created_at: now,
      caller_arn: BACKUP_SERVICE,
      vault_name: point.vault_name,
      resource_arn: point.resource_arn,
      resource_type: point.resource_type,
      recovery_point_arn: point.arn,
      role_arn: point.role_arn,
      role_id: point.role_id,
      lock_key: `point ${point.point_id}`,
      input: JSON.stringify({ reason: removal.reason }),
    })
  })
  tools.store.wake()
}

/** A point that must stay says why. */
async function holdPoint(
  tools: JobTools,
  point: RecoveryPointTable,
  removal: Removal,
  refusal: string,
): Promise<void> {
  const message = removal.isCounted ? `${NOT_COUNTED}: ${refusal}` : refusal
  const status = removal.isCounted ? point.status : 'EXPIRED'
  if (point.status === status && point.status_message === message) return
  if (!(await setRecoveryPointStatus(tools.store.db, point, EXPIRABLE, { status, message }))) return
  const what = removal.isCounted ? 'that counts do not keep' : 'past its retention'
  tools.log.warn(`a recovery point ${what} is held`, { point: point.arn, reason: refusal })
}

/** How the message of a point begins that stays although counts do not keep it. */
export const NOT_COUNTED = 'Kept, though no retention count of its rule keeps it'

/** Why the point's vault keeps it longer than rows and wall clock say. */
async function keptBy(tools: JobTools, point: RecoveryPointTable): Promise<string | undefined> {
  const vault = await findVault(tools.store.db, point.account_id, point.region, point.vault_name)
  if (vault === undefined || vault.state !== 'AVAILABLE') return undefined
  const opened = await tools.vaults.open(vault)
  const protection = await protectionOf(tools, vault, opened)
  return await whyKept(tools, protection, opened, point.point_id, 'expiry')
}

/** Why the recorded role may not delete the point; undefined when it may. */
async function refusalOf(
  tools: JobTools,
  point: RecoveryPointTable,
  now: number,
): Promise<string | undefined> {
  const { store } = tools
  if (point.role_id === SERVICE_LINKED_ROLE_ID) {
    const why = `it was copied from another account, ${point.source_vault_arn}`
    await record(tools, point, SERVICE_LINKED, 'backup:DeleteRecoveryPoint', true, why, now)
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
    await record(
      tools,
      point,
      SERVICE_LINKED,
      'backup:DeleteRecoveryPoint',
      true,
      `the recorded role no longer exists (${point.role_id})`,
      now,
    )
    return undefined
  }
  const layers = await layersOf(store.db, assumed.session)
  const facts: JobFacts = {
    principal: assumed.session,
    region: point.region,
    now,
    resource: { arn: point.resource_arn, tags: {} },
    recoveryPointArn: point.arn,
    tags: new Map([[point.arn, await tagsOf(store.db, point.account_id, point.arn)]]),
  }
  const kind = kindOfType(point.resource_type) as Kind
  const target = { resourceArn: point.resource_arn, recoveryPointArn: point.arn }
  for (const call of deletionCalls(kind, target)) {
    for (const request of jobRequests(facts, call.step, call.target)) {
      const decision = evaluate(request, layers)
      await record(tools, point, assumed.session.arn, request.action, decision.allowed, decision.reason, now)
      if (!decision.allowed)
        return await explained(tools, point, assumed.session, { request, layers }, decision)
    }
  }
  return undefined
}

/** AWS's sentence with the id that the refusal is explained by. */
async function explained(
  tools: JobTools,
  point: RecoveryPointTable,
  session: Principal,
  question: Question,
  decision: Decision,
): Promise<string> {
  const { store, clock } = tools
  const facts = {
    at: clock.now(),
    requestId: `expiry ${point.point_id}`,
    windowMs: HELD_WINDOW_MS,
    notes: [
      `The recovery point ${point.arn} is past its retention, and the role that made it may not delete it: it is held as ` +
        'EXPIRED until the role has the right, which is looked at every few minutes, or somebody else deletes it',
    ],
  }
  const id = await store.transaction(async (tx) => await keepRefusal(tx, session, question, decision, facts))
  return refusalMessage(session, question, decision, id)
}

async function record(
  tools: JobTools,
  point: RecoveryPointTable,
  principal: string,
  action: string,
  isAllowed: boolean,
  reason: string,
  now: number,
): Promise<void> {
  await appendAudit(tools.store, {
    at: now,
    account_id: point.account_id,
    request_id: `expiry ${point.point_id}`,
    principal_arn: principal,
    principal_id: point.role_id,
    source_ip: null,
    service: 'backup',
    action,
    resource: point.arn,
    effect: isAllowed ? 'Allow' : 'Deny',
    layer: 'identity',
    reason,
    policy: null,
    statement: null,
  })
}
