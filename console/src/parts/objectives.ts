import { GetBackupPlanCommand, ListBackupPlansCommand } from '@aws-sdk/client-backup'
import type { GetBackupPlanOutput } from '@aws-sdk/client-backup'
import { backup } from '../api/backup.ts'
import { allPages, roleback } from '../api/roleback.ts'

const HOUR_MS = 3_600_000
/** Where no plan selects a resource: a day and a half. */
export const DEFAULT_OBJECTIVE_MS: number = 36 * HOUR_MS
/** AWS's start window where a rule names none. */
const START_WINDOW_MIN = 480
/** Plans that are looked at, and resources of each. */
const MAX_PLANS = 20
const MAX_SELECTED = 500
const RUNS = 10

/**
 * How old the newest recovery point of each resource may be, in milliseconds, by the plan that asks for most. Empty where there is no plan;
 * resources that were not looked at are missing.
 */
export async function objectives(): Promise<ReadonlyMap<string, number>> {
  const { BackupPlansList: plans = [] } = await backup.send(
    new ListBackupPlansCommand({ MaxResults: MAX_PLANS }),
  )
  const found = new Map<string, number>()
  const all = await Promise.all(plans.map(async ({ BackupPlanId = '' }) => await objectiveOf(BackupPlanId)))
  for (const { ms, arns } of all)
    for (const arn of arns) found.set(arn, Math.min(ms, found.get(arn) ?? Infinity))
  for (const { others } of all)
    for (const arn of others) if (!found.has(arn)) found.set(arn, DEFAULT_OBJECTIVE_MS)
  return found
}

async function objectiveOf(
  BackupPlanId: string,
): Promise<{ readonly ms: number; readonly arns: readonly string[]; readonly others: readonly string[] }> {
  const [plan, selected] = await Promise.all([
    backup.send(new GetBackupPlanCommand({ BackupPlanId, MaxScheduledRunsPreview: RUNS })),
    allPages(
      async (NextToken) =>
        await roleback('PreviewBackupSelection', {
          BackupPlanId,
          MaxResults: 500,
          ...(NextToken !== undefined && { NextToken }),
        }),
      ({ Matches }) => Matches,
      MAX_SELECTED,
    ),
  ])
  const of = (isSelected: boolean): readonly string[] =>
    selected.rows.flatMap(({ ResourceArn, Selected }) => (Selected === isSelected ? [ResourceArn] : []))
  return { ms: allowedAge(plan), arns: of(true), others: of(false) }
}

/** The time from one run to the next of the rule that runs most often, and its start window. */
export function allowedAge({ BackupPlan, ScheduledRunsPreview = [] }: GetBackupPlanOutput): number {
  const ages = (BackupPlan?.Rules ?? []).flatMap((rule) => {
    const times = ScheduledRunsPreview.filter(
      ({ RuleId }) => RuleId === (rule as { readonly RuleId?: string }).RuleId,
    ).map(({ ExecutionTime }) => ExecutionTime?.getTime() ?? 0)
    const gaps = times.slice(1).map((time, index) => time - (times[index] ?? time))
    return gaps.length === 0
      ? []
      : [Math.max(...gaps) + (rule.StartWindowMinutes ?? START_WINDOW_MIN) * 60_000]
  })
  return ages.length === 0 ? DEFAULT_OBJECTIVE_MS : Math.min(...ages)
}
