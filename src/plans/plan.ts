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
