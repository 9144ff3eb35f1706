import { holdsOnPoint, targetsOfHold } from '../../store/points/legal-holds.ts'
import type { RecoveryPointTable } from '../../store/schema.ts'
import type { Queryable } from '../../store/store.ts'
import { tagsOf } from '../../store/identity/tags.ts'

/** A legal hold as the vault has it: all of it, so that any point it keeps brings it back. */
export interface SealedHold {
  readonly holdId: string
  readonly title: string
  readonly description: string
  readonly createdAt: number
  readonly fromAt: number | null
  readonly toAt: number | null
  readonly vaultNames: readonly string[]
  readonly resourceArns: readonly string[]
}

/** What may change about a recovery point while it lives, whole: members of a head's record, and of each amendment. */
export async function pointState(db: Queryable, point: RecoveryPointTable): Promise<Record<string, unknown>> {
  return {
    deleteAfterDays: point.delete_after_days,
    coldAfterDays: point.cold_after_days,
    tags: await tagsOf(db, point.account_id, point.arn),
    legalHolds: await sealedHolds(db, point),
  }
}

/** The active holds that keep the point. */
export async function sealedHolds(
  db: Queryable,
  point: Pick<RecoveryPointTable, 'account_id' | 'arn'>,
): Promise<readonly SealedHold[]> {
  const holds: SealedHold[] = []
  for (const hold of await holdsOnPoint(db, point)) {
    holds.push({
      holdId: hold.hold_id,
      title: hold.title,
      description: hold.description,
      createdAt: hold.created_at,
      fromAt: hold.from_at,
      toAt: hold.to_at,
      ...(await targetsOfHold(db, hold.hold_id)),
    })
  }
  return holds
}

/** How the making of a recovery point ended. */
export interface PointEnd {
  readonly state: 'COMPLETED' | 'PARTIAL'
  /** What did not go well; empty where all did. */
  readonly message: string
  readonly completedAt: number
  readonly tags: Readonly<Record<string, string>>
}

/** What the head says beside pointRecord: that the point is finished, and its state as it begins. */
export async function finishedState(
  db: Queryable,
  point: RecoveryPointTable,
  end: PointEnd,
): Promise<Record<string, unknown>> {
  return {
    backupVaultName: point.vault_name,
    status: end.state,
    completedAt: end.completedAt,
    tags: end.tags,
    legalHolds: await sealedHolds(db, point),
    ...(end.message !== '' && { statusMessage: end.message }),
    ...(point.created_by !== null && { createdBy: JSON.parse(point.created_by) as unknown }),
  }
}
