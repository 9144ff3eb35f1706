import type { JsonText, Millis } from '../schema.ts'

/** A bucket that vaults lie in (docs/adr/0016). */
export interface StorageTable {
  name: string
  /** {"kind":"s3","endpoint","region","bucket","prefix","accessKeyId","forcePathStyle","bandwidth"?} */
  settings: JsonText
  /** The secret access key, sealed under the server's key for `NAME VERSION`. */
  secret: string
  /** Grows with every change. */
  version: number
  /** Whether new vaults lie there: those of the account and in the region, where one is named. 0 or 1. */
  for_new_vaults: number
  account_id: string | null
  region: string | null
  created_at: Millis
  created_by: string
}
