import type { JsonText, Millis } from '../schema.ts'

/** A point is held when it is named by vault and resource (each where the hold names any) and was made between the two times. */
export interface LegalHoldTable {
  account_id: string
  region: string
  hold_id: string
  title: string
  description: string
  status: 'ACTIVE' | 'CANCELED'
  idempotency_token: string | null
  created_at: Millis
  /** First and last moment of the points' creation; null: from the first, to the last there will be. */
  from_at: Millis | null
  to_at: Millis | null
  names_vaults: number
  names_resources: number
  cancelled_at: Millis | null
  cancel_description: string | null
  /** When the record of a cancelled hold goes; null: never. */
  retain_until: Millis | null
}

export interface LegalHoldTargetTable {
  hold_id: string
  kind: 'vault' | 'resource'
  value: string
}

export interface GlobalSettingsTable {
  account_id: string
  settings: JsonText
  updated_at: Millis
}

/** How many jobs may work at a time; null: the default. */
export interface JobLimitsTable {
  /** Always 1: one row. */
  id: number
  per_connection: number | null
  per_host: number | null
  per_server: number | null
  /** {"timeZone","windows":[{"fromHour","toHour","bytesPerSecond"}]} */
  bandwidth: JsonText | null
}

export interface QuotaTable {
  /** ARN of an account's root, a vault or a role. */
  resource: string
  account_id: string
  /** Content bytes of all recovery points together. */
  max_bytes: number | null
  /** Backups and copies in 24 hours. */
  max_jobs_per_day: number | null
}
