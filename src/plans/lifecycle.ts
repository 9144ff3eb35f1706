import type { PlanLifecycle } from './plan.ts'

/** AWS's limits for a recovery point's life, in days. */
const MAX_DAYS = 36_500

/**
 * What is wrong with a lifecycle, in AWS's words; undefined where nothing is. -1 and absent both mean "for ever"; cold storage is
 * refused: this server has none.
 */
export function lifecycleProblem(lifecycle: PlanLifecycle | undefined): string | undefined {
  const days = lifecycle?.DeleteAfterDays
  if (days !== undefined && days !== -1 && (days < 1 || days > MAX_DAYS))
    return `Invalid lifecycle. DeleteAfterDays cannot be less than 1 or more than ${MAX_DAYS} days; it is ${days}`
  const cold = lifecycle?.MoveToColdStorageAfterDays
  if (cold !== undefined && cold !== -1)
    return 'Invalid lifecycle. MoveToColdStorageAfterDays is unavailable: this vault has no cold storage'
  return undefined
}

/** Days that a point is kept; null: for ever, or as long as what it is a copy of. */
export function keptDays(lifecycle: PlanLifecycle | undefined): number | null {
  const days = lifecycle?.DeleteAfterDays
  return days === undefined || days === -1 ? null : days
}

/** Days that a point is kept, for comparing rules: for ever is the longest. */
export function retentionDays(lifecycle: PlanLifecycle | undefined): number {
  return keptDays(lifecycle) ?? Infinity
}
