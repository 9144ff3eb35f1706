import type { JsonText, Millis } from '../schema.ts'

/** By what rule things behind a connection are found and registered. */
export interface DiscoveryRuleTable {
  account_id: string
  region: string
  name: string
  /** Given when the rule is first put; its secret is sealed to it. */
  rule_id: string
  /** `EFS`, `RDS` or `S3`. */
  type: string
  /** How the server, or the directory, is reached; without the name of a resource. */
  settings: JsonText
  /** Sealed under the server's key, bound to rule_id and version; null where there is none. */
  secret: string | null
  /** Grows with every change. */
  version: number
  /** DiscoveryDocument of plans/discovery.ts. */
  document: JsonText
  /** The role that each round works under. */
  role_arn: string
  role_id: string
  created_at: Millis
  created_by: string
}

/** How a rule's rounds go. A rule without one is due. */
export interface DiscoveryRoundTable {
  rule_id: string
  next_run_at: Millis
  lease_owner: string | null
  lease_until: Millis
  last_run_at: Millis | null
  /** Whether the last round came to no list. 0 or 1. */
  failed: number
  message: string | null
}

export type DiscoveredStatus = 'DISCOVERED' | 'REGISTERED' | 'REFUSED' | 'DEREGISTERED'

/** One database, bucket or directory that a rule found. */
export interface DiscoveredTable {
  rule_id: string
  /** What it is called at the source. */
  name: string
  status: DiscoveredStatus
  resource_arn: string | null
  resource_unique_id: string | null
  /** Why it was refused. */
  message: string | null
  first_seen_at: Millis
  last_seen_at: Millis
  vanished_at: Millis | null
}
