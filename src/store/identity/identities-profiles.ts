import { findByNameIn, insertInto, listOf } from './identities-named.ts'
import type { FindByName, Insert, List } from './identities-named.ts'
import type { Page, PageRequest } from '../page.ts'
import { pageOf, textCursor } from '../page.ts'
import type { InstanceProfileTable } from '../schema.ts'
import type { Queryable } from '../store.ts'

/** Instance profiles: each holds one role or none. */

export const insertInstanceProfile: Insert<'iam_instance_profile'> = insertInto('iam_instance_profile')

export const findInstanceProfile: FindByName<'iam_instance_profile'> = findByNameIn('iam_instance_profile')

export const listInstanceProfiles: List<'iam_instance_profile'> = listOf('iam_instance_profile')

/** Those that hold a role, by name. */
export async function listInstanceProfilesOfRole(
  db: Queryable,
  roleId: string,
  page: PageRequest,
): Promise<Page<InstanceProfileTable>> {
  let query = db.selectFrom('iam_instance_profile').selectAll().where('role_id', '=', roleId)
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
