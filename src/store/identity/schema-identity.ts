import type { Generated } from 'kysely'
import type { JsonText, Millis } from '../schema.ts'

/** A change of a row that the identity export holds, which triggers leave (docs/adr/0019). */
export interface IdentityChangeTable {
  seq: Generated<number>
}

/** The export of identities, plans and settings into the system vault. */
export interface IdentityExportTable {
  /** Always 1: one row. */
  id: number
  /** The system vault; where it lies, as a vault's row has it. */
  vault_id: string
  region: string
  storage: JsonText
  wrapped_key: string
  /** Public half of the recovery kit that opens it. */
  kit_public_key: string
  /** Whose signatures count beside this server's own: list of Ed25519 public keys, base64. */
  earlier_signers: JsonText
  /** Given to the last export or try. It only grows. */
  number: number
  /** Of the last export that is durable in this vault; null until there is one. */
  exported_number: number | null
  exported_at: Millis | null
  /** Why there has been none since. */
  problem: string | null
  problem_since: Millis | null
  /** SystemScrub of the last look through all of the system vault; null until there was one. */
  last_scrub: JsonText | null
  lease_owner: string | null
  lease_until: Millis
}
