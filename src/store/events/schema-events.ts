import type { Generated } from 'kysely'
import type { JsonText, Millis } from '../schema.ts'

/** Whose row an event is of; `notice` is what the server itself found out. */
export type EventKind =
  | 'job'
  | 'decision'
  | 'point'
  | 'index'
  | 'vault'
  | 'plan'
  | 'selection'
  | 'hold'
  | 'run'
  | 'pause'
  | 'region'
  | 'audit'
  | 'notice'

/** Written by triggers in the transaction of the change, and by `recordNotice`. */
export interface EventTable {
  seq: Generated<number>
  /** 32 hexadecimal digits. */
  event_id: string
  at: Millis
  account_id: string
  region: string
  kind: EventKind
  /** The row's columns then, by their names; `before` is what its state was. */
  body: JsonText
  /** One event for one cause, where several servers may notice it. */
  cause: string | null
  claimed_until: Millis
  attempts: number
  routed_at: Millis | null
}

export type TargetKind = 'WEBHOOK' | 'SNS' | 'SLACK' | 'TEAMS' | 'DISCORD' | 'MATRIX' | 'MAIL' | 'PING'

/** Whom to tell of events. */
export interface EventTargetTable {
  account_id: string
  name: string
  target_id: string
  kind: TargetKind
  /** What may be shown of it (src/events/target.ts). */
  settings: JsonText
  /** Address and secrets, sealed for `target_id`. */
  secret: string
  /** Which events, as EventBridge has it; null: none but the topic's. */
  pattern: JsonText | null
  topic_arn: string | null
  /** Whether the pattern may ask for calls of the API: 0 or 1. */
  wants_calls: number
  /** SHA-256 of what an SNS subscriber confirms with, in hexadecimal; null once it has, and for the others. */
  token_hash: string | null
  /** Of the last message that it was owed: each has the next number. */
  sequence: number
  created_at: Millis
  created_by: string
  /** In a row. */
  failures: number
  retry_at: Millis
  last_delivered_at: Millis | null
  last_error: string | null
  last_error_at: Millis | null
}

/** What is owed to a target, or was. */
export interface EventDeliveryTable {
  delivery_id: Generated<number>
  event_seq: number
  target_id: string
  /** Of the target's messages, from 1 without gaps. */
  sequence: number
  message: JsonText
  due_at: Millis
  attempts: number
  /** Of these, after which the target refused the message as such, alone or with others. */
  refusals: number
  lease_owner: string | null
  lease_until: Millis | null
  created_at: Millis
  last_error: string | null
  /** Both null: still owed. */
  delivered_at: Millis | null
  given_up_at: Millis | null
}

/** One row, once something was to be signed. */
export interface SnsSignerTable {
  /** Always 1. */
  id: number
  /** PEM. */
  certificate: string
  /** PKCS #8, sealed. */
  sealed_key: string
}

/** One row: when a server last said that it runs. */
export interface SignOfLifeTable {
  /** Always 1. */
  id: number
  at: Millis
}
