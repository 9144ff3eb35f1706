import type { JsonText, Millis } from '../schema.ts'

/** A recovery point that should go and stays until somebody approves. */
export interface HeldDeletionTable {
  arn: string
  account_id: string
  region: string
  vault_name: string
  /** LAST_POINT: nothing else of its resource would be left. VAULT_SHARE: too much of its vault would go at once. */
  cause: 'LAST_POINT' | 'VAULT_SHARE'
  reason: string
  /** 1: retention counts let it go, 0: its lifecycle. */
  is_counted: number
  held_at: Millis
  approved_at: Millis | null
  approved_by: string | null
}

export interface ExpiryRoundTable {
  /** Always 1: one row. */
  id: number
  /** Names the running time (jobs/running-time.ts). */
  clock: string
  running_ms: number
  wall_ms: Millis
  /** How far the wall clock may still get ahead of the running time before that counts as a leap. */
  slack_ms: number
}

/** Points of a vault that a surprise let go. */
export interface SurprisedExpiryTable {
  account_id: string
  region: string
  vault_name: string
  /** When, in running time: as ExpiryRoundTable. */
  clock: string
  running_ms: number
  points: number
}

export interface CountsSeenTable {
  plan_id: string
  /** The plan's version and counts. */
  seen: JsonText
}
