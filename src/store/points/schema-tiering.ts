import type { JsonText, Millis } from '../schema.ts'

export interface TieringConfigurationTable {
  account_id: string
  region: string
  name: string
  arn: string
  /** `*`: every vault that has no configuration of its own. */
  vault_name: string
  /** What is moved when (plans/tiering.ts). */
  selections: JsonText
  creator_request_id: string
  created_at: Millis
  updated_at: Millis
}
