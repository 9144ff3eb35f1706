import type { Queryable } from './store.ts'

/** Resource type to yes or no, as UpdateRegionSettings takes them. */
export type Preferences = Readonly<Record<string, boolean>>

export interface RegionSettings {
  readonly optIn: Preferences
  readonly management: Preferences
}

/** What was set; types nobody has set are missing, their defaults are not the store's to know. */
export async function regionSettings(
  db: Queryable,
  accountId: string,
  region: string,
): Promise<RegionSettings> {
  const row = await db
    .selectFrom('region_settings')
    .select(['opt_in', 'management'])
    .where('account_id', '=', accountId)
    .where('region', '=', region)
    .executeTakeFirst()
  if (row === undefined) return { optIn: {}, management: {} }
  return {
    optIn: JSON.parse(row.opt_in) as Preferences,
    management: JSON.parse(row.management) as Preferences,
  }
}

/** Sets the given types and leaves the others. Give it a transaction: it reads before it writes. */
export async function updateRegionSettings(
  db: Queryable,
  accountId: string,
  region: string,
  change: Partial<RegionSettings>,
): Promise<void> {
  const present = await regionSettings(db, accountId, region)
  const columns = {
    opt_in: JSON.stringify({ ...present.optIn, ...change.optIn }),
    management: JSON.stringify({ ...present.management, ...change.management }),
  }
  await db
    .insertInto('region_settings')
    .values({ account_id: accountId, region, ...columns })
    .onConflict((conflict) => conflict.columns(['account_id', 'region']).doUpdateSet(columns))
    .execute()
}
