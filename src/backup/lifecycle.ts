import { InvalidParameterValueException } from '../aws/generated/backup.ts'
import type { CalculatedLifecycle, Lifecycle } from '../aws/generated/backup.ts'
import type { RecoveryPointTable } from '../store/schema.ts'

const DAY = 86_400_000

/** What a recovery point is kept for; -1 and absent both mean for ever. */
export interface StoredLifecycle {
  readonly deleteAfterDays: number | null
}

/** AWS's rules for a lifecycle. Cold storage is refused: this server has none. */
export function checkLifecycle(lifecycle: Lifecycle | undefined): void {
  const days = lifecycle?.DeleteAfterDays
  if (days !== undefined && days !== -1 && (days < 1 || days > 36_500)) {
    throw new InvalidParameterValueException(
      `Invalid lifecycle. DeleteAfterDays cannot be less than 1 or more than 36500 days; it is ${days}`,
      { Context: 'Lifecycle' },
    )
  }
  const cold = lifecycle?.MoveToColdStorageAfterDays
  if (cold !== undefined && cold !== -1) {
    throw new InvalidParameterValueException(
      'Invalid lifecycle. MoveToColdStorageAfterDays is unavailable: this vault has no cold storage',
      { Context: 'Lifecycle' },
    )
  }
}

export function lifecycleOf(lifecycle: Lifecycle | undefined): StoredLifecycle {
  const days = lifecycle?.DeleteAfterDays
  return { deleteAfterDays: days === undefined || days === -1 ? null : days }
}

/** When a point made at `createdAt` expires; AWS counts from the start of the job. */
export function deleteAt(createdAt: number, lifecycle: StoredLifecycle): number | null {
  return lifecycle.deleteAfterDays === null ? null : createdAt + lifecycle.deleteAfterDays * DAY
}

export function toLifecycle(row: Pick<RecoveryPointTable, 'delete_after_days'>): Lifecycle {
  return row.delete_after_days === null ? {} : { DeleteAfterDays: row.delete_after_days }
}

export function toCalculatedLifecycle(row: Pick<RecoveryPointTable, 'delete_at'>): CalculatedLifecycle {
  return row.delete_at === null ? {} : { DeleteAt: new Date(row.delete_at) }
}
