import { findByNameIn, insertInto, listOf } from './identities-named.ts'
import type { FindByName, Insert, List } from './identities-named.ts'
import type { Page, PageRequest } from '../page.ts'
import { pageOf, textCursor } from '../page.ts'
import type { GroupTable, UserTable } from '../schema.ts'
import type { Queryable } from '../store.ts'

/** Groups and who is in them. */

export const insertGroup: Insert<'iam_group'> = insertInto('iam_group')

export const findGroupByName: FindByName<'iam_group'> = findByNameIn('iam_group')

export const listGroups: List<'iam_group'> = listOf('iam_group')

/** False where there is no such group. */
export async function updateGroup(
  db: Queryable,
  groupId: string,
  change: Partial<Pick<GroupTable, 'name' | 'name_lower' | 'path'>>,
): Promise<boolean> {
  const result = await db
    .updateTable('iam_group')
    .set(change)
    .where('group_id', '=', groupId)
    .executeTakeFirst()
  return result.numUpdatedRows === 1n
}

/** False where there is no such group. It must have no members. */
export async function deleteGroup(db: Queryable, groupId: string): Promise<boolean> {
  const result = await db.deleteFrom('iam_group').where('group_id', '=', groupId).executeTakeFirst()
  return result.numDeletedRows === 1n
}

/** Somebody who is in the group already stays in it. */
export async function addMember(
  db: Queryable,
  member: { readonly account_id: string; readonly group_id: string; readonly user_id: string },
): Promise<void> {
  await db
    .insertInto('iam_group_member')
    .values(member)
    .onConflict((conflict) => conflict.columns(['group_id', 'user_id']).doNothing())
    .execute()
}

/** False where the user was not in the group. */
export async function removeMember(db: Queryable, groupId: string, userId: string): Promise<boolean> {
  const result = await db
    .deleteFrom('iam_group_member')
    .where('group_id', '=', groupId)
    .where('user_id', '=', userId)
    .executeTakeFirst()
  return result.numDeletedRows === 1n
}

export async function listMembers(
  db: Queryable,
  groupId: string,
  page: PageRequest,
): Promise<Page<UserTable>> {
  let query = db
    .selectFrom('iam_group_member')
    .innerJoin('iam_user', 'iam_user.user_id', 'iam_group_member.user_id')
    .selectAll('iam_user')
    .where('iam_group_member.group_id', '=', groupId)
  if (page.after !== undefined) query = query.where('iam_user.name_lower', '>', textCursor(page.after))
  const rows = await query
    .orderBy('iam_user.name_lower')
    .limit(page.limit + 1)
    .execute()
  return pageOf(rows, page.limit, (row) => [row.name_lower])
}

export async function listGroupsOfUser(
  db: Queryable,
  userId: string,
  page: PageRequest,
): Promise<Page<GroupTable>> {
  let query = db
    .selectFrom('iam_group_member')
    .innerJoin('iam_group', 'iam_group.group_id', 'iam_group_member.group_id')
    .selectAll('iam_group')
    .where('iam_group_member.user_id', '=', userId)
  if (page.after !== undefined) query = query.where('iam_group.name_lower', '>', textCursor(page.after))
  const rows = await query
    .orderBy('iam_group.name_lower')
    .limit(page.limit + 1)
    .execute()
  return pageOf(rows, page.limit, (row) => [row.name_lower])
}
