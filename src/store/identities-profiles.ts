import { pathRange } from './identities.ts'
import type { PathFilter } from './identities.ts'
import type { Page, PageRequest } from './page.ts'
import { pageOf, textCursor } from './page.ts'
import type { InstanceProfileTable } from './schema.ts'
import type { Queryable } from './store.ts'

/** Instance profiles: each holds one role or none. */

/** False where the account has a profile of this name, in whatever case. */
export async function insertInstanceProfile(db: Queryable, row: InstanceProfileTable): Promise<boolean> {
  const result = await db
    .insertInto('iam_instance_profile')
    .values(row)
    .onConflict((conflict) => conflict.columns(['account_id', 'name_lower']).doNothing())
    .executeTakeFirst()
  return result.numInsertedOrUpdatedRows === 1n
}

export async function findInstanceProfile(
  db: Queryable,
  accountId: string,
  name: string,
): Promise<InstanceProfileTable | undefined> {
  return await db
    .selectFrom('iam_instance_profile')
    .selectAll()
    .where('account_id', '=', accountId)
    .where('name_lower', '=', name.toLowerCase())
    .executeTakeFirst()
}

/** By name; with a role id only those that hold this role. */
export async function listInstanceProfiles(
  db: Queryable,
  filter: PathFilter & { readonly roleId?: string | undefined },
  page: PageRequest,
): Promise<Page<InstanceProfileTable>> {
  const [from, below] = pathRange(filter.pathPrefix)
  let query = db
    .selectFrom('iam_instance_profile')
    .selectAll()
    .where('account_id', '=', filter.accountId)
    .where('path', '>=', from)
    .where('path', '<', below)
  if (filter.roleId !== undefined) query = query.where('role_id', '=', filter.roleId)
  if (page.after !== undefined) query = query.where('name_lower', '>', textCursor(page.after))
  const rows = await query
    .orderBy('name_lower')
    .limit(page.limit + 1)
    .execute()
  return pageOf(rows, page.limit, (row) => [row.name_lower])
}

/** Puts a role in, or with null takes it out. */
export async function setInstanceProfileRole(
  db: Queryable,
  profileId: string,
  roleId: string | null,
): Promise<void> {
  await db
    .updateTable('iam_instance_profile')
    .set({ role_id: roleId })
    .where('profile_id', '=', profileId)
    .execute()
}

export async function deleteInstanceProfile(db: Queryable, profileId: string): Promise<void> {
  await db.deleteFrom('iam_instance_profile').where('profile_id', '=', profileId).execute()
}
