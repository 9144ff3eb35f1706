import type { Millis } from '../schema.ts'

/** A key that vaults of an account may be made under. What it is stands nowhere in the store. */
export interface EncryptionKeyTable {
  /** UUID that follows from the key (keyring/encryption-keys.ts). */
  key_id: string
  /** As `serve --encryption-key` says where it comes from. */
  name: string
  /** `arn:aws:kms:REGION:ACCOUNT:key/ID` */
  arn: string
  account_id: string
  region: string
  created_at: Millis
  /** ARN. */
  created_by: string
}
