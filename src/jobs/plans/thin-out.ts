import { countedRules, countPoints } from '../../plans/retention-counts.ts'
import type { Counted } from '../../plans/retention-counts.ts'
import type { PlanDocument } from '../../plans/plan.ts'
import { deleteHeldDeletion } from '../../store/points/held-deletions.ts'
import { findPlan } from '../../store/plans/plans.ts'
import { setRecoveryPointStatus } from '../../store/points/recovery-points.ts'
import { allRetentionCounts, countedPoints } from '../../store/points/retention-counts.ts'
import type { RetentionCountsTable } from '../../store/plans/schema-plans.ts'
import type { RecoveryPointTable } from '../../store/schema.ts'
import { RetryLaterError } from '../errors.ts'
import { expirePoint, NOT_COUNTED } from '../points/expire-point.ts'
import { holdRecounted } from './held-deletions.ts'
import type { JobTools } from '../tools.ts'

/** Lets go what the retention counts of no plan's rule keep; its role, its vault's lock and legal holds have their say. */
export async function thinOut(
  tools: JobTools,
  { now, holdShare }: { readonly now: number; readonly holdShare: number },
  signal: AbortSignal,
): Promise<void> {
  const byPlan = new Map<string, RetentionCountsTable[]>()
  for (const row of await allRetentionCounts(tools.store.db))
    byPlan.set(row.plan_id, [...(byPlan.get(row.plan_id) ?? []), row])
  for (const rows of byPlan.values()) {
    for (const counted of await countsOfPlan(tools, rows, holdShare)) {
      if (signal.aborted) return
      try {
        await follow(tools, counted, now)
      } catch (error) {
        // One point must not keep those behind it; it is looked at again in the next round.
        if (!(error instanceof RetryLaterError))
          tools.log.error('a recovery point could not be thinned out', {
            point: counted.point.arn,
            error: String(error),
          })
      }
    }
  }
}

async function countsOfPlan(
  tools: JobTools,
  rows: readonly RetentionCountsTable[],
  holdShare: number,
): Promise<readonly Counted<RecoveryPointTable>[]> {
  const { db } = tools.store
  const { account_id: accountId, region, plan_id: planId } = rows[0] as RetentionCountsTable
  const plan = await findPlan(db, { accountId, region }, planId)
  if (plan === undefined) return []
  const { Rules } = JSON.parse(plan.document) as PlanDocument
  const counted = countPoints(await countedPoints(db, planId), countedRules(Rules, rows))
  const seen = JSON.stringify([plan.version_id, rows.map(({ rule_name, counts }) => [rule_name, counts])])
  const going = counted.filter(({ keptBy }) => keptBy.length === 0).map(({ point }) => point)
  await holdRecounted(tools, { planId, seen }, going, holdShare)
  return counted
}

async function follow(
  tools: JobTools,
  { point, rule, keptBy }: Counted<RecoveryPointTable>,
  now: number,
): Promise<void> {
  if (keptBy.length === 0) {
    const reason = `No retention count of the rule ${rule.name} of backup plan ${point.plan_id} keeps it`
    return await expirePoint(tools, point, { reason, isCounted: true }, now)
  }
  // What held it is told no longer: counts keep it again.
  if (point.status_message?.startsWith(NOT_COUNTED) !== true) return
  await deleteHeldDeletion(tools.store.db, point.arn)
  await setRecoveryPointStatus(tools.store.db, point, [point.status], { status: point.status, message: null })
}
