import type { PlanDocument, PlanRule } from '../plans/plan.ts'
import { matchSelection } from '../plans/selection.ts'
import type { Candidate, SelectionDocument } from '../plans/selection.ts'
import type { Cursor } from '../store/page.ts'
import { listPlans, selectionsOfPlan } from '../store/plans/plans.ts'
import { regionSettings } from '../store/region-settings.ts'
import type { Queryable } from '../store/store.ts'

/** Plans that select a resource. */
export interface Covering {
  readonly planName: string
  readonly rules: readonly PlanRule[]
}

const PAGE = 1_000

/** Reads an account's plans and what they select, once; the answer tells which of them cover a resource now. */
export async function planCoverage(
  db: Queryable,
  place: { readonly accountId: string; readonly region: string },
): Promise<(candidate: Candidate) => readonly Covering[]> {
  const { optIn } = await regionSettings(db, place.accountId, place.region)
  const plans: (Covering & { readonly selections: readonly SelectionDocument[] })[] = []
  let after: Cursor | undefined
  do {
    const { rows, next } = await listPlans(db, { ...place, withDeleted: false }, { limit: PAGE, after })
    for (const row of rows) {
      const selections = (await selectionsOfPlan(db, row.plan_id)).map(
        ({ document }) => JSON.parse(document) as SelectionDocument,
      )
      if (selections.length === 0) continue
      const { Rules } = JSON.parse(row.document) as PlanDocument
      plans.push({ planName: row.name, rules: Rules, selections })
    }
    after = next
  } while (after !== undefined)
  return (candidate) => {
    const isOptedIn = optIn[candidate.type] !== false
    return plans.filter(({ selections }) =>
      selections.some((selection) => matchSelection(selection, candidate, isOptedIn).isSelected),
    )
  }
}
