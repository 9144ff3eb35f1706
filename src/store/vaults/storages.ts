import type { StorageTable } from './schema-storages.ts'
import type { VaultTable } from '../schema.ts'
import type { Queryable } from '../store.ts'
import type { Bandwidth } from '../jobs/job-limits.ts'
import { UNFINISHED_STATES } from '../jobs/job-states.ts'

/** Buckets that vaults lie in. A vault's row names its storage; settings and secret are the storage's. */

/** What a vault's row says of where its blobs lie. */
export type VaultStorage =
  | { readonly kind: 'directory'; readonly path: string }
  /** `prefix` ends in `/` and lies below the storage's own. */
  | { readonly kind: 's3'; readonly storage: string; readonly prefix: string }

/** How a storage is reached, but for its secret. */
export interface StorageSettings {
  readonly kind: 's3'
  readonly endpoint: string
  readonly region: string
  readonly bucket: string
  /** Empty, or ends in `/`. */
  readonly prefix: string
  readonly accessKeyId: string
  readonly forcePathStyle: boolean
  readonly bandwidth?: Bandwidth
}

/** What a storage's secret is sealed for. */
export const storageSecretOwner = ({ name, version }: Pick<StorageTable, 'name' | 'version'>): string =>
  `${name} ${version}`

export function storageSettings(row: Pick<StorageTable, 'settings'>): StorageSettings {
  return JSON.parse(row.settings) as StorageSettings
}

export function vaultStorage(row: Pick<VaultTable, 'storage'>): VaultStorage {
  return JSON.parse(row.storage) as VaultStorage
}

/** Where a new vault lies: below its id in the storage for its account and region, else in a directory of the server's. */
export async function storageOfNewVault(
  db: Queryable,
  vault: Pick<VaultTable, 'account_id' | 'region' | 'vault_id'>,
): Promise<VaultStorage> {
  const rows = await db.selectFrom('storage').selectAll().where('for_new_vaults', '=', 1).execute()
  const fits = rows.filter(
    ({ account_id, region }) =>
      (account_id ?? vault.account_id) === vault.account_id && (region ?? vault.region) === vault.region,
  )
  // Who names the account says more than who names the region.
  const rank = ({ account_id, region }: StorageTable): number =>
    (account_id === null ? 0 : 2) + (region === null ? 0 : 1)
  const [best] = fits.toSorted((a, b) => rank(b) - rank(a) || (a.name < b.name ? -1 : 1))
  return best === undefined
    ? { kind: 'directory', path: vault.vault_id }
    : { kind: 's3', storage: best.name, prefix: `${vault.vault_id}/` }
}

/** Where what is the whole server's lies: in the storage for everybody's new vaults, else in a directory of the server's. */
export async function storageOfServer(db: Queryable, name: string): Promise<VaultStorage> {
  const row = await db
    .selectFrom('storage')
    .select('name')
    .where('for_new_vaults', '=', 1)
    .where('account_id', 'is', null)
    .where('region', 'is', null)
    .orderBy('name')
    .executeTakeFirst()
  return row === undefined
    ? { kind: 'directory', path: name }
    : { kind: 's3', storage: row.name, prefix: `${name}/` }
}

export async function findStorage(db: Queryable, name: string): Promise<StorageTable | undefined> {
  return await db.selectFrom('storage').selectAll().where('name', '=', name).executeTakeFirst()
}

/** All, by name: there are a few. */
export async function listStorages(db: Queryable): Promise<readonly StorageTable[]> {
  return await db.selectFrom('storage').selectAll().orderBy('name').execute()
}

/** Puts it over the one of its name that has the version before. False where that was changed meanwhile. */
export async function putStorage(db: Queryable, row: StorageTable): Promise<boolean> {
  if (row.version === 1) {
    const inserted = await db
      .insertInto('storage')
      .values(row)
      .onConflict((conflict) => conflict.column('name').doNothing())
      .executeTakeFirst()
    return inserted.numInsertedOrUpdatedRows === 1n
  }
  const { name, created_at: _at, created_by: _by, ...change } = row
  const updated = await db
    .updateTable('storage')
    .set(change)
    .where('name', '=', name)
    .where('version', '=', row.version - 1)
    .executeTakeFirst()
  return updated.numUpdatedRows === 1n
}

export async function deleteStorage(db: Queryable, name: string): Promise<boolean> {
  const deleted = await db.deleteFrom('storage').where('name', '=', name).executeTakeFirst()
  return deleted.numDeletedRows === 1n
}

function isIn(storage: string, name: string): boolean {
  const of = vaultStorage({ storage })
  return of.kind === 's3' && of.storage === name
}

/** Vaults that lie in a storage, with all or with what is cold, those among them whose bytes are still to be removed. */
export async function countVaultsIn(db: Queryable, name: string): Promise<number> {
  const count = await db
    .selectFrom('vault')
    .select((eb) => eb.fn.countAll<number>().as('vaults'))
    .where((eb) => {
      const lies = `{"kind":"s3","storage":"${name}",%`
      return eb.or([eb('storage', 'like', lies), eb('cold_storage', 'like', lies)])
    })
    .executeTakeFirstOrThrow()
  const leaving = await db
    .selectFrom('job')
    .select('input')
    .where('kind', '=', 'delete-vault')
    .where('state', 'in', UNFINISHED_STATES)
    .execute()
  const theirs = leaving.filter(({ input }) => {
    const { storage, cold_storage: cold } = JSON.parse(input) as Pick<VaultTable, 'storage' | 'cold_storage'>
    return [storage, cold].some((text) => typeof text === 'string' && isIn(text, name))
  })
  return Number(count.vaults) + theirs.length
}
