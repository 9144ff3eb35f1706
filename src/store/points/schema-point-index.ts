import type { Millis } from '../schema.ts'

/** A recovery point whose index somebody asked for; without a row it has none. */
export interface PointIndexTable {
  account_id: string
  region: string
  recovery_point_arn: string
  /** The role that was passed for it. */
  role_arn: string | null
  created_at: Millis
}
