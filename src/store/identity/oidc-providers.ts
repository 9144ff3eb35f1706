import type { OidcProviderTable } from '../schema.ts'
import type { Queryable } from '../store.ts'

/** OpenID Connect providers of an account, by their URL without the scheme. */

/** False where the account has a provider of this URL. */
export async function insertOidcProvider(db: Queryable, row: OidcProviderTable): Promise<boolean> {
  const result = await db
    .insertInto('iam_oidc_provider')
    .values(row)
    .onConflict((conflict) => conflict.columns(['account_id', 'url']).doNothing())
    .executeTakeFirst()
  return result.numInsertedOrUpdatedRows === 1n
}

export async function findOidcProvider(
  db: Queryable,
  accountId: string,
  url: string,
): Promise<OidcProviderTable | undefined> {
  return await db
    .selectFrom('iam_oidc_provider')
    .selectAll()
    .where('account_id', '=', accountId)
    .where('url', '=', url)
    .executeTakeFirst()
}

/** All of an account, by URL; there are a hundred at most. */
export async function listOidcProviders(db: Queryable, accountId: string): Promise<OidcProviderTable[]> {
  return await db
    .selectFrom('iam_oidc_provider')
    .selectAll()
    .where('account_id', '=', accountId)
    .orderBy('url')
    .execute()
}

export async function updateOidcProvider(
  db: Queryable,
  { account_id: accountId, url }: Pick<OidcProviderTable, 'account_id' | 'url'>,
  change: Partial<Pick<OidcProviderTable, 'client_ids' | 'thumbprints'>>,
): Promise<void> {
  await db
    .updateTable('iam_oidc_provider')
    .set(change)
    .where('account_id', '=', accountId)
    .where('url', '=', url)
    .execute()
}

/** Nothing happens where it is not there. */
export async function deleteOidcProvider(db: Queryable, accountId: string, url: string): Promise<void> {
  await db
    .deleteFrom('iam_oidc_provider')
    .where('account_id', '=', accountId)
    .where('url', '=', url)
    .execute()
}
