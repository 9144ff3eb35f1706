/** Of each registered resource; triggers keep it. */
export interface ProtectionTable {
  account_id: string
  arn: string
  region: string
  type: string
  /** When its newest restorable recovery point was begun, in milliseconds since 1970; 0: there is none. */
  newest_at: number
}
