import type { PlanLifecycle } from './plan.ts'

const DAY_MS = 86_400_000
/** AWS's limits for a recovery point's life, in days. */
const MAX_DAYS = 36_500
/** AWS's least time in cold storage. */
const MIN_COLD_DAYS = 90

/** What a recovery point is kept for, as jobs are told it. */
export interface StoredLifecycle {
  /** Null: for ever. */
  readonly deleteAfterDays: number | null
  /** Absent: never. */
  readonly coldAfterDays?: number
}

/**
 * What is wrong with a lifecycle, in AWS's words; undefined where nothing is. -1 and absent both mean "for ever" and "never".
 * @param noCold Why points of the vault cannot be moved to cold storage; undefined where they can.
 */
export function lifecycleProblem(
  lifecycle: PlanLifecycle | undefined,
  noCold: string | undefined,
): string | undefined {
  const days = lifecycle?.DeleteAfterDays
  if (days !== undefined && days !== -1 && (days < 1 || days > MAX_DAYS))
    return `Invalid lifecycle. DeleteAfterDays cannot be less than 1 or more than ${MAX_DAYS} days; it is ${days}`
  const cold = lifecycle?.MoveToColdStorageAfterDays
  if (cold === undefined || cold === -1) return undefined
  if (noCold !== undefined) return `Invalid lifecycle. MoveToColdStorageAfterDays is unavailable: ${noCold}`
  if (cold < 1 || cold > MAX_DAYS)
    return `Invalid lifecycle. MoveToColdStorageAfterDays cannot be less than 1 or more than ${MAX_DAYS} days; it is ${cold}`
  if (days !== undefined && days !== -1 && days < cold + MIN_COLD_DAYS)
    return (
      `Invalid lifecycle. DeleteAfterDays cannot be less than ${MIN_COLD_DAYS} days apart from MoveToColdStorageAfterDays: ` +
      `they are ${days} and ${cold}`
    )
  return undefined
}

/** Why a vault's points cannot be moved to cold storage; undefined where they can. */
export function noColdStorage(
  vault: { readonly name: string; readonly cold_storage?: string | null | undefined } | undefined,
): string | undefined {
  if (typeof vault?.cold_storage === 'string') return undefined
  return (
    `${vault === undefined ? 'this vault' : `backup vault ${vault.name}`} has no cold storage. ` +
    'Those who run the server give it one with roleback:PutVaultColdStorage'
  )
}

/** What forbids another time of moving, in AWS's rules; undefined where nothing does. */
export function coldChangeProblem(
  point: {
    readonly created_at: number
    readonly copied_at: number | null
    readonly cold_after_days: number | null
    readonly moved_to_cold_at?: number | null | undefined
  },
  coldAfterDays: number | null,
  now: number,
): string | undefined {
  if (coldAfterDays === point.cold_after_days) return undefined
  if (typeof point.moved_to_cold_at === 'number') {
    return (
      'Invalid lifecycle. MoveToColdStorageAfterDays cannot be changed: the recovery point was moved to cold storage on ' +
      `${new Date(point.moved_to_cold_at).toISOString()}${point.cold_after_days === null ? '' : ` after ${point.cold_after_days} days`}`
    )
  }
  if (coldAfterDays === null) return undefined
  const least = Math.floor((now - (point.copied_at ?? point.created_at)) / DAY_MS) + 1
  if (coldAfterDays >= least) return undefined
  return (
    'Invalid lifecycle. MoveToColdStorageAfterDays must be at least one day more than the age of the recovery point: ' +
    `${least} or more; it is ${coldAfterDays}`
  )
}

/** Why a cold point is not copied, as AWS's is not. */
export const coldCopyProblem = (arn: string): string =>
  `recovery point ${arn} is in cold storage and cannot be copied. Copy a warm one, or restore this one`

/** Days that a point is kept; null: for ever, or as long as what it is a copy of. */
export function keptDays(lifecycle: PlanLifecycle | undefined): number | null {
  const days = lifecycle?.DeleteAfterDays
  return days === undefined || days === -1 ? null : days
}

/** As jobs are told it. */
export function storedLifecycle(lifecycle: PlanLifecycle | undefined): StoredLifecycle {
  const cold = lifecycle?.MoveToColdStorageAfterDays
  return {
    deleteAfterDays: keptDays(lifecycle),
    ...(cold !== undefined && cold !== -1 && { coldAfterDays: cold }),
  }
}

/** Days that a point is kept, for comparing rules: for ever is the longest. */
export function retentionDays(lifecycle: PlanLifecycle | undefined): number {
  return keptDays(lifecycle) ?? Infinity
}
