import { DEFAULT_TIMEZONE } from './schedule.ts'

/**
 * Retention by counts, as restic's users know it: of the recovery points that one rule made of one resource into one vault, some are
 * kept; each count keeps by itself, and what any of them keeps stays.
 *
 * `last` keeps the newest so many. `daily`, `weekly`, `monthly` and `yearly` keep one of each of the newest so many days, ISO weeks,
 * months and years that have any, by the calendar of the rule's time zone: the newest whole one of the period, or the newest
 * partial one where none is whole. The newest whole point of all stays whatever the counts say.
 */
export interface RetentionCounts {
  readonly last?: number | undefined
  readonly daily?: number | undefined
  readonly weekly?: number | undefined
  readonly monthly?: number | undefined
  readonly yearly?: number | undefined
}

export interface CountedPoint {
  readonly arn: string
  /** When its backup began, milliseconds since 1970. */
  readonly createdAt: number
  /** Nothing is missing from it. */
  readonly isWhole: boolean
}

/** @returns What keeps each point, by ARN, such as `daily 3`; a point that is not named goes. */
export function keptByCounts(
  points: readonly CountedPoint[],
  counts: RetentionCounts,
  timeZone: string,
): ReadonlyMap<string, readonly string[]> {
  const kept = new Map<string, string[]>()
  const keep = (point: CountedPoint, reason: string): void => {
    const reasons = kept.get(point.arn)
    if (reasons === undefined) kept.set(point.arn, [reason])
    else reasons.push(reason)
  }
  const newestFirst = points.toSorted((a, b) => b.createdAt - a.createdAt || (a.arn < b.arn ? 1 : -1))
  for (const [i, point] of newestFirst.slice(0, counts.last ?? 0).entries()) keep(point, `last ${i + 1}`)
  const periodsOf = calendar(timeZone)
  const dated = newestFirst.map((point) => ({ point, periods: periodsOf(point.createdAt) }))
  for (const count of ['daily', 'weekly', 'monthly', 'yearly'] as const) {
    const wanted = counts[count] ?? 0
    if (wanted === 0) continue
    const best = new Map<string, CountedPoint>()
    for (const { point, periods } of dated) {
      const known = best.get(periods[count])
      if (known === undefined) {
        if (best.size === wanted) break
        best.set(periods[count], point)
      } else if (!known.isWhole && point.isWhole) best.set(periods[count], point)
    }
    for (const [i, point] of [...best.values()].entries()) keep(point, `${count} ${i + 1}`)
  }
  const newest = newestFirst.find(({ isWhole }) => isWhole) ?? newestFirst[0]
  if (newest !== undefined && !kept.has(newest.arn)) keep(newest, 'the newest')
  return kept
}

interface Periods {
  readonly daily: string
  readonly weekly: string
  readonly monthly: string
  readonly yearly: string
}

const DAY_MS = 86_400_000

function calendar(timeZone: string): (at: number) => Periods {
  const format = new Intl.DateTimeFormat('en-CA-u-ca-iso8601-nu-latn', {
    timeZone,
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
  })
  return (at) => {
    const parts = new Map(format.formatToParts(at).map(({ type, value }) => [type, value]))
    const [year, month, day] = (['year', 'month', 'day'] as const).map((part) => parts.get(part) as string)
    return {
      daily: `${year}-${month}-${day}`,
      weekly: isoWeek(Number(year), Number(month), Number(day)),
      monthly: `${year}-${month}`,
      yearly: `${year}`,
    }
  }
}

/** The ISO 8601 week of a date, e.g. `2026-W53`: the one that its Thursday lies in. */
function isoWeek(year: number, month: number, day: number): string {
  const date = Date.UTC(year, month - 1, day)
  const weekday = new Date(date).getUTCDay() || 7
  const thursday = date + (4 - weekday) * DAY_MS
  const weekYear = new Date(thursday).getUTCFullYear()
  return `${weekYear}-W${1 + Math.floor((thursday - Date.UTC(weekYear, 0, 1)) / (7 * DAY_MS))}`
}

/** What of a recovery point's row says which points it is counted with. */
export interface PointOfRule {
  readonly arn: string
  readonly vault_name: string
  readonly resource_unique_id: string
  readonly status: string
  readonly created_at: number
  /** AWS's RecoveryPointCreator as JSON. */
  readonly created_by: string | null
}

export interface CountedRule {
  readonly name: string
  readonly timeZone: string
  readonly counts: RetentionCounts
}

/** What counts say of a point: which rule's, and what keeps it; nothing where it goes. */
export interface Counted<Point> {
  readonly point: Point
  readonly rule: CountedRule
  readonly keptBy: readonly string[]
}

/** Holds a plan's points against the counts of its rules, by rule, vault and resource. Points of other rules are left out. */
export function countPoints<Point extends PointOfRule>(
  points: readonly Point[],
  rules: readonly CountedRule[],
): readonly Counted<Point>[] {
  const byName = new Map(rules.map((rule) => [rule.name, rule]))
  const groups = new Map<string, { readonly rule: CountedRule; readonly points: Point[] }>()
  for (const point of points) {
    const rule = byName.get(ruleNameOf(point))
    if (rule === undefined) continue
    const key = JSON.stringify([rule.name, point.vault_name, point.resource_unique_id])
    const group = groups.get(key)
    if (group === undefined) groups.set(key, { rule, points: [point] })
    else group.points.push(point)
  }
  return [...groups.values()].flatMap(({ rule, points: own }) => {
    const kept = keptByCounts(own.map(toCounted), rule.counts, rule.timeZone)
    return own.map((point) => ({ point, rule, keptBy: kept.get(point.arn) ?? [] }))
  })
}

function toCounted({ arn, created_at, status }: PointOfRule): CountedPoint {
  return { arn, createdAt: created_at, isWhole: status !== 'PARTIAL' }
}

function ruleNameOf({ created_by }: PointOfRule): string {
  const by = created_by === null ? {} : (JSON.parse(created_by) as { readonly BackupRuleName?: string })
  return by.BackupRuleName ?? ''
}

/** The rules of a plan that have counts: a rule that the plan's present version leaves out has none. */
export function countedRules(
  rules: readonly {
    readonly RuleName: string
    readonly ScheduleExpressionTimezone?: string | undefined
  }[],
  rows: readonly { readonly rule_name: string; readonly counts: string }[],
): readonly CountedRule[] {
  return rows.flatMap(({ rule_name: name, counts }) => {
    const rule = rules.find(({ RuleName }) => RuleName === name)
    if (rule === undefined) return []
    const timeZone = rule.ScheduleExpressionTimezone ?? DEFAULT_TIMEZONE
    return [{ name, timeZone, counts: JSON.parse(counts) as RetentionCounts }]
  })
}
