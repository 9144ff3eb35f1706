import { InvalidParameterValueException } from '../aws/generated/backup.ts'
import type { CalculatedLifecycle, Lifecycle } from '../aws/generated/backup.ts'
import { lifecycleProblem } from '../plans/lifecycle.ts'
import type { StoredLifecycle } from '../plans/lifecycle.ts'
import type { RecoveryPointTable } from '../store/schema.ts'

const DAY = 86_400_000

/**
 * @param noCold Of noColdStorage (plans/lifecycle.ts), for the vault that the point lies in.
 * @throws {InvalidParameterValueException} Where AWS's rules for a lifecycle are not kept.
 */
export function checkLifecycle(lifecycle: Lifecycle | undefined, noCold: string | undefined): void {
  const problem = lifecycleProblem(lifecycle, noCold)
  if (problem !== undefined) throw invalidLifecycle(problem)
}

export function invalidLifecycle(problem: string): InvalidParameterValueException {
  return new InvalidParameterValueException(problem, { Context: 'Lifecycle' })
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

export function toLifecycle(
  row: Pick<RecoveryPointTable, 'delete_after_days' | 'cold_after_days'>,
): Lifecycle {
  return {
    ...(row.cold_after_days !== null && { MoveToColdStorageAfterDays: row.cold_after_days }),
    ...(row.delete_after_days !== null && { DeleteAfterDays: row.delete_after_days }),
  }
}

/** What a job was told of the lifecycle of what it makes; undefined where that was nothing. */
export function lifecycleShown({ deleteAfterDays, coldAfterDays }: StoredLifecycle): Lifecycle | undefined {
  const lifecycle = toLifecycle({
    delete_after_days: deleteAfterDays,
    cold_after_days: coldAfterDays ?? null,
  })
  return Object.keys(lifecycle).length === 0 ? undefined : lifecycle
}

export function toCalculatedLifecycle(
  row: Pick<RecoveryPointTable, 'delete_at' | 'cold_after_days' | 'created_at' | 'copied_at'>,
): CalculatedLifecycle {
  return {
    ...(row.cold_after_days !== null && {
      MoveToColdStorageAt: new Date((row.copied_at ?? row.created_at) + row.cold_after_days * DAY),
    }),
    ...(row.delete_at !== null && { DeleteAt: new Date(row.delete_at) }),
  }
}
