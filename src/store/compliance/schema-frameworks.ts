import type { JsonText, Millis } from '../schema.ts'

/** Which controls an account holds its backups to (compliance/controls.ts). */
export interface FrameworkTable {
  account_id: string
  region: string
  name: string
  /** With the name it makes the ARN: one made again under a name is another. */
  framework_id: string
  description: string | null
  /** AWS's FrameworkControls, as they were given. */
  controls: JsonText
  idempotency_token: string | null
  created_at: Millis
}
