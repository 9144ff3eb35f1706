import { findByNameIn, listOf } from '../regional.ts'
import type { FindByName, List, Place } from '../regional.ts'
import type { Queryable } from '../store.ts'
import type { TieringConfigurationTable } from './schema-tiering.ts'

export const findTiering: FindByName<'tiering_configuration'> = findByNameIn('tiering_configuration')
export const listTierings: List<'tiering_configuration'> = listOf('tiering_configuration')

/** The one that names this vault, or `*`. */
export async function tieringOfVault(
  db: Queryable,
  { accountId, region }: Place,
  vaultName: string,
): Promise<TieringConfigurationTable | undefined> {
  return await db
    .selectFrom('tiering_configuration')
    .selectAll()
    .where('account_id', '=', accountId)
    .where('region', '=', region)
    .where('vault_name', '=', vaultName)
    .executeTakeFirst()
}

/** Of all accounts and regions. */
export async function allTierings(db: Queryable): Promise<readonly TieringConfigurationTable[]> {
  return await db.selectFrom('tiering_configuration').selectAll().orderBy('arn').execute()
}

/** @throws Where its name, or its vault, has one. */
export async function insertTiering(db: Queryable, row: TieringConfigurationTable): Promise<void> {
  await db.insertInto('tiering_configuration').values(row).execute()
}

/** False where it is gone. @throws Where its new vault has another one. */
export async function updateTiering(
  db: Queryable,
  { arn }: Pick<TieringConfigurationTable, 'arn'>,
  change: Pick<TieringConfigurationTable, 'vault_name' | 'selections' | 'updated_at'>,
): Promise<boolean> {
  const result = await db
    .updateTable('tiering_configuration')
    .set(change)
    .where('arn', '=', arn)
    .executeTakeFirst()
  return result.numUpdatedRows === 1n
}

export async function deleteTiering(db: Queryable, arn: string): Promise<void> {
  await db.deleteFrom('tiering_configuration').where('arn', '=', arn).execute()
}
