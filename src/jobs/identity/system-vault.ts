import { BlobNotFoundError } from '../../blobs/blob-store.ts'
import { newVaultKey, openVaultKeys, sealVaultKeys } from '../../keyring/vault-key.ts'
import type { ServerKey } from '../../keyring/server-key.ts'
import { randomHex } from '../../lib/ids.ts'
import { findServer } from '../../store/identity/accounts.ts'
import {
  findIdentityExport,
  insertIdentityExport,
  updateIdentityExport,
} from '../../store/identity/identity-export.ts'
import type { IdentityExportTable } from '../../store/identity/schema-identity.ts'
import type { ServerTable } from '../../store/schema.ts'
import { storageOfServer, vaultStorage } from '../../store/vaults/storages.ts'
import type { Queryable, Store } from '../../store/store.ts'
import { readHeader } from '../../vault/vault.ts'
import type { Vault } from '../../vault/vault.ts'
import { addVaultKey } from '../vaults/vault-owner.ts'
import { checkWrappings } from '../upkeep/wrappings.ts'
import type { OpenableVault, VaultRegistry } from '../vaults/vault-registry.ts'

/**
 * The vault that holds what the server itself is lost with: it has no recovery points and is nobody's resource. It lies where new
 * vaults lie that no account or region has a storage of its own for; where that changes, another one is begun there and the one before
 * is left.
 */

export interface SystemVaultTools {
  readonly store: Store
  readonly serverKey: ServerKey
  readonly vaults: VaultRegistry
}

/** Member of its records that tells it from other vaults. */
const SYSTEM_RECORD = 'system'

const nameOf = (vaultId: string): string => `system-${vaultId}`

/** Whether a vault is a server's own. */
export async function isSystemVault(vault: Vault): Promise<boolean> {
  return (await vault.records()).record[SYSTEM_RECORD] !== undefined
}

/** The row of the export, made where there is none; it names the vault and not more. */
export async function systemVaultRow(tools: SystemVaultTools): Promise<IdentityExportTable> {
  const { db } = tools.store
  const found = await findIdentityExport(db)
  if (found !== undefined) return found
  const server = (await findServer(db)) as ServerTable
  await insertIdentityExport(db, {
    ...(await newSystemVault(db, tools.serverKey, server)),
    kit_public_key: server.recovery_kit_public_key,
    earlier_signers: '[]',
    number: 0,
    exported_number: null,
    exported_at: null,
    problem: null,
    problem_since: null,
    lease_owner: null,
    lease_until: 0,
  })
  return (await findIdentityExport(db)) as IdentityExportTable
}

type NewVault = Pick<IdentityExportTable, 'vault_id' | 'region' | 'storage' | 'wrapped_key'>

/** A vault that is not made yet, where it would lie now. */
export async function newSystemVault(
  db: Queryable,
  serverKey: ServerKey,
  server: Pick<ServerTable, 'region'>,
): Promise<NewVault> {
  const vault_id = randomHex(16)
  const storage = JSON.stringify(await storageOfServer(db, nameOf(vault_id)))
  return {
    vault_id,
    region: server.region,
    storage,
    wrapped_key: sealVaultKeys(serverKey, vault_id, newVaultKey()),
  }
}

/**
 * Opens the vault for writing: makes it where it is not there yet, begins another where new vaults lie elsewhere now, and gives it its
 * next key where another recovery kit is to open it.
 *
 * @param owner Of the lease, which the caller has. @throws {VaultTakenOverError}
 */
export async function openSystemVault(
  tools: SystemVaultTools,
  owner: string,
): Promise<{ readonly vault: Vault; readonly row: IdentityExportTable; readonly server: ServerTable }> {
  const { db } = tools.store
  const server = (await findServer(db)) as ServerTable
  const fresh = await newSystemVault(db, tools.serverKey, server)
  let row = await systemVaultRow(tools)
  const change = async (changed: Partial<IdentityExportTable>): Promise<void> => {
    row = { ...row, ...changed }
    await updateIdentityExport(db, owner, changed)
  }
  if (placeOf(row) !== placeOf(fresh)) await change({ ...fresh, exported_number: null, exported_at: null })
  const kitPublicKey = server.recovery_kit_public_key
  let vault = row.exported_number === null ? undefined : await openThere(tools, row)
  if (vault === undefined) {
    // Somebody removed it: its keys may have been others than the first.
    if (row.exported_number !== null) await change({ ...fresh, exported_number: null, exported_at: null })
    await change({ kit_public_key: kitPublicKey })
    vault = await tools.vaults.createAt(storedAs(row), row.wrapped_key)
    const wrappings = await tools.vaults.wrappingsRecord(storedAs(row), row.wrapped_key)
    await vault.addRecord(({ record }) =>
      record[SYSTEM_RECORD] === undefined
        ? { [SYSTEM_RECORD]: { serverId: server.server_id }, ...wrappings }
        : undefined,
    )
    return { vault, row, server }
  }
  if (row.kit_public_key !== kitPublicKey) {
    const { serverKey } = tools
    const before = openVaultKeys(serverKey, row.vault_id, row.wrapped_key)
    const { sealed } = await addVaultKey(
      vault.store,
      { sealer: serverKey, kitPublicKey },
      row.vault_id,
      before,
    )
    await change({ wrapped_key: sealed, kit_public_key: kitPublicKey })
    vault = await tools.vaults.open(storedAs(row))
    await checkWrappings(vault, { sealer: serverKey, kitPublicKey })
  }
  return { vault, row, server }
}

/** The vault as it lies there; undefined before its first export. @throws Where it cannot be read, or is gone. */
export async function readSystemVault(
  tools: Pick<SystemVaultTools, 'store' | 'vaults'>,
): Promise<{ readonly vault: Vault; readonly exportedNumber: number } | undefined> {
  const row = await findIdentityExport(tools.store.db)
  if (row === undefined || row.exported_number === null) return undefined
  const vault = await openThere(tools, row)
  if (vault === undefined) throw new Error(`the system vault ${row.vault_id} is gone`)
  return { vault, exportedNumber: row.exported_number }
}

const storedAs = (row: IdentityExportTable): OpenableVault => ({
  ...row,
  name: 'of the server itself',
  state: 'AVAILABLE',
})

/** Undefined where it is gone. */
async function openThere(
  { vaults }: Pick<SystemVaultTools, 'vaults'>,
  row: IdentityExportTable,
): Promise<Vault | undefined> {
  try {
    const vault = await vaults.open(storedAs(row))
    // It may be open from before.
    await readHeader(vault.store)
    return vault
  } catch (error) {
    if (error instanceof BlobNotFoundError) return undefined
    throw error
  }
}

/** Two vaults of one place lie beside each other. */
function placeOf(row: Pick<IdentityExportTable, 'region' | 'storage'>): string {
  const storage = vaultStorage(row)
  return storage.kind === 's3' ? `s3 ${storage.storage}` : `directory ${row.region}`
}
