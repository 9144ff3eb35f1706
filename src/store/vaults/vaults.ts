import type { Transaction } from 'kysely'
import { ACTIVE_STATES, UNFINISHED_STATES } from '../jobs/job-states.ts'
import type { Page, PageRequest } from '../page.ts'
import { pageOf, textCursor } from '../page.ts'
import type { Database } from '../database.ts'
import { prepared } from '../prepared.ts'
import type { JobTable, VaultTable } from '../schema.ts'
import type { Queryable } from '../store.ts'

/** What names a vault. A row is one. */
export type VaultName = Pick<VaultTable, 'account_id' | 'region' | 'name'>

/** False where the account has a vault of this name in this region. */
export async function insertVault(db: Queryable, row: VaultTable): Promise<boolean> {
  const result = await db
    .insertInto('vault')
    .values(row)
    .onConflict((conflict) => conflict.columns(['account_id', 'region', 'name']).doNothing())
    .executeTakeFirst()
  return result.numInsertedOrUpdatedRows === 1n
}

const vaultByName = prepared((db, accountId: string, region: string, name: string) =>
  db
    .selectFrom('vault')
    .selectAll()
    .where('account_id', '=', accountId)
    .where('region', '=', region)
    .where('name', '=', name),
)

export async function findVault(
  db: Queryable,
  accountId: string,
  region: string,
  name: string,
): Promise<VaultTable | undefined> {
  return (await vaultByName(db, accountId, region, name))[0]
}

const vaultByArn = prepared((db, arn: string) => db.selectFrom('vault').selectAll().where('arn', '=', arn))

export async function findVaultByArn(db: Queryable, arn: string): Promise<VaultTable | undefined> {
  return (await vaultByArn(db, arn))[0]
}

/** ARNs of one statement: below what the engines bind. */
const MAX_ARNS = 1_000

/** Those of an account among vaults named by ARN. */
export async function vaultsOfArns(
  db: Queryable,
  accountId: string,
  arns: readonly string[],
): Promise<ReadonlyMap<string, VaultTable>> {
  const asked = [...new Set(arns)]
  const found = new Map<string, VaultTable>()
  for (let at = 0; at < asked.length; at += MAX_ARNS) {
    const rows = await db
      .selectFrom('vault')
      .selectAll()
      .where('account_id', '=', accountId)
      .where('arn', 'in', asked.slice(at, at + MAX_ARNS))
      .execute()
    for (const row of rows) found.set(row.arn, row)
  }
  return found
}

/** By name, in byte order. */
export async function listVaults(
  db: Queryable,
  filter: {
    readonly accountId: string
    readonly region: string
    readonly type?: VaultTable['vault_type'] | undefined
  },
  page: PageRequest,
): Promise<Page<VaultTable>> {
  let query = db
    .selectFrom('vault')
    .selectAll()
    .where('account_id', '=', filter.accountId)
    .where('region', '=', filter.region)
  if (filter.type !== undefined) query = query.where('vault_type', '=', filter.type)
  if (page.after !== undefined) query = query.where('name', '>', textCursor(page.after))
  const rows = await query
    .orderBy('name')
    .limit(page.limit + 1)
    .execute()
  return pageOf(rows, page.limit, (row) => [row.name])
}

/** Of all types, in whatever state. */
export async function countVaults(
  db: Queryable,
  { accountId, region }: { readonly accountId: string; readonly region: string },
): Promise<number> {
  const row = await db
    .selectFrom('vault')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('account_id', '=', accountId)
    .where('region', '=', region)
    .executeTakeFirstOrThrow()
  return Number(row.count)
}

/** CREATING → AVAILABLE or FAILED. False where the vault is gone or no longer CREATING. */
export async function setVaultState(
  db: Queryable,
  vault: VaultName,
  state: 'AVAILABLE' | 'FAILED',
): Promise<boolean> {
  return await updateVault(db, vault, { state }, 'CREATING')
}

/** Keeps the wrapped key of a vault that is being created. False where it is gone or no longer CREATING. */
export async function setWrappedKey(db: Queryable, vault: VaultName, wrappedKey: string): Promise<boolean> {
  return await updateVault(db, vault, { wrapped_key: wrappedKey }, 'CREATING')
}

/** Puts more keys in the place of those known before. False where these are no longer the ones known. */
export async function replaceWrappedKey(
  db: Queryable,
  vault: VaultName,
  { from, to }: { readonly from: string; readonly to: string },
): Promise<boolean> {
  const result = await db
    .updateTable('vault')
    .set({ wrapped_key: to })
    .where('account_id', '=', vault.account_id)
    .where('region', '=', vault.region)
    .where('name', '=', vault.name)
    .where('wrapped_key', '=', from)
    .executeTakeFirst()
  return result.numUpdatedRows === 1n
}

