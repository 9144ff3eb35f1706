import type { Transaction } from 'kysely'
import type { ServerKey } from '../../keyring/server-key.ts'
import type { Database } from '../../store/database.ts'
import { insertIdentityExport } from '../../store/identity/identity-export.ts'
import type { FoundIdentity } from './identity-found.ts'
import { importIdentity } from './identity-import.ts'
import type { ImportedIdentity } from './identity-import.ts'
import type { TakenVault } from '../rebuild/rebuild-vault.ts'
import { newSystemVault } from './system-vault.ts'

export interface IdentityFacts {
  readonly found: FoundIdentity | undefined
  readonly isWanted: boolean
  readonly system: readonly TakenVault[]
  /** Of the servers before. */
  readonly signers: readonly string[]
}

interface Server {
  readonly serverKey: ServerKey
  readonly kitPublicKey: string
  readonly region: string
  /** The newest export that recovery points name. */
  readonly newest: number
  readonly now: number
  readonly rootKeyId: string
}

/** The rows of the export that was chosen; and where the next one goes, with a number beyond all before. */
export async function bringIdentityBack(
  tx: Transaction<Database>,
  { found, isWanted, system, signers }: IdentityFacts,
  by: Server,
): Promise<ImportedIdentity | undefined> {
  const number = found?.manifest.number ?? 0
  const imported = isWanted && found !== undefined ? await importIdentity(tx, found, by) : undefined
  const own = system.find(({ vault }) => vault.id === found?.vault.id)
  const place =
    imported !== undefined && own !== undefined
      ? { vault_id: own.vault.id, region: by.region, storage: own.found.storage, wrapped_key: own.sealed }
      : await newSystemVault(tx, by.serverKey, by)
  await insertIdentityExport(tx, {
    ...place,
    kit_public_key: by.kitPublicKey,
    earlier_signers: JSON.stringify(signers),
    number: Math.max(number, by.newest),
    exported_number: imported === undefined ? null : number,
    exported_at: null,
    problem: null,
    problem_since: null,
    lease_owner: null,
    lease_until: 0,
  })
  return imported
}
