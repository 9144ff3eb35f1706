import type { Generated } from 'kysely'
import type { JsonText, Millis } from '../schema.ts'

/** Append-only: written before the effect of what it records, and chained (store/audit-chain.ts). */
export interface AuditTable {
  seq: Generated<number>
  at: Millis
  account_id: string
  request_id: string
  principal_arn: string
  principal_id: string
  source_ip: string | null
  service: string
  action: string
  resource: string
  effect: 'Allow' | 'Deny'
  layer: string
  reason: string
  policy: string | null
  statement: string | null
  /** Null for what was recorded before there were chains. */
  chain_id: string | null
  /** From 1. */
  chain_seq: number | null
  /** Hexadecimal. */
  mac: string | null
  detail: JsonText | null
}
