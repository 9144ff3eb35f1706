import { BACKUP_SERVICE } from '../../access/passed-role.ts'
import { deletionCalls } from '../../kinds/job-calls.ts'
import type { Kind } from '../../kinds/kind.ts'
import { kindOfType } from '../../kinds/kinds.ts'
import { uuid } from '../../lib/ids.ts'
import { insertJob } from '../../store/jobs/jobs.ts'
import { setRecoveryPointStatus } from '../../store/points/recovery-points.ts'
import type { RecoveryPointTable } from '../../store/schema.ts'
import { findVault } from '../../store/vaults/vaults.ts'
import { heldFor } from '../plans/held-deletions.ts'
import { refusalOf } from './point-decision.ts'
import type { LifecycleStep } from './point-decision.ts'
import { protectionOf, whyKept } from '../plans/protection.ts'
import type { JobTools } from '../tools.ts'

const EXPIRABLE = ['AVAILABLE', 'COMPLETED', 'PARTIAL', 'STOPPED', 'EXPIRED'] as const

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
    (await refusalOf(tools, point, deletionOf(point), now))
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
  const holding = await tools.vaults.holding(vault, point)
  return await whyKept(tools, protection, holding, point.point_id, 'expiry')
}

function deletionOf(point: RecoveryPointTable): LifecycleStep {
  const target = { resourceArn: point.resource_arn, recoveryPointArn: point.arn }
  return {
    name: 'expiry',
    calls: deletionCalls(kindOfType(point.resource_type) as Kind, target),
    action: 'backup:DeleteRecoveryPoint',
    note:
      'is past its retention, and the role that made it may not delete it: it is held as EXPIRED until the role has the right, ' +
      'which is looked at every few minutes, or somebody else deletes it',
  }
}
