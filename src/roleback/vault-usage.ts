import { RESTORE_UNREADABLE } from '../access/restore-guard.ts'
import { resourceTagKeys } from '../access/request-context.ts'
import type {
  ListVaultUsageInput,
  ListVaultUsageOutput,
  UsageForecast,
  VaultUsage,
} from '../aws/generated/roleback.ts'
import type { Context } from '../context.ts'
import { tagsOf } from '../store/identity/tags.ts'
import { dayOf, listUsage, usageNow } from '../store/vaults/vault-usage.ts'
import type { Usage, UsageScope } from '../store/vaults/vault-usage.ts'
import { vaultNamed } from './jobs.ts'

const DAY_MS = 86_400_000
const DEFAULT_DAYS = 90
/** So many recovery points are counted for each answer: a few milliseconds. */
const MAX_COUNTED = 10_000
/** A forecast looks back so far, and says nothing before there is as much as a week. */
const FORECAST_DAYS = 30
const LEAST_DAYS = 7

/**
 * What a vault, or all vaults of the region together, held day by day, and where that leads.
 *
 * What deduplication saved tells whether somebody else's content is there already, so stored bytes are told to those alone who may
 * restore everything anyway.
 */
export async function listVaultUsage(
  ctx: Context,
  input: ListVaultUsageInput,
): Promise<ListVaultUsageOutput> {
  const vault = input.BackupVaultName === undefined ? undefined : await vaultNamed(ctx, input.BackupVaultName)
  const isStoredShown = input.IncludeStoredBytes === true
  if (isStoredShown) {
    const tags = vault === undefined ? {} : await tagsOf(ctx.store.db, ctx.accountId, vault.arn)
    await ctx.authorize(RESTORE_UNREADABLE, vault?.arn ?? '*', resourceTagKeys(tags))
  }
  const scope = { accountId: ctx.accountId, region: ctx.region, vaultName: vault?.name }
  const today = dayOf(ctx.now)
  const since = today - (input.Days ?? DEFAULT_DAYS) + 1
  const known = await listUsage(ctx.store.db, scope, Math.min(since, today - FORECAST_DAYS + 1))
  const days = [...known.filter(({ day }) => day !== today), await usageOfToday(ctx, scope, known.at(-1))]
  return {
    Usage: days.filter(({ day }) => day >= since).map((usage) => shown(usage, isStoredShown)),
    Forecast: forecastOf(
      days.filter(({ day }) => day > today - FORECAST_DAYS),
      isStoredShown,
    ),
  }
}

/**
 * What is held now; where that would take long to count, what was written down last: within the hour, or before midnight. A new server's
 * first backup is seen at once.
 */
async function usageOfToday(ctx: Context, scope: UsageScope, last: Usage | undefined): Promise<Usage> {
  if (last !== undefined && last.recoveryPoints > MAX_COUNTED) return { ...last, day: dayOf(ctx.now) }
  return await usageNow(ctx.store.db, scope, ctx.now)
}

function shown(
  { day, contentBytes, storedBytes, recoveryPoints }: Usage,
  isStoredShown: boolean,
): VaultUsage {
  return {
    Date: new Date(day * DAY_MS),
    ContentBytes: contentBytes,
    StoredBytes: isStoredShown ? storedBytes : undefined,
    NumberOfRecoveryPoints: recoveryPoints,
  }
}

function forecastOf(days: readonly Usage[], isStoredShown: boolean): UsageForecast | undefined {
  const [first, last] = [days[0], days.at(-1)]
  if (first === undefined || last === undefined || last.day - first.day + 1 < LEAST_DAYS) return undefined
  const ahead = (bytes: (usage: Usage) => number): readonly [perDay: number, in30Days: number] => {
    const perDay = slope(days.map((usage) => [usage.day, bytes(usage)]))
    return [Math.round(perDay), Math.max(0, Math.round(bytes(last) + 30 * perDay))]
  }
  const content = ahead(({ contentBytes }) => contentBytes)
  const stored = isStoredShown ? ahead(({ storedBytes }) => storedBytes) : []
  return {
    BasedOnDays: last.day - first.day + 1,
    ContentBytesPerDay: content[0],
    ContentBytesIn30Days: content[1],
    StoredBytesPerDay: stored[0],
    StoredBytesIn30Days: stored[1],
  }
}

/** The median of the slopes between any two (Theil and Sen): one first backup or one sweep among the days does not bend it. */
function slope(points: readonly (readonly [x: number, y: number])[]): number {
  const slopes = points
    .flatMap(([x, y], at) => points.slice(at + 1).map(([later, to]) => (to - y) / (later - x)))
    .sort((a, b) => a - b)
  const middle = slopes.length >> 1
  const [low = 0, high = 0] = [slopes[slopes.length % 2 === 0 ? middle - 1 : middle], slopes[middle]]
  return (low + high) / 2
}
