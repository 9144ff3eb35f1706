import type { JsonText, Millis } from '../schema.ts'

/** How far the rolling scrub of a vault is, and what is known to be damaged in it. */
export interface VaultScrubTable {
  vault_id: string
  /** Behind which blob to go on (vault/verify/scrub.ts). */
  cursor: string
  /** Null while no pass is under way. */
  pass_started_at: Millis | null
  pass_blobs: number
  pass_bytes: number
  /** What the pass is to read, as counted at its start. */
  pass_total_bytes: number
  /** Of the last pass that read everything; null before the first. */
  last_started_at: Millis | null
  last_ended_at: Millis | null
  last_blobs: number
  last_bytes: number
  /** {"blobs":[{"blob","reason"}],"points":[…]} (jobs/damage.ts): what the last look found, named as far as it was looked. */
  damage: JsonText
  damaged_blobs: number
  damaged_points: number
  /** When damage was last looked at; null: never. */
  damage_at: Millis | null
  lease_owner: string | null
  lease_until: Millis
}
