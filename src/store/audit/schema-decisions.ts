import type { Millis } from '../schema.ts'

/** What the policy engine said to a job: denials singly, allows aggregated. */
export interface JobDecisionTable {
  account_id: string
  job_id: string
  seq: number
  step: string
  action: string
  effect: 'Allow' | 'Deny'
  first_arn: string
  last_arn: string
  count: number
  reason: string
  policy: string | null
  statement: string | null
  first_at: Millis
  last_at: Millis
}
