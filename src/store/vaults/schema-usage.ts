/** What a vault held at the end of a day. */
export interface VaultUsageTable {
  vault_id: string
  /** Days since 1970, UTC. */
  day: number
  /** Of all recovery points together, as if nothing were shared. */
  content_bytes: number
  /** In the storage, deduplicated and compressed. */
  stored_bytes: number
  recovery_points: number
}
