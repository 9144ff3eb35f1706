import type { Page, PageRequest } from '../page.ts'
import { pageOf, textCursor } from '../page.ts'
import type { Queryable } from '../store.ts'
import type { TieringConfigurationTable } from './schema-tiering.ts'

interface Place {
  readonly accountId: string
  readonly region: string
}

const inPlace = (db: Queryable, { accountId, region }: Place) =>
  db
    .selectFrom('tiering_configuration')
    .selectAll()
    .where('account_id', '=', accountId)
    .where('region', '=', region)

export async function findTiering(
  db: Queryable,
  place: Place,
  name: string,
): Promise<TieringConfigurationTable | undefined> {
  return await inPlace(db, place).where('name', '=', name).executeTakeFirst()
}

/** The one that names this vault, or `*`. */
export async function tieringOfVault(
  db: Queryable,
  place: Place,
  vaultName: string,
): Promise<TieringConfigurationTable | undefined> {
  return await inPlace(db, place).where('vault_name', '=', vaultName).executeTakeFirst()
}

/** By name. */
export async function listTierings(
  db: Queryable,
  place: Place,
  page: PageRequest,
): Promise<Page<TieringConfigurationTable>> {
  let query = inPlace(db, place)
  if (page.after !== undefined) query = query.where('name', '>', textCursor(page.after))
  const rows = await query
    .orderBy('name')
    .limit(page.limit + 1)
    .execute()
  return pageOf(rows, page.limit, (row) => [row.name])
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
