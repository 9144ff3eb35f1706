import type { JsonText, Millis } from '../schema.ts'

/** A plan; its rules are in the document of its present version. */
export interface BackupPlanTable {
  account_id: string
  region: string
  plan_id: string
  name: string
  version_id: string
  creator_request_id: string
  created_at: Millis
  /** When the present version was written. */
  updated_at: Millis
  deleted_at: Millis | null
  last_run_at: Millis | null
}

export interface BackupPlanVersionTable {
  plan_id: string
  version_id: string
  /** Counts from 1. */
  seq: number
  document: JsonText
  created_at: Millis
}

/** Never changed, as AWS's are not. */
export interface BackupSelectionTable {
  account_id: string
  region: string
  plan_id: string
  selection_id: string
  name: string
  role_arn: string
  /** AROA…: a role made again under the same name is another one. */
  role_id: string
  document: JsonText
  creator_request_id: string
  /** ARN of who passed the role. */
  created_by: string
  created_at: Millis
}

/** When a rule of a plan's present version is due. */
export interface BackupRuleTable {
  account_id: string
  region: string
  plan_id: string
  rule_id: string
  /** From where rate() counts; kept while the rule's schedule stays the same. */
  written_at: Millis
  next_run_at: Millis | null
}

/** How many points of each resource a rule keeps. */
export interface RetentionCountsTable {
  account_id: string
  region: string
  plan_id: string
  /** Outlives the plan's versions: a rule that is left out and comes back has its counts. */
  rule_name: string
  /** plans/retention-counts.ts */
  counts: JsonText
  updated_at: Millis
  updated_by: string
}

/** What became of a run: its jobs were made; nothing was selected; it was missed, paused, or another run stands for it. */
export type PlanRunOutcome = 'STARTED' | 'EMPTY' | 'MISSED' | 'PAUSED' | 'SUPERSEDED'

export interface BackupPlanRunTable {
  account_id: string
  region: string
  plan_id: string
  rule_id: string
  due_at: Millis
  version_id: string
  outcome: PlanRunOutcome
  /** Jobs it made. */
  jobs: number
  message: string
  recorded_at: Millis
}

/** Until then no plan makes jobs for the target. */
export interface BackupPauseTable {
  account_id: string
  region: string
  /** A plan's or a resource's ARN, or `*` for everything of the account in the region. */
  target_arn: string
  until: Millis
  reason: string | null
  paused_by: string
  paused_at: Millis
}
