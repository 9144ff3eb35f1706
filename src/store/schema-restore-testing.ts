import type { JsonText, Millis } from './schema.ts'

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
  created_at: Millis
  updated_at: Millis
}
