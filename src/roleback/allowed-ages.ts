import { setImmediate } from 'node:timers/promises'
import type { Context } from '../context.ts'
import { DEFAULT_ALLOWED_AGE_MS, allowedAge } from '../plans/allowed-age.ts'
import type { PlanDocument } from '../plans/plan.ts'
import { matchSelection } from '../plans/selection.ts'
import type { SelectionDocument } from '../plans/selection.ts'
import type { Page, PageRequest } from '../store/page.ts'
import { listPlans, selectionsOfPlan } from '../store/plans/plans.ts'
import { countProtection, listProtection } from '../store/points/protection.ts'
import type { ProtectionFilter, ProtectionRow } from '../store/points/protection.ts'
import { regionSettings } from '../store/region-settings.ts'
import { tagsOfAll } from '../store/identity/tags.ts'
import { resourceLabel } from '../store/resources/resource-label.ts'

/**
 * How old the newest recovery point of a resource may be: by the plan that asks for most of those that select it. Selections are matched
 * only for resources that some plan allows such an age and another does not; all others are told apart by an index.
 */

/** Plans of a region that are looked at. */
const MAX_PLANS = 1_000
const PAGE = 1_000

interface PlanAge {
  readonly ageMs: number
  readonly selections: readonly SelectionDocument[]
}

export interface AllowedAges {
  /** Those that ask for most first. */
  readonly plans: readonly PlanAge[]
  readonly optIn: Readonly<Record<string, boolean>>
  readonly leastMs: number
  readonly mostMs: number
}

export type AgedRow = ProtectionRow & {
  readonly allowedAgeMs: number
  /** What people call it. */
  readonly label: string
}

export async function allowedAges(ctx: Context): Promise<AllowedAges> {
  const { db } = ctx.store
  const place = { accountId: ctx.accountId, region: ctx.region }
  const { rows } = await listPlans(db, { ...place, withDeleted: false }, { limit: MAX_PLANS })
  const plans: PlanAge[] = []
  for (const { plan_id, document } of rows) {
    const selections = await selectionsOfPlan(db, plan_id)
    if (selections.length === 0) continue
    plans.push({
      ageMs: allowedAge(JSON.parse(document) as PlanDocument, ctx.now) ?? DEFAULT_ALLOWED_AGE_MS,
      selections: selections.map((row) => JSON.parse(row.document) as SelectionDocument),
    })
  }
  plans.sort((a, b) => a.ageMs - b.ageMs)
  const all = [DEFAULT_ALLOWED_AGE_MS, ...plans.map(({ ageMs }) => ageMs)]
  const { optIn } = await regionSettings(db, ctx.accountId, ctx.region)
  return { plans, optIn, leastMs: Math.min(...all), mostMs: Math.max(...all) }
}

/** What is allowed to each of a page of resources. @param isCalled Leaves out those that are not, by label and name. */
export async function withAges(
  ctx: Context,
  { plans, optIn }: AllowedAges,
  rows: readonly ProtectionRow[],
  isCalled: (names: readonly string[]) => boolean = () => true,
): Promise<readonly AgedRow[]> {
  const all = await tagsOfAll(
    ctx.store.db,
    ctx.accountId,
    rows.map(({ arn }) => arn),
  )
  return rows.flatMap((row) => {
    const tags = all.get(row.arn) ?? {}
    const label = resourceLabel(row, tags)
    if (!isCalled([label, row.name])) return []
    const candidate = { arn: row.arn, type: row.type, tags }
    const isOptedIn = optIn[row.type] !== false
    const plan = plans.find(({ selections }) =>
      selections.some((one) => matchSelection(one, candidate, isOptedIn).isSelected),
    )
    return [{ ...row, allowedAgeMs: plan?.ageMs ?? DEFAULT_ALLOWED_AGE_MS, label }]
  })
}

export const isOverdue = ({ newest_at, allowedAgeMs }: AgedRow, now: number): boolean =>
  newest_at > 0 && now - newest_at > allowedAgeMs

/** What is looked for one by one, since no index tells it. */
export interface Sought {
  readonly filter: ProtectionFilter
  readonly isCalled?: (names: readonly string[]) => boolean
  readonly isMeant?: (row: AgedRow) => boolean
}

/** A page of what is sought, the worst off first; a page may be short and others follow. */
export async function lookThrough(
  ctx: Context,
  ages: AllowedAges,
  { filter, isCalled, isMeant = () => true }: Sought,
  page: PageRequest,
): Promise<Page<AgedRow>> {
  const found: AgedRow[] = []
  let { after } = page
  for (let looked = 0; looked < MAX_LOOKED; looked += PAGE) {
    const { rows, next } = await listProtection(ctx.store.db, filter, { limit: PAGE, after })
    for (const row of await withAges(ctx, ages, rows, isCalled)) {
      if (!isMeant(row)) continue
      if (found.length === page.limit) return { rows: found, next: keyOf(found.at(-1) as AgedRow) }
      found.push(row)
    }
    after = next
    if (after === undefined) return { rows: found }
    await setImmediate()
  }
  return { rows: found, next: after }
}

/** Resources looked through for one page. */
const MAX_LOOKED = 20_000

const keyOf = ({ newest_at, arn }: AgedRow): readonly string[] => [String(newest_at), arn]

export async function countOverdue(ctx: Context, ages: AllowedAges): Promise<number> {
  const place = filterOf(ctx, undefined)
  const { db } = ctx.store
  let count = await countProtection(db, { ...place, from: 1, before: ctx.now - ages.mostMs })
  const filter = { ...place, from: ctx.now - ages.mostMs, before: ctx.now - ages.leastMs }
  let after: readonly string[] | undefined
  do {
    const { rows, next } = await listProtection(db, filter, { limit: PAGE, after })
    const aged = await withAges(ctx, ages, rows)
    count += aged.filter((row) => isOverdue(row, ctx.now)).length
    after = next
    await setImmediate()
  } while (after !== undefined)
  return count
}

export function filterOf({ accountId, region }: Context, type: string | undefined): ProtectionFilter {
  return { accountId, region, type }
}