/** Of all accounts. */
export async function listAllVaults(db: Queryable): Promise<readonly VaultTable[]> {
  return await db.selectFrom('vault').selectAll().orderBy('vault_id').execute()
}

export async function setStoredBytes(db: Queryable, vault: VaultName, storedBytes: number): Promise<boolean> {
  return await updateVault(db, vault, { stored_bytes: storedBytes })
}

/** Adds what a recovery point stored; the next sweep counts anew. */
export async function growStoredBytes(db: Queryable, vault: VaultName, bytes: number): Promise<void> {
  await db
    .updateTable('vault')
    .set((eb) => ({ stored_bytes: eb('stored_bytes', '+', bytes) }))
    .where('account_id', '=', vault.account_id)
    .where('region', '=', vault.region)
    .where('name', '=', vault.name)
    .execute()
}

/** Where what is moved to cold storage lies from now on. */
export async function setColdStorage(db: Queryable, vault: VaultName, coldStorage: string): Promise<boolean> {
  return await updateVault(db, vault, { cold_storage: coldStorage })
}

/** Null takes it away. */
export async function setAccessPolicy(
  db: Queryable,
  vault: VaultName,
  accessPolicy: string | null,
): Promise<boolean> {
  return await updateVault(db, vault, { access_policy: accessPolicy })
}

/** Null takes them away. */
export async function setNotifications(
  db: Queryable,
  vault: VaultName,
  notifications: string | null,
): Promise<boolean> {
  return await updateVault(db, vault, { notifications })
}

/** What the vault is locked by, and what is known of its sealed records. */
export async function setVaultLock(
  db: Queryable,
  vault: VaultName,
  change: Partial<Pick<VaultTable, 'lock_configuration' | 'sealed_records' | 'lock_problem'>>,
): Promise<boolean> {
  return await updateVault(db, vault, change)
}

/** Puts the lock right that `vault` was read with; false where somebody has changed it since. */
export async function healVaultLock(
  db: Queryable,
  vault: VaultName & Pick<VaultTable, 'lock_configuration'>,
  lockConfiguration: string,
): Promise<boolean> {
  const { lock_configuration: before } = vault
  const result = await db
    .updateTable('vault')
    .set({ lock_configuration: lockConfiguration })
    .where('account_id', '=', vault.account_id)
    .where('region', '=', vault.region)
    .where('name', '=', vault.name)
    .where('lock_configuration', before === null ? 'is' : '=', before)
    .executeTakeFirst()
  return result.numUpdatedRows === 1n
}

/** Vaults that can be worked with, of all accounts and regions. */
export async function listAvailableVaults(db: Queryable): Promise<VaultTable[]> {
  return await db.selectFrom('vault').selectAll().where('state', '=', 'AVAILABLE').execute()
}

async function updateVault(
  db: Queryable,
  vault: VaultName,
  change: Partial<
    Pick<
      VaultTable,
      | 'state'
      | 'wrapped_key'
      | 'cold_storage'
      | 'access_policy'
      | 'stored_bytes'
      | 'notifications'
      | 'lock_configuration'
      | 'sealed_records'
      | 'lock_problem'
    >
  >,
  from?: VaultTable['state'],
): Promise<boolean> {
  let query = db
    .updateTable('vault')
    .set(change)
    .where('account_id', '=', vault.account_id)
    .where('region', '=', vault.region)
    .where('name', '=', vault.name)
  if (from !== undefined) query = query.where('state', '=', from)
  return (await query.executeTakeFirst()).numUpdatedRows === 1n
}

/**
 * Counts up the index generation and returns the new one. Leases taken from now on begin at it or later.
 * @throws Where there is no such vault.
 */
export async function bumpGeneration(db: Queryable, vault: VaultName): Promise<number> {
  const row = await db
    .updateTable('vault')
    .set((eb) => ({ generation: eb('generation', '+', 1) }))
    .where('account_id', '=', vault.account_id)
    .where('region', '=', vault.region)
    .where('name', '=', vault.name)
    .returning('generation')
    .executeTakeFirstOrThrow()
  return row.generation
}

/** Recovery points of the vault, in whatever state. */
export async function countPoints(db: Queryable, vault: VaultName): Promise<number> {
  const [row] = await pointsIn(db, vault.account_id, vault.region, vault.name)
  return (row as { readonly points: number }).points
}

const pointsIn = prepared((db, accountId: string, region: string, vaultName: string) =>
  db
    .selectFrom('recovery_point')
    .select((eb) => eb.fn.countAll<number>().as('points'))
    .where('account_id', '=', accountId)
    .where('region', '=', region)
    .where('vault_name', '=', vaultName),
)

export type VaultDeletion = 'deleted' | 'missing' | 'has-points' | 'has-jobs'

