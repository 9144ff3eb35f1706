import { InvalidRequestException, ResourceNotFoundException } from '../aws/generated/roleback.ts'
import type {
  ListVaultColdStoragesOutput,
  PutVaultColdStorageInput,
  PutVaultColdStorageOutput,
  VaultColdStorage,
} from '../aws/generated/roleback.ts'
import type { Context } from '../context.ts'
import { countColdPoints, hasColdStore, vaultsWithColdStorage } from '../store/points/cold-points.ts'
import type { VaultTable } from '../store/schema.ts'
import { findStorage, storageSettings, vaultStorage } from '../store/vaults/storages.ts'
import type { VaultStorage } from '../store/vaults/storages.ts'
import type { Queryable } from '../store/store.ts'
import { findVaultByArn, setColdStorage } from '../store/vaults/vaults.ts'
import { refuseTenants } from './accounts.ts'
import { mayChangeRules, mayReadRules } from './server-rules.ts'

/**
 * Where what a vault's lifecycles move lies (docs/adr/0027): a storage, or the directory that the server has for the vault's region. As
 * storages, it is the management account's alone (R26), and takes the right over security rules (R11).
 */

export async function putVaultColdStorage(
  ctx: Context,
  input: PutVaultColdStorageInput,
): Promise<PutVaultColdStorageOutput> {
  await refuseTenants(ctx, 'roleback:PutVaultColdStorage')
  await mayChangeRules(ctx, 'cold storage')
  return await ctx.store.transaction(async (tx) => {
    const vault = await findVaultByArn(tx, input.BackupVaultArn)
    if (vault === undefined)
      throw new ResourceNotFoundException(`There is no backup vault ${input.BackupVaultArn}`, {
        Context: input.BackupVaultArn,
      })
    if (vault.vault_type !== 'BACKUP_VAULT')
      throw new InvalidRequestException(
        `Cannot give ${vault.arn} cold storage: recovery points of a logically air-gapped vault are not moved`,
      )
    const place = JSON.stringify(await placeFor(ctx, tx, vault, input.Storage))
    // What is cold does not move: pointing elsewhere would lose it.
    if ((vault.cold_storage ?? place) !== place && hasColdStore(vault))
      throw new InvalidRequestException(
        `The cold storage of ${vault.arn} cannot be changed: recovery points were moved to it. Give another vault another one`,
      )
    await setColdStorage(tx, vault, place)
    return { ColdStorage: await toColdStorage(ctx, tx, { ...vault, cold_storage: place }) }
  })
}

export async function listVaultColdStorages(ctx: Context): Promise<ListVaultColdStoragesOutput> {
  await refuseTenants(ctx, 'roleback:ListVaultColdStorages')
  await mayReadRules(ctx, 'cold storage')
  const { db } = ctx.store
  const vaults = await vaultsWithColdStorage(db)
  return { ColdStorages: await Promise.all(vaults.map((vault) => toColdStorage(ctx, db, vault))) }
}

/** Its name is not the vault's own, so that both may lie in one place. */
async function placeFor(
  ctx: Context,
  db: Queryable,
  { vault_id, region }: VaultTable,
  name: string | undefined,
): Promise<VaultStorage> {
  if (name === undefined) {
    if (ctx.server.coldRoots?.has(region) !== true)
      throw new InvalidRequestException(
        `This server has no directory for cold storage in region ${region}. Start it with --cold-root ${region}=DIRECTORY, or name a storage`,
      )
    return { kind: 'directory', path: `cold-${vault_id}` }
  }
  if ((await findStorage(db, name)) === undefined)
    throw new ResourceNotFoundException(`There is no storage ${name}. Put it first`, { Context: name })
  return { kind: 's3', storage: name, prefix: `cold-${vault_id}/` }
}

async function toColdStorage(ctx: Context, db: Queryable, vault: VaultTable): Promise<VaultColdStorage> {
  const place = vaultStorage({ storage: vault.cold_storage as string })
  return {
    BackupVaultArn: vault.arn,
    Storage: place.kind === 's3' ? place.storage : undefined,
    Location: await locationOf(ctx, db, vault.region, place),
    RecoveryPoints: await countColdPoints(db, vault),
  }
}

async function locationOf(ctx: Context, db: Queryable, region: string, place: VaultStorage): Promise<string> {
  if (place.kind === 'directory') {
    const root = ctx.server.coldRoots?.get(region)
    return root === undefined || place.path.startsWith('/') ? place.path : `${root}/${place.path}`
  }
  const storage = await findStorage(db, place.storage)
  if (storage === undefined) return place.storage
  const { bucket, prefix } = storageSettings(storage)
  return `s3://${bucket}/${prefix}${place.prefix}`
}
