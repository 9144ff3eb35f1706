import type { EventRow } from '../store/events/events.ts'
import { recordNotice } from '../store/events/events.ts'
import { isFinished } from '../store/jobs/job-states.ts'
import { findAnyJob } from '../store/jobs/jobs.ts'
import type { JobState } from '../store/schema.ts'
import { statesOfRun } from '../store/plans/plan-runs.ts'
import type { Queryable } from '../store/store.ts'
import type { Event } from './event.ts'

/** Worst first: what a run came to is what the worst of its jobs did. */
const WORST: readonly JobState[] = ['FAILED', 'EXPIRED', 'ABORTED', 'PARTIAL', 'COMPLETED']

/** Tells of a plan's run when the last of its jobs has ended. */
export async function noticeRunEnd(db: Queryable, row: EventRow, event: Event): Promise<void> {
  if (event['detail-type'] !== 'Backup Job State Change') return
  if (!isFinished(event.detail['state'] as JobState)) return
  const job = await findAnyJob(db, String(event.detail['backupJobId']))
  // PLAN RULE DUE RESOURCE, as jobs/plan-jobs.ts writes it.
  const [planId, ruleId, dueAt, resource] = job?.idempotency_token?.split(' ') ?? []
  if (job?.plan_id !== planId || planId === undefined || ruleId === undefined || resource === undefined)
    return
  const run = `${planId} ${ruleId} ${dueAt}`
  const states = await statesOfRun(db, row.account_id, run)
  if (!states.every(({ state }) => isFinished(state))) return
  const count = states.reduce((sum, { jobs }) => sum + jobs, 0)
  const state = WORST.find((one) => states.some((found) => found.state === one)) ?? 'COMPLETED'
  const bad = states.filter((one) => one.state !== 'COMPLETED').map((one) => `${one.jobs} ${one.state}`)
  await recordNotice(db, {
    accountId: row.account_id,
    region: row.region,
    at: row.at,
    detailType: 'Backup Plan Run State Change',
    resources: [`arn:aws:backup:${row.region}:${row.account_id}:backup-plan:${planId}`],
    detail: {
      backupPlanId: planId,
      backupPlanName: planNameOf(event),
      backupRuleId: ruleId,
      dueAt: new Date(Number(dueAt)).toISOString(),
      state,
      jobs: count,
      statusMessage:
        bad.length === 0
          ? `All ${count} backup jobs of the run were completed.`
          : `Of ${count} backup jobs of the run: ${bad.join(', ')}.`,
    },
    cause: `run ${run}`,
  })
}

function planNameOf({ detail }: Event): string | undefined {
  return (detail['createdBy'] as { readonly backupPlanName?: string } | undefined)?.backupPlanName
}
