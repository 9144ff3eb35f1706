/**
 * A vault's lock: what it forbids, and by which time. Pure, so that the gate, which has rows, and the workers, which also have what is
 * sealed in the vault, ask the same functions.
 *
 * | | governance | compliance, in grace | compliance, final |
 * |---|---|---|---|
 * | lock changed or removed | by whoever has the right | by whoever has the right | by nobody |
 * | recovery point deleted by hand | no | no | no |
 * | recovery point expires | once its retention is over by wall clock and running time, whichever says later | same | same |
 * | retention made shorter | no | no | no |
 * | retention made longer, up to the maximum | yes | yes | yes |
 */

/** Least days of grace of a compliance lock: AWS's cooling-off time. */
export const MIN_GRACE_DAYS = 3
export const MAX_LOCK_DAYS = 36_500

export interface VaultLock {
  readonly mode: 'governance' | 'compliance'
  readonly minRetentionDays?: number | undefined
  readonly maxRetentionDays?: number | undefined
  /** Milliseconds since 1970. */
  readonly setAt: number
  /** End of the grace time, milliseconds since 1970; compliance only. */
  readonly lockDate?: number | undefined
  /** The grace time was over by the server's running time: no clock opens it again. */
  readonly isFinal?: true | undefined
  /** The key the vault was locked with, as users see it. */
  readonly encryptionKeyArn?: string | undefined
}

/** A wall clock's time beside the running time of one server's clock, in milliseconds. */
export interface ClockReading {
  /** Names the running time: one that was lost and begun anew is another. */
  readonly clock: string
  readonly wallMs: number
  readonly runningMs: number
}

/** What stands in for a lock that cannot be read: the strictest there is. */
export const UNREADABLE_LOCK: VaultLock = { mode: 'compliance', setAt: 0, lockDate: 0, isFinal: true }

/** Undefined where there is none; what is there and is no lock counts as one that nobody may remove. */
export function parseVaultLock(value: unknown): VaultLock | undefined {
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'object') return UNREADABLE_LOCK
  const lock = value as Partial<Record<keyof VaultLock, unknown>>
  const isDays = (days: unknown): boolean => days === undefined || Number.isSafeInteger(days)
  const isGood =
    (lock.mode === 'governance' || (lock.mode === 'compliance' && Number.isSafeInteger(lock.lockDate))) &&
    isDays(lock.minRetentionDays) &&
    isDays(lock.maxRetentionDays) &&
    Number.isSafeInteger(lock.setAt)
  return isGood ? (value as VaultLock) : UNREADABLE_LOCK
}

export function parseLockText(text: string | null): VaultLock | undefined {
  if (text === null) return undefined
  try {
    return parseVaultLock(JSON.parse(text))
  } catch {
    return UNREADABLE_LOCK
  }
}

/** Of what several places say, member by member, what forbids more. */
export function stricterLock(...locks: readonly (VaultLock | undefined)[]): VaultLock | undefined {
  const set = locks.filter((lock) => lock !== undefined)
  const [first] = set
  if (first === undefined) return undefined
  const most = (pick: (...values: number[]) => number, member: keyof VaultLock): number | undefined => {
    const values = set.flatMap((lock) => (lock[member] as number | undefined) ?? [])
    return values.length === 0 ? undefined : pick(...values)
  }
  const isCompliance = set.some(({ mode }) => mode === 'compliance')
  return {
    mode: isCompliance ? 'compliance' : 'governance',
    minRetentionDays: most(Math.max, 'minRetentionDays'),
    maxRetentionDays: most(Math.min, 'maxRetentionDays'),
    setAt: most(Math.min, 'setAt') as number,
    lockDate: most(Math.min, 'lockDate'),
    isFinal: set.some(({ isFinal }) => isFinal === true) ? true : undefined,
    encryptionKeyArn: set.find((lock) => lock.encryptionKeyArn !== undefined)?.encryptionKeyArn,
  }
}

/** The lock of a vault's row: the stricter of what was asked for and what the vault itself was seen to say. */
export function lockOf({ lock_configuration, sealed_records }: LockColumns): VaultLock | undefined {
  return stricterLock(parseLockText(lock_configuration), sealedLock(sealed_records))
}

export interface LockColumns {
  readonly lock_configuration: string | null
  readonly sealed_records: string | null
}

function sealedLock(sealedRecords: string | null): VaultLock | undefined {
  if (sealedRecords === null) return undefined
  const { record } = JSON.parse(sealedRecords) as { readonly record: { readonly lock?: unknown } }
  return parseVaultLock(record.lock)
}

