/** A plan as it is stored: AWS's own shape, as CreateBackupPlan takes it, with an id for each rule. */

export interface PlanLifecycle {
  readonly MoveToColdStorageAfterDays?: number | undefined
  readonly DeleteAfterDays?: number | undefined
}

export interface PlanCopyAction {
  readonly DestinationBackupVaultArn: string
  readonly Lifecycle?: PlanLifecycle | undefined
}

export interface PlanRule {
  readonly RuleId: string
  readonly RuleName: string
  readonly TargetBackupVaultName: string
  readonly ScheduleExpression?: string | undefined
  readonly ScheduleExpressionTimezone?: string | undefined
  readonly StartWindowMinutes?: number | undefined
  readonly CompletionWindowMinutes?: number | undefined
  readonly Lifecycle?: PlanLifecycle | undefined
  readonly RecoveryPointTags?: Readonly<Record<string, string>> | undefined
  readonly CopyActions?: readonly PlanCopyAction[] | undefined
}

export interface PlanDocument {
  readonly BackupPlanName: string
  readonly Rules: readonly PlanRule[]
}

/** AWS: 8 hours where StartWindowMinutes is absent, 7 days where CompletionWindowMinutes is. */
export const DEFAULT_START_WINDOW_MIN = 480
export const DEFAULT_COMPLETION_WINDOW_MIN = 10_080
/** AWS's least start window, and its greatest window of either kind: a hundred years. */
export const MIN_START_WINDOW_MIN = 60
const MAX_WINDOW_MIN = 52_560_000

/** What AWS would refuse a window of so many minutes for; undefined where it takes it, or none is given. */
export function windowProblem(
  member: string,
  minutes: number | undefined,
  least: number = 1,
): string | undefined {
  if (minutes === undefined || (minutes >= least && minutes <= MAX_WINDOW_MIN)) return undefined
  return `${member} must be ${least} to ${MAX_WINDOW_MIN}; it is ${minutes}`
}
