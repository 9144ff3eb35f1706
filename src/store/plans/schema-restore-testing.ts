import type { JsonText, Millis } from '../schema.ts'

export interface RestoreTestingPlanTable {
  account_id: string
  region: string
  name: string
  arn: string
  creator_request_id: string
  /** What it tests and when (plans/restore-testing.ts). */
  document: JsonText
  created_at: Millis
  updated_at: Millis
  /** From where rate() counts; kept while the schedule stays the same. */
  written_at: Millis
  next_run_at: Millis | null
  last_run_at: Millis | null
  /** What became of the last run. */
  last_run_message: string | null
}

export interface RestoreTestingSelectionTable {
  account_id: string
  region: string
  plan_name: string
  name: string
  resource_type: string
  role_arn: string
  /** AROA…: a role made again under the same name is another one. */
  role_id: string
  document: JsonText
  /** Built-in validators, in their order. */
  validators: JsonText
  creator_request_id: string
  /** ARN of who passed the role last: the tests are done in his name, too. */
  created_by: string
  /** Unique id of the user or role behind them; null: of before it was kept. */
  created_by_id: string | null
  created_at: Millis
  updated_at: Millis
}

/**
 *     RESTORING → VALIDATING → DELETING → ENDED
 *         └───────────────────────↑ ↓
 *                               DELETE_FAILED   tried again later
 */
export type RestoreTestPhase = 'RESTORING' | 'VALIDATING' | 'DELETING' | 'DELETE_FAILED' | 'ENDED'

/** How far a test is; its restore job has the same id. */
export interface RestoreTestTable {
  job_id: string
  account_id: string
  region: string
  plan_arn: string
  plan_name: string
  selection_name: string
  /** What was backed up. */
  resource_arn: string
  due_at: Millis
  /** How long the restore took; null until it is done. */
  recovery_ms: number | null
  phase: RestoreTestPhase
  /** The job whose end is waited for; null while a caller's verdict is. */
  step_job_id: string | null
  /** End of the validation window or of the validators' time, or when deleting is tried again. */
  next_at: Millis | null
  validation_hours: number
  /** As the selection had them when the test began. */
  validators: JsonText
  /** What each said, in their order; `[]` until they are done. */
  validator_results: JsonText
  /** A caller's verdict that came while the validators were running. */
  caller_status: 'SUCCESSFUL' | 'FAILED' | 'TIMED_OUT' | null
  caller_message: string | null
  validation_status: 'VALIDATING' | 'SUCCESSFUL' | 'FAILED' | 'TIMED_OUT' | null
  validation_message: string | null
  deletion_status: 'DELETING' | 'SUCCESSFUL' | 'FAILED' | null
  deletion_message: string | null
  deletion_tries: number
}