/** Whether two locks forbid the same. */
export function sameLock(one: VaultLock | undefined, other: VaultLock | undefined): boolean {
  if (one === undefined || other === undefined) return one === other
  return (['mode', 'minRetentionDays', 'maxRetentionDays', 'lockDate'] as const).every(
    (member) => one[member] === other[member],
  )
}

/** Whether nobody may change or remove the lock, root included. A wall clock set back does not help once the end of grace is sealed. */
export function isImmutable(lock: VaultLock, wallMs: number): boolean {
  return lock.isFinal === true || (lock.mode === 'compliance' && wallMs >= (lock.lockDate ?? 0))
}

/**
 * Whether the grace time is over by running time, so that it may be sealed. The wall clock has no say here: one that is wrong for an
 * hour must not lock a vault for good.
 */
export function isGraceOver(
  lock: VaultLock,
  anchor: ClockReading | undefined,
  reading: ClockReading,
): boolean {
  if (lock.isFinal === true) return true
  const now = runningWall(anchor, reading)
  return lock.mode === 'compliance' && now !== undefined && now >= (lock.lockDate ?? 0)
}

/** What the wall clock would show if it had only run while the server did since `anchor`; undefined for another clock. */
function runningWall(anchor: ClockReading | undefined, reading: ClockReading): number | undefined {
  if (anchor === undefined || anchor.clock !== reading.clock) return undefined
  return anchor.wallMs + Math.max(0, reading.runningMs - anchor.runningMs)
}

/**
 * The time that a locked vault's points expire by: the lesser of wall clock and running time, the latter counted from the first of
 * `anchors` that is of this clock. Where none is, no time has passed.
 */
export function trustedNow(anchors: readonly (ClockReading | undefined)[], reading: ClockReading): number {
  const own = anchors.find((anchor) => anchor?.clock === reading.clock)
  const running = runningWall(own, reading)
  return running === undefined ? -Infinity : Math.min(reading.wallMs, running)
}

/** Undefined where it is none. */
export function parseClockReading(value: unknown): ClockReading | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { clock, wallMs, runningMs } = value as Partial<Record<keyof ClockReading, unknown>>
  const isGood = typeof clock === 'string' && Number.isFinite(wallMs) && Number.isFinite(runningMs)
  return isGood ? (value as ClockReading) : undefined
}

/** Why the lock takes no recovery point that is kept `days` (null: for ever); undefined where it does. No final period. */
export function retentionProblem(lock: VaultLock | undefined, days: number | null): string | undefined {
  const { minRetentionDays: min, maxRetentionDays: max } = lock ?? {}
  if (days !== null && min !== undefined && days < min) {
    return `the retention period of ${days} days is shorter than the minimum retention period of ${min} days of the backup vault's lock`
  }
  if (max !== undefined && (days === null || days > max)) {
    const given =
      days === null ? 'the retention period has no end, which' : `the retention period of ${days} days`
    return `${given} is longer than the maximum retention period of ${max} days of the backup vault's lock`
  }
  return undefined
}

/** What bears on whether a recovery point may go. */
export interface PointFacts {
  readonly vaultName: string
  readonly lock: VaultLock | undefined
  /** Titles of the legal holds on it. */
  readonly holds: readonly string[]
  /** A person who deletes it; its retention; whatever removes what belongs to nobody. */
  readonly by: 'caller' | 'expiry' | 'sweep'
  /** When its retention is over, milliseconds since 1970; null: never. */
  readonly endsAt: number | null
  /** What `trustedNow` says. */
  readonly now: number
}

/** Why a recovery point must stay; undefined where it may go. No final period. */
export function reasonToKeep(facts: PointFacts): string | undefined {
  const { vaultName, lock, holds, by, endsAt } = facts
  if (holds.length > 0) return `it is under legal hold ${holds.join(', ')}. Cancel the hold first`
  if (lock === undefined) return undefined
  const locked = `backup vault ${vaultName} is locked in ${lock.mode} mode`
  if (endsAt === null) return `${locked} and the recovery point is kept for ever`
  const end = new Date(endsAt).toISOString()
  if (by === 'caller')
    return `${locked}: the recovery point goes by itself when its retention is over, at ${end}`
  if (facts.now >= endsAt) return undefined
  return `${locked}, and the retention of the recovery point, which ends at ${end}, is not over by both wall clock and running time of the server`
}

/** Why a locked vault's point may not be kept `days` instead of `before` (null: for ever); undefined where it may. */
export function lifecycleChangeProblem(
  lock: VaultLock | undefined,
  before: number | null,
  days: number | null,
): string | undefined {
  if (lock === undefined || before === days) return undefined
  const isShorter = days !== null && (before === null || days < before)
  if (isShorter) return 'its backup vault is locked, and its retention can only be made longer'
  return retentionProblem(lock, days)
}