/**
 * Deletes the vault's row where nothing holds it: no recovery point in whatever state, and no unfinished job but those of its upkeep.
 * These, tags and bytes are the caller's to end and to remove.
 */
export async function deleteVault(
  tx: Transaction<Database>,
  vault: VaultName & Pick<VaultTable, 'vault_id'>,
): Promise<VaultDeletion> {
  if ((await countPoints(tx, vault)) > 0) return 'has-points'
  const job = await tx
    .selectFrom('job')
    .select('job_id')
    .where('account_id', '=', vault.account_id)
    .where('region', '=', vault.region)
    .where('vault_name', '=', vault.name)
    .where('state', 'in', UNFINISHED_STATES)
    .where((eb) => eb.or([eb('lock_key', 'is', null), eb('lock_key', 'not in', upkeepKeys(vault))]))
    .limit(1)
    .executeTakeFirst()
  if (job !== undefined) return 'has-jobs'
  if (await isCopiedInto(tx, vault)) return 'has-jobs'
  const result = await tx
    .deleteFrom('vault')
    .where('account_id', '=', vault.account_id)
    .where('region', '=', vault.region)
    .where('name', '=', vault.name)
    .executeTakeFirst()
  return result.numDeletedRows === 1n ? 'deleted' : 'missing'
}

/**
 * Whether a copy into the vault has not ended. One of another account, which anybody there may ask for, counts only while it runs: a
 * queue of them must not keep the vault.
 */
async function isCopiedInto(db: Queryable, vault: VaultName): Promise<boolean> {
  const copy = await db
    .selectFrom('job')
    .innerJoin('vault', 'vault.arn', 'job.destination_vault_arn')
    .select('job.job_id')
    .where('vault.account_id', '=', vault.account_id)
    .where('vault.region', '=', vault.region)
    .where('vault.name', '=', vault.name)
    .where('job.state', 'in', UNFINISHED_STATES)
    .where((eb) =>
      eb.or([eb('job.account_id', '=', eb.ref('vault.account_id')), eb('job.state', 'in', ACTIVE_STATES)]),
    )
    .limit(1)
    .executeTakeFirst()
  return copy !== undefined
}

/** Lock keys of what keeps a vault in order: sweeps, repairs and the server's own checks. Without the vault there is nothing to keep. */
const upkeepKeys = ({ vault_id }: Pick<VaultTable, 'vault_id'>): readonly string[] => [
  `sweep ${vault_id}`,
  `verify ${vault_id}`,
]

/** Jobs of a vault's upkeep that have not ended, also where its row is gone. */
export async function unfinishedUpkeep(
  db: Queryable,
  vault: Pick<VaultTable, 'vault_id'>,
): Promise<readonly Pick<JobTable, 'account_id' | 'job_id' | 'kind'>[]> {
  return await db
    .selectFrom('job')
    .select(['account_id', 'job_id', 'kind'])
    .where('lock_key', 'in', upkeepKeys(vault))
    .where('state', 'in', UNFINISHED_STATES)
    .execute()
}

/** One at a time of what makes a vault, seals its lock and removes it. */
export const sealingKey = ({ vault_id }: Pick<VaultTable, 'vault_id'>): string => `vault ${vault_id}`

/** Whether a change of the vault's lock is on its way into the vault. */
export async function isSealing(
  db: Queryable,
  vault: Pick<VaultTable, 'vault_id'>,
  exceptJobId: string = '',
): Promise<boolean> {
  const job = await db
    .selectFrom('job')
    .select('job_id')
    .where('lock_key', '=', sealingKey(vault))
    .where('kind', '=', 'seal-vault')
    .where('job_id', '<>', exceptJobId)
    .where('state', 'in', UNFINISHED_STATES)
    .limit(1)
    .executeTakeFirst()
  return job !== undefined
}

/** Regions that have vaults, of whatever account. */
export async function regionsOfVaults(db: Queryable): Promise<readonly string[]> {
  const rows = await db.selectFrom('vault').select('region').distinct().orderBy('region').execute()
  return rows.map(({ region }) => region)
}

/** By the id in its blob store. */
export async function findVaultById(db: Queryable, vaultId: string): Promise<VaultTable | undefined> {
  return await db.selectFrom('vault').selectAll().where('vault_id', '=', vaultId).executeTakeFirst()
}

/** What of a vault that was brought back an export of it says. */
export async function restoreVaultSettings(
  db: Queryable,
  vaultId: string,
  settings: Pick<
    VaultTable,
    'access_policy' | 'notifications' | 'creator_request_id' | 'lock_configuration' | 'cold_storage'
  >,
): Promise<void> {
  await db.updateTable('vault').set(settings).where('vault_id', '=', vaultId).execute()
}
