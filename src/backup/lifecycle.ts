import { InvalidParameterValueException } from '../aws/generated/backup.ts'
import type { CalculatedLifecycle, Lifecycle } from '../aws/generated/backup.ts'
import { keptDays, lifecycleProblem } from '../plans/lifecycle.ts'
import type { RecoveryPointTable } from '../store/schema.ts'

const DAY = 86_400_000

/** What a recovery point is kept for; -1 and absent both mean for ever. */
export interface StoredLifecycle {
  readonly deleteAfterDays: number | null
}

/** @throws {InvalidParameterValueException} Where AWS's rules for a lifecycle are not kept. */
export function checkLifecycle(lifecycle: Lifecycle | undefined): void {
  const problem = lifecycleProblem(lifecycle)
  if (problem !== undefined) throw new InvalidParameterValueException(problem, { Context: 'Lifecycle' })
}

export function lifecycleOf(lifecycle: Lifecycle | undefined): StoredLifecycle {
  return { deleteAfterDays: keptDays(lifecycle) }
}

/** When a point made at `createdAt` expires; AWS counts from the start of the job. */
export function deleteAt(createdAt: number, lifecycle: StoredLifecycle): number | null {
  return lifecycle.deleteAfterDays === null ? null : createdAt + lifecycle.deleteAfterDays * DAY
}

/** When a retention was made shorter: now, or as it was where it ends as before; null where it ends later. */
export function retentionCutAt(
  before: Pick<RecoveryPointTable, 'delete_at' | 'retention_cut_at'>,
  endsAt: number | null,
  now: number,
): number | null {
  if (endsAt === before.delete_at) return before.retention_cut_at ?? null
  return (endsAt ?? Infinity) < (before.delete_at ?? Infinity) ? now : null
}

export function toLifecycle(row: Pick<RecoveryPointTable, 'delete_after_days'>): Lifecycle {
  return row.delete_after_days === null ? {} : { DeleteAfterDays: row.delete_after_days }
}

export function toCalculatedLifecycle(row: Pick<RecoveryPointTable, 'delete_at'>): CalculatedLifecycle {
  return row.delete_at === null ? {} : { DeleteAt: new Date(row.delete_at) }
}
