import type { Queryable } from './store.ts'

export interface GlobalSettings {
  readonly settings: Readonly<Record<string, string>>
  readonly updatedAt: number | undefined
}

/** What the account has set; what nobody set is missing. */
export async function globalSettings(db: Queryable, accountId: string): Promise<GlobalSettings> {
  const row = await db
    .selectFrom('global_settings')
    .selectAll()
    .where('account_id', '=', accountId)
    .executeTakeFirst()
  return {
    settings: row === undefined ? {} : (JSON.parse(row.settings) as Record<string, string>),
    updatedAt: row?.updated_at,
  }
}

/** Sets the given ones and leaves the others. Give it a transaction: it reads before it writes. */
export async function updateGlobalSettings(
  db: Queryable,
  accountId: string,
  change: Readonly<Record<string, string>>,
  now: number,
): Promise<void> {
  const { settings } = await globalSettings(db, accountId)
  const columns = { settings: JSON.stringify({ ...settings, ...change }), updated_at: now }
  await db
    .insertInto('global_settings')
    .values({ account_id: accountId, ...columns })
    .onConflict((conflict) => conflict.column('account_id').doUpdateSet(columns))
    .execute()
}
