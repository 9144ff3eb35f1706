import type { Millis } from '../schema.ts'

/** A refusal as it is explained from its id; the lists are JSON and hold no secret. Kept for 90 days. */
export interface DenialTable {
  account_id: string
  id: string
  /** Whose part of the refusal it tells: the caller's own policies, or those of the resource, which another account owns. */
  side: 'caller' | 'resource'
  /** The first one of its window. */
  at: Millis
  last_at: Millis
  count: number
  request_id: string | null
  job_id: string | null
  principal_arn: string
  principal_id: string
  action: string
  resource: string
  layer: string
  effect: 'ImplicitDeny' | 'ExplicitDeny'
  reason: string
  context: string
  near: string
  policies: string
  layers: string
  evaluations: string
  proposals: string
  notes: string
}

/** A policy as a refusal met it, by the digest of its text. */
export interface DenialPolicyTable {
  account_id: string
  digest: string
  last_at: Millis
  document: string
}
