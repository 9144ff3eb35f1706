import type { Queryable } from '../store.ts'

/** ARNs of what the tagging API lists (registered resources and vaults), in byte order, a page of `limit` behind `after`. */
export async function listTaggable(
  db: Queryable,
  accountId: string,
  page: { readonly limit: number; readonly after?: string | undefined },
): Promise<string[]> {
  let resources = db
    .selectFrom('resource')
    .select('arn')
    .where('account_id', '=', accountId)
    .where('removed_at', 'is', null)
  let vaults = db.selectFrom('vault').select('arn').where('account_id', '=', accountId)
  if (page.after !== undefined) {
    resources = resources.where('arn', '>', page.after)
    vaults = vaults.where('arn', '>', page.after)
  }
  const rows = await resources.union(vaults).orderBy('arn').limit(page.limit).execute()
  return rows.map((row) => row.arn)
}

/** True where the ARN is a registered resource, a vault or a recovery point of the account. */
export async function isTaggable(db: Queryable, accountId: string, arn: string): Promise<boolean> {
  const ofResource = await db
    .selectFrom('resource')
    .select('arn')
    .where('account_id', '=', accountId)
    .where('arn', '=', arn)
    .where('removed_at', 'is', null)
    .executeTakeFirst()
  if (ofResource !== undefined) return true
  const ofVault = await db
    .selectFrom('vault')
    .select('arn')
    .where('account_id', '=', accountId)
    .where('arn', '=', arn)
    .executeTakeFirst()
  if (ofVault !== undefined) return true
  const ofPoint = await db
    .selectFrom('recovery_point')
    .select('arn')
    .where('account_id', '=', accountId)
    .where('arn', '=', arn)
    .executeTakeFirst()
  return ofPoint !== undefined
}
