import type { JsonText, Millis } from '../schema.ts'

/** Which report an account has delivered, and where to. */
export interface ReportPlanTable {
  account_id: string
  region: string
  name: string
  /** With the name it makes the ARN: one made again under a name is another. */
  report_plan_id: string
  description: string | null
  /** AWS's ReportDeliveryChannel and ReportSetting, as they were given. */
  delivery: JsonText
  setting: JsonText
  /** The registered bucket or file system that whoever made the plan might write to; registered anew it is another. */
  target_arn: string
  target_unique_id: string
  idempotency_token: string | null
  created_at: Millis
  /** When the daily report is due. */
  next_run_at: Millis
}
