import { createHash } from 'node:crypto'
import type { NewJob } from '../../store/jobs/jobs.ts'
import { kindOfType } from '../../kinds/kinds.ts'
import { arnOf } from '../../lib/arn.ts'
import { uuid } from '../../lib/ids.ts'
import { storedLifecycle } from '../../plans/lifecycle.ts'
import { DEFAULT_COMPLETION_WINDOW_MIN, DEFAULT_START_WINDOW_MIN } from '../../plans/plan.ts'
import type { PlanDocument, PlanRule } from '../../plans/plan.ts'
import type { PlanRow } from '../../store/plans/plans.ts'
import type { PlannedResource, Selected } from './selected-resources.ts'

const MINUTE = 60_000
/** Jobs of one run begin so far apart, in milliseconds, and all within half of the start window. */
const APART_MS = 200

export interface PlanRunOf {
  readonly plan: PlanRow
  readonly document: PlanDocument
  readonly rule: PlanRule
  /** When the run was due. */
  readonly dueAt: number
}

/** How long after it is due a run may start, and how long after its start it may go on; AWS's figures where the rule gives none. */
export function windowsOf(rule: PlanRule): { readonly startMs: number; readonly completionMs: number } {
  return {
    startMs: (rule.StartWindowMinutes ?? DEFAULT_START_WINDOW_MIN) * MINUTE,
    completionMs: (rule.CompletionWindowMinutes ?? DEFAULT_COMPLETION_WINDOW_MIN) * MINUTE,
  }
}

/** A run's jobs. `missed` is why they can no longer start; they are then past their start window. */
export function planJobs(
  run: PlanRunOf,
  selected: readonly Selected[],
  { now, missed }: { readonly now: number; readonly missed?: string | undefined },
): readonly NewJob[] {
  const { startMs } = windowsOf(run.rule)
  const apartMs = Math.min(APART_MS, startMs / 2 / Math.max(1, selected.length))
  // Neighbours by name often lie on one server: in the order of a hash they do not all come at once.
  const ordered = selected.map((one) => ({ one, order: orderOf(run, one) }))
  ordered.sort((a, b) => (a.order < b.order ? -1 : 1))
  return ordered.map(({ one }, i) => {
    const runAt = missed === undefined ? Math.max(now, run.dueAt) + Math.floor(i * apartMs) : run.dueAt
    return { ...planJob(run, one, now), run_at: runAt, status_message: missed ?? null }
  })
}

function orderOf({ dueAt }: PlanRunOf, { resource }: Selected): string {
  return createHash('sha256').update(`${dueAt} ${resource.unique_id}`).digest('hex')
}

function planJob(run: PlanRunOf, { resource, selection }: Selected, now: number): NewJob {
  const { plan, rule, dueAt } = run
  const jobId = uuid()
  const windows = windowsOf(rule)
  return {
    account_id: plan.account_id,
    region: plan.region,
    job_id: jobId,
    kind: 'backup',
    created_at: now,
    // Who passed the role: the job is done in his name, too.
    caller_arn: selection.created_by,
    plan_id: plan.plan_id,
    created_by: JSON.stringify(createdBy(run)),
    vault_name: rule.TargetBackupVaultName,
    resource_arn: resource.arn,
    resource_unique_id: resource.unique_id,
    resource_type: resource.type,
    recovery_point_arn: pointArn(plan, resource, jobId, now),
    role_arn: selection.role_arn,
    role_id: selection.role_id,
    start_by: dueAt + windows.startMs,
    complete_by: dueAt + windows.startMs + windows.completionMs,
    lock_key: `resource ${resource.unique_id}`,
    idempotency_token: `${plan.plan_id} ${rule.RuleId} ${dueAt} ${resource.unique_id}`,
    input: JSON.stringify({
      lifecycle: storedLifecycle(rule.Lifecycle),
      tags: rule.RecoveryPointTags ?? {},
      copies: (rule.CopyActions ?? []).map(({ DestinationBackupVaultArn, Lifecycle }) => ({
        vaultArn: DestinationBackupVaultArn,
        ...storedLifecycle(Lifecycle),
      })),
    }),
  }
}

function pointArn(plan: PlanRow, resource: PlannedResource, jobId: string, now: number): string {
  const kind = kindOfType(resource.type)
  if (kind === undefined)
    throw new Error(`resource type "${resource.type}" in the store is not a kind of this version`)
  return kind.recoveryPointArn({
    region: plan.region,
    accountId: plan.account_id,
    jobId,
    name: resource.name,
    createdAt: new Date(now),
  })
}

export function planArn(plan: PlanRow): string {
  return arnOf('backup', plan.region, plan.account_id, `backup-plan:${plan.plan_id}`)
}

/** AWS's RecoveryPointCreator. */
function createdBy({ plan, document, rule }: PlanRunOf): Record<string, string | undefined> {
  return {
    BackupPlanId: plan.plan_id,
    BackupPlanArn: planArn(plan),
    BackupPlanName: document.BackupPlanName,
    BackupPlanVersion: plan.version_id,
    BackupRuleId: rule.RuleId,
    BackupRuleName: rule.RuleName,
    BackupRuleCron: rule.ScheduleExpression,
    BackupRuleTimezone: rule.ScheduleExpressionTimezone,
  }
}
